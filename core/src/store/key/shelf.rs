//! A file with several named keys: its format, and how it changes whole or not at all.
//!
//! ```text
//! "intail-office365 keys 2\n" (24 bytes) | name 8 | key 32 | name 8 | key 32 | ...
//! ```
//!
//! The file of an older version, or one that a host made, is a single key: 32 bytes and nothing else. It is read as a shelf with that
//! key alone under the name [`own_name`], and written in the new form when it changes for the first time. So a key under its own name
//! is one of those, for ever; the names of all others are random.
//!
//! A change is made under a lock of the operating system on the file `<name>.lock` beside it: the keys are read again, the new file
//! is written as `<name>.new`, flushed, and renamed over the old one. A process that dies on the way leaves the old or the new file,
//! and at most a draft, which the next change removes. Reading takes no lock, so a key file may lie where nothing can be written.

use crate::{
    error::{Detail, Error, Result},
    store::{
        fault,
        place::{FileId, Place},
        seal::{self, KEY_LENGTH, Key},
    },
};
use ring::digest;
use std::{
    fs::{self, File},
    io::{ErrorKind, Read, Write},
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
};
use zeroize::Zeroizing;

pub(super) const NAME_LENGTH: usize = 8;
const MAGIC: &[u8; 24] = b"intail-office365 keys 2\n";
const ENTRY_LENGTH: usize = NAME_LENGTH + KEY_LENGTH;
/// A shelf this full was filled by a mistake: each store needs one key, and two while it changes.
const MOST_KEYS: usize = 1024;
const LONGEST: usize = MAGIC.len() + ENTRY_LENGTH * MOST_KEYS;
/// How often a file is read anew that was replaced while it was read.
const READS: u32 = 100;
const DRAFT: &str = ".new";

/// What a key is called on its shelf, and in what it wrapped.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Name(pub(super) [u8; NAME_LENGTH]);

pub(super) struct Shelf {
    place: Place,
    /// Whether the file was there once: one that is gone is not made again behind the host's back.
    seen: AtomicBool,
}

impl Shelf {
    /// The shelf at `path`, which need not be there yet.
    pub(super) fn at(path: &str) -> Result<Self> {
        let place = Place::resolve(Path::new(path)).map_err(|error| match error.cause() {
            Detail::StoreFolderMissing => Detail::KeyFileMissing.about("folder"),
            _ => error,
        })?;
        let shelf = Self { place, seen: AtomicBool::new(false) };
        if shelf.is_there() {
            shelf.read()?;
            shelf.seen.store(true, Ordering::Release);
        }
        Ok(shelf)
    }

    /// Makes an empty shelf where there never was one.
    pub(super) fn make(&self) -> Result<()> {
        if !self.is_there() && !self.seen.load(Ordering::Acquire) {
            self.create()?;
        }
        self.seen.store(true, Ordering::Release);
        Ok(())
    }

    fn is_there(&self) -> bool {
        fs::symlink_metadata(self.place.path()).is_ok()
    }

    /// The keys as they are now; another process may have changed them a moment ago.
    pub(super) fn read(&self) -> Result<Keys> {
        for _ in 0..READS {
            let file = open_private(self.place.path())?;
            let id = FileId::of(&file.metadata().map_err(|_| Detail::KeyFileUnsafe)?);
            let mut content = Zeroizing::new(Vec::with_capacity(LONGEST + 1));
            file.take(LONGEST as u64 + 1).read_to_end(&mut content).map_err(|_| Detail::KeyFileUnsafe)?;
            // What was replaced meanwhile may have been overwritten with zeros already.
            if self.place.still_holds(id) {
                return Ok(Keys::parse(&content).ok_or(Detail::KeyFileUnsafe)?);
            }
        }
        Err(Detail::StoreBusy.about("key file"))
    }

    /// Changes the keys under the lock. `edit` returns the new keys, or none if nothing is to change.
    pub(super) fn change<T>(&self, edit: impl FnOnce(&Keys) -> Result<(Option<Keys>, T)>) -> Result<T> {
        let _lock = lock::Lock::take(&self.place)?;
        let (changed, result) = edit(&self.read()?)?;
        if let Some(keys) = changed {
            self.replace(&keys)?;
        }
        Ok(result)
    }

    fn create(&self) -> Result<()> {
        let _lock = lock::Lock::take(&self.place)?;
        let draft = self.write_draft(&Keys::empty())?;
        let published = self.place.publish(&draft);
        if !matches!(published, Ok(true)) {
            let _ = fs::remove_file(&draft);
        }
        published.map(|_| ())
    }

