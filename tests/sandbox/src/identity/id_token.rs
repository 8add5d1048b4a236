//! `id_token`s (FACTS 2.6): a compact JWS with RS256, and its hostile variants.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};
use ring::hmac;
use serde_json::{Map, Value, json};

use super::flow::Turn;
use crate::state::settings::{IdTokenSettings, Signing};
use crate::state::tokens::Grant;

/// A recorded token lives 3900 seconds.
const LIFETIME: i64 = 3_900;

/// The token for a grant; `scopes` decide which claims it has.
pub(crate) fn issue(turn: &mut Turn<'_>, grant: &Grant, scopes: &BTreeSet<String>) -> String {
    let settings = turn.state.settings.id_token.clone();
    if let Some(raw) = settings.raw {
        return raw;
    }
    let mut payload = claims(turn, grant, scopes);
    for name in &settings.remove_claims {
        payload.remove(name);
    }
    payload.extend(settings.claims.clone());
    assemble(turn, &settings, &payload)
}

fn claims(turn: &mut Turn<'_>, grant: &Grant, scopes: &BTreeSet<String>) -> Map<String, Value> {
    let now = turn.state.now();
    let mut payload = Map::new();
    let mut put = |name: &str, value: Value| payload.insert(name.to_owned(), value);
    put("aud", grant.client_id.clone().into());
    put("iss", format!("{}/{}/v2.0", turn.request.origin, grant.tenant_id).into());
    put("iat", now.into());
    put("nbf", now.into());
    put("exp", now.saturating_add(LIFETIME).into());
    put("aio", turn.state.random.token("A", 2).into());
    if let Some(nonce) = &grant.nonce {
        put("nonce", nonce.clone().into());
    }
    put("rh", turn.state.random.token("1.A", 1).into());
    put("sid", grant.session_id.clone().into());
    put("uti", turn.state.random.token("", 1).into());
    put("tid", grant.tenant_id.clone().into());
    put("ver", "2.0".into());
    person(turn, grant, scopes, &mut payload);
    payload
}

fn person(turn: &Turn<'_>, grant: &Grant, scopes: &BTreeSet<String>, payload: &mut Map<String, Value>) {
    let Some(user) = turn.state.user(&grant.user_name) else {
        return;
    };
    let object_id = user.object_id(&grant.tenant_id).unwrap_or_default();
    payload.insert("sub".into(), pairwise(object_id, &grant.client_id).into());
    if scopes.contains("profile") {
        payload.insert("oid".into(), object_id.into());
        payload.insert("name".into(), user.display_name.clone().into());
        payload.insert("preferred_username".into(), user.user_name.clone().into());
    }
    if let Some(mail) = user.mail.as_ref().filter(|_| scopes.contains("email")) {
        payload.insert("email".into(), mail.clone().into());
    }
    if user.home_tenant != grant.tenant_id {
        payload.insert("idp".into(), format!("{}/{}/v2.0", turn.request.origin, user.home_tenant).into());
    }
}

/// `sub` differs from app to app and from directory to directory.
fn pairwise(object_id: &str, client_id: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest(&SHA256, format!("{client_id}/{object_id}").as_bytes()))
}

fn assemble(turn: &Turn<'_>, settings: &IdTokenSettings, payload: &Map<String, Value>) -> String {
    let keys = &turn.state.keys;
    let key = match settings.signing {
        Signing::OtherPublished => keys.other(),
        Signing::PersonalAccounts => keys.personal(),
        _ => keys.active(),
    };
    let algorithm = match settings.signing {
        Signing::Unsigned => "none",
        Signing::Hs256 => "HS256",
        _ => "RS256",
    };
    let mut header = Map::new();
    header.insert("typ".into(), "JWT".into());
    header.insert("alg".into(), algorithm.into());
    header.insert("kid".into(), key.kid.clone().into());
    for name in &settings.remove_header {
        header.remove(name);
    }
    header.extend(settings.header.clone());
    let signed = format!("{}.{}", encode(&header), encode(payload));
    let signature = match settings.signing {
        Signing::Unsigned => Vec::new(),
        Signing::Hs256 => {
            let secret = hmac::Key::new(hmac::HMAC_SHA256, key.modulus.as_bytes());
            hmac::sign(&secret, signed.as_bytes()).as_ref().to_vec()
        }
        Signing::Stranger => keys.stranger().sign(signed.as_bytes()),
        Signing::Broken => flipped(key.sign(signed.as_bytes())),
        Signing::Active | Signing::OtherPublished | Signing::PersonalAccounts => key.sign(signed.as_bytes()),
    };
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

fn encode(members: &Map<String, Value>) -> String {
    URL_SAFE_NO_PAD.encode(json!(members).to_string())
}

fn flipped(mut signature: Vec<u8>) -> Vec<u8> {
    if let Some(last) = signature.last_mut() {
        *last ^= 1;
    }
    signature
}
