//! Limits from outside: a small disk, a limit on the size of files, a disk that cannot be written, little memory.

use crate::{
    errors::NAMES,
    kill::after,
    known::NOTHING,
    rig::{Case, Heard, MEGAN, NILS, Seed, hear, is_deep, left_out},
};
use std::{
    ffi::OsStr,
    fs,
    os::unix::{fs::PermissionsExt, process::ExitStatusExt},
    process::Command,
};

const SIGABRT: i32 = 6;
const SIGXFSZ: i32 = 25;

/// Runs what follows with a small disk where the store's folder is, filled with what was there.
const ON_A_SMALL_DISK: &str = r#"
    size=$1 folder=$2; shift 2
    cp -a "$folder" "$folder.copy" && mount -t tmpfs -o "size=$size,mode=0700" tmpfs "$folder" || exit 90
    cp -a "$folder.copy"/. "$folder" || exit 91
    "$@" fill 5 || exit $?
    "$@" verify ''
"#;

/// The same with a disk that is taken away from writing.
const ON_A_READ_ONLY_DISK: &str = r#"
    folder=$2; shift 2
    mount --bind "$folder" "$folder" && mount -o remount,bind,ro "$folder" || exit 90
    "$@" refresh 1
"#;

/// A host below a script: `"$@"` with an operation and an argument runs it.
fn in_a_mount(case: &Case, script: &str, size: &str) -> Heard {
    let call = case.call("fill", "");
    let host = r#"operation=$1 argument=$2; exec "$HOST" "$operation" "$STORE" "$AUTHORITY" "$CLIENT" "$STEPS" "$argument""#;
    let user: &[&str] = if is_root() { &["-m"] } else { &["-r", "-m"] };
    let mut command = Command::new("timeout");
    command.args(["--signal=KILL", "120", "unshare"]).args(user).args(["sh", "-c", script, "sh", size]).arg(case.folder());
    command.args(["sh", "-c", host, "sh"]).current_dir(case.elsewhere());
    for (name, value) in
        ["HOST", "", "STORE", "AUTHORITY", "CLIENT", "STEPS"].into_iter().zip(&call).filter(|(name, _)| !name.is_empty())
    {
        command.env(name, value);
    }
    hear(&mut command)
}

fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout == b"0\n")
}

fn can_mount() -> bool {
    let user: &[&str] = if is_root() { &["-m"] } else { &["-r", "-m"] };
    let folder = tempfile::tempdir().unwrap();
    let mount = ["mount", "-t", "tmpfs", "tmpfs"].map(OsStr::new);
    let tried = Command::new("unshare").args(user).args(mount).arg(folder.path()).output();
    let can = tried.is_ok_and(|output| output.status.success());
    if !can {
        left_out("a mount of its own (unshare -m)");
    }
    can
}

#[test]
fn s_12_on_a_full_disk_the_old_tokens_stay_and_the_new_ones_are_handed_out() {
    if !can_mount() {
        return;
    }
    let known = Case::new(Seed::Closed).known();
    let sizes: Vec<u32> = if is_deep() { (3..=32).map(|step| step * 16).collect() } else { vec![80, 96, 128, 192, 256, 512] };
    let (mut full, mut handed) = (0, 0);
    for size in sizes {
        let case = Case::new(Seed::Closed);
        let heard = in_a_mount(&case, ON_A_SMALL_DISK, &format!("{size}k"));
        if heard.status.code() == Some(91) {
            continue; // Not even the store itself has room.
        }
        let heard = heard.whole();
        assert!(heard.errors().iter().all(|error| NAMES.iter().any(|name| error.ends_with(name))), "{size}: {heard:?}");
        full += heard.errors().iter().filter(|error| error.ends_with("/StoreFull")).count();
        let mut known = known.clone();
        known.hear(heard.said());
        let findings = heard.look().map(|seen| known.judge(&seen, NOTHING));
        assert_eq!(findings, Ok(Vec::new()), "{size}: {heard:?}");
        let opened = !heard.said().any(|line| line.starts_with("ERROR"));
        let tokens = heard.said().filter(|line| line.contains(" refresh ")).count();
        assert!(!opened || tokens == 10, "{size}: {heard:?}");
        handed += heard.said().filter(|line| line.starts_with("HANDED")).count();
    }
    assert!(full > 0 && handed > 0, "no disk was full: {full} {handed}");
}

#[test]
fn s_13_a_disk_that_cannot_be_written_is_told() {
    if !can_mount() {
        return;
    }
    for seed in [Seed::Closed, Seed::Left] {
        let case = Case::new(seed);
        let mut known = case.known();
        let before = case.names();
        let heard = in_a_mount(&case, ON_A_READ_ONLY_DISK, "").whole();
        // Without a log that it can write SQLite reads nothing, and says no more than that it failed.
        let [error] = heard.errors()[..] else { panic!("{seed:?}: {heard:?}") };
        assert!(["StorageUnavailable/StoreReadOnly", "StorageUnavailable/StoreFailed"].contains(&error), "{seed:?}: {error}");
        assert_eq!(case.names(), before);
        assert_eq!(after(&case, &heard, &mut known, NOTHING), Vec::<String>::new());
    }
}

