//! Mail: folders and messages, without their text.

use super::Account;
use crate::{
    consent::Scope,
    error::{Detail, Result},
    graph::{folders, messages},
    model::{MailFolder, Message, MessagePage, MessageQuery},
};
use std::{
    collections::{HashSet, VecDeque},
    vec,
};

/// The name of the continuations of message lists.
const KIND: &str = "messages";
/// Folders of one mailbox.
const MOST_FOLDERS: usize = 10_000;

impl Account {
    /// Every folder of the mailbox that Outlook shows, those below others too: [`MailFolder::parent_folder_id`] says where each
    /// belongs (`Mail.ReadBasic`). A request for each level of each branch; all within one deadline.
    ///
    /// # Errors
    /// `AccessDenied` (`MailboxMissing`) for a person without a mailbox. Otherwise as [`messages`](Self::messages).
    pub fn mail_folders(&self) -> Result<Vec<MailFolder>> {
        let call = self.reading(Scope::MailReadBasic)?;
        let reach = self.engine.reach(&self.cell);
        let (mut found, mut seen): (Vec<MailFolder>, HashSet<String>) = (Vec::new(), HashSet::new());
        let mut parents = VecDeque::from([None]);
        while let Some(parent) = parents.pop_front() {
            let listing = folders::list(parent.as_deref(), false, reach)?;
            let (mut page, mut next) = self.engine.first_page(&self.cell, &call, "folders", listing)?;
            loop {
                for folder in page.items {
                    let folder: MailFolder = folder;
                    if !seen.insert(folder.id.clone()) {
                        continue;
                    }
                    if found.len() >= MOST_FOLDERS {
                        return Err(Detail::PagingLimit.about("folders"));
                    }
                    if folder.child_folder_count.is_some_and(|count| count > 0) && !folder.is_search {
                        parents.push_back(Some(folder.id.clone()));
                    }
                    found.push(folder);
                }
                let Some(more) = next else { break };
                (page, next) = self.engine.next_page(&self.cell, &call, "folders", &more)?;
            }
        }
        Ok(found)
    }

    /// One folder, by its id or well-known name: `inbox`, `drafts`, `sentitems`, `deleteditems`, `junkemail`, `archive`, `outbox`, in
    /// whatever language the mailbox is (`Mail.ReadBasic`).
    ///
    /// # Errors
    /// `NotFound` for a folder that is not there. Otherwise as [`messages`](Self::messages).
    pub fn mail_folder(&self, folder: &str) -> Result<MailFolder> {
        let call = self.reading(Scope::MailReadBasic)?;
        let listing = folders::one(folder, self.engine.reach(&self.cell))?;
        let found: MailFolder = self.engine.one(&self.cell, &call, &listing)?;
        Ok(MailFolder { well_known: folders::well_known(folder).map(str::to_owned), ..found })
    }

