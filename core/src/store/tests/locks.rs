//! The locks beside the store. Two open descriptions of one file are to the system what two processes are.

use super::rig::{Rig, connect};
use crate::{
    error::Detail,
    store::{AccountLock, Store, discard},
};
use rustix::fs::{FlockOperation, flock};
use std::{
    fs::{self, File, Permissions},
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
};

const ID: &str = "0123456789abcdef0123456789abcdef";

fn folder(rig: &Rig) -> PathBuf {
    rig.beside(".locks")
}

fn names(rig: &Rig, start: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder(rig)).unwrap().map(|entry| entry.unwrap().path());
    entries.filter(|path| path.file_name().unwrap().to_str().unwrap().starts_with(start)).collect()
}

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().permissions().mode() & 0o777
}

/// As another process has it.
fn foreign(path: &Path) -> File {
    let file = File::options().read(true).write(true).create(true).truncate(false).open(path).unwrap();
    flock(&file, FlockOperation::NonBlockingLockExclusive).unwrap();
    file
}

fn take(store: &Store) -> Option<AccountLock> {
    store.queue(ID).unwrap().try_take().unwrap()
}

#[test]
fn the_folder_and_its_files_are_ours_alone() {
    let rig = Rig::new();
    let store = rig.open();
    let lock = take(&store).unwrap();
    let (account, process) = (names(&rig, "account-"), names(&rig, "process-"));
    assert_eq!((account.len(), process.len()), (1, 1));
    assert_eq!((mode(&folder(&rig)), mode(&account[0]), mode(&process[0])), (0o700, 0o600, 0o600));
    drop(lock);
    // Rights that somebody gave away are taken back.
    store.close().unwrap();
    fs::set_permissions(folder(&rig), Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(&account[0], Permissions::from_mode(0o644)).unwrap();
    let store = rig.open();
    let _lock = take(&store).unwrap();
    assert_eq!((mode(&folder(&rig)), mode(&account[0])), (0o700, 0o600));
}

/// S-16: a link or a file in the place of the folder, and a link in the place of a lock.
#[test]
fn s_16_nothing_is_locked_through_a_link() {
    let rig = Rig::new();
    let elsewhere = tempfile::tempdir().unwrap();
    symlink(elsewhere.path(), folder(&rig)).unwrap();
    assert_eq!(rig.try_open().unwrap_err().cause(), Detail::StoreUnsafePath);
    fs::remove_file(folder(&rig)).unwrap();
    fs::write(folder(&rig), "").unwrap();
    assert_eq!(rig.try_open().unwrap_err().cause(), Detail::StoreUnsafePath);
    fs::remove_file(folder(&rig)).unwrap();
    assert!(!rig.path().exists(), "refused before the store was begun");

    let store = rig.open();
    let target = elsewhere.path().join("target");
    symlink(&target, folder(&rig).join(format!("account-{ID}"))).unwrap();
    let error = store.queue(ID).unwrap().try_take().unwrap_err();
    assert_eq!((error.cause(), error.what()), (Detail::StoreUnsafePath, Some("locks")));
    let own = names(&rig, "process-").remove(0);
    drop(store);
    fs::create_dir_all(folder(&rig)).unwrap();
    symlink(&target, own).unwrap();
    assert_eq!(rig.try_open().unwrap_err().cause(), Detail::StoreUnsafePath);
    assert!(!target.exists());
}

#[test]
fn one_holder_at_a_time() {
    let rig = Rig::new();
    let (one, two) = (rig.open(), rig.open());
    let lock = take(&one).unwrap();
    let mut queue = two.queue(ID).unwrap();
    assert!(queue.try_take().unwrap().is_none());
    assert!(two.queue("ffffffffffffffffffffffffffffffff").unwrap().try_take().unwrap().is_some(), "another account is free");
    drop(lock);
    assert!(queue.try_take().unwrap().is_some());
}

/// C-10: the lock's file is deleted or replaced while somebody waits for it: whoever comes first on the new one is alone again.
#[test]
fn c_10_a_lock_whose_file_was_deleted_or_replaced() {
    let rig = Rig::new();
    let store = rig.open();
    let path = folder(&rig).join(format!("account-{ID}"));
    for replace in [false, true] {
        let holder = foreign(&path);
        let mut queue = store.queue(ID).unwrap();
        assert!(queue.try_take().unwrap().is_none());
        fs::remove_file(&path).unwrap();
        let newer = replace.then(|| foreign(&path));
        assert!(queue.try_take().unwrap().is_none(), "who waited goes on waiting for the holder");
        drop(holder);
        // The old file is free and counts no more.
        assert_eq!(queue.try_take().unwrap().is_some(), newer.is_none());
        drop(newer);
        let lock = queue.try_take().unwrap().unwrap();
        assert!(take(&store).is_none(), "it is the file that others find");
        drop(lock);
    }
}

/// C-10: the whole folder.
#[test]
fn c_10_the_folder_is_made_again() {
    let rig = Rig::new();
    let store = rig.open();
    fs::remove_dir_all(folder(&rig)).unwrap();
    let lock = take(&store).unwrap();
    assert_eq!(mode(&folder(&rig)), 0o700);
    assert_eq!(names(&rig, "process-").len(), 1, "and this process shows itself again");
    assert!(take(&rig.open()).is_none());
    drop(lock);
    let again = rig.open();
    assert!(take(&again).is_some());
}

/// F-12: another copy of the library in this process would open the store with an `SQLite` of its own. To the system it is another
/// open description of the file of this process, and that is what stands in for it here.
#[test]
fn f_12_a_second_copy_of_the_library_is_refused() {
    let rig = Rig::new();
    let store = rig.open();
    let (own, id) = (names(&rig, "process-").remove(0), connect(&store, 1).id);
    // Objects of one copy share the store, and closing one does not make room for a copy.
    let second = rig.open();
    store.close().unwrap();
    drop(store);
    assert!(flock(File::open(&own).unwrap(), FlockOperation::NonBlockingLockExclusive).is_err());
    assert!(second.account(&id).unwrap().is_some());
    second.close().unwrap();
    assert!(!own.exists());

    fs::create_dir_all(folder(&rig)).unwrap();
    let copy = foreign(&own);
    let error = rig.try_open().unwrap_err();
    assert_eq!((error.cause(), error.what()), (Detail::StoreBusy, Some("second copy")));
    assert!(!rig.beside("-wal").exists(), "the database was not touched");
    drop(copy);
    assert!(rig.open().account(&id).unwrap().is_some());
}

/// F-12: another copy of the library in this process has the store open; a look at the files would end its locks on them.
#[test]
fn f_12_the_files_are_not_touched_under_a_second_copy() {
    let rig = Rig::new();
    let store = rig.open();
    let own = names(&rig, "process-").remove(0);
    store.close().unwrap();
    drop(store);
    fs::create_dir_all(folder(&rig)).unwrap();
    let other = foreign(&own);
    assert_eq!(discard(&rig.path()).unwrap_err().what(), Some("second copy"));
    assert!(rig.path().exists());
    drop(other);
    discard(&rig.path()).unwrap();
    assert!(!rig.path().exists() && !folder(&rig).exists());
}

/// The files of dead processes go at opening, those of living ones stay.
#[test]
fn opening_clears_away_dead_processes() {
    let rig = Rig::new();
    fs::create_dir(folder(&rig)).unwrap();
    let (living, dead) = (folder(&rig).join("process-1-7"), folder(&rig).join("process-2-7"));
    fs::write(&dead, "").unwrap();
    let _other = foreign(&living);
    let _store = rig.open();
    assert!(living.exists() && !dead.exists());
    assert_eq!(names(&rig, "process-").len(), 2);
}

#[test]
fn a_disconnected_account_leaves_no_lock() {
    let rig = Rig::new();
    let store = rig.open();
    let id = connect(&store, 1).id;
    drop(store.queue(&id).unwrap().try_take().unwrap().unwrap());
    assert_eq!(names(&rig, "account-").len(), 1);
    store.disconnect(&id, None).unwrap();
    assert_eq!(names(&rig, "account-").len(), 0);
    drop(store);
    assert!(!folder(&rig).exists(), "nothing is left to lock");
}

/// A number of this connection that the writes of others change, and our own do not.
#[test]
fn writes_of_others_are_noticed() {
    let rig = Rig::new();
    let (one, two) = (rig.open(), rig.open());
    let before = one.version().unwrap();
    connect(&one, 1);
    assert_eq!(one.version().unwrap(), before);
    let id = connect(&two, 2).id;
    let after = one.version().unwrap();
    assert_ne!(after, before);
    assert_eq!(one.try_version().unwrap().unwrap(), after);
    assert!(one.try_account(&id).unwrap().unwrap().is_some());
    // A thread that is using the connection is not waited for.
    let using = one.connection.lock().unwrap();
    assert!(one.try_version().is_none() && one.try_account(&id).is_none());
    drop(using);
    one.close().unwrap();
    assert_eq!(one.try_version().unwrap().unwrap_err().cause(), Detail::HandleClosed);
}
