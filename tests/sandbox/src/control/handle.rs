//! The typed side of the control interface.

use std::sync::Arc;

use super::apply::{ControlError, apply};
use super::change::Change;
use crate::faults::Fault;
use crate::log::LogEntry;
use crate::server::Shared;
use crate::state::model::{AppPresence, ConditionalAccess, ConsentPolicy, Platform, Tenant, User};
use crate::state::settings::TokenSettings;

/// Steers a running sandbox from the same process. Cheap to clone; works from any thread.
#[derive(Debug, Clone)]
pub struct Control {
    shared: Arc<Shared>,
}

impl Control {
    pub(crate) fn new(shared: Arc<Shared>) -> Control {
        Control { shared }
    }

    pub(super) fn shared(&self) -> &Shared {
        &self.shared
    }

    /// Applies any change.
    pub fn change(&self, change: Change) -> Result<(), ControlError> {
        apply(&mut self.shared.state(), change)
    }

    /// Unix seconds by the sandbox's clock.
    pub fn now(&self) -> i64 {
        self.shared.state().now()
    }

    /// The requests so far, oldest first, without those to the control interface.
    pub fn log(&self) -> Vec<LogEntry> {
        self.shared.state().log.entries()
    }

    /// The requests so far to paths that end like this, for instance `/oauth2/v2.0/token`.
    pub fn log_of(&self, path_end: &str) -> Vec<LogEntry> {
        self.log().into_iter().filter(|entry| entry.path.ends_with(path_end)).collect()
    }

    /// The organisations as they are now.
    pub fn tenants(&self) -> Vec<Tenant> {
        self.shared.state().tenants.clone()
    }

    /// The organisation with that short name, domain or id.
    pub fn tenant(&self, named: &str) -> Option<Tenant> {
        self.shared.state().tenant(named).cloned()
    }

    /// The people as they are now.
    pub fn users(&self) -> Vec<User> {
        self.shared.state().users.clone()
    }

    /// The person with that user name.
    pub fn user(&self, user_name: &str) -> Option<User> {
        self.shared.state().user(user_name).cloned()
    }

    /// The app's client id.
    pub fn client_id(&self) -> String {
        self.shared.state().app.client_id.clone()
    }

    /// Back to the scenario.
    pub fn reset(&self) -> Result<(), ControlError> {
        self.change(Change::Reset)
    }

    /// Empties the request log.
    pub fn clear_log(&self) -> Result<(), ControlError> {
        self.change(Change::ClearLog)
    }

    /// Moves the clock by so many seconds.
    pub fn advance_clock(&self, seconds: i64) -> Result<(), ControlError> {
        self.change(Change::AdvanceClock { seconds })
    }

    /// Approval in the admin center, without a link of ours.
    pub fn approve(&self, tenant: &str) -> Result<(), ControlError> {
        self.change(Change::Approve { tenant: tenant.to_owned(), scopes: None })
    }

    /// Approval of exactly these scopes.
    pub fn approve_scopes(&self, tenant: &str, scopes: &[&str]) -> Result<(), ControlError> {
        let scopes = Some(scopes.iter().map(ToString::to_string).collect());
        self.change(Change::Approve { tenant: tenant.to_owned(), scopes })
    }

    /// Removes every grant of an organisation: its own and its users'.
    pub fn revoke_tenant(&self, tenant: &str) -> Result<(), ControlError> {
        self.change(Change::RevokeConsent { tenant: Some(tenant.to_owned()), user: None })
    }

    /// Removes a user's own grants everywhere.
    pub fn revoke_user(&self, user: &str) -> Result<(), ControlError> {
        self.change(Change::RevokeConsent { tenant: None, user: Some(user.to_owned()) })
    }

    /// Grants scopes for one user in the home organisation.
    pub fn grant_user(&self, user: &str, scopes: &[&str]) -> Result<(), ControlError> {
        let scopes = scopes.iter().map(ToString::to_string).collect();
        self.change(Change::GrantUser { user: user.to_owned(), scopes, tenant: None })
    }

    /// What users may consent to.
    pub fn set_consent_policy(&self, tenant: &str, policy: ConsentPolicy) -> Result<(), ControlError> {
        self.change(Change::SetConsentPolicy { tenant: tenant.to_owned(), policy })
    }

    /// Admin consent workflow.
    pub fn set_workflow(&self, tenant: &str, on: bool) -> Result<(), ControlError> {
        self.change(Change::SetWorkflow { tenant: tenant.to_owned(), on })
    }

