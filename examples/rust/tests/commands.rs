//! The command-line host against the sandbox, as its user meets it: what a command prints, how it ends, and what it never prints.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that meets something unexpected should stop"
)]

use intail_office365_sandbox::{Control, Sandbox, SandboxOptions};
use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

const ADELE: &str = "adele@contoso.example";
const MEGAN: &str = "megan@northwind.example";
const NILS: &str = "nils@northwind.example";
const PHRASE: &str = "correct horse battery staple";
const OTHER_PHRASE: &str = "another long phrase";

/// How a command ended, and what it printed.
#[derive(Debug)]
struct Ended {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Ended {
    /// It succeeded, and printed each of these.
    #[track_caller]
    fn says(self, texts: &[&str]) -> Self {
        assert!(self.code == Some(0) && texts.iter().all(|text| self.out.contains(text)), "{texts:?}: {self:?}");
        self
    }

    /// It failed, and said each of these on standard error.
    #[track_caller]
    fn fails(self, texts: &[&str]) -> Self {
        assert!(self.code == Some(1) && texts.iter().all(|text| self.err.contains(text)), "{texts:?}: {self:?}");
        self
    }
}

/// A sandbox and a folder of its own.
struct Rig {
    sandbox: Sandbox,
    control: Control,
    folder: tempfile::TempDir,
}

impl Rig {
    fn new() -> Self {
        let sandbox = Sandbox::start(SandboxOptions::default()).unwrap();
        Self { control: sandbox.control(), sandbox, folder: tempfile::tempdir().unwrap() }
    }

    /// With Megan's account in the store, which needs no browser.
    fn with_megan() -> Self {
        let rig = Self::new();
        rig.run(&["import", "msal", &rig.cache(&[MEGAN])]).says(&["imported  megan@northwind.example"]);
        rig
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A file of msal with the sign-ins of these people.
    fn cache(&self, users: &[&str]) -> String {
        let path = self.path("msal_cache.json");
        fs::write(&path, self.control.msal_cache(users).to_string()).unwrap();
        path.to_str().unwrap().to_owned()
    }

    fn run(&self, arguments: &[&str]) -> Ended {
        self.run_with(arguments, "")
    }

    /// Runs a command to its end, which types these lines. Neither a passphrase nor a token is ever printed.
    fn run_with(&self, arguments: &[&str], typed: &str) -> Ended {
        let mut child = Command::new(env!("CARGO_BIN_EXE_office365"))
            .args(["--sandbox", &self.sandbox.authority(), "--folder", self.folder.path().to_str().unwrap()])
            .args(arguments)
            // Nobody's key store is asked.
            .env("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent/bus")
            .env_remove("INTAIL_KEY")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // A command that asks for nothing may have ended before it is written to.
        let _ = child.stdin.take().unwrap().write_all(typed.as_bytes());
        let output = child.wait_with_output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        let ended = Ended { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) };
        assert!(![&ended.out, &ended.err].into_iter().any(|text| self.has_secret(text)), "a secret is printed by {arguments:?}");
        ended
    }

