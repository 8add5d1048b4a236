//! Keys that wrap the store key: the host's own provider, 32 bytes that the host holds, a key file.

use super::{
    fault,
    place::Place,
    seal::{self, Key},
};
use crate::{
    error::{Detail, Result},
    protection::KeyProviderKind,
};
use std::{
    fmt,
    fs::{self, File},
    io::{Read, Write},
    path::Path,
};
use zeroize::Zeroizing;

/// Wraps and unwraps the random key of the store, for instance with a hardware key that never leaves its place.
///
/// It is called when a store is opened, created, inspected or recovered, when its key is changed, when an account is disconnected, and in the
/// first call after another process changed the store's key: always on the calling thread, and never while the library holds a lock
/// or a transaction. A provider that cannot answer now (a locked phone, a dismissed prompt) returns
/// [`Error::key_unavailable`](crate::Error::key_unavailable); one whose key does not fit returns [`Error::key_rejected`](crate::Error::key_rejected).
///
/// A host writes the first two methods; the others are for the providers of this library.
pub trait KeyProvider: Send + Sync {
    /// Encrypts `key`, authenticated, together with its number. At most 16 KiB.
    fn wrap(&self, key_id: u32, key: &[u8]) -> Result<Vec<u8>>;

    /// Decrypts what [`wrap`](Self::wrap) returned for the same number.
    fn unwrap(&self, key_id: u32, wrapped: &[u8]) -> Result<Vec<u8>>;

    /// What stands behind it.
    fn kind(&self) -> KeyProviderKind {
        KeyProviderKind::Host
    }

    /// Forgets the key under which `wrapped` was made, so that nobody can unwrap it again. Only a provider that owns its keys
    /// ([`KeyProviderKind::owns_its_keys`]) does something here; what is forgotten already is no failure.
    fn retire(&self, wrapped: &[u8]) -> Result<()> {
        let _ = wrapped;
        Ok(())
    }
}

/// A key provider for 32 bytes that the host holds, for instance from a key store that the library does not know.
pub struct HostKey(Key);

impl HostKey {
    /// Takes the key: 32 random bytes. It is kept in memory only and wiped when dropped.
    ///
    /// # Errors
    /// `KeyRejected` (`StoreKeyMissing`) for an empty key; `InvalidArgument` for another length and for zeros alone.
    pub fn new(key: &[u8]) -> Result<Self> {
        if key.is_empty() {
            return Err(Detail::StoreKeyMissing.into());
        }
        seal::key_from(key).map(Self).ok_or_else(|| Detail::InvalidArgument.about("key"))
    }
}

impl KeyProvider for HostKey {
    fn wrap(&self, key_id: u32, key: &[u8]) -> Result<Vec<u8>> {
        wrap_under(&self.0, key_id, key)
    }

    fn unwrap(&self, key_id: u32, wrapped: &[u8]) -> Result<Vec<u8>> {
        unwrap_under(&self.0, key_id, wrapped)
    }

    fn kind(&self) -> KeyProviderKind {
        KeyProviderKind::HostKey
    }
}

impl fmt::Debug for HostKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HostKey([redacted])")
    }
}

/// A key provider whose key lies in a file of its own: 32 bytes that only its owner can read.
///
/// It protects a copy of the store alone (a backup, a synchronised folder), not against whoever can read the owner's files. Keep it
/// apart from the store.
pub struct KeyFile(Key);

impl KeyFile {
    /// Reads the key file at `path`; where there is none, one with a random key is created. If its store exists already, the new key
    /// does not open it: `open` then answers `KeyRejected`.
    ///
    /// # Errors
    /// `KeyRejected` (`KeyFileUnsafe`) if others can read the file, or if it is not an ordinary file with a key;
    /// `StorageUnavailable` if its folder is missing, unsafe or cannot be written.
    pub fn at(path: &str) -> Result<Self> {
        let place = Place::resolve(Path::new(path))?;
        let exists = fs::symlink_metadata(place.path()).is_ok();
        if !exists {
            create(&place)?;
        }
        read(place.path()).map(Self)
    }
}

