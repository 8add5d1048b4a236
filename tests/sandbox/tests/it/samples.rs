//! Answers held against recorded and documented ones: the same members, the same names of errors.

use intail_office365_sandbox::{AppPresence, ConditionalAccess, Platform};
use serde_json::Value;

use crate::client::{Answer, CLAIMS_CAE, REDIRECT, Rig, SCOPES, VERIFIER, decode, robot};

const USER: &str = "megan@northwind.example";

fn members(document: &Value) -> Vec<String> {
    let mut names: Vec<String> = document.as_object().unwrap().keys().cloned().collect();
    names.sort();
    names
}

fn assert_like(answer: &Answer, sample: &str) {
    let sample: Value = serde_json::from_str(sample).unwrap();
    let found = answer.json();
    assert_eq!(members(&found), members(&sample), "{sample}");
    for name in ["error", "suberror", "error_codes"] {
        assert_eq!(found[name], sample[name], "{sample}");
    }
    let beginning = |text: &Value| text.as_str().unwrap().split(' ').take(4).collect::<Vec<_>>().join(" ");
    assert_eq!(beginning(&found["error_description"]), beginning(&sample["error_description"]));
}

#[test]
fn refusals_of_a_refresh_are_like_the_samples() {
    let rig = Rig::new();
    let tokens = rig.connect(USER, &[]);
    let token = tokens["refresh_token"].as_str().unwrap();
    let access = |policy| {
        rig.control.set_conditional_access("northwind", policy).unwrap();
    };
    access(ConditionalAccess::Mfa);
    assert_like(&rig.refresh(token, &[]), include_str!("../../data/token_error_50076_claims.json"));
    access(ConditionalAccess::Block);
    assert_like(&rig.refresh(token, &[]), include_str!("../../data/token_error_53003.json"));
    access(ConditionalAccess::None);
    assert_like(&rig.refresh(token, &[("scope", "")]), include_str!("../../data/token_error_90009.json"));
    assert_like(&rig.refresh(token, &[("scope", "x")]), include_str!("../../data/token_error_70011.json"));
    rig.control.set_app_presence("northwind", AppPresence::Absent).unwrap();
    assert_like(&rig.refresh(token, &[]), include_str!("../../data/token_error_700016.json"));
    rig.control.set_app_presence("northwind", AppPresence::Available).unwrap();
    rig.control.revoke_tenant("northwind").unwrap();
    assert_like(&rig.refresh(token, &[]), include_str!("../../data/token_error_65001.json"));
    rig.control.revoke_sessions(USER).unwrap();
    assert_like(&rig.refresh(token, &[]), include_str!("../../data/token_error_50173.json"));
    rig.control.expire_refresh_tokens().unwrap();
    assert_like(&rig.refresh(token, &[]), include_str!("../../data/token_error_700082.json"));
}

#[test]
fn refusals_of_a_code_are_like_the_samples() {
    let rig = Rig::new();
    let code = |uri: &str| {
        let visit = rig.sign_in(&robot(USER), "organizations", &[("redirect_uri", uri)]);
        visit.answer("code").unwrap().to_owned()
    };
    let used = code(REDIRECT);
    rig.redeem("organizations", &used);
    assert_like(&rig.redeem("organizations", &used), include_str!("../../data/token_error_54005.json"));
    let uri = "https://app.example/cb";
    for (platform, sample) in [
        (Platform::Web, include_str!("../../data/token_error_7000218.json")),
        (Platform::Spa, include_str!("../../data/token_error_9002327.json")),
    ] {
        rig.control.add_redirect_uri(uri, platform).unwrap();
        let code = code(uri);
        let fields = [
            ("grant_type", "authorization_code"),
            ("code", code.as_str()),
            ("redirect_uri", uri),
            ("code_verifier", VERIFIER),
            ("scope", SCOPES),
        ];
        assert_like(&rig.token("organizations", &fields), sample);
    }
}

