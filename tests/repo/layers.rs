//! Who may depend on whom: between packages (from cargo's own metadata) and between the modules of core.

use std::collections::BTreeSet;
use std::process::Command;

use serde_json::Value;

use crate::files::{File, root, text_files};
use crate::rust_code::{code_only, without_tests};

/// Every module of core with all that it may use, from the bottom to the top: a line names lines above it only, so nothing can use
/// itself in a circle. What is missing here is refused, also a module that nobody has placed yet.
const MAY_USE: &[(&str, &[&str])] = &[
    // Words and values
    ("clock", &[]),
    ("display", &[]),
    ("language", &[]),
    ("log", &[]),
    ("secret", &[]),
    ("approval", &["language"]),
    ("error", &["approval", "language"]),
    ("guid", &["error"]),
    ("protection", &["language"]),
    ("recovery", &["error"]),
    ("consent", &["error"]),
    ("config", &["secret"]),
    ("model", &["consent", "error", "language", "protection", "secret"]),
    ("import", &["display", "error", "guid", "secret"]),
    // Time, threads, requests
    ("call", &["clock", "error"]),
    ("task", &["call", "error"]),
    ("http", &["clock", "config", "error", "guid", "log", "secret"]),
    ("settings", &["config", "consent", "error", "guid", "http"]),
    // The parts, which do not know each other; the store takes the proof of who signed in, which only oauth makes
    ("oauth", &["clock", "display", "error", "guid", "http", "model", "secret"]),
    ("graph", &["config", "display", "error", "guid", "http", "model", "secret"]),
    ("browser", &["approval", "call", "clock", "config", "consent", "display", "error", "language"]),
    ("store", &["clock", "consent", "error", "oauth", "protection", "recovery", "secret"]),
    ("hooks", &["browser", "clock", "log", "model"]),
    // The glue, and the facade on top of it
    (
        "engine",
        &[
            "approval",
            "browser",
            "call",
            "clock",
            "config",
            "consent",
            "error",
            "graph",
            "guid",
            "hooks",
            "http",
            "import",
            "log",
            "model",
            "oauth",
            "protection",
            "recovery",
            "secret",
            "settings",
            "store",
            "task",
        ],
    ),
    ("account", &["call", "consent", "engine", "error", "graph", "model"]),
    ("client", &["account", "call", "config", "engine", "error", "hooks", "import", "model", "protection", "recovery", "store"]),
];

#[test]
fn packages_depend_only_as_drawn() {
    assert_eq!(wrong_packages(&workspace_metadata()), Vec::<String>::new());
}

#[test]
fn a_planted_package_dependency_is_found() {
    let metadata = serde_json::json!({ "packages": [
        { "name": "core", "manifest_path": "/r/core/Cargo.toml", "dependencies": [
            { "name": "sandbox", "path": "/r/tests/sandbox", "kind": "dev" }, { "name": "url", "path": null },
            { "name": "sandbox", "path": "/r/tests/sandbox", "kind": null } ] },
        { "name": "c", "manifest_path": "/r/bindings/c/Cargo.toml", "dependencies": [
            { "name": "core", "path": "/r/core" }, { "name": "py", "path": "/r/bindings/python" } ] },
        { "name": "t", "manifest_path": "/r/tests/t/Cargo.toml", "dependencies": [
            { "name": "example", "path": "/r/examples/rust" }, { "name": "core", "path": "/r/core" } ] },
    ], "workspace_root": "/r" });
    let expected = ["core -> tests/sandbox", "bindings/c -> bindings/python", "tests/t -> examples/rust"];
    assert_eq!(wrong_packages(&metadata), expected);
}

#[test]
fn modules_of_core_use_only_what_they_may() {
    assert_eq!(wrong_uses(&text_files(), MAY_USE), BTreeSet::new());
}

#[test]
fn the_table_has_no_circle() {
    assert_eq!(upward_entries(MAY_USE), Vec::<String>::new());
    let planted = upward_entries(&[("http", &["config"]), ("config", &[]), ("consent", &["consent"])]);
    assert_eq!(planted, ["http names config", "consent names consent"]);
}

