//! `Debug` of what tells about a person or belongs to one sign-in: numbers, switches and kinds, and no text.

use super::{
    AccountEvent, AccountInfo, AdminConsent, AuthorizationRequest, ConnectEvent, ConnectOptions, ConsentReport, DeviceCode,
};
use std::fmt;

impl fmt::Debug for AuthorizationRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthorizationRequest").field("expires_at", &self.expires_at).finish_non_exhaustive()
    }
}

impl fmt::Debug for ConnectOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectOptions")
            .field("select_account", &self.select_account)
            .field("no_prompt", &self.no_prompt)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for ConnectEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectEvent")
            .field("kind", &self.kind)
            .field("waited_seconds", &self.waited_seconds)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for AccountInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccountInfo").field("connected_at", &self.connected_at).finish_non_exhaustive()
    }
}

impl fmt::Debug for AccountEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccountEvent")
            .field("kind", &self.kind)
            .field("state", &self.state.state)
            .field("since", &self.state.since)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for AdminConsent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AdminConsent").field("proved", &self.proved).finish_non_exhaustive()
    }
}

impl fmt::Debug for ConsentReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConsentReport")
            .field("status", &self.status)
            .field("admin_answered_at", &self.admin_answered_at)
            .field("proved_at", &self.proved_at)
            .field("working_accounts", &self.working_accounts.len())
            .field("missing", &self.missing)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for DeviceCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeviceCode").field("expires_at", &self.expires_at).field("interval", &self.interval).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        approval::{AdminApproval, Certainty},
        browser::Outcome,
        config::{AppIdentity, Config, NetworkConfig, ProxyPassword},
        consent::ScopeReport,
        error::{Actor, Error},
        model::{AccessToken, AccountEventKind, AccountState, ConnectEventKind, ConsentStatus, StateReport},
        secret::Secret,
        store::{HostKey, Person},
    };

    fn needle() -> String {
        "needle".to_owned()
    }

    #[expect(clippy::unnecessary_wraps, reason = "stands for fields that may be absent")]
    fn some() -> Option<String> {
        Some(needle())
    }

    fn of_a_sign_in() -> Vec<String> {
        let options = ConnectOptions {
            login_hint: some(),
            domain_hint: some(),
            select_account: true,
            expected_account: some(),
            expected_username: some(),
            tenant: some(),
            no_prompt: false,
            session_binding: some(),
        };
        let code = DeviceCode { user_code: needle(), verification_uri: needle(), expires_at: 1, interval: 5, handle: needle() };
        let person = || Outcome::Connected {
            account: needle(),
            username: some(),
            granted: Vec::new(),
            missing: Vec::new(),
            excess: vec![needle()],
        };
        vec![
            format!("{:?}", AuthorizationRequest { url: needle(), state: needle(), expires_at: 1 }),
            format!("{options:?}"),
            format!("{:?}", ConnectEvent { kind: ConnectEventKind::StillWaiting, url: some(), waited_seconds: 1 }),
            format!("{code:?} {:?}", person()),
            format!("{:?}", AdminConsent { claimed_tenant: some(), proved: true }),
            format!("{:?}", Error::browser_unavailable("needle")),
        ]
    }

    fn of_an_account() -> Vec<String> {
        let info = AccountInfo {
            id: needle(),
            tenant_id: needle(),
            object_id: needle(),
            display_name: some(),
            username: some(),
            mail: some(),
            connected_at: 1,
        };
        let report = ConsentReport {
            status: ConsentStatus::Unknown,
            tenant_id: some(),
            admin_answered_at: None,
            proved_at: None,
            working_accounts: vec![needle()],
            missing: Vec::new(),
            admin_consent_url: needle(),
        };
        let approval = AdminApproval::new(Certainty::Certain, needle(), some(), "needle", vec!["needle"], true);
        let token = AccessToken { secret: Secret::new("needle"), expires_at: 1, persisted: true };
        let person = Person { display_name: some(), username: some(), mail: some() };
        let state = StateReport {
            state: AccountState::SignInRequired,
            detail: needle(),
            service_code: some(),
            who_acts: Actor::User,
            since: 1,
        };
        let event = AccountEvent { account_id: needle(), kind: AccountEventKind::NeedsPerson, state };
        vec![
            format!("{info:?}"),
            format!("{report:?}"),
            format!("{approval:?}"),
            format!("{token:?}"),
            format!("{person:?}"),
            format!("{event:?}"),
        ]
    }

    fn of_a_host() -> Vec<String> {
        let network = NetworkConfig {
            proxy: some(),
            proxy_user: some(),
            proxy_password: Some(ProxyPassword::new("needle")),
            proxy_bypass: vec![needle()],
            proxy_from_environment: true,
            extra_root_certificates: vec![needle()],
        };
        let app = AppIdentity { name: needle(), logo_png: Some(b"needle".to_vec()), accent_color: needle(), return_url: some() };
        let config = Config {
            tenant: needle(),
            allowed_tenants: vec![needle()],
            redirect_uri: needle(),
            admin_redirect_uri: some(),
            scopes: vec![needle()],
            authority: some(),
            graph_base: some(),
            app: app.clone(),
            network: network.clone(),
            ..Config::new("needle", "needle")
        };
        let key = HostKey::new(b"needle-needle-needle-needle-need").unwrap();
        vec![format!("{network:?}"), format!("{app:?}"), format!("{config:?}"), format!("{key:?}")]
    }

    #[test]
    fn m_04_debug_of_public_types_shows_no_text() {
        for shown in [of_a_sign_in(), of_an_account(), of_a_host()].into_iter().flatten() {
            assert!(shown.len() > 5 && !shown.contains("needle") && !shown.contains(&format!("{:?}", b"needle")), "{shown}");
        }
    }

    /// The twin: a derived `Debug` would be noticed. What a grant carries is no secret and says nothing about a person.
    #[test]
    fn m_04_a_derived_debug_shows_text() {
        let report = ScopeReport { excess: vec![needle()], ..ScopeReport::default() };
        assert!(format!("{report:?}").contains("needle"));
    }
}
