//! Half a character in JSON: an escape of a surrogate (RFC 8259 section 8.2) without its other half.

/// The text with U+FFFD for each half character; `None` if there is none.
pub(super) fn mended(text: &str) -> Option<String> {
    let mut mended = String::with_capacity(text.len());
    let (mut rest, mut changed) = (text, false);
    while let Some(at) = rest.find('\\') {
        let (before, escape) = rest.split_at_checked(at)?;
        mended.push_str(before);
        let (kept, after) = escape.split_at_checked(length(escape))?;
        let half = kept.len() == 6 && unit(kept).is_some_and(|unit| is_high(unit) || is_low(unit));
        mended.push_str(if half { "\\ufffd" } else { kept });
        changed |= half;
        rest = after;
    }
    mended.push_str(rest);
    changed.then_some(mended)
}

/// Bytes of the escape at the start: both halves of a character are one.
fn length(escape: &str) -> usize {
    match unit(escape) {
        None => 2,
        Some(first) if is_high(first) && escape.get(6..).and_then(unit).is_some_and(is_low) => 12,
        Some(_) => 6,
    }
}

fn unit(escape: &str) -> Option<u16> {
    let digits = escape.strip_prefix("\\u")?.get(..4)?;
    if digits.bytes().all(|byte| byte.is_ascii_hexdigit()) { u16::from_str_radix(digits, 16).ok() } else { None }
}

fn is_high(unit: u16) -> bool {
    (0xd800..0xdc00).contains(&unit)
}

fn is_low(unit: u16) -> bool {
    (0xdc00..0xe000).contains(&unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_half_characters_are_replaced() {
        for (text, expected) in [
            (r"a\ud83d", Some(r"a\ufffd")),
            (r"\uDE00b", Some(r"\ufffdb")),
            (r"\ud83d\ude00\ud83d", Some(r"\ud83d\ude00\ufffd")),
            (r"\ud83d\ud83d\ude00", Some(r"\ufffd\ud83d\ude00")),
            (r"\ude00\ud83d", Some(r"\ufffd\ufffd")),
            (r"\ud83d\u0041", Some(r"\ufffd\u0041")),
            (r"\\ud83d", None),
            (r"\ud83d\ude00", None),
            (r#"\u00e4\n\""#, None),
            (r"\ud83", None),
            (r"\u+83d", None),
            ("\\", None),
            ("\\ä", None),
            ("plain", None),
        ] {
            assert_eq!(mended(text).as_deref(), expected, "{text}");
        }
    }
}
