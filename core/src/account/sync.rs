//! Keeping a copy up to date: what changed since the last time.

use super::Account;
use crate::{
    consent::Scope,
    engine::{REQUEST_TIMEOUT, Step, observe},
    error::{Detail, Result},
    graph::{events, messages, query::Listing},
    model::{CalendarView, EventChange, EventSyncPage, MailFolder, MailboxSync, MessageSyncPage, SyncObserver, SyncProgress},
};
use std::sync::Arc;

impl Account {
    /// The next page of changes in one folder, by its id or well-known name (`Mail.ReadBasic`): the first time everything there is,
    /// later what is new, changed or gone. One request a page, `page_size` changes at most (1 to 1,000).
    ///
    /// Where it goes on is kept in the store, sealed, and moves only with [`acknowledge`](Self::acknowledge): a page that was not
    /// acknowledged comes again, also after a crash, a cancel or a time-out. Connecting the same person again keeps it; a disconnect
    /// forgets it.
    ///
    /// Changes can come twice, and carry only what changed: [`Message::apply`](crate::Message::apply) takes them over. A message that
    /// was moved is gone here and new in its other folder, with the same id. When the service has forgotten where the last round
    /// ended, everything is listed again and [`SyncProgress::full`] says so.
    ///
    /// # Errors
    /// As [`messages`](Self::messages); storage kinds. Nothing is lost: the same page comes again.
    ///
    /// # Example
    /// ```
    /// # mod rig { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/rig.rs")); }
    /// # use rig::{rig, rig_with};
    /// # fn main() -> intail_office365::Result<()> {
    /// # let rig = rig("megan@northwind.example");
    /// # let account = rig.office.connect(&Default::default(), None)?;
    /// # let (mut copy, mut listed) = (std::collections::HashMap::new(), std::collections::HashSet::new());
    /// loop {
    ///     let page = account.sync_messages("inbox", 100)?;
    ///     if page.progress.full && page.progress.first {
    ///         listed.clear();
    ///     }
    ///     for change in page.changes {
    ///         listed.insert(change.id.clone());
    ///         match (&change.message, copy.get_mut(&change.id)) {
    ///             (Some(message), None) => drop(copy.insert(change.id, message.clone())),
    ///             (Some(_), Some(known)) => intail_office365::Message::apply(known, &change),
    ///             (None, _) => drop(copy.remove(&change.id)),
    ///         }
    ///     }
    ///     // Once the copy is safe:
    ///     account.acknowledge(&page.progress.acknowledgement)?;
    ///     if !page.progress.more {
    ///         if page.progress.full {
    ///             copy.retain(|id, _| listed.contains(id));
    ///         }
    ///         break;
    ///     }
    /// }
    /// # Ok(()) }
    /// ```
    pub fn sync_messages(&self, folder: &str, page_size: u32) -> Result<MessageSyncPage> {
        let call = self.reading(Scope::MailReadBasic)?;
        let step = self.engine.sync(&self.cell, &call, &self.delta_of(folder, page_size)?)?;
        let (changes, progress) = split(step);
        Ok(MessageSyncPage { changes, progress })
    }

    /// Brings every folder of the mailbox up to date (`Mail.ReadBasic`): [`sync_messages`](Self::sync_messages) for one after the other,
    /// `page_size` changes a page, until nothing is left. The observer takes each page, and with that it is acknowledged. Requests: those
    /// of [`mail_folders`](Self::mail_folders), then at least one a folder. A time-out of the call options counts for each page.
    ///
    /// A message that was moved is new in one folder and gone from another, in either order: a copy should take it out only where its
    /// [`Message::folder_id`](crate::Message::folder_id) still names the folder that it is gone from.
    ///
    /// # Errors
    /// As [`sync_messages`](Self::sync_messages). What was acknowledged stays so: call it again, and it goes on from there.
    ///
    /// # Example
    /// ```
    /// # mod rig { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/rig.rs")); }
    /// # use rig::{rig, rig_with};
    /// # fn main() -> intail_office365::Result<()> {
    /// # let rig = rig("megan@northwind.example");
    /// # let account = rig.office.connect(&Default::default(), None)?;
    /// use intail_office365::{MailFolder, MessageSyncPage, SyncObserver};
    /// use std::sync::Arc;
    ///
    /// struct Copy;
    /// impl SyncObserver for Copy {
    ///     fn on_messages(&self, folder: &MailFolder, page: &MessageSyncPage) -> bool {
    ///         // Store page.changes here.
    ///         let name = folder.display_name.as_deref().unwrap_or("-");
    ///         println!("{name}: {} of {}", page.progress.changes, folder.total_item_count.unwrap_or(0));
    ///         true
    ///     }
    /// }
    /// assert!(account.sync_mailbox(100, Arc::new(Copy))?.complete);
    /// # Ok(()) }
    /// ```
    #[expect(clippy::needless_pass_by_value, reason = "the facade takes shared observers as every binding can hold them")]
    pub fn sync_mailbox(&self, page_size: u32, observer: Arc<dyn SyncObserver>) -> Result<MailboxSync> {
        let mut folders = self.mail_folders()?;
        folders.retain(|folder| !folder.is_search);
        let mut done = MailboxSync { folders: Vec::new(), pages: 0, changes: 0, complete: true };
        for folder in folders {
            match self.sync_folder(&folder, page_size, &*observer, &mut done) {
                // It was deleted since the folders were listed.
                Err(error) if error.cause() == Detail::ItemNotFound => {}
                outcome => {
                    outcome?;
                    done.folders.push(folder);
                }
            }
        }
        Ok(done)
    }

