//! The decision table of a refused refresh, and what happens in an organisation, as the account shows it (FACTS 14 and 15).

use crate::rig::{MEGAN, Rig, refused};
use intail_office365::{AccountState as S, Actor, ErrorKind as K};
use intail_office365_sandbox::{AppPresence, Change, ConditionalAccess, Control, ControlError, Endpoint, Fault};
use serde_json::json;
use std::{collections::BTreeMap, thread, time::Duration};

/// One row: what the service says, what becomes of the account, whether it is asked again after the pause.
type Row = (&'static str, Option<&'static str>, &'static [u32], S, K, &'static str, bool);

const SIGN_IN: (S, K, &str) = (S::SignInRequired, K::InteractionRequired, "ReauthRequired");
const ROWS: &[Row] = &[
    row("invalid_grant", Some("bad_token"), &[], SIGN_IN, false),
    row("invalid_grant", None, &[9_002_313], SIGN_IN, false),
    row("invalid_grant", None, &[70_000], SIGN_IN, false),
    row("invalid_grant", None, &[700_082], SIGN_IN, false),
    row("invalid_grant", Some("bad_token"), &[70_008], SIGN_IN, false),
    row("invalid_grant", Some("basic_action"), &[50_173], SIGN_IN, false),
    row("invalid_grant", None, &[50_133], SIGN_IN, false),
    row("invalid_grant", Some("token_expired"), &[70_043], SIGN_IN, false),
    row("invalid_grant", Some("client_mismatch"), &[], SIGN_IN, false),
    row("invalid_grant", Some("user_password_expired"), &[50_055], PASSWORD, false),
    row("invalid_grant", None, &[50_057], SIGN_IN, false),
    row("invalid_grant", Some("consent_required"), &[65_001], CONSENT, true),
    row("invalid_grant", Some("basic_action"), &[50_076], EXTRA, false),
    row("interaction_required", None, &[50_079], EXTRA, false),
    row("invalid_grant", Some("additional_action"), &[53_000], DEVICE, true),
    row("invalid_grant", Some("additional_action"), &[53_002], POLICY, true),
    row("invalid_grant", Some("message_only"), &[53_003], POLICY, true),
    row("invalid_grant", Some("device_authentication_failed"), &[], DEVICE, true),
    row("invalid_grant", Some("protection_policy_required"), &[], POLICY, true),
    row("unauthorized_client", None, &[700_016], UNAVAILABLE, true),
    row("unauthorized_client", None, &[7_000_112], UNAVAILABLE, true),
    row("invalid_client", None, &[7_000_218], CONFIG, true),
    row("invalid_request", None, &[90_009], CONFIG, true),
    row("invalid_scope", None, &[70_011], CONFIG, true),
    row("invalid_resource", None, &[500_011], CONFIG, true),
    row("something_else", None, &[99_999], (S::TechnicalError, K::Service, "ProviderError"), true),
];
const CONSENT: (S, K, &str) = (S::ConsentRequired, K::AdminConsentRequired, "AdminConsentRequired");
const EXTRA: (S, K, &str) = (S::ExtraStepRequired, K::InteractionRequired, "InteractionRequired");
const POLICY: (S, K, &str) = (S::BlockedByPolicy, K::AccessDenied, "BlockedByPolicy");
const DEVICE: (S, K, &str) = (S::BlockedByPolicy, K::AccessDenied, "DeviceNotAccepted");
const PASSWORD: (S, K, &str) = (S::SignInRequired, K::InteractionRequired, "PasswordExpired");
const UNAVAILABLE: (S, K, &str) = (S::AppUnavailable, K::AccessDenied, "AppUnavailable");
const CONFIG: (S, K, &str) = (S::Misconfigured, K::Misconfigured, "ConfigError");

