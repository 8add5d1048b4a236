//! What can be saved of a damaged store, whatever of its tables is left.

use super::{
    rows::{self, Row, Value},
    snapshot::Snapshot,
};
use crate::{
    error::{Detail, Result},
    store::{
        account::{self, Sealed},
        approval, flow,
        key::KeyProvider,
        keyring::{KeyRecord, Keyring},
        record::AccountRecord,
        seal::STORE_ID_LENGTH,
    },
};
use rusqlite::Connection;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Accounts, and all else that has to move to the new store.
pub(super) struct Salvaged {
    /// In the order in which they were connected.
    pub(super) accounts: Vec<AccountRecord>,
    /// Ids of accounts of which something was found that does not open.
    pub(super) lost: BTreeSet<String>,
    pub(super) flows: Vec<flow::Salvaged>,
    pub(super) approvals: Vec<approval::Salvaged>,
    /// Wrappings whose keys the provider still has to forget.
    pub(super) retired: Vec<Vec<u8>>,
}

impl Salvaged {
    pub(super) fn of(snapshot: &Snapshot, ring: &Keyring) -> Self {
        let pages = snapshot.pages();
        let rows = rows::rows(&pages);
        let (accounts, mut lost) = accounts(&rows, ring);
        // An index knows rows whose page is gone.
        lost.extend(rows::entries(&pages).iter().filter_map(id_of));
        for account in &accounts {
            lost.remove(&account.id);
        }
        let tenants: Vec<String> = accounts.iter().map(|account| account.identity.tid.clone()).collect();
        Self {
            flows: flows(&rows, ring),
            approvals: approvals(&rows, ring, &tenants),
            retired: rows.iter().filter_map(retired).map(<[u8]>::to_vec).collect(),
            accounts,
            lost,
        }
    }

    /// Puts everything into a new store.
    pub(super) fn fill(&self, connection: &Connection, ring: &Keyring) -> Result<()> {
        for record in &self.accounts {
            account::insert(connection, ring, record.clone())?;
        }
        for flow in &self.flows {
            flow.insert(connection, ring.newest())?;
        }
        for approval in &self.approvals {
            approval.insert(connection, ring.newest())?;
        }
        for wrapped in &self.retired {
            crate::store::rewrap::retire_later(connection, wrapped)?;
        }
        Ok(())
    }
}

/// The keys of the store, opened. `StoreUnrecoverable` if no record of one is left, without which no row opens.
pub(super) fn ring(snapshot: &Snapshot, provider: &dyn KeyProvider) -> Result<Keyring> {
    let records = key_records(snapshot);
    if records.is_empty() {
        return Err(Detail::StoreUnrecoverable.about("key record"));
    }
    Keyring::open(&records, provider, None)
}

/// The id of a store never changes. Whoever plants others costs time with each of them, as each is tried with each record.
const MOST_IDS: usize = 8;

/// The records of the store's keys, oldest first: as the store knows them, or else as an earlier state of its pages does. Their
/// checksum tells that nothing is put together that does not belong together.
pub(super) fn key_records(snapshot: &Snapshot) -> Vec<KeyRecord> {
    let current = rows::rows(&snapshot.pages());
    let older: Vec<Row> = snapshot.older_pages().iter().flat_map(rows::rows).collect();
    let ids: BTreeSet<[u8; STORE_ID_LENGTH]> = current.iter().chain(&older).filter_map(store_id).collect();
    let among = |rows: &[Row]| -> BTreeMap<u32, KeyRecord> {
        let found = rows.iter().flat_map(|row| ids.iter().take(MOST_IDS).filter_map(|id| key_record(row, *id)));
        found.map(|record| (record.key_id, record)).collect()
    };
    let found = among(&current);
    if found.is_empty() { among(&older) } else { found }.into_values().collect()
}

/// The wrappings that the store uses, and those whose keys its provider had to forget.
pub(super) fn wrappings(snapshot: &Snapshot) -> Vec<Vec<u8>> {
    let rows = rows::rows(&snapshot.pages());
    let retired = rows.iter().filter_map(retired).map(<[u8]>::to_vec);
    key_records(snapshot).into_iter().map(|record| record.wrapped).chain(retired).collect()
}

