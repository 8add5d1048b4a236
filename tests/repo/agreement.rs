//! Things that are written in two places and have to agree.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Output};

use crate::files::{File, root, text_files};
use crate::rust_code::{code_only, without_tests};

/// What other pages and people rely on.
const COMMANDS: &[&str] = &["help", "demo", "check", "check-deep", "bench", "sandbox", "fmt", "docs", "clean"];

#[test]
fn the_lock_file_is_up_to_date() {
    let output = locked_metadata(&root(), &["--filter-platform", &host()]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_planted_stale_lock_file_is_found() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("stale-lock");
    std::fs::create_dir_all(folder.join("src")).expect("a folder");
    std::fs::write(folder.join("src/lib.rs"), "").expect("a file");
    let manifest = "[package]\nname = \"a\"\nversion = \"0.2.0\"\n[workspace]\n";
    std::fs::write(folder.join("Cargo.toml"), manifest).expect("a file");
    for (version, is_current) in [("0.2.0", true), ("0.1.0", false)] {
        let lock = format!("version = 4\n\n[[package]]\nname = \"a\"\nversion = \"{version}\"\n");
        std::fs::write(folder.join("Cargo.lock"), lock).expect("a file");
        assert_eq!(locked_metadata(&folder, &[]).status.success(), is_current, "lock file of {version}");
    }
}

#[test]
fn npm_lock_files_agree_with_their_package_files() {
    for folder in ["tests/browser", "tests/foreign"] {
        let read = |name: &str| std::fs::read_to_string(root().join(folder).join(name)).expect("the file is there");
        assert!(npm_lock_agrees(&read("package.json"), &read("package-lock.json")), "{folder}");
    }
}

#[test]
fn a_planted_stale_npm_lock_file_is_found() {
    let package = r#"{ "devDependencies": { "a": "1.0.0" } }"#;
    assert!(npm_lock_agrees(package, r#"{ "packages": { "": { "devDependencies": { "a": "1.0.0" } } } }"#));
    assert!(!npm_lock_agrees(package, r#"{ "packages": { "": { "devDependencies": { "a": "1.0.1" } } } }"#));
    assert!(!npm_lock_agrees("{}", r#"{ "packages": { "": {} } }"#));
}

#[test]
fn every_error_kind_is_documented() {
    let files = text_files();
    let source = files.iter().find(|f| f.path.starts_with("core/src/") && f.text.contains("pub enum ErrorKind {"));
    let source = source.expect("an enum ErrorKind in core/src");
    let docs = files.iter().find(|file| file.path == "docs/errors.md").expect("docs/errors.md");
    assert!(!undocumented_kinds(&source.text, "").is_empty(), "no kinds found in {}", source.path);
    assert_eq!(undocumented_kinds(&source.text, &docs.text), Vec::<String>::new());
}

#[test]
fn a_planted_undocumented_error_kind_is_found() {
    let source = "/// Kinds.\npub enum ErrorKind {\n    /// One, {or} Two.\n    #[doc(alias = \"x\")]\n    Network = 1,\n    Throttled,\n}\npub enum Other { Gone }\n";
    assert_eq!(undocumented_kinds(source, "| `Network` | wait |"), ["Throttled"]);
    assert_eq!(undocumented_kinds(source, "`Network` `Throttled`"), Vec::<String>::new());
}

/// A cause that nothing reports is dead, with its texts in two languages and its line in the reference.
#[test]
fn every_error_detail_is_reported_somewhere() {
    assert_eq!(unreported_details(&text_files()), Vec::<String>::new());
}

#[test]
fn a_planted_unreported_detail_is_found() {
    let files = [
        File::new(
            "core/src/error/detail.rs",
            "details! {\n    // The call\n    Gone: A, B, \"x\", \"y\";\n    Dead: A, B;\n    Hosts: A;\n}\n",
        ),
        File::new("core/src/error.rs", "fn for_hosts() -> Error { Error::new(Detail::Hosts) }\n"),
        File::new(
            "core/src/store.rs",
            "fn f() { Detail::Gone }\n// Detail::Dead\n#[cfg(test)]\nmod tests {\n    Detail::Dead\n}\n",
        ),
        File::new("core/src/store/tests/a.rs", "fn f() { Detail::Dead }\n"),
    ];
    assert_eq!(unreported_details(&files), ["Dead"]);
}

#[test]
fn documented_make_commands_exist() {
    let files = text_files();
    assert_eq!(unknown_make_targets(&files, &make_targets(&files)), Vec::<String>::new());
}

#[test]
fn a_planted_unknown_make_command_is_found() {
    let makefile = File::new("Makefile", "help: ## this list\ndemo: build ## all of it\n\techo\n.PHONY: help\n");
    let page =
        File::new("README.md", "make way\n```sh\nmake demo BROWSER=1\n  make chekc   # typo\n```\n```c\nmake nothing\n```\n");
    let files = [makefile, page];
    assert_eq!(make_targets(&files), BTreeSet::from(["demo".to_owned(), "help".to_owned()]));
    assert_eq!(unknown_make_targets(&files, &make_targets(&files)), ["README.md: make chekc"]);
}

#[test]
fn make_help_lists_at_most_twelve_targets() {
    assert_eq!(help_findings(&make_targets(&text_files())), Vec::<String>::new());
}

#[test]
fn a_planted_thirteenth_target_and_a_missing_one_are_found() {
    let mut targets: BTreeSet<String> = (0..5).map(|n| format!("more-{n}")).collect();
    targets.extend(COMMANDS.iter().skip(1).map(|name| (*name).to_owned()));
    assert_eq!(help_findings(&targets), ["make help is gone", "13 targets, at most 12"]);
}

#[test]
fn the_build_server_runs_exactly_make_check() {
    let script = std::fs::read_to_string(root().join(".ci/run")).expect(".ci/run is there");
    assert_eq!(last_command(&script), "exec make check");
}

#[test]
fn a_planted_other_build_command_is_found() {
    assert_eq!(last_command("exec make check\n# done\nmake test || true\n"), "make test || true");
}

#[test]
fn every_decision_is_in_the_index() {
    let files = text_files();
    assert!(files.iter().any(|file| file.path.starts_with("docs/adr/0001")), "no decisions found");
    assert_eq!(decisions_not_in_the_index(&files), Vec::<&str>::new());
}

#[test]
fn a_planted_decision_outside_the_index_is_found() {
    let files = [
        File::new("docs/adr/README.md", "| [1](0001-a.md) | a |\n"),
        File::new("docs/adr/0001-a.md", ""),
        File::new("docs/adr/0002-b.md", ""),
    ];
    assert_eq!(decisions_not_in_the_index(&files), ["0002-b.md"]);
}

fn help_findings(targets: &BTreeSet<String>) -> Vec<String> {
    let gone = COMMANDS.iter().filter(|name| !targets.contains(**name));
    let mut findings: Vec<String> = gone.map(|name| format!("make {name} is gone")).collect();
    if targets.len() > 12 {
        findings.push(format!("{} targets, at most 12", targets.len()));
    }
    findings
}

fn last_command(script: &str) -> &str {
    let mut commands = script.lines().filter(|line| !line.trim_start().starts_with('#') && !line.trim().is_empty());
    commands.next_back().unwrap_or_default()
}

fn locked_metadata(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO"))
        .args(["metadata", "--locked", "--offline", "--format-version", "1"])
        .args(arguments)
        .current_dir(folder)
        .output()
        .expect("cargo runs")
}

fn npm_lock_agrees(package: &str, lock: &str) -> bool {
    let parse = |text: &str| -> serde_json::Value { serde_json::from_str(text).expect("it is JSON") };
    let wanted = parse(package)["devDependencies"].clone();
    wanted.is_object() && parse(lock)["packages"][""]["devDependencies"] == wanted
}

fn decisions_not_in_the_index(files: &[File]) -> Vec<&str> {
    let index = files.iter().find(|f| f.path == "docs/adr/README.md").map_or("", |f| f.text.as_str());
    let decisions = files.iter().filter_map(|f| f.path.strip_prefix("docs/adr/")).filter(|name| *name != "README.md");
    decisions.filter(|name| !index.contains(&format!("({name})"))).collect()
}

fn host() -> String {
    let output = Command::new("rustc").arg("-vV").output().expect("rustc runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.lines().find_map(|line| line.strip_prefix("host: ")).expect("rustc names its host").to_owned()
}

fn undocumented_kinds(source: &str, docs: &str) -> Vec<String> {
    let code = code_only(source);
    let body = code.split("pub enum ErrorKind").nth(1).and_then(|rest| rest.split(['{', '}']).nth(1));
    let variants = body.unwrap_or_default().split(',').filter_map(|variant| {
        let name = variant.rsplit(']').next().unwrap_or_default().trim().split([' ', '=']).next().unwrap_or_default();
        (!name.is_empty()).then(|| name.to_owned())
    });
    variants.filter(|name| !docs.contains(&format!("`{name}`"))).collect()
}

fn unreported_details(files: &[File]) -> Vec<String> {
    let table = files.iter().find(|file| file.path == "core/src/error/detail.rs").expect("the table of details");
    let table = code_only(&table.text);
    let rows = table.split("details! {").nth(1).expect("rows").split(';');
    let names: Vec<&str> = rows.filter_map(|row| row.split_once(':')).map(|(name, _)| name.trim()).collect();
    assert!(!names.is_empty(), "no details found");
    let shipped = files.iter().filter(|file| {
        let Some(inside) = file.path.strip_prefix("core/src/") else { return false };
        !inside.starts_with("error/") && !inside.contains("/tests/") && !inside.ends_with("tests.rs")
    });
    let code: String = shipped.map(|file| code_only(without_tests(&file.text))).collect();
    let words: BTreeSet<&str> = code.split(|c: char| !c.is_alphanumeric() && c != ':' && c != '_').collect();
    names.into_iter().filter(|name| !words.contains(format!("Detail::{name}").as_str())).map(str::to_owned).collect()
}

/// Targets with a help line.
fn make_targets(files: &[File]) -> BTreeSet<String> {
    let makefile = files.iter().find(|file| file.path == "Makefile").expect("a Makefile");
    let lines = makefile.text.lines().filter(|line| line.contains("## ") && !line.starts_with(['#', '\t']));
    lines.filter_map(|line| line.split_once(':').map(|(target, _)| target.to_owned())).collect()
}

/// Commands in fenced shell blocks of all pages that name a target that does not exist.
fn unknown_make_targets(files: &[File], targets: &BTreeSet<String>) -> Vec<String> {
    let mut findings = Vec::new();
    for page in files.iter().filter(|file| file.has_extension(&["md"])) {
        for command in shell_lines(&page.text) {
            let command = command.trim_start().trim_start_matches("$ ");
            let target = command.strip_prefix("make ").and_then(|rest| rest.split([' ', ';', '&']).next());
            if let Some(target) = target.filter(|target| !targets.contains(*target)) {
                findings.push(format!("{}: make {target}", page.path));
            }
        }
    }
    findings
}

fn shell_lines(text: &str) -> Vec<&str> {
    let mut fence: Option<&str> = None;
    let mut lines = Vec::new();
    for line in text.lines() {
        match (line.trim_start().strip_prefix("```"), fence) {
            (Some(_), Some(_)) => fence = None,
            (Some(language), None) => fence = Some(language.trim()),
            (None, Some("sh" | "bash" | "shell" | "console")) => lines.push(line),
            (None, _) => {}
        }
    }
    lines
}
