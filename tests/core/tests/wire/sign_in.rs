//! Sign-ins that somebody forges, repeats, swaps, cuts short or answers with an error (cases O).

use crate::metadata::described;
use crate::rig::{ADELE, ALEX, BIANCA, CAMERON, CONTOSO, MEGAN, NORTHWIND, Rig, failed, hint, redirect, refused};
use intail_office365::{
    AccountState, CallOptions, CancelToken, ConnectEvent, ConnectEventKind, ConnectObserver, ConnectOptions, ErrorKind,
};
use intail_office365_sandbox::{ConditionalAccess, Endpoint, Fault, Person, Platform};
use serde_json::json;
use std::{
    collections::{BTreeMap, HashSet},
    io::{Read as _, Write as _},
    net::TcpStream,
    sync::{Arc, Mutex},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};
use url::Url;

fn parameter(url: &str, name: &str) -> String {
    Url::parse(url).unwrap().query_pairs().find(|(found, _)| found == name).unwrap().1.into_owned()
}

fn with_parameter(url: &str, name: &str, value: &str) -> String {
    let mut url = Url::parse(url).unwrap();
    let pairs: Vec<(String, String)> = url.query_pairs().into_owned().filter(|(found, _)| found != name).collect();
    url.query_pairs_mut().clear().extend_pairs(pairs).append_pair(name, value);
    url.into()
}

/// O-01, O-02, `fapi_state_missing`, `fapi_state_wrong`: a callback without our state, or with one that is nearly ours, starts nothing, and the right one still works.
#[test]
fn o_01_o_02_a_state_that_is_not_ours_starts_nothing() {
    let rig = Rig::new();
    let office = rig.open();
    let request = office.begin_connect(&ConnectOptions::default()).unwrap();
    let answer = redirect(MEGAN, &request.url);
    let flipped: String = request.state.chars().rev().collect();
    let case: String =
        request.state.chars().map(|c| if c.is_lowercase() { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() }).collect();
    let mut one = request.state.clone().into_bytes();
    one[0] = if one[0] == b'A' { b'B' } else { b'A' };
    for state in [flipped, case, String::from_utf8(one).unwrap(), format!("{}x", request.state), request.state[1..].to_owned()] {
        let forged = with_parameter(&answer, "state", &state);
        refused(office.complete_connect(&forged, None), ErrorKind::Untrusted, "CallbackStateMismatch");
    }
    refused(office.complete_connect("http://localhost/?code=x", None), ErrorKind::Untrusted, "CallbackStateMissing");
    assert_eq!(rig.redemptions(), 0);
    office.complete_connect(&answer, None).unwrap();
    assert_eq!(rig.redemptions(), 1);
}

