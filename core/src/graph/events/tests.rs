use super::*;
use crate::{
    error::Detail,
    graph::{
        calendars,
        page::{parse_one, parse_page},
        profile,
        testing::table,
    },
    model::{
        AttendeeType, CalendarColor, DayOfWeek, FlagStatus, InferenceClassification, LocationType, RangeType,
        RecurrencePatternType, Response, WeekIndex, Word,
    },
};
use std::collections::BTreeSet;

fn parameter<'a>(listing: &'a Listing, name: &str) -> Option<&'a str> {
    listing.parameters.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str())
}

fn selected_names(listing: &Listing) -> BTreeSet<&str> {
    parameter(listing, "$select").unwrap().split(',').collect()
}

#[test]
fn events_are_asked_for_what_every_cloud_has() {
    let listing = view(&CalendarView::new(0, 86_400)).unwrap();
    let columns = ["kind", "selectable_on_calendarView", "missing_in_cloud"];
    let known = table(include_str!("../testdata/event_properties.csv"), &columns);
    for name in selected_names(&listing) {
        let (_, cells) = known.iter().find(|(known, _)| *known == name).unwrap_or_else(|| panic!("{name}"));
        assert_eq!(cells, &["property", "yes", ""], "{name}");
    }
    let recommended = "id,subject,start,end,isAllDay,isCancelled,organizer,attendees,location,showAs,sensitivity,type,seriesMasterId,recurrence,responseStatus,isOnlineMeeting,onlineMeeting,webLink,originalStartTimeZone,categories,importance,hasAttachments,iCalUId";
    let recommended: BTreeSet<&str> = recommended.split(',').collect();
    let more: Vec<&str> = selected_names(&listing).difference(&recommended).copied().collect();
    assert_eq!(more, ["isOrganizer", "onlineMeetingProvider", "originalStart"]);
    assert!(recommended.is_subset(&selected_names(&listing)));
    let calendars = calendars::list();
    let known = table(include_str!("../testdata/calendar_properties.csv"), &["kind"]);
    assert!(selected_names(&calendars).iter().all(|name| known.contains(&(*name, vec!["property"]))));
    let me = profile::me();
    let known = table(include_str!("../testdata/user_properties.csv"), &[]);
    assert!(selected_names(&me).iter().all(|name| known.contains(&(*name, Vec::new()))));
}

#[test]
fn every_property_is_read_under_its_name() {
    for property in EventProperty::ALL.iter().filter(|property| **property != EventProperty::Other) {
        let text = format!("{{\"id\":\"a\",\"{}\":null}}", property.name());
        assert_eq!(parse_one::<EventChange>(&text).unwrap().given, [*property]);
    }
}

#[test]
fn queries_become_paths_and_parameters() {
    let query = EventQuery {
        calendar: Some("AAMkAGI2TGuLAAA=".to_owned()),
        starts_from: Some(0),
        starts_before: Some(60),
        subject_contains: Some("it's".to_owned()),
        order: EventOrder::Latest,
        page_size: 9,
        with_total: true,
    };
    let listing = list(&query).unwrap();
    assert_eq!(listing.path, ["me", "calendars", "AAMkAGI2TGuLAAA=", "events"]);
    let filter =
        "start/dateTime ge '1970-01-01T00:00:00' and start/dateTime lt '1970-01-01T00:01:00' and contains(subject,'it''s')";
    assert_eq!(parameter(&listing, "$filter"), Some(filter));
    assert_eq!((parameter(&listing, "$orderby"), parameter(&listing, "$top")), (Some("start/dateTime desc"), Some("9")));
    let plain = list(&EventQuery::default()).unwrap();
    assert_eq!(
        (plain.path.join("/").as_str(), parameter(&plain, "$filter"), parameter(&plain, "$count")),
        ("me/events", None, None)
    );
    let week = view(&CalendarView::new(0, 7 * 86_400)).unwrap();
    assert_eq!(week.path, ["me", "calendarView"]);
    assert_eq!(parameter(&week, "startDateTime"), Some("1970-01-01T00:00:00Z"));
    assert_eq!(parameter(&week, "endDateTime"), Some("1970-01-08T00:00:00Z"));
    assert_eq!(one("a").unwrap().path, ["me", "events", "a"]);
    assert_eq!(calendars::one(None).unwrap().path, ["me", "calendar"]);
}

/// A sync over a span takes the span and nothing else.
#[test]
fn a_sync_of_events_selects_nothing() {
    let listing = delta(&CalendarView { calendar: Some("a".to_owned()), ..CalendarView::new(0, 60) }).unwrap();
    assert_eq!(listing.path, ["me", "calendars", "a", "calendarView", "delta"]);
    let names: Vec<&str> = listing.parameters.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, ["startDateTime", "endDateTime"]);
}

