//! Answers of the token endpoint as they really come (FACTS 2.2, 2.3): lenient where Microsoft varies, strict where it matters.

use crate::{http::RequestIds, secret::Secret};
use oauth2::{AccessToken, ErrorResponse, RefreshToken, TokenResponse, basic::BasicTokenType};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::{fmt, time::Duration};

/// Tokens, checked.
#[derive(Debug)]
pub(crate) struct Tokens {
    pub(crate) access_token: Secret,
    pub(crate) refresh_token: Option<Secret>,
    pub(crate) id_token: Option<Secret>,
    /// The granted scopes as the service wrote them; `None` where it left them out.
    pub(crate) scope: Option<String>,
    /// Seconds for which the access token is good.
    pub(crate) lifetime: i64,
    /// Seconds after which the service would like to be asked again.
    pub(crate) refresh_in: Option<i64>,
    /// The exchange that brought them, for errors that are found later.
    pub(crate) ids: RequestIds,
}

/// Longest token that is taken.
const TOKEN_LIMIT: usize = 64 * 1024;
/// What `expires_in` counts for when it is missing (FACTS 17, rule 7).
const DEFAULT_LIFETIME: i64 = 3600;
/// Tokens under continuous access evaluation live up to 28 hours; nothing lives longer than two days.
const LONGEST_LIFETIME: i64 = 48 * 3600;
/// A token that expires at once would be asked for at every call.
const SHORTEST_LIFETIME: i64 = 30;

/// A success answer as it came. Members are read loosely here, so that [`checked`](Self::checked) can name the one that is wrong;
/// a member that stands twice fails to parse.
#[derive(Deserialize, Serialize)]
#[serde(from = "Raw")]
pub(crate) struct TokenAnswer {
    #[serde(skip)]
    raw: Raw,
    #[serde(skip)]
    access_token: Option<AccessToken>,
}

#[derive(Deserialize, Default)]
struct Raw {
    access_token: Option<Value>,
    token_type: Option<Value>,
    expires_in: Option<Value>,
    refresh_in: Option<Value>,
    refresh_token: Option<Value>,
    id_token: Option<Value>,
    scope: Option<Value>,
    error: Option<Value>,
}

impl From<Raw> for TokenAnswer {
    fn from(raw: Raw) -> Self {
        Self { raw, access_token: None }
    }
}

impl TokenAnswer {
    /// The tokens, or the name of the member that is wrong (cases T-01 to T-08).
    pub(crate) fn checked(self, ids: RequestIds) -> Result<Tokens, &'static str> {
        let raw = self.raw;
        if raw.error.is_some() {
            return Err("error");
        }
        match raw.token_type {
            Some(Value::String(kind)) if kind.eq_ignore_ascii_case("bearer") => {}
            _ => return Err("token_type"),
        }
        Ok(Tokens {
            access_token: token(raw.access_token, "access_token")?.ok_or("access_token")?,
            refresh_token: token(raw.refresh_token, "refresh_token")?,
            id_token: token(raw.id_token, "id_token")?,
            scope: match raw.scope {
                None | Some(Value::Null) => None,
                Some(Value::String(scope)) if scope.len() <= TOKEN_LIMIT => Some(scope),
                Some(_) => return Err("scope"),
            },
            lifetime: lifetime(raw.expires_in)?,
            // Only a hint: what cannot be read is left out.
            refresh_in: raw.refresh_in.as_ref().and_then(seconds).filter(|seconds| *seconds > 0),
            ids,
        })
    }
}

fn token(value: Option<Value>, name: &'static str) -> Result<Option<Secret>, &'static str> {
    match value {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text))
            if !text.is_empty() && text.len() <= TOKEN_LIMIT && text.bytes().all(|byte| byte.is_ascii_graphic()) =>
        {
            Ok(Some(Secret::from(text)))
        }
        Some(_) => Err(name),
    }
}

fn lifetime(value: Option<Value>) -> Result<i64, &'static str> {
    let seconds = match value {
        None | Some(Value::Null) => DEFAULT_LIFETIME,
        Some(value) => seconds(&value).ok_or("expires_in")?,
    };
    if seconds < 0 { Err("expires_in") } else { Ok(seconds.clamp(SHORTEST_LIFETIME, LONGEST_LIFETIME)) }
}

/// Whole seconds from an integer, a float or a text of either; far too large values are cut to what is in range.
fn seconds(value: &Value) -> Option<i64> {
    let number = match value {
        Value::Number(number) => number.as_f64()?,
        Value::String(text) if text.len() <= 32 => text.trim().parse::<f64>().ok()?,
        _ => return None,
    };
    // A float cast saturates, so that 1e300 becomes the largest number and is clamped by the caller.
    #[expect(clippy::cast_possible_truncation, reason = "saturates; the caller clamps")]
    number.is_finite().then_some(number as i64)
}

impl TokenResponse for TokenAnswer {
    type TokenType = BasicTokenType;

    /// The `oauth2` crate's way to the token; nothing here uses it, [`TokenAnswer::checked`] is ours.
    fn access_token(&self) -> &AccessToken {
        static NONE: std::sync::OnceLock<AccessToken> = std::sync::OnceLock::new();
        self.access_token.as_ref().unwrap_or_else(|| NONE.get_or_init(|| AccessToken::new(String::new())))
    }

    fn token_type(&self) -> &BasicTokenType {
        &super::BEARER
    }

    fn expires_in(&self) -> Option<Duration> {
        None
    }

    fn refresh_token(&self) -> Option<&RefreshToken> {
        None
    }

    fn scopes(&self) -> Option<&Vec<oauth2::Scope>> {
        None
    }
}

impl fmt::Debug for TokenAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenAnswer")
    }
}

