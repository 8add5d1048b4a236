//! The device authorization grant (RFC 8628; FACTS section 3): the fallback where no browser can come back to the host.

use super::{aadsts::ServiceError, token::form};
use crate::{
    error::{Detail, Error, Result},
    http::{AllowedUrl, Endpoint, Method, Origin},
    secret::Secret,
};
use serde::Deserialize;
use serde_json::Value;
use url::Url;

/// A device authorization, checked.
#[derive(Debug)]
pub(crate) struct DeviceAuthorization {
    pub(crate) device_code: Secret,
    pub(crate) user_code: String,
    pub(crate) verification_uri: String,
    pub(crate) expires_in: i64,
    pub(crate) interval: u32,
}

#[derive(Deserialize)]
struct Answer {
    device_code: String,
    user_code: String,
    verification_uri: String,
    expires_in: Option<Value>,
    interval: Option<Value>,
}

/// Pages on which Microsoft takes device codes, beside the authority itself.
const VERIFICATION_HOSTS: [&str; 5] =
    ["microsoft.com", "www.microsoft.com", "login.microsoft.com", "aka.ms", "login.microsoftonline.com"];

/// Asks for a code.
pub(crate) fn authorize(
    endpoint: &Endpoint<'_>,
    url: &AllowedUrl,
    authority: &Origin,
    client_id: &str,
    scopes: &[String],
) -> Result<DeviceAuthorization> {
    let body = form(&[("client_id", client_id), ("scope", &scopes.join(" "))]);
    let (response, ids) = endpoint.send("device", Method::PostForm(body), url)?;
    let answer = if response.status == 200 && response.is_json() {
        parse(&response.body, authority)
    } else {
        Err(Error::from(if response.status >= 500 { Detail::ServiceUnavailable } else { Detail::ConfigError })
            .with_what("device code"))
    };
    answer.map_err(|error| ids.mark(error))
}

fn parse(body: &[u8], authority: &Origin) -> Result<DeviceAuthorization> {
    let invalid = |what| Detail::TokenResponseInvalid.about(what);
    let answer: Answer = serde_json::from_slice(body).map_err(|_| invalid("device code"))?;
    let visible = |text: &str| !text.is_empty() && text.len() <= 4096 && text.bytes().all(|byte| byte.is_ascii_graphic());
    if !visible(&answer.device_code) || !visible(&answer.user_code) || answer.user_code.len() > 32 {
        return Err(invalid("device code"));
    }
    check_verification(&answer.verification_uri, authority)?;
    let number = |value: Option<Value>, default: f64| {
        value.as_ref().and_then(Value::as_f64).filter(|number| number.is_finite()).unwrap_or(default)
    };
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to the target's range")]
    Ok(DeviceAuthorization {
        device_code: Secret::from(answer.device_code),
        user_code: answer.user_code,
        verification_uri: answer.verification_uri,
        expires_in: number(answer.expires_in, 900.0).clamp(1.0, 3600.0) as i64,
        interval: number(answer.interval, 5.0).clamp(1.0, 60.0) as u32,
    })
}

/// The page is shown to a person who will type a code there: only the authority's own or Microsoft's (case O-23).
fn check_verification(text: &str, authority: &Origin) -> Result<()> {
    if authority.allow(text).is_ok() {
        return Ok(());
    }
    let url = Url::parse(text).map_err(|_| Error::from(Detail::HostNotAllowed))?;
    if url.scheme() != "https" {
        return Err(Detail::InsecureUrl.into());
    }
    let plain = url.username().is_empty() && url.password().is_none() && url.port().is_none() && text.is_ascii();
    let known = VERIFICATION_HOSTS.iter().any(|host| url.host_str() == Some(host));
    if plain && known && !authority.is_loopback() { Ok(()) } else { Err(Detail::HostNotAllowed.into()) }
}

/// What an answer to a poll means for the flow.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Poll {
    /// Ask again after the interval.
    Pending,
    /// Ask again, five seconds later than before.
    SlowDown,
    Failed(Detail),
}

/// Reads an error answer to a poll; `None` where it is no error of this flow.
pub(crate) fn poll(answer: &ServiceError) -> Option<Poll> {
    Some(match answer.error.as_str() {
        "authorization_pending" => Poll::Pending,
        "slow_down" => Poll::SlowDown,
        "authorization_declined" | "access_denied" => Poll::Failed(Detail::ConsentDenied),
        "expired_token" | "code_expired" | "bad_verification_code" => Poll::Failed(Detail::DeviceCodeExpired),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(change: impl FnOnce(&mut Value)) -> Result<DeviceAuthorization> {
        let mut answer = json!({"user_code": "FRWQDE7YL", "device_code": "GMMh", "verification_uri": "https://microsoft.com/devicelogin", "expires_in": 900, "interval": 5});
        change(&mut answer);
        parse(answer.to_string().as_bytes(), &Origin::parse("https://login.microsoftonline.com").unwrap())
    }

    #[test]
    fn o_23_verification_pages() {
        read(|_| {}).unwrap();
        for (uri, detail) in [
            ("http://microsoft.com/devicelogin", Detail::InsecureUrl),
            ("https://evil.example/devicelogin", Detail::HostNotAllowed),
            ("https://microsoft.com.evil.example/", Detail::HostNotAllowed),
            ("https://microsoft.com@evil.example/", Detail::HostNotAllowed),
            ("https://user@microsoft.com/", Detail::HostNotAllowed),
            ("javascript:alert(1)", Detail::InsecureUrl),
            ("nonsense", Detail::HostNotAllowed),
        ] {
            assert_eq!(read(|answer| answer["verification_uri"] = json!(uri)).unwrap_err().cause(), detail, "{uri}");
        }
    }

    #[test]
    fn o_23_intervals_are_clamped() {
        for (value, interval) in [(json!(0), 1), (json!(-5), 1), (json!(1e300), 60), (json!(null), 5), (json!(7), 7)] {
            assert_eq!(read(|answer| answer["interval"] = value).unwrap().interval, interval);
        }
    }

    #[test]
    fn o_23_polls() {
        let meaning = |error: &str| poll(&ServiceError { status: 400, error: error.into(), ..ServiceError::default() });
        assert_eq!(meaning("authorization_pending"), Some(Poll::Pending));
        assert_eq!(meaning("slow_down"), Some(Poll::SlowDown));
        assert_eq!(meaning("authorization_declined"), Some(Poll::Failed(Detail::ConsentDenied)));
        assert_eq!(meaning("access_denied"), Some(Poll::Failed(Detail::ConsentDenied)));
        assert_eq!(meaning("expired_token"), Some(Poll::Failed(Detail::DeviceCodeExpired)));
        assert_eq!(meaning("bad_verification_code"), Some(Poll::Failed(Detail::DeviceCodeExpired)));
        assert_eq!(meaning("invalid_grant"), None);
    }
}
