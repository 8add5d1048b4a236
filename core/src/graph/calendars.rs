//! Calendars (FACTS 8.8, 16).

use super::{
    page::Resource,
    query::{self, Listing, select},
    wire::{EmailWire, Notes, Spoken, filled, half_a_character},
};
use crate::{
    error::Result,
    model::{Calendar, CalendarColor},
};
use serde::Deserialize;

const PAGE: u32 = 100;
const SELECTED: [&str; 6] = ["name", "color", "hexColor", "isDefaultCalendar", "canEdit", "owner"];

/// A calendar of an answer. Its owner is an address without a wrapper.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CalendarWire {
    id: Option<String>,
    name: Option<String>,
    color: Option<Spoken<CalendarColor>>,
    hex_color: Option<String>,
    is_default_calendar: Option<bool>,
    can_edit: Option<bool>,
    owner: Option<EmailWire>,
}

impl Resource for Calendar {
    type Wire = CalendarWire;
    const NAME: &'static str = "calendar";

    fn from_wire(wire: CalendarWire) -> Option<Self> {
        let mut notes = Notes::default();
        Some(Self {
            id: wire.id.and_then(filled)?,
            name: wire.name,
            color: notes.word("color", wire.color),
            hex_color: wire.hex_color.and_then(filled),
            is_default: wire.is_default_calendar,
            can_edit: wire.can_edit,
            owner: wire.owner.and_then(EmailWire::address),
            unknown: notes.done(),
        })
    }

    fn note_mended(&mut self) {
        self.unknown.push(half_a_character());
    }
}

/// The calendars of the person.
pub(crate) fn list() -> Listing {
    let parameters = vec![("$select", select(SELECTED.into_iter())), ("$top", PAGE.to_string())];
    Listing::new(vec!["me".to_owned(), "calendars".to_owned()], parameters)
}

/// One calendar; the default one without an id.
pub(crate) fn one(id: Option<&str>) -> Result<Listing> {
    let path = match id {
        Some(id) => vec!["me".to_owned(), "calendars".to_owned(), query::id(id)?],
        None => vec!["me".to_owned(), "calendar".to_owned()],
    };
    Ok(Listing::new(path, vec![("$select", select(SELECTED.into_iter()))]))
}
