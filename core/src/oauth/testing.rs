//! What tests of tokens need: a signer with keys of its own, a provider that counts its answers, a clock that moves.
//!
//! The keys beside this file (`testdata/*.pk8`, PKCS#8) were made for these tests and have never been used for anything else.

use crate::{
    clock::{Clock, Deadline},
    error::Result,
    http::{AllowedUrl, Endpoint, Origin, Request, Response, Transport},
    log::Log,
    oauth::keys::KeySource,
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::{
    rand::SystemRandom,
    rsa::{KeyPair, PublicKeyComponents},
    signature::{RSA_PKCS1_SHA256, RSA_PSS_SHA256},
};
use serde_json::{Value, json};
use std::{
    collections::VecDeque,
    sync::{
        Mutex,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};
use zeroize::Zeroizing;

pub(crate) const NOW: i64 = 1_800_000_000;
pub(crate) const TENANT: &str = "11111111-2222-4333-8444-555555555555";
pub(crate) const OBJECT: &str = "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee";
pub(crate) const CLIENT: &str = "00001111-aaaa-2222-bbbb-3333cccc4444";
pub(crate) const TEMPLATE: &str = "https://login.microsoftonline.com/{tenantid}/v2.0";

/// A signing key of the provider.
#[derive(Debug)]
pub(crate) struct Signer {
    pub(crate) kid: &'static str,
    pair: KeyPair,
}

impl Signer {
    pub(crate) fn first() -> Self {
        Self { kid: "first", pair: KeyPair::from_pkcs8(include_bytes!("testdata/first.pk8")).unwrap() }
    }

    pub(crate) fn second() -> Self {
        Self { kid: "second", pair: KeyPair::from_pkcs8(include_bytes!("testdata/second.pk8")).unwrap() }
    }

    pub(crate) fn public(&self) -> &ring::rsa::PublicKey {
        self.pair.public()
    }

    /// The public half as the platform publishes it.
    pub(crate) fn jwk(&self) -> Value {
        let public = PublicKeyComponents::<Vec<u8>>::from(self.pair.public());
        json!({"kty": "RSA", "use": "sig", "kid": self.kid, "n": encode(&public.n), "e": encode(&public.e), "issuer": TEMPLATE})
    }

    /// A token with this header and payload, as they are.
    pub(crate) fn sign_raw(&self, header: &str, payload: &str) -> String {
        let signed = format!("{}.{}", encode(header.as_bytes()), encode(payload.as_bytes()));
        let signature = self.signature(&signed, &RSA_PKCS1_SHA256);
        format!("{signed}.{signature}")
    }

    pub(crate) fn sign(&self, claims: &Value) -> String {
        self.sign_raw(&json!({"typ": "JWT", "alg": "RS256", "kid": self.kid}).to_string(), &claims.to_string())
    }

    /// The signature of another algorithm with the same key.
    pub(crate) fn pss(&self, signed: &str) -> String {
        self.signature(signed, &RSA_PSS_SHA256)
    }

    fn signature(&self, signed: &str, padding: &'static dyn ring::signature::RsaEncoding) -> String {
        let mut signature = vec![0; self.pair.public().modulus_len()];
        self.pair.sign(padding, &SystemRandom::new(), signed.as_bytes(), &mut signature).unwrap();
        encode(&signature)
    }
}

pub(crate) fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The claims of a token that passes with nonce `nonce`.
pub(crate) fn claims() -> Value {
    json!({
        "aud": CLIENT, "iss": format!("https://login.microsoftonline.com/{TENANT}/v2.0"), "iat": NOW, "nbf": NOW, "exp": NOW + 3600,
        "sub": "pairwise-subject", "tid": TENANT, "oid": OBJECT, "nonce": "nonce", "ver": "2.0",
        "name": "Ada Example", "preferred_username": "ada@example.com",
    })
}

/// Answers from a list, in order, the last one for ever, and counts.
#[derive(Debug)]
pub(crate) struct Provider {
    answers: Mutex<VecDeque<Answer>>,
    seen: Mutex<Vec<String>>,
    log: Log,
}

/// One answer of a [`Provider`].
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    Body(u16, &'static str, String),
    Fail(crate::error::Detail),
}

impl Answer {
    pub(crate) fn keys(keys: &[Value]) -> Self {
        Self::Body(200, "application/json; charset=utf-8", json!({ "keys": keys }).to_string())
    }
}

impl Provider {
    pub(crate) fn new(answers: impl IntoIterator<Item = Answer>) -> Self {
        Self { answers: Mutex::new(answers.into_iter().collect()), seen: Mutex::default(), log: Log::default() }
    }

    pub(crate) fn fetches(&self) -> usize {
        self.seen.lock().unwrap().len()
    }

    /// The addresses that were asked for.
    pub(crate) fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }
}

impl Transport for Provider {
    fn send(&self, request: &Request) -> Result<Response> {
        self.seen.lock().unwrap().push(request.url.as_str().to_owned());
        let mut answers = self.answers.lock().unwrap();
        let answer = if answers.len() > 1 { answers.pop_front() } else { answers.front().cloned() };
        match answer.expect("an answer") {
            Answer::Fail(detail) => Err(detail.into()),
            Answer::Body(status, kind, body) => Ok(Response {
                status,
                headers: vec![("content-type".to_owned(), kind.to_owned())],
                body: Zeroizing::new(body.into_bytes()),
            }),
        }
    }
}

/// A clock that tests move.
#[derive(Debug)]
pub(crate) struct TestClock(AtomicI64);

impl TestClock {
    pub(crate) fn new() -> Self {
        Self(AtomicI64::new(NOW))
    }

    pub(crate) fn advance(&self, seconds: i64) {
        self.0.fetch_add(seconds, Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn now(&self) -> i64 {
        self.0.load(Ordering::SeqCst)
    }
}

pub(crate) fn jwks_uri() -> AllowedUrl {
    Origin::parse("https://login.microsoftonline.com").unwrap().join(&["common", "discovery", "v2.0", "keys"])
}

pub(crate) fn source<'a>(jwks_uri: &'a AllowedUrl, provider: &'a Provider, clock: &'a TestClock) -> KeySource<'a> {
    let endpoint = Endpoint { transport: provider, log: &provider.log, deadline: Deadline::after(Duration::from_secs(10)) };
    KeySource { jwks_uri, endpoint, clock }
}
