// Included by the documentation's examples, out of their reader's sight: a sandbox Microsoft 365, a host on it, and a scripted
// person in place of the browser.

use intail_office365::{BrowserOpener, Clock, Config, Hooks, HostKey, Office365, Result, SystemClock};
use intail_office365_sandbox::{Person, Sandbox, SandboxOptions};
use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    thread,
};

struct Robot(Person);

impl BrowserOpener for Robot {
    fn open(&self, url: &str) -> Result<()> {
        let (person, url) = (self.0.clone(), url.to_owned());
        thread::spawn(move || person.browse(&url));
        Ok(())
    }
}

pub struct Rig {
    pub sandbox: Sandbox,
    pub office: Office365,
    pub person: Person,
    clock: Arc<MovableClock>,
    user: String,
    folder: tempfile::TempDir,
}

impl Rig {
    /// What msal would have saved after the person signed in with another program.
    pub fn msal_cache(&self) -> String {
        let (control, path) = (self.sandbox.control(), self.folder.path().join("msal_cache.json"));
        control.grant_user(&self.user, &["User.Read", "Mail.ReadBasic", "Calendars.Read"]).unwrap();
        std::fs::write(&path, control.msal_cache(&[&self.user]).to_string()).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// A day passes, and every token has expired.
    pub fn later(&self) {
        self.clock.0.fetch_add(86_400, Ordering::SeqCst);
        self.sandbox.control().advance_clock(86_400).unwrap();
    }
}

/// The machine's clock, moved by so many seconds.
#[derive(Debug, Default)]
struct MovableClock(AtomicI64);

impl Clock for MovableClock {
    fn now(&self) -> i64 {
        SystemClock.now().saturating_add(self.0.load(Ordering::SeqCst))
    }
}

/// A host on a fresh sandbox, with `user` at the browser.
pub fn rig(user: &str) -> Rig {
    rig_with(user, |_| {})
}

pub fn rig_with(user: &str, change: impl FnOnce(&mut Config)) -> Rig {
    rig_of(user, Hooks::default(), change)
}

/// The same with hooks of the host's own.
pub fn rig_hooked(user: &str, hooks: Hooks) -> Rig {
    rig_of(user, hooks, |_| {})
}

fn rig_of(user: &str, hooks: Hooks, change: impl FnOnce(&mut Config)) -> Rig {
    let sandbox = Sandbox::start(SandboxOptions::default()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut config = Config::new(&sandbox.control().client_id(), folder.path().join("office365.db").to_str().unwrap());
    config.authority = Some(sandbox.authority());
    config.graph_base = Some(sandbox.graph_base());
    change(&mut config);
    let (person, clock) = (Person::new(user), Arc::new(MovableClock::default()));
    let hooks = Hooks { browser: Some(Arc::new(Robot(person.clone()))), clock: Some(clock.clone()), ..hooks };
    let office = Office365::open(config, Arc::new(HostKey::new(&[7; 32]).unwrap()), hooks).unwrap();
    Rig { sandbox, office, person, clock, user: user.to_owned(), folder }
}
