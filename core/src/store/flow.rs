//! Sign-ins that are under way. A flow is found by the keyed hash of its state or device handle, and its payload can be taken once.
//!
//! Storing and claiming do not wait for the disk. A flow survives the death of the process; after a power loss the person clicks
//! Connect again, and a claim that was lost with it leads to a code that the service takes only once. An account that comes of a
//! claim makes it durable too: nothing is on the disk before what was written earlier.
//!
//! There are few of them, so the table has no index: nothing but the row itself can say that there is no such flow.

use super::{
    Store, fault,
    keyring::Keyring,
    seal::{Cell, StoreKeys},
};
use crate::error::{Detail, Result};
use rusqlite::{Connection, OptionalExtension};
use zeroize::Zeroizing;

/// A sign-in that waits for its answer.
pub(crate) struct Flow<'a> {
    /// The state or device handle. Only its keyed hash is stored.
    pub(crate) key: &'a str,
    /// The account that is being connected again; its flows end with it.
    pub(crate) account: Option<&'a str>,
    pub(crate) expires_at: i64,
    pub(crate) payload: &'a [u8],
    /// Flows that ended before this time are deleted on the way.
    pub(crate) now: i64,
}

/// The answer to a claim.
pub(crate) enum Claim {
    Payload(Zeroizing<Vec<u8>>),
    /// It was claimed before.
    Replayed,
    /// There is no such flow, or it has ended.
    Unknown,
}

const TABLE: &str = "flow";
/// Beyond this number the oldest open flows go: each is a browser tab that somebody left. A web page's visitors may open many, and
/// must not push each other out.
pub(super) const MAX_OPEN: u32 = 1024;
const MAX_CLAIMED: u32 = 1024;
const MAX_PAYLOAD: usize = 1024 * 1024;

/// A row that was found: under which key, when it ends and, until it was claimed, the sealed payload.
struct Found<'a> {
    keys: &'a StoreKeys,
    lookup: Vec<u8>,
    expires_at: i64,
    sealed: Option<Vec<u8>>,
}

impl Store {
    /// Stores a flow; one under the same key is replaced.
    pub(crate) fn put_flow(&self, flow: &Flow<'_>) -> Result<()> {
        check_size(flow.payload)?;
        self.write_lightly(|connection| {
            let ring = self.keys();
            let keys = ring.newest();
            for older in ring.newest_first().skip(1) {
                execute(connection, "DELETE FROM flow WHERE lookup = ?1", [lookup(older, flow.key)]).map_err(fault::sqlite)?;
            }
            let lookup = lookup(keys, flow.key);
            let sealed = keys.seal_named(cell(&lookup, flow.expires_at), flow.key, flow.payload)?;
            let insert = "INSERT INTO flow (lookup, key_id, account_id, expires_at, payload) VALUES (?1, ?2, ?3, ?4, ?5)";
            execute(connection, "DELETE FROM flow WHERE expires_at <= ?1 OR lookup = ?2", (flow.now, &lookup))
                .and_then(|_| execute(connection, insert, (&lookup, keys.key_id, flow.account, flow.expires_at, sealed)))
                .and_then(|_| keep_newest(connection, "payload IS NOT NULL", MAX_OPEN))
                .and_then(|_| keep_newest(connection, "payload IS NULL", MAX_CLAIMED))
                .map_err(fault::sqlite)?;
            Ok(())
        })
    }

    /// Takes the payload of a flow, once: a second claim is told apart until the flow would have ended.
    pub(crate) fn claim_flow(&self, key: &str, now: i64) -> Result<Claim> {
        self.write_lightly(|connection| match find(connection, &self.keys(), key)? {
            Some(found) if found.expires_at > now => match found.open()? {
                Some(payload) => {
                    execute(connection, "UPDATE flow SET payload = NULL WHERE lookup = ?1", [&found.lookup])
                        .map_err(fault::sqlite)?;
                    Ok(Claim::Payload(payload))
                }
                None => Ok(Claim::Replayed),
            },
            _ => Ok(Claim::Unknown),
        })
    }

    /// Reads the payload and leaves the flow open.
    pub(crate) fn read_flow(&self, key: &str, now: i64) -> Result<Option<Zeroizing<Vec<u8>>>> {
        self.read(|connection| match find(connection, &self.keys(), key)? {
            Some(found) if found.expires_at > now => found.open(),
            _ => Ok(None),
        })
    }

    /// Replaces the payload of an open flow; `false` if there is none any more.
    pub(crate) fn update_flow(&self, key: &str, now: i64, payload: &[u8]) -> Result<bool> {
        check_size(payload)?;
        self.write_lightly(|connection| match find(connection, &self.keys(), key)? {
            Some(found) if found.expires_at > now && found.sealed.is_some() => {
                let sealed = found.keys.seal_named(cell(&found.lookup, found.expires_at), key, payload)?;
                let sql = "UPDATE flow SET payload = ?2 WHERE lookup = ?1";
                connection.execute(sql, (&found.lookup, sealed)).map_err(fault::sqlite)?;
                Ok(true)
            }
            _ => Ok(false),
        })
    }

