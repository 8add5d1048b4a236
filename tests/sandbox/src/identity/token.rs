//! The token endpoint (FACTS 2): the three grants and every check before a token leaves.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::digest::{SHA256, digest};

use super::authorize::{asks_for_cae, known_tenant, parse_scopes};
use super::device;
use super::errors::{Ids, Problem};
use super::flow::Turn;
use super::issue::{self, Wanted};
use super::refresh;
use crate::http::{Reply, Request};
use crate::state::model::Platform;
use crate::state::tokens::{Challenge, Code};

/// Authorization codes live ten minutes.
const CODE_LIFETIME: i64 = 600;

/// `/{tenant}/oauth2/v2.0/token`.
pub(crate) fn handle(turn: &mut Turn<'_>, alias: &str) -> Reply {
    let outcome = if turn.request.method == http::Method::POST {
        exchange(turn, alias)
    } else {
        Err(Problem::new(900_561).about(turn.request.method.as_str()))
    };
    match outcome {
        Ok(reply) => reply,
        Err(problem) => {
            let ids = Ids::new(turn.state, turn.request.header("client-request-id"));
            problem.reply(&turn.request.origin, &ids)
        }
    }
}

fn exchange(turn: &mut Turn<'_>, alias: &str) -> Result<Reply, Problem> {
    known_tenant(turn, alias)?;
    let grant_type = required(turn.request, "grant_type")?.to_owned();
    client(turn, alias)?;
    match grant_type.as_str() {
        "authorization_code" => code(turn, alias),
        "refresh_token" => refresh::exchange(turn, alias),
        "urn:ietf:params:oauth:grant-type:device_code" => device::exchange(turn, alias),
        other => Err(Problem::new(70_003).about(other)),
    }
}

/// A form field that must be there.
pub(crate) fn required<'a>(request: &'a Request, name: &str) -> Result<&'a str, Problem> {
    request.form.value(name).ok_or_else(|| Problem::new(900_144).about(name))
}

fn client(turn: &Turn<'_>, alias: &str) -> Result<(), Problem> {
    let client_id = match basic_user(turn.request) {
        Some(client_id) => client_id,
        None => required(turn.request, "client_id")?.to_owned(),
    };
    if client_id != turn.state.app.client_id {
        return Err(Problem::new(700_016).about(&client_id).about(alias));
    }
    Ok(())
}

/// The user part of HTTP Basic, which confidential clients may use.
fn basic_user(request: &Request) -> Option<String> {
    let encoded = request.header("authorization")?.strip_prefix("Basic ")?;
    let decoded = String::from_utf8(STANDARD.decode(encoded).ok()?).ok()?;
    decoded.split_once(':').map(|(user, _)| user.to_owned())
}

fn has_secret(request: &Request) -> bool {
    basic_user(request).is_some() || ["client_secret", "client_assertion"].iter().any(|name| request.form.value(name).is_some())
}

fn code(turn: &mut Turn<'_>, alias: &str) -> Result<Reply, Problem> {
    let request = turn.request;
    let value = required(request, "code")?;
    let redirect_uri = required(request, "redirect_uri")?;
    let record = turn.state.codes.get(value).cloned().ok_or_else(|| Problem::new(9_002_313))?;
    if record.alias != alias {
        return Err(Problem::new(700_005));
    }
    if record.redirect_uri != redirect_uri {
        let problem = Problem::new(50_011).about(redirect_uri).about(&record.grant.client_id);
        return Err(Problem { error: "invalid_grant", ..problem });
    }
    platform(request, record.grant.platform, record.challenge.is_some())?;
    if record.redeemed {
        return Err(Problem::new(54_005));
    }
    if turn.state.now() > record.issued_at.saturating_add(CODE_LIFETIME) {
        return Err(Problem { suberror: None, ..Problem::new(70_008) });
    }
    verifier(request, record.challenge.as_ref())?;
    if let Some(code) = turn.state.codes.get_mut(value) {
        code.redeemed = true;
    }
    let wanted = wanted(turn, &record)?;
    still_granted(turn, &record, &wanted)?;
    Ok(issue::tokens(turn, record.grant, &wanted))
}

/// Public client, single-page application and web app differ in what must accompany the request.
pub(crate) fn platform(request: &Request, platform: Platform, pkce: bool) -> Result<(), Problem> {
    let origin = request.header("origin");
    match platform {
        Platform::Native | Platform::Web if origin.is_some() => Err(Problem::new(9_002_326).about(origin.unwrap_or_default())),
        Platform::Native if has_secret(request) => Err(Problem::new(700_025)),
        Platform::Spa if origin.is_none() => Err(Problem::new(9_002_327)),
        Platform::Spa if !pkce => Err(Problem::new(9_002_325)),
        Platform::Web if !has_secret(request) => Err(Problem::new(7_000_218)),
        _ => Ok(()),
    }
}

/// PKCE, RFC 7636 section 4.6.
fn verifier(request: &Request, challenge: Option<&Challenge>) -> Result<(), Problem> {
    let given = request.form.value("code_verifier");
    let (Some(challenge), Some(given)) = (challenge, given) else {
        return if challenge.is_none() && given.is_none() { Ok(()) } else { Err(Problem::new(501_481)) };
    };
    let transformed = if challenge.s256 { URL_SAFE_NO_PAD.encode(digest(&SHA256, given.as_bytes())) } else { given.to_owned() };
    if transformed == challenge.value { Ok(()) } else { Err(Problem::new(501_481)) }
}

/// A code may be redeemed for less than was asked for at the authorization endpoint.
fn wanted(turn: &Turn<'_>, record: &Code) -> Result<Wanted, Problem> {
    let request = turn.request;
    let scopes = match request.form.value("scope") {
        Some(text) => parse_scopes(text, &turn.state.app)?,
        None => record.grant.scopes.clone(),
    };
    Ok(Wanted {
        scopes,
        client_info: request.form.value("client_info") == Some("1"),
        cae: record.grant.cae || asks_for_cae(request.form.value("claims")),
        carried_from: None,
    })
}

/// Redeeming for more than was granted, or after the grant was withdrawn.
fn still_granted(turn: &Turn<'_>, record: &Code, wanted: &Wanted) -> Result<(), Problem> {
    let state = &*turn.state;
    match (state.tenant(&record.grant.tenant_id), state.user(&record.grant.user_name)) {
        (Some(tenant), Some(user)) => refresh::consent(state, tenant, user, &wanted.scopes),
        _ => Err(Problem::new(50_034).about(&record.grant.user_name)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::Fields;

    /// The vector of RFC 7636 appendix B.
    #[test]
    fn pkce_takes_the_rfc_vector_and_nothing_else() {
        let request = |verifier: &str| Request {
            method: http::Method::POST,
            origin: String::new(),
            path: String::new(),
            query: Fields::default(),
            form: Fields::parse(format!("code_verifier={verifier}").as_bytes()),
            headers: http::HeaderMap::new(),
            body: Vec::new(),
        };
        let challenge = Challenge { value: "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM".into(), s256: true };
        let right = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        assert_eq!(verifier(&request(right), Some(&challenge)), Ok(()));
        assert_eq!(verifier(&request("dBjftJeZ4CVP"), Some(&challenge)), Err(Problem::new(501_481)));
        assert_eq!(verifier(&request(""), Some(&challenge)), Err(Problem::new(501_481)));
        assert_eq!(verifier(&request(right), None), Err(Problem::new(501_481)));
        assert_eq!(verifier(&request(""), None), Ok(()));
    }
}
