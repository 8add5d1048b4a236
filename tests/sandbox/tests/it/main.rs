//! The sandbox as its clients see it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that meets something unexpected should stop"
)]

mod admin_consent;
mod authorize;
mod calendar;
mod client;
mod consent;
mod device;
mod faults;
mod guests;
mod lifecycle;
mod mail;
mod metadata;
mod pages;
mod program;
mod samples;
mod tokens;