/// The same at the listener: what is not ours gets an error page, and the sign-in goes on waiting for what is.
#[test]
fn o_01_o_02_the_listener_keeps_waiting() {
    /// Comes first, from a thread of its own as every other process on the machine can.
    struct Attacker(Mutex<Option<JoinHandle<Vec<String>>>>);
    impl ConnectObserver for Attacker {
        fn on_event(&self, event: &ConnectEvent) {
            let (ConnectEventKind::BrowserOpened, Some(url)) = (event.kind, &event.url) else { return };
            let port = Url::parse(&parameter(url, "redirect_uri")).unwrap().port().unwrap();
            *self.0.lock().unwrap() = Some(thread::spawn(move || {
                let queries = ["", "?code=x", "?code=x&state=forged", "?error=access_denied&state=", "?state=a&state=b&code=c"];
                queries.map(|query| status_line(port, query)).to_vec()
            }));
        }
    }
    fn status_line(port: u16, query: &str) -> String {
        let mut stream = TcpStream::connect(("localhost", port)).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        write!(stream, "GET /{query} HTTP/1.1\r\nHost: localhost:{port}\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer.lines().next().unwrap_or_default().to_owned()
    }
    let rig = Rig::new();
    // The person is slower than the attacker.
    rig.control.add_fault(Fault { delay_ms: 700, ..Fault::at(Endpoint::Authorize, "slow") }.times(1)).unwrap();
    rig.robot.is(Person::new(MEGAN));
    let office = rig.open();
    let attacker = Arc::new(Attacker(Mutex::default()));
    let account = office.connect(&hint(MEGAN), Some(attacker.clone())).unwrap();
    assert_eq!(account.state().state, AccountState::Connected);
    let answers = attacker.0.lock().unwrap().take().unwrap().join().unwrap();
    assert!(answers.len() == 5 && answers.iter().all(|line| line.contains(" 4")), "{answers:?}");
    assert_eq!(rig.redemptions(), 1);
}

/// O-03: the state of another sign-in, of another store, and one from before a restart that was answered already.
#[test]
fn o_03_a_state_belongs_to_one_sign_in_of_one_store() {
    let rig = Rig::new();
    let (ours, other) = (rig.open(), rig.open_other("other.db"));
    let [first, second] = [(); 2].map(|()| ours.begin_connect(&ConnectOptions::default()).unwrap());
    let swapped = with_parameter(&redirect(MEGAN, &first.url), "state", &second.state);
    // Same store, codes swapped: PKCE refuses at the token endpoint.
    refused(ours.complete_connect(&swapped, None), ErrorKind::Untrusted, "CodeRejected");
    // Another store, as another process has it.
    let answer = redirect(MEGAN, &ours.begin_connect(&ConnectOptions::default()).unwrap().url);
    refused(other.complete_connect(&answer, None), ErrorKind::Untrusted, "CallbackStateMismatch");
    ours.complete_connect(&answer, None).unwrap();
    ours.close();
    let reopened = rig.open();
    refused(reopened.complete_connect(&answer, None), ErrorKind::Untrusted, "CallbackReplayed");
    assert_eq!((reopened.accounts().unwrap().len(), other.accounts().unwrap().len()), (1, 0));
}

/// O-04: the same callback eight times at once, and later: one redemption, one winner.
#[test]
fn o_04_a_callback_works_once() {
    let rig = Rig::new();
    let office = rig.open();
    let request = office.begin_connect(&ConnectOptions::default()).unwrap();
    let answer = redirect(MEGAN, &request.url);
    let outcomes: Vec<_> = thread::scope(|scope| {
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(|| office.complete_connect(&answer, None))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
    for lost in outcomes.into_iter().filter(Result::is_err) {
        refused(lost, ErrorKind::Untrusted, "CallbackReplayed");
    }
    refused(office.complete_connect(&answer, None), ErrorKind::Untrusted, "CallbackReplayed");
    assert_eq!((rig.redemptions(), office.accounts().unwrap().len()), (1, 1));
}

/// O-05: the attacker's code under the victim's state.
#[test]
fn o_05_an_injected_code_is_refused() {
    let rig = Rig::new();
    let (victim, attacker) = (rig.open(), rig.open_other("attacker.db"));
    let stolen = redirect(BIANCA, &attacker.begin_connect(&ConnectOptions::default()).unwrap().url);
    let request = victim.begin_connect(&ConnectOptions::default()).unwrap();
    let injected = with_parameter(&stolen, "state", &request.state);
    let error = refused(victim.complete_connect(&injected, None), ErrorKind::Untrusted, "CodeRejected");
    assert!(error.service_code().is_some_and(|code| code.starts_with("AADSTS")) && error.client_request_id().is_some());
    assert!(victim.accounts().unwrap().is_empty());
}

/// O-06: a list without S256 stops the sign-in before the browser; no list is Microsoft's way; S256 is what is sent.
#[test]
fn o_06_pkce_is_never_given_up() {
    for methods in [json!([]), json!(["plain"])] {
        let (rig, office) = described(&json!({"code_challenge_methods_supported": methods}));
        refused(office.connect(&hint(MEGAN), None), ErrorKind::Untrusted, "PkceUnsupported");
        assert!(rig.robot.opened().is_empty());
    }
    for change in [json!({}), json!({"code_challenge_methods_supported": ["plain", "S256"]})] {
        let (_rig, office) = described(&change);
        let url = office.begin_connect(&ConnectOptions::default()).unwrap().url;
        assert_eq!((parameter(&url, "code_challenge_method").as_str(), parameter(&url, "code_challenge").len()), ("S256", 43));
    }
}

/// O-07: 3,000 sign-ins: nothing repeats, and state, nonce and challenge are 256 bits each.
#[test]
fn o_07_nothing_random_repeats() {
    let rig = Rig::new();
    let office = rig.open();
    let mut seen = HashSet::new();
    for _ in 0..3000 {
        let request = office.begin_connect(&ConnectOptions::default()).unwrap();
        assert_eq!(parameter(&request.url, "state"), request.state);
        for name in ["state", "nonce", "code_challenge"] {
            let value = parameter(&request.url, name);
            assert!(value.len() >= 43 && value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)));
            assert!(seen.insert(value), "{name} repeats");
        }
    }
    // Nothing but the first look at the metadata went over the wire.
    assert_eq!(rig.sent().len(), 1);
}

/// O-08, O-09, `fapi_response_iss_wrong`, `fapi_response_iss_removed`: RFC 9207, where the metadata promises it and where it does not.
#[test]
fn o_08_o_09_the_issuer_of_an_answer() {
    let answer_with = |office: &intail_office365::Office365, issuer: Option<String>| {
        let request = office.begin_connect(&ConnectOptions::default()).unwrap();
        let answer = redirect(MEGAN, &request.url);
        let answer = issuer.map_or(answer.clone(), |issuer| with_parameter(&answer, "iss", &issuer));
        office.complete_connect(&answer, None)
    };
    let (rig, office) = described(&json!({"authorization_response_iss_parameter_supported": true}));
    refused(answer_with(&office, None), ErrorKind::Untrusted, "CallbackIssuerMissing");
    for wrong in ["https://evil.example".to_owned(), format!("{}/{NORTHWIND}/v2.0/", rig.sandbox.authority()), String::new()] {
        refused(answer_with(&office, Some(wrong)), ErrorKind::Untrusted, "CallbackIssuerMismatch");
    }
    assert_eq!(rig.redemptions(), 0);
    answer_with(&office, Some(format!("{}/{NORTHWIND}/v2.0", rig.sandbox.authority()))).unwrap();
    // An issuer of the right shape for another tenant than the one that signed in is caught by the id_token.
    let other = answer_with(&office, Some(format!("{}/{CONTOSO}/v2.0", rig.sandbox.authority())));
    refused(other, ErrorKind::Untrusted, "IdTokenInvalid");

    let rig = Rig::new();
    let office = rig.open();
    refused(answer_with(&office, Some("https://evil.example".into())), ErrorKind::Untrusted, "CallbackIssuerMismatch");
    answer_with(&office, None).unwrap();
}

/// O-10: two sign-ins at once, in two tenants; each gets the other's answer.
#[test]
fn o_10_swapped_answers_are_refused() {
    let rig = Rig::new();
    let office = rig.open();
    let begin = |tenant: &str| {
        office.begin_connect(&ConnectOptions { tenant: Some(tenant.to_owned()), ..ConnectOptions::default() }).unwrap()
    };
    let (north, fab) = (begin(NORTHWIND), begin("fabrikam.example"));
    let (from_north, from_fab) = (redirect(MEGAN, &north.url), redirect(BIANCA, &fab.url));
    let swapped = with_parameter(&from_north, "state", &fab.state);
    refused(office.complete_connect(&swapped, None), ErrorKind::Untrusted, "CodeRejected");
    let swapped = with_parameter(&from_fab, "state", &north.state);
    refused(office.complete_connect(&swapped, None), ErrorKind::Untrusted, "CodeRejected");
    assert!(office.accounts().unwrap().is_empty());
}

/// O-11, O-12, O-15, at the facade: contradictions use nothing up that they should not, and reach no endpoint.
#[test]
fn o_11_o_12_o_15_contradictions_are_not_resolved() {
    let rig = Rig::new();
    let office = rig.open();
    let request = office.begin_connect(&ConnectOptions::default()).unwrap();
    let answer = redirect(MEGAN, &request.url);
    for bad in [
        format!("{answer}&error=access_denied"),
        format!("{answer}&code=other"),
        format!("{answer}&access_token=x"),
        format!("{answer}&id_token=x"),
        format!("{answer}#access_token=x"),
    ] {
        refused(office.complete_connect(&bad, None), ErrorKind::Untrusted, "CallbackAmbiguous");
    }
    assert_eq!(rig.redemptions(), 0);
    office.complete_connect(&answer, None).unwrap();
}

/// O-17: a host whose redirect arrives at a web page.
#[test]
fn o_17_a_sign_in_belongs_to_the_session_that_began_it() {
    let rig = Rig::new();
    rig.control.add_redirect_uri("https://app.example/callback", Platform::Native).unwrap();
    let office = rig.open_with(|config| config.redirect_uri = "https://app.example/callback".to_owned());
    let begun = |binding: Option<&str>| {
        let options = ConnectOptions { session_binding: binding.map(str::to_owned), ..ConnectOptions::default() };
        redirect(MEGAN, &office.begin_connect(&options).unwrap().url)
    };
    let kind = ErrorKind::Untrusted;
    refused(office.complete_connect(&begun(Some("session-a")), None), kind, "SessionBindingMismatch");
    refused(office.complete_connect(&begun(Some("session-a")), Some("session-b")), kind, "SessionBindingMismatch");
    refused(office.complete_connect(&begun(Some("session-a")), Some("session-")), kind, "SessionBindingMismatch");
    refused(office.complete_connect(&begun(None), Some("session-b")), kind, "SessionBindingMismatch");
    assert_eq!(rig.redemptions(), 0);
    office.complete_connect(&begun(Some("session-a")), Some("session-a")).unwrap();
    // On loopback the binding is the same through one call.
    let desktop = rig.open_other("desktop.db");
    rig.robot.is(Person::new(MEGAN));
    desktop.connect(&ConnectOptions { session_binding: Some("s".into()), ..hint(MEGAN) }, None).unwrap();
}

/// O-18: another person signs in than the expected one; the account that is there stays as it was.
#[test]
fn o_18_another_person_is_refused() {
    let rig = Rig::new();
    rig.control.approve("contoso").unwrap();
    let office = rig.open();
    let adele = rig.sign_in(&office, ADELE).unwrap();
    let before = (adele.info(), adele.acquire_token_silent().unwrap().secret().to_owned());
    let expecting_adele = ConnectOptions { expected_account: Some(adele.id()), ..ConnectOptions::default() };
    refused(rig.sign_in_with(&office, ALEX, &expecting_adele), ErrorKind::WrongAccount, "WrongAccount");
    let by_name = |name: &str| ConnectOptions { expected_username: Some(name.to_owned()), ..ConnectOptions::default() };
    refused(rig.sign_in_with(&office, ALEX, &by_name(ADELE)), ErrorKind::WrongAccount, "WrongAccount");
    assert_eq!(office.accounts().unwrap().len(), 1);
    assert_eq!(before, (adele.info(), adele.acquire_token_silent().unwrap().secret().to_owned()));

    let again = rig.sign_in_with(&office, ADELE, &expecting_adele).unwrap();
    assert_eq!(again.id(), adele.id());
    rig.sign_in_with(&office, ALEX, &by_name("ALEX@Contoso.example")).unwrap();
    let unknown = ConnectOptions { expected_account: Some("nobody".into()), ..ConnectOptions::default() };
    refused(office.begin_connect(&unknown), ErrorKind::NotConnected, "AccountGone");
}

/// O-19: cancelled before, while waiting, and after the browser came back; nothing is half saved, and a next one works.
#[test]
fn o_19_a_cancel_leaves_nothing_behind() {
    struct CancelAt(ConnectEventKind, Arc<CancelToken>);
    impl ConnectObserver for CancelAt {
        fn on_event(&self, event: &ConnectEvent) {
            if event.kind == self.0 {
                self.1.cancel();
            }
        }
    }
    let rig = Rig::new();
    let office = rig.open();
    let token = CancelToken::new();
    token.cancel();
    let cancelled = office.with(CallOptions { timeout_ms: None, cancel: Some(token) });
    refused(cancelled.connect(&hint(MEGAN), None), ErrorKind::Cancelled, "OperationCancelled");
    assert!(rig.robot.opened().is_empty());

    rig.robot.is(Person::new(MEGAN));
    for (moment, detail) in
        [(ConnectEventKind::BrowserOpened, "LoginCancelled"), (ConnectEventKind::AnswerReceived, "OperationCancelled")]
    {
        let token = CancelToken::new();
        let observer = CancelAt(moment, Arc::clone(&token));
        let cancelled = office.with(CallOptions { timeout_ms: None, cancel: Some(token) });
        refused(cancelled.connect(&hint(MEGAN), Some(Arc::new(observer))), ErrorKind::Cancelled, detail);
        assert!(office.accounts().unwrap().is_empty());
        rig.robot.visits();
    }
    office.connect(&hint(MEGAN), None).unwrap();
}

/// A cancel from another thread ends the wait for the browser, and a silent token's wait, within 200 ms.
#[test]
fn a_cancel_from_another_thread_takes_effect_at_once() {
    let rig = Rig::new();
    let office = rig.open();
    let account = rig.connected(&office);
    rig.expire();
    rig.control.add_fault(Fault { delay_ms: 2000, ..Fault::at(Endpoint::Token, "slow") }).unwrap();
    let waits: [&(dyn Fn(CallOptions) -> intail_office365::Result<()> + Sync); 2] =
        [&|options| office.with(options).connect(&ConnectOptions::default(), None).map(drop), &|options| {
            account.with(options).acquire_token_silent().map(drop)
        }];
    for wait in waits {
        let token = CancelToken::new();
        let options = CallOptions { timeout_ms: None, cancel: Some(Arc::clone(&token)) };
        thread::scope(|scope| {
            let waiting = scope.spawn(|| (wait(options), Instant::now()));
            thread::sleep(Duration::from_millis(300));
            let cancelled_at = Instant::now();
            token.cancel();
            let (outcome, ended_at) = waiting.join().unwrap();
            assert_eq!(failed(outcome).kind(), ErrorKind::Cancelled);
            assert!(ended_at.duration_since(cancelled_at) < Duration::from_millis(200));
        });
    }
}

/// O-26: on loopback the answer is posted, so that no code stands in an address; a query works as well, a fragment does not.
#[test]
fn o_26_form_post_is_preferred_on_loopback() {
    let rig = Rig::new();
    rig.robot.is(Person::new(MEGAN));
    let office = rig.open();
    office.connect(&hint(MEGAN), None).unwrap();
    assert_eq!(parameter(&rig.robot.opened()[0], "response_mode"), "form_post");
    let visit = rig.robot.visits().pop().unwrap();
    assert!(visit.saw("form-post") && Url::parse(visit.redirect.as_ref().unwrap()).unwrap().query().is_none());
    assert!(visit.answer("code").is_some() && visit.status == 200);
    // The host's own redirect comes as a query.
    let url = office.begin_connect(&ConnectOptions::default()).unwrap().url;
    assert_eq!(parameter(&url, "response_mode"), "query");
}

/// What the authorization request says, and what it never says.
#[test]
fn the_authorization_request_carries_the_wishes_and_nothing_else() {
    let rig = Rig::new();
    let office = rig.open();
    let options = ConnectOptions {
        login_hint: Some(MEGAN.to_owned()),
        domain_hint: Some("northwind.example".to_owned()),
        tenant: Some("Northwind.Example".to_owned()),
        ..ConnectOptions::default()
    };
    let url = Url::parse(&office.begin_connect(&options).unwrap().url).unwrap();
    assert_eq!(url.path(), format!("/{NORTHWIND}/oauth2/v2.0/authorize"));
    let pairs: BTreeMap<String, String> = url.query_pairs().into_owned().collect();
    let names: Vec<&str> = pairs.keys().map(String::as_str).collect();
    let expected = [
        "claims",
        "client_id",
        "code_challenge",
        "code_challenge_method",
        "domain_hint",
        "login_hint",
        "nonce",
        "redirect_uri",
        "response_mode",
        "response_type",
        "scope",
        "state",
    ];
    assert_eq!(names, expected);
    assert_eq!(pairs["claims"], r#"{"access_token":{"xms_cc":{"values":["cp1"]}}}"#);
    assert_eq!(pairs["redirect_uri"], "http://localhost");
    assert_eq!((pairs["response_type"].as_str(), pairs["login_hint"].as_str()), ("code", MEGAN));
    let picker = ConnectOptions { select_account: true, ..ConnectOptions::default() };
    assert_eq!(parameter(&office.begin_connect(&picker).unwrap().url, "prompt"), "select_account");
    for contradiction in [
        ConnectOptions { select_account: true, login_hint: Some("x".into()), ..ConnectOptions::default() },
        ConnectOptions { select_account: true, no_prompt: true, ..ConnectOptions::default() },
        ConnectOptions { login_hint: Some("a\nb".into()), ..ConnectOptions::default() },
        ConnectOptions { session_binding: Some(String::new()), ..ConnectOptions::default() },
        ConnectOptions { tenant: Some("../x".into()), ..ConnectOptions::default() },
        ConnectOptions { tenant: Some("common".into()), ..ConnectOptions::default() },
    ] {
        refused(office.begin_connect(&contradiction), ErrorKind::InvalidArgument, "InvalidArgument");
    }
}

/// An answer that comes after its quarter of an hour is nobody's.
#[test]
fn a_sign_in_expires() {
    let rig = Rig::new();
    let office = rig.open();
    let request = office.begin_connect(&ConnectOptions::default()).unwrap();
    let answer = redirect(MEGAN, &request.url);
    rig.clock.advance(15 * 60 + 1);
    refused(office.complete_connect(&answer, None), ErrorKind::Untrusted, "CallbackStateMismatch");
    assert_eq!(rig.redemptions(), 0);
}

/// The second factor and a second consent, clicked through for real.
#[test]
fn a_person_with_a_second_factor_connects() {
    let rig = Rig::new();
    rig.control.set_conditional_access("fabrikam", ConditionalAccess::Mfa).unwrap();
    rig.robot.is(Person::new(CAMERON));
    let office = rig.open();
    let account = office.connect(&hint(CAMERON), None).unwrap();
    let visit = rig.robot.visits().pop().unwrap();
    assert!(visit.saw("mfa") && visit.saw("consent") && visit.text.contains("Cameron White"));
    assert!(account.scopes().missing.is_empty());
}

/// O-25: a permission that writes is refused when the library opens; nothing was sent and nothing was created.
#[test]
fn o_25_a_scope_that_writes_is_refused_at_open() {
    let rig = Rig::new();
    for scope in ["Mail.ReadWrite", "Mail.Send", "Files.Read.All", ".default", "offline_access"] {
        let mut config = rig.config();
        config.scopes.push(scope.to_owned());
        let error = refused(rig.try_open(config), ErrorKind::InvalidArgument, "ScopeNotReadOnly");
        assert_eq!(error.what(), Some(scope));
    }
    assert!(rig.control.log().is_empty());
    assert_eq!(std::fs::read_dir(rig.folder.path()).unwrap().count(), 0);
}
