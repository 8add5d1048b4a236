//! What happens in the organisation, and what each side sees of it (FACTS 15).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use intail_office365_sandbox::{AppPresence, Change, ConditionalAccess, Control};

use crate::client::{CLAIMS_CAE, Rig, SCOPES, robot};

const USER: &str = "bianca@fabrikam.example";

struct Event {
    name: &'static str,
    happen: fn(&Control),
    /// Error, suberror and number of the next refresh; empty when it works.
    refresh: (&'static str, &'static str, u64),
    /// Status of Graph with a continuous-access token that is still alive.
    cae: u16,
}

const EVENTS: [Event; 13] = [
    Event { name: "nothing", happen: |_| {}, refresh: ("", "", 0), cae: 200 },
    Event {
        name: "the user removes the grant",
        happen: |control| control.revoke_user(USER).unwrap(),
        refresh: ("invalid_grant", "consent_required", 65_001),
        cae: 200,
    },
    Event {
        name: "an administrator removes every grant",
        happen: |control| control.revoke_tenant("fabrikam").unwrap(),
        refresh: ("invalid_grant", "consent_required", 65_001),
        cae: 200,
    },
    Event {
        name: "an administrator disables the enterprise app",
        happen: |control| {
            control.set_app_presence("fabrikam", AppPresence::Disabled).unwrap();
        },
        refresh: ("unauthorized_client", "", 7_000_112),
        cae: 200,
    },
    Event {
        name: "the app leaves the directory",
        happen: |control| {
            control.set_app_presence("fabrikam", AppPresence::Absent).unwrap();
        },
        refresh: ("unauthorized_client", "", 700_016),
        cae: 200,
    },
    Event {
        name: "password change",
        happen: |control| control.change_password(USER).unwrap(),
        refresh: ("invalid_grant", "bad_token", 50_173),
        cae: 401,
    },
    Event {
        name: "sessions revoked",
        happen: |control| control.revoke_sessions(USER).unwrap(),
        refresh: ("invalid_grant", "bad_token", 50_173),
        cae: 401,
    },
    Event {
        name: "user disabled",
        happen: |control| control.set_user_disabled(USER, true).unwrap(),
        refresh: ("invalid_grant", "", 50_057),
        cae: 401,
    },
    Event {
        name: "user deleted",
        happen: |control| control.set_user_deleted(USER, true).unwrap(),
        refresh: ("invalid_grant", "", 50_034),
        cae: 401,
    },
    Event {
        name: "second factor required",
        happen: |control| {
            control.set_conditional_access("fabrikam", ConditionalAccess::Mfa).unwrap();
        },
        refresh: ("invalid_grant", "basic_action", 50_076),
        cae: 200,
    },
    Event {
        name: "location policy",
        happen: |control| {
            control.set_conditional_access("fabrikam", ConditionalAccess::Block).unwrap();
        },
        refresh: ("invalid_grant", "message_only", 53_003),
        cae: 401,
    },
    Event { name: "licence removed", happen: |control| control.remove_licence(USER).unwrap(), refresh: ("", "", 0), cae: 200 },
    Event {
        name: "ninety days unused",
        happen: |control| {
            control.change(Change::ExpireRefreshTokens { user: Some(USER.into()) }).unwrap();
        },
        refresh: ("invalid_grant", "bad_token", 700_082),
        cae: 200,
    },
];

#[test]
fn every_event_shows_as_the_table_says() {
    let rig = Rig::new();
    for event in EVENTS {
        rig.control.reset().unwrap();
        let plain = rig.connect(USER, &[]);
        let cae = rig.connect(USER, &[("claims", CLAIMS_CAE)]);
        (event.happen)(&rig.control);
        let status = |tokens: &serde_json::Value| rig.me(tokens["access_token"].as_str().unwrap()).status;
        let deleted = event.name == "user deleted";
        assert_eq!(status(&plain), if deleted { 404 } else { 200 }, "{}: a plain token lives until it expires", event.name);
        assert_eq!(status(&cae), event.cae, "{}: continuous access", event.name);
        let answer = rig.refresh(plain["refresh_token"].as_str().unwrap(), &[]);
        if event.refresh.2 == 0 {
            assert_eq!(answer.status, 200, "{}", event.name);
        } else {
            let (error, suberror, number) = answer.problem();
            assert_eq!((error.as_str(), suberror.as_str(), number), event.refresh, "{}", event.name);
        }
    }
}

