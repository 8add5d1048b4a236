//! What is known of organisations' approvals, one sealed row for each tenant, which only its keyed hash names. They are few; the
//! table has no index.

use super::{
    Store, fault,
    keyring::Keyring,
    seal::{Cell, StoreKeys},
};
use crate::error::Result;
use rusqlite::{Connection, OptionalExtension};
use zeroize::Zeroizing;

const TABLE: &str = "approval";

impl Store {
    /// Stores what is known of a tenant's approval in place of what was known before.
    pub(crate) fn put_approval(&self, tenant: &str, payload: &[u8]) -> Result<()> {
        let tenant = tenant.to_ascii_lowercase();
        self.write(|connection| {
            let ring = self.keys();
            for keys in ring.newest_first() {
                connection.execute("DELETE FROM approval WHERE lookup = ?1", [lookup(keys, &tenant)]).map_err(fault::sqlite)?;
            }
            insert(connection, ring.newest(), &tenant, payload)
        })
    }

    pub(crate) fn approval(&self, tenant: &str) -> Result<Option<Zeroizing<Vec<u8>>>> {
        let tenant = tenant.to_ascii_lowercase();
        self.read(|connection| {
            for keys in self.keys().newest_first() {
                let lookup = lookup(keys, &tenant);
                let sealed: Option<Vec<u8>> = connection
                    .prepare_cached("SELECT payload FROM approval WHERE lookup = ?1")
                    .and_then(|mut statement| statement.query_row([&lookup], |row| row.get(0)).optional())
                    .map_err(fault::sqlite)?;
                if let Some(sealed) = sealed {
                    return Ok(Some(keys.unseal_named(cell(&lookup), &sealed)?.payload));
                }
            }
            Ok(None)
        })
    }
}

/// Seals every approval under the newest key. One of format 1 does not name its tenant: it is found again through the tenants of the
/// connected accounts, and forgotten otherwise, as is one that does not open; the next connect finds out anew.
pub(super) fn reseal(connection: &Connection, ring: &Keyring, tenants: &[String]) -> Result<()> {
    for keys in ring.newest_first().skip(1) {
        for (old, sealed) in under(connection, keys.key_id)? {
            connection.execute("DELETE FROM approval WHERE lookup = ?1", [&old]).map_err(fault::sqlite)?;
            let Ok(named) = keys.unseal_named(cell(&old), &sealed) else { continue };
            let known = || tenants.iter().map(|tenant| tenant.to_ascii_lowercase()).find(|tenant| lookup(keys, tenant) == old);
            if let Some(tenant) = named.name.map(|name| name.to_string()).or_else(known) {
                insert(connection, ring.newest(), &tenant, &named.payload)?;
            }
        }
    }
    Ok(())
}

fn insert(connection: &Connection, keys: &StoreKeys, tenant: &str, payload: &[u8]) -> Result<()> {
    let lookup = lookup(keys, tenant);
    let sealed = keys.seal_named(cell(&lookup), tenant, payload)?;
    let sql = "INSERT INTO approval (lookup, key_id, payload) VALUES (?1, ?2, ?3)";
    connection.execute(sql, (&lookup, keys.key_id, sealed)).map_err(fault::sqlite)?;
    Ok(())
}

fn under(connection: &Connection, key_id: u32) -> Result<Vec<(Vec<u8>, Vec<u8>)>> {
    let mut statement =
        connection.prepare_cached("SELECT lookup, payload FROM approval WHERE key_id = ?1").map_err(fault::sqlite)?;
    let rows = statement.query_map([key_id], |row| Ok((row.get(0)?, row.get(1)?))).map_err(fault::sqlite)?;
    rows.collect::<rusqlite::Result<_>>().map_err(fault::sqlite)
}

fn lookup(keys: &StoreKeys, tenant: &str) -> Vec<u8> {
    keys.lookup(TABLE, &[tenant.as_bytes()])
}

fn cell(lookup: &[u8]) -> Cell<'_> {
    Cell { table: TABLE, row: lookup, column: "payload", bound: 0 }
}
