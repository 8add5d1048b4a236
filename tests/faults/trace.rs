//! System calls of a host: which ones touch the store, and a fault at a chosen one of them, both by strace.
//!
//! strace counts the calls of each thread by itself. A fault is therefore aimed at the n-th call of one kind on one file; where two
//! threads make such calls, it meets the one that comes first.

use crate::rig::{Case, Heard, Seed, hear, is_deep, left_out};
use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsStr,
    fs,
    process::Command,
};

/// What changes something on the disk.
pub(crate) const WRITES: &str = "pwrite64,pwritev,fdatasync,fsync,ftruncate,fallocate,unlink,unlinkat,rename,renameat,renameat2,\
                                 link,linkat,mkdir,mkdirat,rmdir,chmod,fchmod,fchmodat,open,openat";
/// What else can fail.
pub(crate) const OTHERS: &str = "pread64,fstat,newfstatat,statx,lseek,mmap,read,access,getdents64";
/// Locks: one that fails looks like one that somebody else holds, and is waited for.
pub(crate) const LOCKS: &str = "fcntl,flock";

/// A point in the life of a host.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Point {
    pub(crate) call: String,
    /// The file's name, or none where it is another one each time.
    pub(crate) file: Option<String>,
    pub(crate) number: usize,
}

/// One thing that a host does, and what may have changed when it dies in it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Operation {
    pub(crate) name: &'static str,
    pub(crate) argument: &'static str,
    pub(crate) seed: Seed,
    pub(crate) changes: &'static [&'static str],
}

impl Operation {
    /// All points where it touches its store, in the order of a run that nobody disturbs.
    pub(crate) fn points(&self, calls: &str) -> Vec<Point> {
        let case = Case::new(self.seed);
        let record = self.recorded(&case, calls);
        points(&record, case.folder().to_str().unwrap())
    }

    /// Every file or folder that it creates anywhere, relative to the case's own folder where it lies below that.
    pub(crate) fn created(&self) -> BTreeSet<String> {
        let case = Case::new(self.seed);
        let record = self.recorded(&case, "open,openat,creat,mkdir,mkdirat,memfd_create");
        let root = format!("{}/", case.folder().parent().unwrap().display());
        let creating = record.lines().filter(|line| !line.contains("open") || line.contains("O_CREAT"));
        let paths = creating.filter_map(|line| line.split('"').nth(1));
        paths.map(|path| path.strip_prefix(&root).unwrap_or(path).to_owned()).collect()
    }

    fn recorded(&self, case: &Case, calls: &str) -> String {
        let record = case.elsewhere().join("record");
        let traced = format!("trace={calls}");
        let before = ["strace", "-f", "-qq", "-y", "-e", &traced, "-o"].map(OsStr::new);
        let heard = hear(&mut case.command(&[&before[..], &[record.as_os_str()]].concat(), self.name, self.argument)).whole();
        assert!(heard.errors().is_empty(), "{heard:?}");
        fs::read_to_string(record).unwrap()
    }

    /// Runs it with a fault at one point: `signal=SIGKILL`, `error=EIO` and so on; then this call alone, or with `+` all after it.
    pub(crate) fn suffer(&self, case: &Case, point: &Point, fault: &str) -> Heard {
        let (call, number) = (&point.call, point.number);
        let (for_ever, fault) = fault.strip_suffix('+').map_or(("", fault), |fault| ("+", fault));
        let traced = format!("trace={call}");
        let fault = format!("inject={call}:{fault}:when={number}{for_ever}");
        let path = point.file.as_ref().map(|file| case.folder().join(file));
        let mut before = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", &traced, "-e", &fault].map(OsStr::new).to_vec();
        if let Some(path) = &path {
            before.extend([OsStr::new("-P"), path.as_os_str()]);
        }
        hear(&mut case.command(&before, self.name, self.argument))
    }
}

