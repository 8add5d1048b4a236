//! The frame of every call: its deadline, and the tokens through which other threads cancel it.

use crate::{
    clock::Deadline,
    error::{Detail, Result},
};
use std::{
    sync::{
        Arc, Condvar, Mutex, PoisonError, Weak,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

/// How long a call may take and how it is cancelled.
#[derive(Clone, Debug, Default)]
pub struct CallOptions {
    /// Milliseconds until the call gives up. Default (`None`): 30 seconds for a request, 5 minutes for a sign-in.
    pub timeout_ms: Option<u32>,
    /// Cancels the call from another thread.
    pub cancel: Option<Arc<CancelToken>>,
}

/// Cancels calls from any thread. One token may serve several calls; once cancelled it stays cancelled.
#[derive(Debug, Default)]
pub struct CancelToken {
    cancelled: AtomicBool,
    waiters: Mutex<Vec<Weak<Signal>>>,
}

impl CancelToken {
    /// Makes a token that is not cancelled.
    pub fn new() -> Arc<Self> {
        Arc::new(Self::default())
    }

    /// Cancels every call that carries this token. Returns at once; the calls return `Cancelled` within milliseconds.
    pub fn cancel(&self) {
        self.cancelled.store(true, Ordering::SeqCst);
        let waiters = std::mem::take(&mut *self.waiters.lock().unwrap_or_else(PoisonError::into_inner));
        for signal in waiters.iter().filter_map(Weak::upgrade) {
            signal.notify();
        }
    }

    /// Whether [`cancel`](Self::cancel) was called.
    pub fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::SeqCst)
    }

    fn wake(&self, signal: &Arc<Signal>) {
        let mut waiters = self.waiters.lock().unwrap_or_else(PoisonError::into_inner);
        waiters.retain(|waiter| waiter.strong_count() > 0);
        waiters.push(Arc::downgrade(signal));
    }
}

/// Something happened: wakes whoever waits. Wake-ups are remembered, so none is lost between two waits.
#[derive(Debug, Default)]
pub(crate) struct Signal {
    raised: Mutex<bool>,
    changed: Condvar,
}

impl Signal {
    pub(crate) fn notify(&self) {
        *self.raised.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.changed.notify_all();
    }

    /// Waits until notified or until `timeout`, and takes the notification.
    fn wait(&self, timeout: Duration) {
        let guard = self.raised.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.changed.wait_timeout_while(guard, timeout, |raised| !*raised);
        *waited.unwrap_or_else(PoisonError::into_inner).0 = false;
    }
}

/// One running call: its deadline and everything that may cancel it.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    deadline: Deadline,
    tokens: Vec<Arc<CancelToken>>,
}

impl Call {
    /// `closing` is the owner's own token, raised by `close`.
    pub(crate) fn new(options: &CallOptions, default_timeout: Duration, closing: &Arc<CancelToken>) -> Self {
        let timeout = options.timeout_ms.map_or(default_timeout, |ms| Duration::from_millis(ms.into()));
        let tokens = options.cancel.iter().chain([closing]).map(Arc::clone).collect();
        Self { deadline: Deadline::after(timeout), tokens }
    }

    /// Fails once the call was cancelled or its time is over.
    pub(crate) fn check(&self) -> Result<()> {
        if self.tokens.iter().any(|token| token.is_cancelled()) {
            return Err(Detail::OperationCancelled.into());
        }
        if self.deadline.has_passed() {
            return Err(Detail::DeadlineExceeded.into());
        }
        Ok(())
    }

    pub(crate) fn deadline(&self) -> Deadline {
        self.deadline
    }

    /// Whether there is time for a pause of that length, and a moment after it.
    pub(crate) fn has_time_for(&self, pause: Duration) -> bool {
        self.deadline.remaining() > pause
    }

    /// Waits for so long; fails when cancelled or out of time.
    pub(crate) fn sleep(&self, pause: Duration) -> Result<()> {
        let (signal, end) = (self.signal(), Deadline::after(pause));
        while !end.has_passed() {
            self.wait(&signal, end.remaining())?;
        }
        Ok(())
    }

    /// A signal that a cancellation raises too; wait on it with [`wait`](Self::wait).
    pub(crate) fn signal(&self) -> Arc<Signal> {
        let signal = Arc::new(Signal::default());
        for token in &self.tokens {
            token.wake(&signal);
        }
        signal
    }

    /// Waits for `signal`, at most `slice` and never past the deadline; fails when cancelled or out of time.
    pub(crate) fn wait(&self, signal: &Signal, slice: Duration) -> Result<()> {
        self.check()?;
        signal.wait(slice.min(self.deadline.remaining()));
        self.check()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{thread, time::Instant};

    fn call(timeout_ms: u32, cancel: &Arc<CancelToken>) -> Call {
        let options = CallOptions { timeout_ms: Some(timeout_ms), cancel: Some(Arc::clone(cancel)) };
        Call::new(&options, Duration::from_secs(1), &CancelToken::new())
    }

    #[test]
    fn a_cancel_from_another_thread_ends_the_wait_at_once() {
        let token = CancelToken::new();
        let call = call(60_000, &token);
        let signal = call.signal();
        let started = Instant::now();
        let canceller = thread::spawn(move || token.cancel());
        let error = call.wait(&signal, Duration::from_secs(60)).unwrap_err();
        canceller.join().unwrap();
        assert_eq!(error.cause(), Detail::OperationCancelled);
        assert!(started.elapsed() < Duration::from_secs(5));
    }

    #[test]
    fn a_deadline_ends_the_wait() {
        let call = call(20, &CancelToken::new());
        let error = call.wait(&call.signal(), Duration::from_secs(60)).unwrap_err();
        assert_eq!(error.cause(), Detail::DeadlineExceeded);
    }

    #[test]
    fn a_notification_before_the_wait_is_not_lost() {
        let call = call(60_000, &CancelToken::new());
        let signal = call.signal();
        signal.notify();
        call.wait(&signal, Duration::from_secs(60)).unwrap();
    }
}
