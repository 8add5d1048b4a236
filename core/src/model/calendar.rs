//! Calendars and events, as Graph tells them (FACTS 11). Text is as the service wrote it: show it as text, never as markup.

mod event;
mod words;

pub use event::{Attendee, Event, EventTime, Location, OnlineMeeting, Recurrence};
pub use words::{
    AttendeeType, CalendarColor, DayOfWeek, EventProperty, EventType, LocationType, OnlineMeetingProvider, RangeType,
    RecurrencePatternType, Response, Sensitivity, ShowAs, WeekIndex,
};

use super::mail::{EmailAddress, Importance, RemovedReason, UnknownValue};

/// A calendar of the person. `Debug` shows switches.
#[derive(Clone, PartialEq, Eq)]
#[cfg_attr(test, derive(serde::Serialize))]
pub struct Calendar {
    /// The id. Letter case counts.
    pub id: String,
    /// Its name, in the mailbox's language or as the person called it.
    pub name: Option<String>,
    /// Its colour in Outlook's own palette.
    pub color: Option<CalendarColor>,
    /// Its colour as `#rrggbb`; `None` if it was never set.
    pub hex_color: Option<String>,
    /// Whether new events go here unless another calendar is named.
    pub is_default: Option<bool>,
    /// Whether the person may change its events. (This library never does.)
    pub can_edit: Option<bool>,
    /// Whose calendar it is: differs from the person for one that was shared.
    pub owner: Option<EmailAddress>,
    /// What the service said and this version does not know, at most 32 values.
    pub unknown: Vec<UnknownValue>,
}

/// A change of a calendar's events, from a sync.
#[derive(Clone, PartialEq)]
#[cfg_attr(test, derive(serde::Serialize))]
pub struct EventChange {
    /// Id of the event.
    pub id: String,
    /// Why the event is gone from the window; `None` if it is there. Ids that were never seen can come too: ignore them.
    pub removed: Option<RemovedReason>,
    /// The event, new or changed, with the properties of [`given`](Self::given) alone; `None` if it is gone. The same event can come
    /// twice.
    pub event: Option<Event>,
    /// Which properties the change carries. The others did not change; those of an occurrence that come with no change of its own
    /// (often all but its times) are those of its series ([`Event::series_master_id`]).
    pub given: Vec<EventProperty>,
}

/// One page of events. `Debug` does not show where it goes on.
#[derive(Clone, PartialEq)]
pub struct EventPage {
    /// The events. A page may be empty although more follow.
    pub events: Vec<Event>,
    /// Where the list goes on; `None` at its end. It is opaque, and good for this account and this list only.
    pub next: Option<String>,
    /// Events in the whole list, where the query asked for it.
    pub total: Option<i64>,
}

/// In which order events come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum EventOrder {
    /// By the time they start.
    #[default]
    Earliest = 0,
    /// Those that start last come first.
    Latest = 1,
}

/// Which events to list, as they were entered: single events and series, the latter once. For what happens in a span of time, with
/// every occurrence of a series, take a [`CalendarView`]. Every condition that is set must hold. `Debug` shows the switches and no text.
#[derive(Clone, PartialEq, Eq)]
pub struct EventQuery {
    /// Id of one calendar. Default: the person's default calendar.
    pub calendar: Option<String>,
    /// Starts at this time or later, Unix seconds. A series starts with its first occurrence.
    pub starts_from: Option<i64>,
    /// Starts before this time.
    pub starts_before: Option<i64>,
    /// The subject holds this text, at most 255 characters.
    pub subject_contains: Option<String>,
    /// In which order they come. Default: by the time they start.
    pub order: EventOrder,
    /// Events a page, 1 to 1,000. Default 50.
    pub page_size: u32,
    /// Count all that match ([`EventPage::total`]). Default `false`: it costs the service time.
    pub with_total: bool,
}

impl Default for EventQuery {
    fn default() -> Self {
        Self {
            calendar: None,
            starts_from: None,
            starts_before: None,
            subject_contains: None,
            order: EventOrder::Earliest,
            page_size: 50,
            with_total: false,
        }
    }
}

/// What happens in a span of time: single events and every occurrence of a series, by the time they start. `Debug` shows the times.
#[derive(Clone, PartialEq, Eq)]
pub struct CalendarView {
    /// Id of one calendar. Default: the person's default calendar.
    pub calendar: Option<String>,
    /// Begin of the span, Unix seconds. What began before and still goes on belongs to it.
    pub from: i64,
    /// End of the span, exclusive; at most 1,825 days after its begin.
    pub until: i64,
    /// Events a page, 1 to 1,000. Default 50.
    pub page_size: u32,
}

impl CalendarView {
    /// The span from `from` to `until` (Unix seconds, the end exclusive) of the default calendar, 50 events a page.
    pub fn new(from: i64, until: i64) -> Self {
        Self { calendar: None, from, until, page_size: 50 }
    }
}

impl Event {
    /// Takes over what a change says of this event: the properties that it carries, and nothing else. A change that says that the
    /// event is gone changes nothing.
    pub fn apply(&mut self, change: &EventChange) {
        let Some(newer) = &change.event else { return };
        for property in &change.given {
            self.take(newer, *property);
        }
        self.unknown.retain(|value| !change.given.iter().any(|property| value.belongs_to(property.name())));
        let news = newer.unknown.iter().filter(|value| !self.unknown.contains(value)).cloned();
        self.unknown.extend(news.collect::<Vec<_>>());
        self.settle_days();
    }
}
