//! Pages of changes.

use super::{EventChange, MailFolder, MessageChange};

/// What is said of every page of a sync.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyncProgress {
    /// The page belongs to a round that lists everything there is: the first one, and one after the service has forgotten where the
    /// last ended. When such a round is over ([`more`](Self::more) is `false`), what it did not list is not there any more.
    pub full: bool,
    /// It is the first page of its round.
    pub first: bool,
    /// More pages follow in this round. `false`: everything is up to date; sync again later.
    pub more: bool,
    /// Pages of this round so far, with this one.
    pub pages: u32,
    /// Changes of this round so far, with those of this page.
    pub changes: u32,
    /// To be given to [`Account::acknowledge`](crate::Account::acknowledge) when the changes are safe with the host. Good for this
    /// account, as long as the process lives.
    pub acknowledgement: String,
}

/// A page of changes of a folder's messages. `Debug` shows counts and switches.
#[derive(Clone, PartialEq, Eq)]
pub struct MessageSyncPage {
    /// The changes, in the service's order. A page may be empty although more follow; the same message may come twice.
    pub changes: Vec<MessageChange>,
    /// How far this is.
    pub progress: SyncProgress,
}

/// A page of changes of the events in a span of time. `Debug` shows counts and switches.
#[derive(Clone, PartialEq)]
pub struct EventSyncPage {
    /// The changes, in the service's order. Among them may be events that are said to be gone and that the host never had: they
    /// lie outside the span. A page may be empty although more follow.
    pub changes: Vec<EventChange>,
    /// How far this is.
    pub progress: SyncProgress,
}

/// Takes the changes of a whole mailbox, page by page. Called on the thread that called
/// [`sync_mailbox`](crate::Account::sync_mailbox), with no lock held. From inside, cancelling and what answers from memory are
/// possible; every other call answers `Busy` (`Reentrant`).
pub trait SyncObserver: Send + Sync {
    /// Takes one page of one folder; how far the folder is stands in [`MessageSyncPage::progress`], and how much it holds in
    /// [`MailFolder::total_item_count`]. `true`: the changes are safe with the host, and the next page may come. `false`: the sync ends
    /// here, and this page comes again the next time.
    fn on_messages(&self, folder: &MailFolder, page: &MessageSyncPage) -> bool;
}

/// What a sync of a whole mailbox did. `Debug` shows counts and switches.
#[derive(Clone, PartialEq, Eq)]
pub struct MailboxSync {
    /// The folders there are, searches left out. What the host has of any other folder is gone.
    pub folders: Vec<MailFolder>,
    /// Pages that the observer took.
    pub pages: u32,
    /// Changes in them.
    pub changes: u32,
    /// Every folder is up to date. `false`: the observer ended it.
    pub complete: bool,
}
