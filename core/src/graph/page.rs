//! A page of a collection (FACTS 8.10, 11): `{"value": […], "@odata.nextLink": …, "@odata.deltaLink": …, "@odata.count": …}`.
//!
//! A page is believed as a whole or not at all: `value` that is missing, null or no list is an unusable answer and never "nothing
//! there", as is an item without an id, a property that comes twice, or text after the end.

use crate::error::{Detail, Result};
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, Error, SeqAccess, Visitor},
};
use std::{fmt, marker::PhantomData};

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
}

/// Reads a page.
pub(crate) fn parse_page<T: Resource>(text: &str) -> Result<Page<T>> {
    // The reason would show what a mailbox holds.
    serde_json::from_str(text).map_err(|_| Detail::UnexpectedResponse.about(T::NAME))
}

/// Reads one item that was asked for by itself.
pub(crate) fn parse_one<T: Resource>(text: &str) -> Result<T> {
    let wire = serde_json::from_str(text).ok();
    wire.and_then(T::from_wire).ok_or_else(|| Detail::UnexpectedResponse.about(T::NAME))
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
