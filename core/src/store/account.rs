//! Accounts. Each has a row of its own and a key of its own, so that damage costs one account and erasing the key erases the row.

use super::{
    Store, fault, finish_erasure, hex,
    record::{self, AccountRecord, Connected, Credentials, Identity, NewAccount, StateRecord, TokenSet},
    seal::{self, Cell, Key, Sealer},
};
use crate::{
    consent::ScopeReport,
    error::{Detail, ErrorKind, Result},
    secret::Secret,
};
use rusqlite::{Connection, OptionalExtension, Row};
use std::{borrow::Cow, collections::HashSet};

/// All accounts of a store.
#[derive(Debug, Default)]
pub(crate) struct Accounts {
    pub(crate) records: Vec<AccountRecord>,
    /// Ids of the rows that do not open. They stay where they are.
    pub(crate) damaged: Vec<String>,
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
}

const TABLE: &str = "account";
const SELECT: &str = "SELECT id, lookup, generation, account_key, identity, person, credentials FROM account";

/// A row as it lies in the table.
struct Sealed {
    id: String,
    lookup: Option<Vec<u8>>,
    generation: i64,
    account_key: Vec<u8>,
    identity: Vec<u8>,
    person: Vec<u8>,
    credentials: Vec<u8>,
}

impl Store {
    /// Every account, in the order in which they were connected. Table and index are both asked, so that damage of either shows.
    pub(crate) fn accounts(&self) -> Result<Accounts> {
        self.read(|connection| {
            let mut ids = ids(connection, "SELECT id FROM account NOT INDEXED")?;
            let known: HashSet<String> = ids.iter().cloned().collect();
            let indexed = self::ids(connection, "SELECT id FROM account INDEXED BY sqlite_autoindex_account_1")?;
            ids.extend(indexed.into_iter().filter(|id| !known.contains(id)));
            let mut accounts = Accounts::default();
            for id in ids {
                match self.fetch(connection, &id) {
                    Ok(Some(record)) => accounts.records.push(record),
                    Ok(None) => accounts.damaged.push(id),
                    Err(error) if error.kind() == ErrorKind::StorageDamaged => accounts.damaged.push(id),
                    Err(error) => return Err(error),
                }
            }
            Ok(accounts)
        })
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
        let lookup = self.account_lookup(&identity);
        self.write(|connection| {
            let (id, key, generation, connected_at) = match self.known(connection, &lookup)? {
                Some((old, key)) => (old.id, key, next(old.generation)?, old.connected_at),
                None => (hex(seal::random::<16>()?.as_slice()), seal::random()?, 1, new.now),
            };
            let connected = Connected { identity, connected_at };
            self.seal_row(&id, lookup, key, generation, &connected, new)?.write(connection, self.keys.key_id)?;
            self.fetch(connection, &id)?.ok_or_else(|| Detail::Internal.into())
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

    /// Forgets an account: its own key first, its row, its pending flows; then what is left of them in the write-ahead log.
    pub(crate) fn disconnect(&self, id: &str) -> Result<Erasure> {
        let was_there = self.write(|connection| {
            connection
                .execute("UPDATE account NOT INDEXED SET account_key = zeroblob(length(account_key)) WHERE id = ?1", [id])
                .and_then(|_| connection.execute("DELETE FROM flow WHERE account_id = ?1", [id]))
                .and_then(|_| connection.execute("UPDATE store SET erase_pending = erase_pending + 1 WHERE only = 1", []))
                .and_then(|_| connection.execute("DELETE FROM account NOT INDEXED WHERE id = ?1", [id]))
                .map_err(fault::sqlite)
        })? > 0;
        self.forget_lock(id);
        // From here on the account is gone; that a part of the erasure waits is said, and is no failure.
        let erased = self.read(finish_erasure).unwrap_or(false);
        Ok(Erasure { was_there, erased })
    }

    fn replace_credentials<'a>(
        &self,
        id: &str,
        generation: i64,
        credentials: impl FnOnce(&Connection) -> Result<Credentials<'a>>,
    ) -> Result<Rotation> {
        self.write(|connection| {
            let Some((current, account_key)) = head(connection, id)? else { return Ok(Rotation::Gone) };
            if current > generation {
                let newer = self.fetch(connection, id)?.ok_or(Detail::StoreCorrupt)?;
                return Ok(Rotation::Newer(Box::new(newer)));
            }
            let next = next(generation)?;
            let own = self.account_sealer(id, &account_key)?;
            let sealed = seal_credentials(&own, id, next, &credentials(connection)?)?;
            let sql = "UPDATE account SET generation = ?2, credentials = ?3 WHERE id = ?1";
            let mut statement = connection.prepare_cached(sql).map_err(fault::sqlite)?;
            one_row(statement.execute((id, next, sealed)).map_err(fault::sqlite)?)?;
            Ok(Rotation::Written(next))
        })
    }

    /// The account of the same person, with its key. A row that does not open leaves the index, so that a new one can take its place.
    fn known(&self, connection: &Connection, lookup: &[u8]) -> Result<Option<(AccountRecord, Key)>> {
        let Some(row) = find(connection, "lookup", lookup)? else { return Ok(None) };
        let opened = self.open_row(&row).and_then(|record| Ok((record, self.account_key(&row.id, &row.account_key)?)));
        match opened {
            Ok(known) => Ok(Some(known)),
            Err(error) if error.kind() == ErrorKind::StorageDamaged => {
                // Its person has a new row from here on; what the old one held must not outlive a disconnect of the new one.
                let sql = "UPDATE account SET lookup = NULL, account_key = zeroblob(length(account_key)),
                     credentials = zeroblob(length(credentials)) WHERE id = ?1";
                let aside = connection.execute(sql, [&row.id]);
                one_row(aside.map_err(fault::sqlite)?)?;
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    fn seal_row(
        &self,
        id: &str,
        lookup: Vec<u8>,
        key: Key,
        generation: i64,
        connected: &Connected,
        new: &NewAccount<'_>,
    ) -> Result<Sealed> {
        let account_key = self.keys.sealer().seal(cell(id, "account_key", 0), key.as_slice())?;
        let own = self.keys.account_sealer(key);
        let credentials = Credentials {
            scopes: Cow::Borrowed(&new.scopes),
            state: Cow::Borrowed(&new.state),
            tokens: Some(Cow::Borrowed(&new.tokens)),
        };
        Ok(Sealed {
            id: id.to_owned(),
            lookup: Some(lookup),
            generation,
            account_key,
            identity: own.seal(cell(id, "identity", 0), &record::encode(connected)?)?,
            person: own.seal(cell(id, "person", 0), &record::encode(&new.person)?)?,
            credentials: seal_credentials(&own, id, generation, &credentials)?,
        })
    }

    pub(super) fn fetch(&self, connection: &Connection, id: &str) -> Result<Option<AccountRecord>> {
        find(connection, "id", id)?.map(|row| self.open_row(&row)).transpose()
    }

    /// Opens every sealed column of a row, and checks that the row is found under the person it holds.
    fn open_row(&self, row: &Sealed) -> Result<AccountRecord> {
        let id = row.id.as_str();
        let sealer = self.account_sealer(id, &row.account_key)?;
        let connected: Connected = record::decode(&sealer.unseal(cell(id, "identity", 0), &row.identity)?)?;
        if row.lookup.as_deref() != Some(self.account_lookup(&connected.identity).as_slice()) {
            return Err(Detail::StoreTampered.into());
        }
        let credentials: Credentials<'static> =
            record::decode(&sealer.unseal(cell(id, "credentials", row.generation), &row.credentials)?)?;
        Ok(AccountRecord {
            id: row.id.clone(),
            identity: connected.identity,
            person: record::decode(&sealer.unseal(cell(id, "person", 0), &row.person)?)?,
            scopes: credentials.scopes.into_owned(),
            state: credentials.state.into_owned(),
            tokens: credentials.tokens.map(Cow::into_owned),
            generation: row.generation,
            connected_at: connected.connected_at,
        })
    }

    fn account_sealer(&self, id: &str, account_key: &[u8]) -> Result<Sealer> {
        Ok(self.keys.account_sealer(self.account_key(id, account_key)?))
    }

    fn account_key(&self, id: &str, account_key: &[u8]) -> Result<Key> {
        let key = self.keys.sealer().unseal(cell(id, "account_key", 0), account_key)?;
        Ok(seal::key_from(&key).ok_or(Detail::StoreTampered)?)
    }

    /// GUIDs are compared without regard to case.
    fn account_lookup(&self, identity: &Identity) -> Vec<u8> {
        let (tid, oid) = (identity.tid.to_ascii_lowercase(), identity.oid.to_ascii_lowercase());
        self.keys.lookup(TABLE, &[tid.as_bytes(), oid.as_bytes()])
    }
}

fn cell<'a>(id: &'a str, column: &'static str, bound: i64) -> Cell<'a> {
    Cell { table: TABLE, row: id.as_bytes(), column, bound }
}

fn seal_credentials(sealer: &Sealer, id: &str, generation: i64, credentials: &Credentials<'_>) -> Result<Vec<u8>> {
    sealer.seal(cell(id, "credentials", generation), &record::encode(credentials)?)
}

fn next(generation: i64) -> Result<i64> {
    Ok(generation.checked_add(1).ok_or(Detail::StoreTampered)?)
}

/// Finds a row by a column with an index. A miss is looked up once more without the index: a row that is there and not in the index
/// is damage, and not "no such account".
fn find(connection: &Connection, column: &'static str, value: impl rusqlite::ToSql + Copy) -> Result<Option<Sealed>> {
    let indexed = format!("{SELECT} WHERE {column} = ?1");
    let mut statement = connection.prepare_cached(&indexed).map_err(fault::sqlite)?;
    let row = statement.query_row([value], Sealed::read).optional().map_err(fault::sqlite)?;
    if row.is_none() && is_unindexed(connection, column, value)? {
        return Err(Detail::StoreCorrupt.about("index"));
    }
    Ok(row)
}

fn is_unindexed(connection: &Connection, column: &'static str, value: impl rusqlite::ToSql) -> Result<bool> {
    let scan = format!("SELECT EXISTS (SELECT 1 FROM account NOT INDEXED WHERE {column} = ?1)");
    connection.prepare_cached(&scan).and_then(|mut statement| statement.query_row([value], |row| row.get(0))).map_err(fault::sqlite)
}

/// Generation and sealed key of one account: what a write needs.
fn head(connection: &Connection, id: &str) -> Result<Option<(i64, Vec<u8>)>> {
    let sql = "SELECT generation, account_key FROM account WHERE id = ?1";
    let mut statement = connection.prepare_cached(sql).map_err(fault::sqlite)?;
    let head = statement.query_row([id], |row| Ok((row.get(0)?, row.get(1)?))).optional().map_err(fault::sqlite)?;
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

fn one_row(changed: usize) -> Result<()> {
    if changed == 1 { Ok(()) } else { Err(Detail::StoreCorrupt.into()) }
}

fn is_id(id: &str) -> bool {
    id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

impl Sealed {
    fn write(&self, connection: &Connection, key_id: u32) -> Result<()> {
        let sql = "INSERT INTO account (id, lookup, key_id, generation, account_key, identity, person, credentials)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
             ON CONFLICT (id) DO UPDATE SET key_id = excluded.key_id, generation = excluded.generation,
                 account_key = excluded.account_key, identity = excluded.identity, person = excluded.person,
                 credentials = excluded.credentials";
        let values =
            (&self.id, &self.lookup, key_id, self.generation, &self.account_key, &self.identity, &self.person, &self.credentials);
        let written = connection.prepare_cached(sql).and_then(|mut statement| statement.execute(values));
        one_row(written.map_err(fault::sqlite)?)
    }

    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            id: row.get(0)?,
            lookup: row.get(1)?,
            generation: row.get(2)?,
            account_key: row.get(3)?,
            identity: row.get(4)?,
            person: row.get(5)?,
            credentials: row.get(6)?,
        })
    }
}
