//! Damage, wrong keys and foreign files: each told apart, none taken for another, no wrong value returned.

use super::rig::{NOW, Rig, access, connect, is_deep, scopes, state, tokens};
use crate::{
    error::{Detail, ErrorKind},
    store::{AccountRecord, Claim, Flow, HostKey, Rotation, Store},
};
use rusqlite::Connection;
use std::fs;

fn refusal(rig: &Rig) -> Detail {
    rig.try_open().unwrap_err().cause()
}

/// Changes the file behind the library's back.
fn edit(rig: &Rig, sql: &str) {
    let connection = Connection::open(rig.path()).unwrap();
    connection.execute_batch(sql).unwrap();
}

pub(super) fn same(left: &AccountRecord, right: &AccountRecord) -> bool {
    left.id == right.id
        && left.identity == right.identity
        && left.person == right.person
        && left.scopes == right.scopes
        && left.state == right.state
        && left.generation == right.generation
        && left.connected_at == right.connected_at
        && access(left) == access(right)
}

/// A store with three accounts, closed.
pub(super) fn three() -> (Rig, [AccountRecord; 3]) {
    let rig = Rig::new();
    let store = rig.open();
    let accounts = [1, 2, 3].map(|number| connect(&store, number));
    store.close().unwrap();
    (rig, accounts)
}

#[test]
fn s_01_a_wrong_key_is_told_and_changes_nothing() {
    let (rig, accounts) = three();
    let before = fs::read(rig.path()).unwrap();
    let error = Store::open(&rig.path(), &HostKey::new(&[8; 32]).unwrap()).unwrap_err();
    assert_eq!((error.cause(), error.kind()), (Detail::StoreWrongKey, ErrorKind::KeyRejected));
    assert_eq!(fs::read(rig.path()).unwrap(), before);
    assert!(same(&rig.open().account(&accounts[0].id).unwrap().unwrap(), &accounts[0]));
}

#[test]
fn s_01_a_provider_that_unwraps_to_another_key_is_a_wrong_key() {
    struct Liar(HostKey);
    impl crate::store::KeyProvider for Liar {
        fn wrap(&self, key_id: u32, key: &[u8]) -> crate::error::Result<Vec<u8>> {
            self.0.wrap(key_id, key)
        }
        fn unwrap(&self, _: u32, _: &[u8]) -> crate::error::Result<Vec<u8>> {
            Ok(vec![9; 32])
        }
    }
    let (rig, _) = three();
    let error = Store::open(&rig.path(), &Liar(HostKey::new(&[7; 32]).unwrap())).unwrap_err();
    assert_eq!(error.cause(), Detail::StoreWrongKey);
}

#[test]
fn s_02_no_key_makes_no_store() {
    assert_eq!(HostKey::new(&[]).unwrap_err().cause(), Detail::StoreKeyMissing);
    for key in [&[0; 32][..], &[1; 31], &[1; 33]] {
        assert_eq!(HostKey::new(key).unwrap_err().cause(), Detail::InvalidArgument);
    }
}

#[test]
fn a_key_that_is_not_available_now_passes_through_and_leaves_no_store() {
    struct Locked;
    impl crate::store::KeyProvider for Locked {
        fn wrap(&self, _: u32, _: &[u8]) -> crate::error::Result<Vec<u8>> {
            Err(crate::error::Error::key_unavailable())
        }
        fn unwrap(&self, _: u32, _: &[u8]) -> crate::error::Result<Vec<u8>> {
            Err(crate::error::Error::key_unavailable())
        }
    }
    let rig = Rig::new();
    assert_eq!(Store::open(&rig.path(), &Locked).unwrap_err().kind(), ErrorKind::KeyUnavailable);
    assert_eq!(fs::read_dir(rig.folder.path()).unwrap().count(), 0);
    rig.open().close().unwrap();
    assert_eq!(Store::open(&rig.path(), &Locked).unwrap_err().kind(), ErrorKind::KeyUnavailable);
}

