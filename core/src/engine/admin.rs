//! The administrator's part: the link, its redirect, and what is known of an approval.

use super::{
    Engine,
    flow::{self, AdminFlow, FlowKind},
};
use crate::{
    approval::{AdminApproval, Certainty},
    consent::{Scope, ScopeReport},
    error::{Detail, Error, Result},
    guid::is_guid,
    log::LogLevel,
    model::{AccountState, AdminConsent, AuthorizationRequest, ConsentReport, ConsentStatus},
    oauth::{
        aadsts,
        authorize::{admin_consent_url, fresh_state},
        redirect::{self, RedirectOutcome},
    },
    settings::{RedirectUri, Settings},
    store::{Claim, Flow},
};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// Seconds for which an administrator may take their time.
const ADMIN_FLOW_LIFETIME: i64 = 24 * 3600;

/// What is remembered of a tenant's approval, sealed.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct ApprovalRecord {
    /// A redirect with our state came back and named this tenant. It proves nothing yet.
    answered_at: Option<i64>,
    /// A token of this tenant carried everything that was asked for.
    proved_at: Option<i64>,
}

impl Engine {
    pub(crate) fn begin_admin_consent(&self, tenant: &str) -> Result<AuthorizationRequest> {
        self.begin_admin(tenant, &self.settings.admin_redirect.as_sent())
    }

    /// Begins an approval whose answer comes to `redirect_uri`.
    pub(super) fn begin_admin(&self, tenant: &str, redirect_uri: &str) -> Result<AuthorizationRequest> {
        let tenant = self.tenant_for(Some(tenant))?;
        let state = fresh_state();
        let url = self.admin_link(&tenant, redirect_uri, Some(state.expose()));
        let expires_at = self.now().saturating_add(ADMIN_FLOW_LIFETIME);
        self.store().put_flow(&Flow {
            key: &flow::key(FlowKind::Admin, state.expose()),
            account: None,
            now: self.now(),
            expires_at,
            payload: &flow::encode(&AdminFlow { tenant })?,
        })?;
        Ok(AuthorizationRequest { url, state: state.expose().to_owned(), expires_at })
    }

    pub(crate) fn complete_admin_consent(&self, redirect_url: &str) -> Result<AdminConsent> {
        let parameters = Zeroizing::new(redirect::parameters_of(redirect_url, &self.settings.admin_redirect.as_sent())?);
        self.complete_admin(&parameters)
    }

    /// Takes the parameters of an approval's redirect.
    pub(super) fn complete_admin(&self, parameters: &str) -> Result<AdminConsent> {
        let answer = redirect::parse(parameters)?;
        let flow: AdminFlow = match self.store().claim_flow(&flow::key(FlowKind::Admin, answer.state.expose()), self.now())? {
            Claim::Payload(payload) => flow::decode(&payload)?,
            Claim::Replayed => return Err(Detail::CallbackReplayed.into()),
            Claim::Unknown => return Err(Detail::CallbackStateMismatch.into()),
        };
        match answer.outcome {
            RedirectOutcome::AdminConsent { tenant } => {
                let claimed = tenant.filter(|tenant| is_guid(tenant)).map(|tenant| tenant.to_ascii_lowercase());
                // The service answers for the organisation that was asked for; another one in the address was put there by somebody.
                if is_guid(&flow.tenant) && claimed.as_ref().is_some_and(|claimed| *claimed != flow.tenant) {
                    return Err(Detail::CallbackStateMismatch.into());
                }
                self.note_admin_answer(claimed)
            }
            RedirectOutcome::Error(error) => Err(self.admin_error(&error, &flow.tenant)),
            RedirectOutcome::Code(_) => Err(Detail::CallbackAmbiguous.into()),
        }
    }

    fn note_admin_answer(&self, claimed_tenant: Option<String>) -> Result<AdminConsent> {
        let mut proved = false;
        if let Some(tenant) = &claimed_tenant {
            let mut record = self.approval_record(tenant)?;
            record.answered_at = Some(self.now());
            self.put_approval_record(tenant, record)?;
            proved = record.proved_at.is_some();
        }
        self.log.write(LogLevel::Info, "admin.answered", |_| {});
        Ok(AdminConsent { claimed_tenant, proved })
    }

    fn admin_error(&self, error: &redirect::RedirectError, tenant: &str) -> Error {
        let failure = Error::from(error.detail()).with_service_code(aadsts::service_code(&error.codes));
        failure.with_admin_approval(self.approval(Certainty::Ambiguous, tenant))
    }

