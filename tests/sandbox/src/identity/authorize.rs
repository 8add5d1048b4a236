//! The authorization endpoint (FACTS 1): what it checks, where it says so, and the code at the end.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;
use url::Url;

use super::answer::{self, Answer, Mode};
use super::errors::Problem;
use super::flow::{self, Flow, Goal, Prompt, SignIn, Turn};
use super::scopes::{self, ScopeError};
use crate::http::{Reply, Request};
use crate::state::model::{App, Platform, RedirectUri, User};
use crate::state::tokens::{Challenge, Code, Grant};

/// What an authorization request asks for beyond the sign-in itself.
#[derive(Debug, Clone)]
pub(crate) struct Authorization {
    nonce: Option<String>,
    challenge: Option<Challenge>,
    client_info: bool,
    platform: Platform,
    cae: bool,
}

/// `GET` or `POST /{tenant}/oauth2/v2.0/authorize`.
pub(crate) fn begin(turn: &mut Turn<'_>, alias: &str) -> Reply {
    let (answer, platform) = match destination(turn, alias) {
        Ok(found) => found,
        Err(problem) => return turn.error_page(None, &problem),
    };
    let flow = empty_flow(turn, alias, answer);
    match parse(turn.request, &turn.state.app, flow.clone(), platform) {
        Ok(flow) => flow::start(turn, flow),
        Err(problem) => answer::problem(turn, &flow, &problem),
    }
}

/// The code, and the redirect that carries it.
pub(crate) fn finish(turn: &mut Turn<'_>, flow: &Flow, authorization: &Authorization, sign_in: &SignIn) -> Reply {
    let Some(answer) = &flow.answer else {
        return Reply::text(500, "an authorization without a redirect address");
    };
    let code = turn.state.random.token("1.A", 4);
    let record = Code {
        grant: grant(turn, flow, sign_in, authorization),
        alias: flow.alias.clone(),
        redirect_uri: answer.redirect_uri.clone(),
        challenge: authorization.challenge.clone(),
        issued_at: turn.state.now(),
        redeemed: false,
    };
    turn.state.codes.insert(code.clone(), record);
    let mut parameters = vec![("code", code)];
    if authorization.client_info {
        parameters.push(("client_info", client_info(&sign_in.user)));
    }
    parameters.extend(answer::state_of(answer));
    parameters.push(("session_state", sign_in.session.id.clone()));
    answer::send(answer, &parameters)
}

/// `client_info`: home object id and home directory id, base64url JSON (FACTS 2.2).
pub(crate) fn client_info(user: &User) -> String {
    URL_SAFE_NO_PAD.encode(json!({ "uid": user.home_object_id(), "utid": user.home_tenant }).to_string())
}

/// Whether a `claims` parameter asks for continuous access evaluation (FACTS 6).
pub(crate) fn asks_for_cae(claims: Option<&str>) -> bool {
    let parsed = claims.and_then(|claims| serde_json::from_str::<serde_json::Value>(claims).ok());
    let values = parsed.as_ref().and_then(|claims| claims.pointer("/access_token/xms_cc/values"));
    let mut names = values.and_then(serde_json::Value::as_array).into_iter().flatten();
    names.any(|name| name.as_str().is_some_and(|name| name.eq_ignore_ascii_case("cp1")))
}

/// Finds a registered address: for `http://localhost` the port does not count, the path does (FACTS 1.3).
pub(crate) fn registered<'a>(app: &'a App, redirect_uri: &str) -> Option<&'a RedirectUri> {
    app.redirect_uris.iter().find(|known| known.uri == redirect_uri || same_loopback(&known.uri, redirect_uri))
}

fn same_loopback(known: &str, asked: &str) -> bool {
    let (Ok(known), Ok(asked)) = (Url::parse(known), Url::parse(asked)) else {
        return false;
    };
    let loopback = ["localhost", "127.0.0.1"].map(Some).contains(&known.host_str());
    loopback
        && known.scheme() == "http"
        && (known.scheme(), known.host_str(), known.path(), known.query())
            == (asked.scheme(), asked.host_str(), asked.path(), asked.query())
}

/// Tenant, client and redirect address: a fault here never leaves the browser (FACTS 1.6).
fn destination(turn: &Turn<'_>, alias: &str) -> Result<(Answer, Platform), Problem> {
    let (request, state) = (turn.request, &*turn.state);
    known_tenant(turn, alias)?;
    let client_id = request.parameter("client_id").ok_or_else(|| Problem::new(900_144).about("client_id"))?;
    if client_id != state.app.client_id {
        return Err(Problem::new(700_016).about(client_id).about(alias));
    }
    let redirect_uri = request.parameter("redirect_uri").ok_or_else(|| Problem::new(900_144).about("redirect_uri"))?;
    let known = registered(&state.app, redirect_uri).ok_or_else(|| Problem::new(50_011).about(redirect_uri).about(client_id))?;
    let mode = match request.parameter("response_mode") {
        None | Some("query") => Mode::Query,
        Some("fragment") => Mode::Fragment,
        Some("form_post") => Mode::FormPost,
        Some(other) => return Err(Problem::new(70_007).about(other)),
    };
    let state = request.parameter("state").map(str::to_owned);
    Ok((Answer { redirect_uri: redirect_uri.to_owned(), mode, state }, known.platform))
}

