//! Text and bytes that must not be printed and are wiped when freed.

use std::fmt;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// A secret text: a token, a code, a verifier. `Debug` shows nothing of it, and it is wiped when dropped.
///
/// It is held as an exact-size block, because a growing `String` leaves copies behind and copies more slowly.
#[derive(Clone, Default)]
pub(crate) struct Secret(Zeroizing<Box<str>>);

impl Secret {
    pub(crate) fn new(text: &str) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    pub(crate) fn expose(&self) -> &str {
        &self.0
    }

    /// Compares in time that does not depend on where the texts differ.
    pub(crate) fn matches(&self, other: &str) -> bool {
        self.0.as_bytes().ct_eq(other.as_bytes()).into()
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        let text = Zeroizing::new(text);
        Self::new(&text)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// Secret bytes, for instance a 32-byte key. `Debug` shows nothing of them, and they are wiped when dropped.
#[derive(Clone)]
pub(crate) struct SecretBytes(Zeroizing<Box<[u8]>>);

impl SecretBytes {
    pub(crate) fn new(bytes: &[u8]) -> Self {
        Self(Zeroizing::new(bytes.into()))
    }

    pub(crate) fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for SecretBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn m_04_debug_shows_nothing() {
        assert_eq!(format!("{:?} {:?}", Secret::new("needle"), SecretBytes::new(b"needle")), "[redacted] [redacted]");
    }

    #[test]
    fn matching_is_exact() {
        let secret = Secret::new("abc");
        assert!(secret.matches("abc"));
        assert!(!secret.matches("abd") && !secret.matches("ab") && !secret.matches("abcd") && !secret.matches("ABC"));
    }
}
