//! Who signed in: the claims of an `id_token`, believed only after every check (`OpenID` Connect Core 3.1.3.7, FACTS 5.3).
//!
//! A person is known by tenant and object id. Name and user name are for display: they change, repeat and may be chosen freely.

use super::{
    json::Json,
    jws::{SignedPayload, invalid},
};
use crate::{
    config::is_guid,
    error::{Detail, Error, Result},
    secret::Secret,
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::digest;
use std::{collections::BTreeMap, fmt};

/// How far the clocks of this machine and the provider may be apart, in seconds.
const LEEWAY: i64 = 300;
/// An `id_token` is read when it is issued; one older than this was not issued for this sign-in.
const MAX_AGE: i64 = 24 * 3600;
/// The longest `sub` (`OpenID` Connect Core 2).
const MAX_SUBJECT: usize = 255;
/// The longest name that is kept, in characters.
const MAX_NAME: usize = 256;
/// The tenant of personal accounts, which have no organisation.
const CONSUMERS: &str = "9188040d-6c67-4c5b-b112-36a304b66dad";
/// Stands for the tenant in the issuer of `common` and `organizations`, and of most keys.
const TENANT_PLACEHOLDER: &str = "{tenantid}";

/// The person whose `id_token` passed every check; the only proof of identity that an account can be made from.
#[derive(Clone)]
pub(crate) struct VerifiedIdToken {
    tid: String,
    oid: String,
    sub: String,
    issuer: String,
    name: Option<String>,
    username: Option<String>,
}

/// What a token must say.
#[derive(Clone, Copy)]
pub(crate) struct Expected<'a> {
    pub(crate) client_id: &'a str,
    /// From discovery; may hold the placeholder `{tenantid}`.
    pub(crate) issuer: &'a str,
    /// Of this sign-in; `None` on a refresh, where a nonce in the token is not looked at.
    pub(crate) nonce: Option<&'a str>,
    /// The configured tenant, a GUID.
    pub(crate) tenant: Option<&'a str>,
    /// The tenants that the configuration accepts; empty for all organisations.
    pub(crate) allowed_tenants: &'a [String],
    /// `iss` of the redirect (RFC 9207).
    pub(crate) response_issuer: Option<&'a str>,
    /// For `at_hash`, where the token carries one.
    pub(crate) access_token: Option<&'a str>,
    /// Seconds since the Unix epoch.
    pub(crate) now: i64,
}

impl VerifiedIdToken {
    /// Checks the claims. `key_issuer` is the issuer that the signing key belongs to, where the key set names one.
    pub(super) fn check(payload: &SignedPayload, key_issuer: Option<&str>, expected: &Expected<'_>) -> Result<Self> {
        let claims = Claims(Json::parse_object(payload.bytes()).ok_or_else(|| invalid("format"))?);
        let issuer = claims.text("iss")?;
        check_audience(&claims, expected.client_id)?;
        check_times(&claims, expected.now)?;
        check_version(&claims)?;
        let sub = claims.subject()?;
        let tenant = claims.tenant()?;
        let oid = claims.guid("oid")?;
        check_tenant(tenant, expected)?;
        check_issuer(issuer, tenant, key_issuer, expected)?;
        check_nonce(&claims, expected.nonce)?;
        check_access_token_hash(&claims, expected.access_token)?;
        Ok(Self {
            tid: tenant.to_ascii_lowercase(),
            oid: oid.to_ascii_lowercase(),
            sub: sub.to_owned(),
            issuer: issuer.to_owned(),
            name: claims.display("name"),
            username: claims.display("preferred_username"),
        })
    }

    #[cfg(test)]
    pub(crate) fn for_tests(tid: &str, oid: &str, name: Option<&str>, username: Option<&str>) -> Self {
        Self {
            tid: tid.to_owned(),
            oid: oid.to_owned(),
            sub: format!("subject of {oid}"),
            issuer: format!("https://login.microsoftonline.com/{tid}/v2.0"),
            name: name.map(str::to_owned),
            username: username.map(str::to_owned),
        }
    }

