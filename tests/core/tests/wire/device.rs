//! Signing in with a code on another device (cases O-23, O-24).

use crate::rig::{ADELE, MEGAN, Rig, failed, refused};
use intail_office365::{Account, ConnectOptions, DeviceCode, ErrorKind, Office365};
use intail_office365_sandbox::{Consent, Endpoint, Fault, Person};
use serde_json::json;

const GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";

fn begun(rig: &Rig) -> (Office365, DeviceCode) {
    let office = rig.open_with(|config| config.allow_device_code = true);
    let code = office.begin_device_connect(&ConnectOptions::default()).unwrap();
    (office, code)
}

fn on_the_other_device(rig: &Rig, person: Person, code: &DeviceCode) -> String {
    let visit = person.user_code(&code.user_code).browse(&code.verification_uri);
    let _ = rig;
    visit.page
}

/// Waits out the interval, then polls.
fn poll(rig: &Rig, office: &Office365, code: &DeviceCode, seconds: i64) -> intail_office365::Result<Option<Account>> {
    rig.advance(seconds);
    office.poll_device_connect(&code.handle).map(|poll| poll.account)
}

#[test]
fn o_24_the_device_flow_is_off_by_default() {
    let rig = Rig::new();
    refused(rig.open().begin_device_connect(&ConnectOptions::default()), ErrorKind::InvalidArgument, "FlowDisabled");
    assert!(rig.sent().is_empty());
}

/// O-23: the whole way, and the service is asked no more often than it wants.
#[test]
fn o_23_a_device_connects_and_the_interval_is_kept() {
    let rig = Rig::new();
    let (office, code) = begun(&rig);
    assert!(code.verification_uri.starts_with(&rig.sandbox.authority()) && code.interval == 5);
    // The first poll is not due yet, nor are many more.
    for _ in 0..20 {
        let poll = office.poll_device_connect(&code.handle).unwrap();
        assert!(poll.account.is_none() && (1..=5).contains(&poll.retry_in));
    }
    assert_eq!(rig.token_requests(GRANT), 0);
    rig.advance(5);
    for _ in 0..20 {
        assert!(office.poll_device_connect(&code.handle).unwrap().account.is_none());
    }
    assert_eq!(rig.token_requests(GRANT), 1);
    on_the_other_device(&rig, Person::new(MEGAN), &code);
    let account = poll(&rig, &office, &code, 5).unwrap().expect("connected");
    assert_eq!((rig.token_requests(GRANT), account.info().username.as_deref()), (2, Some(MEGAN)));
    account.acquire_token_silent().unwrap();
    refused(office.poll_device_connect(&code.handle), ErrorKind::TimedOut, "DeviceCodeExpired");
    assert_eq!(rig.token_requests(GRANT), 2);
}

/// O-23: every `slow_down` adds five seconds, up to a minute.
#[test]
fn o_23_slow_down_is_obeyed() {
    let rig = Rig::new();
    let (office, code) = begun(&rig);
    rig.control.add_fault(Fault { ..Fault::token_error("slow_down", None, &[], None) }).unwrap();
    for interval in [10, 15, 20, 25, 30, 35, 40, 45, 50, 55, 60, 60, 60] {
        rig.advance(i64::from(interval).min(60));
        assert_eq!(office.poll_device_connect(&code.handle).unwrap().retry_in, interval);
    }
    let asked = rig.token_requests(GRANT);
    rig.advance(59);
    assert_eq!((office.poll_device_connect(&code.handle).unwrap().retry_in, rig.token_requests(GRANT)), (1, asked));
}

/// O-23: declined, run out, and not approved.
#[test]
fn o_23_the_ends_of_a_device_flow() {
    let rig = Rig::new();
    rig.control.set_consent_policy("northwind", intail_office365_sandbox::ConsentPolicy::Legacy).unwrap();
    rig.control.revoke_tenant("northwind").unwrap();
    let (office, code) = begun(&rig);
    on_the_other_device(&rig, Person::new(MEGAN).consent(Consent::Decline), &code);
    let error = refused(poll(&rig, &office, &code, 5), ErrorKind::ConsentDeclined, "ConsentDenied");
    assert!(error.admin_approval().is_some());
    refused(office.poll_device_connect(&code.handle), ErrorKind::TimedOut, "DeviceCodeExpired");

    let code = office.begin_device_connect(&ConnectOptions::default()).unwrap();
    assert_eq!(on_the_other_device(&rig, Person::new(ADELE), &code), "need-admin-approval");
    assert!(poll(&rig, &office, &code, 5).unwrap().is_none());
    refused(poll(&rig, &office, &code, 901), ErrorKind::TimedOut, "DeviceCodeExpired");
    refused(office.poll_device_connect("nothing"), ErrorKind::TimedOut, "DeviceCodeExpired");
    assert!(office.accounts().unwrap().is_empty());
}

/// O-23: a page of somebody else is never shown to the person.
#[test]
fn o_23_the_page_for_the_code_is_checked() {
    let rig = Rig::new();
    let office = rig.open_with(|config| config.allow_device_code = true);
    for page in [
        "https://evil.example/devicelogin",
        "http://microsoft.com/devicelogin",
        "javascript:alert(1)",
        "https://microsoft.com/devicelogin",
    ] {
        let body =
            json!({"user_code": "ABCDEFGHI", "device_code": "d", "verification_uri": page, "expires_in": 900, "interval": 5});
        rig.control.add_fault(Fault { body: Some(body), ..Fault::at(Endpoint::DeviceCode, "page") }.times(1)).unwrap();
        let error = failed(office.begin_device_connect(&ConnectOptions::default()));
        assert_eq!(error.kind(), ErrorKind::Untrusted, "{page}: {error}");
    }
}

/// A failing service does not end the flow, and a restart in between neither.
#[test]
fn a_device_flow_survives_failures_and_a_restart() {
    let rig = Rig::new();
    let (office, code) = begun(&rig);
    rig.control.add_fault(Fault { status: Some(503), ..Fault::at(Endpoint::Token, "down") }.times(1)).unwrap();
    refused(poll(&rig, &office, &code, 5), ErrorKind::Service, "ServiceUnavailable");
    on_the_other_device(&rig, Person::new(MEGAN), &code);
    office.close();
    let office = rig.open_with(|config| config.allow_device_code = true);
    assert!(poll(&rig, &office, &code, 5).unwrap().is_some());
}

/// Public client flows are switched off in the registration: the developer is told.
#[test]
fn a_registration_without_public_flows_is_misconfigured() {
    let rig = Rig::new();
    rig.control.set_public_flows(false).unwrap();
    let office = rig.open_with(|config| config.allow_device_code = true);
    refused(office.begin_device_connect(&ConnectOptions::default()), ErrorKind::Misconfigured, "ConfigError");
}
