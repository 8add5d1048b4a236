//! The rules of this repository that no compiler checks, as ordinary tests. Each rule is a function from text to findings;
//! beside the test that must find nothing stands one that plants a case and must find it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests: a broken assumption should stop them"
)]

mod agreement;
mod budget;
mod cases;
mod files;
mod layers;
mod layout;
mod links;
mod rust_code;
mod words;
