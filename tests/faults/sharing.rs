//! Several hosts at once, copies made meanwhile, readers that hold the log up, and who else can read what is in the files.

use crate::{
    kill::after,
    known::{EVERYTHING, Known, NOTHING},
    rig::{BIANCA, CAMERON, Case, Heard, MEGAN, NILS, Seed, copy, hear, is_deep, readable},
    trace::{self, Operation, WRITES},
};
use intail_office365_fault_tests::{KEY, look};
use rusqlite::Connection;
use std::{
    collections::BTreeSet,
    env, fs,
    io::{BufRead, BufReader, Read},
    path::Path,
    process::{Child, Command},
    time::{Duration, Instant},
};

fn python(script: &str, arguments: &[&Path]) -> String {
    let python = env::var("PYTHON").ok().filter(|path| !path.is_empty()).unwrap_or_else(|| "python3".to_owned());
    let heard = hear(Command::new(python).args(["-c", script]).args(arguments)).whole();
    heard.lines.join("\n")
}

fn lines(child: &mut Child) -> BufReader<std::process::ChildStdout> {
    BufReader::new(child.stdout.take().unwrap())
}

fn ended(mut child: Child) -> Heard {
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    child.stdout.take().unwrap().read_to_end(&mut stdout).unwrap();
    child.stderr.take().unwrap().read_to_end(&mut stderr).unwrap();
    Heard::of(&stdout, &stderr, child.wait().unwrap())
}

/// Four processes, each with sign-ins to begin and one with tokens to rotate: everything is there, and nobody was told to wait.
#[test]
fn s_23_four_processes_write_at_once() {
    let each = if is_deep() { "250" } else { "60" };
    let case = Case::new(Seed::Closed);
    for user in [BIANCA, CAMERON] {
        case.run("login", user);
    }
    let mut known = case.known();
    let writers: Vec<Child> = (0..3).map(|_| case.spawn("begin", each)).collect();
    let refresher = case.spawn("refresh", if is_deep() { "100" } else { "10" });
    for writer in writers {
        let heard = ended(writer).whole();
        assert_eq!((heard.acknowledged().count().to_string(), heard.errors()), (each.to_owned(), Vec::new()));
    }
    let heard = ended(refresher).whole();
    assert!(heard.errors().is_empty() && heard.acknowledged().count() == heard.lines.len(), "{heard:?}");
    assert_eq!(after(&case, &heard, &mut known, NOTHING), Vec::<String>::new());
    let store = Connection::open(case.store()).unwrap();
    let rows: u32 = store.query_row("SELECT count(*) FROM flow", [], |row| row.get(0)).unwrap();
    assert!(rows >= 3 * each.parse::<u32>().unwrap(), "{rows} sign-ins");
}

/// A reader that never ends keeps the log from being taken over; when it is gone, so is what the log grew to.
#[test]
fn s_22_a_log_that_grew_is_bounded_afterwards() {
    let case = Case::new(Seed::Left);
    let mut known = case.known();
    let reader = Connection::open(case.store()).unwrap();
    reader.execute_batch("BEGIN").unwrap();
    let rows = |reader: &Connection| reader.query_row("SELECT count(*) FROM account", [], |row| row.get::<_, u32>(0)).unwrap();
    assert_eq!(rows(&reader), 2);
    let heard = case.run("begin", "1500");
    let grown = fs::metadata(case.beside("-wal")).unwrap().len();
    assert!(grown > 6 << 20, "the log grew to {grown} bytes only");
    assert_eq!(rows(&reader), 2);
    drop(reader);
    known.hear(heard.said());
    let again = case.run("refresh-and-die", "1");
    let bounded = fs::metadata(case.beside("-wal")).unwrap().len();
    assert!(bounded <= 5 << 20, "the log still has {bounded} bytes");
    assert_eq!(after(&case, &again, &mut known, NOTHING), Vec::<String>::new());
    assert!(!case.beside("-wal").exists(), "closing leaves no log");
}

/// The log of a host that was gone without closing is read whole, also by hosts that come one after the other.
#[test]
fn s_22_a_log_left_by_a_crash_is_taken_over() {
    let case = Case::new(Seed::Closed);
    let mut known = case.known();
    for round in 0..5 {
        let heard = case.run("refresh-and-die", "3");
        assert!(fs::metadata(case.beside("-wal")).unwrap().len() > 0);
        known.hear(heard.said());
        let copied = Case::new(Seed::Nothing);
        copy(&case.folder(), &copied.folder());
        assert_eq!(after(&copied, &heard, &mut known, NOTHING), Vec::<String>::new(), "round {round}");
    }
}

/// A log of a gigabyte, of nothing or behind a true one, neither takes long nor stays.
#[test]
fn s_22_a_huge_log_that_was_planted_is_bounded() {
    for seed in [Seed::Closed, Seed::Left] {
        let case = Case::new(seed);
        let mut known = case.known();
        let planted = Case::new(seed);
        let log = fs::OpenOptions::new().create(true).truncate(false).write(true).open(planted.beside("-wal")).unwrap();
        log.set_len(1 << 30).unwrap();
        drop(log);
        let begun = Instant::now();
        let heard = planted.run("refresh", "1");
        assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
        assert_eq!(heard.acknowledged().count(), 2, "{seed:?}: {heard:?}");
        assert_eq!(after(&planted, &heard, &mut known, NOTHING), Vec::<String>::new());
        assert!(!planted.beside("-wal").exists());
    }
}

const BACKUP: &str = "import sqlite3, sys
source, target = sqlite3.connect(sys.argv[1]), sqlite3.connect(sys.argv[2])
with target: source.backup(target)
target.close()";

