//! Processes that stop in the middle, locks that go missing, and systems that have none (cases C-03, C-08, C-10, S-24).

use crate::{
    rig::{LIFETIME, NORTHWIND, Rig},
    shared::{Asked, Host, until},
};
use intail_office365_sandbox::{Endpoint, Fault, SandboxOptions, Scenario, User};
use rustix::process::Signal;
use std::{
    collections::BTreeMap,
    fs,
    process::Command,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    thread,
    time::Duration,
};

const TOKEN: &str = "/oauth2/v2.0/token";

/// A store with one account, whose token has expired for these processes.
fn expired(count: usize, settings: &str) -> (Rig, Vec<Host>) {
    let rig = Rig::new();
    rig.tokens(|tokens| tokens.strict_rotation = true);
    let office = rig.open();
    rig.connected(&office);
    office.close();
    let mut hosts: Vec<Host> = (0..count).map(|_| Host::open(&rig, settings)).collect();
    rig.expire();
    for host in &mut hosts {
        host.ask(&format!("advance {LIFETIME}"));
    }
    (rig, hosts)
}

fn slow(delay_ms: u64) -> Fault {
    Fault { delay_ms, ..Fault::at(Endpoint::Token, "slow") }.times(1)
}

fn answered(rig: &Rig) -> usize {
    rig.control.log_of(TOKEN).iter().filter(|entry| entry.status != 0).count()
}

fn same_token(all: &[&Asked]) {
    assert!(all.iter().all(|one| one.errors.is_empty() && one.tokens == all[0].tokens), "{all:?}");
}

/// C-03: stopped with its request at the service, which is slower than the others' patience. They pass by; when the stopped process
/// goes on, the service refuses its refresh token as used. It takes what the others stored, and signs nobody out.
#[test]
fn c_03_stopped_and_overtaken() {
    let (rig, mut hosts) = expired(3, "patience=1000");
    rig.control.add_fault(slow(4000)).unwrap();
    let before = answered(&rig);
    hosts[0].tell("tokens 5 30000");
    until("it is at the service", || rig.refreshes() == 1);
    hosts[0].signal(Signal::STOP);
    for host in &mut hosts[1..] {
        host.tell("tokens 5 30000");
    }
    let (one, two) = (hosts[1].asked(), hosts[2].asked());
    same_token(&[&one, &two]);
    until("the service has refused the first", || rig.control.log_of(TOKEN).iter().skip(before).any(|entry| entry.status == 400));
    hosts[0].signal(Signal::CONT);
    let late = hosts[0].asked();
    assert_eq!(late.ok, 5, "{late:?}");
    same_token(&[&late, &one]);
    for host in &mut hosts {
        assert_eq!((host.ask("state"), host.tokens(1).tokens), ("Connected".to_owned(), one.tokens.clone()));
    }
}

/// C-03: stopped when the service had already taken its refresh token. The others pass by and are refused; that signs nobody out, for
/// the one who was passed by stores the answer when it goes on.
#[test]
fn c_03_stopped_with_the_only_answer() {
    let (rig, mut hosts) = expired(3, "patience=1000");
    rig.control.add_fault(slow(400)).unwrap();
    let before = answered(&rig);
    hosts[0].tell("tokens 5 30000");
    until("it is at the service", || rig.refreshes() == 1);
    hosts[0].signal(Signal::STOP);
    until("the service has answered", || answered(&rig) == before + 1);
    for host in &mut hosts[1..] {
        let asked = host.tokens(5);
        assert_eq!((asked.ok, asked.errors.as_slice()), (0, &["refused TimedOut DeadlineExceeded ".to_owned()][..]));
        assert_eq!(host.ask("state"), "Connected");
    }
    hosts[0].signal(Signal::CONT);
    let late = hosts[0].asked();
    assert_eq!((late.ok, late.errors.len()), (5, 0), "{late:?}");
    thread::sleep(Duration::from_millis(1100));
    for host in &mut hosts[1..] {
        same_token(&[&host.tokens(5), &late]);
    }
}

/// C-03: nobody waits for a stopped process longer than they said; an answer that it has stored meanwhile is taken although it still
/// holds the lock.
#[test]
fn c_03_deadlines_are_kept_beside_a_stopped_process() {
    let (rig, mut hosts) = expired(2, "");
    rig.control.add_fault(slow(600)).unwrap();
    hosts[0].tell("tokens 1 30000");
    until("it is at the service", || rig.refreshes() == 1);
    hosts[0].signal(Signal::STOP);
    hosts[1].tell("tokens 10 500");
    let asked = hosts[1].asked();
    assert_eq!((asked.ok, asked.errors.as_slice()), (0, &["refused TimedOut DeadlineExceeded ".to_owned()][..]));
    assert!(asked.slowest < Duration::from_millis(3500), "{:?}", asked.slowest);
    hosts[1].tell("tokens 10 20000");
    hosts[0].signal(Signal::CONT);
    let (one, two) = (hosts[0].asked(), hosts[1].asked());
    same_token(&[&one, &two]);
    assert_eq!(rig.refreshes(), 1);
}

