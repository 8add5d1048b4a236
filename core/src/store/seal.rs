//! Sealing: how a value lies in a cell of the store.
//!
//! A sealed value is
//!
//! ```text
//! version 1 byte (1) | key id 4 bytes, big endian | nonce 24 random bytes | XChaCha20-Poly1305 ciphertext and tag (16)
//! ```
//!
//! with, as associated data, the following parts in this order, each preceded by its length as 4 bytes, big endian:
//!
//! ```text
//! store id (16) | table | row | column | version (1) | key id (4, big endian) | bound number (8, big endian)
//! ```
//!
//! So a value opens only in its own store, table, row and column. The bound number ties it to another column of its row that stands
//! in clear: an account's generation, a flow's end; 0 where there is none. What this does not notice: a whole row, or a whole file,
//! replaced by an older one of the same store.
//!
//! Three keys come from the store key by HKDF-SHA256 with the store id as salt: one seals, one makes the keyed hashes
//! (HMAC-SHA256) by which rows are found, one makes the key check. Each account has a random key of its own, sealed by the first.

use crate::error::{Detail, Result};
use chacha20poly1305::{AeadInOut, KeyInit, XChaCha20Poly1305, XNonce};
use ring::{digest, hkdf, hmac};
use zeroize::Zeroizing;

pub(super) const KEY_LENGTH: usize = 32;
pub(super) const STORE_ID_LENGTH: usize = 16;
const VERSION: u8 = 1;
const NONCE_LENGTH: usize = 24;
const TAG_LENGTH: usize = 16;

pub(super) type Key = Zeroizing<[u8; KEY_LENGTH]>;

/// Where a sealed value lies.
#[derive(Clone, Copy)]
pub(super) struct Cell<'a> {
    pub(super) table: &'static str,
    pub(super) row: &'a [u8],
    pub(super) column: &'static str,
    pub(super) bound: i64,
}

/// Seals and opens the values of one store under one key.
pub(super) struct Sealer {
    store_id: [u8; STORE_ID_LENGTH],
    key_id: u32,
    key: Key,
}

impl Sealer {
    pub(super) fn seal(&self, cell: Cell<'_>, plain: &[u8]) -> Result<Vec<u8>> {
        let header = [&[VERSION][..], &self.key_id.to_be_bytes()].concat();
        seal_bytes(&self.key, &header, &self.associated_data(cell), plain)
    }

    pub(super) fn unseal(&self, cell: Cell<'_>, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
        let header = [&[VERSION][..], &self.key_id.to_be_bytes()].concat();
        let body = sealed.strip_prefix(header.as_slice()).ok_or(Detail::StoreTampered)?;
        Ok(open_bytes(&self.key, &self.associated_data(cell), body).ok_or(Detail::StoreTampered)?)
    }

    /// Seals a payload together with the name of its row, of which the table only has the keyed hash: under another key it gets
    /// another hash. `length of the name 4 bytes, big endian | name | payload`.
    pub(super) fn seal_named(&self, cell: Cell<'_>, name: &str, payload: &[u8]) -> Result<Vec<u8>> {
        let length = u32::try_from(name.len()).map_err(|_| Detail::InvalidArgument)?.to_be_bytes();
        let mut plain = Zeroizing::new(Vec::with_capacity(length.len().saturating_add(name.len()).saturating_add(payload.len())));
        for part in [&length[..], name.as_bytes(), payload] {
            plain.extend_from_slice(part);
        }
        self.seal(Cell { column: NAMED_PAYLOAD, ..cell }, &plain)
    }

    /// Opens what [`seal_named`](Self::seal_named) sealed.
    pub(super) fn unseal_named(&self, cell: Cell<'_>, sealed: &[u8]) -> Result<Named> {
        let plain = self.unseal(Cell { column: NAMED_PAYLOAD, ..cell }, sealed)?;
        let (length, rest) = plain.split_first_chunk::<4>().ok_or(Detail::StoreTampered)?;
        let length = usize::try_from(u32::from_be_bytes(*length)).map_err(|_| Detail::StoreTampered)?;
        let (name, payload) = rest.split_at_checked(length).ok_or(Detail::StoreTampered)?;
        let name = std::str::from_utf8(name).map_err(|_| Detail::StoreTampered)?;
        Ok(Named { name: Some(Zeroizing::new(name.to_owned())), payload: Zeroizing::new(payload.to_vec()) })
    }

