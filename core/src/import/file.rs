//! Reads another program's file, and changes nothing about it.

use crate::error::{Detail, Error, Result};
use std::{
    fs::{self, File},
    io::{self, ErrorKind, Read},
    path::Path,
};
use zeroize::Zeroizing;

/// The largest file that is read. A cache of thousands of accounts is smaller.
const LARGEST: u64 = 16 * 1024 * 1024;

/// The whole file at `path`: an ordinary file, no link, not larger than [`LARGEST`].
pub(super) fn read(path: &str) -> Result<Zeroizing<Vec<u8>>> {
    if path.is_empty() || path.contains('\0') {
        return Err(Detail::InvalidArgument.about("path"));
    }
    let path = Path::new(path);
    // Looked at by its name first: somebody may wait at the other end of a pipe, and a device may act on being opened.
    if !fs::symlink_metadata(path).map_err(|error| unreadable(&error))?.is_file() {
        return Err(not_a_file());
    }
    let file = open(path).map_err(|error| unreadable(&error))?;
    let facts = file.metadata().map_err(|error| unreadable(&error))?;
    if !facts.is_file() {
        return Err(not_a_file());
    }
    if facts.len() > LARGEST {
        return Err(Detail::ImportUnreadable.about("too large"));
    }
    // As large as the file, so that it never grows and leaves a copy of the tokens behind. What is written to it meanwhile is not
    // read: a file that was caught half written does not parse.
    let mut bytes = Zeroizing::new(Vec::with_capacity(usize::try_from(facts.len()).unwrap_or_default()));
    file.take(facts.len()).read_to_end(&mut bytes).map_err(|_| Detail::ImportUnreadable.about("not readable"))?;
    Ok(bytes)
}

fn unreadable(error: &io::Error) -> Error {
    match error.kind() {
        ErrorKind::NotFound => Detail::ImportUnreadable.about("missing"),
        ErrorKind::PermissionDenied => Detail::ImportUnreadable.about("permission"),
        _ => not_a_file(),
    }
}

fn not_a_file() -> Error {
    Detail::ImportUnreadable.about("not a file")
}

#[cfg(unix)]
fn open(path: &Path) -> io::Result<File> {
    use rustix::fs::OFlags;
    use std::os::unix::fs::OpenOptionsExt;

    // Should it have been replaced meanwhile: through no link, waiting for nobody, and never as our terminal.
    let flags = i32::try_from((OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY).bits()).unwrap_or_default();
    File::options().read(true).custom_flags(flags).open(path)
}

#[cfg(not(unix))]
fn open(path: &Path) -> io::Result<File> {
    File::open(path)
}