    /// Goes on until the folder is up to date or the observer ends it.
    fn sync_folder(&self, folder: &MailFolder, page_size: u32, observer: &dyn SyncObserver, done: &mut MailboxSync) -> Result<()> {
        while done.complete {
            let page = self.sync_messages(&folder.id, page_size)?;
            let mut taken = false;
            observe(|| taken = observer.on_messages(folder, &page));
            if !taken {
                done.complete = false;
                break;
            }
            self.acknowledge(&page.progress.acknowledgement)?;
            done.pages = done.pages.saturating_add(1);
            done.changes = done.changes.saturating_add(u32::try_from(page.changes.len()).unwrap_or(u32::MAX));
            if !page.progress.more {
                break;
            }
        }
        Ok(())
    }

    /// The next page of changes of what happens in a span of time (`Calendars.Read`), as [`sync_messages`](Self::sync_messages) does for
    /// mail. The span is part of what is kept: another span is another sync, and begins with everything in it. Occurrences of a
    /// series come one by one.
    ///
    /// # Errors
    /// As [`calendar_view`](Self::calendar_view); storage kinds. Nothing is lost: the same page comes again.
    pub fn sync_events(&self, view: &CalendarView) -> Result<EventSyncPage> {
        let call = self.reading(Scope::CalendarsRead)?;
        let step = self.engine.sync(&self.cell, &call, &events::delta(view)?)?;
        let (mut changes, progress): (Vec<EventChange>, _) = split(step);
        changes.retain(|change| touches(change, view));
        Ok(EventSyncPage { changes, progress })
    }

    /// Says that the changes of a page are safe with the host: the next page is the one behind it. `false` if another thread or process
    /// has gone on meanwhile; then nothing is changed, and the next page says where it is.
    ///
    /// # Errors
    /// `InvalidArgument` (`ContinuationInvalid`) for anything else than [`SyncProgress::acknowledgement`] of this account; storage kinds.
    pub fn acknowledge(&self, acknowledgement: &str) -> Result<bool> {
        self.engine.enter(&self.options, REQUEST_TIMEOUT)?;
        self.engine.acknowledge(&self.cell, acknowledgement)
    }

    /// Forgets where the sync of a folder was: the next one lists everything.
    ///
    /// # Errors
    /// `InvalidArgument`; storage kinds.
    pub fn restart_message_sync(&self, folder: &str) -> Result<()> {
        self.engine.enter(&self.options, REQUEST_TIMEOUT)?;
        self.engine.restart_sync(&self.cell, &self.delta_of(folder, 1)?)
    }

    /// Forgets where the sync of a span of time was: the next one lists everything.
    ///
    /// # Errors
    /// `InvalidArgument`; storage kinds.
    pub fn restart_event_sync(&self, view: &CalendarView) -> Result<()> {
        self.engine.enter(&self.options, REQUEST_TIMEOUT)?;
        self.engine.restart_sync(&self.cell, &events::delta(view)?)
    }

    fn delta_of(&self, folder: &str, page_size: u32) -> Result<Listing> {
        messages::delta(folder, page_size, self.engine.reach(&self.cell))
    }
}

/// Whether an event that changed lies in the span, as far as that can be said. (The service also tells of some that do not.)
fn touches(change: &EventChange, view: &CalendarView) -> bool {
    let Some(event) = &change.event else { return true };
    let instant = |time: &Option<crate::model::EventTime>| time.as_ref().and_then(|time| time.unix);
    let begins_late = instant(&event.start).is_some_and(|start| start >= view.until);
    let ended_before = instant(&event.end).is_some_and(|end| end < view.from);
    !begins_late && !ended_before
}

fn split<T>(step: Step<T>) -> (Vec<T>, SyncProgress) {
    let Step { changes, full, first, more, pages, items, acknowledgement } = step;
    (changes, SyncProgress { full, first, more, pages, changes: items, acknowledgement })
}
