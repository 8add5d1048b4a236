//! Synchronizing: nothing is skipped, nothing is believed that was touched, and what was not acknowledged comes again (cases G-04, G-16).

use crate::{
    rig::{MEGAN, Rig, redirect, refused},
    script::{error, page},
};
use intail_office365::{Account, CalendarView, ErrorKind, MessageSyncPage, RemovedReason};
use intail_office365_sandbox::Fault;
use serde_json::{Value, json};

fn delta(ids: &[&str], next: Option<&str>, delta: Option<&str>) -> Fault {
    let value: Vec<Value> = ids.iter().map(|id| json!({"id": id, "subject": format!("about {id}")})).collect();
    let mut body = json!({"value": value});
    if let Some(next) = next {
        body["@odata.nextLink"] = json!(next);
    }
    if let Some(delta) = delta {
        body["@odata.deltaLink"] = json!(delta);
    }
    page(body)
}

fn token(rig: &Rig, rest: &str) -> String {
    rig.link(&format!("me/mailFolders('AQMkADYAAAIBDAAAAA==')/messages/delta?{rest}"))
}

fn ids(page: &MessageSyncPage) -> Vec<&str> {
    page.changes.iter().map(|change| change.id.as_str()).collect()
}

fn next(account: &Account) -> MessageSyncPage {
    account.sync_messages("inbox", 50).unwrap()
}

#[test]
fn a_round_lists_everything_and_the_next_what_changed() {
    let rig = Rig::new();
    let (more, end, end_2) = (token(&rig, "$skiptoken=1"), token(&rig, "$deltatoken=1"), token(&rig, "$deltatoken=2"));
    let account = rig.scripted([
        delta(&["a", "b"], Some(&more), None),
        delta(&[], None, Some(&end)),
        page(json!({"value": [{"id": "a", "isRead": true}, {"id": "b", "@removed": {"reason": "deleted"}}], "@odata.deltaLink": end_2})),
        delta(&[], None, Some(&end_2)),
    ]);
    let first = next(&account);
    assert_eq!((ids(&first), first.progress.full, first.progress.first, first.progress.more), (vec!["a", "b"], true, true, true));
    assert!(account.acknowledge(&first.progress.acknowledgement).unwrap());
    let second = next(&account);
    assert_eq!((second.changes.len(), second.progress.full, second.progress.first, second.progress.more), (0, true, false, false));
    assert_eq!((second.progress.pages, second.progress.changes), (2, 2));
    assert!(account.acknowledge(&second.progress.acknowledgement).unwrap());
    let third = next(&account);
    assert_eq!((third.progress.full, third.progress.first, third.progress.more), (false, true, false));
    assert_eq!(third.changes[1].removed, Some(RemovedReason::Deleted));
    let mut known = first.changes[0].message.clone().unwrap();
    known.apply(&third.changes[0]);
    assert_eq!((known.subject.as_deref(), known.is_read), (Some("about a"), Some(true)));
    assert!(account.acknowledge(&third.progress.acknowledgement).unwrap());
    assert!(next(&account).changes.is_empty());
    let asked = rig.asked();
    assert_eq!(asked.len(), 4, "a round with nothing new is one request");
    assert!(asked[0].has("$select") && !asked[1].has("$select"), "the links are used as they are");
}

#[test]
fn what_was_not_acknowledged_comes_again_also_to_another_process() {
    let rig = Rig::new();
    let (more, end) = (token(&rig, "$skiptoken=1"), token(&rig, "$deltatoken=1"));
    let first = || delta(&["a"], Some(&more), None);
    let office = rig.open();
    let account = rig.connected(&office);
    rig.script([first(), first(), delta(&["b"], None, Some(&end))]);
    let lost = next(&account);
    let again = next(&account);
    assert_eq!((ids(&lost), ids(&again)), (vec!["a"], vec!["a"]));
    assert!(account.acknowledge(&again.progress.acknowledgement).unwrap());
    // The first page, acknowledged late, moves nothing back.
    assert!(!account.acknowledge(&lost.progress.acknowledgement).unwrap());
    office.close();
    let office = rig.open();
    let account = office.account(&account.id()).unwrap();
    let second = next(&account);
    assert_eq!((ids(&second), second.progress.pages), (vec!["b"], 2));
    // An acknowledgement of the process before opens nothing here.
    refused(account.acknowledge(&again.progress.acknowledgement), ErrorKind::InvalidArgument, "ContinuationInvalid");
    // Connecting again keeps where it was; a disconnect forgets it.
    let request = office.begin_connect(&crate::rig::hint(MEGAN)).unwrap();
    let account = office.complete_connect(&redirect(MEGAN, &request.url), None).unwrap();
    rig.script([delta(&["b"], None, Some(&end))]);
    assert_eq!(ids(&next(&account)), ["b"]);
    account.disconnect().unwrap();
    let account = rig.connected(&office);
    rig.script([first()]);
    assert!(next(&account).progress.first);
}

