//! Which links of an answer are followed: those that stay on Graph and in the collection that was asked for (cases G-01 to G-07).

use crate::{
    error::{Detail, Result},
    http::{AllowedUrl, Origin},
};
use std::iter;

/// A link beyond this length is no link of Graph.
const LONGEST: usize = 16 * 1024;

/// Names in Graph's paths, which have no letter case of their own. Everything else in a path is an id.
const NAMES: &[&str] = &[
    "calendar",
    "calendars",
    "calendarview",
    "childfolders",
    "delta",
    "events",
    "instances",
    "mailfolders",
    "me",
    "messages",
    "users",
    "v1.0",
];

/// Ids of folders that every mailbox has; the service may answer with the folder's own id instead.
const WELL_KNOWN: &[&str] = &[
    "archive",
    "clutter",
    "conflicts",
    "conversationhistory",
    "deleteditems",
    "drafts",
    "inbox",
    "junkemail",
    "localfailures",
    "msgfolderroot",
    "outbox",
    "recoverableitemsdeletions",
    "scheduled",
    "searchfolders",
    "sentitems",
    "serverfailures",
    "syncissues",
];

/// A collection of one person's mailbox or calendar, and where its further pages may lie.
#[derive(Clone, Debug)]
pub(crate) struct Collection {
    graph: Origin,
    segments: Vec<String>,
    /// Object id of the person: `users/<id>` is another name for `me`.
    person: String,
}

impl Collection {
    /// `segments` follow `v1.0`, unencoded; the first is `me`.
    pub(crate) fn new(graph: &Origin, segments: Vec<String>, person: &str) -> Self {
        Self { graph: graph.clone(), segments, person: person.to_owned() }
    }

    /// The address of its first page, without options.
    pub(crate) fn url(&self) -> AllowedUrl {
        self.graph.join(&iter::once("v1.0").chain(self.segments.iter().map(String::as_str)).collect::<Vec<_>>())
    }

    /// Accepts the link of a further page (`@odata.nextLink`, `@odata.deltaLink`), which is otherwise not looked into: what its query
    /// says is the service's own (FACTS 8.10).
    ///
    /// # Errors
    /// `HostNotAllowed`, `InsecureUrl`: it leads to somebody else. `PagingPathChanged`: it leads to something else on Graph.
    pub(crate) fn admit(&self, link: &str) -> Result<AllowedUrl> {
        if link.len() > LONGEST {
            return Err(Detail::PagingPathChanged.about("length"));
        }
        let url = self.graph.allow(link)?;
        let asked = self.url();
        let (Some(asked), Some(named)) = (parts(&asked), parts(&url)) else { return Err(Detail::PagingPathChanged.into()) };
        if is_same(&asked, &self.as_me(named)) { Ok(url) } else { Err(Detail::PagingPathChanged.into()) }
    }

    /// With the person's own number taken for `me`.
    fn as_me(&self, mut parts: Vec<String>) -> Vec<String> {
        let at = parts.iter().position(|part| part.eq_ignore_ascii_case("users"));
        if let Some(at) = at
            && parts.get(at.saturating_add(1)).is_some_and(|id| id.eq_ignore_ascii_case(&self.person))
        {
            parts.splice(at..=at.saturating_add(1), ["me".to_owned()]);
        }
        parts
    }
}

/// Whether both lead to the same collection.
fn is_same(asked: &[String], named: &[String]) -> bool {
    let before = iter::once("").chain(asked.iter().map(String::as_str));
    asked.len() == named.len()
        && iter::zip(before, asked).zip(named).all(|((before, asked), named)| {
            let is_well_known = before.eq_ignore_ascii_case("mailFolders") && is_in(WELL_KNOWN, asked) && !is_in(NAMES, named);
            asked == named || is_well_known || (is_in(NAMES, asked) && asked.eq_ignore_ascii_case(named))
        })
}

