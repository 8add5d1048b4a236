//! Several accounts, guests, reconnects, and what `/me` adds (cases G-13 and G-28 as far as `/me`).

use crate::rig::{ADELE, ALEX, BIANCA, CONTOSO, FABRIKAM, MEGAN, NILS, NORTHWIND, Rig, hint, refused};
use intail_office365::{Account, AccountState, ConnectOptions, ErrorKind};
use intail_office365_sandbox::{Endpoint, Fault, Person};
use serde_json::json;
use std::{
    io::{Read, Write},
    net::TcpStream,
};
use url::Url;

/// Three accounts in one store: their own tokens, their own state, their own end.
#[test]
fn several_accounts_live_side_by_side() {
    let rig = Rig::new();
    rig.control.approve("contoso").unwrap();
    let office = rig.open();
    let [adele, alex, megan] = [ADELE, ALEX, MEGAN].map(|user| {
        rig.advance(1);
        rig.sign_in(&office, user).unwrap()
    });
    let order: Vec<String> = office.accounts().unwrap().iter().map(Account::id).collect();
    assert_eq!(order, [adele.id(), alex.id(), megan.id()]);
    let token = |account: &Account| account.acquire_token_silent().unwrap().secret().to_owned();
    assert!(token(&adele) != token(&alex) && token(&alex) != token(&megan));
    rig.control.revoke_sessions(ALEX).unwrap();
    rig.expire();
    refused(alex.acquire_token_silent(), ErrorKind::InteractionRequired, "ReauthRequired");
    assert_eq!((adele.state().state, megan.state().state), (AccountState::Connected, AccountState::Connected));
    adele.disconnect().unwrap();
    token(&megan);
    office.close();
    let office = rig.open();
    assert_eq!(office.accounts().unwrap().len(), 2);
    assert_eq!(office.account(&alex.id()).unwrap().state().state, AccountState::SignInRequired);
    assert_eq!(office.account(&megan.id()).unwrap().info(), megan.info());
}

