//! The person's own profile and picture.

use super::Account;
use crate::{
    consent::Scope,
    error::{Detail, Result},
    graph::{photo, profile},
    model::{Photo, Profile},
};

impl Account {
    /// The person's profile, from the directory (`User.Read`). One request.
    ///
    /// # Errors
    /// `Untrusted` (`AccountMismatch`) if the service answered for somebody else. As every call that reads: `InteractionRequired`,
    /// `AdminConsentRequired`, `AccessDenied`, `NotConnected`; `Network`, `Throttled`, `Service`, `TimedOut`: try again.
    ///
    /// # Example
    /// ```
    /// # mod rig { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/rig.rs")); }
    /// # use rig::{rig, rig_with};
    /// # fn main() -> intail_office365::Result<()> {
    /// # let rig = rig("megan@northwind.example");
    /// # let account = rig.office.connect(&Default::default(), None)?;
    /// let profile = account.profile()?;
    /// println!("{}", profile.display_name.unwrap_or_default());
    /// # Ok(()) }
    /// ```
    pub fn profile(&self) -> Result<Profile> {
        let call = self.reading(Scope::UserRead)?;
        let profile: Profile = self.engine.one(&self.cell, &call, &profile::me())?;
        let is_theirs = profile.id.eq_ignore_ascii_case(&self.cell.record().identity.oid);
        if is_theirs { Ok(profile) } else { Err(Detail::AccountMismatch.into()) }
    }

    /// The person's picture as it is stored, `None` if there is none (`User.Read`). One request, at most 16 MiB.
    ///
    /// # Errors
    /// As [`profile`](Self::profile).
    pub fn photo(&self) -> Result<Option<Photo>> {
        let call = self.reading(Scope::UserRead)?;
        match self.engine.photo(&self.cell, &call, &photo::bytes()) {
            // Nobody has a picture where there is no mailbox either.
            Err(error) if matches!(error.cause(), Detail::ItemNotFound | Detail::MailboxMissing) => Ok(None),
            photo => photo,
        }
    }
}
