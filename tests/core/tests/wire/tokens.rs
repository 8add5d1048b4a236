//! What the token endpoint answers, and what must become of the account (cases T).

use crate::rig::{CONTOSO, LIFETIME, MEGAN, NORTHWIND, Rig, redirect, refused};
use intail_office365::{Account, AccountState, CallOptions, ConnectOptions, ErrorKind, Office365, Scope};
use intail_office365_sandbox::{Endpoint, Fault, Sandbox, SandboxOptions};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    thread,
    time::{Duration, Instant},
};

fn at_token(name: &str) -> Fault {
    Fault::at(Endpoint::Token, name)
}

fn as_json() -> BTreeMap<String, String> {
    BTreeMap::from([("content-type".to_owned(), "application/json; charset=utf-8".to_owned())])
}

fn refresh_only() -> BTreeMap<String, String> {
    BTreeMap::from([("grant_type".to_owned(), "refresh_token".to_owned())])
}

/// An account whose token has expired.
fn expired(rig: &Rig) -> (Office365, Account) {
    let office = rig.open();
    let account = rig.connected(&office);
    rig.expire();
    (office, account)
}

/// T-06, T-07: a success that is none is not stored.
#[test]
fn t_06_t_07_members_of_an_answer() {
    let rig = Rig::new();
    let office = rig.open();
    for (name, value, what) in [
        ("token_type", json!("mac"), "token_type"),
        ("token_type", json!("DPoP"), "token_type"),
        ("token_type", Value::Null, "token_type"),
        ("expires_in", json!(-1), "expires_in"),
        ("expires_in", json!("NaN"), "expires_in"),
        ("access_token", json!(""), "access_token"),
        ("access_token", json!("a\r\nb"), "access_token"),
        ("refresh_token", json!(7), "refresh_token"),
        ("error", json!("invalid_grant"), "error"),
    ] {
        rig.tokens(|tokens| drop(tokens.merge.insert(name.to_owned(), value.clone())));
        let error = refused(rig.sign_in(&office, MEGAN), ErrorKind::Service, "TokenResponseInvalid");
        assert_eq!(error.what(), Some(what), "{value}");
        assert!(error.client_request_id().is_some());
    }
    assert!(office.accounts().unwrap().is_empty());
    for value in [json!("3600"), json!(3600.0), json!(1e300), json!(u64::MAX), Value::Null, json!(0)] {
        rig.tokens(|tokens| tokens.expires_in = Some(value.clone()));
        let account = rig.sign_in(&office, MEGAN).unwrap();
        let left = account.acquire_token_silent().unwrap().expires_at() - rig.control.now();
        assert!((20..=48 * 3600).contains(&left), "{value}: {left}");
    }
}

/// T-07: an answer that says 0 is refreshed, and not at every call.
#[test]
fn t_07_a_lifetime_of_nothing_is_no_loop() {
    let rig = Rig::new();
    rig.tokens(|tokens| tokens.expires_in = Some(json!(0)));
    let office = rig.open();
    let account = rig.connected(&office);
    for _ in 0..50 {
        account.acquire_token_silent().unwrap();
    }
    assert!(rig.refreshes() <= 1);
    rig.advance(40);
    account.acquire_token_silent().unwrap();
    assert!((1..=2).contains(&rig.refreshes()));
}

