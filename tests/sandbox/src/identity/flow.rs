//! One person's way through the pages. Every page posts back, the flow learns something, and [`advance`] decides
//! what comes next: a page, an error, or the end.

use std::collections::BTreeSet;

use super::answer::{self, Answer};
use super::errors::{Ids, Problem};
use super::{admin_consent, consent, device};
use crate::http::{Reply, Request};
use crate::pages;
use crate::state::State;
use crate::state::model::{AppPresence, ConditionalAccess, Tenant, User};
use crate::state::session::{COOKIE, Session, SignedIn};

/// `prompt` of the authorization request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Prompt {
    Unset,
    None,
    Login,
    SelectAccount,
    Consent,
}

/// What the person came for.
#[derive(Debug, Clone)]
pub(crate) enum Goal {
    /// An authorization code.
    Authorize(Box<super::authorize::Authorization>),
    /// To approve the app for the organisation.
    AdminConsent(admin_consent::Approval),
    /// To let a device in; the device code.
    Device(String),
}

/// A sign-in under way.
#[derive(Debug, Clone)]
pub(crate) struct Flow {
    pub(crate) id: String,
    pub(crate) goal: Goal,
    /// The tenant segment of the address.
    pub(crate) alias: String,
    pub(crate) scopes: BTreeSet<String>,
    pub(crate) prompt: Prompt,
    pub(crate) login_hint: Option<String>,
    pub(crate) domain_hint: Option<String>,
    /// Where the answer goes; a device has none.
    pub(crate) answer: Option<Answer>,
    /// The account chosen on a page.
    pub(crate) user: Option<String>,
    /// The consent page was accepted.
    pub(crate) consented: bool,
    pub(crate) correlation: Option<String>,
}

/// The state and the request at hand.
pub(crate) struct Turn<'a> {
    pub(crate) state: &'a mut State,
    pub(crate) request: &'a Request,
}

/// Who signed in, and where.
#[derive(Debug, Clone)]
pub(crate) struct SignIn {
    pub(crate) user: User,
    pub(crate) tenant: Tenant,
    pub(crate) session: Session,
    pub(crate) person: SignedIn,
}

/// A detour before the sign-in is complete.
pub(crate) enum Detour {
    Page(String),
    Problem(Problem),
}

impl Turn<'_> {
    /// The browser's session, without people whose sign-ins were revoked meanwhile.
    pub(crate) fn session(&self) -> Session {
        let id = self.request.cookie(COOKIE).unwrap_or_default();
        let mut session = self.state.sessions.get(id).cloned().unwrap_or_default();
        session.people.retain(|person| {
            self.state.user(&person.user_name).is_some_and(|user| !user.deleted && person.event > user.valid_from)
        });
        session
    }

    pub(crate) fn ids(&mut self, flow: Option<&Flow>) -> Ids {
        let correlation = flow.and_then(|flow| flow.correlation.clone());
        Ids::new(self.state, correlation.as_deref())
    }

    /// A page that says what is wrong and sends nothing to the app.
    pub(crate) fn error_page(&mut self, flow: Option<&Flow>, problem: &Problem) -> Reply {
        let ids = self.ids(flow);
        Reply::html(200, pages::error::page(problem, &ids))
    }
}

/// Starts a flow and takes it as far as it goes without the person.
pub(crate) fn start(turn: &mut Turn<'_>, flow: Flow) -> Reply {
    let id = flow.id.clone();
    turn.state.flows.insert(id.clone(), flow);
    advance(turn, &id)
}

/// The next page, error or end of a flow.
pub(crate) fn advance(turn: &mut Turn<'_>, id: &str) -> Reply {
    let Some(flow) = turn.state.flows.get(id).cloned() else {
        return turn.error_page(None, &Problem::new(90_023).about("flow"));
    };
    let sign_in = match sign_in(turn, &flow) {
        Ok(sign_in) => sign_in,
        Err(detour) => return take(turn, &flow, detour),
    };
    let granted = match &flow.goal {
        Goal::AdminConsent(_) => admin_consent::check(turn, &flow, &sign_in),
        Goal::Authorize(_) | Goal::Device(_) => consent::check(turn, &flow, &sign_in),
    };
    if let Err(detour) = granted {
        return take(turn, &flow, detour);
    }
    turn.state.flows.remove(id);
    match &flow.goal {
        Goal::Authorize(authorization) => super::authorize::finish(turn, &flow, authorization, &sign_in),
        Goal::AdminConsent(approval) => admin_consent::finish(turn, &flow, *approval, &sign_in),
        Goal::Device(code) => device::finish(turn, code, &flow, &sign_in),
    }
}