#[test]
fn a_missing_second_factor_comes_with_claims_and_can_be_made_up_for() {
    let rig = Rig::new();
    let person = robot(USER);
    let before = rig.connect(USER, &[]);
    rig.control.set_conditional_access("fabrikam", ConditionalAccess::Mfa).unwrap();
    let refused = rig.refresh(before["refresh_token"].as_str().unwrap(), &[]);
    let claims = refused.text("claims");
    assert!(claims.contains("\"capolids\""), "{claims}");
    let visit = rig.sign_in(&person, "organizations", &[("claims", &claims)]);
    assert_eq!(visit.pages, ["login", "mfa"]);
    let tokens = rig.redeem("organizations", visit.answer("code").unwrap());
    assert_eq!(rig.refresh(&tokens.text("refresh_token"), &[]).status, 200);
    let stuck = rig.sign_in(&robot(USER).second_factor(false), "organizations", &[]);
    assert_eq!(stuck.page, "mfa");
}

#[test]
fn a_challenge_is_met_by_a_refresh() {
    let rig = Rig::new();
    let tokens = rig.connect(USER, &[("claims", CLAIMS_CAE)]);
    rig.control.cae_challenge(USER).unwrap();
    let refused = rig.me(tokens["access_token"].as_str().unwrap());
    assert_eq!(refused.status, 401);
    let header = &refused.headers["www-authenticate"];
    assert!(header.contains("error=\"insufficient_claims\""));
    let encoded = header.split("claims=\"").nth(1).unwrap().split('"').next().unwrap();
    let claims = String::from_utf8(STANDARD.decode(encoded).unwrap()).unwrap();
    assert!(claims.contains("\"nbf\""));
    let merged = r#"{"access_token":{"xms_cc":{"values":["cp1"]},"nbf":{"essential":true,"value":"1"}}}"#;
    let fresh = rig.refresh(tokens["refresh_token"].as_str().unwrap(), &[("claims", merged)]);
    assert_eq!(rig.me(&fresh.text("access_token")).status, 200);
}

#[test]
fn new_scopes_wait_for_consent_and_approval_heals() {
    let rig = Rig::new();
    let tokens = rig.connect(USER, &[]);
    let refresh_token = tokens["refresh_token"].as_str().unwrap();
    let more = format!("{SCOPES} Mail.Read");
    assert_eq!(rig.refresh(refresh_token, &[("scope", &more)]).problem().2, 65_001);
    rig.control.revoke_tenant("fabrikam").unwrap();
    assert_eq!(rig.refresh(refresh_token, &[]).problem().2, 65_001);
    rig.control.approve("fabrikam").unwrap();
    assert_eq!(rig.refresh(refresh_token, &[]).status, 200);
}

#[test]
fn time_passes_for_tokens() {
    let rig = Rig::new();
    let tokens = rig.connect(USER, &[]);
    rig.control.advance_clock(5_400).unwrap();
    assert_eq!(rig.me(tokens["access_token"].as_str().unwrap()).status, 401);
    let refresh_token = tokens["refresh_token"].as_str().unwrap();
    let renewed = rig.refresh(refresh_token, &[]).text("refresh_token");
    rig.control.advance_clock(89 * 86_400).unwrap();
    assert_eq!(rig.refresh(&renewed, &[]).status, 200);
    rig.control.advance_clock(2 * 86_400).unwrap();
    assert_eq!(rig.refresh(refresh_token, &[]).problem().2, 700_082);
}
