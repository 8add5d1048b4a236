//! A scripted Microsoft 365 on loopback, to develop and test sign-in against.
//!
//! It plays the identity platform (authorization, sign-in and consent pages, admin consent, tokens, device codes,
//! metadata and signing keys) and Graph's `/me`, for several organisations with different consent policies. It
//! redirects only where Microsoft does: an organisation that has not approved the app ends on a page.
//!
//! ```
//! use intail_office365_sandbox::{Sandbox, SandboxOptions};
//!
//! let sandbox = Sandbox::start(SandboxOptions::default())?;
//! println!("authority {}, Graph {}", sandbox.authority(), sandbox.graph_base());
//! sandbox.control().approve("contoso")?;
//! sandbox.stop();
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Nothing here protects anything: every password opens every account and the tokens are predictable.
#![recursion_limit = "256"]

mod control;
mod dispatch;
mod faults;
mod graph;
mod http;
mod identity;
mod log;
mod pages;
mod person;
mod serve;
mod server;
mod state;
mod tls;

pub use control::apply::ControlError;
pub use control::change::Change;
pub use control::handle::Control;
pub use faults::{Endpoint, Fault};
pub use log::{LogEntry, LoggedField};
pub use person::{Consent, Person, Visit};
pub use server::{Sandbox, SandboxOptions};
pub use state::mailbox::{DeltaSettings, Reason};
pub use state::model::{App, AppPresence, ApprovalRequest, ConditionalAccess, ConsentPolicy, Platform, RedirectUri, Tenant, User};
pub use state::scenario::Scenario;
pub use state::settings::{IdTokenSettings, Signing, TokenSettings};
