//! What every test stands on: a sandbox, a store in a folder of its own, a clock that moves, a robot for a browser, and a log that
//! is searched for secrets when the test is over.

use crate::{needles::Needles, scan};
use intail_office365::{
    Account, AccountEvent, AccountObserver, BrowserOpener, Clock, Config, ConnectOptions, Error, ErrorKind, Hooks, HostKey,
    LogLevel, LogRecord, LogSink, Office365, Result,
};
use intail_office365_sandbox::{Control, LogEntry, Person, Sandbox, SandboxOptions, TokenSettings, Visit};
use std::{
    fmt::Debug,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicI64, Ordering},
    },
    thread::{self, JoinHandle},
    time::{SystemTime, UNIX_EPOCH},
};

pub(crate) const CONTOSO: &str = "11111111-aaaa-4bbb-8ccc-222222222222";
pub(crate) const FABRIKAM: &str = "22222222-aaaa-4bbb-8ccc-333333333333";
pub(crate) const NORTHWIND: &str = "33333333-aaaa-4bbb-8ccc-444444444444";

pub(crate) const CONTOSO_ADMIN: &str = "admin@contoso.example";
pub(crate) const ADELE: &str = "adele@contoso.example";
pub(crate) const ALEX: &str = "alex@contoso.example";
pub(crate) const BIANCA: &str = "bianca@fabrikam.example";
pub(crate) const CAMERON: &str = "cameron@fabrikam.example";
pub(crate) const MEGAN: &str = "megan@northwind.example";
pub(crate) const NILS: &str = "nils@northwind.example";
pub(crate) const TONI: &str = "toni@tailspin.example";

/// Seconds for which the sandbox's tokens are good in these tests.
pub(crate) const LIFETIME: i64 = 3600;

pub(crate) struct Rig {
    pub(crate) sandbox: Sandbox,
    pub(crate) control: Control,
    pub(crate) clock: Arc<MovableClock>,
    pub(crate) records: Arc<Records>,
    pub(crate) robot: Arc<Robot>,
    /// Is told of the accounts of every program that has no observer of its own.
    pub(crate) watcher: Arc<Watcher>,
    pub(crate) folder: tempfile::TempDir,
}

impl Rig {
    pub(crate) fn new() -> Self {
        Self::with(SandboxOptions { https_port: None, ..SandboxOptions::default() })
    }

    pub(crate) fn with(options: SandboxOptions) -> Self {
        let sandbox = Sandbox::start(options).unwrap();
        let control = sandbox.control();
        let rig = Self {
            sandbox,
            control,
            clock: Arc::default(),
            records: Arc::default(),
            robot: Arc::default(),
            watcher: Arc::default(),
            folder: tempfile::tempdir().unwrap(),
        };
        rig.tokens(|_| {});
        rig
    }

    /// Nobody answers any more where the sandbox was.
    pub(crate) fn go_offline(&mut self) {
        self.sandbox = Sandbox::start(SandboxOptions { https_port: None, ..SandboxOptions::default() }).unwrap();
    }

    /// Changes how tokens are issued from now on; what was changed before counts no more.
    pub(crate) fn tokens(&self, change: impl FnOnce(&mut TokenSettings)) {
        let mut settings = TokenSettings { lifetime: Some(LIFETIME), ..TokenSettings::default() };
        change(&mut settings);
        self.control.set_tokens(settings).unwrap();
    }

    pub(crate) fn config(&self) -> Config {
        let store = self.folder.path().join("office365.db");
        let mut config = Config::new(&self.control.client_id(), store.to_str().unwrap());
        config.authority = Some(self.sandbox.authority());
        config.graph_base = Some(self.sandbox.graph_base());
        config
    }

    pub(crate) fn hooks(&self) -> Hooks {
        Hooks {
            log: Some(Arc::clone(&self.records) as Arc<dyn LogSink>),
            browser: Some(Arc::clone(&self.robot) as Arc<dyn BrowserOpener>),
            clock: Some(Arc::clone(&self.clock) as Arc<dyn Clock>),
            accounts: Some(Arc::clone(&self.watcher) as Arc<dyn AccountObserver>),
        }
    }

