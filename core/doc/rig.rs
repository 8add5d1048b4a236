// Included by the documentation's examples, out of their reader's sight: a sandbox Microsoft 365, a host on it, and a scripted
// person in place of the browser.

use intail_office365::{BrowserOpener, Config, Hooks, HostKey, Office365, Result};
use intail_office365_sandbox::{Person, Sandbox, SandboxOptions};
use std::{sync::Arc, thread};

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
}

/// A host on a fresh sandbox, with `user` at the browser.
pub fn rig(user: &str) -> Rig {
    rig_with(user, |_| {})
}

pub fn rig_with(user: &str, change: impl FnOnce(&mut Config)) -> Rig {
    let sandbox = Sandbox::start(SandboxOptions::default()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut config = Config::new(&sandbox.control().client_id(), folder.path().join("office365.db").to_str().unwrap());
    config.authority = Some(sandbox.authority());
    config.graph_base = Some(sandbox.graph_base());
    change(&mut config);
    let person = Person::new(user);
    let hooks = Hooks { browser: Some(Arc::new(Robot(person.clone()))), ..Hooks::default() };
    let office = Office365::open(config, Arc::new(HostKey::new(&[7; 32]).unwrap()), hooks).unwrap();
    Rig { sandbox, office, person, user: user.to_owned(), folder }
}
