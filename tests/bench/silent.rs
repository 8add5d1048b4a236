//! G4: a silent token out of memory, dropped again.

use crate::{
    Result,
    host::Filled,
    report::{Row, fastest, median, spread},
    stub::ACCESS_TOKEN,
};
use arc_swap::ArcSwap;
use intail_office365::Account;
use std::{
    collections::HashMap,
    hint::black_box,
    sync::Barrier,
    thread,
    time::{Duration, Instant},
};

const ROUNDS: usize = 40;
const CALLS: u32 = 20_000;
/// Microseconds a call, from the time for all of them.
const PER_CALL: f64 = 1e6 / CALLS as f64;
const THREADS: u32 = 8;
/// Calls that one or several threads do.
const SHARED: u32 = 400_000;

/// The best that can be written by hand: a map from id to token that is read without a lock, and a copy of the token.
struct Map(ArcSwap<HashMap<String, Box<str>>>);

impl Map {
    fn of(hosts: &Filled) -> Result<(Self, Vec<String>)> {
        let ids: Vec<String> = hosts.accounts.iter().map(Account::id).collect();
        let entries = ids.iter().zip(&hosts.accounts).map(|(id, account)| {
            let token = account.acquire_token_silent()?;
            Ok((id.clone(), Box::from(token.secret())))
        });
        Ok((Self(ArcSwap::from_pointee(entries.collect::<Result<_>>()?)), ids))
    }

    fn token(&self, id: &str) -> Option<Box<str>> {
        self.0.load().get(id).cloned()
    }
}

/// A store with the map of its tokens, and what one account of it took in each round.
struct Lane<'a> {
    filled: &'a Filled,
    map: Map,
    ids: Vec<String>,
    ours: Vec<Duration>,
    by_hand: Vec<Duration>,
}

pub(crate) fn run(hosts: &[Filled]) -> Result<()> {
    let mut lanes = Vec::new();
    for filled in hosts {
        check(filled)?;
        let (map, ids) = Map::of(filled)?;
        lanes.push(Lane { filled, map, ids, ours: Vec::new(), by_hand: Vec::new() });
    }
    // All take turns, so that whatever else the machine does meets all.
    for _ in 0..ROUNDS {
        for Lane { filled, map, ids, ours, by_hand } in &mut lanes {
            let (account, id) = (filled.accounts.last().ok_or("no account")?, ids.last().ok_or("no account")?);
            ours.push(calls(|| drop(black_box(account.acquire_token_silent()))));
            by_hand.push(calls(|| drop(black_box(map.token(black_box(id))))));
        }
    }
    let alone = lanes.first().map(|lane| median(&lane.ours, PER_CALL)).ok_or("no store")?;
    for Lane { filled, ours, by_hand, .. } in &lanes {
        let value = median(ours, PER_CALL);
        let what = format!("silent token, one of {} accounts (ratio {})", filled.count, spread(ours, by_hand, 5));
        Row::new("G4", what, value, "us").over(median(by_hand, PER_CALL)).value_at_most(0.25).report()?;
        if filled.count > 1 {
            let what = format!("the same with {} accounts, over one account", filled.count);
            Row::new("G4", what, value, "us").over(alone).ratio_at_most(1.3).report()?;
        }
    }
    for lane in lanes.iter().filter(|lane| lane.filled.count > 1) {
        in_turn(lane)?;
    }
    lanes.first().map_or(Ok(()), threads)
}

/// Every account after the other: each token comes from another place in memory.
fn in_turn(Lane { filled, map, ids, .. }: &Lane<'_>) -> Result<()> {
    let (mut ours, mut by_hand) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS / 4 {
        let mut accounts = filled.accounts.iter().cycle();
        ours.push(calls(|| drop(black_box(accounts.next().map(Account::acquire_token_silent)))));
        let mut ids = ids.iter().cycle();
        by_hand.push(calls(|| drop(black_box(ids.next().map(|id| map.token(id))))));
    }
    let what = format!("silent tokens of {} accounts in turn", filled.count);
    Row::new("G4", what, median(&ours, PER_CALL), "us").over(median(&by_hand, PER_CALL)).report()
}

/// The fastest round of each counts: on a machine with other work, the median says how much of it there was.
fn threads(Lane { filled, map, ids, .. }: &Lane<'_>) -> Result<()> {
    let account = filled.accounts.first().ok_or("no account")?;
    let id = ids.first().ok_or("no account")?;
    let ours = || drop(black_box(account.acquire_token_silent()));
    let by_hand = || drop(black_box(map.token(black_box(id))));
    for (what, work) in [("silent token", &ours as &(dyn Fn() + Sync)), ("the map written by hand", &by_hand)] {
        let (mut one, mut many) = (Vec::new(), Vec::new());
        for _ in 0..25 {
            one.push(together(1, work)?);
            many.push(together(THREADS, work)?);
        }
        let a_second = |times: &[Duration]| f64::from(SHARED) / fastest(times, 1e6);
        let (one, many) = (a_second(&one), a_second(&many));
        let row = Row::new("G4", format!("{what}: {THREADS} threads together, over one thread"), many, "M/s").over(one);
        if what == "silent token" { row.ratio_at_least(1.0) } else { row }.report()?;
    }
    Ok(())
}

/// The time for `SHARED` calls, when this many threads share them and call as fast as they can: from the first beginning to the last
/// end.
fn together(threads: u32, work: &(dyn Fn() + Sync)) -> Result<Duration> {
    let barrier = Barrier::new(threads as usize);
    let run = || {
        barrier.wait();
        let started = Instant::now();
        for _ in 0..SHARED / threads {
            work();
        }
        (started, Instant::now())
    };
    let times = thread::scope(|scope| {
        let running: Vec<_> = (0..threads).map(|_| scope.spawn(run)).collect();
        running.into_iter().map(|thread| thread.join().map_err(|_| "a thread panicked")).collect::<std::result::Result<Vec<_>, _>>()
    })?;
    let (first, last) = (times.iter().map(|time| time.0).min(), times.iter().map(|time| time.1).max());
    first.zip(last).map(|(first, last)| last - first).ok_or_else(|| "no thread".into())
}

fn calls(mut work: impl FnMut()) -> Duration {
    let started = Instant::now();
    for _ in 0..CALLS {
        work();
    }
    started.elapsed()
}

fn check(filled: &Filled) -> Result<()> {
    let token = filled.accounts.first().ok_or("no account")?.acquire_token_silent()?;
    let is_right = token.secret().len() == ACCESS_TOKEN && token.secret().contains(".access.") && token.is_persisted();
    if is_right { Ok(()) } else { Err("another token than the stub gave".into()) }
}
