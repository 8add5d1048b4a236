//! Pages and the links between them: nothing is sent to somebody else, nothing foreign is returned, nothing goes on for ever
//! (cases G-01 to G-08).

use crate::{
    rig::{Rig, refused},
    script::{graph, messages},
};
use intail_office365::{ErrorKind, MessageQuery};
use intail_office365_sandbox::Fault;
use std::net::TcpListener;

fn query() -> MessageQuery {
    MessageQuery::default()
}

#[test]
fn pages_follow_each_other_and_an_empty_one_is_not_the_end() {
    let rig = Rig::new();
    let (second, third) = (rig.link("me/messages?$skip=2"), rig.link("me/messages?%24skip=4"));
    let account = rig.scripted([messages(&["a", "b"], Some(&second)), messages(&[], Some(&third)), messages(&["c"], None)]);
    let first = account.messages(&query()).unwrap();
    let empty = account.next_messages(first.next.as_deref().unwrap()).unwrap();
    assert!(empty.messages.is_empty());
    let last = account.next_messages(empty.next.as_deref().unwrap()).unwrap();
    assert_eq!((last.messages[0].id.as_str(), last.next), ("c", None));
    // Without the service's own words in it, and for nothing else.
    let next = first.next.unwrap();
    assert!(!next.contains("skip") && !next.contains("messages"));
    refused(account.next_events(&next), ErrorKind::InvalidArgument, "ContinuationInvalid");
    for text in ["", "x", second.as_str()] {
        refused(account.next_messages(text), ErrorKind::InvalidArgument, "ContinuationInvalid");
    }
    let other = rig.sign_in(&rig.open(), crate::rig::BIANCA).unwrap();
    refused(other.next_messages(&next), ErrorKind::InvalidArgument, "ContinuationInvalid");
}

#[test]
fn an_iterator_goes_through_all_pages_and_ends_after_an_error() {
    let rig = Rig::new();
    let second = rig.link("me/messages?$skip=2");
    let account = rig.scripted([messages(&["a", "b"], Some(&second)), messages(&["c"], None)]);
    let ids: Vec<String> = account.iter_messages(&query()).map(|message| message.unwrap().id).collect();
    assert_eq!(ids, ["a", "b", "c"]);
    rig.script([messages(&["a"], Some("https://evil.example/v1.0/me/messages"))]);
    let mut iterator = account.iter_messages(&query());
    refused(iterator.next().unwrap().map(drop), ErrorKind::Untrusted, "HostNotAllowed");
    assert!(iterator.next().is_none());
}

/// G-01 to G-03, G-07: the whole page is refused, and nobody gets the token.
#[test]
fn g_01_a_link_to_somebody_else_is_not_followed() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let elsewhere = format!("http://{}/graph/v1.0/me/messages", listener.local_addr().unwrap());
    for (link, detail) in [
        (elsewhere.as_str(), "HostNotAllowed"),
        ("https://evil.example/v1.0/me/messages", "HostNotAllowed"),
        ("http://user@GRAPH/v1.0/me/messages", "HostNotAllowed"),
        ("http://evil.example/v1.0/me/messages", "InsecureUrl"),
        ("/graph/v1.0/me/messages", "HostNotAllowed"),
        ("file:///etc/passwd", "InsecureUrl"),
        ("http://GRAPH/v1.0/users/00000000-dddd-4eee-8fff-444444444444/messages", "PagingPathChanged"),
        ("http://GRAPH/v1.0/me/sendMail", "PagingPathChanged"),
        ("http://GRAPH/v1.0/me/events", "PagingPathChanged"),
    ] {
        let rig = Rig::new();
        let link = link
            .replace("http://GRAPH", &rig.sandbox.graph_base())
            .replace("GRAPH", rig.sandbox.graph_base().trim_start_matches("http://"));
        let account = rig.scripted([messages(&["foreign"], Some(&link))]);
        refused(account.messages(&query()), ErrorKind::Untrusted, detail);
        assert_eq!(rig.asked().len(), 1, "{link}");
    }
    assert!(listener.accept().is_err(), "nobody came");
}

#[test]
fn g_05_links_that_go_round_in_a_circle_are_noticed() {
    let rig = Rig::new();
    let same = rig.link("me/messages?$skip=2");
    let account = rig.scripted([Fault { times: None, ..messages(&["a"], Some(&same)) }]);
    let mut seen = 0;
    let end = account.iter_messages(&query()).find_map(|message| {
        seen += 1;
        message.err()
    });
    assert_eq!(end.unwrap().detail(), "PagingLoop");
    assert!(seen <= 4 && rig.asked().len() <= 4, "{seen}");
}

#[test]
fn g_08_a_redirect_is_not_followed() {
    for status in [301, 302, 303, 307, 308] {
        for target in ["https://evil.example/", "/graph/v1.0/me"] {
            let rig = Rig::new();
            let account = rig.scripted([Fault { status: Some(status), redirect: Some(target.to_owned()), ..graph("redirect") }]);
            refused(account.messages(&query()), ErrorKind::Untrusted, "RedirectRefused");
            assert_eq!(rig.asked().len(), 1);
        }
    }
}
