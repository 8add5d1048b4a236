//! The `id_token` on its whole way: hostile ones, keys that roll over, keys that cannot be had (cases J; the relying-party modules
//! of the `OpenID` conformance suite by their names).

use crate::rig::{CONTOSO, MEGAN, NORTHWIND, Rig, refused};
use intail_office365::{ConnectOptions, ErrorKind, Office365};
use intail_office365_sandbox::{Endpoint, Fault, IdTokenSettings, Signing};
use serde_json::{Map, Value, json};

fn claims(pairs: &[(&str, Value)]) -> IdTokenSettings {
    let claims: Map<String, Value> = pairs.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    IdTokenSettings { claims, ..IdTokenSettings::default() }
}

fn without(claim: &str) -> IdTokenSettings {
    IdTokenSettings { remove_claims: vec![claim.to_owned()], ..IdTokenSettings::default() }
}

fn signed(signing: Signing) -> IdTokenSettings {
    IdTokenSettings { signing, ..IdTokenSettings::default() }
}

fn header(name: &str, value: Value) -> IdTokenSettings {
    IdTokenSettings { header: Map::from_iter([(name.to_owned(), value)]), ..IdTokenSettings::default() }
}

/// Every hostile token ends the sign-in with its claim named, and nothing is stored.
#[test]
fn j_01_to_j_17_hostile_tokens_store_nothing() {
    let rig = Rig::new();
    let office = rig.open();
    let now = rig.control.now();
    let issuer = |tenant: &str| json!(format!("{}/{tenant}/v2.0", rig.sandbox.authority()));
    let cases = [
        ("rp_id_token_sig_none", signed(Signing::Unsigned), "alg"),
        ("rp_invalid_sig_hs256", signed(Signing::Hs256), "alg"),
        ("rp_invalid_sig_es256", header("alg", json!("ES256")), "alg"),
        ("alg of another RSA scheme", header("alg", json!("PS256")), "alg"),
        ("rp_invalid_sig_rs256", signed(Signing::Broken), "signature"),
        ("a key that is not published", signed(Signing::Stranger), "signature"),
        ("rp_invalid_aud", claims(&[("aud", json!("22222222-0000-4aaa-9bbb-666666666666"))]), "aud"),
        ("rp_missing_aud", without("aud"), "aud"),
        ("rp_secondary_aud", claims(&[("aud", json!(["55555555-0000-4aaa-9bbb-666666666666", "other"]))]), "aud"),
        ("rp_invalid_iss", claims(&[("iss", json!("https://evil.example"))]), "iss"),
        ("iss of another tenant", claims(&[("iss", issuer(CONTOSO))]), "iss"),
        ("tid of another tenant", claims(&[("tid", json!(CONTOSO))]), "iss"),
        ("rp_nonce_invalid", claims(&[("nonce", json!("another"))]), "nonce"),
        ("nonce missing", without("nonce"), "nonce"),
        ("rp_missing_sub", without("sub"), "sub"),
        ("rp_missing_iat", without("iat"), "iat"),
        ("rp_missing_exp", without("exp"), "exp"),
        ("rp_expired_exp", claims(&[("exp", json!(now - 600))]), "exp"),
        ("not yet valid", claims(&[("nbf", json!(now + 3600))]), "nbf"),
        ("a text for a time", claims(&[("exp", json!("never"))]), "type of exp"),
        ("oid missing", without("oid"), "oid"),
        ("rp_invalid_athash", claims(&[("at_hash", json!("AAAAAAAAAAAAAAAAAAAAAA"))]), "at_hash"),
        ("crit", header("crit", json!(["exp"])), "crit"),
        ("no token at all", IdTokenSettings { raw: Some("needle".into()), ..IdTokenSettings::default() }, "format"),
        ("JWE", IdTokenSettings { raw: Some("a.b.c.d.e".into()), ..IdTokenSettings::default() }, "format"),
    ];
    for (name, id_token, what) in cases {
        rig.tokens(|tokens| tokens.id_token = id_token);
        let error = refused(rig.sign_in(&office, MEGAN), ErrorKind::Untrusted, "IdTokenInvalid");
        assert_eq!(error.what(), Some(what), "{name}");
        assert!(error.client_request_id().is_some(), "{name}");
    }
    rig.tokens(|tokens| tokens.remove = vec!["id_token".to_owned()]);
    // J-23: without an id_token nobody knows who signed in.
    refused(rig.sign_in(&office, MEGAN), ErrorKind::Untrusted, "IdTokenMissing");
    assert!(office.accounts().unwrap().is_empty());
    // Nothing of them reached Graph.
    assert!(rig.control.log_of("/me").is_empty());
    rig.tokens(|_| {});
    rig.connected(&office);
}

