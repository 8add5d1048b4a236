//! Faults and the request log.

use std::io::Read as _;
use std::time::{Duration, Instant};

use intail_office365_sandbox::{Endpoint, Fault};
use serde_json::json;

use crate::client::{Rig, parse};

const USER: &str = "megan@northwind.example";
const KEYS: &str = "/common/discovery/v2.0/keys";

#[test]
fn answers_can_be_replaced_a_number_of_times() {
    let rig = Rig::new();
    let fault = Fault {
        status: Some(503),
        headers: [("retry-after".to_owned(), "2.128".to_owned())].into(),
        body: Some(json!("Too many requests error")),
        ..Fault::at(Endpoint::Keys, "throttle")
    };
    rig.control.add_fault(fault.times(2)).unwrap();
    for _ in 0..2 {
        let answer = rig.get(KEYS, &[]);
        assert_eq!((answer.status, answer.body.as_str()), (503, "Too many requests error"));
        assert_eq!(answer.headers["retry-after"], "2.128");
    }
    assert_eq!(rig.get(KEYS, &[]).status, 200);
    let log = rig.control.log();
    assert_eq!(log.iter().map(|entry| entry.status).collect::<Vec<_>>(), [503, 503, 200]);
    assert_eq!(log[0].fault.as_deref(), Some("throttle"));
}

#[test]
fn a_token_error_strikes_only_refreshes_when_told_so() {
    let rig = Rig::new();
    let when = [("grant_type".to_owned(), "refresh_token".to_owned())].into();
    let error = Fault::token_error("invalid_grant", Some("consent_required"), &[65_001], None);
    rig.control.add_fault(Fault { when, ..error }).unwrap();
    let tokens = rig.connect(USER, &[]);
    let refused = rig.refresh(tokens["refresh_token"].as_str().unwrap(), &[]);
    assert_eq!(refused.problem(), ("invalid_grant".into(), "consent_required".into(), 65_001));
    rig.control.clear_faults().unwrap();
    assert_eq!(rig.refresh(tokens["refresh_token"].as_str().unwrap(), &[]).status, 200);
}

#[test]
fn t_21_connections_break_before_or_after_the_work() {
    let rig = Rig::new();
    let reset = |processed| {
        let fault = Fault { reset: true, processed, ..Fault::at(Endpoint::Token, "reset") };
        rig.control.add_fault(fault.times(1)).unwrap();
    };
    let issued = || rig.get("/_control/state", &[]).json()["issued"]["refresh_tokens"].as_u64().unwrap();
    let tokens = rig.connect(USER, &[]);
    let refresh_token = tokens["refresh_token"].as_str().unwrap();
    let form = format!(
        "client_id={}&grant_type=refresh_token&refresh_token={refresh_token}&scope=openid+offline_access+User.Read",
        rig.control.client_id()
    );
    let send = || {
        let headers = [("content-type", "application/x-www-form-urlencoded")];
        rig.raw("POST", "/organizations/oauth2/v2.0/token", &form, &headers)
    };
    let before = issued();
    reset(false);
    assert_eq!(send().unwrap_err().kind(), std::io::ErrorKind::ConnectionReset);
    assert_eq!(issued(), before);
    reset(true);
    assert_eq!(send().unwrap_err().kind(), std::io::ErrorKind::ConnectionReset);
    assert_eq!(issued(), before + 1);
    assert_eq!(parse(&send().unwrap()).status, 200);
}

#[test]
fn bodies_can_be_cut_late_compressed_and_huge() {
    let rig = Rig::new();
    rig.control.add_fault(Fault { cut_after: Some(10), ..Fault::at(Endpoint::Keys, "cut_body") }.times(1)).unwrap();
    let cut = parse(&rig.raw("GET", KEYS, "", &[]).unwrap());
    assert_eq!(cut.body.len(), 10);
    assert!(cut.headers["content-length"].parse::<usize>().unwrap() > 10);
    rig.control.add_fault(Fault { delay_ms: 150, ..Fault::at(Endpoint::Keys, "slow") }.times(1)).unwrap();
    let started = Instant::now();
    assert_eq!(rig.get(KEYS, &[]).status, 200);
    assert!(started.elapsed() >= Duration::from_millis(150));
    let bomb = Fault { gzip: true, pad_to: Some(5_000_000), ..Fault::at(Endpoint::Keys, "bomb") };
    rig.control.add_fault(bomb.times(1)).unwrap();
    let bytes = rig.raw("GET", KEYS, "", &[]).unwrap();
    assert!(bytes.len() < 20_000, "{}", bytes.len());
    let body = bytes.windows(4).position(|window| window == b"\r\n\r\n").unwrap() + 4;
    let mut inflated = Vec::new();
    flate2::read::GzDecoder::new(&bytes[body..]).read_to_end(&mut inflated).unwrap();
    assert_eq!(inflated.len(), 5_000_000);
}

#[test]
fn t_11_redirects_are_sent_with_any_status() {
    let rig = Rig::new();
    for status in [301, 302, 303, 307, 308] {
        let redirect = Some("https://evil.example/token".to_owned());
        let fault = Fault { redirect, status: Some(status), ..Fault::at(Endpoint::Token, "redirect") };
        rig.control.add_fault(fault.times(1)).unwrap();
        let answer = rig.token("organizations", &[("grant_type", "refresh_token")]);
        assert_eq!((answer.status, answer.headers["location"].as_str()), (status, "https://evil.example/token"));
    }
}

#[test]
fn the_log_shows_what_was_sent_and_no_secret() {
    let rig = Rig::new();
    let tokens = rig.connect(USER, &[("login_hint", USER)]);
    rig.me(tokens["access_token"].as_str().unwrap());
    let log = rig.control.log();
    let token = &rig.control.log_of("/oauth2/v2.0/token")[0];
    assert_eq!((token.method.as_str(), token.status), ("POST", 200));
    assert_eq!(token.value("grant_type"), Some("authorization_code"));
    assert!(token.has("code_verifier") && token.value("code_verifier").is_none());
    assert_eq!(rig.control.log_of("/authorize")[0].value("login_hint"), Some(USER));
    assert_eq!(log.last().unwrap().headers["authorization"], "Bearer");
    let text = serde_json::to_string(&log).unwrap();
    for secret in [&tokens["access_token"], &tokens["refresh_token"], &tokens["id_token"]] {
        assert!(!text.contains(secret.as_str().unwrap()));
    }
    assert!(!text.contains(crate::client::VERIFIER) && !text.contains("code=1."));
    rig.control.clear_log().unwrap();
    assert!(rig.control.log().is_empty());
}