/// Copies of a store in use: by SQLite's own backup they open with the same key and hold everything; as plain files they do too, or
/// the error has a name. Nothing of a person or a token is readable in either.
#[test]
fn s_28_copies_made_while_in_use() {
    let case = Case::new(Seed::Closed);
    let mut host = case.spawn("busy", NILS);
    let mut said = lines(&mut host);
    let mut known = case_known(&mut said);
    let mut opened = 0;
    for round in 0..if is_deep() { 200 } else { 12 } {
        hear_more(&mut said, &mut known, 3);
        let copied = Case::new(Seed::Nothing);
        let backed_up = round % 2 == 0;
        if backed_up {
            python(BACKUP, &[&case.store(), &copied.store()]);
        } else {
            for suffix in ["", "-wal"] {
                let _ = fs::copy(case.beside(suffix), copied.beside(suffix));
            }
        }
        let readable = copied.readable(&known);
        assert_eq!(readable, Vec::<String>::new(), "round {round}");
        match look(copied.target(), &copied.store(), KEY) {
            Ok(seen) => {
                opened += 1;
                // The host went on meanwhile.
                assert!(!backed_up || known.clone().judge(&seen, EVERYTHING).is_empty(), "round {round}: {known:?} {seen:?}");
            }
            Err(error) => assert!(!backed_up && error.detail() == "StoreCorrupt", "round {round}: {error:?}"),
        }
    }
    host.kill().unwrap();
    host.wait().unwrap();
    assert!(opened >= 6, "{opened} copies opened");
}

fn case_known(said: &mut impl BufRead) -> Known {
    let mut first = String::new();
    while !first.contains("DAMAGED") {
        said.read_line(&mut first).unwrap();
    }
    let heard = Heard::of(first.as_bytes(), b"", std::process::ExitStatus::default());
    Known::of(&heard.look().unwrap())
}

fn hear_more(said: &mut impl BufRead, known: &mut Known, count: usize) {
    for _ in 0..count {
        let mut line = String::new();
        said.read_line(&mut line).unwrap();
        known.hear([line.trim_end()]);
    }
}

const DUMP: &str = "import sqlite3, sys
store = sqlite3.connect(sys.argv[1])
out = open(sys.argv[2], 'wb')
for (table,) in store.execute(\"SELECT name FROM sqlite_schema WHERE type = 'table'\").fetchall():
    for row in store.execute(f'SELECT * FROM {table}'):
        for value in row:
            out.write(value if isinstance(value, bytes) else str(value).encode())
            out.write(b'|')
out.close()
print(store.execute('PRAGMA integrity_check').fetchone()[0])";

/// Another program with another SQLite opens the file, finds it whole, and reads nothing but sealed values in it; what is planted
/// among them is found (also case S-29).
#[test]
fn s_35_another_reader_finds_only_sealed_values() {
    let case = Case::new(Seed::Left);
    let known = case.known();
    let dumped = case.elsewhere().join("dump");
    let needles: Vec<&str> = known.marks().map(String::as_str).chain(["egan", "northwind", "Bowen", "User.Read"]).collect();
    assert_eq!(python(DUMP, &[&case.store(), &dumped]), "ok");
    assert!(fs::metadata(&dumped).unwrap().len() > 2_000);
    assert_eq!(readable(&case.elsewhere(), &needles), Vec::<String>::new());

    let planted = Connection::open(case.store()).unwrap();
    planted.execute("UPDATE account SET person = CAST('Megan Bowen ADDED-NEEDLE' AS BLOB)", []).unwrap();
    drop(planted);
    python(DUMP, &[&case.store(), &dumped]);
    assert!(readable(&case.elsewhere(), &needles).len() > 1);
    assert!(!case.readable(&known).is_empty(), "the scan of raw files finds it too");
}

/// Every file that a host makes lies in the store's folder under one of the known names; a host that leaves litter is noticed.
#[test]
fn s_34_no_file_is_made_anywhere_else() {
    if !trace::is_possible() {
        return;
    }
    for (name, argument, clean) in [("login", BIANCA, true), ("fill", "3", true), ("litter", "", false)] {
        let case = Case::new(Seed::Closed);
        let before: BTreeSet<String> = case.names().into_iter().collect();
        let heard = case.run(name, argument);
        assert!(heard.acknowledged().count() > 0);
        let left: Vec<String> =
            case.names().into_iter().filter(|name| !before.contains(name) && !name.contains(".locks")).collect();
        assert_eq!(left.is_empty(), clean, "{left:?}");
    }
    // Where the system would have temporary files nothing can be.
    let case = Case::new(Seed::Closed);
    let heard = hear(case.command(&[], "fill", "3").env("TMPDIR", "/proc/nowhere").env("SQLITE_TMPDIR", "/proc/nowhere")).whole();
    assert_eq!((heard.errors(), heard.acknowledged().count()), (Vec::new(), 6));
    for operation in [("login", BIANCA, Seed::Closed), ("create", "", Seed::Nothing), ("disconnect", MEGAN, Seed::Left)] {
        let (name, argument, seed) = operation;
        let operation = Operation { name, argument, seed, changes: EVERYTHING };
        let strange: Vec<_> = operation.created().into_iter().filter(|path| !is_known(path)).collect();
        assert_eq!(strange, Vec::<String>::new(), "{operation:?}");
        assert!(!operation.points(WRITES).is_empty());
    }
    let litter = Operation { name: "litter", argument: "", seed: Seed::Closed, changes: NOTHING };
    assert_eq!(litter.created().into_iter().filter(|path| !is_known(path)).count(), 1);
}

/// A path below the case's own folder.
fn is_known(path: &str) -> bool {
    let Some(name) = path.strip_prefix("store/office365.db") else { return false };
    matches!(name, "-wal" | "-shm" | ".locks") || name.starts_with(".new-") || name.starts_with(".locks/")
}
