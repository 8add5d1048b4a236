//! What a host is told of each cause, through the facade and on real files.
#![cfg(unix)]

use super::rig::{NOW, Rig, connect, setting};
use crate::{
    Config, Hooks, HostKey, Office365,
    error::{Detail, ErrorKind},
    language::Language,
    log::{LogLevel, LogRecord, LogSink},
    recovery::Remedy,
    store::{Flow, Store, fault, inspect},
};
use rusqlite::Connection;
use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::{FileExt, PermissionsExt},
    process::Command,
    sync::{Arc, Mutex},
};

const CLIENT: &str = "55555555-0000-4aaa-9bbb-666666666666";

impl Store {
    /// As if the disk were full from now on.
    pub(crate) fn fill_the_disk(&self) {
        self.read(|connection| connection.execute_batch("PRAGMA max_page_count = 1").map_err(fault::sqlite)).unwrap();
    }
}

fn config(rig: &Rig) -> Config {
    Config::new(CLIENT, rig.path().to_str().unwrap())
}

fn key() -> Arc<HostKey> {
    Arc::new(HostKey::new(&[7; 32]).unwrap())
}

fn open(rig: &Rig) -> crate::Result<Office365> {
    Office365::open(config(rig), key(), Hooks::default())
}

fn edit(rig: &Rig, sql: &str) {
    Connection::open(rig.path()).unwrap().execute_batch(sql).unwrap();
}

/// Cases S-01, S-02, S-03, S-06, S-09, S-12 and S-13 as a host meets them: seven causes, seven things to do.
#[test]
fn seven_causes_have_seven_names_and_seven_next_steps() {
    let stored = || {
        let rig = Rig::new();
        let store = rig.open();
        let id = connect(&store, 1).id;
        store.close().unwrap();
        (rig, id)
    };
    let wrong_key = Office365::open(config(&stored().0), Arc::new(HostKey::new(&[8; 32]).unwrap()), Hooks::default()).unwrap_err();
    let no_key = HostKey::new(&[]).unwrap_err();
    let (rig, id) = stored();
    edit(&rig, "UPDATE account SET credentials = x'0102'");
    let tampered = open(&rig).unwrap().account(&id).unwrap_err();
    let (rig, _) = stored();
    fs::write(rig.path(), vec![0xff; 9000]).unwrap();
    let corrupt = open(&rig).unwrap_err();
    let (rig, _) = stored();
    edit(&rig, "PRAGMA user_version = 99");
    let too_new = open(&rig).unwrap_err();
    let (rig, _) = stored();
    let office = open(&rig).unwrap();
    office.engine_for_tests().store().fill_the_disk();
    let full = (0..100).find_map(|_| office.begin_admin_consent("contoso.example").err()).unwrap();
    let (rig, _) = stored();
    fs::set_permissions(rig.path(), fs::Permissions::from_mode(0o400)).unwrap();
    let read_only = open(&rig).unwrap_err();
    let expected = [
        (wrong_key, Detail::StoreWrongKey, ErrorKind::KeyRejected, "Restore the key"),
        (no_key, Detail::StoreKeyMissing, ErrorKind::KeyRejected, "Contact the app's support"),
        (tampered, Detail::StoreTampered, ErrorKind::StorageDamaged, "Connect the account again"),
        (corrupt, Detail::StoreCorrupt, ErrorKind::StorageDamaged, "save what can still be read"),
        (too_new, Detail::StoreTooNew, ErrorKind::StorageTooNew, "Update the app"),
        (full, Detail::StoreFull, ErrorKind::StorageUnavailable, "Free some disk space"),
        (read_only, Detail::StoreReadOnly, ErrorKind::StorageUnavailable, "Let the app write"),
    ];
    let mut steps = BTreeSet::new();
    for (error, detail, kind, step) in expected {
        assert_eq!((error.cause(), error.kind()), (detail, kind));
        assert!(error.next_step(Language::English).contains(step), "{error}: {}", error.next_step(Language::English));
        steps.insert((error.next_step(Language::English), error.next_step(Language::German)));
    }
    assert_eq!(steps.len(), 7);
}

