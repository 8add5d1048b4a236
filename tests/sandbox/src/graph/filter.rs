//! `$filter` and `$orderby` of messages: the forms that Outlook takes and this library sends, and the rule between the two (FACTS 8.5).

use super::options::Refused;
use crate::state::clock::parse_timestamp;
use crate::state::mailbox::Mail;

/// One condition; all must hold.
#[derive(Debug, PartialEq, Eq)]
enum Condition {
    Received(Order, i64),
    Sent(Order, i64),
    Read(bool),
    Draft(bool),
    Attachments(bool),
    Importance(String),
    Flagged(bool),
    From(String),
    SubjectContains(String),
    SubjectStarts(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    Equal,
    Least,
    More,
    Most,
    Less,
}

/// A filter that was understood.
#[derive(Debug, Default)]
pub(crate) struct Filter {
    conditions: Vec<Condition>,
    /// The properties in the order in which they stand.
    properties: Vec<String>,
}

impl Filter {
    pub(crate) fn parse(text: Option<&str>) -> Result<Filter, Refused> {
        let mut filter = Filter::default();
        for clause in text.map(clauses).unwrap_or_default() {
            let bad =
                || Refused(400, "ErrorInvalidUrlQueryFilter", "The query filter contains one or more invalid nodes.".to_owned());
            let (property, condition) = condition(&clause).ok_or_else(bad)?;
            filter.properties.push(property);
            filter.conditions.push(condition);
        }
        Ok(filter)
    }

    pub(crate) fn holds(&self, mail: &Mail) -> bool {
        self.conditions.iter().all(|condition| match condition {
            Condition::Received(order, at) => compares(*order, mail.received_at, *at),
            Condition::Sent(order, at) => compares(*order, mail.received_at - 2, *at),
            Condition::Read(read) => mail.is_read == *read,
            Condition::Draft(draft) => mail.is_draft() == *draft,
            Condition::Attachments(has) => mail.has_attachments() == *has,
            Condition::Importance(importance) => mail.importance() == importance,
            Condition::Flagged(flagged) => mail.is_flagged() == *flagged,
            Condition::From(address) => mail.from().is_some_and(|(_, from)| from.eq_ignore_ascii_case(address)),
            Condition::SubjectContains(text) => mail.subject.to_lowercase().contains(&text.to_lowercase()),
            Condition::SubjectStarts(text) => mail.subject.to_lowercase().starts_with(&text.to_lowercase()),
        })
    }

    /// Whether the newest come first. What is sorted by must stand in the filter too, first and in the same order.
    pub(crate) fn newest_first(&self, order: Option<&str>) -> Result<bool, Refused> {
        let Some(order) = order else { return Ok(true) };
        let inefficient =
            || Refused(400, "InefficientFilter", "The restriction or sort order is too complex for this operation.".to_owned());
        let (property, direction) = order.split_once(' ').unwrap_or((order, "asc"));
        let fits = self.properties.is_empty() || self.properties.first().is_some_and(|first| first == property);
        match (property, direction) {
            ("receivedDateTime" | "sentDateTime", "asc" | "desc") if fits => Ok(direction == "desc"),
            _ => Err(inefficient()),
        }
    }
}

fn compares(order: Order, left: i64, right: i64) -> bool {
    match order {
        Order::Equal => left == right,
        Order::Least => left >= right,
        Order::More => left > right,
        Order::Most => left <= right,
        Order::Less => left < right,
    }
}

/// The clauses between ` and `, which may stand in a quoted text too.
fn clauses(text: &str) -> Vec<String> {
    let (mut found, mut clause, mut quoted) = (Vec::new(), String::new(), false);
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        if !quoted && let Some(after) = rest.strip_prefix(" and ") {
            found.push(std::mem::take(&mut clause));
            rest = after;
            continue;
        }
        quoted ^= next == '\'';
        clause.push(next);
        rest = rest.get(next.len_utf8()..).unwrap_or_default();
    }
    found.push(clause);
    found
}

fn condition(clause: &str) -> Option<(String, Condition)> {
    for (function, make) in [
        ("contains(", Condition::SubjectContains as fn(String) -> Condition),
        ("startswith(", Condition::SubjectStarts as fn(String) -> Condition),
    ] {
        if let Some(rest) = clause.strip_prefix(function) {
            let (property, text) = rest.strip_suffix(')')?.split_once(',')?;
            let condition = make(text_of(text.trim())?);
            return (property == "subject").then(|| (property.to_owned(), condition));
        }
    }
    let mut words = clause.splitn(3, ' ');
    let (property, order, value) = (words.next()?, words.next()?, words.next()?);
    let order = match order {
        "eq" => Order::Equal,
        "ge" => Order::Least,
        "gt" => Order::More,
        "le" => Order::Most,
        "lt" => Order::Less,
        "ne" if property == "flag/flagStatus" => {
            return (text_of(value)? == "flagged").then(|| (property.to_owned(), Condition::Flagged(false)));
        }
        _ => return None,
    };
    let equal = |condition: Condition| (order == Order::Equal).then_some(condition);
    let switch = || value.parse::<bool>().ok();
    let condition = match property {
        "receivedDateTime" => Condition::Received(order, parse_timestamp(value)?),
        "sentDateTime" => Condition::Sent(order, parse_timestamp(value)?),
        "isRead" => equal(Condition::Read(switch()?))?,
        "isDraft" => equal(Condition::Draft(switch()?))?,
        "hasAttachments" => equal(Condition::Attachments(switch()?))?,
        "importance" => equal(Condition::Importance(text_of(value)?))?,
        "flag/flagStatus" => equal(Condition::Flagged(text_of(value)? == "flagged"))?,
        "from/emailAddress/address" => equal(Condition::From(text_of(value)?))?,
        _ => return None,
    };
    Some((property.to_owned(), condition))
}

/// A quoted text; a quote in it is written twice.
fn text_of(quoted: &str) -> Option<String> {
    let inner = quoted.strip_prefix('\'')?.strip_suffix('\'')?;
    let single = inner.replace("''", "");
    (!single.contains('\'')).then(|| inner.replace("''", "'"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_are_read_and_nothing_else_is() {
        let filter = Filter::parse(Some(
            "receivedDateTime ge 2026-08-20T10:15:30Z and isRead eq false and contains(subject,'it''s and more') and from/emailAddress/address eq 'o''b@x'",
        ));
        let filter = filter.unwrap();
        assert_eq!(filter.conditions.len(), 4);
        assert_eq!(filter.conditions.get(2), Some(&Condition::SubjectContains("it's and more".to_owned())));
        for text in [
            "isRead eq maybe",
            "body/content eq 'x'",
            "contains(body,'x')",
            "isRead eq true or isRead eq false",
            "subject eq 'a' b'",
            "",
        ] {
            assert!(Filter::parse(Some(text)).is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_sorted_by_must_be_filtered_by_first() {
        let newest = |filter: Option<&str>, order: &str| Filter::parse(filter).unwrap().newest_first(Some(order)).ok();
        assert_eq!(newest(None, "receivedDateTime desc"), Some(true));
        assert_eq!(newest(Some("isRead eq true"), "receivedDateTime desc"), None);
        assert_eq!(
            newest(Some("receivedDateTime ge 2026-01-01T00:00:00Z and isRead eq true"), "receivedDateTime asc"),
            Some(false)
        );
        assert_eq!(newest(Some("isRead eq true and receivedDateTime ge 2026-01-01T00:00:00Z"), "receivedDateTime asc"), None);
    }
}
