//! What Graph asks for with a 401: the `WWW-Authenticate` header (RFC 9110 section 11.6.1; FACTS 6).

use crate::http::Response;
use base64::{
    Engine as _,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use serde_json::{Map, Value};

/// A header beyond this length is not read.
const LONGEST: usize = 64 * 1024;
/// Claims beyond this length are not believed.
const LONGEST_CLAIMS: usize = 8 * 1024;
const PADDING: GeneralPurposeConfig = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&base64::alphabet::STANDARD, PADDING);
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&base64::alphabet::URL_SAFE, PADDING);

/// What a refused token lacks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Challenge {
    /// The token has expired or was not accepted.
    Token,
    /// The next token must fulfil these claims (JSON text).
    Claims(String),
    /// Claims are asked for, and cannot be read.
    Unreadable,
}

/// Reads the challenges of an answer: of those for `Bearer`, the first that asks for claims.
pub(crate) fn read(response: &Response) -> Challenge {
    let headers = response.headers.iter().filter(|(name, value)| name == "www-authenticate" && value.len() <= LONGEST);
    let challenges = headers.flat_map(|(_, value)| bearer_challenges(value));
    challenges.map(|parameters| judge(&parameters)).find(|challenge| *challenge != Challenge::Token).unwrap_or(Challenge::Token)
}

fn judge(parameters: &[(String, String)]) -> Challenge {
    let of = |wanted: &str| parameters.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.as_str());
    if !of("error").is_some_and(|error| error.eq_ignore_ascii_case("insufficient_claims")) {
        return Challenge::Token;
    }
    of("claims").and_then(decode).map_or(Challenge::Unreadable, Challenge::Claims)
}

/// Base64 in any of its spellings, and in it a JSON object with something in it.
fn decode(text: &str) -> Option<String> {
    if text.len() > LONGEST_CLAIMS {
        return None;
    }
    let bytes = STANDARD.decode(text).or_else(|_| URL_SAFE.decode(text)).ok()?;
    let claims = serde_json::from_slice::<Map<String, Value>>(&bytes).ok().filter(|claims| !claims.is_empty())?;
    Some(Value::Object(claims).to_string())
}

/// The parameters of each `Bearer` challenge of one header value. A word without `=` begins the next challenge. Values may be quoted or
/// not; an unquoted one ends at a comma or a space (Graph writes addresses without quotes).
fn bearer_challenges(header: &str) -> Vec<Vec<(String, String)>> {
    let (mut found, mut scheme): (Vec<Vec<_>>, _) = (Vec::new(), String::new());
    let mut rest = header;
    loop {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        let end = rest.find(['=', ' ', '\t', ',']).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        if word.is_empty() && after.is_empty() {
            return found;
        }
        match after.strip_prefix('=') {
            Some(after) if !word.is_empty() => {
                let (value, after) = value(after);
                rest = after;
                if scheme.eq_ignore_ascii_case("bearer")
                    && let Some(parameters) = found.last_mut()
                {
                    parameters.push((word.to_ascii_lowercase(), value));
                }
            }
            Some(after) => rest = after,
            None => {
                rest = after;
                word.clone_into(&mut scheme);
                if scheme.eq_ignore_ascii_case("bearer") {
                    found.push(Vec::new());
                }
            }
        }
    }
}

/// One value, and what follows it.
fn value(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find([',', ' ', '\t']).unwrap_or(text.len());
        let (value, rest) = text.split_at(end);
        return (value.to_owned(), rest);
    };
    let (mut value, mut characters) = (String::new(), quoted.char_indices());
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return (value, quoted.get(at.saturating_add(1)..).unwrap_or_default()),
            '\\' => value.extend(characters.next().map(|(_, escaped)| escaped)),
            other => value.push(other),
        }
    }
    (value, "")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    fn answer(headers: &[&str]) -> Response {
        let headers = headers.iter().map(|value| ("www-authenticate".to_owned(), (*value).to_owned())).collect();
        Response { status: 401, headers, body: Vec::new().into() }
    }

    fn claims(text: &str) -> Challenge {
        Challenge::Claims(serde_json::from_str::<Value>(text).unwrap().to_string())
    }

    /// G-14: what was captured in the wild.
    #[test]
    fn g_14_captured_challenges() {
        #[derive(Deserialize)]
        struct Vector {
            name: String,
            header: String,
            claims_json: Option<String>,
        }
        let vectors: Vec<Vector> = serde_json::from_str(include_str!("samples/cae_challenge_vectors.json")).unwrap();
        assert_eq!(vectors.len(), 6);
        for vector in vectors {
            let expected = match vector.claims_json {
                Some(text) => claims(&text),
                None if vector.header.contains("insufficient_claims") => Challenge::Unreadable,
                None => Challenge::Token,
            };
            assert_eq!(read(&answer(&[&vector.header])), expected, "{}", vector.name);
        }
    }

    #[test]
    fn g_14_every_spelling_of_a_challenge() {
        let text = r#"{"access_token":{"nbf":{"essential":true,"value":"1?>"}}}"#;
        for spelling in [STANDARD.encode(text), STANDARD.encode(text).trim_end_matches('=').to_owned(), URL_SAFE.encode(text)] {
            for header in [
                format!("Bearer error=\"insufficient_claims\", claims=\"{spelling}\""),
                format!("bearer claims={spelling} ,error=insufficient_claims"),
                format!(
                    "Negotiate, Basic realm=\"x, Bearer\", Bearer realm=\"a\\\"b\", error=\"Insufficient_Claims\", claims=\"{spelling}\""
                ),
                format!("Bearer error=\"invalid_token\", Bearer error=\"insufficient_claims\",claims=\"{spelling}\""),
            ] {
                assert_eq!(read(&answer(&[&header])), claims(text), "{header}");
            }
            let second = format!("Bearer error=\"insufficient_claims\", claims=\"{spelling}\"");
            assert_eq!(read(&answer(&["PoP nonce=\"a==\"", &second])), claims(text));
        }
    }

    #[test]
    fn g_14_what_cannot_be_read_is_said() {
        let long = format!("Bearer error=\"insufficient_claims\", claims=\"{}\"", STANDARD.encode("x".repeat(1_000_000)));
        for header in [
            "Bearer error=\"insufficient_claims\", claims=\"%%%\"",
            "Bearer error=\"insufficient_claims\", claims=\"bm90IEpTT04=\"",
            "Bearer error=\"insufficient_claims\", claims=\"e30=\"",
            "Bearer error=\"insufficient_claims\", claims=\"W10=\"",
            "Bearer error=\"insufficient_claims\", claims=\"e30=\\",
        ] {
            assert_eq!(read(&answer(&[header])), Challenge::Unreadable, "{header}");
        }
        // Claims for another scheme, and a header that nobody needs to read.
        for header in ["PoP error=\"insufficient_claims\", claims=\"e30=\"", "", "=", ",,,=\"", "Bearer", long.as_str()] {
            assert_eq!(read(&answer(&[header])), Challenge::Token, "{}", &header[..header.len().min(60)]);
        }
    }
}
