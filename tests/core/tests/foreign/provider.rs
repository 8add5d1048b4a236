//! The library against npm `oidc-provider`: nothing in the library knows of it.

use crate::provider_app::{ADA, GRACE, Rig, Visit, hinted};
use intail_office365::{Account, AccountState, ConnectOptions, Error, ErrorKind, Scope};
use serde_json::{Value, json};
use std::{fs, thread};

/// The answer comes to the listener as a form, `iss` and all; then one redeemed code, one profile, and no more requests.
#[test]
fn connect_by_form_post() {
    let Some(rig) = Rig::start() else { return };
    let (office, visits) = rig.app("a.db", ADA, |_| {});
    let ada = office.connect(&ConnectOptions::default(), None).unwrap();
    let visit = visits.next();
    assert_eq!(
        (&visit["pages"], &visit["method"], &visit["status"]),
        (&json!(["login", "consent", "answer"]), &json!("POST"), &json!(200))
    );
    assert_eq!(visit["answer"]["iss"], format!("{}/{}/v2.0", rig.origin, rig.tenants[0]));
    let asked = &rig.requests("/auth")[0]["asked"];
    assert_eq!((&asked["code_challenge_method"], &asked["response_mode"]), (&json!("S256"), &json!("form_post")));
    assert_is_ada(&rig, &ada);
    assert_silent_without_requests(&rig, &ada);
}

/// Another registration, `http://127.0.0.1`: the provider compares everything but the port.
#[test]
fn connect_on_the_loopback_address() {
    let Some(rig) = Rig::start() else { return };
    let (office, visits) = rig.app("a.db", ADA, |config| config.redirect_uri = "http://127.0.0.1".to_owned());
    assert_is_ada(&rig, &office.connect(&hinted(ADA), None).unwrap());
    assert!(visits.next()["redirect"].as_str().unwrap().starts_with("http://127.0.0.1:"));
}

/// The host opens the browser, and the answer comes in the query.
#[test]
fn connect_by_query() {
    let Some(rig) = Rig::start() else { return };
    let (office, _) = rig.app("a.db", ADA, |_| {});
    let request = office.begin_connect(&hinted(ADA)).unwrap();
    let visit = rig.browse(&json!({"url": request.url, "user": ADA, "deliver": false}));
    assert_eq!((&visit["method"], &visit["answer"]["state"]), (&json!("GET"), &json!(request.state)));
    let ada = office.complete_connect(redirect(&visit), None).unwrap();
    assert_is_ada(&rig, &ada);
    assert_eq!(office.complete_connect(redirect(&visit), None).unwrap_err().detail(), "CallbackReplayed");
    assert_eq!(rig.grants(), [granted("authorization_code")], "the second redirect asks nobody");
}

/// The person's no, and the provider's "nobody is signed in", are errors that say so.
#[test]
fn connect_refused() {
    let Some(rig) = Rig::start() else { return };
    let (office, _) = rig.app("a.db", ADA, |_| {});
    for page in ["login", "consent"] {
        let request = office.begin_connect(&hinted(ADA)).unwrap();
        let visit = rig.browse(&json!({"url": request.url, "user": ADA, "deliver": false, "cancelOn": page}));
        assert_eq!(visit["answer"]["error"], "access_denied", "{page}");
        assert_eq!(refusal(office.complete_connect(redirect(&visit), None)), (ErrorKind::ConsentDeclined, "ConsentDenied"));
    }
    rig.fresh_browser();
    let request = office.begin_connect(&ConnectOptions { no_prompt: true, ..ConnectOptions::default() }).unwrap();
    let visit = rig.browse(&json!({"url": request.url, "user": ADA, "deliver": false}));
    assert_eq!(visit["answer"]["error"], "login_required");
    assert_eq!(refusal(office.complete_connect(redirect(&visit), None)).0, ErrorKind::InteractionRequired);
    assert!(office.accounts().unwrap().is_empty() && rig.grants().is_empty());
}

/// Each refresh uses the newest refresh token, also the one that the store brought over a restart: the provider would revoke
/// everything at the second use of an older one.
#[test]
fn refresh_with_rotation() {
    let Some(rig) = Rig::start() else { return };
    let (office, _) = rig.app("a.db", ADA, |_| {});
    let id = office.connect(&hinted(ADA), None).unwrap().id();
    office.close();
    drop(office);
    let mut tokens = Vec::new();
    for _ in 0..2 {
        let (office, _) = rig.app("a.db", ADA, |_| {});
        let ada = office.account(&id).unwrap();
        for _ in 0..2 {
            tokens.push(secret(&ada));
            rig.advance(3400);
        }
        assert_eq!(ada.state().state, AccountState::Connected);
        office.close();
    }
    let different = tokens.iter().enumerate().all(|(at, token)| !tokens[..at].contains(token));
    assert!(different, "each refresh brought a token of its own");
    assert_eq!(rig.grants(), ["authorization_code", "refresh_token", "refresh_token", "refresh_token"].map(granted));
}