    /// A passphrase, an access token, or one of the tokens that were to be imported.
    fn has_secret(&self, text: &str) -> bool {
        let saved = fs::read_to_string(self.path("msal_cache.json")).unwrap_or_default();
        let mut tokens = saved.split("\"secret\":\"").skip(1).filter_map(|rest| rest.split('"').next());
        [PHRASE, OTHER_PHRASE, "eyJ"].into_iter().any(|secret| text.contains(secret)) || tokens.any(|token| text.contains(token))
    }
}

/// Overwrites SQLite's first page.
fn damage(store: &Path) {
    let mut bytes = fs::read(store).unwrap();
    bytes[..100].fill(0);
    fs::write(store, bytes).unwrap();
}

#[test]
fn the_key_changes_and_the_account_stays() {
    let rig = Rig::with_megan();
    rig.run(&["protection"]).says(&["only your user account can read", "It does not protect from"]);
    rig.run_with(&["change-key", "passphrase"], &format!("{PHRASE}\n"))
        .says(&["sealed with your passphrase", "--key passphrase rotate-key"]);

    let with_phrase = |command: &[&str], typed: &str| rig.run_with(&[&["--key", "passphrase"], command].concat(), typed);
    rig.run(&["token"]).fails(&["cannot be opened with this key", "(StoreWrongKey"]);
    with_phrase(&["token"], &format!("{OTHER_PHRASE}\n")).fails(&["The passphrase does not open", "Enter the passphrase again"]);
    with_phrase(&["token"], "").fails(&["No key for the store was given", "Who has to act: "]);
    with_phrase(&["token"], &format!("{PHRASE}\n")).says(&["A token for Megan"]);
    with_phrase(&["rotate-key"], &format!("{PHRASE}\n")).says(&["Sealed anew: 1 account."]);

    // To another passphrase, which is the second line; one that is too short is refused and the old one stays in force.
    with_phrase(&["change-key", "passphrase"], &format!("{PHRASE}\nshort\n")).fails(&["Choose a passphrase of 12 characters"]);
    with_phrase(&["change-key", "passphrase"], &format!("{PHRASE}\n{OTHER_PHRASE}\n")).says(&["From now on"]);
    let file = format!("file={}", rig.path("elsewhere.key").display());
    with_phrase(&["change-key", &file], &format!("{PHRASE}\n")).fails(&["The passphrase does not open"]);
    with_phrase(&["change-key", &file], &format!("{OTHER_PHRASE}\n")).says(&["a key in a file", &file]);
    rig.run(&["--key", &file, "token"]).says(&["A token for Megan"]);
    // The same place again is a fresh key.
    let before = fs::read(rig.path("elsewhere.key")).unwrap();
    rig.run(&["--key", &file, "change-key", &file]).says(&["a key in a file"]);
    assert_ne!(fs::read(rig.path("elsewhere.key")).unwrap(), before);
    rig.run(&["--key", &file, "token"]).says(&["A token for Megan"]);
}

#[test]
fn mail_and_calendar_are_read_as_text_and_as_json() {
    let rig = Rig::with_megan();
    let lines = |arguments: &[&str]| {
        let ended = rig.run(arguments);
        assert_eq!(ended.code, Some(0), "{arguments:?}: {}", ended.err);
        ended.out.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    assert!(lines(&["profile"])[0].contains("megan@northwind.example"));
    assert_eq!(lines(&["messages", "--count", "5", "--in", "inbox"]).len(), 5);
    for line in lines(&["messages", "--json"]) {
        let message: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert!(message["id"].is_string() && message["received_at"].is_i64(), "{line}");
    }
    let event: serde_json::Value = serde_json::from_str(&lines(&["events", "--days", "14", "--json"])[0]).unwrap();
    assert!(event["start"]["date_time"].is_string(), "{event}");
    assert_eq!(lines(&["sync"]).len(), 36);
    assert_eq!(lines(&["sync"]).len(), 0, "nothing is new");
    rig.control.add_message(MEGAN, "inbox", "Lunch?").unwrap();
    assert_eq!(lines(&["sync"]), ["+ Lunch?"]);
    assert_eq!(lines(&["sync", "--all"]).len(), 61, "all of it: other folders, each with a cursor of its own");
    rig.control.add_message(MEGAN, "archive", "Supper?").unwrap();
    assert_eq!(lines(&["sync", "--all"]), ["+ Supper?"]);
    assert!(lines(&["diagnose"]).iter().any(|line| line == "sign-in service: ok"));
}

#[test]
fn the_search_for_secrets_finds_them() {
    let rig = Rig::new();
    let path = rig.cache(&[MEGAN]);
    let saved = fs::read_to_string(path).unwrap();
    assert!(rig.has_secret(&saved) && rig.has_secret(&format!("with {PHRASE}")) && rig.has_secret("Bearer eyJ0"));
    assert!(!rig.has_secret("A token for Megan is there."));
}

#[cfg(target_os = "linux")]
#[test]
fn a_machine_without_a_key_store_is_told_what_else_there_is() {
    let rig = Rig::with_megan();
    rig.run(&["--key", "os", "accounts"]).fails(&["no key store", "a key file, a passphrase"]);
    rig.run(&["change-key", "os"]).fails(&["no key store"]);
    rig.run(&["token"]).says(&["A token for Megan"]);
}

#[test]
fn an_import_names_every_account_and_leaves_its_file_alone() {
    let rig = Rig::with_megan();
    let path = rig.cache(&[MEGAN, NILS, ADELE]);
    let of_another_app =
        fs::read_to_string(&path).unwrap().replace(&rig.control.client_id(), "99999999-0000-4aaa-9bbb-666666666666");
    fs::write(&path, &of_another_app).unwrap();
    let refused = "refused   nils@northwind.example: The saved sign-in belongs to another app registration";
    rig.run(&["import", "msal", &path]).says(&[refused, "Connect the account."]);
    assert_eq!(fs::read_to_string(&path).unwrap(), of_another_app);

    let path = rig.cache(&[MEGAN, NILS]);
    rig.run(&["import", "msal", &path, "--user", NILS])
        .says(&["imported  nils@northwind.example", "left      megan@northwind.example is not the account that was asked for."]);
    rig.run(&["import", "msal", &path]).says(&["left      megan@northwind.example is connected here already."]);
    rig.run(&["token", NILS]).says(&["A token for Nils"]);

    fs::write(&path, "{}").unwrap();
    rig.run(&["import", "msal", &path]).says(&["The file holds no account."]);
    fs::write(&path, "not a cache").unwrap();
    rig.run(&["import", "msal", &path]).fails(&["This is not what the other app saves", "Choose the file"]);
    rig.run(&["import", "o365", "/nonexistent/token.txt"]).fails(&["cannot be read", "ImportUnreadable"]);
    rig.run_with(&["import", "email-oauth2-proxy", &path], "a password\n").fails(&["(ImportFormat"]);
}

#[test]
fn a_damaged_store_is_looked_at_then_mended_or_thrown_away() {
    let rig = Rig::with_megan();
    let store = rig.path("sandbox.db");
    rig.run(&["inspect"]).says(&["readable   1 account", "nothing has to be done"]);
    rig.run(&["recover"]).says(&["Nothing is damaged, and nothing was changed."]);
    damage(&store);
    let before = fs::read(&store).unwrap();
    rig.run(&["token"]).fails(&["The store is damaged.", "office365 inspect"]);
    let looked = rig.run(&["inspect"]).fails(&["The store is damaged."]);
    assert!(looked.out.contains("readable   1 account") && looked.out.contains("office365 recover"), "{looked:?}");
    assert_eq!(fs::read(&store).unwrap(), before, "a look changes nothing");
    rig.run(&["recover"]).says(&["Saved: 1 account. Lost: 0.", ".damaged-"]);
    rig.run(&["token"]).says(&["A token for Megan"]);
    rig.run(&["inspect"]).says(&["set aside", ".damaged-"]);

    for wrong in [&["discard"][..], &["discard", "all"]] {
        let ended = rig.run(wrong);
        assert!(ended.code == Some(2) && ended.err.contains("everything") && store.exists(), "{ended:?}");
    }
    rig.run(&["discard", "everything"]).says(&["removed  ", "sandbox.db"]);
    assert!(!store.exists());
    rig.run(&["discard", "everything"]).says(&["There was nothing."]);
    rig.run(&["accounts"]).says(&["No account is connected."]);
}

#[test]
fn wrong_words_are_answered_with_the_right_ones() {
    let rig = Rig::new();
    for (arguments, names) in [
        (&["--key", "vault", "accounts"][..], "file, file=PATH, os, passphrase"),
        (&["--key", "file=", "accounts"], "file, file=PATH, os, passphrase"),
        (&["change-key"], "<TO>"),
        (&["import", "outlook", "x"], "email-oauth2-proxy"),
    ] {
        let ended = rig.run(arguments);
        assert!(ended.code == Some(2) && ended.err.contains(names), "{ended:?}");
    }
    assert!(!rig.path("sandbox.db").exists());
    rig.run(&["token"]).fails(&["office365 accounts"]);
}
