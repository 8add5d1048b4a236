//! Names that a person or a service chose, made fit to be shown.

/// The longest name that is kept, in characters.
const LONGEST: usize = 256;

/// One line that stays in its place: without control characters, line and paragraph separators, and characters that are not seen
/// or turn the text around them; without white space at its ends; bounded.
pub(crate) fn displayable(text: &str) -> String {
    let shown: String = text.chars().filter(|c| !is_deceptive(*c)).take(LONGEST).collect();
    shown.trim().to_owned()
}

fn is_deceptive(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn j_24_names_are_cleaned_and_capped() {
        assert_eq!(displayable("A\u{202e}b\u{0}c\r\nd"), "Abcd");
        assert_eq!(displayable(" \u{feff}a\u{2028}b\u{2029}c\u{61c}\u{2066} "), "abc");
        assert_eq!(displayable("Zoë O'Hara 山田"), "Zoë O'Hara 山田");
        assert_eq!(displayable(&"ä".repeat(10_000)).chars().count(), LONGEST);
    }
}
