//! What to do about a failure, and who must.

use crate::language::Language;

/// What a host should do about a failure. The numbers are stable and never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum ErrorKind {
    /// The call or the configuration is wrong; correct the program.
    InvalidArgument = 1,
    /// The account is not connected to this store; call `connect`.
    NotConnected = 2,
    /// The person has to sign in again; call `connect` for the same account.
    InteractionRequired = 3,
    /// The organisation has not approved the app; show [`Error::admin_approval`](super::Error::admin_approval).
    AdminConsentRequired = 4,
    /// The person declined, or left the consent page after asking for approval; show [`Error::admin_approval`](super::Error::admin_approval) and offer a retry.
    ConsentDeclined = 5,
    /// The grant carries rights beyond reading, which this host does not allow.
    ConsentExceedsReadOnly = 6,
    /// A policy of the organisation forbids it; the administrator must act.
    AccessDenied = 7,
    /// Another person signed in than the one who was expected.
    WrongAccount = 8,
    /// The host or the person cancelled; nothing changed.
    Cancelled = 9,
    /// The deadline passed; nothing was lost. Try again.
    TimedOut = 10,
    /// The service could not be reached, or the connection is not trusted; try again when the network is back.
    Network = 11,
    /// The service asks for a pause of [`Error::retry_after`](super::Error::retry_after) seconds.
    Throttled = 12,
    /// The service failed or answered with something unusable; try again later and keep [`Error::request_id`](super::Error::request_id) for support.
    Service = 13,
    /// An answer failed a security check and was thrown away.
    Untrusted = 14,
    /// The app registration does not fit this library; the developer must correct it.
    Misconfigured = 15,
    /// The store cannot be used now: busy, full, read-only, moved or in an unsafe place.
    StorageUnavailable = 16,
    /// The store or a part of it is damaged.
    StorageDamaged = 17,
    /// The store was written by a newer version; update the app.
    StorageTooNew = 18,
    /// The key provider cannot give its key now (a locked phone, a dismissed prompt); try again later.
    KeyUnavailable = 19,
    /// The key does not open this store.
    KeyRejected = 20,
    /// The same object is in use in a way that excludes this call (from inside an observer, or a second copy); try again outside.
    Busy = 21,
    /// The object was closed.
    Closed = 22,
    /// A defect of this library; please report it.
    Internal = 23,
    /// What was asked for is not there (any more); read the list again.
    NotFound = 24,
}

impl ErrorKind {
    /// Every kind, in the order of its number.
    pub const ALL: [Self; 24] = [
        Self::InvalidArgument,
        Self::NotConnected,
        Self::InteractionRequired,
        Self::AdminConsentRequired,
        Self::ConsentDeclined,
        Self::ConsentExceedsReadOnly,
        Self::AccessDenied,
        Self::WrongAccount,
        Self::Cancelled,
        Self::TimedOut,
        Self::Network,
        Self::Throttled,
        Self::Service,
        Self::Untrusted,
        Self::Misconfigured,
        Self::StorageUnavailable,
        Self::StorageDamaged,
        Self::StorageTooNew,
        Self::KeyUnavailable,
        Self::KeyRejected,
        Self::Busy,
        Self::Closed,
        Self::Internal,
        Self::NotFound,
    ];

    /// What happened, in one sentence for people: for hosts that group failures. [`Error::message`](super::Error::message) is more exact.
    pub fn text(self, language: Language) -> &'static str {
        let (english, german) = match self {
            Self::InvalidArgument => ("The app made a wrong call.", "Die App hat einen falschen Aufruf gemacht."),
            Self::NotConnected => ("The account is not connected.", "Das Konto ist nicht verbunden."),
            Self::InteractionRequired => ("You have to sign in again.", "Sie müssen sich erneut anmelden."),
            Self::AdminConsentRequired => {
                ("Your organisation has to approve the app.", "Ihre Organisation muss die App genehmigen.")
            }
            Self::ConsentDeclined => ("The permissions were not accepted.", "Die Berechtigungen wurden nicht akzeptiert."),
            Self::ConsentExceedsReadOnly => ("The app was granted more than reading.", "Der App wurde mehr als Lesen erlaubt."),
            Self::AccessDenied => ("The access is not allowed.", "Der Zugriff ist nicht erlaubt."),
            Self::WrongAccount => ("This is another account than expected.", "Das ist ein anderes Konto als erwartet."),
            Self::Cancelled => ("It was cancelled.", "Der Vorgang wurde abgebrochen."),
            Self::TimedOut => ("It took too long.", "Der Vorgang hat zu lange gedauert."),
            Self::Network => ("The service cannot be reached.", "Der Dienst ist nicht erreichbar."),
            Self::Throttled => ("The service asks for a pause.", "Der Dienst bittet um eine Pause."),
            Self::Service => ("The service has a problem.", "Der Dienst hat eine Störung."),
            Self::Untrusted => {
                ("An answer did not pass a security check.", "Eine Antwort hat eine Sicherheitsprüfung nicht bestanden.")
            }
            Self::Misconfigured => ("The app is not set up correctly.", "Die App ist nicht richtig eingerichtet."),
            Self::StorageUnavailable => {
                ("The saved sign-ins cannot be used now.", "Die gespeicherten Anmeldungen sind im Moment nicht nutzbar.")
            }
            Self::StorageDamaged => ("The saved sign-ins are damaged.", "Die gespeicherten Anmeldungen sind beschädigt."),
            Self::StorageTooNew => (
                "The saved sign-ins come from a newer version.",
                "Die gespeicherten Anmeldungen stammen von einer neueren Version.",
            ),
            Self::KeyUnavailable => (
                "The key of the saved sign-ins is not available now.",
                "Der Schlüssel der gespeicherten Anmeldungen ist im Moment nicht verfügbar.",
            ),
            Self::KeyRejected => {
                ("The key does not open the saved sign-ins.", "Der Schlüssel öffnet die gespeicherten Anmeldungen nicht.")
            }
            Self::Busy => ("It is in use elsewhere.", "Es wird gerade anderswo verwendet."),
            Self::Closed => ("The app has closed the connection.", "Die App hat die Verbindung geschlossen."),
            Self::Internal => ("Something went wrong inside the app.", "In der App ist ein Fehler aufgetreten."),
            Self::NotFound => ("It is not there any more.", "Das ist nicht mehr vorhanden."),
        };
        language.pick(english, german)
    }
}

/// Who has to act before the call can succeed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum Actor {
    /// Nobody: waiting or trying again is enough.
    Nobody = 0,
    /// The person at the device.
    User = 1,
    /// The organisation's administrator.
    Administrator = 2,
    /// The developer of the host app.
    Developer = 3,
}
