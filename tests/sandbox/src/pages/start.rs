//! The start page: what is here, and what to put into the client.

use maud::{Markup, html};

use super::document;
use crate::state::State;
use crate::state::clock::login_timestamp;
use crate::state::model::{AppPresence, ConditionalAccess, ConsentPolicy, Tenant, User};

/// `/`.
pub(crate) fn page(state: &State, origin: &str) -> String {
    document(
        "start",
        "Start",
        &html! {
            h1 { "A Microsoft 365 to develop against" }
            p { "Point your client here, sign in as one of the people below, and flip the switches to see what happens." }
            (settings(state, origin))
            h2 { "Organizations" }
            @for tenant in &state.tenants { (organization(tenant)) }
            (people(state))
            (clock(state))
            (endpoints(origin))
        },
    )
}

fn settings(state: &State, origin: &str) -> Markup {
    html! {
        h2 { "Settings of your client" }
        dl {
            dt { "Authority" } dd.code { (origin) }
            dt { "Graph base" } dd.code { (origin) "/graph" }
            dt { "Client id" } dd.code { (state.app.client_id) }
            dt { "Tenant" } dd { span.code { "organizations" } ", or an id or domain from below" }
            @for known in &state.app.redirect_uris {
                dt { "Redirect address" } dd { span.code { (known.uri) } " (" (name_of(known.platform)) ")" }
            }
            dt { "CA certificate" } dd { a href="/_control/ca.pem" { "for HTTPS" } }
        }
    }
}

fn organization(tenant: &Tenant) -> Markup {
    let policies = [ConsentPolicy::Managed, ConsentPolicy::Legacy, ConsentPolicy::Low, ConsentPolicy::Disabled];
    let access = [ConditionalAccess::None, ConditionalAccess::Mfa, ConditionalAccess::Block, ConditionalAccess::Device];
    let presence = [AppPresence::Available, AppPresence::Disabled, AppPresence::Absent];
    html! {
        h3 { (tenant.display_name) }
        p {
            span.code { (tenant.domain) } " \u{b7} " span.code { (tenant.id) } " \u{b7} "
            @if tenant.tenant_grant.is_empty() { "not approved" } @else { "approved" }
            @if !tenant.approval_requests.is_empty() { " \u{b7} " (tenant.approval_requests.len()) " approval request(s)" }
        }
        div.switches {
            (choice(tenant, "set_consent_policy", "policy", "Users may consent", &policies.map(name_of), &name_of(tenant.consent_policy)))
            (choice(tenant, "set_conditional_access", "policy", "Conditional access", &access.map(name_of), &name_of(tenant.conditional_access)))
            (choice(tenant, "set_app_presence", "presence", "The app", &presence.map(name_of), &name_of(tenant.app)))
            (switch(tenant, "set_workflow", "Admin consent workflow", tenant.workflow))
            (switch(tenant, "set_assignment_required", "Assignment required", tenant.assignment_required))
            (switch(tenant, "set_risky_app", "App judged risky", tenant.risky_app))
            @if tenant.tenant_grant.is_empty() {
                (action("approve", tenant, "Approve the app"))
            } @else {
                (action("revoke_tenant_consent", tenant, "Withdraw the approval"))
            }
        }
    }
}

/// A form that posts one change and comes back.
fn action(change: &str, tenant: &Tenant, label: &str) -> Markup {
    html! {
        form method="post" action={ "/_control/" (change) } {
            input type="hidden" name="tenant" value=(tenant.name);
            button type="submit" aria-label={ (label) ": " (tenant.display_name) } { (label) }
        }
    }
}

fn choice(tenant: &Tenant, change: &str, field: &str, label: &str, options: &[String], current: &str) -> Markup {
    let id = format!("{}-{change}", tenant.name);
    html! {
        form method="post" action={ "/_control/" (change) } {
            input type="hidden" name="tenant" value=(tenant.name);
            label for=(id) { (label) }
            select id=(id) name=(field) {
                @for option in options { option value=(option) selected[option == current] { (option) } }
            }
            button type="submit" aria-label={ "Change: " (label) ", " (tenant.display_name) } { "Change" }
        }
    }
}

fn switch(tenant: &Tenant, change: &str, label: &str, on: bool) -> Markup {
    html! {
        form method="post" action={ "/_control/" (change) } {
            input type="hidden" name="tenant" value=(tenant.name);
            input type="hidden" name="on" value=(!on);
            button type="submit" aria-label={ (label) ": " (if on { "on" } else { "off" }) ", " (tenant.display_name) } {
                (label) ": " (if on { "on" } else { "off" })
            }
        }
    }
}

fn people(state: &State) -> Markup {
    html! {
        h2 { "People" }
        div.scroll tabindex="0" role="region" aria-label="People" {
            table {
                thead { tr { th scope="col" { "User name" } th scope="col" { "Name" } th scope="col" { "Notes" } th scope="col" { "What can happen" } } }
                tbody {
                    @for user in &state.users {
                        tr {
                            td.code { (user.user_name) }
                            td { (user.display_name) }
                            td {
                                @if user.admin { "administrator " }
                                @if !user.mailbox { "no licence, no mailbox " }
                                @if user.disabled { "disabled " }
                                @if user.deleted { "deleted " }
                                @for tenant in state.tenants.iter().filter(|tenant| {
                                    tenant.id != user.home_tenant && user.object_id(&tenant.id).is_some()
                                }) { "guest of " (tenant.display_name) }
                            }
                            td { (events(user)) }
                        }
                    }
                }
            }
        }
    }
}

/// What can happen to a person, as buttons.
fn events(user: &User) -> Markup {
    let name = user.user_name.as_str();
    let event = |change: &str, label: &str, on: Option<bool>| {
        html! {
            form.inline method="post" action={ "/_control/" (change) } {
                input type="hidden" name="user" value=(name);
                @if let Some(on) = on { input type="hidden" name="on" value=(on); }
                button type="submit" aria-label={ (label) ": " (name) } { (label) }
            }
        }
    };
    html! {
        (event("set_user_disabled", if user.disabled { "Enable" } else { "Disable" }, Some(!user.disabled)))
        (event("revoke_sessions", "Revoke sessions", None))
        (event("revoke_consent", "Remove consent", None))
    }
}

fn clock(state: &State) -> Markup {
    html! {
        h2 { "Clock" }
        p { (login_timestamp(state.now())) ", " (state.clock.offset) " seconds from this machine's." }
        form method="post" action="/_control/advance_clock" {
            label for="seconds" { "Seconds forward" }
            input #seconds type="text" inputmode="numeric" name="seconds" value="3600";
            button type="submit" { "Advance the clock" }
        }
        form method="post" action="/_control/reset" { button type="submit" { "Reset everything" } }
    }
}

fn endpoints(origin: &str) -> Markup {
    let paths = [
        "/{tenant}/oauth2/v2.0/authorize",
        "/{tenant}/oauth2/v2.0/token",
        "/{tenant}/oauth2/v2.0/devicecode",
        "/devicelogin",
        "/{tenant}/v2.0/adminconsent",
        "/{tenant}/adminconsent",
        "/{tenant}/v2.0/.well-known/openid-configuration",
        "/{tenant}/discovery/v2.0/keys",
        "/common/discovery/instance",
        "/{tenant}/oauth2/v2.0/logout",
        "/graph/v1.0/me",
        "/_control/state",
        "/_control/log",
    ];
    html! {
        h2 { "Endpoints" }
        ul { @for path in paths { li.code { (origin) (path) } } }
    }
}

/// The name a value has in the control interface.
fn name_of(value: impl serde::Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}
