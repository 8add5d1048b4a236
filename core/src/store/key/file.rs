//! A file with keys that only its owner can read.

use super::{
    KeyProvider, host,
    shelf::{Keys, NAME_LENGTH, Name, Shelf},
    unwrap_under, wrap_under,
};
use crate::{
    error::{Detail, Result},
    protection::KeyProviderKind,
};
use std::fmt;

/// The first byte of what this provider wraps; the name of the key follows (see [`wrap_under`]).
const VERSION: u8 = 2;
/// Older stores had one key, with this number; a host may have tried a few times.
const OLD_KEY_IDS: std::ops::RangeInclusive<u32> = 1..=64;

/// A key provider whose keys lie in a file of their own that only its owner can read.
///
/// It protects a copy of the store alone (a backup, a synchronised folder), not against whoever can read the owner's files. Keep it
/// apart from the store, and out of the store's backups: with a backup of both, whoever has it has the accounts.
///
/// The file holds a key for each store that uses it, and is read anew whenever a key is needed. Each wrapping makes a fresh key and
/// disconnecting an account replaces it, so that an older copy of the store, by itself, becomes useless. A file of 32 random bytes that the host
/// made, or an older version of this library, is taken as well; it gets its new form when it changes for the first time, and what was
/// wrapped with those bytes opens until that wrapping is retired. (Several stores that an older version made under one such file
/// share that one key: give each a file of its own before an account of one of them is disconnected.)
///
/// Beside it lies a lock file, `<name>.lock`, which is empty and may be deleted while no app runs.
pub struct KeyFile(Shelf);

impl KeyFile {
    /// Takes the key file at `path`; where there is none, an empty one is created. If its store exists already, a new key file does
    /// not open it: `open` then answers `KeyRejected`.
    ///
    /// # Errors
    /// `KeyRejected` (`KeyFileUnsafe`) if others can read the file, if it has a second name, or if it is not an ordinary file with
    /// keys; `StorageUnavailable` if its folder is missing, unsafe or cannot be written, or if another process changes it for more
    /// than 5 seconds. Later calls answer `KeyUnavailable` (`KeyFileMissing`) while the file is gone.
    pub fn at(path: &str) -> Result<Self> {
        Shelf::at(path).map(Self)
    }
}

impl KeyProvider for KeyFile {
    fn wrap(&self, key_id: u32, key: &[u8]) -> Result<Vec<u8>> {
        self.0.change(|keys| {
            let (grown, name, own) = keys.grown()?;
            Ok((Some(grown), wrap_under(&own, &header(name), key_id, key)?))
        })
    }

    fn unwrap(&self, key_id: u32, wrapped: &[u8]) -> Result<Vec<u8>> {
        let keys = self.0.read()?;
        let opened = match parse(wrapped) {
            Some(Wrapped::Named(name, body)) => keys.named(name).and_then(|own| unwrap_under(&own, &header(name), key_id, body)),
            Some(Wrapped::Single(body)) => keys.single().find_map(|(_, own)| unwrap_under(&own, &host::HEADER, key_id, body)),
            None => None,
        };
        Ok(opened.ok_or(Detail::StoreWrongKey)?)
    }

    fn kind(&self) -> KeyProviderKind {
        KeyProviderKind::KeyFile
    }

    fn retire(&self, wrapped: &[u8]) -> Result<()> {
        let Some(wrapped) = parse(wrapped) else { return Ok(()) };
        if wrapped.key_in(&self.0.read()?).is_none() {
            return Ok(());
        }
        self.0.change(|keys| Ok((wrapped.key_in(keys).map(|name| keys.without(name)), ())))
    }
}

impl fmt::Debug for KeyFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyFile([redacted])")
    }
}

/// What this provider wrapped, now or in the older format.
enum Wrapped<'a> {
    Named(Name, &'a [u8]),
    Single(&'a [u8]),
}

impl Wrapped<'_> {
    /// The name of the key that it needs, if the shelf still has it.
    fn key_in(&self, keys: &Keys) -> Option<Name> {
        match self {
            Self::Named(name, _) => keys.named(*name).map(|_| *name),
            Self::Single(body) => {
                let mut opened = keys.single().filter(|(_, own)| {
                    OLD_KEY_IDS.into_iter().any(|key_id| unwrap_under(own, &host::HEADER, key_id, body).is_some())
                });
                opened.next().map(|(name, _)| name)
            }
        }
    }
}

fn parse(wrapped: &[u8]) -> Option<Wrapped<'_>> {
    match wrapped.split_first()? {
        (1, body) => Some(Wrapped::Single(body)),
        (&VERSION, rest) => rest.split_first_chunk().map(|(name, body)| Wrapped::Named(Name(*name), body)),
        _ => None,
    }
}

fn header(name: Name) -> [u8; NAME_LENGTH + 1] {
    let mut header = [VERSION; NAME_LENGTH + 1];
    if let Some((_, rest)) = header.split_first_mut() {
        rest.copy_from_slice(&name.0);
    }
    header
}
