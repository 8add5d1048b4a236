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
mod ends;
mod events;
mod flight;
mod host;
mod import;
mod memory;
mod metadata;
mod mishaps;
mod proof;
mod rekey;
mod rig;
mod scan;
mod sign_in;
mod states;
mod story;
mod tokens;
