//! The successful answer of the token endpoint (FACTS 2.2), and the ways a test may bend it.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::authorize::client_info;
use super::flow::Turn;
use super::id_token;
use super::scopes::{full_name, is_openid};
use crate::http::Reply;
use crate::state::model::Platform;
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
    /// For a refresh, when the refresh token that was used had been issued.
    pub(crate) carried_from: Option<i64>,
}

/// Issues tokens and remembers them.
pub(crate) fn tokens(turn: &mut Turn<'_>, grant: Grant, wanted: &Wanted) -> Reply {
    let grant = Grant { cae: wanted.cae, ..grant };
    let settings = turn.state.settings.clone();
    let mut body = access(turn, &grant, wanted, &settings);
    let again = wanted.carried_from.is_some() && settings.omit_refresh_token_on_refresh;
    if wanted.scopes.contains("offline_access") && !again {
        let token = refresh_token(turn, &grant, wanted);
        body.insert("refresh_token".into(), token.into());
    }
    if wanted.scopes.contains("openid") {
        let token = id_token::issue(turn, &grant, &wanted.scopes);
        body.insert("id_token".into(), token.into());
    }
    if wanted.client_info
        && let Some(user) = turn.state.user(&grant.user_name)
    {
        body.insert("client_info".into(), client_info(user).into());
    }
    bend(&mut body, &settings);
    Reply::json(200, &Value::Object(body))
}

/// The access token and what the answer says about it.
fn access(turn: &mut Turn<'_>, grant: &Grant, wanted: &Wanted, settings: &TokenSettings) -> Map<String, Value> {
    let lifetime = lifetime(turn, settings, wanted.cae);
    let scope = answered_scope(turn, grant, wanted, settings);
    let token = access_token(turn, grant, wanted, lifetime);
    let stated = settings.expires_in.clone();
    let refresh_in = wanted.cae.then(|| json!(lifetime / 2));
    let mut body = Map::new();
    body.insert("token_type".into(), "Bearer".into());
    body.insert("scope".into(), scope.into());
    body.insert("expires_in".into(), stated.unwrap_or(json!(lifetime)));
    body.insert("ext_expires_in".into(), json!(lifetime));
    if let Some(refresh_in) = settings.refresh_in.clone().or(refresh_in) {
        body.insert("refresh_in".into(), refresh_in);
    }
    body.insert("access_token".into(), token.into());
    body
}

fn bend(body: &mut Map<String, Value>, settings: &TokenSettings) {
    for name in &settings.remove {
        body.remove(name);
    }
    body.extend(settings.merge.clone());
}

fn lifetime(turn: &mut Turn<'_>, settings: &TokenSettings, cae: bool) -> i64 {
    let random = i64::try_from(turn.state.random.between(3_600, 5_400)).unwrap_or(3_600);
    settings.lifetime.unwrap_or(if cae { CAE_LIFETIME } else { random })
}

/// Everything granted for the resource, not only what was asked for; `offline_access` is not among it.
fn answered_scope(turn: &mut Turn<'_>, grant: &Grant, wanted: &Wanted, settings: &TokenSettings) -> String {
    let mut scopes = effective(turn, grant, wanted);
    scopes.remove("offline_access");
    scopes.extend(settings.extra_scopes.iter().cloned());
    scopes.retain(|scope| !settings.drop_scopes.contains(scope));
    let mut names: Vec<String> = if settings.full_scope_names {
        scopes.iter().map(|scope| full_name(scope)).collect()
    } else {
        scopes.into_iter().collect()
    };
    if settings.shuffle_scopes {
        names.sort_by_cached_key(|_| turn.state.random.block());
    }
    names.join(" ")
}

/// The scopes a token carries: those granted for Graph, and the `OpenID` ones asked for.
fn effective(turn: &Turn<'_>, grant: &Grant, wanted: &Wanted) -> BTreeSet<String> {
    let tenant = turn.state.tenant(&grant.tenant_id);
    let granted = tenant.map(|tenant| tenant.granted_to(&grant.user_name)).unwrap_or_default();
    let resource = wanted.scopes.iter().any(|scope| !is_openid(scope));
    let asked = wanted.scopes.iter().cloned();
    asked.chain(granted.into_iter().filter(|scope| resource && !is_openid(scope))).collect()
}

fn access_token(turn: &mut Turn<'_>, grant: &Grant, wanted: &Wanted, lifetime: i64) -> String {
    let token = turn.state.random.token("EwB", 8);
    let record = AccessToken {
        grant: Grant { scopes: effective(turn, grant, wanted), ..grant.clone() },
        expires_at: turn.state.now().saturating_add(lifetime),
        issued: turn.state.next_event(),
    };
    turn.state.access_tokens.insert(token.clone(), record);
    token
}

/// Each use gives a new ninety days, except to a single-page application: its day is carried over.
fn refresh_token(turn: &mut Turn<'_>, grant: &Grant, wanted: &Wanted) -> String {
    let now = turn.state.now();
    let carried = wanted.carried_from.filter(|_| grant.platform == Platform::Spa);
    let token = turn.state.random.token("1.AXkA", 8);
    let record = RefreshToken { grant: grant.clone(), issued_at: carried.unwrap_or(now), used: false };
    turn.state.refresh_tokens.insert(token.clone(), record);
    token
}
