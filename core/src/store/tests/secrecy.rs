//! What lies in the files: nothing readable, and nothing at all of an account that was disconnected.

use super::rig::{NOW, Rig, TENANT, access, connect, oid, scopes, state, tokens};
use crate::store::{DropTokens, Flow, Rotation, Store};
use rusqlite::Connection;
use std::fs;

/// How often a needle occurs in any file of the folder, as it is and as UTF-16.
fn occurrences(rig: &Rig, needle: &[u8]) -> usize {
    let wide: Vec<u8> = needle.iter().flat_map(|byte| [*byte, 0]).collect();
    let files = fs::read_dir(rig.folder.path()).unwrap().map(|entry| fs::read(entry.unwrap().path()).unwrap());
    files.map(|bytes| count(&bytes, needle) + count(&bytes, &wide)).sum()
}

fn count(bytes: &[u8], needle: &[u8]) -> usize {
    bytes.windows(needle.len()).filter(|window| *window == needle).count()
}

/// The sealed values of an account as they lie in its row.
fn sealed(store: &Store, id: &str) -> Vec<Vec<u8>> {
    let sql = "SELECT account_key, identity, person, credentials, lookup FROM account WHERE id = ?1";
    store
        .read(|connection| {
            let row = connection.query_row(sql, [id], |row| (0..5).map(|column| row.get(column)).collect());
            row.map_err(super::super::fault::sqlite)
        })
        .unwrap()
}

/// Uses every call that writes.
fn busy_life(store: &Store) -> String {
    let id = connect(store, 1).id;
    connect(store, 2);
    store.rotate(&id, 1, &tokens("rotated"), &scopes(), &state()).unwrap();
    store.update_state(&id, 2, &state(), DropTokens::AccessOnly).unwrap();
    for key in ["state-needle", "device-needle"] {
        let flow = Flow { key, account: Some(&id), expires_at: NOW + 600, payload: b"verifier-needle", now: NOW };
        store.put_flow(&flow).unwrap();
    }
    store.update_flow("device-needle", NOW, b"verifier-needle-2").unwrap();
    store.claim_flow("state-needle", NOW).unwrap();
    store.put_approval(TENANT, b"approval-needle").unwrap();
    store.put_approval("needle.example.test", b"approval-needle").unwrap();
    id
}

#[test]
fn s_29_no_needle_lies_readable_in_any_file() {
    let rig = Rig::new();
    let store = rig.open();
    busy_life(&store);
    let mut needles: Vec<Vec<u8>> = ["needle", "Needle", "User.Read", "UserRead", "example.test", "login.microsoftonline", "sub-"]
        .map(|text| text.as_bytes().to_vec())
        .to_vec();
    needles.extend([TENANT.into(), oid(1).into(), oid(2).into(), TENANT.replace('-', "").into()]);
    needles.extend([vec![7; 32], format!("{NOW}").into(), "access_token".into(), "display_name".into()]);
    let check = || {
        for needle in &needles {
            assert_eq!(occurrences(&rig, needle), 0, "{}", String::from_utf8_lossy(needle));
        }
    };
    check();
    assert!(rig.beside("-wal").exists(), "the log was looked at too");
    store.close().unwrap();
    check();
    // The twin: the same search finds what is there.
    let connection = Connection::open(rig.path()).unwrap();
    connection.execute("INSERT INTO approval VALUES (x'00', 1, ?1)", [b"planted-needle".as_slice()]).unwrap();
    drop(connection);
    assert_eq!(occurrences(&rig, b"planted-needle"), 1);
}

