//! Texts that the host carries for us and cannot read: sealed with a key that ends with this process.

use super::seal::{self, Key};
use crate::error::Result;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use std::fmt;
use zeroize::Zeroizing;

/// Seals short texts for as long as it lives.
pub(crate) struct Envelope(Key);

impl Envelope {
    pub(crate) fn new() -> Result<Self> {
        seal::random().map(Self)
    }

    /// `about` says what it is for; it opens for nothing else.
    pub(crate) fn seal(&self, about: &[&str], plain: &[u8]) -> Result<String> {
        Ok(URL_SAFE_NO_PAD.encode(seal::seal_bytes(&self.0, &[], &associated_data(about), plain)?))
    }

    /// `None` for what was not sealed here, or for something else.
    pub(crate) fn open(&self, about: &[&str], sealed: &str) -> Option<Zeroizing<Vec<u8>>> {
        seal::open_bytes(&self.0, &associated_data(about), &URL_SAFE_NO_PAD.decode(sealed).ok()?)
    }
}

impl fmt::Debug for Envelope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Envelope")
    }
}

fn associated_data(about: &[&str]) -> Vec<u8> {
    about.iter().flat_map(|part| [part.as_bytes(), b"\0"].concat()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_opens_here_and_for_the_same_alone() {
        let (ours, other) = (Envelope::new().unwrap(), Envelope::new().unwrap());
        let sealed = ours.seal(&["messages", "a"], b"link").unwrap();
        assert_eq!(ours.open(&["messages", "a"], &sealed).unwrap().as_slice(), b"link");
        for about in [&["events", "a"][..], &["messages", "b"], &["messages"], &["messagesa", ""]] {
            assert!(ours.open(about, &sealed).is_none(), "{about:?}");
        }
        assert!(other.open(&["messages", "a"], &sealed).is_none());
        for text in ["", "x", "%", &sealed[1..], &sealed[..sealed.len() - 1]] {
            assert!(ours.open(&["messages", "a"], text).is_none(), "{text}");
        }
    }
}
