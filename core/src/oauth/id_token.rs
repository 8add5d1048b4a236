//! Who signed in: the claims of an `id_token`, believed only after every check (`OpenID` Connect Core 3.1.3.7, FACTS 5.3).
//!
//! A person is known by tenant and object id. Name and user name are for display: they change, repeat and may be chosen freely.

use super::{
    json::Json,
    jws::{SignedPayload, invalid},
};
use crate::{
    display::displayable,
    error::{Detail, Error, Result},
    guid::is_guid,
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
    client_id: String,
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
            client_id: expected.client_id.to_owned(),
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
            client_id: "55555555-0000-4aaa-9bbb-666666666666".to_owned(),
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

    /// The registration that it was made for: its audience.
    pub(crate) fn client_id(&self) -> &str {
        &self.client_id
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
        Some(displayable(self.claim(name)?.as_text()?)).filter(|shown| !shown.is_empty())
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

    /// The claims with one of them changed.
    fn with(name: &str, value: Value) -> Value {
        let mut claims = claims();
        claims[name] = value;
        claims
    }

    fn without(name: &str) -> Value {
        let mut claims = claims();
        claims.as_object_mut().unwrap().remove(name);
        claims
    }

    /// What the claims are refused for.
    fn refusal(claims: &Value, expected: &Expected<'_>) -> String {
        let error = verify(claims, expected).expect_err(&claims.to_string());
        assert_eq!((error.cause(), error.kind()), (Detail::IdTokenInvalid, ErrorKind::Untrusted), "{claims}");
        error.what().unwrap().to_owned()
    }

    fn tenant_refused(claims: &Value, expected: &Expected<'_>) -> bool {
        verify(claims, expected).is_err_and(|error| error.cause() == Detail::TenantNotAllowed)
    }

    fn issuer_of(tenant: &str) -> String {
        TEMPLATE.replace(TENANT_PLACEHOLDER, tenant)
    }

    #[test]
    fn rp_idtoken_sig_rs256() {
        let token = verify(&claims(), &expected()).unwrap();
        assert_eq!((token.tid(), token.oid(), token.sub()), (TENANT, OBJECT, "pairwise-subject"));
        assert_eq!((token.name(), token.username()), (Some("Ada Example"), Some("ada@example.com")));
        assert_eq!(token.issuer(), issuer_of(TENANT));
    }

    #[test]
    fn rp_idtoken_sig_none() {
        let token = Signer::first().sign_raw(r#"{"alg":"none"}"#, &claims().to_string());
        let unsigned = format!("{}.", token.rsplit_once('.').unwrap().0);
        for token in [token, unsigned] {
            assert_eq!(verify_token(&token, &expected()).unwrap_err().what(), Some("alg"));
        }
    }

    #[test]
    fn rp_invalid_sig_rs256() {
        let token = Signer::second().sign_raw(r#"{"alg":"RS256","kid":"first"}"#, &claims().to_string());
        assert_eq!(verify_token(&token, &expected()).unwrap_err().what(), Some("signature"));
    }

    #[test]
    fn rp_invalid_sig_hs256_and_es256() {
        for alg in ["HS256", "ES256"] {
            let token = Signer::first().sign_raw(&json!({"alg": alg, "kid": "first"}).to_string(), &claims().to_string());
            assert_eq!(verify_token(&token, &expected()).unwrap_err().what(), Some("alg"));
        }
    }

    #[test]
    fn j_06_duplicate_claims() {
        let good = claims().to_string();
        for extra in [r#""aud":"other""#, &format!(r#""aud":"{CLIENT}""#), r#""x":{"a":1,"a":1}"#, r#""x":[{"a":1,"\u0061":1}]"#] {
            let payload = format!("{},{extra}}}", good.strip_suffix('}').unwrap());
            let token = Signer::first().sign_raw(r#"{"alg":"RS256","kid":"first"}"#, &payload);
            assert_eq!(verify_token(&token, &expected()).unwrap_err().what(), Some("format"), "{extra}");
        }
        for payload in ["", "null", "[]", "{", "\"text\"", &format!("{good}x"), &format!("\u{feff}{good}")] {
            let token = Signer::first().sign_raw(r#"{"alg":"RS256","kid":"first"}"#, payload);
            assert_eq!(verify_token(&token, &expected()).unwrap_err().what(), Some("format"), "{payload}");
        }
        verify(&with("x", json!({"a": [{"a": 1}, {"a": 1}]})), &expected()).unwrap();
    }

    #[test]
    fn j_10_rp_invalid_aud_rp_missing_aud_fapi_secondary_aud() {
        for audience in [
            json!("other"),
            json!(CLIENT.to_uppercase()),
            json!(format!("{CLIENT} ")),
            json!(format!("api://{CLIENT}")),
            json!(""),
            json!(1),
            json!(null),
            json!(true),
            json!({ "aud": CLIENT }),
            json!([]),
            json!(["other"]),
            json!([[CLIENT]]),
            json!([CLIENT, "other"]),
            json!(["other", CLIENT]),
            json!([CLIENT, 1]),
        ] {
            assert_eq!(refusal(&with("aud", audience.clone()), &expected()), "aud", "{audience}");
        }
        assert_eq!(refusal(&without("aud"), &expected()), "aud");
        verify(&with("aud", json!([CLIENT])), &expected()).unwrap();
        let mut shared = with("aud", json!(["other", CLIENT]));
        shared["azp"] = json!(CLIENT);
        verify(&shared, &expected()).unwrap();
        for azp in [json!("other"), json!(CLIENT.to_uppercase()), json!(null), json!([CLIENT]), json!(1)] {
            shared["azp"] = azp.clone();
            assert_eq!(refusal(&shared, &expected()), "aud", "{azp}");
            assert_eq!(refusal(&with("azp", azp), &expected()), "aud");
        }
    }

    #[test]
    fn j_11_rp_invalid_iss() {
        let good = issuer_of(TENANT);
        let other = "99999999-2222-4333-8444-555555555555";
        for issuer in [
            json!(good.replace("https", "http")),
            json!(format!("{good}/")),
            json!(good.replace("/v2.0", "")),
            json!(good.to_uppercase()),
            json!(good.replace("microsoftonline.com", "microsoftonline.us")),
            json!(format!("https://sts.windows.net/{TENANT}/")),
            json!(issuer_of(other)),
            json!(TEMPLATE),
            json!(""),
            json!(1),
            json!(null),
            json!([good]),
        ] {
            assert_eq!(refusal(&with("iss", issuer.clone()), &expected()), "iss", "{issuer}");
        }
        assert_eq!(refusal(&without("iss"), &expected()), "iss");
        // The tenant alone is changed: the issuer still names the other one.
        assert_eq!(refusal(&with("tid", json!(other)), &expected()), "iss");
        // An issuer without placeholder must name the tenant of the token, too.
        let fixed = Expected { issuer: &good, ..expected() };
        verify(&claims(), &fixed).unwrap();
        assert_eq!(refusal(&with("tid", json!(other)), &fixed), "iss");
        let nameless = Expected { issuer: "https://login.example/v2.0", ..expected() };
        assert_eq!(refusal(&with("iss", json!("https://login.example/v2.0")), &nameless), "iss");
    }

    #[test]
    fn fapi_response_iss_wrong() {
        let good = issuer_of(TENANT);
        verify(&claims(), &Expected { response_issuer: Some(&good), ..expected() }).unwrap();
        for response in ["https://evil.example", TEMPLATE, ""] {
            assert_eq!(refusal(&claims(), &Expected { response_issuer: Some(response), ..expected() }), "iss");
        }
    }

    #[test]
    fn a_provider_with_a_fixed_issuer_and_no_version() {
        let issuer = format!("http://127.0.0.1:4000/{TENANT}/v2.0");
        let mut claims = with("iss", json!(issuer));
        claims.as_object_mut().unwrap().remove("ver");
        claims.as_object_mut().unwrap().remove("nbf");
        let mut key = Signer::first().jwk();
        key.as_object_mut().unwrap().remove("issuer");
        let provider =
            Provider::new([Answer::Body(200, "application/jwk-set+json; charset=utf-8", json!({ "keys": [key] }).to_string())]);
        let expected = Expected { issuer: &issuer, tenant: Some(TENANT), response_issuer: Some(&issuer), ..expected() };
        let token = Signer::first().sign(&claims);
        KeyCache::default().verify(&token, &expected, &source(&jwks_uri(), &provider, &TestClock::new())).unwrap();
    }

    #[test]
    fn versions_other_than_two() {
        for version in [json!("1.0"), json!("2"), json!(2.0), json!(null)] {
            assert_eq!(refusal(&with("ver", version), &expected()), "ver");
        }
        verify(&without("ver"), &expected()).unwrap();
    }

    #[test]
    fn j_12_fapi_expired_exp_missing_exp() {
        for age in [0, 1, 240, 299] {
            verify(&with("exp", json!(NOW - age)), &expected()).unwrap();
        }
        for exp in [json!(NOW - 300), json!(NOW - 360), json!(0), json!(-1), json!(i64::MIN)] {
            assert_eq!(refusal(&with("exp", exp), &expected()), "exp");
        }
        assert_eq!(refusal(&without("exp"), &expected()), "exp");
        verify(&with("exp", json!(i64::MAX)), &expected()).unwrap();
        for exp in [json!(1e300), json!(-1e300), json!(u64::MAX)] {
            assert_eq!(refusal(&with("exp", exp), &expected()), "type of exp");
        }
    }

    #[test]
    fn j_13_times_of_another_type() {
        for claim in ["exp", "nbf", "iat"] {
            let number = claims()[claim].as_i64().unwrap();
            for value in [
                json!(number.to_string()),
                json!(""),
                json!(true),
                json!(null),
                json!({}),
                json!({ "value": number }),
                json!([number]),
                json!(1_800_000_000.5),
            ] {
                assert_eq!(refusal(&with(claim, value.clone()), &expected()), format!("type of {claim}"), "{value}");
            }
            verify(&with(claim, json!(1_800_000_000.0)), &expected()).unwrap();
        }
    }

    #[test]
    fn j_14_rp_missing_iat_and_clock_skew() {
        verify(&with("nbf", json!(NOW + 300)), &expected()).unwrap();
        verify(&with("iat", json!(NOW + 300)), &expected()).unwrap();
        verify(&without("nbf"), &expected()).unwrap();
        for time in [json!(NOW + 301), json!(NOW + 86_400), json!(i64::MAX)] {
            assert_eq!(refusal(&with("nbf", time.clone()), &expected()), "nbf");
            assert_eq!(refusal(&with("iat", time), &expected()), "iat");
        }
        for time in [json!(0), json!(-1), json!(i64::MIN), json!(NOW - 2 * 86_400)] {
            assert_eq!(refusal(&with("iat", time), &expected()), "iat");
        }
        assert_eq!(refusal(&without("iat"), &expected()), "iat");
    }

    #[test]
    fn j_15_rp_nonce_invalid() {
        for nonce in [json!("other"), json!("Nonce"), json!("nonce "), json!(""), json!(1), json!(null), json!(["nonce"])] {
            assert_eq!(refusal(&with("nonce", nonce.clone()), &expected()), "nonce", "{nonce}");
        }
        assert_eq!(refusal(&without("nonce"), &expected()), "nonce");
        let refresh = Expected { nonce: None, ..expected() };
        verify(&without("nonce"), &refresh).unwrap();
        verify(&with("nonce", json!("of another sign-in")), &refresh).unwrap();
    }

    #[test]
    fn j_16_tenants() {
        let of = |tenant: &str| {
            let mut claims = with("tid", json!(tenant));
            claims["iss"] = json!(issuer_of(tenant));
            claims
        };
        let other = "99999999-2222-4333-8444-555555555555";
        verify(&of(other), &expected()).unwrap();
        let single = Expected { tenant: Some(TENANT), ..expected() };
        verify(&claims(), &single).unwrap();
        assert!(tenant_refused(&of(other), &single));
        let list = [TENANT.to_owned()];
        let listed = Expected { allowed_tenants: &list, ..expected() };
        verify(&claims(), &listed).unwrap();
        assert!(tenant_refused(&of(other), &listed));
        let list = [CONSUMERS.to_owned()];
        assert!(tenant_refused(&of(CONSUMERS), &expected()));
        assert!(tenant_refused(&of(CONSUMERS), &Expected { allowed_tenants: &list, tenant: Some(CONSUMERS), ..expected() }));
        assert!(tenant_refused(&without("tid"), &expected()));
        for tid in [
            json!(""),
            json!("common"),
            json!("{tenantid}"),
            json!("../common"),
            json!(1),
            json!(null),
            json!(format!("{TENANT}\0")),
        ] {
            assert_eq!(refusal(&with("tid", tid.clone()), &expected()), "tid", "{tid}");
        }
    }

    #[test]
    fn j_16_tenants_compare_without_case() {
        let tenant = "abcdef00-2222-4333-8444-555555555555";
        let mut claims = with("tid", json!(tenant.to_uppercase()));
        claims["iss"] = json!(issuer_of(&tenant.to_uppercase()));
        let list = [tenant.to_owned()];
        let token = verify(&claims, &Expected { tenant: Some(tenant), allowed_tenants: &list, ..expected() }).unwrap();
        assert_eq!(token.tid(), tenant);
    }

    #[test]
    fn j_17_a_person_is_tenant_and_object_id() {
        let key = |claims: &Value| {
            let token = verify(claims, &expected()).unwrap();
            (token.tid().to_owned(), token.oid().to_owned())
        };
        let here = key(&claims());
        let other = "99999999-2222-4333-8444-555555555555";
        // The same address, another person.
        assert_ne!(key(&with("oid", json!(other))), here);
        // The same object id in another tenant.
        let mut guest = with("tid", json!(other));
        guest["iss"] = json!(issuer_of(other));
        assert_ne!(key(&guest), here);
        // Another registration, another name: the same person.
        assert_eq!(key(&with("sub", json!("another"))), here);
        assert_eq!(key(&with("preferred_username", json!("new@example.com"))), here);
        assert_eq!(key(&with("oid", json!(OBJECT.to_uppercase()))), here);
        for oid in [json!(""), json!("ada@example.com"), json!(1), json!(null)] {
            assert_eq!(refusal(&with("oid", oid), &expected()), "oid");
        }
        assert_eq!(refusal(&without("oid"), &expected()), "oid");
    }

    #[test]
    fn rp_missing_sub() {
        assert_eq!(refusal(&without("sub"), &expected()), "sub");
        for sub in [json!(""), json!(1), json!(null), json!(["x"]), json!("x".repeat(256)), json!("a\nb"), json!("a\0")] {
            assert_eq!(refusal(&with("sub", sub.clone()), &expected()), "sub", "{sub}");
        }
        verify(&with("sub", json!("x".repeat(255))), &expected()).unwrap();
    }

    #[test]
    fn j_18_many_and_deep_claims() {
        let mut many = claims();
        for number in 0..10_000 {
            many[format!("claim{number}")] = json!(number);
        }
        assert_eq!(refusal(&many, &expected()), "size");
        let mut some = claims();
        for number in 0..1_000 {
            some[format!("claim{number}")] = json!(number);
        }
        verify(&some, &expected()).unwrap();
        let deep = (0..100).fold(json!(1), |inner, _| json!([inner]));
        assert_eq!(refusal(&with("x", deep), &expected()), "format");
    }

    #[test]
    fn j_22_rp_invalid_athash() {
        let hash = "t9KM0l59rgHeh4Cxfq0qbQ";
        let with_token = Expected { access_token: Some("opaque access token"), ..expected() };
        let right = URL_SAFE_NO_PAD.encode(&digest::digest(&digest::SHA256, b"opaque access token").as_ref()[..16]);
        assert_ne!(right, hash);
        verify(&claims(), &with_token).unwrap();
        verify(&with("at_hash", json!(right)), &with_token).unwrap();
        for wrong in [json!(hash), json!(""), json!(format!("{right}=")), json!(1), json!(null), json!([right])] {
            assert_eq!(refusal(&with("at_hash", wrong), &with_token), "at_hash");
        }
    }

    #[test]
    fn j_22_at_hash_of_the_specification() {
        // OpenID Connect Core 1.0, A.3 and A.6.
        let expected = Expected { access_token: Some("jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y"), ..expected() };
        verify(&with("at_hash", json!("77QmUPtjPfzWtF2AnpK9RQ")), &expected).unwrap();
    }

    #[test]
    fn j_24_names_are_data() {
        let name = |text: &str| verify(&with("name", json!(text)), &expected()).unwrap().name().map(str::to_owned);
        for (given, kept) in [
            ("Zoë 山田 👩‍🚀", Some("Zoë 山田 👩‍🚀")),
            ("Ada\r\nlevel=error forged", Some("Adalevel=error forged")),
            ("Ada\0\u{7f}\u{85}\u{1b}[31m", Some("Ada[31m")),
            ("\u{202e}moc.elpmaxe\u{202c}\u{2066}\u{2069}\u{200e}\u{200f}\u{61c}", Some("moc.elpmaxe")),
            ("a\u{2028}b\u{2029}c\u{feff}", Some("abc")),
            ("<script>alert(1)</script>", Some("<script>alert(1)</script>")),
            ("  Ada  ", Some("Ada")),
            ("", None),
            ("\u{202e}\n", None),
        ] {
            assert_eq!(name(given).as_deref(), kept, "{given:?}");
        }
        assert_eq!(name(&"ä".repeat(10_240)).unwrap().chars().count(), 256);
        for odd in [json!(1), json!(null), json!({"first": "Ada"}), json!(["Ada"])] {
            let mut claims = with("name", odd.clone());
            claims["preferred_username"] = odd;
            let token = verify(&claims, &expected()).unwrap();
            assert_eq!((token.name(), token.username()), (None, None));
        }
        let token = verify(&with("preferred_username", json!("a\n\u{202e}@example.com")), &expected()).unwrap();
        assert_eq!(token.username(), Some("a@example.com"));
    }

    #[test]
    fn nothing_personal_is_shown() {
        let needle = "needle";
        let token = verify(&with("name", json!(needle)), &expected()).unwrap();
        let expectation = Expected { nonce: Some(needle), access_token: Some(needle), ..expected() };
        let mut shown = vec![format!("{token:?} {expectation:?}")];
        for claim in ["aud", "iss", "exp", "iat", "nbf", "sub", "tid", "oid", "nonce", "ver", "azp", "at_hash"] {
            let given = if claim == "sub" { json!(needle.repeat(50)) } else { json!(needle) };
            let error = verify(&with(claim, given), &Expected { access_token: Some("x"), ..expected() }).unwrap_err();
            shown.push(format!("{error} {error:?}"));
        }
        let shown = shown.concat();
        assert!(!shown.contains(needle), "{shown}");
        assert!(shown.contains("IdTokenInvalid (type of exp)"), "{shown}");
    }

    #[test]
    fn a_proof_for_the_tests_of_others() {
        let token = VerifiedIdToken::for_tests(TENANT, OBJECT, Some("Ada"), None);
        assert_eq!((token.tid(), token.oid(), token.name(), token.username()), (TENANT, OBJECT, Some("Ada"), None));
    }
}