    /// Assignment required.
    pub fn set_assignment_required(&self, tenant: &str, on: bool) -> Result<(), ControlError> {
        self.change(Change::SetAssignmentRequired { tenant: tenant.to_owned(), on })
    }

    /// Assigns a user to the app, or not.
    pub fn assign(&self, tenant: &str, user: &str, on: bool) -> Result<(), ControlError> {
        self.change(Change::Assign { tenant: tenant.to_owned(), user: user.to_owned(), on })
    }

    /// Conditional access.
    pub fn set_conditional_access(&self, tenant: &str, policy: ConditionalAccess) -> Result<(), ControlError> {
        self.change(Change::SetConditionalAccess { tenant: tenant.to_owned(), policy })
    }

    /// The app is judged risky.
    pub fn set_risky_app(&self, tenant: &str, on: bool) -> Result<(), ControlError> {
        self.change(Change::SetRiskyApp { tenant: tenant.to_owned(), on })
    }

    /// Enterprise app available, disabled or absent.
    pub fn set_app_presence(&self, tenant: &str, presence: AppPresence) -> Result<(), ControlError> {
        self.change(Change::SetAppPresence { tenant: tenant.to_owned(), presence })
    }

    /// Registers one more redirect address.
    pub fn add_redirect_uri(&self, uri: &str, platform: Platform) -> Result<(), ControlError> {
        self.change(Change::AddRedirectUri { uri: uri.to_owned(), platform })
    }

    /// "Allow public client flows".
    pub fn set_public_flows(&self, on: bool) -> Result<(), ControlError> {
        self.change(Change::SetPublicFlows { on })
    }

    /// Blocks sign-in, or allows it again.
    pub fn set_user_disabled(&self, user: &str, on: bool) -> Result<(), ControlError> {
        self.change(Change::SetUserDisabled { user: user.to_owned(), on })
    }

    /// Deletes the account, or restores it.
    pub fn set_user_deleted(&self, user: &str, on: bool) -> Result<(), ControlError> {
        self.change(Change::SetUserDeleted { user: user.to_owned(), on })
    }

    /// Changes the password.
    pub fn change_password(&self, user: &str) -> Result<(), ControlError> {
        self.change(Change::ChangePassword { user: user.to_owned() })
    }

    /// Revokes every session.
    pub fn revoke_sessions(&self, user: &str) -> Result<(), ControlError> {
        self.change(Change::RevokeSessions { user: user.to_owned() })
    }

    /// Takes licence, mailbox and address.
    pub fn remove_licence(&self, user: &str) -> Result<(), ControlError> {
        self.change(Change::RemoveLicence { user: user.to_owned() })
    }

    /// Continuous-access tokens issued so far are challenged at Graph.
    pub fn cae_challenge(&self, user: &str) -> Result<(), ControlError> {
        self.change(Change::CaeChallenge { user: user.to_owned() })
    }

    /// Every access token issued so far has expired.
    pub fn expire_access_tokens(&self) -> Result<(), ControlError> {
        self.change(Change::ExpireAccessTokens { user: None })
    }

    /// Every refresh token issued so far has not been used for ninety days.
    pub fn expire_refresh_tokens(&self) -> Result<(), ControlError> {
        self.change(Change::ExpireRefreshTokens { user: None })
    }

    /// Signs every browser out.
    pub fn end_browser_sessions(&self) -> Result<(), ControlError> {
        self.change(Change::EndBrowserSessions)
    }

    /// How tokens are issued from now on; the default is faithful.
    pub fn set_tokens(&self, settings: TokenSettings) -> Result<(), ControlError> {
        self.change(Change::SetTokens { settings: Box::new(settings) })
    }

    /// A new key signs; the old ones stay published or vanish.
    pub fn rotate_keys(&self, keep_old: bool) -> Result<(), ControlError> {
        self.change(Change::RotateKeys { keep_old })
    }

    /// Serves this text as the key set, or the real one again.
    pub fn set_keys_body(&self, body: Option<&str>) -> Result<(), ControlError> {
        self.change(Change::SetKeysBody { body: body.map(str::to_owned) })
    }

    /// Adds a fault.
    pub fn add_fault(&self, fault: Fault) -> Result<(), ControlError> {
        self.change(Change::AddFault(Box::new(fault)))
    }

    /// Removes every fault.
    pub fn clear_faults(&self) -> Result<(), ControlError> {
        self.change(Change::ClearFaults { name: None })
    }
}
