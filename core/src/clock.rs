//! The only place that asks the wall clock; and the deadlines of calls, which the monotonic clock measures.

use std::{
    fmt,
    time::{Duration, Instant},
};

/// A source of wall-clock time. Waits are measured with the monotonic clock of the machine and never with this one; a wall clock
/// decides expiry alone.
pub trait Clock: Send + Sync + fmt::Debug {
    /// Seconds since the Unix epoch.
    fn now(&self) -> i64;
}

/// The machine's clock.
#[derive(Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the place")]
    fn now(&self) -> i64 {
        let since_epoch = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        since_epoch.map_or(0, |elapsed| i64::try_from(elapsed.as_secs()).unwrap_or(i64::MAX))
    }
}

/// A point on the monotonic clock at which a call gives up.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline(Instant);

impl Deadline {
    /// Further away than any caller waits; keeps the arithmetic total.
    const FAR: Duration = Duration::from_secs(365 * 24 * 3600);

    pub(crate) fn after(timeout: Duration) -> Self {
        let now = Instant::now();
        Self(now.checked_add(timeout.min(Self::FAR)).unwrap_or(now))
    }

    /// What is left, zero once it has passed.
    pub(crate) fn remaining(self) -> Duration {
        self.0.saturating_duration_since(Instant::now())
    }

    pub(crate) fn has_passed(self) -> bool {
        self.remaining().is_zero()
    }

    pub(crate) fn sooner(self, other: Self) -> Self {
        Self(self.0.min(other.0))
    }
}
