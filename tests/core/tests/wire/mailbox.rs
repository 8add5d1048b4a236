//! Reading a whole mailbox and a calendar of the sandbox, as a host does.

use crate::rig::{BIANCA, MEGAN, NILS, Rig, refused};
use intail_office365::{
    Account, CalendarView, ErrorKind, EventQuery, EventType, Importance, Message, MessageOrder, MessageQuery, Scope,
};
use intail_office365_sandbox::{DeltaSettings, Reason};
use std::collections::{HashMap, HashSet};

const DAY: i64 = 86_400;

fn ids<'a>(messages: impl IntoIterator<Item = &'a Message>) -> Vec<&'a str> {
    messages.into_iter().map(|message| message.id.as_str()).collect()
}

fn all(account: &Account, query: &MessageQuery) -> Vec<Message> {
    account.iter_messages(query).map(|message| message.unwrap()).collect()
}

#[test]
fn profile_and_picture() {
    let rig = Rig::new();
    let account = rig.connected(&rig.open());
    let profile = account.profile().unwrap();
    assert_eq!((profile.username.as_deref(), profile.id), (Some(MEGAN), account.info().object_id));
    let photo = account.photo().unwrap().unwrap();
    assert!(photo.content_type == "image/png" && photo.bytes.starts_with(b"\x89PNG"));
    rig.control.set_photo(MEGAN, false).unwrap();
    assert_eq!(account.photo().unwrap(), None);
}

#[test]
fn the_tree_of_folders() {
    let rig = Rig::new();
    let account = rig.connected(&rig.open());
    let folders = account.mail_folders().unwrap();
    assert_eq!(folders.len(), 10, "{folders:?}");
    let inbox = account.mail_folder("Inbox").unwrap();
    assert_eq!(inbox.well_known.as_deref(), Some("inbox"));
    let below: Vec<_> = folders.iter().filter(|folder| folder.parent_folder_id.as_deref() == Some(&inbox.id)).collect();
    assert_eq!(below.len(), 2);
    assert!(folders.iter().any(|folder| below.iter().any(|parent| folder.parent_folder_id.as_deref() == Some(&parent.id))));
    refused(account.mail_folder("nowhere"), ErrorKind::NotFound, "ItemNotFound");
}

#[test]
fn every_message_once_and_in_order() {
    let rig = Rig::new();
    let account = rig.connected(&rig.open());
    let newest = all(&account, &MessageQuery { page_size: 7, ..MessageQuery::default() });
    assert_eq!((newest.len(), ids(&newest).into_iter().collect::<HashSet<_>>().len()), (60, 60));
    assert!(newest.is_sorted_by_key(|message| -message.received_at.unwrap()));
    let oldest = all(&account, &MessageQuery { order: MessageOrder::Oldest, ..MessageQuery::default() });
    assert_eq!(ids(oldest.iter().rev()), ids(&newest));
    let one = account.message(&newest[0].id).unwrap();
    assert_eq!(one, newest[0]);
    let page = account.messages(&MessageQuery { with_total: true, page_size: 1, ..MessageQuery::default() }).unwrap();
    assert_eq!((page.total, page.messages.len()), (Some(60), 1));
    refused(account.message("AAkALgGone"), ErrorKind::NotFound, "ItemNotFound");
    rig.control.set_mailbox_size(MEGAN, 0).unwrap();
    assert_eq!(all(&account, &MessageQuery::default()).len(), 0);
}

