//! `GET /me`: the signed-in person (FACTS 8.2).

use super::request::ReadOnlyRequest;
use crate::{
    display::displayable,
    error::{Detail, Result},
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

/// Reads the profile of the person whose token this is.
pub(crate) fn read(graph: &Origin, endpoint: &Endpoint<'_>, token: &Secret) -> Result<Me> {
    let response = ReadOnlyRequest::resource(graph, &["me"]).send(endpoint, token).map_err(|failure| failure.error)?;
    let unusable = || Detail::UnexpectedResponse.about("me");
    let text = std::str::from_utf8(&response.body).map_err(|_| unusable())?;
    let me: Me = serde_json::from_str(text).map_err(|_| unusable())?;
    Ok(Me {
        id: me.id,
        display_name: me.display_name.map(|text| displayable(&text)),
        mail: me.mail.map(|text| displayable(&text)),
        user_principal_name: me.user_principal_name.map(|text| displayable(&text)),
    })
}
