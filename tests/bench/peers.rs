//! msal with msal-extensions doing the same, where `tests/setup.sh bench` could install them. Its store is a plain file: the sealed one
//! that it has for Linux asks a desktop's Secret Service. It is not flushed to the disk either.

use crate::{
    Result,
    report::Row,
    rush::{self, Running},
    store::Figures,
    stub::Stub,
};
use serde::Deserialize;
use std::{
    env,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::atomic::Ordering::SeqCst,
    time::Duration,
};

const NAME: &str = "msal 1.39.0 + msal-extensions 1.3.1";
/// Longest that a crowd of the peer is waited for.
const PATIENCE: Duration = Duration::from_secs(30);
const STARTS: usize = 5;
const ROUNDS: &str = "10";
const AN_HOUR: &str = "3600";
const EXPIRED: &str = "0";

/// What the peer tells.
#[derive(Default, Deserialize)]
struct Measured {
    #[serde(default)]
    ms: f64,
    #[serde(default, rename = "kB")]
    kilobytes: f64,
    /// Of a refresh, what it takes where nothing is kept.
    #[serde(default)]
    request: f64,
}

struct Peer<'a> {
    stub: &'a Stub,
    python: OsString,
    folder: tempfile::TempDir,
    root: PathBuf,
}

impl<'a> Peer<'a> {
    /// Nothing where it is not installed, which is said.
    fn find(stub: &'a Stub, goals: &str) -> Result<Option<Self>> {
        let python = env::var_os("PYTHON").unwrap_or_default();
        let is_there =
            Command::new(&python).args(["-c", "import msal_extensions"]).output().is_ok_and(|tried| tried.status.success());
        if !is_there {
            println!("{goals}: {NAME} is not installed here (tests/setup.sh bench installs it)");
            return Ok(None);
        }
        let folder = tempfile::tempdir()?;
        let root = folder.path().join("root.pem");
        fs::write(&root, &stub.root_pem)?;
        Ok(Some(Self { stub, python, folder, root }))
    }

    fn command(&self, what: &str, store: &Path, rest: &[&str]) -> Command {
        let mut command = Command::new(&self.python);
        command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/peers/msal_peer.py")).args([what, &self.stub.authority]);
        command.args([&self.root, store]).args(rest);
        command
    }

    fn run(&self, what: &str, store: &Path, rest: &[&str]) -> Result<Measured> {
        let child = self.command(what, store, rest).output()?;
        if !child.status.success() {
            return Err(format!("{NAME} failed: {}", String::from_utf8_lossy(&child.stderr)).into());
        }
        Ok(serde_json::from_slice(&child.stdout)?)
    }
}

/// G5 and G6: `ours` are the library's own figures of this run.
pub(crate) fn stores(stub: &Stub, ours: &[Figures]) -> Result<()> {
    let Some(peer) = Peer::find(stub, "G5, G6")? else { return Ok(()) };
    for (figures, limit) in ours.iter().filter(|figures| figures.count <= 1_000).zip([1.0 / 5.0, 1.0 / 400.0]) {
        let count = figures.count.to_string();
        let store = peer.folder.path().join(format!("{count}.bin"));
        peer.run("make", &store, &[&count, AN_HOUR])?;
        let mut firsts = (0..STARTS).map(|_| Ok(peer.run("first", &store, &[])?.ms)).collect::<Result<Vec<_>>>()?;
        firsts.sort_by(f64::total_cmp);
        let what = format!("first token, {count} accounts, over {NAME}, plain file");
        Row::new("G5", what, figures.first, "ms").over(firsts[STARTS / 2]).report()?;
        peer.run("make", &store, &[&count, EXPIRED])?;
        let kept = peer.run("persist", &store, &[ROUNDS])?;
        let what = format!("refresh and keep, {count} accounts, over {NAME}, plain file, not flushed");
        Row::new("G6", what, figures.kept, "ms").over(kept.ms).report()?;
        let what = format!("of both without the request, {count} accounts");
        Row::new("G6", what, figures.keeping, "ms").over(kept.ms - kept.request).ratio_at_most(limit).report()?;
        let what = format!("bytes that a refresh writes, {count} accounts, over {NAME}, plain file");
        Row::new("G6", what, figures.kilobytes, "kB").over(kept.kilobytes).report()?;
    }
    Ok(())
}

