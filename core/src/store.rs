//! The sealed store of the connected accounts: `SQLite` that never sees a secret.
//!
//! Everything that says anything about a person, an organisation, a permission or a token is sealed before `SQLite` gets it
//! (`store/seal.rs`, `docs/store.md`); rows are found by keyed hashes. Every write is one transaction that is on the disk when
//! the call returns; only pending sign-ins may be lost in a power loss, which costs a click.

mod account;
mod approval;
mod changes;
mod cursor;
mod discard;
mod envelope;
mod fault;
mod flow;
mod format;
mod in_use;
mod key;
mod keyring;
mod lock;
mod open;
mod place;
mod record;
mod recover;
mod rewrap;
mod rotate;
mod seal;
#[cfg(test)]
mod tests;

pub use key::{HostKey, KeyFile, KeyProvider, OsKeyStore, Passphrase, default_key_provider};

pub(crate) use account::{Accounts, DropTokens, Erasure, Rotation};
pub(crate) use discard::discard;
pub(crate) use envelope::Envelope;
pub(crate) use flow::{Claim, Flow};
pub(crate) use lock::AccountLock;
pub(crate) use record::{AccountRecord, NewAccount, Person, StateRecord, TokenSet};
pub(crate) use recover::{inspect, recover};

use crate::{
    clock::{Clock, SystemClock},
    error::{Detail, Result},
};
use arc_swap::{ArcSwap, ArcSwapOption};
use in_use::InUse;
use keyring::{KeyRecord, Keyring};
use lock::Locks;
use place::{FileId, Place};
use rusqlite::{Connection, Transaction, TransactionBehavior};
use seal::StoreKeys;
use std::{
    fmt,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError},
    time::Duration,
};

/// How long a disconnect waits for readers of other processes before it leaves the last step to the next open or close.
const ERASE_TIMEOUT: Duration = Duration::from_millis(200);

/// One open store. One connection behind a lock: its calls take microseconds, or one flush to the disk.
pub(crate) struct Store {
    connection: Mutex<Option<Connection>>,
    keys: ArcSwap<Keyring>,
    place: Place,
    file: FileId,
    in_use: ArcSwapOption<InUse>,
    process: u32,
    /// Last: the connection goes before the sign that this process has one.
    locks: Locks,
}

impl Store {
    /// Opens the store at `path`, or creates it. `provider` is called once, on this thread, with no lock held.
    pub(crate) fn open(path: &Path, provider: &dyn KeyProvider) -> Result<Self> {
        let place = Place::resolve(path)?;
        let in_use = InUse::open(&place)?;
        let locks = Locks::open(&place)?;
        // The times of files are the system's, whatever clock the host has.
        discard::remove_old_drafts(&place, SystemClock.now());
        let opened = open::open(&place, provider)?;
        let store = Self {
            connection: Mutex::new(Some(opened.connection)),
            keys: ArcSwap::from_pointee(opened.keys),
            place,
            file: opened.file,
            in_use: ArcSwapOption::from_pointee(in_use),
            process: std::process::id(),
            locks,
        };
        // If either has to wait once more, the store is usable all the same.
        let _ = store.with_connection(finish_erasure);
        let _ = store.finish_retiring(provider);
        Ok(store)
    }

    /// Opens the keys that another process gave the store meanwhile. Asks `provider` only where there are such.
    pub(crate) fn catch_up(&self, provider: &dyn KeyProvider) -> Result<()> {
        match self.with_connection(|connection| self.check_keys(connection)) {
            Err(error) if error.cause() == Detail::StoreKeyChanged => {}
            checked => return checked,
        }
        let records = self.with_connection(KeyRecord::read_all)?;
        let known = self.keys();
        self.keys.store(Arc::new(Keyring::open(&records, provider, Some(&known))?));
        Ok(())
    }

    /// Whether the files are where they were, safe from others, and have room for the next write. Writes nothing.
    pub(crate) fn check_files(&self) -> Result<()> {
        Place::resolve(self.place.path())?;
        for suffix in ["", "-wal", "-shm"] {
            self.place.peek(suffix)?;
        }
        if !self.place.still_holds(self.file) {
            return Err(Detail::StoreMoved.into());
        }
        self.place.check_room()
    }

    /// Whether `provider` gives the keys of the store. It is called on this thread, with no lock held.
    pub(crate) fn check_key(&self, provider: &dyn KeyProvider) -> Result<()> {
        let records = self.with_connection(KeyRecord::read_all)?;
        records.iter().try_for_each(|record| record.unwrap_key(provider).map(drop))
    }

    /// Ends an interrupted erasure if it can, and closes. Every later call answers `HandleClosed`.
    pub(crate) fn close(&self) -> Result<()> {
        // A child only lets go of it (see `drop`).
        let Ok(Some(connection)) = self.slot().map(|mut slot| slot.take()) else { return Ok(()) };
        let erased = if self.place.still_holds(self.file) { finish_erasure(&connection) } else { Ok(false) };
        let closed = connection.close().map_err(|(_, error)| fault::sqlite(error));
        self.in_use.store(None);
        self.locks.close();
        closed?;
        erased.map(|_| ())
    }

    /// Reads one state of the store, with all its keys at hand.
    fn read<T>(&self, work: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
        self.with_connection(|connection| self.read_rows(connection, work))
    }

    /// The same, or `None` while another thread is using the connection.
    fn try_read<T>(&self, work: impl FnOnce(&Connection) -> Result<T>) -> Option<Result<T>> {
        self.try_with_connection(|connection| self.read_rows(connection, work))
    }

