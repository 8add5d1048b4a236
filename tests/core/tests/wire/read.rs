//! Reading Graph: patience, other tokens, and answers that are none (cases G-13 to G-20, G-28).

use crate::{
    rig::{BIANCA, MEGAN, Rig, failed, hint, refused},
    script::{error, graph, messages, page, with_header},
};
use intail_office365::{AccountState, CallOptions, CancelToken, ConnectOptions, ErrorKind, MessageQuery, Scope};
use intail_office365_sandbox::Fault;
use serde_json::json;
use std::{
    thread,
    time::{Duration, Instant},
};

const CLAIMS: &str = "eyJhY2Nlc3NfdG9rZW4iOnsibmJmIjp7ImVzc2VudGlhbCI6dHJ1ZSwgInZhbHVlIjoiMTY1NzgzNDQxNyJ9fX0=";

fn query() -> MessageQuery {
    MessageQuery::default()
}

fn challenge() -> Fault {
    let header = format!(
        "Bearer realm=\"\", authorization_uri=https://login.microsoftonline.com/common/oauth2/authorize, error=\"insufficient_claims\", claims=\"{CLAIMS}\""
    );
    with_header(error(401, "InvalidAuthenticationToken"), "www-authenticate", &header)
}

#[test]
fn a_page_is_asked_for_with_what_graph_needs() {
    let rig = Rig::new();
    let account = rig.scripted([messages(&["a", "b"], None)]);
    let found = account.messages(&MessageQuery { folder: Some("inbox".into()), page_size: 7, ..query() }).unwrap();
    assert_eq!(found.messages.iter().map(|message| message.id.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(found.next, None);
    let asked = rig.asked();
    assert_eq!(asked.len(), 1);
    assert_eq!((asked[0].method.as_str(), asked[0].path.as_str()), ("GET", "/graph/v1.0/me/mailFolders/inbox/messages"));
    assert!(asked[0].has("$select") && asked[0].has("$top") && asked[0].has("$orderby"));
    assert!(asked[0].headers.get("prefer").is_none_or(|prefer| prefer.contains("ImmutableId")));
}

#[test]
fn g_13_a_token_that_graph_refuses_is_renewed_once() {
    let rig = Rig::new();
    let account = rig.scripted([error(401, "InvalidAuthenticationToken"), messages(&["a"], None)]);
    assert_eq!(account.messages(&query()).unwrap().messages.len(), 1);
    assert_eq!((rig.refreshes(), rig.asked().len()), (1, 2));

    let rig = Rig::new();
    let account = rig.scripted((0..5).map(|_| error(401, "InvalidAuthenticationToken")));
    refused(account.messages(&query()), ErrorKind::InteractionRequired, "ReauthRequired");
    assert_eq!((rig.refreshes(), rig.asked().len()), (1, 2), "one more token, one more try, and no loop");
}

/// Two threads whose token is refused at the same time share the new one.
#[test]
fn g_13_a_refused_token_is_renewed_once_for_all() {
    let rig = Rig::new();
    let refusal = || Fault { delay_ms: 300, ..error(401, "InvalidAuthenticationToken") };
    let account = rig.scripted([refusal(), refusal(), messages(&["a"], None), messages(&["a"], None)]);
    thread::scope(|scope| {
        let readers = [(); 2].map(|()| scope.spawn(|| account.messages(&query()).unwrap().messages.len()));
        assert_eq!(readers.map(|reader| reader.join().unwrap()), [1, 1]);
    });
    assert_eq!(rig.refreshes(), 1);
}

#[test]
fn g_14_a_claims_challenge_is_answered_with_a_token_that_fulfils_it() {
    let rig = Rig::new();
    let account = rig.scripted([challenge(), messages(&["a"], None)]);
    assert_eq!(account.messages(&query()).unwrap().messages.len(), 1);
    let log = rig.control.log_of("/oauth2/v2.0/token");
    let claims: serde_json::Value = serde_json::from_str(log[0].value("claims").unwrap()).unwrap();
    assert_eq!(claims["access_token"]["nbf"]["value"], "1657834417");
    assert_eq!(claims["access_token"]["xms_cc"]["values"], json!(["cp1"]));
    assert_eq!(account.state().state, AccountState::Connected);
    // What was asked for once is not asked for again.
    rig.control.clear_log().unwrap();
    rig.expire();
    account.acquire_token_silent().unwrap();
    let log = rig.control.log_of("/oauth2/v2.0/token");
    assert!(!log[0].value("claims").unwrap().contains("nbf"));
}

#[test]
fn g_14_a_second_challenge_needs_the_person() {
    let rig = Rig::new();
    let office = rig.open();
    let account = rig.connected(&office);
    rig.script([challenge(), challenge()]);
    refused(account.messages(&query()), ErrorKind::InteractionRequired, "InteractionRequired");
    assert_eq!((rig.refreshes(), rig.asked().len()), (1, 2));
    assert_eq!(account.state().state, AccountState::ExtraStepRequired);
    // Nothing is sent as long as nobody acts, and the next sign-in carries the claims.
    refused(account.messages(&query()), ErrorKind::InteractionRequired, "InteractionRequired");
    assert_eq!(rig.asked().len(), 2);
    let options = ConnectOptions { expected_account: Some(account.id()), ..hint(MEGAN) };
    let request = office.begin_connect(&options).unwrap();
    assert!(request.url.contains("1657834417"), "the claims are in the address");
    office.complete_connect(&crate::rig::redirect(MEGAN, &request.url), None).unwrap();
    assert_eq!(account.state().state, AccountState::Connected);
    rig.script([messages(&["a"], None)]);
    assert_eq!(account.messages(&query()).unwrap().messages.len(), 1);
}

/// What the sandbox does by itself when the sessions of somebody with continuous access evaluation are revoked.
#[test]
fn g_14_a_revoked_session_is_told_by_the_refresh() {
    let rig = Rig::new();
    let account = rig.scripted([]);
    rig.control.revoke_sessions(MEGAN).unwrap();
    refused(account.profile(), ErrorKind::InteractionRequired, "ReauthRequired");
    assert_eq!(account.state().state, AccountState::SignInRequired);
}

#[test]
fn g_14_claims_that_cannot_be_read() {
    for claims in ["%%%", "bm90IEpTT04=", ""] {
        let rig = Rig::new();
        let header = format!("Bearer error=\"insufficient_claims\", claims=\"{claims}\"");
        let refusal = || with_header(error(401, "x"), "www-authenticate", &header);
        let account = rig.scripted([refusal(), refusal(), refusal()]);
        refused(account.messages(&query()), ErrorKind::InteractionRequired, "ClaimsChallengeInvalid");
        assert_eq!((rig.refreshes(), rig.asked().len()), (1, 2));
    }
}

#[test]
fn g_15_what_is_not_granted_is_not_asked_for() {
    let rig = Rig::new();
    let office = rig.open_with(|config| config.scopes = vec!["User.Read".into(), "Calendars.Read".into()]);
    let account = rig.sign_in(&office, BIANCA).unwrap();
    assert!(!account.scopes().allows(Scope::MailReadBasic));
    rig.script([]);
    let error = refused(account.messages(&query()), ErrorKind::AdminConsentRequired, "ScopeNotGranted");
    assert_eq!(error.what(), Some("Mail.ReadBasic"));
    assert!(error.admin_approval().is_some());
    assert_eq!(rig.asked().len(), 0);
}

#[test]
fn g_15_a_refusal_is_not_repeated() {
    for (answer, kind, detail) in [
        (error(403, "ErrorAccessDenied"), ErrorKind::AccessDenied, "AccessDenied"),
        (error(404, "MailboxNotEnabledForRESTAPI"), ErrorKind::AccessDenied, "MailboxMissing"),
        (error(404, "ErrorItemNotFound"), ErrorKind::NotFound, "ItemNotFound"),
        (error(400, "InefficientFilter"), ErrorKind::InvalidArgument, "RequestRefused"),
        (error(400, "ErrorInvalidIdMalformed"), ErrorKind::InvalidArgument, "InvalidId"),
        (error(501, "NotImplemented"), ErrorKind::InvalidArgument, "RequestRefused"),
        (error(204, "x"), ErrorKind::Service, "UnexpectedResponse"),
    ] {
        let rig = Rig::new();
        let account = rig.scripted([answer, messages(&["a"], None)]);
        let error = refused(account.messages(&query()), kind, detail);
        assert!(!format!("{error:?}").contains("needle"));
        assert_eq!(rig.asked().len(), 1, "{detail}");
    }
}

#[test]
fn g_17_a_short_pause_is_waited_for_and_a_long_one_is_told() {
    let rig = Rig::new();
    let busy = |pause: &str| with_header(error(429, "ApplicationThrottled"), "retry-after", pause);
    let account = rig.scripted([busy("1.5"), messages(&["a"], None)]);
    let started = Instant::now();
    assert_eq!(account.messages(&query()).unwrap().messages.len(), 1);
    assert!(started.elapsed() >= Duration::from_secs(2), "not earlier than asked");

    let rig = Rig::new();
    let account = rig.scripted([busy("120"), messages(&["a"], None)]);
    let started = Instant::now();
    let error = refused(account.messages(&query()), ErrorKind::Throttled, "Throttled");
    assert_eq!(error.retry_after(), Some(120));
    // Nobody asks again meanwhile: that would count against the mailbox.
    let error = refused(account.messages(&query()), ErrorKind::Throttled, "Throttled");
    assert!(error.retry_after().is_some_and(|pause| (110..=120).contains(&pause)));
    assert!(started.elapsed() < Duration::from_secs(10));
    assert_eq!(rig.asked().len(), 1);
}

#[test]
fn g_17_a_wait_can_be_cancelled() {
    let rig = Rig::new();
    let account = rig.scripted([with_header(error(503, "serviceNotAvailable"), "retry-after", "20")]);
    let cancel = CancelToken::new();
    let reader = account.with(CallOptions { cancel: Some(cancel.clone()), ..CallOptions::default() });
    thread::scope(|scope| {
        let waiting = scope.spawn(|| reader.messages(&query()));
        while rig.asked().is_empty() {
            thread::sleep(Duration::from_millis(5));
        }
        thread::sleep(Duration::from_millis(100));
        let started = Instant::now();
        cancel.cancel();
        refused(waiting.join().unwrap(), ErrorKind::Cancelled, "OperationCancelled");
        assert!(started.elapsed() < Duration::from_secs(2));
    });
}

#[test]
fn g_18_a_storm_of_failures_is_met_with_four_tries() {
    let rig = Rig::new();
    let account = rig.scripted([Fault { times: None, ..error(503, "serviceNotAvailable") }]);
    refused(account.messages(&query()), ErrorKind::Service, "ServiceUnavailable");
    assert_eq!(rig.asked().len(), 4);
}

#[test]
fn g_19_an_answer_of_something_else_is_no_empty_mailbox() {
    let html = Fault { status: Some(200), body: Some(json!("<html>Welcome to the hotel</html>")), ..graph("portal") };
    for answer in [
        html,
        page(json!({})),
        page(json!({"value": null})),
        page(json!({"value": {}})),
        page(json!({"value": [{}]})),
        page(json!({"error": {"code": "x"}})),
        page(json!([])),
    ] {
        let rig = Rig::new();
        let account = rig.scripted([answer]);
        refused(account.messages(&query()), ErrorKind::Service, "UnexpectedResponse");
    }
}

#[test]
fn g_20_a_body_that_is_cut_never_becomes_a_shorter_list() {
    let rig = Rig::new();
    let whole = messages(&["a", "b", "c"], None);
    let account = rig.scripted([Fault { cut_after: Some(40), ..whole.clone() }, whole.clone()]);
    assert_eq!(account.messages(&query()).unwrap().messages.len(), 3);
    assert_eq!(rig.asked().len(), 2);

    let rig = Rig::new();
    let account = rig.scripted([Fault { cut_after: Some(40), times: None, ..whole }]);
    refused(account.messages(&query()), ErrorKind::Network, "NetworkInterrupted");
}

#[test]
fn at_most_three_requests_of_a_mailbox_are_under_way() {
    let rig = Rig::new();
    let account = rig.scripted((0..8).map(|_| Fault { delay_ms: 300, ..messages(&["a"], None) }));
    let started = Instant::now();
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| account.messages(&query()).unwrap());
        }
    });
    // Three rounds of 300 ms; all at once would have taken one.
    assert!(started.elapsed() >= Duration::from_millis(850), "{:?}", started.elapsed());
    assert_eq!(rig.asked().len(), 8);
}