const fn row(
    error: &'static str,
    suberror: Option<&'static str>,
    codes: &'static [u32],
    (state, kind, detail): (S, K, &'static str),
    asks_again: bool,
) -> Row {
    (error, suberror, codes, state, kind, detail, asks_again)
}

/// T-16: every row of the table, over the wire: the state, its error, and whether the service is asked again.
#[test]
fn t_16_every_row_of_the_decision_table() {
    let rig = Rig::new();
    let office = rig.open();
    let mut id = None;
    for (error, suberror, codes, state, kind, detail, asks_again) in ROWS {
        let row = format!("{error} {suberror:?} {codes:?}");
        let account = rig.connected(&office);
        // Connecting again brings the same account back to life.
        assert_eq!(
            (id.get_or_insert(account.id()).as_str(), account.state().state),
            (account.id().as_str(), S::Connected),
            "{row}"
        );
        rig.expire();
        rig.control.clear_log().unwrap();
        rig.control.add_fault(Fault::token_error(error, *suberror, codes, None).times(1)).unwrap();
        let failure = refused(account.acquire_token_silent(), *kind, detail);
        let code = codes.first().map(|code| format!("AADSTS{code}"));
        assert_eq!(failure.service_code(), code.as_deref(), "{row}");
        assert!(failure.client_request_id().is_some(), "{row}");
        let report = account.state();
        assert_eq!((report.state, report.detail.as_str(), report.service_code), (*state, *detail, code), "{row}");
        assert_eq!((report.who_acts, report.who_acts == Actor::Nobody), (failure.who_acts(), false), "{row}");

        // At once nobody is asked, whatever the state; after the pause only where somebody else may have acted.
        refused(account.acquire_token_silent(), *kind, detail);
        assert_eq!(rig.refreshes(), 1, "{row}");
        rig.advance(121);
        let later = account.acquire_token_silent();
        assert_eq!((later.is_ok(), rig.refreshes()), (*asks_again, 1 + usize::from(*asks_again)), "{row}");
        let expected = if *asks_again { S::Connected } else { *state };
        assert_eq!(account.state().state, expected, "{row}");
    }
}

/// The state is in the store: a restart neither forgets it nor asks.
#[test]
fn t_16_a_refusal_survives_a_restart() {
    let rig = Rig::new();
    let office = rig.open();
    let account = rig.connected(&office);
    rig.expire();
    rig.control.add_fault(Fault::token_error("invalid_grant", Some("bad_token"), &[700_082], None).times(1)).unwrap();
    refused(account.acquire_token_silent(), K::InteractionRequired, "ReauthRequired");
    let report = account.state();
    office.close();
    let reopened = rig.open().account(&account.id()).unwrap();
    assert_eq!(reopened.state(), report);
    let error = refused(reopened.acquire_token_silent(), K::InteractionRequired, "ReauthRequired");
    assert_eq!(error.service_code(), Some("AADSTS700082"));
    assert_eq!(rig.refreshes(), 1);
}

/// The claims of a refusal are asked for by the next sign-in of that account, and no longer afterwards.
#[test]
fn t_16_claims_of_a_refusal_reach_the_next_sign_in() {
    let rig = Rig::new();
    let office = rig.open();
    let account = rig.connected(&office);
    rig.expire();
    let claims = json!({"access_token": {"capolids": {"essential": true, "values": ["p"]}}}).to_string();
    let fault = Fault::token_error("invalid_grant", Some("basic_action"), &[50_076], Some(&claims));
    rig.control.add_fault(fault.times(1)).unwrap();
    refused(account.acquire_token_silent(), K::InteractionRequired, "InteractionRequired");
    let again = intail_office365::ConnectOptions { expected_account: Some(account.id()), ..Default::default() };
    rig.sign_in_with(&office, MEGAN, &again).unwrap();
    for path in ["/oauth2/v2.0/authorize", "/oauth2/v2.0/token"] {
        let last = rig.control.log_of(path).into_iter().rfind(|entry| entry.has("claims")).unwrap();
        assert!(last.value("claims").unwrap().contains("capolids"), "{path}");
    }
    assert!(!office.begin_connect(&again).unwrap().url.contains("capolids"));
}

/// What passes by itself changes nothing: throttled, unavailable, and pages where an answer should be.
#[test]
fn t_16_passing_failures_leave_the_account_connected() {
    let retry_after = |seconds: &str| BTreeMap::from([("retry-after".to_owned(), seconds.to_owned())]);
    let at = |status: u16| Fault { status: Some(status), ..Fault::at(Endpoint::Token, "passing") };
    for (fault, kind, detail, tries) in [
        (Fault { headers: retry_after("1"), ..at(429) }, K::Throttled, "Throttled", 1),
        (Fault { headers: retry_after("1"), ..at(503) }, K::Service, "ServiceUnavailable", 1),
        (Fault { body: Some(json!("<html>needle</html>")), ..at(400) }, K::Service, "TokenResponseInvalid", 1),
        (Fault { body: Some(json!({"error": "temporarily_unavailable"})), ..at(400) }, K::Service, "ServiceUnavailable", 1),
        (
            Fault { body: Some(json!({"error": "invalid_grant", "suberror": "bad_token"})), ..at(500) },
            K::Service,
            "ServiceUnavailable",
            3,
        ),
    ] {
        let rig = Rig::new();
        let office = rig.open();
        let account = rig.connected(&office);
        rig.expire();
        rig.control.add_fault(fault).unwrap();
        let error = refused(account.acquire_token_silent(), kind, detail);
        assert!(error.is_retryable());
        let again = refused(account.acquire_token_silent(), kind, detail);
        assert_eq!((again.retry_after(), rig.refreshes()), (Some(1), tries), "{detail}");
        assert_eq!(account.state().state, S::Connected);
        rig.control.clear_faults().unwrap();
        thread::sleep(Duration::from_millis(1100));
        account.acquire_token_silent().unwrap();
    }
}

/// FACTS 15: what happens in the organisation, and the state, error and code of the next silent refresh; none where it works.
struct Event {
    name: &'static str,
    happen: fn(&Control) -> Result<(), ControlError>,
    expected: Option<((S, K, &'static str), &'static str)>,
}

const fn event(
    name: &'static str,
    happen: fn(&Control) -> Result<(), ControlError>,
    expected: Option<((S, K, &'static str), &'static str)>,
) -> Event {
    Event { name, happen, expected }
}

const EVENTS: [Event; 14] = [
    event("nothing", |_| Ok(()), None),
    event("the grant is removed", |control| control.revoke_tenant("northwind"), Some((CONSENT, "AADSTS65001"))),
    event(
        "the enterprise app is disabled",
        |control| control.set_app_presence("northwind", AppPresence::Disabled),
        Some((UNAVAILABLE, "AADSTS7000112")),
    ),
    event(
        "the app is deleted",
        |control| control.set_app_presence("northwind", AppPresence::Absent),
        Some((UNAVAILABLE, "AADSTS700016")),
    ),
    event("password change", |control| control.change_password(MEGAN), Some((SIGN_IN, "AADSTS50173"))),
    event("sessions revoked", |control| control.revoke_sessions(MEGAN), Some((SIGN_IN, "AADSTS50173"))),
    event("user disabled", |control| control.set_user_disabled(MEGAN, true), Some((SIGN_IN, "AADSTS50057"))),
    event("user deleted", |control| control.set_user_deleted(MEGAN, true), Some((SIGN_IN, "AADSTS50034"))),
    event(
        "MFA policy",
        |control| control.set_conditional_access("northwind", ConditionalAccess::Mfa),
        Some((EXTRA, "AADSTS50076")),
    ),
    event(
        "location policy",
        |control| control.set_conditional_access("northwind", ConditionalAccess::Block),
        Some((POLICY, "AADSTS53003")),
    ),
    event(
        "device policy",
        |control| control.set_conditional_access("northwind", ConditionalAccess::Device),
        Some((DEVICE, "AADSTS53000")),
    ),
    event("licence removed", |control| control.remove_licence(MEGAN), None),
    event("90 days unused", |control| control.advance_clock(91 * 86_400), Some((SIGN_IN, "AADSTS700082"))),
    event(
        "refresh tokens expired",
        |control| control.change(Change::ExpireRefreshTokens { user: None }),
        Some((SIGN_IN, "AADSTS700082")),
    ),
];

/// Nobody notices while the token is alive; the next refresh tells.
#[test]
fn life_cycle_events_and_the_next_silent_refresh() {
    for event in EVENTS {
        let rig = Rig::new();
        let office = rig.open();
        let account = rig.connected(&office);
        (event.happen)(&rig.control).unwrap();
        account.acquire_token_silent().unwrap();
        rig.expire();
        let outcome = account.acquire_token_silent();
        let Some(((state, kind, detail), code)) = event.expected else {
            outcome.unwrap_or_else(|error| panic!("{}: {error}", event.name));
            continue;
        };
        let error = refused(outcome, kind, detail);
        assert_eq!((account.state().state, error.service_code()), (state, Some(code)), "{}", event.name);
        assert_eq!(account.state().service_code.as_deref(), Some(code), "{}", event.name);
    }
}

/// FACTS 15, last row: a scope is added to the app; without a consent for it the old account waits for one.
#[test]
fn life_cycle_a_new_scope_needs_a_new_consent() {
    let rig = Rig::new();
    let office = rig.open();
    let account = rig.connected(&office);
    office.close();
    rig.expire();
    let office = rig.open_with(|config| config.scopes.push("Mail.Read".to_owned()));
    let account = office.account(&account.id()).unwrap();
    // What was granted before still works; the new permission is named as missing.
    account.acquire_token_silent().unwrap();
    assert_eq!((account.state().state, account.scopes().missing), (S::Connected, vec![intail_office365::Scope::MailRead]));
    rig.control.approve_scopes("northwind", &["User.Read", "Mail.ReadBasic", "Mail.Read", "Calendars.Read"]).unwrap();
    rig.expire();
    account.acquire_token_silent().unwrap();
    assert!(account.scopes().missing.is_empty() && account.scopes().allows(intail_office365::Scope::MailRead));
    // Withdrawn altogether, nothing works.
    rig.control.revoke_tenant("northwind").unwrap();
    rig.expire();
    refused(account.acquire_token_silent(), K::AdminConsentRequired, "AdminConsentRequired");
}
