//! The library over the wire, against the sandbox: each promise as the host would see it break.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs,
    reason = "a test fails by panicking, and documents itself"
)]

mod accounts;
mod configuration;
mod device;
mod diagnose;
mod ends;
mod events;
mod flight;
mod host;
mod import;
mod key_files;
mod key_store;
mod links;
mod mailbox;
mod memory;
mod metadata;
mod mishaps;
mod needles;
mod process;
mod processes;
mod proof;
mod read;
mod rekey;
mod rig;
mod scan;
mod script;
mod shared;
mod shown;
mod sign_in;
mod states;
#[cfg(unix)]
mod stopped;
mod story;
mod sync;
mod tokens;
mod whole_mailbox;
