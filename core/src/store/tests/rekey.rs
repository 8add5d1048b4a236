//! Changing the keys of a store: wrapping anew (S-27), rotation (S-27), and copies that become useless (S-07).

use super::damage::{same, three};
use super::rig::{NOW, Rig, connect, oid, scopes, state, tokens};
use crate::{
    error::{Detail, Result},
    protection::KeyProviderKind,
    store::{Claim, Flow, HostKey, KeyProvider, Rotation, Store, seal},
};
use rusqlite::Connection;
use std::{
    collections::HashMap,
    fs,
    sync::{Mutex, PoisonError},
    thread,
};

/// A provider that owns its keys, as the key store of an operating system does: a new one for each wrapping, by name.
#[derive(Default)]
pub(super) struct Shelf(Mutex<HashMap<[u8; 8], [u8; 32]>>);

impl Shelf {
    fn of(&self, wrapped: &[u8]) -> Result<HostKey> {
        let keys = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = wrapped.first_chunk::<8>().and_then(|name| keys.get(name)).ok_or(Detail::StoreWrongKey)?;
        HostKey::new(key)
    }

    pub(super) fn len(&self) -> usize {
        self.0.lock().unwrap().len()
    }
}

impl KeyProvider for Shelf {
    fn wrap(&self, key_id: u32, key: &[u8]) -> Result<Vec<u8>> {
        let (name, own) = (*seal::random::<8>()?, *seal::random::<32>()?);
        let wrapped = HostKey::new(&own)?.wrap(key_id, key)?;
        self.0.lock().unwrap().insert(name, own);
        Ok([&name[..], &wrapped].concat())
    }

    fn unwrap(&self, key_id: u32, wrapped: &[u8]) -> Result<Vec<u8>> {
        self.of(wrapped)?.unwrap(key_id, &wrapped[8..])
    }

    fn kind(&self) -> KeyProviderKind {
        KeyProviderKind::OsKeyStore
    }

    fn retire(&self, wrapped: &[u8]) -> Result<()> {
        self.0.lock().unwrap().remove(&wrapped[..8]);
        Ok(())
    }
}

fn other_key() -> HostKey {
    HostKey::new(&[8; 32]).unwrap()
}

fn refusal(rig: &Rig, key: &dyn KeyProvider) -> Detail {
    Store::open(&rig.path(), key).unwrap_err().cause()
}

/// Begins a sign-in and notes an approval, so that every table has something to take along.
fn fill(store: &Store) {
    let flow = Flow { key: "state", account: None, expires_at: NOW + 600, payload: b"flow payload", now: NOW };
    store.put_flow(&flow).unwrap();
    store.put_approval("tenant", b"approval payload").unwrap();
}

fn is_filled(store: &Store) -> bool {
    let flow = store.read_flow("state", NOW).unwrap().is_some_and(|payload| payload.as_slice() == b"flow payload");
    flow && store.approval("TENANT").unwrap().is_some_and(|payload| payload.as_slice() == b"approval payload")
}

/// What `Office365::rotate_store_key` does, step by step.
fn rotate(store: &Store, provider: &dyn KeyProvider) -> u32 {
    store.begin_rotation(provider).unwrap();
    let resealed = store.accounts_to_reseal().unwrap();
    let count = resealed.iter().filter(|id| store.reseal_account(id).unwrap()).count();
    assert_eq!(store.finish_rotation(provider).unwrap(), Some(true));
    u32::try_from(count).unwrap()
}

#[test]
fn s_27_a_changed_key_opens_the_store_and_the_old_one_does_not() {
    let (rig, accounts) = three();
    let store = rig.open();
    fill(&store);
    store.change_key(&rig.key, &other_key()).unwrap();
    assert!(is_filled(&store) && same(&store.account(&accounts[0].id).unwrap().unwrap(), &accounts[0]), "open handles go on");
    assert_eq!(refusal(&rig, &rig.key), Detail::StoreWrongKey);
    let store = Store::open(&rig.path(), &other_key()).unwrap();
    assert!(is_filled(&store) && same(&store.account(&accounts[2].id).unwrap().unwrap(), &accounts[2]));
}

