//! Faults by name: answers that a healthy Microsoft 365 would not give.

use std::collections::BTreeMap;
use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::http::{Reply, Request};

/// Where a fault strikes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Endpoint {
    /// `/oauth2/v2.0/token`.
    Token,
    /// `/.well-known/openid-configuration` and instance discovery.
    Discovery,
    /// The key set.
    Keys,
    /// `/oauth2/v2.0/authorize`.
    Authorize,
    /// `/oauth2/v2.0/devicecode`.
    DeviceCode,
    /// Graph's `/me`.
    Me,
    /// Any Graph path.
    Graph,
}

/// One fault. Members that are left out change nothing.
///
/// With `status`, `body` or `redirect` the endpoint is not run and this is the answer, unless `processed` is set:
/// then the endpoint does its work first (a refresh token rotates) and its answer is thrown away.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Fault {
    /// Its name in the log.
    pub name: String,
    /// Where; everywhere but the control interface when absent.
    pub endpoint: Option<Endpoint>,
    /// Only requests with these form fields or query parameters (`{"grant_type": "refresh_token"}`).
    pub when: BTreeMap<String, String>,
    /// How many requests it meets; every one when absent.
    pub times: Option<u32>,
    /// How many matching requests pass unharmed first.
    pub skip: u32,
    /// Status of the answer.
    pub status: Option<u16>,
    /// Headers set in the answer.
    pub headers: BTreeMap<String, String>,
    /// Body of the answer: a JSON string is sent as it is, anything else as JSON.
    pub body: Option<Value>,
    /// Redirects there, with `status` or 302.
    pub redirect: Option<String>,
    /// The endpoint does its work before its answer is replaced or lost.
    pub processed: bool,
    /// Waits so many milliseconds before answering.
    pub delay_ms: u64,
    /// Sends so many bytes of the body, then cuts the connection.
    pub cut_after: Option<usize>,
    /// Resets the connection without an answer.
    pub reset: bool,
    /// Sends the body compressed, whether asked for or not.
    pub gzip: bool,
    /// Pads the body with spaces to so many bytes (before compression: a bomb).
    pub pad_to: Option<usize>,
}

impl Fault {
    /// A fault of that name at an endpoint, to be filled in with struct update syntax.
    pub fn at(endpoint: Endpoint, name: &str) -> Fault {
        Fault { name: name.to_owned(), endpoint: Some(endpoint), ..Fault::default() }
    }

    /// The token endpoint answers an OAuth error in Microsoft's shape.
    pub fn token_error(error: &str, suberror: Option<&str>, codes: &[u32], claims: Option<&str>) -> Fault {
        let first = codes.first().copied().unwrap_or_default();
        let mut body = json!({
            "error": error,
            "error_description": format!("AADSTS{first}: Scripted by the sandbox."),
            "error_codes": codes,
            "timestamp": "2026-08-20 10:15:30Z",
            "trace_id": "7c0f3f0e-1c1d-4f6b-9a53-0d7d5a1b0e00",
            "correlation_id": "0b5f6a9e-6a0b-4a2c-8d0e-5b1f3c2d4e6f",
        });
        if let Some(members) = body.as_object_mut() {
            members.extend(suberror.map(|text| ("suberror".to_owned(), text.into())));
            members.extend(claims.map(|text| ("claims".to_owned(), text.into())));
        }
        Fault { status: Some(400), body: Some(body), ..Fault::at(Endpoint::Token, "token_error") }
    }

    /// Only so many times.
    #[must_use]
    pub fn times(self, times: u32) -> Fault {
        Fault { times: Some(times), ..self }
    }

    /// Whether the endpoint is run at all.
    pub(crate) fn runs_endpoint(&self) -> bool {
        self.processed || !(self.reset || self.replaces())
    }

    fn replaces(&self) -> bool {
        self.status.is_some() || self.body.is_some() || self.redirect.is_some()
    }

    fn matches(&self, request: &Request) -> bool {
        let here = endpoints(request);
        self.endpoint.map_or(!here.is_empty() || !request.path.starts_with("/_control"), |at| here.contains(&at))
            && self.when.iter().all(|(name, value)| request.parameter(name) == Some(value))
    }

    /// The answer under this fault; `reply` is the endpoint's own, if it was run.
    pub(crate) fn bend(&self, reply: Option<Reply>) -> Reply {
        let mut reply = match reply {
            Some(reply) if !self.replaces() => reply,
            _ => self.replacement(),
        };
        if let Some(size) = self.pad_to {
            reply.body.resize(reply.body.len().max(size), b' ');
        }
        if self.gzip {
            reply.body = compressed(&reply.body);
            reply = reply.replacing("content-encoding", "gzip");
        }
        for (name, value) in &self.headers {
            reply = reply.replacing(name, value);
        }
        reply
    }

    fn replacement(&self) -> Reply {
        if let Some(target) = &self.redirect {
            return Reply::redirect(self.status.unwrap_or(302), target);
        }
        let status = self.status.unwrap_or(200);
        match &self.body {
            Some(Value::String(text)) => Reply::text(status, text),
            Some(body) => Reply::json(status, body),
            None => Reply::text(status, ""),
        }
    }
}

/// The faults in force.
#[derive(Debug, Default)]
pub(crate) struct Faults(Vec<Fault>);

impl Faults {
    pub(crate) fn add(&mut self, fault: Fault) {
        self.0.push(fault);
    }

    /// Removes the faults of that name, or all of them.
    pub(crate) fn clear(&mut self, name: Option<&str>) {
        self.0.retain(|fault| name.is_some_and(|name| fault.name != name));
    }

    pub(crate) fn list(&self) -> &[Fault] {
        &self.0
    }

    /// The first fault that meets this request; counts down.
    pub(crate) fn take(&mut self, request: &Request) -> Option<Fault> {
        let position = self.0.iter_mut().position(|fault| {
            let meets = fault.matches(request) && fault.times != Some(0);
            if meets && fault.skip > 0 {
                fault.skip -= 1;
                return false;
            }
            meets
        })?;
        let fault = self.0.get_mut(position)?;
        fault.times = fault.times.map(|times| times.saturating_sub(1));
        let met = fault.clone();
        self.0.retain(|fault| fault.times != Some(0));
        Some(met)
    }
}

/// What a path is, for matching.
fn endpoints(request: &Request) -> Vec<Endpoint> {
    match request.segments().as_slice() {
        [_, "oauth2", "v2.0", "token"] => vec![Endpoint::Token],
        [_, "oauth2", "v2.0", "authorize"] => vec![Endpoint::Authorize],
        [_, "oauth2", "v2.0", "devicecode"] => vec![Endpoint::DeviceCode],
        [_, "v2.0", ".well-known", "openid-configuration"] | [_, "discovery", "instance"] => {
            vec![Endpoint::Discovery]
        }
        [_, "discovery", "v2.0", "keys"] => vec![Endpoint::Keys],
        ["graph", "v1.0", "me"] => vec![Endpoint::Me, Endpoint::Graph],
        ["graph", ..] => vec![Endpoint::Graph],
        _ => Vec::new(),
    }
}

fn compressed(body: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(body).and_then(|()| encoder.finish()).unwrap_or_default()
}
