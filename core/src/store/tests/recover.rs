//! Saving what can be read of really damaged files: everything that is whole, never a wrong value, all or nothing.

use super::damage::same;
use super::rekey::Shelf;
use super::rig::{NOW, Rig, connect, is_deep, scopes, state, tokens};
use crate::{
    error::{Detail, Result},
    recovery::{Recovery, Remedy},
    store::{AccountRecord, Flow, HostKey, KeyProvider, Rotation, Store, inspect, recover},
};
use rusqlite::Connection;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

const PAGE: usize = 4096;

fn save(rig: &Rig) -> Result<Recovery> {
    recover::recover(&rig.path(), &rig.key)
}

/// A closed store with as many accounts, a sign-in under way and an approval.
fn store_of(count: u32) -> (Rig, Vec<AccountRecord>) {
    let rig = Rig::new();
    let store = rig.open();
    let accounts = (1..=count).map(|number| connect(&store, number)).collect();
    store.put_flow(&Flow { key: "state", account: None, expires_at: NOW + 600, payload: b"flow payload", now: NOW }).unwrap();
    store.put_approval("tenant", b"approval payload").unwrap();
    store.close().unwrap();
    (rig, accounts)
}

/// The files of an open store: three accounts in the file, of which the first is destroyed, and two in the log alone.
fn damaged_with_log() -> (Rig, Vec<AccountRecord>) {
    let (source, mut accounts) = store_of(3);
    let (pages, _) = pages_of(&source.path());
    let own = *pages[0].iter().find(|page| !pages[1].contains(page)).unwrap();
    let store = source.open();
    accounts.extend([connect(&store, 4), connect(&store, 5)]);
    let rig = copy_of(&source);
    destroy(&rig.path(), own, noise);
    (rig, accounts)
}

fn copy_of(source: &Rig) -> Rig {
    let copy = Rig::new();
    for suffix in ["", "-wal"] {
        if source.beside(suffix).exists() {
            fs::copy(source.beside(suffix), copy.beside(suffix)).unwrap();
        }
    }
    copy
}

fn names(rig: &Rig) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(rig.folder.path()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn content(rig: &Rig) -> BTreeMap<String, Vec<u8>> {
    names(rig).into_iter().map(|name| (name.clone(), fs::read(rig.folder.path().join(name)).unwrap())).collect()
}

/// Which pages hold which accounts, in the order of their rows, and which tables the other pages belong to: as `SQLite` itself says.
fn pages_of(path: &Path) -> (Vec<BTreeSet<usize>>, BTreeMap<usize, String>) {
    let connection = Connection::open(path).unwrap();
    let mut statement = connection.prepare("SELECT name, path, pageno, pagetype, ncell FROM dbstat ORDER BY name, path").unwrap();
    let row = |row: &rusqlite::Row<'_>| {
        let number = |column| row.get(column).map(|number: u32| usize::try_from(number).unwrap());
        Ok((row.get(0)?, row.get(1)?, number(2)?, row.get(3)?, number(4)?))
    };
    let found: Vec<(String, String, usize, String, usize)> =
        statement.query_map([], row).unwrap().map(|row| row.unwrap()).collect();
    let mut accounts = Vec::new();
    for (name, leaf, page, kind, cells) in &found {
        if name == "account" && kind == "leaf" {
            for cell in 0..*cells {
                let own = found.iter().filter(|(of, path, _, kind, _)| {
                    of == "account" && kind == "overflow" && path.starts_with(&format!("{leaf}{cell:03x}+"))
                });
                accounts.push(own.map(|(_, _, page, ..)| *page).chain([*page]).collect());
            }
        }
    }
    (accounts, found.into_iter().map(|(name, _, page, ..)| (page, name)).collect())
}

fn destroy(path: &Path, page: usize, byte: impl Fn(usize) -> u8) {
    let mut bytes = fs::read(path).unwrap();
    for (offset, place) in bytes[(page - 1) * PAGE..page * PAGE].iter_mut().enumerate() {
        *place = byte(offset);
    }
    fs::write(path, bytes).unwrap();
}

