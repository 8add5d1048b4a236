//! What answers of Graph are made of: properties that are left out, null or given, words, instants, lists of addresses.
//!
//! Every list leaves out what is null or empty in it, so that a hostile page cannot turn a few bytes into a large record. A value of
//! the wrong JSON type makes the page unusable; a word or a time that is not known becomes an [`UnknownValue`].

use super::time::{self, Moment, Reading};
use crate::model::{EmailAddress, EventTime, RemovedReason, UnknownValue, Word};
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, Error, SeqAccess, Visitor},
};
use std::{fmt, marker::PhantomData};

/// The longest text that a record keeps of what is not known, in bytes, and how many of them.
const LONGEST: usize = 200;
const MOST: usize = 32;

/// A property of an answer.
#[derive(Default)]
pub(crate) enum Field<T> {
    #[default]
    Missing,
    Null,
    Given(T),
}

impl<T> Field<T> {
    pub(crate) fn given(self) -> Option<T> {
        if let Self::Given(value) = self { Some(value) } else { None }
    }

    pub(crate) fn is_missing(&self) -> bool {
        matches!(self, Self::Missing)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Field<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Option::deserialize(deserializer).map(|value| value.map_or(Self::Null, Self::Given))
    }
}

impl<T> Field<List<T>> {
    pub(crate) fn list(self) -> Vec<T> {
        self.given().map_or_else(Vec::new, |list| list.0)
    }
}

/// Makes a wire struct whose properties are [`Field`]s by the service's names, and what says which of them were there.
macro_rules! wire {
    (
        $(#[$about:meta])* $wire:ident { $($(#[$also_attribute:meta])* $also:ident: $also_type:ty,)* }
        $property:ident { $($(#[$attribute:meta])* $field:ident: $type:ty = $member:ident,)+ }
    ) => {
        $(#[$about])*
        #[derive(serde::Deserialize)]
        #[serde(rename_all = "camelCase")]
        pub(crate) struct $wire {
            id: Option<String>,
            $($(#[$also_attribute])* $also: $also_type,)*
            #[serde(rename = "@removed")]
            removed: Option<$crate::graph::wire::RemovedWire>,
            $(#[serde(default)] $(#[$attribute])* $field: $crate::graph::wire::Field<$type>,)+
        }

        impl $wire {
            /// The properties that are there, also those that are null.
            fn given(&self) -> Vec<$property> {
                let there = [$((!self.$field.is_missing()).then_some($property::$member),)+];
                there.into_iter().flatten().collect()
            }
        }
    };
}
pub(super) use wire;

/// Why a change is about something that is gone.
#[derive(Deserialize)]
pub(crate) struct RemovedWire {
    reason: Option<Spoken<RemovedReason>>,
}

impl RemovedWire {
    pub(crate) fn reason(&self) -> RemovedReason {
        match self.reason {
            Some(Spoken::Known(reason)) => reason,
            _ => RemovedReason::OTHER,
        }
    }
}

/// A word of the service.
pub(crate) enum Spoken<W> {
    Known(W),
    Unknown(String),
}

impl<'de, W: Word> Deserialize<'de> for Spoken<W> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Reader(|word| W::read(word).map_or_else(|| Self::Unknown(capped(word)), Self::Known)))
    }
}

/// An instant, or the text that is none.
pub(crate) enum When {
    At(i64),
    Never,
    Unreadable(String),
}

impl<'de> Deserialize<'de> for When {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Reader(|text| match time::moment(text) {
            Moment::At(unix) => Self::At(unix),
            Moment::Never => Self::Never,
            Moment::Unreadable => Self::Unreadable(capped(text)),
        }))
    }
}

/// Reads a text where it stands, without a copy of it.
struct Reader<T>(fn(&str) -> T);

impl<T> Visitor<'_> for Reader<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        Ok((self.0)(text))
    }
}

/// What becomes of one entry of a list; `None` leaves it out.
pub(crate) trait Entry: Sized {
    type Wire: DeserializeOwned;

    fn from_wire(wire: Self::Wire) -> Option<Self>;
}

/// A list whose entries become what they are to be one by one, so that nothing of it is in memory twice.
pub(crate) struct List<T>(pub(crate) Vec<T>);

impl<'de, T: Entry> Deserialize<'de> for List<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(Lister(PhantomData))
    }
}

struct Lister<T>(PhantomData<T>);