    fn associated_data(&self, cell: Cell<'_>) -> Vec<u8> {
        #[cfg(test)]
        let cell = super::tests::unbound::weakened(cell);
        join(&[
            &self.store_id,
            cell.table.as_bytes(),
            cell.row,
            cell.column.as_bytes(),
            &[VERSION],
            &self.key_id.to_be_bytes(),
            &cell.bound.to_be_bytes(),
        ])
    }
}

const NAMED_PAYLOAD: &str = "named_payload";

/// A payload with the name of its row.
pub(super) struct Named {
    pub(super) name: Option<Zeroizing<String>>,
    pub(super) payload: Zeroizing<Vec<u8>>,
}

/// What follows from one store key.
pub(super) struct StoreKeys {
    pub(super) key_id: u32,
    sealer: Sealer,
    lookup: hmac::Key,
    check: hmac::Key,
}

impl StoreKeys {
    pub(super) fn derive(store_id: [u8; STORE_ID_LENGTH], key_id: u32, store_key: &Key) -> Result<Self> {
        let sealing = subkey(&store_id, store_key, b"intail-office365 store 1 sealing")?;
        let lookup = subkey(&store_id, store_key, b"intail-office365 store 1 lookup")?;
        let check = subkey(&store_id, store_key, b"intail-office365 store 1 check")?;
        Ok(Self {
            key_id,
            sealer: Sealer { store_id, key_id, key: sealing },
            lookup: hmac::Key::new(hmac::HMAC_SHA256, lookup.as_slice()),
            check: hmac::Key::new(hmac::HMAC_SHA256, check.as_slice()),
        })
    }

    pub(super) fn sealer(&self) -> &Sealer {
        &self.sealer
    }

    /// The sealer under an account's own key.
    pub(super) fn account_sealer(&self, key: Key) -> Sealer {
        Sealer { store_id: self.sealer.store_id, key_id: self.key_id, key }
    }

    /// The keyed hash by which a row of `table` is found.
    pub(super) fn lookup(&self, table: &str, parts: &[&[u8]]) -> Vec<u8> {
        let name = [&[table.as_bytes()], parts].concat();
        hmac::sign(&self.lookup, &join(&name)).as_ref().to_vec()
    }

    /// Seals a payload with the name of its row; see [`Sealer::seal_named`].
    pub(super) fn seal_named(&self, cell: Cell<'_>, name: &str, payload: &[u8]) -> Result<Vec<u8>> {
        self.sealer.seal_named(cell, name, payload)
    }

    /// Opens what [`seal_named`](Self::seal_named) sealed, or a payload of format 1, which does not know its name.
    pub(super) fn unseal_named(&self, cell: Cell<'_>, sealed: &[u8]) -> Result<Named> {
        self.sealer.unseal_named(cell, sealed).or_else(|_| {
            let payload = self.sealer.unseal(Cell { column: "payload", ..cell }, sealed)?;
            Ok(Named { name: None, payload })
        })
    }

    /// Proves that a key is the one which this store was made with, without anything else having to be read.
    pub(super) fn key_check(&self) -> Vec<u8> {
        hmac::sign(&self.check, &join(&[&self.sealer.store_id, &self.key_id.to_be_bytes()])).as_ref().to_vec()
    }

    pub(super) fn passes(&self, key_check: &[u8]) -> bool {
        hmac::verify(&self.check, &join(&[&self.sealer.store_id, &self.key_id.to_be_bytes()]), key_check).is_ok()
    }
}

/// Tells damage of the record that holds the wrapped key from a wrong key: it needs no key. It is no protection.
pub(super) fn key_record_checksum(store_id: &[u8], key_id: u32, wrapped: &[u8], key_check: &[u8]) -> Vec<u8> {
    let parts = join(&[b"intail-office365 store key record", store_id, &key_id.to_be_bytes(), wrapped, key_check]);
    digest::digest(&digest::SHA256, &parts).as_ref().to_vec()
}

