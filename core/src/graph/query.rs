//! Building blocks of queries: what a host writes becomes values, and never a part of the query language (case G-10).

use super::time;
use crate::{
    config::Cloud,
    error::{Detail, Error, Result},
};

/// The longest text of a condition, in characters.
const LONGEST_TEXT: usize = 255;
/// The longest id, in bytes; those of Outlook have about 150.
const LONGEST_ID: usize = 1024;
const LARGEST_PAGE: u32 = 1000;
pub(super) const DELTA_PAGE: &str = "odata.maxpagesize=";
/// Before all mail and all events.
const BEGINNING: &str = "1900-01-01T00:00:00Z";

/// What can be asked for: clouds know different properties, and permissions show different ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reach {
    pub(crate) cloud: Cloud,
    /// `Mail.Read` was granted, and not only `Mail.ReadBasic`.
    pub(crate) mail_text: bool,
}

/// A request of Graph: its path below the version and its query parameters, nothing of it encoded, and what it prefers (RFC 7240).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Listing {
    pub(crate) path: Vec<String>,
    pub(crate) parameters: Vec<(&'static str, String)>,
    pub(crate) preferences: Vec<String>,
}

impl Listing {
    pub(crate) fn new(path: Vec<String>, parameters: Vec<(&'static str, String)>) -> Self {
        Self { path, parameters, preferences: Vec::new() }
    }

    #[must_use]
    pub(crate) fn prefer(mut self, preference: String) -> Self {
        self.preferences.push(preference);
        self
    }
}

/// A `$filter`, all of whose conditions must hold.
#[derive(Debug)]
pub(crate) struct Filter {
    ordered_by: &'static str,
    quoted: bool,
    span: Vec<String>,
    others: Vec<String>,
}

impl Filter {
    /// For a list in the order of an instant.
    pub(crate) fn ordered_by(property: &'static str) -> Self {
        Self { ordered_by: property, quoted: false, span: Vec::new(), others: Vec::new() }
    }

    /// For a list in the order of an event's time, which is compared as text, in UTC.
    pub(crate) fn ordered_by_event_time(property: &'static str) -> Self {
        Self { quoted: true, ..Self::ordered_by(property) }
    }

    /// From and before, for what the list is ordered by.
    pub(crate) fn span(&mut self, from: Option<i64>, before: Option<i64>) -> Result<()> {
        self.span = conditions(self.ordered_by, from, before, self.quoted)?;
        Ok(())
    }

    /// From and before, for another instant.
    pub(crate) fn other_span(&mut self, property: &str, from: Option<i64>, before: Option<i64>) -> Result<()> {
        self.others.extend(conditions(property, from, before, false)?);
        Ok(())
    }

    pub(crate) fn is(&mut self, property: &str, value: bool) {
        self.add(format!("{property} eq {value}"));
    }

    /// `what` names the host's value in an error.
    pub(crate) fn equals(&mut self, property: &str, what: &'static str, value: &str) -> Result<()> {
        self.add(format!("{property} eq {}", literal(what, value)?));
        Ok(())
    }

    pub(crate) fn contains(&mut self, property: &str, what: &'static str, value: &str) -> Result<()> {
        self.add(format!("contains({property},{})", literal(what, value)?));
        Ok(())
    }

    pub(crate) fn add(&mut self, condition: String) {
        self.others.push(condition);
    }

    /// The parameter, if there is a condition. What the list is ordered by stands first, even if all of it is let through: Graph
    /// refuses the query otherwise.
    pub(crate) fn parameter(mut self) -> Option<(&'static str, String)> {
        if self.span.is_empty() && self.others.is_empty() {
            return None;
        }
        if self.span.is_empty() {
            self.span.push(format!("{} ge {}", self.ordered_by, instant(BEGINNING, self.quoted)));
        }
        self.span.append(&mut self.others);
        Some(("$filter", self.span.join(" and ")))
    }
}

fn conditions(property: &str, from: Option<i64>, before: Option<i64>, quoted: bool) -> Result<Vec<String>> {
    if let (Some(from), Some(before)) = (from, before)
        && from >= before
    {
        return Err(not_possible("empty_span"));
    }
    let mut conditions = Vec::new();
    for (operator, unix) in [("ge", from), ("lt", before)] {
        if let Some(unix) = unix {
            conditions.push(format!("{property} {operator} {}", instant(&date(unix)?, quoted)));
        }
    }
    Ok(conditions)
}

/// A text in single quotes has no zone; one without quotes has.
fn instant(written: &str, quoted: bool) -> String {
    if quoted { format!("'{}'", written.trim_end_matches('Z')) } else { written.to_owned() }
}

/// An instant as Graph reads it.
pub(crate) fn date(unix: i64) -> Result<String> {
    time::written(unix).ok_or_else(|| not_possible("date"))
}

/// `$top`.
pub(crate) fn page_size(items: u32) -> Result<String> {
    if (1..=LARGEST_PAGE).contains(&items) { Ok(items.to_string()) } else { Err(not_possible("page_size")) }
}

/// How long a page of a delta may be; there it is said in a header (FACTS 8.7).
pub(crate) fn delta_page_size(items: u32) -> Result<String> {
    page_size(items).map(|items| format!("{DELTA_PAGE}{items}"))
}

/// `$select`.
pub(crate) fn select(names: impl Iterator<Item = &'static str>) -> String {
    std::iter::once("id").chain(names.filter(|name| !name.is_empty())).collect::<Vec<_>>().join(",")
}

/// An id, or a well-known name in its place. Those of Graph are made of letters, digits and a few marks; a text with any other character,
/// or one that names a function of Graph, could lead to another resource (case G-09).
pub(crate) fn id(text: &str) -> Result<String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_=+.~!".contains(&byte);
    let functions = ["delta", "microsoft.graph.delta"];
    let fits = !text.is_empty()
        && text.len() <= LONGEST_ID
        && text.bytes().all(plain)
        && text.bytes().any(|byte| byte.is_ascii_alphanumeric())
        && !functions.iter().any(|function| function.eq_ignore_ascii_case(text));
    if fits { Ok(text.to_owned()) } else { Err(Detail::InvalidId.into()) }
}

/// A host's text: not empty, bounded, and without control characters.
pub(crate) fn text<'a>(what: &'static str, text: &'a str) -> Result<&'a str> {
    let fits = !text.trim().is_empty() && text.chars().count() <= LONGEST_TEXT && !text.chars().any(char::is_control);
    if fits { Ok(text) } else { Err(not_possible(what)) }
}

/// A text in single quotes, those inside of it doubled.
fn literal(what: &'static str, value: &str) -> Result<String> {
    Ok(format!("'{}'", text(what, value)?.replace('\'', "''")))
}

/// The error for a query that the service would refuse; `reason` says what is wrong with it.
pub(crate) fn not_possible(reason: &'static str) -> Error {
    Detail::QueryNotPossible.about(reason)
}

#[cfg(test)]
mod tests;
