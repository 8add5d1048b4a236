//! What an answer of Graph means: the status first, then the code, whose spelling differs by workload (FACTS 9.1).

use super::challenge::{self, Challenge};
use crate::{
    error::{Detail, Error, Result},
    http::{Response, retry_after},
};
use serde::Deserialize;

/// A request that did not succeed.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) error: Error,
    pub(crate) remedy: Remedy,
}

/// What may help at once, without anybody but us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Remedy {
    Nothing,
    /// Another token.
    Token(Challenge),
    /// The same request, after so many seconds if the service named them.
    Later(Option<u32>),
    /// The same for fewer items: it took too long to collect them (FACTS 9.1).
    SmallerPage(Option<u32>),
}

impl From<Error> for Failure {
    /// A failure before there was an answer.
    fn from(error: Error) -> Self {
        let may_pass = matches!(error.cause(), Detail::NetworkInterrupted | Detail::NetworkUnavailable);
        Self { error, remedy: if may_pass { Remedy::Later(None) } else { Remedy::Nothing } }
    }
}

/// What an answer has to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expected {
    Json,
    Image,
}

/// Only a success of the expected kind is an answer; everything else is an error with the service's code.
pub(crate) fn judge(response: Response, expected: Expected) -> std::result::Result<Response, Failure> {
    if response.status == 200 && is_expected(&response, expected) {
        return Ok(response);
    }
    let codes = codes(&response.body);
    let remedy = remedy(&response, &codes);
    let detail = match &remedy {
        Remedy::Token(Challenge::Token) => Detail::ReauthRequired,
        Remedy::Token(Challenge::Claims(_)) => Detail::InteractionRequired,
        Remedy::Token(Challenge::Unreadable) => Detail::ClaimsChallengeInvalid,
        Remedy::Later(_) if is_throttled(&response, &codes) => Detail::Throttled,
        Remedy::Later(_) | Remedy::SmallerPage(_) => Detail::ServiceUnavailable,
        Remedy::Nothing => detail(response.status, &codes),
    };
    let pause = match remedy {
        Remedy::Later(pause) | Remedy::SmallerPage(pause) => pause,
        Remedy::Nothing | Remedy::Token(_) => None,
    };
    let code = codes.into_iter().next();
    Err(Failure { error: Error::from(detail).with_service_code(code).with_retry_after(pause), remedy })
}

fn is_expected(response: &Response, expected: Expected) -> bool {
    match expected {
        Expected::Json => response.is_json(),
        Expected::Image => response.media_type().starts_with("image/"),
    }
}

fn remedy(response: &Response, codes: &[String]) -> Remedy {
    match response.status {
        401 => Remedy::Token(challenge::read(response)),
        // Conditional access asks for more in this way too (FACTS 6).
        403 => match challenge::read(response) {
            Challenge::Token if is_throttled(response, codes) => Remedy::Later(retry_after(response)),
            Challenge::Token => Remedy::Nothing,
            claims => Remedy::Token(claims),
        },
        504 => Remedy::SmallerPage(retry_after(response)),
        429 | 500 | 502 | 503 | 509 => Remedy::Later(retry_after(response)),
        _ => Remedy::Nothing,
    }
}

fn is_throttled(response: &Response, codes: &[String]) -> bool {
    matches!(response.status, 429 | 509)
        || has(codes, &["TooManyRequests", "ApplicationThrottled", "activityLimitReached", "ErrorServerBusy"])
}

