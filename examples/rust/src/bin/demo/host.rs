//! The host app of the demo: one registration, one store, one key, a scripted person, and a clock that can be moved.

use intail_office365::{
    AccountEvent, AccountObserver, BrowserOpener, Clock, Config, Hooks, HostKey, Language, Office365, Result, SystemClock,
};
use intail_office365_sandbox::Person;
use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    thread,
};

/// Where the host's Microsoft 365 and its store are, and what time it thinks it is.
pub(crate) struct Host {
    pub(crate) authority: String,
    pub(crate) client_id: String,
    pub(crate) folder: PathBuf,
    pub(crate) clock: Arc<MovedClock>,
}

impl Host {
    /// Opens the app. Where `robot` names a user, that user clicks; else the system's browser opens.
    pub(crate) fn open(&self, robot: Option<&str>) -> Result<Office365> {
        let mut config = Config::new(&self.client_id, &self.folder.join("demo.db").to_string_lossy());
        config.authority = Some(self.authority.clone());
        config.graph_base = Some(format!("{}/graph", self.authority));
        let robot = robot.map(|user| Arc::new(Robot(Person::new(user))) as Arc<dyn BrowserOpener>);
        let hooks = Hooks { browser: robot, clock: Some(self.clock.clone()), accounts: Some(Arc::new(Teller)), ..Hooks::default() };
        // A real host keeps its key in the system's key store.
        Office365::open(config, Arc::new(HostKey::new(&[42; 32])?), hooks)
    }
}

/// Tells the person what is new of an account. An app with windows would put a mark on its Integrations page.
struct Teller;

impl AccountObserver for Teller {
    fn on_event(&self, event: &AccountEvent) {
        let language = Language::English;
        let (what, step) = (event.message(language), event.next_step(language));
        crate::tell(format!("[event {:?}] {what} {step}", event.kind).trim_end());
    }
}

/// A scripted person who follows the address as a browser would, so that the demo needs no human.
struct Robot(Person);

impl BrowserOpener for Robot {
    fn open(&self, url: &str) -> Result<()> {
        let (person, url) = (self.0.clone(), url.to_owned());
        // A browser goes its own way while the app waits for the answer.
        thread::spawn(move || person.browse(&url));
        Ok(())
    }
}

/// The machine's clock, moved by so many seconds, so that nobody has to wait for a token to expire.
#[derive(Debug, Default)]
pub(crate) struct MovedClock(pub(crate) AtomicI64);

impl Clock for MovedClock {
    fn now(&self) -> i64 {
        SystemClock.now().saturating_add(self.0.load(Ordering::Relaxed))
    }
}
