//! The sandbox against `msal`, the client that Microsoft's own platform is made for: what it takes for an answer of the real
//! service is one.

use crate::partner::Partner;
use intail_office365_sandbox::{
    AppPresence, ConditionalAccess, Consent, Control, LogEntry, Person, Sandbox, SandboxOptions, TokenSettings, Visit,
};
use serde_json::{Map, Value, json};

const CONTOSO: &str = "11111111-aaaa-4bbb-8ccc-222222222222";
const FABRIKAM: &str = "22222222-aaaa-4bbb-8ccc-333333333333";
const ADELE: &str = "adele@contoso.example";
const SCOPES: [&str; 3] = ["User.Read", "Mail.ReadBasic", "Calendars.Read"];

/// An approved organisation, and msal with an application of its own.
struct Rig {
    sandbox: Sandbox,
    msal: Partner,
    folder: tempfile::TempDir,
}

impl Rig {
    /// `None` where this machine cannot have msal, which tests/setup.sh has said.
    fn start(tenant: &str) -> Option<Self> {
        let msal = Partner::start("PYTHON", "msal_client.py", &[])?;
        let sandbox = Sandbox::start(SandboxOptions::default()).unwrap();
        sandbox.control().approve("contoso").unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("ca.pem"), sandbox.ca_pem()).unwrap();
        let rig = Self { sandbox, msal, folder };
        let opened = rig.open(tenant, &json!(false));
        assert!(opened["token_endpoint"].as_str().unwrap().starts_with(&rig.https()), "{opened}");
        Some(rig)
    }

    fn open(&self, tenant: &str, instance_discovery: &Value) -> Value {
        self.open_at(&self.https(), tenant, instance_discovery)
    }

    fn open_at(&self, host: &str, tenant: &str, instance_discovery: &Value) -> Value {
        self.msal.ask(&json!({
            "do": "open", "client_id": self.control().client_id(), "authority": format!("{host}/{tenant}"),
            "ca": self.folder.path().join("ca.pem").to_string_lossy(), "instance_discovery": instance_discovery,
        }))
    }

    fn control(&self) -> Control {
        self.sandbox.control()
    }

    fn https(&self) -> String {
        self.sandbox.https_authority().unwrap()
    }

    /// The browser's part of a sign-in. It speaks plain HTTP, to the same sandbox.
    fn visit(&self, person: &Person) -> (Value, Visit) {
        let begun = self.msal.ask(&json!({"do": "begin", "scopes": SCOPES, "login_hint": ADELE}));
        let url = begun["auth_uri"].as_str().unwrap().replace(&self.https(), &self.sandbox.authority());
        let visit = person.clone().deliver(false).browse(&url);
        (answer_of(&visit), visit)
    }

    fn sign_in(&self) -> Value {
        let (answer, _) = self.visit(&Person::new(ADELE));
        let result = self.complete(&answer);
        assert!(result["access_token"].is_string(), "{result}");
        result
    }

    fn complete(&self, answer: &Value) -> Value {
        self.msal.ask(&json!({"do": "complete", "answer": answer}))
    }

    fn silent(&self) -> Value {
        self.msal.ask(&json!({"do": "silent", "scopes": SCOPES}))
    }

    fn refreshed(&self) -> Value {
        self.msal.ask(&json!({"do": "silent", "scopes": SCOPES, "force": true}))
    }

    fn token_requests(&self) -> Vec<LogEntry> {
        self.control().log_of("/oauth2/v2.0/token")
    }
}

/// Code and PKCE, `nonce` and `client_info`; then the token comes from msal's own cache, and by force from the refresh token.
#[test]
fn msal_signs_in_and_acquires_tokens_silently() {
    for tenant in [CONTOSO, "organizations"] {
        let Some(rig) = Rig::start(tenant) else { return };
        let signed_in = rig.sign_in();
        assert_is_adele(&rig, &signed_in);
        let asked = rig.token_requests().len();
        let cached = rig.silent();
        assert_eq!((&cached["access_token"], &cached["token_source"]), (&signed_in["access_token"], &json!("cache")));
        assert_eq!(rig.token_requests().len(), asked, "nobody was asked");
        let forced = rig.refreshed();
        assert_eq!(forced["token_source"], "identity_provider", "{forced}");
        assert_ne!(forced["access_token"], signed_in["access_token"]);
        let request = rig.token_requests().pop().unwrap();
        assert_eq!((request.value("grant_type"), request.scheme.as_str()), (Some("refresh_token"), "https"));
        assert_eq!(rig.silent()["access_token"], forced["access_token"]);
    }
}

