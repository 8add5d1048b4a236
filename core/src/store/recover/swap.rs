//! How a new store takes the place of a damaged one. Killed after any step, the name leads to the damaged store with all that was
//! committed to it, or to the new one with no log of the old one beside it.
//!
//! ```text
//! <store>.damaged-<16 hex digits>             a copy of the damaged file, with its log (-wal) and a journal (-journal) that was there
//! ```

use super::{
    snapshot::{LIMIT, Snapshot},
    unless_missing,
};
use crate::{
    error::Result,
    store::{
        fault,
        in_use::Alone,
        place::{self, DRAFT, Place, SET_ASIDE},
    },
};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// A new store on its way into the place of a damaged one.
pub(super) struct Swap<'a> {
    place: &'a Place,
    snapshot: &'a Snapshot,
    draft: &'a Path,
    aside: PathBuf,
    locked: Vec<Alone>,
}

/// How many steps there are.
pub(super) const STEPS: usize = 4;

impl<'a> Swap<'a> {
    /// In their order.
    const STEPS: [fn(&mut Self) -> Result<()>; STEPS] = [Self::copy_aside, Self::settle_log, Self::clear_beside, Self::rename];

    pub(super) fn new(place: &'a Place, snapshot: &'a Snapshot, draft: &'a Path) -> Result<Self> {
        Ok(Self { place, snapshot, draft, aside: place.fresh_name(SET_ASIDE)?, locked: Vec::new() })
    }

    /// The first so many steps. If one fails before the damaged store was touched, nothing is left of the swap.
    pub(super) fn run(mut self, steps: usize) -> Result<PathBuf> {
        for (number, step) in Self::STEPS.iter().take(steps).enumerate() {
            if let Err(error) = step(&mut self) {
                if number <= 1 {
                    let _ = Place::resolve(&self.aside).and_then(|copy| remove(&copy));
                }
                return Err(error);
            }
        }
        Ok(self.aside)
    }

    /// The damaged files as they are, under another name.
    fn copy_aside(&mut self) -> Result<()> {
        let copy = Place::resolve(&self.aside)?;
        place::write_new(&self.aside, &self.snapshot.file)?;
        if !self.snapshot.log.is_empty() {
            place::write_new(&copy.beside("-wal"), &self.snapshot.log)?;
        }
        if self.place.peek("-journal")?.is_some() {
            let journal = place::open_to_read(&self.place.beside("-journal"))?;
            place::write_new(&copy.beside("-journal"), &place::read_all(&journal, LIMIT)?)?;
        }
        self.place.sync()
    }

    /// A log cannot go in the same instant as its file, and must not be taken for that of the new store. So the damaged store first
    /// gets a file in which its log is played already; with or without the log, that is the same store.
    fn settle_log(&mut self) -> Result<()> {
        if self.snapshot.log.is_empty() {
            return Ok(());
        }
        let (file, settled) = self.place.create_draft()?;
        drop(file);
        let replaced = fs::write(&settled, self.snapshot.pages().bytes()).map_err(fault::file).and_then(|()| {
            let locked = Alone::with(&settled)?;
            locked.sync()?;
            self.locked.push(locked);
            self.place.replace(&settled)
        });
        if replaced.is_err() {
            let _ = fs::remove_file(&settled);
        }
        replaced
    }

    fn clear_beside(&mut self) -> Result<()> {
        for suffix in ["-wal", "-shm", "-journal"] {
            remove_file(&self.place.beside(suffix))?;
        }
        self.place.sync()
    }

    fn rename(&mut self) -> Result<()> {
        self.place.replace(self.draft)
    }
}

/// The places of all stores that were set aside.
pub(super) fn copies(place: &Place) -> Result<Vec<Place>> {
    stores(place, SET_ASIDE)
}

/// The places of all stores that somebody builds, or built until he was killed.
pub(super) fn drafts(place: &Place) -> Result<Vec<Place>> {
    stores(place, DRAFT)
}

fn stores(place: &Place, infix: &str) -> Result<Vec<Place>> {
    let files = place.named(infix)?;
    let mut names: Vec<PathBuf> = files.into_iter().filter_map(|(path, suffix)| without(&path, &suffix)).collect();
    names.dedup();
    names.iter().map(|name| Place::resolve(name)).collect()
}

/// Removes a store and what lies beside it, and returns how many files that were.
pub(super) fn remove(place: &Place) -> Result<u32> {
    let mut removed: u32 = 0;
    for suffix in ["", "-wal", "-shm", "-journal"] {
        if place.peek(suffix)?.is_some() {
            remove_file(&place.beside(suffix))?;
            removed = removed.saturating_add(1);
        }
    }
    Ok(removed)
}

pub(super) fn remove_file(path: &Path) -> Result<()> {
    fs::remove_file(path).or_else(|error| unless_missing(error).map_or(Ok(()), Err))
}

fn without(path: &Path, suffix: &str) -> Option<PathBuf> {
    let name = path.file_name()?.to_str()?;
    Some(path.with_file_name(name.strip_suffix(suffix)?))
}
