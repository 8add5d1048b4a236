//! G11, G12 and G14: many callers at the moment when a token expires, in threads and in processes of their own.
//!
//! Each process is a child of this program (or of a peer's, see peers.rs) with the same few lines between them: it says `ready`
//! once its store is open and its account is found, waits for `go`, and then tells what its callers met, as one JSON object.

use crate::{
    Result,
    floor_store::FloorStore,
    host::{self, Target},
    report::Row,
    stub::{LIFETIME, MovedClock, Stub},
};
use intail_office365::{Hooks, Office365};
use serde::{Deserialize, Serialize};
use std::{
    fs,
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Arc, Barrier, atomic::Ordering::SeqCst, mpsc},
    thread,
    time::{Duration, Instant},
};

/// The first argument of a child process.
pub(crate) const RUSH: &str = "--rush";
/// What the token endpoint takes, in milliseconds.
const ENDPOINT: u64 = 100;
/// What the slowest caller may take on top.
const EXTRA: f64 = 60.0;
/// Longest that a child is waited for after its `go`, beside what it is told to take.
const PATIENCE: Duration = Duration::from_secs(30);
const PROCESSES: usize = 8;
const THREADS: usize = 50;
const RUSHES: usize = 5;
const KILL_AFTER: u64 = 30;
/// How long the crowd of G14 goes on; `BENCH_CROWD_SECONDS` shortens it.
const CROWD_SECONDS: u64 = 60;
/// What a caller of the crowd waits between two tokens.
const BREATH: Duration = Duration::from_millis(20);

/// What a child's callers met.
#[derive(Debug, Default, Deserialize, Serialize)]
pub(crate) struct Told {
    pub(crate) calls: u64,
    pub(crate) failures: u64,
    /// Callers that did not see the account that is there.
    pub(crate) missing: u64,
    /// The first failure, in words.
    #[serde(default)]
    pub(crate) why: String,
    /// What callers took, in milliseconds: in a crowd only those that took more than [`Told::WAITED`].
    pub(crate) times: Vec<f64>,
}

/// Which program a child runs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Library,
    Hand,
}

impl Kind {
    const BOTH: [(Self, &'static str); 2] = [(Self::Library, "library"), (Self::Hand, "by hand (SQLite, flock, second look)")];

    fn word(self) -> &'static str {
        if self == Self::Library { "library" } else { "hand" }
    }
}

impl Told {
    const WAITED: f64 = 5.0;

    fn add(&mut self, took: Duration, outcome: Result<bool>, keep_all: bool) {
        let took = took.as_secs_f64() * 1e3;
        self.calls += 1;
        match outcome {
            Ok(is_there) => self.missing += u64::from(!is_there),
            Err(error) => {
                self.failures += 1;
                if self.why.is_empty() {
                    self.why = error.to_string();
                }
            }
        }
        if keep_all || took > Self::WAITED {
            self.times.push(took);
        }
    }

    fn join(mut self, other: Self) -> Self {
        self.calls += other.calls;
        self.failures += other.failures;
        self.missing += other.missing;
        self.why = if self.why.is_empty() { other.why } else { self.why };
        self.times.extend(other.times);
        self
    }

    pub(crate) fn slowest(&self) -> f64 {
        self.times.iter().copied().fold(0.0, f64::max)
    }

    /// The time that 99 of 100 of those who waited did not exceed.
    fn p99(&self) -> f64 {
        let mut sorted = self.times.clone();
        sorted.sort_by(f64::total_cmp);
        sorted.get(sorted.len() * 99 / 100).copied().unwrap_or_default()
    }
}

/// An expired account in a store of its own, for the library and for the program written by hand.
struct Scene<'a> {
    stub: &'a Stub,
    folder: tempfile::TempDir,
    root: PathBuf,
    account: String,
    ahead: i64,
}

impl<'a> Scene<'a> {
    fn set(stub: &'a Stub) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let root = folder.path().join("root.pem");
        fs::write(&root, &stub.root_pem)?;
        let ahead = stub.clock.ahead();
        let hooks = Hooks { clock: Some(Arc::clone(&stub.clock) as _), ..Hooks::default() };
        let office = host::open(&Target::of(stub), &folder.path().join("library.db"), hooks)?;
        let account = host::connect(&office, 0)?.id();
        office.close();
        FloorStore::make(&folder.path().join("hand.db"), 1, 0)?;
        Ok(Self { stub, folder, root, account, ahead })
    }

    /// The next hour begins: every token has expired.
    fn expire(&mut self) {
        self.stub.clock.advance(LIFETIME);
        self.ahead += LIFETIME;
        self.stub.take_seen();
    }

