//! The key stores that this library knows, each through its crate of the keyring-core family.

use crate::{
    error::{Detail, Error, Result},
    store::seal::Key,
};
use keyring_core::{CredentialStore, Entry};
use std::{collections::HashMap, sync::Arc};
use zeroize::Zeroizing;

#[cfg(target_os = "macos")]
use apple_native_keyring_store::keychain::Store;
#[cfg(target_os = "ios")]
use apple_native_keyring_store::protected::Store;
#[cfg(target_os = "linux")]
use dbus_secret_service_keyring_store::Store;
#[cfg(windows)]
use windows_native_keyring_store::Store;

/// The entries of one app.
pub(super) struct Entries {
    store: Arc<CredentialStore>,
    service: String,
}

impl Entries {
    pub(super) fn open(service: String) -> Result<Self> {
        // Its reasons can name paths and addresses, and all of them mean the same to the host.
        let store = Store::new().map_err(|_| Detail::KeyStoreMissing.about("key store"))?;
        Ok(Self { store, service })
    }

    /// Keeps `key` and reads it back: what a key store does not keep must not seal anything.
    pub(super) fn put(&self, name: &str, key: &Key) -> Result<()> {
        let entry = self.entry(name)?;
        entry.set_secret(key.as_slice()).map_err(refusal)?;
        let kept = Zeroizing::new(entry.get_secret().map_err(refusal)?);
        if kept.as_slice() == key.as_slice() { Ok(()) } else { Err(Detail::KeyUnavailable.about("key store")) }
    }

    /// What lies under that name, or `None`.
    pub(super) fn get(&self, name: &str) -> Result<Option<Zeroizing<Vec<u8>>>> {
        match self.entry(name)?.get_secret() {
            Ok(secret) => Ok(Some(Zeroizing::new(secret))),
            Err(keyring_core::Error::NoEntry) => Ok(None),
            Err(error) => Err(refusal(error)),
        }
    }

    pub(super) fn remove(&self, name: &str) -> Result<()> {
        match self.entry(name)?.delete_credential() {
            Ok(()) | Err(keyring_core::Error::NoEntry) => Ok(()),
            Err(error) => Err(refusal(error)),
        }
    }

    fn entry(&self, name: &str) -> Result<Entry> {
        self.store.build(&self.service, name, Some(&modifiers(&self.service))).map_err(refusal)
    }
}

/// How an entry is kept where there is a choice: on this machine alone, as the store is.
fn modifiers(service: &str) -> HashMap<&str, &str> {
    let _ = service;
    HashMap::from([
        #[cfg(target_os = "linux")]
        ("label", service),
        // Readable in the background after the first unlock, and in no backup for another device.
        #[cfg(target_os = "ios")]
        ("access-policy", "after-first-unlock-this-device-only"),
        #[cfg(windows)]
        ("persistence", "Local"),
    ])
}

/// Whatever a key store says that is there: its key cannot be had now. Its error can hold a secret and goes no further.
#[expect(clippy::needless_pass_by_value, reason = "made for map_err")]
fn refusal(error: keyring_core::Error) -> Error {
    let detail = if has_nowhere_to_put(&error) { Detail::KeyStoreMissing } else { Detail::KeyUnavailable };
    detail.about("key store")
}

/// A Secret Service that the system started by itself, where nobody ever signs in, runs without any collection.
#[cfg(target_os = "linux")]
fn has_nowhere_to_put(error: &keyring_core::Error) -> bool {
    let keyring_core::Error::NoStorageAccess(cause) = error else { return false };
    matches!(cause.downcast_ref(), Some(dbus_secret_service::Error::NoResult))
}

#[cfg(not(target_os = "linux"))]
fn has_nowhere_to_put(_: &keyring_core::Error) -> bool {
    false
}

/// Whether a session bus was announced. Without that, D-Bus would start one of its own, which nobody would ever end.
#[cfg(target_os = "linux")]
#[expect(clippy::disallowed_methods, reason = "where the session says its bus is, which the D-Bus client reads anyway")]
pub(super) fn look() -> Result<()> {
    use std::{env::var_os, path::Path};

    let announced = var_os("DBUS_SESSION_BUS_ADDRESS")
        .is_some_and(|address| !address.is_empty() && !address.as_encoded_bytes().starts_with(b"autolaunch:"));
    let by_folder = || var_os("XDG_RUNTIME_DIR").is_some_and(|folder| Path::new(&folder).join("bus").exists());
    if announced || by_folder() { Ok(()) } else { Err(Detail::KeyStoreMissing.about("session bus")) }
}

#[cfg(not(target_os = "linux"))]
#[expect(clippy::unnecessary_wraps, reason = "as on Linux")]
pub(super) fn look() -> Result<()> {
    Ok(())
}
