//! Accounts from another program.

use crate::keys;
use clap::ValueEnum;
use intail_office365::{ImportKind, ImportPassword, ImportSource, Language, LeftReason, Office365, Result};

/// The program that wrote the file.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Format {
    /// `msal` for Python, and `msal-extensions` without encryption.
    Msal,
    /// `O365` for Python.
    O365,
    /// `email-oauth2-proxy`; it asks for the password.
    #[value(name = "email-oauth2-proxy")]
    EmailOauth2Proxy,
}

impl Format {
    pub(crate) fn source(self, file: &str, username: Option<String>, cache_path: Option<String>, password: bool) -> ImportSource {
        let kind = match self {
            Self::Msal => ImportKind::Msal,
            Self::O365 => ImportKind::O365,
            Self::EmailOauth2Proxy => ImportKind::EmailOauth2Proxy,
        };
        let sealed = password || kind == ImportKind::EmailOauth2Proxy;
        let password = sealed.then(|| ImportPassword::new(&keys::ask("Password of the saved sign-ins")));
        ImportSource { kind, cache_path, password, username, ..ImportSource::msal(file) }
    }
}

/// Every account of the file is named once.
#[expect(clippy::needless_pass_by_value, reason = "it was made for this call")]
pub(crate) fn import(office: &Office365, source: ImportSource) -> Result<()> {
    let report = office.import_accounts(&source)?;
    let (language, nameless) = (Language::English, "(no name)");
    for account in &report.imported {
        println!("imported  {}", account.username.as_deref().unwrap_or(nameless));
    }
    for account in &report.refused {
        let (name, error) = (account.username.as_deref().unwrap_or(nameless), &account.error);
        println!("refused   {name}: {} {}", error.message(language), error.next_step(language));
        if let Some(approval) = error.admin_approval() {
            println!("          {}", approval.url);
        }
    }
    for account in &report.left {
        let why = match account.reason {
            LeftReason::AlreadyConnected => "is connected here already.",
            LeftReason::NoRefreshToken => "has no token that could be taken. Connect the account.",
            LeftReason::NotAPerson => "is not a person of an organisation.",
            LeftReason::NotAskedFor => "is not the account that was asked for.",
            LeftReason::TryLater => "could not be tried. Import again later.",
        };
        println!("left      {} {why}", account.username.as_deref().unwrap_or(nameless));
        if let Some(error) = &account.error {
            println!("          {} {}", error.message(language), error.next_step(language));
        }
    }
    if report.imported.is_empty() && report.refused.is_empty() && report.left.is_empty() {
        println!("The file holds no account.");
    }
    Ok(())
}
