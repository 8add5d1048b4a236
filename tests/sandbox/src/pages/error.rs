//! Errors that stay in the browser (FACTS 1.6), and the plain ends of a flow.

use maud::{Markup, html};

use super::document;
use crate::identity::errors::{Ids, Problem};

/// "Sorry, but we're having trouble signing you in."
pub(crate) fn page(problem: &Problem, ids: &Ids) -> String {
    document(
        "error",
        "Sign-in error",
        &html! {
            h1 { "Sorry, but we\u{2019}re having trouble signing you in." }
            p.error role="alert" { "AADSTS" (problem.code) ": " (problem.text.replace("{}", "\u{2026}")) }
            (details(problem, ids))
        },
    )
}

/// The numbers that support asks for.
pub(crate) fn details(problem: &Problem, ids: &Ids) -> Markup {
    html! {
        div.details {
            h2 { "Troubleshooting details" }
            p { "If you contact your administrator, send this info to them." }
            dl {
                dt { "Error code" } dd.code data-code=(problem.code) { "AADSTS" (problem.code) }
                dt { "Correlation ID" } dd.code { (ids.correlation) }
                dt { "Timestamp" } dd.code { (ids.timestamp) }
            }
        }
    }
}

/// Cancelled, with no app to tell.
pub(crate) fn cancelled() -> String {
    document("cancelled", "Cancelled", &html! { h1 { "Cancelled" } p { "Nothing was changed. You can close this page." } })
}

/// After sign-out.
pub(crate) fn signed_out() -> String {
    document("signed-out", "Signed out", &html! { h1 { "You signed out of your account" } p { "You can close this page." } })
}

/// `/error?code=...`, where `error_uri` points.
pub(crate) fn explain(code: &str) -> String {
    let number = code.parse().unwrap_or_default();
    document("error-code", "Error code", &html! { h1 { "AADSTS" (number) } p { (Problem::new(number).text) } })
}

/// A path that does not exist.
pub(crate) fn not_found() -> String {
    document("not-found", "Not found", &html! { h1 { "Not found" } p { a href="/" { "Start page" } } })
}