#[test]
fn s_03_foreign_files_are_damage_and_stay_as_they_are() {
    let header = b"SQLite format 3\0".to_vec();
    let database = {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("other.db");
        let connection = Connection::open(&path).unwrap();
        connection.execute_batch("CREATE TABLE t (x); INSERT INTO t VALUES (1); PRAGMA user_version = 1").unwrap();
        drop(connection);
        fs::read(&path).unwrap()
    };
    let noise: Vec<u8> = (0..4096_u32).map(|n| u8::try_from(n.wrapping_mul(2_654_435_761) >> 24).unwrap()).collect();
    for content in [
        noise[..16].to_vec(),
        noise[..64].to_vec(),
        noise.clone(),
        b"just a text file\n".to_vec(),
        b"{}".to_vec(),
        vec![0; 4096],
        vec![0; 1],
        header.clone(),
        [header, noise].concat(),
        database,
        Vec::new(),
    ] {
        let rig = Rig::new();
        fs::write(rig.path(), &content).unwrap();
        assert_eq!(refusal(&rig), Detail::StoreCorrupt, "{} bytes", content.len());
        assert_eq!(fs::read(rig.path()).unwrap(), content);
    }
}

#[test]
fn s_09_a_newer_format_stays_untouched() {
    let (rig, _) = three();
    edit(&rig, "PRAGMA user_version = 99");
    let before = fs::read(rig.path()).unwrap();
    assert_eq!(refusal(&rig), Detail::StoreTooNew);
    assert_eq!(fs::read(rig.path()).unwrap(), before);
    edit(&rig, "PRAGMA user_version = 0");
    assert_eq!(refusal(&rig), Detail::StoreCorrupt);
}

#[test]
fn s_08_a_planted_trigger_view_or_table_is_found() {
    for sql in [
        "CREATE TRIGGER t AFTER UPDATE ON account BEGIN DELETE FROM account; END",
        "CREATE VIEW v AS SELECT 1",
        "CREATE TABLE extra (x)",
        "CREATE INDEX extra ON account (generation)",
        "ALTER TABLE account ADD COLUMN extra TEXT",
        "DROP TABLE approval",
    ] {
        let (rig, _) = three();
        edit(&rig, sql);
        assert_eq!(refusal(&rig), Detail::StoreCorrupt, "{sql}");
    }
}

/// What a reader can see of a small store: everything must be as it was, or say that it is damaged.
struct Small {
    rig: Rig,
    account: AccountRecord,
    bytes: Vec<u8>,
}

impl Small {
    fn new() -> Self {
        let rig = Rig::new();
        let store = rig.open();
        let account = connect(&store, 1);
        let flow = Flow { key: "state", account: None, expires_at: NOW + 600, payload: b"flow payload", now: NOW };
        store.put_flow(&flow).unwrap();
        store.put_approval("tenant", b"approval payload").unwrap();
        store.close().unwrap();
        let bytes = fs::read(rig.path()).unwrap();
        Self { rig, account, bytes }
    }

    /// Whether the damage was noticed; panics if a reader was told something else than before.
    fn check(&self, bytes: &[u8], what: &str) -> bool {
        for suffix in ["-wal", "-shm"] {
            let _ = fs::remove_file(self.rig.beside(suffix));
        }
        fs::write(self.rig.path(), bytes).unwrap();
        let store = match self.rig.try_open() {
            Ok(store) => store,
            Err(error) => {
                let damage = [ErrorKind::StorageDamaged, ErrorKind::StorageTooNew, ErrorKind::StorageUnavailable];
                assert!(damage.contains(&error.kind()), "{what}: {error}");
                return true;
            }
        };
        let mut noticed = false;
        match store.account(&self.account.id) {
            Ok(Some(record)) => assert!(same(&record, &self.account), "{what}"),
            Ok(None) => panic!("{what}: the account is gone without a word"),
            Err(error) => noticed |= self.damaged(&error, what),
        }
        match store.accounts() {
            Ok(all) => {
                assert!(all.records.iter().all(|record| same(record, &self.account)), "{what}");
                assert!(!all.records.is_empty() || !all.damaged.is_empty(), "{what}: no account and no damage");
                noticed |= !all.damaged.is_empty();
            }
            Err(error) => noticed |= self.damaged(&error, what),
        }
        // A flow or an approval that is not found is one that is not known: the person signs in again.
        match store.read_flow("state", NOW) {
            Ok(payload) => {
                noticed |= payload.is_none();
                assert!(payload.is_none_or(|payload| payload.as_slice() == b"flow payload"), "{what}");
            }
            Err(error) => noticed |= self.damaged(&error, what),
        }
        match store.approval("tenant") {
            Ok(payload) => {
                noticed |= payload.is_none();
                assert!(payload.is_none_or(|payload| payload.as_slice() == b"approval payload"), "{what}");
            }
            Err(error) => noticed |= self.damaged(&error, what),
        }
        noticed
    }

