//! Files: ours alone from the first instant, in a safe place, and the same file all the time.
#![cfg(unix)]

use super::rig::{Rig, connect, is_deep, scopes, setting, state, tokens, try_connect};
use crate::{
    error::{Detail, ErrorKind},
    store::{KeyFile, Store},
};
use std::{
    fs,
    io::Write,
    os::unix::{
        fs::{MetadataExt, PermissionsExt, symlink},
        net::UnixListener,
    },
    path::{Path, PathBuf},
    process::Command,
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().mode() & 0o7777
}

fn refusal(rig: &Rig) -> Detail {
    rig.try_open().unwrap_err().cause()
}

fn key_refusal(path: &Path) -> Detail {
    KeyFile::at(path.to_str().unwrap()).unwrap_err().cause()
}

#[test]
fn s_13_what_is_not_an_ordinary_file_is_refused_at_once() {
    let rig = Rig::new();
    fs::create_dir(rig.path()).unwrap();
    assert_eq!(refusal(&rig), Detail::StoreUnsafePath);
    assert_eq!(key_refusal(&rig.path()), Detail::KeyFileUnsafe);
    fs::remove_dir(rig.path()).unwrap();
    assert!(Command::new("mkfifo").arg(rig.path()).status().unwrap().success());
    assert_eq!(refusal(&rig), Detail::StoreUnsafePath);
    assert_eq!(key_refusal(&rig.path()), Detail::KeyFileUnsafe);
    fs::remove_file(rig.path()).unwrap();
    let _socket = UnixListener::bind(rig.path()).unwrap();
    assert_eq!(refusal(&rig), Detail::StoreUnsafePath);
    for path in ["/dev/null", "/nonexistent-folder/store.db", "/", "..", "", "/dev/null/store.db", "/tmp/\0", &"x/".repeat(5000)] {
        let error = Store::open(Path::new(path), &rig.key).unwrap_err();
        let expected = if path.contains("nonexistent") || path.starts_with("x/") {
            Detail::StoreFolderMissing
        } else {
            Detail::StoreUnsafePath
        };
        assert_eq!(error.cause(), expected, "{}", path.escape_debug());
    }
}

#[test]
fn s_13_a_read_only_file_or_folder_is_told() {
    let rig = Rig::new();
    connect(&rig.open(), 1);
    chmod(&rig.path(), 0o400);
    assert_eq!(refusal(&rig), Detail::StoreReadOnly);
    chmod(&rig.path(), 0o600);
    chmod(rig.folder.path(), 0o500);
    assert_eq!(refusal(&rig), Detail::StoreReadOnly);
    chmod(rig.folder.path(), 0o700);
    assert_eq!(rig.open().accounts().unwrap().records.len(), 1);
}

/// What others may do anything with, now and in this folder or those in it.
fn open_to_others(folder: &Path) -> Vec<PathBuf> {
    let paths = fs::read_dir(folder).into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path()));
    paths
        .flat_map(|path| {
            // Gone meanwhile, as drafts are.
            let Ok(facts) = fs::symlink_metadata(&path) else { return Vec::new() };
            let mut found = if facts.is_dir() { open_to_others(&path) } else { Vec::new() };
            found.extend((facts.mode() & 0o077 != 0).then_some(path));
            found
        })
        .collect()
}

