//! One account in memory: its token, read without a lock, and the single flight of its refresh.

use super::{events::News, flight::SingleFlight, gate::Gate, standing::Standing};
use crate::{
    browser::Outcome,
    error::{Detail, Result},
    model::{AccessToken, AccountInfo, StateReport},
    store::{AccountRecord, StateRecord, TokenSet},
};
use arc_swap::ArcSwap;
use std::sync::{Arc, atomic::AtomicU64};

/// A connected account in memory.
#[derive(Debug)]
pub(crate) struct AccountCell {
    id: String,
    snapshot: ArcSwap<Snapshot>,
    pub(super) refreshes: SingleFlight,
    /// How many changes of other processes were counted when the row was last read because of one.
    pub(super) seen: AtomicU64,
    /// How many of its requests may be under way.
    pub(super) gate: Gate,
    /// Whoever changes the snapshot holds this meanwhile.
    pub(super) news: News,
}

/// All that memory knows of an account; replaced as a whole.
#[derive(Clone, Debug)]
struct Snapshot {
    record: Arc<AccountRecord>,
    cached: Option<Cached>,
    /// Tokens that the store could not take: the newest there are, at the generation of the record.
    unsaved: Option<TokenSet>,
    standing: Standing,
    /// Since when this process knows of that standing.
    noticed_at: i64,
}

/// A token with the times between which it is handed out without a question.
#[derive(Clone, Debug)]
struct Cached {
    token: AccessToken,
    obtained_at: i64,
    /// From here on somebody should refresh, while callers still get this one.
    refresh_at: i64,
    /// From here on callers wait for a refresh.
    renew_before: i64,
}

/// What memory has for a caller.
#[derive(Debug)]
pub(super) enum CachedToken {
    Fresh(AccessToken),
    /// Good, but the service would like to be asked again.
    Aging(AccessToken),
    None,
}

/// Tokens are renewed this long before they expire, or a tenth of their life if that is shorter (FACTS 17, rule 7).
const EARLY: i64 = 300;

impl AccountCell {
    pub(super) fn new(record: AccountRecord, standing: Standing, now: i64) -> Self {
        Self {
            id: record.id.clone(),
            snapshot: ArcSwap::from_pointee(Snapshot::of(record, standing, now)),
            refreshes: SingleFlight::default(),
            seen: AtomicU64::new(0),
            gate: Gate::default(),
            news: News::default(),
        }
    }

    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    pub(crate) fn record(&self) -> Arc<AccountRecord> {
        Arc::clone(&self.snapshot.load().record)
    }

    /// Takes what the store says, unless memory knows the same or something newer. An account that is gone stays gone (case C-06).
    pub(super) fn adopt(&self, record: AccountRecord, standing: Standing, now: i64) {
        self.change(|known| {
            let noticed_at = if known.standing == standing { known.noticed_at } else { now };
            if known.is_gone() || record.generation < known.record.generation {
                None
            } else if record.generation > known.record.generation {
                Some(Snapshot::of(record, standing, noticed_at))
            } else {
                // A row that was damaged is whole again.
                (known.standing != standing).then(|| Snapshot { standing, noticed_at, ..known.clone() })
            }
        });
    }

    /// Keeps tokens that the store could not take: the account works, whatever its row says.
    pub(super) fn adopt_unsaved(&self, tokens: &TokenSet, state: &StateRecord) {
        self.change(|known| {
            let (record, cached) = (known.record_with(state), Some(Cached::new(tokens, false)));
            (!known.is_gone()).then(|| Snapshot { record, cached, unsaved: Some(tokens.clone()), ..known.clone() })
        });
    }

    /// Keeps a refusal that the store could not take.
    pub(super) fn adopt_refusal(&self, state: &StateRecord) {
        self.change(|known| {
            (!known.is_gone()).then(|| Snapshot { record: known.record_with(state), cached: None, ..known.clone() })
        });
    }

    /// Graph did not accept this token: nobody gets it from memory again.
    pub(super) fn refuse(&self, token: &AccessToken) {
        self.change(|known| {
            let is_it = known.cached.as_ref().is_some_and(|cached| cached.token.secret.expose() == token.secret.expose());
            is_it.then(|| Snapshot { cached: None, ..known.clone() })
        });
    }

    /// The account's row does not open. A token that is in memory stays good.
    pub(super) fn mark_damaged(&self, now: i64) {
        self.change(|known| {
            let new = !known.is_gone() && known.standing != Standing::DAMAGED;
            new.then(|| Snapshot { standing: Standing::DAMAGED, noticed_at: now, ..known.clone() })
        });
    }

    /// Tokens that still have to be stored, if `record` is what they belong to.
    pub(super) fn unsaved_for(&self, record: &AccountRecord) -> Option<TokenSet> {
        let known = self.snapshot.load();
        known.unsaved.clone().filter(|_| known.record.generation == record.generation)
    }

