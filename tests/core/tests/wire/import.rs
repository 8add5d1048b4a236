//! Importing accounts: what is sent and what is not, who is believed, and what is reported.

use crate::{
    rig::{ADELE, CONTOSO, FABRIKAM, MEGAN, NILS, NORTHWIND, Rig, refused},
    scan,
};
use intail_office365::{
    AccountState, CallOptions, CancelToken, ConsentStatus, ErrorKind, ImportReport, ImportSource, LeftReason, Office365,
};
use intail_office365_sandbox::{Endpoint, Fault};
use serde_json::{Value, json};
use std::{fs, thread, time::Duration};

impl Rig {
    /// A file with this cache of msal.
    fn saved(&self, cache: &Value) -> ImportSource {
        let path = self.folder.path().join("msal_cache.json");
        fs::write(&path, cache.to_string()).unwrap();
        ImportSource::msal(path.to_str().unwrap())
    }

    /// Imports, and looks for secrets in the report.
    fn import(&self, office: &Office365, cache: &Value) -> ImportReport {
        let report = office.import_accounts(&self.saved(cache)).unwrap();
        let errors =
            report.refused.iter().map(|refused| &refused.error).chain(report.left.iter().filter_map(|left| left.error.as_ref()));
        for text in errors.map(|error| format!("{error} {error:?}")).chain([format!("{report:?}")]) {
            assert_eq!(scan::secret_in(&text), None, "in the report: {text}");
        }
        report
    }

    /// Imports one account that must be refused, and says with what; nothing is kept of it.
    fn refusal(&self, office: &Office365, cache: &Value) -> (ErrorKind, &'static str) {
        let report = self.import(office, cache);
        let [refused] = report.refused.as_slice() else { panic!("{report:?}") };
        assert!(report.imported.is_empty() && report.left.is_empty() && office.accounts().unwrap().is_empty(), "{report:?}");
        (refused.error.kind(), refused.error.detail())
    }
}

/// Changes every entry of a cache.
fn with(mut cache: Value, name: &str, value: &Value) -> Value {
    for section in ["Account", "RefreshToken"] {
        for entry in cache[section].as_object_mut().unwrap().values_mut() {
            entry[name] = value.clone();
        }
    }
    cache
}

fn reasons(report: &ImportReport) -> Vec<LeftReason> {
    report.left.iter().map(|left| left.reason).collect()
}

#[test]
fn an_account_is_imported_as_if_it_had_connected() {
    let rig = Rig::new();
    let office = rig.open();
    let report = rig.import(&office, &rig.control.msal_cache(&[MEGAN, NILS]));
    assert_eq!((report.imported.len(), report.refused.len(), report.left.len(), rig.refreshes()), (2, 0, 0, 2));
    let account = office.account(&report.imported[0].account_id).unwrap();
    assert_eq!((account.state().state, account.info().tenant_id.as_str()), (AccountState::Connected, NORTHWIND));
    assert!(account.info().display_name.is_some() && account.scopes().missing.is_empty());
    assert_eq!(office.check_consent(None).unwrap().status, ConsentStatus::WorksForAccount);
    for entry in rig.control.log_of("/oauth2/v2.0/token") {
        assert!(entry.value("scope").unwrap().contains("openid"), "without it nobody would be proved");
    }
    // As after any sign-in: the token is kept, a later one is had silently, another process finds the account.
    rig.expire();
    assert!(account.acquire_token_silent().unwrap().is_persisted());
    assert_eq!(rig.refreshes(), 3);
    office.close();
    assert_eq!(rig.open().accounts().unwrap().len(), 2);
}

/// Tokens that are good for one use, and a service that sends no new one.
#[test]
fn the_newer_refresh_token_is_kept_or_else_the_old_one() {
    for strict in [true, false] {
        let rig = Rig::new();
        rig.tokens(|tokens| (tokens.strict_rotation, tokens.omit_refresh_token_on_refresh) = (strict, !strict));
        let office = rig.open();
        let report = rig.import(&office, &rig.control.msal_cache(&[MEGAN]));
        rig.expire();
        let account = office.account(&report.imported[0].account_id).unwrap();
        account.acquire_token_silent().unwrap();
    }
}

