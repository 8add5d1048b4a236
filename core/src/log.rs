//! One redacted log sink. Records are built from fixed text, numbers and request ids; nothing that a server or a person wrote
//! can get in.

use std::{fmt, sync::Arc};

/// How important a record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u32)]
pub enum LogLevel {
    /// A defect of this library.
    Error = 1,
    /// Something failed and a person or the host may have to act.
    Warn = 2,
    /// Connected, disconnected, refreshed.
    Info = 3,
    /// Every request with its status and duration.
    Debug = 4,
    /// Single steps.
    Trace = 5,
}

/// One record. It carries no secret, no address of a person and no text of a server.
#[derive(Clone, Debug)]
pub struct LogRecord {
    /// How important it is.
    pub level: LogLevel,
    /// A stable name of what happened, for instance `token.refresh`.
    pub event: &'static str,
    /// The stable name of the cause, where it failed.
    pub detail: Option<&'static str>,
    /// How many times, where it is a count.
    pub count: Option<u32>,
    /// HTTP status of the answer.
    pub status: Option<u32>,
    /// Milliseconds that it took.
    pub duration_ms: Option<u32>,
    /// Our id of the request, sent as `client-request-id`.
    pub client_request_id: Option<String>,
    /// The service's id of the request.
    pub request_id: Option<String>,
}

impl fmt::Display for LogRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.event)?;
        if let Some(detail) = self.detail {
            write!(f, " {detail}")?;
        }
        if let Some(count) = self.count {
            write!(f, " count={count}")?;
        }
        if let Some(status) = self.status {
            write!(f, " status={status}")?;
        }
        if let Some(duration) = self.duration_ms {
            write!(f, " {duration}ms")?;
        }
        if let Some(id) = &self.client_request_id {
            write!(f, " client-request-id={id}")?;
        }
        if let Some(id) = &self.request_id {
            write!(f, " request-id={id}")?;
        }
        Ok(())
    }
}

/// Receives the library's log. Called on the thread where it happened, with no lock held; it must not call back into the library.
pub trait LogSink: Send + Sync {
    /// The least important level that is wanted. Default of the library without a sink: nothing at all.
    fn level(&self) -> LogLevel;
    /// Takes one record.
    fn log(&self, record: &LogRecord);
}

/// The way from the library to the sink.
#[derive(Clone, Default)]
pub(crate) struct Log(Option<Arc<dyn LogSink>>);

impl Log {
    pub(crate) fn new(sink: Option<Arc<dyn LogSink>>) -> Self {
        Self(sink)
    }

    pub(crate) fn write(&self, level: LogLevel, event: &'static str, fill: impl FnOnce(&mut LogRecord)) {
        let Some(sink) = self.0.as_ref().filter(|sink| level <= sink.level()) else { return };
        let mut record = LogRecord {
            level,
            event,
            detail: None,
            count: None,
            status: None,
            duration_ms: None,
            client_request_id: None,
            request_id: None,
        };
        fill(&mut record);
        sink.log(&record);
    }
}

impl fmt::Debug for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Log")
    }
}
