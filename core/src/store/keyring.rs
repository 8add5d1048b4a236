//! The store's keys: the records in which they lie wrapped, and the ring of those that are open.
//!
//! A store has one key. While it is being rotated it has two: what is written anew is sealed under the newest, and every row knows
//! the key it lies under (`store/rotate.rs`).

use super::{
    fault,
    key::KeyProvider,
    seal::{self, Key, STORE_ID_LENGTH, StoreKeys},
};
use crate::error::{Detail, Result};
use rusqlite::Connection;
use std::sync::Arc;
use zeroize::Zeroizing;

pub(super) const FIRST_KEY: u32 = 1;
/// Room for every kind of hardware key, and a bound for what a provider may make us store.
const WRAPPED_LIMIT: usize = 16 * 1024;

/// A wrapped store key as it lies in the store, with its two checks: `checksum` needs no key and tells damage, `key_check` tells
/// whether a key that was unwrapped is the right one.
#[derive(Clone)]
pub(super) struct KeyRecord {
    pub(super) store_id: [u8; STORE_ID_LENGTH],
    pub(super) key_id: u32,
    pub(super) wrapped: Vec<u8>,
    key_check: Vec<u8>,
}

impl KeyRecord {
    /// Wraps a key that is new, or under a provider that is new.
    pub(super) fn wrap(provider: &dyn KeyProvider, store_id: [u8; STORE_ID_LENGTH], key_id: u32, key: &Key) -> Result<Self> {
        let wrapped = provider.wrap(key_id, key.as_slice())?;
        if wrapped.is_empty() || wrapped.len() > WRAPPED_LIMIT {
            return Err(Detail::InvalidArgument.about("wrapped key"));
        }
        let key_check = StoreKeys::derive(store_id, key_id, key)?.key_check();
        Ok(Self { store_id, key_id, wrapped, key_check })
    }

    /// Every key of the store, oldest first.
    pub(super) fn read_all(connection: &Connection) -> Result<Vec<Self>> {
        let sql = "SELECT store_id, key_id, wrapped, key_check, checksum FROM store, store_key ORDER BY key_id";
        let mut statement = connection.prepare_cached(sql).map_err(fault::sqlite)?;
        let mut rows = statement.query([]).map_err(fault::sqlite)?;
        let mut records = Vec::new();
        while let Some(row) = rows.next().map_err(fault::sqlite)? {
            let (record, checksum) = Self::of_row(row).map_err(fault::sqlite)?;
            if record.checksum() != checksum {
                return Err(Detail::StoreCorrupt.about("key record"));
            }
            records.push(record);
        }
        if records.is_empty() { Err(Detail::StoreCorrupt.about("key record")) } else { Ok(records) }
    }

    pub(super) fn insert(&self, connection: &Connection) -> Result<()> {
        let sql = "INSERT INTO store_key (key_id, wrapped, key_check, checksum) VALUES (?1, ?2, ?3, ?4)";
        connection.execute(sql, (self.key_id, &self.wrapped, &self.key_check, self.checksum())).map_err(fault::sqlite)?;
        Ok(())
    }

    /// Puts another wrapping of the same key in the place of `old`; `false` if somebody else did so meanwhile.
    pub(super) fn replace(&self, connection: &Connection, old: &Self) -> Result<bool> {
        let sql = "UPDATE store_key SET wrapped = ?2, checksum = ?3 WHERE key_id = ?1 AND wrapped = ?4";
        let changed = connection.execute(sql, (self.key_id, &self.wrapped, self.checksum(), &old.wrapped));
        Ok(changed.map_err(fault::sqlite)? == 1)
    }

    /// The key itself, if `provider` has what it was wrapped with.
    pub(super) fn unwrap_key(&self, provider: &dyn KeyProvider) -> Result<Key> {
        let bytes = Zeroizing::new(provider.unwrap(self.key_id, &self.wrapped)?);
        let key = seal::key_from(&bytes).ok_or(Detail::StoreWrongKey)?;
        self.open_with(&key).map(|_| key)
    }

