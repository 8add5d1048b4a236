//! Length budgets: a file has at most 500 lines without its tests, and at most 400 unless its reason stands here.
//! (Functions have at most 60 lines, which clippy checks: `too-many-lines-threshold` in clippy.toml.)

use crate::files::{File, text_files};
use crate::rust_code::without_tests;

const HARD: usize = 500;
const SOFT: usize = 400;
const CODE: &[&str] = &["rs", "sh", "py", "js", "mjs", "ts", "kt", "swift", "c", "h", "hpp", "cpp", "sql"];

/// Files over the soft budget, each with the reason why it is not split.
const LONG: &[(&str, &str)] = &[];

/// Written by a tool, not by hand.
const GENERATED: &[&str] = &["include/intail_office365.h"];

#[test]
fn files_keep_their_length_budget() {
    assert_eq!(over_budget(&text_files(), LONG), Vec::<String>::new());
}

#[test]
fn a_planted_long_file_is_found() {
    let lines = |n: usize| "let x = 1;\n".repeat(n);
    let tests = format!("#[cfg(test)]\nmod tests {{\n{}}}\n", lines(300));
    let files = [
        File::new("core/src/a.rs", &lines(501)),
        File::new("core/src/b.rs", &lines(401)),
        File::new("core/src/c.rs", &(lines(400) + &tests)),
        File::new("core/src/d.rs", &lines(401)),
        File::new("tests/core/e.rs", &lines(500)),
    ];
    let found = over_budget(&files, &[("core/src/d.rs", "a table"), ("core/src/gone.rs", "a table")]);
    assert_eq!(
        found,
        [
            "core/src/a.rs: 501 lines, at most 500",
            "core/src/b.rs: 401 lines, over 400 without a reason in LONG",
            "core/src/gone.rs: is in LONG but no longer over 400 lines",
        ]
    );
}

fn over_budget(files: &[File], long: &[(&str, &str)]) -> Vec<String> {
    let mut findings = Vec::new();
    let mut reasoned: Vec<&str> = long.iter().map(|(path, _)| *path).collect();
    for file in files.iter().filter(|f| f.has_extension(CODE) && !GENERATED.contains(&f.path.as_str())) {
        let lines = without_tests(&file.text).lines().count();
        let soft = if file.path.starts_with("tests/") || file.path.contains("/tests/") { HARD } else { SOFT };
        let has_reason = reasoned.contains(&file.path.as_str());
        if lines > SOFT {
            reasoned.retain(|path| *path != file.path);
        }
        if lines > HARD {
            findings.push(format!("{}: {lines} lines, at most {HARD}", file.path));
        } else if lines > soft && !has_reason {
            findings.push(format!("{}: {lines} lines, over {soft} without a reason in LONG", file.path));
        }
    }
    findings.extend(reasoned.iter().map(|path| format!("{path}: is in LONG but no longer over {SOFT} lines")));
    findings
}
