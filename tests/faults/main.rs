//! What happens to the store when its process dies, system calls fail, the disk is full or the power goes: either the old or the new
//! state, with everything that was acknowledged; errors with names; and nothing printed.
//!
//! A program of its own ([`fault_host`](../fault_host.rs)) is what suffers; strace makes it suffer at a chosen system call, and writes
//! down what reaches the disk for the power cuts. `DEEP=1` takes every point instead of a sample, and the long rounds.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs,
    reason = "a test fails by panicking, and documents itself"
)]
#![cfg(target_os = "linux")]

mod disk;
mod errors;
mod kill;
mod known;
mod power;
mod recording;
mod rig;
mod sharing;
mod trace;
