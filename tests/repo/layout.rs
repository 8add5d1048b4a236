//! The top level of the repository, which is given, and where `unsafe` may stand.

use std::collections::BTreeSet;

use crate::files::{File, paths, text_files};
use crate::rust_code::code_only;

const TOP_LEVEL: &[&str] = &[
    ".ci",
    ".editorconfig",
    ".gitattributes",
    ".gitignore",
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "Makefile",
    "README.md",
    "SECURITY.md",
    "bindings",
    "clippy.toml",
    "core",
    "deny.toml",
    "docs",
    "examples",
    "include",
    "rust-toolchain.toml",
    "rustfmt.toml",
    "tests",
];

#[test]
fn the_top_level_holds_only_what_belongs_there() {
    assert_eq!(strange_entries(&paths()), BTreeSet::new());
}

#[test]
fn a_planted_top_level_entry_is_found() {
    let paths = ["src/lib.rs", "notes.txt", "core/src/lib.rs"].map(str::to_owned);
    assert_eq!(strange_entries(&paths), BTreeSet::from(["notes.txt", "src"]));
}

/// D-02.
#[test]
fn d_02_unsafe_stands_only_in_the_c_binding() {
    assert_eq!(unsafe_code(&text_files()), Vec::<String>::new());
}

#[test]
fn d_02_planted_unsafe_is_found() {
    let files = [
        File::new("core/src/a.rs", "#![forbid(unsafe_code)]\n// unsafe { }\nlet a = unsafe { f() };\n"),
        File::new("core/src/b.rs", "unsafe impl Send for A {}\n"),
        File::new("bindings/c/src/ffi.rs", "unsafe { f() }\n"),
    ];
    assert_eq!(unsafe_code(&files), ["core/src/a.rs:3", "core/src/b.rs:1"]);
}

fn strange_entries(paths: &[String]) -> BTreeSet<&str> {
    paths.iter().filter_map(|path| path.split('/').next()).filter(|entry| !TOP_LEVEL.contains(entry)).collect()
}

fn unsafe_code(files: &[File]) -> Vec<String> {
    let elsewhere = files.iter().filter(|f| f.has_extension(&["rs"]) && !f.path.starts_with("bindings/c/"));
    let mut findings = Vec::new();
    for file in elsewhere {
        for (number, line) in code_only(&file.text).lines().enumerate() {
            let words: Vec<&str> = line.split(|c: char| !c.is_alphanumeric() && c != '_').collect();
            if words.contains(&"unsafe") {
                findings.push(format!("{}:{}", file.path, number + 1));
            }
        }
    }
    findings
}
