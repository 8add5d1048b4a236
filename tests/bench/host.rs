//! The library as a host uses it, against the stub.

use crate::{
    Result,
    stub::{CLIENT, Stub},
};
use intail_office365::{Account, AuthorizationRequest, Config, ConnectOptions, Hooks, HostKey, Office365};
use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
    thread,
};
use tempfile::TempDir;

/// Where the stub is; what a child process needs to know of it.
pub(crate) struct Target {
    pub(crate) authority: String,
    pub(crate) graph: String,
    pub(crate) root_pem: String,
}

impl Target {
    pub(crate) fn of(stub: &Stub) -> Self {
        Self { authority: stub.authority.clone(), graph: stub.graph.clone(), root_pem: stub.root_pem.clone() }
    }
}

pub(crate) fn open(target: &Target, store: &Path, hooks: Hooks) -> Result<Office365> {
    let mut config = Config::new(CLIENT, store.to_str().ok_or("a path that is no text")?);
    config.authority = Some(target.authority.clone());
    config.graph_base = Some(target.graph.clone());
    config.network.extra_root_certificates = vec![target.root_pem.clone()];
    Ok(Office365::open(config, Arc::new(HostKey::new(&[7; 32])?), hooks)?)
}

/// A whole sign-in.
pub(crate) fn connect(office: &Office365, person: u64) -> Result<Account> {
    complete(office, &office.begin_connect(&ConnectOptions::default())?, person)
}

/// The end of a sign-in. The person's part in the browser is left out: the stub takes who it is from the code.
pub(crate) fn complete(office: &Office365, begun: &AuthorizationRequest, person: u64) -> Result<Account> {
    let start = begun.url.find("nonce=").ok_or("no nonce")? + "nonce=".len();
    let nonce = begun.url[start..].split('&').next().unwrap_or_default();
    Ok(office.complete_connect(&format!("http://localhost/?code={person}.{nonce}&state={}", begun.state), None)?)
}

/// An open library with this many accounts in its store.
pub(crate) struct Filled {
    pub(crate) count: u64,
    pub(crate) office: Office365,
    pub(crate) accounts: Vec<Account>,
    pub(crate) folder: TempDir,
}

impl Filled {
    pub(crate) fn all(stub: &Stub) -> Result<Vec<Self>> {
        [1, 1_000, 10_000].into_iter().map(|count| Self::new(stub, count)).collect()
    }

    fn new(stub: &Stub, count: u64) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let hooks = Hooks { clock: Some(Arc::clone(&stub.clock) as _), ..Hooks::default() };
        let office = open(&Target::of(stub), &folder.path().join("office365.db"), hooks)?;
        let next = AtomicU64::new(0);
        let work = || -> Result<()> {
            loop {
                let person = next.fetch_add(1, SeqCst);
                if person >= count {
                    return Ok(());
                }
                connect(&office, person)?;
            }
        };
        thread::scope(|scope| {
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(work)).collect();
            threads.into_iter().try_for_each(|thread| thread.join().map_err(|_| "a thread that connects panicked")?)
        })?;
        let accounts = office.accounts()?;
        if accounts.len() as u64 != count {
            return Err(format!("{} accounts instead of {count}", accounts.len()).into());
        }
        Ok(Self { count, office, accounts, folder })
    }
}
