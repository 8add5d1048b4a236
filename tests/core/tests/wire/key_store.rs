//! The key store of the operating system, as real as it gets: a session bus and a GNOME Keyring of the test's own. What happens inside
//! such a session happens in a process of its own (an ignored test of this binary), as the bus is announced in the environment.
#![cfg(target_os = "linux")]

use crate::rig::shows_nothing;
use intail_office365::{
    Actor, Config, Error, ErrorKind, Hooks, KeyProvider, KeyProviderKind, Office365, OsKeyStore, Result, default_key_provider,
};
use std::{
    env, fs,
    io::{BufRead, BufReader, Write},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

const SERVICE: &str = "com.example.office365-tests";
const STORE_KEY: [u8; 32] = [9; 32];
const BUS: &str = r#"<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>session</type><listen>unix:dir=FOLDER</listen><auth>EXTERNAL</auth><policy context="default">
<allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/></policy></busconfig>"#;

#[derive(Clone, Copy, PartialEq)]
enum Keyring {
    None,
    /// Running, but nobody has ever signed in: there is nowhere to put anything.
    Empty,
    Unlocked,
}

/// A session bus that starts nothing by itself, with or without a key store on it.
struct Session {
    folder: tempfile::TempDir,
    address: String,
    bus: Child,
    keyring: Option<Child>,
}

impl Session {
    fn start(keyring: Keyring) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o700)).unwrap();
        let config = folder.path().join("bus.conf");
        fs::write(&config, BUS.replace("FOLDER", folder.path().to_str().unwrap())).unwrap();
        let mut bus = program("dbus-daemon", folder.path());
        bus.arg(format!("--config-file={}", config.display())).args(["--nofork", "--nopidfile", "--print-address=1"]);
        let mut bus = bus.stdout(Stdio::piped()).spawn().expect("run `tests/setup.sh check`");
        let mut address = String::new();
        BufReader::new(bus.stdout.take().unwrap()).read_line(&mut address).unwrap();
        let mut session = Self { folder, address: address.trim().to_owned(), bus, keyring: None };
        if keyring != Keyring::None {
            session.keyring = Some(session.start_keyring(keyring));
        }
        session
    }

    fn start_keyring(&self, state: Keyring) -> Child {
        let mut command = program("gnome-keyring-daemon", self.folder.path());
        command.args(["--foreground", "--components=secrets"]).stdin(Stdio::piped()).stdout(Stdio::null());
        if state == Keyring::Unlocked {
            command.arg("--unlock");
        }
        command.env("DBUS_SESSION_BUS_ADDRESS", &self.address);
        let mut keyring = command.spawn().expect("run `tests/setup.sh check`");
        // The password that unlocks it; it is read to its end.
        keyring.stdin.take().unwrap().write_all(b"a password").unwrap();
        keyring
    }

    /// Runs an ignored test of this binary in this session.
    fn run(&self, child: &str) {
        let mut command = program(env::current_exe().unwrap().to_str().unwrap(), self.folder.path());
        command.env("DBUS_SESSION_BUS_ADDRESS", &self.address).env("BUS", self.bus.id().to_string());
        if let Some(keyring) = &self.keyring {
            command.env("KEYRING", keyring.id().to_string());
        }
        passes(command, child);
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        for daemon in self.keyring.iter_mut().chain([&mut self.bus]) {
            let _ = daemon.kill();
            let _ = daemon.wait();
        }
    }
}

/// A program that knows of no session but what it is told.
fn program(name: &str, folder: &Path) -> Command {
    let mut command = Command::new(name);
    command.env_clear().env("PATH", env::var_os("PATH").unwrap()).stderr(Stdio::null());
    for variable in ["HOME", "FOLDER", "XDG_RUNTIME_DIR", "XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"] {
        command.env(variable, folder);
    }
    command
}

fn passes(mut command: Command, child: &str) {
    command.args(["--exact", &format!("key_store::{child}"), "--ignored", "--nocapture"]);
    let output = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).output().unwrap();
    let (said, complained) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && said.contains("1 passed"), "{child}: {said}{complained}");
}

#[test]
fn a_store_under_the_systems_key_store_opens_again_until_its_key_is_retired() {
    Session::start(Keyring::Unlocked).run("child_with_a_key_store");
}

#[test]
fn a_locked_key_store_is_unavailable_and_not_missing() {
    Session::start(Keyring::Unlocked).run("child_with_a_locked_key_store");
}

