//! Wrapping the store's keys anew: for another provider, or under a new key of the same one. The rows stay as they are.
//!
//! A provider that owns its keys makes a new one for every wrapping. The old wrapping is noted in the transaction that replaces it,
//! and the provider forgets its key afterwards, if need be when the store is opened next.

use super::{Store, fault, finish_erasure, key::KeyProvider, keyring::KeyRecord};
use crate::error::{Detail, Result};
use rusqlite::Connection;
use std::cell::Cell;

/// Wrappings that were made and are not yet in the store.
pub(crate) struct Rewrapped {
    pairs: Vec<(KeyRecord, KeyRecord)>,
    retires: bool,
    /// Whether they were put in place. If the transaction then fails to reach the disk, it can be there all the same after a crash.
    placed: Cell<bool>,
}

/// How often a change that another process crossed is tried.
const TRIES: usize = 3;
/// How many wrapping keys one call lets the provider forget. There are hardly ever two; a file with many was made by somebody who
/// wants its opening to take for ever. (The number in `retired`.)
const MOST_RETIRED: usize = 64;

impl Store {
    /// Wraps the store's keys with `to`, all or nothing. Both providers are called on this thread, with no lock held.
    pub(crate) fn change_key(&self, from: &dyn KeyProvider, to: &dyn KeyProvider) -> Result<()> {
        for _ in 0..TRIES {
            let rewrapped = self.rewrap(from, to)?;
            let written = self.write(|connection| Ok(rewrapped.write(connection)? && mark_erasure(connection)?));
            if !matches!(written, Ok(true)) {
                rewrapped.abandon(to);
            }
            if written? {
                let _ = self.with_connection(finish_erasure);
                let _ = self.finish_retiring(from);
                return Ok(());
            }
        }
        Err(Detail::StoreBusy.into())
    }

    /// Unwraps every key with `from`, which proves that it fits, and wraps it with `to`. Writes nothing.
    pub(crate) fn rewrap(&self, from: &dyn KeyProvider, to: &dyn KeyProvider) -> Result<Rewrapped> {
        let mut rewrapped = Rewrapped { pairs: Vec::new(), retires: from.kind().owns_its_keys(), placed: Cell::new(false) };
        for old in self.with_connection(KeyRecord::read_all)? {
            let new = old.unwrap_key(from).and_then(|key| KeyRecord::wrap(to, old.store_id, old.key_id, &key));
            match new {
                Ok(new) => rewrapped.pairs.push((old, new)),
                Err(error) => {
                    rewrapped.abandon(to);
                    return Err(error);
                }
            }
        }
        Ok(rewrapped)
    }

    /// Lets `provider` forget the wrapping keys that are no longer used; `StoreBusy` if some may be left for the next call.
    pub(crate) fn finish_retiring(&self, provider: &dyn KeyProvider) -> Result<()> {
        let retired = self.with_connection(retired)?;
        for (_, wrapped) in &retired {
            provider.retire(wrapped)?;
        }
        if retired.is_empty() {
            return Ok(());
        }
        self.write(|connection| {
            for (row, wrapped) in &retired {
                connection
                    .execute("DELETE FROM retired_key WHERE rowid = ?1 AND wrapped = ?2", (row, wrapped))
                    .map_err(fault::sqlite)?;
            }
            Ok(())
        })?;
        if retired.len() < MOST_RETIRED { Ok(()) } else { Err(Detail::StoreBusy.about("retired keys")) }
    }
}

impl Rewrapped {
    /// Puts the new wrappings in place; `false`, with nothing changed, if another process changed them meanwhile.
    pub(super) fn write(&self, connection: &Connection) -> Result<bool> {
        let stored = KeyRecord::read_all(connection)?;
        let fits =
            stored.len() == self.pairs.len() && stored.iter().zip(&self.pairs).all(|(now, (old, _))| now.wrapped == old.wrapped);
        if !fits {
            return Ok(false);
        }
        for (old, new) in &self.pairs {
            new.replace(connection, old)?;
            if self.retires {
                retire_later(connection, &old.wrapped)?;
            }
        }
        self.placed.set(true);
        Ok(true)
    }

    /// Lets the provider forget what was made and is not used. If it cannot be forgotten now, it is a key that opens nothing; if it may
    /// be in use, it is kept.
    pub(crate) fn abandon(&self, provider: &dyn KeyProvider) {
        if self.placed.get() {
            return;
        }
        for (_, new) in &self.pairs {
            let _ = provider.retire(&new.wrapped);
        }
    }
}

/// Notes a wrapping whose key the provider has to forget once this transaction is on the disk.
pub(super) fn retire_later(connection: &Connection, wrapped: &[u8]) -> Result<()> {
    connection.execute("INSERT INTO retired_key (wrapped) VALUES (?1)", [wrapped]).map_err(fault::sqlite)?;
    Ok(())
}

/// What this transaction overwrites has to leave the write-ahead log too.
pub(super) fn mark_erasure(connection: &Connection) -> Result<bool> {
    connection.execute("UPDATE store SET erase_pending = erase_pending + 1 WHERE only = 1", []).map_err(fault::sqlite)?;
    Ok(true)
}

fn retired(connection: &Connection) -> Result<Vec<(i64, Vec<u8>)>> {
    let mut statement = connection.prepare_cached("SELECT rowid, wrapped FROM retired_key LIMIT 64").map_err(fault::sqlite)?;
    let wrapped = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).map_err(fault::sqlite)?;
    wrapped.collect::<rusqlite::Result<_>>().map_err(fault::sqlite)
}
