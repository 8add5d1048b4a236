use super::*;
use crate::{
    error::Detail,
    graph::{
        folders,
        page::{parse_one, parse_page},
        testing::table,
    },
};

const READ_BASIC: Reach = Reach { cloud: Cloud::Global, mail_text: false };
const READ: Reach = Reach { cloud: Cloud::Global, mail_text: true };
const CLOUDS: [(Cloud, &str); 4] = [
    (Cloud::Global, "no-Global"),
    (Cloud::UsGovernmentL4, "no-USGov"),
    (Cloud::UsGovernmentDod, "no-USGov"),
    (Cloud::China, "no-China"),
];
const BASIC_SET: &str = "id,subject,from,sender,toRecipients,ccRecipients,receivedDateTime,sentDateTime,isRead,isDraft,importance,hasAttachments,categories,conversationId,internetMessageId,parentFolderId,webLink,inferenceClassification";

fn parameter<'a>(listing: &'a Listing, name: &str) -> Option<&'a str> {
    listing.parameters.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str())
}

fn query(change: impl FnOnce(&mut MessageQuery)) -> Result<Listing> {
    let mut query = MessageQuery::default();
    change(&mut query);
    list(&query, READ_BASIC)
}

fn refused(listing: Result<Listing>) -> String {
    let error = listing.unwrap_err();
    assert_eq!(error.cause(), Detail::QueryNotPossible);
    error.what().unwrap().to_owned()
}

#[test]
fn each_cloud_and_permission_is_asked_for_what_it_has() {
    assert_eq!(parameter(&one("a", READ_BASIC).unwrap(), "$select"), Some(format!("{BASIC_SET},flag").as_str()));
    assert_eq!(parameter(&one("a", READ).unwrap(), "$select"), Some(format!("{BASIC_SET},flag,bodyPreview").as_str()));
    let china = Reach { cloud: Cloud::China, ..READ_BASIC };
    assert_eq!(parameter(&delta("inbox", 50, china).unwrap(), "$select"), Some(BASIC_SET));
    let known = table(include_str!("../testdata/message_properties.csv"), &["readable_with_Mail.ReadBasic", "missing_in_cloud"]);
    for (cloud, missing) in CLOUDS {
        for mail_text in [false, true] {
            let listing = list(&MessageQuery::default(), Reach { cloud, mail_text }).unwrap();
            for name in parameter(&listing, "$select").unwrap().split(',') {
                let (_, cells) = known.iter().find(|(known, _)| *known == name).unwrap_or_else(|| panic!("{name}"));
                assert!(mail_text || cells[0] == "yes", "{name} needs Mail.Read");
                assert!(!cells[1].contains(missing), "{name} is not in {cloud:?}");
            }
        }
    }
}

#[test]
fn every_property_is_read_under_its_name() {
    for property in MessageProperty::ALL.iter().filter(|property| **property != MessageProperty::Other) {
        let text = format!("{{\"id\":\"a\",\"{}\":null}}", property.name());
        assert_eq!(parse_one::<MessageChange>(&text).unwrap().given, [*property]);
    }
    assert!(parse_one::<MessageChange>("{\"id\":\"a\",\"later\":null}").unwrap().given.is_empty());
}

#[test]
fn a_query_becomes_a_path_and_parameters() {
    let plain = query(|_| ()).unwrap();
    assert_eq!(plain.path, ["me", "messages"]);
    let names: Vec<&str> = plain.parameters.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, ["$select", "$top", "$orderby"]);
    assert_eq!((parameter(&plain, "$top"), parameter(&plain, "$orderby")), (Some("50"), Some("receivedDateTime desc")));
    let all = query(|query| {
        *query = MessageQuery {
            folder: Some("inbox".to_owned()),
            received_from: Some(0),
            received_before: Some(86_400),
            sent_from: Some(1),
            sent_before: Some(2),
            from_address: Some("o'hara@contoso.com".to_owned()),
            unread: Some(true),
            has_attachments: Some(false),
            importance: Some(Importance::High),
            flagged: Some(true),
            subject_contains: Some("') or 1 eq 1".to_owned()),
            order: MessageOrder::Oldest,
            page_size: 7,
            with_total: true,
            search: None,
        };
    });
    let all = all.unwrap();
    assert_eq!(all.path, ["me", "mailFolders", "inbox", "messages"]);
    let filter = [
        "receivedDateTime ge 1970-01-01T00:00:00Z and receivedDateTime lt 1970-01-02T00:00:00Z",
        "sentDateTime ge 1970-01-01T00:00:01Z and sentDateTime lt 1970-01-01T00:00:02Z",
        "from/emailAddress/address eq 'o''hara@contoso.com'",
        "isRead eq false",
        "hasAttachments eq false",
        "importance eq 'high'",
        "flag/flagStatus eq 'flagged'",
        "contains(subject,''') or 1 eq 1')",
    ];
    assert_eq!(parameter(&all, "$filter"), Some(filter.join(" and ").as_str()));
    assert_eq!((parameter(&all, "$orderby"), parameter(&all, "$count")), (Some("receivedDateTime asc"), Some("true")));
}

#[test]
fn g_09_ids_in_paths_are_checked() {
    for bad in ["../sendMail", "", "delta", "a/b"] {
        for listing in [
            query(|query| query.folder = Some(bad.to_owned())),
            one(bad, READ),
            delta(bad, 50, READ),
            folders::one(bad, READ),
            folders::list(Some(bad), false, READ),
        ] {
            assert_eq!(listing.unwrap_err().cause(), Detail::InvalidId, "{bad}");
        }
    }
}

