//! How an event looks in Graph's answers.

use serde_json::{Value, json};

use crate::state::calendar::{CALENDARS, Calendar, DAY, End, Entry, Happening, Pattern, date};
use crate::state::clock::graph_timestamp;

const NEVER: &str = "0001-01-01T00:00:00Z";
const WEEKDAYS: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];

pub(crate) const PROPERTIES: [&str; 44] = [
    "id",
    "categories",
    "changeKey",
    "createdDateTime",
    "lastModifiedDateTime",
    "allowNewTimeProposals",
    "attendees",
    "body",
    "bodyPreview",
    "cancelledOccurrences",
    "end",
    "hasAttachments",
    "hideAttendees",
    "iCalUId",
    "importance",
    "isAllDay",
    "isCancelled",
    "isDraft",
    "isOnlineMeeting",
    "isOrganizer",
    "isReminderOn",
    "location",
    "locations",
    "onlineMeeting",
    "onlineMeetingProvider",
    "onlineMeetingUrl",
    "organizer",
    "originalEndTimeZone",
    "originalStart",
    "originalStartTimeZone",
    "recurrence",
    "reminderMinutesBeforeStart",
    "responseRequested",
    "responseStatus",
    "sensitivity",
    "seriesMasterId",
    "showAs",
    "start",
    "subject",
    "transactionId",
    "type",
    "webLink",
    "calendar",
    "instances",
];
pub(crate) const CALENDAR_PROPERTIES: [&str; 14] = [
    "id",
    "name",
    "color",
    "hexColor",
    "isDefaultCalendar",
    "changeKey",
    "canShare",
    "canViewPrivateItems",
    "canEdit",
    "allowedOnlineMeetingProviders",
    "defaultOnlineMeetingProvider",
    "isTallyingResponses",
    "isRemovable",
    "owner",
];

pub(crate) fn calendar(calendar: &Calendar, owner: &str) -> Value {
    json!({
        "id": calendar.id,
        "name": calendar.name,
        "color": calendar.color,
        "hexColor": "",
        "isDefaultCalendar": calendar.is_default,
        "changeKey": "nfZyf7VcrEKLNoU37KWlkQAAA0x0+w==",
        "canShare": calendar.can_edit,
        "canViewPrivateItems": true,
        "canEdit": calendar.can_edit,
        "allowedOnlineMeetingProviders": ["teamsForBusiness"],
        "defaultOnlineMeetingProvider": "teamsForBusiness",
        "isTallyingResponses": calendar.is_default,
        "isRemovable": !calendar.is_default,
        "owner": { "name": owner, "address": owner },
    })
}

/// An event or a series, by itself.
pub(crate) fn master(entry: &Entry, owner: &str) -> Value {
    let kind = if entry.repeats.is_some() { "seriesMaster" } else { "singleInstance" };
    event(entry, &entry.id(), entry.start, kind, owner)
}

/// A single event, or an occurrence of a series.
pub(crate) fn happening(happening: &Happening<'_>, owner: &str) -> Value {
    let Some(day) = happening.day else { return master(happening.entry, owner) };
    let kind = if happening.is_exception() { "exception" } else { "occurrence" };
    let mut value = event(happening.entry, &happening.id(), happening.start, kind, owner);
    if let Value::Object(members) = &mut value {
        let original = day * DAY + happening.entry.start.rem_euclid(DAY);
        members.insert("seriesMasterId".to_owned(), json!(happening.entry.id()));
        members.insert("recurrence".to_owned(), Value::Null);
        members.insert("originalStart".to_owned(), json!(format!("{}Z", graph_timestamp(original))));
    }
    value
}

