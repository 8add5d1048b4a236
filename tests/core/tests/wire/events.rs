//! What an observer is told: when an account needs somebody, when it is well again, once each; and the same on demand.

use crate::{
    flight::together,
    rig::{FABRIKAM, MEGAN, Rig, Watcher, failed, hint, refused},
    scan,
};
use intail_office365::{
    Account, AccountEvent, AccountEventKind as E, AccountObserver, AccountState as S, Actor, CallOptions, ConnectOptions,
    ErrorKind as K, Language, Office365, StateReport,
};
use intail_office365_sandbox::{AppPresence, ConditionalAccess, Control, ControlError, Endpoint, Fault, Person};
use rusqlite::Connection;
use std::{
    sync::{Arc, Mutex, OnceLock, mpsc},
    thread,
    time::{Duration, Instant},
};

/// A connected account, and an observer that has been told nothing yet.
fn watched(rig: &Rig) -> (Office365, Account, Arc<Watcher>) {
    let watcher = Arc::new(Watcher::default());
    let office = rig.open_for(watcher.clone());
    let account = rig.connected(&office);
    assert!(watcher.take().is_empty(), "a new account is no change");
    (office, account, watcher)
}

/// What was told since the last look, each with the state that it names; the account answers the last one on demand.
#[track_caller]
fn told(watcher: &Watcher, account: &Account) -> Vec<(E, S)> {
    let events = watcher.take();
    for event in &events {
        let acts = match event.kind {
            E::WellAgain => Actor::Nobody,
            E::NeedsPerson | E::Disconnected => Actor::User,
            E::NeedsAdministrator => Actor::Administrator,
            E::NeedsDeveloper => Actor::Developer,
        };
        assert_eq!((event.account_id.as_str(), event.state.who_acts), (account.id().as_str(), acts));
        assert_eq!(scan::secret_in(&format!("{event:?} {:?}", event.state)), None);
        let (message, step) = (event.message(Language::English), event.next_step(Language::German));
        assert_eq!((message.ends_with('.'), step.is_empty()), (true, event.kind == E::WellAgain), "{event:?}: {message} {step}");
    }
    let key = |state: &StateReport| (state.state, state.detail.clone(), state.since);
    assert!(events.last().is_none_or(|event| key(&event.state) == key(&account.state())), "on demand it is another one");
    events.into_iter().map(|event| (event.kind, event.state.state)).collect()
}

fn reports(office: &Office365) -> Vec<StateReport> {
    office.accounts().unwrap().iter().map(Account::state).collect()
}

type Act = fn(&Control) -> Result<(), ControlError>;

/// What happens in an organisation, whom it calls, and how it ends: by itself when an administrator acts, or by signing in again.
struct Happening {
    name: &'static str,
    happen: Act,
    expected: (E, S),
    undo: Act,
    by_itself: bool,
}

const HAPPENINGS: [Happening; 6] = [
    Happening {
        name: "the administrator withdraws the consent, and gives it again",
        happen: |control| control.revoke_tenant("northwind"),
        expected: (E::NeedsAdministrator, S::ConsentRequired),
        undo: |control| control.approve("northwind"),
        by_itself: true,
    },
    Happening {
        name: "the app is disabled",
        happen: |control| control.set_app_presence("northwind", AppPresence::Disabled),
        expected: (E::NeedsAdministrator, S::AppUnavailable),
        undo: |control| control.set_app_presence("northwind", AppPresence::Available),
        by_itself: true,
    },
    Happening {
        name: "a policy blocks",
        happen: |control| control.set_conditional_access("northwind", ConditionalAccess::Block),
        expected: (E::NeedsAdministrator, S::BlockedByPolicy),
        undo: |control| control.set_conditional_access("northwind", ConditionalAccess::None),
        by_itself: true,
    },
    Happening {
        name: "a policy asks for an extra step",
        happen: |control| control.set_conditional_access("northwind", ConditionalAccess::Mfa),
        expected: (E::NeedsPerson, S::ExtraStepRequired),
        undo: |_| Ok(()),
        by_itself: false,
    },
    Happening {
        name: "the password is changed",
        happen: |control| control.change_password(MEGAN),
        expected: (E::NeedsPerson, S::SignInRequired),
        undo: |_| Ok(()),
        by_itself: false,
    },
    Happening {
        name: "the sessions are revoked",
        happen: |control| control.revoke_sessions(MEGAN),
        expected: (E::NeedsPerson, S::SignInRequired),
        undo: |_| Ok(()),
        by_itself: false,
    },
];