#[test]
fn a_key_store_that_does_not_answer_is_not_waited_for() {
    Session::start(Keyring::Unlocked).run("child_with_a_stopped_key_store");
}

#[test]
fn without_a_session_bus_the_key_store_is_missing_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let own = env::current_exe().unwrap();
    passes(program(own.to_str().unwrap(), folder.path()), "child_without_a_key_store");
    for address in ["", "autolaunch:", "unix:path=/nonexistent/bus", "nonsense"] {
        let mut command = program(own.to_str().unwrap(), folder.path());
        command.env("DBUS_SESSION_BUS_ADDRESS", address).env("DISPLAY", ":0");
        passes(command, "child_without_a_key_store");
    }
}

#[test]
fn a_session_without_a_key_store_says_so_at_once() {
    Session::start(Keyring::None).run("child_without_a_key_store");
}

#[test]
fn a_key_store_in_which_nothing_can_be_kept_is_missing_too() {
    Session::start(Keyring::Empty).run("child_with_an_empty_key_store");
}

#[test]
fn a_name_for_the_key_store_must_be_one() {
    for name in ["", "  ", "a\0b", "a\nb", &"x".repeat(129)] {
        let error = OsKeyStore::new(name).unwrap_err();
        assert_eq!((error.kind(), error.what()), (ErrorKind::InvalidArgument, Some("service")));
    }
    assert_eq!(OsKeyStore::new(SERVICE).unwrap().kind(), KeyProviderKind::OsKeyStore, "and nothing is asked yet");
}

fn folder() -> PathBuf {
    PathBuf::from(env::var_os("FOLDER").unwrap())
}

fn open(name: &str, keys: Arc<dyn KeyProvider>) -> Result<Office365> {
    let store = folder().join(name);
    Office365::open(Config::new("55555555-0000-4aaa-9bbb-666666666666", store.to_str().unwrap()), keys, Hooks::default())
}

/// What the store keeps of its key.
fn wrapped(name: &str) -> Vec<u8> {
    let connection = rusqlite::Connection::open(folder().join(name)).unwrap();
    connection.query_row("SELECT wrapped FROM store_key", [], |row| row.get(0)).unwrap()
}

/// The key store, once it is there: the daemon takes a moment.
fn key_store() -> OsKeyStore {
    let store = OsKeyStore::new(SERVICE).unwrap();
    let deadline = Instant::now() + Duration::from_secs(20);
    while store.check().is_err() {
        assert!(Instant::now() < deadline, "the key store does not start");
        thread::sleep(Duration::from_millis(50));
    }
    store
}