#[test]
fn an_inspection_says_what_opening_says() {
    let rig = Rig::new();
    let store = rig.open();
    connect(&store, 1);
    store.close().unwrap();
    let store = rig.open();
    store.put_flow(&Flow { key: "state", account: None, expires_at: NOW + 600, payload: b"flow", now: NOW }).unwrap();
    connect(&store, 2);
    let (file, log) = (fs::read(rig.path()).unwrap(), fs::read(rig.beside("-wal")).unwrap());
    let (mut refused, mut fine) = (0, 0);
    for page in 0..file.len() / 4096 {
        for logged in [false, true] {
            let copy = Rig::new();
            let mut bytes = file.clone();
            bytes[page * 4096..(page + 1) * 4096].fill(0xee);
            fs::write(copy.path(), bytes).unwrap();
            if logged {
                fs::write(copy.beside("-wal"), &log).unwrap();
            }
            let before = fs::read_dir(copy.folder.path()).unwrap().count();
            let found = inspect(&copy.path(), &copy.key);
            assert_eq!(fs::read_dir(copy.folder.path()).unwrap().count(), before);
            let opened = copy.try_open().and_then(|store| store.accounts());
            match (&found.error, opened) {
                (None, Ok(accounts)) => {
                    assert_eq!(usize::try_from(found.accounts).unwrap(), accounts.records.len(), "{page} {logged}");
                    assert_eq!(found.damaged_account_ids, accounts.damaged, "{page} {logged}");
                    fine += 1;
                }
                (Some(said), Err(error)) => {
                    let unrecoverable = said.cause() == Detail::StoreUnrecoverable && found.remedy == Remedy::Discard;
                    assert!(unrecoverable || said.cause() == error.cause(), "{page} {logged}: {said} {error}");
                    refused += 1;
                }
                (said, opened) => panic!("{page} {logged}: {said:?}, but {opened:?}"),
            }
        }
    }
    assert!(refused > 5 && fine > 5, "{refused} {fine}");
}

#[test]
fn causes_outside_of_the_file_are_told_and_nothing_is_changed() {
    let rig = Rig::new();
    rig.open().close().unwrap();
    let look = |config: &Config| {
        let found = Office365::inspect(config, key());
        (found.error.map(|error| error.cause()), found.remedy)
    };
    let mode = |path: &std::path::Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    assert_eq!(look(&config(&rig)), (None, Remedy::Nothing));
    let nowhere = Config::new(CLIENT, "/nonexistent-folder/store.db");
    assert_eq!(look(&nowhere), (Some(Detail::StoreFolderMissing), Remedy::FollowError));
    assert_eq!(look(&Config::new("no guid", "x")), (Some(Detail::InvalidArgument), Remedy::FollowError));
    mode(&rig.path(), 0o644);
    assert_eq!(look(&config(&rig)), (None, Remedy::Nothing));
    assert_eq!(fs::metadata(rig.path()).unwrap().permissions().mode() & 0o777, 0o644, "left as it is");
    mode(&rig.path(), 0o400);
    assert_eq!(look(&config(&rig)).0, Some(Detail::StoreReadOnly));
    mode(&rig.path(), 0o600);
    mode(rig.folder.path(), 0o777);
    assert_eq!(look(&config(&rig)).0, Some(Detail::StoreUnsafePermissions));
    mode(rig.folder.path(), 0o700);
    fs::write(rig.beside("-wal"), b"").unwrap();
    fs::rename(rig.path(), rig.beside(".taken")).unwrap();
    assert_eq!(look(&config(&rig)), (Some(Detail::StoreMissing), Remedy::Discard));
    fs::create_dir(rig.path()).unwrap();
    assert_eq!(look(&config(&rig)).0, Some(Detail::StoreUnsafePath));
}

