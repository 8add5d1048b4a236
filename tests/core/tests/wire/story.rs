//! The administrator's and the user's story, from "not approved" to "withdrawn" and back.

use crate::rig::{ADELE, ALEX, CONTOSO, CONTOSO_ADMIN, FABRIKAM, MEGAN, NORTHWIND, Rig, TONI, hint, redirect, refused};
use intail_office365::{
    AccountState, Actor, CallOptions, Certainty, ConnectOptions, ConsentStatus, Error, ErrorKind, Language, Office365,
};
use intail_office365_sandbox::{Consent, Person};
use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};
use url::Url;

fn query(url: &str, name: &str) -> Option<String> {
    Url::parse(url).unwrap().query_pairs().find(|(found, _)| found == name).map(|(_, value)| value.into_owned())
}

fn impatient(office: &Office365) -> Office365 {
    office.with(CallOptions { timeout_ms: Some(600), cancel: None })
}

fn check_approval(error: &Error, certainty: Certainty, tenant: &str) {
    let approval = error.admin_approval().expect("the approval help");
    assert_eq!((approval.certainty, approval.tenant.as_deref()), (certainty, Some(tenant)));
    let path = Url::parse(&approval.url).unwrap().path().to_owned();
    assert_eq!(path, format!("/{tenant}/v2.0/adminconsent"));
    for language in [Language::English, Language::German] {
        let text = approval.text_to_forward(language);
        assert!(text.contains(&approval.url) && text.contains("Mail.ReadBasic"), "{text}");
    }
}

/// Microsoft shows "Need admin approval" and sends nothing back: the time-out says what is likely, and gives the link.
#[test]
fn o_13_a_time_out_says_that_an_approval_is_likely_missing() {
    let rig = Rig::new();
    rig.robot.is(Person::new(ADELE));
    let office = rig.open();
    let options = ConnectOptions { tenant: Some(CONTOSO.into()), ..hint(ADELE) };
    let error = refused(impatient(&office).connect(&options, None), ErrorKind::TimedOut, "LoginTimeout");
    check_approval(&error, Certainty::Likely, CONTOSO);
    assert!(rig.robot.visits()[0].saw("need-admin-approval"));
    assert!(office.accounts().unwrap().is_empty());
    assert_eq!(rig.redemptions(), 0);
    // Without a known tenant the link leads to whatever organisation the administrator belongs to.
    let error = refused(impatient(&office).connect(&hint(ADELE), None), ErrorKind::TimedOut, "LoginTimeout");
    let approval = error.admin_approval().unwrap();
    assert_eq!((approval.certainty, approval.tenant.as_deref()), (Certainty::Likely, None));
}

/// Cancel on the consent page and "an approval request was sent" look alike (65004): the library says that it does not know which.
#[test]
fn o_13_a_declined_consent_and_a_sent_request_are_ambiguous() {
    for (user, consent, page) in [(MEGAN, Consent::Decline, "consent"), (TONI, Consent::RequestApproval, "approval-sent")] {
        let rig = Rig::new();
        rig.control.revoke_tenant("northwind").unwrap();
        rig.control.set_consent_policy("northwind", intail_office365_sandbox::ConsentPolicy::Legacy).unwrap();
        rig.robot.is(Person::new(user).consent(consent));
        let office = rig.open();
        let error = refused(office.connect(&hint(user), None), ErrorKind::ConsentDeclined, "ConsentDenied");
        assert_eq!(error.service_code(), Some("AADSTS65004"));
        assert_eq!(error.admin_approval().unwrap().certainty, Certainty::Ambiguous);
        assert!(rig.robot.visits()[0].saw(page), "{page}");
        assert_eq!(rig.redemptions(), 0);
    }
}