    /// Deletes a flow, open or claimed.
    pub(crate) fn forget_flow(&self, key: &str) -> Result<()> {
        self.write(|connection| {
            for keys in self.keys().newest_first() {
                connection.execute("DELETE FROM flow WHERE lookup = ?1", [lookup(keys, key)]).map_err(fault::sqlite)?;
            }
            Ok(())
        })
    }
}

impl Found<'_> {
    /// `None` if it was claimed.
    fn open(&self) -> Result<Option<Zeroizing<Vec<u8>>>> {
        let Some(sealed) = &self.sealed else { return Ok(None) };
        let named = self.keys.unseal_named(cell(&self.lookup, self.expires_at), sealed)?;
        Ok(Some(named.payload))
    }
}

/// Seals every open flow under the newest key. What cannot be taken along is forgotten: claimed ones, those of format 1, which do not
/// know their name, and those that do not open. That costs a click.
pub(super) fn reseal(connection: &Connection, ring: &Keyring) -> Result<()> {
    for keys in ring.newest_first().skip(1) {
        for Row { rowid, lookup: old, expires_at, sealed } in under(connection, keys.key_id)? {
            let named = sealed.and_then(|sealed| keys.unseal_named(cell(&old, expires_at), &sealed).ok());
            let Some((name, payload)) = named.and_then(|named| Some((named.name?, named.payload))) else {
                execute(connection, "DELETE FROM flow WHERE rowid = ?1", [rowid]).map_err(fault::sqlite)?;
                continue;
            };
            let newest = ring.newest();
            let lookup = lookup(newest, &name);
            let sealed = newest.seal_named(cell(&lookup, expires_at), &name, &payload)?;
            let sql = "UPDATE flow SET lookup = ?2, key_id = ?3, payload = ?4 WHERE rowid = ?1";
            execute(connection, sql, (rowid, lookup, newest.key_id, sealed)).map_err(fault::sqlite)?;
        }
    }
    Ok(())
}

/// A row on its way to another key.
struct Row {
    rowid: i64,
    lookup: Vec<u8>,
    expires_at: i64,
    sealed: Option<Vec<u8>>,
}

fn under(connection: &Connection, key_id: u32) -> Result<Vec<Row>> {
    let sql = "SELECT rowid, lookup, expires_at, payload FROM flow WHERE key_id = ?1";
    let mut statement = connection.prepare_cached(sql).map_err(fault::sqlite)?;
    let read =
        |row: &rusqlite::Row<'_>| Ok(Row { rowid: row.get(0)?, lookup: row.get(1)?, expires_at: row.get(2)?, sealed: row.get(3)? });
    let rows = statement.query_map([key_id], read).map_err(fault::sqlite)?;
    rows.collect::<rusqlite::Result<_>>().map_err(fault::sqlite)
}

fn check_size(payload: &[u8]) -> Result<()> {
    if payload.len() > MAX_PAYLOAD { Err(Detail::InvalidArgument.about("flow")) } else { Ok(()) }
}

fn lookup(keys: &StoreKeys, key: &str) -> Vec<u8> {
    keys.lookup(TABLE, &[key.as_bytes()])
}

fn cell(lookup: &[u8], expires_at: i64) -> Cell<'_> {
    Cell { table: TABLE, row: lookup, column: "payload", bound: expires_at }
}

fn find<'a>(connection: &Connection, ring: &'a Keyring, key: &str) -> Result<Option<Found<'a>>> {
    for keys in ring.newest_first() {
        let lookup = lookup(keys, key);
        let row = connection
            .prepare_cached("SELECT expires_at, payload FROM flow WHERE lookup = ?1")
            .and_then(|mut statement| statement.query_row([&lookup], |row| Ok((row.get(0)?, row.get(1)?))).optional())
            .map_err(fault::sqlite)?;
        if let Some((expires_at, sealed)) = row {
            return Ok(Some(Found { keys, lookup, expires_at, sealed }));
        }
    }
    Ok(None)
}

/// Looks at no more than the rows that stay: the newest have the largest row ids.
fn keep_newest(connection: &Connection, which: &str, count: u32) -> rusqlite::Result<usize> {
    let sql = format!(
        "DELETE FROM flow WHERE {which} AND rowid <= (SELECT rowid FROM flow WHERE {which} ORDER BY rowid DESC LIMIT 1 OFFSET ?1)"
    );
    execute(connection, &sql, [count])
}

/// Executes a statement that is prepared only once.
fn execute(connection: &Connection, sql: &str, values: impl rusqlite::Params) -> rusqlite::Result<usize> {
    connection.prepare_cached(sql)?.execute(values)
}

impl std::fmt::Debug for Claim {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Payload(_) => "Payload([redacted])",
            Self::Replayed => "Replayed",
            Self::Unknown => "Unknown",
        })
    }
}

impl std::fmt::Debug for Flow<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Flow([redacted])")
    }
}