    /// The first page of messages of the whole mailbox or of one folder (`Mail.ReadBasic`): sender, subject, times and flags, and no
    /// text; a preview only with `Mail.Read`. [`MessagePage::next`] leads to the next page; [`Messages`] goes through all of them.
    ///
    /// One request for each page. At most three requests of an account are under way at the same time; where the service asks for a
    /// pause, the call waits for it if its deadline allows (30 seconds where nothing else is set).
    ///
    /// # Errors
    /// `InvalidArgument`: `QueryNotPossible` says in [`Error::what`](crate::Error::what) which condition the service would refuse, before
    /// anything is sent; `InvalidId`. `AdminConsentRequired` (`ScopeNotGranted`): the permission is missing. `AccessDenied`:
    /// `MailboxMissing`, or a policy. `NotFound`: no such folder. `InteractionRequired`: connect again. `Throttled` with
    /// [`Error::retry_after`](crate::Error::retry_after). `Untrusted` (`HostNotAllowed`, `PagingPathChanged`): the answer pointed
    /// elsewhere; nothing of it was used. `Network`, `Service`, `TimedOut`: try again.
    ///
    /// # Example
    /// ```
    /// # mod rig { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/rig.rs")); }
    /// # use rig::{rig, rig_with};
    /// # fn main() -> intail_office365::Result<()> {
    /// # let rig = rig("megan@northwind.example");
    /// # let account = rig.office.connect(&Default::default(), None)?;
    /// use intail_office365::MessageQuery;
    ///
    /// let query = MessageQuery { folder: Some("inbox".into()), page_size: 10, ..MessageQuery::default() };
    /// let page = account.messages(&query)?;
    /// for message in &page.messages {
    ///     println!("{}", message.subject.as_deref().unwrap_or("(no subject)"));
    /// }
    /// if let Some(next) = &page.next {
    ///     let second = account.next_messages(next)?;
    ///     assert!(second.messages.iter().all(|message| !page.messages.contains(message)));
    /// }
    /// # Ok(()) }
    /// ```
    pub fn messages(&self, query: &MessageQuery) -> Result<MessagePage> {
        let call = self.reading(Scope::MailReadBasic)?;
        let listing = messages::list(query, self.engine.reach(&self.cell))?;
        let (page, next) = self.engine.first_page(&self.cell, &call, KIND, listing)?;
        Ok(MessagePage { messages: page.items, next, total: page.count })
    }

    /// The page behind one of [`messages`](Self::messages). `next` is good for this account as long as the process lives.
    ///
    /// # Errors
    /// `InvalidArgument` (`ContinuationInvalid`) for anything else than such a `next`. `Service`: `PagingLoop`, `PagingLimit` where the
    /// pages do not come to an end. Otherwise as [`messages`](Self::messages).
    pub fn next_messages(&self, next: &str) -> Result<MessagePage> {
        let call = self.reading(Scope::MailReadBasic)?;
        let (page, next) = self.engine.next_page(&self.cell, &call, KIND, next)?;
        Ok(MessagePage { messages: page.items, next, total: page.count })
    }

    /// One message by its id (`Mail.ReadBasic`).
    ///
    /// # Errors
    /// `NotFound` for one that is not there any more. Otherwise as [`messages`](Self::messages).
    pub fn message(&self, id: &str) -> Result<Message> {
        let call = self.reading(Scope::MailReadBasic)?;
        self.engine.one(&self.cell, &call, &messages::one(id, self.engine.reach(&self.cell))?)
    }

    /// Goes through all messages that a query is about, page by page; one page is in memory at a time.
    ///
    /// # Example
    /// ```
    /// # mod rig { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/rig.rs")); }
    /// # use rig::{rig, rig_with};
    /// # fn main() -> intail_office365::Result<()> {
    /// # let rig = rig("megan@northwind.example");
    /// # let account = rig.office.connect(&Default::default(), None)?;
    /// use intail_office365::MessageQuery;
    ///
    /// let unread = MessageQuery { unread: Some(true), ..MessageQuery::default() };
    /// for message in account.iter_messages(&unread).take(20) {
    ///     println!("{}", message?.subject.unwrap_or_default());
    /// }
    /// # Ok(()) }
    /// ```
    pub fn iter_messages(&self, query: &MessageQuery) -> Messages {
        Messages { account: self.clone(), query: Some(query.clone()), next: None, page: Vec::new().into_iter() }
    }
}

/// All messages of a query, one after the other; made by [`Account::iter_messages`]. Asks the network when a page is used up. After an
/// error it ends.
#[derive(Debug)]
pub struct Messages {
    account: Account,
    query: Option<MessageQuery>,
    next: Option<String>,
    page: vec::IntoIter<Message>,
}

impl Iterator for Messages {
    type Item = Result<Message>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(message) = self.page.next() {
                return Some(Ok(message));
            }
            let page = match (self.query.take(), self.next.take()) {
                (Some(query), _) => self.account.messages(&query),
                (None, Some(next)) => self.account.next_messages(&next),
                (None, None) => return None,
            };
            match page {
                Ok(page) => (self.page, self.next) = (page.messages.into_iter(), page.next),
                Err(error) => return Some(Err(error)),
            }
        }
    }
}