/// `prefix | nonce | ciphertext | tag`. The plaintext is encrypted where it was copied to, in a block that never grows.
pub(super) fn seal_bytes(key: &Key, prefix: &[u8], associated_data: &[u8], plain: &[u8]) -> Result<Vec<u8>> {
    let nonce = random::<NONCE_LENGTH>()?;
    let mut sealed = Vec::with_capacity(prefix.len().saturating_add(plain.len()).saturating_add(NONCE_LENGTH + TAG_LENGTH));
    sealed.extend_from_slice(prefix);
    sealed.extend_from_slice(nonce.as_slice());
    let start = sealed.len();
    sealed.extend_from_slice(plain);
    let body = sealed.get_mut(start..).unwrap_or_default();
    let cipher = XChaCha20Poly1305::new(key.as_slice().try_into().map_err(|_| Detail::Internal)?);
    let tag = cipher.encrypt_inout_detached(&XNonce::from(*nonce), associated_data, body.into()).map_err(|_| Detail::Internal)?;
    sealed.extend_from_slice(&tag);
    Ok(sealed)
}

/// Opens `nonce | ciphertext | tag`; `None` if it is not exactly what was sealed.
pub(super) fn open_bytes(key: &Key, associated_data: &[u8], sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let (nonce, rest) = sealed.split_first_chunk::<NONCE_LENGTH>()?;
    let (body, tag) = rest.split_last_chunk::<TAG_LENGTH>()?;
    let mut plain = Zeroizing::new(body.to_vec());
    let cipher = XChaCha20Poly1305::new(key.as_slice().try_into().ok()?);
    cipher.decrypt_inout_detached(&XNonce::from(*nonce), associated_data, plain.as_mut_slice().into(), &(*tag).into()).ok()?;
    Some(plain)
}

pub(super) fn random<const N: usize>() -> Result<Zeroizing<[u8; N]>> {
    let mut bytes = Zeroizing::new([0; N]);
    getrandom::fill(bytes.as_mut_slice()).map_err(|_| Detail::Internal)?;
    Ok(bytes)
}

/// A key from `bytes`, if they are as many as a key has and not all zero.
pub(super) fn key_from(bytes: &[u8]) -> Option<Key> {
    let mut key = Zeroizing::new([0; KEY_LENGTH]);
    if bytes.len() != KEY_LENGTH || bytes.iter().all(|byte| *byte == 0) {
        return None;
    }
    key.copy_from_slice(bytes);
    Some(key)
}

fn subkey(store_id: &[u8], store_key: &Key, info: &[u8]) -> Result<Key> {
    let mut key = Zeroizing::new([0; KEY_LENGTH]);
    let secret = hkdf::Salt::new(hkdf::HKDF_SHA256, store_id).extract(store_key.as_slice());
    let info = [info];
    let expanded = secret.expand(&info, hkdf::HKDF_SHA256).map_err(|_| Detail::Internal)?;
    expanded.fill(key.as_mut_slice()).map_err(|_| Detail::Internal)?;
    Ok(key)
}

