//! What the identity platform says of itself, and how far that is believed (cases O-06, T-12, T-13).

use crate::rig::{MEGAN, Rig, failed, hint, refused};
use intail_office365::{ConnectOptions, ErrorKind, Office365};
use intail_office365_sandbox::{Endpoint, Fault};
use serde_json::{Value, json};
use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
};
use url::Url;

/// A library before whose eyes the metadata is changed; `AUTHORITY` stands for the sandbox's address.
pub(crate) fn described(change: &Value) -> (Rig, Office365) {
    let rig = Rig::new();
    let path = "/organizations/v2.0/.well-known/openid-configuration";
    let url = Url::parse(&format!("{}{path}", rig.sandbox.authority())).unwrap();
    let mut metadata: Value = serde_json::from_slice(&fetch(&url)).unwrap();
    metadata.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
    let text = metadata.to_string().replace("AUTHORITY", &rig.sandbox.authority());
    let fault = Fault { body: serde_json::from_str(&text).unwrap(), ..Fault::at(Endpoint::Discovery, "metadata") };
    rig.control.clear_log().unwrap();
    rig.control.add_fault(fault).unwrap();
    let office = rig.open();
    (rig, office)
}

fn fetch(url: &Url) -> Vec<u8> {
    let port = url.port().unwrap();
    let mut stream = TcpStream::connect(("localhost", port)).unwrap();
    write!(stream, "GET {} HTTP/1.1\r\nHost: localhost:{port}\r\nConnection: close\r\n\r\n", url.path()).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let head = answer.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
    answer.split_off(head + 4)
}

/// T-12: endpoints elsewhere, without TLS, with a user or a fragment: nothing is sent there, and no browser opens.
#[test]
fn t_12_endpoints_elsewhere_are_refused() {
    for endpoint in ["authorization_endpoint", "token_endpoint", "jwks_uri", "device_authorization_endpoint"] {
        for url in [
            "https://evil.example/x",
            "http://evil.example/x",
            "http://user@localhost:1/x",
            "AUTHORITY/x#f",
            "javascript:x",
            "AUTHORITY@evil.example/",
            "//evil.example",
        ] {
            let (rig, office) = described(&json!({endpoint: url}));
            let error = failed(office.connect(&hint(MEGAN), None));
            assert!(error.kind() == ErrorKind::Untrusted, "{endpoint} {url}: {error}");
            assert!(["InsecureUrl", "HostNotAllowed"].contains(&error.detail()), "{endpoint} {url}: {error}");
            assert!(error.client_request_id().is_some());
            assert_eq!((rig.robot.opened().len(), rig.sent().len()), (0, 1));
        }
    }
}

/// T-13, `rp_discovery_issuer_mismatch`: the issuer must be this authority's, to the letter.
#[test]
fn t_13_rp_discovery_issuer_mismatch() {
    for issuer in [
        "AUTHORITY/{tenantid}/v2.0/",
        "https://evil.example/{tenantid}/v2.0",
        "AUTHORITY/{TENANTID}/v2.0",
        "AUTHORITY/{tenantid}",
        "AUTHORITY/organizations/v2.0",
        "",
    ] {
        let (rig, office) = described(&json!({"issuer": issuer}));
        refused(office.begin_connect(&ConnectOptions::default()), ErrorKind::Untrusted, "IssuerMismatch");
        assert_eq!(rig.sent().len(), 1);
    }
}

/// `rp_discovery_openid_config`, `rp_discovery_jwks_uri_keys`: what the metadata names is what is used, and it is read once a day.
#[test]
fn rp_discovery_openid_config() {
    let (rig, office) = described(&json!({}));
    rig.connected(&office);
    rig.connected(&office);
    let read = || rig.control.log_of("/openid-configuration").len();
    assert_eq!((read(), rig.control.log_of("/discovery/v2.0/keys").len()), (1, 1));
    rig.advance(86_401);
    rig.connected(&office);
    assert_eq!(read(), 2);
}

/// Metadata that is none: typed, nothing opened, and tried again by the next call.
#[test]
fn metadata_that_is_none() {
    let rig = Rig::new();
    let office = rig.open();
    for (fault, kind) in [
        (Fault { body: Some(json!("needle")), ..Fault::at(Endpoint::Discovery, "text") }, ErrorKind::Service),
        (Fault { body: Some(json!([])), ..Fault::at(Endpoint::Discovery, "array") }, ErrorKind::Service),
        (Fault { status: Some(503), ..Fault::at(Endpoint::Discovery, "down") }, ErrorKind::Service),
        (
            Fault { redirect: Some("https://evil.example".into()), ..Fault::at(Endpoint::Discovery, "redirect") },
            ErrorKind::Untrusted,
        ),
        (Fault { reset: true, ..Fault::at(Endpoint::Discovery, "reset") }, ErrorKind::Network),
        (Fault { pad_to: Some(2 << 20), ..Fault::at(Endpoint::Discovery, "large") }, ErrorKind::Service),
    ] {
        rig.control.add_fault(fault).unwrap();
        let error = failed(office.connect(&hint(MEGAN), None));
        assert_eq!(error.kind(), kind, "{error}");
        assert!(crate::scan::secret_in(&error.to_string()).is_none() && error.client_request_id().is_some(), "{error}");
        rig.control.clear_faults().unwrap();
    }
    assert!(rig.robot.opened().is_empty());
    rig.connected(&office);
}