/// Run as a child of its own by `s_14_…`, because the umask belongs to the whole process.
#[test]
#[ignore = "run by s_14_no_file_is_ever_open_to_others"]
fn child_with_another_umask() {
    let umask = setting("INTAIL_TEST_UMASK").unwrap();
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(u32::from_str_radix(&umask, 8).unwrap()));
    // The twin: a file that nobody cares for is noticed.
    let careless = Rig::new();
    fs::write(careless.beside(".careless"), b"").unwrap();
    assert_eq!(open_to_others(careless.folder.path()).len(), usize::from(["000", "022"].contains(&umask.as_str())));
    for _ in 0..10 {
        let rig = Rig::new();
        chmod(rig.folder.path(), 0o700);
        let done = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                while !done.load(Ordering::SeqCst) {
                    assert_eq!(open_to_others(rig.folder.path()), Vec::<PathBuf>::new());
                }
            });
            let key = KeyFile::at(rig.beside(".key").to_str().unwrap()).unwrap();
            let store = Store::open(&rig.path(), &key).unwrap();
            let id = connect(&store, 1).id;
            for path in [rig.path(), rig.beside("-wal"), rig.beside("-shm"), rig.beside(".key")] {
                assert_eq!(mode(&path), 0o600, "{}", path.display());
            }
            store.disconnect(&id, None).unwrap();
            store.close().unwrap();
            drop(Store::open(&rig.path(), &key).unwrap());
            done.store(true, Ordering::SeqCst);
        });
    }
}

#[test]
fn s_14_no_file_is_ever_open_to_others() {
    for umask in ["000", "022", "077", "177"] {
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "store::tests::files::child_with_another_umask", "--ignored"])
            .env("INTAIL_TEST_UMASK", umask)
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&child.stdout).into_owned();
        assert!(child.status.success() && text.contains("1 passed"), "{umask}: {text}");
    }
}

#[test]
fn s_15_rights_of_others_are_taken_away() {
    for open_mode in [0o644, 0o666, 0o640, 0o777] {
        let rig = Rig::new();
        connect(&rig.open(), 1);
        chmod(&rig.path(), open_mode);
        let store = rig.open();
        assert_eq!(mode(&rig.path()), 0o600);
        assert_eq!(store.accounts().unwrap().records.len(), 1);
        chmod(&rig.beside("-wal"), open_mode);
        drop(rig.open());
        assert_eq!(mode(&rig.beside("-wal")), 0o600);
    }
}

#[test]
fn s_15_folders_that_others_can_write_and_files_of_others_are_refused() {
    let rig = Rig::new();
    rig.open().close().unwrap();
    for (folder_mode, fine) in [(0o777, false), (0o702, false), (0o1777, true), (0o755, true)] {
        chmod(rig.folder.path(), folder_mode);
        let refused = rig.try_open().err().map(|error| error.cause());
        assert_eq!(refused, (!fine).then_some(Detail::StoreUnsafePermissions), "{folder_mode:o}");
    }
    chmod(rig.folder.path(), 0o700);
    if rustix::process::geteuid().is_root() {
        std::os::unix::fs::chown(rig.path(), Some(65534), None).unwrap();
        assert_eq!(refusal(&rig), Detail::StoreUnsafePermissions);
        std::os::unix::fs::chown(rig.path(), Some(0), None).unwrap();
        std::os::unix::fs::chown(rig.folder.path(), Some(65534), None).unwrap();
        assert_eq!(refusal(&rig), Detail::StoreUnsafePermissions);
    } else {
        let error = Store::open(Path::new("/etc/passwd"), &rig.key).unwrap_err();
        assert_eq!(error.cause(), Detail::StoreUnsafePermissions);
    }
}

#[test]
fn s_16_links_are_not_followed() {
    for suffix in ["", "-wal", "-shm", "-journal"] {
        let rig = Rig::new();
        connect(&rig.open(), 1);
        let victim = rig.folder.path().join("victim");
        if suffix.is_empty() {
            fs::rename(rig.path(), &victim).unwrap();
        } else {
            fs::write(&victim, b"victim").unwrap();
        }
        let before = fs::read(&victim).unwrap();
        symlink(&victim, rig.beside(suffix)).unwrap();
        assert_eq!(refusal(&rig), Detail::StoreUnsafePath, "{suffix}");
        fs::remove_file(rig.beside(suffix)).unwrap();
        fs::hard_link(&victim, rig.beside(suffix)).unwrap();
        assert_eq!(refusal(&rig), Detail::StoreUnsafePath, "{suffix}");
        assert_eq!(fs::read(&victim).unwrap(), before);
    }
}

