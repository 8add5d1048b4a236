//! The refresh grant, and what has to be true of the person, the app and the organisation each time (FACTS 15).

use std::collections::BTreeSet;

use serde_json::json;

use super::authorize::{asks_for_cae, parse_scopes};
use super::errors::Problem;
use super::flow::{self, Turn};
use super::issue::{self, Wanted};
use super::scopes::is_openid;
use super::token::{platform, required};
use crate::http::Reply;
use crate::state::State;
use crate::state::model::{AppPresence, ConditionalAccess, Platform, Tenant, User};
use crate::state::tokens::{Grant, RefreshToken};

const DAY: i64 = 86_400;
/// A refresh token dies after ninety days without use; a single-page application's after one day.
const IDLE_LIFETIME: i64 = 90 * DAY;
/// The authentication context that a policy asks for in `claims`.
const POLICY_ID: &str = "aaaaaaaa-1111-4222-8333-bbbbbbbbbbbb";

/// `grant_type=refresh_token`.
pub(crate) fn exchange(turn: &mut Turn<'_>, alias: &str) -> Result<Reply, Problem> {
    let request = turn.request;
    let value = required(request, "refresh_token")?;
    let record = turn.state.refresh_tokens.get(value).cloned().ok_or_else(|| Problem::new(9_002_313))?;
    if record.grant.platform != Platform::Native {
        platform(request, record.grant.platform, true)?;
    } else if request.header("origin").is_some() || request.form.value("client_secret").is_some() {
        platform(request, Platform::Native, true)?;
    }
    lifetime(turn.state, &record)?;
    let Some(scope) = request.form.value("scope") else {
        let app = &turn.state.app;
        return Err(Problem::new(90_009).about(&app.client_id).about(&app.name));
    };
    let scopes = parse_scopes(scope, &turn.state.app)?;
    let grant = still_allowed(turn.state, &record.grant, alias, &scopes)?;
    if let Some(token) = turn.state.refresh_tokens.get_mut(value) {
        token.used = true;
    }
    let wanted = Wanted {
        scopes,
        client_info: request.form.value("client_info") == Some("1"),
        cae: asks_for_cae(request.form.value("claims")),
        carried_from: Some(record.issued_at),
    };
    Ok(issue::tokens(turn, grant, &wanted))
}

fn lifetime(state: &State, record: &RefreshToken) -> Result<(), Problem> {
    let age = state.now().saturating_sub(record.issued_at);
    if record.grant.platform == Platform::Spa && age > DAY {
        return Err(Problem::new(700_084));
    }
    if age > IDLE_LIFETIME {
        return Err(Problem::new(700_082));
    }
    if record.used && state.settings.strict_rotation {
        return Err(Problem::new(70_000));
    }
    Ok(())
}

/// The grant in the organisation asked for, if person, app, policies and consent still allow it.
fn still_allowed(state: &State, grant: &Grant, alias: &str, scopes: &BTreeSet<String>) -> Result<Grant, Problem> {
    let user =
        state.user(&grant.user_name).filter(|user| !user.deleted).ok_or_else(|| Problem::new(50_034).about(&grant.user_name))?;
    if user.disabled {
        return Err(Problem::new(50_057));
    }
    if grant.event <= user.valid_from {
        return Err(Problem::new(50_173));
    }
    let segment = if flow::is_alias(alias) { &grant.tenant_id } else { alias };
    let tenant = flow::tenant(state, segment, user)?;
    app(state, &tenant)?;
    policies(state, grant, &tenant, user)?;
    consent(state, &tenant, user, scopes)?;
    Ok(Grant { tenant_id: tenant.id, ..grant.clone() })
}

fn app(state: &State, tenant: &Tenant) -> Result<(), Problem> {
    let app = &state.app;
    match tenant.app {
        AppPresence::Available => Ok(()),
        AppPresence::Disabled => Err(Problem::new(7_000_112).about(&app.client_id).about(&app.name)),
        AppPresence::Absent => Err(Problem::new(700_016).about(&app.client_id).about(&tenant.display_name)),
    }
}

fn policies(state: &State, grant: &Grant, tenant: &Tenant, user: &User) -> Result<(), Problem> {
    if tenant.assignment_required && !tenant.assigned.contains(&user.user_name) {
        return Err(Problem::new(50_105).about(&state.app.name));
    }
    let claims = json!({ "access_token": { "capolids": { "essential": true, "values": [POLICY_ID] } } });
    match tenant.conditional_access {
        ConditionalAccess::Block => Err(Problem::new(53_003)),
        ConditionalAccess::Device => Err(Problem::new(53_000).with_claims(&claims)),
        ConditionalAccess::Mfa if !grant.mfa => Err(Problem::new(50_076).with_claims(&claims)),
        _ => Ok(()),
    }
}

/// Every resource scope must still be granted; a request for `OpenID` scopes alone needs some grant to be left.
pub(crate) fn consent(state: &State, tenant: &Tenant, user: &User, scopes: &BTreeSet<String>) -> Result<(), Problem> {
    let granted = tenant.granted_to(&user.user_name);
    let missing = scopes.iter().any(|scope| !is_openid(scope) && !granted.contains(scope));
    if missing || granted.is_empty() {
        return Err(Problem::new(65_001).about(&state.app.client_id).about(&state.app.name));
    }
    Ok(())
}
