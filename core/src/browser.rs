//! The desktop's side of a sign-in: the system browser is opened on Microsoft's page, a listener on loopback receives the answer,
//! and the browser ends on a page of ours that says what came of it.
//!
//! The listener speaks as much HTTP/1.1 as one redirect needs and refuses the rest. It runs on the caller's thread and owns none:
//! while the caller exchanges the code, the browser's next request waits in the listening socket.

mod connection;
mod http_request;
mod listener;
mod opener;
mod page;
mod response;
mod site;
mod style;

#[cfg(test)]
mod tests;

pub(crate) use listener::{Listener, ListenerOptions};
pub use opener::BrowserOpener;
pub(crate) use opener::SystemBrowser;
pub(crate) use page::Presentation;

use crate::{consent::Scope, error::Error};
use std::fmt;
use zeroize::Zeroizing;

/// A well-formed request to the redirect URI. Whether it belongs to this sign-in is the caller's to judge.
pub(crate) struct Callback {
    /// The query of a GET or the body of a form POST: `application/x-www-form-urlencoded` text, visible ASCII.
    pub(crate) parameters: Zeroizing<String>,
}

impl fmt::Debug for Callback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Callback({} bytes)", self.parameters.len())
    }
}

/// What the caller thinks of a [`Callback`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It answers this sign-in: the wait is over.
    Ours,
    /// It does not: say so and keep waiting.
    KeepWaiting,
    /// It answers a sign-in that was answered before: say so and keep waiting.
    Replayed,
}

/// The static pages for requests that end nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StatusPage {
    BadRequest,
    Forbidden,
    NotFound,
    MethodNotAllowed,
    AlreadyAnswered,
    BodyTooLarge,
    WrongHost,
    HeadersTooLarge,
}

/// What the browser shows at the end.
#[derive(Clone)]
pub(crate) enum Outcome {
    /// The account is connected.
    Connected { account: String, username: Option<String>, granted: Vec<Scope>, missing: Vec<Scope>, excess: Vec<String> },
    /// Microsoft reported an administrator's approval.
    AdminApproved,
    /// It did not work.
    Failed { error: Error },
}

impl fmt::Debug for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connected { .. } => f.write_str("Connected([redacted])"),
            Self::AdminApproved => f.write_str("AdminApproved"),
            Self::Failed { error } => write!(f, "Failed({error:?})"),
        }
    }
}
