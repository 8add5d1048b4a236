//! Calendars, events, what happens in a span of time, and what changed there (FACTS 8.8).

use serde_json::{Value, json};

use super::access::{self, Refusal};
use super::errors;
use super::events;
use super::options::{self, Refused};
use crate::http::{Reply, Request};
use crate::identity::flow::Turn;
use crate::state::calendar::{CALENDARS, Calendar, Happening};
use crate::state::clock::parse_timestamp;

const SCOPES: [&str; 4] = ["Calendars.Read", "Calendars.ReadBasic", "Calendars.ReadWrite", "Calendars.Read.Shared"];
const ENTITY: &str = "Microsoft.OutlookServices.Event";
/// Days that a span may have.
const LONGEST: i64 = 1_825 * 86_400;
/// Items of a page of changes where no preference says otherwise.
const PAGE: usize = 50;

/// `/me/calendar...` and `/me/events...`.
pub(crate) fn handle(turn: &mut Turn<'_>, path: &[String]) -> Reply {
    let user = match reader(turn) {
        Ok(user) => user,
        Err(refusal) => return refusal.0,
    };
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    let (calendar, rest) = match path.as_slice() {
        ["calendars", id, rest @ ..] => (Some(*id), rest),
        ["calendar", rest @ ..] | rest => (None, rest),
    };
    let answer = match (path.as_slice(), rest) {
        (["calendars"], _) => calendars(turn, &user),
        (["calendars", _] | ["calendar"], _) => found(calendar).and_then(|calendar| one_calendar(turn, &user, calendar)),
        (_, ["events"]) => found(calendar).and_then(|calendar| list(turn, &user, calendar, path.len() > 1)),
        (_, ["events", id]) => one(turn, &user, id),
        (_, ["events", id, "instances"]) => instances(turn, &user, id),
        (_, ["calendarView"]) => found(calendar).and_then(|calendar| view(turn, &user, calendar)),
        (_, ["calendarView", "delta"]) => found(calendar).and_then(|calendar| delta(turn, &user, calendar)),
        _ => Err(Refused(400, "BadRequest", "Resource not found for the segment.".to_owned())),
    };
    answer.unwrap_or_else(|refused| refused.reply(turn))
}

fn reader(turn: &mut Turn<'_>) -> Result<String, Refusal> {
    let grant = access::authorize(turn, &SCOPES)?;
    let has_mailbox = |user: &crate::state::model::User| user.mailbox && !user.deleted && user.home_tenant == grant.tenant_id;
    if turn.state.user(&grant.user_name).is_some_and(has_mailbox) {
        return Ok(grant.user_name);
    }
    let message = "The mailbox is either inactive, soft-deleted, or is hosted on-premise.";
    Err(Refusal(errors::reply(turn, 404, "MailboxNotEnabledForRESTAPI", message)))
}

fn found(id: Option<&str>) -> Result<&'static Calendar, Refused> {
    events::calendar_of(id).ok_or_else(gone)
}

fn gone() -> Refused {
    Refused(404, "ErrorItemNotFound", "The specified object was not found in the store.".to_owned())
}

fn calendars(turn: &mut Turn<'_>, user: &str) -> Result<Reply, Refused> {
    let selected = options::select(turn.request, "Microsoft.OutlookServices.Calendar", &events::CALENDAR_PROPERTIES)?;
    options::top(turn.request)?;
    let items = CALENDARS.iter().map(|calendar| options::pick(events::calendar(calendar, user), selected.as_deref())).collect();
    Ok(options::list(turn, "users('me')/calendars", items, &[], None))
}

fn one_calendar(turn: &mut Turn<'_>, user: &str, calendar: &Calendar) -> Result<Reply, Refused> {
    let selected = options::select(turn.request, "Microsoft.OutlookServices.Calendar", &events::CALENDAR_PROPERTIES)?;
    let item = options::pick(events::calendar(calendar, user), selected.as_deref());
    Ok(errors::success(turn, &item))
}

/// Single events and series, never their occurrences.
fn list(turn: &mut Turn<'_>, user: &str, calendar: &Calendar, one_calendar: bool) -> Result<Reply, Refused> {
    let selected = options::select(turn.request, ENTITY, &events::PROPERTIES)?;
    let (from, until, text) = filter(turn.request)?;
    let descending = match turn.request.query.value("$orderby") {
        None | Some("start/dateTime" | "start/dateTime asc") => false,
        Some("start/dateTime desc") => true,
        Some(_) => return Err(bad_filter()),
    };
    let agenda = turn.state.agenda(user);
    let mut entries: Vec<_> = agenda
        .entries
        .iter()
        .filter(|entry| !one_calendar || entry.calendar == calendar.id)
        .filter(|entry| entry.start >= from && entry.start < until)
        .filter(|entry| text.as_ref().is_none_or(|text| entry.subject.to_lowercase().contains(text)))
        .collect();
    entries.sort_by_key(|entry| (entry.start, entry.number));
    if descending {
        entries.reverse();
    }
    let items: Vec<Value> = entries.into_iter().map(|entry| events::master(entry, user)).collect();
    page(turn, user, items, selected.as_deref())
}