    fn start(&self, kind: Kind, threads: usize, seconds: u64) -> Result<Running> {
        let store = self.folder.path().join(format!("{}.db", kind.word()));
        let mut command = Command::new(std::env::current_exe()?);
        command.args([RUSH, kind.word(), &self.stub.authority, &self.stub.graph]).args([&self.root, &store]).arg(&self.account);
        command.args([threads.to_string(), self.ahead.to_string(), seconds.to_string()]);
        Running::start(command)
    }
}

/// A child that is ready.
pub(crate) struct Running {
    child: Child,
    lines: mpsc::Receiver<String>,
}

impl Running {
    /// Starts the child and waits until it is ready.
    pub(crate) fn start(mut command: Command) -> Result<Self> {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        let output = child.stdout.take().ok_or("no output")?;
        let (sender, lines) = mpsc::channel();
        // It ends with the child's output.
        thread::spawn(move || {
            BufReader::new(output).lines().map_while(std::result::Result::ok).try_for_each(|line| sender.send(line))
        });
        let running = Self { child, lines };
        match running.lines.recv_timeout(PATIENCE) {
            Ok(line) if line == "ready" => Ok(running),
            Ok(line) => Err(format!("a child says {line} instead of ready").into()),
            Err(_) => Err(format!("a child is not ready: {}", running.last_words()).into()),
        }
    }

    pub(crate) fn go(&mut self) -> Result<()> {
        Ok(self.child.stdin.as_mut().ok_or("no input")?.write_all(b"go\n")?)
    }

    /// What it tells, or nothing when it does not finish in time; then it is killed.
    pub(crate) fn told(self, patience: Duration) -> Result<Option<Told>> {
        match self.lines.recv_timeout(patience) {
            Ok(line) => Ok(Some(serde_json::from_str(&line)?)),
            Err(mpsc::RecvTimeoutError::Timeout) => Ok(None),
            Err(mpsc::RecvTimeoutError::Disconnected) => Err(format!("a child ended: {}", self.last_words()).into()),
        }
    }