/// Run as a child of its own by `s_12_…`, in a folder with little room that it alone sees.
#[test]
#[ignore = "run by s_12_a_full_and_a_read_only_disk_are_told_before_anything_is_written"]
fn child_on_a_small_disk() {
    let disk = setting("INTAIL_TEST_FOLDER").unwrap();
    let rig = Rig { folder: tempfile::tempdir_in(&disk).unwrap(), ..Rig::new() };
    let store = rig.open();
    connect(&store, 1);
    store.close().unwrap();
    let look = || {
        let found = Office365::inspect(&config(&rig), key());
        (found.error.map(|error| error.cause()), found.remedy, found.accounts)
    };
    assert_eq!(look(), (None, Remedy::Nothing, 1));
    let filler = rig.beside(".filler");
    let mut file = fs::File::create(&filler).unwrap();
    while std::io::Write::write(&mut file, &[1; 4096]).is_ok() {}
    assert_eq!(look(), (Some(Detail::StoreFull), Remedy::FollowError, 1));
    assert_eq!(Office365::recover(&config(&rig), key()).unwrap().set_aside, None, "there is nothing to do");
    let mut bytes = fs::read(rig.path()).unwrap();
    bytes[..100].fill(0);
    fs::File::options().write(true).open(rig.path()).unwrap().write_all_at(&bytes, 0).unwrap();
    assert_eq!(Office365::recover(&config(&rig), key()).unwrap_err().cause(), Detail::StoreFull);
    assert_eq!(fs::read(rig.path()).unwrap(), bytes, "the damaged store stays as it is");
    assert_eq!(fs::read_dir(rig.folder.path()).unwrap().count(), 2);
    drop(file);
    fs::remove_file(filler).unwrap();
    assert_eq!(Office365::recover(&config(&rig), key()).unwrap().accounts.len(), 1);
    let remounted = Command::new("mount").args(["-o", "remount,ro", &disk]).status().unwrap();
    assert!(remounted.success());
    assert_eq!(look(), (Some(Detail::StoreReadOnly), Remedy::FollowError, 1));
}

/// Cases S-12 and S-13, where this user may have a file system of their own.
#[cfg(target_os = "linux")]
#[test]
fn s_12_a_full_and_a_read_only_disk_are_told_before_anything_is_written() {
    let may = Command::new("unshare").args(["-rm", "mount", "-t", "tmpfs", "none", "/tmp"]).output();
    if !may.is_ok_and(|output| output.status.success()) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let script = "mount -t tmpfs -o size=320k,mode=700 none \"$INTAIL_TEST_FOLDER\" && exec \"$0\" \"$@\"";
    let child = Command::new("unshare")
        .args(["-rm", "sh", "-c", script])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "store::tests::causes::child_on_a_small_disk", "--ignored"])
        .env("INTAIL_TEST_FOLDER", folder.path())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&child.stdout).into_owned();
    assert!(child.status.success() && text.contains("1 passed"), "{text}");
}

struct Sink(Mutex<Vec<(LogLevel, &'static str, Option<u32>)>>);

impl LogSink for Sink {
    fn level(&self) -> LogLevel {
        LogLevel::Warn
    }
    fn log(&self, record: &LogRecord) {
        self.0.lock().unwrap().push((record.level, record.event, record.count));
    }
}

#[test]
fn a_damaged_row_is_named_and_logged_once() {
    let rig = Rig::new();
    let store = rig.open();
    let ids = [1, 2].map(|number| connect(&store, number).id);
    store.close().unwrap();
    edit(&rig, "UPDATE account SET identity = x'00' WHERE rowid = 1");
    let sink = Arc::new(Sink(Mutex::default()));
    let hooks = Hooks { log: Some(Arc::clone(&sink) as Arc<dyn LogSink>), ..Hooks::default() };
    let office = Office365::open(config(&rig), key(), hooks).unwrap();
    assert_eq!(office.accounts().unwrap().len(), 1);
    assert_eq!(office.account(&ids[0]).unwrap_err().cause(), Detail::StoreTampered);
    assert_eq!(office.damaged_accounts().unwrap(), ids[..1]);
    assert_eq!(*sink.0.lock().unwrap(), [(LogLevel::Warn, "store.damaged-row", Some(1))]);
}

/// S-26: a disconnect leaves nothing of the person in the stores that were set aside.
#[test]
fn s_26_a_disconnect_removes_what_was_set_aside() {
    let rig = Rig::new();
    let store = rig.open();
    let ids = [1, 2].map(|number| connect(&store, number).id);
    store.close().unwrap();
    edit(&rig, "UPDATE account SET identity = x'00' WHERE rowid = 1");
    let recovery = Office365::recover(&config(&rig), key()).unwrap();
    let aside = recovery.set_aside.unwrap();
    assert_eq!((recovery.accounts, recovery.damaged_account_ids), (vec![ids[1].clone()], vec![ids[0].clone()]));
    assert_eq!(Office365::inspect(&config(&rig), key()).set_aside, std::slice::from_ref(&aside));
    let office = open(&rig).unwrap();
    assert!(fs::exists(&aside).unwrap(), "opening keeps it");
    let disconnected = office.account(&ids[1]).unwrap().disconnect().unwrap();
    assert!(disconnected.erased && !fs::exists(&aside).unwrap());
    office.close();
    assert_eq!(Office365::discard_store(&config(&rig)).unwrap().removed.len(), 1);
}
