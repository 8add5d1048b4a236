//! Sign-in, account picker, second factor.

use maud::html;

use super::{button, document, flow_form};
use crate::identity::errors::Problem;
use crate::identity::flow::Flow;
use crate::state::State;
use crate::state::model::User;
use crate::state::session::Session;

/// User name and password on one page.
pub(crate) fn page(state: &State, flow: &Flow, problem: Option<&Problem>) -> String {
    let hint = flow.login_hint.clone().unwrap_or_default();
    let fields = html! {
        label for="username" { "User name" }
        input #username type="email" name="username" value=(hint) autocomplete="username" required
            aria-describedby=[problem.map(|_| "problem")];
        label for="password" { "Password" }
        input #password type="password" name="password" value="sandbox" autocomplete="current-password"
            aria-describedby="password-help";
        p #password-help .soft { "Any password but \"wrong\" is accepted; \"sandbox\" is filled in." }
        (button("next", "Sign in", true))
        (button("cancel", "Cancel", false))
    };
    document(
        "login",
        "Sign in",
        &html! {
            h1 { "Sign in" }
            p { "to continue to " strong { (state.app.name) } }
            @if let Some(problem) = problem {
                p #problem .error role="alert" { (problem.text) " (AADSTS" (problem.code) ")" }
            }
            (flow_form(&format!("/{}/login", flow.alias), &flow.id, &fields))
        },
    )
}

/// The accounts signed in in this browser.
pub(crate) fn picker(state: &State, flow: &Flow, session: &Session) -> String {
    let buttons = html! {
        @for person in &session.people {
            button.wide type="submit" name="account" value=(person.user_name) {
                (state.user(&person.user_name).map_or("", |user| &user.display_name)) " \u{b7} " (person.user_name)
            }
        }
        (button("other", "Use another account", false))
        (button("cancel", "Cancel", false))
    };
    document(
        "pick-account",
        "Pick an account",
        &html! {
            h1 { "Pick an account" }
            p { "to continue to " strong { (state.app.name) } }
            (flow_form(&format!("/{}/account", flow.alias), &flow.id, &buttons))
        },
    )
}

/// "Approve the sign-in request".
pub(crate) fn mfa(flow: &Flow, user: &User) -> String {
    let buttons = html! {
        input type="hidden" name="account" value=(user.user_name);
        (button("approve", "Approve", true))
        (button("cancel", "Cancel", false))
    };
    document(
        "mfa",
        "More information required",
        &html! {
            h1 { "Approve sign in request" }
            p { "Signed in as " (user.user_name) }
            p { "Your organization asks for a second factor. Here, approving is a button." }
            (flow_form(&format!("/{}/mfa", flow.alias), &flow.id, &buttons))
        },
    )
}
