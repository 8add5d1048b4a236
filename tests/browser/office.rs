//! A host app and the sandbox it signs in at, over HTTPS, with a browser that the test drives.

use std::{
    fmt::Debug,
    path::Path,
    sync::{
        Arc, Mutex,
        mpsc::{Receiver, Sender, channel},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use intail_office365::{
    Account, BrowserOpener, CallOptions, CancelToken, Config, ConnectOptions, Error, Hooks, HostKey, Office365, Result,
};
use intail_office365_sandbox::{Control, Sandbox, SandboxOptions, Scenario};
use tempfile::TempDir;
use url::Url;

use crate::chromium::Tab;

pub(crate) const APP: &str = "Intail Assistant";
pub(crate) const RETURN_URL: &str = "https://assistant.intail.example/connected?from=office365";

/// One app on one store, and one sandbox.
#[derive(Debug)]
pub(crate) struct World {
    sandbox: Sandbox,
    folder: TempDir,
}

/// A call that waits for the person in the browser.
#[derive(Debug)]
pub(crate) struct Waiting<T> {
    /// The address that the library gave to the browser.
    pub(crate) url: String,
    cancel: Arc<CancelToken>,
    call: JoinHandle<Result<T>>,
}

impl World {
    pub(crate) fn new() -> World {
        let mut scenario = Scenario::default();
        APP.clone_into(&mut scenario.app.name);
        let sandbox = Sandbox::start(SandboxOptions { scenario, ..SandboxOptions::default() }).unwrap();
        World { sandbox, folder: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn control(&self) -> Control {
        self.sandbox.control()
    }

    /// An address of the sandbox.
    pub(crate) fn address(&self, path: &str) -> String {
        format!("{}{path}", self.sandbox.https_authority().unwrap())
    }

    pub(crate) fn config(&self) -> Config {
        let store = self.folder.path().join("office365.db");
        let mut config = Config::new(&self.control().client_id(), &store.to_string_lossy());
        config.authority = self.sandbox.https_authority();
        config.graph_base = self.sandbox.https_graph_base();
        config.network.extra_root_certificates = vec![self.sandbox.ca_pem()];
        config.allow_device_code = true;
        APP.clone_into(&mut config.app.name);
        config.app.logo_png = Some(std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("data/logo.png")).unwrap());
        config.app.accent_color = "#4b3fbf".into();
        config.app.return_url = Some(RETURN_URL.to_owned());
        config
    }

    /// The host app, where no browser is needed.
    pub(crate) fn office(&self) -> Office365 {
        open(self.config(), Hooks::default())
    }

    /// Begins to connect `user`.
    pub(crate) fn connect(&self, user: &str) -> Waiting<Account> {
        self.connect_with(ConnectOptions { login_hint: Some(user.to_owned()), ..ConnectOptions::default() })
    }

    pub(crate) fn connect_with(&self, options: ConnectOptions) -> Waiting<Account> {
        World::call(self.config(), move |office| office.connect(&options, None))
    }

    /// Begins an approval for a tenant.
    pub(crate) fn approve(&self, tenant: &str) -> Waiting<intail_office365::AdminConsent> {
        let tenant = self.control().tenant(tenant).unwrap().id;
        World::call(self.config(), move |office| office.admin_consent(&tenant, None))
    }

    pub(crate) fn call<T: Send + 'static>(
        config: Config,
        call: impl FnOnce(&Office365) -> Result<T> + Send + 'static,
    ) -> Waiting<T> {
        let (opener, opened) = opener();
        let office = open(config, Hooks { browser: Some(opener), ..Hooks::default() });
        let cancel = CancelToken::new();
        let options = CallOptions { timeout_ms: Some(90_000), cancel: Some(Arc::clone(&cancel)) };
        let call = thread::spawn(move || {
            let result = call(&office.with(options));
            office.close();
            result
        });
        let url = opened.recv_timeout(Duration::from_secs(20)).expect("the library opens the browser");
        Waiting { url, cancel, call }
    }
}

impl<T: Debug> Waiting<T> {
    /// Opens the address and signs in, up to the page after the password.
    pub(crate) fn sign_in(&self, tab: &Tab) {
        tab.open(&self.url);
        tab.wait_for_page("login");
        tab.click("button[value=next]");
    }

    /// A parameter of the address.
    pub(crate) fn parameter(&self, name: &str) -> String {
        let url = Url::parse(&self.url).unwrap();
        url.query_pairs().find(|(found, _)| found == name).map(|(_, value)| value.into_owned()).unwrap()
    }

    /// Where the library listens.
    pub(crate) fn listener(&self) -> String {
        self.parameter("redirect_uri")
    }

    pub(crate) fn is_over(&self) -> bool {
        self.call.is_finished()
    }

    pub(crate) fn cancel(self) -> Error {
        self.cancel.cancel();
        self.failure()
    }

    pub(crate) fn success(self) -> T {
        self.call.join().unwrap().unwrap()
    }

    pub(crate) fn failure(self) -> Error {
        self.call.join().unwrap().unwrap_err()
    }
}

fn open(config: Config, hooks: Hooks) -> Office365 {
    Office365::open(config, Arc::new(HostKey::new(&[42; 32]).unwrap()), hooks).unwrap()
}

/// Hands the address to the test instead of a browser.
fn opener() -> (Arc<dyn BrowserOpener>, Receiver<String>) {
    struct Hand(Mutex<Sender<String>>);
    impl BrowserOpener for Hand {
        fn open(&self, url: &str) -> Result<()> {
            self.0.lock().unwrap().send(url.to_owned()).unwrap();
            Ok(())
        }
    }
    let (sender, receiver) = channel();
    (Arc::new(Hand(Mutex::new(sender))), receiver)
}
