//! The sandbox's clock: the machine's plus an offset that tests move.

use std::time::{SystemTime, UNIX_EPOCH};

/// Seconds added to the machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Clock {
    pub(crate) offset: i64,
}

impl Clock {
    /// Unix seconds.
    pub(crate) fn now(self) -> i64 {
        let machine = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        i64::try_from(machine).unwrap_or(i64::MAX).saturating_add(self.offset)
    }
}

/// `2026-08-20 10:15:30Z`, as the identity platform writes its timestamps.
pub(crate) fn login_timestamp(seconds: i64) -> String {
    let (year, month, day, hour, minute, second) = civil(seconds);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}Z")
}

/// `2026-08-20T10:15:30`, as Graph writes the date of an error, without a zone.
pub(crate) fn graph_timestamp(seconds: i64) -> String {
    let (year, month, day, hour, minute, second) = civil(seconds);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")
}

/// Reads `2026-08-20T10:15:30Z`.
pub(crate) fn parse_timestamp(text: &str) -> Option<i64> {
    let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
    let numbers = |text: &str, by: char| text.split(by).map(|part| part.parse::<i64>().ok()).collect::<Option<Vec<_>>>();
    let (date, time) = (numbers(date, '-')?, numbers(time.split('.').next()?, ':')?);
    let ([year, month, day], [hour, minute, second]) = (date.as_slice(), time.as_slice()) else { return None };
    let shifted = if *month <= 2 { year - 1 } else { *year };
    let (era, year_of_era) = (shifted.div_euclid(400), shifted.rem_euclid(400));
    let day_of_year = (153 * (month + if *month > 2 { -3 } else { 9 }) + 2) / 5 + day - 1;
    let days = era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468;
    Some(days * 86_400 + hour * 3_600 + minute * 60 + second)
}

/// Days to a Gregorian date (the era arithmetic of Howard Hinnant's `civil_from_days`).
pub(crate) fn civil(seconds: i64) -> (i64, i64, i64, i64, i64, i64) {
    let days = seconds.div_euclid(86_400) + 719_468;
    let second_of_day = seconds.rem_euclid(86_400);
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day, second_of_day / 3_600, second_of_day / 60 % 60, second_of_day % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_follow_the_calendar() {
        assert_eq!(login_timestamp(0), "1970-01-01 00:00:00Z");
        assert_eq!(login_timestamp(1_787_220_930), "2026-08-20 10:15:30Z");
        assert_eq!(graph_timestamp(951_782_400), "2000-02-29T00:00:00");
        assert_eq!(login_timestamp(-1), "1969-12-31 23:59:59Z");
        for seconds in [0, 951_782_400, 1_787_220_930, 4_102_444_799] {
            assert_eq!(parse_timestamp(&format!("{}Z", graph_timestamp(seconds))), Some(seconds));
        }
        assert_eq!(parse_timestamp("2026-08-20"), None);
    }
}