/// What another program got for another registration, or from another service, is shown to nobody.
#[test]
fn what_is_not_ours_is_refused_unsent() {
    let rig = Rig::new();
    let office = rig.open();
    let cache = || rig.control.msal_cache(&[MEGAN]);
    let other = "99999999-0000-4aaa-9bbb-666666666666";
    let connect = ErrorKind::InteractionRequired;
    for (cache, detail) in [
        (with(cache(), "client_id", &json!(other)), "ImportOtherClient"),
        (with(cache(), "client_id", &json!("no GUID needle")), "ImportOtherClient"),
        (with(cache(), "environment", &json!("login.microsoftonline.com")), "ImportOtherAuthority"),
        (with(cache(), "environment", &json!("login.microsoftonline.us")), "ImportOtherAuthority"),
        (with(cache(), "environment", &json!("localhost.evil.example")), "ImportOtherAuthority"),
        (with(cache(), "environment", &json!("evil.example/localhost")), "ImportOtherAuthority"),
        (with(cache(), "environment", &json!("localhost@evil.example")), "ImportOtherAuthority"),
    ] {
        assert_eq!(rig.refusal(&office, &cache), (connect, detail), "{cache}");
    }
    assert_eq!(rig.sent().len(), 0, "nothing at all was asked");
    let report = rig.import(&office, &with(cache(), "client_id", &json!(other.to_uppercase())));
    assert_eq!(report.refused[0].error.what(), Some(other), "a developer sees which registration it was");
    // The twin: the same cache, unchanged, is sent and taken.
    assert_eq!(rig.import(&office, &cache()).imported.len(), 1);
    assert_eq!(rig.refreshes(), 1);
}

#[test]
fn organisations_that_are_not_accepted_are_refused_unsent() {
    let rig = Rig::new();
    let of_megan = || rig.control.msal_cache(&[MEGAN]);
    let open = |name: &str, tenant: &str, allowed: &[&str]| {
        rig.open_with(|config| {
            config.store_path = rig.folder.path().join(name).to_string_lossy().into_owned();
            config.tenant = tenant.to_owned();
            config.allowed_tenants = allowed.iter().map(|tenant| (*tenant).to_owned()).collect();
        })
    };
    let wrong = (ErrorKind::WrongAccount, "TenantNotAllowed");
    assert_eq!(rig.refusal(&open("1", CONTOSO, &[]), &of_megan()), wrong);
    assert_eq!(rig.refusal(&open("2", "contoso.example", &[]), &of_megan()), wrong);
    assert_eq!(rig.refusal(&open("3", "organizations", &[CONTOSO, FABRIKAM]), &of_megan()), wrong);
    let unknown = json!(format!("{0}.{0}", "99999999-aaaa-4bbb-8ccc-222222222222"));
    let nowhere = with(of_megan(), "home_account_id", &unknown);
    assert_eq!(rig.refusal(&open("4", "organizations", &[]), &nowhere), (ErrorKind::InteractionRequired, "ImportOtherAuthority"));
    assert_eq!(rig.refreshes(), 0);
    for (name, tenant, allowed) in
        [("5", NORTHWIND, &[][..]), ("6", "northwind.example", &[]), ("7", "organizations", &[NORTHWIND])]
    {
        assert_eq!(rig.import(&open(name, tenant, allowed), &of_megan()).imported.len(), 1, "{tenant}");
    }
}

/// A guest is somebody else in each organisation: taken where the cache saw them, and refused where it did not.
#[test]
fn a_guest_is_imported_where_they_were_seen() {
    let rig = Rig::new();
    rig.control.approve("fabrikam").unwrap();
    let office = rig.open_with(|config| config.tenant = FABRIKAM.to_owned());
    let cache = rig.control.msal_cache(&[ADELE]);
    assert_eq!(rig.refusal(&office, &cache), (ErrorKind::WrongAccount, "TenantNotAllowed"));
    let oid = rig.control.user(ADELE).unwrap().object_ids[FABRIKAM].clone();
    let seen = with(with(cache, "realm", &json!(FABRIKAM)), "local_account_id", &json!(oid));
    let report = rig.import(&office, &seen);
    let info = office.account(&report.imported[0].account_id).unwrap().info();
    assert_eq!((info.tenant_id.as_str(), info.object_id), (FABRIKAM, oid));
}

