//! Rust source without its comments and string contents, so that a rule looks at code alone.

/// The same text with every comment and every string or character literal blanked out. Lines keep their numbers.
pub(crate) fn code_only(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while at < chars.len() {
        let end = literal_or_comment_end(&chars, at);
        if end == at {
            out.push(chars[at]);
            at += 1;
        } else {
            out.extend(chars[at..end].iter().map(|c| if *c == '\n' { '\n' } else { ' ' }));
            at = end;
        }
    }
    out
}

/// Code of a module without the tests at its end: up to `#[cfg(test)]` in front of `mod tests`.
pub(crate) fn without_tests(text: &str) -> &str {
    let mut offset = 0;
    for line in text.split_inclusive('\n') {
        if line.starts_with("#[cfg(test)]") && starts_tests_module(&text[offset + line.len()..]) {
            return &text[..offset];
        }
        offset += line.len();
    }
    text
}

fn starts_tests_module(text: &str) -> bool {
    let mut rest = text.trim_start();
    while rest.starts_with("#[") {
        rest = rest.find("\nmod ").map_or("", |at| &rest[at + 1..]);
    }
    rest.starts_with("mod tests {")
}

fn literal_or_comment_end(chars: &[char], at: usize) -> usize {
    let rest = &chars[at..];
    let starts = |prefix: &str| prefix.chars().enumerate().all(|(i, c)| rest.get(i) == Some(&c));
    if starts("//") {
        return position(chars, at, &['\n']);
    }
    if starts("/*") {
        return position(chars, at + 2, &['*', '/']) + 2;
    }
    let hashes = rest.iter().skip(1).take_while(|c| **c == '#').count();
    if rest[0] == 'r' && rest.get(hashes + 1) == Some(&'"') && !is_word_before(chars, at) {
        let mut close = vec!['"'];
        close.extend(std::iter::repeat_n('#', hashes));
        return (position(chars, at + hashes + 2, &close) + close.len()).min(chars.len());
    }
    match rest[0] {
        '"' => closing_quote(chars, at + 1, '"'),
        '\'' if rest.get(1) == Some(&'\\') || rest.get(2) == Some(&'\'') => closing_quote(chars, at + 1, '\''),
        _ => at,
    }
}

fn is_word_before(chars: &[char], at: usize) -> bool {
    at.checked_sub(1).is_some_and(|before| chars[before].is_alphanumeric() || chars[before] == '_')
}

fn position(chars: &[char], from: usize, wanted: &[char]) -> usize {
    (from..chars.len()).find(|at| chars[*at..].starts_with(wanted)).unwrap_or(chars.len())
}

fn closing_quote(chars: &[char], mut at: usize, quote: char) -> usize {
    while at < chars.len() && chars[at] != quote {
        at += if chars[at] == '\\' { 2 } else { 1 };
    }
    (at + 1).min(chars.len())
}

#[test]
fn comments_and_strings_are_blanked_and_code_is_kept() {
    let text = "let a = \"x // \\\" y\"; // z\nlet b = r#\"q\"#; let c = '\"'; fn f<'a>() {} /* d */ g()";
    let code = code_only(text);
    for gone in ["x //", "z", "q", "d */"] {
        assert!(!code.contains(gone), "{gone} is still in {code}");
    }
    for kept in ["let a =", "let b =", "let c =", "fn f<'a>() {}", "g()"] {
        assert!(code.contains(kept), "{kept} is gone from {code}");
    }
    assert_eq!(code.lines().count(), 2);
}

#[test]
fn the_tests_module_at_the_end_is_left_out() {
    let text = "fn a() {}\n\n#[cfg(test)]\n#[allow(dead_code)]\nmod tests {\n    fn b() {}\n}\n";
    assert_eq!(without_tests(text), "fn a() {}\n\n");
    assert_eq!(without_tests("#[cfg(test)]\nmod fake;\nfn a() {}\n"), "#[cfg(test)]\nmod fake;\nfn a() {}\n");
}
