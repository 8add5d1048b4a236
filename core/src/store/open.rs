//! Opening: an existing store is checked from the outside in before anything is written to it; a new one is built under another name
//! and appears whole.

use super::{
    fault, format,
    key::KeyProvider,
    place::{Facts, FileId, Place},
    seal::{self, Key, STORE_ID_LENGTH, StoreKeys},
};
use crate::error::{Detail, Result};
use rusqlite::{Connection, OpenFlags, config::DbConfig};
use std::{fs, path::Path, time::Duration};
use zeroize::Zeroizing;

const FIRST_KEY: u32 = 1;
/// Room for every kind of hardware key, and a bound for what a provider may make us store.
const WRAPPED_LIMIT: usize = 16 * 1024;
pub(super) const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// An open store.
pub(super) struct Opened {
    pub(super) connection: Connection,
    pub(super) keys: StoreKeys,
    pub(super) file: FileId,
}

pub(super) fn open(place: &Place, provider: &dyn KeyProvider) -> Result<Opened> {
    let fresh = match look(place)? {
        Some(_) => None,
        None => create(place, provider)?,
    };
    let before = look(place)?.ok_or(Detail::StoreMoved)?;
    let connection = connect_checked(place)?;
    let record = KeyRecord::read(&connection)?;
    let keys = match fresh {
        Some(key) => record.open_with(&key),
        None => record.open_with(&record.unwrap_key(provider)?),
    }?;
    let after = look(place)?.ok_or(Detail::StoreMoved)?;
    if after.id != before.id {
        return Err(Detail::StoreMoved.into());
    }
    Ok(Opened { connection, keys, file: after.id })
}

/// Looks at all files of the store. A lone write-ahead log means that the store was taken away; an empty file or a rollback journal,
/// neither of which this library ever leaves, that somebody else wrote here.
fn look(place: &Place) -> Result<Option<Facts>> {
    let file = place.inspect()?;
    let log = place.inspect_beside("-wal")?;
    place.inspect_beside("-shm")?;
    let journal = place.inspect_beside("-journal")?;
    match file {
        // A second look: another process may have created the store between the first two.
        None if log.is_some() => place.inspect()?.map(Some).ok_or_else(|| Detail::StoreMissing.into()),
        None => Ok(None),
        Some(facts) if facts.length == 0 => Err(Detail::StoreCorrupt.about("file is empty")),
        Some(_) if journal.is_some() => Err(Detail::StoreCorrupt.about("foreign journal")),
        Some(facts) => Ok(Some(facts)),
    }
}

/// Connects and compares format and tables with ours. A file that is not ours, or is newer, stays as it is.
fn connect_checked(place: &Place) -> Result<Connection> {
    let logged = place.inspect_beside("-wal")?.is_some_and(|log| log.length > 0);
    let connection = connect(place.path())?;
    if logged {
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true).map_err(fault::sqlite)?;
    }
    if connection.is_readonly("main").map_err(fault::sqlite)? {
        return Err(Detail::StoreReadOnly.into());
    }
    let format = format::check(&connection, format::STEPS)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false).map_err(fault::sqlite)?;
    let mode: String = connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0)).map_err(fault::sqlite)?;
    if mode != "wal" {
        return Err(Detail::StoreFailed.into());
    }
    format::upgrade(&connection, format::STEPS, format)?;
    Ok(connection)
}

fn connect(path: &Path) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_PRIVATE_CACHE
        | OpenFlags::SQLITE_OPEN_NOFOLLOW
        | OpenFlags::SQLITE_OPEN_EXRESCODE;
    let connection = Connection::open_with_flags(path, flags).map_err(fault::sqlite)?;
    connection.busy_timeout(BUSY_TIMEOUT).map_err(fault::sqlite)?;
    for (setting, on) in [
        (DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true),
        (DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false),
        (DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false),
        (DbConfig::SQLITE_DBCONFIG_ENABLE_VIEW, false),
        (DbConfig::SQLITE_DBCONFIG_ENABLE_FKEY, true),
    ] {
        connection.set_db_config(setting, on).map_err(fault::sqlite)?;
    }
    // FULL: an acknowledged commit survives a power loss; on Apple's systems that takes the two fullfsync besides. The last one
    // keeps a log that once grew from staying large.
    connection
        .execute_batch(
            "PRAGMA temp_store = MEMORY; PRAGMA cell_size_check = ON; PRAGMA mmap_size = 0; PRAGMA synchronous = FULL;
             PRAGMA fullfsync = ON; PRAGMA checkpoint_fullfsync = ON; PRAGMA secure_delete = ON; PRAGMA journal_size_limit = 4194304;",
        )
        .map_err(fault::sqlite)?;
    Ok(connection)
}

