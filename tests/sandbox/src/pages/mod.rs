//! What people see: plain HTML that works without scripts, with a keyboard, in the dark and on a phone.
//!
//! Every page names itself in `<body data-page="...">`, which is what robots and tests look at.

pub(crate) mod approval;
pub(crate) mod consent;
pub(crate) mod device;
pub(crate) mod error;
pub(crate) mod form_post;
pub(crate) mod login;
pub(crate) mod start;
pub(crate) mod style;

use maud::{DOCTYPE, Markup, PreEscaped, html};

/// The `Content-Security-Policy` of every page: one script may run, the one that posts the answer to the app.
pub(crate) const POLICY: &str = "default-src 'none'; script-src 'sha256-8lDeP0UDwCO6/RhblgeH/ctdBzjVpJxrXizsnIk3cEQ='; \
     style-src 'unsafe-inline'; img-src data:; base-uri 'none'; frame-ancestors 'none'";

/// A complete document.
pub(crate) fn document(page: &str, title: &str, content: &Markup) -> String {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                link rel="icon" href="data:,";
                title { (title) " - Sandbox" }
                style { (PreEscaped(style::SHEET)) }
            }
            body data-page=(page) {
                header { p.brand { "Sandbox " span.not { "\u{2014} not Microsoft" } } }
                main { (content) }
                footer { p { "A local stand-in for development. Do not enter a real password." } }
            }
        }
    }
    .into_string()
}

/// A form of a flow; the buttons differ in the value of `do`.
pub(crate) fn flow_form(action: &str, flow: &str, content: &Markup) -> Markup {
    html! {
        form method="post" action=(action) {
            input type="hidden" name="flow" value=(flow);
            (content)
        }
    }
}

/// A button that submits its form with `do=value`.
pub(crate) fn button(value: &str, label: &str, primary: bool) -> Markup {
    html! { button type="submit" name="do" value=(value) .primary[primary] { (label) } }
}