    /// The account was disconnected: nothing of its tokens stays in memory.
    pub(super) fn mark_gone(&self, now: i64) {
        self.change(|known| {
            let record = Arc::new(AccountRecord { tokens: None, ..AccountRecord::clone(&known.record) });
            let gone = Snapshot { record, cached: None, unsaved: None, standing: Standing::GONE, noticed_at: now };
            (!known.is_gone()).then_some(gone)
        });
    }

    /// The library was closed: what handles of the host still hold has no tokens.
    pub(super) fn forget_tokens(&self) {
        self.change(|known| {
            let record = Arc::new(AccountRecord { tokens: None, ..AccountRecord::clone(&known.record) });
            Some(Snapshot { record, cached: None, unsaved: None, ..known.clone() })
        });
    }

    pub(super) fn check_there(&self) -> Result<()> {
        if self.snapshot.load().is_gone() { Err(Detail::AccountGone.into()) } else { Ok(()) }
    }

    /// The only place where memory changes: one writer at a time, and what it means for an observer is noted with it.
    fn change(&self, next: impl FnOnce(&Snapshot) -> Option<Snapshot>) {
        let mut news = self.news.lock();
        let known = self.snapshot.load_full();
        if let Some(next) = next(&known) {
            news.note(&self.id, &known.report(), next.report());
            self.snapshot.store(Arc::new(next));
        }
    }

    pub(super) fn has_unsaved(&self) -> bool {
        self.snapshot.load().unsaved.is_some()
    }

    /// The token in memory: no lock, one copy.
    pub(super) fn cached(&self, now: i64) -> CachedToken {
        let snapshot = self.snapshot.load();
        let Some(cached) = &snapshot.cached else { return CachedToken::None };
        // A clock that went back says nothing about expiry; asking early is the safe side (case C-07).
        if now >= cached.renew_before || now < cached.obtained_at.saturating_sub(EARLY) {
            return CachedToken::None;
        }
        let token = cached.token.clone();
        if now >= cached.refresh_at { CachedToken::Aging(token) } else { CachedToken::Fresh(token) }
    }

    /// The token while it has not expired, for callers whose refresh failed for a passing reason (case T-24).
    pub(super) fn unexpired(&self, now: i64) -> Option<AccessToken> {
        let snapshot = self.snapshot.load();
        let token = &snapshot.cached.as_ref()?.token;
        (now < token.expires_at).then(|| token.clone())
    }

    pub(crate) fn info(&self) -> AccountInfo {
        let record = self.record();
        AccountInfo {
            id: record.id.clone(),
            tenant_id: record.identity.tid.clone(),
            object_id: record.identity.oid.clone(),
            display_name: record.person.display_name.clone(),
            username: record.person.username.clone(),
            mail: record.person.mail.clone(),
            connected_at: record.connected_at,
        }
    }

    pub(crate) fn state(&self) -> StateReport {
        self.snapshot.load().report()
    }

    /// What the browser shows after a sign-in.
    pub(super) fn outcome(&self) -> Outcome {
        let record = self.record();
        let username = record.person.username.clone();
        Outcome::Connected {
            account: record.person.display_name.clone().or(username.clone()).unwrap_or_default(),
            username,
            granted: record.scopes.granted.clone(),
            missing: record.scopes.missing.clone(),
            excess: record.scopes.excess.clone(),
        }
    }
}

impl Snapshot {
    fn of(record: AccountRecord, standing: Standing, noticed_at: i64) -> Self {
        let usable = record.tokens.as_ref().filter(|_| standing == Standing::Usable);
        let cached = usable.map(|tokens| Cached::new(tokens, true));
        Self { record: Arc::new(record), cached, unsaved: None, standing, noticed_at }
    }

    fn is_gone(&self) -> bool {
        self.standing == Standing::GONE
    }

    fn report(&self) -> StateReport {
        self.standing.report(&self.record.state, self.noticed_at)
    }

    fn record_with(&self, state: &StateRecord) -> Arc<AccountRecord> {
        Arc::new(AccountRecord { state: state.clone(), ..AccountRecord::clone(&self.record) })
    }
}

impl Cached {
    fn new(tokens: &TokenSet, persisted: bool) -> Self {
        let lifetime = tokens.expires_at.saturating_sub(tokens.obtained_at).max(0);
        let renew_before = tokens.expires_at.saturating_sub(EARLY.min(lifetime / 10));
        Self {
            token: AccessToken { secret: tokens.access_token.clone(), expires_at: tokens.expires_at, persisted },
            obtained_at: tokens.obtained_at,
            refresh_at: tokens.refresh_at.unwrap_or(renew_before),
            renew_before,
        }
    }
}
