use super::*;

const HOUR: i64 = 3600;
/// 2026-08-24T17:00:00Z.
const FIVE: i64 = 1_787_590_800;

fn time(date_time: &str, zone: &str) -> EventTime {
    match event_time(date_time, zone) {
        Reading::Time(time) | Reading::Uncertain(time) => time,
        other => panic!("{date_time} {zone}: {other:?}"),
    }
}

fn unix(date_time: &str, zone: &str) -> Option<i64> {
    time(date_time, zone).unix
}

#[test]
fn g_27_instants() {
    let cases = [
        ("1970-01-01T00:00:00Z", Moment::At(0)),
        ("2026-08-24T17:00:00Z", Moment::At(FIVE)),
        ("2026-08-24T17:00:00.1234567Z", Moment::At(FIVE)),
        ("2026-08-24T17:00:00.999999999Z", Moment::At(FIVE)),
        ("2026-08-24T19:00:00+02:00", Moment::At(FIVE)),
        ("2026-08-24T11:30:00-05:30", Moment::At(FIVE)),
        ("2024-02-29T00:00:00Z", Moment::At(1_709_164_800)),
        ("9999-12-31T23:59:59Z", Moment::At(253_402_300_799)),
        ("1601-01-01T00:00:00Z", Moment::At(-11_644_473_600)),
        ("0001-01-01T00:00:00Z", Moment::Never),
        ("0001-01-01T00:00:00", Moment::Never),
        ("2026-08-24T17:00:00", Moment::Unreadable),
        ("0000-01-01T00:00:00Z", Moment::Unreadable),
        ("10000-01-01T00:00:00Z", Moment::Unreadable),
        ("-001-01-01T00:00:00Z", Moment::Unreadable),
        ("2016-12-31T23:59:60Z", Moment::Unreadable),
        ("2023-02-29T00:00:00Z", Moment::Unreadable),
        ("2026-13-01T00:00:00Z", Moment::Unreadable),
        ("2026-08-24T24:00:00Z", Moment::Unreadable),
        ("2026-08-24 17:00:00Z", Moment::Unreadable),
        ("2026-08-24T17:00:00.Z", Moment::Unreadable),
        ("2026-08-24T17:00:00.1234567890Z", Moment::Unreadable),
        ("2026-08-24T17:00:00z", Moment::Unreadable),
        ("2026-08-24T17:00:00Z+01:00", Moment::Unreadable),
        ("2026-08-24T17:00:00+1:00", Moment::Unreadable),
        ("2026-08-24T17:00:00+15:00", Moment::Unreadable),
        ("2026-08-24T17:00:00+-1:00", Moment::Unreadable),
        ("2026-08-24T17:00Z", Moment::Unreadable),
        ("2026-08-24", Moment::Unreadable),
        ("+026-08-24T17:00:00Z", Moment::Unreadable),
        ("2026-08-24T17:00:0äZ", Moment::Unreadable),
        ("٢٠٢٦-08-24T17:00:00Z", Moment::Unreadable),
        ("/Date(1787590800000)/", Moment::Unreadable),
        ("", Moment::Unreadable),
    ];
    for (text, expected) in cases {
        assert_eq!(moment(text), expected, "{text}");
    }
}

#[test]
fn g_27_windows_and_iana_names_say_the_same() {
    for (zone, iana, offset) in [
        ("UTC", "Etc/UTC", 0),
        ("utc", "Etc/UTC", 0),
        ("tzone://Microsoft/Utc", "Etc/UTC", 0),
        ("Etc/GMT", "Etc/GMT", 0),
        ("Pacific Standard Time", "America/Los_Angeles", -7 * HOUR),
        ("America/Los_Angeles", "America/Los_Angeles", -7 * HOUR),
        ("W. Europe Standard Time", "Europe/Berlin", 2 * HOUR),
        ("Europe/Berlin", "Europe/Berlin", 2 * HOUR),
        ("India Standard Time", "Asia/Calcutta", 5 * HOUR + HOUR / 2),
        ("Asia/Kolkata", "Asia/Kolkata", 5 * HOUR + HOUR / 2),
        ("Nepal Standard Time", "Asia/Katmandu", 5 * HOUR + 3 * HOUR / 4),
        ("UTC-11", "Etc/GMT+11", -11 * HOUR),
        ("Line Islands Standard Time", "Pacific/Kiritimati", 14 * HOUR),
    ] {
        let time = time("2026-08-24T17:00:00.0000000", zone);
        assert_eq!((time.iana.as_deref(), time.unix), (Some(iana), Some(FIVE - offset)), "{zone}");
        assert_eq!((time.date_time.as_str(), time.time_zone.as_str(), time.date), ("2026-08-24T17:00:00", zone, None));
    }
}

#[test]
fn g_27_an_unknown_zone_is_no_instant() {
    for zone in
        ["tzone://Microsoft/Custom", "Customized Time Zone", "Mars/Olympus", "+02:00", "Etc/Unknown", "", "../Europe/Berlin"]
    {
        let reading = event_time("2026-08-24T17:00:00.0000000", zone);
        let Reading::Uncertain(time) = reading else { panic!("{zone}: {reading:?}") };
        assert_eq!((time.unix, time.iana), (None, None), "{zone}");
    }
}

