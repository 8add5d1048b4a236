//! The single flight under shuttle: eight threads in random schedules (case C-04), 10,000 of each scenario, or 100,000 with `DEEP=1`.
//! Each seeded bug (see build.rs) is found, as a broken promise or as threads that wait for ever.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests: a broken assumption should stop them")]

mod platform;
mod stand_ins;
mod trees;

use ::shuttle as checker;
use std::{
    env,
    panic::{AssertUnwindSafe, catch_unwind},
};
use trees::{
    cancels_in_the_wrong_order, enters_after_its_look, forgets_a_signal, looks_then_enters, misses_an_early_cancel, pauses_late,
    sound, wakes_one,
};

const THREADS: usize = 8;

fn check(scenario: impl Fn() + Send + Sync + 'static) {
    let schedules = if env::var("DEEP").is_ok_and(|deep| deep == "1") { 100_000 } else { 10_000 };
    checker::check_random(scenario, schedules);
}
/// What the checker reports of a tree with a bug.
fn found(scenario: impl Fn() + Send + Sync + 'static) -> String {
    let panic = catch_unwind(AssertUnwindSafe(|| check(scenario))).expect_err("the bug was not found");
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string)).unwrap_or_default()
}

#[test]
fn c_04_one_leads_and_all_get_the_outcome() {
    check(|| sound::scenarios::one_leads_and_all_get_the_outcome(THREADS, 2));
    check(|| sound::scenarios::one_leads_and_all_get_the_outcome(THREADS, 1));
}

#[test]
fn c_04_a_failure_is_shared_and_its_pause_holds() {
    check(|| sound::scenarios::a_failure_is_shared_and_its_pause_holds(THREADS));
}

#[test]
fn c_04_a_cancel_leaves_nobody_waiting() {
    check(|| sound::scenarios::a_cancel_leaves_nobody_waiting(THREADS));
    check(|| sound::scenarios::a_cancel_meets_the_outcome(THREADS));
}

#[test]
fn c_04_a_close_leaves_nobody_waiting() {
    check(|| sound::scenarios::a_close_leaves_nobody_waiting(THREADS));
}

#[test]
fn c_04_a_deadline_ends_every_wait() {
    check(|| sound::scenarios::a_deadline_ends_every_wait(THREADS));
}

#[test]
fn c_04_two_leaders_are_found() {
    let found = found(|| looks_then_enters::scenarios::one_leads_and_all_get_the_outcome(THREADS, 1));
    assert!(found.contains("two refreshes at once"), "{found}");
}

#[test]
fn c_04_a_refresh_within_the_pause_is_found() {
    let found = found(|| pauses_late::scenarios::a_failure_is_shared_and_its_pause_holds(THREADS));
    assert!(found.contains("a refresh within the pause"), "{found}");
}

#[test]
fn c_04_callers_that_nobody_wakes_are_found() {
    let deadlocks = [
        found(|| enters_after_its_look::scenarios::one_leads_and_all_get_the_outcome(THREADS, 1)),
        found(|| forgets_a_signal::scenarios::one_leads_and_all_get_the_outcome(THREADS, 1)),
        found(|| wakes_one::scenarios::one_leads_and_all_get_the_outcome(THREADS, 1)),
        found(|| misses_an_early_cancel::scenarios::a_cancel_leaves_nobody_waiting(THREADS)),
        found(|| cancels_in_the_wrong_order::scenarios::a_cancel_leaves_nobody_waiting(THREADS)),
    ];
    assert!(deadlocks.iter().all(|found| found.contains("deadlock")), "{deadlocks:?}");
}
