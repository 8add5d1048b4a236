//! Throwing a store away, whatever state it is in, and what was left beside it.

use super::{
    Store, fault,
    in_use::InUse,
    key::KeyProvider,
    keyring::KeyRecord,
    place::{self, DRAFT, Place, SET_ASIDE},
    recover,
};
use crate::{
    error::{Detail, Result},
    recovery::Discarded,
};
use std::{
    ffi::OsStr,
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

/// How old a draft is that nobody is building any more.
const DRAFT_AGE: Duration = Duration::from_secs(3600);

/// Removes the store at `path` with all that this library ever puts beside it. Needs no key. Refused while the store is open, and if
/// the place holds anything that is not an ordinary file of ours; then nothing is removed.
pub(crate) fn discard(path: &Path) -> Result<Discarded> {
    let place = Place::resolve(path)?;
    let _here = InUse::alone(&place)?;
    let alone = recover::others_present(&place)?;
    if let Some(file) = &alone {
        refuse_another_database(&file.start()?)?;
    }
    // The file first: a log without it is no store.
    let mut files: Vec<PathBuf> = ["", "-wal", "-shm", "-journal"].map(|suffix| place.beside(suffix)).to_vec();
    for infix in [DRAFT, SET_ASIDE] {
        files.extend(place.named(infix)?.into_iter().map(|(path, _)| path));
    }
    let locks = place.beside(".locks");
    files.extend(lock_files(&locks)?);
    // All are looked at before the first goes.
    let mut removed = Vec::new();
    for file in files {
        if place::peek(&file)?.is_some() {
            removed.push(file);
        }
    }
    for file in &removed {
        fs::remove_file(file).map_err(fault::file)?;
    }
    // A folder that is not empty by now is not ours alone.
    let _ = fs::remove_dir(&locks);
    place.sync()?;
    Ok(Discarded { removed: removed.iter().map(|file| file.to_string_lossy().into_owned()).collect() })
}

impl Store {
    /// Removes the damaged stores that recoveries set aside, and lets `provider` forget their keys. Returns how many there were.
    pub(crate) fn discard_set_aside(&self, provider: &dyn KeyProvider) -> Result<u32> {
        let in_use = self.with_connection(KeyRecord::read_all)?;
        recover::remove_set_aside(&self.place, provider, &in_use)
    }
}

/// Removes what creations left that were killed. What cannot be removed now waits for the next time.
pub(super) fn remove_old_drafts(place: &Place, now: i64) {
    for (draft, _) in place.named(DRAFT).unwrap_or_default() {
        let modified = place::peek(&draft).ok().flatten().and_then(|facts| facts.modified);
        let age = modified.and_then(|modified| {
            let modified = modified.duration_since(std::time::UNIX_EPOCH).ok()?.as_secs();
            u64::try_from(now).ok()?.checked_sub(modified)
        });
        if age.is_some_and(|age| age > DRAFT_AGE.as_secs()) {
            let _ = fs::remove_file(&draft);
        }
    }
}

/// A sound database of another program is not thrown away because a host was given the wrong path.
fn refuse_another_database(start: &[u8]) -> Result<()> {
    let is_database = start.starts_with(b"SQLite format 3\0");
    let is_ours = start.get(68..72) == Some(&super::format::APPLICATION_ID.to_be_bytes());
    // Bytes 21 to 23 are the same in every database.
    let is_sound = start.get(21..24) == Some(&[64, 32, 32]);
    if is_database && is_sound && !is_ours { Err(Detail::StoreUnsafePath.about("another database")) } else { Ok(()) }
}

/// The locks that lie in the folder of the locks; nothing if that is not a folder.
fn lock_files(folder: &Path) -> Result<Vec<PathBuf>> {
    let facts = match fs::symlink_metadata(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        facts => facts.map_err(fault::file)?,
    };
    if !facts.is_dir() {
        return Err(Detail::StoreUnsafePath.about("locks"));
    }
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(fault::file)? {
        let name = entry.map_err(fault::file)?.file_name();
        if is_lock(&name) {
            files.push(folder.join(name));
        }
    }
    Ok(files)
}

fn is_lock(name: &OsStr) -> bool {
    let name = name.to_str().unwrap_or_default();
    name.strip_prefix("account-").is_some_and(super::account::is_id)
        || name.strip_prefix("process-").is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-'))
}
