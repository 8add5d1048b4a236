//! The library inside its host: restarts, kills, silence, observers, closing.

use crate::rig::{LIFETIME, MEGAN, Rig, failed, hint, redirect, refused};
use intail_office365::{
    AccountState, CallOptions, ConnectEvent, ConnectEventKind, ConnectObserver, ConnectOptions, ErrorKind, LogLevel, Office365,
};
use intail_office365_sandbox::{Endpoint, Fault, Person};
use serde_json::json;
use std::sync::Arc;
use std::{
    fs,
    path::Path,
    process::{Child, Command, Stdio},
    sync::Mutex,
    thread,
    time::{Duration, Instant},
};

/// A host of its own, as a process.
pub(crate) fn quiet_host(rig: &Rig, role: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_quiet_host"));
    command.args([role, &rig.sandbox.authority(), &rig.control.client_id()]).arg(rig.folder.path());
    command
}

fn child(rig: &Rig, role: &str) -> Child {
    let mut command = quiet_host(rig, role);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn told(folder: &Path) -> String {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        if let Ok(text) = fs::read_to_string(folder.join("told")) {
            return text;
        }
        assert!(Instant::now() < deadline, "the host tells nothing");
        thread::sleep(Duration::from_millis(20));
    }
}

/// The app is called with the redirect in a new run: begun in one, completed in the next.
#[test]
fn a_sign_in_survives_a_restart_in_between() {
    let rig = Rig::new();
    let office = rig.open();
    let request = office.begin_connect(&ConnectOptions::default()).unwrap();
    drop(office);
    let answer = redirect(MEGAN, &request.url);
    let account = rig.open().complete_connect(&answer, None).unwrap();
    assert_eq!(account.state().state, AccountState::Connected);
}

/// The same with a process that is killed (SIGKILL) as soon as its person is in the browser.
#[test]
fn a_sign_in_survives_a_killed_process() {
    let rig = Rig::new();
    let mut host = child(&rig, "begin");
    let url = told(rig.folder.path());
    host.kill().unwrap();
    host.wait().unwrap();
    let office = rig.open();
    office.complete_connect(&redirect(MEGAN, &url), None).unwrap();
    assert_eq!(office.accounts().unwrap().len(), 1);
}

/// A token that was handed out is in the store, even if the process is killed at once; the next one needs no second refresh.
#[test]
fn t_21_a_token_is_kept_before_it_is_handed_out() {
    let rig = Rig::new();
    rig.tokens(|tokens| tokens.strict_rotation = true);
    let office = rig.open();
    let id = rig.connected(&office).id();
    office.close();
    rig.control.expire_access_tokens().unwrap();
    // The killed process has the machine's clock: the token must be old by the store's times.
    rig.clock.advance(-2 * LIFETIME);
    let office = rig.open();
    office.account(&id).unwrap().acquire_token_silent().unwrap();
    office.close();
    rig.clock.advance(2 * LIFETIME);
    let before = rig.refreshes();
    let mut host = child(&rig, "refresh");
    assert_eq!(told(rig.folder.path()), "refreshed");
    host.kill().unwrap();
    host.wait().unwrap();
    assert_eq!(rig.refreshes(), before + 1);
    rig.open().account(&id).unwrap().acquire_token_silent().unwrap();
    assert_eq!(rig.refreshes(), before + 1);
}

/// A log at its finest, with tokens planted in every answer: requests with ids and times, and none of the secrets.
#[test]
fn the_log_tells_requests_and_no_secret() {
    let rig = Rig::new();
    rig.tokens(|tokens| {
        for name in ["access_token", "refresh_token"] {
            tokens.merge.insert(name.to_owned(), json!(format!("needle-{name}-eyJ")));
        }
        tokens.id_token.claims.insert("name".to_owned(), json!("needle"));
    });
    rig.control
        .add_fault(Fault {
            body: Some(json!({"error": {"code": "x", "message": "needle"}})),
            status: Some(403),
            ..Fault::at(Endpoint::Me, "me")
        })
        .unwrap();
    let office = rig.open();
    let account = rig.connected(&office);
    assert_eq!(account.acquire_token_silent().unwrap().secret(), "needle-access_token-eyJ");
    rig.expire();
    let body = json!({"error": "needle", "error_description": "needle AADSTS1", "suberror": "needle", "claims": "needle"});
    rig.control.add_fault(Fault { status: Some(400), body: Some(body), ..Fault::at(Endpoint::Token, "needle") }).unwrap();
    refused(account.acquire_token_silent(), ErrorKind::Service, "ProviderError");
    account.disconnect().unwrap();

    let records = rig.records.all();
    for event in ["discovery", "token.redeem", "keys", "graph.get", "token.refresh"] {
        let record = records.iter().find(|record| record.event == event).unwrap_or_else(|| panic!("{event} in the log"));
        assert_eq!(record.level, LogLevel::Debug);
        assert!(record.status.is_some() && record.duration_ms.is_some() && record.client_request_id.is_some(), "{record}");
    }
    for event in ["account.connected", "account.disconnected"] {
        assert!(records.iter().any(|record| record.event == event && record.level == LogLevel::Info), "{event}");
    }
    // Every id in the log is one that the service saw, and the other way round.
    let logged: Vec<String> = records.iter().filter_map(|record| record.client_request_id.clone()).collect();
    let sent: Vec<String> = rig.sent().iter().map(|entry| entry.headers["client-request-id"].clone()).collect();
    assert_eq!(logged, sent);
    for debug in [format!("{account:?}"), format!("{office:?}")] {
        assert_eq!(crate::scan::secret_in(&debug), None, "{debug}");
    }
}

