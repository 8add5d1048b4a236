//! What goes wrong in the middle, and must not cost anybody their account.

use crate::rig::{CONTOSO, MEGAN, Rig, redirect, refused};
use intail_office365::{AccountState, CallOptions, ConnectOptions, ErrorKind, Language};
use intail_office365_sandbox::{Endpoint, Fault, Person};
use rusqlite::Connection;
use std::{fs, thread, time::Duration};

/// S-12: a store that cannot be written for a while. The fresh token is handed out all the same, and stored as soon as it can be:
/// under strict rotation only the newest refresh token works.
#[test]
fn s_12_a_token_that_cannot_be_stored_is_not_lost() {
    let rig = Rig::new();
    rig.tokens(|settings| settings.strict_rotation = true);
    let office = rig.open();
    let account = rig.connected(&office);
    rig.expire();
    let blocker = Connection::open(office_path(&rig)).unwrap();
    blocker.execute_batch("BEGIN IMMEDIATE").unwrap();
    let token = account.acquire_token_silent().unwrap();
    assert!(!token.is_persisted());
    // Looking at the accounts does not bring the older token back.
    blocker.execute_batch("ROLLBACK").unwrap();
    drop(blocker);
    assert_eq!(office.accounts().unwrap().len(), 1);
    assert_eq!(account.acquire_token_silent().unwrap().secret(), token.secret());
    assert_eq!(rig.refreshes(), 1);
    rig.expire();
    let newer = account.acquire_token_silent().unwrap();
    assert!(newer.is_persisted() && newer.secret() != token.secret());
    drop((office, account));
    let office = rig.open();
    rig.expire();
    office.accounts().unwrap()[0].acquire_token_silent().unwrap();
}

/// S-07: under a key that the host holds an older copy of the file, and an older row in its own place, open as they are. Nothing is
/// claimed of them, and no older token is handed out as good: the refresh finds out, and the person signs in again.
#[test]
fn s_07_an_older_file_or_row_put_back_is_found_by_the_refresh() {
    for puts_back in [
        |path: &str, older: &str| assert!(fs::copy(older, path).unwrap() > 0),
        |path: &str, older: &str| {
            let store = Connection::open(path).unwrap();
            store.execute("ATTACH ?1 AS older", [older]).unwrap();
            store.execute_batch("DELETE FROM account; INSERT INTO account SELECT * FROM older.account").unwrap();
        },
    ] {
        let rig = Rig::new();
        rig.tokens(|settings| settings.strict_rotation = true);
        let (path, older) = (office_path(&rig), format!("{}.older", office_path(&rig)));
        let office = rig.open();
        let id = rig.connected(&office).id();
        office.close();
        fs::copy(&path, &older).unwrap();
        let office = rig.open();
        rig.expire();
        office.account(&id).unwrap().acquire_token_silent().unwrap();
        office.close();
        puts_back(&path, &older);
        let office = rig.open();
        let account = office.account(&id).unwrap();
        refused(account.acquire_token_silent(), ErrorKind::InteractionRequired, "ReauthRequired");
        assert_eq!(account.state().state, AccountState::SignInRequired);
        assert_eq!(rig.connected(&office).id(), id, "and all is well again");
    }
}

fn office_path(rig: &Rig) -> String {
    rig.config().store_path
}

/// A phone comes back from the browser and has no network for a moment: the same redirect can be completed later.
#[test]
fn a_redirect_whose_code_was_never_sent_is_not_used_up() {
    let mut rig = Rig::new();
    let office = rig.open();
    let request = office.begin_connect(&ConnectOptions::default()).unwrap();
    let url = redirect(MEGAN, &request.url);
    rig.go_offline();
    for _ in 0..2 {
        let error = refused(office.complete_connect(&url, None), ErrorKind::Network, "NetworkUnavailable");
        assert!(error.is_retryable() && !error.next_step(Language::English).is_empty());
    }
    assert!(office.accounts().unwrap().is_empty());
}

/// A poll that its caller gave up goes on; the code is redeemed once, and the next poll tells the account.
#[test]
fn a_device_poll_that_was_given_up_loses_nothing() {
    let rig = Rig::new();
    let office = rig.open_with(|config| config.allow_device_code = true);
    let code = office.begin_device_connect(&ConnectOptions::default()).unwrap();
    Person::new(MEGAN).user_code(&code.user_code).browse(&code.verification_uri);
    rig.control.add_fault(Fault { delay_ms: 700, ..Fault::at(Endpoint::Token, "slow") }.times(1)).unwrap();
    rig.advance(5);
    let hurried = office.with(CallOptions { timeout_ms: Some(100), cancel: None });
    refused(hurried.poll_device_connect(&code.handle), ErrorKind::TimedOut, "DeadlineExceeded");
    thread::sleep(Duration::from_millis(1500));
    let account = office.poll_device_connect(&code.handle).unwrap().account.expect("connected by the first poll");
    assert_eq!(account.info().username.as_deref(), Some(MEGAN));
    assert_eq!(rig.token_requests("urn:ietf:params:oauth:grant-type:device_code"), 1);
}

/// What is known of an approval is asked by GUID: a domain could be confused with somebody else's accounts.
#[test]
fn an_approval_is_asked_for_by_guid() {
    let rig = Rig::new();
    let office = rig.open();
    rig.connected(&office);
    for tenant in ["contoso.example", "organizations", "", "x"] {
        let error = refused(office.check_consent(Some(tenant)), ErrorKind::InvalidArgument, "InvalidArgument");
        assert_eq!(error.what(), Some("tenant"));
    }
    assert!(office.check_consent(Some(CONTOSO)).unwrap().working_accounts.is_empty());
}
