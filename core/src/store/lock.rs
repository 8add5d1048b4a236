//! Locks between processes, and between copies of this library in one process. No other file takes one.
//!
//! They lie in a folder of their own beside the store, `<store>.locks/`, because opening and closing the store's own file would drop
//! the locks that `SQLite` has on it. Each is an empty file, and the lock on it (`flock`) ends with its holder, however that ends:
//!
//! ```text
//! account-<account id>             held while one account is refreshed
//! process-<process>-<namespace>    held by one copy of the library in one process as long as it has the store open; the namespace
//!                                  is the inode of the process's pid namespace (Linux), or 0
//! ```
//!
//! A lock is taken back by name where the system shares it: a child after `fork` has the same lock as its parent, so it is opened
//! explicitly when its time is over, and never by the child. After taking a lock its file is compared with the name, because it may
//! have been deleted meanwhile.
//!
//! On iOS and its relatives no lock is held: the system kills whoever is suspended with one in a shared folder. There the row's
//! generation alone keeps order.

#[cfg(not(unix))]
mod elsewhere;
mod presence;
#[cfg(unix)]
mod unix;

pub(super) use presence::refuse_second_copy;

use super::{
    Store, fault,
    place::{FileId, Place},
};
use crate::error::{Detail, Error, Result};
#[cfg(not(unix))]
use elsewhere as system;
use presence::Presence;
use std::{
    fs::{self, File},
    io::{self, ErrorKind},
    path::{Path, PathBuf},
    process,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
#[cfg(unix)]
use unix as system;

/// Whether locks may be held here.
const HELD_HERE: bool = !cfg!(all(target_vendor = "apple", not(target_os = "macos")));
/// Files and folders that others delete or replace meanwhile are made again so often.
const TRIES: u32 = 20;

/// The locks of one open store.
#[derive(Debug)]
pub(super) struct Locks {
    folder: PathBuf,
    presence: Mutex<Option<Arc<Presence>>>,
}

/// The lock of one account; free again when dropped.
#[derive(Debug)]
pub(crate) struct AccountLock {
    _held: Held,
}

/// A place in the queue for the lock of one account.
#[derive(Debug)]
pub(crate) struct AccountQueue<'a> {
    locks: &'a Locks,
    path: PathBuf,
    file: Option<File>,
}

impl Store {
    /// Lines up for the lock of an account; `None` where this system allows no lock.
    pub(crate) fn queue(&self, id: &str) -> Option<AccountQueue<'_>> {
        HELD_HERE.then(|| AccountQueue { locks: &self.locks, path: self.locks.account(id), file: None })
    }

    /// Removes the lock of an account that is gone.
    pub(crate) fn forget_lock(&self, id: &str) {
        // Whoever holds or awaits it finds the account gone.
        let _ = fs::remove_file(self.locks.account(id));
    }
}

impl Locks {
    /// Makes the folder where it is missing, and says that this process has the store open. To be called before `SQLite` looks at the
    /// store: a second copy of it in one process would drop the locks of the first.
    pub(super) fn open(place: &Place) -> Result<Self> {
        let locks = Self { folder: place.beside(".locks"), presence: Mutex::default() };
        if HELD_HERE {
            *locks.presence() = Some(Presence::join(&locks.folder)?);
        }
        Ok(locks)
    }

    /// The store is closed, and others may know.
    pub(super) fn close(&self) {
        let presence = self.presence().take();
        drop(presence);
    }

    fn account(&self, id: &str) -> PathBuf {
        self.folder.join(format!("account-{id}"))
    }

    /// The folder was deleted: makes it again, with the sign that this process has the store open.
    fn remake(&self) -> Result<()> {
        let mut slot = self.presence();
        if slot.is_none() {
            return make_folder(&self.folder).map(drop);
        }
        *slot = Some(Presence::join(&self.folder)?);
        Ok(())
    }

    fn presence(&self) -> MutexGuard<'_, Option<Arc<Presence>>> {
        self.presence.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AccountQueue<'_> {
    /// Takes the lock if it is free. Waits for nobody; to be asked again.
    pub(crate) fn try_take(&mut self) -> Result<Option<AccountLock>> {
        for _ in 0..TRIES {
            let file = match self.file.take() {
                Some(file) => file,
                None => match system::open(&self.path, true) {
                    Err(error) if error.kind() == ErrorKind::NotFound => {
                        self.locks.remake()?;
                        continue;
                    }
                    opened => opened.map_err(refused)?,
                },
            };
            match Held::take(file).map_err(refused)? {
                Ok(held) if held.is_at(&self.path) => return Ok(Some(AccountLock { _held: held })),
                Ok(_) => {}
                Err(file) => {
                    self.file = Some(file);
                    return Ok(None);
                }
            }
        }
        Ok(None)
    }
}

/// A file with a lock on it that is ours.
#[derive(Debug)]
struct Held {
    file: File,
    process: u32,
}

impl Held {
    /// Takes the lock, or gives the file back where somebody else has it.
    fn take(file: File) -> io::Result<std::result::Result<Self, File>> {
        Ok(if system::try_lock(&file)? { Ok(Self { file, process: process::id() }) } else { Err(file) })
    }

    /// Whether its name still leads to it.
    fn is_at(&self, path: &Path) -> bool {
        let named = fs::symlink_metadata(path).map(|named| FileId::of(&named));
        self.file.metadata().is_ok_and(|own| named.is_ok_and(|named| named == FileId::of(&own)))
    }

    fn is_ours(&self) -> bool {
        self.process == process::id()
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if self.is_ours() {
            system::unlock(&self.file);
        }
    }
}

/// Makes the folder where it is missing, refuses one that is not ours alone, and says which it is.
fn make_folder(folder: &Path) -> Result<FileId> {
    for _ in 0..TRIES {
        match system::make_folder(folder) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(fault::file(error)),
            _ => {}
        }
        match fs::symlink_metadata(folder) {
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(fault::file(error)),
            Ok(facts) if !facts.is_dir() => return Err(Detail::StoreUnsafePath.about("locks")),
            Ok(facts) => {
                system::check_folder(folder, &facts)?;
                return Ok(FileId::of(&facts));
            }
        }
    }
    Err(Detail::StoreFailed.about("locks"))
}

fn refused(error: io::Error) -> Error {
    if system::is_unsafe(&error) { Detail::StoreUnsafePath.about("locks") } else { fault::file(error) }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    pub(super) fn held(path: &Path) -> Held {
        Held::take(system::open(path, true).unwrap()).unwrap().unwrap()
    }

    pub(super) fn is_free(path: &Path) -> bool {
        Held::take(system::open(path, true).unwrap()).unwrap().is_ok()
    }

    /// C-09: a child after `fork` has the descriptors of its parent, and with them its locks. (A descriptor that is duplicated shares
    /// its lock in the same way.)
    #[test]
    fn c_09_a_lock_ends_with_its_time_though_a_child_has_its_descriptor() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let lock = held(&path);
        let of_child = lock.file.try_clone().unwrap();
        drop(lock);
        assert!(is_free(&path));
        drop(of_child);
        // And the child's end does not end the lock of its parent.
        let lock = held(&path);
        drop(Held { file: lock.file.try_clone().unwrap(), process: lock.process.wrapping_add(1) });
        assert!(!is_free(&path));
        drop(lock);
        assert!(is_free(&path));
    }
}
