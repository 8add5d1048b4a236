//! Hostile texts, foreign ids, full disks, lasting locks, and the format that has to open for ever.

use super::damage::{same, three};
use super::rig::{NOW, Rig, access, connect, person, scopes, setting, state, tokens, try_connect, try_connect_as};
use crate::{
    error::Detail,
    store::{Flow, Person, Rotation, fault, format},
};
use rusqlite::Connection;
use std::{fs, path::Path};

#[test]
fn s_30_hostile_texts_are_data() {
    let rig = Rig::new();
    let store = rig.open();
    let id = connect(&store, 1).id;
    for text in ["'; DROP TABLE account; --", "\0", "a\0b", "\u{1f600}\u{202e}", "%s%n", "\"}],", &"x".repeat(1_000_000)] {
        let person = Person { display_name: Some(text.into()), username: Some(text.into()), mail: None };
        try_connect_as(&store, 1, person.clone()).unwrap();
        assert_eq!(store.account(&id).unwrap().unwrap().person, person);
        assert!(store.account(text).unwrap().is_none());
        assert!(!store.disconnect(text, None).unwrap().was_there);
        assert!(matches!(store.rotate(text, 1, &tokens("x"), &scopes(), &state()).unwrap(), Rotation::Gone));
        let flow = Flow { key: text, account: Some(text), expires_at: NOW + 600, payload: text.as_bytes(), now: NOW };
        store.put_flow(&flow).unwrap();
        assert_eq!(store.read_flow(text, NOW).unwrap().unwrap().as_slice(), text.as_bytes());
        store.put_approval(text, text.as_bytes()).unwrap();
        assert_eq!(store.approval(text).unwrap().unwrap().as_slice(), text.as_bytes());
    }
}

#[test]
fn s_33_an_id_of_another_store_is_not_found_here() {
    let (rig, other) = (Rig::new(), Rig::new());
    let (mine, theirs) = (rig.open(), other.open());
    let (own, foreign) = (connect(&mine, 1), connect(&theirs, 1));
    assert!(mine.account(&foreign.id).unwrap().is_none());
    assert!(mine.account(&own.id.to_uppercase()).unwrap().is_none());
    assert_eq!(mine.account(&own.id).unwrap().unwrap().person, person(1));
}

#[test]
fn s_12_a_full_disk_is_told() {
    let (rig, accounts) = three();
    let store = rig.open();
    store.read(|connection| connection.execute_batch("PRAGMA max_page_count = 1").map_err(fault::sqlite)).unwrap();
    let full = (10..40).find_map(|number| try_connect(&store, number).err()).unwrap();
    assert_eq!(full.cause(), Detail::StoreFull);
    assert!(same(&store.account(&accounts[0].id).unwrap().unwrap(), &accounts[0]));
}

#[test]
fn a_lasting_lock_of_somebody_else_is_busy() {
    let (rig, _) = three();
    let store = rig.open();
    let other = Connection::open(Path::new(&rig.path())).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let short = std::time::Duration::from_millis(20);
    store.read(|connection| connection.busy_timeout(short).map_err(fault::sqlite)).unwrap();
    assert_eq!(try_connect(&store, 9).unwrap_err().cause(), Detail::StoreBusy);
}

/// Stores that were written when their format was fixed: each opens for ever.
const RELEASED: [&[u8]; format::STEPS.len()] =
    [include_bytes!("data/format-1.sqlite"), include_bytes!("data/format-2.sqlite"), include_bytes!("data/format-3.sqlite")];

#[test]
fn s_10_a_store_of_every_format_opens() {
    for (format, released) in std::iter::zip(1.., RELEASED) {
        let rig = Rig::new();
        fs::write(rig.path(), released).unwrap();
        let store = rig.open();
        let all = store.accounts().unwrap();
        assert_eq!((all.records.len(), all.damaged.len()), (2, 0));
        assert_eq!((&all.records[0].person, &all.records[0].scopes), (&person(1), &scopes()));
        assert_eq!((all.records[0].generation, all.records[0].connected_at), (1, NOW));
        assert_eq!(access(&all.records[0]), tokens("1").access_token.expose());
        assert_eq!(connect(&store, 1).id, all.records[0].id);
        let cursor = store.cursor(&all.records[0].id, "inbox").unwrap();
        assert_eq!(cursor.is_some_and(|cursor| cursor.payload.as_slice() == b"cursor payload"), format >= 3);
        assert_eq!(store.read_flow("state", NOW).unwrap().unwrap().as_slice(), b"flow payload");
        assert_eq!(store.approval("tenant").unwrap().unwrap().as_slice(), b"approval payload");
    }
}

#[test]
#[ignore = "writes the store that s_10_a_store_of_every_format_opens reads; run once for each format"]
fn write_the_store_of_this_format() {
    let rig = Rig::new();
    let store = rig.open();
    let id = connect(&store, 1).id;
    connect(&store, 2);
    store.move_cursor(&id, "inbox", 0, b"cursor payload").unwrap();
    let flow = Flow { key: "state", account: None, expires_at: NOW + 600, payload: b"flow payload", now: NOW };
    store.put_flow(&flow).unwrap();
    store.put_approval("tenant", b"approval payload").unwrap();
    store.close().unwrap();
    fs::copy(rig.path(), setting("INTAIL_WRITE_STORE").unwrap()).unwrap();
}