    /// The tenant, a GUID in lower case.
    pub(crate) fn tid(&self) -> &str {
        &self.tid
    }

    /// The person within the tenant, a GUID in lower case.
    pub(crate) fn oid(&self) -> &str {
        &self.oid
    }

    /// The person as this app registration sees them.
    pub(crate) fn sub(&self) -> &str {
        &self.sub
    }

    pub(crate) fn issuer(&self) -> &str {
        &self.issuer
    }

    /// For display only: without control and direction characters, at most 256 characters.
    pub(crate) fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// For display only, like [`name`](Self::name).
    pub(crate) fn username(&self) -> Option<&str> {
        self.username.as_deref()
    }
}

impl fmt::Debug for VerifiedIdToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("VerifiedIdToken([redacted])")
    }
}

impl fmt::Debug for Expected<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Expected([redacted])")
    }
}

/// The members of the payload. A claim that is missing or of another type than it must have is refused by its name.
struct Claims(BTreeMap<String, Json>);

impl Claims {
    fn claim(&self, name: &str) -> Option<&Json> {
        self.0.get(name)
    }

    fn text(&self, name: &'static str) -> Result<&str> {
        self.claim(name).and_then(Json::as_text).ok_or_else(|| invalid(name))
    }

    fn guid(&self, name: &'static str) -> Result<&str> {
        self.text(name).ok().filter(|text| is_guid(text)).ok_or_else(|| invalid(name))
    }

    fn tenant(&self) -> Result<&str> {
        if self.claim("tid").is_none() {
            return Err(Detail::TenantNotAllowed.into());
        }
        self.guid("tid")
    }

    fn subject(&self) -> Result<&str> {
        let subject = self.text("sub")?;
        let fits = !subject.is_empty() && subject.len() <= MAX_SUBJECT && !subject.contains(char::is_control);
        if fits { Ok(subject) } else { Err(invalid("sub")) }
    }

    /// A point in time; `mistyped` names the claim when it is there, but no whole number.
    fn time(&self, name: &str, mistyped: &'static str) -> Result<Option<i64>> {
        self.claim(name).map(|claim| claim.as_integer().ok_or_else(|| invalid(mistyped))).transpose()
    }

    /// A text for people. Whatever is no text is left out: nothing depends on it.
    fn display(&self, name: &str) -> Option<String> {
        let shown: String = self.claim(name)?.as_text()?.chars().filter(|c| !is_deceptive(*c)).take(MAX_NAME).collect();
        let shown = shown.trim();
        (!shown.is_empty()).then(|| shown.to_owned())
    }
}

/// Ours alone, or ours among others if the token says that it was made for us.
fn check_audience(claims: &Claims, client_id: &str) -> Result<()> {
    let is_ours = |value: &Json| value.as_text() == Some(client_id);
    let (named, alone) = match claims.claim("aud") {
        Some(Json::List(audiences)) => (audiences.iter().any(is_ours), audiences.iter().all(is_ours)),
        Some(audience) => (is_ours(audience), true),
        None => (false, false),
    };
    let authorized = claims.claim("azp").map(is_ours);
    if named && authorized.unwrap_or(alone) { Ok(()) } else { Err(invalid("aud")) }
}

fn check_times(claims: &Claims, now: i64) -> Result<()> {
    let expires = claims.time("exp", "type of exp")?.ok_or_else(|| invalid("exp"))?;
    let issued = claims.time("iat", "type of iat")?.ok_or_else(|| invalid("iat"))?;
    let starts = claims.time("nbf", "type of nbf")?;
    if now >= expires.saturating_add(LEEWAY) {
        return Err(invalid("exp"));
    }
    let latest = now.saturating_add(LEEWAY);
    if starts.is_some_and(|starts| starts > latest) {
        return Err(invalid("nbf"));
    }
    if issued > latest || issued < now.saturating_sub(MAX_AGE) {
        return Err(invalid("iat"));
    }
    Ok(())
}