fn one(turn: &mut Turn<'_>, user: &str, id: &str) -> Result<Reply, Refused> {
    let selected = options::select(turn.request, ENTITY, &events::PROPERTIES)?;
    let now = turn.state.now();
    let agenda = turn.state.agenda(user);
    let master = agenda.entries.iter().find(|entry| entry.id() == id).map(|entry| events::master(entry, user));
    let item = master.or_else(|| {
        let mut all = agenda.entries.iter().flat_map(|entry| entry.happenings(now - LONGEST, now + LONGEST));
        all.find(|happening| happening.id() == id).map(|happening| events::happening(&happening, user))
    });
    let item = options::pick(item.ok_or_else(gone)?, selected.as_deref());
    Ok(errors::success(turn, &item))
}

fn instances(turn: &mut Turn<'_>, user: &str, id: &str) -> Result<Reply, Refused> {
    let selected = options::select(turn.request, ENTITY, &events::PROPERTIES)?;
    let (from, until) = window(turn.request)?;
    let agenda = turn.state.agenda(user);
    let entry = agenda.entries.iter().find(|entry| entry.id() == id).ok_or_else(gone)?;
    let items = entry.happenings(from, until).iter().map(|happening| events::happening(happening, user)).collect();
    page(turn, user, items, selected.as_deref())
}

fn view(turn: &mut Turn<'_>, user: &str, calendar: &Calendar) -> Result<Reply, Refused> {
    let selected = options::select(turn.request, ENTITY, &events::PROPERTIES)?;
    if selected.iter().flatten().any(|name| name == "createdDateTime" || name == "lastModifiedDateTime") {
        return Err(Refused(400, "ErrorInvalidProperty", "The property is not selectable on a calendar view.".to_owned()));
    }
    let (from, until) = window(turn.request)?;
    let items =
        turn.state.agenda(user).view(calendar.id, from, until).iter().map(|happening| events::happening(happening, user)).collect();
    page(turn, user, items, selected.as_deref())
}

fn page(turn: &mut Turn<'_>, user: &str, items: Vec<Value>, selected: Option<&[String]>) -> Result<Reply, Refused> {
    let request = turn.request;
    let (top, skip) = (options::top(request)?, options::number(request, "$skip")?.unwrap_or_default());
    let count = (request.query.value("$count") == Some("true")).then_some(items.len());
    let next = (items.len() > skip.saturating_add(top)).then(|| options::skipping(request, skip.saturating_add(top)));
    let page = items.into_iter().skip(skip).take(top).map(|item| options::pick(item, selected)).collect();
    let links: Vec<(&str, String)> = turn.state.link(user, next).into_iter().map(|link| ("nextLink", link)).collect();
    Ok(options::list(turn, "users('me')/events", page, &links, count))
}

/// `startDateTime` and `endDateTime`; without an offset they are UTC.
fn window(request: &Request) -> Result<(i64, i64), Refused> {
    let missing = "This request requires a time window specified by the query string parameters StartDateTime and EndDateTime.";
    let bad = || Refused(400, "ErrorInvalidParameter", missing.to_owned());
    let time = |name: &str| {
        let text = request.query.value(name)?;
        parse_timestamp(text).or_else(|| parse_timestamp(&format!("{text}Z")))
    };
    let (from, until) = (time("startDateTime").ok_or_else(bad)?, time("endDateTime").ok_or_else(bad)?);
    if (1..=LONGEST).contains(&(until - from)) { Ok((from, until)) } else { Err(bad()) }
}

/// The conditions on start and subject that this library sends.
fn filter(request: &Request) -> Result<(i64, i64, Option<String>), Refused> {
    let (mut from, mut until, mut text) = (i64::MIN, i64::MAX, None);
    for clause in request.query.value("$filter").unwrap_or_default().split(" and ").filter(|clause| !clause.is_empty()) {
        let time = |quoted: &str| {
            let text = quoted.trim_matches('\'');
            parse_timestamp(text).or_else(|| parse_timestamp(&format!("{text}Z"))).ok_or_else(bad_filter)
        };
        if let Some(value) = clause.strip_prefix("start/dateTime ge ") {
            from = time(value)?;
        } else if let Some(value) = clause.strip_prefix("start/dateTime lt ") {
            until = time(value)?;
        } else if let Some(value) = clause.strip_prefix("contains(subject,'").and_then(|rest| rest.strip_suffix("')")) {
            text = Some(value.replace("''", "'").to_lowercase());
        } else {
            return Err(bad_filter());
        }
    }
    Ok((from, until, text))
}

