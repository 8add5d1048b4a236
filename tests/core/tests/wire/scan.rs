//! Looks for what must not be there: secrets in texts, anything but reading on the wire. The tests below prove that it can find.

use intail_office365_sandbox::LogEntry;

/// Names, subjects and token beginnings of the sandbox's people.
const NEEDLES: [&str; 17] = [
    "@",
    "eyJ",
    "-dddd-4eee-8fff-",
    "needle",
    "Adele",
    "Vance",
    "Alex",
    "Wilber",
    "Bianca",
    "Pisani",
    "Cameron",
    "Megan",
    "Bowen",
    "Nils",
    "Berg",
    "Toni",
    "Bearer",
];
/// No identifier that may be shown is longer than a GUID; codes, verifiers, states and tokens are.
const LONGEST_WORD: usize = 40;

/// The first thing in `text` that says something about a person or looks like a token, code, verifier or key.
pub(crate) fn secret_in(text: &str) -> Option<String> {
    if let Some(needle) = NEEDLES.iter().find(|needle| text.contains(**needle)) {
        return Some((*needle).to_owned());
    }
    let of_token = |c: char| c.is_ascii_alphanumeric() || "-_.~+/%".contains(c);
    text.split(|c| !of_token(c)).find(|word| word.len() > LONGEST_WORD).map(str::to_owned)
}

/// What is wrong with a request of the library: it must read, except that it posts to the token and device code endpoints; it
/// carries its own id.
pub(crate) fn not_reading(entry: &LogEntry) -> Option<&'static str> {
    let posts_here = ["/oauth2/v2.0/token", "/oauth2/v2.0/devicecode"].iter().any(|end| entry.path.ends_with(end));
    let expected = if posts_here { "POST" } else { "GET" };
    let is_guid = |id: &String| id.len() == 36 && id.split('-').map(str::len).eq([8, 4, 4, 4, 12]);
    match () {
        () if entry.method != expected => Some("method"),
        () if entry.path.starts_with("/graph") && (entry.body_bytes > 0 || !entry.form.is_empty()) => Some("body"),
        () if ["cookie", "referer", "origin"].iter().any(|name| entry.headers.contains_key(*name)) => Some("header"),
        () if !entry.headers.get("client-request-id").is_some_and(is_guid) => Some("client-request-id"),
        () => None,
    }
}

mod tests {
    use super::*;
    use crate::rig::{Rig, redirect};
    use intail_office365::ConnectOptions;

    #[test]
    fn the_scanner_finds_what_is_planted() {
        for planted in [
            "token.refreshed adele@contoso.example",
            "Adele signed in",
            "eyJ0eXAiOiJKV1Qi",
            "code 1.AXkAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
            "key=dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
            "sub 33333333-dddd-4eee-8fff-444444444444",
        ] {
            assert!(secret_in(planted).is_some(), "{planted}");
        }
        let harmless = "token.refresh status=200 12ms client-request-id=0b5f6a9e-6a0b-4a2c-8d0e-5b1f3c2d4e6f [AADSTS65001]";
        assert_eq!(secret_in(harmless), None);
    }

    /// What really goes over the wire is recognised: the code, the state and the token of a sign-in are all found.
    #[test]
    fn the_scanner_finds_what_the_sandbox_issues() {
        let rig = Rig::new();
        let office = rig.open();
        let request = office.begin_connect(&ConnectOptions::default()).unwrap();
        let answer = redirect(crate::rig::MEGAN, &request.url);
        let account = office.complete_connect(&answer, None).unwrap();
        let token = account.acquire_token_silent().unwrap();
        for text in [&answer, &request.state, &request.url, &token.secret().to_owned(), &account.info().username.unwrap()] {
            assert!(secret_in(text).is_some(), "{text}");
        }
    }

    #[test]
    fn the_recorder_finds_a_write() {
        let rig = Rig::new();
        let get = rig.open().begin_connect(&ConnectOptions::default()).map(|_| rig.sent()).unwrap().remove(0);
        assert_eq!(not_reading(&get), None);
        let with = |change: fn(&mut LogEntry)| {
            let mut entry = get.clone();
            change(&mut entry);
            not_reading(&entry)
        };
        assert_eq!(with(|entry| entry.method = "POST".into()), Some("method"));
        assert_eq!(with(|entry| entry.path = "/graph/v1.0/me/sendMail".into()), None);
        assert_eq!(with(|entry| (entry.path, entry.method) = ("/graph/v1.0/me/sendMail".into(), "POST".into())), Some("method"));
        assert_eq!(with(|entry| (entry.path, entry.body_bytes) = ("/graph/v1.0/me".into(), 2)), Some("body"));
        assert_eq!(with(|entry| drop(entry.headers.insert("cookie".into(), "...".into()))), Some("header"));
        assert_eq!(with(|entry| drop(entry.headers.remove("client-request-id"))), Some("client-request-id"));
    }
}