#[test]
fn g_16_a_forgotten_state_begins_anew_and_says_so() {
    for gone in [error(410, "SyncStateNotFound"), error(410, "resyncRequired"), error(400, "ErrorInvalidSyncStateData")] {
        let rig = Rig::new();
        let end = token(&rig, "$deltatoken=1");
        let account = rig.scripted([
            delta(&["a"], None, Some(&end)),
            gone,
            delta(&["a", "b"], None, Some(&end)),
            delta(&[], None, Some(&end)),
        ]);
        account.acknowledge(&next(&account).progress.acknowledgement).unwrap();
        let anew = next(&account);
        assert_eq!((ids(&anew), anew.progress.full, anew.progress.first), (vec!["a", "b"], true, true));
        assert!(rig.asked()[2].has("$select"), "from the beginning");
        account.acknowledge(&anew.progress.acknowledgement).unwrap();
        assert!(!next(&account).progress.full);
    }
}

/// G-04: a link to somebody else, also one of the last page.
#[test]
fn g_04_a_delta_link_to_somebody_else_is_not_kept() {
    let rig = Rig::new();
    for link in
        ["https://evil.example/delta", &rig.link("me/messages/delta"), &rig.link("me/mailFolders('x')/messages?$deltatoken=1")]
    {
        let account = rig.scripted([delta(&["a"], None, Some(link))]);
        let error = account.sync_messages("inbox", 50).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Untrusted, "{link}");
    }
    let account = rig.scripted([delta(&["a"], None, None)]);
    refused(account.sync_messages("inbox", 50), ErrorKind::Service, "UnexpectedResponse");
}

#[test]
fn each_folder_and_each_span_has_a_cursor_of_its_own() {
    let rig = Rig::new();
    let end = token(&rig, "$deltatoken=1");
    let account = rig.scripted([delta(&["a"], None, Some(&end))]);
    account.acknowledge(&next(&account).progress.acknowledgement).unwrap();
    rig.script([delta(&["s"], None, Some(&end))]);
    assert!(account.sync_messages("sentitems", 50).unwrap().progress.full);
    let views = [CalendarView::new(1_790_000_000, 1_790_100_000), CalendarView::new(1_790_000_000, 1_790_200_000)];
    for view in &views {
        let body = json!({
            "value": [
                {"id": "in", "start": {"dateTime": "2026-09-21T20:00:00.0000000", "timeZone": "UTC"}, "end": {"dateTime": "2026-09-21T21:00:00.0000000", "timeZone": "UTC"}},
                {"id": "out", "start": {"dateTime": "2027-09-21T20:00:00.0000000", "timeZone": "UTC"}, "end": {"dateTime": "2027-09-21T21:00:00.0000000", "timeZone": "UTC"}},
                {"id": "gone", "@removed": {"reason": "deleted"}},
            ],
            "@odata.deltaLink": rig.link("me/calendarView/delta?$deltatoken=1"),
        });
        rig.script([page(body)]);
        let found = account.sync_events(view).unwrap();
        assert!(found.progress.full && !found.progress.more);
        assert_eq!(found.changes.iter().map(|change| change.id.as_str()).collect::<Vec<_>>(), ["in", "gone"]);
        account.acknowledge(&found.progress.acknowledgement).unwrap();
    }
    rig.script([delta(&[], None, Some(&end))]);
    assert!(!next(&account).progress.full);
    account.restart_message_sync("inbox").unwrap();
    rig.script([delta(&["a"], None, Some(&end))]);
    assert!(next(&account).progress.full);
    refused(account.sync_messages("inbox", 0), ErrorKind::InvalidArgument, "QueryNotPossible");
}
