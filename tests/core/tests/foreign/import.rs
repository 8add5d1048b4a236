//! Importing what other programs saved: each signs somebody in at the sandbox and writes its own file, which is then read.

use crate::partner::Partner;
use intail_office365::{Config, Hooks, HostKey, ImportReport, ImportSource, LeftReason, Office365};
use intail_office365_sandbox::{Control, Person, Sandbox, SandboxOptions};
use serde_json::{Value, json};
use std::{collections::BTreeMap, fmt::Write as _, fs, path::PathBuf, sync::Arc, time::SystemTime};

const ADELE: &str = "adele@contoso.example";
const ALEX: &str = "alex@contoso.example";
const SCOPES: [&str; 3] = ["User.Read", "Mail.ReadBasic", "Calendars.Read"];
const PASSWORD: &str = "needle password of a mail program äöü";

/// The sandbox, the programs, and a folder for what they write.
struct Rig {
    sandbox: Sandbox,
    savers: Partner,
    folder: tempfile::TempDir,
    saved: PathBuf,
}

impl Rig {
    /// `None` where this machine cannot have them, which tests/setup.sh has said.
    fn start() -> Option<Self> {
        let savers = Partner::start("PYTHON", "savers.py", &[])?;
        let sandbox = Sandbox::start(SandboxOptions::default()).unwrap();
        sandbox.control().approve("contoso").unwrap();
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("ca.pem"), sandbox.ca_pem()).unwrap();
        let saved = folder.path().join("saved");
        fs::create_dir(&saved).unwrap();
        let rig = Self { sandbox, savers, folder, saved };
        rig.savers.ask(&json!({"do": "start", "log": rig.beside("emailproxy.log")}));
        Some(rig)
    }

    fn control(&self) -> Control {
        self.sandbox.control()
    }

    fn beside(&self, name: &str) -> String {
        self.folder.path().join(name).to_string_lossy().into_owned()
    }

    /// A file of the programs.
    fn file(&self, name: &str) -> String {
        self.saved.join(name).to_string_lossy().into_owned()
    }

    /// Signs `user` in with `program`, which writes its file; its own answers to the rest are in `settings`.
    fn save(&self, program: &str, user: &str, path: &str, settings: &Value) {
        let https = self.sandbox.https_authority().unwrap();
        let mut question = json!({
            "do": "begin", "program": program, "path": path, "scopes": SCOPES, "client_id": self.control().client_id(),
            "authority": format!("{https}/organizations"), "ca": self.beside("ca.pem"),
        });
        question.as_object_mut().unwrap().extend(settings.as_object().cloned().unwrap_or_default());
        let begun = self.savers.ask(&question);
        // The robot speaks plain HTTP, to the same sandbox.
        let url = begun["auth_uri"].as_str().unwrap().replace(&https, &self.sandbox.authority());
        let visit = Person::new(user).deliver(false).browse(&url);
        let redirect = visit.redirect.clone().unwrap_or_else(|| panic!("nothing came back: {visit:?}"));
        self.savers.ask(&json!({"do": "complete", "redirect_url": redirect}));
    }

    /// The configuration that a person writes for email-oauth2-proxy, before it has any token.
    fn write_proxy_config(&self, path: &str, users: &[&str]) {
        let (authority, client_id) = (self.sandbox.authority(), self.control().client_id());
        let mut text = "[emailproxy]\n\n[IMAP-1993]\nserver_address = outlook.office365.com\nserver_port = 993\n".to_owned();
        for user in users {
            write!(
                text,
                "\n[{user}]\npermission_url = {authority}/common/oauth2/v2.0/authorize\ntoken_url = {authority}/common/oauth2/v2.0/token\n\
                 oauth2_scope = {} offline_access\nredirect_uri = http://localhost:8400\nclient_id = {client_id}\nuse_pkce = True\n",
                SCOPES.join(" ")
            )
            .unwrap();
        }
        fs::write(path, text).unwrap();
    }

    fn open(&self) -> Office365 {
        let mut config = Config::new(&self.control().client_id(), &self.beside("office365.db"));
        config.authority = Some(self.sandbox.authority());
        config.graph_base = Some(self.sandbox.graph_base());
        Office365::open(config, Arc::new(HostKey::new(&[7; 32]).unwrap()), Hooks::default()).unwrap()
    }

    /// Imports, and holds what is promised every time: one refresh for each account that is taken, a token of its own for each
    /// without a further one, and files that are as they were.
    fn import(&self, office: &Office365, source: &ImportSource, refreshes: usize) -> ImportReport {
        let (before, asked) = (self.snapshot(), self.refreshes());
        let report = office.import_accounts(source).unwrap();
        assert_eq!(self.refreshes() - asked, refreshes, "{report:?}");
        for imported in &report.imported {
            let account = office.account(&imported.account_id).unwrap();
            assert_eq!(account.info().username.as_deref(), imported.username.as_deref());
            assert!(!account.acquire_token_silent().unwrap().secret().is_empty());
        }
        assert_eq!(self.refreshes() - asked, refreshes, "the token of the proof is handed out");
        assert_eq!(self.snapshot(), before, "the source was changed");
        assert!(!format!("{source:?} {report:?}").contains("needle"));
        report
    }

    fn refreshes(&self) -> usize {
        let asked = self.control().log_of("/oauth2/v2.0/token");
        asked.iter().filter(|entry| entry.value("grant_type") == Some("refresh_token")).count()
    }

    /// Every file of the programs, with its content and time.
    fn snapshot(&self) -> BTreeMap<PathBuf, (Vec<u8>, SystemTime)> {
        let entries = fs::read_dir(&self.saved).unwrap().map(|entry| entry.unwrap().path());
        let file = |path: PathBuf| {
            let facts = (fs::read(&path).unwrap(), fs::metadata(&path).unwrap().modified().unwrap());
            (path, facts)
        };
        entries.map(file).collect()
    }
}