fn noise(offset: usize) -> u8 {
    u8::try_from((offset.wrapping_mul(2_654_435_761) >> 13) % 256).unwrap()
}

/// Cases S-03 and S-04 for whole pages: each page of a store destroyed in turn costs the accounts that lie on it and no other. One way
/// of destroying it for each page; every way with `DEEP` set.
#[test]
fn s_04_every_page_destroyed_in_turn_costs_only_what_lies_on_it() {
    let (rig, accounts) = store_of(20);
    let (pages, tables) = pages_of(&rig.path());
    let sound = fs::read(rig.path()).unwrap();
    let count = sound.len() / PAGE;
    assert_eq!((pages.len(), tables.len()), (20, count));
    let (mut lost, mut unrecoverable, mut unharmed) = (0, 0, 0);
    let ways: [fn(usize) -> u8; 4] = [|_| 0, noise, |_| 0xff, |_| 13];
    for (page, way) in (1..=count).flat_map(|page| (0..ways.len()).map(move |way| (page, way))) {
        if !is_deep() && page % ways.len() != way {
            continue;
        }
        let damaged = Rig::new();
        fs::write(damaged.path(), &sound).unwrap();
        destroy(&damaged.path(), page, ways[way]);
        let table = tables.get(&page).unwrap();
        let recovery = save(&damaged);
        if table == "store" || table == "store_key" {
            assert_eq!(recovery.unwrap_err().cause(), Detail::StoreUnrecoverable, "page {page}");
            assert_eq!(names(&damaged), ["store.db"]);
            unrecoverable += 1;
            continue;
        }
        let recovery = recovery.unwrap_or_else(|error| panic!("page {page} of {table}: {error}"));
        let whole: Vec<&AccountRecord> =
            accounts.iter().zip(&pages).filter(|(_, pages)| !pages.contains(&page)).map(|(account, _)| account).collect();
        let mut expected: Vec<String> = whole.iter().map(|account| account.id.clone()).collect();
        let mut saved = recovery.accounts.clone();
        expected.sort();
        saved.sort();
        assert_eq!(saved, expected, "page {page} of {table}");
        assert_eq!(recovery.damaged_account_ids.len(), 20 - whole.len(), "page {page}: the index names the lost ones");
        let store = damaged.open();
        for account in &whole {
            assert!(same(&store.account(&account.id).unwrap().unwrap(), account), "page {page} of {table}");
        }
        assert_eq!(store.accounts().unwrap().damaged, Vec::<String>::new());
        assert_eq!((recovery.sign_ins, recovery.approvals), (u32::from(table != "flow"), u32::from(table != "approval")));
        store.close().unwrap();
        lost += 20 - whole.len();
        unharmed += usize::from(whole.len() == 20);
    }
    assert!(lost >= 20 && unrecoverable >= 2 && unharmed >= 5, "{lost} {unrecoverable} {unharmed}");
}

/// The twin of the test above: where two values were exchanged, what is saved is what authenticates, and nothing else.
#[test]
fn s_06_exchanged_values_are_lost_and_not_saved_under_another_name() {
    let (rig, accounts) = store_of(3);
    Connection::open(rig.path())
        .unwrap()
        .execute_batch(
            "CREATE TEMP TABLE t AS SELECT rowid AS r, credentials AS v FROM account;
             UPDATE account SET credentials = (SELECT v FROM t WHERE r = 3 - account.rowid) WHERE rowid IN (1, 2);
             UPDATE account SET lookup = zeroblob(32) WHERE rowid = 3",
        )
        .unwrap();
    let recovery = save(&rig).unwrap();
    let mut lost = [accounts[0].id.clone(), accounts[1].id.clone()];
    lost.sort();
    assert_eq!(recovery.damaged_account_ids, lost);
    assert_eq!(recovery.accounts, [accounts[2].id.clone()], "its hash follows from what is sealed in it");
    assert!(same(&rig.open().account(&accounts[2].id).unwrap().unwrap(), &accounts[2]));
}

