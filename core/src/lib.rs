//! Connects a person's Office 365 account to an existing app.
#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")
)]

mod browser;
mod call;
mod clock;
mod config;
mod consent;
mod error;
mod http;
mod log;
mod model;
mod oauth;
mod secret;
mod task;

pub use browser::BrowserOpener;
pub use call::{CallOptions, CancelToken};
pub use clock::{Clock, SystemClock};
pub use config::{AppIdentity, Cloud, Config, NetworkConfig, ProxyPassword};
pub use consent::{AdminApproval, Certainty, Scope, ScopeReport};
pub use error::{Actor, Error, ErrorKind, Language, Result};
pub use log::{LogLevel, LogRecord, LogSink};
pub use model::{
    AccessToken, AccountInfo, AccountState, AdminConsent, AuthorizationRequest, ConnectEvent, ConnectEventKind, ConnectObserver,
    ConnectOptions, ConsentReport, ConsentStatus, DeviceCode, Diagnosis, Disconnected, Profile, StateReport,
};
