//! Everything a test can change.

use serde::{Deserialize, Serialize};

use crate::faults::Fault;
use crate::state::mailbox::{DeltaSettings, Reason};
use crate::state::model::{AppPresence, ConditionalAccess, ConsentPolicy, Platform, RedirectUri};
use crate::state::settings::TokenSettings;

/// One change. Over HTTP it is `POST /_control/{name}` with its members as JSON or as a form.
///
/// `tenant` takes a short name, domain or id; `user` a user name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "change", rename_all = "snake_case")]
#[non_exhaustive]
#[allow(missing_docs, reason = "the members are named after what they hold")]
pub enum Change {
    /// Back to the scenario: directory, tokens, sessions, log, faults, keys, clock.
    Reset,
    /// Moves the clock forward (or back) by so many seconds.
    AdvanceClock { seconds: i64 },
    /// Sets the clock's distance from the machine's.
    SetClockOffset { seconds: i64 },
    /// What users may consent to.
    SetConsentPolicy { tenant: String, policy: ConsentPolicy },
    /// Admin consent workflow.
    SetWorkflow { tenant: String, on: bool },
    /// Assignment required.
    SetAssignmentRequired { tenant: String, on: bool },
    /// Assigns a user to the app, or not.
    Assign { tenant: String, user: String, on: bool },
    /// Conditional access.
    SetConditionalAccess { tenant: String, policy: ConditionalAccess },
    /// The app is judged risky.
    SetRiskyApp { tenant: String, on: bool },
    /// Enterprise app available, disabled or absent.
    SetAppPresence { tenant: String, presence: AppPresence },
    /// Approval in the admin center, without a link of ours; by default what the registration declares.
    Approve {
        tenant: String,
        #[serde(default)]
        scopes: Option<Vec<String>>,
    },
    /// Withdraws what was granted for everybody.
    RevokeTenantConsent { tenant: String },
    /// Removes a user's own grants (in one organisation or all); without a user, every grant of the organisation.
    RevokeConsent {
        #[serde(default)]
        tenant: Option<String>,
        #[serde(default)]
        user: Option<String>,
    },
    /// Grants for one user; in the home organisation unless another is named.
    GrantUser {
        user: String,
        scopes: Vec<String>,
        #[serde(default)]
        tenant: Option<String>,
    },
    /// "Allow public client flows".
    SetPublicFlows { on: bool },
    /// Whether the publisher is verified.
    SetPublisherVerified { on: bool },
    /// Declared permissions.
    SetDeclaredPermissions { scopes: Vec<String> },
    /// Registers one more redirect address, or changes its platform.
    AddRedirectUri { uri: String, platform: Platform },
    /// Replaces the registered redirect addresses.
    SetRedirectUris { redirect_uris: Vec<RedirectUri> },
    /// Blocks sign-in, or allows it again.
    SetUserDisabled { user: String, on: bool },
    /// Deletes the account, or restores it.
    SetUserDeleted { user: String, on: bool },
    /// Changes the password: grants from before are void.
    ChangePassword { user: String },
    /// Revokes every session: grants from before are void.
    RevokeSessions { user: String },
    /// Takes licence, mailbox and address.
    RemoveLicence { user: String },
    /// Sets or removes the address, keeping the mailbox.
    SetMail {
        user: String,
        #[serde(default)]
        mail: Option<String>,
    },
    /// Gives or takes the mailbox.
    SetMailbox { user: String, on: bool },
    /// Continuous-access tokens issued so far are challenged at Graph.
    CaeChallenge { user: String },
    /// Access tokens issued so far have expired (of one user or all).
    ExpireAccessTokens {
        #[serde(default)]
        user: Option<String>,
    },
    /// Refresh tokens issued so far have not been used for ninety days (of one user or all).
    ExpireRefreshTokens {
        #[serde(default)]
        user: Option<String>,
    },
    /// Signs every browser out.
    EndBrowserSessions,
    /// Replaces the token settings; an empty object is the faithful default.
    SetTokens { settings: Box<TokenSettings> },
    /// A new key signs; the old ones stay published unless told otherwise.
    RotateKeys {
        #[serde(default = "yes")]
        keep_old: bool,
    },
    /// Serves this text as the key set, or the real one again.
    SetKeysBody {
        #[serde(default)]
        body: Option<String>,
    },
    /// How many messages a mailbox has, at most a million.
    SetMailboxSize { user: String, messages: u32 },
    /// A new message in a folder (id or well-known name).
    AddMessage { user: String, folder: String, subject: String },
    /// Whether a message was read.
    SetMessageRead { user: String, id: String, on: bool },
    /// Moves a message to another folder.
    MoveMessage { user: String, id: String, folder: String },
    /// Deletes a message.
    DeleteMessage {
        user: String,
        id: String,
        #[serde(default)]
        reason: Reason,
    },
    /// How the syncs of a mailbox behave next.
    SetDelta { user: String, settings: DeltaSettings },
    /// This text stands in the place of the next nextLink or deltaLink.
    SetNextLink { user: String, link: String },
    /// A new event in the default calendar, at a time (Unix seconds) and for so many seconds.
    AddEvent { user: String, subject: String, start: i64, length: i64 },
    /// Moves an event or a series by so many seconds.
    MoveEvent { user: String, id: String, seconds: i64 },
    /// Cancels an event; it stays in the calendar.
    CancelEvent { user: String, id: String },
    /// Deletes an event or a series.
    DeleteEvent { user: String, id: String },
    /// The next token of a sync of events is not known any more.
    ForgetEventSync { user: String },
    /// Whether there is a picture of the person.
    SetPhoto { user: String, on: bool },
    /// Adds a fault.
    AddFault(Box<Fault>),
    /// Removes the faults of that name, or all.
    ClearFaults {
        #[serde(default)]
        name: Option<String>,
    },
    /// Empties the request log.
    ClearLog,
}

fn yes() -> bool {
    true
}
