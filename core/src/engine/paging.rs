//! Pages of a collection, one at a time. Where the next one begins is a text that the host carries and only this process can read.

use super::{AccountCell, Engine};
use crate::{
    call::Call,
    error::{Detail, Result},
    graph::{
        failure,
        link::Collection,
        page::{Page, Resource, parse_one, parse_page},
        photo,
        query::Listing,
        request::ReadOnlyRequest,
    },
    model::Photo,
};
use serde::{Deserialize, Serialize};
use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
};

/// Pages of one listing. At 1,000 items a page nobody has that many.
const MOST_PAGES: u32 = 100_000;

/// Where a listing goes on.
#[derive(Debug, Serialize, Deserialize)]
struct Continuation {
    segments: Vec<String>,
    preferences: Vec<String>,
    link: String,
    guard: LoopGuard,
}

/// Finds loops of any length without keeping the links: each is compared with the one that was met at the last power of two (Brent).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct LoopGuard {
    pages: u32,
    mark: u64,
}

impl LoopGuard {
    /// Counts a link.
    ///
    /// # Errors
    /// `PagingLoop`: the links go round in a circle. `PagingLimit`: they do not end.
    pub(super) fn pass(self, link: &str) -> Result<Self> {
        let mut hasher = DefaultHasher::new();
        link.hash(&mut hasher);
        let (pages, hash) = (self.pages.saturating_add(1), hasher.finish());
        if self.pages > 0 && hash == self.mark {
            return Err(Detail::PagingLoop.into());
        }
        if pages > MOST_PAGES {
            return Err(Detail::PagingLimit.into());
        }
        Ok(Self { pages, mark: if pages.is_power_of_two() { hash } else { self.mark } })
    }
}

impl Engine {
    /// The first page, and where the next one begins.
    pub(crate) fn first_page<T: Resource + Send + 'static>(
        self: &Arc<Self>,
        cell: &Arc<AccountCell>,
        call: &Call,
        kind: &'static str,
        listing: Listing,
    ) -> Result<(Page<T>, Option<String>)> {
        let collection = self.collection(cell, &listing);
        let page = self.page(cell, call, ReadOnlyRequest::to(&self.settings.graph, &listing))?;
        let so_far = Continuation {
            segments: listing.path,
            preferences: listing.preferences,
            link: String::new(),
            guard: LoopGuard::default(),
        };
        self.with_next(cell, kind, so_far, &collection, page)
    }

    /// A further page. `next` is what came with the one before.
    pub(crate) fn next_page<T: Resource + Send + 'static>(
        self: &Arc<Self>,
        cell: &Arc<AccountCell>,
        call: &Call,
        kind: &'static str,
        next: &str,
    ) -> Result<(Page<T>, Option<String>)> {
        let opened = self.envelope.open(&[kind, cell.id()], next).ok_or_else(|| Detail::ContinuationInvalid.about("next"))?;
        let so_far: Continuation = serde_json::from_slice(&opened).map_err(|_| Detail::ContinuationInvalid.about("next"))?;
        let collection = Collection::new(&self.settings.graph, so_far.segments.clone(), &cell.record().identity.oid);
        let request = ReadOnlyRequest::at(collection.admit(&so_far.link)?).prefer(&so_far.preferences);
        let page = self.page(cell, call, request)?;
        self.with_next(cell, kind, so_far, &collection, page)
    }

    /// One item by itself.
    pub(crate) fn one<T: Resource + Send + 'static>(
        self: &Arc<Self>,
        cell: &Arc<AccountCell>,
        call: &Call,
        listing: &Listing,
    ) -> Result<T> {
        let request = ReadOnlyRequest::to(&self.settings.graph, listing);
        self.read(cell, call, request, |response| parse_one(failure::text(response)?))
    }

    /// The person's picture; `None` where the service has a placeholder.
    pub(crate) fn photo(self: &Arc<Self>, cell: &Arc<AccountCell>, call: &Call, listing: &Listing) -> Result<Option<Photo>> {
        let request = ReadOnlyRequest::to(&self.settings.graph, listing).for_image();
        self.read(cell, call, request, |response| photo::read(response.header("content-type"), response.body.to_vec()))
    }

    pub(super) fn collection(&self, cell: &AccountCell, listing: &Listing) -> Collection {
        Collection::new(&self.settings.graph, listing.path.clone(), &cell.record().identity.oid)
    }

    pub(super) fn page<T: Resource + Send + 'static>(
        self: &Arc<Self>,
        cell: &Arc<AccountCell>,
        call: &Call,
        request: ReadOnlyRequest,
    ) -> Result<Page<T>> {
        let person = cell.record().identity.oid.clone();
        self.read(cell, call, request, move |response| {
            let page: Page<T> = parse_page(failure::text(response)?)?;
            if page.is_of_another(&person) { Err(Detail::AccountMismatch.about("context")) } else { Ok(page) }
        })
    }

    /// A page whose link to the next is not one that may be followed is not returned at all: whoever wrote that link may have written
    /// the items too.
    fn with_next<T>(
        &self,
        cell: &AccountCell,
        kind: &str,
        so_far: Continuation,
        collection: &Collection,
        mut page: Page<T>,
    ) -> Result<(Page<T>, Option<String>)> {
        let Some(link) = page.next.take() else { return Ok((page, None)) };
        collection.admit(&link)?;
        let guard = so_far.guard.pass(&link)?;
        let plain = serde_json::to_vec(&Continuation { link, guard, ..so_far }).map_err(|_| Detail::Internal)?;
        Ok((page, Some(self.envelope.seal(&[kind, cell.id()], &plain)?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// G-05: pages until a loop of that length is found.
    fn found_after(length: u32) -> u32 {
        let mut guard = LoopGuard::default();
        for page in 0..MOST_PAGES {
            match guard.pass(&format!("https://graph/{}", page % length)) {
                Ok(next) => guard = next,
                Err(error) => {
                    assert_eq!(error.cause(), Detail::PagingLoop);
                    return page;
                }
            }
        }
        panic!("not found");
    }

    #[test]
    fn g_05_loops_of_any_length_are_found() {
        for length in [1, 2, 3, 7, 1_000] {
            assert!(found_after(length) <= 3 * length, "{length}");
        }
    }

    #[test]
    fn g_06_endless_pages_come_to_an_end() {
        let mut guard = LoopGuard::default();
        for page in 0..MOST_PAGES {
            guard = guard.pass(&format!("https://graph/{page}")).unwrap();
        }
        assert_eq!(guard.pass("https://graph/one-more").unwrap_err().cause(), Detail::PagingLimit);
    }
}
