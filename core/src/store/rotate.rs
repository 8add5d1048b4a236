//! A new store key: every row is sealed anew, one transaction each, while other threads and processes go on.
//!
//! The new key lies beside the old one from the first step on. What is written anew is sealed under the newest; a row knows the key
//! it lies under; the last step, which needs that no row lies under the old one any more, takes the old one away. A process that
//! dies on the way leaves a store with two keys, which works, and in which the next rotation goes on.

use super::{
    Store, approval, fault, finish_erasure, flow,
    key::KeyProvider,
    keyring::KeyRecord,
    rewrap::{mark_erasure, retire_later},
    seal,
};
use crate::error::{Detail, Result};
use rusqlite::Connection;

impl Store {
    /// Whether a rotation is under way, or waits to be finished.
    pub(crate) fn is_rotating(&self) -> bool {
        self.keys().is_rotating()
    }

    /// Gives the store a second key, unless it has one already. `provider` is called on this thread, with no lock held.
    pub(crate) fn begin_rotation(&self, provider: &dyn KeyProvider) -> Result<()> {
        let records = self.with_connection(KeyRecord::read_all)?;
        // Proves that the provider is the one with which the store will be opened next.
        for record in &records {
            record.unwrap_key(provider)?;
        }
        let [record] = records.as_slice() else { return Ok(()) };
        let key = seal::random()?;
        let key_id = record.key_id.checked_add(1).ok_or(Detail::StoreTampered)?;
        let new = KeyRecord::wrap(provider, record.store_id, key_id, &key)?;
        let mut placed = false;
        let written = self.write(|connection| {
            let stored = KeyRecord::read_all(connection)?;
            let unchanged = stored.len() == 1 && stored.iter().all(|stored| stored.wrapped == record.wrapped);
            if !unchanged {
                return Err(Detail::StoreBusy.into());
            }
            placed = true;
            new.insert(connection)
        });
        match written {
            Ok(()) => self.add_key(new.open_with(&key)?),
            // A transaction that failed to reach the disk can be there all the same after a crash, and then needs its key.
            Err(_) if placed => {}
            Err(_) => drop(provider.retire(&new.wrapped)),
        }
        written
    }

    /// Ids of the accounts that lie under an older key than the newest.
    pub(crate) fn accounts_to_reseal(&self) -> Result<Vec<String>> {
        self.read(|connection| {
            let (_, newest) = self.keys().span();
            let sql = "SELECT id FROM account NOT INDEXED WHERE key_id <> ?1";
            let mut statement = connection.prepare_cached(sql).map_err(fault::sqlite)?;
            let ids = statement.query_map([newest], |row| row.get(0)).map_err(fault::sqlite)?;
            ids.collect::<rusqlite::Result<_>>().map_err(fault::sqlite)
        })
    }

    /// The last step: the small tables, and the old key. `None` if an account still lies under it; else whether nothing of the old
    /// state is left in the files.
    pub(crate) fn finish_rotation(&self, provider: &dyn KeyProvider) -> Result<Option<bool>> {
        let tenants: Vec<String> = self.accounts()?.records.into_iter().map(|record| record.identity.tid).collect();
        let finished = self.write(|connection| {
            let ring = self.keys();
            let (_, newest) = ring.span();
            if !is_resealed(connection, newest)? {
                return Ok(false);
            }
            flow::reseal(connection, &ring)?;
            approval::reseal(connection, &ring, &tenants)?;
            for record in KeyRecord::read_all(connection)?.iter().filter(|record| record.key_id != newest) {
                if provider.kind().owns_its_keys() {
                    retire_later(connection, &record.wrapped)?;
                }
            }
            connection.execute("DELETE FROM store_key WHERE key_id <> ?1", [newest]).map_err(fault::sqlite)?;
            mark_erasure(connection)
        })?;
        if !finished {
            return Ok(None);
        }
        self.drop_old_keys();
        let erased = self.with_connection(finish_erasure).unwrap_or(false);
        let _ = self.finish_retiring(provider);
        Ok(Some(erased))
    }
}

fn is_resealed(connection: &Connection, newest: u32) -> Result<bool> {
    let sql = "SELECT NOT EXISTS (SELECT 1 FROM account NOT INDEXED WHERE key_id <> ?1)";
    connection.query_row(sql, [newest], |row| row.get(0)).map_err(fault::sqlite)
}