#[test]
fn g_27_an_offset_counts_only_where_the_zone_agrees() {
    assert_eq!(unix("2026-08-24T17:00:00Z", "UTC"), Some(FIVE));
    assert_eq!(unix("2026-08-24T17:00:00Z", ""), Some(FIVE));
    assert_eq!(unix("2026-08-24T19:00:00+02:00", "Europe/Berlin"), Some(FIVE));
    assert_eq!(unix("2026-08-24T17:00:00Z", "Pacific Standard Time"), None);
    assert_eq!(unix("2026-08-24T17:00:00+01:00", "UTC"), None);
    assert_eq!(unix("2026-08-24T17:00:00Z", "tzone://Microsoft/Custom"), None);
    // The second of two half past two: the offset says which.
    assert_eq!(unix("2026-10-25T02:30:00+01:00", "Europe/Berlin"), Some(1_792_891_800));
}

#[test]
fn g_27_clocks_put_forward_and_back() {
    // Berlin, 2026-03-29: 02:00 does not come, and is 03:00 in summer time.
    assert_eq!(unix("2026-03-29T01:59:59", "W. Europe Standard Time"), Some(1_774_745_999));
    assert_eq!(unix("2026-03-29T02:00:00", "W. Europe Standard Time"), Some(1_774_746_000));
    assert_eq!(unix("2026-03-29T02:30:00", "Europe/Berlin"), Some(1_774_746_000 + HOUR / 2));
    assert_eq!(unix("2026-03-29T03:30:00", "Europe/Berlin"), Some(1_774_746_000 + HOUR / 2));
    // 2026-10-25: half past two comes twice, first in summer time.
    assert_eq!(unix("2026-10-25T02:30:00", "Europe/Berlin"), Some(1_792_891_800 - HOUR));
    assert_eq!(unix("2026-10-25T03:00:00", "Europe/Berlin"), Some(1_792_891_800 + HOUR / 2));
}

#[test]
fn g_27_ends_of_the_calendar() {
    assert_eq!(event_time("0001-01-01T00:00:00.0000000", "UTC"), Reading::Never);
    assert_eq!(event_time("0000-01-01T00:00:00", "UTC"), Reading::Unreadable);
    assert_eq!(event_time("10000-01-01T00:00:00", "UTC"), Reading::Unreadable);
    assert_eq!(event_time("2016-12-31T23:59:60", "UTC"), Reading::Unreadable);
    assert_eq!(unix("9999-12-31T23:59:59", "UTC"), Some(253_402_300_799));
    assert_eq!(unix("9999-12-31T23:59:59", "Pacific Standard Time"), Some(253_402_300_799 + 8 * HOUR));
    assert_eq!(unix("9999-12-31T23:59:59-08:00", "Pacific Standard Time"), None);
    assert!(unix("0001-01-02T00:00:00", "Europe/Berlin").is_some());
}

/// Every name that the service documents beside Windows' own; some stand with an older spelling in brackets.
#[test]
fn g_27_documented_zones_are_known() {
    let list = include_str!("../testdata/additional_timezones.csv");
    let names = list.lines().skip(1).flat_map(|line| line.split([' ', '(', ')'])).filter(|name| !name.is_empty());
    let mut count = 0;
    for name in names {
        let name = if name.contains('/') { name.to_owned() } else { format!("{}/{name}", list_region(name)) };
        assert!(find_zone(&name).is_some(), "{name}");
        count += 1;
    }
    assert_eq!(count, 103);
}

fn list_region(city: &str) -> &'static str {
    if city == "Kiev" { "Europe" } else { "Asia" }
}

#[test]
fn instants_are_written_for_queries() {
    assert_eq!(written(FIVE).as_deref(), Some("2026-08-24T17:00:00Z"));
    assert_eq!(written(-11_644_473_600).as_deref(), Some("1601-01-01T00:00:00Z"));
    for out in [-11_644_473_601, i64::MIN, i64::MAX, 253_402_300_800] {
        assert_eq!(written(out), None, "{out}");
    }
    assert!(is_date("2026-08-24") && !is_date("0001-01-01") && !is_date("2026-02-30") && !is_date("2026-8-24"));
}

/// For showing: the same moment on other clocks, and never a whole day or a moment that nobody knows.
#[test]
fn the_same_moment_on_other_clocks() {
    let Reading::Time(event) = event_time("2026-10-25T01:30:00", "UTC") else { panic!() };
    for (zone, shown, iana) in [
        ("Europe/Berlin", "2026-10-25T02:30:00", "Europe/Berlin"),
        ("W. Europe Standard Time", "2026-10-25T02:30:00", "Europe/Berlin"),
        ("Pacific Standard Time", "2026-10-24T18:30:00", "America/Los_Angeles"),
        ("UTC", "2026-10-25T01:30:00", "Etc/UTC"),
        ("Asia/Kathmandu", "2026-10-25T07:15:00", "Asia/Kathmandu"),
    ] {
        let there = event.in_zone(zone).unwrap();
        assert_eq!((there.date_time.as_str(), there.time_zone.as_str(), there.iana.as_deref()), (shown, zone, Some(iana)));
        assert_eq!(there.unix, event.unix);
        // An hour earlier the clocks show the same: only the moment tells them apart.
        let earlier = EventTime { unix: event.unix.map(|unix| unix - 3600), ..event.clone() };
        assert_eq!(earlier.in_zone("Europe/Berlin").unwrap().date_time, "2026-10-25T02:30:00");
    }
    assert_eq!(event.in_zone("Middle Earth"), None);
    assert_eq!(EventTime { unix: None, ..event.clone() }.in_zone("UTC"), None);
    assert_eq!(EventTime { unix: Some(i64::MAX), ..event.clone() }.in_zone("UTC"), None);
    assert_eq!(EventTime { date: Some("2026-10-25".to_owned()), ..event }.in_zone("UTC"), None);
}
