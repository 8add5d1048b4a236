//! One account in memory: its token for callers that are in a hurry, and the single flight of its refresh.

use crate::{
    browser::Outcome,
    call::{Call, Signal},
    clock::Clock,
    error::{Detail, Error, Result},
    model::{AccessToken, AccountInfo, AccountState, StateReport},
    store::{AccountRecord, TokenSet},
};
use arc_swap::{ArcSwap, ArcSwapOption};
use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

/// A connected account in memory. Reading the token takes no lock.
#[derive(Debug)]
pub(crate) struct AccountCell {
    id: String,
    memory: ArcSwapOption<Remembered>,
    record: ArcSwap<AccountRecord>,
    flight: Mutex<Flights>,
    gone: AtomicBool,
}

/// A token with the times between which it is handed out without a question.
#[derive(Debug)]
struct Remembered {
    token: AccessToken,
    obtained_at: i64,
    /// From here on somebody should refresh, while callers still get this one.
    refresh_at: i64,
    /// From here on callers wait for a refresh.
    renew_before: i64,
}

/// What the memory says to a caller.
#[derive(Debug)]
pub(super) enum Remember {
    Fresh(AccessToken),
    /// Good, but the service would like to be asked again.
    Aging(AccessToken),
    Nothing,
}

/// The refresh under way, and when the next may begin after a failure.
#[derive(Debug, Default)]
struct Flights {
    current: Option<Arc<Flight>>,
    failures: u32,
    rest: Option<(Instant, Error)>,
}

/// One refresh that any number of callers wait for.
#[derive(Debug, Default)]
pub(super) struct Flight {
    progress: Mutex<Progress>,
}

#[derive(Debug, Default)]
struct Progress {
    outcome: Option<Result<AccessToken>>,
    waiting: Vec<Arc<Signal>>,
}

/// Whether the caller has to start the refresh that it is going to wait for.
pub(super) enum Boarding {
    Lead(Arc<Flight>),
    Follow(Arc<Flight>),
    /// The last refresh failed a moment ago, and the next may not begin yet.
    Rest(Error),
}

/// Tokens are renewed this long before they expire, or a tenth of their life if that is shorter (FACTS 17, rule 7).
const EARLY: i64 = 300;
const LONGEST_REST: Duration = Duration::from_secs(60);

impl AccountCell {
    pub(super) fn new(record: AccountRecord) -> Self {
        let memory = record.tokens.as_ref().map(|tokens| Arc::new(Remembered::new(tokens, true)));
        Self {
            id: record.id.clone(),
            memory: ArcSwapOption::new(memory),
            record: ArcSwap::from_pointee(record),
            flight: Mutex::default(),
            gone: AtomicBool::new(false),
        }
    }

    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    pub(crate) fn record(&self) -> Arc<AccountRecord> {
        self.record.load_full()
    }

    /// Takes what the store says, unless memory knows something newer.
    pub(super) fn adopt(&self, record: AccountRecord) {
        if record.generation < self.record.load().generation {
            return;
        }
        self.remember(record.tokens.as_ref(), true);
        self.record.store(Arc::new(record));
    }

    pub(super) fn remember(&self, tokens: Option<&TokenSet>, persisted: bool) {
        self.memory.store(tokens.map(|tokens| Arc::new(Remembered::new(tokens, persisted))));
    }

    pub(super) fn mark_gone(&self) {
        self.gone.store(true, Ordering::Release);
        self.memory.store(None);
    }

    pub(super) fn check_there(&self) -> Result<()> {
        if self.gone.load(Ordering::Acquire) { Err(Detail::AccountGone.into()) } else { Ok(()) }
    }

    /// The way of a silent token: one clock reading, no lock, one copy.
    pub(super) fn recall(&self, clock: &dyn Clock) -> Remember {
        let memory = self.memory.load();
        let Some(remembered) = memory.as_ref() else { return Remember::Nothing };
        let now = clock.now();
        // A clock that went back says nothing about expiry; asking early is the safe side (catalogue C-07).
        if now >= remembered.renew_before || now < remembered.obtained_at.saturating_sub(EARLY) {
            return Remember::Nothing;
        }
        let token = remembered.token.clone();
        if now >= remembered.refresh_at { Remember::Aging(token) } else { Remember::Fresh(token) }
    }

    /// The token while it has not expired, for callers whose refresh failed for a passing reason (catalogue T-24).
    pub(super) fn last_resort(&self, clock: &dyn Clock) -> Option<AccessToken> {
        let memory = self.memory.load();
        let token = &memory.as_ref()?.token;
        (clock.now() < token.expires_at).then(|| token.clone())
    }

