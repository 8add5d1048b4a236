//! Single flight: of all callers that need the same refresh, one causes it and all wait for it.

use crate::{
    call::{Call, Signal},
    error::{Error, Result},
    model::AccessToken,
};
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// The refresh under way for one account, and the pause before the next one after a failure.
#[derive(Debug, Default)]
pub(super) struct SingleFlight(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    current: Option<Arc<Flight>>,
    failures: u32,
    pause: Option<(Instant, Error)>,
}

/// One refresh that any number of callers wait for.
#[derive(Debug, Default)]
pub(super) struct Flight(Mutex<Progress>);

#[derive(Debug, Default)]
struct Progress {
    /// With the time at which it was there.
    outcome: Option<(Instant, Result<AccessToken>)>,
    waiting: Vec<Arc<Signal>>,
    awake: bool,
}

/// A caller's part in a refresh.
pub(super) enum Part {
    /// Start it, then wait for it.
    Leader(Arc<Flight>),
    /// Wait for it.
    Follower(Arc<Flight>),
    /// The last one failed a moment ago, and the next may not begin yet.
    BackOff(Error),
}

/// Longest pause of our own between two refreshes that fail; a service may ask for a longer one.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// How often a waiting caller looks whether work is stuck, and how long it lets an outcome wait for the observer.
const SLICE: Duration = Duration::from_secs(1);

impl SingleFlight {
    /// Joins the refresh under way, or begins one.
    pub(super) fn join(&self) -> Part {
        let mut state = self.state();
        if let Some(flight) = &state.current {
            return Part::Follower(Arc::clone(flight));
        }
        if let Some((until, error)) = state.pause.as_ref().filter(|(until, _)| Instant::now() < *until) {
            let left = until.saturating_duration_since(Instant::now()).as_secs().saturating_add(1);
            return Part::BackOff(error.clone().with_retry_after(u32::try_from(left).ok()));
        }
        let flight = Arc::new(Flight::default());
        state.current = Some(Arc::clone(&flight));
        Part::Leader(flight)
    }

    /// Ends a refresh for everybody who waits.
    pub(super) fn finish(&self, flight: &Flight, outcome: Result<AccessToken>) {
        self.settle(flight, outcome);
        flight.wake();
    }

    /// Ends a refresh and wakes nobody yet: those who wait take the outcome themselves after a second or two, or when their own time is
    /// over. After a passing failure the next refresh may begin only after a pause that grows (case C-05).
    pub(super) fn settle(&self, flight: &Flight, outcome: Result<AccessToken>) {
        let mut state = self.state();
        (state.current, state.pause) = (None, None);
        match &outcome {
            Err(error) if error.is_passing() => {
                let growing = Duration::from_secs(1).saturating_mul(1 << state.failures.min(6)).min(LONGEST_PAUSE);
                let asked = Duration::from_secs(error.retry_after().unwrap_or_default().into());
                state.failures = state.failures.saturating_add(1);
                state.pause = Instant::now().checked_add(growing.max(asked)).map(|until| (until, error.clone()));
            }
            _ => state.failures = 0,
        }
        drop(state);
        flight.progress().outcome = Some((Instant::now(), outcome));
    }

    /// A new sign-in ends every pause.
    pub(super) fn reset(&self) {
        let mut state = self.state();
        (state.pause, state.failures) = (None, 0);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Flight {
    /// Waits for the outcome within the caller's own time. `relieve` is called about once a second.
    pub(super) fn wait(&self, call: &Call, relieve: &dyn Fn()) -> Result<AccessToken> {
        let signal = call.signal();
        self.progress().waiting.push(Arc::clone(&signal));
        let mut waited = Ok(());
        loop {
            if let Some(outcome) = self.progress().outcome_for(waited.is_err()) {
                return outcome;
            }
            waited?;
            waited = call.wait(&signal, SLICE);
            relieve();
        }
    }

    /// Wakes everybody who waits for the outcome that is there.
    pub(super) fn wake(&self) {
        let waiting = {
            let mut progress = self.progress();
            progress.awake = true;
            std::mem::take(&mut progress.waiting)
        };
        for signal in waiting {
            signal.notify();
        }
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Progress {
    /// For a caller whose time is over, an outcome that is there is worth more than the reason to stop waiting for it.
    fn outcome_for(&self, hurried: bool) -> Option<Result<AccessToken>> {
        let (settled, outcome) = self.outcome.as_ref()?;
        (self.awake || hurried || settled.elapsed() >= SLICE).then(|| outcome.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        call::{CallOptions, CancelToken},
        error::Detail,
        secret::Secret,
    };
    use std::thread;

    fn token() -> AccessToken {
        AccessToken { secret: Secret::new("t"), expires_at: 1, persisted: true }
    }

    fn call() -> Call {
        Call::new(&CallOptions::default(), Duration::from_secs(10), &CancelToken::new())
    }

    fn lead(flights: &SingleFlight) -> Arc<Flight> {
        match flights.join() {
            Part::Leader(flight) => flight,
            _ => panic!("somebody else leads"),
        }
    }

    #[test]
    fn c_01_one_leads_and_all_get_the_outcome() {
        let flights = SingleFlight::default();
        let leader = lead(&flights);
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| match flights.join() {
                    Part::Follower(flight) => assert_eq!(flight.wait(&call(), &|| {}).unwrap().expires_at(), 1),
                    _ => panic!("a second leader"),
                });
            }
            thread::sleep(Duration::from_millis(50));
            flights.finish(&leader, Ok(token()));
        });
        lead(&flights);
    }

    /// Nobody has been woken: an outcome is found all the same, also by a caller whose time is over.
    #[test]
    fn an_outcome_is_found_without_a_wake() {
        let flights = SingleFlight::default();
        let leader = lead(&flights);
        thread::scope(|scope| {
            for timeout_ms in [300, 10_000] {
                let leader = &leader;
                let options = CallOptions { timeout_ms: Some(timeout_ms), cancel: None };
                let call = Call::new(&options, SLICE, &CancelToken::new());
                scope.spawn(move || assert_eq!(leader.wait(&call, &|| {}).unwrap().expires_at(), 1));
            }
            thread::sleep(Duration::from_millis(50));
            flights.settle(&leader, Ok(token()));
        });
        lead(&flights);
    }

    #[test]
    fn c_05_passing_failures_are_followed_by_growing_pauses() {
        let flights = SingleFlight::default();
        flights.finish(&lead(&flights), Err(Detail::ServiceUnavailable.into()));
        assert!(matches!(flights.join(), Part::BackOff(error) if error.cause() == Detail::ServiceUnavailable));
        flights.reset();
        let told = Error::from(Detail::Throttled).with_retry_after(Some(600));
        flights.finish(&lead(&flights), Err(told));
        assert!(
            matches!(flights.join(), Part::BackOff(error) if error.retry_after().is_some_and(|seconds| (590..=601).contains(&seconds)))
        );
        flights.reset();
        // A pause of nothing does not take the place of our own.
        flights.finish(&lead(&flights), Err(Error::from(Detail::Throttled).with_retry_after(Some(0))));
        assert!(matches!(flights.join(), Part::BackOff(_)));
    }

    #[test]
    fn failures_that_do_not_pass_are_not_followed_by_a_pause() {
        let flights = SingleFlight::default();
        flights.finish(&lead(&flights), Err(Detail::ReauthRequired.into()));
        lead(&flights);
    }
}