fn bad_filter() -> Refused {
    Refused(400, "ErrorInvalidUrlQueryFilter", "The query filter contains one or more invalid nodes.".to_owned())
}

/// A token is `from.until.known.offset`: how much of the history is known (`all`: nothing), and how much of the round was sent.
fn delta(turn: &mut Turn<'_>, user: &str, calendar: &Calendar) -> Result<Reply, Refused> {
    let request = turn.request;
    if ["$select", "$filter", "$orderby", "$expand", "$search"].iter().any(|name| request.query.value(name).is_some()) {
        return Err(Refused(
            400,
            "ErrorInvalidUrlQuery",
            "The following parameters are not supported with change tracking.".to_owned(),
        ));
    }
    let bad = || Refused(400, "ErrorInvalidSyncStateData", "The sync state data is invalid.".to_owned());
    let token = request.query.value("$skiptoken").or_else(|| request.query.value("$deltatoken"));
    let is_new_round = request.query.value("$deltatoken").is_some();
    let size = options::preference(request, "odata.maxpagesize").and_then(|size| size.parse().ok()).unwrap_or(PAGE);
    let agenda = turn.state.agenda(user);
    if token.is_some() && std::mem::take(&mut agenda.gone) {
        let message = "The sync state generation is not found; generation=149;[highest=157][157][155][156].";
        return Ok(errors::reply(turn, 410, "SyncStateNotFound", message));
    }
    let (from, until, known, to, offset) = match token {
        None => {
            let (from, until) = window(request)?;
            (from, until, None, agenda.history.len(), 0)
        }
        Some(token) => {
            let parts: Vec<&str> = token.split('.').collect();
            let [from, until, known, to, offset] = parts.as_slice() else { return Err(bad()) };
            let number = |text: &str| text.parse::<usize>().map_err(|_| bad());
            let (from, until) = (from.parse().map_err(|_| bad())?, until.parse().map_err(|_| bad())?);
            let (to, offset) = (number(to)?, number(offset)?);
            let known = if *known == "all" { None } else { Some(number(known)?) };
            if is_new_round { (from, until, Some(to), agenda.history.len(), 0) } else { (from, until, known, to, offset) }
        }
    };
    let items: Vec<Value> = match known {
        None => agenda.view(calendar.id, from, until).iter().map(|happening| changed(happening, user)).collect(),
        Some(known) => {
            let history: Vec<(String, bool)> = agenda.history.iter().take(to).skip(known).cloned().collect();
            let view = agenda.view(calendar.id, from, until);
            history.iter().flat_map(|(id, is_gone)| changes(&view, id, *is_gone, user)).collect()
        }
    };
    let page = items.iter().skip(offset).take(size).cloned().collect();
    let offset = offset.saturating_add(size);
    let more = offset < items.len();
    let known = known.map_or("all".to_owned(), |known| known.to_string());
    let (kind, name) = if more { ("nextLink", "$skiptoken") } else { ("deltaLink", "$deltatoken") };
    let link =
        format!("{}{}?{name}={from}.{until}.{known}.{to}.{offset}", turn.request.origin, options::encoded(&turn.request.path));
    let link = turn.state.link(user, Some(link)).unwrap_or_default();
    Ok(options::list(turn, "Collection(event)", page, &[(kind, link)], None).with("preference-applied", "odata.track-changes"))
}

fn changed(happening: &Happening<'_>, user: &str) -> Value {
    let mut value = events::happening(happening, user);
    if let Value::Object(members) = &mut value {
        members.insert("@odata.type".to_owned(), json!("#microsoft.graph.event"));
    }
    value
}

/// What a change of an event or series means in a span. One that lies outside is told as gone, as Graph does.
fn changes(view: &[Happening<'_>], id: &str, is_gone: bool, user: &str) -> Vec<Value> {
    let here: Vec<Value> =
        view.iter().filter(|happening| happening.entry.id() == id).map(|happening| changed(happening, user)).collect();
    if is_gone || here.is_empty() {
        return vec![json!({ "@odata.type": "#microsoft.graph.event", "id": id, "@removed": { "reason": "deleted" } })];
    }
    here
}