    /// The same with an observer of its own.
    pub(crate) fn open_for(&self, observer: Arc<dyn AccountObserver>) -> Office365 {
        let hooks = Hooks { accounts: Some(observer), ..self.hooks() };
        Office365::open(self.config(), Arc::new(HostKey::new(&[7; 32]).unwrap()), hooks).unwrap()
    }

    pub(crate) fn open(&self) -> Office365 {
        self.open_with(|_| {})
    }

    pub(crate) fn open_with(&self, change: impl FnOnce(&mut Config)) -> Office365 {
        let mut config = self.config();
        change(&mut config);
        self.try_open(config).unwrap()
    }

    pub(crate) fn try_open(&self, config: Config) -> Result<Office365> {
        Office365::open(config, Arc::new(HostKey::new(&[7; 32]).unwrap()), self.hooks())
    }

    /// Another store in the same folder: as another process, or another device, would have it.
    pub(crate) fn open_other(&self, name: &str) -> Office365 {
        let path = self.folder.path().join(name);
        self.open_with(|config| config.store_path = path.to_string_lossy().into_owned())
    }

    /// A sign-in as a host with its own browser does it: begin, browse, complete.
    pub(crate) fn sign_in(&self, office: &Office365, user: &str) -> Result<Account> {
        self.sign_in_with(office, user, &ConnectOptions::default())
    }

    pub(crate) fn sign_in_with(&self, office: &Office365, user: &str, options: &ConnectOptions) -> Result<Account> {
        let request = office.begin_connect(options)?;
        assert!(request.url.starts_with(&self.sandbox.authority()), "the sign-in is at the sandbox");
        office.complete_connect(&redirect(user, &request.url), options.session_binding.as_deref())
    }

    /// An account of an organisation that has approved the app.
    pub(crate) fn connected(&self, office: &Office365) -> Account {
        self.sign_in(office, MEGAN).unwrap()
    }

    /// Moves the clocks of both sides.
    pub(crate) fn advance(&self, seconds: i64) {
        self.control.advance_clock(seconds).unwrap();
        self.clock.advance(seconds);
    }

    /// Both clocks go to where every token issued so far has expired.
    pub(crate) fn expire(&self) {
        self.advance(LIFETIME);
    }

    pub(crate) fn token_requests(&self, grant: &str) -> usize {
        let asked = self.control.log_of("/oauth2/v2.0/token");
        asked.iter().filter(|entry| entry.value("grant_type") == Some(grant)).count()
    }

    pub(crate) fn refreshes(&self) -> usize {
        self.token_requests("refresh_token")
    }

    pub(crate) fn redemptions(&self) -> usize {
        self.token_requests("authorization_code")
    }

    /// What the library sent; the robot's requests ask for HTML.
    pub(crate) fn sent(&self) -> Vec<LogEntry> {
        let of_robot = |entry: &LogEntry| entry.headers.get("accept").is_some_and(|accept| accept == "text/html");
        self.control.log().into_iter().filter(|entry| !of_robot(entry)).collect()
    }
}

impl Drop for Rig {
    /// What holds for every test: nothing secret in the log, nothing but reading on the wire (cases M-04, G-11).
    fn drop(&mut self) {
        if thread::panicking() {
            return;
        }
        let (logged, told) = (self.records.texts(), self.watcher.texts());
        for text in logged.iter().chain(&told) {
            assert_eq!(scan::secret_in(text), None, "in the log or an event: {text}");
        }
        let found = [logged, told].concat().join("\n");
        assert_eq!(Needles::of(&self.sandbox).found_in(&found), Vec::<&str>::new());
        for entry in self.sent() {
            assert_eq!(scan::not_reading(&entry), None, "{} {}", entry.method, entry.path);
        }
    }
}

/// Follows the address in a browser of its own and brings back the redirect URL that an app would be called with.
pub(crate) fn redirect(user: &str, url: &str) -> String {
    let visit = Person::new(user).deliver(false).browse(url);
    let page = visit.page.clone();
    visit.redirect.unwrap_or_else(|| panic!("stuck on page {page:?}"))
}

