//! Plain data that the facade takes and returns.

mod account_event;
mod calendar;
mod diagnosis;
mod mail;
mod profile;
mod redacted;
mod redacted_records;
mod sync;
mod word;

pub use account_event::{AccountEvent, AccountEventKind, AccountObserver};
pub use calendar::{
    Attendee, AttendeeType, Calendar, CalendarColor, CalendarView, DayOfWeek, Event, EventChange, EventOrder, EventPage,
    EventProperty, EventQuery, EventTime, EventType, Location, LocationType, OnlineMeeting, OnlineMeetingProvider, RangeType,
    Recurrence, RecurrencePatternType, Response, Sensitivity, ShowAs, WeekIndex,
};
pub use diagnosis::{Check, CheckKind, Diagnosis, Need};
pub use mail::{
    EmailAddress, FlagStatus, Importance, InferenceClassification, MailFolder, Message, MessageChange, MessageKind, MessageOrder,
    MessagePage, MessageProperty, MessageQuery, RemovedReason, UnknownValue,
};
pub use profile::{Photo, Profile};
pub use sync::{EventSyncPage, MailboxSync, MessageSyncPage, SyncObserver, SyncProgress};
pub(crate) use word::Word;

use crate::{
    consent::Scope,
    error::{Actor, Detail},
    language::Language,
    secret::Secret,
};
use std::fmt;

/// An address for the person's browser, and what belongs to it. `Debug` shows neither the address nor the `state`.
#[derive(Clone, PartialEq, Eq)]
pub struct AuthorizationRequest {
    /// The address to open in the system browser. It carries no secret, but belongs to this sign-in only.
    pub url: String,
    /// The `state` that the redirect brings back, for hosts that have several sign-ins under way.
    pub state: String,
    /// Unix seconds after which the answer is refused.
    pub expires_at: i64,
}

/// What a sign-in should look like. Everything is optional. `Debug` shows the switches and no text.
#[derive(Clone, Default)]
pub struct ConnectOptions {
    /// User name to fill in at the sign-in page. Cannot stand together with [`select_account`](Self::select_account).
    pub login_hint: Option<String>,
    /// Domain of the organisation, to go to its sign-in page directly.
    pub domain_hint: Option<String>,
    /// Show the account picker even if one account is signed in: what "add another account" needs, as the browser would otherwise
    /// take the one that is signed in. Default `false`.
    pub select_account: bool,
    /// Id of a connected account ([`AccountInfo::id`]): another person signing in is refused.
    pub expected_account: Option<String>,
    /// User name that must sign in; another is refused. Letter case of ASCII does not count. It guards against mistakes: names can
    /// change; [`expected_account`](Self::expected_account) compares who it is.
    pub expected_username: Option<String>,
    /// Tenant to sign in to instead of the configured one: a GUID or a domain. A guest names the organisation that invited them.
    pub tenant: Option<String>,
    /// Succeed only if nothing has to be asked (`prompt=none`): a probe whether an approval has been given. Default `false`.
    pub no_prompt: bool,
    /// For hosts whose redirect is received by a web page: a value of that page's own session. `complete_connect` must be given the
    /// same, so that nobody can finish a sign-in that somebody else began.
    pub session_binding: Option<String>,
}

/// What happened during `connect`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum ConnectEventKind {
    /// The browser was asked to open [`ConnectEvent::url`].
    BrowserOpened = 0,
    /// Nothing has come back yet; show [`ConnectEvent::hint`].
    StillWaiting = 1,
    /// The browser came back; the answer is being checked.
    AnswerReceived = 2,
    /// No browser could be opened; show [`ConnectEvent::url`] to the person, `connect` goes on waiting.
    BrowserUnavailable = 3,
}

/// An event of `connect`. `Debug` does not show the address.
#[derive(Clone)]
pub struct ConnectEvent {
    /// What happened.
    pub kind: ConnectEventKind,
    /// The address that was opened, to show when the person lost the window.
    pub url: Option<String>,
    /// Seconds since the browser was opened.
    pub waited_seconds: u32,
}

