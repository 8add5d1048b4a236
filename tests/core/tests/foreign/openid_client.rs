//! The sandbox against `openid-client`, a certified client that keeps to the specifications where `msal` knows its own service.

use crate::partner::Partner;
use intail_office365_sandbox::{IdTokenSettings, Person, Platform, Sandbox, SandboxOptions, Signing, TokenSettings};
use serde_json::{Value, json};

const NORTHWIND: &str = "33333333-aaaa-4bbb-8ccc-444444444444";
const MEGAN: &str = "megan@northwind.example";
const SCOPE: &str = "openid profile email offline_access User.Read Mail.ReadBasic Calendars.Read";

struct Rig {
    sandbox: Sandbox,
    client: Partner,
}

impl Rig {
    fn start() -> Option<Self> {
        let client = Partner::start("NODE", "openid_client.mjs", &[])?;
        let sandbox = Sandbox::start(SandboxOptions::default()).unwrap();
        sandbox.control().add_redirect_uri("http://localhost/callback", Platform::Native).unwrap();
        Some(Self { sandbox, client })
    }

    fn open(&self, tenant: &str) -> Value {
        let issuer = format!("{}/{tenant}/v2.0", self.sandbox.authority());
        self.client.ask(&json!({"do": "open", "issuer": issuer, "clientId": self.sandbox.control().client_id()}))
    }

    fn sign_in(&self) -> Value {
        let begun = self.client.ask(&json!({"do": "begin", "scope": SCOPE}));
        let visit = Person::new(MEGAN).deliver(false).browse(begun["url"].as_str().unwrap());
        self.client.ask(&json!({"do": "complete", "redirect": visit.redirect.expect("an answer")}))
    }

    fn refresh(&self) -> Value {
        self.client.ask(&json!({"do": "refresh", "scope": SCOPE}))
    }
}

/// Discovery, code with PKCE, an `id_token` with its signature, a refresh, before and after the keys change.
#[test]
fn openid_client_signs_in() {
    let Some(rig) = Rig::start() else { return };
    let issuer = format!("{}/{NORTHWIND}/v2.0", rig.sandbox.authority());
    assert_eq!(rig.open(NORTHWIND)["issuer"], issuer);
    for round in 0..2 {
        let signed_in = rig.sign_in();
        let oid = &rig.sandbox.control().user(MEGAN).unwrap().object_ids[NORTHWIND];
        let claims = &signed_in["claims"];
        assert_eq!(
            (&claims["iss"], &claims["tid"], &claims["oid"]),
            (&json!(issuer), &json!(NORTHWIND), &json!(oid)),
            "{signed_in}"
        );
        assert_eq!((&signed_in["type"], &signed_in["rotated"]), (&json!("bearer"), &json!(true)));
        let refreshed = rig.refresh();
        assert_eq!((&refreshed["claims"]["sub"], &refreshed["rotated"]), (&claims["sub"], &json!(true)), "{refreshed}");
        if round == 0 {
            rig.sandbox.control().rotate_keys(true).unwrap();
            // It keeps keys for a while; another process starts with none.
            rig.open(NORTHWIND);
        }
    }
}

/// A signature that is not the key's is refused: what is accepted above was checked.
#[test]
fn openid_client_checks_what_the_sandbox_signs() {
    let Some(rig) = Rig::start() else { return };
    rig.open(NORTHWIND);
    let bend = |id_token: IdTokenSettings| {
        rig.sandbox.control().set_tokens(TokenSettings { id_token, ..TokenSettings::default() }).unwrap();
    };
    for signing in [Signing::Broken, Signing::Stranger] {
        bend(IdTokenSettings { signing, ..IdTokenSettings::default() });
        let refused = rig.sign_in();
        assert_eq!(refused["refused"], "OAUTH_INVALID_RESPONSE", "{signing:?}: {refused}");
    }
    bend(IdTokenSettings::default());
    assert!(rig.sign_in()["claims"].is_object());
}

/// FACTS 5.1: the issuer of `organizations` is a template, which a client that keeps to OpenID Connect Discovery refuses.
#[test]
fn openid_client_refuses_the_issuer_template() {
    let Some(rig) = Rig::start() else { return };
    let refused = rig.open("organizations");
    assert_eq!(refused["refused"], "OAUTH_JSON_ATTRIBUTE_COMPARISON_FAILED", "{refused}");
}

/// An error of the token endpoint arrives as one.
#[test]
fn openid_client_is_told_why_not() {
    let Some(rig) = Rig::start() else { return };
    rig.open(NORTHWIND);
    rig.sign_in();
    rig.sandbox.control().revoke_tenant("northwind").unwrap();
    let refused = rig.refresh();
    assert_eq!(
        (&refused["refused"], &refused["error"]),
        (&json!("OAUTH_RESPONSE_BODY_ERROR"), &json!("invalid_grant")),
        "{refused}"
    );
}
