//! Parts of an event: who takes part, where it is, how it repeats, how to join.

use crate::{
    graph::wire::{EmailWire, Entry, List, Notes, Spoken, When, filled},
    model::{
        Attendee, AttendeeType, DayOfWeek, Location, LocationType, OnlineMeeting, RangeType, Recurrence, RecurrencePatternType,
        Response, WeekIndex,
    },
};
use serde::{
    Deserialize, Deserializer,
    de::{Error, Visitor},
};
use std::fmt;

#[derive(Deserialize)]
pub(crate) struct ResponseWire {
    response: Option<Spoken<Response>>,
    time: Option<When>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AttendeeWire {
    email_address: Option<EmailWire>,
    #[serde(rename = "type")]
    attendee_type: Option<Spoken<AttendeeType>>,
    status: Option<ResponseWire>,
}

/// What is not known of somebody who takes part goes with them.
impl Entry for (Attendee, Notes) {
    type Wire = AttendeeWire;

    fn from_wire(wire: AttendeeWire) -> Option<Self> {
        let mut notes = Notes::default();
        let email = wire.email_address.and_then(EmailWire::address)?;
        let attendee_type = notes.word("attendees.type", wire.attendee_type);
        let (response, responded_at) = notes.response("attendees.status", wire.status);
        Some((Attendee { email, attendee_type, response, responded_at }, notes))
    }
}

impl Notes {
    pub(super) fn attendees(&mut self, list: Option<List<(Attendee, Notes)>>) -> Vec<Attendee> {
        let list = list.map_or_else(Vec::new, |list| list.0);
        let each = |(attendee, notes)| {
            self.take(notes);
            attendee
        };
        list.into_iter().map(each).collect()
    }

    pub(super) fn response(&mut self, property: &str, wire: Option<ResponseWire>) -> (Option<Response>, Option<i64>) {
        let Some(wire) = wire else { return (None, None) };
        let response = self.word(&format!("{property}.response"), wire.response);
        (response, self.moment(&format!("{property}.time"), wire.time))
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LocationWire {
    display_name: Option<String>,
    location_type: Option<Spoken<LocationType>>,
    location_uri: Option<String>,
    location_email_address: Option<String>,
    address: Option<AddressWire>,
    coordinates: Option<CoordinatesWire>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct AddressWire {
    street: Option<String>,
    city: Option<String>,
    state: Option<String>,
    country_or_region: Option<String>,
    postal_code: Option<String>,
}

#[derive(Deserialize)]
struct CoordinatesWire {
    latitude: Option<Degrees>,
    longitude: Option<Degrees>,
}

/// A number, or `"NaN"`, `"INF"` and `"-INF"` for what JSON has no number: those are no degrees.
struct Degrees(Option<f64>);

impl<'de> Deserialize<'de> for Degrees {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(DegreesReader)
    }
}

struct DegreesReader;

impl Visitor<'_> for DegreesReader {
    type Value = Degrees;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("degrees")
    }

    fn visit_f64<E: Error>(self, degrees: f64) -> Result<Degrees, E> {
        Ok(Degrees(Some(degrees).filter(|degrees| degrees.abs() <= 180.0)))
    }

    fn visit_i64<E: Error>(self, degrees: i64) -> Result<Degrees, E> {
        Ok(Degrees(i32::try_from(degrees).ok().map(f64::from).filter(|degrees| degrees.abs() <= 180.0)))
    }