/// The file says whose token it is; the service says whose it really is.
#[test]
fn a_token_of_somebody_else_is_refused() {
    let rig = Rig::new();
    let office = rig.open();
    let (mut cache, of_nils) = (rig.control.msal_cache(&[MEGAN]), rig.control.refresh_token(NILS).unwrap());
    for entry in cache["RefreshToken"].as_object_mut().unwrap().values_mut() {
        entry["secret"] = json!(of_nils);
    }
    assert_eq!(rig.refusal(&office, &cache), (ErrorKind::WrongAccount, "WrongAccount"));
    assert_eq!(rig.refreshes(), 1);
}

#[test]
fn what_the_service_refuses_is_that_accounts_error() {
    let rig = Rig::new();
    let office = rig.open();
    let cache = || rig.control.msal_cache(&[MEGAN]);
    let revoked = cache();
    rig.control.revoke_sessions(MEGAN).unwrap();
    assert_eq!(rig.refusal(&office, &revoked), (ErrorKind::InteractionRequired, "ReauthRequired"));
    assert_eq!(
        rig.refusal(&office, &with(cache(), "secret", &json!("never issued"))),
        (ErrorKind::InteractionRequired, "ReauthRequired")
    );
    rig.control.revoke_tenant("northwind").unwrap();
    let report = rig.import(&office, &cache());
    assert_eq!(report.refused[0].error.detail(), "AdminConsentRequired");
    assert!(report.refused[0].error.admin_approval().is_some());
    rig.control.approve("northwind").unwrap();
    rig.tokens(|tokens| tokens.extra_scopes = vec!["Mail.ReadWrite".to_owned()]);
    assert_eq!(rig.refusal(&office, &cache()), (ErrorKind::ConsentExceedsReadOnly, "OverPrivileged"));
    rig.tokens(|tokens| tokens.remove = vec!["id_token".to_owned()]);
    assert_eq!(rig.refusal(&office, &cache()), (ErrorKind::Untrusted, "IdTokenMissing"));
    rig.tokens(|_| {});
    // One refused account costs the others nothing.
    let mut mixed = rig.control.msal_cache(&[MEGAN, NILS]);
    let first = mixed["RefreshToken"].as_object_mut().unwrap().values_mut().next().unwrap();
    first["secret"] = json!("never issued");
    let report = rig.import(&office, &mixed);
    assert_eq!((report.imported.len(), report.refused.len(), report.left.len()), (1, 1, 0));
}

#[test]
fn an_account_that_is_connected_keeps_its_newer_tokens() {
    let rig = Rig::new();
    let office = rig.open();
    let account = rig.connected(&office);
    let cache = rig.control.msal_cache(&[MEGAN]);
    let report = rig.import(&office, &cache);
    assert_eq!((reasons(&report), report.left[0].account_id.clone()), (vec![LeftReason::AlreadyConnected], Some(account.id())));
    assert_eq!(rig.refreshes(), 0);
    // Without tokens of its own it is mended by the import, and stays the same account.
    rig.expire();
    rig.control.add_fault(Fault::token_error("invalid_grant", Some("bad_token"), &[50_173], None).times(1)).unwrap();
    refused(account.acquire_token_silent(), ErrorKind::InteractionRequired, "ReauthRequired");
    let report = rig.import(&office, &cache);
    assert_eq!(report.imported[0].account_id, account.id());
    assert_eq!((account.state().state, office.accounts().unwrap().len()), (AccountState::Connected, 1));
    account.acquire_token_silent().unwrap();
}

/// Without network one account is tried and all are left; the same call takes them later.
#[test]
fn without_network_everything_is_left_for_later() {
    let mut rig = Rig::new();
    rig.control.approve("contoso").unwrap();
    let office = rig.open();
    let cache = rig.control.msal_cache(&[MEGAN, NILS, ADELE]);
    // The description of the first organisation is known, so that the token endpoint is what cannot be reached.
    rig.control.add_fault(Fault { reset: true, ..Fault::at(Endpoint::Token, "down") }).unwrap();
    let report = rig.import(&office, &cache);
    assert_eq!(reasons(&report), [LeftReason::TryLater; 3]);
    assert!(report.left.iter().all(|left| left.error.as_ref().unwrap().kind() == ErrorKind::Network));
    assert_eq!(rig.refreshes(), 1, "the others are not tried");
    rig.control.clear_faults().unwrap();
    rig.control.add_fault(Fault { status: Some(503), ..Fault::at(Endpoint::Token, "busy") }.times(1)).unwrap();
    assert_eq!(reasons(&rig.import(&office, &cache)), [LeftReason::TryLater; 3]);
    rig.control.add_fault(Fault { status: Some(500), ..Fault::at(Endpoint::Keys, "no keys") }).unwrap();
    assert_eq!(reasons(&rig.import(&office, &cache)), [LeftReason::TryLater; 3], "the proof could not be checked");
    rig.control.clear_faults().unwrap();
    assert_eq!(rig.import(&office, &cache).imported.len(), 3);
    let other = rig.open_other("offline.db");
    rig.go_offline();
    assert_eq!(reasons(&rig.import(&other, &cache)), [LeftReason::TryLater; 3]);
}

