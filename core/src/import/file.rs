//! Reads another program's file, and changes nothing about it.

use crate::error::{Detail, Result};
use std::{
    fs::File,
    io::{ErrorKind, Read},
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
    let file = open(Path::new(path)).map_err(|error| {
        let what = match error.kind() {
            ErrorKind::NotFound => "missing",
            ErrorKind::PermissionDenied => "permission",
            _ => "not a file",
        };
        Detail::ImportUnreadable.about(what)
    })?;
    let facts = file.metadata().map_err(|_| Detail::ImportUnreadable.about("not a file"))?;
    if !facts.is_file() {
        return Err(Detail::ImportUnreadable.about("not a file"));
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

#[cfg(unix)]
fn open(path: &Path) -> std::io::Result<File> {
    use rustix::fs::OFlags;
    use std::os::unix::fs::OpenOptionsExt;

    // Through no link, without waiting for the other end of a FIFO, and without becoming the terminal's.
    let flags = i32::try_from((OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY).bits()).unwrap_or_default();
    File::options().read(true).custom_flags(flags).open(path)
}

#[cfg(not(unix))]
fn open(path: &Path) -> std::io::Result<File> {
    File::open(path)
}