/// Told once, before the call that noticed it returns; not again for the same refusal; and once when it is over.
#[test]
fn every_change_is_told_once_and_its_end_once() {
    for Happening { name, happen, expected, undo, by_itself } in HAPPENINGS {
        let rig = Rig::new();
        let (office, account, watcher) = watched(&rig);
        happen(&rig.control).unwrap();
        account.acquire_token_silent().unwrap();
        assert_eq!(told(&watcher, &account), [], "{name}: nobody can know yet");
        rig.expire();
        failed(account.acquire_token_silent());
        assert_eq!(told(&watcher, &account), [expected], "{name}");
        for _ in 0..3 {
            rig.advance(121);
            failed(account.acquire_token_silent());
        }
        assert_eq!(told(&watcher, &account), [], "{name}: told again");
        assert_eq!(reports(&office), [account.state()], "{name}");
        undo(&rig.control).unwrap();
        rig.advance(121);
        if by_itself {
            account.acquire_token_silent().unwrap();
        } else {
            rig.robot.is(Person::new(MEGAN));
            office.connect(&ConnectOptions { expected_account: Some(account.id()), ..hint(MEGAN) }, None).unwrap();
        }
        assert_eq!(told(&watcher, &account), [(E::WellAgain, S::Connected)], "{name}");
        rig.expire();
        account.acquire_token_silent().unwrap();
        assert_eq!(told(&watcher, &account), [], "{name}: well twice");
    }
}

/// One refusal after the other, each asking somebody else.
#[test]
fn another_reason_is_another_event() {
    let rig = Rig::new();
    let (_office, account, watcher) = watched(&rig);
    rig.expire();
    for (error, code) in [("consent_required", 65_001), ("message_only", 53_003), ("device_authentication_failed", 53_000)] {
        rig.control.add_fault(Fault::token_error("invalid_grant", Some(error), &[code], None).times(1)).unwrap();
        failed(account.acquire_token_silent());
        rig.advance(121);
    }
    let (approval, policy) = ((E::NeedsAdministrator, S::ConsentRequired), (E::NeedsAdministrator, S::BlockedByPolicy));
    // What a policy asks of the device is for the person.
    assert_eq!(told(&watcher, &account), [approval, policy, (E::NeedsPerson, S::BlockedByPolicy)]);
    rig.control.add_fault(Fault::token_error("invalid_scope", None, &[70_011], None).times(1)).unwrap();
    failed(account.acquire_token_silent());
    assert_eq!(told(&watcher, &account), [(E::NeedsDeveloper, S::Misconfigured)]);
}

/// What passes by itself calls nobody.
#[test]
fn passing_failures_are_no_event() {
    let mut rig = Rig::new();
    let (_office, account, watcher) = watched(&rig);
    rig.expire();
    rig.control.add_fault(Fault { status: Some(503), ..Fault::at(Endpoint::Token, "down") }).unwrap();
    refused(account.acquire_token_silent(), K::Service, "ServiceUnavailable");
    rig.go_offline();
    thread::sleep(Duration::from_millis(1100));
    failed(account.acquire_token_silent());
    assert_eq!((told(&watcher, &account), account.state().state), (vec![], S::Connected));
}

