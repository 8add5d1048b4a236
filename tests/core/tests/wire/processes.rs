//! Several processes on one store: one refresh for all of them, whatever becomes of the one that does it (cases C).

use crate::{
    rig::{LIFETIME, MEGAN, Rig},
    shared::{Asked, Host, until},
};
use intail_office365::AccountState;
use intail_office365_sandbox::{Endpoint, Fault};
use rusqlite::Connection;
use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

/// Far beyond the noise of a busy machine, and far below the time after which a lock is passed by.
const SOON: Duration = Duration::from_secs(8);

/// A store with one account, which nobody has open.
fn connected() -> Rig {
    let rig = Rig::new();
    let office = rig.open();
    rig.connected(&office);
    office.close();
    rig
}

fn hosts(rig: &Rig, count: usize, settings: &str) -> Vec<Host> {
    (0..count).map(|_| Host::open(rig, settings)).collect()
}

/// For all, the token expires.
fn expire(rig: &Rig, hosts: &mut [Host]) {
    rig.expire();
    for host in hosts {
        host.ask(&format!("advance {LIFETIME}"));
    }
}

/// All processes at once.
fn ask_all(hosts: &mut [Host], threads: usize) -> Vec<Asked> {
    for host in &mut *hosts {
        host.tell(&format!("tokens {threads} 20000"));
    }
    hosts.iter_mut().map(Host::asked).collect()
}

fn slow(times: u32, delay_ms: u64) -> Fault {
    Fault { delay_ms, ..Fault::at(Endpoint::Token, "slow") }.times(times)
}

#[track_caller]
fn one_token(asked: &[Asked], threads: usize) -> String {
    for one in asked {
        assert_eq!((one.ok, one.errors.as_slice()), (threads, &[][..]));
    }
    let tokens: BTreeSet<&String> = asked.iter().flat_map(|one| &one.tokens).collect();
    assert_eq!(tokens.len(), 1, "all have the same");
    (*tokens.first().unwrap()).clone()
}

/// C-01: four processes with ten threads each, and a service that takes each refresh token once.
#[test]
fn c_01_processes_share_one_refresh() {
    let rig = connected();
    rig.tokens(|tokens| tokens.strict_rotation = true);
    let mut hosts = hosts(&rig, 4, "");
    for round in 1..=6 {
        expire(&rig, &mut hosts);
        rig.control.add_fault(slow(1, 50)).unwrap();
        let asked = ask_all(&mut hosts, 10);
        one_token(&asked, 10);
        assert!(asked.iter().all(|one| one.slowest < SOON), "{asked:?}");
        assert_eq!(rig.refreshes(), round);
        rig.control.clear_faults().unwrap();
    }
}

/// C-01, the twins: without the lock, or without the second look, there is more than one refresh. (Everybody gets a token all the
/// same: the row's generation and the look after a refusal see to that.)
#[test]
fn c_01_without_lock_or_second_look_it_would_show() {
    for settings in ["locks=off", "looks=off"] {
        let rig = connected();
        rig.tokens(|tokens| tokens.strict_rotation = true);
        let mut hosts = hosts(&rig, 4, settings);
        expire(&rig, &mut hosts);
        rig.control.add_fault(slow(8, 300)).unwrap();
        ask_all(&mut hosts, 10);
        assert!(rig.refreshes() > 1, "{settings}: {}", rig.refreshes());
    }
}

/// Kills the process that refreshes when `is_there` says so, while two others wait for it. Says how many refreshes there were.
fn kill_the_leader(rig: &Rig, others: &mut [Host], is_there: impl Fn() -> bool) -> usize {
    let before = rig.refreshes();
    let mut leader = Host::open(rig, "");
    rig.expire();
    for host in others.iter_mut() {
        host.ask(&format!("advance {LIFETIME}"));
    }
    leader.ask(&format!("advance {}", rig.control.now() - now()));
    leader.tell("tokens 1 20000");
    until("the leader is there", is_there);
    for host in others.iter_mut() {
        host.tell("tokens 5 20000");
    }
    std::thread::sleep(Duration::from_millis(30));
    let killed = Instant::now();
    leader.kill();
    let asked: Vec<Asked> = others.iter_mut().map(Host::asked).collect();
    one_token(&asked, 5);
    assert!(killed.elapsed() < SOON, "{:?}", killed.elapsed());
    rig.refreshes() - before
}

fn now() -> i64 {
    let since_epoch = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    i64::try_from(since_epoch.as_secs()).unwrap()
}

