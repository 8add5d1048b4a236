//! `GET /me`: the signed-in person (FACTS 8.2).

use super::request::ReadOnlyRequest;
use crate::{
    error::{Detail, Error, Result},
    http::{Endpoint, Origin},
    secret::Secret,
};
use serde::Deserialize;

/// The part of the profile that a connect shows.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Me {
    pub(crate) id: String,
    pub(crate) display_name: Option<String>,
    pub(crate) mail: Option<String>,
    pub(crate) user_principal_name: Option<String>,
}

/// Longest text that is kept of a profile.
const TEXT_LIMIT: usize = 256;

/// Reads the profile of the person whose token this is.
pub(crate) fn read(graph: &Origin, endpoint: &Endpoint<'_>, token: &Secret) -> Result<Me> {
    let response = ReadOnlyRequest::resource(graph, &["me"]).send(endpoint, token)?;
    let unusable = || Error::from(Detail::UnexpectedResponse).with_what("me");
    let text = std::str::from_utf8(&response.body).map_err(|_| unusable())?;
    let me: Me = serde_json::from_str(text).map_err(|_| unusable())?;
    Ok(Me {
        id: me.id,
        display_name: me.display_name.map(|text| displayable(&text)),
        mail: me.mail.map(|text| displayable(&text)),
        user_principal_name: me.user_principal_name.map(|text| displayable(&text)),
    })
}

/// Names are shown to people: control and direction-changing characters are dropped, and the length is bounded.
pub(crate) fn displayable(text: &str) -> String {
    let steering = |c: &char| matches!(c, '\u{200e}' | '\u{200f}' | '\u{061c}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.chars().filter(|c| !c.is_control() && !steering(c)).take(TEXT_LIMIT).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn j_24_names_are_cleaned_and_capped() {
        assert_eq!(displayable("A\u{202e}b\u{0}c\r\nd"), "Abcd");
        assert_eq!(displayable(&"ä".repeat(10_000)).chars().count(), TEXT_LIMIT);
    }
}