#[test]
fn s_05_a_store_cut_anywhere_keeps_what_is_before_the_cut() {
    let (rig, accounts) = store_of(20);
    let (pages, tables) = pages_of(&rig.path());
    let sound = fs::read(rig.path()).unwrap();
    let keys = tables.iter().filter(|(_, name)| name.starts_with("store")).map(|(page, _)| *page).max().unwrap();
    let mut saved_any = 0;
    for count in (0..sound.len() / PAGE).step_by(3) {
        let cut = Rig::new();
        fs::write(cut.path(), &sound[..count * PAGE + 100]).unwrap();
        let recovery = save(&cut);
        if count < keys {
            assert_eq!(recovery.unwrap_err().cause(), Detail::StoreUnrecoverable, "{count} pages");
            continue;
        }
        let whole = pages.iter().filter(|pages| pages.iter().all(|page| *page <= count)).count();
        assert_eq!(recovery.unwrap().accounts.len(), whole, "{count} pages");
        assert!(cut.open().accounts().unwrap().records.iter().all(|one| accounts.iter().any(|account| same(one, account))));
        saved_any += usize::from(whole > 0);
    }
    assert!(saved_any > 3, "{saved_any}");
}

#[test]
fn what_lies_in_the_log_counts() {
    let (rig, accounts) = damaged_with_log();
    let recovery = save(&rig).unwrap();
    assert_eq!((recovery.accounts.len(), &recovery.damaged_account_ids[..]), (4, &[accounts[0].id.clone()][..]));
    let aside = PathBuf::from(recovery.set_aside.unwrap());
    let log = aside.with_file_name(format!("{}-wal", aside.file_name().unwrap().to_str().unwrap()));
    assert!(log.exists());
    let store = rig.open();
    assert!(accounts[1..].iter().all(|account| same(&store.account(&account.id).unwrap().unwrap(), account)));
    store.close().unwrap();
    // The twin: without its log the same file holds less.
    fs::copy(&aside, rig.path()).unwrap();
    assert_eq!(save(&rig).unwrap().accounts.len(), 2);
}

#[test]
fn a_log_counts_up_to_its_first_damage_and_from_there_on_nothing() {
    let rig = Rig::new();
    let store = rig.open();
    let id = connect(&store, 1).id;
    let mut lengths = Vec::new();
    for generation in 1..6 {
        lengths.push(usize::try_from(fs::metadata(rig.beside("-wal")).unwrap().len()).unwrap());
        let written = store.rotate(&id, generation, &tokens(&format!("at {generation}")), &scopes(), &state()).unwrap();
        assert!(matches!(written, Rotation::Written(_)));
    }
    for (past, start) in lengths.iter().enumerate() {
        let copy = copy_of(&rig);
        destroy(&copy.path(), 1, noise);
        let mut log = fs::read(copy.beside("-wal")).unwrap();
        log[start + 24 + 2000] ^= 1;
        fs::write(copy.beside("-wal"), log).unwrap();
        assert_eq!(save(&copy).unwrap().accounts, std::slice::from_ref(&id));
        let generation = copy.open().account(&id).unwrap().unwrap().generation;
        assert_eq!(generation, i64::try_from(past).unwrap() + 1);
    }
}

/// S-26: what was disconnected stays so, also while the older pages are still in the files.
#[test]
fn s_26_a_recovery_brings_no_disconnected_account_back() {
    let rig = Rig::new();
    let store = rig.open();
    let (gone, stays) = (connect(&store, 1).id, connect(&store, 2).id);
    let reader = Connection::open(rig.path()).unwrap();
    reader.execute_batch("BEGIN; SELECT count(*) FROM account").unwrap();
    let before = copy_of(&rig);
    assert!(!store.disconnect(&gone, None).unwrap().erased);
    let after = copy_of(&rig);
    for (copy, expected) in [(&before, 2), (&after, 1)] {
        destroy(&copy.path(), 1, |_| 0);
        let recovery = save(copy).unwrap();
        assert_eq!((recovery.accounts.len(), recovery.accounts.contains(&stays)), (expected, true));
        assert!(!recovery.damaged_account_ids.contains(&gone));
    }
}

