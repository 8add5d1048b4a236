//! Which copies of the library have the store open.

use super::{HELD_HERE, Held, TRIES, make_folder, refused, system};
use crate::{
    error::{Detail, Error, Result},
    store::{
        fault,
        place::{FileId, Place},
    },
};
use arc_swap::ArcSwapOption;
use std::{
    collections::HashMap,
    fs,
    io::{self, ErrorKind},
    path::{Path, PathBuf},
    process,
    sync::{Arc, Mutex, PoisonError, Weak},
    thread,
    time::Duration,
};

const PROCESS: &str = "process-";
/// Somebody who only cleans up has a lock no longer than `TRIES` of these.
const PAUSE: Duration = Duration::from_millis(5);

/// Refuses while another copy of the library in this process has the store open. To be called before files of a store are opened by
/// hand, and where this copy has none open.
pub(in crate::store) fn refuse_second_copy(place: &Place) -> Result<()> {
    if HELD_HERE && is_held(&own_file(&place.beside(".locks")))? { Err(second_copy()) } else { Ok(()) }
}

/// This process has the store open, through this copy of the library.
#[derive(Debug)]
pub(super) struct Presence {
    folder: PathBuf,
    path: PathBuf,
    held: Held,
}

/// The presences of one process, which all objects of this copy of the library share.
struct Presences {
    process: u32,
    by_folder: Mutex<HashMap<FileId, Weak<Presence>>>,
}

static PRESENCES: ArcSwapOption<Presences> = ArcSwapOption::const_empty();

impl Presence {
    pub(super) fn join(folder: &Path) -> Result<Arc<Self>> {
        let presences = Presences::of_this_process(&PRESENCES);
        let mut by_folder = presences.by_folder.lock().unwrap_or_else(PoisonError::into_inner);
        for attempt in 0..TRIES {
            let known = by_folder.get(&make_folder(folder)?);
            if let Some(shared) = known.and_then(Weak::upgrade) {
                return Ok(shared);
            }
            if attempt > 0 {
                pause();
            }
            if let Some(fresh) = Self::take(folder)? {
                // Looked at again: with a file of ours in it, it is not cleared away any more.
                let id = make_folder(folder)?;
                if fresh.held.is_at(&fresh.path) {
                    let fresh = Arc::new(fresh);
                    by_folder.retain(|_, presence| presence.strong_count() > 0);
                    by_folder.insert(id, Arc::downgrade(&fresh));
                    return Ok(fresh);
                }
            }
        }
        Err(second_copy())
    }

    fn take(folder: &Path) -> Result<Option<Self>> {
        let path = own_file(folder);
        let file = match system::open(&path, true) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            opened => opened.map_err(refused)?,
        };
        let Ok(held) = Held::take(file).map_err(refused)? else { return Ok(None) };
        // What dead processes left is cleared away.
        for other in processes(folder)?.filter(|other| *other != path) {
            is_held(&other)?;
        }
        Ok(Some(Self { folder: folder.to_owned(), path, held }))
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        // A child after `fork` has the name of its parent here.
        if self.held.is_ours() && self.held.is_at(&self.path) {
            let _ = fs::remove_file(&self.path);
            let _ = fs::remove_dir(&self.folder);
        }
    }
}

impl Presences {
    /// Those of this process. A child after `fork` begins anew: the lock of its parent's may be held for ever, and the locks that it
    /// tells of are not the child's.
    fn of_this_process(slot: &ArcSwapOption<Self>) -> Arc<Self> {
        loop {
            let current = slot.load_full();
            if let Some(ours) = current.as_ref().filter(|presences| presences.process == process::id()) {
                return Arc::clone(ours);
            }
            let fresh = Self { process: process::id(), by_folder: Mutex::default() };
            slot.compare_and_swap(&current, Some(Arc::new(fresh)));
            std::mem::forget(current);
        }
    }
}

fn own_file(folder: &Path) -> PathBuf {
    folder.join(format!("{PROCESS}{}-{}", process::id(), system::namespace()))
}

fn second_copy() -> Error {
    Detail::StoreBusy.about("second copy")
}

fn processes(folder: &Path) -> Result<impl Iterator<Item = PathBuf>> {
    let entries = fs::read_dir(folder).map_err(fault::file)?.filter_map(io::Result::ok);
    Ok(entries.map(|entry| entry.path()).filter(|path| {
        let name = path.file_name().and_then(|name| name.to_str());
        name.is_some_and(|name| name.starts_with(PROCESS))
    }))
}

/// Whether the process of that file lives; the file of one that does not is removed.
fn is_held(path: &Path) -> Result<bool> {
    let file = match system::open(path, false) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
        opened => opened.map_err(refused)?,
    };
    let Ok(held) = Held::take(file).map_err(refused)? else { return Ok(true) };
    if held.is_at(path) {
        let _ = fs::remove_file(path);
    }
    Ok(false)
}

#[expect(clippy::disallowed_methods, reason = "at most 100 ms at opening, and only where two clean up at the same moment")]
fn pause() {
    thread::sleep(PAUSE);
}

#[cfg(all(test, unix))]
mod tests {
    use super::{
        super::tests::{held, is_free},
        *,
    };

    /// C-09: in a child nothing of the parent's is removed, unlocked or waited for.
    #[test]
    fn c_09_a_child_begins_anew() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("process");
        let mut presence = Presence { folder: folder.path().to_owned(), path: path.clone(), held: held(&path) };
        let description = presence.held.file.try_clone().unwrap();
        presence.held.process = presence.held.process.wrapping_add(1);
        drop(presence);
        assert!(path.exists() && !is_free(&path));
        drop(description);

        let parent = Arc::new(Presences { process: process::id().wrapping_add(1), by_folder: Mutex::default() });
        let slot = ArcSwapOption::from(Some(Arc::clone(&parent)));
        let _held_for_ever = parent.by_folder.lock().unwrap();
        let ours = Presences::of_this_process(&slot);
        assert_eq!(ours.process, process::id());
        assert!(ours.by_folder.lock().unwrap().is_empty());
        assert!(Arc::ptr_eq(&ours, &Presences::of_this_process(&slot)));
    }
}