fn is_in(names: &[&str], text: &str) -> bool {
    names.iter().any(|name| text.eq_ignore_ascii_case(name))
}

/// What a path is made of, decoded: `me/mailFolders('A%3D')/messages/delta()` and `me/mailFolders/A=/messages/delta` are the same.
fn parts(url: &AllowedUrl) -> Option<Vec<String>> {
    let mut parts = Vec::new();
    for segment in url.path_segments() {
        let segment = segment?;
        match segment.strip_suffix(')').and_then(|segment| segment.split_once('(')) {
            Some((name, "")) => parts.push(function_name(name)),
            Some((name, key)) => {
                let key = key.strip_prefix('\'')?.strip_suffix('\'')?;
                parts.extend([name.to_owned(), key.replace("''", "'")]);
            }
            None => parts.push(function_name(&segment)),
        }
    }
    Some(parts)
}

/// `microsoft.graph.delta` is the long name of `delta`.
fn function_name(name: &str) -> String {
    name.strip_prefix("microsoft.graph.").unwrap_or(name).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PERSON: &str = "33333333-dddd-4eee-8fff-444444444444";

    fn collection(segments: &[&str]) -> Collection {
        let graph = Origin::parse("https://graph.microsoft.com").unwrap();
        Collection::new(&graph, segments.iter().map(ToString::to_string).collect(), PERSON)
    }

    fn refused(collection: &Collection, link: &str) -> Option<Detail> {
        collection.admit(link).err().map(|error| error.cause())
    }

    #[test]
    fn links_of_the_same_collection() {
        let id = "AQMkADYAAAIBDAAAAA==";
        for (segments, links) in [
            (vec!["me", "messages"], vec!["me/messages?$skip=10", "me/messages?%24skip=10", "ME/Messages?$skip=1"]),
            (vec!["me", "messages"], vec!["users/33333333-dddd-4eee-8fff-444444444444/messages?$skip=1"]),
            (vec!["me", "messages"], vec!["users('33333333-DDDD-4eee-8fff-444444444444')/messages?$skip=1"]),
            (
                vec!["me", "mailFolders", id, "messages", "delta"],
                vec![
                    "me/mailFolders('AQMkADYAAAIBDAAAAA==')/messages/delta?$skiptoken=x",
                    "me/mailfolders('AQMkADYAAAIBDAAAAA%3D%3D')/messages/microsoft.graph.delta()?$deltatoken=x",
                    "me/mailFolders/AQMkADYAAAIBDAAAAA==/messages/delta()?$deltatoken=x",
                ],
            ),
            (vec!["me", "mailFolders", "inbox", "messages"], vec!["me/mailFolders('AQMkADYAAAIBDAAAAA==')/messages?$skip=1"]),
            (vec!["me", "calendars", "it's", "calendarView"], vec!["me/calendars('it''s')/calendarView?$skip=1"]),
        ] {
            for link in links {
                let link = format!("https://graph.microsoft.com/v1.0/{link}");
                assert_eq!(refused(&collection(&segments), &link), None, "{link}");
            }
        }
    }

    #[test]
    fn g_01_to_g_04_links_to_somebody_else() {
        let messages = collection(&["me", "messages"]);
        for (link, detail) in [
            ("https://evil.example/v1.0/me/messages?$skip=10", Detail::HostNotAllowed),
            ("http://graph.microsoft.com/v1.0/me/messages", Detail::InsecureUrl),
            ("https://graph.microsoft.com:8443/v1.0/me/messages", Detail::HostNotAllowed),
            ("https://graph.microsoft.com@evil.example/v1.0/me/messages", Detail::HostNotAllowed),
            ("https://user@graph.microsoft.com/v1.0/me/messages", Detail::HostNotAllowed),
            ("https://graph.microsoft.com.evil.example/v1.0/me/messages", Detail::HostNotAllowed),
            ("https://evil#graph.microsoft.com/v1.0/me/messages", Detail::HostNotAllowed),
            ("https://graph.microsoft.com/v1.0/me/messages#x", Detail::HostNotAllowed),
            ("https://graph.microsoft.com\\.evil.example/v1.0/me/messages", Detail::HostNotAllowed),
            ("https://graph.micro\tsoft.com/v1.0/me/messages", Detail::HostNotAllowed),
            ("//graph.microsoft.com/v1.0/me/messages", Detail::HostNotAllowed),
            ("/v1.0/me/messages?$skip=10", Detail::HostNotAllowed),
            ("file:///etc/passwd", Detail::InsecureUrl),
            ("data:text/plain,x", Detail::InsecureUrl),
            ("https://graph.microsoft.com./v1.0/me/messages", Detail::HostNotAllowed),
            ("https://xn--grph-microsoft-x2a.com/v1.0/me/messages", Detail::HostNotAllowed),
            ("", Detail::HostNotAllowed),
        ] {
            assert_eq!(refused(&messages, link), Some(detail), "{link}");
        }
        // The same host in another spelling is the same host.
        for link in ["https://GRAPH.Microsoft.COM:443/v1.0/me/messages", "https://gr%61ph.microsoft.com/v1.0/me/messages"] {
            assert_eq!(refused(&messages, link), None, "{link}");
        }
    }

    #[test]
    fn g_07_links_to_another_collection() {
        let folder = "AQMkADYAAAIBDAAAAA==";
        for (segments, link) in [
            (vec!["me", "messages"], "users/44444444-dddd-4eee-8fff-444444444444/messages"),
            (vec!["me", "messages"], "me/sendMail"),
            (vec!["me", "messages"], "me/events"),
            (vec!["me", "messages"], "me/messages/AAMk"),
            (vec!["me", "messages"], "me/messages/"),
            (vec!["me", "messages"], "me//messages"),
            (vec!["me", "messages"], "me"),
            (vec!["me", "messages"], "beta/me/messages"),
            (vec!["me", "messages"], "me/messages/../events"),
            (vec!["me", "messages"], "me/messages%2fx"),
            (vec!["me", "messages"], "me/mailFolders('inbox')/messages"),
            (vec!["me", "mailFolders", folder, "messages"], "me/mailFolders('AQMkADYAAAIBDBBBBB==')/messages"),
            (vec!["me", "mailFolders", folder, "messages"], "me/mailFolders('aqmkadyaaaibdaaaaa==')/messages"),
            (vec!["me", "mailFolders", "inbox", "messages"], "me/mailFolders/messages/messages"),
            (vec!["me", "mailFolders", folder, "messages"], "me/mailFolders(AQMkADYAAAIBDAAAAA==)/messages"),
            (vec!["me", "calendarView", "delta"], "me/calendarView"),
            (vec!["me", "messages"], "me/%ff/messages"),
        ] {
            let link = format!("https://graph.microsoft.com/v1.0/{link}");
            assert_eq!(refused(&collection(&segments), &link), Some(Detail::PagingPathChanged), "{link}");
        }
        let long = format!("https://graph.microsoft.com/v1.0/me/messages?$skiptoken={}", "x".repeat(LONGEST));
        assert_eq!(refused(&collection(&["me", "messages"]), &long), Some(Detail::PagingPathChanged));
    }

    #[test]
    fn a_graph_below_a_path() {
        let graph = Origin::parse("http://localhost:8365/graph").unwrap();
        let messages = Collection::new(&graph, vec!["me".into(), "messages".into()], PERSON);
        assert_eq!(refused(&messages, "http://localhost:8365/graph/v1.0/me/messages?$skip=1"), None);
        for link in ["http://localhost:8365/v1.0/me/messages", "http://localhost:8365/other/v1.0/me/messages"] {
            assert_eq!(refused(&messages, link), Some(Detail::PagingPathChanged), "{link}");
        }
    }
}