#[test]
fn s_16_a_dangling_link_is_not_created_through() {
    let rig = Rig::new();
    let target = rig.folder.path().join("target");
    symlink(&target, rig.path()).unwrap();
    assert_eq!(refusal(&rig), Detail::StoreUnsafePath);
    symlink(&target, rig.beside(".key")).unwrap();
    assert_eq!(key_refusal(&rig.beside(".key")), Detail::KeyFileUnsafe);
    assert!(!target.exists());
}

#[test]
fn s_16_a_linked_folder_of_ours_works() {
    let rig = Rig::new();
    let real = rig.folder.path().join("real");
    fs::create_dir(&real).unwrap();
    symlink(&real, rig.folder.path().join("linked")).unwrap();
    let store = Store::open(&rig.folder.path().join("linked/store.db"), &rig.key).unwrap();
    connect(&store, 1);
    store.close().unwrap();
    assert!(real.join("store.db").exists());
}

/// Puts a link to another file in the place of a store and takes it away again, so many times, while somebody opens and writes all the
/// time. How often they could, and whether the other file is as it was.
fn race(swaps: usize, opens: impl Fn(&Rig) -> bool + Sync) -> (usize, bool) {
    let rig = Rig::new();
    connect(&rig.open(), 1);
    let (real, link, victim) = (rig.beside(".real"), rig.beside(".link"), rig.folder.path().join("victim"));
    fs::copy(rig.path(), &real).unwrap();
    fs::copy(rig.path(), &victim).unwrap();
    let before = fs::read(&victim).unwrap();
    let done = AtomicBool::new(false);
    let opened = thread::scope(|scope| {
        let opener = scope.spawn(|| {
            let mut opened = 0;
            while !done.load(Ordering::SeqCst) {
                opened += usize::from(opens(&rig));
            }
            opened
        });
        for _ in 0..swaps {
            symlink(&victim, &link).unwrap();
            fs::rename(&link, rig.path()).unwrap();
            fs::copy(&real, &link).unwrap();
            fs::rename(&link, rig.path()).unwrap();
            thread::yield_now();
        }
        done.store(true, Ordering::SeqCst);
        opener.join().unwrap()
    });
    (opened, fs::read(&victim).unwrap() == before)
}

/// 500 swaps; 10,000 with `DEEP` set. The twin: whoever follows links writes to the other file.
#[test]
fn s_16_a_link_swapped_in_during_open_is_never_written_through() {
    let (opened, is_untouched) = race(if is_deep() { 10_000 } else { 500 }, |rig| {
        let store = rig.try_open();
        store.is_ok_and(|store| {
            let _ = try_connect(&store, 2);
            true
        })
    });
    assert!(opened > 0, "between two swaps the store opens");
    assert!(is_untouched);
    let (opened, is_untouched) =
        race(500, |rig| fs::OpenOptions::new().append(true).open(rig.path()).is_ok_and(|mut file| file.write_all(b"x").is_ok()));
    assert!(opened > 0 && !is_untouched);
}

#[test]
fn s_25_a_store_that_was_deleted_replaced_or_moved_is_told() {
    for way in ["deleted", "replaced", "moved", "folder moved"] {
        let rig = Rig::new();
        let folder = rig.folder.path().join("inner");
        fs::create_dir(&folder).unwrap();
        let path = folder.join("store.db");
        let store = Store::open(&path, &rig.key).unwrap();
        let id = connect(&store, 1).id;
        match way {
            "deleted" => fs::remove_file(&path).unwrap(),
            "replaced" => {
                fs::copy(&path, folder.join("copy")).unwrap();
                fs::rename(folder.join("copy"), &path).unwrap();
            }
            "moved" => fs::rename(&path, folder.join("elsewhere")).unwrap(),
            _ => fs::rename(&folder, rig.folder.path().join("outer")).unwrap(),
        }
        let refused = store.rotate(&id, 1, &tokens("lost"), &scopes(), &state()).unwrap_err();
        assert_eq!((refused.cause(), refused.kind()), (Detail::StoreMoved, ErrorKind::StorageUnavailable), "{way}");
        assert_eq!(store.account(&id).unwrap_err().cause(), Detail::StoreMoved, "{way}");
        store.close().unwrap();
    }
}