#[test]
fn s_26_nothing_of_a_disconnected_account_is_left() {
    let rig = Rig::new();
    let store = rig.open();
    let id = busy_life(&store);
    let mut past = vec![id.clone().into_bytes()];
    for generation in 3..40 {
        past.extend(sealed(&store, &id));
        let longer = tokens(&"z".repeat(usize::try_from(generation).unwrap() * 50));
        assert!(matches!(store.rotate(&id, generation, &longer, &scopes(), &state()).unwrap(), Rotation::Written(_)));
    }
    past.extend(sealed(&store, &id));
    // Values on two pages are searched by their first bytes: version, key id and the nonce.
    let needles: Vec<&[u8]> = past.iter().map(|value| &value[..value.len().min(29)]).collect();
    let found = needles.iter().filter(|needle| occurrences(&rig, needle) > 0).count();
    assert!(found > 30, "the twin: before, the search finds the values ({found})");
    assert!(store.disconnect(&id, None).unwrap().erased);
    for needle in &needles {
        assert_eq!(occurrences(&rig, needle), 0, "while open");
    }
    store.close().unwrap();
    for needle in &needles {
        assert_eq!(occurrences(&rig, needle), 0, "closed");
    }
    assert_eq!(rig.open().accounts().unwrap().records.len(), 1);
}

#[test]
fn s_26_a_reader_delays_the_erasure_to_the_next_close_or_open() {
    for by_opening in [false, true] {
        let rig = Rig::new();
        let store = rig.open();
        let id = connect(&store, 1).id;
        let values = sealed(&store, &id);
        let reader = Connection::open(rig.path()).unwrap();
        reader.execute_batch("BEGIN; SELECT count(*) FROM account").unwrap();
        let erasure = store.disconnect(&id, None).unwrap();
        assert!(erasure.was_there && !erasure.erased);
        assert!(store.account(&id).unwrap().is_none());
        let left = |values: &[Vec<u8>]| values.iter().filter(|value| occurrences(&rig, &value[..29]) > 0).count();
        assert!(left(&values) > 0, "the twin: the reader still needs the old pages");
        reader.execute_batch("COMMIT").unwrap();
        if by_opening {
            let second = rig.open();
            assert_eq!(left(&values), 0);
            drop((second, store));
        } else {
            store.close().unwrap();
        }
        assert_eq!(left(&values), 0);
        drop(reader);
    }
}

#[test]
fn s_26_a_row_with_its_key_destroyed_does_not_open() {
    let rig = Rig::new();
    let store = rig.open();
    let id = connect(&store, 1).id;
    store.close().unwrap();
    let connection = Connection::open(rig.path()).unwrap();
    connection.execute("UPDATE account SET account_key = zeroblob(length(account_key))", []).unwrap();
    drop(connection);
    assert_eq!(rig.open().account(&id).unwrap_err().cause(), crate::error::Detail::StoreTampered);
}

#[test]
fn s_34_sqlite_is_set_up_to_keep_nothing_elsewhere() {
    let rig = Rig::new();
    let store = rig.open();
    for (name, value) in [
        ("temp_store", 2),
        ("synchronous", 2),
        ("secure_delete", 1),
        ("trusted_schema", 0),
        ("foreign_keys", 1),
        ("mmap_size", 0),
        ("cell_size_check", 1),
        ("auto_vacuum", 0),
    ] {
        let found: i64 = store
            .read(|connection| Ok(connection.query_row(&format!("PRAGMA {name}"), [], |row| row.get(0)).unwrap_or(0)))
            .unwrap();
        assert_eq!(found, value, "{name}");
    }
    busy_life(&store);
    let mut names: Vec<_> = fs::read_dir(rig.folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["store.db", "store.db-shm", "store.db-wal"]);
    store.close().unwrap();
    assert_eq!(fs::read_dir(rig.folder.path()).unwrap().count(), 1);
}

#[test]
fn m_04_debug_shows_nothing() {
    let rig = Rig::new();
    let store = rig.open();
    let record = connect(&store, 1);
    let text = format!("{store:?} {record:?} {:?} {:?} {:?}", record.tokens, store.accounts().unwrap(), rig.key);
    for needle in ["Needle", "upn-", "mail-", "access-", "refresh-", TENANT, &oid(1), "store.db", "7, 7"] {
        assert!(!text.contains(needle), "{needle}");
    }
    assert!(access(&record).contains("access-needle"));
}
