//! A host that says nothing: the tests run it as a process of its own, to see that the library says nothing either, and to kill it.
//!
//! `quiet_host story|keep|begin|refresh|browse|careless|loud AUTHORITY CLIENT_ID FOLDER`; what it has to tell goes to `FOLDER/told`.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "what goes wrong shows on stderr, where the test looks")]

use intail_office365::{
    BrowserOpener, CallOptions, Config, ConnectOptions, ErrorKind, Hooks, HostKey, ImportSource, KeyFile, KeyProvider, Office365,
    Passphrase, Result,
};
use intail_office365_sandbox::Person;
use std::{
    env::{args, vars_os},
    fs,
    path::PathBuf,
    process::Command,
    sync::Arc,
    thread,
    time::Duration,
};

const ADELE: &str = "adele@contoso.example";
const MEGAN: &str = "megan@northwind.example";

struct Robot(&'static str);

impl BrowserOpener for Robot {
    fn open(&self, url: &str) -> Result<()> {
        let (person, url) = (Person::new(self.0), url.to_owned());
        thread::spawn(move || person.browse(&url));
        Ok(())
    }
}

/// Gives a program of its own more than the address, to prove that the test would notice.
struct Careless;

impl BrowserOpener for Careless {
    fn open(&self, url: &str) -> Result<()> {
        let mut browser = Command::new("xdg-open");
        browser.args([url, "--verifier=x"]).env("CODE_VERIFIER", "x").spawn().unwrap().wait().unwrap();
        Ok(())
    }
}

struct Host {
    authority: String,
    client_id: String,
    folder: PathBuf,
}

fn main() {
    let [role, authority, client_id, folder] = args().skip(1).collect::<Vec<_>>().try_into().expect("four arguments");
    let host = Host { authority, client_id, folder: folder.into() };
    match role.as_str() {
        "story" => host.story(),
        "keep" => host.keep(),
        "browse" => host.browse(Hooks::default()),
        "careless" => host.browse(Hooks { browser: Some(Arc::new(Careless)), ..Hooks::default() }),
        "begin" => host.begin(),
        "refresh" => host.refresh(),
        "loud" => loud(),
        _ => unreachable!("the tests know the roles"),
    }
}

#[expect(clippy::print_stdout, clippy::print_stderr, reason = "proves that the test would notice")]
fn loud() {
    println!("x");
    eprintln!("x");
}

impl Host {
    fn config(&self) -> Config {
        let mut config = Config::new(&self.client_id, self.folder.join("office365.db").to_str().unwrap());
        config.authority = Some(self.authority.clone());
        config.graph_base = Some(format!("{}/graph", self.authority));
        config
    }

    fn open(&self, robot: &'static str, key: u8) -> Result<Office365> {
        let hooks = Hooks { browser: Some(Arc::new(Robot(robot))), ..Hooks::default() };
        Office365::open(self.config(), Arc::new(HostKey::new(&[key; 32])?), hooks)
    }

    fn tell(&self, text: &str) {
        let unfinished = self.folder.join("told.new");
        fs::write(&unfinished, text).unwrap();
        fs::rename(unfinished, self.folder.join("told")).unwrap();
    }

    /// What goes well and what does not.
    fn story(&self) {
        let office = self.open(ADELE, 7).unwrap();
        let impatient = office.with(CallOptions { timeout_ms: Some(400), cancel: None });
        let refused = impatient.connect(&ConnectOptions::default(), None).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::TimedOut);
        office.complete_connect("http://localhost/?code=x&state=y", None).unwrap_err();
        office.close();
        self.open(MEGAN, 8).unwrap_err();
        let office = self.open(MEGAN, 7).unwrap();
        let account = office.connect(&ConnectOptions::default(), None).unwrap();
        account.acquire_token_silent().unwrap();
        account.disconnect().unwrap();
        account.acquire_token_silent().unwrap_err();
        office.close();
    }

    /// What becomes of a store: accounts from elsewhere, keys that change, files that are damaged.
    fn keep(&self) {
        let office = self.open(MEGAN, 7).unwrap();
        let saved = self.folder.join("saved.json");
        let report = office.import_accounts(&ImportSource::msal(saved.to_str().unwrap())).unwrap();
        assert!(!report.imported.is_empty() && !report.refused.is_empty());
        fs::write(&saved, "no cache").unwrap();
        office.import_accounts(&ImportSource::o365(saved.to_str().unwrap())).unwrap_err();
        let file =
            || KeyFile::at(self.folder.join("office365.key").to_str().unwrap()).map(|file| Arc::new(file) as Arc<dyn KeyProvider>);
        office.change_key(Arc::new(Passphrase::new("correct horse battery").unwrap())).unwrap();
        office.change_key(file().unwrap()).unwrap();
        office.rotate_store_key().unwrap();
        office.close();
        self.open(MEGAN, 7).unwrap_err();
        let store = self.folder.join("office365.db");
        let mut bytes = fs::read(&store).unwrap();
        bytes.iter_mut().take(100).for_each(|byte| *byte = 0);
        fs::write(&store, bytes).unwrap();
        Office365::open(self.config(), file().unwrap(), Hooks::default()).unwrap_err();
        assert!(Office365::inspect(&self.config(), file().unwrap()).error.is_some());
        assert!(!Office365::recover(&self.config(), file().unwrap()).unwrap().accounts.is_empty());
        fs::write(&store, "no store").unwrap();
        Office365::recover(&self.config(), file().unwrap()).unwrap_err();
        Office365::discard_store(&self.config()).unwrap();
    }

    /// Connects through the system's own browser, and looks whether that changed anything that its children would inherit.
    fn browse(&self, hooks: Hooks) {
        let before: Vec<_> = vars_os().collect();
        let office = Office365::open(self.config(), Arc::new(HostKey::new(&[7; 32]).unwrap()), hooks).unwrap();
        let account = office.connect(&ConnectOptions::default(), None).unwrap();
        account.acquire_token_silent().unwrap();
        assert_eq!(vars_os().collect::<Vec<_>>(), before);
        account.disconnect().unwrap();
        office.close();
        self.tell("connected");
    }

    /// Begins a sign-in, tells its address, and is killed.
    fn begin(&self) {
        let office = self.open(MEGAN, 7).unwrap();
        self.tell(&office.begin_connect(&ConnectOptions::default()).unwrap().url);
        thread::sleep(Duration::from_secs(60));
    }

    /// Refreshes every account, tells when a token is there, and is killed.
    fn refresh(&self) {
        let office = self.open(MEGAN, 7).unwrap();
        for account in office.accounts().unwrap() {
            account.acquire_token_silent().unwrap();
        }
        self.tell("refreshed");
        thread::sleep(Duration::from_secs(60));
    }
}