#[test]
fn a_key_file_is_made_once_and_must_be_private() {
    let rig = Rig::new();
    let path = rig.beside(".key");
    let store = Store::open(&rig.path(), &KeyFile::at(path.to_str().unwrap()).unwrap()).unwrap();
    connect(&store, 1);
    store.close().unwrap();
    let key = fs::read(&path).unwrap();
    assert_eq!((key.len(), mode(&path)), (24 + 40, 0o600));
    let again = Store::open(&rig.path(), &KeyFile::at(path.to_str().unwrap()).unwrap()).unwrap();
    assert_eq!(again.accounts().unwrap().records.len(), 1);
    for open_mode in [0o640, 0o604, 0o620, 0o644] {
        chmod(&path, open_mode);
        assert_eq!(key_refusal(&path), Detail::KeyFileUnsafe, "{open_mode:o}");
    }
    chmod(&path, 0o400);
    KeyFile::at(path.to_str().unwrap()).unwrap();
    for content in [&[][..], &[1; 31], &[1; 33], &[0; 32]] {
        fs::remove_file(&path).unwrap();
        fs::write(&path, content).unwrap();
        chmod(&path, 0o600);
        assert_eq!(key_refusal(&path), Detail::KeyFileUnsafe, "{} bytes", content.len());
    }
}

#[test]
fn s_01_a_key_file_that_is_lost_or_another_one_is_said_to_be_that_and_not_damage() {
    let rig = Rig::new();
    let (path, other) = (rig.beside(".key"), rig.beside(".other"));
    let at = |path: &Path| KeyFile::at(path.to_str().unwrap()).unwrap();
    Store::open(&rig.path(), &at(&path)).unwrap().close().unwrap();
    Store::open(&rig.beside(".second"), &at(&other)).unwrap().close().unwrap();
    assert_eq!(Store::open(&rig.path(), &at(&other)).unwrap_err().cause(), Detail::StoreWrongKey);
    fs::remove_file(&path).unwrap();
    assert_eq!(Store::open(&rig.path(), &at(&path)).unwrap_err().cause(), Detail::KeyFileMissing);
    assert!(!path.exists(), "none is made in its place");
}

#[test]
fn many_openers_of_a_new_store_end_in_one() {
    for _ in 0..5 {
        let rig = Rig::new();
        let path = rig.beside(".key");
        thread::scope(|scope| {
            for number in 0..8 {
                let (rig, path) = (&rig, &path);
                scope.spawn(move || {
                    let key = KeyFile::at(path.to_str().unwrap()).unwrap();
                    connect(&Store::open(&rig.path(), &key).unwrap(), number);
                });
            }
        });
        let store = Store::open(&rig.path(), &KeyFile::at(path.to_str().unwrap()).unwrap()).unwrap();
        assert_eq!(store.accounts().unwrap().records.len(), 8);
        store.close().unwrap();
        let names = fs::read_dir(rig.folder.path()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        assert!(names.into_iter().all(|name| !name.contains(".new")), "no draft is left");
    }
}

#[test]
fn s_23_writers_of_two_connections_lose_nothing() {
    let rig = Rig::new();
    let (first, second) = (rig.open(), rig.open());
    thread::scope(|scope| {
        for (store, start) in [(&first, 0), (&second, 1000)] {
            scope.spawn(move || (start..start + 50).for_each(|number| drop(connect(store, number))));
        }
    });
    assert_eq!(first.accounts().unwrap().records.len(), 100);
}
