//! Accounts. Each has a row of its own and a key of its own, so that damage costs one account and erasing the key erases the row.

mod row;

use super::{
    Store, cursor, fault, finish_erasure, hex,
    keyring::Keyring,
    record::{AccountRecord, Credentials, Identity, NewAccount, StateRecord, TokenSet},
    rewrap::Rewrapped,
    seal::{self, Key, Sealer, StoreKeys},
};
use crate::{
    consent::ScopeReport,
    error::{Detail, ErrorKind, Result},
    secret::Secret,
};
pub(super) use row::Sealed;
use row::{SELECT, one_row};
use rusqlite::{Connection, OptionalExtension};
use std::{borrow::Cow, collections::HashSet};

/// All accounts of a store.
#[derive(Debug, Default)]
pub(crate) struct Accounts {
    pub(crate) records: Vec<AccountRecord>,
    /// Ids of the rows that do not open. They stay where they are.
    pub(crate) damaged: Vec<String>,
}

impl Accounts {
    pub(super) fn read(connection: &Connection, ring: &Keyring) -> Result<Self> {
        let mut ids = ids(connection, "SELECT id FROM account NOT INDEXED")?;
        let known: HashSet<String> = ids.iter().cloned().collect();
        let indexed = self::ids(connection, "SELECT id FROM account INDEXED BY sqlite_autoindex_account_1")?;
        ids.extend(indexed.into_iter().filter(|id| !known.contains(id)));
        let mut accounts = Self::default();
        for id in ids {
            match find_indexed(connection, "id", &id).and_then(|row| row.map(|row| row.open(ring)).transpose()) {
                Ok(Some(record)) => accounts.records.push(record),
                Ok(None) => accounts.damaged.push(id),
                Err(error) if error.kind() == ErrorKind::StorageDamaged => accounts.damaged.push(id),
                Err(error) => return Err(error),
            }
        }
        Ok(accounts)
    }
}

/// What became of a write that was meant for one generation of an account.
#[derive(Debug)]
pub(crate) enum Rotation {
    /// Written, as this generation.
    Written(i64),
    /// Somebody else wrote meanwhile; nothing was changed.
    Newer(Box<AccountRecord>),
    /// The account was disconnected.
    Gone,
}

/// Which tokens a change of state takes away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DropTokens {
    AccessOnly,
    All,
}

/// What became of a disconnect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Erasure {
    pub(crate) was_there: bool,
    /// Nothing of the account is left in the files. `false` while another connection reads: then the next open or close finishes it.
    pub(crate) erased: bool,
    /// The store's key is wrapped anew, so that an older copy of the file is of no use.
    pub(crate) key_replaced: bool,
}

impl Store {
    /// Every account, in the order in which they were connected. Table and index are both asked, so that damage of either shows.
    pub(crate) fn accounts(&self) -> Result<Accounts> {
        self.read(|connection| Accounts::read(connection, &self.keys()))
    }

    /// One account; `StoreTampered` if its row does not open.
    pub(crate) fn account(&self, id: &str) -> Result<Option<AccountRecord>> {
        if !is_id(id) {
            return Ok(None);
        }
        self.read(|connection| self.fetch(connection, id))
    }

    /// Stores a finished sign-in in one transaction. The person who is connected already keeps the id, the date and the key of the
    /// account. A row of that person that does not open is set aside, not overwritten, and the account begins anew.
    pub(crate) fn connect_account(&self, new: &NewAccount<'_>) -> Result<AccountRecord> {
        let identity = Identity::of(new.id_token);
        self.write(|connection| {
            let ring = self.keys();
            let (id, key, generation, connected_at) = match known(connection, &ring, &identity)? {
                Some((old, key)) => (old.id, key, next(old.generation)?, old.connected_at),
                None => (hex(seal::random::<16>()?.as_slice()), seal::random()?, 1, new.now),
            };
            let record = AccountRecord {
                id,
                identity,
                person: new.person.clone(),
                scopes: new.scopes.clone(),
                state: new.state.clone(),
                tokens: Some(new.tokens.clone()),
                generation,
                connected_at,
            };
            Sealed::seal(ring.newest(), &key, record.clone())?.write(connection)?;
            Ok(record)
        })
    }

    /// Stores refreshed tokens over the generation that they were refreshed from, and over nothing newer.
    pub(crate) fn rotate(
        &self,
        id: &str,
        generation: i64,
        tokens: &TokenSet,
        scopes: &ScopeReport,
        state: &StateRecord,
    ) -> Result<Rotation> {
        let credentials =
            Credentials { scopes: Cow::Borrowed(scopes), state: Cow::Borrowed(state), tokens: Some(Cow::Borrowed(tokens)) };
        self.replace_credentials(id, generation, |_| Ok(credentials))
    }

