//! Many processes on one store: whose turn it is to refresh an account, and what the others changed.

use super::{AccountCell, Engine, REFRESH_TIMEOUT, outside_observers, refresh::Look};
use crate::{
    call::{Call, CallOptions},
    error::{Detail, Error, Result},
    log::LogLevel,
    model::AccessToken,
    store::{AccountLock, AccountRecord, Store},
};
use std::{
    sync::atomic::{AtomicI64, AtomicU64, Ordering},
    time::Duration,
};

/// How often a refresh asks for the lock of its account: the first pause, which doubles, and the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(2);
const LONGEST_PAUSE: Duration = Duration::from_millis(20);
/// How long an answer of another process may be on its way into the store.
const LATE_ANSWER: Duration = Duration::from_millis(500);
const LATE_ANSWER_PAUSE: Duration = Duration::from_millis(50);

/// How the processes on one store share their refreshes. Hosts have the default; the tests of this repository switch a part off, to see
/// that it is missed.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(not(feature = "_internal"), expect(unreachable_pub, reason = "public for the tests alone"))]
pub struct Sharing {
    /// Whether a refresh waits for the lock of its account.
    pub locks: bool,
    /// Whether it looks at the store once more when it has the lock.
    pub looks_again: bool,
    /// How long it waits for the lock. A process that is stopped keeps its lock for ever.
    pub patience: Duration,
}

impl Default for Sharing {
    /// Whoever holds the lock for longer than a refresh can take is stopped or hangs.
    fn default() -> Self {
        Self { locks: true, looks_again: true, patience: REFRESH_TIMEOUT.saturating_add(Duration::from_secs(5)) }
    }
}

/// What waiting for a turn ends with.
pub(super) enum Turn {
    /// Another process refreshed meanwhile.
    Token(AccessToken),
    /// Nobody else refreshes until the lock is dropped; `None` where there is no lock to be had.
    Ours { _lock: Option<AccountLock> },
    /// Another process has been refreshing for so long that it is not waited for.
    PassedBy,
}

impl Engine {
    /// On a worker, with nothing else held: waits for the lock of the account, or for a token that another process stores meanwhile.
    pub(super) fn take_turn(&self, cell: &AccountCell) -> Result<Turn> {
        let Some(mut queue) = self.store.queue(cell.id()).filter(|_| self.sharing.locks) else {
            return Ok(Turn::Ours { _lock: None });
        };
        let wait = Call::new(&CallOptions::default(), self.sharing.patience, &self.closing);
        let signal = wait.signal();
        let (mut pause, mut seen) = (FIRST_PAUSE, None);
        loop {
            match queue.try_take() {
                Ok(None) => {}
                Ok(lock) => return Ok(Turn::Ours { _lock: lock }),
                Err(error) => return Ok(self.without_lock(&error)),
            }
            let version = self.store.version().ok();
            if version.is_none() || version != seen {
                seen = version;
                if let Look::Token(token) = self.look(cell)? {
                    return Ok(Turn::Token(token));
                }
            }
            match wait.wait(&signal, pause) {
                Err(error) if error.cause() == Detail::DeadlineExceeded => return Ok(self.pass_by()),
                waited => waited?,
            }
            pause = pause.saturating_mul(2).min(LONGEST_PAUSE);
        }
    }

    /// A disk that takes no lock must not keep anybody from a token; the rows keep their own order.
    fn without_lock(&self, error: &Error) -> Turn {
        self.log.write(LogLevel::Warn, "refresh.not-locked", |log| log.detail = Some(error.detail()));
        Turn::Ours { _lock: None }
    }

    fn pass_by(&self) -> Turn {
        self.log.write(LogLevel::Warn, "refresh.passed-by", |_| {});
        Turn::PassedBy
    }

    /// After a refusal: what another process wrote with the same refresh token, or is about to write.
    pub(super) fn late_answer(&self, cell: &AccountCell, refused: &AccountRecord) -> Option<AccountRecord> {
        let wait = Call::new(&CallOptions::default(), LATE_ANSWER, &self.closing);
        let signal = wait.signal();
        loop {
            // Gone, or not to be read: that shows when the refusal is noted.
            let record = self.store.account(cell.id()).ok()??;
            if record.generation > refused.generation {
                return Some(record);
            }
            wait.wait(&signal, LATE_ANSWER_PAUSE).ok()?;
        }
    }

    /// For every silent token, so without a lock: looks once a second whether another process wrote, and reads the account's row
    /// again if one did. What cannot be done without waiting is done at the next call.
    pub(super) fn notice(&self, cell: &AccountCell, now: i64) {
        if self.watch.looked_at.load(Ordering::Relaxed) != now {
            self.watch.look(&self.store, now);
        }
        if cell.seen.load(Ordering::Relaxed) != self.watch.changes.load(Ordering::Acquire) {
            self.read_again(cell);
        }
    }

    #[cold]
    fn read_again(&self, cell: &AccountCell) {
        // An observer must not be told of a second account while it hears of the first.
        if outside_observers().is_err() {
            return;
        }
        let changes = self.watch.changes.load(Ordering::Acquire);
        let seen = cell.seen.swap(changes, Ordering::AcqRel);
        if seen == changes {
            return;
        }
        match self.store.try_account(cell.id()) {
            None => cell.seen.store(seen, Ordering::Release),
            Some(Ok(Some(record))) => self.adopt(cell, record),
            Some(Ok(None)) => drop(self.gone(cell)),
            Some(Err(error)) if error.cause() == Detail::StoreKeyChanged => drop(self.with_keys(|| self.read_row(cell))),
            // The token in memory is as good as it was; what is wrong with the store shows at the next refresh.
            Some(Err(_)) => {}
        }
        self.tell(cell);
    }

    /// The account was disconnected, here or in another process.
    pub(super) fn gone(&self, cell: &AccountCell) -> Error {
        cell.mark_gone(self.now());
        self.store.forget_lock(cell.id());
        Detail::AccountGone.into()
    }
}

/// Counts the changes that other processes made.
#[derive(Debug)]
pub(super) struct Watch {
    /// The second of the last look.
    looked_at: AtomicI64,
    version: AtomicI64,
    changes: AtomicU64,
}

impl Watch {
    pub(super) fn new(store: &Store) -> Result<Self> {
        Ok(Self { looked_at: AtomicI64::new(0), version: AtomicI64::new(store.version()?), changes: AtomicU64::new(0) })
    }

    #[cold]
    fn look(&self, store: &Store, now: i64) {
        let before = self.looked_at.swap(now, Ordering::Relaxed);
        if before == now {
            return;
        }
        match store.try_version() {
            None => self.looked_at.store(before, Ordering::Relaxed),
            Some(Ok(version)) => {
                if self.version.swap(version, Ordering::AcqRel) != version {
                    self.changes.fetch_add(1, Ordering::AcqRel);
                }
            }
            Some(Err(_)) => {}
        }
    }
}
