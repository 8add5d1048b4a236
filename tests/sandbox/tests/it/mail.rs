//! Graph's mail: folders, messages and what changed, as Graph answers.

use std::collections::BTreeSet;

use intail_office365_sandbox::{DeltaSettings, Reason};
use serde_json::Value;

use crate::client::{Answer, Rig};

const USER: &str = "megan@northwind.example";

/// A reader with a token.
struct Mail {
    rig: Rig,
    token: String,
}

impl Mail {
    fn new() -> Mail {
        let rig = Rig::new();
        let token = rig.connect(USER, &[])["access_token"].as_str().unwrap().to_owned();
        Mail { rig, token }
    }

    fn ask(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        let authorization = format!("Bearer {}", self.token);
        let mut all = vec![("authorization", authorization.as_str())];
        all.extend(headers);
        self.rig.get(&format!("/graph/v1.0/{path}"), &all)
    }

    fn get(&self, path: &str) -> Value {
        let answer = self.ask(path, &[]);
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        answer.json()
    }

    fn problem(&self, path: &str) -> (u16, String) {
        let answer = self.ask(path, &[]);
        (answer.status, answer.json()["error"]["code"].as_str().unwrap_or_default().to_owned())
    }

    /// What a link leads to.
    fn follow(&self, link: &Value) -> Value {
        let link = link.as_str().unwrap().replace('\'', "%27");
        let path = link.strip_prefix(&format!("{}/graph/v1.0/", self.rig.sandbox.authority())).unwrap().to_owned();
        let answer = self.ask(&path, &[("prefer", "IdType=\"ImmutableId\"")]);
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        answer.json()
    }
}

fn names(item: &Value) -> BTreeSet<String> {
    item.as_object().unwrap().keys().cloned().collect()
}

