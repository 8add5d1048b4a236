//! The host app of the demo: one registration, one store and its key, a scripted person, and a clock that can be moved.

use intail_office365::{
    AccountEvent, AccountObserver, BrowserOpener, Clock, Config, Hooks, KeyFile, KeyProvider, Language, Office365, Passphrase,
    Result, SystemClock,
};
use intail_office365_sandbox::Person;
use std::{
    cell::Cell,
    error::Error as StdError,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    thread,
};

pub(crate) type Outcome<T> = std::result::Result<T, Box<dyn StdError>>;

/// Where the host's Microsoft 365 and its store are, and what time it thinks it is.
pub(crate) struct Host {
    pub(crate) authority: String,
    pub(crate) client_id: String,
    pub(crate) folder: PathBuf,
    pub(crate) key: Cell<Key>,
    pub(crate) clock: Arc<MovedClock>,
}

impl Host {
    /// Opens the app. Where `robot` names a user, that user clicks; else the system's browser opens.
    pub(crate) fn open(&self, robot: Option<&str>) -> Result<Office365> {
        self.open_with(self.key.get(), robot)
    }

    pub(crate) fn open_with(&self, key: Key, robot: Option<&str>) -> Result<Office365> {
        let robot = robot.map(|user| Arc::new(Robot(Person::new(user))) as Arc<dyn BrowserOpener>);
        let hooks = Hooks { browser: robot, clock: Some(self.clock.clone()), accounts: Some(Arc::new(Teller)), ..Hooks::default() };
        Office365::open(self.config(), key.provider(&self.folder)?, hooks)
    }

    pub(crate) fn config(&self) -> Config {
        let mut config = Config::new(&self.client_id, &self.folder.join("demo.db").to_string_lossy());
        config.authority = Some(self.authority.clone());
        config.graph_base = Some(format!("{}/graph", self.authority));
        config
    }
}

/// What the store is sealed with. A desktop app would begin with `default_key_provider`, which a demo leaves alone: it would put its
/// key among yours.
#[derive(Clone, Copy)]
pub(crate) enum Key {
    File,
    Passphrase,
}

impl Key {
    pub(crate) fn provider(self, folder: &Path) -> Result<Arc<dyn KeyProvider>> {
        Ok(match self {
            // A real host keeps it apart from the store.
            Self::File => Arc::new(KeyFile::at(&folder.join("demo.key").to_string_lossy())?),
            // A real host asks its person.
            Self::Passphrase => Arc::new(Passphrase::new("correct horse battery staple")?),
        })
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