/// For an answer that nothing of ours can better.
fn detail(status: u16, codes: &[String]) -> Detail {
    match status {
        300..=399 => Detail::RedirectRefused,
        400 | 410 if has(codes, &["ErrorInvalidSyncStateData", "SyncStateNotFound", "resyncRequired"]) => Detail::DeltaExpired,
        400 if has(codes, &["ErrorInvalidIdMalformed"]) => Detail::InvalidId,
        410 => Detail::DeltaExpired,
        403 => Detail::AccessDenied,
        404 if has(codes, &["MailboxNotEnabledForRESTAPI", "MailboxNotSupportedForRESTAPI", "ErrorNonExistentMailbox"]) => {
            Detail::MailboxMissing
        }
        404 => Detail::ItemNotFound,
        400 | 405..=409 | 411..=417 | 501 => Detail::RequestRefused,
        _ => Detail::UnexpectedResponse,
    }
}

fn has(codes: &[String], known: &[&str]) -> bool {
    codes.iter().any(|code| known.iter().any(|known| code.eq_ignore_ascii_case(known)))
}

#[derive(Deserialize)]
struct Body {
    error: Level,
}

/// One level of an error; deeper levels are more specific. Their name is written in two ways.
#[derive(Deserialize)]
struct Level {
    code: Option<String>,
    #[serde(alias = "innererror", rename = "innerError")]
    inner: Option<Box<Level>>,
}

/// Levels of an error that are read.
const DEEPEST: usize = 8;

/// The codes of an error body, the outermost first.
fn codes(body: &[u8]) -> Vec<String> {
    let mut level = serde_json::from_slice::<Body>(body).ok().map(|body| body.error);
    let mut codes = Vec::new();
    while let Some(Level { code, inner }) = level.filter(|_| codes.len() < DEEPEST) {
        codes.extend(code.filter(|code| is_code(code)));
        level = inner.map(|inner| *inner);
    }
    codes
}

fn is_code(text: &str) -> bool {
    !text.is_empty() && text.len() <= 100 && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
}

