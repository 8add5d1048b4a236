//! G5 and G6: the first token of a new process, and keeping a refreshed token, with few and with many accounts in the store.

use crate::{
    Result,
    floor::Floor,
    floor_store::FloorStore,
    host::{self, Filled, Target},
    report::{Row, median, spread},
    stub::{MovedClock, Stub},
};
use intail_office365::{Account, Hooks};
use rusqlite::Connection;
use std::{
    fs,
    path::Path,
    process::Command,
    sync::Arc,
    time::{Duration, Instant},
};

const ROUNDS: u64 = 60;
/// New processes for each store.
const STARTS: u64 = 25;
/// Longer than a token lives, less what it is renewed early.
const HOUR: i64 = 3_600;
/// The first argument of a child process that takes one token.
pub(crate) const FIRST: &str = "--first-token";

/// What a store of so many accounts took.
#[derive(Default)]
pub(crate) struct Figures {
    pub(crate) count: u64,
    pub(crate) first: f64,
    pub(crate) kept: f64,
    /// Of that, what is not the request.
    pub(crate) keeping: f64,
    pub(crate) kilobytes: f64,
}

pub(crate) fn run(stub: &Stub, hosts: &[Filled]) -> Result<Vec<Figures>> {
    let folder = tempfile::tempdir()?;
    let root = folder.path().join("root.pem");
    fs::write(&root, &stub.root_pem)?;
    let mut all: Vec<Figures> = Vec::new();
    for filled in hosts {
        let (kept, keeping, kilobytes) = keeping(stub, filled, folder.path(), all.first())?;
        // The new processes find a store that nobody else has open, with the token that was just kept.
        filled.office.close();
        let first = first_tokens(stub, filled, folder.path(), all.first())?;
        all.push(Figures { count: filled.count, first, kept, keeping, kilobytes });
    }
    Ok(all)
}

/// From the beginning of a new process's main function to a token in its hand; the description of the authority, TLS and everything
/// else that opening does included.
fn first_tokens(stub: &Stub, filled: &Filled, folder: &Path, alone: Option<&Figures>) -> Result<f64> {
    let id = filled.accounts.last().map(Account::id).ok_or("no account")?;
    let store = filled.folder.path().join("office365.db");
    let by_hand_store = folder.join(format!("first-{}.db", filled.count));
    FloorStore::make(&by_hand_store, filled.count, 0)?;
    stub.take_seen();
    let (mut ours, mut by_hand) = (Vec::new(), Vec::new());
    for _ in 0..STARTS {
        for (kind, store, times) in [("library", &store, &mut ours), ("hand", &by_hand_store, &mut by_hand)] {
            let mut command = Command::new(std::env::current_exe()?);
            command.args([FIRST, kind, &stub.authority, &stub.graph]).args([&folder.join("root.pem"), store]);
            let child = command.args([&id, &stub.clock.ahead().to_string()]).output()?;
            if !child.status.success() {
                return Err(format!("the child failed: {}", String::from_utf8_lossy(&child.stderr)).into());
            }
            times.push(Duration::from_nanos(String::from_utf8(child.stdout)?.trim().parse()?));
        }
    }
    if stub.take_seen().requests() > 0 {
        return Err("a first token came over the network".into());
    }
    let value = median(&ours, 1e3);
    let what = format!("first token of a new process, {} accounts (ratio {})", filled.count, spread(&ours, &by_hand, 5));
    Row::new("G5", what, value, "ms").over(median(&by_hand, 1e3)).value_at_most(1.0).report()?;
    if let Some(alone) = alone {
        let what = format!("the same with {} accounts, over one account", filled.count);
        Row::new("G5", what, value, "ms").over(alone.first).ratio_at_most(1.5).report()?;
    }
    Ok(value)
}

/// One token in a process of its own; prints the nanoseconds that it took.
pub(crate) fn first_child(arguments: &[String]) -> Result<()> {
    let [kind, authority, graph, root, store, account, ahead] = arguments else { return Err("seven arguments".into()) };
    let target = Target { authority: authority.clone(), graph: graph.clone(), root_pem: fs::read_to_string(root)? };
    let clock = Arc::new(MovedClock::default());
    clock.advance(ahead.parse()?);
    let started = Instant::now();
    // What is open is closed after the token was had.
    let (is_right, took) = if kind == "library" {
        let office = host::open(&target, Path::new(store), Hooks { clock: Some(clock), ..Hooks::default() })?;
        let token = office.account(account)?.acquire_token_silent()?;
        let took = started.elapsed();
        (token.secret().contains(".access."), took)
    } else {
        let (_connection, token) = FloorStore::first_token(Path::new(store))?;
        let took = started.elapsed();
        (token.contains(".access."), took)
    };
    if !is_right {
        return Err("another token".into());
    }
    println!("{}", took.as_nanos());
    Ok(())
}

/// What the rounds of one store took, in the order in which they happened, and the bytes that they wrote.
#[derive(Default)]
struct Rounds {
    ours: Vec<Duration>,
    by_hand: Vec<Duration>,
    requests: Vec<Duration>,
    updates: Vec<Duration>,
    /// What a refresh brought, kept once more and nothing else.
    kept: Vec<Duration>,
    our_bytes: u64,
    bytes_by_hand: u64,
}

