//! How many requests one mailbox gets at once, the pauses that its service asked for, and how often failures are tried again
//! (FACTS 9.2, 9.3).

use super::AccountCell;
use crate::{
    call::{Call, Signal},
    error::{Detail, Error, Result},
};
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::{Duration, Instant},
};

/// Outlook serves four requests of an app for one mailbox at the same time; one is left to others.
const AT_ONCE: usize = 3;
const SLICE: Duration = Duration::from_secs(1);

/// Lets requests of one account through.
#[derive(Debug, Default)]
pub(super) struct Gate(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    inside: usize,
    waiting: Vec<Weak<Signal>>,
    closed_until: Option<Instant>,
    retries: Retries,
}

/// Tries beyond the first that nobody asked for. They are few, so that a service that fails is not asked much more often than one that
/// works: ten at once, one more for every ten successes, and one every six seconds (case G-18).
#[derive(Debug)]
struct Retries {
    /// Tenths of a try.
    left: u32,
    counted_at: Option<Instant>,
}

impl Retries {
    const ONE: u32 = 10;
    const MOST: u32 = 10 * Self::ONE;
    const REFILL: Duration = Duration::from_secs(6);

    fn take(&mut self, now: Instant) -> bool {
        let since = now.saturating_duration_since(*self.counted_at.get_or_insert(now));
        let refills = u32::try_from(since.as_millis() / Self::REFILL.as_millis()).unwrap_or(u32::MAX);
        if refills > 0 {
            self.left = refills.saturating_mul(Self::ONE).saturating_add(self.left).min(Self::MOST);
            self.counted_at = Some(now);
        }
        let rest = self.left.checked_sub(Self::ONE);
        self.left = rest.unwrap_or(self.left);
        rest.is_some()
    }

    fn succeeded(&mut self) {
        self.left = self.left.saturating_add(1).min(Self::MOST);
    }
}

impl Default for Retries {
    fn default() -> Self {
        Self { left: Self::MOST, counted_at: None }
    }
}

/// A place inside; free again when dropped.
#[derive(Debug)]
pub(super) struct Pass(Arc<AccountCell>);

impl Gate {
    /// Waits for a place, within the caller's time. A pause that the service asked for and that does not fit is told at once.
    pub(super) fn enter(cell: &Arc<AccountCell>, call: &Call) -> Result<Pass> {
        let signal = call.signal();
        loop {
            let wait = {
                let mut state = cell.gate.state();
                match state.closed_until.map(|until| until.saturating_duration_since(Instant::now())) {
                    Some(pause) if !pause.is_zero() && !call.has_time_for(pause) => return Err(throttled(pause)),
                    Some(pause) if !pause.is_zero() => pause,
                    _ if state.inside < AT_ONCE => {
                        state.inside = state.inside.saturating_add(1);
                        return Ok(Pass(Arc::clone(cell)));
                    }
                    _ => {
                        state.waiting.push(Arc::downgrade(&signal));
                        SLICE
                    }
                }
            };
            call.wait(&signal, wait)?;
        }
    }

    /// Nobody asks again before `pause` is over: requests made meanwhile count against the mailbox.
    pub(super) fn close_for(&self, pause: Duration) {
        let until = Instant::now().checked_add(pause);
        let mut state = self.state();
        state.closed_until = state.closed_until.max(until);
    }

    /// Whether a failure may be tried again that the service did not ask to try again.
    pub(super) fn may_retry(&self) -> bool {
        self.state().retries.take(Instant::now())
    }

    /// A request succeeded.
    pub(super) fn succeeded(&self) {
        self.state().retries.succeeded();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        let mut state = self.0.gate.state();
        state.inside = state.inside.saturating_sub(1);
        let waiting = std::mem::take(&mut state.waiting);
        drop(state);
        waiting.iter().filter_map(Weak::upgrade).for_each(|signal| signal.notify());
    }
}

/// Whole seconds, rounded up.
fn throttled(pause: Duration) -> Error {
    let seconds = pause.as_secs().saturating_add(u64::from(pause.subsec_nanos() > 0));
    Error::from(Detail::Throttled).with_retry_after(u32::try_from(seconds).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// G-18: a thousand calls in a minute that fail, or of which every second one does, make hardly more requests than calls.
    #[test]
    fn g_18_storms_are_not_amplified() {
        for (what, fails) in [("always", 1), ("every second", 2)] {
            let (mut retries, start, mut requests) = (Retries::default(), Instant::now(), 0_u32);
            for call in 0..1_000_u32 {
                let now = start + Duration::from_millis(60 * u64::from(call));
                for _try in 0..4 {
                    requests += 1;
                    if requests % fails != 0 {
                        retries.succeeded();
                        break;
                    }
                    if !retries.take(now) {
                        break;
                    }
                }
            }
            assert!(requests <= 1_100, "{what}: {requests}");
        }
    }

    #[test]
    fn a_single_failure_always_has_its_tries() {
        let (mut retries, start) = (Retries::default(), Instant::now());
        for minute in 0..60 {
            let now = start + Duration::from_secs(60 * minute);
            assert_eq!((0..20).filter(|_| retries.take(now)).count(), 10, "{minute}");
        }
        assert!(!retries.take(start), "time does not go back");
    }
}