/// Builds a new store and returns its key, or `None` if another process was first.
fn create(place: &Place, provider: &dyn KeyProvider) -> Result<Option<Key>> {
    let key = seal::random::<{ seal::KEY_LENGTH }>()?;
    let record = KeyRecord::new(provider, &key)?;
    let (file, draft) = place.create_draft()?;
    drop(file);
    let published = build(&draft, &record).and_then(|()| place.publish(&draft));
    if !matches!(published, Ok(true)) {
        let _ = fs::remove_file(&draft);
    }
    Ok(published?.then_some(key))
}

fn build(draft: &Path, record: &KeyRecord) -> Result<()> {
    let connection = connect(draft)?;
    // Until the draft is published nothing has to survive: its journal stays in memory, and the disk is waited for once, at the end.
    connection.query_row("PRAGMA journal_mode = MEMORY", [], |_| Ok(())).map_err(fault::sqlite)?;
    connection.execute_batch("PRAGMA synchronous = OFF; PRAGMA page_size = 4096; BEGIN IMMEDIATE").map_err(fault::sqlite)?;
    format::create(&connection, format::STEPS)?;
    record.write(&connection)?;
    connection.execute_batch("COMMIT").map_err(fault::sqlite)?;
    connection.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(())).map_err(fault::sqlite)?;
    connection.close().map_err(|(_, error)| fault::sqlite(error))?;
    // Opened for writing, without which some systems refuse to flush.
    fs::OpenOptions::new().write(true).open(draft).and_then(|file| file.sync_all()).map_err(fault::file)
}

/// The wrapped store key as it lies in the store, with its two checks: `checksum` needs no key and tells damage, `key_check` tells
/// whether a key that was unwrapped is the right one.
struct KeyRecord {
    store_id: [u8; STORE_ID_LENGTH],
    key_id: u32,
    wrapped: Vec<u8>,
    key_check: Vec<u8>,
}

impl KeyRecord {
    fn new(provider: &dyn KeyProvider, key: &Key) -> Result<Self> {
        let store_id = *seal::random::<STORE_ID_LENGTH>()?;
        let wrapped = provider.wrap(FIRST_KEY, key.as_slice())?;
        if wrapped.is_empty() || wrapped.len() > WRAPPED_LIMIT {
            return Err(Detail::InvalidArgument.about("wrapped key"));
        }
        let key_check = StoreKeys::derive(store_id, FIRST_KEY, key)?.key_check();
        Ok(Self { store_id, key_id: FIRST_KEY, wrapped, key_check })
    }

    fn write(&self, connection: &Connection) -> Result<()> {
        let checksum = self.checksum();
        connection
            .execute("INSERT INTO store (only, store_id, erase_pending) VALUES (1, ?1, 0)", [&self.store_id[..]])
            .and_then(|_| {
                connection.execute(
                    "INSERT INTO store_key (key_id, wrapped, key_check, checksum) VALUES (?1, ?2, ?3, ?4)",
                    (self.key_id, &self.wrapped, &self.key_check, checksum),
                )
            })
            .map_err(fault::sqlite)?;
        Ok(())
    }

    fn read(connection: &Connection) -> Result<Self> {
        let sql = "SELECT store_id, key_id, wrapped, key_check, checksum FROM store, store_key WHERE key_id = ?1";
        let mut checksum = Vec::new();
        let record = connection
            .query_row(sql, [FIRST_KEY], |row| {
                checksum = row.get(4)?;
                Ok(Self { store_id: row.get(0)?, key_id: row.get(1)?, wrapped: row.get(2)?, key_check: row.get(3)? })
            })
            .map_err(fault::sqlite)?;
        if record.checksum() == checksum { Ok(record) } else { Err(Detail::StoreCorrupt.about("key record")) }
    }

    fn unwrap_key(&self, provider: &dyn KeyProvider) -> Result<Key> {
        let key = Zeroizing::new(provider.unwrap(self.key_id, &self.wrapped)?);
        Ok(seal::key_from(&key).ok_or(Detail::StoreWrongKey)?)
    }

    fn open_with(&self, key: &Key) -> Result<StoreKeys> {
        let keys = StoreKeys::derive(self.store_id, self.key_id, key)?;
        if keys.passes(&self.key_check) { Ok(keys) } else { Err(Detail::StoreWrongKey.into()) }
    }

    fn checksum(&self) -> Vec<u8> {
        seal::key_record_checksum(&self.store_id, self.key_id, &self.wrapped, &self.key_check)
    }
}
