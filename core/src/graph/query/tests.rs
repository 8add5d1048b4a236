use super::*;

#[test]
fn g_09_an_id_is_one_segment_or_refused() {
    for good in ["AAMkAGI1AAAoZDOFAAA=", "AQMkADYAAAIBDAAAAA==", "inbox", "a-b_c+d.e~f", &"a".repeat(1024)] {
        assert_eq!(id(good).unwrap(), good);
    }
    let long = "a".repeat(1025);
    let huge = "a".repeat(1_000_000);
    for bad in [
        "",
        ".",
        "..",
        "../",
        "../sendMail",
        "%2e%2e",
        "a/b",
        "me/sendMail",
        "a?b",
        "a#b",
        "a\\b",
        "a\0b",
        "a\r\nb",
        "a b",
        "😀",
        "é",
        "$value",
        "$count",
        "$ref",
        "delta",
        "Delta",
        "delta()",
        "microsoft.graph.delta",
        "a'b",
        "a\"b",
        "a(b",
        "a;b",
        "a:b",
        "a@b",
        "a&b",
        "a,b",
        "=",
        "-",
        &long,
        &huge,
    ] {
        let error = id(bad).unwrap_err();
        assert_eq!((error.cause(), error.what()), (Detail::InvalidId, None), "{bad:.40}");
    }
}

/// Quotes end a text only where they are not doubled: what a host writes stays inside.
#[test]
fn g_10_a_text_stays_a_text() {
    for (text, expected) in [
        ("plain", "'plain'"),
        ("O'Hara", "'O''Hara'"),
        ("' or 1 eq 1 or subject eq '", "''' or 1 eq 1 or subject eq '''"),
        ("x') or startswith(subject,'", "'x'') or startswith(subject,'''"),
        ("''", "''''''"),
        ("a&$top=1#%27", "'a&$top=1#%27'"),
        ("日本語 😀", "'日本語 😀'"),
    ] {
        let literal = literal("subject_contains", text).unwrap();
        assert_eq!(literal, expected);
        assert!(is_one_literal(&literal), "{literal}");
    }
    assert!(!is_one_literal("'O'Hara'"), "the twin: a quote that is not doubled would be noticed");
    let long = "ä".repeat(256);
    for bad in ["", "  ", "a\0", "a\nb", "\u{7f}", "\u{85}", &long] {
        let error = literal("subject_contains", bad).unwrap_err();
        assert_eq!((error.cause(), error.what()), (Detail::QueryNotPossible, Some("subject_contains")));
    }
    assert!(literal("subject_contains", &"ä".repeat(255)).is_ok());
}

fn is_one_literal(text: &str) -> bool {
    let inner = text.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\'')).unwrap_or("'");
    !inner.replace("''", "").contains('\'')
}

#[test]
fn a_filter_begins_with_what_the_list_is_ordered_by() {
    let mut filter = Filter::ordered_by("receivedDateTime");
    filter.is("isRead", false);
    assert_eq!(filter.parameter().unwrap().1, "receivedDateTime ge 1900-01-01T00:00:00Z and isRead eq false");
    let mut filter = Filter::ordered_by("receivedDateTime");
    filter.other_span("sentDateTime", None, Some(0)).unwrap();
    filter.span(Some(1), None).unwrap();
    let expected = "receivedDateTime ge 1970-01-01T00:00:01Z and sentDateTime lt 1970-01-01T00:00:00Z";
    assert_eq!(filter.parameter(), Some(("$filter", expected.to_owned())));
    let mut filter = Filter::ordered_by_event_time("start/dateTime");
    filter.contains("subject", "subject_contains", "a").unwrap();
    assert_eq!(filter.parameter().unwrap().1, "start/dateTime ge '1900-01-01T00:00:00' and contains(subject,'a')");
    assert_eq!(Filter::ordered_by("receivedDateTime").parameter(), None);
}

#[test]
fn what_no_service_could_answer_is_refused() {
    let reason = |error: Error| error.what().map(str::to_owned);
    let mut filter = Filter::ordered_by("receivedDateTime");
    assert_eq!(reason(filter.span(Some(5), Some(5)).unwrap_err()).as_deref(), Some("empty_span"));
    assert_eq!(reason(filter.span(Some(i64::MAX), None).unwrap_err()).as_deref(), Some("date"));
    assert_eq!(reason(filter.span(None, Some(i64::MIN)).unwrap_err()).as_deref(), Some("date"));
    for size in [0, 1001, u32::MAX] {
        assert_eq!(reason(page_size(size).unwrap_err()).as_deref(), Some("page_size"));
    }
    assert_eq!((page_size(1).unwrap(), page_size(1000).unwrap()), ("1".to_owned(), "1000".to_owned()));
}