#[test]
fn each_condition_of_a_query_holds() {
    let rig = Rig::new();
    let account = rig.connected(&rig.open());
    let everything = all(&account, &MessageQuery::default());
    let middle = everything[30].received_at;
    let count = |query: MessageQuery, holds: &dyn Fn(&Message) -> bool| {
        let found = all(&account, &query);
        let expected: Vec<&Message> = everything.iter().filter(|message| holds(message)).collect();
        assert_eq!(ids(&found), ids(expected.iter().copied()), "{query:?}");
        assert!(!found.is_empty() && found.len() < everything.len(), "{query:?}");
    };
    let query = MessageQuery::default;
    count(MessageQuery { unread: Some(true), ..query() }, &|message| message.is_read == Some(false));
    count(MessageQuery { received_from: middle, ..query() }, &|message| message.received_at >= middle);
    count(MessageQuery { received_before: middle, ..query() }, &|message| message.received_at < middle);
    count(MessageQuery { has_attachments: Some(true), ..query() }, &|message| message.has_attachments == Some(true));
    count(MessageQuery { importance: Some(Importance::High), ..query() }, &|message| message.importance == Some(Importance::High));
    count(MessageQuery { subject_contains: Some("figures".into()), ..query() }, &|message| {
        message.subject.as_deref().is_some_and(|subject| subject.contains("figures"))
    });
    let address = "pat.o'brien@partner.example";
    count(MessageQuery { from_address: Some(address.into()), unread: Some(true), ..query() }, &|message| {
        message.is_read == Some(false) && message.from.as_ref().is_some_and(|from| from.address.as_deref() == Some(address))
    });
    let inbox = account.mail_folder("inbox").unwrap().id;
    count(MessageQuery { folder: Some("inbox".into()), ..query() }, &|message| message.folder_id.as_ref() == Some(&inbox));
    let search = MessageQuery { search: Some("invoice".into()), ..query() };
    refused(account.messages(&search), ErrorKind::InvalidArgument, "QueryNotPossible");
}

#[test]
fn with_mail_read_there_are_previews_and_a_search() {
    let rig = Rig::new();
    let office = rig.open_with(|config| config.scopes = vec!["User.Read".into(), "Mail.Read".into()]);
    let account = rig.sign_in(&office, BIANCA).unwrap();
    assert!(account.scopes().allows(Scope::MailRead));
    let found = all(&account, &MessageQuery { search: Some("invoice".into()), ..MessageQuery::default() });
    assert!(found.len() > 3 && found.iter().all(|message| message.preview.is_some()));
    assert!(found.iter().all(|message| message.subject.as_deref().unwrap().contains("Invoice")));
}

/// A host that keeps a copy, as the guide shows it.
#[derive(Default)]
struct Copy {
    messages: HashMap<String, Message>,
    listed: HashSet<String>,
}

impl Copy {
    fn round(&mut self, account: &Account) -> usize {
        let mut pages = 0;
        loop {
            let page = account.sync_messages("inbox", 20).unwrap();
            pages += 1;
            if page.progress.full && page.progress.first {
                self.listed.clear();
            }
            for change in &page.changes {
                self.listed.insert(change.id.clone());
                match (&change.message, self.messages.get_mut(&change.id)) {
                    (Some(message), None) => drop(self.messages.insert(change.id.clone(), message.clone())),
                    (Some(_), Some(known)) => known.apply(change),
                    (None, _) => drop(self.messages.remove(&change.id)),
                }
            }
            assert!(account.acknowledge(&page.progress.acknowledgement).unwrap());
            if !page.progress.more {
                if page.progress.full {
                    self.messages.retain(|id, _| self.listed.contains(id));
                }
                return pages;
            }
        }
    }

    fn is_like(&self, account: &Account) -> bool {
        let real = all(account, &MessageQuery { folder: Some("inbox".into()), ..MessageQuery::default() });
        real.len() == self.messages.len() && real.iter().all(|message| self.messages.get(&message.id) == Some(message))
    }
}

#[test]
fn a_copy_that_is_kept_by_syncing_stays_the_same_as_the_mailbox() {
    let rig = Rig::new();
    let account = rig.connected(&rig.open());
    let mut copy = Copy::default();
    assert_eq!(copy.round(&account), 2);
    assert!(copy.is_like(&account));
    assert_eq!(copy.round(&account), 1);
    let some: Vec<String> = copy.messages.keys().take(3).cloned().collect();
    rig.control.add_message(MEGAN, "inbox", "New").unwrap();
    rig.control.set_message_read(MEGAN, &some[0], true).unwrap();
    rig.control.move_message(MEGAN, &some[1], "archive").unwrap();
    rig.control.delete_message(MEGAN, &some[2], Reason::Changed).unwrap();
    rig.control.set_delta(MEGAN, DeltaSettings { empty_page: true, replay: true, ..DeltaSettings::default() }).unwrap();
    assert_eq!(copy.round(&account), 2, "an empty page is not the end");
    assert!(copy.is_like(&account));
    // The service forgets; something vanished meanwhile.
    rig.control.delete_message(MEGAN, &some[0], Reason::Deleted).unwrap();
    rig.control.set_delta(MEGAN, DeltaSettings { gone_with_location: true, ..DeltaSettings::default() }).unwrap();
    copy.round(&account);
    assert!(copy.is_like(&account));
}

