//! [`Account`]: one connected person in one tenant.

mod calendar;
mod mail;
mod profile;
mod sync;

pub use calendar::Events;
pub use mail::Messages;

use crate::{
    call::{Call, CallOptions},
    consent::{Scope, ScopeReport},
    engine::{AccountCell, Engine, REQUEST_TIMEOUT},
    error::Result,
    model::{AccessToken, AccountInfo, Disconnected, StateReport},
};
use std::sync::Arc;

/// One connected person in one tenant. Cheap to clone, usable from any thread.
#[derive(Clone, Debug)]
pub struct Account {
    engine: Arc<Engine>,
    cell: Arc<AccountCell>,
    options: CallOptions,
}

impl Account {
    pub(crate) fn new(engine: Arc<Engine>, cell: Arc<AccountCell>, options: CallOptions) -> Self {
        Self { engine, cell, options }
    }

    /// The same account with a time-out or a cancel token for the calls made through it.
    #[must_use]
    pub fn with(&self, options: CallOptions) -> Self {
        Self { options, ..self.clone() }
    }

    fn reading(&self, scope: Scope) -> Result<Call> {
        self.engine.enter_reading(&self.cell, &self.options, scope)
    }

    /// The account's id in this store.
    pub fn id(&self) -> String {
        self.cell.id().to_owned()
    }

    /// Who this is. From memory; asks nobody.
    pub fn info(&self) -> AccountInfo {
        self.cell.info()
    }

    /// How the account stands, as of the last refresh, or what bars it here: a configuration that does not allow it, a damaged row, a
    /// disconnect. From memory; asks nobody. [`Hooks::accounts`](crate::Hooks::accounts) is told of each change.
    pub fn state(&self) -> StateReport {
        self.cell.state()
    }

    /// The permissions: granted, missing, and beyond reading. [`ScopeReport::allows`] says what still works. From memory.
    pub fn scopes(&self) -> ScopeReport {
        self.cell.record().scopes.clone()
    }

    /// An access token for Microsoft Graph, without asking the person: from memory while it is fresh, else by one refresh that all
    /// threads share. A refreshed token is in the store before it is returned; where the disk is full or read-only, it is returned all the
    /// same and [`AccessToken::is_persisted`] is `false`. The token is the host's from then on: keep it out of logs, and ask again
    /// instead of storing it. Microsoft may refuse it before it expires (continuous access evaluation): any call that reads, for
    /// instance [`profile`](Self::profile), then answers Microsoft's challenge, and the next token is a new one.
    ///
    /// # Errors
    /// `InteractionRequired`: call `connect` with this account as expected. `AdminConsentRequired`: the permission was withdrawn or
    /// never given; the account works again once it is there. `AccessDenied`: a policy of the organisation. `NotConnected`: it was
    /// disconnected. `TimedOut`, `Network`, `Throttled`, `Service`: nothing is wrong with the account, try again.
    ///
    /// # Example
    /// ```
    /// # mod rig { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/rig.rs")); }
    /// # use rig::{rig, rig_with};
    /// # fn main() -> intail_office365::Result<()> {
    /// # let rig = rig("megan@northwind.example");
    /// # let account = rig.office.connect(&Default::default(), None)?;
    /// use intail_office365::ErrorKind;
    ///
    /// match account.acquire_token_silent() {
    ///     Ok(token) => assert!(!token.secret().is_empty()),
    ///     Err(error) if error.kind() == ErrorKind::InteractionRequired => println!("please sign in again"),
    ///     Err(error) => return Err(error),
    /// }
    /// # Ok(()) }
    /// ```
    pub fn acquire_token_silent(&self) -> Result<AccessToken> {
        self.engine.acquire_token_silent(&self.cell, &self.options)
    }

    /// For this repository's own benchmarks: stores the account's present tokens once more, as a refresh does with new ones.
    ///
    /// # Errors
    /// Storage kinds.
    #[cfg(feature = "_internal")]
    #[doc(hidden)]
    pub fn keep_again(&self) -> Result<()> {
        self.engine.keep_again(&self.cell)
    }

    /// Disconnects: the account's own key is destroyed first, then its rows and pending sign-ins. Works offline. The grant at Microsoft
    /// stays until the person removes it at [`Disconnected::revoke_url`].
    ///
    /// # Errors
    /// Storage kinds; the account is then still there. `NotConnected` if it was gone already.
    ///
    /// # Example
    /// ```
    /// # mod rig { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/rig.rs")); }
    /// # use rig::{rig, rig_with};
    /// # fn main() -> intail_office365::Result<()> {
    /// # let rig = rig("megan@northwind.example");
    /// # let account = rig.office.connect(&Default::default(), None)?;
    /// let gone = account.disconnect()?;
    /// println!("The grant can be removed at {}", gone.revoke_url);
    /// assert!(rig.office.accounts()?.is_empty());
    /// # Ok(()) }
    /// ```
    pub fn disconnect(&self) -> Result<Disconnected> {
        self.engine.enter(&self.options, REQUEST_TIMEOUT)?;
        self.engine.disconnect(&self.cell)
    }
}
