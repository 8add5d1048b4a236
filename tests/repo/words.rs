//! Words that no tracked file may hold: paths of one developer's machine, and the hosts of package registries, which
//! every machine has configured for itself (lock files are excepted).

use crate::files::{File, text_files};

// Written in two halves, so that this file does not find itself.
const MACHINE: &[&str] = &[concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("/home/", "new/"), concat!("../sha", "red")];
const REGISTRIES: &[&str] = &[
    concat!("index.", "crates.io"),
    concat!("static.", "crates.io"),
    concat!("registry.", "npmjs.org"),
    concat!("pypi", ".org"),
    concat!("files.", "pythonhosted.org"),
    concat!("deb.", "debian.org"),
    concat!("security.", "debian.org"),
    concat!("proxy.", "golang.org"),
    concat!("repo.maven.", "apache.org"),
    concat!("repo1.", "maven.org"),
];

#[test]
fn no_file_speaks_of_one_machine_or_of_a_registry_host() {
    assert_eq!(forbidden_words(&text_files()), Vec::<String>::new());
}

#[test]
fn planted_words_are_found() {
    let files = [
        File::new("a.rs", concat!("let path = \"/wo", "rk/main\";")),
        File::new("docs/b.md", concat!("fine\nsee ../sha", "red/x")),
        File::new("c.toml", concat!("https://registry.", "npmjs.org/")),
        File::new("Cargo.lock", concat!("https://index.", "crates.io/")),
        File::new("d.md", concat!("a net", "/wo", "rk/ drawing is no path")),
    ];
    assert_eq!(
        forbidden_words(&files),
        [
            concat!("a.rs:1: /wo", "rk/").to_owned(),
            concat!("docs/b.md:2: ../sha", "red").to_owned(),
            concat!("c.toml:1: registry.", "npmjs.org").to_owned(),
        ]
    );
}

fn forbidden_words(files: &[File]) -> Vec<String> {
    let mut findings = Vec::new();
    for file in files {
        let is_lock = file.has_extension(&["lock"]) || file.path.ends_with("package-lock.json");
        let registries = if is_lock { &[] } else { REGISTRIES };
        for (number, line) in file.text.lines().enumerate() {
            let hits = MACHINE.iter().filter(|word| holds_path(line, word));
            let hosts = registries.iter().filter(|host| line.contains(**host));
            findings.extend(hits.chain(hosts).map(|word| format!("{}:{}: {word}", file.path, number + 1)));
        }
    }
    findings
}

/// A path counts where it begins: after the start of the line or after a character that is no part of a name.
fn holds_path(line: &str, word: &str) -> bool {
    line.match_indices(word)
        .any(|(at, _)| !line[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || (c == '.' && word.starts_with('/'))))
}
