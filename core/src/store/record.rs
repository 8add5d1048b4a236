//! Plain data that the store seals.
//!
//! In a sealed column it is JSON, written and read through buffers that are wiped. Fields may be added with a default; none changes
//! its meaning.

use crate::{
    consent::ScopeReport,
    error::{Detail, Result},
    oauth::id_token::VerifiedIdToken,
    secret::Secret,
};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::DeserializeOwned};
use std::{
    borrow::Cow,
    fmt,
    io::{self, Write},
};
use zeroize::Zeroizing;

/// Who the account is. Its key is the pair of tenant and object id; an e-mail address names nobody for ever.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Identity {
    pub(crate) tid: String,
    pub(crate) oid: String,
    pub(crate) sub: String,
    pub(crate) issuer: String,
    /// The registration for which the person signed in; tokens of one are of no use to another.
    pub(crate) client_id: String,
}

/// How the person is shown.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Person {
    pub(crate) display_name: Option<String>,
    pub(crate) username: Option<String>,
    pub(crate) mail: Option<String>,
}

/// The tokens of one account. Times are Unix seconds.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct TokenSet {
    /// Empty once it was dropped and the refresh token kept; then `expires_at` is 0.
    #[serde(serialize_with = "write_secret", deserialize_with = "read_secret")]
    pub(crate) access_token: Secret,
    #[serde(serialize_with = "write_optional_secret", deserialize_with = "read_optional_secret")]
    pub(crate) refresh_token: Option<Secret>,
    pub(crate) obtained_at: i64,
    pub(crate) refresh_at: Option<i64>,
    pub(crate) expires_at: i64,
}

/// What is known of the account's usability.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StateRecord {
    /// The number of the account's state.
    pub(crate) state: u32,
    pub(crate) detail: String,
    pub(crate) service_code: Option<String>,
    pub(crate) claims: Option<String>,
    pub(crate) since: i64,
    pub(crate) checked_at: i64,
}

/// One connected account.
#[derive(Clone)]
pub(crate) struct AccountRecord {
    /// 32 random hexadecimal digits.
    pub(crate) id: String,
    pub(crate) identity: Identity,
    pub(crate) person: Person,
    pub(crate) scopes: ScopeReport,
    pub(crate) state: StateRecord,
    pub(crate) tokens: Option<TokenSet>,
    /// Grows with every change of tokens, scopes or state.
    pub(crate) generation: i64,
    pub(crate) connected_at: i64,
}

/// What a finished sign-in hands to the store.
pub(crate) struct NewAccount<'a> {
    pub(crate) id_token: &'a VerifiedIdToken,
    pub(crate) person: Person,
    pub(crate) scopes: ScopeReport,
    pub(crate) tokens: TokenSet,
    pub(crate) state: StateRecord,
    pub(crate) now: i64,
}

/// The sealed column `identity`.
#[derive(Serialize, Deserialize)]
pub(super) struct Connected {
    pub(super) identity: Identity,
    pub(super) connected_at: i64,
}

/// The sealed column `credentials`: what changes together.
#[derive(Serialize, Deserialize)]
pub(super) struct Credentials<'a> {
    pub(super) scopes: Cow<'a, ScopeReport>,
    pub(super) state: Cow<'a, StateRecord>,
    pub(super) tokens: Option<Cow<'a, TokenSet>>,
}

impl Identity {
    pub(super) fn of(token: &VerifiedIdToken) -> Self {
        Self {
            tid: token.tid().to_owned(),
            oid: token.oid().to_owned(),
            sub: token.sub().to_owned(),
            issuer: token.issuer().to_owned(),
            client_id: token.client_id().to_owned(),
        }
    }
}

pub(super) fn encode(value: &impl Serialize) -> Result<Zeroizing<Vec<u8>>> {
    let mut buffer = Wiped(Zeroizing::new(Vec::with_capacity(8 * 1024)));
    serde_json::to_writer(&mut buffer, value).map_err(|_| Detail::Internal)?;
    Ok(buffer.0)
}

/// The bytes were sealed by us, so what does not parse was not damaged by chance.
pub(super) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T> {
    Ok(serde_json::from_slice(bytes).map_err(|_| Detail::StoreTampered)?)
}

/// Grows by moving into a new block, so that the old one is wiped.
struct Wiped(Zeroizing<Vec<u8>>);

impl Write for Wiped {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let needed = self.0.len().saturating_add(bytes.len());
        if needed > self.0.capacity() {
            let mut larger = Zeroizing::new(Vec::with_capacity(needed.saturating_mul(2)));
            larger.extend_from_slice(&self.0);
            self.0 = larger;
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn write_secret<S: Serializer>(secret: &Secret, serializer: S) -> std::result::Result<S::Ok, S::Error> {
    serializer.serialize_str(secret.expose())
}

#[expect(clippy::ref_option, reason = "the form that serde asks for")]
fn write_optional_secret<S: Serializer>(secret: &Option<Secret>, serializer: S) -> std::result::Result<S::Ok, S::Error> {
    secret.as_ref().map(Secret::expose).serialize(serializer)
}

/// Takes the text where it lies in the buffer, without a copy of its own.
struct SecretText(Secret);

impl<'de> Deserialize<'de> for SecretText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = SecretText;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text")
            }

            fn visit_str<E>(self, text: &str) -> std::result::Result<SecretText, E> {
                Ok(SecretText(Secret::new(text)))
            }
        }
        deserializer.deserialize_str(Visitor)
    }
}

fn read_secret<'de, D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Secret, D::Error> {
    SecretText::deserialize(deserializer).map(|text| text.0)
}

fn read_optional_secret<'de, D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Option<Secret>, D::Error> {
    Option::<SecretText>::deserialize(deserializer).map(|text| text.map(|text| text.0))
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Identity([redacted])")
    }
}

impl fmt::Debug for Person {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Person([redacted])")
    }
}

impl fmt::Debug for StateRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StateRecord").field("state", &self.state).field("detail", &self.detail).finish_non_exhaustive()
    }
}

impl fmt::Debug for AccountRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccountRecord").field("generation", &self.generation).field("state", &self.state).finish_non_exhaustive()
    }
}

impl fmt::Debug for NewAccount<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NewAccount([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_of_any_size_and_content_come_back() {
        for text in ["", "a", "quote\" back\\slash", &"x".repeat(100_000)] {
            let tokens = TokenSet {
                access_token: Secret::new(text),
                refresh_token: Some(Secret::new(text)),
                obtained_at: 1,
                refresh_at: None,
                expires_at: i64::MAX,
            };
            let back: TokenSet = decode(&encode(&tokens).unwrap()).unwrap();
            assert!(back.access_token.matches(text) && back.refresh_token.unwrap().matches(text));
            assert_eq!((back.obtained_at, back.refresh_at, back.expires_at), (1, None, i64::MAX));
        }
    }

    #[test]
    fn m_04_debug_and_errors_show_nothing() {
        let person = Person { display_name: Some("needle".into()), ..Person::default() };
        assert!(!format!("{person:?}").contains("needle"));
        let error = decode::<TokenSet>(b"{\"access_token\":1,\"needle\":2}").unwrap_err();
        assert!(!format!("{error} {error:?}").contains("needle"));
        assert_eq!(error.cause(), Detail::StoreTampered);
    }
}