    /// Stores what became known of an account, and takes tokens away.
    pub(crate) fn update_state(&self, id: &str, generation: i64, state: &StateRecord, drop: DropTokens) -> Result<Rotation> {
        self.replace_credentials(id, generation, |connection| {
            let old = self.fetch(connection, id)?.ok_or(Detail::StoreCorrupt)?;
            let tokens = old.tokens.and_then(|tokens| match drop {
                DropTokens::AccessOnly => {
                    Some(TokenSet { access_token: Secret::default(), refresh_at: None, expires_at: 0, ..tokens })
                }
                DropTokens::All => None,
            });
            Ok(Credentials { scopes: Cow::Owned(old.scopes), state: Cow::Borrowed(state), tokens: tokens.map(Cow::Owned) })
        })
    }

    /// Forgets an account: its own key first, its row, its pending flows; then what is left of them in the write-ahead log. Where the
    /// store's key was wrapped anew, that takes effect in the same transaction.
    pub(crate) fn disconnect(&self, id: &str, rewrapped: Option<&Rewrapped>) -> Result<Erasure> {
        let (was_there, key_replaced) = self.write(|connection| {
            let was_there = connection
                .execute("UPDATE account NOT INDEXED SET account_key = zeroblob(length(account_key)) WHERE id = ?1", [id])
                .and_then(|_| connection.execute("DELETE FROM flow WHERE account_id = ?1", [id]))
                .and_then(|_| connection.execute("DELETE FROM cursor WHERE account_id = ?1", [id]))
                .and_then(|_| connection.execute("UPDATE store SET erase_pending = erase_pending + 1 WHERE only = 1", []))
                .and_then(|_| connection.execute("DELETE FROM account NOT INDEXED WHERE id = ?1", [id]))
                .map_err(fault::sqlite)?;
            let replaced = rewrapped.map(|rewrapped| rewrapped.write(connection)).transpose()?;
            Ok((was_there > 0, replaced.unwrap_or(false)))
        })?;
        self.forget_lock(id);
        // From here on the account is gone; that a part of the erasure waits is said, and is no failure.
        let erased = self.with_connection(finish_erasure).unwrap_or(false);
        Ok(Erasure { was_there, erased, key_replaced })
    }

    /// Seals one account under the newest store key and a new key of its own. A row that does not open is set aside, with nothing
    /// left in it that could be read: `false`.
    pub(crate) fn reseal_account(&self, id: &str) -> Result<bool> {
        self.write(|connection| {
            let ring = self.keys();
            let Some(row) = find(connection, "id", id)? else { return Ok(true) };
            if row.key_id == ring.newest().key_id {
                return Ok(true);
            }
            match row.open(&ring) {
                Ok(record) => {
                    let key = seal::random()?;
                    let old = OwnKeys::new(id, ring.key(row.key_id)?, row.own_key(&ring)?);
                    cursor::reseal(connection, &old, &OwnKeys::new(id, ring.newest(), key.clone()))?;
                    Sealed::seal(ring.newest(), &key, record)?.write(connection).map(|()| true)
                }
                Err(error) if error.kind() == ErrorKind::StorageDamaged => {
                    set_aside(connection, &row.id, ring.newest().key_id)?;
                    Ok(false)
                }
                Err(error) => Err(error),
            }
        })
    }

    fn replace_credentials<'a>(
        &self,
        id: &str,
        generation: i64,
        credentials: impl FnOnce(&Connection) -> Result<Credentials<'a>>,
    ) -> Result<Rotation> {
        self.write_row(|connection| {
            let Some(head) = head(connection, id)? else { return Ok(Rotation::Gone) };
            if self.keys().key(head.key_id).is_err() {
                self.check_keys(connection)?;
            }
            if head.generation > generation {
                let newer = self.fetch(connection, id)?.ok_or(Detail::StoreCorrupt)?;
                return Ok(Rotation::Newer(Box::new(newer)));
            }
            let next = next(generation)?;
            let ring = self.keys();
            let keys = ring.key(head.key_id)?;
            let own = keys.account_sealer(row::own_key(keys, id, &head.account_key)?);
            let sealed = row::seal_credentials(&own, id, next, &credentials(connection)?)?;
            let sql = "UPDATE account SET generation = ?2, credentials = ?3 WHERE id = ?1";
            let mut statement = connection.prepare_cached(sql).map_err(fault::sqlite)?;
            one_row(statement.execute((id, next, sealed)).map_err(fault::sqlite)?)?;
            Ok(Rotation::Written(next))
        })
    }

    pub(super) fn fetch(&self, connection: &Connection, id: &str) -> Result<Option<AccountRecord>> {
        find(connection, "id", id)?.map(|row| row.open(&self.keys())).transpose()
    }
}

/// Opens a row that was found without the table it belongs to.
pub(super) fn open_salvaged(row: &Sealed, ring: &Keyring) -> Result<AccountRecord> {
    row.open_unfound(ring)
}

/// Writes an account under a new key of its own.
pub(super) fn insert(connection: &Connection, ring: &Keyring, record: AccountRecord) -> Result<()> {
    Sealed::seal(ring.newest(), &seal::random()?, record)?.write(connection)
}

