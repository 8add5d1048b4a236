//! A signed token in compact form (RFC 7515): taken apart, and its signature checked.
//!
//! `base64url(header) "." base64url(payload) "." base64url(signature)`, without padding. Only RS256 exists here: the algorithm is
//! fixed by this file and the header can only agree with it. Keys come from the provider's key set alone; what a header brings
//! along (`jwk`, `jku`, `x5c`, `x5u`) is not looked at.

use super::{json::Json, jwk::RsaKey};
use crate::error::{Detail, Error, Result};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents};
use std::{collections::BTreeMap, fmt};
use zeroize::Zeroizing;

/// The largest token that is looked at. A token of the identity platform has 1 to 4 KiB.
pub(super) const MAX_TOKEN: usize = 64 * 1024;

/// A token whose header is acceptable and whose signature nobody has checked yet.
pub(super) struct Jws<'a> {
    kid: Option<String>,
    signed: &'a str,
    payload: Zeroizing<Vec<u8>>,
    signature: Vec<u8>,
}

/// The payload of a token after its signature was found good. Only [`Jws::verify`] makes one.
pub(super) struct SignedPayload(Zeroizing<Vec<u8>>);

impl<'a> Jws<'a> {
    /// Takes a token apart. The size is looked at before anything else; the algorithm before payload and signature.
    pub(super) fn parse(token: &'a str) -> Result<Self> {
        if token.len() > MAX_TOKEN {
            return Err(invalid("size"));
        }
        let (signed, signature) = token.rsplit_once('.').ok_or_else(|| invalid("format"))?;
        let (header, payload) = signed.split_once('.').ok_or_else(|| invalid("format"))?;
        if header.is_empty() || payload.contains('.') {
            return Err(invalid("format"));
        }
        let header = Json::parse_object(&decode(header)?).ok_or_else(|| invalid("format"))?;
        let kid = check_header(&header)?;
        let (payload, signature) = (Zeroizing::new(decode(payload)?), decode(signature)?);
        if signature.is_empty() {
            return Err(invalid("format"));
        }
        Ok(Self { kid, signed, payload, signature })
    }

    /// The name of the key that the token claims to be signed with.
    pub(super) fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// The payload, if `key` made the signature.
    pub(super) fn verify(&self, key: &RsaKey) -> Option<SignedPayload> {
        let key = RsaPublicKeyComponents { n: key.modulus(), e: key.exponent() };
        key.verify(&RSA_PKCS1_2048_8192_SHA256, self.signed.as_bytes(), &self.signature).ok()?;
        Some(SignedPayload(self.payload.clone()))
    }
}

impl fmt::Debug for Jws<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Jws({} bytes)", self.signed.len())
    }
}

impl SignedPayload {
    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for SignedPayload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SignedPayload({} bytes)", self.0.len())
    }
}

/// A token was refused because of `what`: a claim, or a part of its form. Never a value out of the token.
pub(super) fn invalid(what: &'static str) -> Error {
    Detail::IdTokenInvalid.about(what)
}

/// base64url without padding; white space, other alphabets and loose bits at the end are refused.
pub(super) fn decode(text: &str) -> Result<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).map_err(|_| invalid("format"))
}

