//! The pages of the device flow.

use maud::html;

use super::{button, document};
use crate::identity::errors::Problem;
use crate::state::model::App;

/// "Enter code".
pub(crate) fn enter(offered: &str, problem: Option<&Problem>) -> String {
    document(
        "device-code",
        "Enter code",
        &html! {
            h1 { "Enter code" }
            p { "Enter the code displayed on your app or device." }
            @if let Some(problem) = problem {
                p #problem .error role="alert" { (problem.text) " (AADSTS" (problem.code) ")" }
            }
            form method="post" action="/devicelogin" {
                label for="otc" { "Code" }
                input #otc type="text" name="otc" value=(offered) maxlength="9" autocomplete="off" spellcheck="false"
                    aria-describedby=[problem.map(|_| "problem")];
                (button("next", "Next", true))
            }
        },
    )
}

/// The device is in.
pub(crate) fn done(app: &App) -> String {
    document(
        "device-done",
        "Signed in",
        &html! {
            h1 { (app.name) }
            p { "You have signed in to the " (app.name) " application on your device. You may now close this window." }
        },
    )
}

/// The person said no.
pub(crate) fn declined(app: &App) -> String {
    document(
        "device-declined",
        "Not signed in",
        &html! { h1 { (app.name) } p { "You declined. The device was not signed in. You may now close this window." } },
    )
}
