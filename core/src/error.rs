//! What can go wrong, who must act and what to do: the only place that classifies failures.
//!
//! An [`Error`] is opaque and log-safe: its `Display` and `Debug` are made of static text, numbers, names of permissions
//! and identifiers that say nothing about a person. A host switches on [`Error::kind`]; everything else is detail for people and support.

mod detail;
mod kind;
#[cfg(test)]
mod reference;
mod service_code;

pub(crate) use detail::Detail;
pub use kind::{Actor, ErrorKind};
pub use service_code::{ServiceCode, ServiceCodeClass};

use crate::{approval::AdminApproval, language::Language};
use std::{borrow::Cow, fmt, sync::Arc};

/// The result of every call of this library.
pub type Result<T> = std::result::Result<T, Error>;

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
    fn every_kind_speaks_both_languages() {
        for kind in ErrorKind::ALL {
            let (english, german) = (kind.text(Language::English), kind.text(Language::German));
            assert!(english.ends_with('.') && german.ends_with('.') && english != german, "{kind:?}");
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
