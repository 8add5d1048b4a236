//! Throwing stores away, and what is left beside them: all of it, nothing else, and not while somebody uses it.
#![cfg(unix)]

use super::rig::{Rig, connect, setting};
use crate::{
    error::Detail,
    recovery::Remedy,
    store::{Store, discard, inspect, recover},
};
use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::Path,
    process::{Command, Stdio},
    time::{Duration, SystemTime},
};

const HEX: &str = "0123456789abcdef";

fn names(rig: &Rig) -> Vec<String> {
    let entries = fs::read_dir(rig.folder.path()).unwrap();
    let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn refusal(rig: &Rig) -> Detail {
    discard::discard(&rig.path()).unwrap_err().cause()
}

fn closed() -> Rig {
    let rig = Rig::new();
    let store = rig.open();
    connect(&store, 1);
    store.close().unwrap();
    rig
}

#[test]
fn everything_of_a_store_goes_and_nothing_else() {
    let rig = closed();
    fs::create_dir(rig.beside(".locks")).unwrap();
    let mine = [
        "-wal".to_owned(),
        "-shm".to_owned(),
        "-journal".to_owned(),
        format!(".new-{HEX}"),
        format!(".new-{HEX}-wal"),
        format!(".damaged-{HEX}"),
        format!(".damaged-{HEX}-wal"),
        ".locks/account-0123456789abcdef0123456789abcdef".to_owned(),
        ".locks/process-17-4026531836".to_owned(),
    ];
    let others = [".key", ".new-0123", ".damaged-0123456789abcdeX", ".damaged-0123456789abcdef.txt", "2", ".backup"];
    for suffix in mine.iter().map(String::as_str).chain(others) {
        fs::write(rig.beside(suffix), b"x").unwrap();
    }
    let discarded = discard::discard(&rig.path()).unwrap();
    assert_eq!(discarded.removed.len(), 1 + mine.len());
    let mut left: Vec<String> = others.iter().map(|suffix| format!("store.db{suffix}")).collect();
    left.sort();
    assert_eq!(names(&rig), left);
    assert_eq!(discard::discard(&rig.path()).unwrap().removed, Vec::<String>::new());
    assert!(rig.open().accounts().unwrap().records.is_empty(), "a new store begins");
}

#[test]
fn what_is_no_store_at_all_goes_only_from_its_place() {
    for content in [&b""[..], b"a text", &[0xff; 9000]] {
        let rig = Rig::new();
        fs::write(rig.path(), content).unwrap();
        fs::write(rig.beside(".txt"), b"kept").unwrap();
        assert_eq!(inspect(&rig.path(), &rig.key).remedy, Remedy::Discard);
        assert_eq!(discard::discard(&rig.path()).unwrap().removed.len(), 1);
        assert_eq!(names(&rig), ["store.db.txt"]);
    }
}

/// Case S-03: a sound database of another program is left alone.
#[test]
fn s_03_a_database_of_another_program_is_left_alone() {
    let rig = Rig::new();
    let other = rusqlite::Connection::open(rig.path()).unwrap();
    other.execute_batch("CREATE TABLE t (x); INSERT INTO t VALUES (1)").unwrap();
    drop(other);
    let before = fs::read(rig.path()).unwrap();
    assert_eq!(refusal(&rig), Detail::StoreUnsafePath);
    assert_eq!(recover::recover(&rig.path(), &rig.key).unwrap_err().cause(), Detail::StoreUnrecoverable);
    assert_eq!((names(&rig), fs::read(rig.path()).unwrap()), (vec!["store.db".to_owned()], before));
}

/// Case S-16: nothing is removed through links, and nothing at all where one of the files is not ours.
#[test]
fn s_16_links_folders_and_second_names_are_refused_whole() {
    for suffix in ["", "-wal", &format!(".new-{HEX}"), &format!(".damaged-{HEX}"), ".locks"] {
        for way in ["link", "second name", "folder"] {
            let rig = closed();
            let victim = rig.folder.path().join("victim");
            if suffix.is_empty() {
                fs::rename(rig.path(), &victim).unwrap();
            } else {
                fs::write(&victim, b"victim").unwrap();
            }
            match way {
                "link" => symlink(&victim, rig.beside(suffix)).unwrap(),
                "second name" => fs::hard_link(&victim, rig.beside(suffix)).unwrap(),
                _ if suffix == ".locks" => continue,
                _ => fs::create_dir(rig.beside(suffix)).unwrap(),
            }
            let before = names(&rig);
            assert_eq!(refusal(&rig), Detail::StoreUnsafePath, "{suffix} {way}");
            assert_eq!(names(&rig), before, "{suffix} {way}");
        }
    }
}

#[test]
fn an_open_store_is_not_thrown_away() {
    let rig = closed();
    let (first, second) = (rig.open(), rig.open());
    assert_eq!(refusal(&rig), Detail::StoreBusy);
    first.close().unwrap();
    assert_eq!(refusal(&rig), Detail::StoreBusy);
    drop(second);
    assert_eq!(discard::discard(&rig.path()).unwrap().removed.len(), 1);
}

/// Run as a child of its own: opens the store, says so, and waits for the end of its input.
#[test]
#[ignore = "run by a_store_that_another_process_has_open_is_left_alone"]
fn child_that_has_the_store_open() {
    let path = setting("INTAIL_TEST_STORE").unwrap();
    let store = Store::open(Path::new(&path), &Rig::new().key).unwrap();
    fs::write(setting("INTAIL_TEST_READY").unwrap(), b"").unwrap();
    std::io::stdin().read_line(&mut String::new()).unwrap();
    store.close().unwrap();
}

#[test]
fn a_store_that_another_process_has_open_is_left_alone() {
    let rig = closed();
    rusqlite::Connection::open(rig.path()).unwrap().execute("UPDATE account SET person = x'00'", []).unwrap();
    let ready = rig.folder.path().join("ready");
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "store::tests::discard::child_that_has_the_store_open", "--ignored"])
        .env("INTAIL_TEST_STORE", rig.path())
        .env("INTAIL_TEST_READY", &ready)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    for _ in 0..1000 {
        if ready.exists() || child.try_wait().unwrap().is_some() {
            break;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(ready.exists());
    let before = fs::read(rig.path()).unwrap();
    assert_eq!(refusal(&rig), Detail::StoreBusy);
    assert_eq!(recover::recover(&rig.path(), &rig.key).unwrap_err().cause(), Detail::StoreBusy);
    let found = inspect(&rig.path(), &rig.key);
    assert!(found.error.is_none() && found.damaged_accounts == 1, "looking is possible: {:?}", found.error);
    assert_eq!(fs::read(rig.path()).unwrap(), before);
    drop(child.stdin.take());
    assert!(child.wait().unwrap().success());
    assert_eq!(recover::recover(&rig.path(), &rig.key).unwrap().damaged_accounts, 1);
    assert_eq!(discard::discard(&rig.path()).unwrap().removed.len(), 2);
}

#[test]
fn drafts_that_a_crash_left_are_removed_when_they_are_old() {
    let rig = closed();
    let age = |suffix: &str, minutes: u64| {
        fs::write(rig.beside(suffix), b"draft").unwrap();
        let file = fs::File::options().write(true).open(rig.beside(suffix)).unwrap();
        file.set_modified(SystemTime::now() - Duration::from_secs(minutes * 60)).unwrap();
    };
    age(&format!(".new-{HEX}"), 61);
    age(&format!(".new-{HEX}-journal"), 61);
    age(".new-00000000000000aa", 59);
    age(".new-0123456789abcdeg", 9999);
    age(&format!(".damaged-{HEX}"), 9999);
    symlink("/dev/null", rig.beside(".new-00000000000000bb")).unwrap();
    rig.open().close().unwrap();
    let left = [&format!(".damaged-{HEX}"), ".new-00000000000000aa", ".new-00000000000000bb", ".new-0123456789abcdeg"];
    let left: Vec<String> = std::iter::once("store.db".to_owned()).chain(left.map(|suffix| format!("store.db{suffix}"))).collect();
    assert_eq!(names(&rig), left);
}

/// S-15: a folder that a group can write is safe where the group is the user's alone, or the system's.
#[test]
fn s_15_a_folder_that_a_foreign_group_can_write_is_refused() {
    use std::os::unix::fs::chown;
    let rig = closed();
    let us = rustix::process::geteuid();
    let mode = |mode| fs::set_permissions(rig.folder.path(), fs::Permissions::from_mode(mode)).unwrap();
    let own = chown(rig.folder.path(), None, Some(us.as_raw())).is_ok();
    mode(0o770);
    assert!(!own || rig.try_open().is_ok(), "the user's own");
    if !us.is_root() {
        return;
    }
    chown(rig.folder.path(), None, Some(65534)).unwrap();
    for (folder_mode, fine) in [(0o770, false), (0o1770, true), (0o750, true)] {
        mode(folder_mode);
        assert_eq!(rig.try_open().err().map(|error| error.cause()), (!fine).then_some(Detail::StoreUnsafePermissions));
    }
}
