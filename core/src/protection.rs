//! What protects the store, and what does not.

/// Where the key that wraps the store's key lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum KeyProviderKind {
    /// A provider of the host's own ([`KeyProvider`](crate::KeyProvider)), for instance a hardware key.
    Host = 0,
    /// 32 bytes that the host holds ([`HostKey`](crate::HostKey)).
    HostKey = 1,
    /// A file that only its owner can read ([`KeyFile`](crate::KeyFile)).
    KeyFile = 2,
    /// A passphrase that a person knows.
    Passphrase = 3,
    /// The key store of the operating system.
    OsKeyStore = 4,
}

impl KeyProviderKind {
    /// Whether the provider makes and forgets its keys itself, so that an older copy of the store can be made useless.
    pub fn owns_its_keys(self) -> bool {
        matches!(self, Self::KeyFile | Self::OsKeyStore)
    }
}

/// What a rotation of the store's key did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRotation {
    /// Accounts that were sealed anew.
    pub accounts: u32,
    /// Accounts whose rows did not open. Nothing readable is left of them; their persons have to connect again.
    pub damaged: u32,
    /// Whether the old state is gone from the files too. `false` while another process reads the store: the rest follows at the next
    /// open or close.
    pub erased: bool,
}