/// Fifty threads are refused together: one event, and it is told before they all know.
#[test]
fn fifty_refused_threads_are_one_event() {
    let rig = Rig::new();
    let (_office, account, watcher) = watched(&rig);
    rig.control.change_password(MEGAN).unwrap();
    rig.expire();
    let counts = together(50, || {
        refused(account.acquire_token_silent(), K::InteractionRequired, "ReauthRequired");
        watcher.count()
    });
    // A caller that came when the others had been refused already may be faster than the event.
    assert!(counts.contains(&1) && counts.iter().all(|count| *count <= 1), "{counts:?}");
    assert_eq!(told(&watcher, &account), [(E::NeedsPerson, S::SignInRequired)]);
}

/// Another program on the same store is refused, and repairs it: the first one is told when it looks.
#[test]
fn what_another_process_wrote_is_told_once() {
    let rig = Rig::new();
    let (office, account, watcher) = watched(&rig);
    let other = rig.open();
    let same = other.account(&account.id()).unwrap();
    rig.control.change_password(MEGAN).unwrap();
    rig.expire();
    refused(same.acquire_token_silent(), K::InteractionRequired, "ReauthRequired");
    assert_eq!((rig.watcher.take().len(), told(&watcher, &account)), (1, vec![]));
    refused(account.acquire_token_silent(), K::InteractionRequired, "ReauthRequired");
    assert_eq!((told(&watcher, &account), rig.refreshes()), (vec![(E::NeedsPerson, S::SignInRequired)], 1));

    rig.sign_in(&other, MEGAN).unwrap();
    assert_eq!((rig.watcher.take()[0].kind, told(&watcher, &account)), (E::WellAgain, vec![]));
    // By the list of the accounts this time, and then by nothing more.
    assert_eq!(reports(&office)[0].state, S::Connected);
    assert_eq!(told(&watcher, &account), [(E::WellAgain, S::Connected)]);
    account.acquire_token_silent().unwrap();
    assert_eq!((told(&watcher, &account), rig.refreshes()), (vec![], 1));
}

/// Disconnected here, and by another program: noticed by the next refresh, by the list, and by looking for it.
#[test]
fn disconnected_is_the_last_event() {
    let rig = Rig::new();
    let notice: [fn(&Office365, &Account); 4] = [
        |_, account| drop(failed(account.acquire_token_silent())),
        |office, _| assert!(office.accounts().unwrap().is_empty()),
        |office, account| drop(refused(office.account(&account.id()), K::NotConnected, "AccountGone")),
        |_, account| drop(refused(account.disconnect(), K::NotConnected, "AccountGone")),
    ];
    let last = [(E::Disconnected, S::Disconnected)];
    for notice in notice {
        let (office, account, watcher) = watched(&rig);
        rig.open().account(&account.id()).unwrap().disconnect().unwrap();
        rig.expire();
        assert_eq!(told(&watcher, &account), []);
        notice(&office, &account);
        assert_eq!(told(&watcher, &account), last);
        refused(account.acquire_token_silent(), K::NotConnected, "AccountGone");
        rig.connected(&office);
        assert_eq!((told(&watcher, &account), account.state().detail.as_str()), (vec![], "AccountGone"));
        rig.watcher.take();
    }
    let (_office, account, watcher) = watched(&rig);
    account.disconnect().unwrap();
    assert_eq!(told(&watcher, &account), last);
}

/// Calls back from inside, reads from memory, and panics at the end.
#[derive(Default)]
struct Meddler {
    host: OnceLock<(Office365, Account)>,
    seen: Mutex<Vec<(S, Vec<K>)>>,
}

impl AccountObserver for Meddler {
    fn on_event(&self, _: &AccountEvent) {
        let Some((office, account)) = self.host.get() else { return };
        let outcomes = [
            office.accounts().map(drop),
            office.account(&account.id()).map(drop),
            office.begin_connect(&ConnectOptions::default()).map(drop),
            office.connect(&ConnectOptions::default(), None).map(drop),
            office.check_consent(None).map(drop),
            office.diagnose().map(drop),
            account.disconnect().map(drop),
            account.acquire_token_silent().map(drop),
        ];
        let kinds = outcomes.into_iter().filter_map(Result::err).map(|error| error.kind()).collect();
        self.seen.lock().unwrap().push((account.state().state, kinds));
        assert_eq!(account.info().username.as_deref(), Some("nobody"), "this panic is part of the test");
    }
}

