//! What the person is told while something goes on, on standard error.

use intail_office365::{
    AccountEvent, AccountObserver, ConnectEvent, ConnectEventKind, ConnectObserver, Language, LogLevel, LogRecord, LogSink,
};

/// Tells the person what the sign-in is waiting for.
pub(crate) struct Progress;

impl ConnectObserver for Progress {
    fn on_event(&self, event: &ConnectEvent) {
        eprintln!("{}", event.hint(Language::English));
        if let (ConnectEventKind::BrowserUnavailable, Some(url)) = (event.kind, &event.url) {
            eprintln!("{url}");
        }
    }
}

/// Says when an account needs its person or its administrator, and when it is well again.
pub(crate) struct Events;

impl AccountObserver for Events {
    fn on_event(&self, event: &AccountEvent) {
        let language = Language::English;
        let (what, step) = (event.message(language), event.next_step(language));
        eprintln!("[{:?}] {}: {what} {step}", event.kind, event.account_id);
    }
}

/// The library's log, for whoever looks for a fault.
pub(crate) struct StandardError;

impl LogSink for StandardError {
    fn level(&self) -> LogLevel {
        LogLevel::Debug
    }

    fn log(&self, record: &LogRecord) {
        eprintln!("{:?} {record}", record.level);
    }
}