fn ask_bus(arguments: &[&str]) -> String {
    let mut command = Command::new("dbus-send");
    command.args(["--session", "--print-reply", "--dest=org.freedesktop.secrets"]).args(arguments);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn entries() -> usize {
    let property = ["string:org.freedesktop.Secret.Collection", "string:Items"];
    let place = ["/org/freedesktop/secrets/aliases/default", "org.freedesktop.DBus.Properties.Get"];
    ask_bus(&[place, property].concat()).matches("object path").count()
}

fn signal(name: &str, process: &str) {
    let kill = format!("kill -{name} {}", env::var(process).unwrap());
    assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
}

fn cause(error: &Error) -> (ErrorKind, &'static str) {
    shows_nothing(error);
    (error.kind(), error.detail())
}

const MISSING: (ErrorKind, &str) = (ErrorKind::KeyUnavailable, "KeyStoreMissing");
const UNAVAILABLE: (ErrorKind, &str) = (ErrorKind::KeyUnavailable, "KeyUnavailable");
const REJECTED: (ErrorKind, &str) = (ErrorKind::KeyRejected, "StoreWrongKey");

/// Case S-07, for what the provider does for it.
#[test]
#[ignore = "run by a_store_under_the_systems_key_store_opens_again_until_its_key_is_retired"]
fn child_with_a_key_store() {
    key_store();
    let keys = default_key_provider(SERVICE).unwrap();
    for _ in 0..2 {
        let office = open("own.db", Arc::clone(&keys)).unwrap();
        assert_eq!(office.protection().provider, KeyProviderKind::OsKeyStore);
        assert!(office.protection().older_copies_become_useless);
        office.close();
    }
    open("other.db", Arc::clone(&keys)).unwrap().close();
    assert_eq!(entries(), 2, "one for each store");
    let (own, other) = (wrapped("own.db"), wrapped("other.db"));
    assert_eq!((own[0], own.len()), (4, 1 + 16 + 24 + 32 + 16));
    assert_eq!(keys.unwrap(2, &own).unwrap_err().kind(), ErrorKind::KeyRejected, "bound to its number");
    assert_eq!(cause(&OsKeyStore::new("com.example.other").unwrap().unwrap(1, &own).unwrap_err()), REJECTED, "another app's");

    thread::scope(|scope| {
        let openers: Vec<_> = (0..4).map(|_| scope.spawn(|| keys.unwrap(1, &other))).collect();
        assert!(openers.into_iter().all(|opener| opener.join().unwrap().is_ok()), "callers wait for their turn");
    });

    keys.retire(&own).unwrap();
    keys.retire(&own).unwrap();
    keys.retire(&[]).unwrap();
    assert_eq!(entries(), 1);
    assert_eq!(cause(&open("own.db", Arc::clone(&keys)).unwrap_err()), REJECTED);
    open("other.db", Arc::clone(&keys)).unwrap().close();
    keys.retire(&other).unwrap();
    assert_eq!(entries(), 0);
}

#[test]
#[ignore = "run by a_locked_key_store_is_unavailable_and_not_missing"]
fn child_with_a_locked_key_store() {
    let keys = key_store();
    let wrapped = keys.wrap(1, &STORE_KEY).unwrap();
    let lock = "org.freedesktop.Secret.Service.Lock";
    ask_bus(&["/org/freedesktop/secrets", lock, "array:objpath:/org/freedesktop/secrets/collection/login"]);
    // Nobody is there to enter the password: the prompt is dismissed as if a person had done it.
    assert_eq!(cause(&keys.unwrap(1, &wrapped).unwrap_err()), UNAVAILABLE);
    assert_eq!(cause(&keys.wrap(1, &STORE_KEY).unwrap_err()), UNAVAILABLE);
    assert_eq!(cause(&keys.retire(&wrapped).unwrap_err()), UNAVAILABLE);
    keys.check().unwrap();
}

#[test]
#[ignore = "run by a_key_store_that_does_not_answer_is_not_waited_for"]
fn child_with_a_stopped_key_store() {
    let keys = key_store();
    let wrapped = keys.wrap(1, &STORE_KEY).unwrap();
    for process in ["KEYRING", "BUS"] {
        signal("STOP", process);
        let start = Instant::now();
        assert_eq!(cause(&keys.unwrap(1, &wrapped).unwrap_err()), MISSING, "{process}");
        assert!(start.elapsed() < Duration::from_secs(15), "{process}: {:?}", start.elapsed());
        let start = Instant::now();
        let again = keys.unwrap(1, &wrapped).unwrap_err();
        let is_bounded = start.elapsed() < Duration::from_secs(15);
        assert!([MISSING, UNAVAILABLE].contains(&cause(&again)) && is_bounded, "{process}: {:?}", start.elapsed());
        signal("CONT", process);
        let deadline = Instant::now() + Duration::from_secs(60);
        while keys.unwrap(1, &wrapped).is_err() {
            assert!(Instant::now() < deadline, "{process}: it does not come back");
            thread::sleep(Duration::from_millis(50));
        }
    }
}

#[test]
#[ignore = "run by without_a_session_bus_the_key_store_is_missing_at_once and others"]
fn child_without_a_key_store() {
    let start = Instant::now();
    let keys = Arc::new(OsKeyStore::new(SERVICE).unwrap());
    let error = open("own.db", Arc::clone(&keys) as Arc<dyn KeyProvider>).unwrap_err();
    assert_eq!((cause(&error), error.who_acts()), (MISSING, Actor::Developer));
    let next = error.next_step(intail_office365::Language::English);
    assert!(["key file", "passphrase", "key of its own"].iter().all(|way| next.contains(way)), "{next}");
    assert!(!folder().join("own.db").exists(), "no store without a key");
    assert_eq!(cause(&default_key_provider(SERVICE).map(|keys| keys.kind()).unwrap_err()), MISSING);
    assert_eq!(cause(&keys.unwrap(1, &[4; 100]).unwrap_err()), MISSING);
    assert_eq!(cause(&keys.retire(&[4; 100]).unwrap_err()), MISSING);
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
}

#[test]
#[ignore = "run by a_key_store_in_which_nothing_can_be_kept_is_missing_too"]
fn child_with_an_empty_key_store() {
    let keys = key_store();
    assert_eq!(cause(&keys.wrap(1, &STORE_KEY).unwrap_err()), MISSING);
    assert_eq!(cause(&keys.unwrap(1, &[4; 100]).unwrap_err()), REJECTED);
}
