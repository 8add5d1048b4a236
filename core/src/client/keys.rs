//! The keys of the store: which protect it, and how they are changed.

use super::Office365;
use crate::{engine::REQUEST_TIMEOUT, error::Result, protection::KeyRotation, store::KeyProvider};
use std::sync::Arc;

impl Office365 {
    /// Wraps the store's key with `keys` from now on: with another passphrase, or by a provider of another kind. One transaction, all or
    /// nothing: after a power cut either the old provider opens the store or the new one. The rows stay as they are, so this is quick
    /// at any size; other processes that have the store open go on. Asks no network. Both providers are called on this thread.
    ///
    /// Whoever has both the old key and an older copy of the store can still read that copy, and through it what is written from now
    /// on. If that is feared, call [`rotate_store_key`](Self::rotate_store_key) afterwards.
    ///
    /// # Errors
    /// `KeyUnavailable`: one of the providers cannot answer now. `KeyRejected`: the present provider's key does not open the store (any
    /// more). Storage kinds. In each case the old provider stays in force.
    ///
    /// # Example
    /// ```
    /// # mod rig { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/rig.rs")); }
    /// # use rig::{rig, rig_with};
    /// # fn main() -> intail_office365::Result<()> {
    /// # let rig = rig("megan@northwind.example");
    /// # let office = &rig.office;
    /// use intail_office365::HostKey;
    /// use std::sync::Arc;
    ///
    /// office.change_key(Arc::new(HostKey::new(&[9; 32])?))?; // 32 random bytes from the host's own key store
    /// # Ok(()) }
    /// ```
    pub fn change_key(&self, keys: Arc<dyn KeyProvider>) -> Result<()> {
        self.engine.enter(&self.options, REQUEST_TIMEOUT)?;
        self.engine.change_key(keys)
    }

    /// Gives the store a new random key and seals every row anew, one by one; threads and processes that use the store go on meanwhile.
    /// Afterwards nothing in the store can be read with the old key. One flush to the disk per account; asks no network. The provider
    /// is called on this thread.
    ///
    /// A call that ends early (cancelled, killed, out of time) leaves a store that works; the next call goes on where it ended, and
    /// [`diagnose`](Self::diagnose) says that it waits.
    ///
    /// # Errors
    /// `KeyUnavailable`, `KeyRejected` from the provider; `Cancelled`, `TimedOut`; storage kinds.
    ///
    /// # Example
    /// ```
    /// # mod rig { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/rig.rs")); }
    /// # use rig::{rig, rig_with};
    /// # fn main() -> intail_office365::Result<()> {
    /// # let rig = rig("megan@northwind.example");
    /// # let office = &rig.office;
    /// # office.connect(&Default::default(), None)?;
    /// let rotation = office.rotate_store_key()?;
    /// assert_eq!((rotation.accounts, rotation.damaged), (1, 0));
    /// # Ok(()) }
    /// ```
    pub fn rotate_store_key(&self) -> Result<KeyRotation> {
        let call = self.engine.enter(&self.options, REQUEST_TIMEOUT)?;
        self.engine.rotate_store_key(&call)
    }
}
