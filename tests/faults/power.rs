//! The power goes: a host's whole life is recorded, and what a disk may hold at any moment of it is opened.

use crate::{
    kill::Random,
    known::{EVERYTHING, Known},
    recording::{CALLS, Change, Cut, Disk, Event, Flushes, read, with_synchronous_normal},
    rig::{Case, NILS, Seed, hear, in_parallel, is_deep},
    trace,
};
use intail_office365_fault_tests::{Look, look};
use rusqlite::Connection;
use std::{
    env,
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

const CUTS: [Cut; 5] = [Cut::None, Cut::All, Cut::First, Cut::Some, Cut::Torn];

#[test]
fn s_19_a_power_cut_loses_nothing_that_was_acknowledged() {
    if !trace::is_possible() {
        return;
    }
    let states = if is_deep() { 20_000 } else { 500 };
    let (acknowledged, findings) = cut_often(&recorded(), Flushes::AsAsked, states);
    assert_eq!(findings, Vec::<String>::new());
    assert!(acknowledged > states / 2, "hardly anything was acknowledged: {acknowledged}");
}

/// Its twins: `synchronous = NORMAL`, and a log or a folder that is not flushed, lose what was acknowledged.
#[test]
fn a_store_that_does_not_flush_is_caught() {
    if !trace::is_possible() {
        return;
    }
    let events = recorded();
    let (_, findings) = cut_often(&with_synchronous_normal(&events), Flushes::AsAsked, 150);
    assert!(findings.len() > 5, "synchronous = NORMAL: {findings:?}");
    for flushes in [Flushes::NotOfTheLog, Flushes::NotOfTheFolder] {
        let (_, findings) = cut_often(&events, flushes, 150);
        assert!(findings.len() > 5, "{flushes:?}: {findings:?}");
    }
}

/// What the first of them takes for `synchronous = NORMAL` is what SQLite does then.
#[test]
fn sqlite_flushes_as_the_twin_has_it() {
    if !trace::is_possible() {
        return;
    }
    let [full, normal] = ["FULL", "NORMAL"].map(|level| {
        let folder = tempfile::tempdir().unwrap();
        let record = folder.path().join("record");
        let mut command = Command::new("strace");
        command.args(below_strace(&record)).arg(env::current_exe().unwrap());
        command.args(["--exact", "power::child_that_writes", "--ignored"]).env("FOLDER", folder.path()).env("LEVEL", level);
        hear(&mut command).whole();
        read(&fs::read_to_string(record).unwrap(), folder.path())
    });
    assert!(shape(&full).len() > shape(&normal).len() + 20, "hardly anything was flushed");
    assert_eq!(shape(&with_synchronous_normal(&full)), shape(&normal));
}

/// What was written where, whatever it was; and what was flushed.
fn shape(events: &[Event]) -> Vec<String> {
    let shapes = events.iter().filter_map(|event| match event {
        Event::Write { file, change: Change::Bytes { at, bytes } } => Some(format!("{file}: {} bytes at {at}", bytes.len())),
        Event::Said(_) => None,
        other => Some(format!("{other:?}")),
    });
    shapes.collect()
}

#[test]
#[ignore = "run by sqlite_flushes_as_the_twin_has_it"]
fn child_that_writes() {
    let [folder, level] = ["FOLDER", "LEVEL"].map(|name| env::var(name).unwrap());
    let store = Connection::open(PathBuf::from(folder).join("plain.db")).unwrap();
    store.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(())).unwrap();
    store.execute_batch(&format!("PRAGMA synchronous = {level}; CREATE TABLE t (x)")).unwrap();
    for round in 0..40 {
        store.execute("INSERT INTO t VALUES (?1)", [round]).unwrap();
        if round == 20 {
            store.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
        }
    }
}

fn below_strace(record: &Path) -> Vec<String> {
    let calls = format!("trace={CALLS}");
    let before = ["-f", "-qq", "-y", "-xx", "-s", "100000", "-e", &calls, "-o", record.to_str().unwrap()];
    before.map(str::to_owned).to_vec()
}

/// The life of a host, from an empty folder on.
fn recorded() -> Vec<Event> {
    let case = Case::new(Seed::Nothing);
    let record = case.elsewhere().join("record");
    let strace = below_strace(&record);
    let before: Vec<&OsStr> = [OsStr::new("strace")].into_iter().chain(strace.iter().map(OsStr::new)).collect();
    let heard = hear(&mut case.command(&before, "life", NILS)).whole();
    assert!(heard.errors().is_empty() && heard.acknowledged().count() > 10, "{heard:?}");
    let events = read(&fs::read_to_string(record).unwrap(), &case.folder());
    assert_eq!(events.iter().filter(|event| matches!(event, Event::Said(_))).count(), heard.lines.len());
    events
}

/// How many acknowledgements there were before the cuts, and what was wrong after them.
fn cut_often(events: &[Event], flushes: Flushes, states: usize) -> (usize, Vec<String>) {
    let seeds: Vec<u64> = (0..states as u64).collect();
    let outcomes = in_parallel(&seeds, |seed| {
        let mut random = Random(*seed);
        let at = usize::try_from(random.below(events.len() as u64 + 1)).unwrap();
        let cut = CUTS[usize::try_from(seed % 5).unwrap()];
        let mut disk = Disk::new(flushes);
        let mut known = Known::of(&Look::default());
        let mut said = 0;
        for event in &events[..at] {
            disk.happen(event);
            if let Event::Said(line) = event {
                known.hear([line.as_str()]);
                said += 1;
            }
        }
        let case = Case::new(Seed::Nothing);
        disk.cut(cut, &mut random, &case.folder());
        let look = |key| look(case.target(), &case.store(), key).map_err(|error| format!("{error:?}"));
        let findings = known.look_and_judge(look, EVERYTHING);
        (said, findings.into_iter().map(|finding| format!("{cut:?} at {at}: {finding}")).collect::<Vec<_>>())
    });
    let (said, findings): (Vec<usize>, Vec<Vec<String>>) = outcomes.into_iter().unzip();
    (said.into_iter().sum(), findings.concat())
}