impl KeyProvider for KeyFile {
    fn wrap(&self, key_id: u32, key: &[u8]) -> Result<Vec<u8>> {
        wrap_under(&self.0, key_id, key)
    }

    fn unwrap(&self, key_id: u32, wrapped: &[u8]) -> Result<Vec<u8>> {
        unwrap_under(&self.0, key_id, wrapped)
    }
}

impl fmt::Debug for KeyFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyFile([redacted])")
    }
}

/// A wrapped key is `version 1 byte (1) | nonce 24 | XChaCha20-Poly1305 ciphertext and tag`; the associated data is a label and the
/// key id.
const WRAP_VERSION: [u8; 1] = [1];

fn wrap_under(own: &Key, key_id: u32, key: &[u8]) -> Result<Vec<u8>> {
    seal::seal_bytes(own, &WRAP_VERSION, &wrap_label(key_id), key)
}

fn unwrap_under(own: &Key, key_id: u32, wrapped: &[u8]) -> Result<Vec<u8>> {
    let body = wrapped.strip_prefix(&WRAP_VERSION).ok_or(Detail::StoreWrongKey)?;
    let key = seal::open_bytes(own, &wrap_label(key_id), body).ok_or(Detail::StoreWrongKey)?;
    Ok(key.to_vec())
}

fn wrap_label(key_id: u32) -> Vec<u8> {
    [b"intail-office365 wrapped store key".as_slice(), &key_id.to_be_bytes()].concat()
}

/// Whole or not at all: a process that dies on the way leaves no half key. If another process was first, its key counts.
fn create(place: &Place) -> Result<()> {
    let key = seal::random::<{ seal::KEY_LENGTH }>()?;
    let (mut file, draft) = place.create_draft()?;
    let written = file.write_all(key.as_slice()).and_then(|()| file.sync_all()).map_err(fault::file);
    drop(file);
    let published = written.and_then(|()| place.publish(&draft));
    if !matches!(published, Ok(true)) {
        let _ = fs::remove_file(&draft);
    }
    published.map(|_| ())
}

fn read(path: &Path) -> Result<Key> {
    let file = open_private(path)?;
    let mut bytes = Zeroizing::new(Vec::with_capacity(seal::KEY_LENGTH + 1));
    file.take(seal::KEY_LENGTH as u64 + 1).read_to_end(&mut bytes).map_err(|_| Detail::KeyFileUnsafe)?;
    Ok(seal::key_from(&bytes).ok_or(Detail::KeyFileUnsafe)?)
}

#[cfg(unix)]
fn open_private(path: &Path) -> Result<File> {
    use rustix::fs::OFlags;
    use std::os::unix::fs::{MetadataExt, OpenOptionsExt};

    // Without waiting for the other end of a FIFO.
    let flags = i32::try_from((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits()).unwrap_or_default();
    let file = fs::OpenOptions::new().read(true).custom_flags(flags).open(path).map_err(|_| Detail::KeyFileUnsafe)?;
    let facts = file.metadata().map_err(|_| Detail::KeyFileUnsafe)?;
    let ours = facts.uid() == rustix::process::geteuid().as_raw();
    let for_others = facts.mode() & 0o077;
    if ours && for_others == 0 && facts.file_type().is_file() && facts.nlink() == 1 {
        Ok(file)
    } else {
        Err(Detail::KeyFileUnsafe.into())
    }
}

#[cfg(not(unix))]
fn open_private(path: &Path) -> Result<File> {
    let file = File::open(path).map_err(|_| Detail::KeyFileUnsafe)?;
    let is_file = file.metadata().is_ok_and(|facts| facts.is_file());
    if is_file { Ok(file) } else { Err(Detail::KeyFileUnsafe.into()) }
}
