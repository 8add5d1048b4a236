//! Graph's calendars: events, what happens in a span of time, and what changed there, as Graph answers.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::client::{Answer, Rig};

const USER: &str = "megan@northwind.example";

struct Calendar {
    rig: Rig,
    token: String,
}

impl Calendar {
    fn new() -> Calendar {
        let rig = Rig::new();
        let token = rig.connect(USER, &[])["access_token"].as_str().unwrap().to_owned();
        Calendar { rig, token }
    }

    fn ask(&self, path: &str) -> Answer {
        self.rig.get(&format!("/graph/v1.0/{path}"), &[("authorization", &format!("Bearer {}", self.token))])
    }

    fn get(&self, path: &str) -> Value {
        let answer = self.ask(path);
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        answer.json()
    }

    /// The span of the sandbox's next days, as options.
    fn days(&self, from: i64, until: i64) -> String {
        let day = self.rig.control.now().div_euclid(86_400);
        let text = |days: i64| {
            let (year, month, of_month) = civil(day + days);
            format!("{year:04}-{month:02}-{of_month:02}T00:00:00Z")
        };
        format!("startDateTime={}&endDateTime={}", text(from), text(until))
    }

    fn follow(&self, link: &Value) -> Value {
        let path = link.as_str().unwrap().split("/graph/v1.0/").nth(1).unwrap().to_owned();
        self.get(&path)
    }
}

/// Days since 1970 as a date.
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day_of_year - (153 * shifted + 2) / 5 + 1)
}

fn names(item: &Value) -> BTreeSet<String> {
    item.as_object().unwrap().keys().cloned().collect()
}

fn of_type<'a>(page: &'a Value, kind: &str) -> Vec<&'a Value> {
    page["value"].as_array().unwrap().iter().filter(|event| event["type"] == kind).collect()
}

#[test]
fn calendars_and_events_are_like_the_samples() {
    let calendar = Calendar::new();
    let sample: Value = serde_json::from_str(include_str!("../../data/calendars.json")).unwrap();
    let calendars = calendar.get("me/calendars");
    assert_eq!(names(&calendars["value"][0]), names(&sample["value"][0]));
    let sample: Value = serde_json::from_str(include_str!("../../data/events.json")).unwrap();
    let events = calendar.get("me/events?$top=50");
    for event in events["value"].as_array().unwrap() {
        assert_eq!(names(event), names(&sample["value"][0]));
    }
    let sample: Value = serde_json::from_str(include_str!("../../data/calendarview.json")).unwrap();
    let view = calendar.get(&format!("me/calendarView?{}&$top=100", calendar.days(-1, 21)));
    let like = of_type(&sample, "occurrence")[0];
    for occurrence in of_type(&view, "occurrence") {
        assert_eq!(names(occurrence), names(like));
        assert_eq!(occurrence["recurrence"], Value::Null);
        assert!(occurrence["start"]["dateTime"].as_str().unwrap().ends_with(".0000000"));
    }
    assert!(of_type(&view, "occurrence").len() > 8 && of_type(&view, "exception").len() == 1);
    assert!(of_type(&view, "seriesMaster").is_empty() && !of_type(&view, "singleInstance").is_empty());
    assert!(of_type(&events, "occurrence").is_empty() && of_type(&events, "seriesMaster").len() >= 4);
}

#[test]
fn an_occurrence_can_be_asked_for_by_itself() {
    let calendar = Calendar::new();
    let view = calendar.get(&format!("me/calendarView?{}&$top=100", calendar.days(0, 14)));
    let occurrence = of_type(&view, "occurrence")[0];
    let alone = calendar.get(&format!("me/events/{}", occurrence["id"].as_str().unwrap().replace('=', "%3D")));
    assert_eq!((&alone["id"], &alone["start"]), (&occurrence["id"], &occurrence["start"]));
    let master = occurrence["seriesMasterId"].as_str().unwrap().replace('=', "%3D");
    let instances = calendar.get(&format!("me/events/{master}/instances?{}", calendar.days(0, 14)));
    assert!(instances["value"].as_array().unwrap().iter().any(|instance| instance["id"] == occurrence["id"]));
}

#[test]
fn what_graph_refuses_is_refused() {
    let calendar = Calendar::new();
    let problem = |path: &str| {
        let answer = calendar.ask(path);
        (answer.status, answer.json()["error"]["code"].as_str().unwrap().to_owned())
    };
    let days = calendar.days(0, 7);
    assert_eq!(problem("me/calendarView"), (400, "ErrorInvalidParameter".to_owned()));
    assert_eq!(problem(&format!("me/calendarView?{days}&$select=createdDateTime")).0, 400);
    assert_eq!(problem(&format!("me/calendarView/delta?{days}&$select=subject")).0, 400);
    assert_eq!(problem("me/events?$filter=body%20eq%20%27x%27"), (400, "ErrorInvalidUrlQueryFilter".to_owned()));
    assert_eq!(problem("me/events/gone").0, 404);
    assert_eq!(problem("me/calendars/gone/events").0, 404);
    calendar.rig.control.set_photo(USER, false).unwrap();
    assert_eq!(problem("me/photo/$value"), (404, "ImageNotFound".to_owned()));
    calendar.rig.control.remove_licence(USER).unwrap();
    assert_eq!(problem("me/calendars"), (404, "MailboxNotEnabledForRESTAPI".to_owned()));
}

#[test]
fn a_sync_of_a_span_tells_what_changed_in_it_and_outside() {
    let calendar = Calendar::new();
    let control = &calendar.rig.control;
    let all = calendar.get(&format!("me/calendarView/delta?{}", calendar.days(0, 14)));
    assert!(all["value"].as_array().unwrap().len() > 8);
    let nothing = calendar.follow(&all["@odata.deltaLink"]);
    assert_eq!(nothing["value"].as_array().unwrap().len(), 0);
    let now = control.now();
    let lunch = control.add_event(USER, "Lunch", now + 86_400, 3_600).unwrap();
    let far = control.add_event(USER, "Far away", now + 400 * 86_400, 3_600).unwrap();
    let changes = calendar.follow(&nothing["@odata.deltaLink"]);
    assert_eq!((&changes["value"][0]["id"], &changes["value"][0]["subject"]), (&lunch.as_str().into(), &"Lunch".into()));
    assert_eq!((&changes["value"][1]["id"], &changes["value"][1]["@removed"]["reason"]), (&far.as_str().into(), &"deleted".into()));
    control.delete_event(USER, &lunch).unwrap();
    let changes = calendar.follow(&changes["@odata.deltaLink"]);
    assert_eq!(changes["value"][0]["@removed"]["reason"], "deleted");
    control.forget_event_sync(USER).unwrap();
    let path = changes["@odata.deltaLink"].as_str().unwrap().split("/graph/v1.0/").nth(1).unwrap().to_owned();
    assert_eq!(calendar.ask(&path).status, 410);
}
