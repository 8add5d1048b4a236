//! Events and the calendar view (FACTS 8.8, 11, 16).

use super::{
    page::Resource,
    query::{self, Filter, Listing, select},
    wire::{Entry, EventTimeWire, List, Notes, RecipientWire, Spoken, When, filled, half_a_character, wire},
};
use crate::{
    error::Result,
    model::{
        Attendee, CalendarView, EmailAddress, Event, EventChange, EventOrder, EventProperty, EventQuery, EventType, Importance,
        OnlineMeeting, OnlineMeetingProvider, Sensitivity, ShowAs,
    },
};
use parts::{LocationWire, OnlineMeetingWire, RecurrenceWire, ResponseWire};

mod parts;

/// The longest span of a calendar view that the service answers, in seconds.
const LONGEST_VIEW: i64 = 1825 * 86_400;

wire! {
    /// An event of an answer.
    EventWire {}
    EventProperty {
        subject: String = Subject,
        start: EventTimeWire = Start,
        end: EventTimeWire = End,
        is_all_day: bool = IsAllDay,
        is_cancelled: bool = IsCancelled,
        is_organizer: bool = IsOrganizer,
        organizer: RecipientWire = Organizer,
        attendees: List<(Attendee, Notes)> = Attendees,
        location: LocationWire = Location,
        show_as: Spoken<ShowAs> = ShowAs,
        sensitivity: Spoken<Sensitivity> = Sensitivity,
        #[serde(rename = "type")]
        event_type: Spoken<EventType> = EventType,
        series_master_id: String = SeriesMasterId,
        recurrence: RecurrenceWire = Recurrence,
        response_status: ResponseWire = ResponseStatus,
        is_online_meeting: bool = IsOnlineMeeting,
        online_meeting_provider: Spoken<OnlineMeetingProvider> = OnlineMeetingProvider,
        online_meeting: OnlineMeetingWire = OnlineMeeting,
        web_link: String = WebLink,
        original_start_time_zone: String = OriginalStartTimeZone,
        original_start: When = OriginalStart,
        categories: List<String> = Categories,
        importance: Spoken<Importance> = Importance,
        has_attachments: bool = HasAttachments,
        #[serde(rename = "iCalUId")]
        ical_uid: String = IcalUid,
    }
}

impl Resource for Event {
    type Wire = EventWire;
    const NAME: &'static str = "event";

    fn from_wire(wire: EventWire) -> Option<Self> {
        let mut notes = Notes::default();
        let (response, responded_at) = notes.response("responseStatus", wire.response_status.given());
        let mut event = Self {
            id: wire.id.and_then(filled)?,
            subject: wire.subject.given(),
            start: notes.event_time("start", wire.start.given()),
            end: notes.event_time("end", wire.end.given()),
            is_all_day: wire.is_all_day.given(),
            is_cancelled: wire.is_cancelled.given(),
            is_organizer: wire.is_organizer.given(),
            organizer: wire.organizer.given().and_then(EmailAddress::from_wire),
            attendees: notes.attendees(wire.attendees.given()),
            location: wire.location.given().and_then(|location| location.location(&mut notes)),
            show_as: notes.word("showAs", wire.show_as.given()),
            sensitivity: notes.word("sensitivity", wire.sensitivity.given()),
            event_type: notes.word("type", wire.event_type.given()),
            series_master_id: wire.series_master_id.given(),
            recurrence: wire.recurrence.given().map(|recurrence| recurrence.recurrence(&mut notes)),
            response,
            responded_at,
            is_online_meeting: wire.is_online_meeting.given(),
            online_meeting_provider: notes.word("onlineMeetingProvider", wire.online_meeting_provider.given()),
            online_meeting: wire.online_meeting.given().map(OnlineMeeting::from),
            web_link: wire.web_link.given(),
            original_start_time_zone: wire.original_start_time_zone.given().and_then(filled),
            original_start: notes.moment("originalStart", wire.original_start.given()),
            categories: wire.categories.list(),
            importance: notes.word("importance", wire.importance.given()),
            has_attachments: wire.has_attachments.given(),
            ical_uid: wire.ical_uid.given(),
            unknown: Vec::new(),
        };
        event.settle_days();
        note_odd_days(&event, &mut notes);
        event.unknown = notes.done();
        Some(event)
    }

