//! The key store of the operating system.
//!
//! Each wrapping has an entry of its own there: 32 random bytes, found by the app's name (*service*) and a random name (*user*) that
//! the wrapped key carries. Nothing else goes there. The connection is made for each call and belongs to this provider alone; the
//! default store of keyring-core, which is one for the whole process, is neither set nor asked.

#[cfg_attr(
    not(any(target_os = "macos", target_os = "ios", windows, all(target_os = "linux", feature = "secret-service"))),
    path = "os/absent.rs"
)]
mod system;

use super::{KeyProvider, unwrap_under, wrap_under};
use crate::{
    error::{Detail, Result},
    protection::KeyProviderKind,
    store::{
        hex,
        seal::{self, KEY_LENGTH},
    },
};
use std::{
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
        mpsc::{self, RecvTimeoutError},
    },
    thread,
    time::Duration,
};

/// The first byte of what this provider wraps; the name of the entry follows (see [`wrap_under`]).
const VERSION: u8 = 4;
const NAME_LENGTH: usize = 16;
const LONGEST_SERVICE: usize = 128;
/// How long a key store may take to say that it is there.
const REACH: Duration = Duration::from_secs(5);
/// How long it may take to answer: a person may have to unlock it.
const ANSWER: Duration = Duration::from_secs(60);

/// A key provider whose keys lie in the key store of the operating system: the Keychain (macOS, iOS), the Credential Manager
/// (Windows), the Secret Service of the desktop (Linux: GNOME Keyring, `KWallet`, `KeePassXC`; cargo feature `secret-service`).
///
/// Only random keys of 32 bytes go there, never a token or a name. Each wrapping makes a fresh one, and disconnecting an account
/// replaces it, so that an older copy of the store, by itself, becomes useless. It protects a copy of the store, and of all the owner's files
/// while the owner is not signed in. It does not protect from other programs of the same owner while the key store is unlocked; only
/// Apple's systems tell apps apart.
///
/// Where there is none (a server, a container, Android), every call answers `KeyUnavailable` (`KeyStoreMissing`) at once: take a
/// [`KeyFile`](crate::KeyFile), a [`Passphrase`](crate::Passphrase), or a key of the app's own. Calls wait at most 5 seconds for the
/// key store to be there and 60 for its answer, as it may have to ask its person to unlock it; an answer that comes later is dropped,
/// and until it comes further calls answer `KeyUnavailable`.
pub struct OsKeyStore {
    service: String,
    /// One call at a time.
    turn: Mutex<()>,
    /// Whether the thread of a call is still there, so that there is never more than one.
    stuck: Arc<AtomicBool>,
}

/// The operating system's key store if there is one that answers: what a desktop app should use unless it knows better.
///
/// It never falls back to something weaker by itself. `service` is as for [`OsKeyStore::new`]. Waits at most 5 seconds.
///
/// # Errors
/// `KeyUnavailable` with `KeyStoreMissing` where there is none; `InvalidArgument` for a name that is none.
///
/// # Example
/// ```
/// # fn main() -> intail_office365::Result<()> {
/// use intail_office365::{KeyFile, KeyProvider, Passphrase, default_key_provider};
/// use std::sync::Arc;
/// # let folder = tempfile::tempdir().unwrap();
/// # let path = folder.path().join("office365.key");
/// # let path = path.to_str().unwrap();
///
/// let keys: Arc<dyn KeyProvider> = match default_key_provider("com.example.my-app") {
///     Err(error) if error.detail() == "KeyStoreMissing" => Arc::new(KeyFile::at(path)?), // or ask for a passphrase
///     found => found?,
/// };
/// # Ok(()) }
/// ```
pub fn default_key_provider(service: &str) -> Result<Arc<dyn KeyProvider>> {
    let store = OsKeyStore::new(service)?;
    store.check()?;
    Ok(Arc::new(store))
}

