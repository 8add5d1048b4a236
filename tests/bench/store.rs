//! G5 and G6, for information: opening a store up to the first token, and keeping a refreshed token.

use crate::{
    Result,
    floor::Floor,
    host::{self, Filled, Target},
    report::{Row, median, spread},
    stub::Stub,
};
use intail_office365::{Account, Hooks};
use rusqlite::Connection;
use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

const ROUNDS: u64 = 60;
/// A sealed row of the store: two tokens, scopes and state.
const ROW: usize = 3_500;
/// Longer than a token lives, less what it is renewed early.
const HOUR: i64 = 3_600;

pub(crate) fn run(stub: &Stub, hosts: &[Filled]) -> Result<()> {
    opening(stub, hosts)?;
    keeping(stub, hosts)
}

fn opening(stub: &Stub, hosts: &[Filled]) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut alone = None;
    for filled in hosts {
        let path = folder.path().join(format!("{}.db", filled.count));
        drop(bare_store(&path, filled.count)?);
        let id = filled.accounts.last().map(Account::id).ok_or("no account")?;
        let store = filled.folder.path().join("office365.db");
        let (mut ours, mut by_hand) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            ours.push(timed(|| {
                let hooks = Hooks { clock: Some(Arc::clone(&stub.clock) as _), ..Hooks::default() };
                let office = host::open(&Target::of(stub), &store, hooks)?;
                office.account(&id)?.acquire_token_silent().map(drop).map_err(Into::into)
            })?);
            by_hand.push(timed(|| {
                let connection = Connection::open(&path)?;
                let row: Vec<u8> = connection.query_row("SELECT sealed FROM account WHERE id = 1", [], |row| row.get(0))?;
                if row.len() == ROW { Ok(()) } else { Err("another row".into()) }
            })?);
        }
        let value = median(&ours, 1e3);
        let what = format!("open and first token, {} accounts (floor: bare SQLite)", filled.count);
        let row = Row::new("G5", what, value, "ms").over(median(&by_hand, 1e3));
        if filled.count == 1 { row.value_at_most(1.0) } else { row }.report()?;
        let alone = *alone.get_or_insert(value);
        if filled.count > 1 {
            let what = format!("the same with {} accounts, over one account", filled.count);
            Row::new("G5", what, value, "ms").over(alone).ratio_at_most(1.5).report()?;
        }
    }
    Ok(())
}

/// A refresh by the library, against one by hand followed by the update of a bare row with the same durability.
fn keeping(stub: &Stub, hosts: &[Filled]) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut floor = Floor::new(&Target::of(stub))?;
    let mut alone = None;
    for filled in hosts {
        let account = filled.accounts.last().ok_or("no account")?;
        let connection = bare_store(&folder.path().join(format!("{}.db", filled.count)), filled.count)?;
        let mut refresh_token = floor.refresh("0.refresh.first")?.refresh_token;
        let (mut ours, mut by_hand, mut updates) = (Vec::new(), Vec::new(), Vec::new());
        for round in 0..ROUNDS {
            stub.clock.advance(HOUR);
            stub.take_seen();
            let took = timed(|| account.acquire_token_silent().map(drop).map_err(Into::into))?;
            let seen = stub.take_seen();
            if seen.token != 1 {
                return Err(format!("{} refreshes instead of 1", seen.token).into());
            }
            // Once a day the description and the keys are read again, and the first refresh asks for those of the tenant.
            if seen.discovery + seen.keys == 0 {
                ours.push(took);
                by_hand.push(timed(|| {
                    refresh_token = floor.refresh(&refresh_token)?.refresh_token;
                    update(&connection, round)
                })?);
                // Other bytes than those above: SQLite writes nothing where nothing changes.
                updates.push(timed(|| update(&connection, round + ROUNDS))?);
            }
        }
        let value = median(&ours, 1e3);
        let count = filled.count;
        let what = format!("refresh and keep, {count} accounts (ratio {})", spread(&ours, &by_hand, 3));
        Row::new("G6", what, value, "ms").over(median(&by_hand, 1e3)).ratio_at_most(1.5).report()?;
        let what = format!("of the floor: the update of a bare row, {count} accounts");
        Row::new("G6", what, median(&updates, 1e3), "ms").report()?;
        let alone = *alone.get_or_insert(value);
        if count > 1 {
            Row::new("G6", format!("the same with {count} accounts, over one account"), value, "ms")
                .over(alone)
                .ratio_at_most(1.3)
                .report()?;
        }
    }
    for filled in hosts {
        filled.office.close();
    }
    Ok(())
}

pub(crate) fn bare_store(path: &Path, count: u64) -> Result<Connection> {
    let connection = Connection::open(path)?;
    connection.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(()))?;
    connection.execute_batch(
        "PRAGMA synchronous = FULL; CREATE TABLE IF NOT EXISTS account (id INTEGER PRIMARY KEY, sealed BLOB); BEGIN",
    )?;
    for id in 1..=count {
        connection.execute("INSERT OR REPLACE INTO account VALUES (?1, ?2)", (i64::try_from(id)?, vec![7_u8; ROW]))?;
    }
    connection.execute_batch("COMMIT")?;
    Ok(connection)
}

pub(crate) fn update(connection: &Connection, round: u64) -> Result<()> {
    let row = vec![u8::try_from(round % 256)?; ROW];
    let changed = connection.prepare_cached("UPDATE account SET sealed = ?1 WHERE id = 1")?.execute([row])?;
    if changed == 1 { Ok(()) } else { Err("no such row".into()) }
}

fn timed(work: impl FnOnce() -> Result<()>) -> Result<Duration> {
    let started = Instant::now();
    work()?;
    Ok(started.elapsed())
}
