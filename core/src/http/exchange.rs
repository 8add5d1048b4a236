//! One exchange with a service of Microsoft: the request with an id of its own, the answer bounded and judged, and a record of both.

use super::{AllowedUrl, Header, IDENTITY_LIMIT, Method, Request, Response, Transport};
use crate::{
    clock::Deadline,
    error::{Detail, Error, Result},
    guid,
    log::{Log, LogLevel},
};
use std::time::{Instant, UNIX_EPOCH};

/// How a service is reached.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Endpoint<'a> {
    pub(crate) transport: &'a dyn Transport,
    pub(crate) log: &'a Log,
    pub(crate) deadline: Deadline,
}

/// What is asked for.
#[derive(Debug)]
pub(crate) struct Question<'a> {
    /// The name in the log.
    pub(crate) event: &'static str,
    pub(crate) method: Method,
    pub(crate) url: &'a AllowedUrl,
    /// Beside `accept` and `client-request-id`.
    pub(crate) headers: Vec<Header>,
    pub(crate) limit: usize,
}

/// The ids of one exchange, for support.
#[derive(Clone, Debug, Default)]
pub(crate) struct RequestIds {
    pub(crate) client: Option<String>,
    pub(crate) service: Option<String>,
}

impl RequestIds {
    /// An error of this exchange; one that already names its own request keeps it.
    pub(crate) fn mark(&self, error: Error) -> Error {
        if error.client_request_id().is_some() { error } else { error.with_request_ids(self.service.clone(), self.client.clone()) }
    }
}

impl Endpoint<'_> {
    /// Asks the identity platform. Any status but a redirect is an answer.
    pub(crate) fn send(&self, event: &'static str, method: Method, url: &AllowedUrl) -> Result<(Response, RequestIds)> {
        let headers = vec![Header::new("return-client-request-id", "true")];
        self.exchange(Question { event, method, url, headers, limit: IDENTITY_LIMIT }, |response| {
            if response.is_redirect() { Err(Detail::TokenEndpointRedirected.into()) } else { Ok(response) }
        })
    }

    /// Asks once. What `judge` makes of the answer is what is recorded; an error carries the ids of the exchange.
    pub(crate) fn exchange(
        &self,
        question: Question<'_>,
        judge: impl FnOnce(Response) -> Result<Response>,
    ) -> Result<(Response, RequestIds)> {
        let started = Instant::now();
        let client = guid::random()?;
        let mut headers = vec![Header::new("accept", "application/json"), Header::new("client-request-id", client.as_str())];
        headers.extend(question.headers);
        let Question { event, method, limit, .. } = question;
        let request = Request { method, url: question.url.clone(), headers, limit, deadline: self.deadline };
        let answer = self.transport.send(&request);
        let status = answer.as_ref().ok().map(|response| response.status.into());
        let ids = RequestIds { client: Some(client), service: answer.as_ref().ok().and_then(service_id) };
        let answer = answer.and_then(judge).map_err(|error| ids.mark(error));
        self.log.write(LogLevel::Debug, event, |record| {
            record.status = status;
            record.detail = answer.as_ref().err().map(Error::detail);
            record.duration_ms = u32::try_from(started.elapsed().as_millis()).ok();
            record.client_request_id.clone_from(&ids.client);
            record.request_id.clone_from(&ids.service);
        });
        answer.map(|response| (response, ids))
    }
}

/// The service's own id of a request: the identity platform's header, then Graph's. It is kept only if it looks like an id.
fn service_id(response: &Response) -> Option<String> {
    let text = response.header("x-ms-request-id").or_else(|| response.header("request-id"))?;
    guid::is_guid(text).then(|| text.to_ascii_lowercase())
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

/// The time of the server, Unix seconds.
pub(crate) fn date(response: &Response) -> Option<i64> {
    let date = httpdate::parse_http_date(response.header("date")?).ok()?;
    i64::try_from(date.duration_since(UNIX_EPOCH).ok()?.as_secs()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

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
