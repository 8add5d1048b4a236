//! Mail, as Graph tells it (FACTS 11): messages without their text, and folders.
//!
//! Text is as the service wrote it: a subject or a name is chosen by whoever sent the mail, and may hold any character. Show it as
//! text, never as markup.

use super::word::words;

/// A person's or a room's name and mail address. `Debug` shows neither.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
#[cfg_attr(test, derive(serde::Serialize))]
pub struct EmailAddress {
    /// The name that belongs to it, where one was written. Whoever wrote the mail chose it; it proves nothing.
    pub name: Option<String>,
    /// The address, as it was written. `None` for a recipient without one, for instance a group that is gone.
    pub address: Option<String>,
}

/// What the service said and this version does not know, or cannot read: data to keep, show to support, or ignore. (The property `text`
/// with `half a character` says that a text was cut in the middle of a character, in place of which U+FFFD stands.) `Debug` shows the
/// property alone.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
#[cfg_attr(test, derive(serde::Serialize))]
pub struct UnknownValue {
    /// Where it stood, by the service's names: `importance`, `attendees.type`.
    pub property: String,
    /// What stood there, at most 200 bytes of it.
    pub value: String,
}

words! {
    /// How important the sender called it.
    Importance {
        /// Less than usual.
        Low = 1 "low",
        /// As usual.
        Normal = 2 "normal",
        /// More than usual.
        High = 3 "high",
    }
}

words! {
    /// How a message is flagged for follow-up.
    FlagStatus {
        /// Not at all.
        NotFlagged = 1 "notFlagged",
        /// It was, and it is done.
        Complete = 2 "complete",
        /// It is to be followed up.
        Flagged = 3 "flagged",
    }
}

words! {
    /// In which half of the inbox Outlook shows a message.
    InferenceClassification {
        /// Among what matters.
        Focused = 1 "focused",
        /// In the half that Outlook calls "Other".
        Unfocused = 2 "other",
    }
}

words! {
    /// What a message is beside mail. [`Other`](Self::Other): a kind that this version does not know.
    MessageKind {
        /// Mail, and nothing beside it.
        Mail = 1 "#microsoft.graph.message",
        /// About a meeting, for instance that it was cancelled.
        Meeting = 2 "#microsoft.graph.eventMessage",
        /// Invites to a meeting, or changes one.
        MeetingRequest = 3 "#microsoft.graph.eventMessageRequest",
        /// Answers an invitation.
        MeetingResponse = 4 "#microsoft.graph.eventMessageResponse",
    }
}

words! {
    /// A property of a message: what a change carries ([`MessageChange::given`]).
    MessageProperty {
        /// [`Message::subject`].
        Subject = 1 "subject",
        /// [`Message::from`].
        From = 2 "from",
        /// [`Message::sender`].
        Sender = 3 "sender",
        /// [`Message::to`].
        To = 4 "toRecipients",
        /// [`Message::cc`].
        Cc = 5 "ccRecipients",
        /// [`Message::received_at`].
        ReceivedAt = 6 "receivedDateTime",
        /// [`Message::sent_at`].
        SentAt = 7 "sentDateTime",
        /// [`Message::is_read`].
        IsRead = 8 "isRead",
        /// [`Message::is_draft`].
        IsDraft = 9 "isDraft",
        /// [`Message::importance`].
        Importance = 10 "importance",
        /// [`Message::has_attachments`].
        HasAttachments = 11 "hasAttachments",
        /// [`Message::categories`].
        Categories = 12 "categories",
        /// [`Message::conversation_id`].
        ConversationId = 13 "conversationId",
        /// [`Message::internet_message_id`].
        InternetMessageId = 14 "internetMessageId",
        /// [`Message::folder_id`].
        FolderId = 15 "parentFolderId",
        /// [`Message::web_link`].
        WebLink = 16 "webLink",
        /// [`Message::classification`].
        Classification = 17 "inferenceClassification",
        /// [`Message::flag`].
        Flag = 18 "flag",
        /// [`Message::preview`].
        Preview = 19 "bodyPreview",
    }
}

words! {
    /// Why something is not in a list any more.
    RemovedReason {
        /// It was deleted, or moved to where this list does not look.
        Deleted = 1 "deleted",
        /// It was put aside and can be restored, or it no longer belongs to the list.
        Changed = 2 "changed",
    }
}

