//! The key of the store, as a host sees it.

use crate::{client::Office365, protection::Protection};

impl Office365 {
    /// What protects the store now, and what it does not protect from: for the app's settings page, and for support. Asks nobody and
    /// never fails, also on a closed library.
    ///
    /// # Example
    /// ```
    /// # mod rig { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/rig.rs")); }
    /// # use rig::{rig, rig_with};
    /// # fn main() -> intail_office365::Result<()> {
    /// # let rig = rig("megan@northwind.example");
    /// # let office = &rig.office;
    /// use intail_office365::{KeyProviderKind, Language};
    ///
    /// let protection = office.protection();
    /// println!("{} {}", protection.protects(Language::English), protection.does_not_protect(Language::English));
    /// assert_eq!(protection.provider, KeyProviderKind::HostKey);
    /// assert!(!protection.older_copies_become_useless, "a key of the host's own stays the same");
    /// # Ok(()) }
    /// ```
    pub fn protection(&self) -> Protection {
        Protection::by(self.engine.key_provider().kind())
    }
}
