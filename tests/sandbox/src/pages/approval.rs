//! The pages of people who may not consent: "Need admin approval" and the request form (FACTS 4.5).

use std::collections::BTreeSet;

use maud::{Markup, html};

use super::consent::{about, permissions};
use super::error::details;
use super::{button, document, flow_form};
use crate::identity::errors::{Ids, Problem};
use crate::identity::flow::{Flow, SignIn};
use crate::state::model::App;

/// Workflow off: a page that nothing leaves, unless the person presses the way back.
pub(crate) fn need_admin(app: &App, flow: &Flow, sign_in: &SignIn, ids: &Ids) -> String {
    let code = if sign_in.tenant.risky_app { 900_941 } else { 90_094 };
    document(
        "need-admin-approval",
        "Need admin approval",
        &html! {
            p.soft { (sign_in.user.user_name) }
            h1 { "Need admin approval" }
            (about(app))
            p {
                (app.name) " needs permission to access resources in your organization that only an admin can grant. "
                "Please ask an admin to grant permission to this app before you can use it."
            }
            (flow_form(&format!("/{}/login", flow.alias), &flow.id, &html! {
                button.link type="submit" formaction={ "/" (flow.alias) "/account" } name="do" value="other" {
                    "Have an admin account? Sign in with that account"
                }
            }))
            (way_back(flow, &html! {
                button.link type="submit" name="do" value="back" { "Return to the application without granting consent" }
            }))
            (details(&Problem::new(code), ids))
        },
    )
}

/// Workflow on: the form that sends a request to the reviewers.
pub(crate) fn required(app: &App, flow: &Flow, sign_in: &SignIn, missing: &BTreeSet<String>, ids: &Ids) -> String {
    let code = if sign_in.tenant.risky_app { 900_981 } else { 90_095 };
    document(
        "approval-required",
        "Approval required",
        &html! {
            p.soft { (sign_in.user.user_name) }
            h1 { "Approval required" }
            (about(app))
            p { "This app requires your admin's approval to:" }
            (permissions(missing))
            (way_back(flow, &html! {
                input type="hidden" name="account" value=(sign_in.user.user_name);
                label for="justification" { "Enter justification for requesting this app" }
                textarea #justification name="justification" rows="3" {}
                (button("back", "Cancel", false))
                (button("request", "Request approval", true))
            }))
            (details(&Problem::new(code), ids))
        },
    )
}

/// After the request was sent. The app will only hear that the person came back.
pub(crate) fn sent(app: &App, flow: &Flow) -> String {
    document(
        "approval-sent",
        "Request sent",
        &html! {
            h1 { "Request sent" }
            p { "Your request was sent to your admins. You will be notified when they have decided on " (app.name) "." }
            (way_back(flow, &html! { (button("back", "Back to app", true)) }))
        },
    )
}

fn way_back(flow: &Flow, content: &Markup) -> Markup {
    flow_form(&format!("/{}/approval", flow.alias), &flow.id, content)
}
