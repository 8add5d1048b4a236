//! Where the syncs of an account go on. A row is found by the keyed hash of the account's id and the name of what is synchronized; it
//! is sealed with the account's own key, and goes with the account. A row that does not open is as good as none: the sync begins anew.

use super::{
    Store,
    account::{self, OwnKeys},
    fault,
    seal::Cell,
};
use crate::error::{Detail, Result};
use rusqlite::{Connection, OptionalExtension};
use zeroize::Zeroizing;

/// Where one sync goes on.
#[derive(Debug)]
pub(crate) struct Cursor {
    /// Grows with each move.
    pub(crate) generation: i64,
    pub(crate) payload: Zeroizing<Vec<u8>>,
}

const TABLE: &str = "cursor";
const MAX_PAYLOAD: usize = 64 * 1024;
/// Collections of one account that are synchronized.
const MOST: u32 = 10_000;

impl Store {
    /// Reads a cursor; `None` where that was never synchronized, or what was noted of it does not open.
    pub(crate) fn cursor(&self, id: &str, name: &str) -> Result<Option<Cursor>> {
        self.read(|connection| {
            let ring = self.keys();
            find(connection, &account::own_keys(connection, &ring, id)?, name)
        })
    }

    /// Moves a cursor on from the generation that was read (0: there was none). `false`, and nothing is changed, if another moved it
    /// meanwhile.
    pub(crate) fn move_cursor(&self, id: &str, name: &str, generation: i64, payload: &[u8]) -> Result<bool> {
        if payload.len() > MAX_PAYLOAD {
            return Err(Detail::InvalidArgument.about("cursor"));
        }
        self.write(|connection| {
            let ring = self.keys();
            let keys = account::own_keys(connection, &ring, id)?;
            let known = find(connection, &keys, name)?.map_or(0, |cursor| cursor.generation);
            if known != generation {
                return Ok(false);
            }
            let next = generation.checked_add(1).ok_or(Detail::StoreTampered)?;
            insert(connection, &keys, name, next, payload)?;
            check_number(connection, id)?;
            Ok(true)
        })
    }

    /// Forgets one cursor: the next sync of it begins anew.
    pub(crate) fn forget_cursor(&self, id: &str, name: &str) -> Result<()> {
        self.write(|connection| {
            let ring = self.keys();
            let keys = account::own_keys(connection, &ring, id)?;
            execute(connection, "DELETE FROM cursor WHERE lookup = ?1", [lookup(&keys, name)])
        })
    }
}

/// Seals the cursors of an account anew, after its row was sealed under other keys. What does not open goes.
pub(super) fn reseal(connection: &Connection, old: &OwnKeys<'_>, new: &OwnKeys<'_>) -> Result<()> {
    let mut statement =
        connection.prepare_cached("SELECT lookup, generation, payload FROM cursor WHERE account_id = ?1").map_err(fault::sqlite)?;
    let rows = statement
        .query_map([old.id], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .and_then(Iterator::collect::<rusqlite::Result<Vec<(Vec<u8>, i64, Vec<u8>)>>>)
        .map_err(fault::sqlite)?;
    forget_all(connection, old.id)?;
    for (lookup, generation, sealed) in rows {
        if let Ok(opened) = old.sealer.unseal_named(cell(&lookup, generation), &sealed)
            && let Some(name) = &opened.name
        {
            insert(connection, new, name, generation, &opened.payload)?;
        }
    }
    Ok(())
}

/// Forgets every cursor of an account.
pub(super) fn forget_all(connection: &Connection, id: &str) -> Result<()> {
    execute(connection, "DELETE FROM cursor WHERE account_id = ?1", [id])
}

fn find(connection: &Connection, keys: &OwnKeys<'_>, name: &str) -> Result<Option<Cursor>> {
    let lookup = lookup(keys, name);
    let mut statement =
        connection.prepare_cached("SELECT generation, payload FROM cursor WHERE lookup = ?1").map_err(fault::sqlite)?;
    let row: Option<(i64, Vec<u8>)> =
        statement.query_row([&lookup], |row| Ok((row.get(0)?, row.get(1)?))).optional().map_err(fault::sqlite)?;
    let Some((generation, sealed)) = row else { return Ok(None) };
    let opened = keys.sealer.unseal_named(cell(&lookup, generation), &sealed);
    let opened = opened.ok().filter(|opened| opened.name.as_ref().is_some_and(|known| known.as_str() == name));
    Ok(opened.map(|opened| Cursor { generation, payload: opened.payload }))
}

fn insert(connection: &Connection, keys: &OwnKeys<'_>, name: &str, generation: i64, payload: &[u8]) -> Result<()> {
    let lookup = lookup(keys, name);
    let sealed = keys.sealer.seal_named(cell(&lookup, generation), name, payload)?;
    let sql = "INSERT INTO cursor (account_id, lookup, generation, payload) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (lookup) DO UPDATE SET generation = excluded.generation, payload = excluded.payload";
    execute(connection, sql, (keys.id, lookup, generation, sealed))
}

fn check_number(connection: &Connection, id: &str) -> Result<()> {
    let sql = "SELECT count(*) FROM cursor WHERE account_id = ?1";
    let number: u32 = connection
        .prepare_cached(sql)
        .and_then(|mut statement| statement.query_row([id], |row| row.get(0)))
        .map_err(fault::sqlite)?;
    if number <= MOST { Ok(()) } else { Err(Detail::InvalidArgument.about("too many cursors")) }
}

fn lookup(keys: &OwnKeys<'_>, name: &str) -> Vec<u8> {
    keys.store.lookup(TABLE, &[keys.id.as_bytes(), name.as_bytes()])
}

fn cell(lookup: &[u8], generation: i64) -> Cell<'_> {
    Cell { table: TABLE, row: lookup, column: "payload", bound: generation }
}

fn execute(connection: &Connection, sql: &str, values: impl rusqlite::Params) -> Result<()> {
    connection.prepare_cached(sql).and_then(|mut statement| statement.execute(values)).map(drop).map_err(fault::sqlite)
}
