//! A host that is killed: at every system call that writes, and at random.

use crate::{
    known::{Changes, EVERYTHING, Known, NOTHING},
    rig::{BIANCA, Case, Heard, MEGAN, NILS, Seed, files, in_parallel, is_deep},
    trace::{self, Operation, WRITES, sample},
};
use intail_office365_fault_tests::Look;
use rusqlite::{Connection, config::DbConfig};
use std::{
    fs,
    io::{BufRead, BufReader, Read},
    process::Child,
    thread,
    time::Duration,
};

/// Every operation of a host that writes to its store.
pub(crate) const OPERATIONS: &[Operation] = &[
    Operation { name: "create", argument: "", seed: Seed::Nothing, changes: NOTHING },
    Operation { name: "login", argument: BIANCA, seed: Seed::Closed, changes: &["login"] },
    Operation { name: "refresh", argument: "1", seed: Seed::Closed, changes: &["refresh"] },
    Operation { name: "refresh", argument: "1", seed: Seed::Left, changes: &["refresh"] },
    Operation { name: "disconnect", argument: NILS, seed: Seed::Closed, changes: &["disconnect"] },
    Operation { name: "disconnect", argument: MEGAN, seed: Seed::Left, changes: &["disconnect"] },
    // Taking over the log that somebody else left.
    Operation { name: "create", argument: "", seed: Seed::Left, changes: NOTHING },
    OPEN_OLD,
    CHANGE_KEY,
    ROTATE,
];
const OPEN_OLD: Operation = Operation { name: "create", argument: "", seed: Seed::Old, changes: NOTHING };
const CHANGE_KEY: Operation = Operation { name: "change-key", argument: "", seed: Seed::Closed, changes: &["change-key"] };
const ROTATE: Operation = Operation { name: "rotate", argument: "", seed: Seed::Left, changes: NOTHING };

/// So many points of each operation in a quick run.
const QUICK: usize = 30;

#[test]
fn s_18_killed_at_every_call_that_writes() {
    if !trace::is_possible() {
        return;
    }
    let mut all = 0;
    for operation in OPERATIONS.iter().filter(|operation| !has_its_own_test(operation)) {
        let (points, findings) = killed_everywhere(operation);
        assert_eq!(findings, Vec::<String>::new(), "{operation:?}");
        all += points;
    }
    assert!(all > 100, "{all} points are too few");
}

#[test]
fn s_11_killed_while_an_old_store_is_opened() {
    if !trace::is_possible() {
        return;
    }
    let (points, findings) = killed_everywhere(&OPEN_OLD);
    assert_eq!(findings, Vec::<String>::new());
    assert!(points > 5, "{points} points are too few");
}

#[test]
fn s_27_killed_while_the_key_changes() {
    if !trace::is_possible() {
        return;
    }
    let (points, findings) = killed_everywhere(&CHANGE_KEY);
    assert_eq!(findings, Vec::<String>::new());
    assert!(points > 5, "{points} points are too few");
}

/// Every row is readable all the time; and what was begun is ended by whoever rotates next.
#[test]
fn s_27_killed_while_the_rows_are_sealed_anew() {
    if !trace::is_possible() {
        return;
    }
    let (points, findings) = killed_everywhere(&ROTATE);
    assert_eq!(findings, Vec::<String>::new());
    assert!(points > 10, "{points} points are too few");
}

/// Of a disconnect that was killed nothing is left once the store was opened and closed again: neither the old row nor its key, sealed
/// as they are. Before the disconnect they are found.
#[test]
fn s_26_nothing_is_left_of_a_disconnect_that_was_killed() {
    if !trace::is_possible() {
        return;
    }
    for operation in OPERATIONS.iter().filter(|operation| operation.name == "disconnect") {
        let points = sample(operation.points(WRITES), if is_deep() { usize::MAX } else { QUICK / 2 }, 1);
        let gone = in_parallel(&points, |point| {
            let case = Case::new(operation.seed);
            let before = sealed(&case);
            assert_eq!(left_of(&case, &before).len(), before.len(), "the search finds what is there");
            operation.suffer(&case, point, "signal=SIGKILL");
            case.verify().unwrap();
            let after = sealed(&case);
            let gone: Vec<Vec<u8>> = before.into_iter().filter(|value| !after.contains(value)).collect();
            assert_eq!(left_of(&case, &gone), Vec::<String>::new(), "{point:?}");
            gone.len()
        });
        assert!(gone.contains(&2) && gone.contains(&0), "{gone:?}");
    }
}

/// Keys and credentials of all accounts, as they lie in the table.
fn sealed(case: &Case) -> Vec<Vec<u8>> {
    let store = Connection::open(case.store()).unwrap();
    store.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true).unwrap();
    let mut rows = store.prepare("SELECT account_key, credentials FROM account").unwrap();
    let rows = rows.query_map([], |row| Ok([row.get::<_, Vec<u8>>(0)?, row.get(1)?])).unwrap();
    rows.flat_map(Result::unwrap).collect()
}

/// Where their beginnings lie (an overflowing value goes on in another page).
fn left_of(case: &Case, values: &[Vec<u8>]) -> Vec<String> {
    let contents: Vec<_> = files(&case.folder()).into_iter().map(|path| (fs::read(&path).unwrap(), path)).collect();
    let lies = |value: &&Vec<u8>| contents.iter().find(|(content, _)| content.windows(48).any(|window| window == &value[..48]));
    values.iter().filter_map(|value| lies(&value)).map(|(_, path)| path.display().to_string()).collect()
}

