//! A person's mailbox. Its messages are made up from their number when somebody asks, so that a million of them cost nothing; only what was
//! changed since is remembered.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Messages of a mailbox as it begins.
const SIZE: u32 = 60;
/// Numbers of messages that were added later.
const ADDED: u32 = 10_000_000;
/// What mail is about here; "IM" is how chats of Teams turn up.
const TOPICS: [&str; 7] = ["Invoice", "Meeting notes", "Re: offer", "IM", "Your order", "Quarterly figures", "Weekend – plans?"];
/// Seconds between two messages.
const APART: i64 = 1_800;

/// Why a message is not in a folder any more (FACTS 8.7).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// Deleted, or moved to another folder.
    #[default]
    Deleted,
    /// Put aside, and can be restored.
    Changed,
}

/// A folder of every mailbox here.
#[derive(Debug)]
pub(crate) struct Folder {
    pub(crate) id: &'static str,
    pub(crate) well_known: Option<&'static str>,
    pub(crate) name: &'static str,
    pub(crate) parent: Option<&'static str>,
    pub(crate) hidden: bool,
}

const ROOT: &str = "AQMkADRoot0000AAA=";

/// The folders, the inbox first.
pub(crate) const FOLDERS: [Folder; 11] = [
    top("AQMkADInbox000AAA=", "inbox", "Posteingang"),
    top("AQMkADDrafts00AAA=", "drafts", "Drafts"),
    top("AQMkADSent0000AAA=", "sentitems", "Sent Items"),
    top("AQMkADDeleted0AAA=", "deleteditems", "Deleted Items"),
    top("AQMkADArchive0AAA=", "archive", "Archive"),
    top("AQMkADJunk0000AAA=", "junkemail", "Junk Email"),
    top("AQMkADOutbox00AAA=", "outbox", "Outbox"),
    below("AQMkADProjectsAAA=", "Projects", "AQMkADInbox000AAA="),
    below("AQMkADInvoicesAAA=", "Invoices", "AQMkADInbox000AAA="),
    below("AQMkADPaid0000AAA=", "Paid", "AQMkADInvoicesAAA="),
    Folder { id: "AQMkADClutter0AAA=", well_known: Some("clutter"), name: "Clutter", parent: None, hidden: true },
];

const fn top(id: &'static str, well_known: &'static str, name: &'static str) -> Folder {
    Folder { id, well_known: Some(well_known), name, parent: None, hidden: false }
}

const fn below(id: &'static str, name: &'static str, parent: &'static str) -> Folder {
    Folder { id, well_known: None, name, parent: Some(parent), hidden: false }
}

impl Folder {
    /// By id or well-known name.
    pub(crate) fn find(named: &str) -> Option<&'static Folder> {
        let is_it = |folder: &&Folder| folder.id == named || folder.well_known.is_some_and(|name| name.eq_ignore_ascii_case(named));
        FOLDERS.iter().find(is_it)
    }

    pub(crate) fn children(parent: Option<&str>) -> impl Iterator<Item = &'static Folder> {
        FOLDERS.iter().filter(move |folder| folder.parent == parent)
    }

    pub(crate) fn parent_id(&self) -> &'static str {
        self.parent.unwrap_or(ROOT)
    }
}

/// A message as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mail {
    pub(crate) number: u32,
    pub(crate) folder: &'static str,
    pub(crate) subject: String,
    pub(crate) received_at: i64,
    pub(crate) is_read: bool,
    pub(crate) version: u32,
}

impl Mail {
    pub(crate) fn is_draft(&self) -> bool {
        self.folder == "AQMkADDrafts00AAA="
    }

    pub(crate) fn has_attachments(&self) -> bool {
        self.number % 5 == 2
    }

    pub(crate) fn importance(&self) -> &'static str {
        match self.number % 11 {
            0 => "high",
            7 => "low",
            _ => "normal",
        }
    }

    pub(crate) fn is_flagged(&self) -> bool {
        self.number % 13 == 5
    }

    /// Who wrote it; drafts say nobody.
    pub(crate) fn from(&self) -> Option<(&'static str, &'static str)> {
        const PEOPLE: [(&str, &str); 5] = [
            ("Grady Archie", "gradya@partner.example"),
            ("Lidia Holloway", "lidiah@partner.example"),
            ("Miriam Graham", "miriamg@partner.example"),
            ("O'Brien, Pat", "pat.o'brien@partner.example"),
            ("Zoë Müller", "zoe@partner.example"),
        ];
        let sender = PEOPLE.get(usize::try_from(self.number % 5).unwrap_or_default())?;
        (!self.is_draft()).then_some(*sender)
    }
}

/// One entry of the history that a sync reads.
#[derive(Debug, Clone)]
pub(crate) struct Change {
    pub(crate) number: u32,
    /// The folder that it is about.
    pub(crate) folder: &'static str,
    /// `None`: new or changed there.
    pub(crate) gone: Option<Reason>,
}