/// C-01 with the threads of one process: a second refresh with the same token would have revoked the grant.
#[test]
fn c_01_one_refresh_for_all_threads() {
    let Some(rig) = Rig::start() else { return };
    let (office, _) = rig.app("a.db", ADA, |_| {});
    let ada = office.connect(&hinted(ADA), None).unwrap();
    for _ in 0..3 {
        rig.advance(3400);
        let tokens: Vec<String> = thread::scope(|scope| {
            let asking: Vec<_> = (0..16).map(|_| scope.spawn(|| secret(&ada))).collect();
            asking.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(tokens.iter().all(|token| *token == tokens[0]));
    }
    assert_eq!(rig.grants(), ["authorization_code", "refresh_token", "refresh_token", "refresh_token"].map(granted));
}

/// An older copy of the store brings a spent refresh token: the provider revokes the grant, and the person signs in again.
#[test]
fn a_spent_refresh_token_is_refused() {
    let Some(rig) = Rig::start() else { return };
    let (office, _) = rig.app("a.db", ADA, |_| {});
    let id = office.connect(&hinted(ADA), None).unwrap().id();
    office.close();
    drop(office);
    fs::copy(rig.folder().join("a.db"), rig.folder().join("older.db")).unwrap();
    let (office, _) = rig.app("a.db", ADA, |_| {});
    let (older, _) = rig.app("older.db", ADA, |_| {});
    rig.advance(3400);
    secret(&office.account(&id).unwrap());
    let from_older = older.account(&id).unwrap();
    let refused = from_older.acquire_token_silent().unwrap_err();
    assert_eq!((refused.kind(), refused.detail()), (ErrorKind::InteractionRequired, "ReauthRequired"));
    rig.advance(3400);
    let revoked = office.account(&id).unwrap();
    assert_eq!(revoked.acquire_token_silent().unwrap_err().kind(), ErrorKind::InteractionRequired, "its whole grant is revoked");
    assert_eq!((from_older.state().state, revoked.state().state), (AccountState::SignInRequired, AccountState::SignInRequired));
    let refused = |grant: &str| (grant.to_owned(), Some("invalid_grant".to_owned()));
    let expected = [granted("authorization_code"), granted("refresh_token"), refused("refresh_token"), refused("refresh_token")];
    assert_eq!(rig.grants(), expected);
    let again = office.connect(&hinted(ADA), None).unwrap();
    assert_eq!((again.id(), again.state().state), (id, AccountState::Connected));
    rig.advance(3400);
    secret(&again);
}

/// RFC 8628: pending, then granted; and the refresh token of a device works like any other.
#[test]
fn connect_by_device_code() {
    let Some(rig) = Rig::start() else { return };
    let (office, _) = rig.app("a.db", ADA, |_| {});
    let code = office.begin_device_connect(&ConnectOptions::default()).unwrap();
    rig.advance(code.interval.into());
    assert!(office.poll_device_connect(&code.handle).unwrap().account.is_none());
    let visit = rig.browse(&json!({"url": code.verification_uri, "user": ADA, "userCode": code.user_code}));
    assert_eq!(visit["pages"], json!(["device-code", "device-confirm", "login", "consent", "end"]));
    rig.advance(code.interval.into());
    let ada = office.poll_device_connect(&code.handle).unwrap().account.unwrap();
    assert_eq!(ada.info().display_name.as_deref(), Some("Ada Lovelace"));
    rig.advance(3400);
    secret(&ada);
    let pending = ("device_code".to_owned(), Some("authorization_pending".to_owned()));
    assert_eq!(rig.grants(), [pending, granted("device_code"), granted("refresh_token")]);
}

/// The person's no on the other device ends the polling.
#[test]
fn device_code_refused() {
    let Some(rig) = Rig::start() else { return };
    let (office, _) = rig.app("a.db", ADA, |_| {});
    let code = office.begin_device_connect(&ConnectOptions::default()).unwrap();
    rig.browse(&json!({"url": code.verification_uri, "user": ADA, "userCode": code.user_code, "cancelOn": "device-confirm"}));
    rig.advance(code.interval.into());
    assert_eq!(refusal(office.poll_device_connect(&code.handle)), (ErrorKind::ConsentDeclined, "ConsentDenied"));
}

/// RFC 9207 section 2.4: the person was led to another provider, whose answer must not reach the first one's token endpoint.
#[test]
fn o_08_an_answer_of_another_issuer() {
    let Some(rig) = Rig::start() else { return };
    let (office, _) = rig.app("a.db", ADA, |_| {});
    let request = office.begin_connect(&hinted(ADA)).unwrap();
    let led_astray = request.url.replace(&rig.tenants[0], &rig.tenants[1]);
    let visit = rig.browse(&json!({"url": led_astray, "user": ADA, "deliver": false}));
    assert_eq!(visit["answer"]["state"], request.state.as_str(), "a real code of the other provider, for this very sign-in");
    assert!(visit["answer"]["code"].is_string());
    assert_eq!(refusal(office.complete_connect(redirect(&visit), None)), (ErrorKind::Untrusted, "CallbackIssuerMismatch"));
    assert!(rig.grants().is_empty() && office.accounts().unwrap().is_empty());
}

/// This provider announces that it names itself; an answer without `iss` is not its own.
#[test]
fn o_09_an_answer_without_issuer() {
    let Some(rig) = Rig::start() else { return };
    let (office, _) = rig.app("a.db", ADA, |_| {});
    let request = office.begin_connect(&hinted(ADA)).unwrap();
    let visit = rig.browse(&json!({"url": request.url, "user": ADA, "deliver": false}));
    let mut stripped = url::Url::parse(redirect(&visit)).unwrap();
    let kept: Vec<_> = stripped
        .query_pairs()
        .filter(|(name, _)| name != "iss")
        .map(|(name, value)| (name.into_owned(), value.into_owned()))
        .collect();
    stripped.query_pairs_mut().clear().extend_pairs(kept);
    assert_eq!(refusal(office.complete_connect(stripped.as_str(), None)), (ErrorKind::Untrusted, "CallbackIssuerMissing"));
    assert!(rig.grants().is_empty());
}

/// A description at one tenant's address that names another one's issuer.
#[test]
fn t_13_a_description_of_another_issuer() {
    let Some(rig) = Rig::start() else { return };
    let (office, _) = rig.app("a.db", ADA, |config| config.tenant.clone_from(&rig.tenants[2]));
    assert_eq!(refusal(office.begin_connect(&ConnectOptions::default())), (ErrorKind::Untrusted, "IssuerMismatch"));
}

/// A new signing key is fetched when a token names it, and only then.
#[test]
fn j_20_key_rotation() {
    let Some(rig) = Rig::start() else { return };
    let (office, _) = rig.app("a.db", ADA, |_| {});
    office.connect(&hinted(ADA), None).unwrap();
    rig.fresh_browser();
    let (office, _) = rig.app("b.db", GRACE, |_| {});
    office.connect(&hinted(GRACE), None).unwrap();
    let before = rig.requests("/jwks").len();
    rig.rotate_keys();
    rig.advance(3400);
    let grace = office.accounts().unwrap().remove(0);
    secret(&grace);
    assert_eq!(rig.requests("/jwks").len(), before + 1, "the refresh brought an id_token of the new key");
    assert_eq!(grace.info().display_name.as_deref(), Some("Grace Hopper"));
}

fn assert_is_ada(rig: &Rig, ada: &Account) {
    let info = ada.info();
    assert_eq!((info.display_name.as_deref(), info.username.as_deref()), (Some("Ada Lovelace"), Some(ADA)));
    assert_eq!((&info.tenant_id, info.object_id.as_str()), (&rig.tenants[0], "66666666-aaaa-4bbb-8ccc-000000000001"));
    let scopes = ada.scopes();
    assert_eq!(scopes.granted, [Scope::UserRead, Scope::MailReadBasic, Scope::CalendarsRead]);
    assert!(scopes.missing.is_empty() && scopes.excess.is_empty());
    assert_eq!(ada.state().state, AccountState::Connected);
    assert_eq!(rig.grants(), [granted("authorization_code")]);
    let profile: Vec<Value> = rig.requests("/me").iter().map(|entry| entry["status"].clone()).collect();
    assert_eq!(profile, [json!(200)]);
}

fn assert_silent_without_requests(rig: &Rig, account: &Account) {
    let before = rig.requests("").len();
    assert_eq!(secret(account), secret(account));
    assert_eq!(rig.requests("").len(), before);
}

fn secret(account: &Account) -> String {
    account.acquire_token_silent().unwrap().secret().to_owned()
}

fn granted(grant: &str) -> (String, Option<String>) {
    (grant.to_owned(), None)
}

fn redirect(visit: &Visit) -> &str {
    visit["redirect"].as_str().unwrap()
}

fn refusal<T>(outcome: Result<T, Error>) -> (ErrorKind, &'static str) {
    let error = outcome.err().expect("a refusal");
    (error.kind(), error.detail())
}
