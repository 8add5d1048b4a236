//! The library's result page and the sandbox's pages in a real Chromium: the whole click path over HTTPS, the keyboard alone,
//! hostile answers, small and dark screens, paper, and axe. Each test has a sandbox, a store and a browser context of its own.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]

mod chromium;
mod click_path;
mod hostile;
mod office;
mod pages;
mod pictures;
