//! What is known of organisations' approvals, one sealed row for each tenant, which only its keyed hash names. They are few; the
//! table has no index.

use super::{Store, fault, seal::Cell};
use crate::error::Result;
use rusqlite::OptionalExtension;
use zeroize::Zeroizing;

const TABLE: &str = "approval";

impl Store {
    /// Stores what is known of a tenant's approval in place of what was known before.
    pub(crate) fn put_approval(&self, tenant: &str, payload: &[u8]) -> Result<()> {
        let lookup = self.approval_lookup(tenant);
        let sealed = self.keys.sealer().seal(cell(&lookup), payload)?;
        self.write(|connection| {
            let insert = "INSERT INTO approval (lookup, key_id, payload) VALUES (?1, ?2, ?3)";
            connection
                .execute("DELETE FROM approval WHERE lookup = ?1", [&lookup])
                .and_then(|_| connection.execute(insert, (&lookup, self.keys.key_id, sealed)))
                .map_err(fault::sqlite)?;
            Ok(())
        })
    }

    pub(crate) fn approval(&self, tenant: &str) -> Result<Option<Zeroizing<Vec<u8>>>> {
        let lookup = self.approval_lookup(tenant);
        self.read(|connection| {
            let sealed: Option<Vec<u8>> = connection
                .prepare_cached("SELECT payload FROM approval WHERE lookup = ?1")
                .and_then(|mut statement| statement.query_row([&lookup], |row| row.get(0)).optional())
                .map_err(fault::sqlite)?;
            sealed.map(|sealed| self.keys.sealer().unseal(cell(&lookup), &sealed)).transpose()
        })
    }

    fn approval_lookup(&self, tenant: &str) -> Vec<u8> {
        self.keys.lookup(TABLE, &[tenant.to_ascii_lowercase().as_bytes()])
    }
}

fn cell(lookup: &[u8]) -> Cell<'_> {
    Cell { table: TABLE, row: lookup, column: "payload", bound: 0 }
}