#[test]
fn s_27_a_change_under_the_wrong_old_key_changes_nothing() {
    let (rig, _) = three();
    let store = rig.open();
    assert_eq!(store.change_key(&other_key(), &HostKey::new(&[9; 32]).unwrap()).unwrap_err().cause(), Detail::StoreWrongKey);
    assert_eq!(store.begin_rotation(&other_key()).unwrap_err().cause(), Detail::StoreWrongKey);
    assert!(!store.is_rotating() && rig.try_open().is_ok());
}

/// A locked phone is not a wrong key, and leaves everything as it is.
#[test]
fn s_27_a_provider_that_cannot_answer_now_changes_nothing() {
    struct Locked;
    impl KeyProvider for Locked {
        fn wrap(&self, _: u32, _: &[u8]) -> Result<Vec<u8>> {
            Err(crate::Error::key_unavailable())
        }

        fn unwrap(&self, _: u32, _: &[u8]) -> Result<Vec<u8>> {
            Err(crate::Error::key_unavailable())
        }
    }
    let (rig, accounts) = three();
    let store = rig.open();
    for change in [store.change_key(&rig.key, &Locked), store.change_key(&Locked, &rig.key), store.begin_rotation(&Locked)] {
        assert_eq!(change.unwrap_err().kind(), crate::ErrorKind::KeyUnavailable);
    }
    assert!(same(&rig.open().account(&accounts[1].id).unwrap().unwrap(), &accounts[1]));
}

/// Which rows of the file open with the first key of a copy that was made before: the attacker's view.
fn readable_under_the_first_key(rig: &Rig, old_copy: &Rig) -> usize {
    let first = old_copy.open();
    let new = Connection::open(rig.path()).unwrap();
    let rows: Vec<(String, Vec<u8>, Vec<u8>)> = new
        .prepare("SELECT id, account_key, credentials FROM account")
        .unwrap()
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .unwrap()
        .map(std::result::Result::unwrap)
        .collect();
    drop(new);
    // Each row is put back into the old copy in turn, once with its own account key and once with the one that the copy knows.
    let edit = Connection::open(old_copy.path()).unwrap();
    rows.iter()
        .filter(|(id, account_key, credentials)| {
            let put = |sql: &str, values: &[&dyn rusqlite::ToSql]| edit.execute(sql, values).unwrap();
            put("UPDATE account SET credentials = ?2 WHERE id = ?1", &[id, credentials]);
            let with_known_key = first.account(id).is_ok();
            put("UPDATE account SET account_key = ?2 WHERE id = ?1", &[id, account_key]);
            with_known_key || first.account(id).is_ok()
        })
        .count()
}

pub(super) fn copy_of(rig: &Rig) -> Rig {
    let copy = Rig::new();
    fs::copy(rig.path(), copy.path()).unwrap();
    copy
}

#[test]
fn s_27_a_rotation_takes_everything_along_and_leaves_nothing_under_the_old_key() {
    let (rig, accounts) = three();
    let store = rig.open();
    fill(&store);
    store.close().unwrap();
    let copy = copy_of(&rig);
    // The twin: before the rotation, the old key reads every row of the file.
    assert_eq!(readable_under_the_first_key(&rig, &copy_of(&rig)), 3);

    let store = rig.open();
    assert_eq!(rotate(&store, &rig.key), 3);
    assert!(!store.is_rotating() && is_filled(&store));
    for account in &accounts {
        assert!(same(&store.account(&account.id).unwrap().unwrap(), account));
    }
    assert_eq!(connect(&store, 1).id, accounts[0].id, "the same person keeps the id");
    assert!(matches!(store.claim_flow("state", NOW).unwrap(), Claim::Payload(_)));
    store.close().unwrap();
    assert_eq!(readable_under_the_first_key(&rig, &copy), 0);
    assert_eq!(rotate(&rig.open(), &rig.key), 3, "and again");
}

