use super::*;
use crate::{
    graph::testing::{random, snapshot},
    model::{Calendar, Event, EventChange, MailFolder, Message, MessageChange, Profile},
};
use serde::Serialize;

const MESSAGES: &str = include_str!("../testdata/messages_mail_readbasic.json");
const DELTA_3: &str = include_str!("../testdata/messages_delta_3_round2.json");
const EVENTS: &str = include_str!("../testdata/events.json");
const VIEW: &str = include_str!("../testdata/calendarview.json");
const FOLDERS: &str = include_str!("../testdata/mailfolders.json");

fn page<T: Resource>(text: &str) -> Page<T> {
    parse_page(text).unwrap()
}

fn kept<T: Resource + Serialize>(name: &str, text: &str) -> Page<T> {
    let page = page::<T>(text);
    snapshot(name, &page.items);
    page
}

#[test]
fn answers_as_the_service_writes_them_keep_their_shape() {
    let messages = kept::<Message>("messages", MESSAGES);
    assert_eq!(messages.next.as_deref(), Some("https://graph.microsoft.com/v1.0/me/messages?$skip=10"));
    assert_eq!((messages.delta, messages.count), (None, None));
    assert_eq!(messages.items[0].preview, None);
    let with_text = kept::<Message>("messages_with_preview", include_str!("../testdata/messages_mail_read.json"));
    assert_eq!(with_text.items[0].preview.as_deref(), Some("The group represents Nevada."));
    let folders = kept::<MailFolder>("folders", FOLDERS);
    assert_eq!(folders.items.iter().map(|folder| folder.is_search).collect::<Vec<_>>(), [false, false, false, true]);
    kept::<Calendar>("calendars", include_str!("../testdata/calendars.json"));
    let events = kept::<Event>("events", EVENTS);
    assert_eq!(events.items[0].start.as_ref().unwrap().unix, Some(1_787_590_800));
    let view = kept::<Event>("calendar_view", VIEW);
    let day = |event: &Event| event.start.as_ref().and_then(|time| time.date.clone());
    assert_eq!(view.items.iter().filter_map(day).collect::<Vec<_>>(), ["2026-08-25"]);
    let profile: Profile = parse_one(include_str!("../testdata/me.json")).unwrap();
    snapshot("profile", &profile);
}

#[test]
fn changes_as_the_service_writes_them_keep_their_shape() {
    let first = kept::<MessageChange>("messages_delta_1", include_str!("../testdata/messages_delta_1_next.json"));
    assert!(first.next.unwrap().contains("$skiptoken=") && first.delta.is_none());
    let last = kept::<MessageChange>("messages_delta_2", include_str!("../testdata/messages_delta_2_delta.json"));
    assert!(last.delta.unwrap().contains("$deltatoken=") && last.next.is_none());
    kept::<MessageChange>("messages_delta_3", DELTA_3);
    let empty: Page<MessageChange> = page(include_str!("../testdata/messages_delta_empty_nextlink.json"));
    assert!(empty.items.is_empty() && empty.next.is_some());
    kept::<EventChange>("events_delta", include_str!("../testdata/calendarview_delta_round2.json"));
}

