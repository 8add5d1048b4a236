//! The administrator's approval: the v2 endpoint and the legacy one (FACTS 4.1, 4.2).

use super::answer::{self, Answer, Mode};
use super::authorize;
use super::consent::is_admin;
use super::errors::Problem;
use super::flow::{self, Detour, Flow, Goal, Prompt, SignIn, Turn, advance};
use super::login::{expired, flow_of, pressed};
use super::scopes;
use crate::http::{Fields, Reply};
use crate::pages;
use crate::state::model::{App, AppPresence};

/// Which of the two endpoints was asked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Approval {
    pub(crate) legacy: bool,
}

/// `GET /{tenant}/v2.0/adminconsent` and `GET /{tenant}/adminconsent`.
pub(crate) fn begin(turn: &mut Turn<'_>, alias: &str, approval: Approval) -> Reply {
    match parse(turn, alias, approval) {
        Ok(flow) => flow::start(turn, flow),
        Err(problem) => turn.error_page(None, &problem),
    }
}

/// Shows the page until it was accepted; only administrators get to see it.
pub(crate) fn check(turn: &mut Turn<'_>, flow: &Flow, sign_in: &SignIn) -> Result<(), Detour> {
    if flow.consented {
        return Ok(());
    }
    if !is_admin(&sign_in.user, &sign_in.tenant) {
        let ids = turn.ids(Some(flow));
        return Err(Detour::Page(pages::approval::need_admin(&turn.state.app, flow, sign_in, &ids)));
    }
    Err(Detour::Page(pages::consent::admin_page(&turn.state.app, flow, sign_in)))
}

/// `POST /{tenant}/adminconsent`.
pub(crate) fn submit(turn: &mut Turn<'_>) -> Reply {
    let Some(flow) = flow_of(turn) else {
        return expired(turn);
    };
    let Goal::AdminConsent(approval) = flow.goal else {
        return expired(turn);
    };
    if !pressed(turn, "accept") {
        turn.state.flows.remove(&flow.id);
        return refused(turn, &flow, approval);
    }
    if let Some(flow) = turn.state.flows.get_mut(&flow.id) {
        flow.consented = true;
    }
    advance(turn, &flow.id)
}

/// Grants for everybody, replacing the organisation's earlier grant, and tells the app.
pub(crate) fn finish(turn: &mut Turn<'_>, flow: &Flow, approval: Approval, sign_in: &SignIn) -> Reply {
    if let Some(tenant) = turn.state.tenant_mut(&sign_in.tenant.id) {
        tenant.tenant_grant.clone_from(&flow.scopes);
        if tenant.app == AppPresence::Absent {
            tenant.app = AppPresence::Available;
        }
        tenant.approval_requests.clear();
    }
    let Some(answer) = &flow.answer else {
        return Reply::html(200, pages::consent::approved(&turn.state.app));
    };
    let tenant = ("tenant", sign_in.tenant.id.clone());
    let marker = ("admin_consent", "True".to_owned());
    let mut parameters = Vec::new();
    if approval.legacy {
        parameters.push(tenant);
        parameters.extend(answer::state_of(answer));
        parameters.push(marker);
    } else {
        let names: Vec<String> = flow.scopes.iter().map(|name| scopes::full_name(name)).collect();
        parameters.extend([marker, tenant, ("scope", names.join(" "))]);
        parameters.extend(answer::state_of(answer));
    }
    answer::send(answer, &parameters)
}

fn refused(turn: &mut Turn<'_>, flow: &Flow, approval: Approval) -> Reply {
    let Some(answer) = &flow.answer else {
        return Reply::html(200, pages::error::cancelled());
    };
    let mut parameters = Vec::new();
    if approval.legacy {
        parameters.push(("error", "permission_denied".to_owned()));
        parameters.push(("error_description", "The admin canceled the request".to_owned()));
    } else {
        let ids = turn.ids(Some(flow));
        let text = "The resource owner or authorization server denied the request.".to_owned();
        let problem = Problem { text, ..Problem::new(65_004) };
        parameters.push(("admin_consent", "True".to_owned()));
        parameters.push(("error", "consent_required".to_owned()));
        parameters.push(("error_description", problem.description(&ids)));
    }
    parameters.extend(answer::state_of(answer));
    answer::send(answer, &parameters)
}

fn parse(turn: &mut Turn<'_>, alias: &str, approval: Approval) -> Result<Flow, Problem> {
    authorize::known_tenant(turn, alias)?;
    if alias == "common" && !approval.legacy {
        return Err(Problem::new(90_023).about("tenant"));
    }
    let query = &turn.request.query;
    let app = &turn.state.app;
    let client_id = query.value("client_id").ok_or_else(|| Problem::new(900_144).about("client_id"))?;
    if client_id != app.client_id {
        return Err(Problem::new(700_016).about(client_id).about(alias));
    }
    let scopes = match query.value("scope") {
        Some(text) if !approval.legacy => authorize::parse_scopes(text, app)?,
        None if !approval.legacy => return Err(Problem::new(900_144).about("scope")),
        _ => app.declared_permissions.clone(),
    };
    let answer = destination(&turn.request.query, app, approval)?;
    Ok(Flow {
        id: turn.state.random.token("", 1),
        goal: Goal::AdminConsent(approval),
        alias: alias.to_owned(),
        scopes,
        prompt: Prompt::Unset,
        login_hint: query.value("login_hint").map(str::to_owned),
        domain_hint: None,
        answer,
        user: None,
        consented: false,
        correlation: query.value("client-request-id").map(str::to_owned),
    })
}

/// Where the answer goes; the legacy endpoint can do without.
fn destination(query: &Fields, app: &App, approval: Approval) -> Result<Option<Answer>, Problem> {
    let Some(uri) = query.value("redirect_uri") else {
        let missing = Problem::new(900_144).about("redirect_uri");
        return if approval.legacy { Ok(None) } else { Err(missing) };
    };
    if authorize::registered(app, uri).is_none() {
        return Err(Problem::new(50_011).about(uri).about(&app.client_id));
    }
    Ok(Some(Answer { redirect_uri: uri.to_owned(), mode: Mode::Query, state: query.value("state").map(str::to_owned) }))
}