    fn replace(&self, keys: &Keys) -> Result<()> {
        // Held open, as its name is about to go: what was removed from the shelf shall not stay behind in the old file.
        let old = fs::OpenOptions::new().write(true).open(self.place.path());
        let draft = self.write_draft(keys)?;
        if let Err(error) = self.place.replace(&draft) {
            let _ = fs::remove_file(&draft);
            return Err(unwritable(error));
        }
        if let Ok(mut old) = old {
            let length = old.metadata().map_or(0, |facts| usize::try_from(facts.len()).unwrap_or(LONGEST));
            let _ = old.write_all(&vec![0; length.min(LONGEST)]).and_then(|()| old.sync_data());
        }
        Ok(())
    }

    /// Under the lock: a draft that is there already was left by a process that died.
    fn write_draft(&self, keys: &Keys) -> Result<std::path::PathBuf> {
        match fs::remove_file(self.place.beside(DRAFT)) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(unwritable(fault::file(error))),
            _ => {}
        }
        let (mut file, draft) = self.place.create_beside(DRAFT).map_err(unwritable)?;
        let written = file.write_all(MAGIC).and_then(|()| file.write_all(&keys.0)).and_then(|()| file.sync_all());
        if let Err(error) = written {
            let _ = fs::remove_file(&draft);
            return Err(unwritable(fault::file(error)));
        }
        Ok(draft)
    }
}

/// The entries of a shelf, one after another as in the file.
pub(super) struct Keys(Zeroizing<Vec<u8>>);

impl Keys {
    fn empty() -> Self {
        Self(Zeroizing::new(Vec::new()))
    }

    fn parse(content: &[u8]) -> Option<Self> {
        let Some(entries) = content.strip_prefix(MAGIC) else {
            let key = seal::key_from(content)?;
            return Some(Self::empty().with(own_name(&key), &key));
        };
        let keys = Self(Zeroizing::new(entries.to_vec()));
        let whole = entries.len().is_multiple_of(ENTRY_LENGTH) && entries.len() <= LONGEST.saturating_sub(MAGIC.len());
        (whole && keys.iter().count() == entries.len() / ENTRY_LENGTH).then_some(keys)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (Name, Key)> + '_ {
        self.0.chunks_exact(ENTRY_LENGTH).filter_map(|entry| {
            let (name, key) = entry.split_first_chunk::<NAME_LENGTH>()?;
            Some((Name(*name), seal::key_from(key)?))
        })
    }

    pub(super) fn named(&self, name: Name) -> Option<Key> {
        self.iter().find_map(|(own, key)| (own == name).then_some(key))
    }

    /// The keys of files that were a single key.
    pub(super) fn single(&self) -> impl Iterator<Item = (Name, Key)> + '_ {
        self.iter().filter(|(name, key)| *name == own_name(key))
    }

    /// A new random key under a new random name, and the keys with it.
    pub(super) fn grown(&self) -> Result<(Self, Name, Key)> {
        if self.iter().count() >= MOST_KEYS {
            return Err(Detail::KeyFileFull.into());
        }
        let (name, key) = (Name(*seal::random()?), seal::random()?);
        if self.named(name).is_some() {
            return Err(Detail::Internal.into());
        }
        Ok((self.with(name, &key), name, key))
    }

    pub(super) fn without(&self, name: Name) -> Self {
        let mut entries = Zeroizing::new(Vec::with_capacity(self.0.len()));
        for entry in self.0.chunks_exact(ENTRY_LENGTH).filter(|entry| !entry.starts_with(&name.0)) {
            entries.extend_from_slice(entry);
        }
        Self(entries)
    }

    fn with(&self, name: Name, key: &Key) -> Self {
        let mut entries = Zeroizing::new(Vec::with_capacity(self.0.len().saturating_add(ENTRY_LENGTH)));
        entries.extend_from_slice(&self.0);
        entries.extend_from_slice(&name.0);
        entries.extend_from_slice(key.as_slice());
        Self(entries)
    }
}

/// The name of a key that has none of its own.
fn own_name(key: &Key) -> Name {
    let mut hash = digest::Context::new(&digest::SHA256);
    hash.update(b"intail-office365 name of a single key");
    hash.update(key.as_slice());
    Name(hash.finish().as_ref().first_chunk().copied().unwrap_or_default())
}

#[expect(clippy::needless_pass_by_value, reason = "made for map_err")]
fn unwritable(error: Error) -> Error {
    error.cause().about("key file")
}

fn refusal(error: &std::io::Error) -> Error {
    let detail = if error.kind() == ErrorKind::NotFound { Detail::KeyFileMissing } else { Detail::KeyFileUnsafe };
    detail.into()
}

