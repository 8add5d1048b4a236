//! Opening: an existing store is checked from the outside in before anything is written to it; a new one is built under another name
//! and appears whole.

use super::{
    fault, format,
    key::KeyProvider,
    keyring::{FIRST_KEY, KeyRecord, Keyring},
    place::{Facts, FileId, Place},
    seal::{self, Key},
};
use crate::error::{Detail, Result};
use rusqlite::{Connection, OpenFlags, config::DbConfig};
use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

pub(super) const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// An open store.
pub(super) struct Opened {
    pub(super) connection: Connection,
    pub(super) keys: Keyring,
    pub(super) file: FileId,
}

pub(super) fn open(place: &Place, provider: &dyn KeyProvider) -> Result<Opened> {
    let fresh = match look(place)? {
        Some(_) => None,
        None => create(place, provider)?,
    };
    let before = look(place)?.ok_or(Detail::StoreMoved)?;
    let connection = connect_checked(place)?;
    let records = KeyRecord::read_all(&connection)?;
    let known = match (&fresh, records.as_slice()) {
        (Some(key), [only]) => Some(Keyring::of(only.open_with(key)?)),
        _ => None,
    };
    let keys = Keyring::open(&records, provider, known.as_ref())?;
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
    let record = KeyRecord::wrap(provider, *seal::random()?, FIRST_KEY, &key)?;
    let draft = begin(place, &record).inspect_err(|_| drop(provider.retire(&record.wrapped)))?;
    let published = place.publish(&draft);
    if !matches!(published, Ok(true)) {
        let _ = fs::remove_file(&draft);
    }
    // Nobody needs that key. After an error somebody may: the name can have been given, and not be on the disk yet.
    if matches!(published, Ok(false)) {
        let _ = provider.retire(&record.wrapped);
    }
    Ok(published?.then_some(key))
}

/// A new store under a name of its own.
fn begin(place: &Place, record: &KeyRecord) -> Result<PathBuf> {
    let (file, draft) = place.create_draft()?;
    drop(file);
    build(&draft, record, |_| Ok(())).inspect_err(|_| drop(fs::remove_file(&draft)))?;
    Ok(draft)
}

/// Makes an empty file a whole store with what `fill` puts into it, on the disk.
pub(super) fn build(draft: &Path, record: &KeyRecord, fill: impl FnOnce(&Connection) -> Result<()>) -> Result<()> {
    let connection = connect(draft)?;
    // Until the draft is published nothing has to survive: its journal stays in memory, and the disk is waited for once, at the end.
    connection.query_row("PRAGMA journal_mode = MEMORY", [], |_| Ok(())).map_err(fault::sqlite)?;
    connection.execute_batch("PRAGMA synchronous = OFF; PRAGMA page_size = 4096; BEGIN IMMEDIATE").map_err(fault::sqlite)?;
    format::create(&connection, format::STEPS)?;
    connection
        .execute("INSERT INTO store (only, store_id, erase_pending) VALUES (1, ?1, 0)", [&record.store_id[..]])
        .map_err(fault::sqlite)?;
    record.insert(&connection)?;
    fill(&connection)?;
    connection.execute_batch("COMMIT").map_err(fault::sqlite)?;
    connection.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(())).map_err(fault::sqlite)?;
    connection.close().map_err(|(_, error)| fault::sqlite(error))?;
    // Opened for writing, without which some systems refuse to flush.
    fs::OpenOptions::new().write(true).open(draft).and_then(|file| file.sync_all()).map_err(fault::file)
}