fn under_way(rig: &Rig, path: &str) -> usize {
    rig.control.log_of(path).iter().filter(|entry| entry.status == 0).count()
}

/// C-02: killed before it sends: it holds the lock and is still reading the description of the service.
#[test]
fn c_02_leader_killed_before_it_sends() {
    let rig = connected();
    let mut others = hosts(&rig, 2, "");
    for _ in 0..7 {
        rig.control.clear_log().unwrap();
        rig.control.add_fault(Fault { delay_ms: 60_000, ..Fault::at(Endpoint::Discovery, "slow") }.times(1)).unwrap();
        let refreshes = kill_the_leader(&rig, &mut others, || under_way(&rig, "/.well-known/openid-configuration") == 1);
        assert_eq!(refreshes, 1);
        rig.control.clear_faults().unwrap();
    }
}

/// C-02: killed when its request is at the service.
#[test]
fn c_02_leader_killed_after_it_sent() {
    let rig = connected();
    let mut others = hosts(&rig, 2, "");
    for _ in 0..7 {
        rig.control.clear_log().unwrap();
        rig.control.add_fault(slow(1, 60_000)).unwrap();
        assert_eq!(kill_the_leader(&rig, &mut others, || under_way(&rig, "/oauth2/v2.0/token") == 1), 2);
    }
}

/// C-02: killed between the answer and the store: somebody holds the store's write lock meanwhile. The refresh token that was used
/// still works (FACTS 2.5), so nothing is lost.
#[test]
fn c_02_leader_killed_before_it_saves() {
    let rig = connected();
    let mut others = hosts(&rig, 2, "");
    for _ in 0..7 {
        rig.control.clear_log().unwrap();
        let writer = Connection::open(rig.config().store_path).unwrap();
        writer.execute_batch("BEGIN IMMEDIATE").unwrap();
        let (rig, others) = (&rig, &mut others);
        let answered = move || rig.control.log_of("/oauth2/v2.0/token").iter().any(|entry| entry.status == 200);
        let refreshes = std::thread::scope(|scope| {
            // Released when the leader is dead: nobody can write before.
            scope.spawn(move || {
                until("the leader has its answer", answered);
                std::thread::sleep(Duration::from_millis(500));
                drop(writer);
            });
            kill_the_leader(rig, others, answered)
        });
        assert_eq!(refreshes, 2);
    }
}

/// C-03: the service never answers: everybody gets their own deadline.
#[test]
fn c_03_a_leader_that_hangs_keeps_nobody() {
    let rig = connected();
    let mut hosts = hosts(&rig, 3, "");
    expire(&rig, &mut hosts);
    rig.control.add_fault(slow(100, 600_000)).unwrap();
    for (host, timeout) in hosts.iter_mut().zip([1500, 1000, 500]) {
        host.tell(&format!("tokens 5 {timeout}"));
    }
    for (host, timeout) in hosts.iter_mut().zip([1500, 1000, 500]) {
        let asked = host.asked();
        assert_eq!((asked.ok, asked.errors.as_slice()), (0, &["refused TimedOut DeadlineExceeded ".to_owned()][..]));
        assert!(asked.slowest < Duration::from_millis(timeout) + SOON / 4, "{timeout}: {:?}", asked.slowest);
    }
    assert_eq!(rig.refreshes(), 1, "the others have not asked");
}

/// What everybody is told of a service that is down, and how many asked it at once.
fn ask_while_down(rig: &Rig, hosts: &mut [Host]) -> usize {
    expire(rig, hosts);
    let down = Fault { status: Some(503), delay_ms: 40, ..Fault::at(Endpoint::Token, "down") };
    rig.control.add_fault(down).unwrap();
    for host in &mut *hosts {
        host.tell("tokens 10 20000");
    }
    let (done, most) = (std::sync::atomic::AtomicBool::new(false), std::sync::atomic::AtomicUsize::new(0));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(std::sync::atomic::Ordering::SeqCst) {
                most.fetch_max(under_way(rig, "/oauth2/v2.0/token"), std::sync::atomic::Ordering::SeqCst);
                std::thread::sleep(Duration::from_millis(2));
            }
        });
        let asked: Vec<Asked> = hosts.iter_mut().map(Host::asked).collect();
        done.store(true, std::sync::atomic::Ordering::SeqCst);
        for asked in asked {
            assert_eq!((asked.ok, asked.errors.as_slice()), (0, &["refused Service ServiceUnavailable ".to_owned()][..]));
        }
    });
    most.into_inner()
}

