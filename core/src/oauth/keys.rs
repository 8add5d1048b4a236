//! The provider's signing keys, fetched when needed and kept; and the one way to turn a token into a [`VerifiedIdToken`].
//!
//! A set is good for 24 hours, and beyond that while no newer one can be had. A key that the set does not hold is asked for at
//! most once in five minutes, however many tokens name unknown keys. One fetch at a time per address; nobody who finds a usable
//! set waits for the network.

use super::{
    id_token::{Expected, VerifiedIdToken},
    jwk::{Key, KeySet},
    jws::{self, Jws, SignedPayload},
};
use crate::{
    clock::{Clock, Deadline},
    error::{Detail, Error, Result},
    http::{AllowedUrl, Header, IDENTITY_LIMIT, Method, Request, Transport},
};
use std::{
    collections::HashMap,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
};

/// How long a set is used without looking for a newer one, in seconds.
const LIFETIME: i64 = 24 * 3600;
/// The least time between two fetches that an unknown key, or a set that cannot be renewed, causes, in seconds.
const PAUSE: i64 = 300;
/// How many keys are tried on one signature.
const MAX_TRIED: usize = 8;

/// Where the keys are and what a fetch needs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct KeySource<'a> {
    pub(crate) jwks_uri: &'a AllowedUrl,
    pub(crate) transport: &'a dyn Transport,
    pub(crate) deadline: Deadline,
    pub(crate) clock: &'a dyn Clock,
}

/// The key sets seen so far, by address.
#[derive(Debug, Default)]
pub(crate) struct KeyCache {
    slots: Mutex<HashMap<String, Slot>>,
    landed: Condvar,
}

impl KeyCache {
    /// Checks signature and claims of an `id_token`. Reads the network when the keys are unknown, too old or do not hold the key.
    ///
    /// Fails with `IdTokenInvalid` (`what` names the claim or the part), `TenantNotAllowed` or `KeysUnavailable`. When `what` is
    /// `nbf` or `iat`, the clock of this machine is probably wrong.
    pub(crate) fn verify(&self, token: &str, expected: &Expected<'_>, source: &KeySource<'_>) -> Result<VerifiedIdToken> {
        let jws = Jws::parse(token)?;
        let found = self.obtain(source, Wanted::Current)?;
        match open(&found.keys, &jws) {
            Ok((payload, key)) => VerifiedIdToken::check(&payload, key.issuer(), expected),
            Err(Miss::UnknownKey) if !found.is_new => {
                let newer = self.obtain(source, Wanted::OtherThan(&found.keys))?;
                let (payload, key) = open(&newer.keys, &jws).map_err(|_| jws::invalid("signature"))?;
                VerifiedIdToken::check(&payload, key.issuer(), expected)
            }
            Err(_) => Err(jws::invalid("signature")),
        }
    }