/// A message without its text (`Mail.ReadBasic`). `None` and an empty list: the service did not say, or said that there is nothing.
/// Times are Unix seconds. `Debug` shows switches and kinds, and no text.
#[derive(Clone, PartialEq, Eq)]
#[cfg_attr(test, derive(serde::Serialize))]
pub struct Message {
    /// The id, unchanged while the message is moved about in its mailbox. Letter case counts.
    pub id: String,
    /// What it is beside mail.
    pub kind: MessageKind,
    /// The subject line.
    pub subject: Option<String>,
    /// Whose mail it is. Drafts may have none.
    pub from: Option<EmailAddress>,
    /// Who really sent it: differs from [`from`](Self::from) where somebody sends for somebody else.
    pub sender: Option<EmailAddress>,
    /// To whom it goes.
    pub to: Vec<EmailAddress>,
    /// Who gets a copy.
    pub cc: Vec<EmailAddress>,
    /// When it arrived; for a draft when it was made.
    pub received_at: Option<i64>,
    /// When it was sent.
    pub sent_at: Option<i64>,
    /// Whether it was read.
    pub is_read: Option<bool>,
    /// Whether it is not sent yet.
    pub is_draft: Option<bool>,
    /// How important the sender called it.
    pub importance: Option<Importance>,
    /// Whether files are attached; pictures inside the text do not count.
    pub has_attachments: Option<bool>,
    /// The person's own categories.
    pub categories: Vec<String>,
    /// Shared by the messages of one conversation.
    pub conversation_id: Option<String>,
    /// The message's id on the internet (RFC 5322 section 3.6.4), with its angle brackets.
    pub internet_message_id: Option<String>,
    /// Id of the folder that it lies in.
    pub folder_id: Option<String>,
    /// Its address in Outlook on the web, for the person's browser.
    pub web_link: Option<String>,
    /// In which half of the inbox it is shown.
    pub classification: Option<InferenceClassification>,
    /// How it is flagged. `None` in the cloud of China, which does not tell.
    pub flag: Option<FlagStatus>,
    /// The first 255 characters of its text. Only with `Mail.Read`; `None` otherwise.
    pub preview: Option<String>,
    /// What the service said and this version does not know, at most 32 values.
    pub unknown: Vec<UnknownValue>,
}

/// A change of a folder's messages, from a sync.
#[derive(Clone, PartialEq, Eq)]
#[cfg_attr(test, derive(serde::Serialize))]
pub struct MessageChange {
    /// Id of the message.
    pub id: String,
    /// Why the message is gone from this folder; `None` if it is there.
    pub removed: Option<RemovedReason>,
    /// The message, new or changed, with the properties of [`given`](Self::given) alone; `None` if it is gone. The same message can
    /// come twice.
    pub message: Option<Message>,
    /// Which properties the change carries. The others did not change, also where [`message`](Self::message) has `None` for them.
    pub given: Vec<MessageProperty>,
}

/// A mail folder. `Debug` shows numbers and switches.
#[derive(Clone, PartialEq, Eq)]
#[cfg_attr(test, derive(serde::Serialize))]
pub struct MailFolder {
    /// The id; it stays when the folder is renamed or moved. Letter case counts.
    pub id: String,
    /// The name, in the mailbox's language: find the inbox by its well-known name and never by this.
    pub display_name: Option<String>,
    /// The well-known name that was asked for (`inbox`, `sentitems`). `None` in lists: the service does not tell.
    pub well_known: Option<String>,
    /// Id of the folder above.
    pub parent_folder_id: Option<String>,
    /// Folders directly below.
    pub child_folder_count: Option<u32>,
    /// Items not read.
    pub unread_item_count: Option<u32>,
    /// Items of every kind, so not only what a list of its messages has.
    pub total_item_count: Option<u32>,
    /// Whether Outlook hides it. `None` in the clouds of the US government, which do not tell.
    pub is_hidden: Option<bool>,
    /// Whether it is a search that looks like a folder: its messages lie in other folders too.
    pub is_search: bool,
    /// What the service said and this version does not know, at most 32 values.
    pub unknown: Vec<UnknownValue>,
}

/// One page of messages. `Debug` does not show where it goes on.
#[derive(Clone, PartialEq, Eq)]
pub struct MessagePage {
    /// The messages. A page may be empty although more follow.
    pub messages: Vec<Message>,
    /// Where the list goes on; `None` at its end. It is opaque, and good for this account and this list only.
    pub next: Option<String>,
    /// Messages in the whole list, where the query asked for it.
    pub total: Option<i64>,
}

/// In which order messages come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum MessageOrder {
    /// The last received first.
    #[default]
    Newest = 0,
    /// The first received first.
    Oldest = 1,
}

