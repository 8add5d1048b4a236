//! What the host's observer is told of an account.
//!
//! Everything that memory learns of an account goes through one function of its cell, which holds the lock of the account's [`News`]
//! meanwhile: there the way it stood is compared with the way it stands, and a change becomes an event. So no change is missed, none
//! is told twice, and the order of the events is the order of the changes. They wait until [`Engine::tell`], which is called where
//! no lock is held and before the call that noticed the change returns.

use super::{AccountCell, Engine, observe};
use crate::{
    error::Actor,
    log::LogLevel,
    model::{AccountEvent, AccountEventKind, AccountObserver, AccountState, StateReport},
};
use std::{
    collections::VecDeque,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Mutex, MutexGuard, PoisonError},
};

/// Events of one account that nobody has been told yet.
#[derive(Debug, Default)]
pub(super) struct News(Mutex<Queue>);

#[derive(Debug, Default)]
pub(super) struct Queue {
    waiting: VecDeque<AccountEvent>,
    /// A thread is telling; it comes to what is added meanwhile, so that events never overtake each other.
    telling: bool,
}

impl Engine {
    /// Tells the observer what is new of an account. Not to be called with a lock held.
    pub(super) fn tell(&self, cell: &AccountCell) {
        cell.news.tell(self.observer.as_deref(), &|| self.log.write(LogLevel::Warn, "observer.panicked", |_| {}));
    }
}

impl News {
    /// Held by whoever changes the account.
    pub(super) fn lock(&self) -> MutexGuard<'_, Queue> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, observer: Option<&dyn AccountObserver>, panicked: &dyn Fn()) {
        let Some(observer) = observer else {
            self.lock().waiting.clear();
            return;
        };
        let mut event = self.lock().begin();
        while let Some(new) = event {
            // Unwind safety: the observer's state is its own affair; ours is not touched inside. The payload is forgotten, because
            // dropping it could panic again.
            if let Err(payload) = catch_unwind(AssertUnwindSafe(|| observe(|| observer.on_event(&new)))) {
                std::mem::forget(payload);
                panicked();
            }
            event = self.lock().next();
        }
    }
}

impl Queue {
    /// Notes what a change means for an observer, where it means anything.
    pub(super) fn note(&mut self, account: &str, before: &StateReport, after: StateReport) {
        if let Some(kind) = kind_of(before, &after) {
            self.waiting.push_back(AccountEvent { account_id: account.to_owned(), kind, state: after });
        }
    }

    fn begin(&mut self) -> Option<AccountEvent> {
        if self.telling { None } else { self.next() }
    }

    fn next(&mut self) -> Option<AccountEvent> {
        let next = self.waiting.pop_front();
        self.telling = next.is_some();
        next
    }
}

/// The event of a change: a new state, or a new reason for the same one. The service's own code is no reason: it names the same
/// refusal in more than one way.
fn kind_of(before: &StateReport, after: &StateReport) -> Option<AccountEventKind> {
    if (before.state, &before.detail) == (after.state, &after.detail) {
        return None;
    }
    Some(match (after.state, after.who_acts) {
        (AccountState::Disconnected, _) => AccountEventKind::Disconnected,
        (_, Actor::Nobody) => AccountEventKind::WellAgain,
        (_, Actor::User) => AccountEventKind::NeedsPerson,
        (_, Actor::Administrator) => AccountEventKind::NeedsAdministrator,
        (_, Actor::Developer) => AccountEventKind::NeedsDeveloper,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{cell::RefCell, sync::Arc, thread, time::Duration};

    fn report(state: AccountState, detail: &str, code: &str) -> StateReport {
        let service_code = Some(code.to_owned());
        StateReport { state, detail: detail.to_owned(), service_code, who_acts: state.who_acts(), since: 1 }
    }

    /// The whole table: from every state into every state.
    #[test]
    fn every_change_of_state_is_one_event() {
        use AccountEventKind as K;
        use AccountState as S;
        let kinds = [
            (S::Connected, K::WellAgain),
            (S::SignInRequired, K::NeedsPerson),
            (S::ConsentRequired, K::NeedsAdministrator),
            (S::ExtraStepRequired, K::NeedsPerson),
            (S::BlockedByPolicy, K::NeedsAdministrator),
            (S::AppUnavailable, K::NeedsAdministrator),
            (S::Misconfigured, K::NeedsDeveloper),
            (S::TechnicalError, K::NeedsDeveloper),
            (S::Disconnected, K::Disconnected),
        ];
        assert_eq!(kinds.map(|(state, _)| state), S::ALL);
        for before in S::ALL {
            for (after, kind) in kinds {
                let event = kind_of(&report(before, "a", "1"), &report(after, "a", "2"));
                assert_eq!(event, (before != after).then_some(kind), "{before:?} to {after:?}");
            }
        }
    }

    /// Blocked for another reason asks for another step; another code for the same reason does not.
    #[test]
    fn a_new_reason_is_an_event_and_a_new_code_is_none() {
        let blocked = |detail, code| report(AccountState::BlockedByPolicy, detail, code);
        let kind = |after| kind_of(&blocked("BlockedByPolicy", "AADSTS53003"), &after);
        assert_eq!(kind(blocked("OverPrivileged", "AADSTS53003")), Some(AccountEventKind::NeedsAdministrator));
        assert_eq!(kind(blocked("BlockedByPolicy", "AADSTS53000")), None);
    }

    /// Counts how often it is inside itself, and panics when asked to.
    #[derive(Default)]
    struct Witness {
        told: Mutex<Vec<AccountState>>,
        panics: bool,
    }

    impl AccountObserver for Witness {
        fn on_event(&self, event: &AccountEvent) {
            let mut told = self.told.try_lock().unwrap();
            thread::sleep(Duration::from_millis(1));
            told.push(event.state.state);
            drop(told);
            assert!(!self.panics, "the observer panics");
        }
    }

    fn change(news: &News, from: AccountState, to: AccountState) {
        news.lock().note("a", &report(from, "", ""), report(to, "", ""));
    }

    /// Changes from many threads: every event once, none beside another, in the order in which they were noted.
    #[test]
    fn events_of_an_account_come_one_after_the_other() {
        let (news, witness, expected) = (Arc::new(News::default()), Witness::default(), Mutex::new(Vec::new()));
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for state in AccountState::ALL.into_iter().skip(1) {
                        let mut order = expected.lock().unwrap();
                        change(&news, AccountState::Connected, state);
                        order.push(state);
                        drop(order);
                        news.tell(Some(&witness), &|| panic!("the observer panicked"));
                    }
                });
            }
        });
        assert_eq!(*witness.told.lock().unwrap(), *expected.lock().unwrap());
        assert_eq!(expected.lock().unwrap().len(), 64);
    }

    #[test]
    fn a_panic_is_noted_and_the_next_event_is_told() {
        let (news, witness, noted) = (News::default(), Witness { panics: true, ..Witness::default() }, RefCell::new(0));
        change(&news, AccountState::Connected, AccountState::SignInRequired);
        change(&news, AccountState::SignInRequired, AccountState::Connected);
        news.tell(Some(&witness), &|| *noted.borrow_mut() += 1);
        assert_eq!(*witness.told.lock().unwrap(), [AccountState::SignInRequired, AccountState::Connected]);
        assert_eq!(*noted.borrow(), 2);
        // What was told is told once, and a host that observes nothing keeps nothing waiting.
        news.tell(Some(&witness), &|| panic!("told twice"));
        change(&news, AccountState::Connected, AccountState::SignInRequired);
        news.tell(None, &|| panic!("nobody is told"));
        assert!(news.lock().waiting.is_empty());
    }
}
