//! Which function answers which path.

use crate::control;
use crate::graph;
use crate::http::{Reply, Request};
use crate::identity::admin_consent::Approval;
use crate::identity::flow::Turn;
use crate::identity::{admin_consent, authorize, consent, device, discovery, login, logout, token};
use crate::pages;
use crate::state::State;

/// Answers one request.
pub(crate) fn dispatch(state: &mut State, request: &Request, ca_pem: &str) -> Reply {
    let segments = request.segments();
    let mut turn = Turn { state, request };
    match segments.as_slice() {
        [] => Reply::html(200, pages::start::page(turn.state, &request.origin)),
        ["_control", rest @ ..] => control::routes::handle(turn.state, request, rest, ca_pem),
        ["graph", "v1.0", rest @ ..] => graph::handle(&mut turn, rest),
        ["error"] => Reply::html(200, pages::error::explain(request.query.value("code").unwrap_or_default())),
        ["devicelogin"] | ["common", "oauth2", "deviceauth"] => device::enter_code(&mut turn),
        ["common", "discovery", "instance"] => discovery::instance(&mut turn),
        [tenant, "oauth2", "v2.0", endpoint] => oauth(&mut turn, tenant, endpoint),
        [tenant, "v2.0", ".well-known", "openid-configuration"] => discovery::configuration(&mut turn, tenant),
        [_, "discovery", "v2.0", "keys"] => discovery::keys(&turn),
        [tenant, "v2.0", "adminconsent"] => admin_consent::begin(&mut turn, tenant, Approval { legacy: false }),
        [tenant, page] => account_page(&mut turn, tenant, page),
        _ => not_found(),
    }
}

fn oauth(turn: &mut Turn<'_>, tenant: &str, endpoint: &str) -> Reply {
    match endpoint {
        "authorize" => authorize::begin(turn, tenant),
        "token" => token::handle(turn, tenant),
        "devicecode" => device::begin(turn, tenant),
        "logout" => logout::handle(turn),
        _ => not_found(),
    }
}

/// What the pages post to, and the legacy admin consent.
fn account_page(turn: &mut Turn<'_>, tenant: &str, page: &str) -> Reply {
    let posted = turn.request.method == http::Method::POST;
    match page {
        "adminconsent" if !posted => admin_consent::begin(turn, tenant, Approval { legacy: true }),
        "adminconsent" => admin_consent::submit(turn),
        "login" if posted => login::submit(turn),
        "account" if posted => login::pick(turn),
        "mfa" if posted => login::second_factor(turn),
        "consent" if posted => consent::submit(turn),
        "approval" if posted => consent::request_approval(turn),
        _ => not_found(),
    }
}

fn not_found() -> Reply {
    Reply::html(404, pages::error::not_found())
}
