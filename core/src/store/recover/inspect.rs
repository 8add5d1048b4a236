//! What a store is, without touching it: the same checks as when it is opened, on a copy in memory.

use super::{
    InUse,
    salvage::{self, Salvaged},
    snapshot::Snapshot,
    swap,
};
use crate::{
    error::{Detail, Error, ErrorKind, Result},
    recovery::{Inspection, Remedy},
    store::{
        account::Accounts,
        fault, format,
        key::KeyProvider,
        keyring::{KeyRecord, Keyring},
        place::Place,
    },
};
use rusqlite::Connection;
use std::path::Path;

/// A store that opens.
pub(super) struct Health {
    format: u32,
    pub(super) accounts: Vec<String>,
    damaged: Vec<String>,
    pub(super) sign_ins: u32,
    pub(super) approvals: u32,
    is_rotating: bool,
    is_consistent: bool,
}

impl Health {
    pub(super) fn is_whole(&self) -> bool {
        self.damaged.is_empty() && self.is_consistent
    }
}

/// Looks at the store at `path` and changes nothing. `provider` is called on this thread, with no lock held.
pub(crate) fn inspect(path: &Path, provider: &dyn KeyProvider) -> Inspection {
    let mut report = Inspection::begun();
    if let Err(error) = look(path, provider, &mut report) {
        report.error = Some(error);
        if report.remedy == Remedy::Nothing {
            report.remedy = Remedy::FollowError;
        }
    }
    report.damaged_accounts = super::count(report.damaged_account_ids.len());
    report
}

/// The checks of opening. An error is what stands in the way.
pub(super) fn health(snapshot: &Snapshot, provider: &dyn KeyProvider) -> Result<Health> {
    if snapshot.file.is_empty() {
        return Err(Detail::StoreCorrupt.about("file is empty"));
    }
    let connection = in_memory(snapshot)?;
    let format = format::check(&connection, format::STEPS)?;
    let ring = Keyring::open(&KeyRecord::read_all(&connection)?, provider, None)?;
    let mut all = Accounts::read(&connection, &ring)?;
    all.records.sort_by_key(|record| record.connected_at);
    // What is wrong besides does not keep the store from opening.
    let found = connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get::<_, String>(0));
    let number = |sql| connection.query_row(sql, [], |row| row.get(0)).unwrap_or(0);
    Ok(Health {
        format: u32::try_from(format).unwrap_or(u32::MAX),
        accounts: all.records.into_iter().map(|record| record.id).collect(),
        damaged: all.damaged,
        sign_ins: number("SELECT count(*) FROM flow WHERE payload IS NOT NULL"),
        approvals: number("SELECT count(*) FROM approval"),
        is_rotating: ring.is_rotating(),
        is_consistent: found.is_ok_and(|found| found == "ok"),
    })
}

fn look(path: &Path, provider: &dyn KeyProvider, report: &mut Inspection) -> Result<()> {
    let place = Place::resolve(path)?;
    report.set_aside = swap::copies(&place)?.iter().map(|copy| copy.path().to_string_lossy().into_owned()).collect();
    // A file that SQLite has open in this process must not be opened here.
    let here = InUse::alone(&place)?;
    let logged = place.peek("-wal")?.is_some();
    place.peek("-shm")?;
    let journal = place.peek("-journal")?.is_some();
    let Some(snapshot) = Snapshot::take(&place)? else {
        if logged {
            report.remedy = Remedy::Discard;
            return Err(Detail::StoreMissing.into());
        }
        report.remedy = Remedy::Nothing;
        return place.check_room();
    };
    drop(here);
    match health(&snapshot, provider) {
        Ok(health) => {
            let is_whole = health.is_whole();
            report.format = Some(health.format);
            report.accounts = super::count(health.accounts.len());
            report.damaged_account_ids = health.damaged;
            report.key_rotation_pending = health.is_rotating;
            report.remedy = if is_whole && !journal { Remedy::Nothing } else { Remedy::Recover };
            if journal {
                return Err(Detail::StoreCorrupt.about("foreign journal"));
            }
            place.check_room()
        }
        Err(error) if error.kind() == ErrorKind::StorageDamaged => Err(salvageable(&snapshot, provider, error, report)),
        Err(error) => Err(error),
    }
}

/// What a recovery would save. Returns what stands in the way of opening, or of a recovery.
fn salvageable(snapshot: &Snapshot, provider: &dyn KeyProvider, error: Error, report: &mut Inspection) -> Error {
    match salvage::ring(snapshot, provider) {
        Ok(ring) => {
            let salvaged = Salvaged::of(snapshot, &ring);
            report.accounts = super::count(salvaged.accounts.len());
            report.damaged_account_ids = salvaged.lost.into_iter().collect();
            report.key_rotation_pending = ring.is_rotating();
            report.remedy = Remedy::Recover;
            error
        }
        Err(refused) if refused.cause() == Detail::StoreUnrecoverable => {
            report.remedy = Remedy::Discard;
            refused
        }
        Err(refused) => refused,
    }
}

fn in_memory(snapshot: &Snapshot) -> Result<Connection> {
    let bytes = snapshot.pages().without_log();
    let mut connection = Connection::open_in_memory().map_err(fault::sqlite)?;
    connection.deserialize_read_exact("main", bytes.as_slice(), bytes.len(), true).map_err(fault::sqlite)?;
    connection.execute_batch("PRAGMA cell_size_check = ON; PRAGMA trusted_schema = OFF").map_err(fault::sqlite)?;
    Ok(connection)
}