fn names(report: &ImportReport) -> Vec<&str> {
    report.imported.iter().filter_map(|account| account.username.as_deref()).collect()
}

/// The file changes, a file appears: the comparison that must find nothing finds both.
#[test]
fn a_changed_source_would_be_noticed() {
    let Some(rig) = Rig::start() else { return };
    rig.write_proxy_config(&rig.file("emailproxy.config"), &[ADELE]);
    let before = rig.snapshot();
    fs::write(rig.file("emailproxy.config.lock"), "").unwrap();
    assert_ne!(rig.snapshot(), before);
    fs::remove_file(rig.file("emailproxy.config.lock")).unwrap();
    assert_eq!(rig.snapshot(), before);
    rig.write_proxy_config(&rig.file("emailproxy.config"), &[ALEX]);
    assert_ne!(rig.snapshot(), before);
}

#[test]
fn accounts_that_msal_saved() {
    let Some(rig) = Rig::start() else { return };
    let path = rig.file("msal_cache.json");
    rig.save("msal", ADELE, &path, &json!({}));
    rig.save("msal", ALEX, &path, &json!({}));
    let (office, source) = (rig.open(), ImportSource::msal(&path));
    let report = rig.import(&office, &source, 2);
    let mut taken = names(&report);
    taken.sort_unstable();
    assert_eq!((taken.as_slice(), report.refused.len(), report.left.len()), (&[ADELE, ALEX][..], 0, 0));
    let again = rig.import(&office, &source, 0);
    assert!(again.imported.is_empty() && again.left.iter().all(|left| left.reason == LeftReason::AlreadyConnected));
    let ids: Vec<_> = again.left.iter().map(|left| left.account_id.clone().unwrap()).collect();
    assert_eq!(ids, report.imported.iter().map(|account| account.account_id.clone()).collect::<Vec<_>>());
    // The program that saved them goes on as before: a new sign-in is written, and nothing is wrong with the first.
    rig.save("msal", ADELE, &path, &json!({}));
}

#[test]
fn accounts_that_msal_extensions_saved() {
    let Some(rig) = Rig::start() else { return };
    let path = rig.file("msal_token_cache.bin");
    rig.save("msal-extensions", ADELE, &path, &json!({}));
    let report = rig.import(&rig.open(), &ImportSource::msal(&path), 1);
    assert_eq!((names(&report), report.refused.len(), report.left.len()), (vec![ADELE], 0, 0));
}

#[test]
fn an_account_that_o365_saved() {
    let Some(rig) = Rig::start() else { return };
    let path = rig.file("o365_token.txt");
    rig.save("o365", ADELE, &path, &json!({}));
    let report = rig.import(&rig.open(), &ImportSource::o365(&path), 1);
    assert_eq!((names(&report), report.refused.len(), report.left.len()), (vec![ADELE], 0, 0));
}

