//! What stays in a host's memory, read from outside through `/proc/PID/mem`.
#![cfg(target_os = "linux")]

use crate::rig::Rig;
use std::{
    fs::{self, File},
    os::unix::fs::FileExt,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

/// A host with an allocator that wipes what is freed, gone as far as `role` says.
struct Host(Child);

impl Host {
    fn start(rig: &Rig, role: &str) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_forgetful_host"));
        command.args([role, &rig.sandbox.authority(), &rig.control.client_id()]).arg(rig.folder.path());
        let mut host = Self(command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap());
        let deadline = Instant::now() + Duration::from_secs(30);
        while !rig.folder.path().join("told").exists() {
            assert!(Instant::now() < deadline && host.0.try_wait().unwrap().is_none(), "the host tells nothing");
            thread::sleep(Duration::from_millis(20));
        }
        host
    }

    /// How often `needle` stands in memory that the process can write.
    fn count(&self, needle: &str) -> usize {
        let process = format!("/proc/{}", self.0.id());
        let memory = File::open(format!("{process}/mem")).unwrap();
        let regions = fs::read_to_string(format!("{process}/maps")).unwrap();
        regions.lines().filter_map(writable).map(|(start, end)| occurrences(&memory, start, end, needle.as_bytes())).sum()
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn writable(line: &str) -> Option<(u64, u64)> {
    let mut fields = line.split_whitespace();
    let (start, end) = fields.next()?.split_once('-')?;
    let rights = fields.next()?;
    let address = |text| u64::from_str_radix(text, 16).ok();
    (rights.starts_with("rw") && !line.ends_with("[vvar]")).then_some((address(start)?, address(end)?))
}

fn occurrences(memory: &File, start: u64, end: u64, needle: &[u8]) -> usize {
    let mut region = vec![0; usize::try_from(end - start).unwrap()];
    // Some pages (guards, devices) cannot be read.
    if memory.read_exact_at(&mut region, start).is_err() {
        return 0;
    }
    let first = needle[0];
    (0..region.len().saturating_sub(needle.len())).filter(|at| region[*at] == first && region[*at..].starts_with(needle)).count()
}

/// Which of the codes and tokens that the sandbox issued are in the memory of the host, and how often.
fn secrets_in(host: &Host, rig: &Rig) -> Vec<(&'static str, usize)> {
    let secrets = rig.sandbox.issued_secrets();
    assert!(["authorization code", "access token", "refresh token"].iter().all(|kind| secrets.iter().any(|(of, _)| of == kind)));
    secrets.into_iter().map(|(kind, secret)| (kind, host.count(&secret))).filter(|(_, count)| *count > 0).collect()
}

#[test]
fn s_26_nothing_of_a_disconnected_account_stays_in_memory() {
    let rig = Rig::new();
    assert_eq!(secrets_in(&Host::start(&rig, "disconnected"), &rig), []);
}

#[test]
fn m_08_a_closed_library_leaves_nothing_in_a_wiping_allocator() {
    let rig = Rig::new();
    assert_eq!(secrets_in(&Host::start(&rig, "closed"), &rig), []);
}

/// The twin of both: while the account is connected, its tokens are there to be found.
#[test]
fn m_08_the_search_finds_the_tokens_of_a_connected_account() {
    let rig = Rig::new();
    let found = secrets_in(&Host::start(&rig, "connected"), &rig);
    for kind in ["access token", "refresh token"] {
        assert!(found.iter().any(|(of, _)| *of == kind), "{found:?}");
    }
}
