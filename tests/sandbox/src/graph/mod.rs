//! Microsoft Graph v1.0: who may ask, how it says no, and one file per resource.

pub(crate) mod access;
pub(crate) mod errors;
pub(crate) mod me;

use crate::http::Reply;
use crate::identity::flow::Turn;

/// `/graph/v1.0/...`.
pub(crate) fn handle(turn: &mut Turn<'_>, path: &[&str]) -> Reply {
    if turn.request.method != http::Method::GET {
        return errors::reply(turn, 405, "Request_BadRequest", "Specified HTTP method is not allowed for the request target.");
    }
    match path {
        ["me"] => me::profile(turn),
        _ => errors::reply(turn, 404, "ResourceNotFound", "Resource not found for the segment."),
    }
}
