//! One request to the identity platform: with its id, logged, bounded, and with its failure classified.

use crate::{
    clock::Deadline,
    error::{Detail, Error, Result},
    http::{AllowedUrl, Header, IDENTITY_LIMIT, Method, Request, Response, Transport},
    log::{Log, LogLevel},
};
use std::{
    sync::{Mutex, PoisonError},
    time::Instant,
};

/// How the identity platform is reached.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Endpoint<'a> {
    pub(crate) transport: &'a dyn Transport,
    pub(crate) log: &'a Log,
    pub(crate) deadline: Deadline,
}

/// The ids of one exchange, for support.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ids {
    pub(crate) client: Option<String>,
    pub(crate) service: Option<String>,
}

impl Ids {
    /// An error of this exchange; one that already names its own request keeps it.
    pub(crate) fn mark(&self, error: Error) -> Error {
        if error.client_request_id().is_some() { error } else { error.with_request_ids(self.service.clone(), self.client.clone()) }
    }
}

impl Endpoint<'_> {
    /// Sends one request. Any status but a redirect is an answer.
    pub(crate) fn send(&self, event: &'static str, method: Method, url: &AllowedUrl) -> Result<(Response, Ids)> {
        let (answer, ids) = self.exchange(event, method, url)?;
        Ok((answer?, ids))
    }

    fn exchange(&self, event: &'static str, method: Method, url: &AllowedUrl) -> Result<(Result<Response>, Ids)> {
        let started = Instant::now();
        let mut ids = Ids { client: Some(request_id()?), service: None };
        let mut headers = vec![Header::new("accept", "application/json"), Header::new("return-client-request-id", "true")];
        headers.extend(ids.client.iter().map(|id| Header::new("client-request-id", id.as_str())));
        let request = Request { method, url: url.clone(), headers, limit: IDENTITY_LIMIT, deadline: self.deadline };
        let answer = self.transport.send(&request);
        if let Ok(response) = &answer {
            ids.service = response.header("x-ms-request-id").or(response.header("request-id")).and_then(guid);
        }
        let answer = answer.and_then(refuse_redirect).map_err(|error| ids.mark(error));
        self.log.write(LogLevel::Debug, event, |record| {
            record.status = answer.as_ref().ok().map(|response| response.status.into());
            record.detail = answer.as_ref().err().map(Error::detail);
            record.duration_ms = u32::try_from(started.elapsed().as_millis()).ok();
            record.client_request_id.clone_from(&ids.client);
            record.request_id.clone_from(&ids.service);
        });
        Ok((answer, ids))
    }
}

/// The same way for the key cache, which knows of neither log nor ids: what it fetches is recorded like everything else.
#[derive(Debug)]
pub(crate) struct KeysTransport<'a> {
    endpoint: Endpoint<'a>,
    last: Mutex<Ids>,
}

impl<'a> KeysTransport<'a> {
    pub(crate) fn new(endpoint: Endpoint<'a>) -> Self {
        Self { endpoint, last: Mutex::default() }
    }

    /// The ids of the last fetch, for the error that came of it.
    pub(crate) fn mark(&self, error: Error) -> Error {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).mark(error)
    }
}

impl Transport for KeysTransport<'_> {
    fn send(&self, request: &Request) -> Result<Response> {
        let endpoint = Endpoint { deadline: request.deadline, ..self.endpoint };
        let (answer, ids) = endpoint.exchange("keys", Method::Get, &request.url)?;
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = ids;
        answer
    }
}

fn refuse_redirect(response: Response) -> Result<Response> {
    if response.is_redirect() { Err(Detail::TokenEndpointRedirected.into()) } else { Ok(response) }
}

/// An id that a server gave is kept only if it looks like one.
pub(crate) fn guid(text: &str) -> Option<String> {
    crate::config::is_guid(text).then(|| text.to_ascii_lowercase())
}

/// A random GUID (version 4) for `client-request-id`.
pub(crate) fn request_id() -> Result<String> {
    let mut bytes = [0_u8; 16];
    getrandom::fill(&mut bytes).map_err(|_| Error::from(Detail::Internal).with_what("random"))?;
    let number =
        u128::from_be_bytes(bytes) & !(0xf000_u128 << 64) & !(0xc000_u128 << 48) | (0x4000_u128 << 64) | (0x8000_u128 << 48);
    let hex = format!("{number:032x}");
    let parts = [hex.get(..8), hex.get(8..12), hex.get(12..16), hex.get(16..20), hex.get(20..)];
    Ok(parts.into_iter().flatten().collect::<Vec<_>>().join("-"))
}

/// Longest pause that a server can ask for.
const LONGEST_PAUSE: u32 = 24 * 3600;

/// Seconds of a `Retry-After` header: whole or fractional seconds (FACTS 9.2), rounded up, or a date (RFC 9110 section 10.2.3)
/// measured against the answer's own `Date`, so that no clock of ours matters. At most a day.
pub(crate) fn retry_after(response: &Response) -> Option<u32> {
    let text = response.header("retry-after")?.trim();
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        let (until, now) = (httpdate::parse_http_date(text).ok()?, httpdate::parse_http_date(response.header("date")?).ok()?);
        let seconds = until.duration_since(now).map_or(0, |pause| pause.as_secs());
        return Some(u32::try_from(seconds).unwrap_or(LONGEST_PAUSE).min(LONGEST_PAUSE));
    }
    let whole = text.split('.').next()?.parse::<u32>().ok()?;
    let fraction = text.split_once('.').is_some_and(|(_, rest)| rest.bytes().any(|byte| byte != b'0'));
    Some(whole.saturating_add(fraction.into()).min(LONGEST_PAUSE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn request_ids_are_guids_of_version_4() {
        for _ in 0..100 {
            let id = request_id().unwrap();
            assert!(crate::config::is_guid(&id) && id.as_bytes()[14] == b'4' && b"89ab".contains(&id.as_bytes()[19]), "{id}");
        }
    }

    #[test]
    fn g_17_pauses_asked_for() {
        let ask = |value: &str| {
            let date = ("date".into(), "Wed, 21 Oct 2026 07:28:00 GMT".into());
            retry_after(&Response {
                status: 429,
                headers: vec![("retry-after".into(), value.into()), date],
                body: Vec::new().into(),
            })
        };
        for (value, seconds) in [
            ("0", Some(0)),
            ("120", Some(120)),
            ("2.128", Some(3)),
            ("2.0", Some(2)),
            ("86400", Some(86400)),
            ("999999", Some(86400)),
            ("Wed, 21 Oct 2026 07:30:00 GMT", Some(120)),
            ("Wednesday, 21-Oct-26 07:30:00 GMT", Some(120)),
            ("Wed Oct 21 07:30:00 2026", Some(120)),
            ("Wed, 21 Oct 2026 07:00:00 GMT", Some(0)),
            ("Wed, 21 Oct 2099 07:00:00 GMT", Some(86400)),
        ] {
            assert_eq!(ask(value), seconds, "{value}");
        }
        for value in ["", "-5", "1e20", "abc", "Wed, 99 Oct 2026 07:28:00 GMT", "99999999999999"] {
            assert_eq!(ask(value), None, "{value}");
        }
    }
}
