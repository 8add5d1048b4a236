//! What a host wrote, in order, and what a disk may hold of it when the power goes.
//!
//! The model: a write is on the disk from the next flush of its file on; before that any part of it may be, sector by sector and in
//! any order. A name is on the disk from the next flush of its folder on; before that the first few changes of names may be. It is a
//! model of a bad disk below an honest system, and no disk.

use crate::kill::Random;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

const SECTOR: usize = 512;

/// Calls that a recording needs; `write` for what the host said.
pub(crate) const CALLS: &str =
    "open,openat,pwrite64,write,ftruncate,fsync,fdatasync,rename,renameat,renameat2,link,linkat,unlink,unlinkat,mkdir,mkdirat";

/// One thing that happened. A file is told by its number, as its names change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    Name(Names),
    Write { file: usize, change: Change },
    Flush { file: usize },
    FlushFolder,
    Said(String),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Names {
    Created { file: usize, name: String },
    Renamed { from: String, to: String },
    Linked { from: String, to: String },
    Removed { name: String },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    Bytes { at: usize, bytes: Vec<u8> },
    Length(usize),
}

/// What a disk or a system leaves undone, for the proof that the tests notice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flushes {
    AsAsked,
    /// Those of the log do nothing.
    NotOfTheLog,
    /// Those of the folder do nothing.
    NotOfTheFolder,
}

/// Reads what strace wrote down with `-xx -y`.
pub(crate) fn read(record: &str, folder: &Path) -> Vec<Event> {
    let mut reader = Reader { folder: format!("{}/", folder.display()), names: BTreeMap::new(), files: 0 };
    whole_lines(record).iter().filter_map(|line| reader.event(line)).collect()
}

/// What would have happened with `synchronous = NORMAL`: the log is flushed before it is taken over into the file, and after its head
/// was written, but not when something is committed. With `FULL` that is every flush of a log to which something was added.
pub(crate) fn with_synchronous_normal(events: &[Event]) -> Vec<Event> {
    let (mut logs, mut grown) = (BTreeSet::new(), BTreeSet::new());
    let is_there = |event: &&Event| match event {
        Event::Name(Names::Created { file, name }) => {
            logs.extend(Some(*file).filter(|_| name.ends_with("-wal")));
            true
        }
        Event::Write { file, change: Change::Bytes { at, .. } } => {
            grown.extend(Some(*file).filter(|file| logs.contains(file) && *at > 0));
            true
        }
        Event::Flush { file } => !grown.remove(file),
        _ => true,
    };
    events.iter().filter(is_there).cloned().collect()
}

/// A call during which another thread made one is told in two halves; it counts where it ended.
fn whole_lines(record: &str) -> Vec<String> {
    let mut begun: BTreeMap<&str, &str> = BTreeMap::new();
    let mut lines = Vec::new();
    for line in record.lines() {
        let Some((thread, rest)) = line.split_once(' ') else { continue };
        if let Some(half) = line.strip_suffix(" <unfinished ...>") {
            begun.insert(thread, half);
        } else if let Some((_, half)) = rest.split_once(" resumed>") {
            lines.extend(begun.remove(thread).map(|first| format!("{first}{half}")));
        } else {
            lines.push(line.to_owned());
        }
    }
    lines
}

struct Reader {
    folder: String,
    names: BTreeMap<String, usize>,
    files: usize,
}

