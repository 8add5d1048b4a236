//! G4: a silent token out of memory, dropped again.

use crate::{
    Result,
    host::Filled,
    report::{Row, median, spread},
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
const SHARED: u32 = 800_000;

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

pub(crate) fn run(hosts: &[Filled]) -> Result<()> {
    let smallest = hosts.first().ok_or("no store")?;
    check(smallest)?;
    let mut first = None;
    for filled in hosts {
        let (map, ids) = Map::of(filled)?;
        let account = filled.accounts.last().ok_or("no account")?;
        let id = ids.last().ok_or("no account")?;
        let (mut ours, mut by_hand) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            ours.push(calls(|| drop(black_box(account.acquire_token_silent()))));
            by_hand.push(calls(|| drop(black_box(map.token(black_box(id))))));
        }
        let value = median(&ours, PER_CALL);
        let what = format!("silent token, one of {} accounts (ratio {})", filled.count, spread(&ours, &by_hand, 4));
        Row::new("G4", what, value, "us").over(median(&by_hand, PER_CALL)).value_at_most(0.25).report()?;
        let alone = *first.get_or_insert(value);
        if filled.count > 1 {
            let what = format!("the same with {} accounts, over one account", filled.count);
            Row::new("G4", what, value, "us").over(alone).ratio_at_most(1.3).report()?;
            in_turn(filled, &map, &ids)?;
        }
    }
    threads(smallest)
}

/// Every account after the other: each token comes from another place in memory.
fn in_turn(filled: &Filled, map: &Map, ids: &[String]) -> Result<()> {
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

fn threads(filled: &Filled) -> Result<()> {
    let account = filled.accounts.first().ok_or("no account")?;
    let (map, ids) = Map::of(filled)?;
    let id = ids.first().ok_or("no account")?;
    let ours = || drop(black_box(account.acquire_token_silent()));
    let by_hand = || drop(black_box(map.token(black_box(id))));
    for (what, work) in [("silent token", &ours as &(dyn Fn() + Sync)), ("the map written by hand", &by_hand)] {
        let (mut one, mut many) = (Vec::new(), Vec::new());
        for _ in 0..7 {
            one.push(together(1, work));
            many.push(together(THREADS, work));
        }
        let a_second = |times| f64::from(SHARED) / median(times, 1e6);
        let (one, many) = (a_second(&one), a_second(&many));
        let row = Row::new("G4", format!("{what}: {THREADS} threads together, over one thread"), many, "M/s").over(one);
        if what == "silent token" { row.ratio_at_least(1.0) } else { row }.report()?;
    }
    Ok(())
}

/// The time for `SHARED` calls, when this many threads share them and call as fast as they can.
fn together(threads: u32, work: &(dyn Fn() + Sync)) -> Duration {
    let barrier = Barrier::new(threads as usize + 1);
    let started = thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                barrier.wait();
                for _ in 0..SHARED / threads {
                    work();
                }
            });
        }
        barrier.wait();
        Instant::now()
    });
    started.elapsed()
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
    let is_right = token.secret().len() == ACCESS_TOKEN && token.secret().starts_with("0.access.") && token.is_persisted();
    if is_right { Ok(()) } else { Err("another token than the stub gave".into()) }
}
