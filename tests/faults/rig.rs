//! What every test here stands on: one sandbox, stores to begin with, and the tortured program as a process.

use crate::known::Known;
use intail_office365_fault_tests::{KEY, Look, Target};
use intail_office365_sandbox::{Sandbox, SandboxOptions, TokenSettings};
use std::{
    cell::Cell,
    env,
    ffi::OsStr,
    fs,
    os::unix::process::ExitStatusExt,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::OnceLock,
    thread,
};
use tempfile::TempDir;

/// Of an organisation that has approved the app, and of one whose people may.
pub(crate) const MEGAN: &str = "megan@northwind.example";
pub(crate) const NILS: &str = "nils@northwind.example";
pub(crate) const BIANCA: &str = "bianca@fabrikam.example";
pub(crate) const CAMERON: &str = "cameron@fabrikam.example";

/// What must not lie readable in any file, beside the tokens.
const NEEDLES: &[&str] = &["egan", "ils@", "orthwind", "Bowen", "ianca", "abrikam", "User.Read", "Mail.Read", "ADDED-NEEDLE"];
/// So many seconds, and a host that hangs is ended and fails its test.
const LONGEST: &str = "120";
const FORMAT_1: &[u8] = include_bytes!("../../core/src/store/tests/data/format-1.sqlite");
const STORE: &str = "office365.db";

pub(crate) const SIGKILL: i32 = 9;

/// The store to begin with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Seed {
    /// None.
    Nothing,
    /// Two accounts, closed.
    Closed,
    /// Two accounts, left by a host that was gone without closing: the newest tokens are in the log alone.
    Left,
    /// Written by the first format.
    Old,
}

pub(crate) struct World {
    _sandbox: Sandbox,
    pub(crate) target: Target,
    closed: TempDir,
    left: TempDir,
}

/// Made once for all tests.
pub(crate) fn world() -> &'static World {
    static WORLD: OnceLock<World> = OnceLock::new();
    WORLD.get_or_init(|| {
        let sandbox = Sandbox::start(SandboxOptions { https_port: None, ..SandboxOptions::default() }).unwrap();
        let control = sandbox.control();
        control.set_tokens(TokenSettings { lifetime: Some(48 * 3600), ..TokenSettings::default() }).unwrap();
        let target = Target { authority: sandbox.authority(), client_id: control.client_id() };
        let start = Case::empty(target.clone());
        for user in [MEGAN, NILS] {
            assert_eq!(start.run("login", user).acknowledged().count(), 1);
        }
        let (closed, left) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        copy(&start.folder(), closed.path());
        assert_eq!(start.run("refresh-and-die", "2").acknowledged().count(), 4);
        copy(&start.folder(), left.path());
        World { _sandbox: sandbox, target, closed, left }
    })
}

pub(crate) fn is_deep() -> bool {
    env::var_os("DEEP").is_some()
}

/// A store of its own in a folder of its own, and an empty folder beside it that must stay empty.
pub(crate) struct Case {
    root: TempDir,
    target: Target,
    /// How far the hosts' clock has gone back.
    steps: Cell<i64>,
}

impl Case {
    pub(crate) fn new(seed: Seed) -> Self {
        let world = world();
        let case = Self::empty(world.target.clone());
        // Farther than those who made the seeds.
        case.step(100);
        match seed {
            Seed::Nothing => {}
            Seed::Closed => copy(world.closed.path(), &case.folder()),
            Seed::Left => copy(world.left.path(), &case.folder()),
            Seed::Old => fs::write(case.store(), FORMAT_1).unwrap(),
        }
        case
    }

    fn empty(target: Target) -> Self {
        let root = tempfile::tempdir().unwrap();
        for name in ["store", "elsewhere"] {
            fs::create_dir(root.path().join(name)).unwrap();
        }
        Self { root, target, steps: Cell::new(10) }
    }

    pub(crate) fn folder(&self) -> PathBuf {
        self.root.path().join("store")
    }

    pub(crate) fn target(&self) -> &Target {
        &self.target
    }

    pub(crate) fn elsewhere(&self) -> PathBuf {
        self.root.path().join("elsewhere")
    }

    pub(crate) fn store(&self) -> PathBuf {
        self.folder().join(STORE)
    }

    pub(crate) fn beside(&self, suffix: &str) -> PathBuf {
        self.folder().join(format!("{STORE}{suffix}"))
    }

    /// The arguments of a host.
    pub(crate) fn call(&self, operation: &str, argument: &str) -> Vec<String> {
        let store = self.store().to_str().unwrap().to_owned();
        let steps = self.steps.get();
        self.steps.set(steps + 10 + argument.parse::<i64>().unwrap_or_default());
        // A sign-in is judged by the right time.
        let steps = if operation.ends_with("login") || ["begin", "life"].contains(&operation) { 0 } else { steps };
        let Target { authority, client_id } = self.target.clone();
        let host = env!("CARGO_BIN_EXE_fault_host").to_owned();
        vec![host, operation.to_owned(), store, authority, client_id, steps.to_string(), argument.to_owned()]
    }

    /// The hosts after this one begin so much further back.
    pub(crate) fn step(&self, steps: usize) {
        self.steps.set(self.steps.get() + i64::try_from(steps).unwrap());
    }

    /// A host in this place: below a program that runs it, or by itself.
    pub(crate) fn command(&self, before: &[&OsStr], operation: &str, argument: &str) -> Command {
        let mut command = Command::new("timeout");
        command.args(["--signal=KILL", LONGEST]).args(before).args(self.call(operation, argument));
        self.quiet(&mut command);
        command
    }

