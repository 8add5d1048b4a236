//! How an answer travels to the app: query, fragment, or a form posted by the browser.

use url::Url;

use super::errors::Problem;
use super::flow::{Flow, Goal, Turn};
use crate::http::Reply;
use crate::pages;

/// `response_mode`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Query,
    Fragment,
    FormPost,
}

/// Where an answer goes.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) redirect_uri: String,
    pub(crate) mode: Mode,
    pub(crate) state: Option<String>,
}

/// Sends parameters to the app. A redirect address without a path gets its `/` here (FACTS 1.3).
pub(crate) fn send(answer: &Answer, parameters: &[(&str, String)]) -> Reply {
    let Ok(mut target) = Url::parse(&answer.redirect_uri) else {
        return Reply::text(500, "redirect address is not a URL");
    };
    match answer.mode {
        Mode::Query => {
            target.query_pairs_mut().extend_pairs(parameters);
            Reply::redirect(302, target.as_str())
        }
        Mode::Fragment => {
            let fragment = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish();
            target.set_fragment(Some(&fragment));
            Reply::redirect(302, target.as_str())
        }
        Mode::FormPost => Reply::html(200, pages::form_post::page(&answer.redirect_uri, parameters)),
    }
}

/// An error redirect with everything: description, link, state (FACTS 1.5).
pub(crate) fn problem(turn: &mut Turn<'_>, flow: &Flow, problem: &Problem) -> Reply {
    turn.state.flows.remove(&flow.id);
    let Some(answer) = &flow.answer else {
        return turn.error_page(Some(flow), problem);
    };
    let ids = turn.ids(Some(flow));
    let link = format!("{}/error?code={}", turn.request.origin, problem.code);
    let mut parameters =
        vec![("error", problem.error.to_owned()), ("error_description", problem.description(&ids)), ("error_uri", link)];
    parameters.extend(state_of(answer));
    send(answer, &parameters)
}

/// Backed out of the sign-in page: no description (FACTS 1.5).
pub(crate) fn cancelled(flow: &Flow) -> Option<Reply> {
    let answer = flow.answer.as_ref()?;
    let mut parameters = admin_marker(flow);
    parameters.push(("error", "access_denied".to_owned()));
    parameters.push(("error_subcode", "cancel".to_owned()));
    parameters.extend(state_of(answer));
    Some(send(answer, &parameters))
}

/// Declined, or came back from the approval pages: the two look the same to the app (FACTS 1.5).
pub(crate) fn declined(flow: &Flow) -> Option<Reply> {
    let answer = flow.answer.as_ref()?;
    let mut parameters = vec![("error", "access_denied".to_owned()), ("error_subcode", "cancel".to_owned())];
    parameters.extend(state_of(answer));
    parameters.push(("error_description", "AADSTS65004: User declined to consent to access the app.".to_owned()));
    Some(send(answer, &parameters))
}

pub(crate) fn state_of(answer: &Answer) -> Option<(&'static str, String)> {
    answer.state.clone().map(|state| ("state", state))
}

/// `admin_consent=True` accompanies even errors of the v2 admin consent (FACTS 4.1).
fn admin_marker(flow: &Flow) -> Vec<(&'static str, String)> {
    match &flow.goal {
        Goal::AdminConsent(approval) if !approval.legacy => {
            vec![("admin_consent", "True".to_owned())]
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn location(redirect_uri: &str, mode: Mode) -> String {
        let answer = Answer { redirect_uri: redirect_uri.into(), mode, state: None };
        let reply = send(&answer, &[("code", "a b".to_owned())]);
        reply.headers.into_iter().find(|(name, _)| name == "location").map(|(_, value)| value).unwrap_or_default()
    }

    #[test]
    fn an_address_without_a_path_gets_a_slash() {
        assert_eq!(location("http://localhost:7071", Mode::Query), "http://localhost:7071/?code=a+b");
        assert_eq!(location("http://localhost:7071/cb?x=1", Mode::Query), "http://localhost:7071/cb?x=1&code=a+b");
        assert_eq!(location("http://localhost:7071", Mode::Fragment), "http://localhost:7071/#code=a+b");
        assert_eq!(location("msauth.com.example://auth", Mode::Query), "msauth.com.example://auth?code=a+b");
    }
}
