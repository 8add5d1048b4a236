//! One of several processes on one store: does what it reads, line by line, and answers each line with one.
//!
//! `shared_host AUTHORITY CLIENT_ID STORE`
//!
//! ```text
//! open [locks=off] [looks=off] [patience=MS]     opened | refused KIND DETAIL WHAT
//! advance SECONDS                                 advanced
//! tokens THREADS TIMEOUT_MS                       a token of the first account for each thread: see `Asked`
//! all THREADS                                     the same for every account
//! until KIND                                      MS: asks without pause until that is the answer
//! changed FINGERPRINT                             MS: asks without pause until the token is another one
//! state                                           the state of the first account, as in memory
//! disconnect                                      disconnected | refused ...
//! close                                           closed
//! ```
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "what goes wrong shows on stderr, where the test looks")]

use intail_office365::{_internal::Sharing, Account, CallOptions, Clock, Config, Error, Hooks, HostKey, Office365};
use std::{
    collections::BTreeSet,
    env::args,
    fmt,
    hash::{DefaultHasher, Hash, Hasher},
    io::{BufRead, stdin},
    sync::{
        Arc, Barrier,
        atomic::{AtomicI64, Ordering},
    },
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

/// Longer than anything here waits.
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Debug, Default)]
struct MovableClock(AtomicI64);

impl Clock for MovableClock {
    fn now(&self) -> i64 {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        i64::try_from(since_epoch).unwrap() + self.0.load(Ordering::SeqCst)
    }
}

struct Host {
    authority: String,
    client_id: String,
    store: String,
    clock: Arc<MovableClock>,
    office: Option<Office365>,
    /// As they were when the store was opened.
    accounts: Vec<Account>,
}

/// What came of many calls: how many got a token, which tokens (by fingerprint), which errors, and how long the slowest took.
#[derive(Default)]
struct Asked {
    ok: usize,
    tokens: BTreeSet<String>,
    errors: BTreeSet<String>,
    slowest: Duration,
}

fn main() {
    let [authority, client_id, store] = args().skip(1).collect::<Vec<_>>().try_into().expect("three arguments");
    let mut host = Host { authority, client_id, store, clock: Arc::default(), office: None, accounts: Vec::new() };
    for line in stdin().lock().lines() {
        let line = line.unwrap();
        let words: Vec<&str> = line.split(' ').collect();
        say(&host.answer(&words));
    }
}

#[expect(clippy::print_stdout, reason = "the answer")]
fn say(answer: &str) {
    println!("{answer}");
}

impl Host {
    fn answer(&mut self, words: &[&str]) -> String {
        match words {
            ["open", settings @ ..] => self.open(settings),
            ["advance", seconds] => {
                self.clock.0.fetch_add(seconds.parse().unwrap(), Ordering::SeqCst);
                "advanced".to_owned()
            }
            ["tokens", threads, timeout] => self.tokens(threads.parse().unwrap(), Some(timeout.parse().unwrap())),
            ["all", threads] => self.all(threads.parse().unwrap()),
            ["until", kind] => self.until(|outcome| outcome.is_err_and(|error| format!("{:?}", error.kind()) == *kind)),
            ["changed", old] => self.until(|outcome| outcome.is_ok_and(|token| token != *old)),
            ["state"] => format!("{:?}", self.account().state().state),
            ["disconnect"] => self.account().disconnect().map_or_else(|error| refused(&error), |_| "disconnected".to_owned()),
            ["close"] => {
                self.accounts.clear();
                self.office.take().unwrap().close();
                "closed".to_owned()
            }
            _ => unreachable!("the tests know the words"),
        }
    }

    fn open(&mut self, settings: &[&str]) -> String {
        let mut config = Config::new(&self.client_id, &self.store);
        config.authority = Some(self.authority.clone());
        config.graph_base = Some(format!("{}/graph", self.authority));
        let mut sharing = Sharing::default();
        for setting in settings {
            match setting.split_once('=') {
                Some(("locks", "off")) => sharing.locks = false,
                Some(("looks", "off")) => sharing.looks_again = false,
                Some(("patience", ms)) => sharing.patience = Duration::from_millis(ms.parse().unwrap()),
                _ => unreachable!("the tests know the settings"),
            }
        }
        let hooks = Hooks { clock: Some(Arc::clone(&self.clock) as Arc<dyn Clock>), ..Hooks::default() };
        match Office365::open_sharing(config, Arc::new(HostKey::new(&[7; 32]).unwrap()), hooks, sharing) {
            Ok(office) => {
                self.accounts = office.accounts().unwrap();
                self.office = Some(office);
                "opened".to_owned()
            }
            Err(error) => refused(&error),
        }
    }

    fn account(&self) -> &Account {
        self.accounts.first().expect("an account")
    }

    fn tokens(&self, threads: usize, timeout_ms: Option<u32>) -> String {
        let account = self.account().with(CallOptions { timeout_ms, cancel: None });
        ask(&vec![account; threads]).to_string()
    }

    fn all(&self, threads: usize) -> String {
        let each: Vec<Account> = self.accounts.iter().flat_map(|account| vec![account.clone(); threads]).collect();
        ask(&each).to_string()
    }

    fn until(&self, is_it: impl Fn(Result<String, Error>) -> bool) -> String {
        let started = Instant::now();
        while started.elapsed() < PATIENCE {
            if is_it(self.account().acquire_token_silent().map(|token| fingerprint(token.secret()))) {
                return started.elapsed().as_millis().to_string();
            }
            thread::yield_now();
        }
        "never".to_owned()
    }
}

/// One thread for each, all at once.
fn ask(accounts: &[Account]) -> Asked {
    let start = Barrier::new(accounts.len());
    let asked = thread::scope(|scope| {
        let threads: Vec<_> = accounts
            .iter()
            .map(|account| {
                let start = &start;
                scope.spawn(move || {
                    start.wait();
                    let started = Instant::now();
                    (account.acquire_token_silent(), started.elapsed())
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
    });
    let mut all = Asked::default();
    for (outcome, took) in asked {
        all.slowest = all.slowest.max(took);
        match outcome {
            Ok(token) => {
                all.ok += 1;
                all.tokens.insert(fingerprint(token.secret()));
            }
            Err(error) => drop(all.errors.insert(refused(&error))),
        }
    }
    all
}

impl fmt::Display for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |set: &BTreeSet<String>| set.iter().cloned().collect::<Vec<_>>().join(",");
        write!(f, "{}|{}|{}|{}", self.ok, self.slowest.as_millis(), list(&self.tokens), list(&self.errors))
    }
}

fn refused(error: &Error) -> String {
    format!("refused {:?} {} {}", error.kind(), error.detail(), error.what().unwrap_or_default())
}

/// Tells tokens apart without showing them.
fn fingerprint(secret: &str) -> String {
    let mut hasher = DefaultHasher::new();
    secret.hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}
