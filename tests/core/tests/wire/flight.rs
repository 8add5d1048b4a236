//! One refresh, however many ask; and when it is time for one (cases C).

use crate::{
    rig::{ADELE, LIFETIME, Rig, refused},
    shared::until,
};
use intail_office365::{Account, CallOptions, ErrorKind};
use intail_office365_sandbox::{Endpoint, Fault};
use serde_json::json;
use std::{
    collections::HashSet,
    sync::Barrier,
    thread,
    time::{Duration, Instant},
};

pub(crate) fn together<T: Send>(count: usize, act: impl Fn() -> T + Sync) -> Vec<T> {
    let start = Barrier::new(count);
    thread::scope(|scope| {
        let threads: Vec<_> = (0..count)
            .map(|_| {
                scope.spawn(|| {
                    start.wait();
                    act()
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

fn token(account: &Account) -> String {
    account.acquire_token_silent().unwrap().secret().to_owned()
}

/// Fifty threads at expiry, and a service that takes a refresh token once: one request, fifty tokens.
#[test]
fn fifty_threads_at_expiry_send_one_refresh() {
    let rig = Rig::new();
    rig.tokens(|tokens| tokens.strict_rotation = true);
    let account = rig.connected(&rig.open());
    for round in 1..=3 {
        rig.expire();
        let tokens: HashSet<String> = together(50, || token(&account)).into_iter().collect();
        assert_eq!((tokens.len(), rig.refreshes()), (1, round));
    }
}

/// The same through fifty objects, each looked up by its own caller.
#[test]
fn every_object_of_an_account_shares_the_flight() {
    let rig = Rig::new();
    rig.tokens(|tokens| tokens.strict_rotation = true);
    let office = rig.open();
    let id = rig.connected(&office).id();
    rig.expire();
    let tokens: HashSet<String> = together(50, || token(&office.account(&id).unwrap())).into_iter().collect();
    assert_eq!((tokens.len(), rig.refreshes()), (1, 1));
}

/// C-05: a failure is everybody's, and nobody starts the next at once.
#[test]
fn c_05_a_failure_is_shared() {
    let rig = Rig::new();
    let account = rig.connected(&rig.open());
    rig.expire();
    rig.control.add_fault(Fault { status: Some(503), ..Fault::at(Endpoint::Token, "down") }).unwrap();
    for outcome in together(50, || account.acquire_token_silent()) {
        refused(outcome, ErrorKind::Service, "ServiceUnavailable");
    }
    assert_eq!(rig.refreshes(), 3);
    for outcome in together(20, || account.acquire_token_silent()) {
        let error = refused(outcome, ErrorKind::Service, "ServiceUnavailable");
        assert!(error.retry_after().is_some());
    }
    assert_eq!(rig.refreshes(), 3);
    // A refusal that is final is told to all of them too.
    rig.control.clear_faults().unwrap();
    rig.control.expire_refresh_tokens().unwrap();
    thread::sleep(Duration::from_millis(1100));
    for outcome in together(50, || account.acquire_token_silent()) {
        refused(outcome, ErrorKind::InteractionRequired, "ReauthRequired");
    }
    assert_eq!(rig.refreshes(), 4);
}

#[test]
fn different_accounts_do_not_wait_for_each_other() {
    let rig = Rig::new();
    rig.control.approve("contoso").unwrap();
    let office = rig.open();
    let (megan, adele) = (rig.connected(&office), rig.sign_in(&office, ADELE).unwrap());
    rig.expire();
    rig.control.add_fault(Fault { delay_ms: 1500, ..Fault::at(Endpoint::Token, "slow") }.times(1)).unwrap();
    thread::scope(|scope| {
        let slow = scope.spawn(|| {
            let started = Instant::now();
            token(&megan);
            started.elapsed()
        });
        thread::sleep(Duration::from_millis(300));
        let started = Instant::now();
        token(&adele);
        assert!(started.elapsed() < Duration::from_millis(1100), "{:?}", started.elapsed());
        assert!(slow.join().unwrap() >= Duration::from_millis(1500));
    });
    assert_eq!(rig.refreshes(), 2);
}

/// `refresh_in`: one refresh in the background, while everybody goes on with the old token.
#[test]
fn refresh_in_renews_in_the_background() {
    let rig = Rig::new();
    rig.tokens(|tokens| tokens.refresh_in = Some(json!(100)));
    let account = rig.connected(&rig.open());
    let old = token(&account);
    rig.advance(90);
    assert_eq!((token(&account), rig.refreshes()), (old.clone(), 0));
    rig.advance(20);
    rig.control.add_fault(Fault { delay_ms: 1_500, ..Fault::at(Endpoint::Token, "slow") }).unwrap();
    let started = Instant::now();
    assert!(together(20, || token(&account)).iter().all(|token| *token == old));
    assert!(started.elapsed() < Duration::from_millis(1_300), "{:?}", started.elapsed());
    until("the newer token is there", || token(&account) != old);
    assert_eq!(rig.refreshes(), 1);
}

/// A background refresh that fails is nobody's trouble while the token is good.
#[test]
fn refresh_in_that_fails_costs_nobody_a_token() {
    let rig = Rig::new();
    rig.tokens(|tokens| tokens.refresh_in = Some(json!(100)));
    let account = rig.connected(&rig.open());
    let old = token(&account);
    rig.control.add_fault(Fault { status: Some(503), ..Fault::at(Endpoint::Token, "down") }).unwrap();
    rig.advance(110);
    for _ in 0..30 {
        assert_eq!(token(&account), old);
        thread::sleep(Duration::from_millis(20));
    }
    assert!(rig.refreshes() <= 3);
}

/// Renewed five minutes early, or a tenth of the life if that is shorter.
#[test]
fn tokens_are_renewed_early() {
    for (lifetime, margin) in [(LIFETIME, 300), (600, 60), (86_400, 300)] {
        let rig = Rig::new();
        rig.tokens(|tokens| (tokens.lifetime, tokens.refresh_in) = (Some(lifetime), Some(json!(0))));
        let account = rig.connected(&rig.open());
        let old = token(&account);
        rig.advance(lifetime - margin - 5);
        assert_eq!((token(&account), rig.refreshes()), (old.clone(), 0), "{lifetime}");
        rig.advance(5);
        assert_ne!(token(&account), old, "{lifetime}");
        assert_eq!(rig.refreshes(), 1, "{lifetime}");
    }
}

/// C-07: the machine's clock jumps; at worst a refresh comes early, and never one at every call.
#[test]
fn c_07_a_clock_that_jumps() {
    for jump in [86_400, -86_400, -10 * 365 * 86_400, -120] {
        let rig = Rig::new();
        let account = rig.connected(&rig.open());
        rig.clock.advance(jump);
        for _ in 0..20 {
            token(&account);
        }
        assert!(rig.refreshes() <= 1, "{jump}: {}", rig.refreshes());
        rig.clock.advance(-jump);
        for _ in 0..20 {
            token(&account);
        }
        assert!(rig.refreshes() <= 2, "{jump}: {}", rig.refreshes());
        // Never a token that does not expire: an hour later it is renewed by the clock as it now is.
        let before = token(&account);
        rig.expire();
        assert_ne!(token(&account), before, "{jump}");
    }
}

/// C-07: the clock jumps while fifty wait for a refresh, and while somebody waits who has not long: nobody waits longer or shorter for it.
#[test]
fn c_07_a_clock_that_jumps_while_somebody_waits() {
    for jump in [86_400, -86_400, -10 * 365 * 86_400] {
        let rig = Rig::new();
        let office = rig.open();
        let account = rig.connected(&office);
        rig.expire();
        rig.control.add_fault(Fault { delay_ms: 1_500, ..Fault::at(Endpoint::Token, "slow") }.times(1)).unwrap();
        let hurried = account.with(CallOptions { timeout_ms: Some(600), cancel: None });
        thread::scope(|scope| {
            let waiting = scope.spawn(|| together(50, || account.acquire_token_silent()));
            let hurried = scope.spawn(|| {
                let started = Instant::now();
                (hurried.acquire_token_silent(), started.elapsed())
            });
            thread::sleep(Duration::from_millis(200));
            rig.clock.advance(jump);
            let (outcome, waited) = hurried.join().unwrap();
            // By a clock that went back the old token is good, and that is what there is to hand out.
            if jump > 0 || outcome.is_err() {
                refused(outcome, ErrorKind::TimedOut, "DeadlineExceeded");
            }
            assert!(waited >= Duration::from_millis(550) && waited < Duration::from_millis(1_400), "{jump}: {waited:?}");
            assert!(waiting.join().unwrap().iter().all(Result::is_ok), "{jump}");
        });
        // By the clock as it is now the token may have ended already.
        token(&account);
        assert!(rig.refreshes() <= 2, "{jump}: {}", rig.refreshes());
    }
}

/// A silent token from memory reaches neither network nor disk.
#[test]
fn a_fresh_token_asks_nobody() {
    let rig = Rig::new();
    let account = rig.connected(&rig.open());
    rig.control.clear_log().unwrap();
    let tokens: HashSet<String> = (0..1000).map(|_| token(&account)).collect();
    assert_eq!((tokens.len(), rig.sent().len()), (1, 0));
}
