//! The identity platform's own description (`OpenID` Connect Discovery; FACTS 5.1), kept for a day per tenant.

use crate::{
    clock::Clock,
    error::{Detail, Result},
    guid::is_guid,
    http::{AllowedUrl, Endpoint, Method, Origin},
};
use serde::Deserialize;
use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

/// Endpoints and issuer for one tenant segment.
#[derive(Debug)]
pub(crate) struct Provider {
    /// The issuer, with the literal `{tenantid}` where the segment is `organizations`.
    pub(crate) issuer: String,
    pub(crate) authorization: AllowedUrl,
    pub(crate) token: AllowedUrl,
    pub(crate) device: Option<AllowedUrl>,
    pub(crate) jwks: AllowedUrl,
    /// RFC 9207: every redirect carries `iss`.
    pub(crate) names_issuer_in_redirect: bool,
    fetched_at: i64,
}

#[derive(Deserialize)]
struct Metadata {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    device_authorization_endpoint: Option<String>,
    jwks_uri: String,
    code_challenge_methods_supported: Option<Vec<String>>,
    authorization_response_iss_parameter_supported: Option<bool>,
}

const TENANT_PLACEHOLDER: &str = "{tenantid}";
const LIFETIME: i64 = 24 * 3600;
/// Descriptions that are kept; a host that names more tenants asks again.
const LIMIT: usize = 256;

/// The descriptions read so far.
#[derive(Debug, Default)]
pub(crate) struct Providers(RwLock<HashMap<String, Arc<Provider>>>);

impl Providers {
    /// The description for `tenant`, from the network where it is older than a day. Callers who miss it at the same time each ask.
    pub(crate) fn of(&self, tenant: &str, authority: &Origin, endpoint: &Endpoint<'_>, clock: &dyn Clock) -> Result<Arc<Provider>> {
        let now = clock.now();
        if let Some(provider) = self.known(tenant, now) {
            return Ok(provider);
        }
        let provider = match (fetch(tenant, authority, endpoint, now), self.any(tenant)) {
            (Ok(fetched), _) => Arc::new(fetched),
            // Yesterday's description is better than none.
            (Err(_), Some(stale)) => return Ok(stale),
            (Err(error), None) => return Err(error),
        };
        let mut providers = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if providers.len() >= LIMIT {
            providers.clear();
        }
        providers.insert(tenant.to_owned(), Arc::clone(&provider));
        drop(providers);
        Ok(provider)
    }

    /// The description for `tenant`, if it was read less than a day ago. Asks nobody.
    pub(crate) fn known(&self, tenant: &str, now: i64) -> Option<Arc<Provider>> {
        self.any(tenant).filter(|provider| (0..LIFETIME).contains(&now.saturating_sub(provider.fetched_at)))
    }

    fn any(&self, tenant: &str) -> Option<Arc<Provider>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(tenant).cloned()
    }
}

fn fetch(tenant: &str, authority: &Origin, endpoint: &Endpoint<'_>, now: i64) -> Result<Provider> {
    let url = authority.join(&[tenant, "v2.0", ".well-known", "openid-configuration"]);
    let (response, ids) = endpoint.send("discovery", Method::Get, &url)?;
    let provider = match response.status {
        200 if response.is_json() => parse(&response.body, tenant, authority, now),
        // Unknown tenants answer 400 with AADSTS90002.
        400 | 404 => Err(Detail::InvalidArgument.about("tenant")),
        _ => Err(Detail::ServiceUnavailable.about("discovery")),
    };
    provider.map_err(|error| ids.mark(error))
}