    /// Joins the refresh under way, or starts one.
    pub(super) fn board(&self) -> Boarding {
        let mut flights = self.flight.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(flight) = &flights.current {
            return Boarding::Follow(Arc::clone(flight));
        }
        if let Some((until, error)) = flights.rest.as_ref().filter(|(until, _)| Instant::now() < *until) {
            let left = until.saturating_duration_since(Instant::now()).as_secs().saturating_add(1);
            return Boarding::Rest(error.clone().with_retry_after(u32::try_from(left).ok()));
        }
        let flight = Arc::new(Flight::default());
        flights.current = Some(Arc::clone(&flight));
        Boarding::Lead(flight)
    }

    /// Ends the flight. After a passing failure the next may begin only after a pause that grows (catalogue C-05).
    pub(super) fn land(&self, flight: &Flight, outcome: Result<AccessToken>) {
        let mut flights = self.flight.lock().unwrap_or_else(PoisonError::into_inner);
        flights.current = None;
        flights.rest = None;
        match &outcome {
            Err(error) if error.is_retryable() => {
                let growing = Duration::from_secs(1).saturating_mul(1 << flights.failures.min(6));
                let asked = error.retry_after().map(|seconds| Duration::from_secs(seconds.into()));
                flights.failures = flights.failures.saturating_add(1);
                let until = Instant::now().checked_add(asked.unwrap_or(growing.min(LONGEST_REST)));
                flights.rest = until.map(|until| (until, error.clone()));
            }
            _ => flights.failures = 0,
        }
        drop(flights);
        flight.finish(outcome);
    }

    /// A new sign-in ends every pause.
    pub(super) fn end_rest(&self) {
        let mut flights = self.flight.lock().unwrap_or_else(PoisonError::into_inner);
        (flights.rest, flights.failures) = (None, 0);
    }

    pub(crate) fn info(&self) -> AccountInfo {
        let record = self.record.load();
        AccountInfo {
            id: record.id.clone(),
            tenant_id: record.identity.tid.clone(),
            object_id: record.identity.oid.clone(),
            display_name: record.person.display_name.clone(),
            username: record.person.username.clone(),
            mail: record.person.mail.clone(),
            connected_at: record.connected_at,
        }
    }

    pub(crate) fn state(&self) -> StateReport {
        let record = self.record.load();
        let state = AccountState::from_number(record.state.state);
        StateReport {
            state,
            detail: record.state.detail.clone(),
            service_code: record.state.service_code.clone(),
            who_acts: state.who_acts(),
            since: record.state.since,
        }
    }

    /// What the browser shows after a sign-in.
    pub(super) fn outcome(&self) -> Outcome {
        let record = self.record.load();
        let username = record.person.username.clone();
        Outcome::Connected {
            account: record.person.display_name.clone().or(username.clone()).unwrap_or_default(),
            username,
            granted: record.scopes.granted.clone(),
            missing: record.scopes.missing.clone(),
            excess: record.scopes.excess.clone(),
        }
    }
}

impl Remembered {
    fn new(tokens: &TokenSet, persisted: bool) -> Self {
        let lifetime = tokens.expires_at.saturating_sub(tokens.obtained_at).max(0);
        let renew_before = tokens.expires_at.saturating_sub(EARLY.min(lifetime / 10));
        Self {
            token: AccessToken { secret: tokens.access_token.clone(), expires_at: tokens.expires_at, persisted },
            obtained_at: tokens.obtained_at,
            refresh_at: tokens.refresh_at.unwrap_or(renew_before),
            renew_before,
        }
    }
}

impl Flight {
    /// Waits for the outcome within the caller's own time.
    pub(super) fn wait(&self, call: &Call) -> Result<AccessToken> {
        let signal = call.signal();
        self.progress.lock().unwrap_or_else(PoisonError::into_inner).waiting.push(Arc::clone(&signal));
        loop {
            if let Some(outcome) = &self.progress.lock().unwrap_or_else(PoisonError::into_inner).outcome {
                return outcome.clone();
            }
            call.wait(&signal, Duration::from_secs(60))?;
        }
    }

    fn finish(&self, outcome: Result<AccessToken>) {
        let waiting = {
            let mut progress = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
            progress.outcome = Some(outcome);
            std::mem::take(&mut progress.waiting)
        };
        for signal in waiting {
            signal.notify();
        }
    }
}
