//! What can go wrong, who must act and what to do: the only place that classifies failures.
//!
//! An [`Error`] is opaque and log-safe: its `Display` and `Debug` are made of static text, numbers, names of permissions
//! and identifiers that say nothing about a person. A host switches on [`Error::kind`]; everything else is detail for people and support.

mod detail;
#[cfg(test)]
mod reference;

pub(crate) use detail::Detail;

use crate::{approval::AdminApproval, language::Language};
use std::{borrow::Cow, fmt, sync::Arc};

/// The result of every call of this library.
pub type Result<T> = std::result::Result<T, Error>;

/// What a host should do about a failure. The numbers are stable and never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum ErrorKind {
    /// The call or the configuration is wrong; correct the program.
    InvalidArgument = 1,
    /// The account is not connected to this store; call `connect`.
    NotConnected = 2,
    /// The person has to sign in again; call `connect` for the same account.
    InteractionRequired = 3,
    /// The organisation has not approved the app; show [`Error::admin_approval`].
    AdminConsentRequired = 4,
    /// The person declined, or left the consent page after asking for approval; show [`Error::admin_approval`] and offer a retry.
    ConsentDeclined = 5,
    /// The grant carries rights beyond reading, which this host does not allow.
    ConsentExceedsReadOnly = 6,
    /// A policy of the organisation forbids it; the administrator must act.
    AccessDenied = 7,
    /// Another person signed in than the one who was expected.
    WrongAccount = 8,
    /// The host or the person cancelled; nothing changed.
    Cancelled = 9,
    /// The deadline passed; nothing was lost. Try again.
    TimedOut = 10,
    /// The service could not be reached, or the connection is not trusted; try again when the network is back.
    Network = 11,
    /// The service asks for a pause of [`Error::retry_after`] seconds.
    Throttled = 12,
    /// The service failed or answered with something unusable; try again later and keep [`Error::request_id`] for support.
    Service = 13,
    /// An answer failed a security check and was thrown away.
    Untrusted = 14,
    /// The app registration does not fit this library; the developer must correct it.
    Misconfigured = 15,
    /// The store cannot be used now: busy, full, read-only, moved or in an unsafe place.
    StorageUnavailable = 16,
    /// The store or a part of it is damaged.
    StorageDamaged = 17,
    /// The store was written by a newer version; update the app.
    StorageTooNew = 18,
    /// The key provider cannot give its key now (a locked phone, a dismissed prompt); try again later.
    KeyUnavailable = 19,
    /// The key does not open this store.
    KeyRejected = 20,
    /// The same object is in use in a way that excludes this call (from inside an observer, or a second copy); try again outside.
    Busy = 21,
    /// The object was closed.
    Closed = 22,
    /// A defect of this library; please report it.
    Internal = 23,
    /// What was asked for is not there (any more); read the list again.
    NotFound = 24,
}

impl ErrorKind {
    /// Every kind, in the order of its number.
    pub const ALL: [Self; 24] = [
        Self::InvalidArgument,
        Self::NotConnected,
        Self::InteractionRequired,
        Self::AdminConsentRequired,
        Self::ConsentDeclined,
        Self::ConsentExceedsReadOnly,
        Self::AccessDenied,
        Self::WrongAccount,
        Self::Cancelled,
        Self::TimedOut,
        Self::Network,
        Self::Throttled,
        Self::Service,
        Self::Untrusted,
        Self::Misconfigured,
        Self::StorageUnavailable,
        Self::StorageDamaged,
        Self::StorageTooNew,
        Self::KeyUnavailable,
        Self::KeyRejected,
        Self::Busy,
        Self::Closed,
        Self::Internal,
        Self::NotFound,
    ];
}

/// Who has to act before the call can succeed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum Actor {
    /// Nobody: waiting or trying again is enough.
    Nobody = 0,
    /// The person at the device.
    User = 1,
    /// The organisation's administrator.
    Administrator = 2,
    /// The developer of the host app.
    Developer = 3,
}

/// A failure: what happened, who must act, and what support needs to know. Cheap to clone and safe to log.
#[derive(Clone)]
pub struct Error(Arc<Inner>);

#[derive(Clone)]
struct Inner {
    detail: Detail,
    what: Option<Cow<'static, str>>,
    service_code: Option<String>,
    request_id: Option<String>,
    client_request_id: Option<String>,
    retry_after: Option<u32>,
    admin_approval: Option<AdminApproval>,
    url: Option<String>,
}

impl Error {
    pub(crate) fn new(detail: Detail) -> Self {
        Self(Arc::new(Inner {
            detail,
            what: None,
            service_code: None,
            request_id: None,
            client_request_id: None,
            retry_after: None,
            admin_approval: None,
            url: None,
        }))
    }

    /// For a host's own key provider: the key cannot be had now (a locked phone, a dismissed prompt). Trying again later can help.
    pub fn key_unavailable() -> Self {
        Self::new(Detail::KeyUnavailable)
    }

    /// For a host's own browser opener: no browser could be opened at `url`.
    pub fn browser_unavailable(url: &str) -> Self {
        Self::new(Detail::BrowserUnavailable).with_url(url.to_owned())
    }

    /// For a host's own key provider: the wrapped key does not open with the key that the provider has.
    pub fn key_rejected() -> Self {
        Self::new(Detail::StoreWrongKey)
    }

    /// What the host should do.
    pub fn kind(&self) -> ErrorKind {
        self.0.detail.kind()
    }

