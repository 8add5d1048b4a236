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
    Error::from(Detail::IdTokenInvalid).with_what(what)
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
