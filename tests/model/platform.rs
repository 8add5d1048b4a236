//! What the checked sources take from `std`: the locks of a model checker instead of the machine's, and a clock that scenarios move.

pub(crate) use std::fmt;

#[path = "time.rs"]
pub(crate) mod time;

pub(crate) mod sync {
    use super::time::{self, Duration};
    use crate::checker;
    pub(crate) use checker::sync::{Mutex, MutexGuard};
    // Counting references is no point at which threads take turns.
    pub(crate) use std::sync::{Arc, LockResult, PoisonError, Weak};

    pub(crate) mod atomic {
        pub(crate) use crate::checker::sync::atomic::AtomicBool;
        pub(crate) use std::sync::atomic::Ordering;
    }

    #[derive(Debug, Default)]
    pub(crate) struct Condvar(checker::sync::Condvar);

    impl Condvar {
        pub(crate) fn notify_all(&self) {
            self.0.notify_all();
        }

        /// Also says whether the time ran out.
        #[expect(clippy::unnecessary_wraps, reason = "as in std")]
        pub(crate) fn wait_timeout_while<'a, T>(
            &self,
            mut guard: MutexGuard<'a, T>,
            timeout: Duration,
            mut condition: impl FnMut(&mut T) -> bool,
        ) -> LockResult<(MutexGuard<'a, T>, bool)> {
            while condition(&mut guard) {
                if time::timers_fire() {
                    time::advance(timeout);
                    return Ok((guard, true));
                }
                guard = self.0.wait(guard).unwrap_or_else(PoisonError::into_inner);
            }
            Ok((guard, false))
        }
    }
}