#[test]
fn a_week_of_the_calendar() {
    let rig = Rig::new();
    let account = rig.connected(&rig.open());
    let calendars = account.calendars().unwrap();
    assert_eq!((calendars.len(), account.calendar(None).unwrap().is_default), (3, Some(true)));
    let today = rig.control.now().div_euclid(DAY) * DAY;
    let view = CalendarView { page_size: 3, ..CalendarView::new(today, today + 14 * DAY) };
    let events: Vec<_> = account.iter_calendar_view(&view).map(|event| event.unwrap()).collect();
    assert!(events.len() > 8, "{}", events.len());
    assert!(events.iter().all(|event| event.event_type != Some(EventType::SeriesMaster)));
    let timed = events.iter().filter(|event| event.is_all_day == Some(false));
    assert!(timed.clone().count() > 5 && timed.clone().all(|event| event.start.as_ref().unwrap().unix.is_some()));
    let holiday = events.iter().find(|event| event.is_all_day == Some(true)).unwrap();
    let (start, end) = (holiday.start.as_ref().unwrap(), holiday.end.as_ref().unwrap());
    assert!(start.unix.is_none() && start.date < end.date && start.date.is_some(), "days, and no instants");
    let occurrence = events.iter().find(|event| event.event_type == Some(EventType::Occurrence)).unwrap();
    let alone = account.event(&occurrence.id).unwrap();
    assert_eq!((&alone.subject, &alone.start), (&occurrence.subject, &occurrence.start));
    let series = account.event(occurrence.series_master_id.as_deref().unwrap()).unwrap();
    assert!(series.recurrence.is_some());
    let all: Vec<_> = account.iter_events(&EventQuery::default()).map(|event| event.unwrap()).collect();
    assert!(all.iter().all(|event| event.event_type != Some(EventType::Occurrence)) && all.len() >= 6);
    let found = account.events(&EventQuery { subject_contains: Some("planning".into()), ..EventQuery::default() }).unwrap();
    assert_eq!(found.events.len(), 1);
    refused(account.calendar_view(&CalendarView::new(today, today)), ErrorKind::InvalidArgument, "QueryNotPossible");
}

#[test]
fn a_sync_of_events() {
    let rig = Rig::new();
    let account = rig.connected(&rig.open());
    let today = rig.control.now().div_euclid(DAY) * DAY;
    let view = CalendarView { page_size: 4, ..CalendarView::new(today, today + 14 * DAY) };
    let round = || {
        let mut found = Vec::new();
        loop {
            let page = account.sync_events(&view).unwrap();
            account.acknowledge(&page.progress.acknowledgement).unwrap();
            found.extend(page.changes);
            if !page.progress.more {
                return (found, page.progress.full);
            }
        }
    };
    let (everything, full) = round();
    assert!(everything.len() > 8 && full);
    assert_eq!(round().0.len(), 0);
    let lunch = rig.control.add_event(MEGAN, "Lunch", today + DAY, 3_600).unwrap();
    rig.control.add_event(MEGAN, "Far away", today + 400 * DAY, 3_600).unwrap();
    let (changes, full) = round();
    assert_eq!((changes.len(), full, changes[0].id.as_str()), (2, false, lunch.as_str()));
    assert!(changes[1].removed.is_some(), "what lies outside is told as gone");
    rig.control.forget_event_sync(MEGAN).unwrap();
    let (anew, full) = round();
    assert!(full && anew.len() == everything.len() + 1);
}

#[test]
fn a_person_without_a_mailbox_keeps_the_profile() {
    let rig = Rig::new();
    let account = rig.sign_in(&rig.open(), NILS).unwrap();
    assert!(account.profile().is_ok());
    assert_eq!(account.photo().unwrap(), None);
    let today = rig.control.now();
    let error = refused(account.messages(&MessageQuery::default()), ErrorKind::AccessDenied, "MailboxMissing");
    assert_eq!(error.service_code(), Some("MailboxNotEnabledForRESTAPI"));
    refused(account.mail_folders(), ErrorKind::AccessDenied, "MailboxMissing");
    refused(account.calendar_view(&CalendarView::new(today, today + DAY)), ErrorKind::AccessDenied, "MailboxMissing");
}
