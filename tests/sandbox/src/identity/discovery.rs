//! Metadata: `OpenID` configuration, key set, instance discovery (FACTS 5).

use serde_json::json;
use url::Url;

use super::errors::{Ids, Problem};
use super::flow::{Turn, is_alias};
use super::keys::PERSONAL_TENANT;
use crate::http::Reply;

/// Recorded documents; only hosts and the tenant differ from the originals.
const ALIAS: &str = include_str!("../../data/discovery_common.json");
const TENANT: &str = include_str!("../../data/discovery_tenant.json");
const LOGIN_HOST: &str = "https://login.microsoftonline.com";
const RECORDED_TENANT: &str = "11111111-aaaa-4bbb-8ccc-222222222222";

/// `GET /{tenant}/v2.0/.well-known/openid-configuration`.
pub(crate) fn configuration(turn: &mut Turn<'_>, segment: &str) -> Reply {
    let origin = turn.request.origin.clone();
    let text = if is_alias(segment) {
        ALIAS.replace("/common/", &format!("/{segment}/"))
    } else if segment == "consumers" {
        ALIAS.replace("/common/", "/consumers/").replace("{tenantid}", PERSONAL_TENANT)
    } else if let Some(tenant) = turn.state.tenant(segment) {
        TENANT.replace(RECORDED_TENANT, &tenant.id)
    } else {
        return metadata_problem(turn, &Problem::new(90_002).about(segment));
    };
    let host = origin.split_once("://").map_or("", |(_, host)| host);
    let text = text
        .replace(LOGIN_HOST, &origin)
        .replace("https://graph.microsoft.com", &format!("{origin}/graph"))
        .replace("\"graph.microsoft.com\"", &format!("\"{host}\""));
    Reply::json(200, &serde_json::from_str(&text).unwrap_or_default()).replacing("cache-control", "max-age=86400")
}

/// `GET /{tenant}/discovery/v2.0/keys`.
pub(crate) fn keys(turn: &Turn<'_>) -> Reply {
    match &turn.state.keys.body_override {
        Some(body) => Reply { body: body.clone().into_bytes(), ..Reply::json(200, &json!(null)) },
        None => Reply::json(200, &turn.state.keys.document(&turn.request.origin)),
    }
    .replacing("cache-control", "max-age=86400")
}

/// `GET /common/discovery/instance`: whether we are the host of `authorization_endpoint`, and where its tenant is described.
pub(crate) fn instance(turn: &mut Turn<'_>) -> Reply {
    let origin = turn.request.origin.clone();
    let asked = turn.request.query.value("authorization_endpoint").and_then(|url| Url::parse(url).ok());
    let Some(asked) = asked.filter(|asked| is_ours(asked, &origin)) else {
        return metadata_problem(turn, &Problem::new(50_049));
    };
    let segment = asked.path_segments().and_then(|mut segments| segments.next());
    let tenant = segment.filter(|tenant| !tenant.is_empty()).unwrap_or("common");
    let host = origin.split_once("://").map_or("", |(_, host)| host);
    Reply::json(
        200,
        &json!({
            "tenant_discovery_endpoint": format!("{origin}/{tenant}/v2.0/.well-known/openid-configuration"),
            "api-version": "1.1",
            "metadata": [{ "preferred_network": host, "preferred_cache": host, "aliases": [host] }],
        }),
    )
}

/// Clients may leave the port out, as the real host has none.
fn is_ours(asked: &Url, origin: &str) -> bool {
    let Ok(ours) = Url::parse(origin) else { return false };
    asked.host_str() == ours.host_str() && (asked.port().is_none() || asked.port() == ours.port())
}

fn metadata_problem(turn: &mut Turn<'_>, problem: &Problem) -> Reply {
    let ids = Ids::new(turn.state, turn.request.header("client-request-id"));
    let reply = problem.reply(&turn.request.origin, &ids);
    if problem.code == 90_002 {
        let mut body: serde_json::Value = serde_json::from_slice(&reply.body).unwrap_or_default();
        if let Some(error) = body.get_mut("error") {
            *error = "invalid_tenant".into();
        }
        return Reply { body: body.to_string().into_bytes(), ..reply };
    }
    reply
}