    /// A token of `tenant` carries everything that was asked for: an administrator's answer is proved by it.
    pub(super) fn prove_approval(&self, tenant: &str, scopes: &ScopeReport) {
        let Ok(mut record) = self.approval_record(tenant) else { return };
        if record.answered_at.is_some() && record.proved_at.is_none() && scopes.missing.is_empty() {
            record.proved_at = Some(self.now());
            // A note that cannot be written now is written at the next proof.
            let _ = self.put_approval_record(tenant, record);
        }
    }

    /// The service says that the permission is missing: what was known of an approval of `tenant` holds no more.
    pub(super) fn disprove_approval(&self, tenant: &str) {
        let known = self.approval_record(tenant).is_ok_and(|record| record.answered_at.is_some() || record.proved_at.is_some());
        if known {
            // A note that cannot be written now is written at the next refusal.
            let _ = self.put_approval_record(tenant, ApprovalRecord::default());
        }
    }

    pub(crate) fn check_consent(&self, tenant: Option<&str>) -> Result<ConsentReport> {
        // A domain could not be compared with the accounts, which are known by their tenant's GUID.
        if tenant.is_some_and(|tenant| !is_guid(tenant)) {
            return Err(Error::from(Detail::InvalidArgument).with_what("tenant"));
        }
        let tenant = self.tenant_for(tenant)?;
        let tenant_id = Some(tenant.clone()).filter(|tenant| is_guid(tenant));
        let approval = tenant_id.as_deref().map(|tenant| self.approval_record(tenant)).transpose()?.unwrap_or_default();
        let (mut working_accounts, mut missing, mut refused) = (Vec::new(), Vec::new(), false);
        for account in self.store().accounts()?.records {
            if tenant_id.as_ref().is_some_and(|tenant| *tenant != account.identity.tid) {
                continue;
            }
            match AccountState::from_number(account.state.state) {
                AccountState::Connected if account.scopes.missing.is_empty() => working_accounts.push(account.id),
                AccountState::Connected => missing.extend(account.scopes.missing),
                state => refused |= state == AccountState::ConsentRequired,
            }
        }
        missing.sort_unstable();
        missing.dedup();
        let status = match () {
            () if refused || !missing.is_empty() && working_accounts.is_empty() => ConsentStatus::NotApproved,
            () if approval.proved_at.is_some() => ConsentStatus::Approved,
            () if !working_accounts.is_empty() => ConsentStatus::WorksForAccount,
            () => ConsentStatus::Unknown,
        };
        Ok(ConsentReport {
            status,
            tenant_id,
            admin_answered_at: approval.answered_at,
            proved_at: approval.proved_at,
            working_accounts,
            missing,
            admin_consent_url: self.admin_link(&tenant, &self.settings.admin_redirect.as_sent(), None),
        })
    }

    /// A missing approval, with the link and the text to forward.
    pub(super) fn approval(&self, certainty: Certainty, tenant: &str) -> AdminApproval {
        let url = self.admin_link(tenant, &self.settings.admin_redirect.as_sent(), None);
        let known = Some(tenant.to_owned()).filter(|tenant| tenant != "organizations");
        let permissions = self.settings.scopes.iter().copied().map(Scope::name).collect();
        let on_loopback = matches!(self.settings.admin_redirect, RedirectUri::Loopback(_));
        AdminApproval::new(certainty, url, known, &self.settings.app.name, permissions, on_loopback)
    }

    /// The link of the v2 endpoint. It asks for the Graph scopes and the OpenID Connect ones: exactly what `connect` asks for.
    fn admin_link(&self, tenant: &str, redirect_uri: &str, state: Option<&str>) -> String {
        let Settings { authority, client_id, requested_scopes, .. } = &self.settings;
        admin_consent_url(authority, tenant, client_id, redirect_uri, requested_scopes, state)
    }

    fn approval_record(&self, tenant: &str) -> Result<ApprovalRecord> {
        let payload = self.store().approval(tenant)?;
        payload.map_or_else(|| Ok(ApprovalRecord::default()), |payload| flow::decode(payload.as_slice()))
    }

    fn put_approval_record(&self, tenant: &str, record: ApprovalRecord) -> Result<()> {
        self.store().put_approval(tenant, &flow::encode(&record)?)
    }
}
