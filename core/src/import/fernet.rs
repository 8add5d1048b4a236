//! Fernet, the sealed text of Python's `cryptography` package, opened only.
//!
//! A key is 32 bytes: 16 for signing, then 16 for encryption. A token is base64url of
//! `version 1 byte (0x80) | seconds 8 | IV 16 | AES-128-CBC with PKCS #7 | HMAC-SHA256 of all before, 32`.

use crate::secret::SecretBytes;
use aes::Aes128;
use base64::{
    Engine as _, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use cbc::{
    Decryptor,
    cipher::{BlockModeDecrypt, KeyIvInit, block_padding::Pkcs7},
};
use ring::hmac;
use zeroize::Zeroizing;

/// Every token begins so: the version, and seconds that stay below 2^40 for 30,000 years.
pub(super) const BEGINNING: &str = "gAAAA";
pub(super) const KEY_LENGTH: usize = 32;

const VERSION: u8 = 0x80;
const IV: std::ops::Range<usize> = 9..25;
const TAG_LENGTH: usize = 32;

/// base64 with and without its `=`, in the alphabet of URLs.
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT);
const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);

/// The key that somebody wrote down as text.
pub(super) fn key_of(text: &str) -> Option<SecretBytes> {
    let bytes = Zeroizing::new(URL_SAFE.decode(text.trim()).ok()?);
    (bytes.len() == KEY_LENGTH).then(|| SecretBytes::new(&bytes))
}

/// What is sealed in `token`; `None` if the key is another one, or the token is damaged.
pub(super) fn open(key: &SecretBytes, token: &str) -> Option<Zeroizing<Vec<u8>>> {
    let (signing, encryption) = key.expose().split_at_checked(KEY_LENGTH / 2)?;
    let sealed = URL_SAFE.decode(token.trim()).ok()?;
    let (signed, tag) = sealed.split_at_checked(sealed.len().checked_sub(TAG_LENGTH)?)?;
    hmac::verify(&hmac::Key::new(hmac::HMAC_SHA256, signing), signed, tag).ok()?;
    if signed.first() != Some(&VERSION) {
        return None;
    }
    let cipher = Decryptor::<Aes128>::new_from_slices(encryption, signed.get(IV)?).ok()?;
    let mut text = Zeroizing::new(signed.get(IV.end..)?.to_vec());
    let length = cipher.decrypt_padded::<Pkcs7>(&mut text).ok()?.len();
    text.truncate(length);
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The test vector of the format's description.
    const KEY: &str = "cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4e4=";
    const TOKEN: &str = "gAAAAAAdwJ6wAAECAwQFBgcICQoLDA0ODy021cpGVWKZ_eEwCGM4BLLF_5CV9dOPmrhuVUPgJobwOz7JcbmrR64jVmpU4IwqDA==";

    #[test]
    fn the_published_vector_opens() {
        let key = key_of(KEY).unwrap();
        assert_eq!(open(&key, TOKEN).unwrap().as_slice(), b"hello");
        assert_eq!(open(&key, TOKEN.trim_end_matches('=')).unwrap().as_slice(), b"hello");
        assert!(TOKEN.starts_with(BEGINNING));
    }

    #[test]
    fn a_changed_byte_anywhere_is_noticed() {
        let key = key_of(KEY).unwrap();
        let sealed = URL_SAFE.decode(TOKEN).unwrap();
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert!(open(&key, &URL_SAFE.encode(&changed)).is_none(), "byte {at}");
            assert!(open(&key, &URL_SAFE.encode(&sealed[..at])).is_none(), "cut at {at}");
        }
    }

    #[test]
    fn another_key_and_no_token() {
        let other = key_of("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=").unwrap();
        assert!(open(&other, TOKEN).is_none());
        for nonsense in ["", "=", "gAAAAA", "ä", "{}", &"A".repeat(100)] {
            assert!(open(&other, nonsense).is_none() && key_of(nonsense).is_none(), "{nonsense}");
        }
    }

    /// Rightly signed, but without a whole block: nothing opens and nothing panics.
    #[test]
    fn signed_nonsense() {
        let key = key_of(KEY).unwrap();
        let signing = hmac::Key::new(hmac::HMAC_SHA256, &key.expose()[..16]);
        for length in [0, 1, 8, 9, 24, 25, 26, 40, 41] {
            for version in [VERSION, 0] {
                let mut bytes = vec![version; length];
                let tag = hmac::sign(&signing, &bytes);
                bytes.extend_from_slice(tag.as_ref());
                assert!(open(&key, &URL_SAFE.encode(&bytes)).is_none(), "{length}");
            }
        }
    }
}
