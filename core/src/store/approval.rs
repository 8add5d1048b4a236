//! What is known of organisations' approvals, one sealed row for each tenant. They are few; the table has no index.

use super::{Store, fault, record, seal::Cell};
use crate::error::{Detail, ErrorKind, Result};
use rusqlite::OptionalExtension;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use zeroize::Zeroizing;

const TABLE: &str = "approval";

/// The sealed column: the tenant is named nowhere else.
#[derive(Serialize, Deserialize)]
struct Approval<'a> {
    tenant: Cow<'a, str>,
    payload: Cow<'a, [u8]>,
}

impl Store {
    /// Stores what is known of a tenant's approval in place of what was known before.
    pub(crate) fn put_approval(&self, tenant: &str, payload: &[u8]) -> Result<()> {
        let lookup = self.approval_lookup(tenant);
        let plain = record::encode(&Approval { tenant: tenant.into(), payload: payload.into() })?;
        let sealed = self.keys.sealer().seal(cell(&lookup), &plain)?;
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
            sealed.map(|sealed| self.open_approval(&lookup, &sealed).map(|(_, payload)| payload)).transpose()
        })
    }

    /// Every tenant with what is known of its approval. A row that does not open is left out: nothing is known of that tenant.
    #[cfg_attr(not(test), expect(dead_code, reason = "for an overview of all organisations"))]
    pub(crate) fn approvals(&self) -> Result<Vec<(String, Zeroizing<Vec<u8>>)>> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached("SELECT lookup, payload FROM approval").map_err(fault::sqlite)?;
            let rows =
                statement.query_map([], |row| Ok((row.get::<_, Vec<u8>>(0)?, row.get::<_, Vec<u8>>(1)?))).map_err(fault::sqlite)?;
            let mut approvals = Vec::new();
            for row in rows {
                let (lookup, sealed) = row.map_err(fault::sqlite)?;
                match self.open_approval(&lookup, &sealed) {
                    Ok(approval) => approvals.push(approval),
                    Err(error) if error.kind() == ErrorKind::StorageDamaged => {}
                    Err(error) => return Err(error),
                }
            }
            Ok(approvals)
        })
    }

    fn open_approval(&self, lookup: &[u8], sealed: &[u8]) -> Result<(String, Zeroizing<Vec<u8>>)> {
        let approval: Approval<'static> = record::decode(&self.keys.sealer().unseal(cell(lookup), sealed)?)?;
        if self.approval_lookup(&approval.tenant) != lookup {
            return Err(Detail::StoreTampered.into());
        }
        Ok((approval.tenant.into_owned(), Zeroizing::new(approval.payload.into_owned())))
    }

    fn approval_lookup(&self, tenant: &str) -> Vec<u8> {
        self.keys.lookup(TABLE, &[tenant.to_ascii_lowercase().as_bytes()])
    }
}

fn cell(lookup: &[u8]) -> Cell<'_> {
    Cell { table: TABLE, row: lookup, column: "payload", bound: 0 }
}