    fn visit_u64<E: Error>(self, degrees: u64) -> Result<Degrees, E> {
        self.visit_i64(i64::try_from(degrees).unwrap_or(i64::MAX))
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<Degrees, E> {
        Ok(Degrees(None))
    }
}

impl LocationWire {
    /// `None` where nothing is filled in.
    pub(super) fn location(self, notes: &mut Notes) -> Option<Location> {
        let address = self.address.unwrap_or_default();
        let (latitude, longitude) = self.coordinates.map_or((None, None), |at| (at.latitude, at.longitude));
        let location = Location {
            display_name: self.display_name.and_then(filled),
            location_type: notes.word("location.locationType", self.location_type),
            uri: self.location_uri.and_then(filled),
            email_address: self.location_email_address.and_then(filled),
            street: address.street.and_then(filled),
            city: address.city.and_then(filled),
            state: address.state.and_then(filled),
            country_or_region: address.country_or_region.and_then(filled),
            postal_code: address.postal_code.and_then(filled),
            latitude: latitude.and_then(|degrees| degrees.0),
            longitude: longitude.and_then(|degrees| degrees.0),
        };
        let nothing = Location { location_type: location.location_type, ..Location::default() };
        let told = location != nothing || !matches!(location.location_type, None | Some(LocationType::Default));
        told.then_some(location)
    }
}

#[derive(Deserialize)]
pub(crate) struct RecurrenceWire {
    pattern: Option<PatternWire>,
    range: Option<RangeWire>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct PatternWire {
    #[serde(rename = "type")]
    pattern: Option<Spoken<RecurrencePatternType>>,
    interval: Option<i64>,
    days_of_week: Option<List<Day>>,
    first_day_of_week: Option<Spoken<DayOfWeek>>,
    day_of_month: Option<i64>,
    month: Option<i64>,
    index: Option<Spoken<WeekIndex>>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RangeWire {
    #[serde(rename = "type")]
    range: Option<Spoken<RangeType>>,
    start_date: Option<String>,
    end_date: Option<String>,
    number_of_occurrences: Option<i64>,
    recurrence_time_zone: Option<String>,
}

struct Day(Spoken<DayOfWeek>);

impl Entry for Day {
    type Wire = Spoken<DayOfWeek>;

    fn from_wire(wire: Spoken<DayOfWeek>) -> Option<Self> {
        Some(Self(wire))
    }
}

impl RecurrenceWire {
    /// What a pattern does not use is 0, `first` or the first date of all on the wire (FACTS 8.9).
    pub(super) fn recurrence(self, notes: &mut Notes) -> Recurrence {
        let (pattern, range) = (self.pattern.unwrap_or_default(), self.range.unwrap_or_default());
        let kind = notes.word("recurrence.pattern.type", pattern.pattern);
        let relative = matches!(kind, Some(RecurrencePatternType::RelativeMonthly | RecurrencePatternType::RelativeYearly));
        let index = notes.word("recurrence.pattern.index", pattern.index);
        let mut used = |property: &str, number| notes.count(&format!("recurrence.{property}"), number).filter(|number| *number > 0);
        let interval = used("pattern.interval", pattern.interval);
        let day_of_month = used("pattern.dayOfMonth", pattern.day_of_month);
        let month = used("pattern.month", pattern.month);
        let number_of_occurrences = used("range.numberOfOccurrences", range.number_of_occurrences);
        let days = pattern.days_of_week.map_or_else(Vec::new, |days| days.0);
        Recurrence {
            pattern: kind,
            interval,
            days_of_week: days.into_iter().filter_map(|day| notes.word("recurrence.pattern.daysOfWeek", Some(day.0))).collect(),
            first_day_of_week: notes.word("recurrence.pattern.firstDayOfWeek", pattern.first_day_of_week),
            day_of_month,
            month,
            index: index.filter(|index| relative || *index != WeekIndex::First),
            range: notes.word("recurrence.range.type", range.range),
            start_date: notes.date("recurrence.range.startDate", range.start_date),
            end_date: notes.date("recurrence.range.endDate", range.end_date),
            number_of_occurrences,
            time_zone: range.recurrence_time_zone.and_then(filled),
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OnlineMeetingWire {
    join_url: Option<String>,
    conference_id: Option<String>,
    quick_dial: Option<String>,
    toll_number: Option<String>,
    toll_free_numbers: Option<List<String>>,
}

impl From<OnlineMeetingWire> for OnlineMeeting {
    fn from(wire: OnlineMeetingWire) -> Self {
        Self {
            join_url: wire.join_url.and_then(filled),
            conference_id: wire.conference_id.and_then(filled),
            quick_dial: wire.quick_dial.and_then(filled),
            toll_number: wire.toll_number.and_then(filled),
            toll_free_numbers: wire.toll_free_numbers.map_or_else(Vec::new, |list| list.0),
        }
    }
}