/// An error answer as it came: every member may be missing or of another type (FACTS 2.3, 17 rule 8).
#[derive(Default, Deserialize, Serialize)]
#[serde(from = "RawError")]
pub(crate) struct ErrorAnswer {
    pub(crate) error: String,
    pub(crate) error_description: String,
    pub(crate) error_codes: Vec<u32>,
    pub(crate) suberror: Option<String>,
    pub(crate) claims: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RawError {
    error: Value,
    error_description: Value,
    error_codes: Value,
    suberror: Value,
    claims: Value,
}

impl From<RawError> for ErrorAnswer {
    fn from(raw: RawError) -> Self {
        let name = |value: Value| match value {
            Value::String(text) if text.len() <= 64 && text.bytes().all(|byte| byte.is_ascii_graphic()) => Some(text),
            _ => None,
        };
        let codes = raw.error_codes.as_array().map(Vec::as_slice).unwrap_or_default();
        Self {
            error: name(raw.error).unwrap_or_default(),
            error_description: raw.error_description.as_str().map(|text| text.chars().take(4096).collect()).unwrap_or_default(),
            error_codes: codes.iter().take(8).filter_map(|code| u32::try_from(code.as_u64()?).ok()).collect(),
            suberror: name(raw.suberror),
            claims: raw.claims.as_str().filter(|text| text.len() <= 8192).map(str::to_owned),
        }
    }
}

impl ErrorResponse for ErrorAnswer {}

impl fmt::Debug for ErrorAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ErrorAnswer")
    }
}

impl fmt::Display for ErrorAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an error answer")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn good() -> Value {
        json!({"token_type": "Bearer", "access_token": "AT", "refresh_token": "RT", "id_token": "IT", "scope": "User.Read", "expires_in": 3600})
    }

    fn read(change: impl FnOnce(&mut Value)) -> Result<Tokens, &'static str> {
        let mut answer = good();
        change(&mut answer);
        serde_json::from_str::<TokenAnswer>(&answer.to_string()).map_err(|_| "body")?.checked(RequestIds::default())
    }

    #[test]
    fn t_01_to_t_05_access_tokens() {
        for value in [
            json!(null),
            json!(""),
            json!(7),
            json!("x".repeat(1_000_000)),
            json!("a\r\nb"),
            json!("a b"),
            json!("ä"),
            json!(["x"]),
        ] {
            assert_eq!(read(|answer| answer["access_token"] = value.clone()).unwrap_err(), "access_token", "{value}");
        }
        assert_eq!(read(|answer| drop(answer.as_object_mut().unwrap().remove("access_token"))).unwrap_err(), "access_token");
        assert_eq!(read(|_| {}).unwrap().access_token.expose(), "AT");
    }

    #[test]
    fn t_06_token_types() {
        for value in [json!(null), json!("mac"), json!("DPoP"), json!(1), json!("")] {
            assert_eq!(read(|answer| answer["token_type"] = value).unwrap_err(), "token_type");
        }
        for value in ["bearer", "BEARER", "Bearer"] {
            read(|answer| answer["token_type"] = json!(value)).unwrap();
        }
    }

    #[test]
    fn t_07_lifetimes() {
        for (value, lifetime) in [
            (json!("3600"), Ok(3600)),
            (json!(3600.0), Ok(3600)),
            (json!("3600.9"), Ok(3600)),
            (json!(-1), Err("expires_in")),
            (json!("-1"), Err("expires_in")),
            (json!(0), Ok(SHORTEST_LIFETIME)),
            (json!(1e300), Ok(LONGEST_LIFETIME)),
            (json!(u64::MAX), Ok(LONGEST_LIFETIME)),
            (json!(null), Ok(DEFAULT_LIFETIME)),
            (json!("NaN"), Err("expires_in")),
            (json!("inf"), Err("expires_in")),
            (json!("soon"), Err("expires_in")),
            (json!({}), Err("expires_in")),
            (json!(86399), Ok(86399)),
        ] {
            assert_eq!(read(|answer| answer["expires_in"] = value.clone()).map(|tokens| tokens.lifetime), lifetime, "{value}");
        }
        assert_eq!(read(|answer| drop(answer.as_object_mut().unwrap().remove("expires_in"))).unwrap().lifetime, DEFAULT_LIFETIME);
        assert!(serde_json::from_str::<TokenAnswer>(r#"{"expires_in":NaN}"#).is_err());
    }

    #[test]
    fn t_08_bodies() {
        assert_eq!(read(|answer| answer["error"] = json!("invalid_grant")).unwrap_err(), "error");
        for body in [r#"{"access_token":"a","access_token":"b","token_type":"Bearer"}"#, "null", "\"x\"", "{", &"[".repeat(100_000)]
        {
            assert!(serde_json::from_str::<TokenAnswer>(body).is_err(), "{}", body.len());
        }
    }

    #[test]
    fn error_answers_are_read_loosely() {
        let answer: ErrorAnswer =
            serde_json::from_value(json!({"error": "invalid_grant", "error_codes": [70002, "x", 70008], "suberror": 1})).unwrap();
        assert_eq!(
            (answer.error.as_str(), answer.error_codes.as_slice(), answer.suberror),
            ("invalid_grant", &[70002, 70008][..], None)
        );
        let answer: ErrorAnswer = serde_json::from_str("{}").unwrap();
        assert!(answer.error.is_empty() && answer.error_codes.is_empty());
    }

    #[test]
    fn m_04_debug_shows_nothing() {
        let answer: TokenAnswer = serde_json::from_value(good()).unwrap();
        let tokens = read(|answer| answer["access_token"] = json!("needle")).unwrap();
        assert!(!format!("{answer:?} {tokens:?}").contains("needle"));
    }
}
