//! What the facade's objects share: the store, the network, the keys, and the accounts in memory.

mod admin;
mod attempts;
mod cell;
mod connect;
mod device;
mod diagnose;
mod events;
mod failure;
mod flight;
mod flow;
mod gate;
mod import;
mod keys;
mod loopback;
mod paging;
#[cfg(feature = "_internal")]
pub(crate) mod proof;
mod read;
pub(crate) mod recovery;
mod refresh;
mod refusal;
mod sharing;
mod sign_in;
mod standing;
mod sync;

pub(crate) use cell::AccountCell;
pub(crate) use device::DeviceProgress;
#[cfg(feature = "_internal")]
pub use sharing::Sharing;
#[cfg(not(feature = "_internal"))]
use sharing::Sharing;
use sharing::Watch;
use standing::Standing;
pub(crate) use sync::Step;

use crate::{
    browser::{BrowserOpener, SystemBrowser},
    call::{Call, CallOptions, CancelToken},
    clock::{Clock, Deadline, SystemClock},
    config::Config,
    error::{Detail, ErrorKind, Result},
    hooks::Hooks,
    http::{Endpoint, HttpClient, Transport},
    log::{Log, LogLevel},
    model::{AccountObserver, Disconnected},
    oauth::{discovery::Providers, keys::KeyCache},
    settings::Settings,
    store::{AccountRecord, Accounts, Envelope, KeyProvider, NewAccount, Store},
    task::Workers,
};
use std::{
    cell::Cell,
    collections::{HashMap, HashSet},
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

/// Default time for a call that asks the network.
pub(crate) const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
/// Longest that one refresh may take, tries and pauses together.
const REFRESH_TIMEOUT: Duration = Duration::from_secs(30);
/// Default time for a person to sign in.
pub(crate) const SIGN_IN_TIMEOUT: Duration = Duration::from_secs(300);

/// Where a person sees and removes what they have granted (FACTS section 7).
const REVOKE_URL: &str = "https://myapps.microsoft.com";

/// The inside of [`Office365`](crate::Office365).
pub(crate) struct Engine {
    pub(crate) settings: Settings,
    store: Store,
    transport: Arc<dyn Transport>,
    workers: Workers,
    keys: KeyCache,
    key_provider: Mutex<Arc<dyn KeyProvider>>,
    providers: Providers,
    clock: Arc<dyn Clock>,
    log: Log,
    browser: Arc<dyn BrowserOpener>,
    observer: Option<Arc<dyn AccountObserver>>,
    closing: Arc<CancelToken>,
    closed: AtomicBool,
    damage_reported: AtomicBool,
    /// Held while a row and its cell come or go together, so that no cell outlives its row.
    cells: Mutex<HashMap<String, Arc<AccountCell>>>,
    /// Held while it is decided who polls for a device.
    polling: Mutex<()>,
    sharing: Sharing,
    /// Seals what hosts carry from page to page.
    envelope: Envelope,
    watch: Watch,
}

thread_local! {
    /// Whether this thread is inside an observer of the host.
    static IN_OBSERVER: Cell<bool> = const { Cell::new(false) };
}

impl Engine {
    pub(crate) fn open(config: Config, keys: Arc<dyn KeyProvider>, hooks: Hooks) -> Result<Arc<Self>> {
        Self::open_sharing(config, keys, hooks, Sharing::default())
    }

    pub(crate) fn open_sharing(config: Config, keys: Arc<dyn KeyProvider>, hooks: Hooks, sharing: Sharing) -> Result<Arc<Self>> {
        outside_observers()?;
        let settings = Settings::parse(config)?;
        let transport = Arc::new(HttpClient::new(&settings.network)?);
        let store = Store::open(&settings.store_path, &*keys)?;
        Ok(Arc::new(Self {
            settings,
            watch: Watch::new(&store)?,
            store,
            transport,
            workers: Workers::new(),
            keys: KeyCache::default(),
            key_provider: Mutex::new(keys),
            providers: Providers::default(),
            clock: hooks.clock.unwrap_or_else(|| Arc::new(SystemClock)),
            log: Log::new(hooks.log),
            browser: hooks.browser.unwrap_or_else(|| Arc::new(SystemBrowser)),
            observer: hooks.accounts,
            closing: CancelToken::new(),
            closed: AtomicBool::new(false),
            damage_reported: AtomicBool::new(false),
            cells: Mutex::default(),
            polling: Mutex::default(),
            sharing,
            envelope: Envelope::new()?,
        }))
    }

    /// Starts a call: refused on a closed library, in a child after `fork` (where locks may be held for ever), and from inside an
    /// observer. Opens the store's new key, if another process gave it one.
    pub(crate) fn enter(&self, options: &CallOptions, default_timeout: Duration) -> Result<Call> {
        let call = self.start_call(options, default_timeout)?;
        self.catch_up()?;
        Ok(call)
    }

    /// The same for a call that wants to see what is wrong with the store.
    pub(crate) fn start_call(&self, options: &CallOptions, default_timeout: Duration) -> Result<Call> {
        self.check_open()?;
        if !self.store.is_ours() {
            return Err(Detail::HandleClosed.into());
        }
        outside_observers()?;
        let call = Call::new(options, default_timeout, &self.closing);
        call.check()?;
        Ok(call)
    }

    pub(crate) fn check_open(&self) -> Result<()> {
        if self.closed.load(Ordering::Acquire) { Err(Detail::HandleClosed.into()) } else { Ok(()) }
    }

    pub(crate) fn close(&self) {
        if self.closed.swap(true, Ordering::AcqRel) || !self.store.is_ours() {
            return;
        }
        self.closing.cancel();
        self.workers.close(Duration::from_secs(1));
        self.save_unsaved();
        // What is not written now is written when the store is opened next.
        let _ = self.store.close();
        for (_, cell) in self.cells().drain() {
            cell.forget_tokens();
        }
    }

    pub(crate) fn now(&self) -> i64 {
        self.clock.now()
    }

    /// The connected accounts, in the order in which they were connected. What others did to those in memory is noticed here.
    pub(crate) fn accounts(&self) -> Result<Vec<Arc<AccountCell>>> {
        self.with_keys(|| self.look_at_all())
    }

    pub(crate) fn account(&self, id: &str) -> Result<Arc<AccountCell>> {
        self.with_keys(|| self.look_at(id))
    }

    fn look_at_all(&self) -> Result<Vec<Arc<AccountCell>>> {
        let mut cells = self.cells();
        let Accounts { mut records, damaged } = self.stored()?;
        let there: HashSet<&str> = records.iter().map(|record| record.id.as_str()).collect();
        let lost: Vec<_> = cells.values().filter(|cell| !there.contains(cell.id())).cloned().collect();
        for cell in &lost {
            if damaged.iter().any(|id| id == cell.id()) {
                cell.mark_damaged(self.now());
            } else {
                cell.mark_gone(self.now());
                cells.remove(cell.id());
            }
        }
        records.sort_by_key(|record| record.connected_at);
        let found: Vec<_> = records.into_iter().map(|record| self.cell_of(&mut cells, record)).collect();
        drop(cells);
        lost.iter().chain(&found).for_each(|cell| self.tell(cell));
        Ok(found)
    }

    fn look_at(&self, id: &str) -> Result<Arc<AccountCell>> {
        let mut cells = self.cells();
        let Some(known) = cells.get(id).map(Arc::clone) else {
            let record =
                self.store.account(id).inspect_err(|error| self.report_damage(error.kind(), 1))?.ok_or(Detail::AccountGone)?;
            return Ok(self.cell_of(&mut cells, record));
        };
        let read = self.read_row(&known);
        if known.check_there().is_err() {
            cells.remove(id);
        }
        drop(cells);
        self.tell(&known);
        read.map(|_| known)
    }

    /// What the store says of an account now. Memory takes it over, also that the account is gone or its row damaged.
    fn read_row(&self, cell: &AccountCell) -> Result<AccountRecord> {
        let record = self.store.account(cell.id()).inspect_err(|error| {
            self.report_damage(error.kind(), 1);
            if error.kind() == ErrorKind::StorageDamaged {
                cell.mark_damaged(self.now());
            }
        })?;
        let Some(record) = record else { return Err(self.gone(cell)) };
        self.adopt(cell, record.clone());
        Ok(record)
    }

    /// Everything in the store, also what is damaged.
    pub(crate) fn stored(&self) -> Result<Accounts> {
        let stored = self.store.accounts()?;
        self.report_damage(ErrorKind::StorageDamaged, stored.damaged.len());
        Ok(stored)
    }

    /// Writes damaged rows to the log, once.
    fn report_damage(&self, kind: ErrorKind, rows: usize) {
        if kind == ErrorKind::StorageDamaged && rows > 0 && !self.damage_reported.swap(true, Ordering::Relaxed) {
            self.log.write(LogLevel::Warn, "store.damaged-row", |record| record.count = u32::try_from(rows).ok());
        }
    }

    /// Stores an account whose person has proved themselves: one transaction.
    fn connect_account(&self, account: &NewAccount<'_>) -> Result<Arc<AccountCell>> {
        let mut cells = self.cells();
        let record = self.store.connect_account(account)?;
        Ok(self.cell_of(&mut cells, record))
    }

    /// Forgets an account, here and in the files. Works offline.
    pub(crate) fn disconnect(&self, cell: &AccountCell) -> Result<Disconnected> {
        cell.check_there()?;
        let token_valid_until = cell.record().tokens.as_ref().map(|tokens| tokens.expires_at).filter(|until| *until > self.now());
        let erasure = self.erase(cell.id())?;
        let mut cells = self.cells();
        let known = cells.remove(cell.id());
        let both = || known.as_deref().into_iter().chain([cell]);
        both().for_each(|cell| cell.mark_gone(self.now()));
        drop(cells);
        both().for_each(|cell| self.tell(cell));
        if !erasure.was_there {
            return Err(Detail::AccountGone.into());
        }
        self.log.write(LogLevel::Info, "account.disconnected", |_| {});
        Ok(Disconnected {
            erased: erasure.erased,
            key_replaced: erasure.key_replaced,
            revoke_url: REVOKE_URL.to_owned(),
            token_valid_until,
        })
    }

    /// The place in memory of a stored account; the same one for everybody who asks.
    fn cell_of(&self, cells: &mut HashMap<String, Arc<AccountCell>>, record: AccountRecord) -> Arc<AccountCell> {
        if let Some(cell) = cells.get(&record.id) {
            self.adopt(cell, record);
            return Arc::clone(cell);
        }
        let standing = self.standing(&record);
        let cell = Arc::new(AccountCell::new(record, standing, self.now()));
        cells.insert(cell.id().to_owned(), Arc::clone(&cell));
        cell
    }

    fn adopt(&self, cell: &AccountCell, record: AccountRecord) {
        let standing = self.standing(&record);
        cell.adopt(record, standing, self.now());
    }

    fn standing(&self, record: &AccountRecord) -> Standing {
        self.judge(record).map_or_else(|error| Standing::Barred(error.cause()), |()| Standing::Usable)
    }

    fn cells(&self) -> MutexGuard<'_, HashMap<String, Arc<AccountCell>>> {
        self.cells.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    /// The identity platform, for work that must end by `deadline`.
    fn endpoint(&self, deadline: Deadline) -> Endpoint<'_> {
        Endpoint { transport: &*self.transport, log: &self.log, deadline }
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine").field("closed", &self.closed).finish_non_exhaustive()
    }
}

/// Runs a host's observer; calls into the library from inside it are refused.
pub(crate) fn observe(run: impl FnOnce()) {
    struct Leave(bool);
    impl Drop for Leave {
        fn drop(&mut self) {
            IN_OBSERVER.set(self.0);
        }
    }
    let _leave = Leave(IN_OBSERVER.replace(true));
    run();
}

fn outside_observers() -> Result<()> {
    if IN_OBSERVER.get() { Err(Detail::Reentrant.into()) } else { Ok(()) }
}
