//! What a refused refresh means for the account, and when it may be asked about again.

use super::{AccountCell, Engine, sharing::Turn};
use crate::{
    approval::Certainty,
    consent::ScopeReport,
    error::{Detail, Error, Result},
    http::RequestIds,
    log::LogLevel,
    model::{AccessToken, AccountState},
    oauth::aadsts::{self, Decision, Retry, ServiceError},
    store::{AccountRecord, DropTokens, Rotation, StateRecord},
};

/// Seconds after which a refusal that somebody else may have lifted is asked about again (FACTS 9.3).
const PROBE_INTERVAL: i64 = 120;

impl Engine {
    /// An account that was refused is not asked for again before its person or its administrator acted.
    pub(super) fn still_refused(&self, record: &AccountRecord) -> Result<()> {
        let state = AccountState::from_number(record.state.state);
        let waited = self.now().saturating_sub(record.state.checked_at);
        let asks_again = match state {
            AccountState::Connected => true,
            AccountState::SignInRequired | AccountState::ExtraStepRequired => false,
            _ => !(0..PROBE_INTERVAL).contains(&waited),
        };
        if asks_again {
            return Ok(());
        }
        let error = self.state_error(record);
        let waits_for_a_person = matches!(state, AccountState::SignInRequired | AccountState::ExtraStepRequired);
        let rest = u32::try_from(PROBE_INTERVAL.saturating_sub(waited)).ok().filter(|_| !waits_for_a_person);
        Err(error.with_retry_after(rest))
    }

    /// A refused refresh: the table decides, after one more look at the store in case somebody else was faster.
    pub(super) fn refused(
        &self,
        cell: &AccountCell,
        record: &AccountRecord,
        answer: &ServiceError,
        ids: &RequestIds,
        retry_after: Option<u32>,
        turn: &Turn,
    ) -> Result<AccessToken> {
        let decision = aadsts::decide(answer);
        let error = self.service_error(answer, ids, retry_after, &record.identity.tid);
        self.log.write(LogLevel::Warn, "token.refused", |log| log.detail = Some(error.detail()));
        if decision.retry == Retry::Backoff {
            return Err(error);
        }
        if decision.detail == Detail::AdminConsentRequired {
            self.disprove_approval(&record.identity.tid);
        }
        if decision.state == AccountState::SignInRequired
            && let Some(newer) = self.late_answer(cell, record)
        {
            return self.newer(cell, newer);
        }
        match turn {
            // The refresh token may have served the one who was passed by, and who will store what it got (a server that takes each
            // token once). Only whoever has the turn may say that a person is needed.
            Turn::PassedBy if decision.state == AccountState::SignInRequired => Err(Detail::DeadlineExceeded.into()),
            Turn::PassedBy => Err(error),
            _ => self.note(cell, record, decision, error, answer.claims.clone()),
        }
    }

    /// Writes the new state and answers with `error`. A row that somebody else renewed meanwhile wins, and its token is handed out.
    pub(super) fn note(
        &self,
        cell: &AccountCell,
        record: &AccountRecord,
        decision: Decision,
        error: Error,
        claims: Option<String>,
    ) -> Result<AccessToken> {
        let state = StateRecord {
            state: decision.state as u32,
            detail: error.detail().to_owned(),
            service_code: error.service_code().map(str::to_owned),
            claims: claims.or_else(|| record.state.claims.clone()),
            since: since(record, decision.state, self.now()),
            checked_at: self.now(),
        };
        let drop_tokens = if decision.keep_refresh_token { DropTokens::AccessOnly } else { DropTokens::All };
        match self.store.update_state(cell.id(), record.generation, &state, drop_tokens) {
            Ok(Rotation::Newer(newer)) => self.newer(cell, *newer),
            Ok(Rotation::Gone) => Err(self.gone(cell)),
            Ok(Rotation::Written(_)) => {
                if let Some(record) = self.store.account(cell.id())? {
                    self.adopt(cell, record);
                }
                Err(error)
            }
            // The refusal stands, whether it could be written down or not.
            Err(_) => {
                cell.adopt_refusal(&state);
                Err(error)
            }
        }
    }

    pub(super) fn over_privileged(&self, cell: &AccountCell, record: &AccountRecord, scopes: &ScopeReport) -> Result<AccessToken> {
        let error = Error::from(Detail::OverPrivileged).with_what(scopes.excess.join(" "));
        let decision = Decision {
            state: AccountState::BlockedByPolicy,
            keep_refresh_token: true,
            detail: Detail::OverPrivileged,
            retry: Retry::Probe,
        };
        self.note(cell, record, decision, error, None)
    }

    pub(super) fn nothing_to_refresh_with(&self, cell: &AccountCell, record: &AccountRecord) -> Result<AccessToken> {
        let error = Error::from(Detail::ReauthRequired);
        let decision = Decision {
            state: AccountState::SignInRequired,
            keep_refresh_token: false,
            detail: Detail::ReauthRequired,
            retry: Retry::AfterSignIn,
        };
        self.note(cell, record, decision, error, None)
    }

    /// The error that the account's last refusal was, told again without asking.
    pub(super) fn state_error(&self, record: &AccountRecord) -> Error {
        let detail = Detail::named(&record.state.detail).unwrap_or(Detail::ReauthRequired);
        let error = Error::from(detail).with_service_code(record.state.service_code.clone());
        if detail == Detail::AdminConsentRequired {
            return error.with_admin_approval(self.approval(Certainty::Certain, &record.identity.tid));
        }
        error
    }
}

/// Since when an account stands as it does: a state that is confirmed keeps its beginning.
pub(super) fn since(record: &AccountRecord, state: AccountState, now: i64) -> i64 {
    if record.state.state == state as u32 { record.state.since } else { now }
}
