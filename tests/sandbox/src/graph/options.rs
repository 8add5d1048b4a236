//! What the query and the `Prefer` header of a request ask for, and the shape of a list (FACTS 8.10, 8.11).

use serde_json::{Map, Value, json};

use super::errors;
use crate::http::{Reply, Request};
use crate::identity::flow::Turn;

/// Items of a page where nothing else is asked for.
pub(crate) const PAGE: usize = 10;
const LARGEST: usize = 1_000;

/// A request that Graph refuses, with the code and the text it has for that.
#[derive(Debug)]
pub(crate) struct Refused(pub(crate) u16, pub(crate) &'static str, pub(crate) String);

impl Refused {
    pub(crate) fn reply(&self, turn: &mut Turn<'_>) -> Reply {
        errors::reply(turn, self.0, self.1, &self.2)
    }
}

/// A number of the query.
pub(crate) fn number(request: &Request, name: &str) -> Result<Option<usize>, Refused> {
    let Some(text) = request.query.value(name) else { return Ok(None) };
    let bad = || Refused(400, "BadRequest", format!("Invalid value '{text}' for the query option '{name}'."));
    text.parse().map(Some).map_err(|_| bad())
}

/// `$top`, from 1 to 1,000.
pub(crate) fn top(request: &Request) -> Result<usize, Refused> {
    match number(request, "$top")? {
        None => Ok(PAGE),
        Some(top) if (1..=LARGEST).contains(&top) => Ok(top),
        Some(_) => Err(Refused(400, "ErrorInvalidParameter", "The limit of '1000' for Top query has been exceeded.".to_owned())),
    }
}

/// The names of `$select`; `None` for all.
pub(crate) fn select(request: &Request, type_name: &str, known: &[&str]) -> Result<Option<Vec<String>>, Refused> {
    let Some(list) = request.query.value("$select") else { return Ok(None) };
    let names: Vec<String> = list.split(',').map(|name| name.trim().to_owned()).collect();
    match names.iter().find(|name| !known.contains(&name.as_str())) {
        None => Ok(Some(names)),
        Some(name) => {
            let message = format!("Could not find a property named '{name}' on type '{type_name}'.");
            Err(Refused(400, "RequestBroker--ParseUri", message))
        }
    }
}

/// The item with what was selected; `id` and what begins with `@` is always there.
pub(crate) fn pick(item: Value, selected: Option<&[String]>) -> Value {
    let (Some(selected), Value::Object(members)) = (selected, &item) else { return item };
    let keep = |name: &&String| *name == "id" || name.starts_with('@') || selected.contains(name);
    Value::Object(members.iter().filter(|(name, _)| keep(name)).map(|(name, value)| (name.clone(), value.clone())).collect())
}

/// Whether a preference was sent.
pub(crate) fn prefers(request: &Request, preference: &str) -> bool {
    preferences(request).any(|asked| asked.eq_ignore_ascii_case(preference))
}

/// The value of `name=value` or `name="value"` among the preferences.
pub(crate) fn preference(request: &Request, name: &str) -> Option<String> {
    preferences(request).find_map(|asked| Some(asked.strip_prefix(name)?.strip_prefix('=')?.trim_matches('"').to_owned()))
}

pub(crate) fn immutable_ids(request: &Request) -> bool {
    prefers(request, "IdType=\"ImmutableId\"")
}

fn preferences(request: &Request) -> impl Iterator<Item = &str> {
    let headers = request.headers.get_all("prefer").iter().filter_map(|value| value.to_str().ok());
    headers.flat_map(|value| value.split(',')).map(str::trim)
}

/// `items` of a list, `context` after `$metadata#`, and where it goes on.
pub(crate) fn list(turn: &mut Turn<'_>, context: &str, items: Vec<Value>, links: &[(&str, String)], count: Option<usize>) -> Reply {
    let mut body = Map::new();
    body.insert("@odata.context".to_owned(), json!(format!("{}/graph/v1.0/$metadata#{context}", turn.request.origin)));
    body.extend(count.map(|count| ("@odata.count".to_owned(), json!(count))));
    body.insert("value".to_owned(), Value::Array(items));
    body.extend(links.iter().map(|(name, link)| (format!("@odata.{name}"), json!(link))));
    let reply = errors::success(turn, &Value::Object(body));
    if immutable_ids(turn.request) { reply.with("preference-applied", "IdType=\"ImmutableId\"") } else { reply }
}

/// The address of the next page: this one with another `$skip`.
pub(crate) fn skipping(request: &Request, skip: usize) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(request.query.iter().filter(|(name, _)| *name != "$skip"));
    query.append_pair("$skip", &skip.to_string());
    format!("{}{}?{}", request.origin, encoded(&request.path), query.finish())
}

/// A path with its ids as Graph writes them in links.
pub(crate) fn encoded(path: &str) -> String {
    path.replace('=', "%3D")
}
