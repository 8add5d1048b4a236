//! What `SQLite` and the file system report, as the causes of this library. Their texts may hold paths and values and go no further.

use crate::error::{Detail, Error};
use rusqlite::{
    ErrorCode,
    ffi::{SQLITE_CANTOPEN_ISDIR, SQLITE_CANTOPEN_SYMLINK, SQLITE_IOERR_CORRUPTFS, SQLITE_IOERR_DATA, SQLITE_READONLY_DBMOVED},
};
use std::io::{self, ErrorKind};

#[expect(clippy::needless_pass_by_value, reason = "made for map_err")]
pub(super) fn sqlite(error: rusqlite::Error) -> Error {
    // Everything that is not a code of SQLite is a value of another type or size than this library writes, or a missing row.
    error.sqlite_error().map_or(Detail::StoreCorrupt, |failure| detail(failure.code, failure.extended_code)).into()
}

fn detail(code: ErrorCode, extended: i32) -> Detail {
    match (code, extended) {
        (_, SQLITE_READONLY_DBMOVED) => Detail::StoreMoved,
        (_, SQLITE_CANTOPEN_ISDIR | SQLITE_CANTOPEN_SYMLINK) => Detail::StoreUnsafePath,
        (ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked | ErrorCode::FileLockingProtocolFailed, _) => Detail::StoreBusy,
        (ErrorCode::DiskFull, _) => Detail::StoreFull,
        (ErrorCode::ReadOnly, _) => Detail::StoreReadOnly,
        (ErrorCode::TooBig, _) => Detail::InvalidArgument,
        (ErrorCode::ApiMisuse | ErrorCode::InternalMalfunction | ErrorCode::ParameterOutOfRange, _) => Detail::Internal,
        // `Unknown` is SQLITE_ERROR: our own statements do not fit the tables that are there.
        (
            ErrorCode::DatabaseCorrupt
            | ErrorCode::NotADatabase
            | ErrorCode::Unknown
            | ErrorCode::ConstraintViolation
            | ErrorCode::TypeMismatch
            | ErrorCode::SchemaChanged,
            _,
        )
        | (_, SQLITE_IOERR_CORRUPTFS | SQLITE_IOERR_DATA) => Detail::StoreCorrupt,
        _ => Detail::StoreFailed,
    }
}

#[expect(clippy::needless_pass_by_value, reason = "made for map_err")]
pub(super) fn file(error: io::Error) -> Error {
    match error.kind() {
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => Detail::StoreReadOnly,
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Detail::StoreFull,
        ErrorKind::NotFound
        | ErrorKind::NotADirectory
        | ErrorKind::IsADirectory
        | ErrorKind::InvalidInput
        | ErrorKind::InvalidFilename => Detail::StoreUnsafePath,
        _ => Detail::StoreFailed,
    }
    .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(code: i32) -> Detail {
        sqlite(rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(code), Some("needle".into()))).cause()
    }

    #[test]
    fn codes_are_told_apart() {
        use rusqlite::ffi;
        for (code, detail) in [
            (ffi::SQLITE_BUSY, Detail::StoreBusy),
            (ffi::SQLITE_BUSY_RECOVERY, Detail::StoreBusy),
            (ffi::SQLITE_FULL, Detail::StoreFull),
            (ffi::SQLITE_READONLY, Detail::StoreReadOnly),
            (ffi::SQLITE_READONLY_DBMOVED, Detail::StoreMoved),
            (ffi::SQLITE_CORRUPT, Detail::StoreCorrupt),
            (ffi::SQLITE_CORRUPT_INDEX, Detail::StoreCorrupt),
            (ffi::SQLITE_NOTADB, Detail::StoreCorrupt),
            (ffi::SQLITE_ERROR, Detail::StoreCorrupt),
            (ffi::SQLITE_CANTOPEN_SYMLINK, Detail::StoreUnsafePath),
            (ffi::SQLITE_CANTOPEN, Detail::StoreFailed),
            (ffi::SQLITE_IOERR_WRITE, Detail::StoreFailed),
            (ffi::SQLITE_NOMEM, Detail::StoreFailed),
            (ffi::SQLITE_MISUSE, Detail::Internal),
        ] {
            assert_eq!(of(code), detail, "{code}");
        }
    }

    #[test]
    fn texts_of_sqlite_stay_inside() {
        let error = sqlite(rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(1), Some("needle".into())));
        assert!(!format!("{error} {error:?}").contains("needle"));
    }
}