#[test]
fn the_admin_link_asks_for_exactly_what_connect_asks_for() {
    let rig = Rig::new();
    rig.robot.is(Person::new(CONTOSO_ADMIN));
    let office = rig.open();
    office.admin_consent(CONTOSO, None).unwrap();
    rig.robot.is(Person::new(ADELE));
    office.connect(&hint(ADELE), None).unwrap();
    let scopes = |path: &str| -> BTreeSet<String> {
        let entry = rig.control.log_of(path).into_iter().find(|entry| entry.value("scope").is_some()).expect("a request");
        entry.value("scope").unwrap().split(' ').map(str::to_owned).collect()
    };
    let asked = scopes("/oauth2/v2.0/authorize");
    assert_eq!(asked, scopes("/v2.0/adminconsent"));
    assert_eq!(asked, scopes("/oauth2/v2.0/token"));
    let expected = ["openid", "profile", "email", "offline_access", "User.Read", "Mail.ReadBasic", "Calendars.Read"];
    assert_eq!(asked, expected.map(str::to_owned).into());
    let tenant = rig.control.tenant("contoso").unwrap();
    assert!(tenant.tenant_grant.is_superset(&["User.Read", "Mail.ReadBasic", "Calendars.Read"].map(str::to_owned).into()));
}

/// The whole way: unknown, answered, proved by a token, and the second person sees no consent page.
#[test]
fn an_approval_is_proved_by_a_token_of_that_tenant() {
    let rig = Rig::new();
    let office = rig.open();
    let known = || office.check_consent(Some(CONTOSO)).unwrap();
    assert_eq!((known().status, known().admin_answered_at, known().proved_at), (ConsentStatus::Unknown, None, None));

    rig.robot.is(Person::new(CONTOSO_ADMIN));
    let answer = office.admin_consent(CONTOSO, None).unwrap();
    assert_eq!((answer.claimed_tenant.as_deref(), answer.proved), (Some(CONTOSO), false));
    assert_eq!((known().status, known().proved_at), (ConsentStatus::Unknown, None));
    assert!(known().admin_answered_at.is_some());

    rig.robot.is(Person::new(ADELE));
    let adele = office.connect(&hint(ADELE), None).unwrap();
    assert_eq!((known().status, known().working_accounts), (ConsentStatus::Approved, vec![adele.id()]));
    assert!(known().proved_at.is_some());

    rig.robot.is(Person::new(ALEX));
    office.connect(&hint(ALEX), None).unwrap();
    for visit in rig.robot.visits().iter().skip(1) {
        assert!(visit.saw("login") && !visit.saw("consent"), "{:?}", visit.pages);
    }
    // Asking opened no browser and sent nothing.
    let (opened, sent) = (rig.robot.opened().len(), rig.sent().len());
    known();
    assert_eq!((rig.robot.opened().len(), rig.sent().len()), (opened, sent));
}

/// Works for this person alone is less than approved.
#[test]
fn a_persons_own_token_proves_nothing_about_the_organisation() {
    let rig = Rig::new();
    let office = rig.open();
    let account = rig.connected(&office);
    let report = office.check_consent(Some(NORTHWIND)).unwrap();
    assert_eq!((report.status, report.working_accounts), (ConsentStatus::WorksForAccount, vec![account.id()]));
    assert_eq!(office.check_consent(Some(CONTOSO)).unwrap().status, ConsentStatus::Unknown);
}

/// An approval in the admin center, without our link, is noticed by the next connect and by a probe that asks nobody.
#[test]
fn an_approval_in_the_admin_center_is_noticed() {
    let rig = Rig::new();
    let office = rig.open();
    let person = Person::new(ADELE);
    rig.robot.is(person.clone());
    let probe = ConnectOptions { no_prompt: true, ..hint(ADELE) };
    refused(impatient(&office).connect(&hint(ADELE), None), ErrorKind::TimedOut, "LoginTimeout");
    let error = refused(office.connect(&probe, None), ErrorKind::AdminConsentRequired, "AdminConsentRequired");
    assert_eq!(error.admin_approval().unwrap().certainty, Certainty::Likely);
    assert_eq!(error.service_code(), Some("AADSTS65001"));

    rig.control.approve("contoso").unwrap();
    let adele = office.connect(&probe, None).unwrap();
    assert_eq!(adele.state().state, AccountState::Connected);
    let visit = rig.robot.visits().pop().unwrap();
    assert!(visit.pages.iter().all(|page| page == "form-post"), "{:?}", visit.pages);

    rig.robot.is(Person::new(ALEX));
    office.connect(&hint(ALEX), None).unwrap();
    let authorize = rig.control.log_of("/oauth2/v2.0/authorize");
    assert!(authorize.iter().all(|entry| entry.value("prompt") != Some("consent")), "prompt=consent is never sent");
}