/// Hints at the person, so that the sandbox asks for nobody else.
pub(crate) fn hint(user: &str) -> ConnectOptions {
    ConnectOptions { login_hint: Some(user.to_owned()), ..ConnectOptions::default() }
}

/// The error of a call that must fail, of this kind and with this cause; it carries no secret.
#[track_caller]
pub(crate) fn refused<T: Debug>(outcome: Result<T>, kind: ErrorKind, detail: &str) -> Error {
    let error = outcome.expect_err("must be refused");
    assert_eq!((error.kind(), error.detail()), (kind, detail), "{error}");
    shows_nothing(&error);
    error
}

/// No text of an error carries a secret.
#[track_caller]
pub(crate) fn shows_nothing(error: &Error) {
    for text in [error.to_string(), format!("{error:?}"), format!("{error:#?}"), error.what().unwrap_or_default().to_owned()] {
        assert_eq!(scan::secret_in(&text), None, "in the error: {text}");
    }
}

/// The error of a call that must fail, whichever it is.
#[track_caller]
pub(crate) fn failed<T: Debug>(outcome: Result<T>) -> Error {
    let error = outcome.expect_err("must fail");
    shows_nothing(&error);
    error
}

/// The machine's clock, moved by so many seconds.
#[derive(Debug, Default)]
pub(crate) struct MovableClock(AtomicI64);

impl MovableClock {
    pub(crate) fn advance(&self, seconds: i64) {
        self.0.fetch_add(seconds, Ordering::SeqCst);
    }
}

impl Clock for MovableClock {
    fn now(&self) -> i64 {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        i64::try_from(since_epoch).unwrap() + self.0.load(Ordering::SeqCst)
    }
}

/// Keeps every record.
#[derive(Debug, Default)]
pub(crate) struct Records(Mutex<Vec<LogRecord>>);

impl Records {
    pub(crate) fn all(&self) -> Vec<LogRecord> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn texts(&self) -> Vec<String> {
        self.all().iter().flat_map(|record| [record.to_string(), format!("{record:?}")]).collect()
    }
}

impl LogSink for Records {
    fn level(&self) -> LogLevel {
        LogLevel::Trace
    }

    fn log(&self, record: &LogRecord) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(record.clone());
    }
}

/// Notes every event.
#[derive(Debug, Default)]
pub(crate) struct Watcher(Mutex<Vec<AccountEvent>>);

impl Watcher {
    /// The events so far; the next call gives those after them.
    pub(crate) fn take(&self) -> Vec<AccountEvent> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }

    pub(crate) fn count(&self) -> usize {
        self.0.lock().unwrap().len()
    }

    pub(crate) fn texts(&self) -> Vec<String> {
        self.0.lock().unwrap().iter().map(|event| format!("{event:?} {:?}", event.state)).collect()
    }
}

impl AccountObserver for Watcher {
    fn on_event(&self, event: &AccountEvent) {
        self.0.lock().unwrap().push(event.clone());
    }
}

/// Stands in for the system's browser: one person at a time clicks through what is opened.
#[derive(Default)]
pub(crate) struct Robot {
    person: Mutex<Option<Person>>,
    visits: Mutex<Vec<JoinHandle<Visit>>>,
    opened: Mutex<Vec<String>>,
}

impl Robot {
    /// From now on this person clicks. Without one nothing happens: a browser that was closed.
    pub(crate) fn is(&self, person: Person) {
        *self.person.lock().unwrap() = Some(person);
    }

    /// Waits for the visits so far and takes them.
    pub(crate) fn visits(&self) -> Vec<Visit> {
        let visits = std::mem::take(&mut *self.visits.lock().unwrap());
        visits.into_iter().map(|visit| visit.join().unwrap()).collect()
    }

    /// The addresses opened so far.
    pub(crate) fn opened(&self) -> Vec<String> {
        self.opened.lock().unwrap().clone()
    }
}

impl BrowserOpener for Robot {
    fn open(&self, url: &str) -> Result<()> {
        self.opened.lock().unwrap().push(url.to_owned());
        if let Some(person) = self.person.lock().unwrap().clone() {
            let url = url.to_owned();
            self.visits.lock().unwrap().push(thread::spawn(move || person.browse(&url)));
        }
        Ok(())
    }
}
