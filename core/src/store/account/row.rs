//! The row of an account: how its columns are sealed, and what must fit when they are opened.

use crate::{
    error::{Detail, Result},
    store::{
        fault,
        keyring::Keyring,
        record::{self, AccountRecord, Connected, Credentials, Identity},
        seal::{self, Cell, Key, Sealer, StoreKeys},
    },
};
use rusqlite::{Connection, Row};
use std::borrow::Cow;

const TABLE: &str = "account";
pub(super) const SELECT: &str = "SELECT id, lookup, key_id, generation, account_key, identity, person, credentials FROM account";

/// A row as it lies in the table.
pub(super) struct Sealed {
    pub(super) id: String,
    lookup: Option<Vec<u8>>,
    pub(super) key_id: u32,
    generation: i64,
    account_key: Vec<u8>,
    identity: Vec<u8>,
    person: Vec<u8>,
    credentials: Vec<u8>,
}

impl Sealed {
    /// Seals a record under the store key `keys` and the account's own key.
    pub(super) fn seal(keys: &StoreKeys, key: &Key, record: AccountRecord) -> Result<Self> {
        let (id, generation) = (record.id, record.generation);
        let own = keys.account_sealer(key.clone());
        let credentials = Credentials {
            scopes: Cow::Owned(record.scopes),
            state: Cow::Owned(record.state),
            tokens: record.tokens.map(Cow::Owned),
        };
        let connected = Connected { identity: record.identity, connected_at: record.connected_at };
        Ok(Self {
            lookup: Some(lookup(keys, &connected.identity)),
            key_id: keys.key_id,
            generation,
            account_key: keys.sealer().seal(cell(&id, "account_key", 0), key.as_slice())?,
            identity: own.seal(cell(&id, "identity", 0), &record::encode(&connected)?)?,
            person: own.seal(cell(&id, "person", 0), &record::encode(&record.person)?)?,
            credentials: seal_credentials(&own, &id, generation, &credentials)?,
            id,
        })
    }

    /// Opens every sealed column, and checks that the row is found under the person it holds.
    pub(super) fn open(&self, ring: &Keyring) -> Result<AccountRecord> {
        let id = self.id.as_str();
        let keys = ring.key(self.key_id)?;
        let sealer = keys.account_sealer(self.own_key(ring)?);
        let connected: Connected = record::decode(&sealer.unseal(cell(id, "identity", 0), &self.identity)?)?;
        if self.lookup.as_deref() != Some(lookup(keys, &connected.identity).as_slice()) {
            return Err(Detail::StoreTampered.into());
        }
        let credentials: Credentials<'static> =
            record::decode(&sealer.unseal(cell(id, "credentials", self.generation), &self.credentials)?)?;
        Ok(AccountRecord {
            id: self.id.clone(),
            identity: connected.identity,
            person: record::decode(&sealer.unseal(cell(id, "person", 0), &self.person)?)?,
            scopes: credentials.scopes.into_owned(),
            state: credentials.state.into_owned(),
            tokens: credentials.tokens.map(Cow::into_owned),
            generation: self.generation,
            connected_at: connected.connected_at,
        })
    }

    pub(super) fn own_key(&self, ring: &Keyring) -> Result<Key> {
        own_key(ring.key(self.key_id)?, &self.id, &self.account_key)
    }

    pub(super) fn write(&self, connection: &Connection) -> Result<()> {
        let sql = "INSERT INTO account (id, lookup, key_id, generation, account_key, identity, person, credentials)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
             ON CONFLICT (id) DO UPDATE SET lookup = excluded.lookup, key_id = excluded.key_id, generation = excluded.generation,
                 account_key = excluded.account_key, identity = excluded.identity, person = excluded.person,
                 credentials = excluded.credentials";
        let (id, lookup, key_id, generation) = (&self.id, &self.lookup, self.key_id, self.generation);
        let values = (id, lookup, key_id, generation, &self.account_key, &self.identity, &self.person, &self.credentials);
        let written = connection.prepare_cached(sql).and_then(|mut statement| statement.execute(values));
        one_row(written.map_err(fault::sqlite)?)
    }

    pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            id: row.get(0)?,
            lookup: row.get(1)?,
            key_id: row.get(2)?,
            generation: row.get(3)?,
            account_key: row.get(4)?,
            identity: row.get(5)?,
            person: row.get(6)?,
            credentials: row.get(7)?,
        })
    }
}

/// The account's own key, from its column.
pub(super) fn own_key(keys: &StoreKeys, id: &str, account_key: &[u8]) -> Result<Key> {
    let key = keys.sealer().unseal(cell(id, "account_key", 0), account_key)?;
    Ok(seal::key_from(&key).ok_or(Detail::StoreTampered)?)
}

pub(super) fn seal_credentials(sealer: &Sealer, id: &str, generation: i64, credentials: &Credentials<'_>) -> Result<Vec<u8>> {
    sealer.seal(cell(id, "credentials", generation), &record::encode(credentials)?)
}

/// The keyed hash of a person. GUIDs are compared without regard to case.
pub(super) fn lookup(keys: &StoreKeys, identity: &Identity) -> Vec<u8> {
    let (tid, oid) = (identity.tid.to_ascii_lowercase(), identity.oid.to_ascii_lowercase());
    keys.lookup(TABLE, &[tid.as_bytes(), oid.as_bytes()])
}

pub(super) fn one_row(changed: usize) -> Result<()> {
    if changed == 1 { Ok(()) } else { Err(Detail::StoreCorrupt.into()) }
}

fn cell<'a>(id: &'a str, column: &'static str, bound: i64) -> Cell<'a> {
    Cell { table: TABLE, row: id.as_bytes(), column, bound }
}
