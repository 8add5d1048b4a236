//! A store that does not open: what it is, what can be saved, and throwing it away.

use super::Office365;
use crate::{
    config::Config,
    engine::{REQUEST_TIMEOUT, recovery},
    error::Result,
    recovery::{Discarded, Inspection, Recovery},
    store::KeyProvider,
};
use std::sync::Arc;

impl Office365 {
    /// Looks at a store and changes nothing, whatever state it is in: does it open, what stands in the way, what would help. Reads the
    /// whole store into memory; asks no network. The key provider is called on this thread.
    ///
    /// A store that this process has open is `StoreBusy` here; ask [`diagnose`](Self::diagnose). Other processes may have it open.
    ///
    /// # Example
    /// ```
    /// # fn main() -> intail_office365::Result<()> {
    /// use intail_office365::{Config, HostKey, Language, Office365, Remedy};
    /// use std::sync::Arc;
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let path = folder.path().join("office365.db");
    /// # let path = path.to_str().unwrap();
    ///
    /// let config = Config::new("55555555-0000-4aaa-9bbb-666666666666", path);
    /// let found = Office365::inspect(&config, Arc::new(HostKey::new(&[7; 32])?));
    /// if let Some(error) = &found.error {
    ///     println!("{} {}", error.message(Language::English), error.next_step(Language::English));
    /// }
    /// assert_eq!(found.remedy, Remedy::Nothing, "there is no store yet");
    /// # Ok(()) }
    /// ```
    #[expect(clippy::needless_pass_by_value, reason = "a shared object is what every binding can give")]
    pub fn inspect(config: &Config, keys: Arc<dyn KeyProvider>) -> Inspection {
        recovery::inspect(config, &*keys)
    }

    /// Saves what can be read of a damaged store: every account that is whole moves, with its id, its dates and its tokens, into a new
    /// store under new keys, which takes the place of the damaged one in one step. The damaged files are set aside under
    /// [`Recovery::set_aside`] and never deleted silently: the next disconnect of an account deletes them, or
    /// [`discard_set_aside`](Self::discard_set_aside). A store without damage stays as it is. Killed on the way, the damaged store is
    /// still there, or the new one is. Reads the whole store into memory; asks no network. The key provider is called on this thread.
    ///
    /// # Errors
    /// `KeyRejected`, `KeyUnavailable`: nothing was touched. `StorageUnavailable`: `StoreBusy` while anybody has the store open (close it
    /// first), `StoreMissing` where there is none, and the disk's reasons. `StorageTooNew`. `StorageDamaged` (`StoreUnrecoverable`): the
    /// record of the store's key is gone, and without it nothing can be read; see [`discard_store`](Self::discard_store).
    ///
    /// # Example
    /// ```
    /// # fn main() -> intail_office365::Result<()> {
    /// use intail_office365::{Config, ErrorKind, Hooks, HostKey, Office365};
    /// use std::sync::Arc;
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let path = folder.path().join("office365.db");
    /// # let path = path.to_str().unwrap();
    ///
    /// let config = Config::new("55555555-0000-4aaa-9bbb-666666666666", path);
    /// let keys = Arc::new(HostKey::new(&[7; 32])?);
    /// # Office365::open(config.clone(), keys.clone(), Hooks::default())?.close();
    /// # let mut bytes = std::fs::read(path).unwrap();
    /// # bytes[..100].fill(0);
    /// # std::fs::write(path, bytes).unwrap();
    /// let office = match Office365::open(config.clone(), keys.clone(), Hooks::default()) {
    ///     // Tell the person first.
    ///     Err(error) if error.kind() == ErrorKind::StorageDamaged => {
    ///         let recovery = Office365::recover(&config, keys.clone())?;
    ///         println!("saved {}, lost {}", recovery.accounts.len(), recovery.damaged_accounts);
    ///         Office365::open(config, keys, Hooks::default())?
    ///     }
    ///     opened => opened?,
    /// };
    /// # assert!(office.accounts()?.is_empty());
    /// # Ok(()) }
    /// ```
    #[expect(clippy::needless_pass_by_value, reason = "a shared object is what every binding can give")]
    pub fn recover(config: &Config, keys: Arc<dyn KeyProvider>) -> Result<Recovery> {
        recovery::recover(config, &*keys)
    }

    /// Throws a store away, with its log, its locks, what was begun and what was set aside: where its key is lost, or nothing can be
    /// saved. It cannot be undone, so ask the person. All accounts have to be connected again; where they can be removed at Microsoft is
    /// in [`Disconnected::revoke_url`](crate::Disconnected::revoke_url). Needs no key; a key that the provider holds for this store
    /// stays there, and still opens a backup of it.
    ///
    /// # Errors
    /// `StorageUnavailable`: `StoreBusy` while anybody has the store open; `StoreUnsafePath`, `StoreUnsafePermissions`, `StoreReadOnly` if
    /// what lies there is not an ordinary file of this user with one name, or is a sound database of another program. Then nothing was
    /// removed.
    ///
    /// # Example
    /// ```
    /// # fn main() -> intail_office365::Result<()> {
    /// use intail_office365::{Config, Office365};
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let path = folder.path().join("office365.db");
    /// # let path = path.to_str().unwrap();
    /// # std::fs::write(path, "not a store").unwrap();
    ///
    /// let config = Config::new("55555555-0000-4aaa-9bbb-666666666666", path);
    /// let discarded = Office365::discard_store(&config)?;
    /// assert_eq!(discarded.removed, [std::fs::canonicalize(folder.path()).unwrap().join("office365.db").to_str().unwrap()]);
    /// # Ok(()) }
    /// ```
    pub fn discard_store(config: &Config) -> Result<Discarded> {
        recovery::discard_store(config)
    }

    /// Deletes the damaged stores that recoveries set aside, and lets the key provider forget their keys, where it owns them. Returns how
    /// many there were. Every disconnect of an account does the same.
    ///
    /// # Errors
    /// `KeyUnavailable`; storage kinds. What is left is deleted by the next call.
    ///
    /// # Example
    /// ```
    /// # mod rig { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/rig.rs")); }
    /// # use rig::{rig, rig_with};
    /// # fn main() -> intail_office365::Result<()> {
    /// # let rig = rig("megan@northwind.example");
    /// # let office = &rig.office;
    /// assert_eq!(office.discard_set_aside()?, 0);
    /// # Ok(()) }
    /// ```
    pub fn discard_set_aside(&self) -> Result<u32> {
        self.engine.enter(&self.options, REQUEST_TIMEOUT)?;
        self.engine.discard_set_aside()
    }
}
