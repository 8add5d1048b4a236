//! The token file of `O365` for Python, as version 2.1 writes it: the cache of `msal`, which is inside. A host may give the library a
//! `cryptography_manager` of its own, which seals the whole text; the one form of it that can be known is Fernet.

use super::{Found, fernet, msal};
use crate::{
    error::{Detail, Result},
    secret::Secret,
};

/// What is in the file. `key` is the Fernet key of a sealed one.
pub(super) fn read(bytes: &[u8], key: Option<&Secret>) -> Result<Found> {
    if bytes.is_empty() {
        return Err(Detail::ImportFormat.about("empty"));
    }
    if !bytes.starts_with(fernet::BEGINNING.as_bytes()) {
        let is_json = bytes.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{');
        return if is_json { msal::read(bytes) } else { Err(Detail::ImportEncrypted.about("cryptography_manager")) };
    }
    let key = key.ok_or_else(|| Detail::ImportPassword.about("missing"))?;
    let wrong = || Detail::ImportPassword.about("wrong");
    let key = fernet::key_of(key.expose()).ok_or_else(wrong)?;
    let token = std::str::from_utf8(bytes).map_err(|_| Detail::ImportFormat.about("Fernet"))?;
    msal::read(&fernet::open(&key, token).ok_or_else(wrong)?)
}