/// `prompt=none` in a browser where nobody is signed in: the person has to, and nothing is said about an approval.
#[test]
fn o_13_a_probe_without_a_session_asks_for_a_sign_in() {
    let rig = Rig::new();
    rig.robot.is(Person::new(MEGAN));
    let office = rig.open();
    let probe = ConnectOptions { no_prompt: true, ..ConnectOptions::default() };
    let error = refused(office.connect(&probe, None), ErrorKind::InteractionRequired, "InteractionRequired");
    assert!(error.admin_approval().is_none());
}

/// Withdrawn: the next refresh says so for certain, the refresh token stays, and after the pause the account works again.
#[test]
fn a_withdrawn_approval_is_certain_and_can_come_back() {
    let rig = Rig::new();
    rig.control.approve("contoso").unwrap();
    let office = rig.open();
    let adele = rig.sign_in(&office, ADELE).unwrap();
    rig.control.revoke_tenant("contoso").unwrap();
    adele.acquire_token_silent().unwrap();
    rig.expire();
    let error = refused(adele.acquire_token_silent(), ErrorKind::AdminConsentRequired, "AdminConsentRequired");
    check_approval(&error, Certainty::Certain, CONTOSO);
    assert_eq!((error.service_code(), error.who_acts()), (Some("AADSTS65001"), Actor::Administrator));
    assert!(error.request_id().is_some() && error.client_request_id().is_some());
    assert_eq!(adele.state().state, AccountState::ConsentRequired);
    assert_eq!(office.check_consent(Some(CONTOSO)).unwrap().status, ConsentStatus::NotApproved);

    // Within the pause nobody is asked, and the answer is the same.
    let error = refused(adele.acquire_token_silent(), ErrorKind::AdminConsentRequired, "AdminConsentRequired");
    check_approval(&error, Certainty::Certain, CONTOSO);
    assert_eq!(rig.refreshes(), 1);

    rig.control.approve("contoso").unwrap();
    rig.advance(121);
    adele.acquire_token_silent().unwrap();
    assert_eq!((adele.state().state, rig.refreshes()), (AccountState::Connected, 2));
    assert_eq!(office.check_consent(Some(CONTOSO)).unwrap().status, ConsentStatus::WorksForAccount);
}

/// O-14: the redirect of an approval is believed in nothing that it can forge.
#[test]
fn o_14_admin_redirects_are_parsed_strictly() {
    let rig = Rig::new();
    let office = rig.open();
    let request = office.begin_admin_consent(CONTOSO).unwrap();
    let complete = |query: String| office.complete_admin_consent(&format!("http://localhost?{query}"));
    let yes = format!("admin_consent=True&tenant={CONTOSO}");
    refused(complete(yes.clone()), ErrorKind::Untrusted, "CallbackStateMissing");
    refused(complete(format!("{yes}&state=forged")), ErrorKind::Untrusted, "CallbackStateMismatch");
    let sign_in = office.begin_connect(&ConnectOptions::default()).unwrap();
    refused(complete(format!("{yes}&state={}", sign_in.state)), ErrorKind::Untrusted, "CallbackStateMismatch");
    assert_eq!(office.check_consent(Some(CONTOSO)).unwrap().admin_answered_at, None);

    // An error wins over the rest of the answer, and uses the flow up.
    let declined = format!("{yes}&error=access_denied&error_description=AADSTS65004%3a+declined&state={}", request.state);
    let error = refused(complete(declined), ErrorKind::ConsentDeclined, "ConsentDenied");
    assert_eq!(error.admin_approval().unwrap().certainty, Certainty::Ambiguous);
    refused(complete(format!("{yes}&state={}", request.state)), ErrorKind::Untrusted, "CallbackReplayed");
    assert_eq!(office.check_consent(Some(CONTOSO)).unwrap().admin_answered_at, None);

    // Another tenant than the one that was asked for was put there by somebody.
    let request = office.begin_admin_consent(CONTOSO).unwrap();
    let forged = format!("admin_consent=True&tenant={FABRIKAM}&state={}", request.state);
    refused(complete(forged), ErrorKind::Untrusted, "CallbackStateMismatch");
    assert_eq!(office.check_consent(Some(FABRIKAM)).unwrap().admin_answered_at, None);
    // Where none was named the claim is noted, and proves nothing, whoever signs in elsewhere.
    let request = office.begin_admin_consent("organizations").unwrap();
    let claimed = complete(format!("admin_consent=True&tenant={FABRIKAM}&state={}", request.state)).unwrap();
    assert_eq!((claimed.claimed_tenant.as_deref(), claimed.proved), (Some(FABRIKAM), false));
    rig.connected(&office);
    assert_eq!(office.check_consent(Some(FABRIKAM)).unwrap().status, ConsentStatus::Unknown);
    assert_eq!(office.check_consent(Some(CONTOSO)).unwrap().status, ConsentStatus::Unknown);

    // Without a tenant, or with one that is none, there is nothing to note.
    for tenant in ["", "&tenant=x", "&tenant=%3Cscript%3E"] {
        let request = office.begin_admin_consent(CONTOSO).unwrap();
        let answer = complete(format!("admin_consent=True{tenant}&state={}", request.state)).unwrap();
        assert_eq!((answer.claimed_tenant, answer.proved), (None, false));
    }
    // A code where an approval was asked for is not redeemed.
    let request = office.begin_admin_consent(CONTOSO).unwrap();
    let redeemed = rig.redemptions();
    refused(complete(format!("code=x&state={}", request.state)), ErrorKind::Untrusted, "CallbackAmbiguous");
    assert_eq!(rig.redemptions(), redeemed);
}