    fn read_rows<T>(&self, connection: &Connection, work: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
        let transaction = Transaction::new_unchecked(connection, TransactionBehavior::Deferred).map_err(fault::sqlite)?;
        self.check_keys(&transaction)?;
        let done = work(&transaction)?;
        transaction.commit().map_err(fault::sqlite)?;
        Ok(done)
    }

    fn with_connection<T>(&self, work: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
        self.check_and(self.slot()?.as_ref(), work)
    }

    fn try_with_connection<T>(&self, work: impl FnOnce(&Connection) -> Result<T>) -> Option<Result<T>> {
        if !self.is_ours() {
            return Some(Err(Detail::HandleClosed.into()));
        }
        let slot = match self.connection.try_lock() {
            Ok(slot) => slot,
            Err(TryLockError::Poisoned(slot)) => slot.into_inner(),
            Err(TryLockError::WouldBlock) => return None,
        };
        Some(self.check_and(slot.as_ref(), work))
    }

    fn check_and<T>(&self, connection: Option<&Connection>, work: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
        let connection = connection.ok_or(Detail::HandleClosed)?;
        if !self.place.still_holds(self.file) {
            return Err(Detail::StoreMoved.into());
        }
        work(connection)
    }

    /// One transaction, with all keys of the store at hand, that is on the disk when this returns.
    fn write<T>(&self, work: impl FnOnce(&Transaction<'_>) -> Result<T>) -> Result<T> {
        self.write_row(|connection| {
            self.check_keys(connection)?;
            work(connection)
        })
    }

    /// The same for a row whose key may be known although the store has a newer one: what a refresh brought is kept while another
    /// process rotates the key.
    fn write_row<T>(&self, work: impl FnOnce(&Transaction<'_>) -> Result<T>) -> Result<T> {
        self.write_with("PRAGMA synchronous = FULL", work)
    }

    /// One transaction that survives the death of the process, and a power loss only from the next [`write`](Self::write) on. The
    /// file stays whole and the order of the transactions is kept.
    fn write_lightly<T>(&self, work: impl FnOnce(&Transaction<'_>) -> Result<T>) -> Result<T> {
        self.write_with("PRAGMA synchronous = NORMAL", |connection| {
            self.check_keys(connection)?;
            work(connection)
        })
    }

    /// Every write names its own durability, so that none depends on what the last one left.
    fn write_with<T>(&self, durability: &str, work: impl FnOnce(&Transaction<'_>) -> Result<T>) -> Result<T> {
        self.with_connection(|connection| {
            connection.execute_batch(durability).map_err(fault::sqlite)?;
            let transaction = Transaction::new_unchecked(connection, TransactionBehavior::Immediate).map_err(fault::sqlite)?;
            let done = work(&transaction)?;
            transaction.commit().map_err(fault::sqlite)?;
            Ok(done)
        })
    }

    /// Another process may have given the store a new key; then nothing is read or written before it is open here too. Keys that are
    /// gone from the store are forgotten.
    fn check_keys(&self, connection: &Connection) -> Result<()> {
        let keys = self.keys();
        let (oldest, newest) = keyring::stored_span(connection)?;
        let known = keys.span();
        if known.1 != newest {
            return Err(Detail::StoreKeyChanged.into());
        }
        if known.0 != oldest {
            self.keys.rcu(|ring| Arc::new(ring.without_older_than(oldest)));
        }
        Ok(())
    }

    fn add_key(&self, key: StoreKeys) {
        let key = Arc::new(key);
        self.keys.rcu(|ring| Arc::new(ring.with(Arc::clone(&key))));
    }

    fn drop_old_keys(&self) {
        self.keys.rcu(|ring| Arc::new(ring.without_older_than(ring.span().1)));
    }

    fn keys(&self) -> Arc<Keyring> {
        self.keys.load_full()
    }

    /// A connection does not survive a fork: the child must not touch its parent's locks.
    pub(crate) fn is_ours(&self) -> bool {
        self.process == std::process::id()
    }

    /// The connection, in the process that opened it. A child does not even try: the lock may have been held by a thread that the
    /// fork left behind, for ever. A panic in another call rolled its transaction back, so the connection stays usable.
    fn slot(&self) -> Result<MutexGuard<'_, Option<Connection>>> {
        if !self.is_ours() {
            return Err(Detail::HandleClosed.into());
        }
        Ok(self.connection.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        if !self.is_ours() {
            std::mem::forget(self.connection.get_mut().unwrap_or_else(PoisonError::into_inner).take());
        }
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").finish_non_exhaustive()
    }
}

/// Moves everything from the write-ahead log into the file, over what was deleted there, and empties the log. `false` while another
/// connection still reads an older state.
fn finish_erasure(connection: &Connection) -> Result<bool> {
    let pending: i64 = connection
        .prepare_cached("SELECT erase_pending FROM store WHERE only = 1")
        .and_then(|mut statement| statement.query_row([], |row| row.get(0)))
        .map_err(fault::sqlite)?;
    if pending == 0 {
        return Ok(true);
    }
    connection.busy_timeout(ERASE_TIMEOUT).map_err(fault::sqlite)?;
    let blocked = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, bool>(0));
    connection.busy_timeout(open::BUSY_TIMEOUT).map_err(fault::sqlite)?;
    if blocked.map_err(fault::sqlite)? {
        return Ok(false);
    }
    // Another process may have marked a disconnect of its own meanwhile; that mark stays.
    connection
        .execute("UPDATE store SET erase_pending = 0 WHERE only = 1 AND erase_pending = ?1", [pending])
        .map_err(fault::sqlite)?;
    Ok(true)
}

fn hex(bytes: &[u8]) -> String {
    use fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len().saturating_mul(2)), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