/// The account of the same person, with the key for its next row: its own, or a new one where its row lies under an older store key.
/// A row that does not open leaves the index, so that a new one can take its place.
fn known(connection: &Connection, ring: &Keyring, identity: &Identity) -> Result<Option<(AccountRecord, Key)>> {
    for keys in ring.newest_first() {
        let Some(row) = find(connection, "lookup", row::lookup(keys, identity).as_slice())? else { continue };
        let is_older = row.key_id != ring.newest().key_id;
        let opened = row.open(ring).and_then(|record| {
            let own = row.own_key(ring)?;
            if !is_older {
                return Ok((record, own));
            }
            let key = seal::random()?;
            let new = OwnKeys::new(&row.id, ring.newest(), key.clone());
            cursor::reseal(connection, &OwnKeys::new(&row.id, keys, own), &new)?;
            Ok((record, key))
        });
        return match opened {
            Err(error) if error.kind() == ErrorKind::StorageDamaged => set_aside(connection, &row.id, row.key_id).map(|()| None),
            opened => opened.map(Some),
        };
    }
    Ok(None)
}

/// Takes a row that does not open out of the index. Its person has a new row from here on; what the old one held must not outlive a
/// disconnect of the new one.
fn set_aside(connection: &Connection, id: &str, key_id: u32) -> Result<()> {
    let sql = "UPDATE account SET lookup = NULL, key_id = ?2, account_key = zeroblob(length(account_key)),
         identity = zeroblob(length(identity)), person = zeroblob(length(person)), credentials = zeroblob(length(credentials))
         WHERE id = ?1";
    cursor::forget_all(connection, id)?;
    one_row(connection.execute(sql, (id, key_id)).map_err(fault::sqlite)?)
}

fn next(generation: i64) -> Result<i64> {
    Ok(generation.checked_add(1).ok_or(Detail::StoreTampered)?)
}

/// Finds a row by a column with an index. A miss is looked up once more without the index: a row that is there and not in the index
/// is damage, and not "no such account".
fn find(connection: &Connection, column: &'static str, value: impl rusqlite::ToSql + Copy) -> Result<Option<Sealed>> {
    let row = find_indexed(connection, column, value)?;
    if row.is_none() && is_unindexed(connection, column, value)? {
        return Err(Detail::StoreCorrupt.about("index"));
    }
    Ok(row)
}

fn find_indexed(connection: &Connection, column: &'static str, value: impl rusqlite::ToSql) -> Result<Option<Sealed>> {
    let sql = format!("{SELECT} WHERE {column} = ?1");
    let mut statement = connection.prepare_cached(&sql).map_err(fault::sqlite)?;
    statement.query_row([value], Sealed::read).optional().map_err(fault::sqlite)
}

fn is_unindexed(connection: &Connection, column: &'static str, value: impl rusqlite::ToSql) -> Result<bool> {
    let scan = format!("SELECT EXISTS (SELECT 1 FROM account NOT INDEXED WHERE {column} = ?1)");
    connection.prepare_cached(&scan).and_then(|mut statement| statement.query_row([value], |row| row.get(0))).map_err(fault::sqlite)
}

/// The keys of one account, for what else belongs to it.
pub(super) struct OwnKeys<'a> {
    pub(super) id: &'a str,
    /// The store key that its row lies under.
    pub(super) store: &'a StoreKeys,
    /// Under the account's own key.
    pub(super) sealer: Sealer,
}

impl<'a> OwnKeys<'a> {
    fn new(id: &'a str, store: &'a StoreKeys, key: Key) -> Self {
        Self { id, store, sealer: store.account_sealer(key) }
    }
}

pub(super) fn own_keys<'a>(connection: &Connection, ring: &'a Keyring, id: &'a str) -> Result<OwnKeys<'a>> {
    let head = head(connection, id)?.ok_or(Detail::AccountGone)?;
    let keys = ring.key(head.key_id)?;
    Ok(OwnKeys::new(id, keys, row::own_key(keys, id, &head.account_key)?))
}

/// What a write needs to know of an account.
struct Head {
    key_id: u32,
    generation: i64,
    account_key: Vec<u8>,
}

fn head(connection: &Connection, id: &str) -> Result<Option<Head>> {
    let sql = "SELECT key_id, generation, account_key FROM account WHERE id = ?1";
    let mut statement = connection.prepare_cached(sql).map_err(fault::sqlite)?;
    let read = |row: &rusqlite::Row<'_>| Ok(Head { key_id: row.get(0)?, generation: row.get(1)?, account_key: row.get(2)? });
    let head = statement.query_row([id], read).optional().map_err(fault::sqlite)?;
    if head.is_none() && is_unindexed(connection, "id", id)? {
        return Err(Detail::StoreCorrupt.about("index"));
    }
    Ok(head)
}

fn ids(connection: &Connection, sql: &'static str) -> Result<Vec<String>> {
    let mut statement = connection.prepare_cached(sql).map_err(fault::sqlite)?;
    let ids = statement.query_map([], |row| row.get(0)).map_err(fault::sqlite)?;
    ids.collect::<rusqlite::Result<_>>().map_err(fault::sqlite)
}

pub(super) fn is_id(id: &str) -> bool {
    id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}
