//! A host whose allocator wipes what is freed, as the shipped bindings will have it: a test reads its memory from outside.
//!
//! `forgetful_host connected|disconnected|closed AUTHORITY CLIENT_ID FOLDER`: connects, refreshes once, goes as far as the role says,
//! writes `FOLDER/told`, and waits to be killed.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "what goes wrong shows on stderr, where the test looks")]

use intail_office365::{Clock, Config, ConnectOptions, Hooks, HostKey, Office365};
use intail_office365_sandbox::Person;
use std::{
    env::args,
    fs,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    thread,
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use zeroizing_alloc::ZeroAlloc;

#[global_allocator]
static WIPING: ZeroAlloc<std::alloc::System> = ZeroAlloc(std::alloc::System);

/// The machine's clock, moved by so many seconds.
#[derive(Debug, Default)]
struct Moved(AtomicI64);

impl Clock for Moved {
    fn now(&self) -> i64 {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        i64::try_from(now).unwrap() + self.0.load(Ordering::SeqCst)
    }
}

fn main() {
    let [role, authority, client_id, folder] = args().skip(1).collect::<Vec<_>>().try_into().expect("four arguments");
    let folder = PathBuf::from(folder);
    let mut config = Config::new(&client_id, folder.join("office365.db").to_str().unwrap());
    config.graph_base = Some(format!("{authority}/graph"));
    config.authority = Some(authority);
    let clock = Arc::new(Moved::default());
    let hooks = Hooks { clock: Some(clock.clone()), ..Hooks::default() };
    let office = Office365::open(config, Arc::new(HostKey::new(&[7; 32]).unwrap()), hooks).unwrap();
    let request = office.begin_connect(&ConnectOptions::default()).unwrap();
    // In a thread of its own, so that what it leaves on its stack is gone with it.
    let redirect =
        thread::spawn(move || Person::new("megan@northwind.example").deliver(false).browse(&request.url).redirect.unwrap());
    let account = office.complete_connect(&redirect.join().unwrap(), None).unwrap();
    clock.0.store(7200, Ordering::SeqCst);
    drop(account.acquire_token_silent().unwrap());
    match role.as_str() {
        "connected" => {}
        "disconnected" => assert!(account.disconnect().unwrap().erased),
        "closed" => office.close(),
        _ => unreachable!("the tests know the roles"),
    }
    fs::write(folder.join("told.new"), "done").unwrap();
    fs::rename(folder.join("told.new"), folder.join("told")).unwrap();
    thread::sleep(Duration::from_secs(60));
    drop((office, account));
}
