//! The locks of Unix: `flock`.

use crate::{
    error::{Detail, Result},
    store::fault,
};
use rustix::{
    fs::{FlockOperation, Mode, OFlags, flock},
    io::{Errno, retry_on_intr},
};
use std::{
    fs::{self, File},
    io::{self, ErrorKind},
    os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt},
    path::Path,
};

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