/// The newest of each account, and the ids of those that do not open.
fn accounts(rows: &[Row], ring: &Keyring) -> (Vec<AccountRecord>, BTreeSet<String>) {
    let (mut best, mut lost) = (HashMap::<String, AccountRecord>::new(), BTreeSet::new());
    for row in rows {
        let opened = sealed(row).and_then(|sealed| account::open_salvaged(&sealed, ring).ok());
        match opened {
            Some(record) if best.get(&record.id).is_none_or(|known| known.generation < record.generation) => {
                best.insert(record.id.clone(), record);
            }
            Some(_) => {}
            None => lost.extend(account_id(row)),
        }
    }
    let mut records: Vec<AccountRecord> = best.into_values().collect();
    records.sort_by(|one, other| (one.connected_at, &one.id).cmp(&(other.connected_at, &other.id)));
    // One account for a person: the one that was connected last.
    let mut persons = HashMap::<(String, String), String>::new();
    for record in &records {
        let person = (record.identity.tid.to_ascii_lowercase(), record.identity.oid.to_ascii_lowercase());
        lost.extend(persons.insert(person, record.id.clone()));
    }
    let kept: BTreeSet<String> = persons.into_values().collect();
    records.retain(|record| kept.contains(&record.id));
    (records, lost)
}

fn sealed(row: &Row) -> Option<Sealed> {
    use Value::{Bytes, Null, Number};
    let [_, lookup, Number(key_id), Number(generation), Bytes(account_key), Bytes(identity), Bytes(person), Bytes(credentials)] =
        row.values.as_slice()
    else {
        return None;
    };
    let lookup = match lookup {
        Bytes(lookup) => Some(lookup.clone()),
        Null => None,
        _ => return None,
    };
    Some(Sealed {
        id: account_id(row)?,
        lookup,
        key_id: u32::try_from(*key_id).ok()?,
        generation: *generation,
        account_key: account_key.clone(),
        identity: identity.clone(),
        person: person.clone(),
        credentials: credentials.clone(),
    })
}

fn flows(rows: &[Row], ring: &Keyring) -> Vec<flow::Salvaged> {
    let mut flows = Vec::<flow::Salvaged>::new();
    for row in rows.iter().rev() {
        let [Value::Bytes(lookup), Value::Number(key_id), account, Value::Number(expires_at), Value::Bytes(sealed)] =
            row.values.as_slice()
        else {
            continue;
        };
        let account = match account {
            Value::Text(id) => String::from_utf8(id.clone()).ok().filter(|id| account::is_id(id)),
            _ => None,
        };
        let Some(keys) = u32::try_from(*key_id).ok().and_then(|key_id| ring.key(key_id).ok()) else { continue };
        let found = flow::Salvaged::open(keys, lookup, account, *expires_at, sealed);
        flows.extend(found.filter(|found| !flows.iter().any(|flow| flow.is(found))));
    }
    flows.reverse();
    flows
}

fn approvals(rows: &[Row], ring: &Keyring, tenants: &[String]) -> Vec<approval::Salvaged> {
    let mut approvals = Vec::<approval::Salvaged>::new();
    for row in rows {
        let [Value::Bytes(lookup), Value::Number(key_id), Value::Bytes(sealed)] = row.values.as_slice() else { continue };
        let Some(keys) = u32::try_from(*key_id).ok().and_then(|key_id| ring.key(key_id).ok()) else { continue };
        let found = approval::Salvaged::open(keys, lookup, sealed, tenants);
        approvals.extend(found.filter(|found| !approvals.iter().any(|approval| approval.is(found))));
    }
    approvals
}

fn store_id(row: &Row) -> Option<[u8; STORE_ID_LENGTH]> {
    let [Value::Null, Value::Bytes(id), Value::Number(_)] = row.values.as_slice() else { return None };
    id.as_slice().try_into().ok()
}

fn key_record(row: &Row, store_id: [u8; STORE_ID_LENGTH]) -> Option<KeyRecord> {
    let [Value::Null, Value::Bytes(wrapped), Value::Bytes(key_check), Value::Bytes(checksum)] = row.values.as_slice() else {
        return None;
    };
    KeyRecord::of_parts(store_id, u32::try_from(row.id).ok()?, wrapped, key_check, checksum)
}

fn retired(row: &Row) -> Option<&[u8]> {
    let [Value::Bytes(wrapped)] = row.values.as_slice() else { return None };
    row.is_whole.then_some(wrapped)
}

/// The id of an account, from its row, as much as is left of it.
fn account_id(row: &Row) -> Option<String> {
    let is_shaped = !row.is_whole || row.values.len() == 8;
    id_of(row).filter(|_| is_shaped)
}

/// The id at the beginning of a row or of an entry of the index.
fn id_of(row: &Row) -> Option<String> {
    let Some(Value::Text(id)) = row.values.first() else { return None };
    String::from_utf8(id.clone()).ok().filter(|id| account::is_id(id))
}
