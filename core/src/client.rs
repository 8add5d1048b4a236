//! [`Office365`]: one app registration on one store.

mod import;
mod keys;
mod recovery;

use crate::{
    account::Account,
    call::CallOptions,
    config::Config,
    engine::{Engine, REQUEST_TIMEOUT, SIGN_IN_TIMEOUT},
    error::Result,
    hooks::Hooks,
    model::{AdminConsent, AuthorizationRequest, ConnectObserver, ConnectOptions, ConsentReport, DeviceCode, Diagnosis},
    store::KeyProvider,
};
use std::sync::Arc;

/// One app registration on one store. Cheap to clone, usable from any thread; every call blocks.
#[derive(Clone, Debug)]
pub struct Office365 {
    engine: Arc<Engine>,
    options: CallOptions,
}

/// The answer to a poll for a sign-in on another device.
#[derive(Clone, Debug)]
pub struct DevicePoll {
    /// The account, once the person has finished.
    pub account: Option<Account>,
    /// Seconds to wait before the next poll.
    pub retry_in: u32,
}

impl Office365 {
    /// Opens the store, creating it where there is none. Reads the disk; asks no network. The key provider is called on this thread.
    ///
    /// # Errors
    /// `InvalidArgument` names the part of the configuration that is wrong. `StorageUnavailable`, `StorageDamaged`, `StorageTooNew`:
    /// the store cannot be used, see [`Error::next_step`](crate::Error::next_step); nothing was changed. `KeyUnavailable`: try again
    /// when the device is unlocked. `KeyRejected`: this key does not belong to this store.
    ///
    /// # Example
    /// ```
    /// # fn main() -> intail_office365::Result<()> {
    /// use intail_office365::{Config, Hooks, HostKey, Office365};
    /// use std::sync::Arc;
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let path = folder.path().join("office365.db");
    /// # let path = path.to_str().unwrap();
    ///
    /// let config = Config::new("55555555-0000-4aaa-9bbb-666666666666", path);
    /// let office = Office365::open(config, Arc::new(HostKey::new(&[7; 32])?), Hooks::default())?;
    /// assert!(office.accounts()?.is_empty());
    /// office.close();
    /// # Ok(()) }
    /// ```
    pub fn open(config: Config, keys: Arc<dyn KeyProvider>, hooks: Hooks) -> Result<Self> {
        Ok(Self { engine: Engine::open(config, keys, hooks)?, options: CallOptions::default() })
    }

    /// For this repository's own tests: with another way of sharing a store between processes.
    #[cfg(feature = "_internal")]
    #[doc(hidden)]
    pub fn open_sharing(config: Config, keys: Arc<dyn KeyProvider>, hooks: Hooks, sharing: crate::engine::Sharing) -> Result<Self> {
        Ok(Self { engine: Engine::open_sharing(config, keys, hooks, sharing)?, options: CallOptions::default() })
    }

