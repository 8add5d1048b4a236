//! Keys that wrap the store key: the trait for a host's own provider, and the ready-made ones.

mod file;
mod host;
mod os;
mod passphrase;
mod shelf;

pub use file::KeyFile;
pub use host::HostKey;
pub use os::{OsKeyStore, default_key_provider};
pub use passphrase::Passphrase;

use super::seal::{self, Key};
use crate::{error::Result, protection::KeyProviderKind};

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

/// What a wrapped store key is bound to, whatever wraps it.
fn wrap_label(key_id: u32) -> Vec<u8> {
    [b"intail-office365 wrapped store key".as_slice(), &key_id.to_be_bytes()].concat()
}

/// `header | nonce 24 | XChaCha20-Poly1305 ciphertext and tag`; the associated data is the label, the key id and all of `header`
/// but its first byte. That first byte is the version, which no two providers share:
///
/// ```text
/// 1                              a key of the host, or a key file of the older format
/// 2 | key name 8                 a key file
/// 3 | memory | passes | lanes | salt    a passphrase
/// 4 | key name 16                the key store of the operating system
/// ```
fn wrap_under(own: &Key, header: &[u8], key_id: u32, key: &[u8]) -> Result<Vec<u8>> {
    seal::seal_bytes(own, header, &associated_data(header, key_id), key)
}

/// Opens `body`, which followed `header`; `None` if `own` is not the key, or anything was changed.
fn unwrap_under(own: &Key, header: &[u8], key_id: u32, body: &[u8]) -> Option<Vec<u8>> {
    seal::open_bytes(own, &associated_data(header, key_id), body).map(|key| key.to_vec())
}

fn associated_data(header: &[u8], key_id: u32) -> Vec<u8> {
    [wrap_label(key_id).as_slice(), header.get(1..).unwrap_or_default()].concat()
}
