//! The person's profile (FACTS 8.2, 16).

use super::{
    page::Resource,
    query::{Listing, select},
    wire::filled,
};
use crate::{display::displayable, model::Profile};
use serde::Deserialize;

const SELECTED: [&str; 6] = ["displayName", "mail", "userPrincipalName", "jobTitle", "officeLocation", "preferredLanguage"];

/// A profile of an answer.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ProfileWire {
    id: Option<String>,
    display_name: Option<String>,
    mail: Option<String>,
    user_principal_name: Option<String>,
    job_title: Option<String>,
    office_location: Option<String>,
    preferred_language: Option<String>,
}

impl Resource for Profile {
    type Wire = ProfileWire;
    const NAME: &'static str = "me";

    fn from_wire(wire: ProfileWire) -> Option<Self> {
        let shown = |text: Option<String>| text.map(|text| displayable(&text)).and_then(filled);
        Some(Self {
            id: wire.id.and_then(filled)?,
            display_name: shown(wire.display_name),
            mail: shown(wire.mail),
            username: shown(wire.user_principal_name),
            job_title: shown(wire.job_title),
            office_location: shown(wire.office_location),
            preferred_language: shown(wire.preferred_language),
        })
    }
}

/// The signed-in person.
pub(crate) fn me() -> Listing {
    Listing::new(vec!["me".to_owned()], vec![("$select", select(SELECTED.into_iter()))])
}
