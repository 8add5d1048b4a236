//! The library against a server that nobody here wrote, and the sandbox against clients that nobody here wrote.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]

mod import;
mod msal;
mod openid_client;
mod partner;
mod provider;
mod provider_app;