    fn note_mended(&mut self) {
        self.unknown.push(half_a_character());
    }
}

/// Whole days that do not begin at midnight: which date was meant cannot be told.
fn note_odd_days(event: &Event, notes: &mut Notes) {
    for (property, time) in [("start", &event.start), ("end", &event.end)] {
        if let Some(time) = time.as_ref().filter(|time| event.is_all_day == Some(true) && time.date.is_none()) {
            notes.add(property, &time.date_time);
        }
    }
}

impl Resource for EventChange {
    type Wire = EventWire;
    const NAME: &'static str = "event";

    fn from_wire(wire: EventWire) -> Option<Self> {
        if let Some(removed) = &wire.removed {
            let removed = Some(removed.reason());
            return Some(Self { id: wire.id.and_then(filled)?, removed, event: None, given: Vec::new() });
        }
        let given = wire.given();
        let event = Event::from_wire(wire)?;
        Some(Self { id: event.id.clone(), removed: None, event: Some(event), given })
    }

    fn note_mended(&mut self) {
        if let Some(event) = &mut self.event {
            event.note_mended();
        }
    }
}

/// The events that a query is about.
pub(crate) fn list(query: &EventQuery) -> Result<Listing> {
    let mut filter = Filter::ordered_by_event_time("start/dateTime");
    filter.span(query.starts_from, query.starts_before)?;
    if let Some(text) = &query.subject_contains {
        filter.contains("subject", "subject_contains", text)?;
    }
    let order = match query.order {
        EventOrder::Earliest => "start/dateTime asc",
        EventOrder::Latest => "start/dateTime desc",
    };
    let mut parameters = vec![("$select", selected()), ("$top", query::page_size(query.page_size)?)];
    parameters.extend(filter.parameter());
    parameters.push(("$orderby", order.to_owned()));
    if query.with_total {
        parameters.push(("$count", "true".to_owned()));
    }
    Ok(Listing::new(path(query.calendar.as_deref(), &["events"])?, parameters))
}

/// One event.
pub(crate) fn one(id: &str) -> Result<Listing> {
    let path = vec!["me".to_owned(), "events".to_owned(), query::id(id)?];
    Ok(Listing::new(path, vec![("$select", selected())]))
}

/// What happens in a span of time.
pub(crate) fn view(view: &CalendarView) -> Result<Listing> {
    let mut parameters = window(view)?;
    parameters.extend([
        ("$select", selected()),
        ("$top", query::page_size(view.page_size)?),
        ("$orderby", "start/dateTime asc".to_owned()),
    ]);
    Ok(Listing::new(path(view.calendar.as_deref(), &["calendarView"])?, parameters))
}

/// The first request of a sync over a span of time. It takes no `$select`; how many items a page has is said in a header.
pub(crate) fn delta(view: &CalendarView) -> Result<Listing> {
    let listing = Listing::new(path(view.calendar.as_deref(), &["calendarView", "delta"])?, window(view)?);
    Ok(listing.prefer(query::delta_page_size(view.page_size)?))
}

fn window(view: &CalendarView) -> Result<Vec<(&'static str, String)>> {
    let length = view.until.checked_sub(view.from).filter(|length| (1..=LONGEST_VIEW).contains(length));
    if length.is_none() {
        return Err(query::not_possible("span"));
    }
    Ok(vec![("startDateTime", query::date(view.from)?), ("endDateTime", query::date(view.until)?)])
}

fn path(calendar: Option<&str>, rest: &[&str]) -> Result<Vec<String>> {
    let mut path = vec!["me".to_owned()];
    if let Some(calendar) = calendar {
        path.extend(["calendars".to_owned(), query::id(calendar)?]);
    }
    path.extend(rest.iter().map(|segment| (*segment).to_owned()));
    Ok(path)
}

fn selected() -> String {
    select(EventProperty::ALL.iter().map(|property| property.name()))
}

#[cfg(test)]
mod tests;