    #[expect(clippy::unused_self, reason = "reads as part of the check")]
    fn damaged(&self, error: &crate::error::Error, what: &str) -> bool {
        assert_eq!(error.kind(), ErrorKind::StorageDamaged, "{what}: {error}");
        true
    }
}

/// The head of each page and every 41st byte besides; every byte with `DEEP` set.
#[test]
fn s_04_every_flipped_byte_is_noticed_or_changes_nothing() {
    let small = Small::new();
    assert!(!small.check(&small.bytes, "untouched"), "the check finds nothing in a sound store");
    let (mut noticed, mut heads): (u32, u32) = (0, 0);
    for offset in 0..small.bytes.len() {
        let is_head = offset % 4096 < 12 || (40..100).contains(&offset);
        if !is_deep() && !is_head && offset % 41 != 0 {
            continue;
        }
        let flip = if offset % 2 == 0 { 0xff } else { 1 << (offset / 2 % 8) };
        let mut bytes = small.bytes.clone();
        bytes[offset] ^= flip;
        let is_noticed = u32::from(small.check(&bytes, &format!("byte {offset} flipped by {flip}")));
        noticed += is_noticed;
        heads += is_noticed * u32::from(is_head);
    }
    assert!(noticed > 120 && heads > 50, "{noticed}, {heads} of them in heads");
}

#[test]
fn s_05_truncated_and_missing_files_are_damage() {
    let small = Small::new();
    for length in (512..small.bytes.len()).step_by(512) {
        small.check(&small.bytes[..length], &format!("cut at {length}"));
    }
    assert!(small.check(&small.bytes[..small.bytes.len() / 2], "half"));
    fs::write(small.rig.path(), b"").unwrap();
    assert_eq!(refusal(&small.rig), Detail::StoreCorrupt);
    assert_eq!(fs::metadata(small.rig.path()).unwrap().len(), 0);
}

#[test]
fn s_05_a_log_without_its_file_is_no_new_store() {
    let rig = Rig::new();
    let store = rig.open();
    let account = connect(&store, 1);
    let copy = Rig::new();
    fs::copy(rig.path(), copy.path()).unwrap();
    fs::copy(rig.beside("-wal"), copy.beside("-wal")).unwrap();
    let taken = copy.beside(".taken");
    fs::rename(copy.path(), &taken).unwrap();
    assert_eq!(refusal(&copy), Detail::StoreMissing);
    assert!(!copy.path().exists());
    fs::write(copy.path(), b"").unwrap();
    assert_eq!(refusal(&copy), Detail::StoreCorrupt);
    fs::rename(taken, copy.path()).unwrap();
    assert!(same(&copy.open().account(&account.id).unwrap().unwrap(), &account), "with its log it is whole");
}

/// Exchanges one column of two accounts; what a reader is told instead of the damage.
pub(super) fn exchanged(column: &str) -> Vec<String> {
    let (rig, accounts) = three();
    // By way of values of their own, as two rows of a unique column cannot hold the same.
    let aside = if column == "id" { "'aside' || rowid" } else { "CAST('aside' || rowid AS BLOB)" };
    edit(
        &rig,
        &format!(
            "CREATE TEMP TABLE t AS SELECT rowid AS r, {column} AS v FROM account;
             UPDATE account SET {column} = {aside} WHERE rowid IN (1, 2);
             UPDATE account SET {column} = (SELECT v FROM t WHERE r = 3 - account.rowid) WHERE rowid IN (1, 2);"
        ),
    );
    let store = rig.open();
    let mut findings = Vec::new();
    for account in &accounts[..2] {
        match store.account(&account.id) {
            Ok(Some(found)) if access(&found) != access(account) => findings.push(format!("{column}: another's token")),
            Err(error) if error.cause() == Detail::StoreTampered => {}
            other => findings.push(format!("{column}: {other:?}")),
        }
    }
    let all = store.accounts().unwrap();
    assert!(all.records.iter().any(|record| same(record, &accounts[2])));
    if (all.records.len(), all.damaged.len()) != (1, 2) {
        findings.push(format!("{column}: {} damaged", all.damaged.len()));
    }
    findings
}

