//! The device authorization grant (FACTS 3, RFC 8628).

use std::collections::BTreeSet;

use serde_json::json;

use super::authorize::{asks_for_cae, known_tenant, parse_scopes};
use super::errors::{Ids, Problem};
use super::flow::{self, Flow, Goal, Prompt, SignIn, Turn};
use super::issue::{self, Wanted};
use super::token::required;
use crate::http::Reply;
use crate::pages;
use crate::state::model::Platform;
use crate::state::tokens::{DeviceCode, DeviceOutcome, Grant};

/// Seconds a device code lives, and between two polls.
const LIFETIME: i64 = 900;
const INTERVAL: i64 = 5;

/// `POST /{tenant}/oauth2/v2.0/devicecode`.
pub(crate) fn begin(turn: &mut Turn<'_>, alias: &str) -> Reply {
    match device_code(turn, alias) {
        Ok(reply) => reply,
        Err(problem) => {
            let ids = Ids::new(turn.state, turn.request.header("client-request-id"));
            problem.reply(&turn.request.origin, &ids)
        }
    }
}

fn device_code(turn: &mut Turn<'_>, alias: &str) -> Result<Reply, Problem> {
    known_tenant(turn, alias)?;
    let client_id = required(turn.request, "client_id")?.to_owned();
    let scopes = parse_scopes(required(turn.request, "scope")?, &turn.state.app)?;
    if client_id != turn.state.app.client_id {
        return Err(Problem::new(700_016).about(&client_id).about(alias));
    }
    if !turn.state.app.public_flows {
        return Err(Problem::new(7_000_218));
    }
    let user_code = turn.state.random.user_code();
    let device_code = turn.state.random.token("G", 1);
    let address = format!("{}/devicelogin", turn.request.origin);
    let record = DeviceCode {
        user_code: user_code.clone(),
        alias: alias.to_owned(),
        client_id,
        scopes,
        issued_at: turn.state.now(),
        outcome: DeviceOutcome::Pending,
    };
    turn.state.device_codes.insert(device_code.clone(), record);
    Ok(Reply::json(
        200,
        &json!({
            "user_code": user_code,
            "device_code": device_code,
            "verification_uri": address,
            "expires_in": LIFETIME,
            "interval": INTERVAL,
            "message": format!(
                "To sign in, use a web browser to open the page {address} and enter the code {user_code} to authenticate."
            ),
        }),
    ))
}

/// `GET` and `POST /devicelogin`: the page where the person types the code.
pub(crate) fn enter_code(turn: &mut Turn<'_>) -> Reply {
    if turn.request.method == http::Method::GET {
        let offered = turn.request.query.value("otc").unwrap_or_default();
        return Reply::html(200, pages::device::enter(offered, None));
    }
    match open_code(turn) {
        Ok((device_code, record)) => {
            let flow = flow(turn, device_code, record.alias, record.scopes);
            flow::start(turn, flow)
        }
        Err(problem) => Reply::html(200, pages::device::enter("", Some(&problem))),
    }
}

fn open_code(turn: &Turn<'_>) -> Result<(String, DeviceCode), Problem> {
    let typed = turn.request.form.value("otc").map(|code| code.trim().to_uppercase());
    let typed = typed.filter(|code| !code.is_empty()).ok_or_else(|| Problem::new(90_119))?;
    let mut codes = turn.state.device_codes.iter();
    let found = codes.find(|(_, record)| record.user_code == typed).ok_or_else(|| Problem::new(70_018))?;
    if turn.state.now() > found.1.issued_at.saturating_add(LIFETIME) {
        return Err(Problem::new(70_019));
    }
    if !matches!(found.1.outcome, DeviceOutcome::Pending) {
        return Err(Problem::new(90_120));
    }
    Ok((found.0.clone(), found.1.clone()))
}

fn flow(turn: &mut Turn<'_>, device_code: String, alias: String, scopes: BTreeSet<String>) -> Flow {
    Flow {
        id: turn.state.random.token("", 1),
        goal: Goal::Device(device_code),
        alias,
        scopes,
        prompt: Prompt::SelectAccount,
        login_hint: None,
        domain_hint: None,
        answer: None,
        user: None,
        consented: false,
        correlation: None,
    }
}

/// The person signed in and agreed: the device's next poll succeeds.
pub(crate) fn finish(turn: &mut Turn<'_>, device_code: &str, flow: &Flow, sign_in: &SignIn) -> Reply {
    let grant = Grant {
        tenant_id: sign_in.tenant.id.clone(),
        user_name: sign_in.user.user_name.clone(),
        client_id: turn.state.app.client_id.clone(),
        scopes: flow.scopes.clone(),
        nonce: None,
        session_id: sign_in.session.id.clone(),
        event: turn.state.next_event(),
        mfa: sign_in.person.mfa,
        platform: Platform::Native,
        cae: false,
    };
    if let Some(record) = turn.state.device_codes.get_mut(device_code) {
        record.outcome = DeviceOutcome::Granted(grant);
    }
    Reply::html(200, pages::device::done(&turn.state.app))
}

/// The person said no: the device's next poll ends.
pub(crate) fn declined(turn: &mut Turn<'_>, device_code: &str) -> Reply {
    if let Some(record) = turn.state.device_codes.get_mut(device_code) {
        record.outcome = DeviceOutcome::Declined;
    }
    Reply::html(200, pages::device::declined(&turn.state.app))
}

/// A poll of the token endpoint.
pub(crate) fn exchange(turn: &mut Turn<'_>, alias: &str) -> Result<Reply, Problem> {
    if !turn.state.app.public_flows {
        return Err(Problem::new(7_000_218));
    }
    let code = required(turn.request, "device_code")?;
    let record = turn.state.device_codes.get(code).cloned().ok_or_else(|| Problem::new(70_018))?;
    if record.alias != alias || record.client_id != turn.state.app.client_id {
        return Err(Problem::new(700_005));
    }
    if turn.state.now() > record.issued_at.saturating_add(LIFETIME) {
        return Err(Problem::new(70_019));
    }
    match record.outcome {
        DeviceOutcome::Pending => Err(Problem::new(70_016)),
        DeviceOutcome::Declined => Ok(Reply::json(
            400,
            &json!({
                "error": "authorization_declined",
                "error_description": "The end user denied the authorization request.",
            }),
        )),
        DeviceOutcome::Granted(grant) => {
            turn.state.device_codes.remove(code);
            let request = turn.request;
            let wanted = Wanted {
                scopes: record.scopes,
                client_info: request.form.value("client_info") == Some("1"),
                cae: asks_for_cae(request.form.value("claims")),
                carried_from: None,
            };
            Ok(issue::tokens(turn, grant, &wanted))
        }
    }
}
