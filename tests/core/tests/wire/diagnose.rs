//! The report for support: what is wrong is in it, and nothing about a person.

use crate::{needles::Needles, rig::Rig};
use intail_office365::{
    AccountState, Actor, CheckKind, Clock, Diagnosis, Hooks, HostKey, KeyProvider, Language, Office365, Result, Scope,
};
use intail_office365_sandbox::{Endpoint, Fault};
use std::{fs, sync::Arc};

fn wrong(diagnosis: &Diagnosis) -> Vec<(CheckKind, &str)> {
    diagnosis.checks.iter().filter_map(|check| Some((check.kind, check.error.as_ref()?.detail()))).collect()
}

#[test]
fn a_healthy_installation_is_well_and_its_report_names_nobody() {
    let rig = Rig::new();
    let office = rig.open();
    rig.connected(&office);
    rig.control.clear_log().unwrap();
    let diagnosis = office.diagnose().unwrap();
    assert!(diagnosis.is_well() && diagnosis.checks.len() == 6, "{:?}", diagnosis.checks);
    assert_eq!(
        (diagnosis.accounts, diagnosis.accounts_in_need, diagnosis.clock_ahead.map(|ahead| ahead.abs() < 60)),
        (1, 0, Some(true))
    );
    assert_eq!((diagnosis.redirect_uri.as_str(), diagnosis.uses_proxy), ("http://localhost", false));
    assert!(diagnosis.missing_scopes.is_empty() && diagnosis.scopes.contains(&Scope::CalendarsRead));
    for language in [Language::English, Language::German] {
        let report = diagnosis.report(language);
        assert_eq!(Needles::of(&rig.sandbox).found_in(&report), Vec::<&str>::new());
        assert!(report.contains("sign-in service: ok") && report.contains(&rig.control.client_id()), "{report}");
    }
    let asked = rig.sent();
    assert_eq!(asked.len(), 2, "each host once");
    assert!(asked.iter().all(|entry| entry.method == "GET" && !entry.headers.contains_key("authorization")));
}

/// A key provider that gives nothing any more.
struct Locked(HostKey, std::sync::atomic::AtomicBool);

impl KeyProvider for Locked {
    fn wrap(&self, key_id: u32, key: &[u8]) -> Result<Vec<u8>> {
        self.0.wrap(key_id, key)
    }

    fn unwrap(&self, key_id: u32, wrapped: &[u8]) -> Result<Vec<u8>> {
        if self.1.load(std::sync::atomic::Ordering::SeqCst) {
            return Err(intail_office365::Error::key_unavailable());
        }
        self.0.unwrap(key_id, wrapped)
    }
}

#[derive(Debug)]
struct Fast;

impl Clock for Fast {
    fn now(&self) -> i64 {
        4_000_000_000
    }
}

#[test]
fn each_thing_that_is_wrong_is_named_with_what_helps() {
    let rig = Rig::new();
    let keys = Arc::new(Locked(HostKey::new(&[7; 32]).unwrap(), false.into()));
    let hooks = Hooks { clock: Some(Arc::new(Fast)), ..rig.hooks() };
    let office = Office365::open(rig.config(), keys.clone(), hooks).unwrap();
    keys.1.store(true, std::sync::atomic::Ordering::SeqCst);
    rig.control
        .add_fault(Fault { status: Some(302), redirect: Some("https://evil.example/".into()), ..Fault::at(Endpoint::Me, "r") })
        .unwrap();
    let diagnosis = office.diagnose().unwrap();
    assert_eq!(
        wrong(&diagnosis),
        [(CheckKind::Key, "KeyUnavailable"), (CheckKind::Graph, "RedirectRefused"), (CheckKind::Clock, "ClockWrong")]
    );
    assert!(diagnosis.clock_ahead.unwrap() > 300 && !diagnosis.is_well());
    assert!(diagnosis.report(Language::English).contains("Let this device set its time by itself"));
}

#[test]
fn unreachable_hosts_and_a_missing_store_are_findings_and_no_failure() {
    let mut rig = Rig::new();
    let office = rig.open();
    rig.connected(&office);
    rig.go_offline();
    fs::rename(rig.folder.path().join("office365.db"), rig.folder.path().join("away")).unwrap();
    let diagnosis = office.diagnose().unwrap();
    let wrong = wrong(&diagnosis);
    assert_eq!(
        wrong.iter().map(|(kind, _)| *kind).collect::<Vec<_>>()[..],
        [CheckKind::Files, CheckKind::Key, CheckKind::Accounts, CheckKind::SignIn, CheckKind::Graph]
    );
    assert_eq!((wrong[0].1, wrong[3].1, wrong[4].1), ("StoreMoved", "NetworkUnavailable", "NetworkUnavailable"));
    assert_eq!(diagnosis.clock_ahead, None);
}

/// Support reads which accounts cannot be used and why, with the service's own code explained, and of whom it is not.
#[test]
fn accounts_in_need_are_counted_by_their_cause() {
    let rig = Rig::new();
    let office = rig.open();
    let account = rig.connected(&office);
    rig.expire();
    rig.control.add_fault(Fault::token_error("invalid_grant", Some("additional_action"), &[53_000], None)).unwrap();
    assert_eq!(account.acquire_token_silent().unwrap_err().detail(), "DeviceNotAccepted");
    let diagnosis = office.diagnose().unwrap();
    let need = &diagnosis.needs[0];
    assert_eq!(
        (need.state, need.detail.as_str(), need.who_acts, need.accounts),
        (AccountState::BlockedByPolicy, "DeviceNotAccepted", Actor::User, 1)
    );
    assert_eq!((diagnosis.needs.len(), diagnosis.accounts_in_need), (1, 1));
    let report = diagnosis.report(Language::English);
    assert!(report.contains("[AADSTS53000], acts: User | The organisation asks for a device"), "{report}");
    assert_eq!(Needles::of(&rig.sandbox).found_in(&report), Vec::<&str>::new());
}
