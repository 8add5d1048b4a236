// What is checked, as it meets one tree (see trees.rs). `callers` counts all threads; the one that calls is the first of them.

use super::{
    call::{Call, CallOptions, CancelToken},
    error::{Detail, Error, Result},
    flight::{Flight, Part, SingleFlight},
    model::AccessToken,
    platform::{
        sync::atomic::AtomicBool,
        time::{self, Duration},
    },
};
use crate::checker::thread;
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::SeqCst},
};

const PAUSE: u32 = 600;
const TIMEOUT: Duration = Duration::from_secs(3);

/// An account whose token has expired, and the library around it.
#[derive(Default)]
struct Stage {
    flights: SingleFlight,
    closing: Arc<CancelToken>,
    /// Whether a refresh runs. Others may run while it is asked.
    running: AtomicBool,
    /// All that ever ran. Counting is no point at which threads take turns.
    run: AtomicUsize,
}

impl Stage {
    fn set() -> Arc<Self> {
        time::begin();
        Arc::new(Self::default())
    }

    fn call(&self, cancel: Option<&Arc<CancelToken>>) -> Call {
        Call::new(&CallOptions { timeout_ms: None, cancel: cancel.cloned() }, TIMEOUT, &self.closing)
    }

    /// What the engine does for a caller, with a refresh that ends as given.
    fn renew(&self, outcome: Result<AccessToken>) -> Result<AccessToken> {
        let call = self.call(None);
        match self.flights.join() {
            Part::BackOff(error) => Err(error),
            Part::Follower(flight) => flight.wait(&call, &|| {}),
            Part::Leader(flight) => {
                assert!(!self.running.swap(true, SeqCst), "two refreshes at once");
                self.run.fetch_add(1, SeqCst);
                self.running.store(false, SeqCst);
                self.flights.finish(&flight, outcome);
                flight.wait(&call, &|| {})
            }
        }
    }

    fn lead(&self) -> Arc<Flight> {
        match self.flights.join() {
            Part::Leader(flight) => flight,
            _ => panic!("somebody leads, or nobody may"),
        }
    }

    fn follow(&self, cancel: &Arc<CancelToken>) -> Result<AccessToken> {
        match self.flights.join() {
            Part::Follower(flight) => flight.wait(&self.call(Some(cancel)), &|| {}),
            _ => panic!("nobody leads"),
        }
    }
}

/// Runs `work` on so many threads, this one included.
fn together<T: Send + 'static>(callers: usize, work: impl Fn() -> T + Send + Sync + 'static) -> Vec<T> {
    let work = Arc::new(work);
    let others: Vec<_> = (1..callers)
        .map(|_| {
            let work = Arc::clone(&work);
            thread::spawn(move || work())
        })
        .collect();
    let mut results = vec![work()];
    results.extend(others.into_iter().map(|thread| thread.join().unwrap()));
    results
}

/// One leads at a time, and everybody gets an outcome, also when all come again at once.
pub(crate) fn one_leads_and_all_get_the_outcome(callers: usize, rounds: usize) {
    let stage = Stage::set();
    let seen = Arc::clone(&stage);
    let outcomes = together(callers, move || (0..rounds).map(|_| stage.renew(Ok(AccessToken(7)))).collect::<Vec<_>>());
    assert!(outcomes.concat().iter().all(|outcome| *outcome == Ok(AccessToken(7))), "{outcomes:?}");
    assert!((1..=callers * rounds).contains(&seen.run.load(SeqCst)));
}

/// A failure is told to all, and nobody begins again before the pause is over.
pub(crate) fn a_failure_is_shared_and_its_pause_holds(callers: usize) {
    let stage = Stage::set();
    let seen = Arc::clone(&stage);
    let failure = Error::from(Detail::Throttled).with_retry_after(Some(PAUSE));
    let outcomes = together(callers, move || stage.renew(Err(failure)));
    assert!(outcomes.iter().all(|outcome| outcome.is_err_and(|error| error.detail == Detail::Throttled)), "{outcomes:?}");
    assert_eq!(seen.run.load(SeqCst), 1, "a refresh within the pause");
    time::advance(Duration::from_secs(u64::from(PAUSE) - 1));
    assert!(matches!(seen.flights.join(), Part::BackOff(_)));
    time::advance(Duration::from_secs(1));
    seen.lead();
}

/// Callers who are cancelled while nothing else happens go at once, and the refresh goes on without them.
pub(crate) fn a_cancel_leaves_nobody_waiting(callers: usize) {
    let stage = Stage::set();
    let leader = stage.lead();
    let cancel = CancelToken::new();
    let first = AtomicUsize::new(0);
    let seen = Arc::clone(&stage);
    let outcomes = together(callers, move || {
        // The first to come cancels the others, who wait already or are about to.
        if first.fetch_add(1, SeqCst) == 0 {
            cancel.cancel();
            return None;
        }
        Some(stage.follow(&cancel))
    });
    assert!(outcomes.iter().flatten().all(|outcome| *outcome == Err(Detail::OperationCancelled.into())), "{outcomes:?}");
    seen.flights.finish(&leader, Ok(AccessToken(7)));
    seen.lead();
}

/// A cancellation meets the outcome: each caller gets one of the two.
pub(crate) fn a_cancel_meets_the_outcome(followers: usize) {
    let stage = Stage::set();
    let leader = stage.lead();
    let cancel = CancelToken::new();
    let waiting: Vec<_> = (0..followers)
        .map(|_| {
            let (stage, cancel, leader) = (Arc::clone(&stage), Arc::clone(&cancel), Arc::clone(&leader));
            thread::spawn(move || leader.wait(&stage.call(Some(&cancel)), &|| {}))
        })
        .collect();
    let canceller = thread::spawn(move || cancel.cancel());
    stage.flights.finish(&leader, Ok(AccessToken(7)));
    canceller.join().unwrap();
    for outcome in waiting.into_iter().map(|thread| thread.join().unwrap()) {
        assert!(matches!(outcome, Ok(AccessToken(7)) | Err(Error { detail: Detail::OperationCancelled, .. })), "{outcome:?}");
    }
}

/// The library closes while callers come: their refresh may never begin, and each of them is told.
pub(crate) fn a_close_leaves_nobody_waiting(callers: usize) {
    let stage = Stage::set();
    let closing = Arc::clone(&stage);
    let closer = thread::spawn(move || closing.closing.cancel());
    let outcomes = together(callers - 1, move || stage.renew(Err(Detail::HandleClosed.into())));
    closer.join().unwrap();
    for outcome in outcomes {
        assert!(
            outcome.is_err_and(|error| matches!(error.detail, Detail::HandleClosed | Detail::OperationCancelled)),
            "{outcome:?}"
        );
    }
}

/// A refresh that does not end holds nobody longer than the caller's own time.
pub(crate) fn a_deadline_ends_every_wait(callers: usize) {
    let stage = Stage::set();
    time::let_timers_fire();
    let leader = stage.lead();
    let seen = Arc::clone(&stage);
    let outcomes = together(callers, move || stage.follow(&CancelToken::new()));
    assert!(outcomes.iter().all(|outcome| *outcome == Err(Detail::DeadlineExceeded.into())), "{outcomes:?}");
    seen.flights.finish(&leader, Ok(AccessToken(7)));
    seen.lead();
}