struct Curious {
    office: Office365,
    seen: Mutex<Vec<(ConnectEventKind, Vec<ErrorKind>)>>,
}

impl ConnectObserver for Curious {
    fn on_event(&self, event: &ConnectEvent) {
        let office = &self.office;
        let kinds = [
            office.accounts().map(drop),
            office.account("x").map(drop),
            office.begin_connect(&ConnectOptions::default()).map(drop),
            office.complete_connect("http://localhost/?code=x&state=y", None).map(drop),
            office.connect(&ConnectOptions::default(), None).map(drop),
            office.begin_admin_consent("organizations").map(drop),
            office.check_consent(None).map(drop),
            office.diagnose().map(drop),
        ];
        let kinds = kinds.into_iter().map(|outcome| failed(outcome).kind()).collect();
        self.seen.lock().unwrap().push((event.kind, kinds));
    }
}

/// From inside an observer every call is refused, and the sign-in goes on.
#[test]
fn calls_from_inside_an_observer_are_refused() {
    let rig = Rig::new();
    rig.robot.is(Person::new(MEGAN));
    let office = rig.open();
    let curious = Arc::new(Curious { office: office.clone(), seen: Mutex::default() });
    office.connect(&hint(MEGAN), Some(curious.clone())).unwrap();
    let seen = std::mem::take(&mut *curious.seen.lock().unwrap());
    let kinds: Vec<ConnectEventKind> = seen.iter().map(|(kind, _)| *kind).collect();
    assert_eq!(kinds, [ConnectEventKind::BrowserOpened, ConnectEventKind::AnswerReceived]);
    for (_, refusals) in seen {
        assert_eq!(refusals, [ErrorKind::Busy; 8]);
    }
    assert_eq!(office.accounts().unwrap().len(), 1);
}

/// Closed while a person is in the browser: both calls come back at once.
#[test]
fn c_06_close_ends_a_connect_that_waits() {
    let rig = Rig::new();
    let office = rig.open();
    thread::scope(|scope| {
        let waiting = scope.spawn(|| office.connect(&ConnectOptions::default(), None));
        while rig.robot.opened().is_empty() {
            thread::sleep(Duration::from_millis(10));
        }
        let started = Instant::now();
        office.close();
        let error = failed(waiting.join().unwrap());
        assert!(matches!(error.kind(), ErrorKind::Cancelled | ErrorKind::Closed), "{error}");
        assert!(started.elapsed() < Duration::from_millis(1500), "{:?}", started.elapsed());
    });
}

/// Closed during a refresh: within about a second, and the answer that came is not lost.
#[test]
fn c_06_close_during_a_refresh() {
    let rig = Rig::new();
    rig.tokens(|tokens| tokens.strict_rotation = true);
    let office = rig.open();
    let account = rig.connected(&office);
    rig.expire();
    rig.control.add_fault(Fault { delay_ms: 400, ..Fault::at(Endpoint::Token, "slow") }.times(1)).unwrap();
    thread::scope(|scope| {
        let refreshing = scope.spawn(|| account.acquire_token_silent());
        thread::sleep(Duration::from_millis(150));
        let started = Instant::now();
        office.close();
        assert!(started.elapsed() < Duration::from_millis(1500));
        // Either it was in time or it was cancelled.
        drop(refreshing.join().unwrap());
    });
    let account = rig.open().account(&account.id()).unwrap();
    account.acquire_token_silent().unwrap();
    assert!(account.state().state == AccountState::Connected && rig.refreshes() <= 2);
}

/// After `close` everything answers `Closed`, also a token that is still in memory; closing again is nothing.
#[test]
fn a_closed_library_answers_closed() {
    let rig = Rig::new();
    let office = rig.open();
    let account = rig.connected(&office);
    office.close();
    office.close();
    let outcomes = [
        office.accounts().map(drop),
        office.begin_connect(&ConnectOptions::default()).map(drop),
        office.connect(&ConnectOptions::default(), None).map(drop),
        office.check_consent(None).map(drop),
        office.diagnose().map(drop),
        account.acquire_token_silent().map(drop),
        account.disconnect().map(drop),
    ];
    for outcome in outcomes {
        refused(outcome, ErrorKind::Closed, "HandleClosed");
    }
    assert_eq!(account.info().username.as_deref(), Some(MEGAN));
    // Dropping without closing leaves a store that opens.
    drop(rig.open());
    rig.open().account(&account.id()).unwrap().acquire_token_silent().unwrap();
}

/// A service that is slow costs a caller no more than the time that it gave.
#[test]
fn time_outs_are_kept_by_every_call() {
    let rig = Rig::new();
    let office = rig.open();
    rig.control.add_fault(Fault { delay_ms: 1500, name: "slow".into(), ..Fault::default() }).unwrap();
    let hurried = office.with(CallOptions { timeout_ms: Some(200), cancel: None });
    let started = Instant::now();
    refused(hurried.begin_connect(&ConnectOptions::default()), ErrorKind::TimedOut, "DeadlineExceeded");
    assert!(started.elapsed() < Duration::from_millis(1300), "{:?}", started.elapsed());
}