fn take(turn: &mut Turn<'_>, flow: &Flow, detour: Detour) -> Reply {
    match detour {
        Detour::Page(page) if flow.prompt != Prompt::None => Reply::html(200, page),
        Detour::Page(_) => answer::problem(turn, flow, &Problem::new(50_058)),
        Detour::Problem(problem) if flow.prompt == Prompt::None => answer::problem(turn, flow, &problem.into_interaction()),
        Detour::Problem(problem) => turn.error_page(Some(flow), &problem),
    }
}

/// Who is signing in: account, organisation, and the organisation's conditions.
fn sign_in(turn: &Turn<'_>, flow: &Flow) -> Result<SignIn, Detour> {
    let session = turn.session();
    let person = account(turn, flow, &session)?;
    let user = turn.state.user(&person.user_name).cloned().ok_or_else(|| unknown_user(&person.user_name))?;
    let tenant = tenant(turn.state, &flow.alias, &user).map_err(Detour::Problem)?;
    let sign_in = SignIn { user, tenant, session, person };
    account_state(turn, flow, &sign_in)?;
    conditions(flow, &sign_in)?;
    Ok(sign_in)
}

/// The account: chosen on a page, hinted at, or the only one signed in.
fn account(turn: &Turn<'_>, flow: &Flow, session: &Session) -> Result<SignedIn, Detour> {
    if let Some(chosen) = flow.user.as_deref().and_then(|user| session.find(user)) {
        return Ok(chosen.clone());
    }
    let login = || Detour::Page(pages::login::page(turn.state, flow, None));
    let picker = || Detour::Page(pages::login::picker(turn.state, flow, session));
    match (flow.prompt, session.people.as_slice()) {
        (Prompt::Login, _) | (Prompt::SelectAccount, []) => return Err(login()),
        (Prompt::SelectAccount, _) => return Err(picker()),
        _ => {}
    }
    if let Some(hint) = &flow.login_hint {
        return session.find(hint).cloned().ok_or_else(login);
    }
    let fits = |person: &&SignedIn| in_domain(turn.state, person, flow.domain_hint.as_deref());
    let candidates: Vec<&SignedIn> = session.people.iter().filter(fits).collect();
    match candidates.as_slice() {
        [] => Err(login()),
        [only] => Ok((*only).clone()),
        _ => Err(picker()),
    }
}

fn in_domain(state: &State, person: &SignedIn, hint: Option<&str>) -> bool {
    let Some(hint) = hint.filter(|hint| *hint != "organizations") else {
        return true;
    };
    let home = state.user(&person.user_name).and_then(|user| state.tenant(&user.home_tenant));
    home.is_some_and(|tenant| tenant.domain.eq_ignore_ascii_case(hint))
}

fn unknown_user(user_name: &str) -> Detour {
    Detour::Problem(Problem::new(50_034).about(user_name))
}

/// The organisation an address means for a person: the home one for the aliases, else the one it names.
pub(crate) fn tenant(state: &State, alias: &str, user: &User) -> Result<Tenant, Problem> {
    let named = if is_alias(alias) { &user.home_tenant } else { alias };
    let tenant = state.tenant(named).ok_or_else(|| Problem::new(90_002).about(alias))?;
    if user.object_id(&tenant.id).is_none() {
        return Err(Problem::new(50_020).about(&user.user_name).about(&tenant.display_name));
    }
    Ok(tenant.clone())
}

/// Whether a tenant segment stands for "whatever organisation the person is from".
pub(crate) fn is_alias(segment: &str) -> bool {
    ["common", "organizations"].contains(&segment)
}

fn account_state(turn: &Turn<'_>, flow: &Flow, sign_in: &SignIn) -> Result<(), Detour> {
    let app = &turn.state.app;
    if sign_in.user.deleted {
        return Err(unknown_user(&sign_in.user.user_name));
    }
    if sign_in.user.disabled {
        return Err(Detour::Problem(Problem::new(50_057)));
    }
    match sign_in.tenant.app {
        AppPresence::Disabled => Err(Detour::Problem(Problem::new(7_000_112).about(&app.client_id).about(&app.name))),
        AppPresence::Absent if !matches!(flow.goal, Goal::AdminConsent(_)) => {
            Err(Detour::Problem(Problem::new(700_016).about(&app.client_id).about(&sign_in.tenant.display_name)))
        }
        _ => Ok(()),
    }
}

/// Conditional access at sign-in.
fn conditions(flow: &Flow, sign_in: &SignIn) -> Result<(), Detour> {
    match sign_in.tenant.conditional_access {
        ConditionalAccess::Block => Err(Detour::Problem(Problem::new(53_003))),
        ConditionalAccess::Device => Err(Detour::Problem(Problem::new(53_000))),
        ConditionalAccess::Mfa if !sign_in.person.mfa => Err(if flow.prompt == Prompt::None {
            Detour::Problem(Problem::new(50_076))
        } else {
            Detour::Page(pages::login::mfa(flow, &sign_in.user))
        }),
        _ => Ok(()),
    }
}