/// What cannot be a page is never an empty list.
#[test]
fn g_22_what_is_no_page_is_refused() {
    let surrogate = r#"{"value":[{"id":"\ud800"}]}"#;
    let deep = format!("{{\"value\":[{{\"id\":\"a\",\"subject\":{}1{}}}]}}", "[".repeat(100_000), "]".repeat(100_000));
    let many = format!("{{\"value\":[{}{{\"id\":\"a\"}}]}}", "{\"id\":\"a\"},".repeat(10_000));
    let cases = [
        "",
        "null",
        "[]",
        "{}",
        "\u{feff}{\"value\":[]}",
        "{\"value\":null}",
        "{\"value\":{}}",
        "{\"value\":\"\"}",
        "{\"value\":[null]}",
        "{\"value\":[[]]}",
        "{\"value\":[1]}",
        "{\"value\":[{}]}",
        "{\"value\":[{\"id\":null}]}",
        "{\"value\":[{\"id\":\"\"}]}",
        "{\"value\":[{\"id\":7}]}",
        "{\"value\":[{\"id\":\"a\"},{\"subject\":\"b\"}]}",
        "{\"value\":[{\"id\":\"a\",\"id\":\"b\"}]}",
        "{\"value\":[{\"id\":\"a\",\"subject\":\"b\",\"subject\":\"c\"}]}",
        "{\"value\":[],\"value\":[]}",
        "{\"value\":[{\"id\":\"a\",\"isRead\":\"yes\"}]}",
        "{\"value\":[{\"id\":\"a\",\"toRecipients\":{}}]}",
        "{\"value\":[{\"id\":\"a\",\"receivedDateTime\":0}]}",
        "{\"value\":[],\"@odata.count\":1e999}",
        "{\"value\":[],\"@odata.count\":99999999999999999999}",
        "{\"value\":[],\"@odata.nextLink\":1}",
        "{\"value\":[]}x",
        "{\"value\":[]}{\"value\":[]}",
        "{\"value\":[{\"id\":\"a\"}",
        "{\"error\":{\"code\":\"ErrorInternalServerError\",\"message\":\"needle\"}}",
        "<html>needle</html>",
        // As Graph breaks off when it fails in the middle of an answer.
        "{\"value\":[{\"id\":\"a\"},{\"error\":{\"code\":\"ErrorInvalidIdMalformed\"}}",
        "{\"value\":[{\"id\":\"a\"},{\"error\":{\"code\":\"ErrorInvalidIdMalformed\"}}]}",
        "{\"value\":[{\"id\":\"a\"}{\"error\":{}}",
        surrogate,
        deep.as_str(),
        many.as_str(),
    ];
    for text in cases {
        let error = parse_page::<Message>(text).err().unwrap_or_else(|| panic!("read: {text:.60}"));
        assert_eq!((error.cause(), error.what()), (Detail::UnexpectedResponse, Some("message")), "{text:.60}");
        assert!(!format!("{error} {error:?}").contains("needle"));
    }
    assert_eq!(parse_one::<Profile>("{\"displayName\":\"needle\"}").unwrap_err().cause(), Detail::UnexpectedResponse);
}

/// The twin: what is odd and legal is read.
#[test]
fn g_22_what_is_left_out_null_or_unknown_is_read() {
    let deep = format!("{{\"value\":[{{\"id\":\"a\",\"later\":{}1e999{}}}]}}", "[".repeat(100_000), "]".repeat(100_000));
    let odd = r##"{"value":[{"id":"a","subject":null,"from":{},"toRecipients":[null,{},{"emailAddress":null},{"emailAddress":{"name":"","address":"x"}}],
        "ccRecipients":null,"importance":"urgent","inferenceClassification":"other","flag":{},"later":{"\ud800":1},"later":2,
        "receivedDateTime":"yesterday","sentDateTime":"0001-01-01T00:00:00Z","categories":["a",null,""],
        "@odata.type":"#microsoft.graph.eventMessageNew"}],"@odata.count":7,"new":[]}"##;
    assert_eq!(page::<Message>(&deep).items.len(), 1);
    let odd = page::<Message>(odd);
    snapshot("odd_message", &odd.items);
    assert_eq!(odd.count, Some(7));
    let item = &odd.items[0];
    assert_eq!((item.received_at, item.sent_at, item.categories.len(), item.to.len()), (None, None, 1, 1));
    assert!(page::<Message>("{\"@odata.nextLink\":null,\"value\":[]}").next.is_none());
}

