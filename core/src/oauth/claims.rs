//! The `claims` parameter: what the service asked for in an earlier answer (FACTS section 6).

use serde_json::{Map, Value};

/// Longest challenge that is merged.
const LIMIT: usize = 8 * 1024;

/// The `claims` parameter for what an earlier answer asked for (JSON text); none where nothing was asked for, or where it cannot be
/// read: the service will ask again. The capability `cp1` (continuous access evaluation) is not declared as long as the library does
/// not read Graph itself: with it tokens live for a day, and only whoever sees Graph's challenges may hold such tokens.
pub(crate) fn request_claims(challenge: Option<&str>) -> Option<String> {
    let text = challenge.filter(|text| text.len() <= LIMIT)?;
    let asked = serde_json::from_str::<Map<String, Value>>(text).ok().filter(|asked| !asked.is_empty())?;
    Some(Value::Object(asked).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_asked_for_is_asked_for() {
        let challenge = r#"{"access_token":{"nbf":{"essential":true, "value":"1657834417"}}}"#;
        let sent: Value = serde_json::from_str(&request_claims(Some(challenge)).unwrap()).unwrap();
        assert_eq!(sent, serde_json::from_str::<Value>(challenge).unwrap());
    }

    #[test]
    fn unusable_challenges_are_left_out() {
        for text in [None, Some(""), Some("x"), Some("[]"), Some("{}"), Some("\"x\"")] {
            assert_eq!(request_claims(text), None, "{text:?}");
        }
        assert_eq!(request_claims(Some(&format!("{{\"a\":\"{}\"}}", "x".repeat(LIMIT)))), None);
    }
}
