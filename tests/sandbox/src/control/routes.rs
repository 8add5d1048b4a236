//! The control interface over HTTP.

use serde_json::{Map, Value, json};

use super::apply::apply;
use super::change::Change;
use crate::http::{Reply, Request};
use crate::state::State;

/// `/_control/...`: `GET` reads, `POST` changes.
pub(crate) fn handle(state: &mut State, request: &Request, path: &[&str], ca_pem: &str) -> Reply {
    match (&request.method, path) {
        (&http::Method::GET, ["state"]) => Reply::json(200, &summary(state)),
        (&http::Method::GET, ["tenants"]) => Reply::json(200, &json!(state.tenants)),
        (&http::Method::GET, ["users"]) => Reply::json(200, &json!(state.users)),
        (&http::Method::GET, ["app"]) => Reply::json(200, &json!(state.app)),
        (&http::Method::GET, ["log"]) => Reply::json(200, &json!(state.log.entries())),
        (&http::Method::GET, ["faults"]) => Reply::json(200, &json!(state.faults.list())),
        (&http::Method::GET, ["tokens"]) => Reply::json(200, &json!(state.settings)),
        (&http::Method::GET, ["clock"]) => Reply::json(200, &clock(state)),
        (&http::Method::GET, ["ca.pem"]) => Reply::text(200, ca_pem).replacing("content-type", "application/x-pem-file"),
        (&http::Method::POST, [name]) => change(state, request, name),
        _ => Reply::json(404, &json!({ "error": "no such control" })),
    }
}

fn change(state: &mut State, request: &Request, name: &str) -> Reply {
    let form = request.header("content-type").is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded"));
    let members = if form { form_members(request) } else { json_members(request) };
    let outcome = members.and_then(|mut members| {
        members.insert("change".to_owned(), name.into());
        let change: Change = serde_json::from_value(Value::Object(members)).map_err(|wrong| wrong.to_string())?;
        apply(state, change).map_err(|wrong| wrong.to_string())
    });
    match outcome {
        Err(wrong) => Reply::json(400, &json!({ "error": wrong })),
        Ok(()) if form => Reply::redirect(303, "/"),
        Ok(()) => Reply::json(200, &json!({ "ok": true })),
    }
}

fn json_members(request: &Request) -> Result<Map<String, Value>, String> {
    if request.body.is_empty() {
        return Ok(Map::new());
    }
    serde_json::from_slice(&request.body).map_err(|wrong| wrong.to_string())
}

/// Forms have only text; truth values and numbers are read as such.
#[allow(clippy::unnecessary_wraps, reason = "has the shape of its JSON sibling")]
fn form_members(request: &Request) -> Result<Map<String, Value>, String> {
    let member = |(name, value): (&str, &str)| {
        let value = match value {
            "true" => Value::Bool(true),
            "false" => Value::Bool(false),
            text => text.parse::<i64>().map_or_else(|_| text.into(), Value::from),
        };
        (name.to_owned(), value)
    };
    Ok(request.form.iter().map(member).collect())
}

fn clock(state: &State) -> Value {
    json!({ "now": state.now(), "offset": state.clock.offset })
}

fn summary(state: &State) -> Value {
    json!({
        "clock": clock(state),
        "tenants": state.tenants,
        "users": state.users,
        "app": state.app,
        "tokens": state.settings,
        "faults": state.faults.list(),
        "issued": {
            "access_tokens": state.access_tokens.len(),
            "refresh_tokens": state.refresh_tokens.len(),
            "open_codes": state.codes.values().filter(|code| !code.redeemed).count(),
        },
    })
}
