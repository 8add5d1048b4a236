//! Microsoft Graph v1.0: who may ask, how it says no, and one file per resource.

pub(crate) mod access;
pub(crate) mod calendar;
pub(crate) mod delta;
pub(crate) mod errors;
pub(crate) mod events;
pub(crate) mod filter;
pub(crate) mod mail;
pub(crate) mod me;
pub(crate) mod options;
pub(crate) mod photo;

use crate::http::Reply;
use crate::identity::flow::Turn;

/// `/graph/v1.0/...`.
pub(crate) fn handle(turn: &mut Turn<'_>, path: &[&str]) -> Reply {
    if turn.request.method != http::Method::GET {
        return errors::reply(turn, 405, "Request_BadRequest", "Specified HTTP method is not allowed for the request target.");
    }
    let path = parts(path);
    match path.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["me"] => me::profile(turn),
        ["me", "photo" | "photos", ..] => photo::handle(turn, path.get(1..).unwrap_or_default()),
        ["me", "calendar" | "calendars" | "calendarView" | "events", ..] => {
            calendar::handle(turn, path.get(1..).unwrap_or_default())
        }
        ["me", "messages" | "mailFolders", ..] => mail::handle(turn, path.get(1..).unwrap_or_default()),
        _ => errors::reply(turn, 404, "ResourceNotFound", "Resource not found for the segment."),
    }
}

/// The path, decoded: `mailFolders('x')` and `mailFolders/x` are the same to Graph.
fn parts(path: &[&str]) -> Vec<String> {
    let mut parts = Vec::new();
    for segment in path {
        let decoded: String = percent_encoding::percent_decode_str(segment).decode_utf8_lossy().into_owned();
        match decoded.strip_suffix("')").and_then(|rest| rest.split_once("('")) {
            Some((name, key)) => parts.extend([name.to_owned(), key.replace("''", "'")]),
            None => parts.push(decoded.strip_suffix("()").unwrap_or(&decoded).to_owned()),
        }
    }
    parts
}