    fn last_words(mut self) -> String {
        let _ = self.child.kill();
        let mut words = String::new();
        if let Some(mut errors) = self.child.stderr.take() {
            let _ = std::io::Read::read_to_string(&mut errors, &mut words);
        }
        words
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Lets all go at once; what they met together, and how many did not finish.
pub(crate) fn together(mut children: Vec<Running>, patience: Duration) -> Result<(Told, usize)> {
    for child in &mut children {
        child.go()?;
    }
    let until = Instant::now() + patience;
    let (mut all, mut unfinished) = (Told::default(), 0);
    for child in children {
        match child.told(until.saturating_duration_since(Instant::now()))? {
            Some(told) => all = all.join(told),
            None => unfinished += 1,
        }
    }
    Ok((all, unfinished))
}

/// `peers` do what they can of it while the endpoint is as slow.
pub(crate) fn run(stub: &Stub, peers: impl FnOnce(&Stub) -> Result<()>) -> Result<()> {
    stub.conduct.delay.store(ENDPOINT, SeqCst);
    let outcome = all(stub).and_then(|()| peers(stub));
    stub.conduct.delay.store(0, SeqCst);
    outcome
}

fn all(stub: &Stub) -> Result<()> {
    let mut scene = Scene::set(stub)?;
    rushes(&mut scene, "G11", 1, THREADS)?;
    rushes(&mut scene, "G12", PROCESSES, 1)?;
    killed(&mut scene)?;
    crowd(&mut scene)
}

/// Every caller asks once, all at the same time.
fn rushes(scene: &mut Scene<'_>, goal: &'static str, processes: usize, threads: usize) -> Result<()> {
    let who = if processes == 1 { format!("{threads} threads") } else { format!("{processes} processes") };
    let mut figures = Vec::new();
    for (kind, _) in Kind::BOTH {
        let (mut refreshes, mut slowest, mut all) = (0, Vec::new(), Told::default());
        for _ in 0..RUSHES {
            scene.expire();
            let children = (0..processes).map(|_| scene.start(kind, threads, 0)).collect::<Result<Vec<_>>>()?;
            scene.stub.take_seen();
            let (told, unfinished) = together(children, PATIENCE)?;
            if unfinished > 0 {
                return Err(format!("{unfinished} of {who} did not finish").into());
            }
            refreshes = refreshes.max(scene.stub.take_seen().token);
            slowest.push(told.slowest());
            all = all.join(told);
        }
        slowest.sort_by(f64::total_cmp);
        figures.push((refreshes, all, slowest[slowest.len() / 2]));
    }
    let [(refreshes, all, slowest), (by_hand, floor, floor_slowest)] = figures.as_slice() else { return Err("two kinds".into()) };
    if floor.failures + floor.missing > 0 || *by_hand != 1 {
        return Err(format!("the floor: {by_hand} refreshes, {}", floor.why).into());
    }
    let row = Row::new(goal, format!("{who} at expiry: refreshes, most of {RUSHES} times"), (*refreshes).into(), "");
    row.over((*by_hand).into()).value_at_most(1.0).report()?;
    let failures = format!("{who} at expiry: callers that failed or saw no account, of {}{}", all.calls, because(&all.why));
    #[expect(clippy::cast_precision_loss, reason = "small numbers")]
    Row::new(goal, failures, (all.failures + all.missing) as f64, "").value_at_most(0.0).report()?;
    #[expect(clippy::cast_precision_loss, reason = "a small number")]
    let limit = ENDPOINT as f64 + EXTRA;
    let row =
        Row::new(goal, format!("{who} at expiry: the slowest caller, median; the endpoint takes {ENDPOINT} ms"), *slowest, "ms");
    row.over(*floor_slowest).value_at_most(limit).report()
}

/// The process that refreshes is killed while the endpoint works; the others are waiting already.
fn killed(scene: &mut Scene<'_>) -> Result<()> {
    for (kind, name) in Kind::BOTH {
        scene.expire();
        let mut first = scene.start(kind, 1, 0)?;
        let others = (1..PROCESSES).map(|_| scene.start(kind, 1, 0)).collect::<Result<Vec<_>>>()?;
        scene.stub.take_seen();
        first.go()?;
        let started = Instant::now();
        while scene.stub.token_requests() == 0 {
            if started.elapsed() > PATIENCE {
                return Err("the first process sends nothing".into());
            }
            thread::sleep(Duration::from_millis(1));
        }
        let killer = thread::spawn(move || {
            thread::sleep(Duration::from_millis(KILL_AFTER));
            drop(first);
        });
        let (told, unfinished) = together(others, PATIENCE)?;
        killer.join().map_err(|_| "the killer panicked")?;
        let what = format!("{name}: the refreshing process killed: refreshes, its own included");
        let refreshes = Row::new("G12", what, scene.stub.take_seen().token.into(), "");
        let what = format!("{name}: the others: failed, saw no account or did not finish{}", because(&told.why));
        #[expect(clippy::cast_precision_loss, reason = "small numbers")]
        let failures = Row::new("G12", what, (told.failures + told.missing + unfinished as u64) as f64, "");
        let slowest =
            Row::new("G12", format!("{name}: the slowest of the others, killed after {KILL_AFTER} ms"), told.slowest(), "ms");
        if kind == Kind::Hand {
            for row in [refreshes, failures, slowest] {
                row.report()?;
            }
            continue;
        }
        #[expect(clippy::cast_precision_loss, reason = "a small number")]
        let limit = (ENDPOINT + KILL_AFTER) as f64 + EXTRA;
        refreshes.value_at_most(2.0).report()?;
        failures.value_at_most(0.0).report()?;
        slowest.value_at_most(limit).report()?;
    }
    Ok(())
}

/// Many processes with many threads, refresh tokens good for one use, and tokens that live two seconds.
fn crowd(scene: &mut Scene<'_>) -> Result<()> {
    let seconds = std::env::var("BENCH_CROWD_SECONDS").ok().and_then(|seconds| seconds.parse().ok()).unwrap_or(CROWD_SECONDS);
    // The store has the newest refresh token of the server to begin with.
    scene.expire();
    together(vec![scene.start(Kind::Library, 1, 0)?], PATIENCE)?;
    let conduct = &scene.stub.conduct;
    conduct.lifetime.store(2, SeqCst);
    conduct.single_use.store(true, SeqCst);
    scene.expire();
    let outcome = crowded(scene, seconds);
    let conduct = &scene.stub.conduct;
    conduct.lifetime.store(LIFETIME, SeqCst);
    let kept = outcome.and_then(|()| still_connected(scene));
    scene.stub.conduct.single_use.store(false, SeqCst);

    Row::new(
        "G14",
        "refresh tokens lost: the newest one of the server is not the one in the store",
        f64::from(u8::from(!kept?)),
        "",
    )
    .value_at_most(0.0)
    .report()
}

fn crowded(scene: &Scene<'_>, seconds: u64) -> Result<()> {
    let children = (0..PROCESSES).map(|_| scene.start(Kind::Library, THREADS, seconds)).collect::<Result<Vec<_>>>()?;
    scene.stub.take_seen();
    scene.stub.conduct.refused.store(0, SeqCst);
    let (told, unfinished) = together(children, Duration::from_secs(seconds) + PATIENCE)?;
    let who = format!("{PROCESSES} processes x {THREADS} threads, {seconds} s");
    let refreshes = scene.stub.take_seen().token;
    let refused = scene.stub.conduct.refused.load(SeqCst);
    let what = format!("{who}: refreshes, of {} calls; {refused} with a used token", told.calls);
    Row::new("G14", what, refreshes.into(), "").report()?;
    let what = format!("{who}: calls that failed, processes that did not finish{}", because(&told.why));
    #[expect(clippy::cast_precision_loss, reason = "small numbers")]
    Row::new("G14", what, (told.failures + unfinished as u64) as f64, "").value_at_most(0.0).report()?;
    let what = format!("{who}: 99 of 100 of the {} who waited took at most", told.times.len());
    Row::new("G14", what, told.p99(), "ms").report()?;
    #[expect(clippy::cast_precision_loss, reason = "a small number")]
    let endpoint = ENDPOINT as f64;
    Row::new("G14", format!("{who}: the longest wait, over the endpoint's time"), told.slowest(), "ms")
        .over(endpoint)
        .ratio_at_most(2.0)
        .report()
}

/// Whether one more refresh works, for which the server takes its newest refresh token alone.
fn still_connected(scene: &mut Scene<'_>) -> Result<bool> {
    scene.expire();
    let (told, unfinished) = together(vec![scene.start(Kind::Library, 1, 0)?], PATIENCE)?;
    Ok(unfinished == 0 && told.failures + told.missing == 0 && scene.stub.take_seen().token == 1)
}

fn because(why: &str) -> String {
    if why.is_empty() { String::new() } else { format!(" ({why})") }
}

/// The child's part.
pub(crate) fn child(arguments: &[String]) -> Result<()> {
    let [kind, authority, graph, root, store, account, threads, ahead, seconds] = arguments else {
        return Err("nine arguments".into());
    };
    let target = Target { authority: authority.clone(), graph: graph.clone(), root_pem: fs::read_to_string(root)? };
    let (threads, seconds) = (threads.parse()?, seconds.parse()?);
    let clock = Arc::new(MovedClock::default());
    clock.advance(ahead.parse()?);
    let told = if kind == "library" {
        let office = host::open(&target, Path::new(store), Hooks { clock: Some(clock), ..Hooks::default() })?;
        let told = by_library(&office, account, threads, seconds)?;
        office.close();
        told
    } else {
        let store = FloorStore::open(Path::new(store), &target, clock)?;
        callers(threads, seconds, &|| store.token().map(|token| token.contains(".access.")))?
    };
    println!("{}", serde_json::to_string(&told)?);
    Ok(())
}

/// A caller of a single rush asks which accounts there are first, as a program does that starts.
fn by_library(office: &Office365, id: &str, threads: usize, seconds: u64) -> Result<Told> {
    let account = office.account(id)?;
    callers(threads, seconds, &|| {
        let is_there = seconds > 0 || office.accounts()?.iter().any(|account| account.id() == id);
        let token = account.acquire_token_silent()?;
        if token.secret().contains(".access.") { Ok(is_there) } else { Err("another token than the stub gave".into()) }
    })
}

/// Says that it is ready, waits for its `go`, and lets so many threads call.
fn callers(threads: usize, seconds: u64, call: &(dyn Fn() -> Result<bool> + Sync)) -> Result<Told> {
    let barrier = Barrier::new(threads + 1);
    thread::scope(|scope| {
        let running: Vec<_> = (0..threads).map(|_| scope.spawn(|| caller(&barrier, seconds, call))).collect();
        println!("ready");
        let mut line = String::new();
        std::io::stdin().read_line(&mut line)?;
        barrier.wait();
        running.into_iter().try_fold(Told::default(), |all, thread| Ok(all.join(thread.join().map_err(|_| "a caller panicked")?)))
    })
}

fn caller(barrier: &Barrier, seconds: u64, call: &(dyn Fn() -> Result<bool> + Sync)) -> Told {
    let mut told = Told::default();
    barrier.wait();
    let begun = Instant::now();
    loop {
        let started = Instant::now();
        let outcome = call();
        told.add(started.elapsed(), outcome, seconds == 0);
        if begun.elapsed() >= Duration::from_secs(seconds) {
            return told;
        }
        thread::sleep(BREATH);
    }
}
