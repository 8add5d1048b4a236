//! `GET /me` (FACTS 8.2).

use serde_json::{Map, Value, json};

use super::{access, errors};
use crate::http::Reply;
use crate::identity::flow::Turn;
use crate::state::model::User;

/// Default properties, in Graph's order.
const DEFAULT: [&str; 11] = [
    "businessPhones",
    "displayName",
    "givenName",
    "jobTitle",
    "mail",
    "mobilePhone",
    "officeLocation",
    "preferredLanguage",
    "surname",
    "userPrincipalName",
    "id",
];

/// The signed-in person's profile.
pub(crate) fn profile(turn: &mut Turn<'_>) -> Reply {
    let grant = match access::authorize(turn, &["User.Read", "User.ReadBasic.All", "User.Read.All"]) {
        Ok(grant) => grant,
        Err(refusal) => return refusal.0,
    };
    let Some(user) = turn.state.user(&grant.user_name).filter(|user| !user.deleted) else {
        return errors::reply(turn, 404, "Request_ResourceNotFound", "Resource does not exist.");
    };
    let all = properties(user, &grant.tenant_id);
    let selected = turn.request.query.value("$select").map(str::to_owned);
    let names: Vec<String> = match &selected {
        Some(list) => list.split(',').map(|name| name.trim().to_owned()).collect(),
        None => DEFAULT.iter().map(ToString::to_string).collect(),
    };
    let base = format!("{}/graph/v1.0/$metadata#users", turn.request.origin);
    let context = selected.map_or(format!("{base}/$entity"), |list| format!("{base}({list})/$entity"));
    let mut body = Map::from_iter([("@odata.context".to_owned(), json!(context))]);
    for name in names {
        let Some(value) = all.get(&name) else {
            let message = format!("Could not find a property named '{name}' on type 'microsoft.graph.user'.");
            return errors::reply(turn, 400, "BadRequest", &message);
        };
        body.insert(name, value.clone());
    }
    errors::success(turn, &Value::Object(body))
}

fn properties(user: &User, tenant_id: &str) -> Map<String, Value> {
    let members = json!({
        "businessPhones": [],
        "displayName": user.display_name,
        "givenName": user.given_name,
        "jobTitle": user.job_title,
        "mail": user.mail,
        "mobilePhone": null,
        "officeLocation": user.office,
        "preferredLanguage": "en-US",
        "surname": user.surname,
        "userPrincipalName": user.user_name,
        "id": user.object_id(tenant_id),
        "accountEnabled": !user.disabled,
        "userType": if user.home_tenant == tenant_id { "Member" } else { "Guest" },
    });
    match members {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}