impl ConnectEvent {
    /// What to tell the person now.
    pub fn hint(&self, language: Language) -> &'static str {
        let (english, german) = match (self.kind, self.waited_seconds) {
            (ConnectEventKind::BrowserOpened, _) => ("Sign in in the browser window.", "Melden Sie sich im Browserfenster an."),
            (ConnectEventKind::StillWaiting, ..60) => {
                ("Waiting for the sign-in in the browser.", "Warten auf die Anmeldung im Browser.")
            }
            (ConnectEventKind::StillWaiting, _) => (
                "Still waiting. If the page says that approval is needed, your administrator has to approve the app first. If it shows a number that begins with AADSTS, note it.",
                "Immer noch keine Antwort. Verlangt die Seite eine Genehmigung, muss Ihre Administration die App zuerst freigeben. Notieren Sie eine Nummer, die mit AADSTS beginnt.",
            ),
            (ConnectEventKind::AnswerReceived, _) => ("Checking the answer.", "Die Antwort wird geprüft."),
            (ConnectEventKind::BrowserUnavailable, _) => (
                "No browser could be opened. Open this address in a browser on this device.",
                "Es konnte kein Browser geöffnet werden. Öffnen Sie diese Adresse in einem Browser auf diesem Gerät.",
            ),
        };
        language.pick(english, german)
    }
}

/// Follows a sign-in. Called on the thread that called `connect`, with no lock held. From inside, cancelling and what answers from
/// memory are possible; every other call answers `Busy` (`Reentrant`).
pub trait ConnectObserver: Send + Sync {
    /// Takes one event.
    fn on_event(&self, event: &ConnectEvent);
}

/// What is known of a connected account without asking anybody. `Debug` shows nothing about the person.
#[derive(Clone, PartialEq, Eq)]
pub struct AccountInfo {
    /// The account's id in this store; it stays the same when the same person connects again.
    pub id: String,
    /// GUID of the organisation.
    pub tenant_id: String,
    /// GUID of the person in that organisation. A guest has another one than at home.
    pub object_id: String,
    /// The person's name, where known.
    pub display_name: Option<String>,
    /// The person's user name, where known. It can change and be given to somebody else: show it, and never use it as a key.
    pub username: Option<String>,
    /// The person's mail address, where there is one. As with the user name: show it, and never use it as a key.
    pub mail: Option<String>,
    /// Unix seconds of the first connect.
    pub connected_at: i64,
}

/// How an account stands (FACTS section 14).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum AccountState {
    /// Tokens can be had.
    Connected = 0,
    /// The person has to sign in again.
    SignInRequired = 1,
    /// The permission was withdrawn or not yet given.
    ConsentRequired = 2,
    /// The organisation asks for an extra check at the next sign-in.
    ExtraStepRequired = 3,
    /// A policy of the organisation forbids it.
    BlockedByPolicy = 4,
    /// The app is not available in the organisation.
    AppUnavailable = 5,
    /// The app registration does not fit.
    Misconfigured = 6,
    /// The service reported an error that is not known.
    TechnicalError = 7,
    /// It is not connected any more: it was disconnected, by this program or another. Never in the store; only an [`Account`] that was
    /// found before can say so.
    ///
    /// [`Account`]: crate::Account
    Disconnected = 8,
}

impl AccountState {
    /// Every state, in the order of its number.
    pub const ALL: [Self; 9] = [
        Self::Connected,
        Self::SignInRequired,
        Self::ConsentRequired,
        Self::ExtraStepRequired,
        Self::BlockedByPolicy,
        Self::AppUnavailable,
        Self::Misconfigured,
        Self::TechnicalError,
        Self::Disconnected,
    ];

    /// Who has to act before the account is connected again.
    pub fn who_acts(self) -> Actor {
        match self {
            Self::Connected => Actor::Nobody,
            Self::SignInRequired | Self::ExtraStepRequired | Self::Disconnected => Actor::User,
            Self::ConsentRequired | Self::BlockedByPolicy | Self::AppUnavailable => Actor::Administrator,
            Self::Misconfigured | Self::TechnicalError => Actor::Developer,
        }
    }

    pub(crate) fn from_number(number: u32) -> Self {
        Self::ALL.into_iter().find(|state| *state as u32 == number).unwrap_or(Self::TechnicalError)
    }
}

/// An account's state, with its reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateReport {
    /// How the account stands.
    pub state: AccountState,
    /// The stable name of the cause; empty while connected.
    pub detail: String,
    /// The service's own code, where it gave one.
    pub service_code: Option<String>,
    /// Who has to act.
    pub who_acts: Actor,
    /// Unix seconds since when it stands so.
    pub since: i64,
}

impl StateReport {
    /// What happened, in one sentence for the person; empty while connected.
    pub fn message(&self, language: Language) -> &'static str {
        Detail::named(&self.detail).map_or("", |detail| detail.message(language))
    }

    /// What to do next, in one sentence for the person; empty while connected.
    pub fn next_step(&self, language: Language) -> &'static str {
        Detail::named(&self.detail).map_or("", |detail| detail.next_step(language))
    }
}