/// T-08, T-10: bodies that are no answer; none of their text is told on.
#[test]
fn t_08_t_10_bodies_that_are_no_answer() {
    let rig = Rig::new();
    let (good, office) = (r#"{"token_type":"Bearer","access_token":"needle""#, rig.open());
    let deep = format!("{{\"access_token\":{}", "[".repeat(100_000));
    let doubled = format!("{good},\"access_token\":\"needle2\"}}");
    let utf16: String = format!("{good}}}").chars().flat_map(|c| [c, '\0']).collect();
    let bodies = [
        "needle",
        "<html>needle</html>",
        "[]",
        "null",
        "\"needle\"",
        "",
        "{",
        &doubled,
        &format!("\u{feff}{good}}}"),
        &utf16,
        &deep,
    ];
    for body in bodies {
        rig.control.add_fault(Fault { body: Some(json!(body)), headers: as_json(), ..at_token("body") }.times(1)).unwrap();
        refused(rig.sign_in(&office, MEGAN), ErrorKind::Service, "TokenResponseInvalid");
    }
    for kind in ["text/html", "text/plain", ""] {
        let headers = BTreeMap::from([("content-type".to_owned(), kind.to_owned())]);
        rig.control.add_fault(Fault { headers, ..at_token("content-type") }.times(1)).unwrap();
        refused(rig.sign_in(&office, MEGAN), ErrorKind::Service, "TokenResponseInvalid");
    }
    assert!(office.accounts().unwrap().is_empty());
    rig.connected(&office);
}

/// The same on a refresh: the account stays as it was, and its refresh token too.
#[test]
fn t_08_a_useless_refresh_answer_loses_nothing() {
    let rig = Rig::new();
    let (_office, account) = expired(&rig);
    let fault = Fault { body: Some(json!("<html>needle</html>")), headers: as_json(), ..at_token("html") };
    rig.control.add_fault(fault.times(1)).unwrap();
    refused(account.acquire_token_silent(), ErrorKind::Service, "TokenResponseInvalid");
    assert_eq!(account.state().state, AccountState::Connected);
    thread::sleep(Duration::from_millis(1100));
    account.acquire_token_silent().unwrap();
}

/// T-09: too large, plain and compressed.
#[test]
fn t_09_answers_are_bounded() {
    let rig = Rig::new();
    let office = rig.open();
    for gzip in [false, true] {
        let fault = Fault { pad_to: Some(3 << 20), gzip, ..at_token("large") };
        rig.control.add_fault(fault.times(1)).unwrap();
        refused(rig.sign_in(&office, MEGAN), ErrorKind::Service, "ResponseTooLarge");
    }
    // A body that is compressed and small is an answer.
    rig.control.add_fault(Fault { gzip: true, ..at_token("gzip") }.times(1)).unwrap();
    rig.connected(&office);
}

/// T-11: a redirect is refused, and the code or refresh token goes nowhere else.
#[test]
fn t_11_the_token_endpoint_does_not_redirect() {
    let rig = Rig::new();
    let elsewhere = Sandbox::start(SandboxOptions { https_port: None, ..SandboxOptions::default() }).unwrap();
    let office = rig.open();
    let same = format!("{}/organizations/oauth2/v2.0/token", rig.sandbox.authority());
    let other = format!("{}/organizations/oauth2/v2.0/token", elsewhere.authority());
    for (status, target) in [(301, &other), (302, &other), (307, &other), (308, &other), (307, &same), (303, &same)] {
        rig.control.clear_log().unwrap();
        let fault = Fault { status: Some(status), redirect: Some(target.clone()), ..at_token("redirect") };
        rig.control.add_fault(fault.times(1)).unwrap();
        refused(rig.sign_in(&office, MEGAN), ErrorKind::Untrusted, "TokenEndpointRedirected");
        assert_eq!(rig.redemptions(), 1, "{status}");
    }
    let account = rig.connected(&office);
    rig.expire();
    rig.control.add_fault(Fault { status: Some(307), redirect: Some(other), ..at_token("redirect") }.times(1)).unwrap();
    refused(account.acquire_token_silent(), ErrorKind::Untrusted, "TokenEndpointRedirected");
    assert_eq!((rig.refreshes(), account.state().state), (1, AccountState::Connected));
    assert!(elsewhere.control().log().is_empty());
}

/// T-17, `rp_refresh_token`: a refresh that brings no new refresh token keeps the old one, also over a restart.
#[test]
fn t_17_the_old_refresh_token_is_kept() {
    let rig = Rig::new();
    rig.tokens(|tokens| tokens.omit_refresh_token_on_refresh = true);
    let (office, account) = expired(&rig);
    account.acquire_token_silent().unwrap();
    rig.expire();
    account.acquire_token_silent().unwrap();
    office.close();
    rig.expire();
    rig.open().account(&account.id()).unwrap().acquire_token_silent().unwrap();
    assert_eq!(rig.refreshes(), 3);
}

/// T-18: less than before is recorded, and the account goes on with what is left.
#[test]
fn t_18_less_scope_is_recorded() {
    let rig = Rig::new();
    let (office, account) = expired(&rig);
    assert!(account.scopes().missing.is_empty());
    rig.tokens(|tokens| tokens.drop_scopes = vec!["Calendars.Read".to_owned()]);
    account.acquire_token_silent().unwrap();
    let check = |account: &Account| {
        let scopes = account.scopes();
        assert_eq!((scopes.missing.as_slice(), scopes.allows(Scope::MailReadBasic)), (&[Scope::CalendarsRead][..], true));
        assert!(!scopes.allows(Scope::CalendarsRead));
        assert_eq!(account.state().state, AccountState::Connected);
    };
    check(&account);
    assert_eq!(office.check_consent(Some(NORTHWIND)).unwrap().missing, [Scope::CalendarsRead]);
    office.close();
    check(&rig.open().account(&account.id()).unwrap());
}

/// T-19: more than reading is refused at connect and at a refresh; reading more is not.
#[test]
fn t_19_excess_scopes_are_refused_by_default() {
    let rig = Rig::new();
    let office = rig.open();
    rig.tokens(|tokens| tokens.extra_scopes = vec!["Mail.ReadWrite".to_owned()]);
    let error = refused(rig.sign_in(&office, MEGAN), ErrorKind::ConsentExceedsReadOnly, "OverPrivileged");
    assert_eq!(error.what(), Some("Mail.ReadWrite"));
    assert!(office.accounts().unwrap().is_empty());

    rig.tokens(|tokens| tokens.extra_scopes = vec!["Mail.Read".to_owned()]);
    let account = rig.connected(&office);
    assert!(account.scopes().allows(Scope::MailRead) && account.scopes().excess.is_empty());

    rig.tokens(|tokens| tokens.extra_scopes = vec!["Mail.Send".to_owned()]);
    rig.expire();
    refused(account.acquire_token_silent(), ErrorKind::ConsentExceedsReadOnly, "OverPrivileged");
    refused(account.acquire_token_silent(), ErrorKind::ConsentExceedsReadOnly, "OverPrivileged");
    assert_eq!((account.state().state, rig.refreshes()), (AccountState::BlockedByPolicy, 1));
    rig.tokens(|_| {});
    rig.advance(121);
    account.acquire_token_silent().unwrap();
    assert_eq!(account.state().state, AccountState::Connected);

    rig.tokens(|tokens| tokens.extra_scopes = vec!["Mail.ReadWrite".to_owned(), "Files.Read".to_owned()]);
    office.close();
    let tolerant = rig.open_with(|config| config.allow_excess_scopes = true);
    assert_eq!(rig.connected(&tolerant).scopes().excess, ["Files.Read", "Mail.ReadWrite"]);
}

/// T-19: an administrator granted `Mail.Read`; that is as good as the `Mail.ReadBasic` that was asked for.
#[test]
fn t_19_mail_read_satisfies_mail_read_basic() {
    let rig = Rig::new();
    rig.tokens(|tokens| {
        tokens.drop_scopes = vec!["Mail.ReadBasic".to_owned()];
        tokens.extra_scopes = vec!["Mail.Read".to_owned()];
        tokens.full_scope_names = true;
    });
    let scopes = rig.connected(&rig.open()).scopes();
    assert_eq!(scopes.granted, [Scope::UserRead, Scope::MailRead, Scope::CalendarsRead]);
    assert!(scopes.missing.is_empty() && scopes.excess.is_empty());
}

/// T-20, `rp_refresh_token_invalid_issuer`, `rp_refresh_token_invalid_sub`: a refresh whose `id_token` speaks of somebody else changes nothing.
#[test]
fn t_20_a_refresh_for_somebody_else_keeps_the_old_tokens() {
    let other = format!("http://localhost/{CONTOSO}/v2.0");
    for (claim, value) in [
        ("oid", json!("aaaaaaaa-dddd-4eee-8fff-999999999999")),
        ("sub", json!("somebody-else")),
        ("tid", json!(CONTOSO)),
        ("iss", json!(other)),
        ("aud", json!("another app")),
    ] {
        let rig = Rig::new();
        rig.tokens(|tokens| tokens.omit_refresh_token_on_refresh = true);
        let (_office, account) = expired(&rig);
        let before = account.info();
        rig.tokens(|tokens| drop(tokens.id_token.claims.insert(claim.to_owned(), value.clone())));
        refused(account.acquire_token_silent(), ErrorKind::Untrusted, "IdTokenInvalid");
        assert_eq!((account.info(), account.state().state), (before, AccountState::Connected), "{claim}");
        rig.tokens(|_| {});
        thread::sleep(Duration::from_millis(1100));
        account.acquire_token_silent().unwrap();
    }
}

/// T-21: the connection is cut, before and after the service did its work.
#[test]
fn t_21_a_cut_connection_is_tried_again() {
    for processed in [false, true] {
        let rig = Rig::new();
        let (_office, account) = expired(&rig);
        let fault = Fault { reset: true, processed, when: refresh_only(), ..at_token("reset") };
        rig.control.add_fault(fault.times(1)).unwrap();
        account.acquire_token_silent().unwrap();
        assert_eq!(rig.refreshes(), 2);
    }
    // Where the service let the old token work only once, that is said as what it is.
    let rig = Rig::new();
    rig.tokens(|tokens| tokens.strict_rotation = true);
    let (_office, account) = expired(&rig);
    rig.control.add_fault(Fault { reset: true, processed: true, when: refresh_only(), ..at_token("reset") }.times(1)).unwrap();
    refused(account.acquire_token_silent(), ErrorKind::InteractionRequired, "ReauthRequired");
    assert_eq!(account.state().state, AccountState::SignInRequired);
}

/// T-22: the caller has gone; the answer is kept all the same.
#[test]
fn t_22_an_answer_that_comes_too_late_is_kept() {
    let rig = Rig::new();
    rig.tokens(|tokens| tokens.strict_rotation = true);
    let (office, account) = expired(&rig);
    rig.control.add_fault(Fault { delay_ms: 1_500, when: refresh_only(), ..at_token("slow") }.times(1)).unwrap();
    let hurried = account.with(CallOptions { timeout_ms: Some(150), cancel: None });
    let started = Instant::now();
    refused(hurried.acquire_token_silent(), ErrorKind::TimedOut, "DeadlineExceeded");
    assert!(started.elapsed() < Duration::from_millis(1_300));
    let token = account.acquire_token_silent().unwrap();
    assert!(token.is_persisted());
    office.close();
    let reopened = rig.open().account(&account.id()).unwrap();
    assert_eq!(reopened.acquire_token_silent().unwrap().secret(), token.secret());
    assert_eq!(rig.refreshes(), 1);
}

/// T-23: the service fails and recovers; it fails for good. Neither is asked without end.
#[test]
fn t_23_a_failing_service_is_asked_a_few_times() {
    for status in [500, 503] {
        let rig = Rig::new();
        let (_office, account) = expired(&rig);
        rig.control.add_fault(Fault { status: Some(status), when: refresh_only(), ..at_token("down") }.times(2)).unwrap();
        account.acquire_token_silent().unwrap();
        assert_eq!(rig.refreshes(), 3);
    }
    let rig = Rig::new();
    let (_office, account) = expired(&rig);
    rig.control.add_fault(Fault { status: Some(502), when: refresh_only(), ..at_token("down") }).unwrap();
    let started = Instant::now();
    for _ in 0..20 {
        refused(account.acquire_token_silent(), ErrorKind::Service, "ServiceUnavailable");
    }
    assert!(started.elapsed() < Duration::from_secs(4));
    assert_eq!((rig.refreshes(), account.state().state), (3, AccountState::Connected));
}

/// T-24: offline; what is still valid is handed out, and nothing is lost.
#[test]
fn t_24_offline_a_valid_token_is_still_served() {
    let rig = Rig::new();
    let office = rig.open();
    let account = rig.connected(&office);
    let token = account.acquire_token_silent().unwrap();
    rig.control.add_fault(Fault { reset: true, name: "offline".into(), ..Fault::default() }).unwrap();
    rig.advance(LIFETIME - 100);
    // Due for renewal, not expired.
    assert_eq!(account.acquire_token_silent().unwrap().secret(), token.secret());
    rig.advance(101);
    refused(account.acquire_token_silent(), ErrorKind::Network, "NetworkInterrupted");
    assert_eq!(account.state().state, AccountState::Connected);
    rig.control.clear_faults().unwrap();
    thread::sleep(Duration::from_millis(2200));
    account.acquire_token_silent().unwrap();
}

/// T-25: a disconnect needs nobody.
#[test]
fn t_25_disconnect_works_offline() {
    let rig = Rig::new();
    let office = rig.open();
    let account = rig.connected(&office);
    let expires_at = account.acquire_token_silent().unwrap().expires_at();
    rig.control.add_fault(Fault { reset: true, name: "offline".into(), ..Fault::default() }).unwrap();
    rig.control.clear_log().unwrap();
    let gone = account.disconnect().unwrap();
    assert_eq!((gone.token_valid_until, gone.revoke_url.as_str()), (Some(expires_at), "https://myapps.microsoft.com"));
    assert!(gone.erased && office.accounts().unwrap().is_empty());
    refused(account.acquire_token_silent(), ErrorKind::NotConnected, "AccountGone");
    refused(account.disconnect(), ErrorKind::NotConnected, "AccountGone");
    refused(office.account(&account.id()), ErrorKind::NotConnected, "AccountGone");
    assert!(rig.sent().is_empty());
}

/// C-06: disconnected while its refresh is under way: the new token is nobody's, and the account does not come back.
#[test]
fn c_06_a_disconnect_during_a_refresh_stands() {
    let rig = Rig::new();
    let (office, account) = expired(&rig);
    rig.control.add_fault(Fault { delay_ms: 500, when: refresh_only(), ..at_token("slow") }).unwrap();
    thread::scope(|scope| {
        let refreshing = scope.spawn(|| account.acquire_token_silent());
        thread::sleep(Duration::from_millis(150));
        account.disconnect().unwrap();
        refused(refreshing.join().unwrap(), ErrorKind::NotConnected, "AccountGone");
    });
    assert!(office.accounts().unwrap().is_empty());
    office.close();
    assert!(rig.open().accounts().unwrap().is_empty());
}

/// C-06: an account that is disconnected while its person signs in again takes that sign-in with it.
#[test]
fn c_06_a_disconnect_ends_the_sign_ins_of_its_account() {
    let rig = Rig::new();
    let office = rig.open();
    let account = rig.connected(&office);
    let options = ConnectOptions { expected_account: Some(account.id()), ..ConnectOptions::default() };
    let answer = redirect(MEGAN, &office.begin_connect(&options).unwrap().url);
    account.disconnect().unwrap();
    refused(office.complete_connect(&answer, None), ErrorKind::Untrusted, "CallbackStateMismatch");
    assert!(office.accounts().unwrap().is_empty());
    assert_eq!(rig.redemptions(), 1);
}

/// Nobody listens at all: typed as the network's fault, with the account as it was.
#[test]
fn t_24_a_service_that_cannot_be_reached() {
    let rig = Rig::new();
    let office = rig.open();
    let account = rig.connected(&office);
    office.close();
    rig.expire();
    let closed_port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let office = rig.open_with(|config| config.authority = Some(format!("http://127.0.0.1:{closed_port}")));
    let error = refused(office.begin_connect(&ConnectOptions::default()), ErrorKind::Network, "NetworkUnavailable");
    assert_eq!(error.what(), Some("127.0.0.1"));
    office.account(&account.id()).unwrap().disconnect().unwrap();
}

/// The service goes away under a connected account.
#[test]
fn t_24_a_service_that_goes_away() {
    let mut rig = Rig::new();
    let office = rig.open();
    let account = rig.connected(&office);
    rig.expire();
    rig.go_offline();
    refused(account.acquire_token_silent(), ErrorKind::Network, "NetworkUnavailable");
    assert_eq!(account.state().state, AccountState::Connected);
}
