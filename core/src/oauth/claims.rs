//! The `claims` parameter: what this library can do, and what the service asked for in an earlier answer (FACTS section 6).

use serde_json::{Map, Value, json};

/// Longest challenge that is merged.
const LIMIT: usize = 8 * 1024;
/// Levels to which a challenge is merged; deeper ones replace what is there.
const DEEPEST: usize = 8;

/// The `claims` parameter. It always declares the capability `cp1`: whoever declares it gets tokens that live for a day, which Graph may
/// refuse at any time with a challenge, and the reader of Graph answers those. What an earlier answer asked for (JSON text) is merged in;
/// where it cannot be read, it is left out, and the service will ask again.
pub(crate) fn request_claims(challenge: Option<&str>) -> String {
    let mut claims = json!({"access_token": {"xms_cc": {"values": ["cp1"]}}});
    let asked = challenge.filter(|text| text.len() <= LIMIT).and_then(|text| serde_json::from_str::<Map<String, Value>>(text).ok());
    if let Some(asked) = asked {
        merge(&mut claims, Value::Object(asked), DEEPEST);
    }
    claims.to_string()
}

fn merge(into: &mut Value, from: Value, levels: usize) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) if levels > 0 => {
            for (name, value) in from {
                merge(into.entry(name).or_insert(Value::Null), value, levels.saturating_sub(1));
            }
        }
        (into, from) => *into = from,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(challenge: Option<&str>) -> Value {
        serde_json::from_str(&request_claims(challenge)).unwrap()
    }

    #[test]
    fn what_was_asked_for_stands_beside_what_we_can_do() {
        let challenge = r#"{"access_token":{"nbf":{"essential":true, "value":"1657834417"}},"id_token":{"auth_time":null}}"#;
        let expected = json!({
            "access_token": {"xms_cc": {"values": ["cp1"]}, "nbf": {"essential": true, "value": "1657834417"}},
            "id_token": {"auth_time": null},
        });
        assert_eq!(sent(Some(challenge)), expected);
    }

    #[test]
    fn unusable_challenges_are_left_out() {
        let capable = json!({"access_token": {"xms_cc": {"values": ["cp1"]}}});
        let long = format!("{{\"a\":\"{}\"}}", "x".repeat(LIMIT));
        for text in [None, Some(""), Some("x"), Some("[]"), Some("{}"), Some("\"x\""), Some(long.as_str())] {
            assert_eq!(sent(text), capable, "{text:?}");
        }
    }
}