    /// The stable name of the exact cause, for instance `CallbackStateMismatch`; `docs/errors.md` lists them all.
    pub fn detail(&self) -> &'static str {
        self.0.detail.name()
    }

    /// The part that the cause is about: a parameter, a claim, a host name, with `OverPrivileged` the permissions beyond reading. Never
    /// a secret, and nothing that a server wrote but such names, reduced to letters, digits and `._-`.
    pub fn what(&self) -> Option<&str> {
        self.0.what.as_deref()
    }

    /// The service's own code where it gave one: `AADSTS65001`, `ErrorItemNotFound`.
    pub fn service_code(&self) -> Option<&str> {
        self.0.service_code.as_deref()
    }

    /// The service's identifier of the failed request, for its support.
    pub fn request_id(&self) -> Option<&str> {
        self.0.request_id.as_deref()
    }

    /// Our identifier of the failed request, sent to the service as `client-request-id`.
    pub fn client_request_id(&self) -> Option<&str> {
        self.0.client_request_id.as_deref()
    }

    /// Seconds to wait before the next try, where the service or the library knows.
    pub fn retry_after(&self) -> Option<u32> {
        self.0.retry_after
    }

    /// Where an administrator's approval is or may be missing: how sure that is, the link and a text to forward.
    pub fn admin_approval(&self) -> Option<&AdminApproval> {
        self.0.admin_approval.as_ref()
    }

    /// The address that the person should open by hand, where the browser could not be opened (`BrowserUnavailable`).
    /// It carries no secret, but belongs to this sign-in only.
    pub fn url(&self) -> Option<&str> {
        self.0.url.as_deref()
    }

    /// Who has to act.
    pub fn who_acts(&self) -> Actor {
        self.0.detail.who_acts()
    }

    /// Whether the same call can succeed later without anybody acting.
    pub fn is_retryable(&self) -> bool {
        self.who_acts() == Actor::Nobody
    }

    /// Whether the failure says nothing about the account: what is there stays good, and a later try may succeed.
    pub(crate) fn is_passing(&self) -> bool {
        let kinds = [ErrorKind::Network, ErrorKind::TimedOut, ErrorKind::Throttled, ErrorKind::Service, ErrorKind::Untrusted];
        kinds.contains(&self.kind()) && self.cause() != Detail::ProviderError
    }

    /// What happened, in one sentence for the person at the device.
    pub fn message(&self, language: Language) -> &'static str {
        self.0.detail.message(language)
    }

    /// What to do next, in one sentence for the person at the device.
    pub fn next_step(&self, language: Language) -> &'static str {
        self.0.detail.next_step(language)
    }

    pub(crate) fn cause(&self) -> Detail {
        self.0.detail
    }

    pub(crate) fn with_what(mut self, what: impl Into<Cow<'static, str>>) -> Self {
        self.inner().what = Some(what.into());
        self
    }

    pub(crate) fn with_service_code(mut self, code: Option<String>) -> Self {
        self.inner().service_code = code;
        self
    }

    pub(crate) fn with_request_ids(mut self, service: Option<String>, client: Option<String>) -> Self {
        let inner = self.inner();
        inner.request_id = service;
        inner.client_request_id = client;
        self
    }

    pub(crate) fn with_retry_after(mut self, seconds: Option<u32>) -> Self {
        self.inner().retry_after = seconds;
        self
    }

    pub(crate) fn with_admin_approval(mut self, approval: AdminApproval) -> Self {
        self.inner().admin_approval = Some(approval);
        self
    }

    pub(crate) fn with_url(mut self, url: String) -> Self {
        self.inner().url = Some(url);
        self
    }

    fn inner(&mut self) -> &mut Inner {
        Arc::make_mut(&mut self.0)
    }
}

impl Detail {
    /// An error of this cause, with the part that it is about.
    pub(crate) fn about(self, what: impl Into<Cow<'static, str>>) -> Error {
        Error::new(self).with_what(what)
    }
}

impl From<Detail> for Error {
    fn from(detail: Detail) -> Self {
        Self::new(detail)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.detail())?;
        if let Some(what) = self.what() {
            write!(f, " ({what})")?;
        }
        write!(f, ": {}", self.message(Language::English))?;
        if let Some(code) = self.service_code() {
            write!(f, " [{code}]")?;
        }
        if let Some(id) = self.request_id().or(self.client_request_id()) {
            write!(f, " [request {id}]")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Error({:?}: {self})", self.kind())
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_stable_and_complete() {
        let numbers: Vec<u32> = ErrorKind::ALL.iter().map(|kind| *kind as u32).collect();
        assert_eq!(numbers, (1..=24).collect::<Vec<_>>());
    }

    #[test]
    fn every_detail_speaks_both_languages() {
        for detail in Detail::ALL {
            for text in [
                detail.message(Language::English),
                detail.message(Language::German),
                detail.next_step(Language::English),
                detail.next_step(Language::German),
            ] {
                assert!(text.ends_with('.') && text.len() > 10, "{}: {text:?}", detail.name());
            }
        }
    }

    #[test]
    fn every_kind_has_a_detail() {
        for kind in ErrorKind::ALL {
            assert!(Detail::ALL.iter().any(|detail| detail.kind() == kind), "{kind:?}");
        }
    }

    #[test]
    fn display_names_the_cause_and_the_codes() {
        let error = Error::new(Detail::IdTokenInvalid)
            .with_what("aud")
            .with_service_code(Some("AADSTS1".into()))
            .with_request_ids(Some("r-1".into()), None);
        let text = error.to_string();
        assert!(text.starts_with("IdTokenInvalid (aud): ") && text.ends_with("[AADSTS1] [request r-1]"), "{text}");
    }
}
