//! What an observer is told of the connected accounts.

use super::StateReport;
use crate::language::Language;

/// What changed for an account: in short, who is needed now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum AccountEventKind {
    /// The account is as it should be again: nobody is needed any more.
    WellAgain = 0,
    /// Its person has to act, in most cases by connecting again.
    NeedsPerson = 1,
    /// The organisation's administrator has to act.
    NeedsAdministrator = 2,
    /// The developer of the app has to act.
    NeedsDeveloper = 3,
    /// It was disconnected, by this program or by another one on the same store. It is the last event of this account.
    Disconnected = 4,
}

impl AccountEventKind {
    /// Every kind, in the order of its number.
    pub const ALL: [Self; 5] =
        [Self::WellAgain, Self::NeedsPerson, Self::NeedsAdministrator, Self::NeedsDeveloper, Self::Disconnected];
}

/// One change of how an account stands. `Debug` shows what changed, and neither the account nor its codes.
#[derive(Clone, PartialEq, Eq)]
pub struct AccountEvent {
    /// The account's id in this store ([`AccountInfo::id`](crate::AccountInfo::id)).
    pub account_id: String,
    /// What changed.
    pub kind: AccountEventKind,
    /// How the account stands since then: what [`Account::state`](crate::Account::state) answers until the next event. (Only its
    /// [`service_code`](StateReport::service_code) may change in between: it names the same refusal in more than one way.)
    pub state: StateReport,
}

impl AccountEvent {
    /// What happened, in one sentence for the person.
    pub fn message(&self, language: Language) -> &'static str {
        match self.kind {
            AccountEventKind::WellAgain => language.pick("The account works again.", "Das Konto funktioniert wieder."),
            AccountEventKind::Disconnected => language.pick("The account was disconnected.", "Das Konto wurde getrennt."),
            _ => self.state.message(language),
        }
    }

    /// What to do next, in one sentence for the person; empty when the account is well again.
    pub fn next_step(&self, language: Language) -> &'static str {
        match self.kind {
            AccountEventKind::Disconnected => {
                language.pick("To use it again, connect it.", "Verbinden Sie es, um es wieder zu nutzen.")
            }
            _ => self.state.next_step(language),
        }
    }
}

/// Is told when an account needs somebody, and when it is well again ([`Hooks::accounts`](crate::Hooks::accounts)).
///
/// * **What.** One event for each change of [`StateReport::state`] or [`StateReport::detail`]; none when a refused account is refused
///   again for the same reason, none for failures that pass by themselves (network, throttling), and none for what is found when
///   an account is first looked at: [`Office365::accounts`](crate::Office365::accounts) gives that. What another process on the
///   same store changed is told when this one notices it: within about a second, as soon as it asks for the account's token, or at
///   once when it calls `accounts` or `account`.
/// * **Order.** The events of one account come one after the other, in the order of the changes. Events of different accounts can
///   come at the same time.
/// * **Where and when.** On the thread that noticed the change (for a refresh, one of the library's own, else the caller's) with no lock held, and
///   before the call that noticed it returns. If the observer is slow, callers that wait for that refresh get their answer all the
///   same, one to two seconds late or when their own time is over, and no event of another account waits. Still: note the event
///   and return, and do not wait for another thread.
/// * **From inside**, what answers from memory is possible ([`Account::state`](crate::Account::state),
///   [`Account::info`](crate::Account::info), a token that is fresh) and every other call answers `Busy` (`Reentrant`).
///   Closing is possible, but takes a second because it waits for this very event.
/// * **A panic** of the observer is caught and noted in the log (`observer.panicked`); nobody else notices, and the next event is
///   told as usual.
///
/// # Example
/// ```
/// # mod rig { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/rig.rs")); }
/// # use rig::{rig_hooked, rig_with};
/// # fn main() -> intail_office365::Result<()> {
/// use intail_office365::{AccountEvent, AccountEventKind, AccountObserver, Hooks, Language};
/// use std::sync::{Arc, Mutex};
///
/// #[derive(Default)]
/// struct Badge(Mutex<Vec<String>>);
///
/// impl AccountObserver for Badge {
///     fn on_event(&self, event: &AccountEvent) {
///         let english = Language::English;
///         self.0.lock().unwrap().push(format!("{} {}", event.message(english), event.next_step(english)));
///     }
/// }
///
/// let badge = Arc::new(Badge::default());
/// let hooks = Hooks { accounts: Some(badge.clone()), ..Hooks::default() };
/// # let rig = rig_hooked("megan@northwind.example", hooks);
/// # let account = rig.office.connect(&Default::default(), None)?;
/// // Later Megan changes her password, and the next refresh is refused:
/// # rig.sandbox.control().change_password("megan@northwind.example").unwrap();
/// # rig.later();
/// assert!(account.acquire_token_silent().is_err());
/// assert_eq!(*badge.0.lock().unwrap(), ["Your session has ended. Sign in again."]);
/// # Ok(()) }
/// ```
pub trait AccountObserver: Send + Sync {
    /// Takes one event.
    fn on_event(&self, event: &AccountEvent);
}
