//! What other processes changed: noticed without reading a row, and read without waiting for a thread that is using the store.

use super::{Store, fault, record::AccountRecord};
use crate::error::Result;
use rusqlite::Connection;

impl Store {
    /// A number that is another one after every write of another connection, and the same after our own.
    pub(crate) fn version(&self) -> Result<i64> {
        self.with_connection(version)
    }

    /// The same; `None` while another thread is using the store.
    pub(crate) fn try_version(&self) -> Option<Result<i64>> {
        self.try_with_connection(version)
    }

    /// One account; `None` while another thread is using the store.
    pub(crate) fn try_account(&self, id: &str) -> Option<Result<Option<AccountRecord>>> {
        self.try_read(|connection| self.fetch(connection, id))
    }
}

fn version(connection: &Connection) -> Result<i64> {
    let mut statement = connection.prepare_cached("PRAGMA data_version").map_err(fault::sqlite)?;
    statement.query_row([], |row| row.get(0)).map_err(fault::sqlite)
}
