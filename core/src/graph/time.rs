//! Times of Graph (FACTS 8.8, 11). Nothing is guessed: what does not say its zone is no instant.
//!
//! An instant (`receivedDateTime`) is `2026-08-19T03:15:08Z`, with none to nine digits of a second's fraction, or with an offset
//! instead of `Z`. A time of an event is the clock on the wall with the name of its zone; there an offset is an exception.

use crate::model::EventTime;
use jiff::{
    Timestamp,
    civil::DateTime,
    tz::{AmbiguousOffset, Offset, TimeZone, TimeZoneDatabase},
};
use std::sync::LazyLock;
use windows_timezones::WindowsTimezone;

/// What stands for "never" in place of a time.
const NEVER: &str = "0001-01-01";

/// The first moment of 1970, on any clock.
const EPOCH: DateTime = jiff::civil::datetime(1970, 1, 1, 0, 0, 0, 0);

/// Names that the service documents and the time zone data does not have.
const RENAMED: [(&str, &str); 2] = [("Asia/Astana", "Asia/Almaty"), ("Asia/Toshkent", "Asia/Tashkent")];

/// The zones come with the library: the same on every device, and no file of the host is looked at.
static ZONES: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

/// An instant of an answer, Unix seconds.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Moment {
    At(i64),
    Never,
    Unreadable,
}

/// Reads an instant; without `Z` or an offset it is none.
pub(crate) fn moment(text: &str) -> Moment {
    match Clock::read(text) {
        Some(clock) if clock.is_never() => Moment::Never,
        Some(Clock { wall, offset: Some(offset), .. }) => Moment::At(wall.saturating_sub(offset)),
        _ => Moment::Unreadable,
    }
}

/// A time of an event, as far as it can be read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Reading {
    Time(EventTime),
    /// The time can be read, and its instant not: the zone is not known, or it contradicts the offset that is written too.
    Uncertain(EventTime),
    Never,
    Unreadable,
}

/// Reads a time of an event with its zone.
pub(crate) fn event_time(date_time: &str, zone: &str) -> Reading {
    let Some(clock) = Clock::read(date_time) else { return Reading::Unreadable };
    if clock.is_never() {
        return Reading::Never;
    }
    let found = find_zone(zone);
    let unix = match (&found, clock.offset) {
        (Some((_, known)), offset) => known.instant(&clock, offset),
        (None, Some(offset)) if zone.is_empty() => Some(clock.wall.saturating_sub(offset)),
        _ => None,
    };
    let time = EventTime {
        date_time: clock.text.to_owned(),
        time_zone: zone.to_owned(),
        iana: found.map(|(name, _)| name),
        unix,
        date: None,
    };
    if unix.is_some() { Reading::Time(time) } else { Reading::Uncertain(time) }
}

impl EventTime {
    /// The same moment on the clocks of another zone, by Windows' or IANA's name (`W. Europe Standard Time`, `Europe/Vienna`): for
    /// showing. `None` for a whole day, which is a date and has no moment, for a moment that is not certain, and for a zone that is
    /// not known. The zones come with the library; nothing is asked.
    ///
    /// # Example
    /// ```
    /// use intail_office365::EventTime;
    ///
    /// let utc = EventTime {
    ///     date_time: "2026-08-24T17:00:00".into(),
    ///     time_zone: "UTC".into(),
    ///     iana: Some("Etc/UTC".into()),
    ///     unix: Some(1_787_590_800),
    ///     date: None,
    /// };
    /// assert_eq!(utc.in_zone("Europe/Vienna").unwrap().date_time, "2026-08-24T19:00:00");
    /// ```
    pub fn in_zone(&self, time_zone: &str) -> Option<Self> {
        if self.date.is_some() {
            return None;
        }
        let (iana, zone) = find_zone(time_zone)?;
        let moment = Timestamp::from_second(self.unix?).ok()?;
        let offset = match &zone {
            Zone::Utc => Offset::UTC,
            Zone::Named(zone) => zone.to_offset(moment),
        };
        let date_time = offset.to_datetime(moment).strftime("%Y-%m-%dT%H:%M:%S").to_string();
        Some(Self { date_time, time_zone: time_zone.to_owned(), iana: Some(iana), unix: self.unix, date: None })
    }
}

/// Whether this is a date/// Whether this is a date, `2026-08-24`, and not the one that stands for "never".
pub(crate) fn is_date(text: &str) -> bool {
    text.len() == 10 && text != NEVER && Clock::read(&format!("{text}T00:00:00")).is_some()
}

/// An instant as a query writes it, `2026-08-19T03:15:08Z`; the years 1601 to 9999.
pub(crate) fn written(unix: i64) -> Option<String> {
    let at = Offset::UTC.to_datetime(Timestamp::from_second(unix).ok()?);
    let text =
        format!("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", at.year(), at.month(), at.day(), at.hour(), at.minute(), at.second());
    (at.year() >= 1601).then_some(text)
}