/// What a test switched for the syncs of a mailbox.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
pub struct DeltaSettings {
    /// The next page is empty and has a nextLink.
    pub empty_page: bool,
    /// The first item of the next page comes twice.
    pub replay: bool,
    /// The next token is not known any more: 410.
    pub gone: bool,
    /// With a `Location` of the beginning.
    pub gone_with_location: bool,
}

/// Everything of one mailbox.
#[derive(Debug, Clone)]
pub(crate) struct Mailbox {
    size: u32,
    added: u32,
    /// When its newest message of the beginning arrived.
    begin: i64,
    overlay: BTreeMap<u32, Option<Mail>>,
    pub(crate) history: Vec<Change>,
    pub(crate) delta: DeltaSettings,
    /// Stands in the place of the next nextLink or deltaLink.
    pub(crate) next_link: Option<String>,
}

impl Mailbox {
    pub(crate) fn new(now: i64) -> Mailbox {
        Mailbox {
            size: SIZE,
            added: 0,
            begin: now - 600,
            overlay: BTreeMap::new(),
            history: Vec::new(),
            delta: DeltaSettings::default(),
            next_link: None,
        }
    }

    pub(crate) fn resize(&mut self, size: u32) {
        self.size = size.min(1_000_000);
    }

    /// Every number, the newest message first.
    pub(crate) fn numbers(&self) -> impl DoubleEndedIterator<Item = u32> {
        (0..self.added).rev().map(|number| ADDED + number).chain(0..self.size)
    }

    pub(crate) fn mail(&self, number: u32) -> Option<Mail> {
        if let Some(changed) = self.overlay.get(&number) {
            return changed.clone();
        }
        (number < self.size).then(|| self.made_up(number))
    }

    fn made_up(&self, number: u32) -> Mail {
        let folder = match number % 10 {
            6 => "AQMkADSent0000AAA=",
            7 => "AQMkADArchive0AAA=",
            8 => "AQMkADProjectsAAA=",
            9 if number % 20 == 9 => "AQMkADDrafts00AAA=",
            9 => "AQMkADDeleted0AAA=",
            _ => "AQMkADInbox000AAA=",
        };
        let topic = TOPICS.get(usize::try_from(number % 7).unwrap_or_default()).copied().unwrap_or_default();
        let subject = if topic == "IM" { topic.to_owned() } else { format!("{topic} {number}") };
        Mail {
            number,
            folder,
            subject,
            received_at: self.begin - APART * i64::from(number),
            is_read: !number.is_multiple_of(3),
            version: 1,
        }
    }

    /// Puts a new message into a folder and returns its number.
    pub(crate) fn add(&mut self, folder: &'static str, subject: &str, now: i64) -> u32 {
        let number = ADDED + self.added;
        self.added += 1;
        let mail = Mail { number, folder, subject: subject.to_owned(), received_at: now, is_read: false, version: 1 };
        self.overlay.insert(number, Some(mail));
        self.history.push(Change { number, folder, gone: None });
        number
    }

    /// Changes a message where it is; `false` if there is none.
    pub(crate) fn update(&mut self, number: u32, change: impl FnOnce(&mut Mail)) -> bool {
        let Some(mut mail) = self.mail(number) else { return false };
        change(&mut mail);
        mail.version += 1;
        self.history.push(Change { number, folder: mail.folder, gone: None });
        self.overlay.insert(number, Some(mail));
        true
    }

    /// Moves a message to another folder: gone here, new there.
    pub(crate) fn transfer(&mut self, number: u32, folder: &'static str) -> bool {
        let Some(mut mail) = self.mail(number) else { return false };
        self.history.push(Change { number, folder: mail.folder, gone: Some(Reason::Deleted) });
        self.history.push(Change { number, folder, gone: None });
        mail.folder = folder;
        self.overlay.insert(number, Some(mail));
        true
    }

    pub(crate) fn delete(&mut self, number: u32, reason: Reason) -> bool {
        let Some(mail) = self.mail(number) else { return false };
        self.history.push(Change { number, folder: mail.folder, gone: Some(reason) });
        self.overlay.insert(number, None);
        true
    }

    /// The id of a message: the usual one changes when it is moved, the immutable one does not.
    pub(crate) fn id(mail: &Mail, immutable: bool) -> String {
        if immutable {
            return format!("AAkALgAAAAAAHYQDEapmEc2byACqAC{:08x}EWg0Aw=", mail.number);
        }
        let place = FOLDERS.iter().position(|folder| folder.id == mail.folder).unwrap_or_default();
        format!("AAMkADhMGFmNzY2LTRhZjctNDQ2Zi1i{:08x}{place:02x}BGAAA=", mail.number)
    }

    /// The message of an id of either kind; an usual id of a message that was moved is gone.
    pub(crate) fn by_id(&self, id: &str) -> Option<Mail> {
        let digits =
            id.strip_prefix("AAkALgAAAAAAHYQDEapmEc2byACqAC").or_else(|| id.strip_prefix("AAMkADhMGFmNzY2LTRhZjctNDQ2Zi1i"))?;
        let mail = self.mail(u32::from_str_radix(digits.get(..8)?, 16).ok()?)?;
        (Mailbox::id(&mail, true) == id || Mailbox::id(&mail, false) == id).then_some(mail)
    }
}
