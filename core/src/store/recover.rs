//! A store that does not open, or not whole: what it is, what can be saved of it, and how the new store takes its place.
//!
//! Nothing is repaired. What can still be read is sealed anew in a new store with an id and keys of its own, which is built whole
//! under another name; the damaged files are copied aside; then the new store takes the name (`recover/swap.rs`). All looking is done
//! on a copy in memory.

mod inspect;
mod rows;
mod salvage;
mod snapshot;
mod swap;

pub(crate) use inspect::inspect;

use super::{
    fault,
    in_use::{Alone, InUse},
    key::KeyProvider,
    keyring::{FIRST_KEY, KeyRecord, Keyring},
    open,
    place::Place,
    seal,
};
use crate::{
    error::{Detail, Error, ErrorKind, Result},
    recovery::Recovery,
};
use inspect::Health;
use salvage::Salvaged;
use snapshot::Snapshot;
use std::{
    fs,
    path::{Path, PathBuf},
};
use swap::Swap;

/// Saves what can be read of the store at `path` in a new one, and sets the damaged one aside. A store without damage stays as it is.
/// `provider` is called on this thread, with no lock held.
pub(crate) fn recover(path: &Path, provider: &dyn KeyProvider) -> Result<Recovery> {
    recover_until(path, provider, swap::STEPS)
}

/// The same, ending after so many steps of the swap, as if the process were killed there.
pub(super) fn recover_until(path: &Path, provider: &dyn KeyProvider, steps: usize) -> Result<Recovery> {
    let place = Place::resolve(path)?;
    let _here = InUse::alone(&place)?;
    drop(others_present(&place)?);
    let snapshot = Snapshot::take(&place)?.ok_or(Detail::StoreMissing)?;
    let journal = place.peek("-journal")?.is_some();
    match inspect::health(&snapshot, provider) {
        Ok(health) if health.is_whole() && !journal => return Ok(unchanged(health)),
        // What is damaged may hide a wrong key; that is found out below.
        Err(error) if error.kind() != ErrorKind::StorageDamaged => return Err(error),
        _ => {}
    }
    let ring = salvage::ring(&snapshot, provider)?;
    let salvaged = Salvaged::of(&snapshot, &ring);
    let key = seal::random()?;
    let record = KeyRecord::wrap(provider, *seal::random()?, FIRST_KEY, &key)?;
    let done = replace(&place, &snapshot, &salvaged, &record, &Keyring::of(record.open_with(&key)?), steps);
    if done.is_err() && !may_be_in_place(&place, &record) {
        // If it cannot be forgotten now, it is a key that opens nothing.
        let _ = provider.retire(&record.wrapped);
    }
    done.map(|set_aside| report(&salvaged, &set_aside))
}

/// Forgets the keys of the stores that were set aside, and removes their files; so it does with the drafts of recoveries that were
/// killed, which hold the accounts as well. `in_use` are wrappings that the store itself needs: a recovery that was killed has copied
/// it already, and not replaced it. Returns how many were set aside.
pub(super) fn remove_set_aside(place: &Place, provider: &dyn KeyProvider, in_use: &[KeyRecord]) -> Result<u32> {
    let (copies, drafts) = (swap::copies(place)?, swap::drafts(place)?);
    let mut removed: u32 = 0;
    for (copy, is_copy) in copies.iter().map(|copy| (copy, true)).chain(drafts.iter().map(|draft| (draft, false))) {
        if let Some(snapshot) = Snapshot::take(copy)? {
            let own = |wrapped: &Vec<u8>| in_use.iter().any(|record| record.wrapped == *wrapped);
            for wrapped in salvage::wrappings(&snapshot).into_iter().filter(|wrapped| !own(wrapped)) {
                provider.retire(&wrapped)?;
            }
            removed = removed.saturating_add(is_copy.into());
        }
        swap::remove(copy)?;
    }
    if !copies.is_empty() || !drafts.is_empty() {
        place.sync()?;
    }
    Ok(removed)
}

/// The file with a lock that no other process has: refused while one has the store open.
pub(super) fn others_present(place: &Place) -> Result<Option<Alone>> {
    place.peek("")?.map(|_| Alone::with(place.path())).transpose()
}

/// Builds the new store and lets it take the place of the damaged one. Returns where that lies now.
fn replace(
    place: &Place,
    snapshot: &Snapshot,
    salvaged: &Salvaged,
    record: &KeyRecord,
    ring: &Keyring,
    steps: usize,
) -> Result<PathBuf> {
    let (file, draft) = place.create_draft()?;
    drop(file);
    let swapped = open::build(&draft, record, |connection| salvaged.fill(connection, ring)).and_then(|()| {
        let alone = others_present(place)?.ok_or(Detail::StoreMoved)?;
        if !snapshot.still_holds(place, &alone)? {
            return Err(Detail::StoreBusy.into());
        }
        Swap::new(place, snapshot, &draft)?.run(steps)
    });
    if swapped.is_err() {
        let _ = fs::remove_file(&draft);
    }
    swapped
}

/// Whether the new store may have the name, and only not yet for ever.
fn may_be_in_place(place: &Place, record: &KeyRecord) -> bool {
    let found = Snapshot::take(place)
        .map(|snapshot| snapshot.is_some_and(|snapshot| salvage::wrappings(&snapshot).contains(&record.wrapped)));
    found.unwrap_or(true)
}

fn unchanged(health: Health) -> Recovery {
    Recovery {
        accounts: health.accounts,
        damaged_accounts: 0,
        damaged_account_ids: Vec::new(),
        sign_ins: health.sign_ins,
        approvals: health.approvals,
        set_aside: None,
    }
}

fn report(salvaged: &Salvaged, set_aside: &Path) -> Recovery {
    Recovery {
        accounts: salvaged.accounts.iter().map(|record| record.id.clone()).collect(),
        damaged_accounts: count(salvaged.lost.len()),
        damaged_account_ids: salvaged.lost.iter().cloned().collect(),
        sign_ins: count(salvaged.flows.len()),
        approvals: count(salvaged.approvals.len()),
        set_aside: Some(set_aside.to_string_lossy().into_owned()),
    }
}

fn count(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

/// `None` for an error of the system that says nothing but that a file is gone already.
fn unless_missing(error: std::io::Error) -> Option<Error> {
    (error.kind() != std::io::ErrorKind::NotFound).then(|| fault::file(error))
}
