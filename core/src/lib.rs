//! Connects a person's Office 365 account to an existing app: consent, OAuth 2.0, encrypted token storage and tokens that can only
//! read Microsoft Graph. (The library itself reads the profile, at connect; calls for mail and calendar come later.)
//!
//! The story: an administrator approves the app once for the organisation. Then any person of it clicks Connect in the host app,
//! signs in at Microsoft in the system's browser (and accepts the permissions, where nobody approved for them), and is back in the
//! app with the account connected. From then on the host gets tokens without asking anybody.
//!
//! ```no_run
//! use intail_office365::{Config, ConnectOptions, Hooks, KeyFile, Language, Office365};
//! use std::sync::Arc;
//!
//! let config = Config::new("your-application-client-id", "/home/me/.intail/office365.db");
//! let office = Office365::open(config, Arc::new(KeyFile::at("/home/me/.intail/office365.key")?), Hooks::default())?;
//! match office.connect(&ConnectOptions::default(), None) {
//!     Ok(account) => println!("connected: {:?}", account.info().display_name),
//!     Err(error) => {
//!         println!("{} {}", error.message(Language::English), error.next_step(Language::English));
//!         if let Some(approval) = error.admin_approval() {
//!             println!("{}", approval.text_to_forward(Language::English));
//!         }
//!     }
//! }
//! # Ok::<(), intail_office365::Error>(())
//! ```
//!
//! # Where things are
//! * [`Office365`]: one app registration on one store. Opening, connecting, consent, accounts.
//! * [`Account`]: one connected person in one tenant. State, permissions, tokens, disconnecting.
//! * [`Config`], [`ConnectOptions`], [`CallOptions`], [`Hooks`]: what a host decides. Every field has a default.
//! * [`AccountObserver`]: is told when an account needs its person or its administrator, and when it is well again.
//! * [`Error`] and [`ErrorKind`]: what went wrong, who must act, what to do.
//! * [`Office365::inspect`], [`Office365::recover`], [`Office365::discard_store`]: a store that does not open.
//! * [`KeyProvider`], with [`OsKeyStore`] (see [`default_key_provider`]), [`KeyFile`], [`Passphrase`] and [`HostKey`]: the key that the
//!   store is sealed with. [`Office365::protection`] says what it protects from.
//!
//! # Rules that hold everywhere
//! * **Blocking, from any thread.** Every object is `Send + Sync` and cheap to clone. Network work runs on a few threads of the
//!   library's own, so a call returns at its deadline or when cancelled, and works inside an async runtime too.
//! * **Read-only.** Only read permissions can be asked for, and only GET reaches Graph. A grant that carries more is refused by
//!   default.
//! * **Nothing about the host changes**: no output, no signal handler, no environment variable, no working folder, no global
//!   provider.
//! * **Times** are Unix seconds as `i64`; durations in options are milliseconds as `u32`.
//! * **Text for people** comes in English and German.
//! * **Secrets** are not shown by `Debug` or `Display`, and the library wipes its own copies when it frees them. A token handed out is
//!   the host's.
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
mod approval;
mod browser;
mod call;
mod client;
mod clock;
mod config;
mod consent;
mod display;
mod engine;
mod error;
mod graph;
mod guid;
mod hooks;
mod http;
mod import;
mod language;
mod log;
mod model;
mod oauth;
mod protection;
mod recovery;
mod secret;
mod settings;
mod store;
mod task;

#[cfg(feature = "_internal")]
#[doc(hidden)]
pub mod _internal {
    //! For this repository's own tests.
    pub use crate::engine::{
        Sharing,
        proof::{Door, Proof},
    };
}

pub use account::{Account, Events, Messages};
pub use approval::{AdminApproval, Certainty};
pub use browser::BrowserOpener;
pub use call::{CallOptions, CancelToken};
pub use client::{DevicePoll, Office365};
pub use clock::{Clock, SystemClock};
pub use config::{AppIdentity, Cloud, Config, NetworkConfig, ProxyPassword};
pub use consent::{Scope, ScopeReport};
pub use error::{Actor, Error, ErrorKind, Result, ServiceCode, ServiceCodeClass};
pub use hooks::Hooks;
pub use import::{ImportKind, ImportPassword, ImportReport, ImportSource, ImportedAccount, LeftImport, LeftReason, RefusedImport};
pub use language::Language;
pub use log::{LogLevel, LogRecord, LogSink};
pub use model::{
    AccessToken, AccountEvent, AccountEventKind, AccountInfo, AccountObserver, AccountState, AdminConsent, AuthorizationRequest,
    ConnectEvent, ConnectEventKind, ConnectObserver, ConnectOptions, ConsentReport, ConsentStatus, DeviceCode, Diagnosis,
    Disconnected, Need, StateReport,
};
pub use model::{
    Attendee, AttendeeType, Calendar, CalendarColor, CalendarView, Check, CheckKind, DayOfWeek, EmailAddress, Event, EventChange,
    EventOrder, EventPage, EventProperty, EventQuery, EventSyncPage, EventTime, EventType, FlagStatus, Importance,
    InferenceClassification, Location, LocationType, MailFolder, MailboxSync, Message, MessageChange, MessageKind, MessageOrder,
    MessagePage, MessageProperty, MessageQuery, MessageSyncPage, OnlineMeeting, OnlineMeetingProvider, Photo, Profile, RangeType,
    Recurrence, RecurrencePatternType, RemovedReason, Response, Sensitivity, ShowAs, SyncObserver, SyncProgress, UnknownValue,
    WeekIndex,
};
pub use protection::{KeyProviderKind, KeyRotation, Protection};
pub use recovery::{Discarded, Inspection, Recovery, Remedy};
pub use store::{HostKey, KeyFile, KeyProvider, OsKeyStore, Passphrase, default_key_provider};

/// Compiles the snippets of the README.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
#[derive(Debug)]
pub struct Readme;
