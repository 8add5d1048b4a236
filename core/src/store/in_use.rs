//! Who uses the files of a store: any number of open stores, or one that looks at the files themselves.
//!
//! Within one process this is remembered here. Whoever reads a store's file itself opens and closes it, which would drop the locks
//! that `SQLite` has on it in the same process. Across processes the file's own lock tells: `SQLite` has a shared one on a file as long
//! as a connection is open.

use super::{
    fault, lock,
    place::{self, Place},
};
use crate::error::{Detail, Result};
use arc_swap::ArcSwapOption;
use std::{
    collections::HashMap,
    fs::File,
    io::{Read, Seek},
    path::{Path, PathBuf},
    process,
    sync::Arc,
};

/// One user of a store's files in this process, as long as it lives.
#[derive(Debug)]
pub(super) struct InUse {
    path: PathBuf,
    process: u32,
}

/// The users in one process. It is replaced as a whole, with no lock that a fork could leave behind.
#[derive(Clone)]
struct Users {
    process: u32,
    of: HashMap<PathBuf, Use>,
}

#[derive(Clone, Copy)]
enum Use {
    Open(usize),
    Alone,
}

static USERS: ArcSwapOption<Users> = ArcSwapOption::const_empty();

impl InUse {
    /// One more open store. Refused while somebody looks at the files.
    pub(super) fn open(place: &Place) -> Result<Self> {
        Self::enter(place, |users| match users {
            None => Some(Use::Open(1)),
            Some(Use::Open(count)) => count.checked_add(1).map(Use::Open),
            Some(Use::Alone) => None,
        })
    }

    /// The only user in this process, also among other copies of the library in it.
    pub(super) fn alone(place: &Place) -> Result<Self> {
        let alone = Self::enter(place, |users| users.is_none().then_some(Use::Alone))?;
        lock::refuse_second_copy(place)?;
        Ok(alone)
    }

    fn enter(place: &Place, next: impl Fn(Option<Use>) -> Option<Use>) -> Result<Self> {
        let (path, mut entered) = (place.path(), false);
        Users::change(|users| {
            let next = next(users.of.get(path).copied());
            entered = next.is_some();
            if let Some(next) = next {
                users.of.insert(path.to_owned(), next);
            }
        });
        if entered { Ok(Self { path: path.to_owned(), process: process::id() }) } else { Err(Detail::StoreBusy.into()) }
    }
}

impl Drop for InUse {
    fn drop(&mut self) {
        // A child after a fork has users of its own.
        if self.process == process::id() {
            Users::change(|users| users.leave(&self.path));
        }
    }
}

impl Users {
    fn change(mut change: impl FnMut(&mut Self)) {
        USERS.rcu(|users| {
            let ours = users.as_deref().filter(|users| users.process == process::id()).cloned();
            let mut users = ours.unwrap_or_else(|| Self { process: process::id(), of: HashMap::new() });
            change(&mut users);
            Some(Arc::new(users))
        });
    }

    fn leave(&mut self, path: &Path) {
        match self.of.get_mut(path) {
            Some(Use::Open(count)) if *count > 1 => *count = count.saturating_sub(1),
            _ => drop(self.of.remove(path)),
        }
    }
}

/// Keeps other processes from opening a file until it is dropped.
#[derive(Debug)]
pub(super) struct Alone {
    file: File,
}

impl Alone {
    /// Refused if another process has the file open; none can open it from here on. To be called by who is the only user in this
    /// process, and may open and close the file.
    pub(super) fn with(path: &Path) -> Result<Self> {
        let file = place::open_to_write(path)?;
        system::lock(&file)?;
        Ok(Self { file })
    }

    /// The content. (Through another descriptor it would end the lock.)
    pub(super) fn read(&self, limit: u64) -> Result<Vec<u8>> {
        place::read_all(&self.file, limit)
    }

    /// The first bytes, as many as tell what kind of file it is.
    pub(super) fn start(&self) -> Result<[u8; 100]> {
        let (mut file, mut start) = (&self.file, [0; 100]);
        let mut rest = start.as_mut_slice();
        file.rewind().map_err(fault::file)?;
        while !rest.is_empty() {
            let length = file.read(rest).map_err(fault::file)?;
            if length == 0 {
                break;
            }
            rest = rest.get_mut(length..).unwrap_or_default();
        }
        Ok(start)
    }

    /// Makes the content durable.
    pub(super) fn sync(&self) -> Result<()> {
        self.file.sync_all().map_err(fault::file)
    }
}

#[cfg(unix)]
mod system {
    use super::{Detail, File, Result, fault};
    use rustix::{fs::FlockOperation, io::Errno};

    pub(super) fn lock(file: &File) -> Result<()> {
        match rustix::fs::fcntl_lock(file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(()),
            Err(Errno::AGAIN | Errno::ACCESS) => Err(Detail::StoreBusy.into()),
            Err(error) => Err(fault::file(error.into())),
        }
    }
}

/// Here the system itself refuses to replace or remove a file that somebody has open.
#[cfg(not(unix))]
mod system {
    use super::{File, Result};

    pub(super) fn lock(_: &File) -> Result<()> {
        Ok(())
    }
}
