//! Sign-ins that another program saved: what a host asks for, what is found in the files, and what came of it.
//!
//! Everything here reads and asks nobody; the engine proves what was found. A file is never changed, and every limit on what it may
//! hold is here: its size, the number of accounts, the length of a token, the work that a password costs.

mod candidate;
mod email_proxy;
mod fernet;
mod file;
mod ini;
mod msal;
mod o365;

pub(crate) use candidate::{Candidate, Issuer, Who};

use crate::{
    display::displayable,
    error::{Detail, Error, Result},
    secret::Secret,
};
use std::fmt;

/// Which program wrote the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum ImportKind {
    /// `msal` for Python: the text of its `SerializableTokenCache`, and the file of `msal-extensions` without encryption.
    Msal = 0,
    /// `O365` for Python (package `o365`): the file of its `FileSystemTokenBackend`.
    O365 = 1,
    /// `email-oauth2-proxy` (package `emailproxy`): its configuration file, and the cache file beside it where one is used.
    EmailOauth2Proxy = 2,
}

/// A file with the sign-ins of another program. `docs/import.md` says where each program keeps it.
#[derive(Clone)]
pub struct ImportSource {
    /// Which program wrote it.
    pub kind: ImportKind,
    /// The file; with [`EmailOauth2Proxy`](ImportKind::EmailOauth2Proxy) the configuration file. It is read and never changed. A
    /// link, a folder or anything but an ordinary file is refused, as is a file of more than 16 MiB.
    pub path: String,
    /// The file that `email-oauth2-proxy` was given as `--cache-store`; `None` (the default) where it was given none. The other
    /// programs have no such file.
    pub cache_path: Option<String>,
    /// What the tokens are sealed with: the password that the person's mail program sends to `email-oauth2-proxy`, or the Fernet key
    /// of a host that seals the file of `O365` with one. Default `None`.
    pub password: Option<ImportPassword>,
    /// Takes only the account that the file calls so; upper and lower case do not count. Default `None`: all. The accounts of
    /// `email-oauth2-proxy` may have a password each: then import them one by one.
    pub username: Option<String>,
}

impl ImportSource {
    /// The cache file of `msal` for Python, or of `msal-extensions` without encryption.
    pub fn msal(path: &str) -> Self {
        Self { kind: ImportKind::Msal, path: path.to_owned(), cache_path: None, password: None, username: None }
    }

    /// The token file of `O365` for Python.
    pub fn o365(path: &str) -> Self {
        Self { kind: ImportKind::O365, ..Self::msal(path) }
    }

    /// The configuration file of `email-oauth2-proxy`, and the password that the mail program sends to it.
    pub fn email_oauth2_proxy(path: &str, password: &str) -> Self {
        Self { kind: ImportKind::EmailOauth2Proxy, password: Some(ImportPassword::new(password)), ..Self::msal(path) }
    }
}

impl fmt::Debug for ImportSource {
    /// Without path and user name, which often hold a person's name.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ImportSource").field("kind", &self.kind).finish_non_exhaustive()
    }
}

/// The password of saved sign-ins. `Debug` does not show it.
#[derive(Clone)]
pub struct ImportPassword(pub(crate) Secret);

impl ImportPassword {
    /// Takes the password.
    pub fn new(password: &str) -> Self {
        Self(Secret::new(password))
    }
}

impl fmt::Debug for ImportPassword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// What came of an import, account by account. `Debug` shows numbers only.
#[derive(Clone, Default)]
pub struct ImportReport {
    /// Connected now.
    pub imported: Vec<ImportedAccount>,
    /// Cannot be taken as they are; the person connects these accounts.
    pub refused: Vec<RefusedImport>,
    /// Not tried, or not to the end. Importing again takes what can be taken then.
    pub left: Vec<LeftImport>,
}

impl fmt::Debug for ImportReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { imported, refused, left } = self;
        f.debug_struct("ImportReport")
            .field("imported", &imported.len())
            .field("refused", refused)
            .field("left", left)
            .finish_non_exhaustive()
    }
}

/// An account that is connected now.
#[derive(Clone)]
pub struct ImportedAccount {
    /// Its id in this store, for [`Office365::account`](crate::Office365::account).
    pub account_id: String,
    /// What the file calls it, where it does.
    pub username: Option<String>,
}

impl fmt::Debug for ImportedAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ImportedAccount([redacted])")
    }
}