/// From inside an observer calls are refused and memory answers; its panic is nobody else's, on a worker and on the host's thread.
#[test]
fn an_observer_that_calls_back_and_panics_harms_nobody() {
    let rig = Rig::new();
    let meddler = Arc::new(Meddler::default());
    let office = rig.open_for(meddler.clone());
    let account = rig.connected(&office);
    meddler.host.set((office.clone(), account.clone())).ok().unwrap();
    rig.control.change_password(MEGAN).unwrap();
    rig.expire();
    refused(account.acquire_token_silent(), K::InteractionRequired, "ReauthRequired");
    rig.connected(&office);
    let seen = std::mem::take(&mut *meddler.seen.lock().unwrap());
    // Well again, a token is in memory, and is given.
    assert_eq!(seen, [(S::SignInRequired, vec![K::Busy; 8]), (S::Connected, vec![K::Busy; 7])]);
    assert_eq!(rig.records.all().iter().filter(|record| record.event == "observer.panicked").count(), 2);
    // Neither the threads of the library nor this one remember any of it.
    rig.expire();
    account.acquire_token_silent().unwrap();
    assert_eq!(office.accounts().unwrap().len(), 1);
}

/// Waits in its event until it is let go.
struct Slow(Mutex<mpsc::Receiver<()>>);

impl AccountObserver for Slow {
    fn on_event(&self, _: &AccountEvent) {
        self.0.lock().unwrap().recv_timeout(Duration::from_secs(20)).ok();
    }
}

/// An observer that does not return costs the callers that wait a second or two, and neither an answer nor a later caller's time.
#[test]
fn an_observer_that_hangs_does_not_hang_the_callers() {
    let rig = Rig::new();
    let (let_go, held) = mpsc::channel();
    let office = rig.open_for(Arc::new(Slow(Mutex::new(held))));
    let account = rig.connected(&office);
    rig.control.change_password(MEGAN).unwrap();
    rig.expire();
    let started = Instant::now();
    for outcome in together(10, || account.acquire_token_silent()) {
        refused(outcome, K::InteractionRequired, "ReauthRequired");
    }
    let hurried = account.with(CallOptions { timeout_ms: Some(5000), cancel: None });
    refused(hurried.acquire_token_silent(), K::InteractionRequired, "ReauthRequired");
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
    let_go.send(()).unwrap();
}

/// A grant beyond reading that another program, which allows it, has stored: this one may not use it, and says so.
#[test]
fn what_the_configuration_bars_is_told_and_shown() {
    let rig = Rig::new();
    let (office, account, watcher) = watched(&rig);
    let tolerant = rig.open_with(|config| config.allow_excess_scopes = true);
    rig.tokens(|tokens| tokens.extra_scopes = vec!["Mail.Send".to_owned()]);
    rig.expire();
    tolerant.account(&account.id()).unwrap().acquire_token_silent().unwrap();
    refused(account.acquire_token_silent(), K::ConsentExceedsReadOnly, "OverPrivileged");
    assert_eq!(told(&watcher, &account), [(E::NeedsAdministrator, S::BlockedByPolicy)]);
    let since = account.state().since;
    rig.advance(60);
    assert_eq!((reports(&office)[0].detail.as_str(), reports(&office)[0].since), ("OverPrivileged", since));
    // The administrator takes it back, and the other program is the first to notice.
    rig.tokens(|_| {});
    rig.expire();
    tolerant.account(&account.id()).unwrap().acquire_token_silent().unwrap();
    account.acquire_token_silent().unwrap();
    assert_eq!(told(&watcher, &account), [(E::WellAgain, S::Connected)]);
}