/// C-05: a service that is down is asked by one process at a time, each with its few tries, and then left in peace. The twin: without
/// the lock several ask at once.
#[test]
fn c_05_processes_do_not_hurry_a_service_that_is_down() {
    let unlocked = connected();
    let mut hurried = hosts(&unlocked, 3, "locks=off");
    assert!(ask_while_down(&unlocked, &mut hurried) > 1, "the count finds more than one at a time");
    let rig = connected();
    let mut hosts = hosts(&rig, 3, "");
    assert_eq!(ask_while_down(&rig, &mut hosts), 1, "one at a time");
    assert!((3..=9).contains(&rig.refreshes()), "{}", rig.refreshes());
    // What one process was refused for good is asked by nobody again.
    rig.control.clear_faults().unwrap();
    rig.control.expire_refresh_tokens().unwrap();
    std::thread::sleep(Duration::from_millis(1500));
    let before = rig.refreshes();
    for asked in ask_all(&mut hosts, 10) {
        assert_eq!((asked.ok, asked.errors.as_slice()), (0, &["refused InteractionRequired ReauthRequired ".to_owned()][..]));
    }
    assert_eq!(rig.refreshes(), before + 1);
}

/// C-06: disconnected by one process while another refreshes: nothing comes back to life, and a third notices within about a second,
/// although its own token is still good.
#[test]
fn c_06_a_disconnect_elsewhere() {
    let rig = connected();
    let mut hosts = hosts(&rig, 3, "");
    let [refreshing, leaving, idle] = &mut hosts[..] else { panic!("three") };
    assert_eq!(idle.tokens(1).ok, 1);
    refreshing.ask(&format!("advance {LIFETIME}"));
    rig.control.add_fault(slow(1, 800)).unwrap();
    refreshing.tell("tokens 10 20000");
    until("it is at the service", || under_way(&rig, "/oauth2/v2.0/token") == 1);
    idle.tell("until NotConnected");
    assert_eq!(leaving.ask("disconnect"), "disconnected");
    let noticed: u64 = idle.answer().parse().unwrap();
    assert!(noticed < 5000, "{noticed} ms");
    let asked = refreshing.asked();
    assert_eq!((asked.ok, asked.errors.as_slice()), (0, &["refused NotConnected AccountGone ".to_owned()][..]));
    assert!(rig.open().accounts().unwrap().is_empty());
    let locks = std::fs::read_dir(format!("{}.locks", rig.config().store_path)).unwrap();
    let left = locks.filter(|entry| entry.as_ref().unwrap().file_name().to_str().unwrap().starts_with("account-")).count();
    assert_eq!(left, 0);
}

/// A newer token and another state of the account are seen by a process that would not have asked for either.
#[test]
fn changes_of_other_processes_are_noticed() {
    let rig = connected();
    let mut hosts = hosts(&rig, 2, "");
    let [early, idle] = &mut hosts[..] else { panic!("two") };
    let old = one_token(&[idle.tokens(1)], 1);
    early.ask("advance 3400");
    let newer = one_token(&[early.tokens(1)], 1);
    idle.ask("advance 3200");
    let noticed: u64 = idle.ask(&format!("changed {old}")).parse().unwrap();
    assert!(noticed < 5000, "{noticed} ms");
    assert_eq!(one_token(&[idle.tokens(1)], 1), newer);

    rig.control.revoke_sessions(MEGAN).unwrap();
    early.ask("advance 3600");
    assert_eq!(early.tokens(1).errors, ["refused InteractionRequired ReauthRequired "]);
    let noticed: u64 = idle.ask("until InteractionRequired").parse().unwrap();
    assert!(noticed < 5000, "{noticed} ms");
    assert_eq!(idle.ask("state"), format!("{:?}", AccountState::SignInRequired));
    assert_eq!(rig.refreshes(), 2);
}

/// C-07: the machine's clock jumps under two processes: at worst an early refresh, and never one at every call.
#[test]
fn c_07_a_clock_that_jumps_under_processes() {
    for jump in [86_400, -86_400, -10 * 365 * 86_400] {
        let rig = connected();
        let mut hosts = hosts(&rig, 2, "");
        for seconds in [jump, -jump] {
            for host in &mut hosts {
                host.ask(&format!("advance {seconds}"));
            }
            for _ in 0..10 {
                one_token(&ask_all(&mut hosts, 3), 3);
            }
        }
        assert!(rig.refreshes() <= 2, "{jump}: {}", rig.refreshes());
    }
}
