//! What the sign-in pages post: credentials, an account from the picker, the second factor.

use super::answer;
use super::device;
use super::errors::Problem;
use super::flow::{Flow, Goal, Turn, advance};
use crate::http::Reply;
use crate::pages;
use crate::state::session::{COOKIE, SignedIn};

/// The password that is always wrong, to see the page say so.
const WRONG_PASSWORD: &str = "wrong";

/// `POST /{tenant}/login`.
pub(crate) fn submit(turn: &mut Turn<'_>) -> Reply {
    let Some(flow) = flow_of(turn) else {
        return expired(turn);
    };
    if pressed(turn, "cancel") {
        return cancel(turn, &flow);
    }
    match credentials(turn) {
        Ok(user_name) => sign_in(turn, &flow, &user_name),
        Err(problem) => {
            let user_name = turn.request.form.value("username").map(str::to_owned);
            let hinted = Flow { login_hint: user_name, ..flow };
            Reply::html(200, pages::login::page(turn.state, &hinted, Some(&problem)))
        }
    }
}

/// `POST /{tenant}/account`: the picker.
pub(crate) fn pick(turn: &mut Turn<'_>) -> Reply {
    let Some(flow) = flow_of(turn) else {
        return expired(turn);
    };
    if pressed(turn, "cancel") {
        return cancel(turn, &flow);
    }
    let Some(account) = turn.request.form.value("account").map(str::to_owned) else {
        return Reply::html(200, pages::login::page(turn.state, &flow, None));
    };
    if let Some(flow) = turn.state.flows.get_mut(&flow.id) {
        flow.user = Some(account);
    }
    advance(turn, &flow.id)
}

/// `POST /{tenant}/mfa`.
pub(crate) fn second_factor(turn: &mut Turn<'_>) -> Reply {
    let Some(flow) = flow_of(turn) else {
        return expired(turn);
    };
    if pressed(turn, "cancel") {
        return cancel(turn, &flow);
    }
    let user_name = turn.request.form.value("account").unwrap_or_default().to_owned();
    let id = turn.session().id;
    let event = turn.state.next_event();
    if let Some(session) = turn.state.sessions.get_mut(&id)
        && session.find(&user_name).is_some()
    {
        session.sign_in(SignedIn { user_name, event, mfa: true });
    }
    advance(turn, &flow.id)
}

/// The flow that a page belongs to.
pub(crate) fn flow_of(turn: &Turn<'_>) -> Option<Flow> {
    turn.state.flows.get(turn.request.parameter("flow")?).cloned()
}

/// Whether that button was pressed.
pub(crate) fn pressed(turn: &Turn<'_>, button: &str) -> bool {
    turn.request.parameter("do") == Some(button)
}

/// The page of a flow that is over.
pub(crate) fn expired(turn: &mut Turn<'_>) -> Reply {
    turn.error_page(None, &Problem::new(90_023).about("flow"))
}

/// Leaves the sign-in; the app learns only that it was cancelled.
pub(crate) fn cancel(turn: &mut Turn<'_>, flow: &Flow) -> Reply {
    turn.state.flows.remove(&flow.id);
    if let Goal::Device(code) = &flow.goal {
        return device::declined(turn, code);
    }
    answer::cancelled(flow).unwrap_or_else(|| Reply::html(200, pages::error::cancelled()))
}

fn credentials(turn: &Turn<'_>) -> Result<String, Problem> {
    let user_name = turn.request.form.value("username").unwrap_or_default();
    let known = turn.state.user(user_name).filter(|user| !user.deleted);
    let user = known.ok_or_else(|| Problem::new(50_034).about(user_name))?;
    if user.disabled {
        return Err(Problem::new(50_057));
    }
    match turn.request.form.value("password") {
        None | Some(WRONG_PASSWORD) => Err(Problem::new(50_126)),
        Some(_) => Ok(user.user_name.clone()),
    }
}

fn sign_in(turn: &mut Turn<'_>, flow: &Flow, user_name: &str) -> Reply {
    let mut session = turn.session();
    if session.id.is_empty() {
        session.id = turn.state.random.guid();
    }
    let event = turn.state.next_event();
    session.sign_in(SignedIn { user_name: user_name.to_owned(), event, mfa: false });
    if let Some(flow) = turn.state.flows.get_mut(&flow.id) {
        flow.user = Some(user_name.to_owned());
    }
    let id = session.id.clone();
    turn.state.sessions.insert(id.clone(), session);
    let request = turn.request.clone();
    let request = with_cookie(request, &id);
    let reply = advance(&mut Turn { state: turn.state, request: &request }, &flow.id);
    let secure = if request.origin.starts_with("https:") { "; Secure" } else { "" };
    reply.with("set-cookie", &format!("{COOKIE}={id}; Path=/; HttpOnly; SameSite=Lax{secure}"))
}

/// The request as the browser will send the next one: with the new session.
fn with_cookie(mut request: crate::http::Request, id: &str) -> crate::http::Request {
    if let Ok(value) = http::HeaderValue::from_str(&format!("{COOKIE}={id}")) {
        request.headers.insert(http::header::COOKIE, value);
    }
    request
}
