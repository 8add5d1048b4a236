//! A store that is opened under another configuration than the one that filled it: its tokens are of no use there.

use crate::rig::{CONTOSO, MEGAN, NORTHWIND, Rig, failed, redirect, refused};
use intail_office365::{Account, Config, ConnectOptions, ErrorKind, Language};
use std::{
    net::TcpListener,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

/// The account of a rig whose store is opened anew with a changed configuration.
fn reopened(rig: &Rig, change: impl FnOnce(&mut Config)) -> Account {
    rig.open_with(change).accounts().unwrap().remove(0)
}

/// Somebody else listens where the authority is configured now: nothing is sent there, neither while the token is fresh nor after.
#[test]
fn a_stored_refresh_token_goes_to_its_own_authority_alone() {
    let rig = Rig::new();
    let office = rig.open();
    rig.connected(&office);
    office.close();
    let stranger = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = stranger.local_addr().unwrap().port();
    let visits = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&visits);
    thread::spawn(move || {
        for _visit in stranger.incoming() {
            counted.fetch_add(1, Ordering::SeqCst);
        }
    });
    for expired in [false, true] {
        if expired {
            rig.expire();
        }
        let account = reopened(&rig, |config| config.authority = Some(format!("http://127.0.0.1:{port}")));
        let error = refused(account.acquire_token_silent(), ErrorKind::InteractionRequired, "OtherConfiguration");
        assert_eq!(error.what(), Some("authority"));
    }
    assert_eq!(visits.load(Ordering::SeqCst), 0);
    // The twin: a visit would have been counted.
    drop(std::net::TcpStream::connect(("127.0.0.1", port)).unwrap());
    while visits.load(Ordering::SeqCst) == 0 {
        thread::yield_now();
    }
    reopened(&rig, |_| {}).acquire_token_silent().unwrap();
}

#[test]
fn tokens_of_another_registration_are_not_handed_out() {
    let rig = Rig::new();
    rig.connected(&rig.open());
    let account = reopened(&rig, |config| config.client_id = "99999999-0000-4aaa-9bbb-666666666666".into());
    let error = refused(account.acquire_token_silent(), ErrorKind::InteractionRequired, "OtherConfiguration");
    assert_eq!(error.what(), Some("client_id"));
}

/// T-19: what was allowed once is not allowed for ever.
#[test]
fn t_19_a_tightened_rule_counts_at_once() {
    let rig = Rig::new();
    rig.tokens(|settings| settings.extra_scopes = vec!["Mail.ReadWrite".into()]);
    rig.connected(&rig.open_with(|config| config.allow_excess_scopes = true));
    let requests = rig.sent().len();
    refused(reopened(&rig, |_| {}).acquire_token_silent(), ErrorKind::ConsentExceedsReadOnly, "OverPrivileged");
    let narrow = |config: &mut Config| {
        config.allow_excess_scopes = true;
        config.allowed_tenants = vec![CONTOSO.into()];
    };
    refused(reopened(&rig, narrow).acquire_token_silent(), ErrorKind::WrongAccount, "TenantNotAllowed");
    assert_eq!(rig.sent().len(), requests);
    reopened(&rig, |config| config.allow_excess_scopes = true).acquire_token_silent().unwrap();
}

/// A host that configured one organisation means it, whatever a sign-in asks for.
#[test]
fn a_configured_organisation_cannot_be_replaced() {
    let rig = Rig::new();
    for configured in ["contoso.example", CONTOSO] {
        let office = rig.open_with(|config| config.tenant = configured.into());
        let elsewhere = ConnectOptions { tenant: Some("northwind.example".into()), ..ConnectOptions::default() };
        let error = refused(office.begin_connect(&elsewhere), ErrorKind::InvalidArgument, "InvalidArgument");
        assert_eq!(error.what(), Some("tenant"));
        let same = ConnectOptions { tenant: Some(configured.to_uppercase()), ..ConnectOptions::default() };
        office.begin_connect(&same).unwrap();
        office.close();
    }
}

/// The repair of an account needs its id alone: tenant and user name are known.
#[test]
fn an_expected_account_fills_in_what_is_known() {
    let rig = Rig::new();
    let office = rig.open();
    let account = rig.connected(&office);
    let repair = ConnectOptions { expected_account: Some(account.id()), ..ConnectOptions::default() };
    let url = office.begin_connect(&repair).unwrap().url;
    assert!(url.contains(&format!("/{NORTHWIND}/")) && url.contains("login_hint=megan%40"), "{url}");
    let again = office.complete_connect(&redirect(MEGAN, &url), None).unwrap();
    assert_eq!(again.id(), account.id());
}

/// A settings page can say how an account stands without asking for a token.
#[test]
fn a_state_speaks_to_the_person() {
    let rig = Rig::new();
    let office = rig.open();
    let account = rig.connected(&office);
    assert_eq!(account.state().message(Language::English), "");
    rig.control.revoke_tenant("northwind").unwrap();
    rig.expire();
    let error = failed(account.acquire_token_silent());
    let state = account.state();
    assert_eq!(state.message(Language::German), error.message(Language::German));
    assert!(state.next_step(Language::English).contains("administrator"));
    // Asked again too soon, it says when.
    assert!(failed(account.acquire_token_silent()).retry_after().is_some_and(|seconds| (1..=120).contains(&seconds)));
}