/// An administrator who cancels, in the real browser flow.
#[test]
fn an_administrator_who_declines_leaves_nothing_behind() {
    let rig = Rig::new();
    rig.robot.is(Person::new(CONTOSO_ADMIN).consent(Consent::Decline));
    let office = rig.open();
    refused(office.admin_consent(CONTOSO, None), ErrorKind::ConsentDeclined, "ConsentDenied");
    assert_eq!(office.check_consent(Some(CONTOSO)).unwrap().admin_answered_at, None);
    assert!(rig.control.tenant("contoso").unwrap().tenant_grant.is_empty());
}

/// An approval link that was opened by hand, hours later, in a host that receives the redirect itself, after a restart.
#[test]
fn an_approval_survives_a_restart_in_between() {
    let rig = Rig::new();
    let office = rig.open();
    let request = office.begin_admin_consent(CONTOSO).unwrap();
    assert_eq!(query(&request.url, "state").as_deref(), Some(request.state.as_str()));
    let answer = redirect(CONTOSO_ADMIN, &request.url);
    office.close();
    rig.advance(3 * 3600);
    let office = rig.open();
    office.complete_admin_consent(&answer).unwrap();
    rig.sign_in(&office, ADELE).unwrap();
    assert_eq!(office.check_consent(Some(CONTOSO)).unwrap().status, ConsentStatus::Approved);
}

/// A person who closes the window is not waited for any longer than the call allows (O-20).
#[test]
fn o_20_a_closed_browser_ends_at_the_given_second() {
    let rig = Rig::new();
    let office = rig.open().with(CallOptions { timeout_ms: Some(1000), cancel: None });
    let started = Instant::now();
    refused(office.connect(&ConnectOptions::default(), None), ErrorKind::TimedOut, "LoginTimeout");
    let waited = started.elapsed();
    assert!(waited >= Duration::from_millis(950) && waited < Duration::from_millis(1700), "{waited:?}");
    let redirect_uri = query(&rig.robot.opened()[0], "redirect_uri").unwrap();
    let port = Url::parse(&redirect_uri).unwrap().port().unwrap();
    assert!(std::net::TcpStream::connect(("127.0.0.1", port)).is_err(), "the listener is gone");
}

/// A proof holds until the service says otherwise, also when the account that proved it is gone.
#[test]
fn a_withdrawn_approval_is_proved_no_more() {
    let rig = Rig::new();
    let office = rig.open();
    rig.robot.is(Person::new(CONTOSO_ADMIN));
    office.admin_consent(CONTOSO, None).unwrap();
    let adele = rig.sign_in(&office, ADELE).unwrap();
    let known = || office.check_consent(Some(CONTOSO)).unwrap();
    assert_eq!(known().status, ConsentStatus::Approved);
    rig.control.revoke_tenant("contoso").unwrap();
    rig.expire();
    refused(adele.acquire_token_silent(), ErrorKind::AdminConsentRequired, "AdminConsentRequired");
    assert_eq!((known().status, known().proved_at), (ConsentStatus::NotApproved, None));
    adele.disconnect().unwrap();
    assert_eq!(known().status, ConsentStatus::Unknown);
}
