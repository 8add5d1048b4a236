//! Silent tokens: from memory, then the store, then one refresh for every thread and process that waits.

use super::{
    AccountCell, Engine, REFRESH_TIMEOUT, REQUEST_TIMEOUT,
    cell::CachedToken,
    flight::{Flight, Part},
    refusal::since,
    sharing::Turn,
    sign_in::{Circumstances, connected_state},
};
use crate::{
    call::{Call, CallOptions},
    clock::Deadline,
    consent::ScopeReport,
    error::{Detail, Error, Result},
    guid::is_guid,
    log::LogLevel,
    model::{AccessToken, AccountState},
    oauth::token::{TokenFailure, Tokens},
    secret::Secret,
    store::{AccountRecord, Rotation, StateRecord, TokenSet},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Deserialize;
use std::sync::Arc;
use zeroize::Zeroizing;

/// What a look at the store ends with.
pub(super) enum Look {
    /// Somebody else was faster.
    Token(AccessToken),
    /// The account as it is, to be refreshed.
    Due(Box<AccountRecord>),
}

impl Engine {
    pub(crate) fn acquire_token_silent(self: &Arc<Self>, cell: &Arc<AccountCell>, options: &CallOptions) -> Result<AccessToken> {
        self.check_open()?;
        if let Some(token) = self.token_in_memory(cell) {
            return Ok(token);
        }
        let call = self.enter(options, REQUEST_TIMEOUT)?;
        self.with_keys(|| self.renew(cell, &call))
    }

    /// The same within a call that has begun.
    pub(super) fn token_within(self: &Arc<Self>, cell: &Arc<AccountCell>, call: &Call) -> Result<AccessToken> {
        match self.token_in_memory(cell) {
            Some(token) => Ok(token),
            None => self.with_keys(|| self.renew(cell, call)),
        }
    }

    fn token_in_memory(self: &Arc<Self>, cell: &Arc<AccountCell>) -> Option<AccessToken> {
        let now = self.now();
        self.notice(cell, now);
        match cell.cached(now) {
            CachedToken::Fresh(token) => Some(token),
            CachedToken::Aging(token) => {
                if self.store.is_ours()
                    && let Part::Leader(flight) = cell.refreshes.join()
                {
                    self.start(cell, flight);
                }
                Some(token)
            }
            CachedToken::None => None,
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
            Err(error) if error.is_passing() => cell.unexpired(self.now()).ok_or(error),
            outcome => outcome,
        }
    }

    /// The refresh runs on a worker to its own end, whoever still waits for it (case T-22).
    fn start(self: &Arc<Self>, cell: &Arc<AccountCell>, flight: Arc<Flight>) {
        let engine = Arc::clone(self);
        let ending = Ending { cell: Arc::clone(cell), flight, ended: false };
        self.workers.spawn(move || {
            let outcome = engine.refresh(&ending.cell);
            ending.end(outcome, |cell| engine.tell(cell));
        });
    }

    /// On a worker: a look at the store, the turn among the processes, another look, then the network.
    fn refresh(&self, cell: &AccountCell) -> Result<AccessToken> {
        let before = match self.look(cell)? {
            Look::Token(token) => return Ok(token),
            Look::Due(record) => record,
        };
        let turn = match self.take_turn(cell)? {
            Turn::Token(token) => return Ok(token),
            turn => turn,
        };
        let record = match self.sharing.looks_again.then(|| self.look(cell)).transpose()? {
            Some(Look::Token(token)) => return Ok(token),
            Some(Look::Due(record)) => record,
            None => before,
        };
        let outcome = self.renew_row(cell, *record, &turn);
        // The lock is let go when the row is written.
        drop(turn);
        match outcome {
            // Stopped in the middle for so long that another process passed by: what it wrote is the answer.
            Err(error) if error.is_passing() => match self.look(cell) {
                Ok(Look::Token(token)) => Ok(token),
                _ => Err(error),
            },
            outcome => outcome,
        }
    }

    /// What the store says now: the answer, or the row to refresh, or why it is not asked for.
    pub(super) fn look(&self, cell: &AccountCell) -> Result<Look> {
        let record = self.read_row(cell)?;
        self.judge(&record)?;
        if let CachedToken::Fresh(token) = cell.cached(self.now()) {
            return Ok(Look::Token(token));
        }
        self.still_refused(&record)?;
        Ok(Look::Due(Box::new(record)))
    }

    fn renew_row(&self, cell: &AccountCell, record: AccountRecord, turn: &Turn) -> Result<AccessToken> {
        let deadline = Deadline::after(REFRESH_TIMEOUT);
        let record = self.with_unsaved(cell, record);
        let Some(tokens) = record.tokens.as_ref().filter(|tokens| tokens.refresh_token.is_some()) else {
            return self.nothing_to_refresh_with(cell, &record);
        };
        match self.ask(&record, tokens, deadline) {
            Ok(fresh) => self.rotate(cell, &record, tokens, fresh, deadline),
            Err(TokenFailure::Failed(error)) => Err(error),
            Err(TokenFailure::Refused { answer, ids, retry_after }) => {
                self.refused(cell, &record, &answer, &ids, retry_after, turn)
            }
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

    /// The part of a refresh that keeps what came of it, alone.
    #[cfg(feature = "_internal")]
    pub(crate) fn keep_again(&self, cell: &AccountCell) -> Result<()> {
        let record = cell.record();
        let tokens = record.tokens.as_ref().ok_or(Detail::ReauthRequired)?;
        match self.store.rotate(cell.id(), record.generation, tokens, &record.scopes, &record.state)? {
            Rotation::Written(generation) => self.adopt(cell, AccountRecord { generation, ..AccountRecord::clone(&record) }),
            Rotation::Newer(_) | Rotation::Gone => return Err(Detail::AccountGone.into()),
        }
        Ok(())
    }

    /// Before closing: tokens that the store could not take are tried again.
    pub(super) fn save_unsaved(&self) {
        let cells: Vec<_> = self.cells().values().map(Arc::clone).collect();
        for cell in cells.iter().filter(|cell| cell.has_unsaved()) {
            if let Ok(Some(record)) = self.with_keys(|| self.store.account(cell.id())) {
                self.with_unsaved(cell, record);
            }
        }
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
            Ok(Rotation::Gone) => Err(self.gone(cell)),
            // A full or read-only disk: the token works, and the caller is told that it is not kept (case S-12).
            Err(error) => {
                self.log.write(LogLevel::Warn, "token.not-persisted", |log| log.detail = Some(error.detail()));
                cell.adopt_unsaved(&tokens, &state);
                Ok(AccessToken { secret: tokens.access_token, expires_at: tokens.expires_at, persisted: false })
            }
        }
    }

    /// Somebody else was faster: what they wrote is the answer.
    pub(super) fn newer(&self, cell: &AccountCell, newer: AccountRecord) -> Result<AccessToken> {
        let error = self.state_error(&newer);
        self.adopt(cell, newer);
        cell.unexpired(self.now()).ok_or(error)
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

/// The `iat` of an `id_token` that is not verified yet; good for nothing but the time of its own verification.
fn issued_at(proof: &Secret) -> Option<i64> {
    #[derive(Deserialize)]
    struct Claims {
        iat: i64,
    }
    let payload = Zeroizing::new(URL_SAFE_NO_PAD.decode(proof.expose().split('.').nth(1)?).ok()?);
    serde_json::from_slice::<Claims>(&payload).ok().map(|claims| claims.iat)
}
