//! What the keeping of accounts shows (case M-04): imports, events, shared refreshes, changes of key, damage and recovery. Every record
//! of the log, every text of every error and every `Debug` of a result is searched for everything that is secret or says who it is.

use crate::{
    needles::Needles,
    rig::{BIANCA, CAMERON, MEGAN, NILS, Rig},
};
use intail_office365::{
    Account, Error, HostKey, ImportReport, ImportSource, KeyFile, KeyProvider, Language, Office365, Passphrase, Result,
};
use rusqlite::Connection;
use serde_json::json;
use std::{fmt::Debug, fs, path::PathBuf, sync::Arc};

const PHRASE: &str = "planted-passphrase-needle";
const HOST_KEY: [u8; 32] = *b"planted-host-key-of-32-bytes-xyz";
/// In the path of the store, where a person's name often is.
const FOLDER: &str = "planted-folder";
/// In a file that is no cache of anybody.
const JUNK: &str = "planted-junk-in-a-file";

/// Everything that a host could log.
#[derive(Default)]
struct Shown(Vec<String>);

impl Shown {
    fn debug(&mut self, value: &impl Debug) {
        self.0.extend([format!("{value:?}"), format!("{value:#?}")]);
    }

    fn error(&mut self, error: &Error) {
        self.debug(error);
        self.0.extend([error.to_string(), error.what().unwrap_or_default().to_owned()]);
        for language in [Language::English, Language::German] {
            self.0.extend([error.message(language), error.next_step(language)].map(str::to_owned));
        }
        let mut source = std::error::Error::source(error);
        while let Some(cause) = source {
            self.0.push(format!("{cause} {cause:?}"));
            source = cause.source();
        }
    }

    /// Of a call that must fail.
    #[track_caller]
    fn failed<T: Debug>(&mut self, outcome: Result<T>) {
        self.error(&outcome.expect_err("must fail"));
    }

    fn report(&mut self, report: &ImportReport) {
        self.debug(report);
        let refused = report.refused.iter().map(|refused| &refused.error);
        refused.chain(report.left.iter().filter_map(|left| left.error.as_ref())).for_each(|error| self.error(error));
    }
}

/// Keys that say so when they cannot be had.
struct Locked;

impl KeyProvider for Locked {
    fn wrap(&self, _: u32, _: &[u8]) -> Result<Vec<u8>> {
        Err(Error::key_unavailable())
    }

    fn unwrap(&self, _: u32, _: &[u8]) -> Result<Vec<u8>> {
        Err(Error::key_rejected())
    }
}

struct Scene {
    rig: Rig,
    shown: Shown,
    store: PathBuf,
}

impl Scene {
    fn new() -> Self {
        let rig = Rig::new();
        let folder = rig.folder.path().join(FOLDER);
        fs::create_dir(&folder).unwrap();
        Self { rig, shown: Shown::default(), store: folder.join("office365.db") }
    }

    fn open(&self, keys: Arc<dyn KeyProvider>) -> Result<Office365> {
        Office365::open(self.config(), keys, self.rig.hooks())
    }

    fn config(&self) -> intail_office365::Config {
        let mut config = self.rig.config();
        self.store.to_str().unwrap().clone_into(&mut config.store_path);
        config
    }

    fn key_file(&self) -> Arc<dyn KeyProvider> {
        Arc::new(KeyFile::at(self.store.with_extension("key").to_str().unwrap()).unwrap())
    }

    fn imports(&mut self, office: &Office365) {
        let path = self.store.with_extension("json");
        let good = self.rig.control.msal_cache(&[MEGAN, NILS, BIANCA, CAMERON]);
        self.rig.control.set_user_disabled(NILS, true).unwrap();
        let mut foreign = self.rig.control.msal_cache(&[CAMERON]);
        for entry in foreign["RefreshToken"].as_object_mut().unwrap().values_mut() {
            entry["client_id"] = json!(JUNK);
        }
        for content in [good.to_string(), foreign.to_string()] {
            fs::write(&path, content).unwrap();
            let report = office.import_accounts(&ImportSource::msal(path.to_str().unwrap())).unwrap();
            self.shown.report(&report);
        }
        for content in [JUNK.to_owned(), json!([JUNK]).to_string(), json!({"RefreshToken": JUNK}).to_string()] {
            fs::write(&path, content).unwrap();
            let path = path.to_str().unwrap();
            for source in [ImportSource::msal(path), ImportSource::o365(path), ImportSource::email_oauth2_proxy(path, PHRASE)] {
                self.shown.debug(&source);
                match office.import_accounts(&source) {
                    Ok(report) => self.shown.report(&report),
                    Err(error) => self.shown.error(&error),
                }
            }
        }
    }