/// Each so many points, never more than `most`; `turn` says with which of them it begins. Of the eight writes that make room for the
/// log's index the first speaks for all, unless it is deep.
pub(crate) fn sample(points: Vec<Point>, most: usize, turn: usize) -> Vec<Point> {
    let makes_room = |point: &Point| point.call == "pwrite64" && point.file.as_ref().is_some_and(|file| file.ends_with("-shm"));
    let points: Vec<Point> = points.into_iter().filter(|point| is_deep() || !makes_room(point) || point.number == 1).collect();
    let each = points.len().div_ceil(most).max(1);
    points.iter().skip(turn % each).step_by(each).cloned().collect()
}

/// Where tracing is forbidden, as in some containers, what stands on it is left out.
pub(crate) fn is_possible() -> bool {
    let tried = Command::new("strace").args(["-o", "/dev/null", "true"]).output();
    let possible = tried.is_ok_and(|output| output.status.success());
    if !possible {
        left_out("strace, and the right to trace a process");
    }
    possible
}

/// Reads a record: each call that names a file of the store's folder, numbered as strace will number it.
fn points(record: &str, folder: &str) -> Vec<Point> {
    let mut numbers: BTreeMap<(String, String, Option<String>), usize> = BTreeMap::new();
    let mut points = Vec::new();
    for line in record.lines() {
        let Some((thread, rest)) = line.split_once(' ') else { continue };
        let Some((call, arguments)) = rest.trim_start().split_once('(') else { continue };
        let name = file_of(arguments, folder);
        // A draft has a random name, and a process's lock its number.
        let stable = name.filter(|name| ![".new-", "/process-"].iter().any(|part| name.contains(part)) && !name.is_empty());
        let stable = stable.map(str::to_owned);
        let mut count = |file: Option<String>| {
            let number = numbers.entry((thread.to_owned(), call.to_owned(), file)).or_default();
            *number += 1;
            *number
        };
        let (all, on_file) = (count(None), stable.clone().map(|file| count(Some(file))));
        let opens_only = call.starts_with("open") && !arguments.contains("O_CREAT");
        if name.is_none() || opens_only || arguments.contains("O_DIRECTORY") {
            continue;
        }
        points.push(Point { call: call.to_owned(), file: stable, number: on_file.unwrap_or(all) });
    }
    let mut seen = BTreeSet::new();
    points.retain(|point| seen.insert(point.clone()));
    points
}

/// The name below the folder that a call is about; empty for the folder itself.
fn file_of<'a>(arguments: &'a str, folder: &str) -> Option<&'a str> {
    let from = arguments.find(folder)? + folder.len();
    let rest = &arguments[from..];
    let end = rest.find(['"', '>', ',']).unwrap_or(rest.len());
    Some(rest[..end].trim_start_matches('/'))
}

#[test]
fn a_record_is_read() {
    let record = "7 openat(AT_FDCWD</x>, \"/etc/y\", O_RDONLY) = 3</etc/y>\n\
                  7 openat(AT_FDCWD</x>, \"/s/db.new-1\", O_WRONLY|O_CREAT, 0600) = 3</s/db.new-1>\n\
                  7 pwrite64(3</s/db-wal>, \"a, b\"..., 1, 0) = 1\n\
                  8 pwrite64(3</s/db-wal>, \"a, b\"..., 1, 0) = 1\n\
                  8 pwrite64(3</s/db-wal>, \"a, b\"..., 1, 0) = 1\n\
                  8 fsync(3</s>) = 0\n\
                  8 pwrite64(3</t/db-wal>, \"a\"..., 1, 0) = 1\n";
    let point = |call: &str, file: Option<&str>, number| Point { call: call.into(), file: file.map(str::to_owned), number };
    let expected = [
        point("openat", None, 2),
        point("pwrite64", Some("db-wal"), 1),
        point("pwrite64", Some("db-wal"), 2),
        point("fsync", None, 1),
    ];
    assert_eq!(points(record, "/s"), expected);
}
