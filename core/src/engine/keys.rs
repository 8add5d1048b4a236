//! Changing the keys of the store. Providers are called on the caller's thread, with no lock held.

use super::Engine;
use crate::{
    call::Call,
    error::{Detail, Result},
    log::LogLevel,
    protection::KeyRotation,
    store::{AccountLock, Erasure, KeyProvider},
};
use std::{
    sync::{Arc, PoisonError},
    time::{Duration, Instant},
};

/// How many rotations by others one call may meet.
const KEY_CHANGES: usize = 8;
/// A refresh that takes longer is passed by when its account is sealed anew.
const HANGS: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(10);

impl Engine {
    pub(crate) fn key_provider(&self) -> Arc<dyn KeyProvider> {
        Arc::clone(&self.key_provider.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Opens the keys that another process gave the store meanwhile.
    pub(super) fn catch_up(&self) -> Result<()> {
        self.store.catch_up(&*self.key_provider())
    }

    /// Runs work that changes nothing before it has the store's keys. Where another process gave the store a new one in the middle,
    /// this thread opens that and runs the work again.
    pub(super) fn with_keys<T>(&self, work: impl Fn() -> Result<T>) -> Result<T> {
        for _ in 0..KEY_CHANGES {
            match work() {
                Err(error) if error.cause() == Detail::StoreKeyChanged => self.catch_up()?,
                done => return done,
            }
        }
        work()
    }

    /// Wraps the store's key with another provider, which is used from then on.
    pub(crate) fn change_key(&self, to: Arc<dyn KeyProvider>) -> Result<()> {
        self.with_keys(|| self.store.change_key(&*self.key_provider(), &*to))?;
        *self.key_provider.lock().unwrap_or_else(PoisonError::into_inner) = to;
        self.log.write(LogLevel::Info, "store.key-changed", |_| {});
        Ok(())
    }

    /// Gives the store a new key, or finishes what an earlier call began.
    pub(crate) fn rotate_store_key(&self, call: &Call) -> Result<KeyRotation> {
        let provider = self.key_provider();
        match self.store.begin_rotation(&*provider) {
            // Another process began meanwhile: this one helps.
            Err(error) if error.cause() == Detail::StoreKeyChanged => self.catch_up()?,
            begun => begun?,
        }
        let mut report = KeyRotation { accounts: 0, damaged: 0, erased: false };
        loop {
            for id in self.store.accounts_to_reseal()? {
                let _turn = self.between_refreshes(&id, call)?;
                let count = if self.store.reseal_account(&id)? { &mut report.accounts } else { &mut report.damaged };
                *count = count.saturating_add(1);
            }
            call.check()?;
            if let Some(erased) = self.store.finish_rotation(&*provider)? {
                self.log.write(LogLevel::Info, "store.key-rotated", |_| {});
                return Ok(KeyRotation { erased, ..report });
            }
        }
    }

    /// Waits until nobody refreshes the account: whoever does has no key yet for what is sealed anew meanwhile, and could not store the
    /// token that it gets. A refresh that hangs is not waited for.
    fn between_refreshes(&self, id: &str, call: &Call) -> Result<Option<AccountLock>> {
        call.check()?;
        let Some(mut queue) = self.store.queue(id).filter(|_| self.sharing.locks) else { return Ok(None) };
        let (signal, start) = (call.signal(), Instant::now());
        loop {
            match queue.try_take() {
                Ok(None) if start.elapsed() < HANGS => call.wait(&signal, PAUSE)?,
                Ok(lock) => return Ok(lock),
                // A disk that takes no lock keeps nobody from a new key.
                Err(_) => return Ok(None),
            }
        }
    }

    /// Forgets an account in the store. Where the provider owns its keys, the store's key is wrapped anew in the same step, so that
    /// an older copy of the file cannot bring the account back (case S-07). If the provider cannot do that now, the account goes all
    /// the same, and the report says so.
    ///
    /// Damaged stores that recoveries set aside go too: the person's rows are in them.
    pub(super) fn erase(&self, id: &str) -> Result<Erasure> {
        let erasure = self.with_keys(|| self.erase_account(id))?;
        let is_set_aside = self.discard_set_aside().is_err();
        Ok(Erasure { erased: erasure.erased && !is_set_aside, ..erasure })
    }

    /// Removes the damaged stores that recoveries set aside.
    pub(crate) fn discard_set_aside(&self) -> Result<u32> {
        self.store.discard_set_aside(&*self.key_provider())
    }

    fn erase_account(&self, id: &str) -> Result<Erasure> {
        let provider = self.key_provider();
        if !provider.kind().owns_its_keys() {
            return self.store.disconnect(id, None);
        }
        let rewrapped = self.store.rewrap(&*provider, &*provider).ok();
        let erasure = self.store.disconnect(id, rewrapped.as_ref());
        let mut replaced = erasure.as_ref().is_ok_and(|erasure| erasure.key_replaced);
        if !replaced {
            if let Some(unused) = rewrapped {
                unused.abandon(&*provider);
            }
            // Another process changed the wrapping in between.
            replaced = erasure.is_ok() && self.store.change_key(&*provider, &*provider).is_ok();
        }
        // As long as the provider has the old key, older copies open.
        let key_replaced = replaced && self.store.finish_retiring(&*provider).is_ok();
        erasure.map(|erasure| Erasure { key_replaced, ..erasure })
    }
}
