//! `Debug` of what was read from a mailbox: kinds, switches and numbers, and no text.

use super::{
    Attendee, Calendar, CalendarView, EmailAddress, Event, EventChange, EventPage, EventQuery, EventSyncPage, EventTime, Location,
    MailFolder, MailboxSync, Message, MessageChange, MessagePage, MessageQuery, MessageSyncPage, OnlineMeeting, Photo, Profile,
    UnknownValue,
};
use std::fmt;

/// Implements `Debug` with these fields alone.
macro_rules! shows {
    ($($name:ident: $($field:ident),*;)+) => {$(
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($name))$(.field(stringify!($field), &self.$field))*.finish_non_exhaustive()
            }
        }
    )+};
}

shows! {
    EmailAddress: ;
    UnknownValue: property;
    Message: kind, is_read, is_draft, importance, has_attachments, flag, unknown;
    MessageChange: removed, given;
    MessagePage: messages, total;
    MailFolder: child_folder_count, unread_item_count, total_item_count, is_hidden, is_search, unknown;
    MailboxSync: pages, changes, complete;
    MessageQuery: received_from, received_before, sent_from, sent_before, unread, has_attachments, importance, flagged, order, page_size, with_total;
    Calendar: is_default, can_edit, unknown;
    Event: is_all_day, is_cancelled, event_type, show_as, unknown;
    EventChange: removed, given;
    EventPage: events, total;
    EventTime: ;
    Attendee: attendee_type, response;
    Location: location_type;
    OnlineMeeting: ;
    EventQuery: starts_from, starts_before, order, page_size, with_total;
    CalendarView: from, until, page_size;
    Profile: ;
}

impl fmt::Debug for MessageSyncPage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MessageSyncPage").field("changes", &self.changes.len()).field("progress", &self.progress).finish()
    }
}

impl fmt::Debug for EventSyncPage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventSyncPage").field("changes", &self.changes.len()).field("progress", &self.progress).finish()
    }
}

impl fmt::Debug for Photo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Photo").field("content_type", &self.content_type).field("bytes", &self.bytes.len()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        graph::page::{Resource, parse_one},
        model::{EventOrder, MessageOrder},
    };

    const MESSAGE: &str = r#"{"id":"needle","@odata.type":"needle","subject":"needle","from":{"emailAddress":{"name":"needle","address":"needle"}},
        "categories":["needle"],"importance":"needle","webLink":"needle","bodyPreview":"needle","receivedDateTime":"needle"}"#;
    const EVENT: &str = r#"{"id":"needle","subject":"needle","start":{"dateTime":"2026-08-24T17:00:00","timeZone":"needle"},"end":{"dateTime":"needle"},
        "attendees":[{"type":"needle","emailAddress":{"name":"needle"}}],"location":{"displayName":"needle","locationType":"needle"},
        "recurrence":{"range":{"recurrenceTimeZone":"Europe/Berlin"}},"onlineMeeting":{"joinUrl":"needle"},"webLink":"needle"}"#;
    const FOLDER: &str = r#"{"id":"needle","@odata.type":"needle","displayName":"needle","parentFolderId":"needle"}"#;
    const CALENDAR: &str = r#"{"id":"needle","name":"needle","color":"needle","hexColor":"needle","owner":{"name":"needle"}}"#;
    const PROFILE: &str =
        r#"{"id":"needle","displayName":"needle","mail":"needle","userPrincipalName":"needle","jobTitle":"needle"}"#;

    fn read<T: Resource>(text: &str) -> T {
        parse_one(text).unwrap()
    }

    #[expect(clippy::unnecessary_wraps, reason = "stands for fields that may be absent")]
    fn needle() -> Option<String> {
        Some("needle".to_owned())
    }

    fn of_answers() -> Vec<String> {
        let message = read::<Message>(MESSAGE);
        let event = read::<Event>(EVENT);
        let photo = Photo { content_type: "image/png".to_owned(), bytes: b"needle".to_vec() };
        vec![
            format!("{:?} {:?}", message.from, message.unknown),
            format!("{:?} {:?} {:?} {:?}", event.start, event.attendees, event.location, event.online_meeting),
            format!("{:?}", MessagePage { messages: vec![message], next: needle(), total: None }),
            format!("{:?}", EventPage { events: vec![event], next: needle(), total: None }),
            format!("{:?} {:?}", read::<MessageChange>(MESSAGE), read::<EventChange>(EVENT)),
            format!("{:?} {:?}", read::<MailFolder>(FOLDER), read::<Calendar>(CALENDAR)),
            format!("{:?} {photo:?}", read::<Profile>(PROFILE)),
        ]
    }

    fn of_queries() -> Vec<String> {
        let messages = MessageQuery {
            folder: needle(),
            from_address: needle(),
            subject_contains: needle(),
            search: needle(),
            order: MessageOrder::Oldest,
            ..MessageQuery::default()
        };
        let events =
            EventQuery { calendar: needle(), subject_contains: needle(), order: EventOrder::Latest, ..EventQuery::default() };
        let view = CalendarView { calendar: needle(), ..CalendarView::new(0, 1) };
        vec![format!("{messages:?}"), format!("{events:?}"), format!("{view:?}")]
    }

    #[test]
    fn m_04_debug_of_records_shows_no_text() {
        for shown in [of_answers(), of_queries()].into_iter().flatten() {
            assert!(shown.len() > 10 && !shown.contains("needle") && !shown.contains(&format!("{:?}", b"needle")), "{shown}");
            assert!(!shown.contains("2026-08-24"), "{shown}");
        }
    }

    /// The twin: those records are full of needles.
    #[test]
    fn m_04_the_records_hold_the_text() {
        let kept = [
            serde_json::to_string(&read::<Message>(MESSAGE)),
            serde_json::to_string(&read::<Event>(EVENT)),
            serde_json::to_string(&read::<MailFolder>(FOLDER)),
            serde_json::to_string(&read::<Calendar>(CALENDAR)),
            serde_json::to_string(&read::<Profile>(PROFILE)),
        ];
        for kept in kept {
            assert!(kept.unwrap().matches("needle").count() >= 4);
        }
    }
}
