//! G10: a person connects, with kept connections (warm) and as the first thing that a process does (cold).

use crate::{
    Result,
    floor::Floor,
    host::{self, Filled, Target},
    report::{Row, median, spread},
    store,
    stub::{Seen, Stub},
};
use intail_office365::{ConnectOptions, Hooks, Office365};
use std::{
    fs,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

const WARM_STORES: usize = 10;
const WARM_ROUNDS: u64 = 40;
/// What a connect sends once the platform is known.
const LATER: Seen = Seen { discovery: 0, keys: 0, token: 1, me: 1, strange: 0, identity_connections: 0, graph_connections: 0 };
const COLD_ROUNDS: u64 = 21;
/// The first argument of a child process that connects once.
pub(crate) const COLD: &str = "--cold";
/// About the bytes of one account in the library's store.
const ROW: usize = 4_500;

pub(crate) fn run(stub: &Stub) -> Result<()> {
    warm(stub)?;
    cold(stub)
}

/// New people connect, with few accounts in the store. Both take turns, so that whatever else the machine does meets both.
fn warm(stub: &Stub) -> Result<()> {
    let first = Seen { discovery: 1, keys: 1, token: 1, me: 1, strange: 0, identity_connections: 1, graph_connections: 1 };
    let folder = tempfile::tempdir()?;
    stub.take_seen();
    let mut floor = Floor::new(&Target::of(stub))?;
    floor.connect(0)?;
    let requests_by_hand = expect(stub, first, "first connect by hand")?;
    let bare = store::bare_store(&folder.path().join("bare.db"), 1, ROW)?;
    let mut requests = 0;
    let (mut beginnings, mut ours, mut by_hand, mut writes) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for part in 0..WARM_STORES {
        let office = host::open(&Target::of(stub), &folder.path().join(format!("{part}.db")), Hooks::default())?;
        host::connect(&office, 0)?;
        requests = expect(stub, first, "first connect")?;
        for person in 1..=WARM_ROUNDS {
            let (beginning, whole) = later_connect(stub, &office, person)?;
            beginnings.push(beginning);
            ours.push(whole);
            by_hand.push(timed(|| floor.connect(person))?);
            expect(stub, LATER, "later connect by hand")?;
            writes.push(timed(|| store::update(&bare, person, ROW))?);
        }
        office.close();
    }
    let what = format!("connect, warm (ratio over the run {})", spread(&ours, &by_hand, WARM_STORES));
    let by_hand = median(&by_hand, 1e3);
    Row::new("G10", what, median(&ours, 1e3), "ms").over(by_hand).ratio_at_most(1.6).report()?;
    Row::new("G10", "of it: begin_connect", median(&beginnings, 1e3), "ms").report()?;
    let write = median(&writes, 1e3);
    Row::new("G10", "the update of a bare SQLite row, flushed, which the floor lacks", write, "ms").report()?;
    let what = "connect, warm, over the floor with that update";
    Row::new("G10", what, median(&ours, 1e3), "ms").over(by_hand + write).report()?;
    let row = Row::new("G10", "requests of a first connect; a later one sends 2", requests.into(), "");
    row.over(requests_by_hand.into()).ratio_at_most(1.0).report()
}

/// The same with many accounts in the store.
pub(crate) fn crowded(stub: &Stub, filled: &Filled) -> Result<()> {
    let mut floor = Floor::new(&Target::of(stub))?;
    floor.connect(0)?;
    stub.take_seen();
    let (mut ours, mut by_hand) = (Vec::new(), Vec::new());
    for person in 0..WARM_ROUNDS {
        ours.push(later_connect(stub, &filled.office, 1_000_000 + person)?.1);
        by_hand.push(timed(|| floor.connect(person))?);
        expect(stub, LATER, "later connect by hand")?;
    }
    let what = format!("connect, warm, {} accounts in the store", filled.count);
    Row::new("G10", what, median(&ours, 1e3), "ms").over(median(&by_hand, 1e3)).report()
}

/// The time for the beginning and for the whole.
fn later_connect(stub: &Stub, office: &Office365, person: u64) -> Result<(Duration, Duration)> {
    let started = Instant::now();
    let begun = office.begin_connect(&ConnectOptions::default())?;
    let beginning = started.elapsed();
    host::complete(office, &begun, person)?;
    let whole = started.elapsed();
    expect(stub, LATER, "later connect")?;
    Ok((beginning, whole))
}

fn cold(stub: &Stub) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let root = folder.path().join("root.pem");
    fs::write(&root, &stub.root_pem)?;
    let (mut ours, mut by_hand) = (Vec::new(), Vec::new());
    for round in 0..COLD_ROUNDS {
        for (kind, times) in [("library", &mut ours), ("hand", &mut by_hand)] {
            let store = folder.path().join(format!("{round}.db"));
            stub.take_seen();
            let child = Command::new(std::env::current_exe()?)
                .args([COLD, kind, &stub.authority, &stub.graph])
                .args([&root, &store])
                .output()?;
            if !child.status.success() {
                return Err(format!("the child failed: {}", String::from_utf8_lossy(&child.stderr)).into());
            }
            times.push(Duration::from_nanos(String::from_utf8(child.stdout)?.trim().parse()?));
            let whole = Seen { discovery: 1, keys: 1, token: 1, me: 1, strange: 0, identity_connections: 1, graph_connections: 1 };
            expect(stub, whole, "connect in a new process")?;
        }
    }
    let what = format!("open a new store and connect, first in process (ratio {})", spread(&ours, &by_hand, 3));
    Row::new("G10", what, median(&ours, 1e3), "ms").over(median(&by_hand, 1e3)).value_at_most(10.0).report()
}

/// One connect in a process of its own; prints the nanoseconds that it took.
pub(crate) fn cold_child(arguments: &[String]) -> Result<()> {
    let [kind, authority, graph, root, store] = arguments else { return Err("five arguments".into()) };
    let target = Target { authority: authority.clone(), graph: graph.clone(), root_pem: fs::read_to_string(root)? };
    let took = match kind.as_str() {
        "library" => timed(|| {
            let office = host::open(&target, Path::new(store), Hooks::default())?;
            host::connect(&office, 0).map(drop)
        }),
        _ => timed(|| Floor::new(&target)?.connect(0)),
    }?;
    println!("{}", took.as_nanos());
    Ok(())
}

fn timed(work: impl FnOnce() -> Result<()>) -> Result<Duration> {
    let started = Instant::now();
    work()?;
    Ok(started.elapsed())
}

/// Fails unless exactly this arrived since the last look; returns how many requests that were.
fn expect(stub: &Stub, expected: Seen, what: &str) -> Result<u32> {
    let seen = stub.take_seen();
    if seen == expected { Ok(seen.requests()) } else { Err(format!("{what}: {seen:?} instead of {expected:?}").into()) }
}