/// With a `cryptography_manager` of Fernet, which a host has to write itself.
#[test]
fn an_account_that_o365_saved_sealed() {
    let Some(rig) = Rig::start() else { return };
    let path = rig.file("o365_token.txt");
    let key = |_| rig.savers.ask(&json!({"do": "fernet_key"}))["key"].as_str().unwrap().to_owned();
    let [right, other] = [0, 1].map(key);
    rig.save("o365", ADELE, &path, &json!({ "key": right }));
    let source =
        |key: &str| ImportSource { password: Some(intail_office365::ImportPassword::new(key)), ..ImportSource::o365(&path) };
    let office = rig.open();
    for (source, what) in [
        (ImportSource::o365(&path), "missing"),
        (source(&other), "wrong"),
        (source("no key at all"), "wrong"),
        (source(""), "wrong"),
    ] {
        let error = office.import_accounts(&source).unwrap_err();
        assert_eq!((error.detail(), error.what()), ("ImportPassword", Some(what)));
    }
    assert_eq!(names(&rig.import(&office, &source(&right), 1)), [ADELE]);
}

#[test]
fn accounts_that_email_oauth2_proxy_saved() {
    let Some(rig) = Rig::start() else { return };
    let path = rig.file("emailproxy.config");
    rig.write_proxy_config(&path, &[ADELE, ALEX]);
    let office = rig.open();
    let before = rig.import(&office, &ImportSource::email_oauth2_proxy(&path, PASSWORD), 0);
    assert!(before.left.len() == 2 && before.left.iter().all(|left| left.reason == LeftReason::NoRefreshToken), "{before:?}");
    rig.save("email-oauth2-proxy", ADELE, &path, &json!({"username": ADELE, "password": PASSWORD}));
    rig.save("email-oauth2-proxy", ALEX, &path, &json!({"username": ALEX, "password": "another one"}));
    // Each has a password of its own; a wrong one is refused and nothing is sent.
    let report = rig.import(&office, &ImportSource::email_oauth2_proxy(&path, PASSWORD), 1);
    assert_eq!(names(&report), [ADELE]);
    let [refused] = report.refused.as_slice() else { panic!("{report:?}") };
    assert_eq!((refused.username.as_deref(), refused.error.detail()), (Some(ALEX), "ImportPassword"));
    let mut of_alex = ImportSource::email_oauth2_proxy(&path, "another one");
    of_alex.username = Some(ALEX.to_uppercase());
    let report = rig.import(&office, &of_alex, 1);
    assert_eq!((names(&report), report.left.len(), report.left[0].reason), (vec![ALEX], 1, LeftReason::NotAskedFor));
    // The proxy still opens its own file.
    rig.savers.ask(&json!({"do": "log_in_again"}));
}

/// The file says which mailbox a token is for, and not whose it is: another person's is refused.
#[test]
fn a_mailbox_that_somebody_else_opened() {
    let Some(rig) = Rig::start() else { return };
    let path = rig.file("emailproxy.config");
    rig.write_proxy_config(&path, &[ADELE]);
    rig.save("email-oauth2-proxy", ALEX, &path, &json!({"username": ADELE, "password": PASSWORD}));
    let office = rig.open();
    let report = rig.import(&office, &ImportSource::email_oauth2_proxy(&path, PASSWORD), 1);
    assert_eq!((report.refused.len(), report.refused[0].error.detail()), (1, "WrongAccount"));
    assert!(office.accounts().unwrap().is_empty());
}

/// The tokens are in the file of `--cache-store`, the registration in the configuration.
#[test]
fn accounts_that_email_oauth2_proxy_saved_in_a_cache_of_their_own() {
    let Some(rig) = Rig::start() else { return };
    let (config, cache) = (rig.file("emailproxy.config"), rig.file("credentials.cache"));
    rig.write_proxy_config(&config, &[ADELE]);
    rig.save("email-oauth2-proxy", ADELE, &config, &json!({"username": ADELE, "password": PASSWORD, "cache_store": cache}));
    let office = rig.open();
    let mut source = ImportSource::email_oauth2_proxy(&config, PASSWORD);
    assert_eq!(rig.import(&office, &source, 0).left[0].reason, LeftReason::NoRefreshToken, "the configuration alone has none");
    source.cache_path = Some(cache);
    assert_eq!(names(&rig.import(&office, &source, 1)), [ADELE]);
}
