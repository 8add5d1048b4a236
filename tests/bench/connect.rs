//! G10: a person connects, with kept connections (warm) and as the first thing that a process does (cold).

use crate::{
    Result,
    floor::Floor,
    host::{self, Target},
    report::{Row, median, spread},
    stub::{Seen, Stub},
};
use intail_office365::{ConnectOptions, Hooks};
use std::{
    fs,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

const WARM_ROUNDS: u64 = 400;
const COLD_ROUNDS: u64 = 21;
/// The first argument of a child process that connects once.
pub(crate) const COLD: &str = "--cold";

pub(crate) fn run(stub: &Stub) -> Result<()> {
    warm(stub)?;
    cold(stub)
}

/// Both take turns, so that whatever else the machine does meets both.
fn warm(stub: &Stub) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let office = host::open(&Target::of(stub), &folder.path().join("office365.db"), Hooks::default())?;
    stub.take_seen();
    host::connect(&office, 0)?;
    let first = Seen { discovery: 1, keys: 1, token: 1, me: 1, strange: 0, identity_connections: 1, graph_connections: 1 };
    expect(stub, first, "first connect")?;
    let mut floor = Floor::new(&Target::of(stub))?;
    floor.connect(0)?;
    expect(stub, first, "first connect by hand")?;
    let (mut ours, mut by_hand, mut beginnings) = (Vec::new(), Vec::new(), Vec::new());
    for person in 1..=WARM_ROUNDS {
        let started = Instant::now();
        let begun = office.begin_connect(&ConnectOptions::default())?;
        beginnings.push(started.elapsed());
        host::complete(&office, &begun, person)?;
        ours.push(started.elapsed());
        expect(stub, Seen { token: 1, me: 1, ..Seen::default() }, "later connect")?;
        by_hand.push(timed(|| floor.connect(person))?);
        expect(stub, Seen { token: 1, me: 1, ..Seen::default() }, "later connect by hand")?;
    }
    office.close();
    let what = format!("connect, warm (ratio over the run {})", spread(&ours, &by_hand, 8));
    Row::new("G10", what, median(&ours, 1e3), "ms").over(median(&by_hand, 1e3)).ratio_at_most(1.6).report()?;
    Row::new("G10", "of it: begin_connect", median(&beginnings, 1e3), "ms").report()?;
    Row::new("G10", "requests and connections, as promised: 4 and 2 cold, 2 and 0 warm", 4.0, "")
        .over(4.0)
        .ratio_at_most(1.0)
        .report()
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

fn expect(stub: &Stub, expected: Seen, what: &str) -> Result<()> {
    let seen = stub.take_seen();
    if seen == expected { Ok(()) } else { Err(format!("{what}: {seen:?} instead of {expected:?}").into()) }
}