/// Tokens that look odd and are good: `kid` absent, an own `jwk` in the header, a nonce on a refresh.
#[test]
fn j_07_j_08_odd_tokens_that_are_good() {
    let rig = Rig::new();
    let office = rig.open();
    let odd = [
        ("rp_id_token_sig_rs256", IdTokenSettings::default()),
        ("rp_kid_absent", IdTokenSettings { remove_header: vec!["kid".into()], ..IdTokenSettings::default() }),
        ("another published key", signed(Signing::OtherPublished)),
        ("jku is never fetched", header("jku", json!(format!("{}/never", rig.sandbox.authority())))),
        ("x5u is never fetched", header("x5u", json!(format!("{}/never", rig.sandbox.authority())))),
    ];
    for (name, id_token) in odd {
        rig.tokens(|tokens| tokens.id_token = id_token);
        rig.sign_in(&office, MEGAN).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
    assert!(rig.control.log_of("/never").is_empty());
    // The key of personal accounts signs for no organisation.
    rig.tokens(|tokens| tokens.id_token = signed(Signing::PersonalAccounts));
    refused(rig.sign_in(&office, MEGAN), ErrorKind::Untrusted, "IdTokenInvalid");
}

fn key_fetches(rig: &Rig) -> usize {
    rig.control.log_of("/discovery/v2.0/keys").len()
}

/// `rp_signing_key_rotation`: between two sign-ins, and just before signing; the set is fetched again once.
#[test]
fn rp_signing_key_rotation() {
    for keep_old in [true, false] {
        let rig = Rig::new();
        let office = rig.open();
        rig.connected(&office);
        rig.connected(&office);
        assert_eq!(key_fetches(&rig), 1);
        rig.advance(301);
        let request = office.begin_connect(&ConnectOptions::default()).unwrap();
        let answer = crate::rig::redirect(MEGAN, &request.url);
        rig.control.rotate_keys(keep_old).unwrap();
        office.complete_connect(&answer, None).unwrap();
        rig.connected(&office);
        assert_eq!(key_fetches(&rig), 2);
    }
}

/// Unknown keys cause one fetch in five minutes, however many tokens name them.
#[test]
fn j_19_an_unknown_key_is_asked_for_once_in_five_minutes() {
    let rig = Rig::new();
    let office = rig.open();
    rig.connected(&office);
    rig.advance(301);
    rig.tokens(|tokens| tokens.id_token = header("kid", json!("unknown")));
    let fail = |office: &Office365| {
        for _ in 0..4 {
            refused(rig.sign_in(office, MEGAN), ErrorKind::Untrusted, "IdTokenInvalid");
        }
    };
    fail(&office);
    assert_eq!(key_fetches(&rig), 2);
    rig.advance(301);
    fail(&office);
    assert_eq!(key_fetches(&rig), 3);
}

/// Keys that cannot be had: typed, nothing stored, and the next sign-in works.
#[test]
fn j_21_keys_that_cannot_be_had() {
    let rig = Rig::new();
    let office = rig.open();
    for fault in [
        Fault { status: Some(503), ..Fault::at(Endpoint::Keys, "down") },
        Fault { redirect: Some("http://localhost:1/".into()), ..Fault::at(Endpoint::Keys, "redirect") },
        Fault { body: Some(json!("needle")), ..Fault::at(Endpoint::Keys, "no JSON") },
        Fault { pad_to: Some(2 << 20), ..Fault::at(Endpoint::Keys, "large") },
        Fault { reset: true, ..Fault::at(Endpoint::Keys, "reset") },
    ] {
        rig.control.add_fault(fault).unwrap();
        let error = refused(rig.sign_in(&office, MEGAN), ErrorKind::Service, "KeysUnavailable");
        assert!(error.client_request_id().is_some());
        assert!(office.accounts().unwrap().is_empty());
        rig.control.clear_faults().unwrap();
        // The pause after a failed fetch.
        rig.advance(301);
    }
    rig.connected(&office);
}

/// A person is who the tenant and object id say, whatever name stands beside them (J-16, J-17).
#[test]
fn j_16_j_17_names_are_no_identity() {
    let rig = Rig::new();
    rig.control.approve("contoso").unwrap();
    let office = rig.open();
    let adele = rig.sign_in(&office, crate::rig::ADELE).unwrap();
    rig.tokens(|tokens| {
        tokens.id_token = claims(&[("preferred_username", json!(crate::rig::ADELE)), ("email", json!(crate::rig::ADELE))]);
    });
    let alex = rig.sign_in(&office, crate::rig::ALEX).unwrap();
    assert_ne!(alex.id(), adele.id());
    assert_eq!(office.accounts().unwrap().len(), 2);
}

/// The configured tenant and the allowed ones hold against the token, not only in the address.
#[test]
fn tenants_are_held_against_the_token() {
    let rig = Rig::new();
    let only_contoso = rig.open_with(|config| config.allowed_tenants = vec![CONTOSO.to_owned()]);
    refused(rig.sign_in(&only_contoso, MEGAN), ErrorKind::WrongAccount, "TenantNotAllowed");
    only_contoso.close();
    let both = rig.open_with(|config| config.allowed_tenants = vec![CONTOSO.to_owned(), NORTHWIND.to_uppercase()]);
    rig.connected(&both);
    both.close();
    for tenant in [NORTHWIND, "northwind.example"] {
        let office = rig.open_with(|config| config.tenant = tenant.to_owned());
        assert_eq!(rig.connected(&office).info().tenant_id, NORTHWIND);
        office.close();
    }
    let office = rig.open_with(|config| config.tenant = "nowhere.example".to_owned());
    let error = refused(office.begin_connect(&ConnectOptions::default()), ErrorKind::InvalidArgument, "InvalidArgument");
    assert_eq!(error.what(), Some("tenant"));
}
