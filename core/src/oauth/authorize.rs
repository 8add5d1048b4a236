//! The authorization request (RFC 6749 section 4.1.1, RFC 7636; FACTS 1.1) and the administrator's (FACTS 4.1).

use super::{claims::request_claims, discovery::Provider, token::OAuthClient};
use crate::{
    error::{Detail, Result},
    http::Origin,
    secret::Secret,
};
use oauth2::{AuthUrl, ClientId, CsrfToken, EndpointNotSet, PkceCodeChallenge, RedirectUrl, Scope};

/// Bytes of randomness in `state` and `nonce`: 256 bits.
const RANDOM_BYTES: u32 = 32;

/// What the authorization request says beside the scopes.
#[derive(Debug, Default)]
pub(crate) struct Wishes<'a> {
    pub(crate) login_hint: Option<&'a str>,
    pub(crate) domain_hint: Option<&'a str>,
    pub(crate) prompt: Option<&'static str>,
    /// Claims that an earlier answer asked for.
    pub(crate) claims: Option<&'a str>,
}

/// A request for the browser, and the secrets that its answer is checked with.
#[derive(Debug)]
pub(crate) struct Begun {
    pub(crate) url: String,
    pub(crate) state: Secret,
    pub(crate) nonce: Secret,
    pub(crate) verifier: Secret,
}

/// Builds the address of the sign-in page, with fresh state, nonce and verifier (S256).
pub(crate) fn begin(
    provider: &Provider,
    client_id: &str,
    redirect_uri: &str,
    response_mode: &'static str,
    scopes: &[String],
    wishes: &Wishes<'_>,
) -> Result<Begun> {
    let internal = |_| Detail::Internal.about("authorization request");
    let client: OAuthClient<EndpointNotSet, EndpointNotSet> = OAuthClient::new(ClientId::new(client_id.to_owned()));
    let client = client
        .set_auth_uri(AuthUrl::new(provider.authorization.as_str().to_owned()).map_err(internal)?)
        .set_redirect_uri(RedirectUrl::new(redirect_uri.to_owned()).map_err(internal)?);
    let (challenge, verifier) = PkceCodeChallenge::new_random_sha256_len(RANDOM_BYTES);
    let nonce = CsrfToken::new_random_len(RANDOM_BYTES);
    let mut request = client
        .authorize_url(|| CsrfToken::new_random_len(RANDOM_BYTES))
        .set_pkce_challenge(challenge)
        .add_scopes(scopes.iter().cloned().map(Scope::new))
        .add_extra_param("response_mode", response_mode)
        .add_extra_param("nonce", nonce.secret().clone());
    let claims = request_claims(wishes.claims);
    let optional = [
        ("prompt", wishes.prompt),
        ("login_hint", wishes.login_hint),
        ("domain_hint", wishes.domain_hint),
        ("claims", Some(claims.as_str())),
    ];
    for (name, value) in optional {
        if let Some(value) = value {
            request = request.add_extra_param(name, value.to_owned());
        }
    }
    let (url, state) = request.url();
    Ok(Begun {
        url: url.into(),
        state: Secret::from(state.into_secret()),
        nonce: Secret::from(nonce.into_secret()),
        verifier: Secret::from(verifier.into_secret()),
    })
}

/// The address on which an administrator approves the app: the same Graph scopes as [`begin`] asks for.
pub(crate) fn admin_consent_url(
    authority: &Origin,
    tenant: &str,
    client_id: &str,
    redirect_uri: &str,
    scopes: &[String],
    state: Option<&str>,
) -> String {
    let endpoint = authority.join(&[tenant, "v2.0", "adminconsent"]);
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.append_pair("client_id", client_id).append_pair("redirect_uri", redirect_uri).append_pair("scope", &scopes.join(" "));
    if let Some(state) = state {
        query.append_pair("state", state);
    }
    format!("{}?{}", endpoint.as_str(), query.finish())
}

/// A fresh `state` for a request that the `oauth2` crate does not build.
pub(crate) fn fresh_state() -> Secret {
    Secret::from(CsrfToken::new_random_len(RANDOM_BYTES).into_secret())
}