#[test]
fn planted_uses_across_the_layers_are_found() {
    let files = [
        File::new("core/src/oauth/token.rs", "use crate::store::Store;\nuse crate::http::Transport;\n"),
        File::new("core/src/graph/page.rs", "use crate::{\n    error::Error,\n    oauth::{Row, Seal},\n};\n"),
        File::new("core/src/http.rs", "fn f() -> crate::oauth::Token {}\n// crate::store\n"),
        File::new("core/src/browser/page.rs", "use crate::engine::Engine;\n"),
        File::new("core/src/browser/tests/page.rs", "use crate::engine::Engine;\n"),
        File::new("core/src/error.rs", "fn f() {}\n\n#[cfg(test)]\nmod tests {\n    use crate::client::Office365;\n}\n"),
        File::new("core/src/model.rs", "use crate::consent::Scope;\nuse super::engine::Engine;\n"),
        File::new("core/src/calendar.rs", "use crate::error::Error;\n"),
        File::new("core/src/lib.rs", "pub use crate::engine::Engine;\n"),
        File::new("tests/core/src/x.rs", "use crate::engine::Engine;\n"),
    ];
    let expected = [
        "browser uses engine",
        "calendar has no place in MAY_USE",
        "graph uses oauth",
        "http uses oauth",
        "model reaches its neighbours by super",
        "oauth uses store",
    ];
    assert_eq!(wrong_uses(&files, MAY_USE), expected.map(str::to_owned).into());
}

fn workspace_metadata() -> Value {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--format-version", "1"])
        .current_dir(root())
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("cargo metadata is JSON")
}

/// core depends on nobody here; bindings on core alone; tests and examples never on examples.
fn wrong_packages(metadata: &Value) -> Vec<String> {
    let root = metadata["workspace_root"].as_str().expect("a root");
    let folder = |path: &str| path.trim_start_matches(root).trim_matches('/').trim_end_matches("/Cargo.toml").to_owned();
    let mut findings = Vec::new();
    for package in metadata["packages"].as_array().expect("packages") {
        let from = folder(package["manifest_path"].as_str().expect("a path"));
        for dependency in package["dependencies"].as_array().expect("dependencies") {
            let Some(to) = dependency["path"].as_str().map(folder) else {
                continue;
            };
            let allowed = match from.split('/').next() {
                // The examples of the documentation run against the sandbox; what ships never links it.
                Some("core") => to == "tests/sandbox" && dependency["kind"] == "dev",
                Some("bindings") => to == "core",
                _ => !to.starts_with("examples"),
            };
            if !allowed {
                findings.push(format!("{from} -> {to}"));
            }
        }
    }
    findings
}

fn wrong_uses(files: &[File], may_use: &[(&str, &[&str])]) -> BTreeSet<String> {
    let mut findings = BTreeSet::new();
    for file in files.iter().filter(|file| file.has_extension(&["rs"])) {
        let Some(inside) = file.path.strip_prefix("core/src/").filter(|inside| *inside != "lib.rs" && !is_test(inside)) else {
            continue;
        };
        let module = inside.split(['/', '.']).next().unwrap_or_default();
        let Some((_, allowed)) = may_use.iter().find(|(name, _)| *name == module) else {
            findings.insert(format!("{module} has no place in MAY_USE"));
            continue;
        };
        let code = code_only(without_tests(&file.text));
        let used = used_modules(&code).into_iter().filter(|used| used != module && !allowed.contains(&used.as_str()));
        findings.extend(used.map(|used| format!("{module} uses {used}")));
        let out = "super::".repeat(1 + inside.matches('/').count());
        if code.contains(&out) {
            findings.insert(format!("{module} reaches its neighbours by super"));
        }
    }
    findings
}

/// Files that are compiled for tests alone may look everywhere.
fn is_test(inside: &str) -> bool {
    inside.contains("/tests/")
        || inside.ends_with("/tests.rs")
        || inside == "graph/testing.rs"
        || inside == "oauth/testing.rs"
        || inside == "error/reference.rs"
}

fn upward_entries(may_use: &[(&str, &[&str])]) -> Vec<String> {
    let mut placed = BTreeSet::new();
    let mut findings = Vec::new();
    for (module, allowed) in may_use {
        let upward = allowed.iter().filter(|used| !placed.contains(*used));
        findings.extend(upward.map(|used| format!("{module} names {used}")));
        placed.insert(module);
    }
    findings
}

/// The first name after every `crate::`, also of each entry in `crate::{a, b::c}`.
fn used_modules(code: &str) -> BTreeSet<String> {
    let mut used = BTreeSet::new();
    for (at, path) in code.match_indices("crate::") {
        let rest = &code[at + path.len()..];
        let entries = rest.strip_prefix('{').map_or_else(|| vec![rest], top_level_entries);
        used.extend(entries.iter().map(|entry| first_name(entry)).filter(|name| !name.is_empty()));
    }
    used
}

fn top_level_entries(group: &str) -> Vec<&str> {
    let mut entries = Vec::new();
    let (mut depth, mut start) = (0, 0);
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => {
                entries.push(&group[start..at]);
                break;
            }
            '}' => depth -= 1,
            ',' if depth == 0 => {
                entries.push(&group[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    entries
}

fn first_name(path: &str) -> String {
    path.trim_start().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}