/// The answer's text.
pub(crate) fn text(response: &Response) -> Result<&str> {
    std::str::from_utf8(&response.body).map_err(|_| Detail::UnexpectedResponse.about("utf-8"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, headers: &[(&str, &str)], body: &str) -> Response {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Response { status, headers, body: body.as_bytes().to_vec().into() }
    }

    fn failure(status: u16, code: &str) -> Failure {
        let body = format!("{{\"error\":{{\"code\":\"{code}\",\"message\":\"needle\"}}}}");
        judge(answer(status, &[("content-type", "application/json")], &body), Expected::Json).unwrap_err()
    }

    /// Every row of the facts' table: the status and the code as the service writes them.
    #[test]
    fn every_known_code_has_a_cause() {
        for (status, code, detail) in [
            (400, "ErrorInvalidIdMalformed", Detail::InvalidId),
            (400, "InefficientFilter", Detail::RequestRefused),
            (400, "ErrorInvalidUrlQueryFilter", Detail::RequestRefused),
            (400, "BadRequest", Detail::RequestRefused),
            (400, "RequestBroker--ParseUri", Detail::RequestRefused),
            (400, "ErrorInvalidSyncStateData", Detail::DeltaExpired),
            (401, "InvalidAuthenticationToken", Detail::ReauthRequired),
            (403, "ErrorAccessDenied", Detail::AccessDenied),
            (403, "Authorization_RequestDenied", Detail::AccessDenied),
            (403, "accessDenied", Detail::AccessDenied),
            (403, "activityLimitReached", Detail::Throttled),
            (404, "ErrorItemNotFound", Detail::ItemNotFound),
            (404, "itemNotFound", Detail::ItemNotFound),
            (404, "ErrorFolderNotFound", Detail::ItemNotFound),
            (404, "ImageNotFound", Detail::ItemNotFound),
            (404, "ErrorNonExistentMailbox", Detail::MailboxMissing),
            (404, "MailboxNotEnabledForRESTAPI", Detail::MailboxMissing),
            (404, "mailboxnotenabledforrestapi", Detail::MailboxMissing),
            (404, "Request_ResourceNotFound", Detail::ItemNotFound),
            (410, "SyncStateNotFound", Detail::DeltaExpired),
            (410, "syncStateNotFound", Detail::DeltaExpired),
            (410, "anything", Detail::DeltaExpired),
            (429, "TooManyRequests", Detail::Throttled),
            (429, "ApplicationThrottled", Detail::Throttled),
            (500, "ErrorInternalServerTransientError", Detail::ServiceUnavailable),
            (502, "UnknownError", Detail::ServiceUnavailable),
            (503, "serviceNotAvailable", Detail::ServiceUnavailable),
            (504, "UnknownError", Detail::ServiceUnavailable),
            (501, "NotImplemented", Detail::RequestRefused),
            (509, "x", Detail::Throttled),
            (302, "x", Detail::RedirectRefused),
            (204, "x", Detail::UnexpectedResponse),
            (418, "x", Detail::UnexpectedResponse),
        ] {
            let failure = failure(status, code);
            assert_eq!((failure.error.cause(), failure.error.service_code()), (detail, Some(code)), "{status}");
            assert!(!failure.error.to_string().contains("needle"));
        }
    }

    #[test]
    fn g_15_more_is_asked_for_with_a_403() {
        let header = "Bearer error=\"insufficient_claims\", claims=\"eyJhIjoxfQ==\"";
        let failure = judge(answer(403, &[("www-authenticate", header)], ""), Expected::Json).unwrap_err();
        assert_eq!(failure.remedy, Remedy::Token(Challenge::Claims("{\"a\":1}".to_owned())));
        assert_eq!(super::tests::failure(403, "ErrorAccessDenied").remedy, Remedy::Nothing);
    }

    #[test]
    fn the_deepest_code_counts_too() {
        let body = r#"{"error":{"code":"badRequest","innererror":{"code":"SyncStateNotFound","date":"x"}}}"#;
        let failure = judge(answer(400, &[], body), Expected::Json).unwrap_err();
        assert_eq!((failure.error.cause(), failure.error.service_code()), (Detail::DeltaExpired, Some("badRequest")));
        let body = r#"{"error":{"code":"x","innerError":{"requestId":"1","innerError":{"code":"MailboxNotEnabledForRESTAPI"}}}}"#;
        assert_eq!(judge(answer(404, &[], body), Expected::Json).unwrap_err().error.cause(), Detail::MailboxMissing);
    }

    /// G-19: something in between answers; an empty answer is no empty mailbox.
    #[test]
    fn g_19_a_success_that_is_none() {
        for (content_type, body) in [("text/html", "<html>Sign in to the hotel</html>"), ("", ""), ("text/plain", "{}")] {
            let failure = judge(answer(200, &[("content-type", content_type)], body), Expected::Json).unwrap_err();
            assert_eq!((failure.error.cause(), failure.remedy), (Detail::UnexpectedResponse, Remedy::Nothing));
        }
        assert!(judge(answer(200, &[("content-type", "application/json;odata.metadata=minimal")], "{}"), Expected::Json).is_ok());
        assert!(judge(answer(200, &[("content-type", "image/jpeg")], "x"), Expected::Image).is_ok());
        assert!(judge(answer(200, &[("content-type", "application/json")], "{}"), Expected::Image).is_err());
    }

    #[test]
    fn only_a_504_asks_for_less() {
        let remedy = |status| failure(status, "UnknownError").remedy;
        assert_eq!(remedy(504), Remedy::SmallerPage(None));
        assert_eq!([500, 502, 503].map(remedy), [const { Remedy::Later(None) }; 3]);
    }

    #[test]
    fn pauses_are_passed_on() {
        let busy = |headers: &[(&str, &str)]| judge(answer(503, headers, "busy"), Expected::Json).unwrap_err();
        assert_eq!(busy(&[("retry-after", "2.128")]).remedy, Remedy::Later(Some(3)));
        assert_eq!(busy(&[]).remedy, Remedy::Later(None));
        assert_eq!(busy(&[("retry-after", "7")]).error.retry_after(), Some(7));
    }
}