fn event(entry: &Entry, id: &str, start: i64, kind: &str, owner: &str) -> Value {
    let person = |name: &str, address: &str| json!({ "name": name, "address": address });
    let place = json!({
        "displayName": "Assembly Hall",
        "locationType": "default",
        "uniqueId": "Assembly Hall",
        "uniqueIdType": "private",
    });
    let key = format!("ZlnW4RIAV06KYYwlrfNZvQAAK{:06x}{:04x}", entry.number, entry.version);
    let online = entry.number % 2 == 1 && !entry.all_day;
    let zone = if entry.all_day { "UTC" } else { "Pacific Standard Time" };
    json!({
        "@odata.etag": format!("W/\"{key}\""),
        "id": id,
        "createdDateTime": "2026-08-01T10:00:00.1234567Z",
        "lastModifiedDateTime": "2026-08-02T10:00:00.1234567Z",
        "changeKey": key,
        "categories": [],
        "transactionId": null,
        "originalStartTimeZone": zone,
        "originalEndTimeZone": zone,
        "iCalUId": format!("040000008200E00074C5B7101A82E008{:08X}{:08X}", entry.number, start / DAY),
        "reminderMinutesBeforeStart": 15,
        "isReminderOn": true,
        "hasAttachments": false,
        "subject": entry.subject,
        "bodyPreview": "Agenda",
        "importance": "normal",
        "sensitivity": if entry.number % 7 == 6 { "private" } else { "normal" },
        "isAllDay": entry.all_day,
        "isCancelled": entry.cancelled,
        "isOrganizer": true,
        "responseRequested": true,
        "seriesMasterId": null,
        "showAs": if entry.all_day { "free" } else { "busy" },
        "type": kind,
        "webLink": format!("https://outlook.office365.com/owa/?itemid={:06x}&exvsurl=1&path=/calendar/item", entry.number),
        "onlineMeetingUrl": null,
        "isOnlineMeeting": online,
        "onlineMeetingProvider": if online { "teamsForBusiness" } else { "unknown" },
        "allowNewTimeProposals": true,
        "isDraft": false,
        "hideAttendees": false,
        "responseStatus": { "response": "organizer", "time": NEVER },
        "body": { "contentType": "html", "content": "<html><body>Agenda</body></html>" },
        "start": time(start),
        "end": time(start + entry.length),
        "location": place,
        "locations": [place],
        "recurrence": entry.repeats.map(|(pattern, end)| recurrence(entry, pattern, end)),
        "attendees": [{
            "type": "required",
            "status": { "response": "none", "time": NEVER },
            "emailAddress": person("Alex Wilber", "alex@partner.example"),
        }],
        "organizer": { "emailAddress": person(owner, owner) },
        "onlineMeeting": online.then(|| json!({ "joinUrl": "https://teams.microsoft.com/l/meetup-join/19%3ameeting_example" })),
    })
}

/// With seven digits of a second and without an offset; the zone stands beside it.
fn time(seconds: i64) -> Value {
    json!({ "dateTime": format!("{}.0000000", graph_timestamp(seconds)), "timeZone": "UTC" })
}

fn recurrence(entry: &Entry, pattern: Pattern, end: End) -> Value {
    let first = entry.start.div_euclid(DAY);
    let (_, month, of_month, _) = date(first);
    let name = |day: i64| usize::try_from(day).ok().and_then(|day| WEEKDAYS.get(day)).copied().unwrap_or_default();
    let (kind, interval, days): (&str, i64, Vec<&str>) = match pattern {
        Pattern::Daily(interval) => ("daily", interval, Vec::new()),
        Pattern::Weekly(days) => ("weekly", 1, days.iter().map(|day| name(*day)).collect()),
        Pattern::Monthly(_) => ("absoluteMonthly", 1, Vec::new()),
        Pattern::LastOfMonth(day) => ("relativeMonthly", 1, vec![name(day)]),
        Pattern::Yearly => ("absoluteYearly", 1, Vec::new()),
    };
    let day_of_month = match pattern {
        Pattern::Monthly(day) => day,
        Pattern::Yearly => of_month,
        _ => 0,
    };
    let written = |day: i64| graph_timestamp(day * DAY).chars().take(10).collect::<String>();
    let (range, last, count) = match end {
        End::Never => ("noEnd", "0001-01-01".to_owned(), 0),
        End::Count(count) => ("numbered", "0001-01-01".to_owned(), count),
        End::Day(day) => ("endDate", written(day), 0),
    };
    json!({
        "pattern": {
            "type": kind,
            "interval": interval,
            "month": if pattern == Pattern::Yearly { month } else { 0 },
            "dayOfMonth": day_of_month,
            "daysOfWeek": days,
            "firstDayOfWeek": "sunday",
            "index": if matches!(pattern, Pattern::LastOfMonth(_)) { "last" } else { "first" },
        },
        "range": {
            "type": range,
            "startDate": written(first),
            "endDate": last,
            "recurrenceTimeZone": "UTC",
            "numberOfOccurrences": count,
        },
    })
}

/// The calendar of an id; the default one without.
pub(crate) fn calendar_of(id: Option<&str>) -> Option<&'static Calendar> {
    CALENDARS.iter().find(|calendar| id.map_or(calendar.is_default, |id| calendar.id == id))
}
