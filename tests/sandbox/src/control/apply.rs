//! What each change does to the state.

use std::collections::BTreeSet;
use std::fmt;

use super::change::Change;
use crate::identity::scopes;
use crate::state::State;
use crate::state::model::{RedirectUri, Tenant, User};

/// A change that names something that is not there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ControlError(String);

impl ControlError {
    pub(super) fn new(what: &str) -> ControlError {
        ControlError(what.to_owned())
    }
}

impl fmt::Display for ControlError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for ControlError {}

/// Applies one change.
pub(crate) fn apply(state: &mut State, change: Change) -> Result<(), ControlError> {
    match change {
        Change::Reset => state.reset(),
        Change::AdvanceClock { seconds } => {
            state.clock.offset = state.clock.offset.saturating_add(seconds);
        }
        Change::SetClockOffset { seconds } => state.clock.offset = seconds,
        Change::EndBrowserSessions => state.sessions.clear(),
        Change::SetTokens { settings } => state.settings = *settings,
        Change::RotateKeys { keep_old } => state.keys.rotate(keep_old),
        Change::SetKeysBody { body } => state.keys.body_override = body,
        Change::AddFault(fault) => state.faults.add(*fault),
        Change::ClearFaults { name } => state.faults.clear(name.as_deref()),
        Change::ClearLog => state.log.clear(),
        Change::ExpireAccessTokens { user } => expire_access(state, user.as_deref()),
        Change::ExpireRefreshTokens { user } => expire_refresh(state, user.as_deref()),
        other => return directory(state, other),
    }
    Ok(())
}

fn directory(state: &mut State, change: Change) -> Result<(), ControlError> {
    match change {
        Change::SetConsentPolicy { tenant, policy } => on_tenant(state, &tenant, |found| found.consent_policy = policy),
        Change::SetWorkflow { tenant, on } => on_tenant(state, &tenant, |found| found.workflow = on),
        Change::SetAssignmentRequired { tenant, on } => on_tenant(state, &tenant, |found| found.assignment_required = on),
        Change::SetConditionalAccess { tenant, policy } => on_tenant(state, &tenant, |found| found.conditional_access = policy),
        Change::SetRiskyApp { tenant, on } => on_tenant(state, &tenant, |found| found.risky_app = on),
        Change::SetAppPresence { tenant, presence } => on_tenant(state, &tenant, |found| found.app = presence),
        Change::Assign { tenant, user, on } => assign(state, &tenant, &user, on),
        Change::Approve { tenant, scopes } => approve(state, &tenant, scopes),
        Change::RevokeTenantConsent { tenant } => on_tenant(state, &tenant, |found| found.tenant_grant.clear()),
        Change::RevokeConsent { tenant, user } => revoke(state, tenant.as_deref(), user.as_deref()),
        Change::GrantUser { user, scopes, tenant } => grant(state, &user, scopes, tenant),
        other => registration(state, other),
    }
}

fn registration(state: &mut State, change: Change) -> Result<(), ControlError> {
    match change {
        Change::SetPublicFlows { on } => state.app.public_flows = on,
        Change::SetPublisherVerified { on } => state.app.publisher_verified = on,
        Change::SetDeclaredPermissions { scopes } => {
            state.app.declared_permissions = canonical(scopes)?;
        }
        Change::AddRedirectUri { uri, platform } => {
            state.app.redirect_uris.retain(|known| known.uri != uri);
            state.app.redirect_uris.push(RedirectUri { uri, platform });
        }
        Change::SetRedirectUris { redirect_uris } => state.app.redirect_uris = redirect_uris,
        other => return person(state, other),
    }
    Ok(())
}