/// Whose token it is, as Graph sees it.
fn owner(rig: &Rig, account: &Account) -> String {
    let base = Url::parse(&rig.sandbox.graph_base()).unwrap();
    let (host, port) = (base.host_str().unwrap(), base.port().unwrap());
    let mut stream = TcpStream::connect((host, port)).unwrap();
    let token = account.acquire_token_silent().unwrap();
    // As the robot asks, so that it is not taken for a request of the library.
    let head = format!("GET /graph/v1.0/me HTTP/1.1\r\nhost: {host}:{port}\r\naccept: text/html\r\nconnection: close\r\n");
    write!(stream, "{head}authorization: Bearer {}\r\n\r\n", token.secret()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    [MEGAN, NILS].into_iter().find(|user| answer.contains(user)).unwrap_or_else(|| panic!("{answer}")).to_owned()
}

/// S-33: two persons in one store, from memory, from the store and refreshed: nobody's object hands out the other's token. A second look
/// through another handle finds the same, and the id of somebody who has gone finds nobody.
#[test]
fn s_33_nobody_gets_the_token_of_another() {
    let rig = Rig::new();
    let (office, other) = (rig.open(), rig.open());
    let accounts = [MEGAN, NILS].map(|user| rig.sign_in(&office, user).unwrap());
    let same_ids = accounts.each_ref().map(|account| other.account(&account.id()).unwrap());
    for expires in [false, true] {
        if expires {
            rig.expire();
        }
        for of in [&accounts, &same_ids] {
            assert_eq!([owner(&rig, &of[0]), owner(&rig, &of[1])], [MEGAN, NILS]);
        }
    }
    accounts[0].disconnect().unwrap();
    refused(office.account(&accounts[0].id()), ErrorKind::NotConnected, "AccountGone");
    assert_eq!(owner(&rig, &accounts[1]), NILS);
}

/// The same person at home and as a guest elsewhere: two accounts, each with the object id of its tenant.
#[test]
fn a_guest_is_an_account_of_their_own() {
    let rig = Rig::new();
    rig.control.approve("contoso").unwrap();
    rig.control.approve("fabrikam").unwrap();
    let office = rig.open();
    let home = rig.sign_in(&office, ADELE).unwrap();
    let options = ConnectOptions { tenant: Some(FABRIKAM.into()), ..ConnectOptions::default() };
    let guest = rig.sign_in_with(&office, ADELE, &options).unwrap();
    assert_ne!(home.id(), guest.id());
    assert_eq!((home.info().tenant_id.as_str(), guest.info().tenant_id.as_str()), (CONTOSO, FABRIKAM));
    assert_ne!(home.info().object_id, guest.info().object_id);
    // Each refreshes in its own tenant.
    rig.control.clear_log().unwrap();
    rig.expire();
    home.acquire_token_silent().unwrap();
    guest.acquire_token_silent().unwrap();
    let paths: Vec<String> = rig.control.log_of("/oauth2/v2.0/token").into_iter().map(|entry| entry.path).collect();
    assert!(paths[0].contains(CONTOSO) && paths[1].contains(FABRIKAM), "{paths:?}");
}

/// The same person again: the same account, the same beginning, new tokens; objects that the host held go on.
#[test]
fn reconnecting_keeps_the_account() {
    let rig = Rig::new();
    let office = rig.open();
    let first = rig.connected(&office);
    let (id, connected_at, old) =
        (first.id(), first.info().connected_at, first.acquire_token_silent().unwrap().secret().to_owned());
    rig.control.revoke_sessions(MEGAN).unwrap();
    rig.expire();
    refused(first.acquire_token_silent(), ErrorKind::InteractionRequired, "ReauthRequired");
    rig.robot.is(Person::new(MEGAN));
    let again = office.connect(&ConnectOptions { expected_account: Some(id.clone()), ..hint(MEGAN) }, None).unwrap();
    assert_eq!((again.id(), again.info().connected_at, office.accounts().unwrap().len()), (id, connected_at, 1));
    assert_eq!(first.state().state, AccountState::Connected);
    let token = first.acquire_token_silent().unwrap();
    assert_ne!(token.secret(), old);
    assert_eq!(token.secret(), again.acquire_token_silent().unwrap().secret());
}

/// Connected, disconnected, connected: a new account, and the old object stays gone.
#[test]
fn a_disconnected_account_does_not_come_back_to_life() {
    let rig = Rig::new();
    let office = rig.open();
    let first = rig.connected(&office);
    first.disconnect().unwrap();
    let second = rig.connected(&office);
    refused(first.acquire_token_silent(), ErrorKind::NotConnected, "AccountGone");
    second.acquire_token_silent().unwrap();
    assert_eq!(office.accounts().unwrap().len(), 1);
}

/// A person without licence or mailbox connects all the same.
#[test]
fn an_unlicensed_person_connects() {
    let rig = Rig::new();
    let info = rig.sign_in(&rig.open(), NILS).unwrap().info();
    assert_eq!((info.display_name.as_deref(), info.username.as_deref(), info.mail), (Some("Nils Berg"), Some(NILS), None));
}

/// `/me` fails: the account connects with what the token says, and Graph is asked once.
#[test]
fn g_13_me_that_fails_does_not_stop_a_connect() {
    for fault in [
        Fault { status: Some(503), ..Fault::at(Endpoint::Me, "down") },
        Fault {
            status: Some(404),
            body: Some(json!({"error": {"code": "Request_ResourceNotFound", "message": "needle"}})),
            ..Fault::at(Endpoint::Me, "none")
        },
        Fault { status: Some(401), ..Fault::at(Endpoint::Me, "refused") },
        Fault { redirect: Some("https://evil.example/".into()), ..Fault::at(Endpoint::Me, "redirect") },
        Fault { body: Some(json!("needle")), ..Fault::at(Endpoint::Me, "no JSON") },
        Fault { reset: true, ..Fault::at(Endpoint::Me, "reset") },
    ] {
        let rig = Rig::new();
        rig.control.add_fault(fault).unwrap();
        let info = rig.connected(&rig.open()).info();
        assert_eq!((info.display_name.as_deref(), info.username.as_deref(), info.mail), (Some("Megan Bowen"), Some(MEGAN), None));
        assert_eq!(rig.control.log_of("/me").len(), 1);
    }
}

/// `rp_userinfo_invalid_sub` in Graph's terms: `/me` speaks of somebody else: nothing is stored, and an account that is there stays as it was.
#[test]
fn g_28_me_of_somebody_else_is_refused() {
    let rig = Rig::new();
    let office = rig.open();
    let other = json!({"id": "aaaaaaaa-dddd-4eee-8fff-000000000005", "displayName": "needle"});
    let fault = || Fault { body: Some(other.clone()), ..Fault::at(Endpoint::Me, "somebody else") }.times(1);
    rig.control.add_fault(fault()).unwrap();
    refused(rig.sign_in(&office, MEGAN), ErrorKind::Untrusted, "AccountMismatch");
    assert!(office.accounts().unwrap().is_empty());
    let account = rig.connected(&office);
    let before = (account.info(), account.acquire_token_silent().unwrap().secret().to_owned());
    rig.control.add_fault(fault()).unwrap();
    refused(rig.sign_in(&office, MEGAN), ErrorKind::Untrusted, "AccountMismatch");
    assert_eq!(before, (account.info(), account.acquire_token_silent().unwrap().secret().to_owned()));
}

/// `rp_client_test`: a connect from the metadata to `/me`, with exactly the requests that it needs.
#[test]
fn a_connect_sends_four_requests() {
    let rig = Rig::new();
    rig.connected(&rig.open());
    let sent: Vec<String> = rig.sent().into_iter().map(|entry| format!("{} {}", entry.method, entry.path)).collect();
    let expected = [
        "GET /organizations/v2.0/.well-known/openid-configuration",
        "POST /organizations/oauth2/v2.0/token",
        "GET /organizations/discovery/v2.0/keys",
        "GET /graph/v1.0/me",
    ];
    assert_eq!(sent, expected);
}

/// Consent in small: what a person may grant themselves, seen on the result page and in the account.
#[test]
fn a_person_who_may_consent_sees_the_page_once() {
    let rig = Rig::new();
    rig.robot.is(Person::new(BIANCA));
    let office = rig.open();
    office.connect(&hint(BIANCA), None).unwrap();
    let first = rig.robot.visits().pop().unwrap();
    assert!(first.saw("consent") && first.status == 200 && first.text.contains("Bianca Pisani"));
    rig.robot.is(Person::new(BIANCA));
    office.connect(&hint(BIANCA), None).unwrap();
    assert!(!rig.robot.visits().pop().unwrap().saw("consent"));
    assert_eq!(office.check_consent(Some(NORTHWIND)).unwrap().working_accounts.len(), 0);
}

/// The result page on a failure: what happened, who must act, the link; and never a byte of the answer.
#[test]
fn the_result_page_tells_a_failure() {
    let rig = Rig::new();
    rig.tokens(|tokens| tokens.extra_scopes = vec!["Mail.Send".to_owned()]);
    rig.robot.is(Person::new(MEGAN));
    let office = rig.open();
    refused(office.connect(&hint(MEGAN), None), ErrorKind::ConsentExceedsReadOnly, "OverPrivileged");
    let visit = rig.robot.visits().pop().unwrap();
    assert!(visit.text.contains("OverPrivileged") || visit.text.contains("more than reading"), "{}", visit.text);
    assert!(!visit.text.contains("Megan"));
    let code = visit.answer("code").unwrap();
    assert!(!visit.text.contains(code));
}