/// What a text says of a clock on a wall.
struct Clock<'a> {
    /// Without fraction and offset.
    text: &'a str,
    at: DateTime,
    /// Seconds since 1970 on that clock.
    wall: i64,
    /// Seconds east of UTC, where it is written.
    offset: Option<i64>,
}

impl<'a> Clock<'a> {
    /// `YYYY-MM-DDTHH:MM:SS`, perhaps a fraction, perhaps `Z` or `+HH:MM`; nothing else. The year 0 and the second 60 do not exist.
    fn read(text: &'a str) -> Option<Self> {
        let (clock, rest) = text.split_at_checked(19)?;
        let bytes = clock.as_bytes();
        let marks = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':')];
        if marks.iter().any(|(at, mark)| bytes.get(*at) != Some(mark)) {
            return None;
        }
        let part = |from, to| number(bytes.get(from..to)?);
        let small = |from, to| i8::try_from(part(from, to)?).ok();
        let year = part(0, 4).filter(|year| *year > 0)?;
        let at = DateTime::new(year, small(5, 7)?, small(8, 10)?, small(11, 13)?, small(14, 16)?, small(17, 19)?, 0).ok()?;
        let offset = read_offset(without_fraction(rest)?)?;
        let wall = at.duration_since(EPOCH).as_secs();
        Some(Self { text: clock, at, wall, offset })
    }

    fn is_never(&self) -> bool {
        self.text.starts_with(NEVER)
    }
}

fn number(digits: &[u8]) -> Option<i16> {
    if !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// What follows a fraction of one to nine digits; all of it where there is no fraction.
fn without_fraction(rest: &str) -> Option<&str> {
    let Some(fraction) = rest.strip_prefix('.') else { return Some(rest) };
    let end = fraction.find(|c: char| !c.is_ascii_digit()).unwrap_or(fraction.len());
    if (1..=9).contains(&end) { fraction.get(end..) } else { None }
}

/// The outer `None`: this is no offset. The inner one: there is none.
#[expect(clippy::option_option, reason = "a missing offset is legal, an unreadable one is not")]
fn read_offset(text: &str) -> Option<Option<i64>> {
    let sign = match text.as_bytes().first() {
        None => return Some(None),
        Some(b'Z') if text.len() == 1 => return Some(Some(0)),
        Some(b'+') => 1,
        Some(b'-') => -1,
        Some(_) => return None,
    };
    let (hours, minutes) = text.get(1..)?.split_once(':')?;
    if hours.len() != 2 || minutes.len() != 2 {
        return None;
    }
    let hours = number(hours.as_bytes()).filter(|hours| *hours <= 14)?;
    let minutes = number(minutes.as_bytes()).filter(|minutes| *minutes <= 59)?;
    let seconds = i64::from(hours).checked_mul(3600)?.checked_add(i64::from(minutes).checked_mul(60)?)?;
    Some(Some(seconds.saturating_mul(sign)))
}

enum Zone {
    Utc,
    Named(TimeZone),
}

impl Zone {
    /// The instant at which this zone's clocks show that; with an offset only if the zone agrees with it.
    fn instant(&self, clock: &Clock<'_>, offset: Option<i64>) -> Option<i64> {
        match (self, offset) {
            (Self::Utc, None | Some(0)) => Some(clock.wall),
            (Self::Utc, Some(_)) => None,
            (Self::Named(zone), Some(offset)) => {
                let unix = clock.wall.saturating_sub(offset);
                let there = zone.to_offset(Timestamp::from_second(unix).ok()?);
                (i64::from(there.seconds()) == offset).then_some(unix)
            }
            (Self::Named(zone), None) => {
                // The offset of before a change puts a skipped time as long after it, and takes the first of a time that comes twice.
                let offset = match zone.to_ambiguous_timestamp(clock.at).offset() {
                    AmbiguousOffset::Unambiguous { offset } => offset,
                    AmbiguousOffset::Gap { before, .. } | AmbiguousOffset::Fold { before, .. } => before,
                };
                Some(clock.wall.saturating_sub(i64::from(offset.seconds())))
            }
        }
    }
}

/// The zone of that name, Windows' or IANA's, with IANA's name for it.
fn find_zone(name: &str) -> Option<(String, Zone)> {
    if name.eq_ignore_ascii_case("UTC") || name.eq_ignore_ascii_case("tzone://Microsoft/Utc") {
        return Some(("Etc/UTC".to_owned(), Zone::Utc));
    }
    let windows = name.parse::<WindowsTimezone>().ok().map(WindowsTimezone::tzdb_id);
    let renamed = || RENAMED.into_iter().find(|(old, _)| *old == name).map(|(_, new)| new);
    let zone = ZONES.get(windows.or_else(renamed).unwrap_or(name)).ok().filter(|zone| !zone.is_unknown())?;
    let iana = zone.iana_name()?.to_owned();
    Some((iana, Zone::Named(zone)))
}

#[cfg(test)]
mod tests;
