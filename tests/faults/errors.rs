//! System calls that fail: each error has a name, nothing that was acknowledged is lost, and a token that cannot be kept is handed out
//! all the same.

use crate::{
    kill::{OPERATIONS, after},
    known::{Changes, Known},
    rig::{Case, Heard, Seed, in_parallel, is_deep},
    trace::{self, LOCKS, OTHERS, Operation, Point, WRITES, sample},
};
use intail_office365_fault_tests::Look;
use std::{os::unix::process::ExitStatusExt, process::ExitStatus};

/// An error, the calls that meet it, and at how many points of each operation: in a quick run, and in a deep one.
struct Fault {
    inject: &'static str,
    calls: &'static str,
    quick: usize,
    deep: usize,
}

const FAULTS: &[Fault] = &[
    Fault { inject: "error=EIO", calls: WRITES, quick: 4, deep: usize::MAX },
    Fault { inject: "error=ENOSPC+", calls: WRITES, quick: 4, deep: usize::MAX },
    Fault { inject: "error=EINTR", calls: WRITES, quick: 2, deep: usize::MAX },
    Fault { inject: "error=EMFILE", calls: "open,openat", quick: 2, deep: usize::MAX },
    Fault { inject: "error=EIO", calls: OTHERS, quick: 3, deep: 40 },
    Fault { inject: "error=EINTR", calls: OTHERS, quick: 2, deep: 20 },
    Fault { inject: "error=ENOMEM+", calls: "mmap", quick: 2, deep: usize::MAX },
    Fault { inject: "error=EIO", calls: LOCKS, quick: 0, deep: 4 },
    // Nothing was written, says the system, and calls it no error.
    Fault { inject: "retval=0", calls: "pwrite64", quick: 2, deep: usize::MAX },
];

/// What an error of the disk may be called. A file that cannot even be looked at is as good as moved.
pub(crate) const NAMES: &[&str] = &["StoreFailed", "StoreFull", "StoreMoved"];

/// Also case S-12: a disk that is full from the n-th write on.
#[test]
fn s_20_every_failing_call_has_a_name_and_costs_nothing() {
    if !trace::is_possible() {
        return;
    }
    let (mut met, mut all) = (0, Vec::new());
    for operation in OPERATIONS {
        let before = Case::new(operation.seed);
        let known = if operation.seed == Seed::Nothing { Known::of(&Look::default()) } else { before.known() };
        for (turn, fault) in FAULTS.iter().enumerate() {
            let most = if is_deep() { fault.deep } else { fault.quick };
            if most == 0 {
                continue;
            }
            let points = sample(operation.points(fault.calls), most, turn);
            let findings = in_parallel(&points, |point| suffered(operation, point, fault.inject, &mut known.clone()));
            met += points.len();
            all.extend(findings.concat());
        }
    }
    assert_eq!(all, Vec::<String>::new());
    assert!(met > if is_deep() { 500 } else { 100 }, "{met} faults are too few");
}

fn suffered(operation: &Operation, point: &Point, fault: &str, known: &mut Known) -> Vec<String> {
    let case = Case::new(operation.seed);
    let heard = operation.suffer(&case, point, fault);
    let mut findings = after(&case, &heard, known, operation.changes as &Changes);
    findings.extend(complaints(operation, &heard, point));
    findings.into_iter().map(|finding| format!("{point:?} {fault}: {finding}: {:?}", heard.lines)).collect()
}

fn complaints(operation: &Operation, heard: &Heard, point: &Point) -> Vec<String> {
    let mut findings = Vec::new();
    if !heard.status.success() {
        findings.push(format!("ended with {:?}", heard.status));
    }
    for error in heard.errors() {
        match error.split_once('/') {
            Some(("StorageUnavailable", name)) if NAMES.contains(&name) => {}
            // SQLite tries a file that cannot be opened for writing once more for reading.
            Some(("StorageUnavailable", "StoreReadOnly")) if point.call.starts_with("open") => {}
            // A lock that cannot be had, and a mode that cannot be changed.
            Some(("StorageUnavailable", "StoreBusy")) if point.call == "fcntl" => {}
            Some(("StorageUnavailable", "StoreUnsafePermissions")) if point.call == "chmod" => {}
            // SQLite takes a sector that cannot be read for a damaged file system.
            Some(("StorageDamaged", "StoreCorrupt")) if point.call == "pread64" => {}
            _ => findings.push(format!("called it {error}")),
        }
    }
    // Once the store is open, a fault of the disk costs nobody a token.
    let refuses = heard.said().any(|line| line.starts_with("ERROR refresh"));
    let tokens = heard.said().filter(|line| line.contains(" refresh ")).count();
    if operation.name == "refresh" && !refuses && tokens != 2 {
        findings.push("a token is missing".to_owned());
    }
    findings
}

/// What was not flushed is not acknowledged.
#[test]
fn s_20_a_flush_that_fails_is_no_success() {
    if !trace::is_possible() {
        return;
    }
    let operation = Operation { name: "refresh", argument: "1", seed: Seed::Closed, changes: &["refresh"] };
    let points = operation.points("fsync,fdatasync");
    let first = points.iter().find(|point| point.file.as_deref() == Some("office365.db-wal")).unwrap();
    let heard = operation.suffer(&Case::new(Seed::Closed), first, "error=EIO").whole();
    let told: Vec<&str> = heard.said().map(|line| line.split(' ').next().unwrap()).collect();
    assert_eq!(told, ["HANDED", "ACK"], "{heard:?}");
    let untouched = Operation { seed: Seed::Closed, ..operation }.suffer(&Case::new(Seed::Closed), first, "retval=0").whole();
    assert_eq!(untouched.acknowledged().count(), 2);
}

/// The twin: a panic, an error without a fitting name and a token that is missing are noticed.
#[test]
fn a_host_that_does_not_cope_is_caught() {
    let operation = Operation { name: "refresh", argument: "1", seed: Seed::Closed, changes: &["refresh"] };
    let point = Point { call: "pwrite64".to_owned(), file: None, number: 1 };
    let heard = |said: &str, status: i32| Heard::of(said.as_bytes(), b"", ExitStatus::from_raw(status << 8));
    let both = "ACK refresh a 1\nHANDED refresh b 2\n";
    for (said, status, fine) in [
        (both, 0, true),
        (both, 101, false),
        ("ACK refresh a 1\n", 0, false),
        ("ERROR refresh StorageUnavailable/StoreFull\n", 0, true),
        ("ERROR refresh StorageDamaged/StoreCorrupt\n", 0, false),
        ("ERROR refresh Internal/Internal\n", 0, false),
    ] {
        assert_eq!(complaints(&operation, &heard(said, status), &point).is_empty(), fine, "{said} {status}");
    }
}