/// Which messages to list; every condition that is set must hold. The default is the whole mailbox, the newest first. `Debug` shows
/// the switches and no text.
#[derive(Clone, PartialEq, Eq)]
pub struct MessageQuery {
    /// Id or well-known name of one folder (`inbox`, `sentitems`, `archive`). Default: all folders, deleted items among them.
    pub folder: Option<String>,
    /// Received at this time or later, Unix seconds.
    pub received_from: Option<i64>,
    /// Received before this time.
    pub received_before: Option<i64>,
    /// Sent at this time or later.
    pub sent_from: Option<i64>,
    /// Sent before this time.
    pub sent_before: Option<i64>,
    /// Mail of this address ([`Message::from`]), whole and exact.
    pub from_address: Option<String>,
    /// `true`: not read; `false`: read.
    pub unread: Option<bool>,
    /// Whether files are attached.
    pub has_attachments: Option<bool>,
    /// Only of this importance.
    pub importance: Option<Importance>,
    /// `true`: flagged for follow-up; `false`: not, or done. Not in the cloud of China.
    pub flagged: Option<bool>,
    /// The subject holds this text, at most 255 characters.
    pub subject_contains: Option<String>,
    /// Words to search for in everything, in the service's own search language, at most 255 characters. Only with `Mail.Read`, and
    /// with no other condition than [`folder`](Self::folder); the service orders what it finds by the time it was sent and stops
    /// after some hundreds.
    pub search: Option<String>,
    /// In which order they come. Default: the newest first.
    pub order: MessageOrder,
    /// Messages a page, 1 to 1,000. Default 50.
    pub page_size: u32,
    /// Count all that match ([`MessagePage::total`]). Default `false`: it costs the service time.
    pub with_total: bool,
}

impl Default for MessageQuery {
    fn default() -> Self {
        Self {
            folder: None,
            received_from: None,
            received_before: None,
            sent_from: None,
            sent_before: None,
            from_address: None,
            unread: None,
            has_attachments: None,
            importance: None,
            flagged: None,
            subject_contains: None,
            search: None,
            order: MessageOrder::Newest,
            page_size: 50,
            with_total: false,
        }
    }
}

impl Message {
    /// Takes over what a change says of this message: the properties that it carries, and nothing else. A change that says that the
    /// message is gone changes nothing.
    pub fn apply(&mut self, change: &MessageChange) {
        let Some(newer) = &change.message else { return };
        for property in &change.given {
            self.take(newer, *property);
        }
        self.unknown.retain(|value| !change.given.iter().any(|property| value.belongs_to(property.name())));
        let news = newer.unknown.iter().filter(|value| !self.unknown.contains(value)).cloned();
        self.unknown.extend(news.collect::<Vec<_>>());
        if newer.kind != MessageKind::Mail {
            self.kind = newer.kind;
        }
    }

    fn take(&mut self, newer: &Self, property: MessageProperty) {
        match property {
            MessageProperty::Other => {}
            MessageProperty::Subject => self.subject.clone_from(&newer.subject),
            MessageProperty::From => self.from.clone_from(&newer.from),
            MessageProperty::Sender => self.sender.clone_from(&newer.sender),
            MessageProperty::To => self.to.clone_from(&newer.to),
            MessageProperty::Cc => self.cc.clone_from(&newer.cc),
            MessageProperty::ReceivedAt => self.received_at = newer.received_at,
            MessageProperty::SentAt => self.sent_at = newer.sent_at,
            MessageProperty::IsRead => self.is_read = newer.is_read,
            MessageProperty::IsDraft => self.is_draft = newer.is_draft,
            MessageProperty::Importance => self.importance = newer.importance,
            MessageProperty::HasAttachments => self.has_attachments = newer.has_attachments,
            MessageProperty::Categories => self.categories.clone_from(&newer.categories),
            MessageProperty::ConversationId => self.conversation_id.clone_from(&newer.conversation_id),
            MessageProperty::InternetMessageId => self.internet_message_id.clone_from(&newer.internet_message_id),
            MessageProperty::FolderId => self.folder_id.clone_from(&newer.folder_id),
            MessageProperty::WebLink => self.web_link.clone_from(&newer.web_link),
            MessageProperty::Classification => self.classification = newer.classification,
            MessageProperty::Flag => self.flag = newer.flag,
            MessageProperty::Preview => self.preview.clone_from(&newer.preview),
        }
    }
}

impl UnknownValue {
    /// Whether it is about this property or a part of it.
    pub(crate) fn belongs_to(&self, property: &str) -> bool {
        self.property.split('.').next() == Some(property)
    }
}