#[test]
fn g_09_g_10_what_is_not_possible_is_refused() {
    for (from, until) in [(0, 0), (1, 0), (0, LONGEST_VIEW + 1), (i64::MIN, i64::MAX), (i64::MAX - 60, i64::MAX)] {
        assert_eq!(view(&CalendarView::new(from, until)).unwrap_err().cause(), Detail::QueryNotPossible, "{from} {until}");
        assert_eq!(delta(&CalendarView::new(from, until)).unwrap_err().cause(), Detail::QueryNotPossible, "{from} {until}");
    }
    for bad in ["../sendMail", "", "delta", "a/b"] {
        let calendar = Some(bad.to_owned());
        for listing in [
            list(&EventQuery { calendar: calendar.clone(), ..EventQuery::default() }),
            view(&CalendarView { calendar: calendar.clone(), ..CalendarView::new(0, 1) }),
            delta(&CalendarView { calendar, ..CalendarView::new(0, 1) }),
            one(bad),
            calendars::one(Some(bad)),
        ] {
            assert_eq!(listing.unwrap_err().cause(), Detail::InvalidId, "{bad}");
        }
    }
    assert!(list(&EventQuery { page_size: 1001, ..EventQuery::default() }).is_err());
    assert!(list(&EventQuery { subject_contains: Some("a\0".to_owned()), ..EventQuery::default() }).is_err());
}

fn words<W: Word + PartialEq + std::fmt::Debug>(all: &[W], name: impl Fn(W) -> &'static str) -> BTreeSet<&'static str> {
    assert_eq!((all[0], name(all[0]), W::read(""), W::read("later")), (W::OTHER, "", None, None));
    all.iter().skip(1).for_each(|word| assert_eq!(W::read(name(*word)), Some(*word)));
    all.iter().skip(1).map(|word| name(*word)).collect()
}

/// Every word that the service documents has its member, and no member is made up.
#[test]
fn the_words_of_the_service_are_known() {
    macro_rules! known {
        ($($service:literal $name:ident,)+) => { [$(($service, words($name::ALL, $name::name)),)+] };
    }
    let known = known![
        "attendeeType" AttendeeType,
        "calendarColor" CalendarColor,
        "dayOfWeek" DayOfWeek,
        "eventType" EventType,
        "followupFlagStatus" FlagStatus,
        "freeBusyStatus" ShowAs,
        "importance" Importance,
        "inferenceClassificationType" InferenceClassification,
        "locationType" LocationType,
        "onlineMeetingProviderType" OnlineMeetingProvider,
        "recurrencePatternType" RecurrencePatternType,
        "recurrenceRangeType" RangeType,
        "responseType" Response,
        "sensitivity" Sensitivity,
        "weekIndex" WeekIndex,
    ];
    let table = table(include_str!("../testdata/enums.csv"), &["member"]);
    for (service, words) in known {
        let documented: BTreeSet<&str> = table.iter().filter(|(name, _)| *name == service).map(|(_, cells)| cells[0]).collect();
        assert_eq!(words, documented, "{service}");
    }
}

#[test]
fn a_change_of_an_event_is_taken_over() {
    let text = include_str!("../testdata/events.json")
        .replace("\"isAllDay\": false", "\"isAllDay\": false, \"originalStart\": \"2026-08-24T17:00:00Z\"");
    let full = parse_page::<EventChange>(&text).unwrap().items.remove(0);
    let mut event = parse_one::<Event>(r#"{"id":"AAMkAGI1AAAoZDOFAAA="}"#).unwrap();
    event.apply(&full);
    assert_eq!(Some(&event), full.event.as_ref());
    assert_eq!(full.given.len(), EventProperty::ALL.len() - 1);
    // An occurrence of a series of whole days brings times alone.
    event.is_all_day = Some(true);
    let times = r#"{"id":"a","start":{"dateTime":"2026-08-25T00:00:00","timeZone":"UTC"},"end":{"dateTime":"2026-08-26T00:00:00","timeZone":"UTC"}}"#;
    event.apply(&parse_one::<EventChange>(times).unwrap());
    let (start, end) = (event.start.as_ref().unwrap(), event.end.as_ref().unwrap());
    assert_eq!((start.unix, start.date.as_deref(), end.date.as_deref()), (None, Some("2026-08-25"), Some("2026-08-26")));
    let gone = parse_one::<EventChange>(r#"{"id":"a","@removed":{"reason":"expired"}}"#).unwrap();
    let kept = event.clone();
    event.apply(&gone);
    assert_eq!((event, gone.removed), (kept, Some(crate::model::RemovedReason::Other)));
}
