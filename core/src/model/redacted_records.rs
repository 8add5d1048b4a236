//! `Debug` of what was read from a mailbox: kinds, switches and numbers, and no text.

use super::{
    Attendee, Calendar, CalendarView, EmailAddress, Event, EventChange, EventQuery, EventSyncPage, EventTime, Location, MailFolder,
    Message, MessageChange, MessageQuery, MessageSyncPage, OnlineMeeting, Photo, Profile, UnknownValue,
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
    MailFolder: child_folder_count, unread_item_count, total_item_count, is_hidden, is_search, unknown;
    MessageQuery: received_from, received_before, sent_from, sent_before, unread, has_attachments, importance, flagged, order, page_size, with_total;
    Calendar: is_default, can_edit, unknown;
    Event: is_all_day, is_cancelled, event_type, show_as, unknown;
    EventChange: removed, given;
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
