//! A passphrase that a person knows.

use super::{KeyProvider, unwrap_under, wrap_under};
use crate::{
    error::{Detail, Result},
    protection::KeyProviderKind,
    store::seal::{self, KEY_LENGTH, Key},
};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use std::{
    fmt,
    sync::{Mutex, PoisonError},
};
use zeroize::{Zeroize, Zeroizing};

const FEWEST_CHARACTERS: usize = 12;
const MOST_BYTES: usize = 1024;

/// The first byte of what this provider wraps (see [`wrap_under`]).
const VERSION: u8 = 3;
const SALT_LENGTH: usize = 16;
const HEADER_LENGTH: usize = 1 + 4 + 4 + 4 + SALT_LENGTH;

/// A key provider for a passphrase that a person enters, from which a key is derived with Argon2id (RFC 9106: 64 MiB, 3 passes, one
/// lane, a salt for each wrapping).
///
/// It is the only one that also protects from whoever can read all of the owner's files while the app does not run, as far as the
/// passphrase is hard to guess: every guess costs the guesser a few tenths of a second and 64 MiB. It does not make older copies of
/// the store useless.
///
/// Deriving takes a moment (some tenths of a second) on the calling thread, once for each opening and each change of key; the derived
/// key stays in memory until the provider is dropped, and is wiped then. The passphrase is taken byte for byte as UTF-8: an app that
/// runs on several systems should normalise what was typed (NFC) before.
pub struct Passphrase {
    phrase: Zeroizing<Vec<u8>>,
    /// The key that was derived last.
    derived: Mutex<Option<(Recipe, Key)>>,
}

impl Passphrase {
    /// Takes the passphrase: 12 characters or more, at most 1024 bytes, without NUL. Nothing is derived yet.
    ///
    /// # Errors
    /// `KeyRejected`: `StoreKeyMissing` for an empty one, `PassphraseUnsuitable` for one that is too short, too long or holds NUL (ask
    /// the person for another). Opening a store with a wrong one answers `KeyRejected` (`PassphraseWrong`).
    pub fn new(phrase: &str) -> Result<Self> {
        if phrase.is_empty() {
            return Err(Detail::StoreKeyMissing.into());
        }
        if phrase.len() > MOST_BYTES || phrase.chars().count() < FEWEST_CHARACTERS {
            return Err(Detail::PassphraseUnsuitable.about("length"));
        }
        if phrase.contains('\0') {
            return Err(Detail::PassphraseUnsuitable.about("NUL"));
        }
        Ok(Self { phrase: Zeroizing::new(phrase.as_bytes().to_vec()), derived: Mutex::default() })
    }

    /// Several callers wait for one derivation instead of taking the memory several times.
    fn key(&self, recipe: Recipe) -> Result<Key> {
        let mut derived = self.derived.lock().unwrap_or_else(PoisonError::into_inner);
        match &*derived {
            Some((known, key)) if *known == recipe => Ok(key.clone()),
            _ => {
                let key = recipe.derive(&self.phrase)?;
                *derived = Some((recipe, key.clone()));
                Ok(key)
            }
        }
    }
}

impl KeyProvider for Passphrase {
    fn wrap(&self, key_id: u32, key: &[u8]) -> Result<Vec<u8>> {
        let recipe = Recipe::fresh()?;
        wrap_under(&self.key(recipe)?, &recipe.header(), key_id, key)
    }

    fn unwrap(&self, key_id: u32, wrapped: &[u8]) -> Result<Vec<u8>> {
        if wrapped.first() != Some(&VERSION) {
            return Err(Detail::StoreWrongKey.into());
        }
        let damaged = || Detail::StoreCorrupt.about("key derivation");
        let (header, body) = wrapped.split_first_chunk().ok_or_else(damaged)?;
        let recipe = Recipe::parse(header).ok_or_else(damaged)?;
        Ok(unwrap_under(&self.key(recipe)?, header, key_id, body).ok_or(Detail::PassphraseWrong)?)
    }

    fn kind(&self) -> KeyProviderKind {
        KeyProviderKind::Passphrase
    }
}

impl fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passphrase([redacted])")
    }
}

/// How a key follows from a passphrase, as it lies in the store in clear:
///
/// ```text
/// version (3) | memory in KiB, 4 bytes | passes, 4 | lanes, 4 | salt 16
/// ```
///
/// with numbers in big endian. Whoever can write the store can change it, so it is believed only within bounds: what is less than the
/// lower ones this library never wrote, and the upper ones are what every machine can still afford.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Recipe {
    memory: u32,
    passes: u32,
    lanes: u32,
    salt: [u8; SALT_LENGTH],
}

impl Recipe {
    /// The second recommended option of RFC 9106 section 4, with one lane instead of four: nothing here runs in parallel.
    fn fresh() -> Result<Self> {
        Ok(Self { memory: 64 * 1024, passes: 3, lanes: 1, salt: *seal::random()? })
    }

    fn parse(header: &[u8; HEADER_LENGTH]) -> Option<Self> {
        let (memory, rest) = header.get(1..)?.split_first_chunk()?;
        let (passes, rest) = rest.split_first_chunk()?;
        let (lanes, salt) = rest.split_first_chunk()?;
        let number = |bytes: &[u8; 4]| u32::from_be_bytes(*bytes);
        let recipe = Self { memory: number(memory), passes: number(passes), lanes: number(lanes), salt: salt.try_into().ok()? };
        let bearable = (8 * 1024..=256 * 1024).contains(&recipe.memory)
            && (1..=10).contains(&recipe.passes)
            && (1..=4).contains(&recipe.lanes);
        bearable.then_some(recipe)
    }

    fn header(&self) -> [u8; HEADER_LENGTH] {
        let parts = [&[VERSION][..], &self.memory.to_be_bytes(), &self.passes.to_be_bytes(), &self.lanes.to_be_bytes(), &self.salt];
        let mut header = [0; HEADER_LENGTH];
        header.iter_mut().zip(parts.concat()).for_each(|(place, byte)| *place = byte);
        header
    }

    fn derive(&self, phrase: &[u8]) -> Result<Key> {
        let params = Params::new(self.memory, self.passes, self.lanes, Some(KEY_LENGTH)).map_err(|_| Detail::Internal)?;
        let mut memory = Memory::new(params.block_count())?;
        let mut key = Zeroizing::new([0; KEY_LENGTH]);
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_into_with_memory(phrase, &self.salt, key.as_mut_slice(), memory.0.as_mut_slice())
            .map_err(|_| Detail::Internal)?;
        Ok(key)
    }
}

/// The working memory, wiped when it goes: the crate would leave it as it is.
struct Memory(Vec<Block>);

impl Memory {
    fn new(blocks: usize) -> Result<Self> {
        let mut memory = Vec::new();
        memory.try_reserve_exact(blocks).map_err(|_| Detail::KeyUnavailable.about("memory"))?;
        memory.resize(blocks, Block::default());
        Ok(Self(memory))
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        self.0.iter_mut().for_each(Zeroize::zeroize);
    }
}
