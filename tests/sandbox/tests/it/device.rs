//! The device flow.

use intail_office365_sandbox::Consent;
use serde_json::Value;

use crate::client::{Answer, Rig, SCOPES, encode, robot};

const USER: &str = "megan@northwind.example";

fn begin(rig: &Rig) -> Value {
    let form = encode(&[("client_id", rig.control.client_id()), ("scope", SCOPES.to_owned())]);
    rig.post("/organizations/oauth2/v2.0/devicecode", &form, &[]).json()
}

fn poll(rig: &Rig, code: &str) -> Answer {
    let grant = "urn:ietf:params:oauth:grant-type:device_code";
    rig.token("organizations", &[("grant_type", grant), ("device_code", code)])
}

#[test]
fn a_device_is_let_in_by_a_person() {
    let rig = Rig::new();
    let started = begin(&rig);
    let sample: Value = serde_json::from_str(include_str!("../../data/devicecode_success.json")).unwrap();
    assert_eq!(started.as_object().unwrap().keys().collect::<Vec<_>>(), sample.as_object().unwrap().keys().collect::<Vec<_>>());
    let device_code = started["device_code"].as_str().unwrap();
    let pending = poll(&rig, device_code);
    assert_eq!((pending.status, pending.problem().0, pending.problem().2), (400, "authorization_pending".into(), 70_016));
    let person = robot(USER).user_code(started["user_code"].as_str().unwrap());
    let visit = person.browse(started["verification_uri"].as_str().unwrap());
    assert_eq!(visit.pages, ["device-code", "login", "device-done"]);
    let tokens = poll(&rig, device_code);
    assert_eq!(rig.me(&tokens.text("access_token")).text("userPrincipalName"), USER);
    assert_eq!(poll(&rig, device_code).problem().0, "bad_verification_code");
}

#[test]
fn a_person_may_decline() {
    let rig = Rig::new();
    for consent in [Consent::CancelSignIn, Consent::Decline] {
        let started = begin(&rig);
        let person = robot("bianca@fabrikam.example").consent(consent);
        let visit = person.user_code(started["user_code"].as_str().unwrap()).browse(started["verification_uri"].as_str().unwrap());
        assert_eq!(visit.page, "device-declined", "{consent:?}");
        let answer = poll(&rig, started["device_code"].as_str().unwrap());
        assert_eq!(answer.text("error"), "authorization_declined");
    }
}

#[test]
fn o_23_codes_expire_and_wrong_ones_are_refused() {
    let rig = Rig::new();
    let started = begin(&rig);
    let page = started["verification_uri"].as_str().unwrap();
    let wrong = robot(USER).user_code("WRONGCODE").browse(page);
    assert!(wrong.text.contains("AADSTS70018"));
    rig.control.advance_clock(901).unwrap();
    assert_eq!(poll(&rig, started["device_code"].as_str().unwrap()).problem().2, 70_019);
    let late = robot(USER).user_code(started["user_code"].as_str().unwrap()).browse(page);
    assert!(late.text.contains("AADSTS70019"));
    rig.control.set_public_flows(false).unwrap();
    assert_eq!(begin(&rig)["error_codes"][0], 7_000_218);
}
