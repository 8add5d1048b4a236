//! A person's calendars: single events, events of whole days, and series, which the service expands when a span of time is asked for
//! (FACTS 8.8, 8.9). A series repeats by the clock of UTC.

use std::collections::{BTreeMap, BTreeSet};

pub(crate) const DAY: i64 = 86_400;
const HOUR: i64 = 3_600;
/// Days that a series is followed for.
const HORIZON: i64 = 4_000;

/// A calendar.
#[derive(Debug)]
pub(crate) struct Calendar {
    pub(crate) id: &'static str,
    pub(crate) name: &'static str,
    pub(crate) color: &'static str,
    pub(crate) is_default: bool,
    pub(crate) can_edit: bool,
}

/// Everybody's calendars, the default one first.
pub(crate) const CALENDARS: [Calendar; 3] = [
    Calendar { id: "AAMkAGI2TDefault0AAA=", name: "Calendar", color: "auto", is_default: true, can_edit: true },
    Calendar { id: "AAMkAGI2TBirthdayAAA=", name: "Birthdays", color: "lightBlue", is_default: false, can_edit: true },
    Calendar { id: "AAMkAGI2TShared00AAA=", name: "Team", color: "lightGreen", is_default: false, can_edit: false },
];

/// How a series repeats.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pattern {
    /// Every so many days.
    Daily(i64),
    /// On these days of every week; Monday is 0.
    Weekly(&'static [i64]),
    /// On that day of the month.
    Monthly(i64),
    /// On the last of these days of the month.
    LastOfMonth(i64),
    /// On the day of the year on which it began.
    Yearly,
}

/// How a series ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Never,
    /// After so many.
    Count(u32),
    /// On that day, which still belongs to it.
    Day(i64),
}

/// An event or a series.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) number: u32,
    pub(crate) calendar: &'static str,
    pub(crate) subject: String,
    pub(crate) start: i64,
    pub(crate) length: i64,
    pub(crate) all_day: bool,
    pub(crate) repeats: Option<(Pattern, End)>,
    pub(crate) cancelled: bool,
    pub(crate) version: u32,
    /// Days (of the original start) whose occurrence was taken out.
    pub(crate) without: BTreeSet<i64>,
    /// Days whose occurrence was moved by so many seconds.
    pub(crate) moved: BTreeMap<i64, i64>,
}

/// A happening: a single event, or one occurrence of a series.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Happening<'a> {
    pub(crate) entry: &'a Entry,
    /// For an occurrence: the day on which it would begin.
    pub(crate) day: Option<i64>,
    pub(crate) start: i64,
}

impl Happening<'_> {
    pub(crate) fn is_exception(&self) -> bool {
        self.day.is_some_and(|day| self.entry.moved.contains_key(&day))
    }

    pub(crate) fn id(&self) -> String {
        match self.day {
            None => self.entry.id(),
            Some(day) => format!("AAkALgAAAAAAHYQDEvOcc{:06x}{day:06x}AAA=", self.entry.number),
        }
    }
}

impl Entry {
    fn new(number: u32, calendar: usize, subject: &str, start: i64, length: i64) -> Entry {
        Entry {
            number,
            calendar: CALENDARS.get(calendar).map_or("", |calendar| calendar.id),
            subject: subject.to_owned(),
            start,
            length,
            all_day: length % DAY == 0 && start % DAY == 0,
            repeats: None,
            cancelled: false,
            version: 1,
            without: BTreeSet::new(),
            moved: BTreeMap::new(),
        }
    }

    fn repeating(self, pattern: Pattern, end: End) -> Entry {
        Entry { repeats: Some((pattern, end)), ..self }
    }

    pub(crate) fn id(&self) -> String {
        format!("AAkALgAAAAAAHYQDEvent{:06x}000000AAA=", self.number)
    }

    /// What of it begins before `until` and ends after `from`.
    pub(crate) fn happenings(&self, from: i64, until: i64) -> Vec<Happening<'_>> {
        let overlaps = |start: i64| start < until && start + self.length > from;
        let Some((pattern, end)) = self.repeats else {
            let single = Happening { entry: self, day: None, start: self.start };
            return overlaps(self.start).then_some(single).into_iter().collect();
        };
        let (first, time) = (self.start.div_euclid(DAY), self.start.rem_euclid(DAY));
        let (mut found, mut count) = (Vec::new(), 0);
        for day in first..=first + HORIZON {
            let is_over = match end {
                End::Never => day * DAY >= until + DAY,
                End::Count(most) => count >= most,
                End::Day(last) => day > last,
            };
            if is_over {
                break;
            }
            if !falls_on(pattern, first, day) {
                continue;
            }
            count += 1;
            let start = day * DAY + time + self.moved.get(&day).copied().unwrap_or_default();
            if overlaps(start) && !self.without.contains(&day) {
                found.push(Happening { entry: self, day: Some(day), start });
            }
        }
        found
    }
}

fn falls_on(pattern: Pattern, first: i64, day: i64) -> bool {
    let (_, month, of_month, weekday) = date(day);
    match pattern {
        Pattern::Daily(interval) => (day - first) % interval == 0,
        Pattern::Weekly(days) => days.contains(&weekday),
        Pattern::Monthly(wanted) => of_month == wanted,
        Pattern::LastOfMonth(wanted) => weekday == wanted && date(day + 7).1 != month,
        Pattern::Yearly => date(first).1 == month && date(first).2 == of_month,
    }
}

