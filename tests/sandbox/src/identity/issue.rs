//! The successful answer of the token endpoint (FACTS 2.2), and the ways a test may bend it.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::authorize::client_info;
use super::flow::Turn;
use super::id_token;
use super::scopes::{full_name, is_openid};
use crate::http::Reply;
use crate::state::settings::TokenSettings;
use crate::state::tokens::{AccessToken, Grant, RefreshToken};

/// Lifetime of an access token under continuous access evaluation.
const CAE_LIFETIME: i64 = 86_399;

/// What a token request asks for.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    pub(crate) scopes: BTreeSet<String>,
    pub(crate) client_info: bool,
    pub(crate) cae: bool,
    /// A refresh, not a first answer.
    pub(crate) refreshed: bool,
}

/// Issues tokens and remembers them.
pub(crate) fn tokens(turn: &mut Turn<'_>, grant: Grant, wanted: &Wanted) -> Reply {
    let grant = Grant {
        cae: wanted.cae,
        ..grant
    };
    let settings = turn.state.settings.clone();
    let lifetime = lifetime(turn, &settings, wanted.cae);
    let mut body = Map::new();
    body.insert("token_type".into(), "Bearer".into());
    body.insert(
        "scope".into(),
        answered_scope(turn, &grant, wanted, &settings).into(),
    );
    body.insert(
        "expires_in".into(),
        settings
            .expires_in
            .clone()
            .unwrap_or_else(|| json!(lifetime)),
    );
    body.insert("ext_expires_in".into(), json!(lifetime));
    if let Some(refresh_in) = settings
        .refresh_in
        .clone()
        .or_else(|| wanted.cae.then(|| json!(lifetime / 2)))
    {
        body.insert("refresh_in".into(), refresh_in);
    }
    body.insert(
        "access_token".into(),
        access_token(turn, &grant, wanted, lifetime).into(),
    );
    let again = wanted.refreshed && settings.omit_refresh_token_on_refresh;
    if wanted.scopes.contains("offline_access") && !again {
        body.insert("refresh_token".into(), refresh_token(turn, &grant).into());
    }
    if wanted.scopes.contains("openid") {
        body.insert(
            "id_token".into(),
            id_token::issue(turn, &grant, &wanted.scopes).into(),
        );
    }
    if wanted.client_info
        && let Some(user) = turn.state.user(&grant.user_name)
    {
        body.insert("client_info".into(), client_info(user).into());
    }
    bend(&mut body, &settings);
    Reply::json(200, &Value::Object(body))
}

fn bend(body: &mut Map<String, Value>, settings: &TokenSettings) {
    for name in &settings.remove {
        body.remove(name);
    }
    body.extend(settings.merge.clone());
}

fn lifetime(turn: &mut Turn<'_>, settings: &TokenSettings, cae: bool) -> i64 {
    let random = i64::try_from(turn.state.random.between(3_600, 5_400)).unwrap_or(3_600);
    settings
        .lifetime
        .unwrap_or(if cae { CAE_LIFETIME } else { random })
}

/// Everything granted for the resource, not only what was asked for; `offline_access` is not among it.
fn answered_scope(
    turn: &Turn<'_>,
    grant: &Grant,
    wanted: &Wanted,
    settings: &TokenSettings,
) -> String {
    let mut scopes = effective(turn, grant, wanted);
    scopes.remove("offline_access");
    scopes.extend(settings.extra_scopes.iter().cloned());
    scopes.retain(|scope| !settings.drop_scopes.contains(scope));
    let name = |scope: &String| {
        if settings.full_scope_names {
            full_name(scope)
        } else {
            scope.clone()
        }
    };
    scopes.iter().map(name).collect::<Vec<_>>().join(" ")
}

/// The scopes a token carries: those granted for Graph, and the `OpenID` ones asked for.
fn effective(turn: &Turn<'_>, grant: &Grant, wanted: &Wanted) -> BTreeSet<String> {
    let tenant = turn.state.tenant(&grant.tenant_id);
    let granted = tenant
        .map(|tenant| tenant.granted_to(&grant.user_name))
        .unwrap_or_default();
    let resource = wanted.scopes.iter().any(|scope| !is_openid(scope));
    let asked = wanted.scopes.iter().cloned();
    asked
        .chain(
            granted
                .into_iter()
                .filter(|scope| resource && !is_openid(scope)),
        )
        .collect()
}

fn access_token(turn: &mut Turn<'_>, grant: &Grant, wanted: &Wanted, lifetime: i64) -> String {
    let token = turn.state.random.token("EwB", 8);
    let record = AccessToken {
        grant: Grant {
            scopes: effective(turn, grant, wanted),
            ..grant.clone()
        },
        expires_at: turn.state.now().saturating_add(lifetime),
        issued: turn.state.next_event(),
    };
    turn.state.access_tokens.insert(token.clone(), record);
    token
}

fn refresh_token(turn: &mut Turn<'_>, grant: &Grant) -> String {
    let token = turn.state.random.token("1.AXkA", 8);
    let record = RefreshToken {
        grant: grant.clone(),
        issued_at: turn.state.now(),
        used: false,
    };
    turn.state.refresh_tokens.insert(token.clone(), record);
    token
}
