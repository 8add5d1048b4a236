//! Changing the store's keys through the facade, while others use the store (case S-27).

use crate::rig::{MEGAN, Rig, hint, refused};
use intail_office365::{
    _internal::Sharing, CallOptions, CancelToken, ErrorKind, HostKey, KeyFile, KeyProvider, KeyProviderKind, Office365, Result,
};
use intail_office365_sandbox::{Endpoint, Fault, TokenSettings};
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

fn host_key(byte: u8) -> Arc<HostKey> {
    Arc::new(HostKey::new(&[byte; 32]).unwrap())
}

/// Counts how often it is asked, and by which thread.
struct Counted(HostKey, AtomicUsize, thread::ThreadId);

impl Counted {
    fn new(byte: u8) -> Arc<Self> {
        Arc::new(Self(HostKey::new(&[byte; 32]).unwrap(), AtomicUsize::new(0), thread::current().id()))
    }

    fn count(&self) {
        assert_eq!(thread::current().id(), self.2, "providers are asked on the caller's thread");
        self.1.fetch_add(1, Ordering::SeqCst);
    }
}

impl KeyProvider for Counted {
    fn wrap(&self, key_id: u32, key: &[u8]) -> Result<Vec<u8>> {
        self.count();
        self.0.wrap(key_id, key)
    }

    fn unwrap(&self, key_id: u32, wrapped: &[u8]) -> Result<Vec<u8>> {
        self.count();
        self.0.unwrap(key_id, wrapped)
    }
}

/// Cancels the call that asks it for a wrapping.
struct Cancelling(HostKey, Arc<CancelToken>);

impl KeyProvider for Cancelling {
    fn wrap(&self, key_id: u32, key: &[u8]) -> Result<Vec<u8>> {
        self.1.cancel();
        self.0.wrap(key_id, key)
    }

    fn unwrap(&self, key_id: u32, wrapped: &[u8]) -> Result<Vec<u8>> {
        self.0.unwrap(key_id, wrapped)
    }
}

fn open_under(rig: &Rig, keys: Arc<dyn KeyProvider>) -> Result<Office365> {
    Office365::open(rig.config(), keys, rig.hooks())
}

#[test]
fn s_27_after_a_change_only_the_new_key_opens() {
    let rig = Rig::new();
    let office = rig.open();
    let account = rig.connected(&office);
    let file = rig.folder.path().join("office365.key");
    office.change_key(host_key(8)).unwrap();
    account.acquire_token_silent().unwrap();
    office.change_key(Arc::new(KeyFile::at(file.to_str().unwrap()).unwrap())).unwrap();
    office.close();
    for old in [7, 8] {
        refused(open_under(&rig, host_key(old)), ErrorKind::KeyRejected, "StoreWrongKey");
    }
    let office = open_under(&rig, Arc::new(KeyFile::at(file.to_str().unwrap()).unwrap())).unwrap();
    assert_eq!(office.accounts().unwrap()[0].info(), account.info());
}

/// Threads, and a second handle that stands for another process, go on while the key changes again and again.
#[test]
fn s_27_nobody_notices_a_rotation() {
    let rig = Rig::new();
    rig.control.set_tokens(TokenSettings { lifetime: Some(1), strict_rotation: true, ..TokenSettings::default() }).unwrap();
    let (one, other) = (rig.open(), rig.open());
    let account = rig.connected(&one);
    let elsewhere = other.account(&account.id()).unwrap();
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let workers: Vec<_> = [&account, &account, &elsewhere, &elsewhere]
            .into_iter()
            .map(|account| {
                scope.spawn(|| {
                    let mut tokens = 0;
                    while !stop.load(Ordering::SeqCst) {
                        account.acquire_token_silent().unwrap();
                        tokens += 1;
                    }
                    tokens
                })
            })
            .collect();
        for _ in 0..20 {
            rig.advance(2);
            assert_eq!(one.rotate_store_key().unwrap().damaged, 0);
        }
        stop.store(true, Ordering::SeqCst);
        assert!(workers.into_iter().all(|worker| worker.join().unwrap() > 0));
    });
    for office in [&one, &other] {
        assert!(office.account(&account.id()).unwrap().acquire_token_silent().unwrap().is_persisted());
    }
}

