//! The threads on which all network work runs.
//!
//! A caller waits beside its work and not inside it: so it can be cancelled at once, an answer that comes after its time-out is
//! still kept by the work itself, and a host that calls from inside an async runtime does not block or panic in it.
//!
//! How a hung server is kept from starving everybody else: at most [`BRISK`] threads work at the same time, but a thread whose work
//! has taken longer than [`PATIENCE`] counts as stuck and no longer against that number, so another one takes its place. Work that
//! somebody waits for therefore starts within [`PATIENCE`] of its turn. [`MOST`] bounds the threads in all; every piece of network
//! work ends by its own time limits.

use crate::{
    call::{Call, Signal},
    error::{Detail, Result},
};
use arc_swap::ArcSwap;
use std::{
    cell::Cell,
    collections::VecDeque,
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    process,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

/// Threads that may work at the same time, not counting the stuck ones.
const BRISK: usize = 8;
/// Threads in all.
const MOST: usize = 64;
/// After this time a piece of work counts as stuck.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long a thread without work stays.
const IDLE: Duration = Duration::from_secs(10);

thread_local! {
    /// Whether this thread is a worker; work that starts more work does it on the spot.
    static WORKER: Cell<bool> = const { Cell::new(false) };
}

/// A few threads of our own. None is started before there is work.
pub(crate) struct Workers {
    pool: ArcSwap<Pool>,
}

impl Workers {
    pub(crate) fn new() -> Self {
        Self { pool: ArcSwap::from(Pool::new()) }
    }

    /// Runs `work` on a worker and waits for it within `call`. When the caller gives up (time-out, cancel), work that has begun goes
    /// on to its own end and its result is dropped; work that has not begun is dropped unrun. From inside other work it runs on the
    /// spot, so that work never waits for a thread that waits for it.
    pub(crate) fn run<T: Send + 'static>(&self, call: &Call, work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
        call.check()?;
        if WORKER.get() {
            // Unwind safety: what `work` leaves half done is dropped with it; shared state of ours is behind locks that recover.
            return catch_unwind(AssertUnwindSafe(work)).map_err(|_| Detail::Internal.into());
        }
        let signal = call.signal();
        let slot = Arc::new(Slot { signal: Arc::clone(&signal), outcome: Mutex::new(Outcome::Pending) });
        let promise = Promise(Arc::clone(&slot));
        let pool = self.pool();
        pool.enqueue(Box::new(move || {
            if !promise.0.is_abandoned() {
                let result = work();
                promise.0.settle(Outcome::Done(result));
            }
        }))?;
        loop {
            let waited = call.wait(&signal, PATIENCE);
            // An answer that is there is worth more than the reason to stop waiting for it.
            if let Some(result) = slot.take(waited.is_err()) {
                return result;
            }
            waited?;
            pool.relieve();
        }
    }

    /// Runs `work` on a worker without waiting. After [`close`](Self::close) it is dropped unrun.
    pub(crate) fn spawn(&self, work: impl FnOnce() + Send + 'static) {
        // Nobody waits, so nobody can be told; the only causes are a closed pool and a machine without a thread to spare.
        drop(self.pool().enqueue(Box::new(work)));
    }

    /// For those who wait for [`spawn`](Self::spawn)ed work: starts another thread where work waits behind stuck work.
    pub(crate) fn relieve(&self) {
        self.pool().relieve();
    }

    /// Takes no more work, waits at most `patience` for what runs or is queued, then drops what has not begun.
    pub(crate) fn close(&self, patience: Duration) {
        let pool = self.pool();
        let started = Instant::now();
        let mut state = pool.state();
        state.closed = true;
        pool.changed.notify_all();
        while !(state.queue.is_empty() && state.running.is_empty()) {
            let left = patience.saturating_sub(started.elapsed());
            if left.is_zero() {
                break;
            }
            state = pool.quiet.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        let unrun = std::mem::take(&mut state.queue);
        drop(state);
        drop(unrun);
    }

    /// The pool of this process: after a `fork` the threads of the parent are gone and its locks may be held for ever, so the child
    /// leaves that pool alone and starts with a new one.
    fn pool(&self) -> Arc<Pool> {
        let pool = self.pool.load_full();
        if pool.process == process::id() {
            return pool;
        }
        let fresh = Pool::new();
        std::mem::forget(self.pool.swap(Arc::clone(&fresh)));
        std::mem::forget(pool);
        fresh
    }
}

impl Drop for Workers {
    /// Waits for nothing: what is queued is still done, and the threads end after it.
    fn drop(&mut self) {
        let pool = self.pool();
        pool.state().closed = true;
        pool.changed.notify_all();
    }
}

impl fmt::Debug for Workers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Workers")
    }
}

struct Pool {
    process: u32,
    state: Mutex<State>,
    /// There is work, or the end.
    changed: Condvar,
    /// A piece of work ended.
    quiet: Condvar,
}