impl Reader {
    fn event(&mut self, line: &str) -> Option<Event> {
        let (_, rest) = line.split_once(' ')?;
        let (call, rest) = rest.trim_start().split_once('(')?;
        let (arguments, result) = rest.rsplit_once(" = ")?;
        if result.starts_with('-') {
            return None;
        }
        let texts = texts(arguments);
        let of_fd = fd_path(arguments);
        let on = |reader: &Self| reader.names.get(reader.name(of_fd.as_deref()?)?).copied();
        match call {
            "open" | "openat" if arguments.contains("O_CREAT") => {
                let name = self.name(std::str::from_utf8(texts.first()?).ok()?)?.to_owned();
                if self.names.contains_key(&name) {
                    return None;
                }
                let file = self.files;
                self.files += 1;
                self.names.insert(name.clone(), file);
                Some(Event::Name(Names::Created { file, name }))
            }
            "write" if arguments.starts_with("1<") => {
                Some(Event::Said(String::from_utf8_lossy(texts.first()?).trim_end().to_owned()))
            }
            "pwrite64" => {
                let at = arguments.trim_end_matches(')').rsplit(", ").next()?.parse().ok()?;
                Some(Event::Write { file: on(self)?, change: Change::Bytes { at, bytes: texts.first()?.clone() } })
            }
            "ftruncate" => {
                let length = arguments.trim_end_matches(')').rsplit(", ").next()?.parse().ok()?;
                Some(Event::Write { file: on(self)?, change: Change::Length(length) })
            }
            "fsync" | "fdatasync" if of_fd.as_deref() == Some(self.folder.trim_end_matches('/')) => Some(Event::FlushFolder),
            "fsync" | "fdatasync" => on(self).map(|file| Event::Flush { file }),
            "rename" | "renameat" | "renameat2" | "link" | "linkat" => self.renamed(call, &texts),
            "unlink" | "unlinkat" => {
                let name = self.name(std::str::from_utf8(texts.first()?).ok()?)?.to_owned();
                self.names.remove(&name);
                Some(Event::Name(Names::Removed { name }))
            }
            _ => None,
        }
    }

    fn renamed(&mut self, call: &str, texts: &[Vec<u8>]) -> Option<Event> {
        let [from, to] = [texts.first()?, texts.get(1)?].map(|text| String::from_utf8_lossy(text).into_owned());
        let (from, to) = (self.name(&from)?.to_owned(), self.name(&to)?.to_owned());
        let file = *self.names.get(&from)?;
        self.names.insert(to.clone(), file);
        if call.starts_with("link") {
            return Some(Event::Name(Names::Linked { from, to }));
        }
        self.names.remove(&from);
        Some(Event::Name(Names::Renamed { from, to }))
    }

    /// The name in the store's folder. The log's index lies in memory that is shared, and the locks have a folder of their own that
    /// holds empty files: both are made anew when they are missing.
    fn name<'a>(&self, path: &'a str) -> Option<&'a str> {
        path.strip_prefix(&self.folder).filter(|name| !name.ends_with("-shm") && !name.contains('/'))
    }
}

/// The quoted arguments. Everything in them is written as `\x41`.
fn texts(arguments: &str) -> Vec<Vec<u8>> {
    arguments.split('"').skip(1).step_by(2).map(unescaped).collect()
}

/// What `3<\x2f\x73>` at the beginning stands for.
fn fd_path(arguments: &str) -> Option<String> {
    let (number, rest) = arguments.split_once('<')?;
    number.parse::<u32>().ok()?;
    String::from_utf8(unescaped(rest.split('>').next()?)).ok()
}

fn unescaped(text: &str) -> Vec<u8> {
    text.split("\\x").skip(1).map(|hex| u8::from_str_radix(&hex[..2], 16).unwrap()).collect()
}

/// A disk on which events happen until the power goes.
#[derive(Clone, Debug)]
pub(crate) struct Disk {
    flushes: Flushes,
    files: BTreeMap<usize, File>,
    durable_names: BTreeMap<String, usize>,
    pending_names: Vec<Names>,
    logs: BTreeSet<usize>,
}

#[derive(Clone, Debug, Default)]
struct File {
    durable: Vec<u8>,
    pending: Vec<Change>,
}

/// How much of what waits reaches the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cut {
    None,
    All,
    First,
    Some,
    Torn,
}

impl Disk {
    pub(crate) fn new(flushes: Flushes) -> Self {
        let logs = BTreeSet::new();
        Self { flushes, files: BTreeMap::new(), durable_names: BTreeMap::new(), pending_names: Vec::new(), logs }
    }

    pub(crate) fn happen(&mut self, event: &Event) {
        match event {
            Event::Name(names) => {
                if let Names::Created { file, name } = names {
                    self.files.insert(*file, File::default());
                    self.logs.extend(Some(*file).filter(|_| name.ends_with("-wal")));
                }
                self.pending_names.push(names.clone());
            }
            Event::Write { file, change } => self.files.get_mut(file).unwrap().pending.push(change.clone()),
            Event::Flush { file } if self.flushes == Flushes::NotOfTheLog && self.logs.contains(file) => {}
            Event::Flush { file } => {
                let file = self.files.get_mut(file).unwrap();
                for change in std::mem::take(&mut file.pending) {
                    apply(&mut file.durable, &change);
                }
            }
            Event::FlushFolder if self.flushes == Flushes::NotOfTheFolder => {}
            Event::FlushFolder => {
                for change in std::mem::take(&mut self.pending_names) {
                    rename(&mut self.durable_names, &change);
                }
            }
            Event::Said(_) => {}
        }
    }

