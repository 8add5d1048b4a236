//! Discovery, keys, instance discovery.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use intail_office365_sandbox::{IdTokenSettings, Signing, TokenSettings};
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents};
use serde_json::Value;

use crate::client::{Rig, decode};

const USER: &str = "megan@northwind.example";

fn members(document: &Value) -> BTreeSet<String> {
    document.as_object().unwrap().keys().cloned().collect()
}

#[test]
fn documents_have_the_recorded_shape() {
    let rig = Rig::new();
    let authority = rig.sandbox.authority();
    for (segment, issuer, sample) in [
        ("common", "{tenantid}", include_str!("../../data/discovery_common.json")),
        ("organizations", "{tenantid}", include_str!("../../data/discovery_organizations.json")),
        ("consumers", "9188040d-6c67-4c5b-b112-36a304b66dad", include_str!("../../data/discovery_consumers.json")),
        ("contoso.example", "11111111-aaaa-4bbb-8ccc-222222222222", include_str!("../../data/discovery_tenant.json")),
    ] {
        let answer = rig.get(&format!("/{segment}/v2.0/.well-known/openid-configuration"), &[]);
        let document = answer.json();
        assert_eq!(document["issuer"], format!("{authority}/{issuer}/v2.0"));
        assert_eq!(members(&document), members(&serde_json::from_str(sample).unwrap()), "{segment}");
        assert!(!answer.body.contains("login.microsoftonline.com"));
        assert!(document["jwks_uri"].as_str().unwrap().starts_with(&authority));
    }
    let unknown = rig.get("/nowhere.example/v2.0/.well-known/openid-configuration", &[]);
    assert_eq!((unknown.status, unknown.problem()), (400, ("invalid_tenant".into(), String::new(), 90_002)));
}

#[test]
fn instance_discovery_knows_only_itself() {
    let rig = Rig::new();
    let ask = |host: &str| {
        let path = format!("/common/discovery/instance?api-version=1.1&authorization_endpoint={host}/common/oauth2/v2.0/authorize");
        rig.get(&path, &[])
    };
    let sample: Value = serde_json::from_str(include_str!("../../data/instance_discovery.json")).unwrap();
    let own = rig.sandbox.authority();
    // Clients may leave the port out.
    for host in [own.as_str(), "http://localhost"] {
        let known = ask(host).json();
        assert_eq!(known["api-version"], "1.1");
        assert_eq!(members(&known), members(&sample));
        assert_eq!(members(&known["metadata"][0]), members(&sample["metadata"][0]));
        let described = format!("{own}/common/v2.0/.well-known/openid-configuration");
        assert_eq!(known["tenant_discovery_endpoint"], described);
    }
    assert_eq!(ask("http://localhost:1").status, 400);
    let unknown = ask("https://evil.example");
    assert_eq!((unknown.status, unknown.problem().2), (400, 50_049));
    let sample: Value = serde_json::from_str(include_str!("../../data/instance_discovery_error.json")).unwrap();
    assert_eq!(members(&unknown.json()), members(&sample));
}

/// Which published key verifies a token, by its place in the document.
fn verified_by(keys: &Value, token: &str) -> Option<usize> {
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let decode = |text: &Value| URL_SAFE_NO_PAD.decode(text.as_str().unwrap()).unwrap();
    keys["keys"].as_array().unwrap().iter().position(|key| {
        let components = RsaPublicKeyComponents { n: decode(&key["n"]), e: decode(&key["e"]) };
        let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
        components.verify(&RSA_PKCS1_2048_8192_SHA256, signed.as_bytes(), &signature).is_ok()
    })
}

#[test]
fn j_20_keys_roll_over() {
    let rig = Rig::new();
    let keys = || rig.get("/common/discovery/v2.0/keys", &[]).json();
    let token = || rig.connect(USER, &[])["id_token"].as_str().unwrap().to_owned();
    let before = keys();
    assert_eq!(before["keys"].as_array().unwrap().len(), 3);
    let recorded: Value = serde_json::from_str(include_str!("../../data/jwks_common.json")).unwrap();
    assert_eq!(members(&before["keys"][0]), members(&recorded["keys"][0]));
    let old = token();
    let place = verified_by(&before, &old).unwrap();
    assert_eq!(before["keys"][place]["kid"], decode(&old).0["kid"]);
    rig.control.rotate_keys(true).unwrap();
    let new = token();
    assert_eq!(verified_by(&before, &new), None);
    assert!(verified_by(&keys(), &new).is_some() && verified_by(&keys(), &old).is_some());
    rig.control.rotate_keys(false).unwrap();
    assert_eq!(verified_by(&keys(), &old), None);
    rig.control.set_keys_body(Some("{\"keys\":[]}")).unwrap();
    assert_eq!(keys()["keys"].as_array().unwrap().len(), 0);
}

#[test]
fn j_03_signatures_can_be_wrong_on_purpose() {
    let rig = Rig::new();
    let keys = rig.get("/common/discovery/v2.0/keys", &[]).json();
    let issue = |signing| {
        let id_token = IdTokenSettings { signing, ..IdTokenSettings::default() };
        rig.control.set_tokens(TokenSettings { id_token, ..TokenSettings::default() }).unwrap();
        rig.connect(USER, &[])["id_token"].as_str().unwrap().to_owned()
    };
    assert_eq!(verified_by(&keys, &issue(Signing::Broken)), None);
    assert_eq!(verified_by(&keys, &issue(Signing::Stranger)), None);
    let active = verified_by(&keys, &issue(Signing::Active)).unwrap();
    let other = verified_by(&keys, &issue(Signing::OtherPublished)).unwrap();
    let personal = verified_by(&keys, &issue(Signing::PersonalAccounts)).unwrap();
    assert!(active != other && other != personal && active != personal);
    assert!(keys["keys"][personal]["issuer"].as_str().unwrap().contains("9188040d-6c67-4c5b-b112-36a304b66dad"));
}