fn parse(body: &[u8], tenant: &str, authority: &Origin, now: i64) -> Result<Provider> {
    let unusable = || Detail::UnexpectedResponse.about("discovery");
    let object = body.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{');
    let text = std::str::from_utf8(body).ok().filter(|_| object).ok_or_else(unusable)?;
    let metadata: Metadata = serde_json::from_str(text).map_err(|_| unusable())?;
    check_issuer(&metadata.issuer, tenant, authority)?;
    // Microsoft publishes no such list; where there is one, it must offer what we send (case O-06).
    if metadata.code_challenge_methods_supported.is_some_and(|methods| !methods.iter().any(|method| method == "S256")) {
        return Err(Detail::PkceUnsupported.into());
    }
    Ok(Provider {
        authorization: authority.allow(&metadata.authorization_endpoint)?,
        token: authority.allow(&metadata.token_endpoint)?,
        device: metadata.device_authorization_endpoint.as_deref().map(|url| authority.allow(url)).transpose()?,
        jwks: authority.allow(&metadata.jwks_uri)?,
        names_issuer_in_redirect: metadata.authorization_response_iss_parameter_supported.unwrap_or(false),
        issuer: metadata.issuer,
        fetched_at: now,
    })
}

/// The issuer is this authority's, for this tenant, to the letter (FACTS 5.1, 5.3).
fn check_issuer(issuer: &str, tenant: &str, authority: &Origin) -> Result<()> {
    let segment = issuer
        .strip_prefix(&authority.ascii())
        .and_then(|rest| rest.strip_prefix('/'))
        .and_then(|rest| rest.strip_suffix("/v2.0"))
        .ok_or(Detail::IssuerMismatch)?;
    let fits = if tenant == "organizations" {
        segment == TENANT_PLACEHOLDER
    } else if is_guid(tenant) {
        segment == tenant
    } else {
        is_guid(segment)
    };
    if fits { Ok(()) } else { Err(Detail::IssuerMismatch.into()) }
}

/// Whether the `iss` of a redirect fits the issuer (RFC 9207 section 2.4); for `organizations` any tenant's does, and the `id_token`
/// is compared with it later.
pub(crate) fn issuer_fits(issuer: &str, from_redirect: &str) -> bool {
    match issuer.split_once(TENANT_PLACEHOLDER) {
        None => issuer == from_redirect,
        Some((before, after)) => from_redirect
            .strip_prefix(before)
            .and_then(|rest| rest.strip_suffix(after))
            .is_some_and(|tenant| is_guid(tenant) || tenant == TENANT_PLACEHOLDER),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    const GUID: &str = "11111111-aaaa-4bbb-8ccc-222222222222";

    fn document(tenant: &str) -> Value {
        let base = "https://login.microsoftonline.com";
        json!({"issuer": format!("{base}/{tenant}/v2.0"), "authorization_endpoint": format!("{base}/a"),
               "token_endpoint": format!("{base}/t"), "device_authorization_endpoint": format!("{base}/d"), "jwks_uri": format!("{base}/k")})
    }

    fn read(document: &Value, tenant: &str) -> Result<Provider> {
        parse(document.to_string().as_bytes(), tenant, &Origin::parse("https://login.microsoftonline.com").unwrap(), 0)
    }

    fn refusal(tenant: &str, change: impl FnOnce(&mut Value)) -> Detail {
        let mut document = document(if tenant == "organizations" { "{tenantid}" } else { tenant });
        change(&mut document);
        read(&document, tenant).unwrap_err().cause()
    }

    #[test]
    fn the_documented_shapes_are_accepted() {
        read(&document("{tenantid}"), "organizations").unwrap();
        read(&document(GUID), GUID).unwrap();
        read(&document(GUID), "contoso.example").unwrap();
    }

    #[test]
    fn t_13_issuer_mismatch() {
        for issuer in [
            "https://login.microsoftonline.com/{tenantid}/v2.0/",
            "https://login.microsoftonline.com/{TenantId}/v2.0",
            "https://LOGIN.microsoftonline.com/{tenantid}/v2.0",
            "https://evil.example/{tenantid}/v2.0",
            "http://login.microsoftonline.com/{tenantid}/v2.0",
            "https://login.microsoftonline.com/common/v2.0",
            "",
        ] {
            assert_eq!(refusal("organizations", |document| document["issuer"] = json!(issuer)), Detail::IssuerMismatch, "{issuer}");
        }
        let other = "https://login.microsoftonline.com/99999999-aaaa-4bbb-8ccc-222222222222/v2.0";
        assert_eq!(refusal(GUID, |document| document["issuer"] = json!(other)), Detail::IssuerMismatch);
    }

    #[test]
    fn t_12_foreign_endpoints() {
        for name in ["authorization_endpoint", "token_endpoint", "device_authorization_endpoint", "jwks_uri"] {
            assert_eq!(
                refusal(GUID, |document| document[name] = json!("https://evil.example/x")),
                Detail::HostNotAllowed,
                "{name}"
            );
            assert_eq!(
                refusal(GUID, |document| document[name] = json!("http://login.microsoftonline.com/x")),
                Detail::InsecureUrl,
                "{name}"
            );
        }
    }

    #[test]
    fn o_06_pkce_methods() {
        for list in [json!([]), json!(["plain"]), json!(["s256"])] {
            assert_eq!(refusal(GUID, |document| document["code_challenge_methods_supported"] = list), Detail::PkceUnsupported);
        }
        let mut listed = document(GUID);
        listed["code_challenge_methods_supported"] = json!(["plain", "S256"]);
        read(&listed, GUID).unwrap();
    }

    #[test]
    fn unusable_documents() {
        let authority = Origin::parse("https://login.microsoftonline.com").unwrap();
        for body in ["", "[]", "null", "{}", "<html>", "{\"issuer\":1}", "\u{feff}{}", "{\"issuer\":\"a\",\"issuer\":\"b\"}"] {
            assert_eq!(parse(body.as_bytes(), GUID, &authority, 0).unwrap_err().cause(), Detail::UnexpectedResponse, "{body}");
        }
    }

    #[test]
    fn o_08_issuers_in_redirects() {
        let template = "https://login.microsoftonline.com/{tenantid}/v2.0";
        assert!(
            issuer_fits(template, &format!("https://login.microsoftonline.com/{GUID}/v2.0")) && issuer_fits(template, template)
        );
        for wrong in
            ["https://evil.example/v2.0", "https://login.microsoftonline.com/x/v2.0", "", "https://login.microsoftonline.com//v2.0"]
        {
            assert!(!issuer_fits(template, wrong), "{wrong}");
        }
        assert!(!issuer_fits("https://a/v2.0", "https://a/v2.0/") && issuer_fits("https://a/v2.0", "https://a/v2.0"));
    }
}