/// G11 and G12.
pub(crate) fn crowds(stub: &Stub) -> Result<()> {
    let peers = [Peer::find(stub, "G11, G12")?.map(Crowd::Python), Node::find(stub)?.map(Crowd::Node)];
    let outcome = peers.iter().flatten().try_for_each(|peer| {
        [("G11", 1, 50, false), ("G11", 1, 50, true), ("G12", 8, 1, false), ("G12", 8, 1, true)]
            .into_iter()
            .try_for_each(|(goal, processes, callers, single_use)| peer.rush(stub, goal, processes, callers, single_use))
    });
    stub.conduct.single_use.store(false, SeqCst);
    outcome
}

/// msal-node, with a plain file that its plugin writes.
struct Node<'a> {
    stub: &'a Stub,
    program: OsString,
    folder: tempfile::TempDir,
    root: PathBuf,
}

impl<'a> Node<'a> {
    const NAME: &'static str = "msal-node 7.2.3";
    const SCRIPT: &'static str = concat!(env!("CARGO_MANIFEST_DIR"), "/peers/msal_node.mjs");

    fn find(stub: &'a Stub) -> Result<Option<Self>> {
        let node = env::var_os("NODE").filter(|node| Path::new(node).exists()).unwrap_or_default();
        if node.is_empty() || !Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/peers/node_modules/@azure")).exists() {
            println!("G11, G12: {} is not installed here (tests/setup.sh bench installs it)", Self::NAME);
            return Ok(None);
        }
        let folder = tempfile::tempdir()?;
        let root = folder.path().join("root.pem");
        fs::write(&root, &stub.root_pem)?;
        Ok(Some(Self { stub, program: node, folder, root }))
    }

    fn command(&self, what: &str, store: &Path) -> Command {
        let mut command = Command::new(&self.program);
        command.args([Self::SCRIPT, what, &self.stub.authority]).arg(store).env("NODE_EXTRA_CA_CERTS", &self.root);
        command
    }
}

/// A peer that rushes.
enum Crowd<'a> {
    Python(Peer<'a>),
    Node(Node<'a>),
}

impl Crowd<'_> {
    fn rush(&self, stub: &Stub, goal: &'static str, processes: usize, callers: usize, single_use: bool) -> Result<()> {
        stub.conduct.single_use.store(false, SeqCst);
        let store = format!("{goal}-{single_use}.bin");
        let (name, store) = match self {
            Self::Python(peer) => (NAME, peer.folder.path().join(store)),
            Self::Node(peer) => (Node::NAME, peer.folder.path().join(store)),
        };
        self.expired(&store)?;
        stub.conduct.single_use.store(single_use, SeqCst);
        let start = |_| {
            Running::start(match self {
                Self::Python(peer) => peer.command("rush", &store, &[&callers.to_string()]),
                Self::Node(peer) => {
                    let mut command = peer.command("rush", &store);
                    command.arg(callers.to_string());
                    command
                }
            })
        };
        let children = (0..processes).map(start).collect::<Result<Vec<_>>>()?;
        stub.take_seen();
        let (told, unfinished) = rush::together(children, PATIENCE)?;
        let who = if processes == 1 { format!("{callers} callers") } else { format!("{processes} processes") };
        let rotation = if single_use { ", single-use refresh tokens" } else { "" };
        let ended = if unfinished == 0 {
            format!("slowest {:.0} ms", told.slowest())
        } else {
            format!("{unfinished} of {processes} processes not finished after {} s", PATIENCE.as_secs())
        };
        let (failed, missing) = (told.failures, told.missing);
        let what = format!("{name}, {who}{rotation}: {failed} failed, {missing} saw no account, {ended}; refreshes");
        Row::new(goal, what, stub.take_seen().token.into(), "").report()
    }

    /// A store with an expired access token and the newest refresh token of the server.
    fn expired(&self, store: &Path) -> Result<()> {
        match self {
            Self::Python(peer) => {
                peer.run("make", store, &["1", EXPIRED])?;
                peer.run("persist", store, &["1"])?;
            }
            Self::Node(peer) => {
                let child = peer.command("make", store).output()?;
                if !child.status.success() {
                    return Err(format!("{} failed: {}", Node::NAME, String::from_utf8_lossy(&child.stderr)).into());
                }
            }
        }
        expire(store)
    }
}

/// Makes the access token in the peer's file one that has expired.
fn expire(store: &Path) -> Result<()> {
    let mut entries: serde_json::Value = serde_json::from_slice(&fs::read(store)?)?;
    let tokens = entries.get_mut("AccessToken").and_then(serde_json::Value::as_object_mut).ok_or("no access token")?;
    for token in tokens.values_mut() {
        token["expires_on"] = "1700000000".into();
    }
    Ok(fs::write(store, entries.to_string())?)
}
