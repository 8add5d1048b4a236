//! The `claims` parameter: what this client can do, merged with what the service asked for (FACTS section 6).

use serde_json::{Map, Value, json};

/// Longest challenge that is merged.
const LIMIT: usize = 8 * 1024;

/// Claims for an authorization or token request: the capability `cp1` (continuous access evaluation), and `challenge` (JSON text of
/// an earlier answer) where there is one. An unusable challenge is left out; the service will ask again.
pub(crate) fn request_claims(challenge: Option<&str>) -> String {
    let mut claims = json!({"access_token": {"xms_cc": {"values": ["cp1"]}}});
    let asked = challenge.filter(|text| text.len() <= LIMIT).and_then(|text| serde_json::from_str::<Map<String, Value>>(text).ok());
    if let (Some(asked), Some(ours)) = (asked, claims.as_object_mut()) {
        merge(ours, asked);
    }
    claims.to_string()
}

fn merge(into: &mut Map<String, Value>, from: Map<String, Value>) {
    for (name, value) in from {
        match (into.get_mut(&name), value) {
            (Some(Value::Object(inner)), Value::Object(value)) => merge(inner, value),
            // Our own capability is not the service's to change.
            (Some(_), _) => {}
            (None, value) => drop(into.insert(name, value)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn challenges_are_merged_under_access_token() {
        let merged = request_claims(Some(r#"{"access_token":{"nbf":{"essential":true, "value":"1657834417"}}}"#));
        let expected = json!({"access_token": {"nbf": {"essential": true, "value": "1657834417"}, "xms_cc": {"values": ["cp1"]}}});
        assert_eq!(serde_json::from_str::<Value>(&merged).unwrap(), expected);
    }

    #[test]
    fn unusable_challenges_are_left_out() {
        let plain = request_claims(None);
        assert_eq!(plain, r#"{"access_token":{"xms_cc":{"values":["cp1"]}}}"#);
        for text in ["", "x", "[]", "\"x\"", r#"{"access_token":{"xms_cc":{"values":["evil"]}}}"#, r#"{"access_token":1}"#] {
            let merged: Value = serde_json::from_str(&request_claims(Some(text))).unwrap();
            assert_eq!(merged["access_token"]["xms_cc"]["values"], json!(["cp1"]), "{text}");
        }
        assert_eq!(request_claims(Some(&format!("{{\"a\":\"{}\"}}", "x".repeat(LIMIT)))), plain);
    }
}