impl<'de, T: Entry> Visitor<'de> for Lister<T> {
    type Value = List<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> Result<List<T>, A::Error> {
        let mut list = Vec::new();
        while let Some(entry) = entries.next_element::<Option<T::Wire>>()? {
            if let Some(entry) = entry.and_then(T::from_wire) {
                if list.capacity() == 0 {
                    // One recipient is what most messages have; a vector would begin with four.
                    list.reserve_exact(1);
                }
                list.push(entry);
            }
        }
        list.shrink_to_fit();
        Ok(List(list))
    }
}

impl Entry for String {
    type Wire = Self;

    fn from_wire(text: Self) -> Option<Self> {
        filled(text)
    }
}

/// Who sends or receives: an address inside of a wrapper.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RecipientWire {
    email_address: Option<EmailWire>,
}

#[derive(Deserialize)]
pub(crate) struct EmailWire {
    name: Option<String>,
    address: Option<String>,
}

impl Entry for EmailAddress {
    type Wire = RecipientWire;

    fn from_wire(wire: RecipientWire) -> Option<Self> {
        wire.email_address.and_then(EmailWire::address)
    }
}

impl EmailWire {
    pub(crate) fn address(self) -> Option<EmailAddress> {
        let (name, address) = (self.name.and_then(filled), self.address.and_then(filled));
        (name.is_some() || address.is_some()).then_some(EmailAddress { name, address })
    }
}

/// A time of an event with the name of its zone.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct EventTimeWire {
    date_time: Option<String>,
    time_zone: Option<String>,
}

/// Collects what is not known of one record.
#[derive(Default)]
pub(crate) struct Notes(Vec<UnknownValue>);

impl Notes {
    pub(crate) fn add(&mut self, property: &str, value: &str) {
        if self.0.len() < MOST {
            self.0.push(UnknownValue { property: property.to_owned(), value: capped(value) });
        }
    }

    /// Takes over what an inner part collected.
    pub(crate) fn take(&mut self, inner: Self) {
        let room = MOST.saturating_sub(self.0.len());
        self.0.extend(inner.0.into_iter().take(room));
    }

    pub(crate) fn word<W: Word>(&mut self, property: &str, word: Option<Spoken<W>>) -> Option<W> {
        match word? {
            Spoken::Known(word) => Some(word),
            Spoken::Unknown(text) => {
                self.add(property, &text);
                Some(W::OTHER)
            }
        }
    }

    pub(crate) fn moment(&mut self, property: &str, when: Option<When>) -> Option<i64> {
        match when? {
            When::At(unix) => Some(unix),
            When::Never => None,
            When::Unreadable(text) => {
                self.add(property, &text);
                None
            }
        }
    }

    /// A number that counts something.
    pub(crate) fn count(&mut self, property: &str, number: Option<i64>) -> Option<u32> {
        let number = number?;
        let count = u32::try_from(number).ok();
        if count.is_none() {
            self.add(property, &number.to_string());
        }
        count
    }

    /// A date, `2026-08-24`; the one that stands for "never" is none.
    pub(crate) fn date(&mut self, property: &str, date: Option<String>) -> Option<String> {
        let date = date.filter(|date| !date.starts_with("0001-01-01"))?;
        if time::is_date(&date) {
            return Some(date);
        }
        self.add(property, &date);
        None
    }

    /// A time of an event. `property` is its own name.
    pub(crate) fn event_time(&mut self, property: &str, wire: Option<EventTimeWire>) -> Option<EventTime> {
        let wire = wire?;
        let (date_time, zone) = (wire.date_time?, capped(&wire.time_zone.unwrap_or_default()));
        match time::event_time(&date_time, &zone) {
            Reading::Time(time) => Some(time),
            Reading::Uncertain(time) => {
                self.add(&format!("{property}.timeZone"), &format!("{} {zone}", capped(&date_time)));
                Some(time)
            }
            Reading::Never => None,
            Reading::Unreadable => {
                self.add(&format!("{property}.dateTime"), &date_time);
                None
            }
        }
    }

    pub(crate) fn done(self) -> Vec<UnknownValue> {
        self.0
    }
}

/// What a record says whose text held half a character.
pub(crate) fn half_a_character() -> UnknownValue {
    UnknownValue { property: "text".to_owned(), value: "half a character".to_owned() }
}

/// `None` for an empty text.
pub(crate) fn filled(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}

fn capped(text: &str) -> String {
    let end = text.len().min(LONGEST);
    (0..=end).rev().find_map(|end| text.get(..end)).unwrap_or_default().to_owned()
}