fn check_version(claims: &Claims) -> Result<()> {
    match claims.claim("ver") {
        None => Ok(()),
        Some(version) if version.as_text() == Some("2.0") => Ok(()),
        Some(_) => Err(invalid("ver")),
    }
}

fn check_tenant(tenant: &str, expected: &Expected<'_>) -> Result<()> {
    let is = |other: &str| tenant.eq_ignore_ascii_case(other);
    let allowed = expected.allowed_tenants.is_empty() || expected.allowed_tenants.iter().any(|other| is(other));
    if is(CONSUMERS) || !allowed || !expected.tenant.is_none_or(is) {
        return Err(Error::from(Detail::TenantNotAllowed));
    }
    Ok(())
}

/// The issuer is the discovered one for the token's tenant, names that tenant, may use the key, and is the one that answered.
fn check_issuer(issuer: &str, tenant: &str, key_issuer: Option<&str>, expected: &Expected<'_>) -> Result<()> {
    let is = |template: &str| template.replace(TENANT_PLACEHOLDER, tenant) == issuer;
    let names_tenant = issuer.split('/').any(|segment| segment.eq_ignore_ascii_case(tenant));
    let answered = expected.response_issuer.is_none_or(|response| response == issuer);
    if is(expected.issuer) && names_tenant && key_issuer.is_none_or(is) && answered { Ok(()) } else { Err(invalid("iss")) }
}

fn check_nonce(claims: &Claims, expected: Option<&str>) -> Result<()> {
    let Some(nonce) = expected else { return Ok(()) };
    if Secret::new(nonce).matches(claims.text("nonce")?) { Ok(()) } else { Err(invalid("nonce")) }
}

/// `at_hash` is the left half of the SHA-256 of the access token.
fn check_access_token_hash(claims: &Claims, access_token: Option<&str>) -> Result<()> {
    let (Some(claim), Some(token)) = (claims.claim("at_hash"), access_token) else { return Ok(()) };
    let hash = digest::digest(&digest::SHA256, token.as_bytes());
    let half = hash.as_ref().get(..16).unwrap_or_default();
    if claim.as_text() == Some(URL_SAFE_NO_PAD.encode(half).as_str()) { Ok(()) } else { Err(invalid("at_hash")) }
}

/// Characters that break a log line or turn the text around it.
fn is_deceptive(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        error::ErrorKind,
        oauth::{
            keys::KeyCache,
            testing::{Answer, CLIENT, NOW, OBJECT, Provider, Signer, TEMPLATE, TENANT, TestClock, claims, jwks_uri, source},
        },
    };
    use serde_json::{Value, json};

    fn expected() -> Expected<'static> {
        Expected {
            client_id: CLIENT,
            issuer: TEMPLATE,
            nonce: Some("nonce"),
            tenant: None,
            allowed_tenants: &[],
            response_issuer: None,
            access_token: None,
            now: NOW,
        }
    }

    /// Signs the claims, and verifies the token as an account would be made from it.
    fn verify(claims: &Value, expected: &Expected<'_>) -> Result<VerifiedIdToken> {
        verify_token(&Signer::first().sign(claims), expected)
    }

    fn verify_token(token: &str, expected: &Expected<'_>) -> Result<VerifiedIdToken> {
        let provider = Provider::new([Answer::keys(&[Signer::first().jwk()])]);
        KeyCache::default().verify(token, expected, &source(&jwks_uri(), &provider, &TestClock::new()))
    }

    #[test]
    fn rp_idtoken_sig_rs256() {
        let token = verify(&claims(), &expected()).unwrap();
        assert_eq!((token.tid(), token.oid(), token.sub()), (TENANT, OBJECT, "pairwise-subject"));
        assert_eq!((token.name(), token.username()), (Some("Ada Example"), Some("ada@example.com")));
        assert_eq!(token.issuer(), format!("https://login.microsoftonline.com/{TENANT}/v2.0"));
    }
}
