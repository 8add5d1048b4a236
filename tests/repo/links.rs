//! Every relative link in a Markdown file leads somewhere: to a file that is there, and to a heading that is in it.

use std::collections::{BTreeMap, BTreeSet};

use crate::files::{File, paths, text_files};

#[test]
fn relative_links_resolve() {
    assert_eq!(broken_links(&text_files(), &paths()), Vec::<String>::new());
}

#[test]
fn planted_broken_links_are_found() {
    let files = [
        File::new(
            "docs/a.md",
            "# One `thing`, two\n[ok](b.md#the-end) [ok](#one-thing-two) [ok](../README.md) [ok](https://example.org/x)\n\
             [no file](c.md) [no heading](b.md#nowhere) ![no picture](x.png)\n`[code](d.md)`\n```text\n[code](e.md)\n```\n",
        ),
        File::new("docs/b.md", "## The end\n"),
        File::new("README.md", "[a folder](docs) [out](../../etc)\n"),
    ];
    let known: Vec<String> = files.iter().map(|file| file.path.clone()).collect();
    assert_eq!(
        broken_links(&files, &known),
        ["docs/a.md: c.md", "docs/a.md: b.md#nowhere", "docs/a.md: x.png", "README.md: ../../etc",]
    );
}

fn broken_links(files: &[File], known: &[String]) -> Vec<String> {
    let pages = || files.iter().filter(|file| file.has_extension(&["md"]));
    let anchors: BTreeMap<&str, BTreeSet<String>> = pages().map(|f| (f.path.as_str(), headings(&f.text))).collect();
    let mut findings = Vec::new();
    for page in pages() {
        for link in links(&page.text) {
            if link.contains("://") || link.starts_with("mailto:") {
                continue;
            }
            let (path, anchor) = link.split_once('#').unwrap_or((&link, ""));
            let target = if path.is_empty() { Some(page.path.clone()) } else { resolve(&page.path, path) };
            let found = target.is_some_and(|target| {
                let has_heading = |set: &BTreeSet<String>| anchor.is_empty() || set.contains(anchor);
                is_known(known, &target) && anchors.get(target.as_str()).is_none_or(has_heading)
            });
            if !found {
                findings.push(format!("{}: {link}", page.path));
            }
        }
    }
    findings
}

fn is_known(known: &[String], target: &str) -> bool {
    let folder = format!("{target}/");
    known.iter().any(|path| path == target || path.starts_with(&folder))
}

/// The path from the root that `link` means on `page`; none where it leaves the repository.
fn resolve(page: &str, link: &str) -> Option<String> {
    let mut parts: Vec<&str> = page.split('/').collect();
    parts.pop();
    for part in link.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            name => parts.push(name),
        }
    }
    Some(parts.join("/"))
}

/// The targets of `[text](target)` and `![text](target)`, outside of code.
fn links(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for line in prose_lines(text) {
        let without_code: String = line.split('`').step_by(2).collect();
        for (at, open) in without_code.match_indices("](") {
            let target = without_code[at + open.len()..].split([')', ' ']).next();
            found.extend(target.map(str::to_owned));
        }
    }
    found
}

fn prose_lines(text: &str) -> Vec<&str> {
    let mut in_fence = false;
    let mut lines = Vec::new();
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            in_fence = !in_fence;
        } else if !in_fence {
            lines.push(line);
        }
    }
    lines
}

/// Anchors of a page's headings, as Git hosts make them: lower case, spaces to hyphens, punctuation dropped.
fn headings(text: &str) -> BTreeSet<String> {
    let mut anchors = BTreeSet::new();
    for line in prose_lines(text).iter().filter(|line| line.starts_with('#')) {
        let title = line.trim_start_matches('#').trim().to_lowercase();
        let anchor: String = title
            .chars()
            .filter(|c| c.is_alphanumeric() || [' ', '-', '_'].contains(c))
            .map(|c| if c == ' ' { '-' } else { c })
            .collect();
        let repeated = (1..).map(|n| format!("{anchor}-{n}"));
        let free = std::iter::once(anchor.clone()).chain(repeated).find(|name| !anchors.contains(name));
        anchors.extend(free);
    }
    anchors
}