#[cfg(unix)]
fn open_private(path: &Path) -> Result<File> {
    use rustix::fs::OFlags;
    use std::os::unix::fs::{MetadataExt, OpenOptionsExt};

    // Without waiting for the other end of a FIFO.
    let flags = i32::try_from((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits()).unwrap_or_default();
    let file = fs::OpenOptions::new().read(true).custom_flags(flags).open(path).map_err(|error| refusal(&error))?;
    let facts = file.metadata().map_err(|_| Detail::KeyFileUnsafe)?;
    let ours = facts.uid() == rustix::process::geteuid().as_raw();
    let for_others = facts.mode() & 0o077;
    // A file with no name left was replaced a moment ago, which the reader notices.
    if ours && for_others == 0 && facts.file_type().is_file() && facts.nlink() <= 1 {
        Ok(file)
    } else {
        Err(Detail::KeyFileUnsafe.into())
    }
}

#[cfg(not(unix))]
fn open_private(path: &Path) -> Result<File> {
    let file = File::open(path).map_err(|error| refusal(&error))?;
    let is_file = file.metadata().is_ok_and(|facts| facts.is_file());
    if is_file { Ok(file) } else { Err(Detail::KeyFileUnsafe.into()) }
}

/// One change at a time, among threads and processes.
mod lock {
    use super::{Detail, File, FileId, Place, Result, fault, fs, unwritable};
    use std::{
        io,
        path::Path,
        time::{Duration, Instant},
    };

    const SUFFIX: &str = ".lock";
    const PATIENCE: Duration = Duration::from_secs(5);
    const PAUSE: Duration = Duration::from_millis(5);

    pub(super) struct Lock(File);

    impl Lock {
        pub(super) fn take(place: &Place) -> Result<Self> {
            let path = place.beside(SUFFIX);
            let start = Instant::now();
            loop {
                let file = open(&path).map_err(fault::file).map_err(unwritable)?;
                // A lock on a file that has lost its name keeps nobody out.
                if try_lock(&file).map_err(fault::file).map_err(unwritable)? && names(&path, &file) {
                    return Ok(Self(file));
                }
                if start.elapsed() > PATIENCE {
                    return Err(Detail::StoreBusy.about("key file"));
                }
                #[expect(
                    clippy::disallowed_methods,
                    reason = "a provider knows of no deadline of its caller; bounded by PATIENCE"
                )]
                std::thread::sleep(PAUSE);
            }
        }
    }

    impl Drop for Lock {
        fn drop(&mut self) {
            // Said aloud, as a child process may hold another descriptor of the same lock.
            unlock(&self.0);
        }
    }

    fn names(path: &Path, file: &File) -> bool {
        let same = |named: fs::Metadata| file.metadata().is_ok_and(|own| FileId::of(&own) == FileId::of(&named));
        fs::symlink_metadata(path).is_ok_and(same)
    }

    #[cfg(unix)]
    fn open(path: &Path) -> io::Result<File> {
        use rustix::fs::OFlags;
        use std::os::unix::fs::OpenOptionsExt;

        let flags = i32::try_from((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits()).unwrap_or_default();
        fs::OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).custom_flags(flags).open(path)
    }

    #[cfg(unix)]
    fn try_lock(file: &File) -> io::Result<bool> {
        use rustix::{
            fs::{FlockOperation, flock},
            io::Errno,
        };
        match flock(file, FlockOperation::NonBlockingLockExclusive) {
            Err(Errno::WOULDBLOCK | Errno::INTR) => Ok(false),
            done => done.map(|()| true).map_err(io::Error::from),
        }
    }

    #[cfg(unix)]
    fn unlock(file: &File) {
        let _ = rustix::fs::flock(file, rustix::fs::FlockOperation::Unlock);
    }

    #[cfg(not(unix))]
    fn open(path: &Path) -> io::Result<File> {
        fs::OpenOptions::new().write(true).create(true).truncate(false).open(path)
    }

    #[cfg(not(unix))]
    #[expect(clippy::disallowed_methods, reason = "not Android: here the standard library's locks work")]
    fn try_lock(file: &File) -> io::Result<bool> {
        match file.try_lock() {
            Err(fs::TryLockError::WouldBlock) => Ok(false),
            Err(fs::TryLockError::Error(error)) => Err(error),
            Ok(()) => Ok(true),
        }
    }

    #[cfg(not(unix))]
    #[expect(clippy::disallowed_methods, reason = "not Android: here the standard library's locks work")]
    fn unlock(file: &File) {
        let _ = file.unlock();
    }
}