/// Parts that cannot be taken for others: each preceded by its length.
fn join(parts: &[&[u8]]) -> Vec<u8> {
    let mut joined = Vec::with_capacity(parts.iter().map(|part| part.len().saturating_add(4)).sum());
    for part in parts {
        joined.extend_from_slice(&u32::try_from(part.len()).unwrap_or(u32::MAX).to_be_bytes());
        joined.extend_from_slice(part);
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::tests::{
        rig::is_deep,
        unbound::{Part, without},
    };
    use std::collections::HashSet;

    const CELL: Cell<'_> = Cell { table: "account", row: b"row", column: "column", bound: 7 };

    fn keys(store_id: u8, key_id: u32, key: u8) -> StoreKeys {
        StoreKeys::derive([store_id; 16], key_id, &Zeroizing::new([key; 32])).unwrap()
    }

    #[test]
    fn a_sealed_value_is_laid_out_as_described() {
        let keys = keys(1, 0x0102_0304, 3);
        let sealed = keys.sealer().seal(CELL, b"plain").unwrap();
        assert_eq!(sealed.len(), 1 + 4 + 24 + 5 + 16);
        assert_eq!(sealed[..5], [1, 1, 2, 3, 4]);
        assert_eq!(keys.sealer().unseal(CELL, &sealed).unwrap().as_slice(), b"plain");
        let parts = join(&[b"ab", b"", b"c"]);
        assert_eq!(parts, [0, 0, 0, 2, b'a', b'b', 0, 0, 0, 0, 0, 0, 0, 1, b'c']);
    }

    /// Where else a value opens, of those places that are not its own.
    fn opens_elsewhere() -> Vec<&'static str> {
        let home = keys(1, 1, 3);
        let sealed = home.sealer().seal(CELL, b"plain").unwrap();
        let elsewhere = [
            ("table", Cell { table: "flow", ..CELL }),
            ("row", Cell { row: b"other", ..CELL }),
            ("column", Cell { column: "other", ..CELL }),
            ("bound", Cell { bound: 8, ..CELL }),
            ("lengths", Cell { table: "accountr", row: b"ow", ..CELL }),
        ];
        let opened = elsewhere.into_iter().filter(|(_, cell)| match home.sealer().unseal(*cell, &sealed) {
            Ok(_) => true,
            Err(error) => {
                assert_eq!(error.cause(), Detail::StoreTampered);
                false
            }
        });
        opened.map(|(part, _)| part).collect()
    }

    /// The twin of the test below: with a part of the place left out a value opens in another one.
    #[test]
    fn a_seal_that_leaves_a_part_out_is_caught() {
        for (part, expected) in [(Part::Table, "table"), (Part::Row, "row"), (Part::Column, "column"), (Part::Bound, "bound")] {
            assert_eq!(without(part, opens_elsewhere), [expected]);
        }
    }

    #[test]
    fn s_06_a_value_opens_only_where_it_was_sealed() {
        assert_eq!(opens_elsewhere(), Vec::<&str>::new());
        let home = keys(1, 1, 3);
        let sealed = home.sealer().seal(CELL, b"plain").unwrap();
        for other in [keys(2, 1, 3), keys(1, 2, 3), keys(1, 1, 4)] {
            assert_eq!(other.sealer().unseal(CELL, &sealed).unwrap_err().cause(), Detail::StoreTampered);
        }
        for length in 0..sealed.len() {
            assert!(home.sealer().unseal(CELL, &sealed[..length]).is_err());
        }
        for offset in 0..sealed.len() {
            let mut flipped = sealed.clone();
            flipped[offset] ^= 1;
            assert!(home.sealer().unseal(CELL, &flipped).is_err());
        }
    }

    #[test]
    fn the_keys_of_different_uses_and_stores_differ() {
        let (one, two) = (keys(1, 1, 3), keys(2, 1, 3));
        assert_ne!(one.lookup("flow", &[b"x"]), two.lookup("flow", &[b"x"]));
        assert_ne!(one.lookup("flow", &[b"x"]), one.lookup("account", &[b"x"]));
        assert_ne!(one.lookup("flow", &[b"ab", b"c"]), one.lookup("flow", &[b"a", b"bc"]));
        assert!(one.passes(&one.key_check()) && !one.passes(&two.key_check()) && !one.passes(&keys(1, 2, 3).key_check()));
        assert_ne!(one.sealer.key, two.sealer.key);
    }

    /// How many of so many nonces were there before. Each is read from a sealed value and cut to `width` bytes.
    fn repeated(count: usize, width: usize) -> usize {
        let keys = keys(1, 1, 3);
        let nonces: HashSet<Vec<u8>> = (0..count).map(|_| keys.sealer().seal(CELL, b"").unwrap()[5..5 + width].to_vec()).collect();
        count - nonces.len()
    }

    /// A hundred thousand; a million with `DEEP` set. The twin: of nonces of three bytes some repeat.
    #[test]
    fn s_32_nonces_do_not_repeat() {
        assert_eq!(repeated(if is_deep() { 1_000_000 } else { 100_000 }, NONCE_LENGTH), 0);
        assert!(repeated(20_000, 3) > 0);
    }
}