    /// Puts what is left after the power went into an empty folder.
    pub(crate) fn cut(&self, cut: Cut, random: &mut Random, folder: &Path) {
        let mut names = self.durable_names.clone();
        let changes = self.pending_names.len() as u64;
        let reach = match cut {
            Cut::None => 0,
            Cut::All => changes,
            Cut::First | Cut::Some | Cut::Torn => random.below(changes + 1),
        };
        self.pending_names.iter().take(usize::try_from(reach).unwrap()).for_each(|change| rename(&mut names, change));
        let contents: BTreeMap<usize, Vec<u8>> = self.files.iter().map(|(number, file)| (*number, file.cut(cut, random))).collect();
        for (name, file) in names {
            fs::write(folder.join(name), &contents[&file]).unwrap();
        }
    }
}

impl File {
    fn cut(&self, cut: Cut, random: &mut Random) -> Vec<u8> {
        let mut content = self.durable.clone();
        let first = usize::try_from(random.below(self.pending.len() as u64 + 1)).unwrap();
        for (number, change) in self.pending.iter().enumerate() {
            let reaches = match cut {
                Cut::None => false,
                Cut::All | Cut::Torn => true,
                Cut::First => number < first,
                Cut::Some => random.below(2) == 0,
            };
            match change {
                Change::Bytes { at, bytes } if cut == Cut::Torn => {
                    for (sector, part) in bytes.chunks(SECTOR).enumerate().filter(|_| random.below(2) == 0) {
                        apply(&mut content, &Change::Bytes { at: at + sector * SECTOR, bytes: part.to_vec() });
                    }
                }
                change if reaches => apply(&mut content, change),
                _ => {}
            }
        }
        content
    }
}

fn apply(content: &mut Vec<u8>, change: &Change) {
    match change {
        Change::Length(length) => content.resize(*length, 0),
        Change::Bytes { at, bytes } => {
            content.resize(content.len().max(at + bytes.len()), 0);
            content[*at..at + bytes.len()].copy_from_slice(bytes);
        }
    }
}

fn rename(names: &mut BTreeMap<String, usize>, change: &Names) {
    match change {
        Names::Created { file, name } => drop(names.insert(name.clone(), *file)),
        Names::Removed { name } => drop(names.remove(name)),
        Names::Renamed { from, to } => {
            let file = names.remove(from);
            names.extend(file.map(|file| (to.clone(), file)));
        }
        Names::Linked { from, to } => {
            let file = names.get(from).copied();
            names.extend(file.map(|file| (to.clone(), file)));
        }
    }
}

#[test]
fn a_recording_is_read_and_replayed() {
    let record = r#"7 openat(AT_FDCWD<\x2f>, "\x2f\x73\x2f\x61", O_RDWR|O_CREAT, 0600) = 3<\x2f\x73\x2f\x61>
7 pwrite64(3<\x2f\x73\x2f\x61>, "\x41\x42", 2, 1) = 2
7 fsync(3<\x2f\x73\x2f\x61> <unfinished ...>
8 unlink("\x2f\x78") = 0
7 <... fsync resumed>) = 0
7 pwrite64(3<\x2f\x73\x2f\x61>, "\x43", 1, 0) = 1
7 fsync(4<\x2f\x73>) = 0
7 write(1<\x70>, "\x41\x0a", 2) = 2
7 rename("\x2f\x73\x2f\x61", "\x2f\x73\x2f\x62") = 0
7 unlink("\x2f\x78") = 0
"#;
    let events = read(record, Path::new("/s"));
    assert_eq!(events.len(), 7);
    assert_eq!(events[5], Event::Said("A".into()));
    let mut disk = Disk::new(Flushes::AsAsked);
    for event in &events {
        disk.happen(event);
    }
    for (cut, name, content) in [(Cut::None, "a", "\0AB"), (Cut::All, "b", "CAB")] {
        let folder = tempfile::tempdir().unwrap();
        disk.cut(cut, &mut Random(1), folder.path());
        assert_eq!(fs::read_to_string(folder.path().join(name)).unwrap(), content);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