    /// A key set from the cache or the network. The lock is never held while the network is read.
    fn obtain(&self, source: &KeySource<'_>, wanted: Wanted<'_>) -> Result<Found> {
        let now = source.clock.now();
        let mut since = None;
        let mut slots = self.lock();
        loop {
            let slot = slots.entry(source.jwks_uri.as_str().to_owned()).or_default();
            let waited = since.is_some_and(|landings| landings != slot.landings);
            match slot.next_step(now, wanted, waited) {
                Step::Use(keys) => return Ok(Found { keys, is_new: waited }),
                Step::Fail(error) => return Err(error),
                Step::Fetch => break,
                Step::Wait => {
                    since.get_or_insert(slot.landings);
                    let left = source.deadline.remaining();
                    if left.is_zero() {
                        return Err(Detail::DeadlineExceeded.into());
                    }
                    slots = self.landed.wait_timeout(slots, left).unwrap_or_else(PoisonError::into_inner).0;
                }
            }
        }
        drop(slots);
        let _flight = Flight { cache: self, address: source.jwks_uri.as_str() };
        let outcome = download(source);
        self.lock().entry(source.jwks_uri.as_str().to_owned()).or_default().settle(outcome, now, wanted)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Slot>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Which set a caller needs.
#[derive(Clone, Copy)]
enum Wanted<'a> {
    Current,
    /// The caller's key is not in this one.
    OtherThan(&'a Arc<KeySet>),
}

struct Found {
    keys: Arc<KeySet>,
    /// It came in while the caller waited: fetching again would tell nothing.
    is_new: bool,
}

enum Step {
    Use(Arc<KeySet>),
    Wait,
    Fetch,
    Fail(Error),
}

/// What is known about one address.
#[derive(Debug, Default)]
struct Slot {
    keys: Option<Arc<KeySet>>,
    fetched_at: i64,
    /// When a fetch was started because the set was too old, or because it lacked a key.
    renewal_at: Option<i64>,
    search_at: Option<i64>,
    /// Why the last fetch failed, if it did.
    failure: Option<Error>,
    is_fetching: bool,
    landings: u64,
}

impl Slot {
    /// Decides what a caller does next; with `Fetch` the fetch is the caller's.
    fn next_step(&mut self, now: i64, wanted: Wanted<'_>, waited: bool) -> Step {
        let step = match (wanted, &self.keys) {
            (Wanted::Current, Some(keys)) => {
                let must_renew =
                    !is_within(now, self.fetched_at, LIFETIME) && !self.is_fetching && !is_recent(now, self.renewal_at);
                if must_renew { Step::Fetch } else { Step::Use(Arc::clone(keys)) }
            }
            (Wanted::OtherThan(old), Some(keys)) if !Arc::ptr_eq(old, keys) => Step::Use(Arc::clone(keys)),
            _ if self.is_fetching => Step::Wait,
            (Wanted::Current, None) => match &self.failure {
                Some(failure) if waited => Step::Fail(failure.clone()),
                _ => Step::Fetch,
            },
            (Wanted::OtherThan(_), _) if is_recent(now, self.search_at) => {
                Step::Fail(self.failure.clone().unwrap_or_else(|| jws::invalid("signature")))
            }
            (Wanted::OtherThan(_), _) => Step::Fetch,
        };
        if matches!(step, Step::Fetch) {
            self.is_fetching = true;
            *self.started_at(wanted) = Some(now);
        }
        step
    }

    /// Records the end of a fetch: a failure leaves the last good set in place.
    fn settle(&mut self, outcome: Result<KeySet>, now: i64, wanted: Wanted<'_>) -> Result<Found> {
        match outcome {
            Ok(keys) => {
                let keys = Arc::new(keys);
                self.keys = Some(Arc::clone(&keys));
                self.fetched_at = now;
                self.failure = None;
                Ok(Found { keys, is_new: true })
            }
            // The caller gave up, which says nothing about the provider: the next caller may fetch at once.
            Err(error) if error.cause() == Detail::OperationCancelled => {
                self.failure = None;
                *self.started_at(wanted) = None;
                Err(error)
            }
            Err(error) => {
                self.failure = Some(error.clone());
                match (wanted, &self.keys) {
                    (Wanted::Current, Some(keys)) => Ok(Found { keys: Arc::clone(keys), is_new: false }),
                    _ => Err(error),
                }
            }
        }
    }

    fn started_at(&mut self, wanted: Wanted<'_>) -> &mut Option<i64> {
        match wanted {
            Wanted::Current => &mut self.renewal_at,
            Wanted::OtherThan(_) => &mut self.search_at,
        }
    }
}

/// Ends a fetch whatever happens to it, and wakes who waits for it.
struct Flight<'a> {
    cache: &'a KeyCache,
    address: &'a str,
}

impl Drop for Flight<'_> {
    fn drop(&mut self) {
        if let Some(slot) = self.cache.lock().get_mut(self.address) {
            slot.is_fetching = false;
            slot.landings = slot.landings.wrapping_add(1);
        }
        self.cache.landed.notify_all();
    }
}

/// Whether `now` lies within `seconds` after `start`. A clock that was set back makes everything old.
fn is_within(now: i64, start: i64, seconds: i64) -> bool {
    (0..seconds).contains(&now.saturating_sub(start))
}

fn is_recent(now: i64, start: Option<i64>) -> bool {
    start.is_some_and(|start| is_within(now, start, PAUSE))
}

enum Miss {
    UnknownKey,
    BadSignature,
}

/// The payload and the key that signed it. A token that names no key is tried with each; if none fits, its key is unknown.
fn open<'k>(keys: &'k KeySet, jws: &Jws<'_>) -> std::result::Result<(SignedPayload, &'k Key), Miss> {
    let mut miss = Miss::UnknownKey;
    for key in keys.named(jws.kid()).take(MAX_TRIED) {
        if let Some(payload) = jws.verify(key.rsa()) {
            return Ok((payload, key));
        }
        if jws.kid().is_some() {
            miss = Miss::BadSignature;
        }
    }
    Err(miss)
}

/// Fetches a set. Whatever goes wrong is `KeysUnavailable`, unless the caller's own time or patience ended.
fn download(source: &KeySource<'_>) -> Result<KeySet> {
    let request = Request {
        method: Method::Get,
        url: source.jwks_uri.clone(),
        headers: vec![Header::new("accept", "application/json")],
        limit: IDENTITY_LIMIT,
        deadline: source.deadline,
    };
    let response = source.transport.send(&request).map_err(|error| match error.cause() {
        Detail::OperationCancelled | Detail::DeadlineExceeded => error,
        _ => unavailable(error.detail()),
    })?;
    if response.status != 200 {
        return Err(unavailable(if response.is_redirect() { "redirect" } else { "status" }));
    }
    if !response.is_json() {
        return Err(unavailable("content type"));
    }
    if response.body.len() > IDENTITY_LIMIT {
        return Err(unavailable("size"));
    }
    KeySet::parse(&response.body).ok_or_else(|| unavailable("keys"))
}

fn unavailable(what: &'static str) -> Error {
    Error::from(Detail::KeysUnavailable).with_what(what)
}