#[test]
fn device_refusals_are_like_the_samples() {
    let rig = Rig::new();
    let form = format!("client_id={}&scope=openid", rig.control.client_id());
    let started = rig.post("/organizations/oauth2/v2.0/devicecode", &form, &[]);
    let code = started.text("device_code");
    let poll = |code: &str| {
        let grant = "urn:ietf:params:oauth:grant-type:device_code";
        rig.token("organizations", &[("grant_type", grant), ("device_code", code)])
    };
    assert_like(&poll(&code), include_str!("../../data/devicecode_pending.json"));
    assert_like(&poll("nonsense"), include_str!("../../data/devicecode_bad_code.json"));
    rig.control.advance_clock(901).unwrap();
    assert_like(&poll(&code), include_str!("../../data/devicecode_expired.json"));
    let again = rig.post("/organizations/oauth2/v2.0/devicecode", &form, &[]);
    let person = robot(USER).consent(intail_office365_sandbox::Consent::CancelSignIn);
    person.user_code(&again.text("user_code")).browse(&again.text("verification_uri"));
    assert_like(&poll(&again.text("device_code")), include_str!("../../data/devicecode_declined.json"));
}

#[test]
fn claims_and_long_tokens_have_the_recorded_members() {
    let rig = Rig::new();
    let form = [("claims", CLAIMS_CAE), ("client_info", "1")];
    let sample: Value = serde_json::from_str(include_str!("../../data/token_success_cae.json")).unwrap();
    let tokens = rig.connect(USER, &form);
    let refreshed = rig.refresh(tokens["refresh_token"].as_str().unwrap(), &form).json();
    assert_eq!(members(&refreshed), members(&sample));
    let sample: Value = serde_json::from_str(include_str!("../../data/id_token_claims_work.json")).unwrap();
    let (_, mut claims) = decode(tokens["id_token"].as_str().unwrap());
    claims.as_object_mut().unwrap().remove("email").unwrap();
    assert_eq!(members(&claims), members(&sample));
}

/// Names of the parameters of a challenge, in order.
fn parameters(header: &str) -> Vec<String> {
    let names = header.trim_start_matches("Bearer ").split(", ").filter_map(|part| part.split_once("=\""));
    names.map(|(name, _)| name.to_owned()).collect()
}

#[test]
fn graph_refusals_are_like_the_samples() {
    let rig = Rig::new();
    let tokens = rig.connect(USER, &[("claims", CLAIMS_CAE)]);
    let token = tokens["access_token"].as_str().unwrap();
    rig.control.cae_challenge(USER).unwrap();
    let recorded = include_str!("../../data/graph_401_cae.http").replace("\r\n", "\n");
    let (head, body) = recorded.split_once("\n\n").unwrap();
    let challenge = head.lines().find_map(|line| line.strip_prefix("WWW-Authenticate: ")).unwrap();
    let refused = rig.me(token);
    assert_eq!(parameters(&refused.headers["www-authenticate"]), parameters(challenge));
    let sample: Value = serde_json::from_str(body).unwrap();
    assert_eq!(refused.json()["error"]["message"], sample["error"]["message"]);
    rig.control.expire_access_tokens().unwrap();
    for (answer, sample) in [
        (rig.me(token), include_str!("../../data/graph_401_expired.json")),
        (rig.me(""), include_str!("../../data/graph_401_empty.json")),
    ] {
        let (found, sample) = (answer.json(), serde_json::from_str::<Value>(sample).unwrap());
        assert_eq!(found["error"]["message"], sample["error"]["message"]);
        assert_eq!(found["error"]["code"], sample["error"]["code"]);
        assert_eq!(members(&found["error"]["innerError"]), members(&sample["error"]["innerError"]));
    }
}

/// Names of the parameters of a recorded redirect, in order.
fn recorded_redirect(title: &str) -> Vec<String> {
    let file = include_str!("../../data/redirects.txt");
    let block = file.split('[').find(|block| block.starts_with(title)).unwrap();
    let address = url::Url::parse(block.lines().nth(1).unwrap()).unwrap();
    address.query_pairs().map(|(name, _)| name.into_owned()).collect()
}

#[test]
fn redirects_are_like_the_samples() {
    let rig = Rig::new();
    let names = |extra: &[(&str, &str)], user: &str| -> Vec<String> {
        let visit = rig.sign_in(&robot(user), "organizations", extra);
        visit.answer.into_iter().map(|(name, _)| name).collect()
    };
    assert_eq!(names(&[], USER), recorded_redirect("success query"));
    assert_eq!(names(&[("client_info", "1")], USER), recorded_redirect("success, client_info"));
    assert_eq!(names(&[("response_type", "")], USER), recorded_redirect("request error"));
}