#[test]
fn s_06_values_moved_between_accounts_are_noticed_and_cost_only_those() {
    for column in ["account_key", "identity", "person", "credentials", "lookup", "id"] {
        assert_eq!(exchanged(column), Vec::<String>::new());
    }
}

/// Changes one row of three; whether that is noticed, and costs nobody else.
pub(super) fn is_noticed(change: &str) -> bool {
    let (rig, accounts) = three();
    edit(&rig, &format!("UPDATE account SET {change} WHERE rowid = 1"));
    let store = rig.open();
    let all = store.accounts().unwrap();
    assert!(accounts[1..].iter().all(|account| all.records.iter().any(|record| same(record, account))), "{change}");
    if all.damaged.is_empty() {
        return false;
    }
    assert_eq!((all.records.len(), all.damaged.len()), (2, 1), "{change}");
    assert_eq!(store.account(&all.damaged[0]).unwrap_err().cause(), Detail::StoreTampered, "{change}");
    true
}

#[test]
fn s_06_values_moved_inside_a_row_and_changed_numbers_are_noticed() {
    for change in [
        "identity = person, person = identity",
        "credentials = identity",
        "account_key = credentials",
        "generation = generation + 1",
        "generation = 0",
        "lookup = NULL",
        "id = '00000000000000000000000000000000'",
        "credentials = substr(credentials, 1, 40)",
        "person = x''",
        "person = CAST(x'02' || substr(person, 2) AS BLOB)",
    ] {
        assert!(is_noticed(change), "{change}");
    }
}

#[test]
fn s_06_a_copied_row_is_noticed_and_a_deleted_one_is_not_connected() {
    let (rig, accounts) = three();
    edit(
        &rig,
        "INSERT INTO account SELECT '0123456789abcdef0123456789abcdef', NULL, key_id, generation, account_key, identity, person,
             credentials FROM account WHERE rowid = 1;
         DELETE FROM account WHERE rowid = 2",
    );
    let store = rig.open();
    assert_eq!(store.account("0123456789abcdef0123456789abcdef").unwrap_err().cause(), Detail::StoreTampered);
    assert!(same(&store.account(&accounts[0].id).unwrap().unwrap(), &accounts[0]));
    assert!(store.account(&accounts[1].id).unwrap().is_none());
}

/// Puts the payload of one sign-in, and of one approval, in the place of another; what is read there.
pub(super) fn read_in_anothers_place() -> Vec<Vec<u8>> {
    let rig = Rig::new();
    let store = rig.open();
    for key in ["a", "b"] {
        store.put_flow(&Flow { key, account: None, expires_at: NOW + 600, payload: key.as_bytes(), now: NOW }).unwrap();
        store.put_approval(key, key.as_bytes()).unwrap();
    }
    store.close().unwrap();
    edit(
        &rig,
        "UPDATE flow SET payload = (SELECT payload FROM flow WHERE rowid = 2) WHERE rowid = 1;
         UPDATE flow SET expires_at = expires_at + 1 WHERE rowid = 2;
         UPDATE approval SET payload = (SELECT payload FROM approval WHERE rowid = 2) WHERE rowid = 1;",
    );
    let store = rig.open();
    assert_eq!(store.approval("b").unwrap().unwrap().as_slice(), b"b");
    let claim = |key| {
        store.claim_flow(key, NOW).map(|claim| match claim {
            Claim::Payload(payload) => payload.to_vec(),
            Claim::Replayed | Claim::Unknown => panic!("{key} is there, and nobody has claimed it"),
        })
    };
    let approval = store.approval("a").map(|payload| payload.unwrap().to_vec());
    let (read, refused): (Vec<_>, Vec<_>) = [claim("a"), claim("b"), approval].into_iter().partition(Result::is_ok);
    assert!(refused.into_iter().all(|refused| refused.unwrap_err().cause() == Detail::StoreTampered));
    read.into_iter().map(Result::unwrap).collect()
}

#[test]
fn s_06_a_flow_or_approval_in_anothers_place_is_noticed() {
    assert_eq!(read_in_anothers_place(), Vec::<Vec<u8>>::new());
}

