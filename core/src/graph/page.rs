//! A page of a collection (FACTS 8.10, 11): `{"value": […], "@odata.nextLink": …, "@odata.deltaLink": …, "@odata.count": …}`.
//!
//! A page is believed as a whole or not at all: `value` that is missing, null or no list is an unusable answer and never "nothing
//! there", as is an item without an id, a property that comes twice, or text after the end. One thing is mended: half a character (a
//! lone surrogate, `\ud83d`), which a text that was cut in the middle of an emoji ends with. A stranger's subject must not hide a mailbox.

use crate::{
    error::{Detail, Result},
    guid::is_guid,
};
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, Error, SeqAccess, Visitor},
};
use serde_json::value::RawValue;
use std::{fmt, marker::PhantomData};

mod mend;

/// More items than this have never been asked for (pages have 1,000 at most): more records from few bytes are an attack on memory.
const MOST_ITEMS: usize = 10_000;

/// What one item of an answer becomes.
pub(crate) trait Resource: Sized {
    /// As the service writes it.
    type Wire: DeserializeOwned;
    /// What an error says that the answer was about.
    const NAME: &'static str;

    /// `None` if it has no id.
    fn from_wire(wire: Self::Wire) -> Option<Self>;

    /// Says that half a character was replaced in it.
    fn note_mended(&mut self) {}
}

/// One page. The links are as the service wrote them and not checked.
#[derive(Deserialize)]
#[serde(bound = "T: Resource")]
pub(crate) struct Page<T> {
    #[serde(rename = "value", deserialize_with = "items")]
    pub(crate) items: Vec<T>,
    #[serde(rename = "@odata.nextLink")]
    pub(crate) next: Option<String>,
    #[serde(rename = "@odata.deltaLink")]
    pub(crate) delta: Option<String>,
    #[serde(rename = "@odata.count")]
    pub(crate) count: Option<i64>,
    /// What the page says that it is.
    #[serde(rename = "@odata.context")]
    pub(crate) context: Option<String>,
}

impl<T> Page<T> {
    /// Whether it names somebody else than this person (object id) as the one whose items it has. A page that names nobody is theirs.
    pub(crate) fn is_of_another(&self, person: &str) -> bool {
        let named =
            self.context.as_deref().and_then(|context| context.split_once("#users('")).and_then(|(_, rest)| rest.split_once("')"));
        named.is_some_and(|(id, _)| {
            let id = id.replace("%2D", "-");
            is_guid(&id) && !id.eq_ignore_ascii_case(person)
        })
    }
}

/// Reads a page.
pub(crate) fn parse_page<T: Resource>(text: &str) -> Result<Page<T>> {
    // The reason would show what a mailbox holds.
    serde_json::from_str(text).ok().or_else(|| mended_page(text)).ok_or_else(|| Detail::UnexpectedResponse.about(T::NAME))
}

/// Reads one item that was asked for by itself.
pub(crate) fn parse_one<T: Resource>(text: &str) -> Result<T> {
    let item = match serde_json::from_str(text) {
        Ok(wire) => T::from_wire(wire),
        Err(_) => mended_item(text),
    };
    item.ok_or_else(|| Detail::UnexpectedResponse.about(T::NAME))
}

fn mended_page<T: Resource>(text: &str) -> Option<Page<T>> {
    mend::mended(text)?;
    let page: Page<Mended<T>> = serde_json::from_str(text).ok()?;
    let items = page.items.into_iter().map(|item| item.0).collect();
    Some(Page { items, next: page.next, delta: page.delta, count: page.count, context: page.context })
}

/// An item whose text may have to be mended.
struct Mended<T>(T);

impl<T: Resource> Resource for Mended<T> {
    type Wire = Box<RawValue>;
    const NAME: &'static str = T::NAME;

    fn from_wire(wire: Box<RawValue>) -> Option<Self> {
        match serde_json::from_str(wire.get()) {
            Ok(wire) => T::from_wire(wire).map(Self),
            Err(_) => mended_item(wire.get()).map(Self),
        }
    }
}

/// An id is never mended: it would be another one.
#[derive(Deserialize)]
struct OnlyId {
    id: String,
}

fn mended_item<T: Resource>(text: &str) -> Option<T> {
    let mended = mend::mended(text)?;
    let whole: OnlyId = serde_json::from_str(text).ok()?;
    let mut item = T::from_wire(serde_json::from_str(&mended).ok()?).filter(|_| !whole.id.is_empty())?;
    item.note_mended();
    Some(item)
}

fn items<'de, D: Deserializer<'de>, T: Resource>(deserializer: D) -> std::result::Result<Vec<T>, D::Error> {
    deserializer.deserialize_seq(Items(PhantomData))
}

/// Makes records one by one, so that a page is in memory once as text and once as records.
struct Items<T>(PhantomData<T>);

impl<'de, T: Resource> Visitor<'de> for Items<T> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> std::result::Result<Vec<T>, A::Error> {
        let mut items = Vec::new();
        while let Some(wire) = entries.next_element::<T::Wire>()? {
            if items.len() >= MOST_ITEMS {
                return Err(A::Error::custom("too many items"));
            }
            items.push(T::from_wire(wire).ok_or_else(|| A::Error::custom("an item without id"))?);
        }
        items.shrink_to_fit();
        Ok(items)
    }
}

#[cfg(test)]
mod tests;
