//! An event and its parts.

use super::{
    AttendeeType, DayOfWeek, EmailAddress, EventProperty, EventType, Importance, LocationType, OnlineMeetingProvider, RangeType,
    RecurrencePatternType, Response, Sensitivity, ShowAs, UnknownValue, WeekIndex,
};

/// An event. `None` and an empty list: the service did not say, or said that there is nothing. All of it comes with `Calendars.Read`.
/// `Debug` shows switches and kinds, and no text.
#[derive(Clone, PartialEq)]
#[cfg_attr(test, derive(serde::Serialize))]
pub struct Event {
    /// The id; each occurrence of a series has its own. Letter case counts.
    pub id: String,
    /// The subject line.
    pub subject: Option<String>,
    /// When it begins.
    pub start: Option<EventTime>,
    /// When it ends; the end itself does not belong to it. An event of one whole day ends on the next date.
    pub end: Option<EventTime>,
    /// Whether it lasts whole days: then its times are dates ([`EventTime::date`]) and no instants.
    pub is_all_day: Option<bool>,
    /// Whether it was cancelled. Cancelled meetings can stay in the calendar.
    pub is_cancelled: Option<bool>,
    /// Whether the person organizes it.
    pub is_organizer: Option<bool>,
    /// Who organizes it.
    pub organizer: Option<EmailAddress>,
    /// Who takes part.
    pub attendees: Vec<Attendee>,
    /// Where it is; the first place if there are several.
    pub location: Option<Location>,
    /// How it shows in the person's free and busy times.
    pub show_as: Option<ShowAs>,
    /// How much of it others may see.
    pub sensitivity: Option<Sensitivity>,
    /// What it is to a series.
    pub event_type: Option<EventType>,
    /// Id of its series, for an occurrence.
    pub series_master_id: Option<String>,
    /// How it repeats, for a series.
    pub recurrence: Option<Recurrence>,
    /// What the person answered.
    pub response: Option<Response>,
    /// When, Unix seconds; `None` if never.
    pub responded_at: Option<i64>,
    /// Whether it is an online meeting.
    pub is_online_meeting: Option<bool>,
    /// Who provides that.
    pub online_meeting_provider: Option<OnlineMeetingProvider>,
    /// How to join it.
    pub online_meeting: Option<OnlineMeeting>,
    /// Its address in Outlook on the web, for the person's browser.
    pub web_link: Option<String>,
    /// The time zone in which its start was entered, by Windows' or IANA's name; `tzone://Microsoft/Custom` is an old one of its own.
    pub original_start_time_zone: Option<String>,
    /// When this occurrence would begin if it had not been moved, Unix seconds.
    pub original_start: Option<i64>,
    /// The person's own categories.
    pub categories: Vec<String>,
    /// How important the organizer called it.
    pub importance: Option<Importance>,
    /// Whether files are attached.
    pub has_attachments: Option<bool>,
    /// The event's id in iCalendar (RFC 5545 `UID`), the same in every mailbox; each occurrence has its own.
    pub ical_uid: Option<String>,
    /// What the service said and this version does not know, at most 32 values.
    pub unknown: Vec<UnknownValue>,
}

/// A time of an event: the clock on the wall, its time zone, and the instant where that is certain. `Debug` shows neither.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
#[cfg_attr(test, derive(serde::Serialize))]
pub struct EventTime {
    /// What the clock on the wall shows, as the service wrote it, without fractions of a second: `2026-08-24T17:00:00`.
    pub date_time: String,
    /// The time zone as the service wrote it, by Windows' name (`Pacific Standard Time`) or IANA's (`America/Los_Angeles`). May be empty.
    pub time_zone: String,
    /// The same zone by IANA's name; `None` if it is not known which it is.
    pub iana: Option<String>,
    /// The instant, Unix seconds. `None` if the zone is not known (nothing is guessed), if the time cannot be read, or for a
    /// [`date`](Self::date). Where clocks are put forward, a time that is skipped is the one as long after the change; where they are
    /// put back, a time that comes twice is the first.
    pub unix: Option<i64>,
    /// The date, `2026-08-24`, for an event that lasts whole days: the same date wherever the person is, and no instant.
    pub date: Option<String>,
}

/// Somebody or something that takes part in an event. `Debug` shows kinds and no text.
#[derive(Clone, PartialEq, Eq)]
#[cfg_attr(test, derive(serde::Serialize))]
pub struct Attendee {
    /// Who.
    pub email: EmailAddress,
    /// What for.
    pub attendee_type: Option<AttendeeType>,
    /// What was answered. Only the organizer's copy has the answers of all.
    pub response: Option<Response>,
    /// When, Unix seconds; `None` if never.
    pub responded_at: Option<i64>,
}

