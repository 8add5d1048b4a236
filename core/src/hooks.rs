//! What a host may hook into.

use crate::{browser::BrowserOpener, clock::Clock, log::LogSink, model::AccountObserver};
use std::{fmt, sync::Arc};

/// Optional hooks of a host. The default has none: no log, nobody told of the accounts, the system's browser, the machine's
/// clock.
#[derive(Clone, Default)]
pub struct Hooks {
    /// Receives the library's log.
    pub log: Option<Arc<dyn LogSink>>,
    /// Is told when an account needs its person or its administrator, and when it is well again.
    pub accounts: Option<Arc<dyn AccountObserver>>,
    /// Opens the browser instead of the system's way.
    pub browser: Option<Arc<dyn BrowserOpener>>,
    /// Tells the time instead of the machine; for tests.
    pub clock: Option<Arc<dyn Clock>>,
}

impl fmt::Debug for Hooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hooks")
    }
}