/// A refresh by the library, against one by hand followed by the update of a bare row with the same durability.
fn keeping(stub: &Stub, filled: &Filled, folder: &Path, alone: Option<&Figures>) -> Result<(f64, f64, f64)> {
    let Rounds { ours, by_hand, requests, updates, kept, our_bytes, bytes_by_hand } = rounds(stub, filled, folder)?;
    let (value, count) = (median(&ours, 1e3), filled.count);
    let what = format!("refresh and keep, {count} accounts (ratio {})", spread(&ours, &by_hand, 3));
    Row::new("G6", what, value, "ms").over(median(&by_hand, 1e3)).ratio_at_most(1.5).report()?;
    let what = format!(
        "a refreshed token kept, sealed and flushed, over the update of a bare row, {count} accounts (ratio {})",
        spread(&kept, &updates, 3)
    );
    Row::new("G6", what, median(&kept, 1e3), "ms").over(median(&updates, 1e3)).ratio_at_most(1.5).report()?;
    // All that the library does beside the request: the look at the row, the locks and the way to a thread and back are in it.
    // Each round by itself, as other work on the machine moves both.
    let without: Vec<Duration> = ours.iter().zip(&requests).map(|(ours, request)| ours.saturating_sub(*request)).collect();
    let keeping = median(&without, 1e3);
    let ratios = spread(&without, &updates, 3);
    let what = format!("of it all but the request, over the update of a bare row, {count} accounts (ratio {ratios})");
    Row::new("G6", what, keeping, "ms").over(median(&updates, 1e3)).report()?;
    let what = format!("bytes that a refresh writes to the disk, {count} accounts");
    #[expect(clippy::cast_precision_loss, reason = "small numbers")]
    let each = |bytes: u64| bytes as f64 / ours.len() as f64 / 1e3;
    let row = Row::new("G6", what, each(our_bytes), "kB").over(each(bytes_by_hand));
    // Some file systems are in memory and count nothing.
    if our_bytes > 0 { row.value_at_most(25.0) } else { row }.report()?;
    if let Some(alone) = alone {
        let what = format!("the same with {count} accounts, over one account");
        Row::new("G6", what, value, "ms").over(alone.kept).ratio_at_most(1.3).report()?;
    }
    Ok((value, keeping, each(our_bytes)))
}

fn rounds(stub: &Stub, filled: &Filled, folder: &Path) -> Result<Rounds> {
    let account = filled.accounts.last().ok_or("no account")?;
    let length = row_length(&filled.folder.path().join("office365.db"))?;
    let connection = bare_store(&folder.join(format!("{}.db", filled.count)), filled.count, length)?;
    let mut floor = Floor::new(&Target::of(stub))?;
    let mut refresh_token = floor.refresh("0.refresh.first")?.refresh_token;
    let mut all = Rounds::default();
    for round in 0..ROUNDS {
        stub.clock.advance(HOUR);
        stub.take_seen();
        let before = bytes_written()?;
        let took = timed(|| account.acquire_token_silent().map(drop).map_err(Into::into))?;
        let between = bytes_written()?;
        let seen = stub.take_seen();
        if seen.token != 1 {
            return Err(format!("{} refreshes instead of 1", seen.token).into());
        }
        let mut request = Duration::ZERO;
        let took_by_hand = timed(|| {
            request = timed(|| {
                refresh_token = floor.refresh(&refresh_token)?.refresh_token;
                Ok(())
            })?;
            update(&connection, round, length)
        })?;
        let after = bytes_written()?;
        // Once a day the description and the keys are read again, and the first refresh asks for those of the tenant.
        if seen.discovery + seen.keys == 0 {
            all.ours.push(took);
            all.by_hand.push(took_by_hand);
            all.requests.push(request);
            all.updates.push(took_by_hand.saturating_sub(request));
            all.kept.push(timed(|| account.keep_again().map_err(Into::into))?);
            all.our_bytes += between - before;
            all.bytes_by_hand += after - between;
        }
    }
    Ok(all)
}

/// Bytes that this process has made the kernel write to a disk: whole pages of 4 kB, each counted when it is first changed after it was
/// flushed. SQLite's checkpoint, once in some hundred refreshes, is hardly ever among them. What goes over the network is not in it.
fn bytes_written() -> Result<u64> {
    // Linux alone tells.
    let Ok(counts) = fs::read_to_string("/proc/self/io") else { return Ok(0) };
    let line = counts.lines().find_map(|line| line.strip_prefix("write_bytes: ")).ok_or("no write_bytes")?;
    Ok(line.parse()?)
}

/// The bytes of one account in the library's store, so that the bare row is as long: what does not fit on one page is on two.
pub(crate) fn row_length(store: &Path) -> Result<usize> {
    let lengths = "length(id) + length(lookup) + length(account_key) + length(identity) + length(person) + length(credentials)";
    let length: i64 =
        Connection::open(store)?.query_row(&format!("SELECT {lengths} FROM account LIMIT 1"), [], |row| row.get(0))?;
    Ok(length.try_into()?)
}

pub(crate) fn bare_store(path: &Path, count: u64, length: usize) -> Result<Connection> {
    let connection = Connection::open(path)?;
    connection.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(()))?;
    connection.execute_batch(
        "PRAGMA synchronous = FULL; CREATE TABLE IF NOT EXISTS account (id INTEGER PRIMARY KEY, sealed BLOB); BEGIN",
    )?;
    for id in 1..=count {
        connection.execute("INSERT OR REPLACE INTO account VALUES (?1, ?2)", (i64::try_from(id)?, vec![7_u8; length]))?;
    }
    connection.execute_batch("COMMIT")?;
    Ok(connection)
}

pub(crate) fn update(connection: &Connection, round: u64, length: usize) -> Result<()> {
    let row = vec![u8::try_from(round % 256)?; length];
    let changed = connection.prepare_cached("UPDATE account SET sealed = ?1 WHERE id = 1")?.execute([row])?;
    if changed == 1 { Ok(()) } else { Err("no such row".into()) }
}

fn timed(work: impl FnOnce() -> Result<()>) -> Result<Duration> {
    let started = Instant::now();
    work()?;
    Ok(started.elapsed())
}