    /// Two handles on one store, of which one is told by the other's work.
    fn refreshes(&mut self, office: &Office365, other: &Office365) {
        let accounts = [office, other].map(|office| office.accounts().unwrap());
        self.rig.expire();
        for account in accounts.iter().flatten() {
            self.shown.debug(&account.acquire_token_silent().unwrap());
        }
        self.rig.control.revoke_sessions(MEGAN).unwrap();
        self.rig.expire();
        for account in accounts.iter().flatten().filter(|account| is(account, MEGAN)) {
            self.shown.failed(account.acquire_token_silent());
            self.shown.debug(&account.state());
        }
        self.shown.debug(&accounts);
    }

    fn keys(&mut self, office: &Office365) {
        let passphrase = |phrase: &str| Passphrase::new(phrase).map(|keys| Arc::new(keys) as Arc<dyn KeyProvider>);
        self.shown.failed(office.change_key(Arc::new(Locked)));
        for phrase in ["planted", &format!("{PHRASE}\0"), &PHRASE.repeat(100)] {
            self.shown.failed(passphrase(phrase).map(drop));
        }
        self.shown.debug(&Passphrase::new(PHRASE).unwrap());
        office.change_key(passphrase(PHRASE).unwrap()).unwrap();
        self.shown.debug(&office.protection());
        self.shown.failed(self.open(passphrase(&PHRASE.to_uppercase()).unwrap()));
        office.change_key(self.key_file()).unwrap();
        self.shown.debug(&office.rotate_store_key().unwrap());
        self.shown.failed(self.open(Arc::new(Locked)));
        self.shown.failed(self.open(Arc::new(HostKey::new(&HOST_KEY).unwrap())));
        self.shown.debug(&(office, office.diagnose().unwrap()));
    }

    fn damage(&mut self) {
        let edited = Connection::open(&self.store).unwrap();
        edited.execute("UPDATE account SET credentials = x'0102' WHERE rowid = 1", []).unwrap();
        drop(edited);
        let office = self.open(self.key_file()).unwrap();
        self.shown.debug(&office.diagnose().unwrap());
        for id in office.diagnose().unwrap().damaged_account_ids {
            self.shown.failed(office.account(&id));
        }
        office.close();
        let mut bytes = fs::read(&self.store).unwrap();
        bytes[..100].fill(0);
        fs::write(&self.store, bytes).unwrap();
        self.shown.failed(self.open(self.key_file()));
        self.shown.debug(&Office365::inspect(&self.config(), self.key_file()));
        self.shown.failed(Office365::recover(&self.config(), Arc::new(Locked)));
        self.shown.debug(&Office365::recover(&self.config(), self.key_file()).unwrap());
        self.shown.debug(&Office365::inspect(&self.config(), self.key_file()));
        fs::write(&self.store, JUNK).unwrap();
        self.shown.failed(Office365::recover(&self.config(), self.key_file()));
        self.shown.debug(&Office365::discard_store(&self.config()).unwrap());
    }

    /// All texts, those of the log and of the events among them.
    fn texts(&self) -> String {
        [&self.shown.0[..], &self.rig.records.texts(), &self.rig.watcher.texts()].concat().join("\n")
    }
}

fn is(account: &Account, user: &str) -> bool {
    account.info().username.as_deref() == Some(user)
}

#[test]
fn m_04_nothing_that_is_kept_is_shown() {
    let mut scene = Scene::new();
    let keys = || Arc::new(HostKey::new(&HOST_KEY).unwrap()) as Arc<dyn KeyProvider>;
    let (office, other) = (scene.open(keys()).unwrap(), scene.open(keys()).unwrap());
    scene.imports(&office);
    scene.refreshes(&office, &other);
    other.close();
    scene.keys(&office);
    office.close();
    scene.damage();

    let mut needles = Needles::of(&scene.rig.sandbox);
    for planted in [PHRASE, FOLDER, JUNK, std::str::from_utf8(&HOST_KEY).unwrap()] {
        needles.add(planted);
    }
    let texts = scene.texts();
    assert_eq!(needles.found_in(&texts), Vec::<&str>::new(), "{texts}");
    for part in ["import.refused", "store.key-changed", "store.key-rotated", "token.refused", "StoreUnrecoverable", "set_aside"] {
        assert!(texts.contains(part), "the search went through what tells of {part}: {texts}");
    }
    // The twin: a host that shows what it was handed is found out.
    let account = &scene.rig.control.users()[0];
    for told in [account.user_name.clone(), scene.store.display().to_string(), format!("{HOST_KEY:?}")] {
        assert!(!needles.found_in(&format!("{texts}{told}")).is_empty(), "{told}");
    }
    let (_, token) = scene.rig.sandbox.issued_secrets().pop().unwrap();
    assert!(!needles.found_in(&format!("{texts}{}", &token[..20])).is_empty());
}
