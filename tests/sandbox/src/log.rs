//! The request log: what reached the sandbox, without a single secret in it.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

use crate::http::{Fields, Request};

/// Requests kept; the oldest go first.
const CAPACITY: usize = 20_000;

/// Parameters whose values are kept. Everything else is kept by name only.
const OPEN_PARAMETERS: [&str; 22] = [
    "$filter",
    "$orderby",
    "$select",
    "$top",
    "claims",
    "client-request-id",
    "client_id",
    "client_info",
    "code_challenge",
    "code_challenge_method",
    "domain_hint",
    "grant_type",
    "login_hint",
    "nonce",
    "post_logout_redirect_uri",
    "prompt",
    "redirect_uri",
    "response_mode",
    "response_type",
    "scope",
    "state",
    "x-client-SKU",
];

/// Headers whose values are kept. `authorization` is kept as its scheme.
const OPEN_HEADERS: [&str; 16] = [
    "accept",
    "accept-encoding",
    "accept-language",
    "client-request-id",
    "content-type",
    "host",
    "origin",
    "prefer",
    "return-client-request-id",
    "sdkversion",
    "sec-fetch-site",
    "user-agent",
    "x-app-name",
    "x-app-ver",
    "x-client-sku",
    "x-ms-lib-capability",
];

/// One request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogEntry {
    /// Counts from 1 since the start or the last reset.
    pub seq: u64,
    /// Unix seconds by the sandbox's clock.
    pub time: i64,
    /// `http` or `https`.
    pub scheme: String,
    /// HTTP method.
    pub method: String,
    /// Path without the query.
    pub path: String,
    /// Query parameters: name, and the value where it is no secret.
    pub query: Vec<LoggedField>,
    /// Form fields: name, and the value where it is no secret.
    pub form: Vec<LoggedField>,
    /// Headers by lower-case name; secret values are `"..."`.
    pub headers: BTreeMap<String, String>,
    /// Size of the body in bytes.
    pub body_bytes: usize,
    /// Status of the answer; 0 while it is under way or when the connection was reset.
    pub status: u16,
    /// Name of the fault that met the request.
    pub fault: Option<String>,
}

/// A parameter in the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoggedField {
    /// Its name.
    pub name: String,
    /// Its value, where it is no secret.
    pub value: Option<String>,
}

impl LogEntry {
    /// The open value of a form field or query parameter.
    pub fn value(&self, name: &str) -> Option<&str> {
        let mut fields = self.form.iter().chain(&self.query);
        fields.find(|field| field.name == name).and_then(|field| field.value.as_deref())
    }

    /// Whether a form field or query parameter was sent, secret or not.
    pub fn has(&self, name: &str) -> bool {
        self.form.iter().chain(&self.query).any(|field| field.name == name)
    }
}

/// The requests so far.
#[derive(Debug, Default)]
pub(crate) struct Log {
    entries: VecDeque<LogEntry>,
    last: u64,
}

impl Log {
    /// Notes a request before it is answered.
    pub(crate) fn begin(&mut self, request: &Request, time: i64, fault: Option<String>) -> u64 {
        self.last = self.last.saturating_add(1);
        if self.entries.len() >= CAPACITY {
            self.entries.pop_front();
        }
        self.entries.push_back(LogEntry {
            seq: self.last,
            time,
            scheme: request.origin.split(':').next().unwrap_or_default().to_owned(),
            method: request.method.to_string(),
            path: request.path.clone(),
            query: fields(&request.query),
            form: fields(&request.form),
            headers: headers(request),
            body_bytes: request.body.len(),
            status: 0,
            fault,
        });
        self.last
    }

    /// Notes the status of the answer.
    pub(crate) fn finish(&mut self, seq: u64, status: u16) {
        if let Some(entry) = self.entries.iter_mut().rev().find(|entry| entry.seq == seq) {
            entry.status = status;
        }
    }

    pub(crate) fn entries(&self) -> Vec<LogEntry> {
        self.entries.iter().cloned().collect()
    }

    pub(crate) fn clear(&mut self) {
        self.entries.clear();
    }
}

fn fields(fields: &Fields) -> Vec<LoggedField> {
    let logged = |(name, value): (&str, &str)| LoggedField {
        name: name.to_owned(),
        value: OPEN_PARAMETERS.contains(&name).then(|| value.to_owned()),
    };
    fields.iter().map(logged).collect()
}

fn headers(request: &Request) -> BTreeMap<String, String> {
    let logged = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
        let text = value.to_str().unwrap_or_default();
        let shown = match name.as_str() {
            "authorization" => text.split(' ').next().unwrap_or_default(),
            open if OPEN_HEADERS.contains(&open) => text,
            _ => "...",
        };
        (name.as_str().to_owned(), shown.to_owned())
    };
    request.headers.iter().map(logged).collect()
}
