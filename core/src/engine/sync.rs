//! Synchronizing a collection by delta pages (FACTS 8.7, 8.8). Where it goes on is stored only when the host has acknowledged a page:
//! whatever was not acknowledged comes again.

use super::{AccountCell, Engine, paging::LoopGuard};
use crate::{
    call::Call,
    error::{Detail, Result},
    graph::{
        link::Collection,
        page::{Page, Resource},
        query::Listing,
        request::ReadOnlyRequest,
    },
};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A page of changes, and what moves the cursor behind it.
#[derive(Debug)]
pub(crate) struct Step<T> {
    pub(crate) changes: Vec<T>,
    /// It belongs to a round that lists everything, whatever was listed before.
    pub(crate) full: bool,
    pub(crate) first: bool,
    pub(crate) more: bool,
    /// Pages and changes of this round so far, this page included.
    pub(crate) pages: u32,
    pub(crate) items: u32,
    pub(crate) acknowledgement: String,
}

/// A cursor as it is stored. It says what it belongs to, and is not used for anything else.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Noted {
    link: String,
    full: bool,
    pages: u32,
    items: u32,
    guard: LoopGuard,
}

/// What an acknowledgement stores.
#[derive(Debug, Serialize, Deserialize)]
struct Acknowledgement {
    name: String,
    generation: i64,
    noted: Noted,
}

/// For what acknowledgements are sealed.
const KIND: &str = "sync";

/// The name of a cursor: another path, query or format of ids is another cursor. How long its pages are is no part of it.
fn name(listing: &Listing) -> String {
    let options = listing.parameters.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&");
    format!("{}?{options}#immutable", listing.path.join("/"))
}

impl Engine {
    /// The next page of changes. The service keeps the parameters of the first request in its links.
    pub(crate) fn sync<T: Resource + Send + 'static>(
        self: &Arc<Self>,
        cell: &Arc<AccountCell>,
        call: &Call,
        listing: &Listing,
    ) -> Result<Step<T>> {
        let (name, collection) = (name(listing), self.collection(cell, listing));
        let cursor = self.with_keys(|| self.store.cursor(cell.id(), &name))?;
        let generation = cursor.as_ref().map_or(0, |cursor| cursor.generation);
        // A cursor that cannot be read or leads elsewhere (a store that somebody wrote to) begins anew, and nothing is sent there.
        let noted = cursor.and_then(|cursor| serde_json::from_slice::<Noted>(&cursor.payload).ok());
        let noted = noted
            .and_then(|noted| Some((ReadOnlyRequest::at(collection.admit(&noted.link).ok()?).prefer(&listing.preferences), noted)));
        let ask = |request| self.page(cell, call, request);
        let (page, before) = match noted.map(|(request, noted)| (ask(request), noted)) {
            Some((Ok(page), noted)) => (page, Some(noted)),
            // The service has forgotten where we were; everything is listed again.
            Some((Err(error), _)) if error.cause() != Detail::DeltaExpired => return Err(error),
            _ => (ask(ReadOnlyRequest::to(&self.settings.graph, listing))?, None),
        };
        self.step(cell, name, generation, &collection, page, before)
    }

    /// Stores where the sync goes on. `false` if another thread or process has gone on meanwhile: then nothing is changed.
    pub(crate) fn acknowledge(&self, cell: &AccountCell, acknowledgement: &str) -> Result<bool> {
        let invalid = || Detail::ContinuationInvalid.about("acknowledgement");
        let opened = self.envelope.open(&[KIND, cell.id()], acknowledgement).ok_or_else(invalid)?;
        let Acknowledgement { name, generation, noted } = serde_json::from_slice(&opened).map_err(|_| invalid())?;
        let payload = serde_json::to_vec(&noted).map_err(|_| Detail::Internal)?;
        self.with_keys(|| self.store.move_cursor(cell.id(), &name, generation, &payload))
    }

    /// Forgets where a sync was: the next one lists everything.
    pub(crate) fn restart_sync(&self, cell: &AccountCell, listing: &Listing) -> Result<()> {
        self.with_keys(|| self.store.forget_cursor(cell.id(), &name(listing)))
    }

    fn step<T>(
        &self,
        cell: &AccountCell,
        name: String,
        generation: i64,
        collection: &Collection,
        page: Page<T>,
        before: Option<Noted>,
    ) -> Result<Step<T>> {
        let (link, more) = match (page.next, page.delta) {
            (Some(next), _) => (next, true),
            (None, Some(delta)) => (delta, false),
            (None, None) => return Err(Detail::UnexpectedResponse.about("deltaLink")),
        };
        collection.admit(&link)?;
        let now =
            before.unwrap_or_else(|| Noted { link: String::new(), full: true, pages: 0, items: 0, guard: LoopGuard::default() });
        let (first, full) = (now.pages == 0, now.full);
        let pages = now.pages.saturating_add(1);
        let items = now.items.saturating_add(u32::try_from(page.items.len()).unwrap_or(u32::MAX));
        let noted = if more {
            Noted { guard: now.guard.pass(&link)?, link, full, pages, items }
        } else {
            // The round is over; the next one tells what changed since.
            Noted { link, full: false, pages: 0, items: 0, guard: LoopGuard::default() }
        };
        let acknowledgement = serde_json::to_vec(&Acknowledgement { name, generation, noted }).map_err(|_| Detail::Internal)?;
        let acknowledgement = self.envelope.seal(&[KIND, cell.id()], &acknowledgement)?;
        Ok(Step { changes: page.items, full, first, more, pages, items, acknowledgement })
    }
}
