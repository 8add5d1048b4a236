//! Sign-out ends the browser's session and leaves every refresh token alive (FACTS 7).

use super::authorize::registered;
use super::flow::Turn;
use crate::http::Reply;
use crate::pages;
use crate::state::session::COOKIE;

/// `GET` or `POST /{tenant}/oauth2/v2.0/logout`.
pub(crate) fn handle(turn: &mut Turn<'_>) -> Reply {
    let id = turn.session().id;
    turn.state.sessions.remove(&id);
    let target = turn.request.parameter("post_logout_redirect_uri");
    let reply = match target.filter(|uri| registered(&turn.state.app, uri).is_some()) {
        Some(uri) => Reply::redirect(302, uri),
        None => Reply::html(200, pages::error::signed_out()),
    };
    reply.with("set-cookie", &format!("{COOKIE}=; Path=/; HttpOnly; Max-Age=0"))
}
