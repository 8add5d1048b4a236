//! The formats of the store: one SQL file leads from each to the next. Every released format opens for ever.

use super::fault;
use crate::error::{Detail, Error, Result};
use rusqlite::Connection;

/// `PRAGMA application_id`: "INTL".
pub(super) const APPLICATION_ID: i32 = 0x494E_544C;

/// What leads from format n to n + 1, from an empty file on. A released file is never edited.
pub(super) const STEPS: &[&str] =
    &[include_str!("migrations/0001.sql"), include_str!("migrations/0002.sql"), include_str!("migrations/0003.sql")];

/// Makes an empty database a store of the newest format. Runs inside the caller's transaction.
pub(super) fn create(connection: &Connection, steps: &[&str]) -> Result<()> {
    connection.execute_batch(&format!("PRAGMA application_id = {APPLICATION_ID};")).map_err(fault::sqlite)?;
    apply(connection, steps, 0)
}

/// Checks that the file is a store of a known format, with its tables and nothing else, and returns the format. Writes nothing.
pub(super) fn check(connection: &Connection, steps: &[&str]) -> Result<usize> {
    if pragma(connection, "application_id")? != APPLICATION_ID {
        return Err(corrupt("not a store"));
    }
    let format = usize::try_from(pragma(connection, "user_version")?).map_err(|_| corrupt("format"))?;
    let known = match steps.get(..format) {
        None => return Err(Detail::StoreTooNew.into()),
        Some([]) => return Err(corrupt("format")),
        Some(known) => known.concat(),
    };
    check_schema(connection, &known)?;
    Ok(format)
}

/// Brings a checked store to the newest format in one transaction: killed at any point, it is the old one or the new one.
pub(super) fn upgrade(connection: &Connection, steps: &[&str], format: usize) -> Result<()> {
    if format >= steps.len() {
        return Ok(());
    }
    connection.execute_batch("BEGIN IMMEDIATE").map_err(fault::sqlite)?;
    // Another process may have been faster.
    let upgraded = check(connection, steps).and_then(|format| apply(connection, steps, format));
    let end = if upgraded.is_ok() { "COMMIT" } else { "ROLLBACK" };
    connection.execute_batch(end).map_err(fault::sqlite)?;
    upgraded
}

fn apply(connection: &Connection, steps: &[&str], format: usize) -> Result<()> {
    for step in steps.iter().skip(format) {
        connection.execute_batch(step).map_err(fault::sqlite)?;
    }
    connection.execute_batch(&format!("PRAGMA user_version = {};", steps.len())).map_err(fault::sqlite)
}

/// The tables of the format, and nothing else: no trigger or view was planted, and no definition was changed.
fn check_schema(connection: &Connection, known: &str) -> Result<()> {
    let mut statement = connection.prepare("SELECT name, sql FROM sqlite_schema").map_err(fault::sqlite)?;
    let mut rows = statement.query([]).map_err(fault::sqlite)?;
    let mut found: usize = 0;
    while let Some(row) = rows.next().map_err(fault::sqlite)? {
        let name: String = row.get(0).map_err(fault::sqlite)?;
        let sql: Option<String> = row.get(1).map_err(fault::sqlite)?;
        let is_ours = match sql {
            Some(sql) => known.contains(&format!("{sql};")),
            None => name.starts_with("sqlite_autoindex_"),
        };
        if !is_ours {
            return Err(corrupt("schema"));
        }
        found = found.saturating_add(1);
    }
    let expected = known.matches("CREATE TABLE").count().saturating_add(known.matches(" UNIQUE").count());
    if found == expected { Ok(()) } else { Err(corrupt("schema")) }
}

fn pragma(connection: &Connection, name: &str) -> Result<i32> {
    connection.pragma_query_value(None, name, |row| row.get(0)).map_err(fault::sqlite)
}

fn corrupt(what: &'static str) -> Error {
    Detail::StoreCorrupt.about(what)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LATER: &str = "\nCREATE TABLE later (x INTEGER) STRICT;\n";

    fn with(later: &'static str) -> Vec<&'static str> {
        STEPS.iter().copied().chain([later]).collect()
    }

    fn store(steps: &[&str]) -> Connection {
        let connection = Connection::open_in_memory().unwrap();
        create(&connection, steps).unwrap();
        connection
    }

    #[test]
    fn s_10_every_older_format_is_brought_to_the_newest() {
        let steps = with(LATER);
        for format in 1..steps.len() {
            let old = store(&steps[..format]);
            old.execute("INSERT INTO store (only, store_id, erase_pending) VALUES (1, x'00', 0)", []).unwrap();
            assert_eq!(check(&old, &steps).unwrap(), format);
            upgrade(&old, &steps, format).unwrap();
            assert_eq!(check(&old, &steps).unwrap(), steps.len());
            assert_eq!(old.query_row("SELECT count(*) FROM store", [], |row| row.get::<_, i64>(0)).unwrap(), 1);
            // A second process that read the old format before finds nothing left to do.
            upgrade(&old, &steps, format).unwrap();
            assert_eq!(check(&old, &steps).unwrap(), steps.len());
        }
    }

    #[test]
    fn a_step_that_fails_leaves_the_old_format() {
        let old = store(STEPS);
        assert!(upgrade(&old, &with("CREATE TABLE half (x INTEGER) STRICT; nonsense;"), STEPS.len()).is_err());
        assert_eq!(check(&old, STEPS).unwrap(), STEPS.len());
    }

    #[test]
    fn s_09_a_newer_format_is_refused() {
        let newer = store(&with(LATER));
        assert_eq!(check(&newer, STEPS).unwrap_err().cause(), Detail::StoreTooNew);
    }

    #[test]
    fn planted_tables_are_noticed() {
        let planted = store(STEPS);
        planted.execute_batch(LATER).unwrap();
        assert_eq!(check(&planted, STEPS).unwrap_err().cause(), Detail::StoreCorrupt);
    }
}