#[test]
fn s_27_a_rotation_that_was_interrupted_goes_on() {
    let (rig, accounts) = three();
    for stop_after in 0..=3 {
        let store = rig.open();
        fill(&store);
        store.begin_rotation(&rig.key).unwrap();
        for id in store.accounts_to_reseal().unwrap().iter().take(stop_after) {
            assert!(store.reseal_account(id).unwrap());
        }
        if stop_after < 3 {
            assert_eq!(store.finish_rotation(&rig.key).unwrap(), None, "an account still lies under the old key");
        }
        drop(store);
        // All of it can be used as it is, and new things go under the new key.
        let store = rig.open();
        assert!(store.is_rotating() && is_filled(&store));
        for account in &accounts {
            let now = store.account(&account.id).unwrap().unwrap();
            let rotated = store.rotate(&account.id, now.generation, &tokens("new"), &scopes(), &state()).unwrap();
            assert!(matches!(rotated, Rotation::Written(_)), "{rotated:?}");
        }
        assert_eq!(connect(&store, 2).id, accounts[1].id);
        store.put_approval("tenant", b"approval payload").unwrap();
        rotate(&store, &rig.key);
        assert!(!store.is_rotating() && is_filled(&store));
    }
}

#[test]
fn s_27_another_process_catches_up() {
    let (rig, accounts) = three();
    let (one, other) = (rig.open(), rig.open());
    fill(&one);
    one.begin_rotation(&rig.key).unwrap();
    assert_eq!(other.account(&accounts[0].id).unwrap_err().cause(), Detail::StoreKeyChanged);
    assert_eq!(other.read_flow("state", NOW).unwrap_err().cause(), Detail::StoreKeyChanged, "not: there is no such sign-in");
    other.catch_up(&rig.key).unwrap();
    rotate(&one, &rig.key);
    assert!(is_filled(&other) && !other.is_rotating(), "the old key is forgotten");
    // One that slept all the time.
    let sleeper = rig.open();
    rotate(&one, &rig.key);
    assert_eq!(sleeper.accounts().unwrap_err().cause(), Detail::StoreKeyChanged);
    sleeper.catch_up(&rig.key).unwrap();
    assert_eq!(sleeper.accounts().unwrap().records.len(), 3);
}

#[test]
fn s_27_two_rotations_at_once_help_each_other() {
    let (rig, accounts) = three();
    let stores = [rig.open(), rig.open(), rig.open()];
    thread::scope(|scope| {
        for store in &stores {
            scope.spawn(|| {
                match store.begin_rotation(&rig.key) {
                    Err(error) if [Detail::StoreKeyChanged, Detail::StoreBusy].contains(&error.cause()) => {
                        store.catch_up(&rig.key).unwrap();
                    }
                    begun => begun.unwrap(),
                }
                // One of the others may have finished, and begun anew.
                for id in store.accounts_to_reseal().unwrap_or_default() {
                    let _ = store.reseal_account(&id);
                }
                let _ = store.finish_rotation(&rig.key);
            });
        }
    });
    let store = rig.open();
    rotate(&store, &rig.key);
    for account in &accounts {
        assert!(same(&store.account(&account.id).unwrap().unwrap(), account));
    }
}

/// A row that does not open cannot be taken along: it is set aside with nothing left in it, and told.
#[test]
fn s_27_a_damaged_account_is_told_and_stops_nobody() {
    let (rig, accounts) = three();
    Connection::open(rig.path()).unwrap().execute("UPDATE account SET credentials = x'00' WHERE rowid = 2", []).unwrap();
    let store = rig.open();
    store.begin_rotation(&rig.key).unwrap();
    let failed: Vec<String> =
        store.accounts_to_reseal().unwrap().into_iter().filter(|id| !store.reseal_account(id).unwrap()).collect();
    assert_eq!(failed, [accounts[1].id.clone()]);
    assert_eq!(store.finish_rotation(&rig.key).unwrap(), Some(true));
    assert_eq!(store.accounts().unwrap().damaged, failed);
    assert!(same(&store.account(&accounts[2].id).unwrap().unwrap(), &accounts[2]));
}

/// Sign-ins and approvals of format 1 do not know their names, so a new key cannot find them: they go, and nothing else does.
#[test]
fn s_27_a_store_of_format_1_is_rotated() {
    let rig = Rig::new();
    fs::write(rig.path(), include_bytes!("data/format-1.sqlite")).unwrap();
    let store = rig.open();
    assert!(is_filled(&store));
    assert_eq!(rotate(&store, &rig.key), 2);
    assert!(store.read_flow("state", NOW).unwrap().is_none() && store.approval("tenant").unwrap().is_none());
    assert_eq!(store.accounts().unwrap().records[0].identity.oid, oid(1));
}