/// C-08: no account waits for the mailbox of another.
#[test]
fn c_08_a_slow_mailbox_keeps_no_other_waiting() {
    let rig = Rig::new();
    let office = rig.open();
    let (megan, bianca) = (rig.connected(&office), rig.sign_in(&office, BIANCA).unwrap());
    rig.script((0..3).map(|_| Fault { delay_ms: 3_000, ..messages(&["a"], None) }));
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| megan.messages(&query()));
        }
        while rig.asked().len() < 3 && rig.control.log().len() < 3 {
            thread::sleep(Duration::from_millis(10));
        }
        let started = Instant::now();
        assert!(bianca.profile().is_ok());
        assert!(started.elapsed() < Duration::from_millis(2_500));
    });
}

#[test]
fn g_28_the_profile_of_somebody_else_is_refused() {
    let rig = Rig::new();
    let account = rig.scripted([page(json!({"id": "00000000-dddd-4eee-8fff-444444444444", "displayName": "x"}))]);
    refused(account.profile(), ErrorKind::Untrusted, "AccountMismatch");
    let profile = account.profile().unwrap();
    assert_eq!((profile.id, profile.display_name), (account.info().object_id, account.info().display_name));
}

#[test]
fn g_28_a_page_of_somebody_else_is_refused() {
    let rig = Rig::new();
    let account = rig.connected(&rig.open());
    let named = |person: &str| {
        page(json!({
            "@odata.context": format!("https://graph.microsoft.com/v1.0/$metadata#users('{person}')/messages"),
            "value": [{"id": "a"}],
        }))
    };
    rig.script([named("00000000-dddd-4eee-8fff-444444444444"), named(&account.info().object_id.to_uppercase()), named("me")]);
    refused(account.messages(&query()), ErrorKind::Untrusted, "AccountMismatch");
    for _ in 0..2 {
        assert_eq!(account.messages(&query()).unwrap().messages.len(), 1);
    }
}

#[test]
fn a_missing_picture_is_no_error() {
    let rig = Rig::new();
    let picture = with_header(
        Fault { status: Some(200), body: Some(json!("not really a picture")), ..graph("photo") },
        "content-type",
        "image/jpeg",
    );
    let account = rig.scripted([error(404, "ImageNotFound"), picture]);
    assert_eq!(account.photo().unwrap(), None);
    let photo = account.photo().unwrap().unwrap();
    assert_eq!((photo.content_type.as_str(), photo.bytes.as_slice()), ("image/jpeg", b"not really a picture".as_slice()));
}

#[test]
fn nothing_is_read_for_an_account_that_is_gone() {
    let rig = Rig::new();
    let office = rig.open();
    let account = rig.connected(&office);
    account.disconnect().unwrap();
    rig.script([]);
    refused(account.messages(&query()), ErrorKind::NotConnected, "AccountGone");
    office.close();
    failed(account.profile());
    assert_eq!(rig.asked().len(), 0);
}