/// An account that was refused.
#[derive(Clone)]
pub struct RefusedImport {
    /// What the file calls it, where it does.
    pub username: Option<String>,
    /// Why, with a message and the next step.
    pub error: Error,
}

impl fmt::Debug for RefusedImport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RefusedImport").field("error", &self.error).finish_non_exhaustive()
    }
}

/// An account that stays where it is.
#[derive(Clone)]
pub struct LeftImport {
    /// What the file calls it, where it does.
    pub username: Option<String>,
    /// Why.
    pub reason: LeftReason,
    /// With [`AlreadyConnected`](LeftReason::AlreadyConnected): the account.
    pub account_id: Option<String>,
    /// With [`TryLater`](LeftReason::TryLater): what was in the way.
    pub error: Option<Error>,
}

impl LeftImport {
    pub(crate) fn new(username: Option<String>, reason: LeftReason) -> Self {
        Self { username, reason, account_id: None, error: None }
    }
}

impl fmt::Debug for LeftImport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LeftImport").field("reason", &self.reason).field("error", &self.error).finish_non_exhaustive()
    }
}

/// Why an account stays where it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum LeftReason {
    /// It is connected here and has tokens of its own, which may be newer.
    AlreadyConnected = 0,
    /// The file holds no refresh token for it: there is nothing to take.
    NoRefreshToken = 1,
    /// Not a person of an organisation: an application's own tokens, or an account of another kind of directory.
    NotAPerson = 2,
    /// [`ImportSource::username`] names another one.
    NotAskedFor = 3,
    /// The network, the service, the store, the time or a cancellation was in the way. Import again later.
    TryLater = 4,
}

/// The most accounts in one file.
const MOST_ACCOUNTS: usize = 10_000;

/// What is in the files, before anybody is asked.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) candidates: Vec<Candidate>,
    pub(crate) report: ImportReport,
}

impl Found {
    fn refuse(&mut self, username: Option<String>, error: Error) {
        self.report.refused.push(RefusedImport { username, error });
    }

    fn leave(&mut self, username: Option<String>, reason: LeftReason) {
        self.report.left.push(LeftImport::new(username, reason));
    }

    fn check_number(&self) -> Result<()> {
        let Self { candidates, report } = self;
        let accounts = candidates.len().saturating_add(report.refused.len()).saturating_add(report.left.len());
        if accounts > MOST_ACCOUNTS { Err(Detail::ImportFormat.about("accounts")) } else { Ok(()) }
    }

    /// Keeps the account of that name for the proof, and leaves the others.
    fn only(self, wanted: &str) -> Self {
        let wanted = displayable(wanted).to_lowercase();
        let named = |name: &Option<String>| name.as_ref().is_some_and(|name| name.to_lowercase() == wanted);
        let (candidates, others): (Vec<_>, Vec<_>) = self.candidates.into_iter().partition(|candidate| named(&candidate.username));
        let mut left = Self { candidates, report: ImportReport::default() };
        for candidate in others {
            left.leave(candidate.username, LeftReason::NotAskedFor);
        }
        for refused in self.report.refused {
            if named(&refused.username) {
                left.report.refused.push(refused);
            } else {
                left.leave(refused.username, LeftReason::NotAskedFor);
            }
        }
        for other in self.report.left {
            let reason = if named(&other.username) { other.reason } else { LeftReason::NotAskedFor };
            left.leave(other.username, reason);
        }
        left
    }
}

/// Reads what `source` names. Asks nobody and changes nothing.
pub(crate) fn read(source: &ImportSource) -> Result<Found> {
    let (is_proxy, password) = (source.kind == ImportKind::EmailOauth2Proxy, source.password.as_ref().map(|password| &password.0));
    if source.cache_path.is_some() && !is_proxy {
        return Err(Detail::InvalidArgument.about("cache_path"));
    }
    let file = file::read(&source.path)?;
    let found = match source.kind {
        ImportKind::Msal => msal::read(&file),
        ImportKind::O365 => o365::read(&file, password),
        ImportKind::EmailOauth2Proxy => {
            let cache = source.cache_path.as_deref().map(file::read).transpose()?;
            email_proxy::read(&file, cache.as_deref().map(Vec::as_slice), password)
        }
    }?;
    found.check_number()?;
    Ok(match &source.username {
        Some(wanted) => found.only(wanted),
        None => found,
    })
}

#[cfg(test)]
mod tests;