#[test]
fn s_07_a_copy_from_before_a_disconnect_cannot_be_opened() {
    let (rig, shelf) = (Rig::new(), Shelf::default());
    let store = Store::open(&rig.path(), &shelf).unwrap();
    let account = connect(&store, 1);
    store.close().unwrap();
    let (copy, twin) = (copy_of(&rig), copy_of(&rig));
    // The twin: while nobody disconnects, the copy is as good as the store.
    assert!(Store::open(&twin.path(), &shelf).unwrap().account(&account.id).unwrap().is_some());

    let store = Store::open(&rig.path(), &shelf).unwrap();
    let rewrapped = store.rewrap(&shelf, &shelf).unwrap();
    assert_eq!(shelf.len(), 2);
    let erasure = store.disconnect(&account.id, Some(&rewrapped)).unwrap();
    assert!(erasure.was_there && erasure.key_replaced);
    store.finish_retiring(&shelf).unwrap();
    assert_eq!(shelf.len(), 1);
    assert_eq!(refusal(&copy, &shelf), Detail::StoreWrongKey);
    assert!(Store::open(&rig.path(), &shelf).unwrap().accounts().unwrap().records.is_empty());
}

/// A process that dies between the disconnect and the provider's part: the next open does the rest.
#[test]
fn s_07_the_old_key_is_forgotten_at_the_next_open() {
    let (rig, shelf) = (Rig::new(), Shelf::default());
    let store = Store::open(&rig.path(), &shelf).unwrap();
    let account = connect(&store, 1);
    store.close().unwrap();
    let copy = copy_of(&rig);
    let store = Store::open(&rig.path(), &shelf).unwrap();
    store.disconnect(&account.id, Some(&store.rewrap(&shelf, &shelf).unwrap())).unwrap();
    drop(store);
    assert!(Store::open(&copy_of(&copy).path(), &shelf).is_ok(), "the old key is still there");
    Store::open(&rig.path(), &shelf).unwrap();
    assert_eq!((shelf.len(), refusal(&copy, &shelf)), (1, Detail::StoreWrongKey));
}

#[test]
fn s_07_a_change_of_key_and_a_rotation_make_copies_useless_too() {
    let (rig, shelf) = (Rig::new(), Shelf::default());
    let store = Store::open(&rig.path(), &shelf).unwrap();
    connect(&store, 1);
    for change in [
        |store: &Store, shelf: &Shelf| store.change_key(shelf, shelf).unwrap(),
        |store: &Store, shelf: &Shelf| assert_eq!(rotate(store, shelf), 1),
    ] {
        store
            .with_connection(|connection| {
                connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).map_err(crate::store::fault::sqlite)
            })
            .unwrap();
        let copy = copy_of(&rig);
        change(&store, &shelf);
        assert_eq!((shelf.len(), refusal(&copy, &shelf)), (1, Detail::StoreWrongKey));
    }
    let store_with_host_key = Store::open(&rig.path(), &shelf).unwrap();
    store_with_host_key.change_key(&shelf, &rig.key).unwrap();
    assert_eq!((shelf.len(), rig.open().accounts().unwrap().records.len()), (0, 1));
}

/// Two processes change the wrapping at once: the later one sees that what it read is no longer there.
#[test]
fn s_27_a_change_that_was_crossed_is_done_on_what_is_there() {
    let (rig, shelf) = (Rig::new(), Shelf::default());
    let store = Store::open(&rig.path(), &shelf).unwrap();
    let account = connect(&store, 1);
    let crossed = store.rewrap(&shelf, &shelf).unwrap();
    store.change_key(&shelf, &shelf).unwrap();
    let erasure = store.disconnect(&account.id, Some(&crossed)).unwrap();
    assert!(erasure.was_there && !erasure.key_replaced, "the account goes all the same");
    crossed.abandon(&shelf);
    assert_eq!(shelf.len(), 1);
    assert!(Store::open(&rig.path(), &shelf).is_ok());
}
