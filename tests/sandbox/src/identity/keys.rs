//! Signing keys: several are published, one signs, and they can roll over.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use rsa::pkcs8::EncodePrivateKey as _;
use rsa::rand_core::{self, CryptoRng, RngCore};
use rsa::traits::PublicKeyParts as _;
use serde_json::{Value, json};

use crate::state::random::Random;

/// Directory id of personal accounts.
pub(crate) const PERSONAL_TENANT: &str = "9188040d-6c67-4c5b-b112-36a304b66dad";

/// The published keys of one sandbox and the one that signs.
#[derive(Debug, Clone)]
pub(crate) struct KeyRing {
    seed: u64,
    published: Vec<u32>,
    active: u32,
    next: u32,
    /// Served in place of the key set when present.
    pub(crate) body_override: Option<String>,
}

/// The key of personal accounts is number 0; the stranger is never published.
const PERSONAL: u32 = 0;
const STRANGER: u32 = u32::MAX;

impl KeyRing {
    pub(crate) fn new(seed: u64) -> KeyRing {
        KeyRing { seed, published: vec![1, PERSONAL, 2], active: 1, next: 3, body_override: None }
    }

    pub(crate) fn seed(&self) -> u64 {
        self.seed
    }

    pub(crate) fn active(&self) -> Arc<SigningKey> {
        pooled(self.seed, self.active)
    }

    pub(crate) fn personal(&self) -> Arc<SigningKey> {
        pooled(self.seed, PERSONAL)
    }

    /// A published key for organisations that does not sign at the moment, or the active one if there is no other.
    pub(crate) fn other(&self) -> Arc<SigningKey> {
        let other = self.published.iter().find(|number| **number != self.active && **number != PERSONAL);
        pooled(self.seed, other.copied().unwrap_or(self.active))
    }

    pub(crate) fn stranger(&self) -> Arc<SigningKey> {
        pooled(self.seed, STRANGER)
    }

    /// A new key signs from now on; the old ones stay published or vanish at once.
    pub(crate) fn rotate(&mut self, keep_old: bool) {
        if !keep_old {
            self.published.retain(|number| *number == PERSONAL);
        }
        self.active = self.next;
        self.published.push(self.next);
        self.next = self.next.saturating_add(1);
    }

    /// The JWKS document (FACTS 5.2): no `alg`, an `issuer` member for each key.
    pub(crate) fn document(&self, origin: &str) -> Value {
        let keys: Vec<Value> = self
            .published
            .iter()
            .map(|number| {
                let tenant = if *number == PERSONAL { PERSONAL_TENANT } else { "{tenantid}" };
                let key = pooled(self.seed, *number);
                json!({
                    "kty": "RSA", "use": "sig", "kid": key.kid, "x5t": key.kid, "n": key.modulus, "e": key.exponent,
                    "x5c": [key.certificate], "issuer": format!("{origin}/{tenant}/v2.0"),
                })
            })
            .collect();
        json!({ "keys": keys })
    }
}

/// An RSA key of 2048 bits.
pub(crate) struct SigningKey {
    pub(crate) kid: String,
    pub(crate) modulus: String,
    exponent: String,
    certificate: String,
    pair: RsaKeyPair,
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("SigningKey").field("kid", &self.kid).finish_non_exhaustive()
    }
}

impl SigningKey {
    /// RS256 signature, RFC 7518 section 3.3.
    pub(crate) fn sign(&self, message: &[u8]) -> Vec<u8> {
        let mut signature = vec![0; self.pair.public().modulus_len()];
        match self.pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature) {
            Ok(()) => signature,
            Err(_) => Vec::new(),
        }
    }

    fn generate(seed: u64, number: u32) -> Result<SigningKey, Box<dyn std::error::Error>> {
        let mut numbers = SeededRng(Random::new(seed ^ (u64::from(number) << 32) ^ 0x004b_4559));
        let private = rsa::RsaPrivateKey::new(&mut numbers, 2048)?;
        let document = private.to_pkcs8_der()?;
        let pair = RsaKeyPair::from_pkcs8(document.as_bytes()).map_err(|rejected| rejected.to_string())?;
        let certificate = certificate(document.as_bytes())?;
        Ok(SigningKey {
            kid: URL_SAFE_NO_PAD.encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, &certificate)),
            modulus: URL_SAFE_NO_PAD.encode(private.n().to_bytes_be()),
            exponent: URL_SAFE_NO_PAD.encode(private.e().to_bytes_be()),
            certificate: STANDARD.encode(certificate),
            pair,
        })
    }
}

/// Keys by seed and number.
#[derive(Default)]
struct Pool(HashMap<(u64, u32), Arc<SigningKey>>);

/// Generating takes a noticeable part of a second, so a process makes each key once.
fn pooled(seed: u64, number: u32) -> Arc<SigningKey> {
    static POOL: OnceLock<Mutex<Pool>> = OnceLock::new();
    let mut pool = POOL.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(key) = pool.0.get(&(seed, number)) {
        return Arc::clone(key);
    }
    // Only an unlucky draw of primes is refused; the next seed draws others.
    let mut attempt = seed;
    let key = loop {
        match SigningKey::generate(attempt, number) {
            Ok(key) => break Arc::new(key),
            Err(_) => attempt = attempt.wrapping_add(1),
        }
    };
    pool.0.insert((seed, number), Arc::clone(&key));
    key
}

/// A self-signed certificate around the key, for `x5c` and the thumbprint.
fn certificate(pkcs8: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
    let der = rcgen::KeyPair::from_pkcs8_der_and_sign_algo(&pkcs8.into(), &rcgen::PKCS_RSA_SHA256)?;
    let mut parameters = rcgen::CertificateParams::default();
    parameters.distinguished_name.push(rcgen::DnType::CommonName, "sandbox token signing");
    Ok(parameters.self_signed(&der)?.der().to_vec())
}

/// The reproducible numbers in the shape that key generation wants.
struct SeededRng(Random);

impl RngCore for SeededRng {
    fn next_u32(&mut self) -> u32 {
        let [a, b, c, d, ..] = self.0.block();
        u32::from_be_bytes([a, b, c, d])
    }

    fn next_u64(&mut self) -> u64 {
        u64::from(self.next_u32()) << 32 | u64::from(self.next_u32())
    }

    fn fill_bytes(&mut self, destination: &mut [u8]) {
        for chunk in destination.chunks_mut(32) {
            for (byte, random) in chunk.iter_mut().zip(self.0.block()) {
                *byte = random;
            }
        }
    }

    fn try_fill_bytes(&mut self, destination: &mut [u8]) -> Result<(), rand_core::Error> {
        self.fill_bytes(destination);
        Ok(())
    }
}

impl CryptoRng for SeededRng {}
