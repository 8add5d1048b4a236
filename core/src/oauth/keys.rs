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
    clock::Clock,
    error::{Detail, Error, Result},
    http::{AllowedUrl, Endpoint, IDENTITY_LIMIT, Method},
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
    pub(crate) endpoint: Endpoint<'a>,
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
            let has_landed = since.is_some_and(|landings| landings != slot.landings);
            match slot.next_step(now, wanted, has_landed) {
                Step::Use(keys) => return Ok(Found { keys, is_new: has_landed }),
                Step::Fail(error) => return Err(error),
                Step::Fetch => break,
                Step::Wait => {
                    since.get_or_insert(slot.landings);
                    let left = source.endpoint.deadline.remaining();
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
    /// Decides what a caller does next; with `Fetch` the fetch is the caller's. `has_landed`: a fetch ended while the caller waited.
    fn next_step(&mut self, now: i64, wanted: Wanted<'_>, has_landed: bool) -> Step {
        let step = match (wanted, &self.keys) {
            (Wanted::Current, Some(keys)) => {
                let must_renew =
                    !is_within(now, self.fetched_at, LIFETIME) && !self.is_fetching && !is_recent(now, self.renewal_at);
                if must_renew { Step::Fetch } else { Step::Use(Arc::clone(keys)) }
            }
            (Wanted::OtherThan(old), Some(keys)) if !Arc::ptr_eq(old, keys) => Step::Use(Arc::clone(keys)),
            _ if self.is_fetching => Step::Wait,
            (Wanted::Current, None) => match &self.failure {
                Some(failure) if has_landed => Step::Fail(failure.clone()),
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
    let (response, ids) = source.endpoint.send("keys", Method::Get, source.jwks_uri).map_err(|error| match error.cause() {
        Detail::OperationCancelled | Detail::DeadlineExceeded => error,
        _ => {
            let [service, client] = [error.request_id(), error.client_request_id()].map(|id| id.map(str::to_owned));
            unavailable(error.detail()).with_request_ids(service, client)
        }
    })?;
    let keys = match response.body.len() {
        _ if response.status != 200 => Err("status"),
        _ if !response.is_json() => Err("content type"),
        ..=IDENTITY_LIMIT => KeySet::parse(&response.body).ok_or("keys"),
        _ => Err("size"),
    };
    keys.map_err(|what| ids.mark(unavailable(what)))
}

fn unavailable(what: &'static str) -> Error {
    Detail::KeysUnavailable.about(what)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        clock::Deadline,
        error::ErrorKind,
        http::{Origin, Request, Response, Transport},
        log::Log,
        oauth::testing::{Answer, CLIENT, NOW, Provider, Signer, TEMPLATE, TENANT, TestClock, claims, jwks_uri, source},
    };
    use serde_json::{Value, json};
    use std::{sync::mpsc, thread, time::Duration};

    fn expected() -> Expected<'static> {
        Expected {
            client_id: CLIENT,
            issuer: TEMPLATE,
            nonce: Some("nonce"),
            tenant: None,
            allowed_tenants: &[],
            response_issuer: None,
            access_token: None,
            now: NOW,
        }
    }

    /// A cache, the provider that it asks and the clock that it reads.
    struct World {
        cache: KeyCache,
        provider: Provider,
        clock: TestClock,
    }

    impl World {
        fn new(answers: impl IntoIterator<Item = Answer>) -> Self {
            Self { cache: KeyCache::default(), provider: Provider::new(answers), clock: TestClock::new() }
        }

        fn with_keys(keys: &[Value]) -> Self {
            Self::new([Answer::keys(keys)])
        }

        fn verify(&self, token: &str) -> Result<VerifiedIdToken> {
            self.cache.verify(token, &expected(), &source(&jwks_uri(), &self.provider, &self.clock))
        }

        /// What a token is refused for, after how many fetches in all.
        fn refusal(&self, token: &str) -> (Detail, String, usize) {
            let error = self.verify(token).unwrap_err();
            (error.cause(), error.what().unwrap_or_default().to_owned(), self.provider.fetches())
        }
    }

    fn good() -> String {
        Signer::first().sign(&claims())
    }

    fn nameless(signer: &Signer) -> String {
        signer.sign_raw(r#"{"alg":"RS256"}"#, &claims().to_string())
    }

    fn named(kid: &str) -> String {
        Signer::first().sign_raw(&json!({"alg": "RS256", "kid": kid}).to_string(), &claims().to_string())
    }

    fn with(key: &Signer, member: &str, value: Value) -> Value {
        let mut jwk = key.jwk();
        jwk[member] = value;
        jwk
    }

    fn bad_signature(fetches: usize) -> (Detail, String, usize) {
        (Detail::IdTokenInvalid, "signature".to_owned(), fetches)
    }

    #[test]
    fn keys_are_fetched_once() {
        let world = World::with_keys(&[Signer::first().jwk()]);
        for _ in 0..3 {
            world.verify(&good()).unwrap();
        }
        assert_eq!(world.provider.seen(), [jwks_uri().as_str()]);
    }

    #[test]
    fn j_03_keys_that_must_not_sign() {
        for (member, value) in [("use", json!("enc")), ("alg", json!("PS256")), ("alg", json!("RS512")), ("kty", json!("EC"))] {
            let world = World::with_keys(&[with(&Signer::first(), member, value), Signer::second().jwk()]);
            assert_eq!(world.refusal(&good()), bad_signature(1), "{member}");
        }
    }

    #[test]
    fn j_07_rp_kid_absent_single_jwks() {
        let world = World::with_keys(&[Signer::first().jwk()]);
        world.verify(&nameless(&Signer::first())).unwrap();
        assert_eq!(world.refusal(&nameless(&Signer::second())), bad_signature(2));
    }

    #[test]
    fn j_07_rp_kid_absent_multiple_jwks() {
        let world = World::with_keys(&[Signer::first().jwk(), Signer::second().jwk()]);
        world.verify(&nameless(&Signer::first())).unwrap();
        world.verify(&nameless(&Signer::second())).unwrap();
    }

    #[test]
    fn j_07_at_most_eight_keys_are_tried() {
        let with_last_at = |place: usize| {
            let mut keys = vec![Signer::second().jwk(); place - 1];
            keys.push(Signer::first().jwk());
            World::with_keys(&keys)
        };
        with_last_at(8).verify(&nameless(&Signer::first())).unwrap();
        assert_eq!(with_last_at(9).refusal(&nameless(&Signer::first())), bad_signature(1));
    }

    #[test]
    fn j_07_several_keys_of_one_name() {
        let world = World::with_keys(&[with(&Signer::second(), "kid", json!("first")), Signer::first().jwk()]);
        world.verify(&good()).unwrap();
        // A key of another name does not count, even if it fits.
        let world =
            World::with_keys(&[with(&Signer::first(), "kid", json!("other")), with(&Signer::second(), "kid", json!("first"))]);
        assert_eq!(world.refusal(&good()), bad_signature(1));
    }

    #[test]
    fn j_07_strange_key_names() {
        for kid in ["", "' OR 1=1 --", "../../keys", "FIRST", "first\0", &"k".repeat(10_000)] {
            let world = World::with_keys(&[Signer::first().jwk()]);
            world.verify(&good()).unwrap();
            assert_eq!(world.refusal(&named(kid)), bad_signature(2));
            assert_eq!(world.provider.seen(), [jwks_uri().as_str(); 2]);
        }
    }

    #[test]
    fn j_08_keys_in_the_header_are_ignored() {
        let mut header = json!({
            "alg": "RS256", "kid": "evil", "jwk": Signer::second().jwk(), "jku": "https://evil.example/keys", "x5c": ["MIIC"],
            "x5u": "https://evil.example/cert", "x5t": "AAAA",
        });
        let world = World::with_keys(&[Signer::first().jwk()]);
        let forged = Signer::second().sign_raw(&header.to_string(), &claims().to_string());
        world.verify(&good()).unwrap();
        assert_eq!(world.refusal(&forged), bad_signature(2));
        assert_eq!(world.provider.seen(), [jwks_uri().as_str(); 2]);
        header["kid"] = json!("first");
        world.verify(&Signer::first().sign_raw(&header.to_string(), &claims().to_string())).unwrap();
        assert_eq!(world.provider.fetches(), 2);
    }

    #[test]
    fn j_11_keys_of_another_issuer() {
        let issuer = TEMPLATE.replace("{tenantid}", TENANT);
        for (key_issuer, accepted) in [
            (json!(TEMPLATE), true),
            (json!(issuer), true),
            (json!(TEMPLATE.replace("{tenantid}", "9188040d-6c67-4c5b-b112-36a304b66dad")), false),
            (json!(TEMPLATE.replace(".com", ".us")), false),
            (json!("{tenantid}"), false),
            (json!(""), false),
        ] {
            let world = World::with_keys(&[with(&Signer::first(), "issuer", key_issuer.clone())]);
            let outcome = world.verify(&good()).map(|_| true).or_else(|error| match error.what() {
                Some("iss") => Ok(false),
                _ => Err(error),
            });
            assert_eq!(outcome.unwrap(), accepted, "{key_issuer}");
        }
    }

    #[test]
    fn j_18_large_tokens_fetch_nothing() {
        let world = World::with_keys(&[Signer::first().jwk()]);
        assert_eq!(world.refusal(&"A".repeat(1024 * 1024)), (Detail::IdTokenInvalid, "size".to_owned(), 0));
        assert_eq!(world.refusal("x.y.z"), (Detail::IdTokenInvalid, "format".to_owned(), 0));
    }

    #[test]
    fn j_19_a_thousand_unknown_keys() {
        let world = World::with_keys(&[Signer::first().jwk()]);
        world.verify(&good()).unwrap();
        for number in 0..1_000 {
            assert_eq!(world.refusal(&named(&format!("unknown-{number}"))), bad_signature(2));
            world.clock.advance(i64::from(number % 20 == 0));
        }
        // 50 seconds have passed; five minutes after the fetch the next one is due.
        world.clock.advance(249);
        assert_eq!(world.refusal(&named("late")), bad_signature(2));
        world.clock.advance(1);
        assert_eq!(world.refusal(&named("late")), bad_signature(3));
        assert_eq!(world.refusal(&named("late")), bad_signature(3));
        world.verify(&good()).unwrap();
    }

    #[test]
    fn j_19_a_first_fetch_does_not_count() {
        let world =
            World::new([Answer::keys(&[Signer::first().jwk()]), Answer::keys(&[Signer::first().jwk(), Signer::second().jwk()])]);
        // The set is as new as can be: asking again at once tells nothing.
        assert_eq!(world.refusal(&named("unknown")), bad_signature(1));
        world.verify(&Signer::second().sign(&claims())).unwrap();
        assert_eq!(world.provider.fetches(), 2);
    }

    #[test]
    fn j_19_the_limit_is_per_address() {
        let world = World::with_keys(&[Signer::first().jwk()]);
        let elsewhere = Origin::parse("https://login.microsoftonline.us").unwrap().join(&["keys"]);
        for address in [&jwks_uri(), &elsewhere] {
            let source = source(address, &world.provider, &world.clock);
            for token in [good(), named("unknown"), named("unknown")] {
                let _ = world.cache.verify(&token, &expected(), &source);
            }
        }
        let (here, there) = (jwks_uri(), elsewhere);
        assert_eq!(world.provider.seen(), [here.as_str(), here.as_str(), there.as_str(), there.as_str()]);
    }

    #[test]
    fn j_19_a_clock_that_is_set_back() {
        let world = World::with_keys(&[Signer::first().jwk()]);
        world.verify(&good()).unwrap();
        assert_eq!(world.refusal(&named("unknown")), bad_signature(2));
        world.clock.advance(-86_400);
        // The set and the pause are of the future: both are started anew.
        world.verify(&good()).unwrap();
        assert_eq!(world.refusal(&named("unknown")), bad_signature(4));
        assert_eq!(world.refusal(&named("unknown")), bad_signature(4));
    }

    #[test]
    fn j_20_rp_signing_key_rotation_just_before_signing() {
        let world = World::new([Answer::keys(&[Signer::first().jwk()]), Answer::keys(&[Signer::second().jwk()])]);
        world.verify(&good()).unwrap();
        world.verify(&Signer::second().sign(&claims())).unwrap();
        assert_eq!(world.provider.fetches(), 2);
        // The old key is gone.
        assert_eq!(world.refusal(&good()), bad_signature(2));
    }

    #[test]
    fn j_20_rp_signing_key_rotation_of_a_provider_without_names() {
        let unnamed = |signer: &Signer| {
            let mut key = signer.jwk();
            key.as_object_mut().unwrap().remove("kid");
            Answer::keys(&[key])
        };
        let world = World::new([unnamed(&Signer::first()), unnamed(&Signer::second())]);
        world.verify(&nameless(&Signer::first())).unwrap();
        world.verify(&nameless(&Signer::second())).unwrap();
        assert_eq!(world.provider.fetches(), 2);
    }

    #[test]
    fn j_21_unusable_answers() {
        let body = |status, kind, text: &str| Answer::Body(status, kind, text.to_owned());
        let keys = json!({ "keys": [Signer::first().jwk()] }).to_string();
        for (answer, what) in [
            (body(500, "application/json", &keys), "status"),
            (body(404, "application/json", &keys), "status"),
            (body(204, "application/json", ""), "status"),
            (body(302, "application/json", &keys), "TokenEndpointRedirected"),
            (body(200, "text/html", &keys), "content type"),
            (body(200, "", &keys), "content type"),
            (body(200, "application/json", ""), "keys"),
            (body(200, "application/json", "{}"), "keys"),
            (body(200, "application/json", r#"{"keys":[]}"#), "keys"),
            (body(200, "application/json", &keys[..keys.len() - 1]), "keys"),
            (body(200, "application/json", &format!("{}{keys}", " ".repeat(10 * 1024 * 1024))), "size"),
            (body(200, "application/json", include_str!("testdata/small_keys.json")), "keys"),
            (Answer::Fail(Detail::ResponseTooLarge), "ResponseTooLarge"),
            (Answer::Fail(Detail::NetworkTimeout), "NetworkTimeout"),
            (Answer::Fail(Detail::TlsFailed), "TlsFailed"),
        ] {
            let world = World::new([answer.clone()]);
            assert_eq!(world.refusal(&good()), (Detail::KeysUnavailable, what.to_owned(), 1), "{answer:?}");
            assert_eq!(world.verify(&good()).unwrap_err().kind(), ErrorKind::Service);
        }
    }

    #[test]
    fn j_21_a_first_fetch_that_failed_is_tried_again() {
        let world = World::new([Answer::Fail(Detail::NetworkTimeout), Answer::keys(&[Signer::first().jwk()])]);
        assert_eq!(world.refusal(&good()).0, Detail::KeysUnavailable);
        world.verify(&good()).unwrap();
    }

    #[test]
    fn j_21_the_last_good_set_stands() {
        let world = World::new([Answer::keys(&[Signer::first().jwk()]), Answer::Body(500, "", String::new())]);
        world.verify(&good()).unwrap();
        assert_eq!(world.refusal(&named("unknown")), (Detail::KeysUnavailable, "status".to_owned(), 2));
        // Within the pause the answer is the same, without a fetch.
        assert_eq!(world.refusal(&named("unknown")), (Detail::KeysUnavailable, "status".to_owned(), 2));
        world.verify(&good()).unwrap();
        assert_eq!(world.provider.fetches(), 2);
    }

    #[test]
    fn a_set_lives_for_a_day_and_longer_when_no_newer_one_can_be_had() {
        let keys = || Answer::keys(&[Signer::first().jwk()]);
        let world = World::new([keys(), keys(), Answer::Fail(Detail::NetworkUnavailable)]);
        let verify_after = |seconds| {
            world.clock.advance(seconds);
            world.verify(&good()).unwrap();
            world.provider.fetches()
        };
        assert_eq!([verify_after(0), verify_after(LIFETIME - 1), verify_after(1)], [1, 1, 2]);
        // From here on the provider is gone: one try in five minutes.
        assert_eq!([verify_after(LIFETIME), verify_after(0), verify_after(PAUSE - 1), verify_after(1)], [3, 3, 3, 4]);
        // A day of that later the old set still stands.
        assert_eq!(verify_after(30 * LIFETIME), 5);
    }

    #[test]
    fn giving_up_does_not_spend_the_fetch_of_others() {
        let keys = |signer: &Signer| Answer::keys(&[signer.jwk()]);
        let cancelled = || Answer::Fail(Detail::OperationCancelled);
        let world = World::new([cancelled(), keys(&Signer::first()), cancelled(), keys(&Signer::second())]);
        assert_eq!(world.refusal(&good()).0, Detail::OperationCancelled);
        world.verify(&good()).unwrap();
        let rotated = Signer::second().sign(&claims());
        assert_eq!(world.refusal(&rotated).0, Detail::OperationCancelled);
        world.verify(&rotated).unwrap();
    }

    /// A provider that answers when it is told to.
    #[derive(Debug)]
    struct Gate {
        provider: Provider,
        entered: mpsc::SyncSender<()>,
        opened: Mutex<mpsc::Receiver<()>>,
    }

    impl Transport for Gate {
        fn send(&self, request: &Request) -> Result<Response> {
            self.entered.send(()).unwrap();
            self.opened.lock().unwrap().recv_timeout(Duration::from_secs(10)).unwrap();
            self.provider.send(request)
        }
    }

    fn gate(answers: impl IntoIterator<Item = Answer>) -> (Gate, mpsc::Receiver<()>, mpsc::SyncSender<()>) {
        let (entered, arrivals) = mpsc::sync_channel(100);
        let (open, opened) = mpsc::sync_channel(100);
        (Gate { provider: Provider::new(answers), entered, opened: Mutex::new(opened) }, arrivals, open)
    }

    #[test]
    fn one_fetch_serves_all_who_wait_and_nobody_else_waits() {
        let (gate, arrivals, open) = gate([Answer::keys(&[Signer::first().jwk()]), Answer::keys(&[Signer::second().jwk()])]);
        let (cache, clock, uri) = (KeyCache::default(), TestClock::new(), jwks_uri());
        let elsewhere = Origin::parse("https://login.microsoftonline.us").unwrap().join(&["keys"]);
        let deadline = Deadline::after(Duration::from_secs(10));
        let log = Log::default();
        let verify_at = |uri, transport: &dyn Transport, token: &str, deadline| {
            let endpoint = Endpoint { transport, log: &log, deadline };
            cache.verify(token, &expected(), &KeySource { jwks_uri: uri, endpoint, clock: &clock })
        };
        open.send(()).unwrap();
        verify_at(&uri, &gate, &good(), deadline).unwrap();
        arrivals.recv().unwrap();
        let rotated = Signer::second().sign(&claims());
        thread::scope(|scope| {
            let waiting: Vec<_> = (0..8).map(|_| scope.spawn(|| verify_at(&uri, &gate, &rotated, deadline).map(|_| ()))).collect();
            arrivals.recv_timeout(Duration::from_secs(10)).unwrap();
            // The fetch is under way: known keys, other addresses and impatient callers do not wait for it.
            verify_at(&uri, &gate, &good(), deadline).unwrap();
            let other = Provider::new([Answer::keys(&[Signer::first().jwk()])]);
            verify_at(&elsewhere, &other, &good(), deadline).unwrap();
            let impatient = verify_at(&uri, &gate, &rotated, Deadline::after(Duration::ZERO)).unwrap_err();
            assert_eq!(impatient.cause(), Detail::DeadlineExceeded);
            open.send(()).unwrap();
            for thread in waiting {
                thread.join().unwrap().unwrap();
            }
        });
        assert_eq!(gate.provider.fetches(), 2);
    }

    #[test]
    fn a_failed_first_fetch_fails_all_who_waited_for_it() {
        let mut slot = Slot::default();
        assert!(matches!(slot.next_step(NOW, Wanted::Current, false), Step::Fetch));
        assert!(matches!(slot.next_step(NOW, Wanted::Current, false), Step::Wait));
        slot.settle(Err(unavailable("status")), NOW, Wanted::Current).map(|_| ()).unwrap_err();
        slot.is_fetching = false;
        assert!(matches!(slot.next_step(NOW, Wanted::Current, true), Step::Fail(error) if error.what() == Some("status")));
        // Who comes later tries for themselves.
        assert!(matches!(slot.next_step(NOW, Wanted::Current, false), Step::Fetch));
    }

    #[test]
    fn a_transport_that_panics_leaves_nobody_waiting() {
        #[derive(Debug)]
        struct Broken;
        impl Transport for Broken {
            fn send(&self, _: &Request) -> Result<Response> {
                panic!("a defect");
            }
        }
        let (cache, clock, uri) = (KeyCache::default(), TestClock::new(), jwks_uri());
        let deadline = Deadline::after(Duration::from_secs(10));
        let endpoint = Endpoint { transport: &Broken, log: &Log::default(), deadline };
        let broken = KeySource { jwks_uri: &uri, endpoint, clock: &clock };
        thread::scope(|scope| scope.spawn(|| cache.verify(&good(), &expected(), &broken).map(|_| ())).join().unwrap_err());
        let provider = Provider::new([Answer::keys(&[Signer::first().jwk()])]);
        cache.verify(&good(), &expected(), &source(&uri, &provider, &clock)).unwrap();
    }

    /// A small generator, so that every run mutates alike (xorshift64).
    struct Random(u64);

    impl Random {
        fn below(&mut self, limit: usize) -> usize {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            usize::try_from(self.0 % u64::try_from(limit).unwrap()).unwrap()
        }

        /// Changes, drops, doubles or cuts, one to four times.
        fn mutate(&mut self, text: &[u8]) -> Vec<u8> {
            let mut bytes = text.to_vec();
            for _ in 0..=self.below(4) {
                let place = self.below(bytes.len().max(1)).min(bytes.len().saturating_sub(1));
                match self.below(6) {
                    _ if bytes.is_empty() => {}
                    0 => bytes[place] ^= 1 << self.below(8),
                    1 => bytes[place] = b"{}[]\",:.=\\0-_Az"[self.below(15)],
                    2 => drop(bytes.remove(place)),
                    3 => bytes.insert(place, text[self.below(text.len())]),
                    4 => bytes.truncate(place),
                    _ => bytes.extend_from_within(place..),
                }
            }
            bytes
        }
    }

    #[test]
    fn mutated_tokens_never_pass_and_never_panic() {
        let world = World::with_keys(&[Signer::first().jwk()]);
        let token = good();
        let mut random = Random(0x5eed);
        let (mut refused, mut unchanged) = (0, 0);
        for _ in 0..4_000 {
            let mutated = String::from_utf8_lossy(&random.mutate(token.as_bytes())).into_owned();
            if mutated == token {
                unchanged += 1;
                world.verify(&mutated).unwrap();
            } else {
                let error = world.verify(&mutated).expect_err(&mutated);
                assert_eq!(error.cause(), Detail::IdTokenInvalid);
                refused += 1;
            }
        }
        assert!(refused > 3_900 && refused + unchanged == 4_000, "{refused} {unchanged}");
    }

    #[test]
    fn mutated_headers_and_claims_never_panic() {
        let world = World::with_keys(&[Signer::first().jwk()]);
        let (header, payload) = (r#"{"alg":"RS256","kid":"first","typ":"JWT"}"#, claims().to_string());
        let mut random = Random(0xfeed);
        let (mut refused, mut accepted) = (0, 0);
        for round in 0..1_500 {
            // Signed by the right key: the parsers behind the signature are reached.
            let token = if round % 2 == 0 {
                Signer::first().sign_raw(&String::from_utf8_lossy(&random.mutate(header.as_bytes())), &payload)
            } else {
                Signer::first().sign_raw(header, &String::from_utf8_lossy(&random.mutate(payload.as_bytes())))
            };
            match world.verify(&token) {
                // Names and unknown members may change without harm; whom the token is about may not escape its form.
                Ok(token) => {
                    accepted += 1;
                    assert!(token.tid() == TENANT && token.oid().len() == 36 && !token.sub().is_empty());
                }
                Err(error) => {
                    refused += 1;
                    assert!(matches!(error.cause(), Detail::IdTokenInvalid | Detail::TenantNotAllowed), "{error}");
                }
            }
        }
        assert!(refused > 1_000 && accepted > 10, "{refused} {accepted}");
    }

    #[test]
    fn mutated_key_sets_never_let_a_stranger_in() {
        let set = json!({ "keys": [Signer::first().jwk(), with(&Signer::first(), "kid", json!("again"))] }).to_string();
        let token = Signer::second().sign_raw(r#"{"alg":"RS256"}"#, &claims().to_string());
        let jws = Jws::parse(&token).unwrap();
        let mut random = Random(0xbead);
        let (mut readable, mut useless) = (0, 0);
        for _ in 0..5_000 {
            match KeySet::parse(&random.mutate(set.as_bytes())) {
                Some(keys) => {
                    readable += 1;
                    assert!(open(&keys, &jws).is_err());
                }
                None => useless += 1,
            }
        }
        assert!(readable > 100 && useless > 100, "{readable} {useless}");
    }
}