#[test]
fn a_recovery_killed_after_any_step_leaves_the_one_or_the_other() {
    for journal in [false, true] {
        for steps in 0..=4 {
            let (rig, accounts) = damaged_with_log();
            if journal {
                fs::write(rig.beside("-journal"), b"planted").unwrap();
            }
            recover::recover_until(&rig.path(), &rig.key, steps).unwrap();
            let found = inspect(&rig.path(), &rig.key);
            let (remedy, damaged) = if steps == 4 { (Remedy::Nothing, 0) } else { (Remedy::Recover, 1) };
            assert_eq!((found.remedy, found.accounts, found.damaged_accounts), (remedy, 4, damaged), "{steps}");
            let recovery = save(&rig).unwrap();
            assert_eq!((recovery.accounts.len(), recovery.set_aside.is_none()), (4, steps == 4), "{steps}");
            let store = rig.open();
            assert!(accounts[1..].iter().all(|account| same(&store.account(&account.id).unwrap().unwrap(), account)), "{steps}");
            assert_eq!(store.read_flow("state", NOW).unwrap().unwrap().as_slice(), b"flow payload");
            assert_eq!(store.approval("tenant").unwrap().unwrap().as_slice(), b"approval payload");
        }
    }
}

/// Case S-01: nothing is touched; with the right key the same files are saved.
#[test]
fn s_01_a_wrong_key_recovers_nothing_and_touches_nothing() {
    let (rig, _) = damaged_with_log();
    destroy(&rig.path(), 1, noise);
    let before = content(&rig);
    let wrong = HostKey::new(&[8; 32]).unwrap();
    assert_eq!(recover::recover(&rig.path(), &wrong).unwrap_err().cause(), Detail::StoreWrongKey);
    let found = inspect(&rig.path(), &wrong);
    assert_eq!((found.error.unwrap().cause(), found.remedy), (Detail::StoreWrongKey, Remedy::FollowError));
    assert_eq!(content(&rig), before);
    assert_eq!(save(&rig).unwrap().accounts.len(), 4);
}

#[test]
fn a_store_without_damage_stays_as_it_is() {
    let (source, accounts) = store_of(3);
    let store = source.open();
    store.rotate(&accounts[0].id, 1, &tokens("new"), &scopes(), &state()).unwrap();
    for rig in [copy_of(&source), {
        store.close().unwrap();
        source
    }] {
        let before = content(&rig);
        let recovery = save(&rig).unwrap();
        let ids: Vec<String> = accounts.iter().map(|account| account.id.clone()).collect();
        assert_eq!((recovery.accounts, recovery.set_aside, recovery.sign_ins, recovery.approvals), (ids, None, 1, 1));
        assert_eq!(inspect(&rig.path(), &rig.key).remedy, Remedy::Nothing);
        assert_eq!(content(&rig), before);
    }
}

/// Case S-09: what is newer, missing or open is left alone.
#[test]
fn s_09_what_is_newer_missing_or_open_is_left_alone() {
    let (rig, _) = store_of(2);
    let store = rig.open();
    assert_eq!(save(&rig).unwrap_err().cause(), Detail::StoreBusy);
    assert_eq!(inspect(&rig.path(), &rig.key).error.unwrap().cause(), Detail::StoreBusy);
    store.close().unwrap();
    Connection::open(rig.path()).unwrap().execute_batch("PRAGMA user_version = 99").unwrap();
    let before = content(&rig);
    assert_eq!(save(&rig).unwrap_err().cause(), Detail::StoreTooNew);
    assert_eq!(content(&rig), before);
    let empty = Rig::new();
    assert_eq!(save(&empty).unwrap_err().cause(), Detail::StoreMissing);
    assert_eq!(inspect(&empty.path(), &empty.key).remedy, Remedy::Nothing);
    assert_eq!(names(&empty), Vec::<String>::new());
}