fn ids(page: &Value) -> Vec<String> {
    page["value"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn messages_and_folders_are_like_the_samples() {
    let mail = Mail::new();
    let sample: Value = serde_json::from_str(include_str!("../../data/messages_mail_readbasic.json")).unwrap();
    let page = mail.get("me/messages");
    assert_eq!(names(&page), names(&sample));
    let drafts_aside = page["value"].as_array().unwrap().iter().find(|item| item["isDraft"] == false).unwrap();
    assert_eq!(names(drafts_aside), names(&sample["value"][0]));
    assert!(page["@odata.context"].as_str().unwrap().contains("$metadata#users('"));
    let sample: Value = serde_json::from_str(include_str!("../../data/mailfolders.json")).unwrap();
    let folders = mail.get("me/mailFolders");
    assert_eq!(names(&folders["value"][0]), names(&sample["value"][0]));
    assert_eq!(folders["value"].as_array().unwrap().len(), 7);
    assert_eq!(mail.get("me/mailFolders?includeHiddenFolders=true&$top=20")["value"].as_array().unwrap().len(), 8);
    let inbox = mail.get("me/mailFolders/Inbox");
    let children = mail.get(&format!("me/mailFolders/{}/childFolders", inbox["id"].as_str().unwrap().replace('=', "%3D")));
    assert_eq!(children["value"].as_array().unwrap().len(), usize::try_from(inbox["childFolderCount"].as_u64().unwrap()).unwrap());
}

#[test]
fn pages_follow_each_other_with_all_options() {
    let mail = Mail::new();
    let first = mail.get("me/messages?$select=subject,isRead&$top=25&$count=true&$orderby=receivedDateTime%20asc");
    assert_eq!((first["@odata.count"].as_u64(), ids(&first).len()), (Some(60), 25));
    assert_eq!(names(&first["value"][0]), ["@odata.etag", "id", "isRead", "subject"].map(str::to_owned).into());
    let second = mail.follow(&first["@odata.nextLink"]);
    let third = mail.follow(&second["@odata.nextLink"]);
    assert_eq!((ids(&second).len(), ids(&third).len(), third.get("@odata.nextLink")), (25, 10, None));
    assert!(names(&second["value"][0]).contains("subject") && !names(&second["value"][0]).contains("from"));
}

#[test]
fn a_million_messages_cost_nothing_until_asked_for() {
    let mail = Mail::new();
    mail.rig.control.set_mailbox_size(USER, 1_000_000).unwrap();
    let page = mail.get("me/messages?$top=1000&$skip=500000");
    assert_eq!(ids(&page).len(), 1000);
    mail.rig.control.set_mailbox_size(USER, 0).unwrap();
    assert_eq!(ids(&mail.get("me/messages")), Vec::<String>::new());
}

#[test]
fn filters_are_obeyed_and_others_refused() {
    let mail = Mail::new();
    let unread = mail.get("me/messages?$filter=isRead%20eq%20false&$top=100");
    assert!(ids(&unread).len() > 5 && unread["value"].as_array().unwrap().iter().all(|item| item["isRead"] == false));
    let from = mail.get("me/messages?$filter=from/emailAddress/address%20eq%20%27pat.o%27%27brien@partner.example%27&$top=100");
    assert!(ids(&from).len() > 3, "{from}");
    let problem = |path: &str| mail.problem(path);
    assert_eq!(problem("me/messages?$filter=isRead%20eq%20false&$orderby=receivedDateTime%20desc").1, "InefficientFilter");
    assert_eq!(problem("me/messages?$filter=body%20eq%20%27x%27"), (400, "ErrorInvalidUrlQueryFilter".to_owned()));
    assert_eq!(problem("me/messages?$select=nothing"), (400, "RequestBroker--ParseUri".to_owned()));
    assert_eq!(problem("me/messages?$select=bodyPreview"), (403, "ErrorAccessDenied".to_owned()));
    assert_eq!(problem("me/messages?$search=%22x%22"), (403, "ErrorAccessDenied".to_owned()));
    assert_eq!(problem("me/messages?$top=1001").0, 400);
    assert_eq!(problem("me/messages/AAMkGone"), (404, "ErrorItemNotFound".to_owned()));
    assert_eq!(problem("me/messages/x"), (400, "ErrorInvalidIdMalformed".to_owned()));
    assert_eq!(problem("me/mailFolders/nothing/messages").0, 404);
    mail.rig.control.remove_licence(USER).unwrap();
    let sample: Value = serde_json::from_str(include_str!("../../data/graph_404_nomailbox.json")).unwrap();
    assert_eq!(problem("me/messages"), (404, sample["error"]["code"].as_str().unwrap().to_owned()));
}

#[test]
fn immutable_ids_survive_a_move_and_others_do_not() {
    let mail = Mail::new();
    let immutable = |path: &str| mail.ask(path, &[("prefer", "IdType=\"ImmutableId\"")]);
    let usual = ids(&mail.get("me/messages?$top=1")).remove(0);
    let answer = immutable("me/messages?$top=1");
    assert_eq!(answer.headers["preference-applied"], "IdType=\"ImmutableId\"");
    let kept = ids(&answer.json()).remove(0);
    assert_ne!(usual, kept);
    mail.rig.control.move_message(USER, &kept, "archive").unwrap();
    assert_eq!(immutable(&format!("me/messages/{}", kept.replace('=', "%3D"))).status, 200);
    assert_eq!(mail.problem(&format!("me/messages/{}", usual.replace('=', "%3D"))).0, 404);
}

#[test]
fn a_sync_lists_everything_and_then_what_changed() {
    let mail = Mail::new();
    let control = &mail.rig.control;
    let answer = mail.ask(
        "me/mailFolders/inbox/messages/delta?$select=subject,isRead",
        &[("prefer", "IdType=\"ImmutableId\", odata.maxpagesize=20")],
    );
    assert!(answer.headers["preference-applied"].contains("track-changes") || !answer.headers.is_empty());
    let mut page = answer.json();
    let mut all = ids(&page);
    while let Some(next) = page.get("@odata.nextLink").cloned() {
        page = mail.follow(&next);
        all.extend(ids(&page));
    }
    assert_eq!(all.len(), 36);
    let nothing = mail.follow(&page["@odata.deltaLink"]);
    assert_eq!(ids(&nothing), Vec::<String>::new());
    let new = control.add_message(USER, "inbox", "New").unwrap();
    control.set_message_read(USER, &all[0], true).unwrap();
    control.move_message(USER, &all[1], "archive").unwrap();
    control.delete_message(USER, &all[2], Reason::Changed).unwrap();
    control.set_delta(USER, DeltaSettings { empty_page: true, ..DeltaSettings::default() }).unwrap();
    let empty = mail.follow(&nothing["@odata.deltaLink"]);
    assert_eq!((ids(&empty).len(), empty.get("@odata.deltaLink")), (0, None));
    let changes = mail.follow(&empty["@odata.nextLink"]);
    assert_eq!(ids(&changes), [new, all[0].clone(), all[1].clone(), all[2].clone()]);
    assert_eq!(
        (&changes["value"][2]["@removed"]["reason"], &changes["value"][3]["@removed"]["reason"]),
        (&"deleted".into(), &"changed".into())
    );
    control.set_delta(USER, DeltaSettings { gone_with_location: true, ..DeltaSettings::default() }).unwrap();
    let link = changes["@odata.deltaLink"].as_str().unwrap().replace('\'', "%27");
    let path = link.split("/graph/v1.0/").nth(1).unwrap().to_owned();
    let gone = mail.ask(&path, &[]);
    let sample: Value = serde_json::from_str(include_str!("../../data/graph_410.json")).unwrap();
    assert_eq!((gone.status, &gone.json()["error"]["code"]), (410, &sample["error"]["code"]));
    assert!(gone.headers["location"].contains("/messages/delta"));
}

#[test]
fn a_hostile_link_stands_where_a_test_wants_it() {
    let mail = Mail::new();
    mail.rig.control.set_next_link(USER, "https://evil.example/").unwrap();
    assert_eq!(mail.get("me/messages")["@odata.nextLink"], "https://evil.example/");
    assert_ne!(mail.get("me/messages")["@odata.nextLink"], "https://evil.example/");
}
