//! What stands in the way of the library here, for a settings page and for support.

use super::AccountState;
use crate::{
    consent::Scope,
    error::{Actor, Error, ServiceCode},
    language::Language,
    protection::KeyProviderKind,
};
use std::fmt::Write;

/// What was looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum CheckKind {
    /// The store's files: that they are there, safe from others, and that the next write has room.
    Files = 0,
    /// The key provider: that it gives the store's key.
    Key = 1,
    /// The accounts: that every row opens.
    Accounts = 2,
    /// The sign-in service: that it can be reached, through the proxy where one is set, over a connection that is trusted.
    SignIn = 3,
    /// Microsoft Graph, in the same way.
    Graph = 4,
    /// This machine's clock, against the service's: sign-ins fail beyond five minutes.
    Clock = 5,
}

/// One check. `error` says what is wrong, who has to act and what to do; `None`: nothing is wrong.
#[derive(Clone, Debug)]
pub struct Check {
    /// What was looked at.
    pub kind: CheckKind,
    /// What is wrong with it.
    pub error: Option<Error>,
}

/// What `diagnose` found: checks, numbers and settings. Nothing in it is about a person; [`report`](Self::report) makes a text of it that
/// can be sent to support.
#[derive(Clone, Debug)]
pub struct Diagnosis {
    /// Version of the library.
    pub version: String,
    /// The checks, in the order of [`CheckKind`].
    pub checks: Vec<Check>,
    /// Accounts in the store.
    pub accounts: u32,
    /// Those that need a person or an administrator.
    pub accounts_in_need: u32,
    /// Why they do: each cause once, with the number of accounts.
    pub needs: Vec<Need>,
    /// Accounts whose rows are damaged. Their persons have to connect again.
    pub damaged_accounts: u32,
    /// Ids of those, as far as they can be read.
    pub damaged_account_ids: Vec<String>,
    /// A rotation of the store's key was begun and not finished: call `rotate_store_key` again.
    pub key_rotation_pending: bool,
    /// Where the key lies that wraps the store's key.
    pub key_provider: KeyProviderKind,
    /// Host of the identity platform.
    pub authority_host: String,
    /// Host of Graph.
    pub graph_host: String,
    /// Whether requests go through a proxy.
    pub uses_proxy: bool,
    /// The permissions that are asked for.
    pub scopes: Vec<Scope>,
    /// Of those, the ones that at least one account was not granted.
    pub missing_scopes: Vec<Scope>,
    /// Application (client) id, as it stands in the app registration.
    pub client_id: String,
    /// The redirect address that has to be registered, under "Mobile and desktop applications".
    pub redirect_uri: String,
    /// Seconds that this machine's clock is ahead of the service's; negative if it is behind, `None` if the service was not reached.
    pub clock_ahead: Option<i64>,
}

/// Why accounts cannot be used as they stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Need {
    /// How they stand.
    pub state: AccountState,
    /// The stable name of the cause.
    pub detail: String,
    /// The service's own code, where it gave one; [`ServiceCode::find`] says what it means.
    pub service_code: Option<String>,
    /// Who has to act.
    pub who_acts: Actor,
    /// How many accounts stand so.
    pub accounts: u32,
}

impl CheckKind {
    fn name(self) -> &'static str {
        match self {
            Self::Files => "files",
            Self::Key => "key",
            Self::Accounts => "accounts",
            Self::SignIn => "sign-in service",
            Self::Graph => "Graph",
            Self::Clock => "clock",
        }
    }
}

impl Diagnosis {
    /// Whether every check found its part in order.
    pub fn is_well(&self) -> bool {
        self.checks.iter().all(|check| check.error.is_none())
    }

    /// All of it as text, a line each, in the words of `language` where it speaks to the person.
    pub fn report(&self, language: Language) -> String {
        let mut text = format!("intail-office365 {} ({}, {})\n", self.version, std::env::consts::OS, std::env::consts::ARCH);
        for Check { kind, error } in &self.checks {
            let _ = match error {
                None => writeln!(text, "{}: ok", kind.name()),
                Some(error) => {
                    writeln!(text, "{}: {error} | {} {}", kind.name(), error.message(language), error.next_step(language))
                }
            };
        }
        let names = |scopes: &[Scope]| scopes.iter().map(|scope| scope.name()).collect::<Vec<_>>().join(" ");
        let _ =
            writeln!(text, "accounts: {}, in need: {}, damaged: {}", self.accounts, self.accounts_in_need, self.damaged_accounts);
        for need in &self.needs {
            let code = need.service_code.as_deref().unwrap_or("no code");
            let _ = write!(text, "  {} x {:?}, {} [{code}], acts: {:?}", need.accounts, need.state, need.detail, need.who_acts);
            let _ = match need.service_code.as_deref().and_then(ServiceCode::find) {
                Some(code) => writeln!(text, " | {}. {}.", code.meaning, code.remedy),
                None => writeln!(text),
            };
        }
        let _ = writeln!(text, "key provider: {:?}, rotation pending: {}", self.key_provider, self.key_rotation_pending);
        let _ = writeln!(text, "hosts: {} {}, proxy: {}", self.authority_host, self.graph_host, self.uses_proxy);
        let _ = writeln!(text, "permissions: {}, missing somewhere: {}", names(&self.scopes), names(&self.missing_scopes));
        let _ = writeln!(text, "registration: {} with {}", self.client_id, self.redirect_uri);
        if let Some(ahead) = self.clock_ahead {
            let _ = writeln!(text, "clock: {ahead} s ahead of the service");
        }
        text
    }
}