/// A token that is about to expire is refreshed without being asked to.
#[test]
fn msal_refreshes_before_expiry() {
    let Some(rig) = Rig::start(CONTOSO) else { return };
    rig.control().set_tokens(TokenSettings { lifetime: Some(200), ..TokenSettings::default() }).unwrap();
    let signed_in = rig.sign_in();
    rig.control().set_tokens(TokenSettings::default()).unwrap();
    let renewed = rig.silent();
    assert_ne!(renewed["access_token"], signed_in["access_token"]);
    assert_eq!(rig.silent()["access_token"], renewed["access_token"], "and kept");
}

/// msal finds the tenant's endpoints by the sandbox's own instance discovery, and is told of a host or tenant that is none.
#[test]
fn msal_discovers_the_authority() {
    let Some(rig) = Rig::start(CONTOSO) else { return };
    let instance = json!(format!("{}/common/discovery/instance", rig.https()));
    for tenant in [CONTOSO, "organizations"] {
        let endpoint = format!("{}/{tenant}/oauth2/v2.0/token", rig.https());
        assert_eq!(rig.open(tenant, &instance)["token_endpoint"], endpoint);
    }
    let elsewhere = rig.open_at(&rig.https().replace("localhost", "127.0.0.1"), CONTOSO, &instance);
    assert!(elsewhere["refused"].as_str().unwrap().starts_with("invalid_instance"), "{elsewhere}");
    assert_eq!(rig.open(FABRIKAM, &json!(false))["tenant"], FABRIKAM);
    let unknown = rig.open("99999999-aaaa-4bbb-8ccc-222222222222", &json!(false));
    assert!(unknown["refused"].as_str().unwrap().contains("check your tenant name"), "{unknown}");
}

/// What the person refused, and a code that was used before, in the members that msal passes on.
#[test]
fn msal_is_told_why_not() {
    let Some(rig) = Rig::start(FABRIKAM) else { return };
    let (answer, visit) = rig.visit(&Person::new("bianca@fabrikam.example").consent(Consent::Decline));
    assert!(visit.saw("consent"), "{visit:?}");
    let declined = rig.complete(&answer);
    assert_eq!(declined["error"], "access_denied", "{declined}");
    assert!(declined["error_description"].as_str().unwrap().starts_with("AADSTS65004"), "{declined}");
    let (answer, _) = rig.visit(&Person::new("bianca@fabrikam.example"));
    assert!(rig.complete(&answer)["access_token"].is_string());
    let replayed = rig.complete(&answer);
    assert_eq!((&replayed["error"], &replayed["error_codes"]), (&json!("invalid_grant"), &json!([54005])), "{replayed}");
}

/// FACTS 2.3 and 2.4: a refused refresh as msal classifies it.
#[test]
fn msal_classifies_refusals() {
    let Some(rig) = Rig::start(CONTOSO) else { return };
    rig.sign_in();
    let refusal = |error: &str, code: u32, suberror: Value, classification: Value| {
        let refused = rig.refreshed();
        let told = (&refused["error"], &refused["error_codes"], &refused["suberror"], &refused["classification"]);
        assert_eq!(told, (&json!(error), &json!([code]), &suberror, &classification), "{refused}");
        assert!(refused["error_description"].as_str().unwrap().starts_with(&format!("AADSTS{code}:")));
        for member in ["timestamp", "trace_id", "correlation_id"] {
            assert!(refused[member].is_string(), "{member}: {refused}");
        }
        refused
    };
    rig.control().revoke_tenant("contoso").unwrap();
    refusal("invalid_grant", 65001, json!("consent_required"), json!("consent_required"));
    rig.control().approve("contoso").unwrap();
    assert!(rig.refreshed()["access_token"].is_string(), "the same refresh token works after the approval");
    rig.control().set_conditional_access("contoso", ConditionalAccess::Mfa).unwrap();
    let extra = refusal("invalid_grant", 50076, json!("basic_action"), json!("basic_action"));
    let claims: Value = serde_json::from_str(extra["claims"].as_str().expect("a JSON text, not an object")).unwrap();
    assert!(claims["access_token"].is_object(), "{claims}");
    rig.control().set_conditional_access("contoso", ConditionalAccess::None).unwrap();
    rig.control().set_app_presence("contoso", AppPresence::Disabled).unwrap();
    refusal("unauthorized_client", 7_000_112, Value::Null, Value::Null);
    rig.control().set_app_presence("contoso", AppPresence::Available).unwrap();
    // msal keeps `bad_token` to itself.
    rig.control().revoke_sessions(ADELE).unwrap();
    refusal("invalid_grant", 50173, json!("bad_token"), json!(""));
    assert!(rig.sign_in()["access_token"].is_string(), "signing in again mends it");
    rig.control().expire_refresh_tokens().unwrap();
    refusal("invalid_grant", 700_082, json!("bad_token"), json!(""));
}

