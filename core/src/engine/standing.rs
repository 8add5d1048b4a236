//! How an account stands: as the store says, unless something here is in the way of it.

use crate::{
    error::Detail,
    model::{AccountState, StateReport},
    store::StateRecord,
};

/// Whether the tokens of a record may be used here and now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    Usable,
    /// Whatever the record says, callers get this error: the configuration of today does not allow the account, its row is damaged,
    /// or it is gone.
    Barred(Detail),
}

impl Standing {
    pub(super) const DAMAGED: Self = Self::Barred(Detail::StoreTampered);
    pub(super) const GONE: Self = Self::Barred(Detail::AccountGone);

    /// What the host is told: `stored`, or the bar and since when this process knows of it.
    pub(super) fn report(self, stored: &StateRecord, noticed_at: i64) -> StateReport {
        match self {
            Self::Usable => {
                let state = AccountState::from_number(stored.state);
                StateReport {
                    state,
                    detail: stored.detail.clone(),
                    service_code: stored.service_code.clone(),
                    // More exact than the state: of what a policy forbids, some is for the person to mend.
                    who_acts: Detail::named(&stored.detail).map_or_else(|| state.who_acts(), Detail::who_acts),
                    since: stored.since,
                }
            }
            Self::Barred(detail) => {
                let state = state_of(detail);
                let detail = detail.name().to_owned();
                StateReport { state, detail, service_code: None, who_acts: state.who_acts(), since: noticed_at }
            }
        }
    }
}

fn state_of(bar: Detail) -> AccountState {
    match bar {
        Detail::AccountGone => AccountState::Disconnected,
        // As when a refresh brings such a grant: the administrator can take it back.
        Detail::OverPrivileged => AccountState::BlockedByPolicy,
        // Another configuration, a tenant that is not allowed, a damaged row: connecting is what helps.
        _ => AccountState::SignInRequired,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{engine::sign_in::connected_state, error::Actor, language::Language};

    #[test]
    fn every_bar_names_its_state_and_who_acts() {
        for (bar, state, actor) in [
            (Standing::GONE, AccountState::Disconnected, Actor::User),
            (Standing::DAMAGED, AccountState::SignInRequired, Actor::User),
            (Standing::Barred(Detail::OtherConfiguration), AccountState::SignInRequired, Actor::User),
            (Standing::Barred(Detail::TenantNotAllowed), AccountState::SignInRequired, Actor::User),
            (Standing::Barred(Detail::OverPrivileged), AccountState::BlockedByPolicy, Actor::Administrator),
        ] {
            let report = bar.report(&connected_state(1), 5);
            assert_eq!((report.state, report.who_acts, report.since), (state, actor, 5), "{bar:?}");
            assert!(!report.message(Language::English).is_empty() && !report.next_step(Language::German).is_empty(), "{bar:?}");
        }
        let blocked = |detail: &str| {
            let stored =
                StateRecord { state: AccountState::BlockedByPolicy as u32, detail: detail.to_owned(), ..connected_state(1) };
            Standing::Usable.report(&stored, 5).who_acts
        };
        assert_eq!(blocked("DeviceNotAccepted"), Actor::User);
        assert_eq!(blocked("BlockedByPolicy"), Actor::Administrator);
        assert_eq!(blocked("written by another version"), Actor::Administrator);
        let report = Standing::Usable.report(&connected_state(1), 5);
        assert_eq!((report.state, report.detail.as_str(), report.since), (AccountState::Connected, "", 1));
    }
}
