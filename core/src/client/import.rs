//! Accounts from other programs.

use super::Office365;
use crate::{
    engine::SIGN_IN_TIMEOUT,
    error::Result,
    import::{ImportReport, ImportSource},
};

impl Office365 {
    /// Connects the accounts whose sign-ins another program has saved, without asking anybody to sign in again: reads its file,
    /// proves each account by one refresh, and stores it as [`connect`](Self::connect) would. Works only where that program used the
    /// same app registration; the token of another one is refused and not sent. The file is never changed, and the other program can
    /// go on using it. Accounts that are connected here already are left as they are. Uses network and disk, one account after the
    /// other. Default time-out 5 minutes.
    ///
    /// The report names every account of the file once. When the time is over or the call is cancelled on the way, the call still
    /// returns its report: what was imported stays, the rest is left with [`LeftReason::TryLater`](crate::LeftReason::TryLater).
    /// `docs/import.md` says for each program where its file is and what cannot be taken.
    ///
    /// # Errors
    /// Only where there is nothing to report about. `InvalidArgument`: `ImportUnreadable`, no ordinary file of at most 16 MiB is at
    /// that path; `ImportFormat`, that program does not write such a file; `ImportEncrypted`, the sign-ins are in the system's key
    /// store or sealed in an unknown way; `ImportPassword`, the password is missing, or the key of the whole file is wrong. Storage
    /// kinds. Each refused account carries an error of its own: `ImportOtherClient`, `ImportOtherAuthority`, `ImportPassword`,
    /// `ImportFormat`, `TenantNotAllowed`, `WrongAccount`, and everything that [`connect`](Self::connect) can meet.
    ///
    /// # Example
    /// ```
    /// # mod rig { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/rig.rs")); }
    /// # use rig::{rig, rig_with};
    /// # fn main() -> intail_office365::Result<()> {
    /// # let rig = rig("megan@northwind.example");
    /// # let office = &rig.office;
    /// # let path = rig.msal_cache();
    /// use intail_office365::{ImportSource, Language};
    ///
    /// let report = office.import_accounts(&ImportSource::msal(&path))?;
    /// for account in &report.imported {
    ///     let account = office.account(&account.account_id)?;
    ///     assert!(account.acquire_token_silent()?.is_persisted());
    /// }
    /// for account in &report.refused {
    ///     println!("{:?}: {}", account.username, account.error.next_step(Language::English));
    /// }
    /// # assert_eq!((report.imported.len(), report.refused.len(), report.left.len()), (1, 0, 0));
    /// # Ok(()) }
    /// ```
    pub fn import_accounts(&self, source: &ImportSource) -> Result<ImportReport> {
        let call = self.engine.enter(&self.options, SIGN_IN_TIMEOUT)?;
        self.engine.import_accounts(&call, source)
    }
}