fn person(state: &mut State, change: Change) -> Result<(), ControlError> {
    let event = state.next_event();
    match change {
        Change::SetUserDisabled { user, on } => on_user(state, &user, |found| found.disabled = on),
        Change::SetUserDeleted { user, on } => on_user(state, &user, |found| found.deleted = on),
        Change::ChangePassword { user } | Change::RevokeSessions { user } => {
            on_user(state, &user, |found| found.valid_from = event)
        }
        Change::RemoveLicence { user } => on_user(state, &user, |found| {
            found.mail = None;
            found.mailbox = false;
        }),
        Change::SetMail { user, mail } => on_user(state, &user, |found| found.mail = mail),
        Change::SetMailbox { user, on } => on_user(state, &user, |found| found.mailbox = on),
        Change::CaeChallenge { user } => on_user(state, &user, |found| found.challenged_at = event),
        other => super::mailbox::apply(state, other),
    }
}

fn on_tenant(state: &mut State, named: &str, act: impl FnOnce(&mut Tenant)) -> Result<(), ControlError> {
    state.tenant_mut(named).map(act).ok_or_else(|| ControlError(format!("no organisation named {named}")))
}

fn on_user(state: &mut State, named: &str, act: impl FnOnce(&mut User)) -> Result<(), ControlError> {
    state.user_mut(named).map(act).ok_or_else(|| ControlError(format!("no user named {named}")))
}

/// The name as the directory spells it.
fn known_user(state: &State, named: &str) -> Result<User, ControlError> {
    state.user(named).cloned().ok_or_else(|| ControlError(format!("no user named {named}")))
}

fn assign(state: &mut State, tenant: &str, user: &str, on: bool) -> Result<(), ControlError> {
    let user = known_user(state, user)?.user_name;
    on_tenant(state, tenant, |found| {
        if on {
            found.assigned.insert(user);
        } else {
            found.assigned.remove(&user);
        }
    })
}

fn approve(state: &mut State, tenant: &str, scopes: Option<Vec<String>>) -> Result<(), ControlError> {
    let scopes = match scopes {
        Some(scopes) => canonical(scopes)?,
        None => state.app.declared_permissions.clone(),
    };
    on_tenant(state, tenant, |found| {
        found.tenant_grant = scopes;
        found.approval_requests.clear();
    })
}

fn revoke(state: &mut State, tenant: Option<&str>, user: Option<&str>) -> Result<(), ControlError> {
    let user = user.map(|user| known_user(state, user)).transpose()?;
    let clear = |found: &mut Tenant| {
        if let Some(user) = &user {
            found.user_grants.remove(&user.user_name);
        } else {
            found.user_grants.clear();
            found.tenant_grant.clear();
        }
    };
    if let Some(tenant) = tenant {
        on_tenant(state, tenant, clear)
    } else {
        state.tenants.iter_mut().for_each(clear);
        Ok(())
    }
}

fn grant(state: &mut State, user: &str, scopes: Vec<String>, tenant: Option<String>) -> Result<(), ControlError> {
    let user = known_user(state, user)?;
    let scopes = canonical(scopes)?;
    on_tenant(state, &tenant.unwrap_or(user.home_tenant), |found| {
        found.user_grants.entry(user.user_name).or_default().extend(scopes);
    })
}

fn canonical(names: Vec<String>) -> Result<BTreeSet<String>, ControlError> {
    let known = |name: String| match scopes::find(&name) {
        Some(permission) => Ok(permission.name.to_owned()),
        None => Err(ControlError(format!("no scope named {name}"))),
    };
    names.into_iter().map(known).collect()
}

fn expire_access(state: &mut State, user: Option<&str>) {
    let now = state.now();
    for token in state.access_tokens.values_mut().filter(|token| of(user, &token.grant.user_name)) {
        token.expires_at = token.expires_at.min(now);
    }
}

fn expire_refresh(state: &mut State, user: Option<&str>) {
    for token in state.refresh_tokens.values_mut().filter(|token| of(user, &token.grant.user_name)) {
        token.issued_at = 0;
    }
}

fn of(user: Option<&str>, owner: &str) -> bool {
    user.is_none_or(|user| user.eq_ignore_ascii_case(owner))
}