/// A text that was cut in the middle of an emoji hides nothing, and does not pass for whole.
#[test]
fn g_22_half_a_character_is_replaced_and_said() {
    let half = r#"{"value":[{"id":"a","subject":"x\ud83d"},{"id":"b","subject":"\ud83d\ude00"},{"id":"c","later":"\udc00"}],"@odata.nextLink":"n"}"#;
    let page = page::<Message>(half);
    let subjects: Vec<_> = page.items.iter().map(|item| item.subject.as_deref()).collect();
    assert_eq!((subjects, page.next.as_deref()), (vec![Some("x\u{fffd}"), Some("\u{1f600}"), None], Some("n")));
    let said: Vec<usize> = page.items.iter().map(|item| item.unknown.len()).collect();
    assert_eq!((said, page.items[0].unknown[0].value.as_str()), (vec![1, 0, 0], "half a character"));
    let event: Event = parse_one(r#"{"id":"a","subject":"\ud83d"}"#).unwrap();
    assert_eq!((event.subject.as_deref(), event.unknown.len()), (Some("\u{fffd}"), 1));
    let change = parse_one::<MessageChange>(r#"{"id":"a","subject":"\ud83d"}"#).unwrap();
    assert_eq!((change.given.len(), change.message.unwrap().unknown.len()), (1, 1));
    for id in [r#"{"id":"a\ud83d"}"#, r#"{"id":"","subject":"\ud83d"}"#, r#"{"subject":"\ud83d"}"#] {
        assert_eq!(parse_one::<Event>(id).unwrap_err().cause(), Detail::UnexpectedResponse, "{id}");
    }
}

#[test]
fn g_22_an_odd_event_is_read_with_what_is_not_known_beside_it() {
    let odd = r#"{"id":"a","isAllDay":true,"start":{"dateTime":"2026-08-25T07:00:00","timeZone":"UTC"},"end":{"dateTime":"0001-01-01T00:00:00"},
        "attendees":[null,{},{"type":"guest","status":{"response":"maybe","time":"soon"},"emailAddress":{"address":"x"}}],
        "location":{"displayName":"","locationType":"default","coordinates":{"latitude":"NaN","longitude":181}},
        "recurrence":{"pattern":{"type":"hourly","interval":-1,"daysOfWeek":["monday","someday",null]},"range":{"endDate":"later"}},
        "originalStart":"10000-01-01T00:00:00Z","showAs":"asleep","onlineMeeting":{}}"#;
    let event: Event = parse_one(odd).unwrap();
    snapshot("odd_event", &event);
    assert_eq!((event.start.unwrap().unix, event.end, event.location), (None, None, None));
    let properties: Vec<&str> = event.unknown.iter().map(|value| value.property.as_str()).collect();
    for property in
        ["start", "attendees.type", "recurrence.pattern.interval", "recurrence.range.endDate", "originalStart", "showAs"]
    {
        assert!(properties.contains(&property), "{property}: {properties:?}");
    }
}

#[test]
fn what_is_not_known_is_bounded() {
    let attendee = format!("{{\"type\":\"{}\",\"emailAddress\":{{\"address\":\"x\"}}}},", "ä".repeat(1000));
    let event: Event = parse_one(&format!("{{\"id\":\"a\",\"attendees\":[{}null]}}", attendee.repeat(100))).unwrap();
    assert_eq!((event.attendees.len(), event.unknown.len()), (100, 32));
    assert!(event.unknown.iter().all(|value| value.value.len() == 200));
}

/// Bytes of good answers are changed, left out, doubled and cut at random: a page is read or refused, and never more than there was.
#[test]
fn g_22_damaged_answers_are_read_or_refused() {
    let mut random = random(22);
    let (mut read, mut refused) = (0, 0);
    for _ in 0..4_000 {
        let samples = [MESSAGES, EVENTS, FOLDERS, DELTA_3, VIEW];
        let mut bytes = samples[random(samples.len())].as_bytes().to_vec();
        for _ in 0..=random(3) {
            damage(&mut bytes, &mut random);
        }
        let Ok(text) = String::from_utf8(bytes) else { continue };
        let items = [
            parse_page::<Message>(&text).map(|page| page.items.len()),
            parse_page::<Event>(&text).map(|page| page.items.len()),
            parse_page::<MailFolder>(&text).map(|page| page.items.len()),
            parse_page::<MessageChange>(&text).map(|page| page.items.len()),
            parse_page::<EventChange>(&text).map(|page| page.items.len()),
        ];
        for items in items {
            match items {
                Ok(items) => {
                    assert!(items <= 20);
                    read += 1;
                }
                Err(error) => {
                    assert_eq!(error.cause(), Detail::UnexpectedResponse);
                    refused += 1;
                }
            }
        }
    }
    assert!(read > 1_000 && refused > 1_000, "{read} read, {refused} refused");
}

fn damage(bytes: &mut Vec<u8>, random: &mut impl FnMut(usize) -> usize) {
    let at = random(bytes.len().max(1));
    let end = bytes.len().min(at + 1 + random(40));
    match random(5) {
        0 => bytes.truncate(at),
        1 => drop(bytes.drain(at.min(end)..end)),
        2 => {
            let again = bytes[at.min(end)..end].to_vec();
            bytes.splice(at.min(end)..at.min(end), again);
        }
        3 => {
            let marks = b"\"{}[],:0-\\eZnt";
            if let Some(byte) = bytes.get_mut(at) {
                *byte = marks[random(marks.len())];
            }
        }
        _ => {
            if let Some(byte) = bytes.get_mut(at) {
                *byte = u8::try_from(random(128)).unwrap();
            }
        }
    }
}