/// A place. `Debug` shows its kind and no text.
#[derive(Clone, Default, PartialEq)]
#[cfg_attr(test, derive(serde::Serialize))]
pub struct Location {
    /// Its name.
    pub display_name: Option<String>,
    /// What it is.
    pub location_type: Option<LocationType>,
    /// An address (URI) with more about it.
    pub uri: Option<String>,
    /// Its mail address, for a room.
    pub email_address: Option<String>,
    /// Street and number.
    pub street: Option<String>,
    /// City.
    pub city: Option<String>,
    /// State or province.
    pub state: Option<String>,
    /// Country or region.
    pub country_or_region: Option<String>,
    /// Postal code.
    pub postal_code: Option<String>,
    /// Degrees north.
    pub latitude: Option<f64>,
    /// Degrees east.
    pub longitude: Option<f64>,
}

/// How a series repeats. What its pattern does not use is `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(test, derive(serde::Serialize))]
pub struct Recurrence {
    /// What it repeats by.
    pub pattern: Option<RecurrencePatternType>,
    /// Every so many days, weeks, months or years.
    pub interval: Option<u32>,
    /// Days of the week that it falls on, or of which the first that fits counts.
    pub days_of_week: Vec<DayOfWeek>,
    /// With which day a week begins.
    pub first_day_of_week: Option<DayOfWeek>,
    /// Day of the month, 1 to 31.
    pub day_of_month: Option<u32>,
    /// Month, 1 to 12.
    pub month: Option<u32>,
    /// Which of its kind in the month.
    pub index: Option<WeekIndex>,
    /// How it ends.
    pub range: Option<RangeType>,
    /// The first date, `2026-08-24`.
    pub start_date: Option<String>,
    /// The last date, inclusive; `None` without an end.
    pub end_date: Option<String>,
    /// How many occurrences there are, where it ends after a number of them.
    pub number_of_occurrences: Option<u32>,
    /// The time zone of these dates, as the service wrote it.
    pub time_zone: Option<String>,
}

/// How to join an online meeting. `Debug` shows nothing of it.
#[derive(Clone, Default, PartialEq, Eq)]
#[cfg_attr(test, derive(serde::Serialize))]
pub struct OnlineMeeting {
    /// Its address, for the person's browser. Whoever has it may be able to join: keep it as the event itself.
    pub join_url: Option<String>,
    /// Its number, for those who dial in.
    pub conference_id: Option<String>,
    /// The whole number to dial.
    pub quick_dial: Option<String>,
    /// The number to dial, at the caller's cost.
    pub toll_number: Option<String>,
    /// Numbers to dial at no cost.
    pub toll_free_numbers: Vec<String>,
}

impl Event {
    pub(super) fn take(&mut self, newer: &Self, property: EventProperty) {
        match property {
            EventProperty::Other => {}
            EventProperty::Subject => self.subject.clone_from(&newer.subject),
            EventProperty::Start => self.start.clone_from(&newer.start),
            EventProperty::End => self.end.clone_from(&newer.end),
            EventProperty::IsAllDay => self.is_all_day = newer.is_all_day,
            EventProperty::IsCancelled => self.is_cancelled = newer.is_cancelled,
            EventProperty::IsOrganizer => self.is_organizer = newer.is_organizer,
            EventProperty::Organizer => self.organizer.clone_from(&newer.organizer),
            EventProperty::Attendees => self.attendees.clone_from(&newer.attendees),
            EventProperty::Location => self.location.clone_from(&newer.location),
            EventProperty::ShowAs => self.show_as = newer.show_as,
            EventProperty::Sensitivity => self.sensitivity = newer.sensitivity,
            EventProperty::EventType => self.event_type = newer.event_type,
            EventProperty::SeriesMasterId => self.series_master_id.clone_from(&newer.series_master_id),
            EventProperty::Recurrence => self.recurrence.clone_from(&newer.recurrence),
            EventProperty::ResponseStatus => (self.response, self.responded_at) = (newer.response, newer.responded_at),
            EventProperty::IsOnlineMeeting => self.is_online_meeting = newer.is_online_meeting,
            EventProperty::OnlineMeetingProvider => self.online_meeting_provider = newer.online_meeting_provider,
            EventProperty::OnlineMeeting => self.online_meeting.clone_from(&newer.online_meeting),
            EventProperty::WebLink => self.web_link.clone_from(&newer.web_link),
            EventProperty::OriginalStartTimeZone => self.original_start_time_zone.clone_from(&newer.original_start_time_zone),
            EventProperty::OriginalStart => self.original_start = newer.original_start,
            EventProperty::Categories => self.categories.clone_from(&newer.categories),
            EventProperty::Importance => self.importance = newer.importance,
            EventProperty::HasAttachments => self.has_attachments = newer.has_attachments,
            EventProperty::IcalUid => self.ical_uid.clone_from(&newer.ical_uid),
        }
    }

    /// The times of whole days are dates: also where a change brought only one of the two.
    pub(crate) fn settle_days(&mut self) {
        if self.is_all_day == Some(true) {
            for time in [&mut self.start, &mut self.end].into_iter().flatten() {
                time.settle_day();
            }
        }
    }
}

impl EventTime {
    /// Makes a date of midnight. At another time of the day it cannot be told which date was meant: then there is neither.
    fn settle_day(&mut self) {
        self.unix = None;
        self.date = self.date_time.strip_suffix("T00:00:00").map(str::to_owned);
    }
}
