//! A key set of the identity platform (RFC 7517): which of its keys may sign an `id_token`, and for whom.
//!
//! `{"keys":[{"kty":"RSA","use":"sig","kid":"…","n":"…","e":"AQAB","issuer":"https://…/{tenantid}/v2.0"}]}`, with members that
//! nobody here needs beside them. A key that is unusable is left out; the others stand.

use super::{json::Json, jws};
use std::{collections::BTreeMap, fmt};

/// More keys than any provider publishes at once.
const MAX_KEYS: usize = 64;
/// The largest signature key whose check is still cheap; also ring's limit.
const MAX_MODULUS: usize = 8192 / 8;
const MIN_MODULUS: usize = 2048 / 8;
/// ring takes exponents up to 33 bits.
const MAX_EXPONENT: usize = 5;

/// The usable keys of one published set.
#[derive(Debug)]
pub(super) struct KeySet(Vec<Key>);

/// A key that may sign tokens.
#[derive(Debug)]
pub(super) struct Key {
    kid: Option<String>,
    issuer: Option<String>,
    rsa: RsaKey,
}

/// An RSA public key fit for RS256: 2048 to 8192 bits and an odd exponent of at least 3.
pub(super) struct RsaKey {
    modulus: Vec<u8>,
    exponent: Vec<u8>,
}

impl KeySet {
    /// Reads a published set; `None` if it is no key set or holds no usable key.
    pub(super) fn parse(text: &[u8]) -> Option<Self> {
        let document = Json::parse_object(text)?;
        let keys: Vec<Key> = document.get("keys")?.as_list()?.iter().filter_map(Key::from_jwk).take(MAX_KEYS).collect();
        (!keys.is_empty()).then_some(Self(keys))
    }

    /// The keys of that name; without a name all of them.
    pub(super) fn named<'a, 'k>(&'a self, kid: Option<&'k str>) -> impl Iterator<Item = &'a Key> + use<'a, 'k> {
        self.0.iter().filter(move |key| kid.is_none() || key.kid.as_deref() == kid)
    }
}

impl Key {
    /// Reads one key; `None` if it must not sign tokens. A key that shows its private half proves nothing.
    pub(super) fn from_jwk(jwk: &Json) -> Option<Self> {
        let Json::Object(members) = jwk else { return None };
        let may_sign = is(members, "kty", "RSA")?
            && is(members, "use", "sig").unwrap_or(true)
            && is(members, "alg", "RS256").unwrap_or(true)
            && members.get("key_ops").is_none_or(permits_verifying)
            && !members.contains_key("d");
        if !may_sign {
            return None;
        }
        let rsa = RsaKey::new(octets(members, "n")?, octets(members, "e")?)?;
        Some(Self { kid: optional_text(members, "kid")?, issuer: optional_text(members, "issuer")?, rsa })
    }

    /// The only issuer whose tokens this key may sign, possibly with the placeholder `{tenantid}`.
    pub(super) fn issuer(&self) -> Option<&str> {
        self.issuer.as_deref()
    }

    pub(super) fn rsa(&self) -> &RsaKey {
        &self.rsa
    }
}

impl RsaKey {
    pub(super) fn new(modulus: Vec<u8>, exponent: Vec<u8>) -> Option<Self> {
        let canonical =
            |number: &[u8]| number.first().is_some_and(|byte| *byte != 0) && number.last().is_some_and(|byte| byte & 1 == 1);
        if !canonical(&modulus) || !canonical(&exponent) || exponent == [1] {
            return None;
        }
        let long_enough = modulus.len() > MIN_MODULUS || (modulus.len() == MIN_MODULUS && modulus.first()? & 0x80 != 0);
        let fits = long_enough && modulus.len() <= MAX_MODULUS && exponent.len() <= MAX_EXPONENT;
        (fits && !has_roca_shape(&modulus)).then_some(Self { modulus, exponent })
    }

    pub(super) fn modulus(&self) -> &[u8] {
        &self.modulus
    }

    pub(super) fn exponent(&self) -> &[u8] {
        &self.exponent
    }
}

impl fmt::Debug for RsaKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RsaKey({} bytes)", self.modulus.len())
    }
}

/// Whether a text member has that value; `None` where it is absent. Any other type is a different value.
fn is(members: &BTreeMap<String, Json>, name: &str, value: &str) -> Option<bool> {
    members.get(name).map(|member| member.as_text() == Some(value))
}

fn permits_verifying(operations: &Json) -> bool {
    operations.as_list().is_some_and(|list| list.iter().any(|operation| operation.as_text() == Some("verify")))
}

/// The text of a member that may be absent, but not of another type.
#[expect(clippy::option_option, reason = "absent is fine, another type is not")]
fn optional_text(members: &BTreeMap<String, Json>, name: &str) -> Option<Option<String>> {
    match members.get(name) {
        None => Some(None),
        Some(Json::Text(text)) => Some(Some(text.clone())),
        Some(_) => None,
    }
}

fn octets(members: &BTreeMap<String, Json>, name: &str) -> Option<Vec<u8>> {
    jws::decode(members.get(name)?.as_text()?).ok()
}