impl OsKeyStore {
    /// `service` is the name under which the system lists the app's entries, for instance `com.example.my-app`: the same for ever, as
    /// entries are found by it. Nothing is asked yet.
    ///
    /// # Errors
    /// `InvalidArgument` for a name that is empty, longer than 128 bytes, or holds control characters.
    pub fn new(service: &str) -> Result<Self> {
        let is_name = !service.trim().is_empty() && service.len() <= LONGEST_SERVICE && !service.contains(char::is_control);
        if !is_name {
            return Err(Detail::InvalidArgument.about("service"));
        }
        Ok(Self { service: service.to_owned(), turn: Mutex::default(), stuck: Arc::default() })
    }

    /// Whether there is a key store that answers. Nothing is written to it and nobody is asked to unlock it.
    ///
    /// # Errors
    /// `KeyUnavailable`, with `KeyStoreMissing` where there is none.
    pub fn check(&self) -> Result<()> {
        self.ask(|_| Ok(()))
    }

    /// Runs `work` on a thread of its own, as the key stores of some systems block without an end.
    fn ask<T: Send + 'static>(&self, work: impl FnOnce(&system::Entries) -> Result<T> + Send + 'static) -> Result<T> {
        system::look()?;
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        if self.stuck.swap(true, Ordering::AcqRel) {
            return Err(Detail::KeyUnavailable.about("key store"));
        }
        let (reached, reach) = mpsc::channel();
        let (answered, answer) = mpsc::channel();
        let (free, service) = (Free(Arc::clone(&self.stuck)), self.service.clone());
        let thread = thread::Builder::new().name("intail-office365 keys".to_owned());
        let started = thread.spawn(move || {
            // Dropped before the answer is sent: the caller may ask again at once.
            let result = {
                let _free = free;
                system::Entries::open(service).and_then(|entries| {
                    let _ = reached.send(());
                    work(&entries)
                })
            };
            drop(reached);
            let _ = answered.send(result);
        });
        started.map_err(|_| Detail::Internal)?;
        if let Err(RecvTimeoutError::Timeout) = reach.recv_timeout(REACH) {
            return Err(Detail::KeyStoreMissing.about("no answer"));
        }
        answer.recv_timeout(ANSWER).unwrap_or_else(|_| Err(Detail::KeyUnavailable.about("key store")))
    }
}

impl KeyProvider for OsKeyStore {
    fn wrap(&self, key_id: u32, key: &[u8]) -> Result<Vec<u8>> {
        let (name, own) = (*seal::random::<NAME_LENGTH>()?, seal::random::<KEY_LENGTH>()?);
        let wrapped = wrap_under(&own, &header(name), key_id, key)?;
        self.ask(move |entries| entries.put(&hex(&name), &own))?;
        Ok(wrapped)
    }

    fn unwrap(&self, key_id: u32, wrapped: &[u8]) -> Result<Vec<u8>> {
        let (name, body) = parse(wrapped).ok_or(Detail::StoreWrongKey)?;
        let secret = self.ask(move |entries| entries.get(&hex(&name)))?;
        let own = secret.as_deref().and_then(|secret| seal::key_from(secret)).ok_or(Detail::StoreWrongKey)?;
        Ok(unwrap_under(&own, &header(name), key_id, body).ok_or(Detail::StoreWrongKey)?)
    }

    fn kind(&self) -> KeyProviderKind {
        KeyProviderKind::OsKeyStore
    }

    fn retire(&self, wrapped: &[u8]) -> Result<()> {
        let Some((name, _)) = parse(wrapped) else { return Ok(()) };
        self.ask(move |entries| entries.remove(&hex(&name)))
    }
}

impl fmt::Debug for OsKeyStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OsKeyStore").field("service", &self.service).finish_non_exhaustive()
    }
}

/// Says that the thread is done, also when it ends by a panic of somebody else's code.
struct Free(Arc<AtomicBool>);

impl Drop for Free {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

fn parse(wrapped: &[u8]) -> Option<([u8; NAME_LENGTH], &[u8])> {
    let (name, body) = wrapped.strip_prefix(&[VERSION])?.split_first_chunk()?;
    Some((*name, body))
}

fn header(name: [u8; NAME_LENGTH]) -> [u8; NAME_LENGTH + 1] {
    let mut header = [VERSION; NAME_LENGTH + 1];
    if let Some((_, rest)) = header.split_first_mut() {
        rest.copy_from_slice(&name);
    }
    header
}