/// A tenant segment must be an alias or name an organisation; personal accounts are not served.
pub(crate) fn known_tenant(turn: &Turn<'_>, alias: &str) -> Result<(), Problem> {
    if alias == "consumers" {
        return Err(Problem::new(9_002_332).about(&turn.state.app.client_id));
    }
    if flow::is_alias(alias) || turn.state.tenant(alias).is_some() {
        return Ok(());
    }
    Err(Problem::new(90_002).about(alias))
}

/// A flow of which only the way back is known.
fn empty_flow(turn: &mut Turn<'_>, alias: &str, answer: Answer) -> Flow {
    Flow {
        id: turn.state.random.token("", 1),
        goal: Goal::Device(String::new()),
        alias: alias.to_owned(),
        scopes: BTreeSet::new(),
        prompt: Prompt::Unset,
        login_hint: None,
        domain_hint: None,
        answer: Some(answer),
        user: None,
        consented: false,
        correlation: turn.request.parameter("client-request-id").map(str::to_owned),
    }
}

/// The rest of the request; a fault is sent to the app.
fn parse(request: &Request, app: &App, flow: Flow, platform: Platform) -> Result<Flow, Problem> {
    let required = |name| request.parameter(name).ok_or_else(|| Problem::new(900_144).about(name));
    response_type(required("response_type")?)?;
    if request.parameter("resource").is_some() {
        return Err(Problem::new(901_002));
    }
    let scopes = parse_scopes(required("scope")?, app)?;
    let goal = Goal::Authorize(Box::new(Authorization {
        nonce: request.parameter("nonce").map(str::to_owned),
        challenge: challenge(request)?,
        client_info: request.parameter("client_info") == Some("1"),
        platform,
        cae: asks_for_cae(request.parameter("claims")),
    }));
    Ok(Flow {
        goal,
        scopes,
        prompt: prompt(request.parameter("prompt"))?,
        login_hint: request.parameter("login_hint").map(str::to_owned),
        domain_hint: request.parameter("domain_hint").map(str::to_owned),
        ..flow
    })
}

fn response_type(text: &str) -> Result<(), Problem> {
    let words: BTreeSet<&str> = text.split_whitespace().collect();
    if words.contains("id_token") {
        return Err(Problem::new(700_054));
    }
    if words.iter().eq(["code"].iter()) { Ok(()) } else { Err(Problem::new(70_005).about(text)) }
}

pub(crate) fn parse_scopes(text: &str, app: &App) -> Result<BTreeSet<String>, Problem> {
    scopes::parse(text, app).map_err(|refused| match refused {
        ScopeError::Unknown(name) => Problem::new(70_011).about(&name),
        ScopeError::DefaultMixed => Problem::new(70_011).about(text),
    })
}

fn prompt(text: Option<&str>) -> Result<Prompt, Problem> {
    match text {
        None => Ok(Prompt::Unset),
        Some("none") => Ok(Prompt::None),
        Some("login") => Ok(Prompt::Login),
        Some("select_account") => Ok(Prompt::SelectAccount),
        Some("consent") => Ok(Prompt::Consent),
        Some(_) => Err(Problem::new(90_023).about("prompt")),
    }
}

fn challenge(request: &Request) -> Result<Option<Challenge>, Problem> {
    let Some(value) = request.parameter("code_challenge") else {
        return Ok(None);
    };
    let s256 = match request.parameter("code_challenge_method") {
        None | Some("plain") => false,
        Some("S256") => true,
        Some(_) => return Err(Problem::new(90_023).about("code_challenge_method")),
    };
    let unreserved = value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte));
    if !unreserved || !(43..=128).contains(&value.len()) {
        return Err(Problem::new(501_491));
    }
    Ok(Some(Challenge { value: value.to_owned(), s256 }))
}

fn grant(turn: &mut Turn<'_>, flow: &Flow, sign_in: &SignIn, authorization: &Authorization) -> Grant {
    Grant {
        tenant_id: sign_in.tenant.id.clone(),
        user_name: sign_in.user.user_name.clone(),
        client_id: turn.state.app.client_id.clone(),
        scopes: flow.scopes.clone(),
        nonce: authorization.nonce.clone(),
        session_id: sign_in.session.id.clone(),
        event: turn.state.next_event(),
        mfa: sign_in.person.mfa,
        platform: authorization.platform,
        cae: authorization.cae,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::scenario::Scenario;

    #[test]
    fn only_the_port_of_a_loopback_address_is_free() {
        let mut app = Scenario::default().app;
        app.redirect_uris.push(RedirectUri { uri: "https://app.example/cb".into(), platform: Platform::Web });
        for (asked, found) in [
            ("http://localhost", true),
            ("http://localhost:50997", true),
            ("http://localhost:50997/", true),
            ("http://localhost:50997/cb", false),
            ("https://localhost:50997", false),
            ("http://127.0.0.1:50997", false),
            ("http://localhost.evil.example:50997", false),
            ("https://app.example/cb", true),
            ("https://app.example:444/cb", false),
            ("https://app.example/CB", false),
        ] {
            assert_eq!(registered(&app, asked).is_some(), found, "{asked}");
        }
    }

    #[test]
    fn continuous_access_is_asked_for_in_any_letter_case() {
        assert!(asks_for_cae(Some(r#"{"access_token":{"xms_cc":{"values":["CP1"]}}}"#)));
        assert!(!asks_for_cae(Some(r#"{"access_token":{"nbf":{"essential":true,"value":"1"}}}"#)));
        assert!(!asks_for_cae(None));
    }
}