/// The twin of those above: a host that says it before it is true.
#[test]
fn a_host_that_acknowledges_too_early_is_caught() {
    if !trace::is_possible() {
        return;
    }
    let hasty = Operation { name: "hasty-login", ..OPERATIONS[1] };
    let (_, findings) = killed_everywhere(&hasty);
    assert!(findings.iter().any(|finding| finding.contains("Some(\"?\") became None")), "{findings:?}");
}

fn has_its_own_test(operation: &Operation) -> bool {
    [CHANGE_KEY.name, ROTATE.name].contains(&operation.name) || operation.seed == OPEN_OLD.seed
}

fn killed_everywhere(operation: &Operation) -> (usize, Vec<String>) {
    let before = Case::new(operation.seed);
    let known = if operation.seed == Seed::Nothing { Known::of(&Look::default()) } else { before.known() };
    let points = sample(operation.points(WRITES), if is_deep() { usize::MAX } else { QUICK }, 0);
    let findings = in_parallel(&points, |point| {
        let case = Case::new(operation.seed);
        let heard = operation.suffer(&case, point, "signal=SIGKILL");
        let mut known = known.clone();
        let mut findings = after(&case, &heard, &mut known, operation.changes);
        let half_way = operation.name == ROTATE.name && keys_of_rows(&case) > 1;
        if operation.name == ROTATE.name {
            let resumed = case.run(ROTATE.name, "");
            if resumed.acknowledged().count() != 1 || keys_of_rows(&case) != 1 {
                findings.push(format!("cannot be resumed: {resumed:?}"));
            }
            findings.extend(after(&case, &resumed, &mut known, NOTHING));
        }
        let findings = findings.into_iter().map(|finding| format!("{point:?}: {finding}")).collect::<Vec<_>>();
        ((heard.was_killed(), half_way), findings)
    });
    let (killed, findings): (Vec<(bool, bool)>, Vec<Vec<String>>) = findings.into_iter().unzip();
    let half_way = killed.iter().filter(|(_, half_way)| *half_way).count();
    assert!(operation.name != ROTATE.name || half_way > 3, "{half_way} kills left rows under two keys");
    let killed = killed.into_iter().filter(|(killed, _)| *killed).count();
    // Rows are found by hashes, so that a run may touch a page less than the one before.
    assert!(killed + 1 + points.len() / 20 >= points.len(), "{killed} of {} kills met {operation:?}", points.len());
    (killed, findings.concat())
}

/// Under how many of the store's keys there is anything.
fn keys_of_rows(case: &Case) -> u32 {
    let store = Connection::open(case.store()).unwrap();
    let keys = ["store_key", "account", "flow", "approval"].map(|table| format!("SELECT key_id FROM {table}")).join(" UNION ");
    store.query_row(&format!("SELECT count(*) FROM ({keys})"), [], |row| row.get(0)).unwrap()
}

/// What is wrong with a store after its host is gone (also cases S-26 and S-29: nothing lies readable in what is left).
pub(crate) fn after(case: &Case, heard: &Heard, known: &mut Known, may: &Changes) -> Vec<String> {
    known.hear(heard.said());
    let mut findings = case.readable(known);
    findings.extend(known.look_and_judge(|key| case.verify_with(key), may));
    if !heard.stderr.is_empty() {
        findings.push(format!("printed {}", heard.stderr));
    }
    findings
}

/// Each host looks at what the one before it left, then works until it is killed.
#[test]
fn s_17_killed_at_random() {
    let rounds = if is_deep() { 1_000 } else { 200 };
    let lanes = in_parallel(&[1_u64, 2], |seed| {
        let case = Case::new(Seed::Closed);
        let mut known = case.known();
        let mut random = Random(*seed);
        let (mut said, mut findings) = (0, Vec::new());
        for round in 0..rounds / 2 {
            let heard = killed_somewhere(case.spawn("busy", NILS), &mut random);
            if let Ok(seen) = heard.look() {
                findings.extend(known.judge(&seen, EVERYTHING));
            }
            known.hear(heard.said());
            let refreshed = heard.acknowledged().count();
            case.step(refreshed);
            said += refreshed;
            if !heard.was_killed() || !heard.stderr.is_empty() {
                findings.push(format!("round {round}: {heard:?}"));
            }
        }
        findings.extend(case.verify().map_or_else(|said| vec![said], |seen| known.judge(&seen, EVERYTHING)));
        findings.extend(case.readable(&known));
        (said, findings)
    });
    let (said, findings): (Vec<usize>, Vec<Vec<String>>) = lanes.into_iter().unzip();
    assert_eq!(findings.concat(), Vec::<String>::new());
    assert!(said.iter().sum::<usize>() > rounds / 4, "hardly anything was acknowledged: {said:?}");
}

/// After some lines (three tell what it found) and then at any moment.
fn killed_somewhere(mut host: Child, random: &mut Random) -> Heard {
    let mut stdout = BufReader::new(host.stdout.take().unwrap());
    let mut said = Vec::new();
    for _ in 0..random.below(12) {
        stdout.read_until(b'\n', &mut said).unwrap();
    }
    let longest = if said.is_empty() { 40_000 } else { 8_000 };
    thread::sleep(Duration::from_micros(random.below(longest)));
    host.kill().unwrap();
    stdout.read_to_end(&mut said).unwrap();
    let mut stderr = Vec::new();
    host.stderr.take().unwrap().read_to_end(&mut stderr).unwrap();
    Heard::of(&said, &stderr, host.wait().unwrap())
}

/// Enough to spread things, and the same in each run.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit.max(1)
    }
}