#[derive(Default)]
struct State {
    queue: VecDeque<Box<dyn FnOnce() + Send>>,
    threads: usize,
    idle: usize,
    /// The number and the start of every piece of work that runs.
    running: Vec<(u64, Instant)>,
    next: u64,
    closed: bool,
}

impl Pool {
    fn new() -> Arc<Self> {
        Arc::new(Self { process: process::id(), state: Mutex::default(), changed: Condvar::new(), quiet: Condvar::new() })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn enqueue(self: &Arc<Self>, job: Box<dyn FnOnce() + Send>) -> Result<()> {
        let mut state = self.state();
        if state.closed {
            drop(state);
            drop(job);
            return Err(Detail::HandleClosed.into());
        }
        state.queue.push_back(job);
        self.grow(&mut state);
        if state.threads == 0 {
            let job = state.queue.pop_back();
            drop(state);
            drop(job);
            return Err(crate::error::Error::from(Detail::Internal).with_what("thread"));
        }
        drop(state);
        self.changed.notify_one();
        Ok(())
    }

    /// Starts another thread where work waits behind stuck work.
    fn relieve(self: &Arc<Self>) {
        self.grow(&mut self.state());
    }

    fn grow(self: &Arc<Self>, state: &mut State) {
        let stuck = state.running.iter().filter(|(_, since)| since.elapsed() >= PATIENCE).count();
        let brisk = state.threads.saturating_sub(stuck);
        if state.queue.len() <= state.idle || brisk >= BRISK || state.threads >= MOST {
            return;
        }
        let pool = Arc::clone(self);
        if thread::Builder::new().name("intail-office365".to_owned()).spawn(move || pool.work()).is_ok() {
            state.threads = state.threads.saturating_add(1);
        }
    }

    fn work(&self) {
        WORKER.set(true);
        while let Some((number, job)) = self.next() {
            // Unwind safety: the job is gone afterwards, and shared state of ours is behind locks that recover. The payload is
            // forgotten, because dropping it could panic again.
            if let Err(payload) = catch_unwind(AssertUnwindSafe(job)) {
                std::mem::forget(payload);
            }
            self.state().running.retain(|(running, _)| *running != number);
            self.quiet.notify_all();
        }
    }

    /// Waits for work; `None` ends the thread.
    fn next(&self) -> Option<(u64, Box<dyn FnOnce() + Send>)> {
        let mut state = self.state();
        loop {
            if let Some(job) = state.queue.pop_front() {
                let number = state.next;
                state.next = number.wrapping_add(1);
                state.running.push((number, Instant::now()));
                return Some((number, job));
            }
            let mut over = state.closed;
            if !over {
                state.idle = state.idle.saturating_add(1);
                let (woken, timeout) = self.changed.wait_timeout(state, IDLE).unwrap_or_else(PoisonError::into_inner);
                state = woken;
                state.idle = state.idle.saturating_sub(1);
                over = timeout.timed_out() && state.queue.is_empty();
            }
            if over && state.queue.is_empty() {
                state.threads = state.threads.saturating_sub(1);
                return None;
            }
        }
    }
}

/// Where a worker leaves its result and the caller finds it.
struct Slot<T> {
    signal: Arc<Signal>,
    outcome: Mutex<Outcome<T>>,
}

enum Outcome<T> {
    Pending,
    Done(T),
    Panicked,
    /// Dropped before it began.
    Unrun,
    /// The caller is gone.
    Abandoned,
}

impl<T> Slot<T> {
    fn outcome(&self) -> MutexGuard<'_, Outcome<T>> {
        self.outcome.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_abandoned(&self) -> bool {
        matches!(*self.outcome(), Outcome::Abandoned)
    }

    fn settle(&self, outcome: Outcome<T>) {
        let mut current = self.outcome();
        if matches!(*current, Outcome::Pending) {
            *current = outcome;
        }
        drop(current);
        self.signal.notify();
    }

    /// The result, if there is one; otherwise the slot is given up where `last` says so.
    fn take(&self, last: bool) -> Option<Result<T>> {
        let mut outcome = self.outcome();
        match std::mem::replace(&mut *outcome, if last { Outcome::Abandoned } else { Outcome::Pending }) {
            Outcome::Done(result) => Some(Ok(result)),
            Outcome::Panicked => Some(Err(Detail::Internal.into())),
            Outcome::Unrun => Some(Err(Detail::HandleClosed.into())),
            Outcome::Pending | Outcome::Abandoned => None,
        }
    }
}

/// Tells the caller even when the work panics or is never begun.
struct Promise<T>(Arc<Slot<T>>);

impl<T> Drop for Promise<T> {
    fn drop(&mut self) {
        self.0.settle(if thread::panicking() { Outcome::Panicked } else { Outcome::Unrun });
    }
}

#[cfg(test)]
mod tests;
