//! The bearer token of a Graph request, and the 401 and 403 answers (FACTS 6, 9.1).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::errors;
use crate::http::Reply;
use crate::identity::flow::Turn;
use crate::state::model::{ConditionalAccess, User};
use crate::state::tokens::{AccessToken, Grant};

/// Graph's own application id, which its plain challenges name.
const GRAPH_CLIENT: &str = "00000003-0000-0000-c000-000000000000";

/// The answer to a request that may not be served.
pub(crate) struct Refusal(pub(crate) Reply);

/// The grant behind the request's token, if it has one of the scopes.
pub(crate) fn authorize(turn: &mut Turn<'_>, scopes: &[&str]) -> Result<Grant, Refusal> {
    let token = bearer(turn);
    if token.is_empty() {
        return Err(unauthorized(turn, "Access token is empty."));
    }
    let Some(record) = turn.state.access_tokens.get(&token).cloned() else {
        return Err(unauthorized(turn, "CompactToken parsing failed with error code: 80049217"));
    };
    if turn.state.now() >= record.expires_at {
        return Err(unauthorized(turn, "Lifetime validation failed, the token is expired."));
    }
    if let Some(reason) = challenge(turn, &record) {
        return Err(challenged(turn, reason));
    }
    if !scopes.iter().any(|scope| record.grant.scopes.contains(*scope)) {
        return Err(Refusal(errors::reply(
            turn,
            403,
            "Authorization_RequestDenied",
            "Insufficient privileges to complete the operation.",
        )));
    }
    Ok(record.grant)
}

/// The token of the `Authorization` header; empty when there is none.
fn bearer(turn: &Turn<'_>) -> String {
    let header = turn.request.header("authorization").unwrap_or_default();
    match header.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token.trim().to_owned(),
        _ => String::new(),
    }
}

/// Continuous access evaluation: why a token that has not expired is refused.
fn challenge(turn: &Turn<'_>, record: &AccessToken) -> Option<&'static str> {
    if !record.grant.cae {
        return None;
    }
    let revoked =
        |user: &User| user.deleted || user.disabled || record.grant.event <= user.valid_from || record.issued <= user.challenged_at;
    if turn.state.user(&record.grant.user_name).is_none_or(revoked) {
        return Some("TokenIssuedBeforeRevocationTimestamp");
    }
    let tenant = turn.state.tenant(&record.grant.tenant_id)?;
    (tenant.conditional_access == ConditionalAccess::Block).then_some("LocationConditionEvaluationSatisfied")
}

fn unauthorized(turn: &mut Turn<'_>, message: &str) -> Refusal {
    let challenge = format!(
        "Bearer realm=\"\", authorization_uri=\"{}/common/oauth2/authorize\", client_id=\"{GRAPH_CLIENT}\"",
        turn.request.origin
    );
    let reply = errors::reply(turn, 401, "InvalidAuthenticationToken", message);
    Refusal(reply.with("www-authenticate", &challenge))
}

fn challenged(turn: &mut Turn<'_>, reason: &str) -> Refusal {
    let message = format!("Continuous access evaluation resulted in challenge with result: InteractionRequired and code: {reason}");
    let not_before = turn.state.now().to_string();
    let claims = json!({ "access_token": { "nbf": { "essential": true, "value": not_before } } }).to_string();
    let challenge = format!(
        "Bearer realm=\"\", authorization_uri=\"{}/common/oauth2/authorize\", client_id=\"{GRAPH_CLIENT}\", \
         error=\"insufficient_claims\", claims=\"{}\", error_description=\"{message}\"",
        turn.request.origin,
        STANDARD.encode(claims)
    );
    let reply = errors::reply(turn, 401, "InvalidAuthenticationToken", &message);
    Refusal(reply.with("www-authenticate", &challenge))
}
