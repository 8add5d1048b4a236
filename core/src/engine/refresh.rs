//! Silent tokens: from memory, then the store, then one refresh for every thread that waits.

use super::{
    AccountCell, Engine, REQUEST_TIMEOUT,
    cell::CachedToken,
    flight::{Flight, Part},
    sign_in::{Circumstances, connected_state},
};
use crate::{
    call::{Call, CallOptions},
    clock::Deadline,
    consent::ScopeReport,
    error::{Detail, Error, Result},
    guid::is_guid,
    http::RequestIds,
    log::LogLevel,
    model::{AccessToken, AccountState},
    oauth::{
        aadsts::{self, Decision, Retry, ServiceError},
        token::{TokenFailure, Tokens},
    },
    secret::Secret,
    store::{AccountRecord, DropTokens, Rotation, StateRecord, TokenSet},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Deserialize;
use std::{sync::Arc, time::Duration};
use zeroize::Zeroizing;

/// Longest that one refresh may take, tries and pauses together.
pub(super) const REFRESH_TIMEOUT: Duration = Duration::from_secs(30);
/// Seconds after which a refusal that somebody else may have lifted is asked about again (FACTS 9.3).
const PROBE_INTERVAL: i64 = 120;

impl Engine {
    pub(crate) fn acquire_token_silent(self: &Arc<Self>, cell: &Arc<AccountCell>, options: &CallOptions) -> Result<AccessToken> {
        self.check_open()?;
        match cell.cached(&*self.clock) {
            CachedToken::Fresh(token) => Ok(token),
            CachedToken::Aging(token) => {
                if let Part::Leader(flight) = cell.refreshes.join() {
                    self.start(cell, flight);
                }
                Ok(token)
            }
            CachedToken::None => {
                let call = self.enter(options, REQUEST_TIMEOUT)?;
                self.with_keys(|| self.renew(cell, &call))
            }
        }
    }

    fn renew(self: &Arc<Self>, cell: &Arc<AccountCell>, call: &Call) -> Result<AccessToken> {
        cell.check_there()?;
        let relieve = || self.workers.relieve();
        let outcome = match cell.refreshes.join() {
            Part::BackOff(error) => Err(error),
            Part::Follower(flight) => flight.wait(call, &relieve),
            Part::Leader(flight) => {
                self.start(cell, Arc::clone(&flight));
                flight.wait(call, &relieve)
            }
        };
        match outcome {
            // Nothing is wrong with the account: what has not expired is good enough.
            Err(error) if error.is_passing() => cell.unexpired(&*self.clock).ok_or(error),
            outcome => outcome,
        }
    }

    /// The refresh runs on a worker to its own end, whoever still waits for it (case T-22).
    fn start(self: &Arc<Self>, cell: &Arc<AccountCell>, flight: Arc<Flight>) {
        let engine = Arc::clone(self);
        let ending = Ending { cell: Arc::clone(cell), flight, ended: false };
        self.workers.spawn(move || {
            let outcome = engine.refresh(&ending.cell, Deadline::after(REFRESH_TIMEOUT));
            ending.end(outcome, |cell| engine.tell(cell));
        });
    }

    /// On a worker: a look at the store, then the network.
    fn refresh(&self, cell: &AccountCell, deadline: Deadline) -> Result<AccessToken> {
        let record = self.read_row(cell)?;
        self.judge(&record)?;
        if let CachedToken::Fresh(token) = cell.cached(&*self.clock) {
            return Ok(token);
        }
        self.still_refused(&record)?;
        let record = self.with_unsaved(cell, record);
        let Some(tokens) = record.tokens.as_ref().filter(|tokens| tokens.refresh_token.is_some()) else {
            return self.nothing_to_refresh_with(cell, &record);
        };
        match self.ask(&record, tokens, deadline) {
            Ok(fresh) => self.rotate(cell, &record, tokens, fresh, deadline),
            Err(TokenFailure::Failed(error)) => Err(error),
            Err(TokenFailure::Refused { answer, ids, retry_after }) => self.refused(cell, &record, &answer, &ids, retry_after),
        }
    }

    /// Whether an account that was stored earlier may be used under the configuration of today. Its refresh token goes to the
    /// authority that gave it and to no other, whatever is configured now.
    pub(super) fn judge(&self, record: &AccountRecord) -> Result<()> {
        let (identity, settings) = (&record.identity, &self.settings);
        if identity.issuer != format!("{}/{}/v2.0", settings.authority.ascii(), identity.tid) {
            return Err(Error::from(Detail::OtherConfiguration).with_what("authority"));
        }
        if identity.client_id != settings.client_id {
            return Err(Error::from(Detail::OtherConfiguration).with_what("client_id"));
        }
        let pinned = is_guid(&settings.tenant) && settings.tenant != identity.tid;
        if pinned || !settings.allowed_tenants.is_empty() && !settings.allowed_tenants.contains(&identity.tid) {
            return Err(Detail::TenantNotAllowed.into());
        }
        if !record.scopes.excess.is_empty() && !settings.allow_excess_scopes {
            return Err(Error::from(Detail::OverPrivileged).with_what(record.scopes.excess.join(" ")));
        }
        Ok(())
    }

    /// Tokens that the store could not take are newer than the record's: they are stored now if it can, and used in any case.
    fn with_unsaved(&self, cell: &AccountCell, record: AccountRecord) -> AccountRecord {
        let Some(tokens) = cell.unsaved_for(&record) else { return record };
        // With the state that they brought, which the store could not take either.
        let record = AccountRecord { tokens: Some(tokens.clone()), state: cell.record().state.clone(), ..record };
        match self.store.rotate(cell.id(), record.generation, &tokens, &record.scopes, &record.state) {
            Ok(Rotation::Written(generation)) => {
                let stored = AccountRecord { generation, ..record };
                self.adopt(cell, stored.clone());
                stored
            }
            _ => record,
        }
    }

    /// An account that was refused is not asked for again before its person or its administrator acted.
    fn still_refused(&self, record: &AccountRecord) -> Result<()> {
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

    /// Keeps the new tokens before anybody gets them. A newer row wins; a row that is gone stays gone (case C-06).
    fn rotate(
        &self,
        cell: &AccountCell,
        record: &AccountRecord,
        old: &TokenSet,
        fresh: Tokens,
        deadline: Deadline,
    ) -> Result<AccessToken> {
        self.check_same_person(record, &fresh, deadline)?;
        let scopes = ScopeReport::read(fresh.scope.as_deref(), &self.settings.scopes);
        if !scopes.excess.is_empty() && !self.settings.allow_excess_scopes {
            return self.over_privileged(cell, record, &scopes);
        }
        let tokens = self.token_set(fresh, Some(old));
        let state = StateRecord { since: since(record, AccountState::Connected, self.now()), ..connected_state(self.now()) };
        match self.store.rotate(cell.id(), record.generation, &tokens, &scopes, &state) {
            Ok(Rotation::Written(generation)) => {
                self.prove_approval(&record.identity.tid, &scopes);
                self.adopt(cell, AccountRecord { tokens: Some(tokens.clone()), scopes, state, generation, ..record.clone() });
                self.log.write(LogLevel::Info, "token.refreshed", |_| {});
                Ok(AccessToken { secret: tokens.access_token, expires_at: tokens.expires_at, persisted: true })
            }
            Ok(Rotation::Newer(newer)) => self.newer(cell, *newer),
            Ok(Rotation::Gone) => {
                cell.mark_gone(self.now());
                Err(Detail::AccountGone.into())
            }
            // A full or read-only disk: the token works, and the caller is told that it is not kept (case S-12).
            Err(error) => {
                self.log.write(LogLevel::Warn, "token.not-persisted", |log| log.detail = Some(error.detail()));
                cell.adopt_unsaved(&tokens, &state);
                Ok(AccessToken { secret: tokens.access_token, expires_at: tokens.expires_at, persisted: false })
            }
        }
    }

    /// Somebody else was faster: what they wrote is the answer.
    fn newer(&self, cell: &AccountCell, newer: AccountRecord) -> Result<AccessToken> {
        let error = self.state_error(&newer);
        self.adopt(cell, newer);
        cell.unexpired(&*self.clock).ok_or(error)
    }

    /// A refresh that answers for somebody else changes nothing (case T-20).
    fn check_same_person(&self, record: &AccountRecord, fresh: &Tokens, deadline: Deadline) -> Result<()> {
        let Some(proof) = &fresh.id_token else { return Ok(()) };
        let provider = self.providers.of(&record.identity.tid, &self.settings.authority, &self.endpoint(deadline), &*self.clock)?;
        let mark = |error| fresh.ids.mark(error);
        // Who it speaks of is all that counts: it was issued a moment ago, and a wrong clock of this machine must not end an account
        // that works (case C-07).
        let now = issued_at(proof).unwrap_or_else(|| self.now());
        let circumstances = Circumstances { nonce: None, response_issuer: None, access_token: &fresh.access_token, now };
        let proved = self.verify(proof, &provider, circumstances, deadline).map_err(mark)?;
        let known = &record.identity;
        let what = match () {
            () if proved.tid() != known.tid => "tid",
            () if proved.oid() != known.oid => "oid",
            () if proved.sub() != known.sub => "sub",
            () if proved.issuer() != known.issuer => "iss",
            () => return Ok(()),
        };
        Err(mark(Error::from(Detail::IdTokenInvalid).with_what(what)))
    }

    /// A refused refresh: the table decides, after one more look at the store in case somebody else was faster.
    fn refused(
        &self,
        cell: &AccountCell,
        record: &AccountRecord,
        answer: &ServiceError,
        ids: &RequestIds,
        retry_after: Option<u32>,
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
        self.note(cell, record, decision, error, answer.claims.clone())
    }

    /// Writes the new state and answers with `error`. A row that somebody else renewed meanwhile wins, and its token is handed out.
    fn note(
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
            Ok(Rotation::Gone) => {
                cell.mark_gone(self.now());
                Err(Detail::AccountGone.into())
            }
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

    fn over_privileged(&self, cell: &AccountCell, record: &AccountRecord, scopes: &ScopeReport) -> Result<AccessToken> {
        let error = Error::from(Detail::OverPrivileged).with_what(scopes.excess.join(" "));
        let decision = Decision {
            state: AccountState::BlockedByPolicy,
            keep_refresh_token: true,
            detail: Detail::OverPrivileged,
            retry: Retry::Probe,
        };
        self.note(cell, record, decision, error, None)
    }

    fn nothing_to_refresh_with(&self, cell: &AccountCell, record: &AccountRecord) -> Result<AccessToken> {
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
    fn state_error(&self, record: &AccountRecord) -> Error {
        let detail = Detail::named(&record.state.detail).unwrap_or(Detail::ReauthRequired);
        let error = Error::from(detail).with_service_code(record.state.service_code.clone());
        if detail == Detail::AdminConsentRequired {
            return error.with_admin_approval(self.approval(crate::approval::Certainty::Certain, &record.identity.tid));
        }
        error
    }
}

/// A refresh always ends for those who wait, even if it panics or never begins because the library is closing.
struct Ending {
    cell: Arc<AccountCell>,
    flight: Arc<Flight>,
    ended: bool,
}

impl Ending {
    /// `tell` runs before those who wait are woken, so that an observer knows of a change before a call that noticed it returns. If an
    /// observer takes its time, they take the outcome themselves after a second or two.
    fn end(mut self, outcome: Result<AccessToken>, tell: impl FnOnce(&AccountCell)) {
        self.ended = true;
        self.cell.refreshes.settle(&self.flight, outcome);
        tell(&self.cell);
        self.flight.wake();
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        if !self.ended {
            self.cell.refreshes.finish(&self.flight, Err(Detail::Internal.into()));
        }
    }
}

/// Since when an account stands as it does: a state that is confirmed keeps its beginning.
fn since(record: &AccountRecord, state: AccountState, now: i64) -> i64 {
    if record.state.state == state as u32 { record.state.since } else { now }
}

/// The `iat` of an `id_token` that is not verified yet; good for nothing but the time of its own verification.
fn issued_at(proof: &Secret) -> Option<i64> {
    #[derive(Deserialize)]
    struct Claims {
        iat: i64,
    }
    let payload = Zeroizing::new(URL_SAFE_NO_PAD.decode(proof.expose().split('.').nth(1)?).ok()?);
    serde_json::from_slice::<Claims>(&payload).ok().map(|claims| claims.iat)
}
