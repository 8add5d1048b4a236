//! What happens to a connected account later: two programs share its store, and it needs its person again.

use crate::{
    ADELE, Demo,
    host::{Host, Key, MovedClock, Outcome},
    options, tell,
};
use intail_office365::{Account, ConnectOptions};
use intail_office365_sandbox::Control;
use std::{
    cell::Cell,
    env,
    io::{BufRead, BufReader, Error as IoError, Write},
    process::{Command, Stdio},
    sync::{Arc, atomic::Ordering},
    thread,
};

/// Tells a copy of this program that it is the second process.
const SECOND: &str = "--second-process";
/// Threads of each process that ask for a token.
const THREADS: usize = 10;
/// Tokens that can be revoked at any time live for up to 28 hours.
const UNTIL_EXPIRY: i64 = 29 * 3600;

impl Demo<'_> {
    pub(crate) fn two_processes(&self, id: &str) -> Outcome<()> {
        self.step("Two programs share the store");
        self.clocks().let_tokens_expire()?;
        let mut second = Command::new(env::current_exe()?)
            .args([SECOND, &self.host.authority, &self.host.client_id, id])
            .arg(&self.host.folder)
            .arg(self.host.clock.0.load(Ordering::Relaxed).to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let missing = || IoError::other("the second process has no pipes");
        let mut start = second.stdin.take().ok_or_else(missing)?;
        let mut said = BufReader::new(second.stdout.take().ok_or_else(missing)?).lines();
        let office = self.open(ADELE)?;
        let adele = office.account(id)?;
        said.next().transpose()?;
        tell(&format!("Process {} has opened the same store. All tokens have expired.", second.id()));
        let before = self.refreshes();
        writeln!(start, "go")?;
        let ours = ask_together(&adele);
        let theirs: usize = said.next().transpose()?.unwrap_or_default().parse()?;
        second.wait()?;
        tell(&format!("{THREADS} threads in each of the two ask for a token at the same moment: {} have one.", ours + theirs));
        tell(&format!("Refreshes that the service saw: {}.", self.refreshes().saturating_sub(before)));
        office.close();
        Ok(())
    }

    pub(crate) fn needs_its_person(&self, id: &str) -> Outcome<()> {
        self.step("An account needs its person again");
        let office = self.open(ADELE)?;
        let adele = office.account(id)?;
        tell("Adele changes her password. When the app needs a token next, the service refuses; an observer is told, once:");
        self.sandbox.control().change_password(ADELE)?;
        self.clocks().let_tokens_expire()?;
        for _ in 0..3 {
            if adele.acquire_token_silent().is_ok() {
                tell("The service gave a token all the same.");
            }
        }
        tell(&format!("The list of the accounts says the same: {:?}.", adele.state().state));
        self.ask_to_click(ADELE, "Sign in again.");
        office.connect(&ConnectOptions { expected_account: Some(id.to_owned()), ..options(ADELE) }, None)?;
        tell(&format!("She has connected again: {:?}.", adele.state().state));
        office.close();
        Ok(())
    }

    pub(crate) fn clocks(&self) -> Clocks {
        Clocks { host: Arc::clone(&self.host.clock), service: self.sandbox.control() }
    }

    fn refreshes(&self) -> usize {
        let asked = self.sandbox.control().log_of("/oauth2/v2.0/token");
        asked.iter().filter(|entry| entry.value("grant_type") == Some("refresh_token")).count()
    }
}

/// The clocks of the app and of the service. They are moved, so that nobody has to wait.
pub(crate) struct Clocks {
    host: Arc<MovedClock>,
    service: Control,
}

impl Clocks {
    pub(crate) fn let_tokens_expire(&self) -> Outcome<()> {
        self.host.0.fetch_add(UNTIL_EXPIRY, Ordering::Relaxed);
        Ok(self.service.advance_clock(UNTIL_EXPIRY)?)
    }
}

/// The second process, if this is it: opens the same store, says so, waits for the start, asks for tokens, and says how many it got.
pub(crate) fn second_process() -> Option<Outcome<()>> {
    let mut arguments = env::args().skip(1);
    let mut next = || arguments.next().unwrap_or_default();
    (next() == SECOND).then(|| {
        let (authority, client_id, id, folder) = (next(), next(), next(), next().into());
        let clock = Arc::new(MovedClock(next().parse::<i64>()?.into()));
        let office = Host { authority, client_id, folder, key: Cell::new(Key::File), clock }.open(None)?;
        let account = office.account(&id)?;
        println!("ready");
        std::io::stdin().lock().read_line(&mut String::new())?;
        println!("{}", ask_together(&account));
        office.close();
        Ok(())
    })
}

/// How many of the threads got a token.
fn ask_together(account: &Account) -> usize {
    thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(|| account.acquire_token_silent().is_ok())).collect();
        threads.into_iter().filter_map(|thread| thread.join().ok()).filter(|has_token| *has_token).count()
    })
}