/// C-10: the folder of the locks is deleted in the middle of a refresh. Somebody else may ask the service too, and still the account
/// ends with one token that all have.
#[test]
fn c_10_locks_deleted_in_the_middle() {
    let (rig, mut hosts) = expired(3, "");
    rig.control.add_fault(slow(250)).unwrap();
    hosts[0].tell("tokens 5 20000");
    until("it is at the service", || rig.refreshes() == 1);
    fs::remove_dir_all(format!("{}.locks", rig.config().store_path)).unwrap();
    for host in &mut hosts[1..] {
        host.tell("tokens 5 20000");
    }
    for host in &mut hosts {
        let asked = host.asked();
        assert_eq!((asked.ok, asked.errors.as_slice()), (5, &[][..]));
    }
    assert!(rig.refreshes() <= 2, "{}", rig.refreshes());
    let all: Vec<Asked> = hosts.iter_mut().map(|host| host.tokens(1)).collect();
    same_token(&all.iter().collect::<Vec<_>>());
    // From the next expiry on there is one refresh again.
    let before = rig.refreshes();
    rig.expire();
    for host in &mut hosts {
        host.ask(&format!("advance {LIFETIME}"));
        host.tell("tokens 5 20000");
    }
    let all: Vec<Asked> = hosts.iter_mut().map(Host::asked).collect();
    same_token(&all.iter().collect::<Vec<_>>());
    assert_eq!(rig.refreshes(), before + 1);
}

/// C-08: many accounts in two processes, with two threads each: the service sees many at once, and each account once.
#[test]
fn c_08_accounts_do_not_wait_for_each_other() {
    const ACCOUNTS: usize = 60;
    let scenario = Scenario { users: (0..ACCOUNTS).map(person).collect(), ..Scenario::default() };
    let rig = Rig::with(SandboxOptions { https_port: None, scenario, ..SandboxOptions::default() });
    let office = rig.open();
    for number in 0..ACCOUNTS {
        rig.sign_in(&office, &user_name(number)).unwrap();
    }
    office.close();
    let mut hosts: Vec<Host> = (0..2).map(|_| Host::open(&rig, "")).collect();
    rig.expire();
    for host in &mut hosts {
        host.ask(&format!("advance {LIFETIME}"));
    }
    rig.control.add_fault(Fault { delay_ms: 300, ..Fault::at(Endpoint::Token, "slow") }).unwrap();
    let (done, most) = (AtomicBool::new(false), AtomicUsize::new(0));
    thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::SeqCst) {
                let now = rig.control.log_of(TOKEN).iter().filter(|entry| entry.status == 0).count();
                most.fetch_max(now, Ordering::SeqCst);
                thread::sleep(Duration::from_millis(5));
            }
        });
        for host in &mut hosts {
            host.tell("all 2");
        }
        for host in &mut hosts {
            let asked = host.asked();
            assert_eq!((asked.ok, asked.errors.as_slice(), asked.tokens.len()), (2 * ACCOUNTS, &[][..], ACCOUNTS));
        }
        done.store(true, Ordering::SeqCst);
    });
    assert_eq!(rig.refreshes(), ACCOUNTS);
    // Eight workers in each process.
    assert!(most.into_inner() >= 8, "as many at once as one process has workers");
}

fn user_name(number: usize) -> String {
    format!("person{number}@northwind.example")
}

fn person(number: usize) -> User {
    let megan = Scenario::default().users.into_iter().find(|user| user.user_name == crate::rig::MEGAN).unwrap();
    let id = format!("eeeeeeee-dddd-4eee-8fff-{number:012}");
    User { user_name: user_name(number), object_ids: BTreeMap::from([(NORTHWIND.to_owned(), id)]), ..megan }
}

/// S-24: a file system without locks, as a network share may be, is refused when the store is opened, and nothing is begun there. (The
/// system's answer is put in by strace. The twin: the same program below strace with nothing put in opens its store.)
#[cfg(target_os = "linux")]
#[test]
fn s_24_without_locks_the_store_does_not_open() {
    for (answer, expected) in [
        (Some("ENOLCK"), "refused StorageUnavailable StoreUnsafePath locks"),
        (Some("EOPNOTSUPP"), "refused StorageUnavailable StoreUnsafePath locks"),
        (None, "opened"),
    ] {
        let rig = Rig::new();
        let mut strace = Command::new("strace");
        strace.args(["-f", "-qq", "-o", "/dev/null", "-e", "trace=flock"]);
        strace.args(answer.map(|answer| format!("-einject=flock:error={answer}")));
        let mut host = Host::start_below(&rig, strace);
        assert_eq!(host.ask("open"), expected, "{answer:?}");
        assert_eq!(std::path::Path::new(&rig.config().store_path).exists(), answer.is_none());
    }
}
