//! The library as the tortured program uses it, and a look at what a store still holds.

use intail_office365::{
    Account, CallOptions, CancelToken, Clock, Config, Error, Hooks, HostKey, KeyProvider, Office365, Result, SystemClock,
};
use std::{
    collections::BTreeMap,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering::SeqCst},
    },
};

/// The key of every store here, and the one that a change of key leads to.
pub const KEY: u8 = 7;
/// The other one.
pub const NEW_KEY: u8 = 9;
/// Seconds by which the clock goes back before a refresh: a token of the future is not trusted, so the library asks for another one.
/// A clock that went forward would leave nothing that a later look could read without the network.
pub const STEP: i64 = 400;
/// As many characters of an access token tell it from all others.
const MARK: usize = 24;
/// For at most so many steps a look follows the clock back.
const FARTHEST: i64 = 20_000;

/// Which sandbox, and how far the clock has gone back.
#[derive(Clone, Debug, Default)]
pub struct Target {
    /// Address of the identity platform.
    pub authority: String,
    /// Of the app registration.
    pub client_id: String,
}

/// A clock that goes back.
#[derive(Debug, Default)]
pub struct BackwardClock(AtomicI64);

impl BackwardClock {
    /// A clock that is so many steps back.
    pub fn new(steps: i64) -> Arc<Self> {
        Arc::new(Self(AtomicI64::new(steps)))
    }

    /// One step further.
    pub fn step(&self) {
        self.0.fetch_add(1, SeqCst);
    }
}

impl Clock for BackwardClock {
    fn now(&self) -> i64 {
        SystemClock.now().saturating_sub(self.0.load(SeqCst).saturating_mul(STEP))
    }
}

/// Opens the store.
///
/// # Errors
/// Those of [`Office365::open`].
pub fn open(target: &Target, store: &Path, clock: Arc<BackwardClock>, key: u8) -> Result<Office365> {
    let mut config = Config::new(&target.client_id, &store.to_string_lossy());
    config.authority = Some(target.authority.clone());
    config.graph_base = Some(format!("{}/graph", target.authority));
    let hooks = Hooks { clock: Some(clock as Arc<dyn Clock>), ..Hooks::default() };
    Office365::open(config, provider(key)?, hooks)
}

/// The provider of a key.
///
/// # Errors
/// None for the keys here.
pub fn provider(key: u8) -> Result<Arc<dyn KeyProvider>> {
    Ok(Arc::new(HostKey::new(&[key; 32])?))
}

/// What a store holds: for each person the mark of the token, or the name of what is wrong with the account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Look {
    /// By user name.
    pub accounts: BTreeMap<String, String>,
    /// How many rows do not open.
    pub damaged: u32,
}

/// Opens the store and reads everything. No network: what is not in the store is not found.
///
/// # Errors
/// Those of opening and reading.
pub fn look(target: &Target, store: &Path, key: u8) -> Result<Look> {
    let clock = BackwardClock::new(0);
    let office = open(target, store, Arc::clone(&clock), key)?;
    let seen = look_inside(&office, &clock);
    office.close();
    seen
}

fn look_inside(office: &Office365, clock: &BackwardClock) -> Result<Look> {
    let mut seen = Look { damaged: u32::try_from(office.damaged_accounts()?.len()).unwrap_or(u32::MAX), ..Look::default() };
    for account in office.accounts()? {
        seen.accounts.insert(name(&account), stored_mark(&account, clock));
    }
    Ok(seen)
}

/// The person's user name.
pub fn name(account: &Account) -> String {
    account.info().username.unwrap_or_default()
}

/// The beginning of a token.
pub fn mark(token: &str) -> String {
    token.chars().take(MARK).collect()
}

/// How an error is told: kind and cause.
pub fn named(error: &Error) -> String {
    format!("{:?}/{}", error.kind(), error.detail())
}

/// Goes back in time until the stored token is a current one.
fn stored_mark(account: &Account, clock: &BackwardClock) -> String {
    let cancel = CancelToken::new();
    cancel.cancel();
    let offline = account.with(CallOptions { timeout_ms: None, cancel: Some(cancel) });
    let mut last = String::new();
    for steps in (0..FARTHEST).step_by(100) {
        clock.0.store(steps, SeqCst);
        match offline.acquire_token_silent() {
            Ok(token) => return mark(token.secret()),
            Err(error) => last = named(&error),
        }
    }
    format!("!{last}")
}
