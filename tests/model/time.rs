//! Time under a model checker: it stands still unless a scenario moves it, or lets timers fire.
//!
//! Both checkers run all threads of one execution on one thread of the machine, so what stands here is seen by all of them, and is
//! no point at which they take turns.

use std::cell::Cell;
pub(crate) use std::time::Duration;

thread_local! {
    static NOW: Cell<Duration> = const { Cell::new(Duration::ZERO) };
    static TIMERS_FIRE: Cell<bool> = const { Cell::new(false) };
}

/// Begins an execution: its clock stands at nought, and no timer fires. Whoever is not woken then waits for ever, which the checkers
/// report as a deadlock, while on a real machine a timer would hide it.
pub(crate) fn begin() {
    NOW.set(Duration::ZERO);
    TIMERS_FIRE.set(false);
}

/// From here on a wait for what has not happened yet ends by its time limit.
pub(crate) fn let_timers_fire() {
    TIMERS_FIRE.set(true);
}

pub(crate) fn timers_fire() -> bool {
    TIMERS_FIRE.get()
}

pub(crate) fn advance(by: Duration) {
    NOW.set(NOW.get().saturating_add(by));
}

/// The monotonic clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Instant(Duration);

impl Instant {
    pub(crate) fn now() -> Self {
        Self(NOW.get())
    }

    pub(crate) fn elapsed(self) -> Duration {
        Self::now().saturating_duration_since(self)
    }

    pub(crate) fn checked_add(self, by: Duration) -> Option<Self> {
        self.0.checked_add(by).map(Self)
    }

    pub(crate) fn saturating_duration_since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}