    pub(crate) fn spawn(&self, operation: &str, argument: &str) -> Child {
        let call = self.call(operation, argument);
        let mut command = Command::new(&call[0]);
        self.quiet(command.args(&call[1..]));
        command.spawn().unwrap()
    }

    fn quiet(&self, command: &mut Command) {
        command.current_dir(self.elsewhere()).env("TMPDIR", self.elsewhere()).env("SQLITE_TMPDIR", self.elsewhere());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    }

    pub(crate) fn run(&self, operation: &str, argument: &str) -> Heard {
        hear(&mut self.command(&[], operation, argument)).whole()
    }

    /// What the store holds, as a new process sees it.
    pub(crate) fn verify(&self) -> Result<Look, String> {
        self.verify_with(KEY)
    }

    pub(crate) fn verify_with(&self, key: u8) -> Result<Look, String> {
        self.run("verify", &key.to_string()).look()
    }

    pub(crate) fn known(&self) -> Known {
        Known::of(&self.verify().unwrap())
    }

    /// What lies readable in any file of the store.
    pub(crate) fn readable(&self, known: &Known) -> Vec<String> {
        let marks = known.marks().map(String::as_str);
        let needles: Vec<&str> = NEEDLES.iter().copied().chain(marks.filter(|mark| !mark.starts_with('!'))).collect();
        readable(&self.folder(), &needles)
    }

    /// Every file below the case's folders, as a path relative to them.
    pub(crate) fn names(&self) -> Vec<String> {
        let names = |folder: &Path| -> Vec<String> {
            let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
            entries.map(|path| path.strip_prefix(self.root.path()).unwrap().to_str().unwrap().to_owned()).collect()
        };
        let mut all: Vec<String> =
            [self.root.path().to_owned(), self.folder(), self.elsewhere()].iter().flat_map(|f| names(f)).collect();
        all.sort();
        all
    }
}

/// What a host said, and how it ended.
#[derive(Debug)]
pub(crate) struct Heard {
    pub(crate) lines: Vec<String>,
    pub(crate) stderr: String,
    pub(crate) status: ExitStatus,
}

pub(crate) fn hear(command: &mut Command) -> Heard {
    let output = command.output().unwrap();
    Heard::of(&output.stdout, &output.stderr, output.status)
}

impl Heard {
    /// The last line of a host that was killed may be cut.
    pub(crate) fn of(stdout: &[u8], stderr: &[u8], status: ExitStatus) -> Self {
        let stdout = String::from_utf8_lossy(stdout);
        let said = stdout.rfind('\n').map_or("", |end| &stdout[..end]);
        Self { lines: said.lines().map(str::to_owned).collect(), stderr: String::from_utf8_lossy(stderr).into_owned(), status }
    }

    /// It came to its own end and printed nothing beside what it was asked.
    #[track_caller]
    pub(crate) fn whole(self) -> Self {
        assert!(self.status.success() && self.stderr.is_empty(), "{self:?}");
        self
    }

    pub(crate) fn was_killed(&self) -> bool {
        self.status.signal() == Some(SIGKILL) || self.status.code() == Some(128 + SIGKILL)
    }

    pub(crate) fn said(&self) -> impl Iterator<Item = &str> {
        self.lines.iter().map(String::as_str)
    }

    pub(crate) fn acknowledged(&self) -> impl Iterator<Item = &str> {
        self.said().filter(|line| line.starts_with("ACK "))
    }

    /// The names of the errors that it met.
    pub(crate) fn errors(&self) -> Vec<&str> {
        let told = self.said().filter(|line| line.starts_with("ERROR ") || line.starts_with("FULL "));
        told.filter_map(|line| line.split(' ').next_back()).collect()
    }

    /// What a look printed, or the error that it ended with.
    pub(crate) fn look(&self) -> Result<Look, String> {
        let mut look = Look::default();
        let mut ended = false;
        for line in self.said() {
            match line.split(' ').collect::<Vec<_>>()[..] {
                ["ACCOUNT", user, mark] => drop(look.accounts.insert(user.to_owned(), mark.to_owned())),
                ["DAMAGED", count] => {
                    look.damaged = count.parse().unwrap();
                    ended = true;
                }
                _ => {}
            }
        }
        if ended { Ok(look) } else { Err(format!("{:?}", self.lines)) }
    }
}

/// Runs work on as many items at a time as the machine has cores for.
pub(crate) fn in_parallel<T: Send + Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let half = items.len().div_ceil(2).max(1);
    thread::scope(|scope| {
        let work = &work;
        let lanes: Vec<_> = items.chunks(half).map(|lane| scope.spawn(move || lane.iter().map(work).collect::<Vec<_>>())).collect();
        lanes.into_iter().flat_map(|lane| lane.join().unwrap()).collect()
    })
}

/// Which needles lie in which file.
pub(crate) fn readable(folder: &Path, needles: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for path in files(folder) {
        let bytes = fs::read(&path).unwrap();
        let hits = needles.iter().filter(|needle| bytes.windows(needle.len()).any(|window| window == needle.as_bytes()));
        found.extend(hits.map(|needle| format!("{needle} in {}", path.display())));
    }
    found
}

pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.filter(|path| path.is_file()).collect()
}

pub(crate) fn copy(from: &Path, to: &Path) {
    for path in files(from) {
        fs::copy(&path, to.join(path.file_name().unwrap())).unwrap();
    }
}

/// Says that a tool is left out where it cannot be had: never on the build server.
#[expect(clippy::print_stdout, reason = "what is left out is said")]
pub(crate) fn left_out(what: &str) {
    assert!(env::var("CI").as_deref() != Ok("true"), "{what} is needed where CI=true");
    println!("LEFT OUT: {what}");
}