/// Whether the modulus looks like one of the smart cards whose keys can be computed from their public half (CVE-2017-15361):
/// modulo every small prime it is a power of 65537. A good key looks like that once in more than 10^8.
fn has_roca_shape(modulus: &[u8]) -> bool {
    const PRIMES: [u32; 38] = [
        3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101, 103, 107, 109, 113, 127,
        131, 137, 139, 149, 151, 157, 163, 167,
    ];
    PRIMES.iter().all(|prime| {
        let residue = modulus.iter().fold(0, |rest: u32, byte| (rest * 256 + u32::from(*byte)) % prime);
        let mut power = 1;
        (0..*prime).any(|_| {
            power = power * 65537 % prime;
            power == residue
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oauth::testing::{Signer, encode};
    use serde_json::{Value, json};

    /// The names of the usable keys.
    fn usable(keys: &[Value]) -> Vec<String> {
        let set = KeySet::parse(json!({ "keys": keys }).to_string().as_bytes());
        set.map(|set| set.0.into_iter().map(|key| key.kid.unwrap_or_default()).collect()).unwrap_or_default()
    }

    fn with(member: &str, value: Value) -> Value {
        let mut key = Signer::first().jwk();
        key[member] = value;
        key
    }

    fn without(member: &str) -> Value {
        let mut key = Signer::first().jwk();
        key.as_object_mut().unwrap().remove(member);
        key
    }

    /// A modulus of that many bytes, odd and with its highest bit set.
    fn modulus(bytes: usize) -> Value {
        let mut number = vec![0xa5; bytes];
        *number.last_mut().unwrap() |= 1;
        json!(encode(&number))
    }

    #[test]
    #[expect(clippy::too_many_lines, reason = "a table")]
    fn j_21_bad_keys_are_skipped() {
        let n = jws::decode(Signer::first().jwk()["n"].as_str().unwrap()).unwrap();
        let mut short_by_a_bit = n.clone();
        short_by_a_bit[0] &= 0x7f;
        let mut even = n.clone();
        even[255] &= 0xfe;
        for bad in [
            with("kty", json!("EC")),
            with("kty", json!("oct")),
            with("kty", json!(1)),
            without("kty"),
            with("use", json!("enc")),
            with("use", json!(null)),
            with("alg", json!("RS384")),
            with("alg", json!("PS256")),
            with("alg", json!("HS256")),
            with("alg", json!(["RS256"])),
            with("key_ops", json!(["encrypt"])),
            with("key_ops", json!("verify")),
            with("kid", json!(7)),
            with("issuer", json!({})),
            with("d", json!("AQAB")),
            without("n"),
            without("e"),
            with("n", json!("")),
            with("n", json!("AA")),
            with("n", json!(5)),
            with("n", json!("not base64!")),
            with("n", json!(format!("{}=", encode(&n)))),
            with("n", json!(encode(&[&[0], &n[..]].concat()))),
            with("n", json!(encode(&[0; 256]))),
            with("n", json!(encode(&even))),
            with("n", json!(encode(&short_by_a_bit))),
            with("n", modulus(255)),
            with("n", modulus(1025)),
            with("e", json!("")),
            with("e", json!("AA")),
            with("e", json!("AQ")),
            with("e", json!("Ag")),
            with("e", json!(encode(&[1, 0, 2]))),
            with("e", json!(encode(&[0, 1, 0, 1]))),
            with("e", json!(encode(&[1, 0, 0, 0, 0, 1]))),
            json!(null),
            json!("key"),
            json!([]),
            json!({}),
        ] {
            assert_eq!(usable(&[bad.clone(), Signer::second().jwk()]), ["second"], "{bad}");
            assert!(usable(std::slice::from_ref(&bad)).is_empty(), "{bad}");
        }
        for good in [
            with("e", json!("Aw")),
            with("n", modulus(257)),
            with("n", modulus(1024)),
            with("alg", json!("RS256")),
            with("key_ops", json!(["verify"])),
            with("x5c", json!(["MIIC"])),
            without("use"),
            without("issuer"),
        ] {
            assert_eq!(usable(std::slice::from_ref(&good)), ["first"], "{good}");
        }
    }

    #[test]
    fn j_21_short_keys() {
        let set: Value = serde_json::from_str(include_str!("testdata/small_keys.json")).unwrap();
        let keys = set["keys"].as_array().unwrap();
        assert_eq!(keys.len(), 2);
        assert!(usable(keys).is_empty());
    }

    #[test]
    fn j_21_at_most_64_keys_are_used() {
        let many: Vec<Value> = (0..4_000).map(|number| with("kid", json!(format!("k{number}")))).collect();
        assert_eq!(usable(&many).len(), MAX_KEYS);
    }

    #[test]
    fn j_21_what_is_no_key_set() {
        for text in ["", "[]", "{}", "null", r#"{"keys":{}}"#, r#"{"keys":[]}"#, r#"{"keys":[],"keys":[]}"#, "<html>", "\u{feff}{}"]
        {
            assert!(KeySet::parse(text.as_bytes()).is_none(), "{text}");
        }
    }

    #[test]
    fn keys_by_name() {
        let keys = [Signer::first().jwk(), Signer::second().jwk(), without("kid")];
        let set = KeySet::parse(json!({ "keys": keys }).to_string().as_bytes()).unwrap();
        let count = |kid| set.named(kid).count();
        assert_eq!(
            (count(None), count(Some("first")), count(Some("second")), count(Some("First")), count(Some(""))),
            (3, 1, 1, 0, 0)
        );
    }
}
