//! Graph's answers: the headers all of them have, and the error body (FACTS 9.1, 10).

use serde_json::{Value, json};

use crate::http::Reply;
use crate::identity::flow::Turn;
use crate::state::clock::graph_timestamp;

const CONTENT_TYPE: &str = "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8";
const DIAGNOSTIC: &str =
    r#"{"ServerInfo":{"DataCenter":"Sandbox","Slice":"E","Ring":"1","ScaleUnit":"000","RoleInstance":"SANDBOX"}}"#;

/// An error.
pub(crate) fn reply(turn: &mut Turn<'_>, status: u16, code: &str, message: &str) -> Reply {
    let request_id = turn.state.random.guid();
    let client_request_id = client_request_id(turn, &request_id);
    let body = json!({ "error": {
        "code": code,
        "message": message,
        "innerError": {
            "date": graph_timestamp(turn.state.now()),
            "request-id": request_id,
            "client-request-id": client_request_id,
        },
    }});
    headers(Reply::json(status, &body).replacing("content-type", "application/json"), &request_id, &client_request_id)
}

/// A good answer.
pub(crate) fn success(turn: &mut Turn<'_>, body: &Value) -> Reply {
    let request_id = turn.state.random.guid();
    let client_request_id = client_request_id(turn, &request_id);
    headers(Reply::json(200, body).replacing("content-type", CONTENT_TYPE), &request_id, &client_request_id)
}

fn client_request_id(turn: &Turn<'_>, request_id: &str) -> String {
    turn.request.header("client-request-id").unwrap_or(request_id).to_owned()
}

fn headers(reply: Reply, request_id: &str, client_request_id: &str) -> Reply {
    reply
        .with("request-id", request_id)
        .with("client-request-id", client_request_id)
        .with("x-ms-ags-diagnostic", DIAGNOSTIC)
        .with("vary", "Accept-Encoding")
}
