//! A host app on a store of its own, connected to `oidc-provider` as tests/foreign/op.mjs runs it.

use crate::partner::Partner;
use intail_office365::{BrowserOpener, Clock, Config, ConnectOptions, Hooks, HostKey, Office365, Result};
use serde_json::{Value, json};
use std::{
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicI64, Ordering},
        mpsc::{Receiver, channel},
    },
    thread,
    time::{SystemTime, UNIX_EPOCH},
};

pub(crate) const ADA: &str = "ada@contoso.example";
pub(crate) const GRACE: &str = "grace@contoso.example";

/// The provider, the machine's clock plus an offset that the provider shares, and a folder for stores.
pub(crate) struct Rig {
    op: Arc<Partner>,
    pub(crate) origin: String,
    /// Two tenants, and one whose description names the issuer of the first.
    pub(crate) tenants: Vec<String>,
    client: String,
    clock: Arc<MovedClock>,
    folder: tempfile::TempDir,
}

/// What one visit of a browser came to; see tests/foreign/agent.mjs.
pub(crate) type Visit = Value;

impl Rig {
    /// `None` where this machine cannot have Node, which tests/setup.sh has said.
    pub(crate) fn start() -> Option<Self> {
        let op = Partner::start("NODE", "op.mjs", &[])?;
        let greeting = op.greeting();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        Some(Self {
            origin: text(&greeting["origin"]),
            tenants: greeting["tenants"].as_array().unwrap().iter().map(text).collect(),
            client: text(&greeting["client"]),
            op: Arc::new(op),
            clock: Arc::default(),
            folder: tempfile::tempdir().unwrap(),
        })
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A host app whose browser is `person`'s, on the store with that name; `change` sees its configuration.
    pub(crate) fn app(&self, store: &str, person: &str, change: impl FnOnce(&mut Config)) -> (Office365, Visits) {
        let mut config = Config::new(&self.client, &self.folder().join(store).to_string_lossy());
        config.authority = Some(self.origin.clone());
        config.graph_base = Some(format!("{}/graph", self.origin));
        config.tenant.clone_from(&self.tenants[0]);
        config.allow_device_code = true;
        change(&mut config);
        let (sender, visits) = channel();
        let (op, person) = (Arc::clone(&self.op), person.to_owned());
        let sender = Mutex::new(sender);
        let browser = Browser(Box::new(move |url| {
            let (op, sender, url, person) = (Arc::clone(&op), sender.lock().unwrap().clone(), url.to_owned(), person.clone());
            thread::spawn(move || sender.send(op.ask(&json!({"do": "browse", "url": url, "user": person}))));
        }));
        let clock = Arc::clone(&self.clock) as Arc<dyn Clock>;
        let hooks = Hooks { browser: Some(Arc::new(browser)), clock: Some(clock), ..Hooks::default() };
        (Office365::open(config, Arc::new(HostKey::new(&[9; 32]).unwrap()), hooks).unwrap(), Visits(visits))
    }

    /// A person opens an address with the browser that they had before.
    pub(crate) fn browse(&self, wish: &Value) -> Visit {
        let mut wish = wish.clone();
        wish["do"] = json!("browse");
        self.op.ask(&wish)
    }

    /// From now on another browser, in which nobody is signed in.
    pub(crate) fn fresh_browser(&self) {
        self.op.ask(&json!({"do": "forget"}));
    }

    pub(crate) fn rotate_keys(&self) {
        self.op.ask(&json!({"do": "rotate"}));
    }

    /// Time passes, here and there.
    pub(crate) fn advance(&self, seconds: i64) {
        self.clock.0.fetch_add(seconds, Ordering::SeqCst);
        self.op.ask(&json!({"do": "advance", "seconds": seconds}));
    }

    /// The requests so far to paths that end like this.
    pub(crate) fn requests(&self, path_end: &str) -> Vec<Value> {
        let log = self.op.ask(&json!({"do": "log"}));
        let wanted = |entry: &&Value| entry["path"].as_str().unwrap().ends_with(path_end);
        log.as_array().unwrap().iter().filter(wanted).cloned().collect()
    }

    /// What was asked of the token endpoint so far: the grant, and the error where it was refused.
    pub(crate) fn grants(&self) -> Vec<(String, Option<String>)> {
        let text = |value: &Value| value.as_str().map(|text| text.rsplit(':').next().unwrap().to_owned());
        self.requests("/token").iter().map(|entry| (text(&entry["grant"]).unwrap(), text(&entry["error"]))).collect()
    }
}

/// What the browser of an app did.
pub(crate) struct Visits(Receiver<Visit>);

impl Visits {
    pub(crate) fn next(&self) -> Visit {
        self.0.recv_timeout(std::time::Duration::from_secs(60)).unwrap()
    }
}

pub(crate) fn hinted(person: &str) -> ConnectOptions {
    ConnectOptions { login_hint: Some(person.to_owned()), ..ConnectOptions::default() }
}

struct Browser(Box<dyn Fn(&str) + Send + Sync>);

impl BrowserOpener for Browser {
    fn open(&self, url: &str) -> Result<()> {
        (self.0)(url);
        Ok(())
    }
}

#[derive(Debug, Default)]
struct MovedClock(AtomicI64);

impl Clock for MovedClock {
    fn now(&self) -> i64 {
        let real = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        i64::try_from(real).unwrap() + self.0.load(Ordering::SeqCst)
    }
}
