//! Accounts, flows and approvals, through the interface.

use super::rig::{NOW, Rig, access, connect, oid, person, scopes, state, tokens};
use crate::store::flow::MAX_OPEN;
use crate::{
    error::Detail,
    store::{Claim, DropTokens, Flow, Rotation, Store, account::Erasure, fault},
};
use std::{sync::Barrier, thread};

fn flow<'a>(key: &'a str, payload: &'a [u8]) -> Flow<'a> {
    Flow { key, account: None, expires_at: NOW + 600, payload, now: NOW }
}

fn payload(claim: Claim) -> Vec<u8> {
    match claim {
        Claim::Payload(payload) => payload.to_vec(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_account_comes_back_after_reopening() {
    let rig = Rig::new();
    let store = rig.open();
    let made = connect(&store, 1);
    assert_eq!((made.id.len(), made.generation, made.connected_at), (32, 1, NOW));
    store.close().unwrap();
    let store = rig.open();
    let read = store.account(&made.id).unwrap().unwrap();
    assert_eq!(read.identity.oid, oid(1));
    assert_eq!((read.person, read.scopes, read.state), (person(1), scopes(), state()));
    assert_eq!(access(&made), read.tokens.as_ref().unwrap().access_token.expose());
    assert!(access(&made).starts_with("access-needle-1-"));
}

#[test]
fn j_16_the_same_person_keeps_the_account_and_another_gets_one() {
    let rig = Rig::new();
    let store = rig.open();
    let (first, other, again) = (connect(&store, 1), connect(&store, 2), connect(&store, 1));
    assert_eq!((again.id.as_str(), again.generation), (first.id.as_str(), 2));
    assert_ne!(other.id, first.id);
    let accounts = store.accounts().unwrap();
    assert_eq!((accounts.records.len(), accounts.damaged.len()), (2, 0));
}

#[test]
fn a_newer_generation_is_never_overwritten() {
    let rig = Rig::new();
    let (store, other) = (rig.open(), rig.open());
    let account = connect(&store, 1);
    let written = store.rotate(&account.id, 1, &tokens("winner"), &scopes(), &state()).unwrap();
    assert!(matches!(written, Rotation::Written(2)));
    match other.rotate(&account.id, 1, &tokens("loser"), &scopes(), &state()).unwrap() {
        Rotation::Newer(newer) => assert!(newer.generation == 2 && access(&newer).contains("winner")),
        other => panic!("{other:?}"),
    }
    assert!(matches!(other.update_state(&account.id, 1, &state(), DropTokens::All).unwrap(), Rotation::Newer(_)));
    assert!(access(&other.account(&account.id).unwrap().unwrap()).contains("winner"));
    store.disconnect(&account.id, None).unwrap();
    assert!(matches!(other.rotate(&account.id, 2, &tokens("late"), &scopes(), &state()).unwrap(), Rotation::Gone));
}

#[test]
fn a_change_of_state_takes_the_tokens_it_says() {
    let rig = Rig::new();
    let store = rig.open();
    let id = connect(&store, 1).id;
    let changed = crate::store::StateRecord { state: 3, ..state() };
    for (generation, drop, refresh_left) in [(1, DropTokens::AccessOnly, true), (2, DropTokens::All, false)] {
        let written = store.update_state(&id, generation, &changed, drop).unwrap();
        assert!(matches!(written, Rotation::Written(next) if next == generation + 1));
        let read = store.account(&id).unwrap().unwrap();
        assert_eq!((read.state.state, &read.scopes), (3, &scopes()));
        let tokens = read.tokens.as_ref();
        assert!(tokens.is_none_or(|tokens| tokens.access_token.expose().is_empty()));
        assert_eq!(tokens.is_some_and(|tokens| tokens.refresh_token.is_some()), refresh_left);
    }
}

#[test]
fn o_04_a_flow_is_claimed_once() {
    let rig = Rig::new();
    let store = rig.open();
    store.put_flow(&flow("state-a", b"payload")).unwrap();
    store.put_flow(&flow("state-b", b"other")).unwrap();
    assert_eq!(payload(store.claim_flow("state-a", NOW + 599).unwrap()), b"payload");
    assert!(matches!(store.claim_flow("state-a", NOW + 599).unwrap(), Claim::Replayed));
    assert!(matches!(store.claim_flow("state-a", NOW + 600).unwrap(), Claim::Unknown));
    assert!(matches!(store.claim_flow("state-c", NOW).unwrap(), Claim::Unknown));
    store.close().unwrap();
    let store = rig.open();
    assert!(matches!(store.claim_flow("state-a", NOW).unwrap(), Claim::Replayed));
    assert!(matches!(store.claim_flow("state-b", NOW + 600).unwrap(), Claim::Unknown));
    assert_eq!(payload(store.claim_flow("state-b", NOW).unwrap()), b"other");
}

#[test]
fn o_04_eight_threads_and_two_connections_get_one_payload() {
    let rig = Rig::new();
    let stores = &[rig.open(), rig.open()];
    for round in 0..20 {
        let key = format!("state-{round}");
        stores[0].put_flow(&flow(&key, b"payload")).unwrap();
        let barrier = Barrier::new(8);
        let claim = |store: &Store| {
            barrier.wait();
            matches!(store.claim_flow(&key, NOW).unwrap(), Claim::Payload(_))
        };
        let wins: usize = thread::scope(|scope| {
            let claim = &claim;
            let threads: Vec<_> = (0..8).map(|number| scope.spawn(move || claim(&stores[number % 2]))).collect();
            threads.into_iter().map(|thread| usize::from(thread.join().unwrap())).sum()
        });
        assert_eq!(wins, 1);
    }
}

#[test]
fn flows_are_read_updated_and_forgotten() {
    let rig = Rig::new();
    let store = rig.open();
    store.put_flow(&flow("device", b"one")).unwrap();
    assert_eq!(store.read_flow("device", NOW).unwrap().unwrap().as_slice(), b"one");
    assert!(store.update_flow("device", NOW, b"two").unwrap());
    assert_eq!(store.read_flow("device", NOW).unwrap().unwrap().as_slice(), b"two");
    assert!(store.read_flow("device", NOW + 600).unwrap().is_none());
    assert_eq!(payload(store.claim_flow("device", NOW).unwrap()), b"two");
    assert!(!store.update_flow("device", NOW, b"three").unwrap());
    assert!(store.read_flow("device", NOW).unwrap().is_none());
    store.forget_flow("device").unwrap();
    assert!(matches!(store.claim_flow("device", NOW).unwrap(), Claim::Unknown));
    let large = vec![0; 1024 * 1024 + 1];
    assert_eq!(store.put_flow(&flow("large", &large)).unwrap_err().cause(), Detail::InvalidArgument);
}

#[test]
fn open_flows_are_bounded_and_the_oldest_goes() {
    let rig = Rig::new();
    let store = rig.open();
    let count = MAX_OPEN + 6;
    for number in 0..count {
        store.put_flow(&flow(&format!("state-{number}"), b"p")).unwrap();
    }
    let is_open = |number: &u32| store.read_flow(&format!("state-{number}"), NOW).unwrap().is_some();
    let open: Vec<_> = (0..20).chain([count - 1]).filter(is_open).collect();
    assert_eq!(open, (6..20).chain([count - 1]).collect::<Vec<_>>());
    let later = Flow { now: NOW + 601, expires_at: NOW + 1200, ..flow("late", b"p") };
    store.put_flow(&later).unwrap();
    assert!(store.read_flow(&format!("state-{}", count - 1), NOW).unwrap().is_none(), "ended flows are deleted");
}

#[test]
fn a_disconnect_takes_the_flows_of_its_account() {
    let rig = Rig::new();
    let store = rig.open();
    let id = connect(&store, 1).id;
    store.put_flow(&Flow { account: Some(&id), ..flow("mine", b"p") }).unwrap();
    store.put_flow(&flow("other", b"p")).unwrap();
    assert_eq!(store.disconnect(&id, None).unwrap(), Erasure { was_there: true, erased: true, key_replaced: false });
    assert_eq!(store.disconnect(&id, None).unwrap(), Erasure { was_there: false, erased: true, key_replaced: false });
    assert!(store.account(&id).unwrap().is_none());
    assert!(store.read_flow("mine", NOW).unwrap().is_none());
    assert!(store.read_flow("other", NOW).unwrap().is_some());
    assert_ne!(connect(&store, 1).id, id);
}

#[test]
fn approvals_are_kept_by_tenant() {
    let rig = Rig::new();
    let store = rig.open();
    store.put_approval("Tenant-A", b"one").unwrap();
    store.put_approval("tenant-b", b"two").unwrap();
    store.put_approval("tenant-a", b"three").unwrap();
    assert_eq!(store.approval("TENANT-A").unwrap().unwrap().as_slice(), b"three");
    assert!(store.approval("tenant-c").unwrap().is_none());
    let rows = store.read(|connection| {
        connection.query_row("SELECT count(*) FROM approval", [], |row| row.get::<_, i64>(0)).map_err(fault::sqlite)
    });
    assert_eq!(rows.unwrap(), 2);
}

/// A fork copies a lock that another thread holds, and nobody in the child will ever open it.
#[test]
fn a_forked_child_neither_waits_for_its_parents_lock_nor_closes_its_connection() {
    let rig = Rig::new();
    let mut store = rig.open();
    store.process = store.process.wrapping_add(1);
    let held = store.connection.lock().unwrap();
    assert_eq!(store.accounts().unwrap_err().cause(), Detail::HandleClosed);
    assert_eq!(store.put_approval("a", b"b").unwrap_err().cause(), Detail::HandleClosed);
    store.close().unwrap();
    assert!(held.is_some());
    drop(held);
    drop(store);
    assert!(rig.beside("-wal").exists(), "the last connection would have removed its log");
}

#[test]
fn a_closed_store_says_so() {
    let rig = Rig::new();
    let store = rig.open();
    store.close().unwrap();
    store.close().unwrap();
    assert_eq!(store.accounts().unwrap_err().cause(), Detail::HandleClosed);
}

/// `PRAGMA synchronous` inside a transaction: 2 waits for the disk at every commit, 1 does not.
#[test]
fn every_write_names_its_own_durability() {
    let rig = Rig::new();
    let store = rig.open();
    let level = |connection: &rusqlite::Transaction<'_>| {
        Ok(connection.pragma_query_value(None, "synchronous", |row| row.get::<_, u32>(0)).unwrap())
    };
    assert_eq!(store.write(level).unwrap(), 2);
    assert_eq!(store.write_lightly(level).unwrap(), 1);
    assert_eq!(store.write(level).unwrap(), 2);
    store.put_flow(&flow("light", b"payload")).unwrap();
    connect(&store, 1);
    let after =
        store.read(|connection| Ok(connection.pragma_query_value(None, "synchronous", |row| row.get::<_, u32>(0)).unwrap()));
    assert_eq!(after.unwrap(), 2, "an account waits for the disk whatever was written before");
}