/// Between two accounts the caller may go: what was done is reported, and stays.
#[test]
fn a_cancel_or_a_deadline_on_the_way_reports_what_was_done() {
    for cancels in [true, false] {
        let rig = Rig::new();
        rig.control.approve("contoso").unwrap();
        let office = rig.open();
        let cache = rig.control.msal_cache(&[MEGAN, NILS, ADELE]);
        let slow = Fault { delay_ms: 20_000, skip: 1, ..Fault::at(Endpoint::Token, "slow") };
        rig.control.add_fault(slow).unwrap();
        let cancel = CancelToken::new();
        let timeout_ms = if cancels { 60_000 } else { 5_000 };
        let hurried = office.with(CallOptions { timeout_ms: Some(timeout_ms), cancel: Some(cancel.clone()) });
        let source = rig.saved(&cache);
        let report = thread::scope(|scope| {
            let import = scope.spawn(|| hurried.import_accounts(&source).unwrap());
            for _ in 0..1_000 {
                if !office.accounts().unwrap().is_empty() {
                    break;
                }
                thread::sleep(Duration::from_millis(10));
            }
            if cancels {
                cancel.cancel();
            }
            import.join().unwrap()
        });
        assert_eq!((report.imported.len(), report.refused.len(), reasons(&report)), (1, 0, vec![LeftReason::TryLater; 2]));
        let kind = if cancels { ErrorKind::Cancelled } else { ErrorKind::TimedOut };
        assert!(report.left.iter().all(|left| left.error.as_ref().unwrap().kind() == kind), "{report:?}");
        assert_eq!(office.accounts().unwrap().len(), 1);
        office.account(&report.imported[0].account_id).unwrap().acquire_token_silent().unwrap();
    }
}

#[test]
fn calls_that_cannot_begin() {
    let rig = Rig::new();
    let office = rig.open();
    let source = rig.saved(&rig.control.msal_cache(&[MEGAN]));
    let cancel = CancelToken::new();
    cancel.cancel();
    let cancelled = office.with(CallOptions { timeout_ms: None, cancel: Some(cancel) });
    refused(cancelled.import_accounts(&source), ErrorKind::Cancelled, "OperationCancelled");
    refused(office.import_accounts(&ImportSource::msal("/nowhere/needle")), ErrorKind::InvalidArgument, "ImportUnreadable");
    office.close();
    refused(office.import_accounts(&source), ErrorKind::Closed, "HandleClosed");
    assert_eq!(rig.refreshes(), 0);
}

/// A thousand that the service refuses, and one that it takes.
#[test]
fn a_thousand_accounts() {
    let rig = Rig::new();
    let office = rig.open();
    let mut cache = rig.control.msal_cache(&[MEGAN]);
    let entry = cache["RefreshToken"].as_object().unwrap().values().next().unwrap().clone();
    for number in 0..1_000 {
        let mut other = entry.clone();
        other["home_account_id"] = json!(format!("{number:08x}-dddd-4eee-8fff-444444444444.{NORTHWIND}"));
        other["secret"] = json!(format!("1.AXkA-needle-{number}"));
        cache["RefreshToken"][number.to_string()] = other;
    }
    let report = rig.import(&office, &cache);
    assert_eq!((report.imported.len(), report.refused.len(), report.left.len(), rig.refreshes()), (1, 1_000, 0, 1_001));
    assert!(report.refused.iter().all(|refused| refused.error.detail() == "ReauthRequired"));
}
