//! Connects a person's Office 365 account to an existing app.
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::disallowed_methods,
        reason = "a test fails by panicking"
    )
)]

mod account;
mod browser;
mod call;
mod client;
mod clock;
mod config;
mod consent;
mod engine;
mod error;
mod graph;
mod hooks;
mod http;
mod log;
mod model;
mod oauth;
mod secret;
mod store;
mod task;

pub use account::Account;
pub use browser::BrowserOpener;
pub use call::{CallOptions, CancelToken};
pub use client::Office365;
pub use clock::{Clock, SystemClock};
pub use config::{AppIdentity, Cloud, Config, NetworkConfig, ProxyPassword};
pub use consent::{AdminApproval, Certainty, Scope, ScopeReport};
pub use error::{Actor, Error, ErrorKind, Language, Result};
pub use hooks::Hooks;
pub use log::{LogLevel, LogRecord, LogSink};
pub use model::{
    AccessToken, AccountInfo, AccountState, AdminConsent, AuthorizationRequest, ConnectEvent, ConnectEventKind, ConnectObserver,
    ConnectOptions, ConsentReport, ConsentStatus, DeviceCode, DevicePoll, Diagnosis, Disconnected, StateReport,
};
pub use store::{HostKey, KeyFile, KeyProvider};