#[test]
fn g_10_a_search_stands_alone_and_in_quotes() {
    let words =
        |words: &str| MessageQuery { search: Some(words.to_owned()), folder: Some("inbox".to_owned()), ..MessageQuery::default() };
    let found = list(&words("a\" OR \\ from:b"), READ).unwrap();
    assert_eq!(parameter(&found, "$search"), Some("\"a\\\" OR \\\\ from:b\""));
    assert_eq!((parameter(&found, "$filter"), parameter(&found, "$orderby")), (None, None));
    assert_eq!(refused(list(&words("a"), READ_BASIC)), "search_needs_Mail.Read");
    assert_eq!(refused(list(&MessageQuery { unread: Some(true), ..words("a") }, READ)), "search_with_conditions");
    assert_eq!(refused(list(&MessageQuery { order: MessageOrder::Oldest, ..words("a") }, READ)), "search_with_conditions");
    assert_eq!(refused(list(&MessageQuery { with_total: true, ..words("a") }, READ)), "search_with_conditions");
    for bad in ["", " ", "a\nb", &"a".repeat(256)] {
        assert_eq!(refused(list(&words(bad), READ)), "search");
    }
}

#[test]
fn what_the_service_would_refuse_is_refused_before() {
    assert_eq!(refused(query(|query| query.page_size = 0)), "page_size");
    assert_eq!(refused(query(|query| (query.sent_from, query.sent_before) = (Some(2), Some(1)))), "empty_span");
    assert_eq!(refused(query(|query| query.importance = Some(Importance::Other))), "importance");
    assert_eq!(refused(query(|query| query.from_address = Some(String::new()))), "from_address");
    let flagged = MessageQuery { flagged: Some(false), ..MessageQuery::default() };
    assert_eq!(refused(list(&flagged, Reach { cloud: Cloud::China, ..READ })), "flagged");
    let done_or_not = list(&flagged, READ).unwrap();
    assert!(parameter(&done_or_not, "$filter").unwrap().ends_with("flag/flagStatus ne 'flagged'"));
}

#[test]
fn a_sync_asks_for_one_folder() {
    let listing = delta("AQMkADYAAAIBDAAAAA==", 50, READ_BASIC).unwrap();
    assert_eq!(listing.path, ["me", "mailFolders", "AQMkADYAAAIBDAAAAA==", "messages", "delta"]);
    assert_eq!(listing.parameters.len(), 1);
}

#[test]
fn folders_are_asked_for_what_their_cloud_has() {
    let known = table(include_str!("../testdata/mailfolder_properties.csv"), &["type", "notes"]);
    for (cloud, _) in CLOUDS {
        let listing = folders::list(None, true, Reach { cloud, mail_text: false }).unwrap();
        assert_eq!(
            (listing.path.join("/").as_str(), parameter(&listing, "includeHiddenFolders")),
            ("me/mailFolders", Some("true"))
        );
        for name in parameter(&listing, "$select").unwrap().split(',') {
            let (_, cells) = known.iter().find(|(known, _)| *known == name).unwrap_or_else(|| panic!("{name}"));
            assert!(!cells[1].contains("not in US-Gov") || matches!(cloud, Cloud::Global | Cloud::China), "{name} {cloud:?}");
        }
    }
    let children = folders::list(Some("inbox"), false, READ).unwrap();
    assert_eq!(children.path, ["me", "mailFolders", "inbox", "childFolders"]);
    let names = table(include_str!("../testdata/well_known_folders.csv"), &[]);
    assert!(names.iter().all(|(name, _)| folders::well_known(&name.to_uppercase()) == Some(*name)) && names.len() == 17);
    assert_eq!(folders::well_known("Posteingang"), None);
}

#[test]
fn a_change_is_taken_over_as_far_as_it_goes() {
    let text = include_str!("../testdata/messages_mail_read.json");
    let mut message = parse_page::<Message>(text).unwrap().items.remove(0);
    message.unknown = vec![crate::model::UnknownValue { property: "flag.flagStatus".to_owned(), value: "new".to_owned() }];
    let before = message.clone();
    let change = parse_one::<MessageChange>(
        r#"{"id":"a","isRead":false,"subject":null,"toRecipients":[],"flag":{"flagStatus":"flagged"},"importance":"urgent"}"#,
    );
    message.apply(&change.unwrap());
    assert_eq!(
        (message.is_read, &message.subject, message.to.len(), message.flag),
        (Some(false), &None, 0, Some(FlagStatus::Flagged))
    );
    assert_eq!(
        (message.importance, message.unknown.len(), message.unknown[0].value.as_str()),
        (Some(Importance::Other), 1, "urgent")
    );
    let mut rest = message.clone();
    (rest.is_read, rest.subject, rest.to, rest.flag) = (before.is_read, before.subject.clone(), before.to.clone(), before.flag);
    (rest.importance, rest.unknown) = (before.importance, before.unknown.clone());
    assert_eq!(rest, before, "nothing else changed");
    let gone = parse_one::<MessageChange>(r#"{"id":"a","@removed":{"reason":"changed"},"subject":"x"}"#).unwrap();
    let kept = message.clone();
    message.apply(&gone);
    assert_eq!((message, gone.removed), (kept, Some(crate::model::RemovedReason::Changed)));
}

/// Each property of a change reaches its place: none is forgotten.
#[test]
fn every_property_of_a_change_is_taken_over() {
    let text = include_str!("../testdata/messages_mail_read.json");
    let full = parse_page::<MessageChange>(text).unwrap().items.remove(0);
    let mut message = parse_one::<Message>(r#"{"id":"AAMkADhMGAAA="}"#).unwrap();
    message.apply(&full);
    assert_eq!(Some(message), full.message);
    assert_eq!(full.given.len(), MessageProperty::ALL.len() - 1);
}
