//! The ids of cases that tests and comments cite are listed in docs/cases.md, and each that is listed stands in some test.

use std::collections::BTreeSet;

use crate::files::{File, text_files};
use crate::rust_code::without_tests;

const LIST: &str = "docs/cases.md";
const CITING: &[&str] = &["rs", "md", "mjs", "py", "sh"];

#[test]
fn every_cited_case_is_listed_and_every_listed_case_is_tested() {
    let files = text_files();
    assert!(listed(&files).len() > 100, "the list was not read");
    assert_eq!(findings(&files), Vec::<String>::new());
}

// Ids are written in two halves, so that this file does not cite them.
#[test]
fn planted_cases_without_a_line_or_a_test_are_found() {
    let [a, b, c, d] = ["1", "2", "3", "4"].map(|n| format!("T{}9{n}", '-'));
    let list = format!("| id | attacked | expected |\n| {a} | x | y |\n| {b} | x | y |\n| {c} | x | y |\n");
    let code = format!("// As {b} says.\n// And {d}, not UTF-16.\n#[cfg(test)]\nmod tests {{\n    fn t{}91_x() {{}}\n}}\n", '_');
    let files = [File::new(LIST, &list), File::new("core/src/a.rs", &code), File::new("tests/x.rs", &format!("//! {c}.\n"))];
    assert_eq!(findings(&files), [format!("{d} is cited and not in {LIST}"), format!("{b} is in {LIST} and in no test")]);
}

fn findings(files: &[File]) -> Vec<String> {
    let listed = listed(files);
    let citing = || files.iter().filter(|file| file.has_extension(CITING) && file.path != LIST);
    let cited: BTreeSet<String> = citing().flat_map(|file| ids(&file.text)).collect();
    let tested: BTreeSet<String> = citing().flat_map(ids_of_tests).collect();
    let unlisted = cited.difference(&listed).map(|id| format!("{id} is cited and not in {LIST}"));
    unlisted.chain(listed.difference(&tested).map(|id| format!("{id} is in {LIST} and in no test"))).collect()
}

fn listed(files: &[File]) -> BTreeSet<String> {
    let list = files.iter().find(|file| file.path == LIST).map_or("", |file| file.text.as_str());
    list.lines().filter_map(|line| line.strip_prefix("| ")).filter_map(|line| ids(line.split(' ').next()?).pop()).collect()
}

/// Test files whole, of other code the tests at its end. A function that is named after a case is a test wherever it stands.
fn ids_of_tests(file: &File) -> Vec<String> {
    let is_test = file.path.starts_with("tests/") || file.path.contains("/tests");
    let tests = if is_test { file.text.as_str() } else { &file.text[without_tests(&file.text).len()..] };
    let mut found = ids(tests);
    found.extend(ids_in_names(&file.text));
    found
}

/// Ids as text (a capital letter, a hyphen, two digits) and in names of functions (the same in small letters, with an underscore; also several).
fn ids(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for word in text.split(|c: char| !c.is_alphanumeric() && c != '-' && c != '_') {
        found.extend(id(word, '-').filter(|_| word.len() == 4));
    }
    found.extend(ids_in_names(text));
    found
}

fn ids_in_names(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (at, start) in text.match_indices("fn ") {
        let name = text[at + start.len()..].split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default();
        let parts: Vec<&str> = name.split('_').collect();
        found.extend(parts.windows(2).filter_map(|pair| id(&format!("{}_{}", pair[0], pair[1]).to_uppercase(), '_')));
    }
    found
}

fn id(word: &str, between: char) -> Option<String> {
    let (letter, number) = word.split_once(between)?;
    let is_letter = letter.len() == 1 && letter.bytes().all(|byte| byte.is_ascii_uppercase());
    let is_number = number.len() == 2 && number.bytes().all(|byte| byte.is_ascii_digit());
    (is_letter && is_number).then(|| format!("{letter}-{number}"))
}
