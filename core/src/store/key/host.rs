//! 32 bytes that the host holds.

use super::{KeyProvider, unwrap_under, wrap_under};
use crate::{
    error::{Detail, Result},
    protection::KeyProviderKind,
    store::seal::{self, Key},
};
use std::fmt;

/// The header of what this provider wraps (see [`wrap_under`]).
pub(super) const HEADER: [u8; 1] = [1];

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
        wrap_under(&self.0, &HEADER, key_id, key)
    }

    fn unwrap(&self, key_id: u32, wrapped: &[u8]) -> Result<Vec<u8>> {
        let body = wrapped.strip_prefix(&HEADER).ok_or(Detail::StoreWrongKey)?;
        Ok(unwrap_under(&self.0, &HEADER, key_id, body).ok_or(Detail::StoreWrongKey)?)
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
