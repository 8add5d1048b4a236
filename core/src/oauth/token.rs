//! The token endpoint: redeem a code, refresh, poll for a device (RFC 6749 sections 4.1.3 and 6, RFC 8628 section 3.4; FACTS 2).
//!
//! Requests are built by the `oauth2` crate. Answers are parsed into the types of this file, which take what the service really
//! sends and name the member that is wrong; the crate's own parse errors carry the body and are dropped unread.

mod answer;

pub(crate) use answer::Tokens;

use super::{
    aadsts::{ServiceError, codes_in},
    claims::request_claims,
};
use crate::{
    error::{Detail, Error, Result},
    http::{AllowedUrl, Endpoint, Method, RequestIds, Response, retry_after},
    secret::{Secret, SecretBytes},
};
use answer::{ErrorAnswer, TokenAnswer};
use oauth2::{
    AuthorizationCode, ClientId, EndpointNotSet, EndpointSet, HttpRequest, HttpResponse, PkceCodeVerifier, RedirectUrl,
    RefreshToken, RequestTokenError, Scope, StandardRevocableToken, TokenUrl,
    basic::{BasicRevocationErrorResponse, BasicTokenIntrospectionResponse, BasicTokenType},
};
use std::{borrow::Cow, cell::RefCell};
use zeroize::Zeroizing;

/// The client of the `oauth2` crate with our own answers.
pub(crate) type OAuthClient<HasAuthUrl, HasTokenUrl> = oauth2::Client<
    ErrorAnswer,
    TokenAnswer,
    BasicTokenIntrospectionResponse,
    StandardRevocableToken,
    BasicRevocationErrorResponse,
    HasAuthUrl,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    HasTokenUrl,
>;

/// What every token request says.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TokenRequest<'a> {
    pub(crate) url: &'a AllowedUrl,
    pub(crate) client_id: &'a str,
    pub(crate) scopes: &'a [String],
    /// Claims that an earlier answer asked for.
    pub(crate) claims: Option<&'a str>,
}

/// Why there are no tokens.
#[derive(Debug)]
pub(crate) enum TokenFailure {
    /// The service said no; what that means depends on what was asked.
    Refused { answer: Box<ServiceError>, ids: RequestIds, retry_after: Option<u32> },
    /// Nothing usable came back.
    Failed(Error),
}

impl From<Error> for TokenFailure {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

type Outcome = std::result::Result<Tokens, TokenFailure>;

/// Exchanges an authorization code. `redirect_uri` is the very string that was sent before.
pub(crate) fn redeem(
    endpoint: &Endpoint<'_>,
    request: TokenRequest<'_>,
    code: &Secret,
    verifier: &Secret,
    redirect_uri: &str,
) -> Outcome {
    let client = client(request)?;
    let redirect = RedirectUrl::new(redirect_uri.to_owned()).map_err(|_| Error::from(Detail::Internal))?;
    let exchange = client
        .exchange_code(AuthorizationCode::new(code.expose().to_owned()))
        .set_pkce_verifier(PkceCodeVerifier::new(verifier.expose().to_owned()))
        .set_redirect_uri(Cow::Owned(redirect))
        .add_extra_param("scope", request.scopes.join(" "));
    let exchange = exchange.add_extra_param("claims", request_claims(request.claims));
    let wire = Wire::new(endpoint, request.url, "token.redeem");
    let answer = exchange.request(&|request| wire.send(request));
    wire.conclude(answer)
}

/// Exchanges a refresh token. The scopes are always sent: without them the service may refuse (FACTS 2.1).
pub(crate) fn refresh(endpoint: &Endpoint<'_>, request: TokenRequest<'_>, refresh_token: &Secret) -> Outcome {
    let client = client(request)?;
    let token = RefreshToken::new(refresh_token.expose().to_owned());
    let exchange = client.exchange_refresh_token(&token).add_scopes(request.scopes.iter().cloned().map(Scope::new));
    let exchange = exchange.add_extra_param("claims", request_claims(request.claims));
    let wire = Wire::new(endpoint, request.url, "token.refresh");
    let answer = exchange.request(&|request| wire.send(request));
    wire.conclude(answer)
}

/// Asks once whether the person has finished on the other device. The `oauth2` crate only offers a loop here.
pub(crate) fn poll_device(endpoint: &Endpoint<'_>, request: TokenRequest<'_>, device_code: &Secret) -> Outcome {
    let form = form(&[
        ("grant_type", "urn:ietf:params:oauth:grant-type:device_code"),
        ("client_id", request.client_id),
        ("device_code", device_code.expose()),
    ]);
    let (response, ids) = endpoint.send("token.device", Method::PostForm(form), request.url)?;
    read(&response, &ids)
}

/// A form body of `pairs`.
pub(crate) fn form(pairs: &[(&str, &str)]) -> SecretBytes {
    let text = Zeroizing::new(url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish());
    SecretBytes::new(text.as_bytes())
}

fn client(request: TokenRequest<'_>) -> Result<OAuthClient<EndpointNotSet, EndpointSet>> {
    let url = TokenUrl::new(request.url.as_str().to_owned()).map_err(|_| Error::from(Detail::Internal))?;
    Ok(OAuthClient::new(ClientId::new(request.client_id.to_owned())).set_token_uri(url))
}

/// Carries the requests of the `oauth2` crate over our transport, and keeps what the crate does not pass on.
struct Wire<'a> {
    endpoint: &'a Endpoint<'a>,
    url: &'a AllowedUrl,
    event: &'static str,
    seen: RefCell<Option<Seen>>,
}

