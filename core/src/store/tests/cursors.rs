//! Where syncs go on: bound to their account, moved in order, gone with it.

use super::rig::{Rig, connect};
use crate::{
    error::Detail,
    store::{HostKey, Store},
};
use rusqlite::Connection;

fn keys() -> HostKey {
    HostKey::new(&[7; 32]).unwrap()
}

fn payload(store: &Store, id: &str, name: &str) -> Option<(i64, Vec<u8>)> {
    store.cursor(id, name).unwrap().map(|cursor| (cursor.generation, cursor.payload.to_vec()))
}

fn two() -> (Rig, Store, String, String) {
    let rig = Rig::new();
    let store = rig.open();
    let (one, other) = (connect(&store, 1).id, connect(&store, 2).id);
    assert!(store.move_cursor(&one, "inbox", 0, b"first").unwrap());
    assert!(store.move_cursor(&one, "sent", 0, b"sent").unwrap());
    assert!(store.move_cursor(&other, "inbox", 0, b"other").unwrap());
    (rig, store, one, other)
}

#[test]
fn a_cursor_moves_on_from_where_it_was_read() {
    let (rig, store, one, other) = two();
    assert!(store.move_cursor(&one, "inbox", 1, b"second").unwrap());
    // Somebody who read the first one comes too late.
    assert!(!store.move_cursor(&one, "inbox", 1, b"late").unwrap());
    assert!(!store.move_cursor(&one, "inbox", 0, b"later").unwrap());
    assert_eq!(payload(&store, &one, "inbox"), Some((2, b"second".to_vec())));
    assert_eq!(payload(&store, &one, "drafts"), None);
    store.forget_cursor(&one, "inbox").unwrap();
    assert_eq!(payload(&store, &one, "inbox"), None);
    assert_eq!(payload(&store, &other, "inbox"), Some((1, b"other".to_vec())));
    store.close().unwrap();
    assert_eq!(payload(&rig.open(), &one, "sent"), Some((1, b"sent".to_vec())));
    assert_eq!(store_error(&rig.open(), "0123456789abcdef0123456789abcdef"), Detail::AccountGone);
}

fn store_error(store: &Store, id: &str) -> Detail {
    store.cursor(id, "inbox").unwrap_err().cause()
}

#[test]
fn connecting_again_and_rotating_keep_the_cursors() {
    let (_rig, store, one, other) = two();
    assert_eq!(connect(&store, 1).id, one);
    store.begin_rotation(&keys()).unwrap();
    // The person connects in the middle of a rotation; the other account is sealed anew by it.
    assert_eq!(connect(&store, 1).id, one);
    for id in store.accounts_to_reseal().unwrap() {
        assert!(store.reseal_account(&id).unwrap());
    }
    assert!(store.finish_rotation(&keys()).unwrap().is_some());
    assert_eq!(payload(&store, &one, "inbox"), Some((1, b"first".to_vec())));
    assert_eq!(payload(&store, &one, "sent"), Some((1, b"sent".to_vec())));
    assert_eq!(payload(&store, &other, "inbox"), Some((1, b"other".to_vec())));
}

#[test]
fn a_disconnect_takes_them_along() {
    let (rig, store, one, other) = two();
    assert!(store.disconnect(&one, None).unwrap().erased);
    assert_eq!(store_error(&store, &one), Detail::AccountGone);
    assert_eq!(payload(&store, &other, "inbox"), Some((1, b"other".to_vec())));
    store.close().unwrap();
    let rows: i64 = Connection::open(rig.path()).unwrap().query_row("SELECT count(*) FROM cursor", [], |row| row.get(0)).unwrap();
    assert_eq!(rows, 1);
}

/// G-04: what was changed, exchanged or given to somebody else is no cursor: the sync begins anew.
#[test]
fn g_04_a_cursor_that_was_touched_is_none() {
    for change in [
        "UPDATE cursor SET payload = zeroblob(length(payload))",
        "UPDATE cursor SET generation = generation + 1",
        "UPDATE cursor SET payload = (SELECT payload FROM cursor ORDER BY rowid LIMIT 1) WHERE rowid > 1; DELETE FROM cursor WHERE rowid = 1",
    ] {
        let (rig, store, one, other) = two();
        store.close().unwrap();
        Connection::open(rig.path()).unwrap().execute_batch(change).unwrap();
        let store = rig.open();
        for (id, name) in [(&one, "inbox"), (&one, "sent"), (&other, "inbox")] {
            assert_eq!(payload(&store, id, name), None, "{change}");
        }
        assert!(store.move_cursor(&one, "inbox", 0, b"anew").unwrap());
        assert_eq!(payload(&store, &one, "inbox"), Some((1, b"anew".to_vec())));
    }
}
