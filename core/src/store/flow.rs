//! Sign-ins that are under way. A flow is found by the keyed hash of its state or device handle, and its payload can be taken once.
//!
//! Storing and claiming do not wait for the disk. A flow survives the death of the process; after a power loss the person clicks
//! Connect again, and a claim that was lost with it leads to a code that the service takes only once. An account that comes of a
//! claim makes it durable too: nothing is on the disk before what was written earlier.
//!
//! There are few of them, so the table has no index: nothing but the row itself can say that there is no such flow.

use super::{Store, fault, seal::Cell};
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

/// A row as it lies in the table: when it ends and, until it was claimed, the sealed payload.
type Found = Option<(i64, Option<Vec<u8>>)>;

impl Store {
    /// Stores a flow; one under the same key is replaced.
    pub(crate) fn put_flow(&self, flow: &Flow<'_>) -> Result<()> {
        let lookup = self.flow_lookup(flow.key);
        let sealed = self.seal_flow(&lookup, flow.expires_at, flow.payload)?;
        self.write_lightly(|connection| {
            let insert = "INSERT INTO flow (lookup, key_id, account_id, expires_at, payload) VALUES (?1, ?2, ?3, ?4, ?5)";
            execute(connection, "DELETE FROM flow WHERE expires_at <= ?1 OR lookup = ?2", (flow.now, &lookup))
                .and_then(|_| execute(connection, insert, (&lookup, self.keys.key_id, flow.account, flow.expires_at, sealed)))
                .and_then(|_| keep_newest(connection, "payload IS NOT NULL", MAX_OPEN))
                .and_then(|_| keep_newest(connection, "payload IS NULL", MAX_CLAIMED))
                .map_err(fault::sqlite)?;
            Ok(())
        })
    }

    /// Takes the payload of a flow, once: a second claim is told apart until the flow would have ended.
    pub(crate) fn claim_flow(&self, key: &str, now: i64) -> Result<Claim> {
        let lookup = self.flow_lookup(key);
        self.write_lightly(|connection| match find(connection, &lookup)? {
            Some((expires_at, Some(sealed))) if expires_at > now => {
                let payload = self.open_flow(&lookup, expires_at, &sealed)?;
                execute(connection, "UPDATE flow SET payload = NULL WHERE lookup = ?1", [&lookup]).map_err(fault::sqlite)?;
                Ok(Claim::Payload(payload))
            }
            Some((expires_at, None)) if expires_at > now => Ok(Claim::Replayed),
            _ => Ok(Claim::Unknown),
        })
    }

    /// Reads the payload and leaves the flow open.
    pub(crate) fn read_flow(&self, key: &str, now: i64) -> Result<Option<Zeroizing<Vec<u8>>>> {
        let lookup = self.flow_lookup(key);
        self.read(|connection| match find(connection, &lookup)? {
            Some((expires_at, Some(sealed))) if expires_at > now => self.open_flow(&lookup, expires_at, &sealed).map(Some),
            _ => Ok(None),
        })
    }

    /// Replaces the payload of an open flow; `false` if there is none any more.
    pub(crate) fn update_flow(&self, key: &str, now: i64, payload: &[u8]) -> Result<bool> {
        let lookup = self.flow_lookup(key);
        self.write_lightly(|connection| match find(connection, &lookup)? {
            Some((expires_at, Some(_))) if expires_at > now => {
                let sealed = self.seal_flow(&lookup, expires_at, payload)?;
                connection.execute("UPDATE flow SET payload = ?2 WHERE lookup = ?1", (&lookup, sealed)).map_err(fault::sqlite)?;
                Ok(true)
            }
            _ => Ok(false),
        })
    }

    /// Deletes a flow, open or claimed.
    pub(crate) fn forget_flow(&self, key: &str) -> Result<()> {
        let lookup = self.flow_lookup(key);
        self.write(|connection| {
            connection.execute("DELETE FROM flow WHERE lookup = ?1", [&lookup]).map_err(fault::sqlite)?;
            Ok(())
        })
    }

    fn flow_lookup(&self, key: &str) -> Vec<u8> {
        self.keys.lookup(TABLE, &[key.as_bytes()])
    }

    fn seal_flow(&self, lookup: &[u8], expires_at: i64, payload: &[u8]) -> Result<Vec<u8>> {
        if payload.len() > MAX_PAYLOAD {
            return Err(Detail::InvalidArgument.about("flow"));
        }
        self.keys.sealer().seal(cell(lookup, expires_at), payload)
    }

    fn open_flow(&self, lookup: &[u8], expires_at: i64, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
        self.keys.sealer().unseal(cell(lookup, expires_at), sealed)
    }
}

fn cell(lookup: &[u8], expires_at: i64) -> Cell<'_> {
    Cell { table: TABLE, row: lookup, column: "payload", bound: expires_at }
}

fn find(connection: &Connection, lookup: &[u8]) -> Result<Found> {
    connection
        .prepare_cached("SELECT expires_at, payload FROM flow WHERE lookup = ?1")
        .and_then(|mut statement| statement.query_row([lookup], |row| Ok((row.get(0)?, row.get(1)?))).optional())
        .map_err(fault::sqlite)
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