/// What came back, as far as the crate's error does not say.
enum Seen {
    Answer { ids: RequestIds, status: u16, retry_after: Option<u32> },
    Failure(Error),
}

/// The error that the `oauth2` crate sees; the real one is in [`Wire::seen`].
#[derive(Debug)]
struct Stopped;

impl std::fmt::Display for Stopped {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the request was stopped")
    }
}

impl std::error::Error for Stopped {}

impl<'a> Wire<'a> {
    fn new(endpoint: &'a Endpoint<'a>, url: &'a AllowedUrl, event: &'static str) -> Self {
        Self { endpoint, url, event, seen: RefCell::new(None) }
    }

    fn send(&self, request: HttpRequest) -> std::result::Result<HttpResponse, Stopped> {
        let body = Zeroizing::new(request.into_body());
        let sent = self.endpoint.send(self.event, Method::PostForm(SecretBytes::new(&body)), self.url);
        let (response, ids) = sent.map_err(|error| self.stop(error))?;
        let body = checked_body(&response).map_err(|detail| self.stop(ids.mark(detail.into())))?;
        let passed_on = http::Response::builder().status(response.status).header(http::header::CONTENT_TYPE, "application/json");
        let passed_on = passed_on.body(body.to_vec()).map_err(|_| self.stop(Detail::NetworkProtocol.into()))?;
        *self.seen.borrow_mut() = Some(Seen::Answer { ids, status: response.status, retry_after: retry_after(&response) });
        Ok(passed_on)
    }

    fn stop(&self, error: Error) -> Stopped {
        *self.seen.borrow_mut() = Some(Seen::Failure(error));
        Stopped
    }

    fn conclude(self, answer: std::result::Result<TokenAnswer, RequestTokenError<Stopped, ErrorAnswer>>) -> Outcome {
        let (ids, status, retry_after) = match self.seen.into_inner() {
            Some(Seen::Answer { ids, status, retry_after }) => (ids, status, retry_after),
            Some(Seen::Failure(error)) => return Err(error.into()),
            None => return Err(Error::from(Detail::Internal).into()),
        };
        match answer {
            Ok(answer) => answer.checked(ids.clone()).map_err(|what| ids.mark(invalid(what)).into()),
            Err(RequestTokenError::ServerResponse(error)) => Err(refused(error, status, ids, retry_after)),
            // A body that is not an error answer still has a status that says whether it passes (FACTS 14, last row).
            Err(_) if status != 200 => Err(refused(ErrorAnswer::default(), status, ids, retry_after)),
            Err(_) => Err(ids.mark(invalid("body")).into()),
        }
    }
}

/// The same reading for the request that the `oauth2` crate has no single form of.
fn read(response: &Response, ids: &RequestIds) -> Outcome {
    let body = checked_body(response).map_err(|detail| ids.mark(detail.into()))?;
    if response.status == 200 {
        let answer: TokenAnswer = serde_json::from_slice(body).map_err(|_| ids.mark(invalid("body")))?;
        return answer.checked(ids.clone()).map_err(|what| ids.mark(invalid(what)).into());
    }
    let error = serde_json::from_slice(body).unwrap_or_default();
    Err(refused(error, response.status, ids.clone(), retry_after(response)))
}

/// A success must be a JSON object in UTF-8 that calls itself JSON; an error body is taken as it is, as its status decides.
fn checked_body(response: &Response) -> std::result::Result<&[u8], Detail> {
    let body = response.body.as_slice();
    let object = body.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{') && std::str::from_utf8(body).is_ok();
    match response.status {
        200 if !response.is_json() || !object => Err(Detail::TokenResponseInvalid),
        200 => Ok(body),
        _ if object && response.is_json() => Ok(body),
        // The status alone decides.
        _ => Ok(b"{}"),
    }
}

fn refused(error: ErrorAnswer, status: u16, ids: RequestIds, retry_after: Option<u32>) -> TokenFailure {
    let codes = if error.error_codes.is_empty() { codes_in(&error.error_description) } else { error.error_codes };
    let answer = ServiceError { status, error: error.error, suberror: error.suberror, codes, claims: error.claims };
    TokenFailure::Refused { answer: Box::new(answer), ids, retry_after }
}

fn invalid(what: &'static str) -> Error {
    Detail::TokenResponseInvalid.about(what)
}

/// The only type of token that is accepted.
pub(crate) const BEARER: BasicTokenType = BasicTokenType::Bearer;
