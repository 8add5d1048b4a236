//! The locks of the other systems, as `std` has them.

use crate::error::Result;
use std::{
    fs::{self, File, TryLockError},
    io,
    path::Path,
};

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