#[test]
fn a_damaged_account_is_set_aside_when_its_person_connects_again() {
    let (rig, accounts) = three();
    edit(&rig, "UPDATE account SET credentials = x'00' WHERE rowid = 1");
    let store = rig.open();
    let again = connect(&store, 1);
    assert_ne!(again.id, accounts[0].id, "an id never changes its person");
    let all = store.accounts().unwrap();
    assert_eq!((all.records.len(), all.damaged.as_slice()), (3, &[accounts[0].id.clone()][..]));
    assert_eq!(connect(&store, 1).id, again.id);
    assert!(store.disconnect(&accounts[0].id, None).unwrap().was_there);
    assert!(store.accounts().unwrap().damaged.is_empty());
}

/// S-26: a row that is set aside keeps no key, so that nothing of it outlives a disconnect of its person.
#[test]
fn s_26_a_row_set_aside_cannot_be_opened_again() {
    let (rig, accounts) = three();
    let set_aside = |rig: &Rig| -> bool {
        let sql =
            "SELECT lookup IS NULL AND account_key = zeroblob(length(account_key)) AND credentials = zeroblob(length(credentials))
             FROM account WHERE id = ?1";
        Connection::open(rig.path()).unwrap().query_row(sql, [&accounts[0].id], |row| row.get(0)).unwrap()
    };
    edit(&rig, "UPDATE account SET credentials = x'0102' WHERE rowid = 1");
    assert!(!set_aside(&rig));
    let store = rig.open();
    connect(&store, 1);
    store.close().unwrap();
    assert!(set_aside(&rig));
}

#[test]
fn s_06_a_row_found_under_anothers_hash_is_never_written_over() {
    let (rig, accounts) = three();
    edit(
        &rig,
        "CREATE TEMP TABLE t AS SELECT lookup AS v FROM account WHERE rowid = 1;
         UPDATE account SET lookup = NULL WHERE rowid = 1;
         UPDATE account SET lookup = (SELECT v FROM t) WHERE rowid = 2;",
    );
    let store = rig.open();
    let again = connect(&store, 1);
    assert!(again.id != accounts[0].id && again.id != accounts[1].id);
    assert_eq!(store.account(&accounts[1].id).unwrap_err().cause(), Detail::StoreTampered);
}

#[test]
fn refreshed_tokens_heal_damaged_ones() {
    let (rig, accounts) = three();
    edit(&rig, "UPDATE account SET credentials = x'00' WHERE rowid = 1");
    let store = rig.open();
    let written = store.rotate(&accounts[0].id, 1, &tokens("fresh"), &scopes(), &state()).unwrap();
    assert!(matches!(written, Rotation::Written(2)));
    assert!(access(&store.account(&accounts[0].id).unwrap().unwrap()).contains("fresh"));
}

#[test]
fn s_08_a_log_of_another_store_brings_nothing_in() {
    for key in [[7; 32], [8; 32]] {
        let (rig, accounts) = three();
        let mut other = Rig::new();
        other.key = HostKey::new(&key).unwrap();
        let foreign = other.open();
        let stranger = connect(&foreign, 9);
        fs::copy(other.beside("-wal"), rig.beside("-wal")).unwrap();
        fs::copy(other.beside("-shm"), rig.beside("-shm")).unwrap();
        assert!(foreign.account(&stranger.id).unwrap().is_some(), "beside its own file the log tells of somebody");
        let Ok(store) = rig.try_open() else { continue };
        assert!(!matches!(store.account(&stranger.id), Ok(Some(_))));
        let all = store.accounts().unwrap();
        assert!(all.records.iter().all(|record| accounts.iter().any(|account| same(record, account))));
        assert!(!all.records.is_empty() || !all.damaged.is_empty());
    }
}

#[test]
fn s_08_a_planted_journal_is_refused_before_it_is_played_back() {
    let (rig, accounts) = three();
    let before = fs::read(rig.path()).unwrap();
    fs::write(rig.beside("-journal"), [0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7].repeat(600)).unwrap();
    assert_eq!(refusal(&rig), Detail::StoreCorrupt);
    assert_eq!(fs::read(rig.path()).unwrap(), before);
    fs::remove_file(rig.beside("-journal")).unwrap();
    assert!(same(&rig.open().account(&accounts[0].id).unwrap().unwrap(), &accounts[0]));
}