#[test]
fn a_damaged_row_goes_into_the_copy_and_its_person_connects_again() {
    let (rig, accounts) = store_of(3);
    let edit = "UPDATE account SET person = x'00' WHERE rowid = 2";
    Connection::open(rig.path()).unwrap().execute_batch(edit).unwrap();
    let found = inspect(&rig.path(), &rig.key);
    assert!(found.error.is_none(), "it opens");
    assert_eq!((found.remedy, found.accounts, found.damaged_accounts), (Remedy::Recover, 2, 1));
    assert_eq!(found.damaged_account_ids, [accounts[1].id.clone()]);
    let recovery = save(&rig).unwrap();
    assert_eq!((recovery.accounts.len(), recovery.damaged_account_ids), (2, vec![accounts[1].id.clone()]));
    let store = rig.open();
    assert!(store.account(&accounts[1].id).unwrap().is_none());
    assert_ne!(connect(&store, 2).id, accounts[1].id);
    assert_eq!(connect(&store, 1).id, accounts[0].id, "a saved person keeps the id");
    store.close().unwrap();
    assert_eq!(inspect(&rig.path(), &rig.key).set_aside, [recovery.set_aside.unwrap()]);
}

#[test]
fn a_store_in_the_middle_of_a_rotation_is_saved_under_both_keys() {
    let rig = Rig::new();
    let store = rig.open();
    let ids = [1, 2, 3].map(|number| connect(&store, number).id);
    store.begin_rotation(&rig.key).unwrap();
    assert!(store.reseal_account(&ids[0]).unwrap());
    store.close().unwrap();
    destroy(&rig.path(), 1, noise);
    let found = inspect(&rig.path(), &rig.key);
    assert!(found.key_rotation_pending && found.accounts == 3);
    assert_eq!(save(&rig).unwrap().accounts.len(), 3);
    assert!(!rig.open().is_rotating());
}

#[test]
fn s_10_a_damaged_store_of_every_format_is_saved() {
    for (released, sign_ins) in
        [(include_bytes!("data/format-1.sqlite").as_slice(), 0), (include_bytes!("data/format-2.sqlite"), 1)]
    {
        let rig = Rig::new();
        fs::write(rig.path(), released).unwrap();
        destroy(&rig.path(), 1, noise);
        let recovery = save(&rig).unwrap();
        assert_eq!((recovery.accounts.len(), recovery.damaged_accounts, recovery.sign_ins), (2, 0, sign_ins));
        assert_eq!(rig.open().accounts().unwrap().records.len(), 2);
    }
}

/// Case S-07: the copy can be opened until it is discarded, and by nobody afterwards.
#[test]
fn s_07_the_keys_of_a_copy_go_with_it() {
    let rig = Rig::new();
    let shelf = Shelf::default();
    let store = Store::open(&rig.path(), &shelf).unwrap();
    connect(&store, 1);
    store.close().unwrap();
    destroy(&rig.path(), 1, noise);
    let recovery = recover::recover(&rig.path(), &shelf).unwrap();
    let backup = Rig::new();
    fs::copy(recovery.set_aside.unwrap(), backup.path()).unwrap();
    let store = Store::open(&rig.path(), &shelf).unwrap();
    assert_eq!(shelf.len(), 2);
    assert_eq!(inspect(&backup.path(), &shelf).remedy, Remedy::Recover);
    assert_eq!(store.discard_set_aside(&shelf).unwrap(), 1);
    assert_eq!(shelf.len(), 1);
    assert_eq!(inspect(&backup.path(), &shelf).error.unwrap().cause(), Detail::StoreWrongKey);
    assert_eq!(store.accounts().unwrap().records.len(), 1);
    store.close().unwrap();
    assert_eq!(names(&rig), ["store.db"]);
    assert_eq!(Store::open(&rig.path(), &shelf).unwrap().accounts().unwrap().records.len(), 1);
}