/// No log may be made beside the store, or something else is in its place.
#[test]
fn s_13_what_stands_in_the_way_of_the_log_is_told() {
    for suffix in ["-wal", "-shm"] {
        let case = Case::new(Seed::Closed);
        let mut known = case.known();
        fs::create_dir(case.beside(suffix)).unwrap();
        let heard = case.run("refresh", "1");
        assert_eq!(heard.errors(), ["StorageUnavailable/StoreUnsafePath"], "{suffix}");
        fs::remove_dir(case.beside(suffix)).unwrap();
        assert_eq!(after(&case, &heard, &mut known, NOTHING), Vec::<String>::new());
    }
    if is_root() {
        return; // Whoever may do everything is not kept out by a mode.
    }
    let case = Case::new(Seed::Closed);
    let mut known = case.known();
    fs::set_permissions(case.folder(), fs::Permissions::from_mode(0o500)).unwrap();
    let heard = case.run("refresh", "1");
    fs::set_permissions(case.folder(), fs::Permissions::from_mode(0o700)).unwrap();
    assert_eq!(heard.errors(), ["StorageUnavailable/StoreReadOnly"]);
    assert_eq!(after(&case, &heard, &mut known, NOTHING), Vec::<String>::new());
}

/// With a limit on the size of files the kernel writes what fits and then sends SIGXFSZ, which ends a process that does not ignore it;
/// the library changes no signals of its host. A host that ignores it gets an error with a name; of one that does not, the store is
/// whole.
#[test]
fn s_12_a_limit_on_the_size_of_files_costs_nothing() {
    for (trap, survives) in [("trap '' XFSZ; ", true), ("", false)] {
        let mut met = 0;
        for blocks in [8, 33, 40, 48, 63, 64, 65, 70, 90, 128] {
            let case = Case::new(Seed::Closed);
            let mut known = case.known();
            // In POSIX's sh a block is 512 bytes.
            let script = format!("{trap}ulimit -f {blocks}; exec \"$@\"");
            let before = ["sh", "-c", script.as_str(), "sh"].map(OsStr::new);
            let heard = hear(&mut case.command(&before, "fill", "5"));
            let signalled = heard.status.signal() == Some(SIGXFSZ) || heard.status.code() == Some(128 + SIGXFSZ);
            assert!(if survives { heard.status.success() } else { heard.status.success() || signalled }, "{blocks}: {heard:?}");
            let named = heard.errors().iter().all(|error| NAMES.iter().any(|name| error.ends_with(name)));
            assert!(named, "{blocks}: {heard:?}");
            met += usize::from(signalled || !heard.errors().is_empty());
            assert_eq!(after(&case, &heard, &mut known, &["refresh"]), Vec::<String>::new(), "{blocks}: {heard:?}");
        }
        assert!(met > 2, "{trap}: the limit was met {met} times");
    }
}

/// Little memory: SQLite says so and the error has a name; where Rust's own allocation fails the process is aborted, as everywhere in
/// Rust. The store is whole in any case.
#[test]
fn s_21_little_memory_costs_nothing() {
    let (mut suffered, mut fine) = (0, 0);
    let most = if is_deep() { 200 } else { 20 };
    for step in 0..most {
        let limit = (8_000 + step * 32_000 / most) << 10;
        let case = Case::new(Seed::Left);
        let mut known = case.known();
        let limit = format!("--as={limit}");
        let heard = hear(&mut case.command(&["prlimit", &limit].map(OsStr::new), "refresh", "2"));
        let aborted = heard.status.signal() == Some(SIGABRT) || heard.status.code().is_some_and(|code| code != 0);
        suffered += usize::from(aborted || !heard.errors().is_empty());
        fine += usize::from(heard.status.success() && heard.errors().is_empty());
        // What an aborted process says is Rust's and the loader's, so that only the store is looked at.
        let heard = Heard { stderr: String::new(), ..heard };
        assert_eq!(after(&case, &heard, &mut known, &["refresh"]), Vec::<String>::new(), "{limit}: {heard:?}");
    }
    assert!(suffered > 2 && fine > 2, "{suffered} suffered, {fine} did not");
}

/// The seeds of the other tests hold what they should.
#[test]
fn the_stores_to_begin_with_hold_two_accounts() {
    for seed in [Seed::Closed, Seed::Left] {
        let seen = Case::new(seed).verify().unwrap();
        assert_eq!(seen.accounts.keys().collect::<Vec<_>>(), [MEGAN, NILS], "{seed:?}");
        assert!(seen.accounts.values().all(|mark| mark.starts_with("EwB")), "{seen:?}");
    }
    // And a refresh is one.
    for seed in [Seed::Closed, Seed::Left] {
        let case = Case::new(seed);
        let before = case.verify().unwrap();
        assert_eq!(case.run("refresh", "2").acknowledged().count(), 4);
        let after = case.verify().unwrap();
        assert!(before.accounts.iter().all(|(user, mark)| after.accounts[user] != *mark), "{seed:?}: {before:?} {after:?}");
    }
    assert_eq!(Case::new(Seed::Old).verify().unwrap().accounts.len(), 2);
}
