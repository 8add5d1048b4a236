//! Calendars and events.

use super::Account;
use crate::{
    consent::Scope,
    error::Result,
    graph::{calendars, events, page::Page},
    model::{Calendar, CalendarView, Event, EventPage, EventQuery},
};
use std::vec;

/// The name of the continuations of event lists.
const KIND: &str = "events";

impl Account {
    /// The person's calendars (`Calendars.Read`).
    ///
    /// # Errors
    /// As [`calendar_view`](Self::calendar_view).
    pub fn calendars(&self) -> Result<Vec<Calendar>> {
        let call = self.reading(Scope::CalendarsRead)?;
        let (page, mut next) = self.engine.first_page(&self.cell, &call, "calendars", calendars::list())?;
        let mut found: Vec<Calendar> = page.items;
        while let Some(more) = next {
            let (page, rest) = self.engine.next_page(&self.cell, &call, "calendars", &more)?;
            found.extend(page.items);
            next = rest;
        }
        Ok(found)
    }

    /// One calendar by its id; the default one without an id (`Calendars.Read`).
    ///
    /// # Errors
    /// `NotFound`: no such calendar. Otherwise as [`calendar_view`](Self::calendar_view).
    pub fn calendar(&self, id: Option<&str>) -> Result<Calendar> {
        let call = self.reading(Scope::CalendarsRead)?;
        self.engine.one(&self.cell, &call, &calendars::one(id)?)
    }

    /// The first page of single events and series, each series once and not its occurrences (`Calendars.Read`). What happens in a
    /// certain time is asked with [`calendar_view`](Self::calendar_view).
    ///
    /// # Errors
    /// As [`calendar_view`](Self::calendar_view).
    pub fn events(&self, query: &EventQuery) -> Result<EventPage> {
        let call = self.reading(Scope::CalendarsRead)?;
        self.engine.first_page(&self.cell, &call, KIND, events::list(query)?).map(event_page)
    }

    /// The first page of what happens between two instants: single events and every occurrence of a series, expanded by the service, by
    /// the time they start (`Calendars.Read`).
    ///
    /// # Errors
    /// `InvalidArgument` (`QueryNotPossible`) for a span that is empty or longer than 1,825 days. `AdminConsentRequired`
    /// (`ScopeNotGranted`): the permission is missing. `AccessDenied` (`MailboxMissing`) for a person without a mailbox. `NotFound`: no
    /// such calendar. Otherwise as [`messages`](Self::messages).
    ///
    /// # Example
    /// ```
    /// # mod rig { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/rig.rs")); }
    /// # use rig::{rig, rig_with};
    /// # fn main() -> intail_office365::Result<()> {
    /// # let rig = rig("megan@northwind.example");
    /// # let account = rig.office.connect(&Default::default(), None)?;
    /// use intail_office365::CalendarView;
    ///
    /// # let now = 1_790_000_000;
    /// let page = account.calendar_view(&CalendarView::new(now, now + 7 * 24 * 3600))?;
    /// for event in &page.events {
    ///     let begins = event.start.as_ref().map(|start| start.date_time.as_str()).unwrap_or_default();
    ///     println!("{begins} {}", event.subject.as_deref().unwrap_or_default());
    /// }
    /// # Ok(()) }
    /// ```
    pub fn calendar_view(&self, view: &CalendarView) -> Result<EventPage> {
        let call = self.reading(Scope::CalendarsRead)?;
        self.engine.first_page(&self.cell, &call, KIND, events::view(view)?).map(event_page)
    }

    /// The page behind one of [`events`](Self::events) or [`calendar_view`](Self::calendar_view).
    ///
    /// # Errors
    /// As [`next_messages`](Self::next_messages).
    pub fn next_events(&self, next: &str) -> Result<EventPage> {
        let call = self.reading(Scope::CalendarsRead)?;
        self.engine.next_page(&self.cell, &call, KIND, next).map(event_page)
    }

    /// One event by its id (`Calendars.Read`).
    ///
    /// # Errors
    /// `NotFound` for one that is not there any more. Otherwise as [`calendar_view`](Self::calendar_view).
    pub fn event(&self, id: &str) -> Result<Event> {
        let call = self.reading(Scope::CalendarsRead)?;
        self.engine.one(&self.cell, &call, &events::one(id)?)
    }

    /// Goes through all that a query of [`events`](Self::events) finds, one page in memory at a time.
    pub fn iter_events(&self, query: &EventQuery) -> Events {
        Events::begin(self, Begin::Query(query.clone()))
    }

    /// Goes through all that happens in a span of time, as [`calendar_view`](Self::calendar_view).
    pub fn iter_calendar_view(&self, view: &CalendarView) -> Events {
        Events::begin(self, Begin::View(view.clone()))
    }
}

fn event_page((page, next): (Page<Event>, Option<String>)) -> EventPage {
    EventPage { events: page.items, next, total: page.count }
}

/// All events of a query or a span, one after the other; made by [`Account::iter_events`] and [`Account::iter_calendar_view`]. Asks the
/// network when a page is used up. After an error it ends.
#[derive(Debug)]
pub struct Events {
    account: Account,
    begin: Option<Begin>,
    next: Option<String>,
    page: vec::IntoIter<Event>,
}

#[derive(Debug)]
enum Begin {
    Query(EventQuery),
    View(CalendarView),
}

impl Events {
    fn begin(account: &Account, begin: Begin) -> Self {
        Self { account: account.clone(), begin: Some(begin), next: None, page: Vec::new().into_iter() }
    }
}

impl Iterator for Events {
    type Item = Result<Event>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(event) = self.page.next() {
                return Some(Ok(event));
            }
            let page = match (self.begin.take(), self.next.take()) {
                (Some(Begin::Query(query)), _) => self.account.events(&query),
                (Some(Begin::View(view)), _) => self.account.calendar_view(&view),
                (None, Some(next)) => self.account.next_events(&next),
                (None, None) => return None,
            };
            match page {
                Ok(page) => (self.page, self.next) = (page.events.into_iter(), page.next),
                Err(error) => return Some(Err(error)),
            }
        }
    }
}