/// An access token for Microsoft Graph. `Debug` does not show it; the library's copy is wiped when this is dropped.
#[derive(Clone)]
pub struct AccessToken {
    pub(crate) secret: Secret,
    pub(crate) expires_at: i64,
    pub(crate) persisted: bool,
}

impl AccessToken {
    /// The token itself, for the `Authorization: Bearer` header of a request to Graph. Never log it, and do not parse it: it is
    /// opaque.
    pub fn secret(&self) -> &str {
        self.secret.expose()
    }

    /// Unix seconds at which it expires.
    pub fn expires_at(&self) -> i64 {
        self.expires_at
    }

    /// Whether the store holds it. `false` when the disk is full or read-only: the token works, but is gone with the process.
    pub fn is_persisted(&self) -> bool {
        self.persisted
    }
}

impl fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessToken").field("expires_at", &self.expires_at).finish_non_exhaustive()
    }
}

/// An administrator's answer, as the browser brought it back. `Debug` does not name the tenant.
#[derive(Clone, PartialEq, Eq)]
pub struct AdminConsent {
    /// The tenant that the redirect names. It can be forged: nothing is proved before an account of that tenant connects.
    pub claimed_tenant: Option<String>,
    /// Whether a token of that tenant has already proved it.
    pub proved: bool,
}

/// What is known of an organisation's approval.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum ConsentStatus {
    /// An administrator approved through our link, and a token of that tenant proved it.
    Approved = 0,
    /// A person's own token works; whether others need an approval is not known.
    WorksForAccount = 1,
    /// The service said that the permission is missing.
    NotApproved = 2,
    /// Nothing is known yet.
    Unknown = 3,
}

/// The answer of `check_consent`. No browser and no network were used. `Debug` names neither tenant nor accounts.
#[derive(Clone, PartialEq, Eq)]
pub struct ConsentReport {
    /// What is known.
    pub status: ConsentStatus,
    /// The tenant that was looked at, where known.
    pub tenant_id: Option<String>,
    /// An administrator's redirect with our state came back at this time (Unix seconds), proved or not.
    pub admin_answered_at: Option<i64>,
    /// A token proved it at this time (Unix seconds).
    pub proved_at: Option<i64>,
    /// Ids of the accounts whose tokens work.
    pub working_accounts: Vec<String>,
    /// Permissions that some account of the tenant lacks.
    pub missing: Vec<Scope>,
    /// The link on which an administrator approves.
    pub admin_consent_url: String,
}

impl ConsentReport {
    /// How to find out more, for the person.
    pub fn how_to_find_out(&self, language: Language) -> &'static str {
        let (english, german) = match self.status {
            ConsentStatus::Approved => (
                "Nothing to do: people of the organisation can connect.",
                "Nichts zu tun: Personen der Organisation können sich verbinden.",
            ),
            ConsentStatus::WorksForAccount => (
                "Let another person of the organisation connect, or have an administrator open the link.",
                "Lassen Sie eine weitere Person der Organisation verbinden, oder eine Administratorin oder einen Administrator den Link öffnen.",
            ),
            ConsentStatus::NotApproved => (
                "Have an administrator open the link, then connect again.",
                "Lassen Sie eine Administratorin oder einen Administrator den Link öffnen und verbinden Sie sich erneut.",
            ),
            ConsentStatus::Unknown => ("Connect an account of the organisation.", "Verbinden Sie ein Konto der Organisation."),
        };
        language.pick(english, german)
    }
}

/// A code for signing in on another device.
#[derive(Clone)]
pub struct DeviceCode {
    /// What the person types in.
    pub user_code: String,
    /// Where the person types it in. Its host was checked.
    pub verification_uri: String,
    /// Unix seconds at which the code expires.
    pub expires_at: i64,
    /// Seconds to wait between two polls.
    pub interval: u32,
    /// Names this sign-in for `poll_device_connect`.
    pub handle: String,
}

/// What a disconnect did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disconnected {
    /// Whether the rows are gone from the files too. `false` while another process reads the store: the account's key is gone at
    /// once, and the rest follows at the next open or close.
    pub erased: bool,
    /// Whether an older copy of the store (a backup) is of no use any more, because the key that opened it is gone. Only where the
    /// key provider owns its keys: a key file, or the key store of the operating system.
    pub key_replaced: bool,
    /// Where the person can remove the grant at Microsoft. There is no way for an app that only reads to do it for them.
    pub revoke_url: String,
    /// Unix seconds at which the last access token that was handed out expires, where one was.
    pub token_valid_until: Option<i64>,
}
