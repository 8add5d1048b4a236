//! Consent: what is still missing, who may give it, and the pages when they may not (FACTS 4).

use std::collections::BTreeSet;

use super::answer;
use super::device;
use super::errors::Problem;
use super::flow::{Detour, Flow, Goal, Prompt, SignIn, Turn, advance};
use super::login::{expired, flow_of, pressed};
use super::scopes;
use crate::http::Reply;
use crate::pages;
use crate::state::model::{ApprovalRequest, Tenant, User};

/// Passes when everything asked for is granted; else the page that comes next.
pub(crate) fn check(turn: &mut Turn<'_>, flow: &Flow, sign_in: &SignIn) -> Result<(), Detour> {
    let missing = missing(flow, &sign_in.tenant, &sign_in.user);
    if missing.is_empty() {
        return assignment(turn, sign_in);
    }
    if flow.prompt == Prompt::None {
        let app = &turn.state.app;
        return Err(Detour::Problem(Problem::new(65_001).about(&app.client_id).about(&app.name)));
    }
    let app = &turn.state.app;
    if is_admin(&sign_in.user, &sign_in.tenant) || scopes::user_may_consent(&sign_in.tenant, app, &missing) {
        return Err(Detour::Page(pages::consent::page(app, flow, sign_in, &missing)));
    }
    let ids = turn.ids(Some(flow));
    Err(Detour::Page(if sign_in.tenant.workflow {
        pages::approval::required(&turn.state.app, flow, sign_in, &missing, &ids)
    } else {
        pages::approval::need_admin(&turn.state.app, flow, sign_in, &ids)
    }))
}

/// `POST /{tenant}/consent`.
pub(crate) fn submit(turn: &mut Turn<'_>) -> Reply {
    let Some(flow) = flow_of(turn) else {
        return expired(turn);
    };
    if !pressed(turn, "accept") {
        return leave(turn, &flow);
    }
    let Some((user, tenant)) = person(turn, &flow) else {
        return expired(turn);
    };
    let admin = is_admin(&user, &tenant);
    let everybody = admin && turn.request.form.value("organization").is_some();
    let missing = missing(&flow, &tenant, &user);
    if !admin && !scopes::user_may_consent(&tenant, &turn.state.app, &missing) {
        return turn.error_page(Some(&flow), &Problem::new(90_094));
    }
    if let Some(tenant) = turn.state.tenant_mut(&tenant.id) {
        let granted = if everybody { &mut tenant.tenant_grant } else { tenant.user_grants.entry(user.user_name).or_default() };
        granted.extend(flow.scopes.iter().cloned());
    }
    if let Some(flow) = turn.state.flows.get_mut(&flow.id) {
        flow.consented = true;
    }
    advance(turn, &flow.id)
}

/// `POST /{tenant}/approval`: the request form, and the way back from it.
pub(crate) fn request_approval(turn: &mut Turn<'_>) -> Reply {
    let Some(flow) = flow_of(turn) else {
        return expired(turn);
    };
    if !pressed(turn, "request") {
        return leave(turn, &flow);
    }
    let Some((user, tenant)) = person(turn, &flow) else {
        return expired(turn);
    };
    let request = ApprovalRequest {
        user: user.user_name,
        justification: turn.request.form.value("justification").unwrap_or_default().to_owned(),
        scopes: flow.scopes.clone(),
    };
    if let Some(tenant) = turn.state.tenant_mut(&tenant.id) {
        tenant.approval_requests.push(request);
    }
    Reply::html(200, pages::approval::sent(&turn.state.app, &flow))
}

/// Whether a person may approve apps for an organisation.
pub(crate) fn is_admin(user: &User, tenant: &Tenant) -> bool {
    user.admin && user.home_tenant == tenant.id
}

/// What the flow asks for and neither the person nor the organisation granted yet.
fn missing(flow: &Flow, tenant: &Tenant, user: &User) -> BTreeSet<String> {
    if flow.prompt == Prompt::Consent && !flow.consented {
        return flow.scopes.clone();
    }
    let granted = tenant.granted_to(&user.user_name);
    flow.scopes.difference(&granted).cloned().collect()
}

fn assignment(turn: &Turn<'_>, sign_in: &SignIn) -> Result<(), Detour> {
    let assigned = sign_in.tenant.assigned.contains(&sign_in.user.user_name);
    if sign_in.tenant.assignment_required && !assigned {
        return Err(Detour::Problem(Problem::new(50_105).about(&turn.state.app.name)));
    }
    Ok(())
}

/// Declines or goes back: the app cannot tell which.
fn leave(turn: &mut Turn<'_>, flow: &Flow) -> Reply {
    turn.state.flows.remove(&flow.id);
    match &flow.goal {
        Goal::Device(code) => device::declined(turn, code),
        _ => answer::declined(flow).unwrap_or_else(|| Reply::html(200, pages::error::cancelled())),
    }
}

/// Who is looking at the page, and of which organisation it speaks.
fn person(turn: &Turn<'_>, flow: &Flow) -> Option<(User, Tenant)> {
    let shown = turn.request.form.value("account")?;
    let session = turn.session();
    let user = turn.state.user(&session.find(shown)?.user_name)?.clone();
    let tenant = super::flow::tenant(turn.state, &flow.alias, &user).ok()?;
    Some((user, tenant))
}
