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

use super::{
    Store, fault,
    place::{FileId, Place},
};
use crate::error::{Detail, Error, Result};
use arc_swap::ArcSwapOption;
use std::{
    collections::HashMap,
    fs::{self, File},
    io::{self, ErrorKind},
    path::{Path, PathBuf},
    process,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    thread,
    time::Duration,
};

/// Whether locks may be held here.
const HELD_HERE: bool = !cfg!(all(target_vendor = "apple", not(target_os = "macos")));
const PROCESS: &str = "process-";
/// Files and folders that others delete or replace meanwhile are made again so often.
const TRIES: u32 = 20;
/// Somebody who only cleans up has a lock no longer than `TRIES` of these.
const PAUSE: Duration = Duration::from_millis(5);

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

/// Refuses while another copy of the library in this process has the store open. To be called before files of a store are opened by
/// hand, and where this copy has none open.
pub(super) fn refuse_second_copy(place: &Place) -> Result<()> {
    if HELD_HERE && is_held(&own_file(&place.beside(".locks")))? { Err(second_copy()) } else { Ok(()) }
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

/// This process has the store open, through this copy of the library.
#[derive(Debug)]
struct Presence {
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
    fn join(folder: &Path) -> Result<Arc<Self>> {
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

fn refused(error: io::Error) -> Error {
    if system::is_unsafe(&error) { Detail::StoreUnsafePath.about("locks") } else { fault::file(error) }
}

#[cfg(unix)]
mod system {
    use super::{Detail, ErrorKind, File, Path, Result, fault, fs, io};
    use rustix::{
        fs::{FlockOperation, Mode, OFlags, flock},
        io::{Errno, retry_on_intr},
    };
    use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};

    pub(super) fn make_folder(folder: &Path) -> io::Result<()> {
        fs::DirBuilder::new().mode(0o700).create(folder)
    }

    pub(super) fn check_folder(folder: &Path, facts: &fs::Metadata) -> Result<()> {
        if facts.uid() != rustix::process::geteuid().as_raw() {
            return Err(Detail::StoreUnsafePermissions.about("locks"));
        }
        if facts.mode() & 0o777 == 0o700 {
            return Ok(());
        }
        match fs::set_permissions(folder, fs::Permissions::from_mode(0o700)) {
            // Somebody cleared it away.
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            changed => changed.map_err(fault::file),
        }
    }

    /// An ordinary file, through no link.
    pub(super) fn open(path: &Path, create: bool) -> io::Result<File> {
        let flags = OFlags::RDWR | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let flags = if create { flags | OFlags::CREATE } else { flags };
        let mode = Mode::RUSR | Mode::WUSR;
        let file = File::from(retry_on_intr(|| rustix::fs::open(path, flags, mode))?);
        let facts = file.metadata()?;
        if !facts.is_file() {
            return Err(Errno::LOOP.into());
        }
        if facts.mode() & 0o777 != 0o600 {
            // The umask can only have taken rights of our own away.
            file.set_permissions(fs::Permissions::from_mode(0o600))?;
        }
        Ok(file)
    }

    pub(super) fn try_lock(file: &File) -> io::Result<bool> {
        match retry_on_intr(|| flock(file, FlockOperation::NonBlockingLockExclusive)) {
            Ok(()) => Ok(true),
            Err(Errno::WOULDBLOCK) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Closing is not enough where a child of this process has the same descriptor.
    pub(super) fn unlock(file: &File) {
        let _ = retry_on_intr(|| flock(file, FlockOperation::Unlock));
    }

    /// A link or a folder in the place of a lock, or a file system without locks.
    pub(super) fn is_unsafe(error: &io::Error) -> bool {
        let unsafe_ones = [Errno::LOOP, Errno::ISDIR, Errno::NXIO, Errno::NOLCK, Errno::OPNOTSUPP, Errno::NOTSUP, Errno::NOSYS];
        Errno::from_io_error(error).is_some_and(|error| unsafe_ones.contains(&error))
    }

    /// Processes of two pid namespaces may share a store and have the same number.
    pub(super) fn namespace() -> u64 {
        if cfg!(target_os = "linux") { fs::metadata("/proc/self/ns/pid").map_or(0, |namespace| namespace.ino()) } else { 0 }
    }
}

#[cfg(not(unix))]
mod system {
    use super::{File, Path, Result, fs, io};
    use std::fs::TryLockError;

    pub(super) fn make_folder(folder: &Path) -> io::Result<()> {
        fs::create_dir(folder)
    }

    pub(super) fn check_folder(_: &Path, _: &fs::Metadata) -> Result<()> {
        Ok(())
    }

    pub(super) fn open(path: &Path, create: bool) -> io::Result<File> {
        fs::OpenOptions::new().read(true).write(true).create(create).truncate(false).open(path)
    }

    #[expect(clippy::disallowed_methods, reason = "the lock of the other systems; Android has the one above")]
    pub(super) fn try_lock(file: &File) -> io::Result<bool> {
        match file.try_lock() {
            Ok(()) => Ok(true),
            Err(TryLockError::WouldBlock) => Ok(false),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    #[expect(clippy::disallowed_methods, reason = "as above")]
    pub(super) fn unlock(file: &File) {
        let _ = file.unlock();
    }

    pub(super) fn is_unsafe(error: &io::Error) -> bool {
        error.kind() == io::ErrorKind::Unsupported
    }

    pub(super) fn namespace() -> u64 {
        0
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn held(path: &Path) -> Held {
        Held::take(system::open(path, true).unwrap()).unwrap().unwrap()
    }

    fn is_free(path: &Path) -> bool {
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