/// An account of another configuration is shown as what its calls answer, with no event: so it was found.
#[test]
fn an_account_of_another_configuration_needs_its_person() {
    let rig = Rig::new();
    let id = rig.connected(&rig.open()).id();
    for (tenant, client, detail, kind) in [
        (FABRIKAM, None, "TenantNotAllowed", K::WrongAccount),
        ("organizations", Some("99999999-0000-4aaa-9bbb-666666666666"), "OtherConfiguration", K::InteractionRequired),
    ] {
        let office = rig.open_with(|config| {
            tenant.clone_into(&mut config.tenant);
            config.client_id = client.map_or_else(|| config.client_id.clone(), str::to_owned);
        });
        let account = office.account(&id).unwrap();
        let report = account.state();
        assert_eq!((report.state, report.detail.as_str(), report.who_acts), (S::SignInRequired, detail, Actor::User));
        assert!(!report.next_step(Language::English).is_empty());
        refused(account.acquire_token_silent(), kind, detail);
        assert_eq!((reports(&office), rig.watcher.take().len()), (vec![report], 0));
    }
}

/// A store that cannot be written, before or after a refusal: it is told once, and so is its end, however often the store is asked.
#[test]
fn s_12_what_cannot_be_stored_is_told_once_all_the_same() {
    for stored in [false, true] {
        let rig = Rig::new();
        let (_office, account, watcher) = watched(&rig);
        rig.control.revoke_tenant("northwind").unwrap();
        rig.expire();
        let disk = Connection::open(rig.config().store_path).unwrap();
        if !stored {
            fill(&disk);
        }
        for _ in 0..2 {
            refused(account.acquire_token_silent(), K::AdminConsentRequired, "AdminConsentRequired");
        }
        assert_eq!(told(&watcher, &account), [(E::NeedsAdministrator, S::ConsentRequired)]);
        if stored {
            fill(&disk);
        }
        rig.control.approve("northwind").unwrap();
        rig.advance(121);
        let token = account.acquire_token_silent().unwrap();
        assert_eq!((token.is_persisted(), told(&watcher, &account)), (false, vec![(E::WellAgain, S::Connected)]));
        disk.execute_batch("DROP INDEX full").unwrap();
        rig.expire();
        assert!(account.acquire_token_silent().unwrap().is_persisted());
        assert_eq!(told(&watcher, &account), []);
    }
}

/// From here on no newer generation of the account can be written: its entry in this index would overflow.
fn fill(disk: &Connection) {
    let least: i64 = disk.query_row("SELECT -9223372036854775807 + generation FROM account", [], |row| row.get(0)).unwrap();
    disk.execute_batch(&format!("CREATE INDEX full ON account (abs({least} - generation))")).unwrap();
}

/// A damaged row needs its person, who connects again; a row that comes back whole is well again.
#[test]
fn a_damaged_row_is_told_and_so_is_its_repair() {
    let rig = Rig::new();
    let (office, account, watcher) = watched(&rig);
    rig.control.clear_log().unwrap();
    let file = Connection::open(rig.config().store_path).unwrap();
    let whole: Vec<u8> = file.query_row("SELECT credentials FROM account", [], |row| row.get(0)).unwrap();
    let mut damaged = whole.clone();
    damaged[40] ^= 1;
    file.execute("UPDATE account SET credentials = ?1", [&damaged]).unwrap();
    rig.expire();
    refused(account.acquire_token_silent(), K::StorageDamaged, "StoreTampered");
    assert!(office.accounts().unwrap().is_empty());
    refused(office.account(&account.id()), K::StorageDamaged, "StoreTampered");
    assert_eq!(told(&watcher, &account), [(E::NeedsPerson, S::SignInRequired)]);
    file.execute("UPDATE account SET credentials = ?1", [&whole]).unwrap();
    assert_eq!(reports(&office)[0].state, S::Connected);
    assert_eq!(told(&watcher, &account), [(E::WellAgain, S::Connected)]);
    account.acquire_token_silent().unwrap();
}