/// Case S-07: a recovery that was killed has copied the store and not replaced it, so the copy's key is the store's own.
#[test]
fn s_07_discarding_a_copy_never_costs_the_store_its_key() {
    let rig = Rig::new();
    let shelf = Shelf::default();
    let store = Store::open(&rig.path(), &shelf).unwrap();
    let ids = [1, 2].map(|number| connect(&store, number).id);
    store.close().unwrap();
    Connection::open(rig.path()).unwrap().execute("UPDATE account SET person = x'00' WHERE rowid = 1", []).unwrap();
    recover::recover_until(&rig.path(), &shelf, 1).unwrap();
    let store = Store::open(&rig.path(), &shelf).unwrap();
    assert_eq!(store.discard_set_aside(&shelf).unwrap(), 1);
    store.close().unwrap();
    assert_eq!(Store::open(&rig.path(), &shelf).unwrap().account(&ids[1]).unwrap().unwrap().id, ids[1]);
}

/// An older state of the key's record serves where the present one is gone.
#[test]
fn the_record_of_the_key_is_found_in_a_log_that_counts_no_more() {
    let (source, accounts) = store_of(3);
    let (_, tables) = pages_of(&source.path());
    let writer = Connection::open(source.path()).unwrap();
    for change in [1, 0] {
        writer.execute("UPDATE store SET erase_pending = ?1", [change]).unwrap();
        writer
            .execute("UPDATE store_key SET checksum = CAST(substr(checksum, 17) || substr(checksum, 1, 16) AS BLOB)", [])
            .unwrap();
    }
    for logged in [true, false] {
        let rig = copy_of(&source);
        for (page, _) in tables.iter().filter(|(_, name)| name.starts_with("store")) {
            destroy(&rig.path(), *page, |_| 0);
        }
        let mut log = fs::read(rig.beside("-wal")).unwrap();
        log[16] ^= 1;
        fs::write(rig.beside("-wal"), if logged { log } else { Vec::new() }).unwrap();
        let saved = save(&rig).map(|recovery| recovery.accounts.len()).map_err(|error| error.cause());
        assert_eq!(saved, if logged { Ok(accounts.len()) } else { Err(Detail::StoreUnrecoverable) });
    }
}

/// Case S-07: a recovery that fails leaves no key behind.
#[test]
fn s_07_a_recovery_that_fails_leaves_no_key_behind() {
    struct Meddler<'a>(Shelf, &'a Rig);
    impl KeyProvider for Meddler<'_> {
        fn wrap(&self, key_id: u32, key: &[u8]) -> Result<Vec<u8>> {
            // Somebody writes between the look at the store and its replacement.
            let mut bytes = fs::read(self.1.path()).unwrap();
            bytes[PAGE + 2000] ^= 1;
            fs::write(self.1.path(), bytes).unwrap();
            self.0.wrap(key_id, key)
        }
        fn unwrap(&self, key_id: u32, wrapped: &[u8]) -> Result<Vec<u8>> {
            self.0.unwrap(key_id, wrapped)
        }
        fn retire(&self, wrapped: &[u8]) -> Result<()> {
            self.0.retire(wrapped)
        }
    }
    let rig = Rig::new();
    let shelf = Shelf::default();
    Store::open(&rig.path(), &shelf).unwrap().close().unwrap();
    destroy(&rig.path(), 1, noise);
    let meddler = Meddler(shelf, &rig);
    assert_eq!(recover::recover(&rig.path(), &meddler).unwrap_err().cause(), Detail::StoreBusy);
    assert_eq!((names(&rig), meddler.0.len()), (vec!["store.db".to_owned()], 1));
}

/// Case S-14: the copies are as private as the store.
#[cfg(unix)]
#[test]
fn s_14_what_is_set_aside_is_private() {
    use std::os::unix::fs::MetadataExt;
    let (rig, _) = damaged_with_log();
    save(&rig).unwrap();
    let found = names(&rig);
    assert_eq!(found.len(), 3, "{found:?}");
    for name in found {
        assert_eq!(fs::metadata(rig.folder.path().join(&name)).unwrap().mode() & 0o7777, 0o600, "{name}");
    }
}