/// Answers the key's name. `b64` and every extension that must be understood (`crit`) change what is signed: none is.
fn check_header(header: &BTreeMap<String, Json>) -> Result<Option<String>> {
    if header.get("alg").and_then(Json::as_text) != Some("RS256") {
        return Err(invalid("alg"));
    }
    if header.contains_key("crit") || header.contains_key("b64") {
        return Err(invalid("crit"));
    }
    // A token made for another purpose says so here (RFC 8725, 3.11).
    match header.get("typ").map(Json::as_text) {
        None => {}
        Some(Some(kind)) if kind.eq_ignore_ascii_case("JWT") => {}
        Some(_) => return Err(invalid("typ")),
    }
    match header.get("kid") {
        None => Ok(None),
        Some(Json::Text(kid)) => Ok(Some(kid.clone())),
        Some(_) => Err(invalid("kid")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oauth::{
        jwk::{Key, KeySet},
        testing::{Signer, claims, encode},
    };
    use serde_json::{Value, json};

    fn what(token: &str) -> String {
        let error = Jws::parse(token).unwrap_err();
        assert_eq!(error.cause(), Detail::IdTokenInvalid);
        error.what().unwrap().to_owned()
    }

    fn signed_header(header: &Value) -> String {
        Signer::first().sign_raw(&header.to_string(), &claims().to_string())
    }

    fn first_key() -> RsaKey {
        let components = ring::rsa::PublicKeyComponents::<Vec<u8>>::from(Signer::first().public());
        RsaKey::new(components.n, components.e).unwrap()
    }

    #[test]
    fn j_01_j_02_only_rs256() {
        for alg in ["none", "None", "nOnE", "NONE", "HS256", "rs256", "RS256 ", "RS384", "RS512", "PS256", "ES256", "EdDSA", ""] {
            let header = encode(json!({"alg": alg, "kid": "first"}).to_string().as_bytes());
            let payload = encode(claims().to_string().as_bytes());
            for signature in ["", "AAAA"] {
                assert_eq!(what(&format!("{header}.{payload}.{signature}")), "alg", "{alg}");
            }
        }
        for header in
            [json!({}), json!({"alg": null}), json!({"alg": 256}), json!({"alg": ["RS256"]}), json!({"alg": {"alg": "RS256"}})]
        {
            assert_eq!(what(&signed_header(&header)), "alg", "{header}");
        }
        Jws::parse(&signed_header(&json!({"alg": "RS256"}))).unwrap();
    }

    #[test]
    fn j_02_hs256_keyed_with_the_public_key() {
        let public = Signer::first().public().as_ref().to_vec();
        let jwk = Signer::first().jwk();
        let modulus = decode(jwk["n"].as_str().unwrap()).unwrap();
        let pem = format!("-----BEGIN RSA PUBLIC KEY-----\n{}\n-----END RSA PUBLIC KEY-----\n", encode(&public));
        for secret in [public, pem.into_bytes(), jwk.to_string().into_bytes(), modulus] {
            let signed = format!("{}.{}", encode(br#"{"alg":"HS256","kid":"first"}"#), encode(claims().to_string().as_bytes()));
            let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, &secret);
            let tag = ring::hmac::sign(&key, signed.as_bytes());
            assert_eq!(what(&format!("{signed}.{}", encode(tag.as_ref()))), "alg");
            // The same tag under an honest-looking header is no RSA signature.
            let forged = format!("{}.{}", encode(br#"{"alg":"RS256"}"#), encode(claims().to_string().as_bytes()));
            let forged = format!("{forged}.{}", encode(ring::hmac::sign(&key, forged.as_bytes()).as_ref()));
            assert!(Jws::parse(&forged).unwrap().verify(&first_key()).is_none());
        }
    }

    #[test]
    fn j_03_broken_signatures() {
        let good = Signer::first().sign(&claims());
        let (signed, signature) = good.rsplit_once('.').unwrap();
        let bytes = decode(signature).unwrap();
        let verifies =
            |signature: &[u8]| Jws::parse(&format!("{signed}.{}", encode(signature))).unwrap().verify(&first_key()).is_some();
        assert!(verifies(&bytes));
        for index in 0..bytes.len() {
            let mut broken = bytes.clone();
            broken[index] ^= 1 << (index % 8);
            assert!(!verifies(&broken), "{index}");
        }
        assert!(!verifies(&bytes[..255]) && !verifies(&bytes[1..]) && !verifies(&bytes[..1]));
        assert!(!verifies(&[&bytes[..], &[0]].concat()) && !verifies(&[&[0], &bytes[..]].concat()));
        let other = Signer::second().sign_raw(r#"{"alg":"RS256","kid":"first"}"#, &claims().to_string());
        assert!(Jws::parse(&other).unwrap().verify(&first_key()).is_none());
        let pss = format!("{signed}.{}", Signer::first().pss(signed));
        assert!(Jws::parse(&pss).unwrap().verify(&first_key()).is_none());
    }

    #[test]
    fn j_05_wrong_structure() {
        let good = Signer::first().sign(&claims());
        let [header, payload, signature] = good.split('.').collect::<Vec<_>>()[..] else { panic!("three parts") };
        for token in [
            String::new(),
            ".".to_owned(),
            "..".to_owned(),
            header.to_owned(),
            format!("{header}.{payload}"),
            format!("{good}."),
            format!("{good}.{signature}"),
            format!("{header}.AAAA.AAAA.AAAA.AAAA"),
            format!(".{payload}.{signature}"),
            format!("{header}.{payload}."),
            format!("{header}=.{payload}.{signature}"),
            format!("{header}.{payload}=.{signature}"),
            format!("{good}="),
            format!("{good}=="),
            format!("{header}.{payload}.+{signature}"),
            format!("{header}.{payload}./{signature}"),
            format!(" {good}"),
            format!("{good}\n"),
            format!("{header} .{payload}.{signature}"),
            format!("{header}.{}\n{}.{signature}", &payload[..8], &payload[8..]),
            format!("{header}.{payload}\0.{signature}"),
            format!("{}.{payload}.{signature}", encode(b"\xff\xfe")),
            format!("{}.{payload}.{signature}", encode(b"[]")),
            format!("{}.{payload}.{signature}", encode(b"null")),
            format!("{}.{payload}.{signature}", encode(br#"{"alg":"RS256"} x"#)),
            // Bits that no byte carries: another text for the same bytes.
            format!("{header}.{payload}.{}B", &signature[..signature.len() - 1]),
        ] {
            assert_eq!(what(&token), "format", "{token}");
        }
        // An empty payload is a matter of the claims, not of the form.
        assert!(Jws::parse(&Signer::first().sign_raw(r#"{"alg":"RS256"}"#, "")).unwrap().verify(&first_key()).is_some());
    }

    #[test]
    fn j_06_duplicate_header_members() {
        for header in
            [r#"{"alg":"RS256","alg":"RS256"}"#, r#"{"alg":"none","alg":"RS256"}"#, r#"{"alg":"RS256","x":{"a":1,"a":2}}"#]
        {
            assert_eq!(what(&Signer::first().sign_raw(header, "{}")), "format", "{header}");
        }
    }

    #[test]
    fn j_07_key_names_are_only_compared() {
        for kid in ["", "' OR 1=1 --", "../../../../etc/passwd", "\0", "https://evil.example/keys", &"k".repeat(30_000)] {
            let token = signed_header(&json!({"alg": "RS256", "kid": kid}));
            assert_eq!(Jws::parse(&token).unwrap().kid(), Some(kid));
        }
        for kid in [json!(1), json!(null), json!(["first"]), json!({"kid": "first"})] {
            assert_eq!(what(&signed_header(&json!({"alg": "RS256", "kid": kid}))), "kid");
        }
        assert_eq!(what(&signed_header(&json!({"alg": "RS256", "kid": "k".repeat(1024 * 1024)}))), "size");
    }

    #[test]
    fn j_09_extensions_that_must_be_understood() {
        for extension in [
            json!({"crit": ["exp"]}),
            json!({"crit": ["unknown"], "unknown": 1}),
            json!({"crit": []}),
            json!({"crit": null}),
            json!({"crit": ["b64"], "b64": false}),
            json!({"b64": false}),
            json!({"b64": true}),
        ] {
            let mut header = json!({"alg": "RS256", "kid": "first"});
            header.as_object_mut().unwrap().extend(extension.as_object().unwrap().clone());
            assert_eq!(what(&signed_header(&header)), "crit", "{header}");
        }
    }

    #[test]
    fn tokens_for_another_purpose() {
        for kind in [json!("at+jwt"), json!("logout+jwt"), json!("dpop+jwt"), json!(""), json!(null), json!(1)] {
            assert_eq!(what(&signed_header(&json!({"alg": "RS256", "typ": kind}))), "typ", "{kind}");
        }
        for kind in ["JWT", "jwt"] {
            Jws::parse(&signed_header(&json!({"alg": "RS256", "typ": kind}))).unwrap();
        }
    }

    #[test]
    fn j_18_size_comes_first() {
        assert_eq!(what(&".".repeat(MAX_TOKEN + 1)), "size");
        assert_eq!(what(&"A".repeat(1024 * 1024)), "size");
        assert_eq!(what(&format!("{}.AAAA.AAAA", "A".repeat(50 * 1024 * 1024))), "size");
        assert_eq!(what(&".".repeat(MAX_TOKEN)), "format");
    }

    #[test]
    fn debug_and_errors_show_nothing() {
        let token = Signer::first().sign(&claims());
        let jws = Jws::parse(&token).unwrap();
        let shown = format!("{jws:?} {:?}", jws.verify(&first_key()).unwrap());
        assert!(!shown.contains("Ada") && !shown.contains(&token[..20]), "{shown}");
        let error = Jws::parse(&Signer::first().sign_raw(r#"{"alg":"needle"}"#, "{}")).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("needle"));
    }

    /// What became of the vectors of one file.
    #[derive(Debug, Default, PartialEq)]
    struct Tally {
        run: usize,
        accepted: usize,
        refused: usize,
        /// Valid elsewhere, refused here because the algorithm is not RS256.
        other_algorithm: usize,
    }

    /// An RS256 header and an RSA key.
    fn is_rs256(vector: &Value, key: &Value) -> bool {
        let token = vector["jws"].as_str().unwrap_or_default();
        let header = decode(token.split('.').next().unwrap_or_default()).unwrap_or_default();
        let header = serde_json::from_slice::<Value>(&header).unwrap_or_default();
        header["alg"] == "RS256" && key.to_string().contains(r#""kty":"RSA""#)
    }

    fn is_accepted(token: &str, key: &Value) -> bool {
        let Ok(jws) = Jws::parse(token) else { return false };
        let set = if key.get("keys").is_some() { key.clone() } else { json!({ "keys": [key] }) };
        let Some(keys) = KeySet::parse(set.to_string().as_bytes()) else { return false };
        let mut named = keys.named(jws.kid()).map(Key::rsa);
        named.any(|key| jws.verify(key).is_some())
    }

    fn run(file: &str) -> Tally {
        let file: Value = serde_json::from_str(file).unwrap();
        let mut tally = Tally::default();
        for group in file["testGroups"].as_array().unwrap() {
            let key = group.get("public").unwrap_or(&group["private"]);
            for vector in group["tests"].as_array().unwrap() {
                let token = vector.get("jws").or(vector.get("jwe")).unwrap();
                let token = token.as_str().map_or_else(|| token.to_string(), str::to_owned);
                let valid = vector["result"] == "valid";
                let expected = valid && is_rs256(vector, key);
                assert_eq!(is_accepted(&token, key), expected, "{} {}", vector["tcId"], vector["comment"]);
                tally.run += 1;
                *if expected { &mut tally.accepted } else { &mut tally.refused } += 1;
                tally.other_algorithm += usize::from(valid && !expected);
            }
        }
        assert_eq!(file["numberOfTests"], tally.run);
        tally
    }

    #[test]
    fn j_04_wycheproof_signatures() {
        let tally = run(include_str!("../../../tests/core/data/wycheproof/json_web_signature_test.json"));
        assert_eq!(tally, Tally { run: 401, accepted: 8, refused: 393, other_algorithm: 38 });
    }

    #[test]
    fn j_04_wycheproof_keys() {
        let tally = run(include_str!("../../../tests/core/data/wycheproof/json_web_key_test.json"));
        assert_eq!(tally, Tally { run: 26, accepted: 1, refused: 25, other_algorithm: 4 });
    }

    #[test]
    fn j_04_wycheproof_crypto() {
        let tally = run(include_str!("../../../tests/core/data/wycheproof/json_web_crypto_test.json"));
        assert_eq!(tally, Tally { run: 83, accepted: 1, refused: 82, other_algorithm: 5 });
    }
}