/// A claims challenge reaches the token endpoint, merged with the capability, past a token that is still good.
#[test]
fn msal_passes_a_claims_challenge() {
    let Some(rig) = Rig::start(CONTOSO) else { return };
    let before = rig.sign_in();
    let challenge = r#"{"access_token":{"nbf":{"essential":true,"value":"1657834417"}}}"#;
    let after = rig.msal.ask(&json!({"do": "silent", "scopes": SCOPES, "claims": challenge}));
    assert!(after["access_token"].is_string() && after["access_token"] != before["access_token"], "{after}");
    let request = rig.token_requests().pop().unwrap();
    let sent: Value = serde_json::from_str(request.value("claims").unwrap()).unwrap();
    assert_eq!(
        (&sent["access_token"]["nbf"]["value"], &sent["access_token"]["xms_cc"]["values"]),
        (&json!("1657834417"), &json!(["CP1"]))
    );
    assert!(after["expires_in"].as_i64().unwrap() > 20 * 3600, "tokens under continuous access evaluation live long: {after}");
}

/// RFC 8628 as msal polls it: pending, granted, and the person's no.
#[test]
fn msal_signs_in_with_a_device_code() {
    let Some(rig) = Rig::start(CONTOSO) else { return };
    let code = || rig.msal.ask(&json!({"do": "begin_device", "scopes": SCOPES}));
    let poll = |begun: &Value| rig.msal.ask(&json!({"do": "poll_device", "user_code": begun["user_code"]}));
    let enter = |begun: &Value, person: Person| {
        let page = begun["verification_uri"].as_str().unwrap().replace(&rig.https(), &rig.sandbox.authority());
        person.user_code(begun["user_code"].as_str().unwrap()).browse(&page)
    };
    let begun = code();
    assert!(begun["message"].as_str().unwrap().contains(begun["user_code"].as_str().unwrap()), "{begun}");
    let pending = poll(&begun);
    assert_eq!((&pending["error"], &pending["error_codes"]), (&json!("authorization_pending"), &json!([70016])), "{pending}");
    enter(&begun, Person::new(ADELE));
    let granted = poll(&begun);
    assert_is_adele(&rig, &granted);
    assert_eq!(rig.silent()["access_token"], granted["access_token"]);
    let declined = code();
    let visit = enter(&declined, Person::new(ADELE).consent(Consent::CancelSignIn));
    assert!(!visit.pages.is_empty());
    assert_eq!(poll(&declined)["error"], "authorization_declined");
}

/// The account as msal keeps it: home account from `client_info`, the rest from the `id_token`.
fn assert_is_adele(rig: &Rig, result: &Value) {
    let adele = rig.control().user(ADELE).unwrap();
    let oid = &adele.object_ids[CONTOSO];
    let claims = &result["id_token_claims"];
    assert_eq!((&claims["tid"], &claims["oid"], &claims["ver"]), (&json!(CONTOSO), &json!(oid), &json!("2.0")), "{result}");
    assert_eq!(claims["iss"], format!("{}/{CONTOSO}/v2.0", rig.https()));
    let accounts = rig.msal.ask(&json!({"do": "accounts"}));
    let expected = json!([{
        "username": ADELE, "home_account_id": format!("{oid}.{CONTOSO}"), "local_account_id": oid, "environment": "localhost",
        "realm": accounts[0]["realm"],
    }]);
    assert_eq!(accounts, expected);
    let granted: Vec<&str> = result["scope"].as_str().unwrap().split(' ').collect();
    assert!(SCOPES.iter().all(|scope| granted.contains(scope)), "{granted:?}");
}

fn answer_of(visit: &Visit) -> Value {
    let parameters: Map<String, Value> = visit.answer.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
    assert!(parameters.contains_key("state"), "nothing came back: {visit:?}");
    Value::Object(parameters)
}
