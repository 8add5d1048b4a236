//! The single flight under loom: all interleavings of two threads, and those of three with few preemptions (case C-04). Each seeded bug (see build.rs) is found, as a
//! broken promise or as threads that wait for ever.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests: a broken assumption should stop them")]

mod platform;
mod stand_ins;
mod trees;

use ::loom as checker;
use std::{
    env,
    panic::{AssertUnwindSafe, catch_unwind},
};
use trees::{
    cancels_in_the_wrong_order, enters_after_its_look, forgets_a_signal, looks_then_enters, misses_an_early_cancel, pauses_late,
    sound, wakes_one,
};

/// Tries every interleaving, which is bearable for two threads.
fn check_all(scenario: impl Fn() + Send + Sync + 'static) {
    checker::model::Builder::new().check(scenario);
}

/// Tries every interleaving of three threads in which at most four (with `DEEP=1` six) times a thread is stopped that could go on.
fn check_bounded(scenario: impl Fn() + Send + Sync + 'static) {
    let mut builder = checker::model::Builder::new();
    builder.preemption_bound = Some(if env::var("DEEP").is_ok_and(|deep| deep == "1") { 6 } else { 4 });
    builder.check(scenario);
}

/// What the checker reports of a tree with a bug.
fn found(scenario: impl Fn() + Send + Sync + 'static) -> String {
    let panic = catch_unwind(AssertUnwindSafe(|| check_bounded(scenario))).expect_err("the bug was not found");
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string)).unwrap_or_default()
}

#[test]
fn c_04_one_leads_and_all_get_the_outcome() {
    check_all(|| sound::scenarios::one_leads_and_all_get_the_outcome(2, 1));
    check_bounded(|| sound::scenarios::one_leads_and_all_get_the_outcome(2, 2));
    check_bounded(|| sound::scenarios::one_leads_and_all_get_the_outcome(3, 1));
}

#[test]
fn c_04_a_failure_is_shared_and_its_pause_holds() {
    check_all(|| sound::scenarios::a_failure_is_shared_and_its_pause_holds(2));
    check_bounded(|| sound::scenarios::a_failure_is_shared_and_its_pause_holds(3));
}

#[test]
fn c_04_a_cancel_leaves_nobody_waiting() {
    check_all(|| sound::scenarios::a_cancel_leaves_nobody_waiting(2));
    check_bounded(|| sound::scenarios::a_cancel_leaves_nobody_waiting(3));
    check_bounded(|| sound::scenarios::a_cancel_meets_the_outcome(1));
}

#[test]
fn c_04_a_close_leaves_nobody_waiting() {
    check_all(|| sound::scenarios::a_close_leaves_nobody_waiting(2));
    check_bounded(|| sound::scenarios::a_close_leaves_nobody_waiting(3));
}

#[test]
fn c_04_a_deadline_ends_every_wait() {
    check_all(|| sound::scenarios::a_deadline_ends_every_wait(2));
}

#[test]
fn c_04_two_leaders_are_found() {
    let found = found(|| looks_then_enters::scenarios::one_leads_and_all_get_the_outcome(2, 1));
    assert!(found.contains("two refreshes at once"), "{found}");
}

#[test]
fn c_04_a_refresh_within_the_pause_is_found() {
    let found = found(|| pauses_late::scenarios::a_failure_is_shared_and_its_pause_holds(2));
    assert!(found.contains("a refresh within the pause"), "{found}");
}

#[test]
fn c_04_callers_that_nobody_wakes_are_found() {
    let deadlocks = [
        found(|| enters_after_its_look::scenarios::one_leads_and_all_get_the_outcome(2, 1)),
        found(|| forgets_a_signal::scenarios::one_leads_and_all_get_the_outcome(2, 1)),
        found(|| wakes_one::scenarios::one_leads_and_all_get_the_outcome(3, 1)),
        found(|| misses_an_early_cancel::scenarios::a_cancel_leaves_nobody_waiting(2)),
        found(|| cancels_in_the_wrong_order::scenarios::a_cancel_leaves_nobody_waiting(2)),
    ];
    assert!(deadlocks.iter().all(|found| found.contains("deadlock")), "{deadlocks:?}");
}
