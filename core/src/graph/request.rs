//! The one way to Graph.

use crate::{
    error::{Detail, Error, Result},
    http::{AllowedUrl, Endpoint, Header, Method, Origin, Question, Response, retry_after},
    secret::Secret,
};
use serde::Deserialize;

/// The largest page of Graph, after decompression.
const PAGE_LIMIT: usize = 16 * 1024 * 1024;

/// A GET on Graph. There is no other kind of request: the type has no method, no body and no header that could make it one.
#[derive(Debug)]
pub(crate) struct ReadOnlyRequest {
    url: AllowedUrl,
}

impl ReadOnlyRequest {
    /// Names a resource of Graph v1.0 by its path segments; each is encoded whole and cannot leave its place.
    pub(crate) fn resource(graph: &Origin, segments: &[&str]) -> Self {
        let path: Vec<&str> = std::iter::once("v1.0").chain(segments.iter().copied()).collect();
        Self { url: graph.join(&path) }
    }

    /// Sends it once. Only a success is an answer; everything else is an error with the service's code and ids.
    pub(crate) fn send(&self, endpoint: &Endpoint<'_>, token: &Secret) -> Result<Response> {
        let header = Header::new("authorization", format!("Bearer {}", token.expose()));
        let question = Question { event: "graph.get", method: Method::Get, url: &self.url, header, limit: PAGE_LIMIT };
        endpoint.exchange(question, classify).map(|(response, _)| response)
    }
}

#[derive(Deserialize)]
struct ErrorBody {
    error: ErrorCode,
}

#[derive(Deserialize)]
struct ErrorCode {
    code: String,
}

fn classify(response: Response) -> Result<Response> {
    let detail = match response.status {
        200 if response.is_json() => return Ok(response),
        300..=399 => Detail::RedirectRefused,
        401 => Detail::ReauthRequired,
        403 => Detail::AccessDenied,
        429 => Detail::Throttled,
        500..=599 => Detail::ServiceUnavailable,
        _ => Detail::UnexpectedResponse,
    };
    let code = serde_json::from_slice::<ErrorBody>(&response.body).ok().map(|body| body.error.code);
    let code =
        code.filter(|code| code.len() <= 100 && code.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._".contains(&byte)));
    Err(Error::from(detail).with_service_code(code).with_retry_after(retry_after(&response)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn g_11_there_is_no_way_to_write() {
        let graph = Origin::parse("https://graph.microsoft.com").unwrap();
        let request = ReadOnlyRequest::resource(&graph, &["me", "../sendMail", "a?b"]);
        assert_eq!(request.url.as_str(), "https://graph.microsoft.com/v1.0/me/..%2FsendMail/a%3Fb");
    }

    #[test]
    fn errors_carry_the_services_code() {
        let body = br#"{"error":{"code":"MailboxNotEnabledForRESTAPI","message":"needle"}}"#.to_vec();
        let error = classify(Response { status: 403, headers: Vec::new(), body: body.into() }).unwrap_err();
        assert_eq!((error.cause(), error.service_code()), (Detail::AccessDenied, Some("MailboxNotEnabledForRESTAPI")));
        assert!(!error.to_string().contains("needle"));
    }
}