    pub(super) fn open_with(&self, key: &Key) -> Result<StoreKeys> {
        let keys = StoreKeys::derive(self.store_id, self.key_id, key)?;
        if keys.passes(&self.key_check) { Ok(keys) } else { Err(Detail::StoreWrongKey.into()) }
    }

    fn of_row(row: &rusqlite::Row<'_>) -> rusqlite::Result<(Self, Vec<u8>)> {
        let record = Self { store_id: row.get(0)?, key_id: row.get(1)?, wrapped: row.get(2)?, key_check: row.get(3)? };
        Ok((record, row.get(4)?))
    }

    fn checksum(&self) -> Vec<u8> {
        seal::key_record_checksum(&self.store_id, self.key_id, &self.wrapped, &self.key_check)
    }
}

/// The open keys of a store, oldest first; never empty.
#[derive(Clone)]
pub(super) struct Keyring {
    older: Vec<Arc<StoreKeys>>,
    newest: Arc<StoreKeys>,
}

impl Keyring {
    pub(super) fn of(newest: StoreKeys) -> Self {
        Self { older: Vec::new(), newest: Arc::new(newest) }
    }

    /// Opens every record that `known` does not hold.
    pub(super) fn open(records: &[KeyRecord], provider: &dyn KeyProvider, known: Option<&Self>) -> Result<Self> {
        let mut keys = Vec::with_capacity(records.len());
        for record in records {
            keys.push(match known.and_then(|known| known.find(record.key_id)) {
                Some(key) => Arc::clone(key),
                None => Arc::new(record.open_with(&record.unwrap_key(provider)?)?),
            });
        }
        let newest = keys.pop().ok_or(Detail::StoreCorrupt)?;
        Ok(Self { older: keys, newest })
    }

    /// What is written from now on is sealed with this one.
    pub(super) fn newest(&self) -> &StoreKeys {
        &self.newest
    }

    pub(super) fn newest_first(&self) -> impl Iterator<Item = &StoreKeys> {
        std::iter::once(&self.newest).chain(self.older.iter().rev()).map(|keys| &**keys)
    }

    /// The key of a row. The ring holds all keys of the store when a row is read, so another number is not ours.
    pub(super) fn key(&self, key_id: u32) -> Result<&StoreKeys> {
        self.find(key_id).map(|keys| &**keys).ok_or_else(|| Detail::StoreTampered.into())
    }

    pub(super) fn is_rotating(&self) -> bool {
        !self.older.is_empty()
    }

    pub(super) fn with(&self, newest: Arc<StoreKeys>) -> Self {
        let older = self.older.iter().chain([&self.newest]).map(Arc::clone).collect();
        Self { older, newest }
    }

    pub(super) fn without_older_than(&self, oldest: u32) -> Self {
        let older = self.older.iter().filter(|keys| keys.key_id >= oldest).map(Arc::clone).collect();
        Self { older, newest: Arc::clone(&self.newest) }
    }

    /// Numbers of the oldest and the newest key.
    pub(super) fn span(&self) -> (u32, u32) {
        (self.older.first().unwrap_or(&self.newest).key_id, self.newest.key_id)
    }

    fn find(&self, key_id: u32) -> Option<&Arc<StoreKeys>> {
        self.older.iter().chain([&self.newest]).find(|keys| keys.key_id == key_id)
    }
}

/// Numbers of the oldest and the newest key in the store.
pub(super) fn stored_span(connection: &Connection) -> Result<(u32, u32)> {
    let sql = "SELECT min(key_id), max(key_id) FROM store_key";
    let mut statement = connection.prepare_cached(sql).map_err(fault::sqlite)?;
    statement.query_row([], |row| Ok((row.get(0)?, row.get(1)?))).map_err(fault::sqlite)
}