/// Year, month, day of the month and day of the week (Monday is 0) of a day since 1970.
pub(crate) fn date(day: i64) -> (i64, i64, i64, i64) {
    let (year, month, of_month, ..) = super::clock::civil(day * DAY);
    (year, month, of_month, (day + 3).rem_euclid(7))
}

/// All calendars of one person.
#[derive(Debug, Clone)]
pub(crate) struct Agenda {
    pub(crate) entries: Vec<Entry>,
    next: u32,
    /// Ids of events that were changed or (true) taken out, in order: what a sync reads.
    pub(crate) history: Vec<(String, bool)>,
    /// The next token of a sync is not known any more.
    pub(crate) gone: bool,
}

impl Agenda {
    /// As it begins, around today.
    pub(crate) fn new(now: i64) -> Agenda {
        let today = now.div_euclid(DAY) * DAY;
        let monday = today - date(today / DAY).3 * DAY;
        let mut weekly = Entry::new(3, 0, "Weekly planning", monday - 28 * DAY + 17 * HOUR, HOUR / 2)
            .repeating(Pattern::Weekly(&[0, 2]), End::Never);
        weekly.without.insert(monday / DAY + 9);
        weekly.moved.insert(monday / DAY + 7, 2 * HOUR);
        let entries = vec![
            Entry::new(0, 0, "Lunch with Lidia", today + DAY + 12 * HOUR, HOUR),
            Entry::new(1, 0, "Company holiday", today + 3 * DAY, DAY),
            Entry::new(2, 0, "Stand-up", today - 2 * DAY + 8 * HOUR, HOUR / 4).repeating(Pattern::Daily(1), End::Count(10)),
            weekly,
            Entry::new(4, 0, "Report", monday - 90 * DAY + 9 * HOUR, HOUR)
                .repeating(Pattern::Monthly(15), End::Day(today / DAY + 365)),
            Entry::new(5, 0, "Review of the month", monday - 60 * DAY + 14 * HOUR, 2 * HOUR)
                .repeating(Pattern::LastOfMonth(4), End::Never),
            Entry::new(6, 1, "Adele's birthday", today - 360 * DAY, DAY).repeating(Pattern::Yearly, End::Never),
            Entry::new(7, 2, "Fair", today + 5 * DAY, 3 * DAY),
        ];
        Agenda { entries, next: 100, history: Vec::new(), gone: false }
    }

    pub(crate) fn add(&mut self, subject: &str, start: i64, length: i64) -> String {
        let entry = Entry::new(self.next, 0, subject, start, length);
        let id = entry.id();
        self.next += 1;
        self.history.push((id.clone(), false));
        self.entries.push(entry);
        id
    }

    /// Changes the event or series of that id.
    pub(crate) fn update(&mut self, id: &str, change: impl FnOnce(&mut Entry)) -> bool {
        let Some(entry) = self.entries.iter_mut().find(|entry| entry.id() == id) else { return false };
        change(entry);
        entry.version += 1;
        self.history.push((id.to_owned(), false));
        true
    }

    pub(crate) fn delete(&mut self, id: &str) -> bool {
        let before = self.entries.len();
        self.entries.retain(|entry| entry.id() != id);
        let was_there = self.entries.len() < before;
        if was_there {
            self.history.push((id.to_owned(), true));
        }
        was_there
    }

    /// What happens in a span of time, by the time it starts.
    pub(crate) fn view(&self, calendar: &str, from: i64, until: i64) -> Vec<Happening<'_>> {
        let entries = self.entries.iter().filter(|entry| entry.calendar == calendar);
        let mut found: Vec<Happening<'_>> = entries.flat_map(|entry| entry.happenings(from, until)).collect();
        found.sort_by_key(|happening| (happening.start, happening.entry.number));
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Days since 1970 of 2026-08-24, a Monday.
    const MONDAY: i64 = 20_689;

    fn days(entry: &Entry, until: i64) -> Vec<(i64, i64)> {
        entry
            .happenings(0, until * DAY)
            .iter()
            .map(|happening| (date(happening.start / DAY).1, date(happening.start / DAY).2))
            .collect()
    }

    #[test]
    fn series_fall_on_the_days_of_their_pattern() {
        assert_eq!(date(MONDAY), (2026, 8, 24, 0));
        let entry = || Entry::new(1, 0, "x", MONDAY * DAY + 9 * HOUR, HOUR);
        let ends = MONDAY + 70;
        assert_eq!(days(&entry().repeating(Pattern::Daily(2), End::Count(3)), ends), [(8, 24), (8, 26), (8, 28)]);
        assert_eq!(days(&entry().repeating(Pattern::Weekly(&[0, 2]), End::Day(MONDAY + 8)), ends), [(8, 24), (8, 26), (8, 31)]);
        assert_eq!(days(&entry().repeating(Pattern::Monthly(31), End::Never), ends), [(8, 31), (10, 31)]);
        assert_eq!(days(&entry().repeating(Pattern::LastOfMonth(4), End::Never), ends), [(8, 28), (9, 25), (10, 30)]);
        assert_eq!(days(&entry().repeating(Pattern::Yearly, End::Never), MONDAY + 800), [(8, 24), (8, 24), (8, 24)]);
    }

    #[test]
    fn what_overlaps_a_span_belongs_to_it() {
        let entry = Entry::new(1, 0, "x", MONDAY * DAY + 9 * HOUR, HOUR);
        let hours = |from: i64, until: i64| entry.happenings(MONDAY * DAY + from * HOUR, MONDAY * DAY + until * HOUR).len();
        assert_eq!([hours(8, 9), hours(8, 10), hours(9, 10), hours(10, 11)], [0, 1, 1, 0]);
    }
}
