//! The floor for many processes on one store, written by hand: the tokens sealed in a row of SQLite, a file lock around a refresh, and a
//! second look at the row under the lock.

use crate::{
    Result,
    floor::Floor,
    host::Target,
    stub::{ACCESS_TOKEN, MovedClock},
};
use intail_office365::Clock;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use rusqlite::{Connection, params};
use serde::{Deserialize, Serialize};
use std::{
    fs::{File, OpenOptions},
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

const NONCE: usize = 12;
const REFRESH_TOKEN: usize = 1_200;

pub(crate) struct FloorStore {
    clock: Arc<MovedClock>,
    lock: File,
    state: Mutex<State>,
}

struct State {
    floor: Floor,
    connection: Connection,
    memory: Row,
}

/// What a row holds, sealed.
#[derive(Clone, Deserialize, Serialize)]
struct Row {
    access_token: Box<str>,
    refresh_token: Box<str>,
    expires_at: i64,
}

impl FloorStore {
    /// A store with so many accounts. The token of the first expires then.
    pub(crate) fn make(path: &Path, count: u64, expires_at: i64) -> Result<()> {
        let connection = connect(path)?;
        connection.execute_batch("CREATE TABLE account (id INTEGER PRIMARY KEY, sealed BLOB); BEGIN")?;
        for id in 1..=count {
            let access_token = format!("{id}.access.{}", "a".repeat(ACCESS_TOKEN)).into();
            let refresh_token = format!("{id}.refresh.0.{}", "r".repeat(REFRESH_TOKEN)).into();
            let sealed = seal(&Row { access_token, refresh_token, expires_at })?;
            connection.execute("INSERT INTO account VALUES (?1, ?2)", params![i64::try_from(id)?, sealed])?;
        }
        connection.execute_batch("COMMIT")?;
        Ok(())
    }

    /// The token of the first account of a store, as the first thing that a process does.
    pub(crate) fn first_token(path: &Path) -> Result<(Connection, Box<str>)> {
        let connection = connect(path)?;
        let token = read(&connection)?.access_token;
        Ok((connection, token))
    }

    pub(crate) fn open(path: &Path, target: &Target, clock: Arc<MovedClock>) -> Result<Self> {
        let connection = connect(path)?;
        let memory = read(&connection)?;
        let lock = OpenOptions::new().create(true).truncate(false).write(true).open(path.with_extension("lock"))?;
        Ok(Self { clock, lock, state: Mutex::new(State { floor: Floor::new(target)?, connection, memory }) })
    }

    pub(crate) fn token(&self) -> Result<Box<str>> {
        // Whoever finds the token expired refreshes it; the others of this process wait at this lock.
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.memory.expires_at <= self.clock.now() {
            self.lock.lock()?;
            let outcome = self.renew(&mut state);
            self.lock.unlock()?;
            outcome?;
        }
        Ok(state.memory.access_token.clone())
    }

    fn renew(&self, state: &mut State) -> Result<()> {
        state.memory = read(&state.connection)?;
        if state.memory.expires_at > self.clock.now() {
            return Ok(());
        }
        let tokens = state.floor.refresh(&state.memory.refresh_token)?;
        // Renewed early by a tenth of its life, as the library does with tokens that live so short.
        let lifetime = tokens.expires_in - tokens.expires_in / 10;
        let (access_token, refresh_token) = (tokens.access_token.into(), tokens.refresh_token.into());
        state.memory = Row { access_token, refresh_token, expires_at: self.clock.now() + lifetime };
        let sealed = seal(&state.memory)?;
        let changed = state.connection.prepare_cached("UPDATE account SET sealed = ?1 WHERE id = 1")?.execute([sealed])?;
        if changed == 1 { Ok(()) } else { Err("no such row".into()) }
    }
}

fn connect(path: &Path) -> Result<Connection> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(Duration::from_secs(5))?;
    connection.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(()))?;
    connection.execute_batch("PRAGMA synchronous = FULL")?;
    Ok(connection)
}

fn read(connection: &Connection) -> Result<Row> {
    let mut sealed: Vec<u8> = connection.query_row("SELECT sealed FROM account WHERE id = 1", [], |row| row.get(0))?;
    let mut text = sealed.split_off(NONCE);
    let nonce = Nonce::try_assume_unique_for_key(&sealed).map_err(|_| "no nonce")?;
    let text = key()?.open_in_place(nonce, Aad::from(b"account 1"), &mut text).map_err(|_| "a row that does not open")?;
    Ok(serde_json::from_slice(text)?)
}

fn seal(row: &Row) -> Result<Vec<u8>> {
    let mut sealed = vec![0; NONCE];
    getrandom::fill(&mut sealed)?;
    let nonce = Nonce::try_assume_unique_for_key(&sealed).map_err(|_| "no nonce")?;
    let mut text = serde_json::to_vec(row)?;
    key()?.seal_in_place_append_tag(nonce, Aad::from(b"account 1"), &mut text).map_err(|_| "a row that cannot be sealed")?;
    sealed.append(&mut text);
    Ok(sealed)
}

fn key() -> Result<LessSafeKey> {
    Ok(LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &[7; 32]).map_err(|_| "no key")?))
}
