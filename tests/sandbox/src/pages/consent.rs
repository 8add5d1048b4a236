//! "Permissions requested": a user's, an administrator's, and the organisation's (FACTS 4.8).

use std::collections::BTreeSet;

use maud::{Markup, html};

use super::{button, document, flow_form};
use crate::identity::consent::is_admin;
use crate::identity::flow::{Flow, SignIn};
use crate::identity::scopes::find;
use crate::state::model::App;

/// The page for one person; an administrator may tick "on behalf of your organization".
pub(crate) fn page(app: &App, flow: &Flow, sign_in: &SignIn, missing: &BTreeSet<String>) -> String {
    let fields = html! {
        input type="hidden" name="account" value=(sign_in.user.user_name);
        @if is_admin(&sign_in.user, &sign_in.tenant) {
            label.check for="organization" {
                input #organization type="checkbox" name="organization" value="on";
                "Consent on behalf of your organization"
            }
        }
        (buttons())
    };
    document(
        "consent",
        "Permissions requested",
        &html! {
            p.soft { (sign_in.user.user_name) }
            h1 { "Permissions requested" }
            (about(app))
            p { "This app would like to:" }
            (permissions(missing))
            (small_print(app))
            (flow_form(&format!("/{}/consent", flow.alias), &flow.id, &fields))
        },
    )
}

/// The administrator's page of the admin-consent endpoints.
pub(crate) fn admin_page(app: &App, flow: &Flow, sign_in: &SignIn) -> String {
    document(
        "admin-consent",
        "Permissions requested",
        &html! {
            p.soft { (sign_in.user.user_name) }
            h1 { "Permissions requested" br; "Accept for your organization" }
            (about(app))
            p { "This app would like to:" }
            (permissions(&flow.scopes))
            p {
                "If you accept, this app gets access to the specified resources for all users in your organization, "
                strong { (sign_in.tenant.display_name) } ". No one else will be prompted to review these permissions."
            }
            (small_print(app))
            (flow_form(&format!("/{}/adminconsent", flow.alias), &flow.id, &buttons()))
        },
    )
}

/// After an approval that had no app to go back to.
pub(crate) fn approved(app: &App) -> String {
    document(
        "admin-consent-done",
        "Approved",
        &html! { h1 { "Approved" } p { (app.name) " may now be used in your organization. You can close this page." } },
    )
}

/// The permissions, each with its explanation.
pub(crate) fn permissions(scopes: &BTreeSet<String>) -> Markup {
    html! {
        ul.permissions {
            @for permission in scopes.iter().filter_map(|name| find(name)) {
                li {
                    details {
                        summary { (permission.title) }
                        p.soft { (permission.description) " " span.code { (permission.name) } }
                    }
                }
            }
        }
    }
}

/// App, publisher.
pub(crate) fn about(app: &App) -> Markup {
    html! {
        div.app {
            span.tile aria-hidden="true" { (app.name.chars().next().unwrap_or_default()) }
            div {
                strong { (app.name) } br;
                @if app.publisher_verified {
                    span.soft { (app.publisher) } " " span.verified { "\u{2713} verified publisher" }
                } @else {
                    span.soft { "unverified" }
                }
            }
        }
    }
}

fn small_print(app: &App) -> Markup {
    html! {
        p.soft {
            "Accepting these permissions means that you allow " (app.name) " to use your data as specified in its "
            "terms of service and privacy statement. You can change these permissions at "
            a href="https://myapps.microsoft.com" { "https://myapps.microsoft.com" } ". "
            "Does this app look suspicious? " a href="/" { "Report it here" }
        }
    }
}

fn buttons() -> Markup {
    html! { (button("cancel", "Cancel", false)) (button("accept", "Accept", true)) }
}