    /// The same object with a time-out or a cancel token for the calls made through it.
    ///
    /// # Example
    /// ```
    /// # mod rig { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/rig.rs")); }
    /// # use rig::{rig, rig_with};
    /// # fn main() -> intail_office365::Result<()> {
    /// # let rig = rig("megan@northwind.example");
    /// # let office = &rig.office;
    /// use intail_office365::{CallOptions, CancelToken, ConnectOptions, ErrorKind};
    ///
    /// let cancel = CancelToken::new();
    /// let hurried = office.with(CallOptions { timeout_ms: Some(60_000), cancel: Some(cancel.clone()) });
    /// cancel.cancel(); // usually from another thread
    /// assert_eq!(hurried.connect(&ConnectOptions::default(), None).unwrap_err().kind(), ErrorKind::Cancelled);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn with(&self, options: CallOptions) -> Self {
        Self { engine: Arc::clone(&self.engine), options }
    }

    /// Begins an administrator's approval for `tenant` (a GUID, a domain, or `organizations`): open the URL in an administrator's
    /// browser. It asks for exactly the permissions that [`connect`](Self::connect) asks for. Writes to the store; asks no network.
    ///
    /// # Errors
    /// `InvalidArgument` for a tenant that is none; storage kinds.
    pub fn begin_admin_consent(&self, tenant: &str) -> Result<AuthorizationRequest> {
        self.engine.enter(&self.options, REQUEST_TIMEOUT)?;
        self.engine.begin_admin_consent(tenant)
    }

    /// Takes the redirect of an administrator's approval. An answer is only noted: it counts as proved when an account of that
    /// tenant connects. Writes to the store; asks no network.
    ///
    /// # Errors
    /// `ConsentDeclined` when the administrator did not accept. `Untrusted` (`CallbackStateMismatch`, `CallbackReplayed`,
    /// `CallbackAmbiguous`): this redirect belongs to no approval that was begun here; begin again.
    ///
    /// # Example
    /// ```
    /// # mod rig { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/rig.rs")); }
    /// # use rig::{rig, rig_with};
    /// # fn main() -> intail_office365::Result<()> {
    /// # let rig = rig("admin@contoso.example");
    /// # let office = &rig.office;
    /// let request = office.begin_admin_consent("contoso.example")?;
    /// // The administrator's browser opens request.url and comes back to the redirect URI with:
    /// # let redirect_url = rig.person.clone().deliver(false).browse(&request.url).redirect.unwrap();
    /// let answer = office.complete_admin_consent(&redirect_url)?;
    /// assert!(!answer.proved, "only a token of that tenant proves it");
    /// # Ok(()) }
    /// ```
    pub fn complete_admin_consent(&self, redirect_url: &str) -> Result<AdminConsent> {
        self.engine.enter(&self.options, REQUEST_TIMEOUT)?;
        self.engine.complete_admin_consent(redirect_url)
    }

    /// Lets an administrator at this device approve the app for `tenant`: opens the system's browser, listens on loopback, and
    /// returns when the administrator has answered. Default time-out 5 minutes.
    ///
    /// # Errors
    /// As [`complete_admin_consent`](Self::complete_admin_consent); `Cancelled` and `TimedOut`; `InvalidArgument` where the redirect
    /// URI for administrators is not a loopback one.
    ///
    /// # Example
    /// ```
    /// # mod rig { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/rig.rs")); }
    /// # use rig::{rig, rig_with};
    /// # fn main() -> intail_office365::Result<()> {
    /// # let rig = rig("admin@contoso.example");
    /// # let office = &rig.office;
    /// let answer = office.admin_consent("contoso.example", None)?;
    /// assert!(answer.claimed_tenant.is_some(), "the browser brought an answer back; a token of that tenant has to prove it");
    /// # Ok(()) }
    /// ```
    #[expect(clippy::needless_pass_by_value, reason = "a shared object is what every binding can give")]
    pub fn admin_consent(&self, tenant: &str, observer: Option<Arc<dyn ConnectObserver>>) -> Result<AdminConsent> {
        let call = self.engine.enter(&self.options, SIGN_IN_TIMEOUT)?;
        self.engine.admin_consent(&call, tenant, observer.as_deref())
    }

    /// Connects an account: opens the system's browser, listens on loopback, and returns when the person has signed in and the
    /// browser shows the result. Uses network and disk. Default time-out 5 minutes.
    ///
    /// # Errors
    /// `Cancelled`: the host or the person cancelled. `ConsentDeclined` and `TimedOut`: show
    /// [`Error::admin_approval`](crate::Error::admin_approval), an administrator's approval may be missing.
    /// `AdminConsentRequired`: it is missing. `ConsentExceedsReadOnly`, `WrongAccount`, `AccessDenied`: as their names say; nothing
    /// was stored. `Untrusted`: an answer failed a check. `InvalidArgument` with `BrowserUnavailable`: no
    /// browser could be opened and there is no observer; with one, it is told, and `connect` goes on waiting. Network, service and storage kinds.
    ///
    /// # Example
    /// ```
    /// # mod rig { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/rig.rs")); }
    /// # use rig::{rig, rig_with};
    /// # fn main() -> intail_office365::Result<()> {
    /// # let rig = rig("megan@northwind.example");
    /// # let office = &rig.office;
    /// use intail_office365::ConnectOptions;
    ///
    /// let account = office.connect(&ConnectOptions::default(), None)?;
    /// assert_eq!(account.info().display_name.as_deref(), Some("Megan Bowen"));
    /// # Ok(()) }
    /// ```
    #[expect(clippy::needless_pass_by_value, reason = "a shared object is what every binding can give")]
    pub fn connect(&self, options: &ConnectOptions, observer: Option<Arc<dyn ConnectObserver>>) -> Result<Account> {
        let call = self.engine.enter(&self.options, SIGN_IN_TIMEOUT)?;
        self.engine.connect(&call, options, observer.as_deref()).map(|cell| self.account_of(cell))
    }

    /// Begins a sign-in for a host that opens the browser itself and receives the redirect URL: an app with its own scheme, or a web
    /// page. The sign-in is kept in the store, so that it can be completed after the process was killed. Asks the network
    /// for the description of the identity platform where the one in memory is older than a day.
    ///
    /// # Errors
    /// `InvalidArgument`; network, service and storage kinds.
    ///
    /// # Example
    /// ```
    /// # mod rig { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/rig.rs")); }
    /// # use rig::{rig, rig_with};
    /// # fn main() -> intail_office365::Result<()> {
    /// # let rig = rig("megan@northwind.example");
    /// # let office = &rig.office;
    /// use intail_office365::ConnectOptions;
    ///
    /// let request = office.begin_connect(&ConnectOptions::default())?;
    /// assert!(request.url.contains("/oauth2/v2.0/authorize?"), "open it in the system's browser");
    /// # Ok(()) }
    /// ```
    pub fn begin_connect(&self, options: &ConnectOptions) -> Result<AuthorizationRequest> {
        let call = self.engine.enter(&self.options, REQUEST_TIMEOUT)?;
        self.engine.begin_connect(&call, options)
    }

    /// Completes a sign-in with the redirect URL that the host received. `session_binding` is what
    /// [`ConnectOptions::session_binding`] was. Each redirect works once.
    ///
    /// # Errors
    /// As [`connect`](Self::connect); `Untrusted` with `CallbackStateMismatch` for a redirect that belongs to no sign-in of this
    /// store or came after 15 minutes, with `SessionBindingMismatch` for one that another session began.
    ///
    /// # Example
    /// ```
    /// # mod rig { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/rig.rs")); }
    /// # use rig::{rig, rig_with};
    /// # fn main() -> intail_office365::Result<()> {
    /// # let rig = rig("megan@northwind.example");
    /// # let office = &rig.office;
    /// use intail_office365::ConnectOptions;
    ///
    /// let request = office.begin_connect(&ConnectOptions::default())?;
    /// // The system's browser opens request.url; the app is called back with the redirect URL:
    /// # let redirect_url = rig.person.clone().deliver(false).browse(&request.url).redirect.unwrap();
    /// let account = office.complete_connect(&redirect_url, None)?;
    /// assert_eq!(account.info().username.as_deref(), Some("megan@northwind.example"));
    /// # Ok(()) }
    /// ```
    pub fn complete_connect(&self, redirect_url: &str, session_binding: Option<&str>) -> Result<Account> {
        let call = self.engine.enter(&self.options, REQUEST_TIMEOUT)?;
        self.engine.complete_connect(&call, redirect_url, session_binding).map(|cell| self.account_of(cell))
    }

    /// Begins a sign-in with a code on another device. Off unless [`Config::allow_device_code`] is set. Of the options the tenant and
    /// the expected person count; hints for a browser have no meaning here. Uses the network.
    ///
    /// # Errors
    /// `InvalidArgument` with `FlowDisabled`; `Misconfigured` where the registration does not allow public client flows; network,
    /// service and storage kinds.
    pub fn begin_device_connect(&self, options: &ConnectOptions) -> Result<DeviceCode> {
        let call = self.engine.enter(&self.options, REQUEST_TIMEOUT)?;
        self.engine.begin_device_connect(&call, options)
    }

    /// Asks whether the person has finished on the other device. May be called as often as the host likes: before the interval is
    /// over it asks nobody.
    ///
    /// # Errors
    /// `TimedOut` with `DeviceCodeExpired`; `ConsentDeclined`; otherwise as [`connect`](Self::connect).
    ///
    /// # Example
    /// ```
    /// # mod rig { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/rig.rs")); }
    /// # use rig::{rig, rig_with};
    /// # fn main() -> intail_office365::Result<()> {
    /// # let rig = rig_with("megan@northwind.example", |config| config.allow_device_code = true);
    /// # let office = &rig.office;
    /// use intail_office365::ConnectOptions;
    ///
    /// let code = office.begin_device_connect(&ConnectOptions::default())?;
    /// println!("Open {} and enter {}", code.verification_uri, code.user_code);
    /// let poll = office.poll_device_connect(&code.handle)?;
    /// assert!(poll.account.is_none() && poll.retry_in > 0, "nobody has entered the code yet");
    /// # Ok(()) }
    /// ```
    pub fn poll_device_connect(&self, handle: &str) -> Result<DevicePoll> {
        use crate::engine::DeviceProgress;
        let call = self.engine.enter(&self.options, REQUEST_TIMEOUT)?;
        Ok(match self.engine.poll_device_connect(&call, handle)? {
            DeviceProgress::Connected(cell) => DevicePoll { account: Some(self.account_of(cell)), retry_in: 0 },
            DeviceProgress::Pending(seconds) => DevicePoll { account: None, retry_in: seconds },
        })
    }

    /// What is known of an organisation's approval, from the store alone. `tenant` is a GUID; `None` takes the configured tenant, or
    /// all accounts where that is `organizations`.
    ///
    /// # Errors
    /// `InvalidArgument` for a tenant that is none; storage kinds.
    ///
    /// # Example
    /// ```
    /// # mod rig { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/rig.rs")); }
    /// # use rig::{rig, rig_with};
    /// # fn main() -> intail_office365::Result<()> {
    /// # let rig = rig("megan@northwind.example");
    /// # let office = &rig.office;
    /// use intail_office365::{ConnectOptions, ConsentStatus};
    ///
    /// assert_eq!(office.check_consent(None)?.status, ConsentStatus::Unknown);
    /// office.connect(&ConnectOptions::default(), None)?;
    /// assert_eq!(office.check_consent(None)?.status, ConsentStatus::WorksForAccount);
    /// # Ok(()) }
    /// ```
    pub fn check_consent(&self, tenant: Option<&str>) -> Result<ConsentReport> {
        self.engine.enter(&self.options, REQUEST_TIMEOUT)?;
        self.engine.check_consent(tenant)
    }

    /// The connected accounts, in the order in which they were connected, each with [how it stands](Account::state): what an account
    /// observer is told of, on demand. Reads the store, and so notices what other processes did to it. Damaged ones are left out:
    /// [`damaged_accounts`](Self::damaged_accounts).
    ///
    /// # Errors
    /// Storage kinds.
    ///
    /// # Example
    /// ```
    /// # mod rig { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/rig.rs")); }
    /// # use rig::{rig, rig_with};
    /// # fn main() -> intail_office365::Result<()> {
    /// # let rig = rig("megan@northwind.example");
    /// # let office = &rig.office;
    /// # office.connect(&Default::default(), None)?;
    /// for account in office.accounts()? {
    ///     println!("{:?}", account.state().state);
    /// }
    /// # Ok(()) }
    /// ```
    pub fn accounts(&self) -> Result<Vec<Account>> {
        self.engine.enter(&self.options, REQUEST_TIMEOUT)?;
        Ok(self.engine.accounts()?.into_iter().map(|cell| self.account_of(cell)).collect())
    }

    /// Ids of the accounts whose rows in the store are damaged: their persons connect again. Reads the store and asks nobody.
    ///
    /// # Errors
    /// Storage kinds.
    pub fn damaged_accounts(&self) -> Result<Vec<String>> {
        self.engine.enter(&self.options, REQUEST_TIMEOUT)?;
        Ok(self.engine.stored()?.damaged)
    }

    /// The account with that id.
    ///
    /// # Errors
    /// `NotConnected` where there is none; `StorageDamaged` where its row is damaged; storage kinds.
    pub fn account(&self, id: &str) -> Result<Account> {
        self.engine.enter(&self.options, REQUEST_TIMEOUT)?;
        self.engine.account(id).map(|cell| self.account_of(cell))
    }

    /// Looks at everything that the library needs here: the store's files, its key, the accounts, both hosts (proxy and TLS on the way),
    /// the clock. Changes nothing. Asks each host once, without a token; the key provider is called on this thread. What is wrong is
    /// in the report and no error of this call; [`Diagnosis::report`] makes a text of it for support, with nothing about a person.
    ///
    /// # Errors
    /// `Closed`, `Cancelled`, `TimedOut`.
    ///
    /// # Example
    /// ```
    /// # mod rig { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/rig.rs")); }
    /// # use rig::{rig, rig_with};
    /// # fn main() -> intail_office365::Result<()> {
    /// # let rig = rig("megan@northwind.example");
    /// # let office = &rig.office;
    /// use intail_office365::Language;
    ///
    /// let diagnosis = office.diagnose()?;
    /// assert!(diagnosis.is_well(), "{}", diagnosis.report(Language::English));
    /// # Ok(()) }
    /// ```
    pub fn diagnose(&self) -> Result<Diagnosis> {
        let call = self.engine.start_call(&self.options, REQUEST_TIMEOUT)?;
        self.engine.diagnose(&call)
    }

    /// Closes the library: cancels what runs, waits at most a second, closes the store. Further calls answer `Closed`. Dropping the
    /// last clone does not wait.
    ///
    /// # Example
    /// ```
    /// # mod rig { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/rig.rs")); }
    /// # use rig::{rig, rig_with};
    /// # fn main() -> intail_office365::Result<()> {
    /// # let rig = rig("megan@northwind.example");
    /// # let office = &rig.office;
    /// use intail_office365::ErrorKind;
    ///
    /// office.close();
    /// assert_eq!(office.accounts().unwrap_err().kind(), ErrorKind::Closed);
    /// # Ok(()) }
    /// ```
    pub fn close(&self) {
        self.engine.close();
    }

    #[cfg(test)]
    pub(crate) fn engine_for_tests(&self) -> &Engine {
        &self.engine
    }

    fn account_of(&self, cell: Arc<crate::engine::AccountCell>) -> Account {
        // An account outlives the call that found it: its calls have options of their own.
        Account::new(Arc::clone(&self.engine), cell, CallOptions::default())
    }
}
