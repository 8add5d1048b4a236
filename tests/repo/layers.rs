//! Who may depend on whom: between packages (from cargo's own metadata) and between the modules of core.

use std::collections::BTreeSet;
use std::process::Command;

use serde_json::Value;

use crate::files::{File, root, text_files};
use crate::rust_code::{code_only, without_tests};

const FACADE: &[&str] = &["client", "account", "mail", "calendar", "profile", "sync"];
const MIDDLE: &[&str] = &["oauth", "browser", "graph", "store", "consent"];
const GROUND: &[&str] = &["approval", "http", "clock", "language", "secret", "error", "model"];

/// Uses across the layers that are meant, as (module, used module, reason).
const MEANT: &[(&str, &str, &str)] = &[
    ("model", "consent", "the facade's data name permissions"),
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
fn modules_of_core_use_only_what_lies_below() {
    assert_eq!(wrong_uses(&text_files(), MEANT), BTreeSet::new());
}

#[test]
fn planted_uses_across_the_layers_are_found() {
    let files = [
        File::new("core/src/oauth/token.rs", "use crate::store::Store;\nuse crate::http::Transport;\n"),
        File::new("core/src/graph/page.rs", "use crate::{\n    error::Error,\n    store::{Row, Seal},\n};\n"),
        File::new("core/src/http.rs", "fn f() -> crate::oauth::Token {}\n// crate::store\n"),
        File::new("core/src/store/open.rs", "use crate::account::Account;\n"),
        File::new("core/src/client.rs", "use crate::store::Store;\n"),
        File::new("core/src/consent.rs", "fn f() {}\n\n#[cfg(test)]\nmod tests {\n    use crate::client::Office365;\n}\n"),
        File::new("core/src/model.rs", "use crate::consent::Scope;\n"),
    ];
    let found = wrong_uses(&files, &[("model", "consent", "the twin's own")]);
    let expected = ["graph uses store", "http uses oauth", "oauth uses store", "store uses account"];
    assert_eq!(found, expected.map(str::to_owned).into());
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

fn wrong_uses(files: &[File], meant: &[(&str, &str, &str)]) -> BTreeSet<String> {
    let mut findings = BTreeSet::new();
    for file in files.iter().filter(|file| file.has_extension(&["rs"])) {
        let Some(inside) = file.path.strip_prefix("core/src/") else {
            continue;
        };
        let module = inside.split(['/', '.']).next().unwrap_or_default();
        for used in used_modules(&code_only(without_tests(&file.text))) {
            let is_meant = meant.iter().any(|(from, to, _)| *from == module && *to == used);
            if is_forbidden(module, &used) && !is_meant {
                findings.insert(format!("{module} uses {used}"));
            }
        }
    }
    findings
}

fn is_forbidden(module: &str, used: &str) -> bool {
    let facade = FACADE.contains(&used);
    let middle = MIDDLE.contains(&used);
    (MIDDLE.contains(&module) && facade)
        || (GROUND.contains(&module) && (facade || middle))
        || (["oauth", "graph"].contains(&module) && used == "store")
}

/// The first name after every `crate::`, also of each entry in `crate::{a, b::c}`.
fn used_modules(code: &str) -> BTreeSet<String> {
    let mut used = BTreeSet::new();
    for (at, path) in code.match_indices("crate::") {
        let rest = &code[at + path.len()..];
        let entries = rest.strip_prefix('{').map_or_else(|| vec![rest], top_level_entries);
        used.extend(entries.iter().map(|entry| first_name(entry)));
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