/// A rotation comes while another process refreshes. Whether what that one gets is stored: with the locks, and (the twin) without.
#[test]
fn s_27_a_rotation_waits_for_a_refresh_under_way() {
    for (locks, stored) in [(true, true), (false, false)] {
        let rig = Rig::new();
        let one = rig.open();
        let account = rig.connected(&one);
        one.close();
        let sharing = Sharing { locks, ..Sharing::default() };
        let open = || Office365::open_sharing(rig.config(), host_key(7), rig.hooks(), sharing).unwrap();
        let (one, other) = (open(), open());
        let elsewhere = other.account(&account.id()).unwrap();
        rig.expire();
        rig.control.add_fault(Fault { delay_ms: 1_000, ..Fault::at(Endpoint::Token, "slow") }).unwrap();
        let token = thread::scope(|scope| {
            let refresh = scope.spawn(|| elsewhere.acquire_token_silent().unwrap());
            while rig.refreshes() == 0 {
                thread::sleep(Duration::from_millis(5));
            }
            one.rotate_store_key().unwrap();
            refresh.join().unwrap()
        });
        assert_eq!(token.is_persisted(), stored);
    }
}

#[test]
fn s_27_a_sign_in_under_way_survives_a_rotation_by_another_process() {
    let rig = Rig::new();
    let keys = Counted::new(7);
    let (one, other) = (open_under(&rig, keys.clone()).unwrap(), rig.open());
    let request = one.begin_connect(&hint(MEGAN)).unwrap();
    other.rotate_store_key().unwrap();
    let before = keys.1.load(Ordering::SeqCst);
    one.complete_connect(&crate::rig::redirect(MEGAN, &request.url), None).unwrap();
    assert_eq!(keys.1.load(Ordering::SeqCst), before + 1, "the provider is asked once for the new key");
    assert_eq!(one.accounts().unwrap().len(), 1);
    assert_eq!(keys.1.load(Ordering::SeqCst), before + 1);
}

#[test]
fn s_27_a_cancelled_rotation_is_told_and_goes_on_with_the_next_call() {
    let rig = Rig::new();
    let office = rig.open();
    rig.connected(&office);
    let cancel = CancelToken::new();
    office.close();
    let keys = Cancelling(HostKey::new(&[7; 32]).unwrap(), cancel.clone());
    let office = open_under(&rig, Arc::new(keys)).unwrap();
    assert!(!office.diagnose().unwrap().key_rotation_pending);
    let stopped = office.with(CallOptions { cancel: Some(cancel), ..CallOptions::default() }).rotate_store_key();
    refused(stopped, ErrorKind::Cancelled, "OperationCancelled");
    office.close();
    let office = rig.open();
    assert!(office.diagnose().unwrap().key_rotation_pending);
    office.accounts().unwrap()[0].acquire_token_silent().unwrap();
    assert_eq!(office.rotate_store_key().unwrap().accounts, 1);
    assert!(!office.diagnose().unwrap().key_rotation_pending);
}

/// A key file, at whose next wrapping somebody else rotates the store's key.
struct Crossed(KeyFile, Mutex<Option<Office365>>);

impl KeyProvider for Crossed {
    fn wrap(&self, key_id: u32, key: &[u8]) -> Result<Vec<u8>> {
        let other = self.1.lock().unwrap().take();
        if let Some(other) = other {
            other.rotate_store_key().unwrap();
        }
        self.0.wrap(key_id, key)
    }

    fn unwrap(&self, key_id: u32, wrapped: &[u8]) -> Result<Vec<u8>> {
        self.0.unwrap(key_id, wrapped)
    }

    fn kind(&self) -> KeyProviderKind {
        self.0.kind()
    }

    fn retire(&self, wrapped: &[u8]) -> Result<()> {
        self.0.retire(wrapped)
    }
}

#[test]
fn s_27_a_rotation_in_the_middle_of_a_change_or_a_disconnect_costs_nothing() {
    let rig = Rig::new();
    let file = rig.folder.path().join("office365.key");
    let keys = || KeyFile::at(file.to_str().unwrap()).unwrap();
    let crossed = Arc::new(Crossed(keys(), Mutex::new(None)));
    let office = open_under(&rig, Arc::clone(&crossed) as Arc<dyn KeyProvider>).unwrap();
    let account = rig.sign_in(&office, MEGAN).unwrap();
    let cross = || *crossed.1.lock().unwrap() = Some(open_under(&rig, Arc::new(keys())).unwrap());
    cross();
    office.change_key(Arc::clone(&crossed) as Arc<dyn KeyProvider>).unwrap();
    cross();
    let gone = account.disconnect().unwrap();
    assert_eq!((gone.erased, gone.key_replaced), (true, true));
    office.close();
    assert!(open_under(&rig, Arc::new(keys())).unwrap().accounts().unwrap().is_empty());
}
