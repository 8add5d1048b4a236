//! How many requests one mailbox gets at once, and the pauses that its service asked for (FACTS 9.2, 9.3).

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
