//! A host that is killed, starved and lied to: it does one thing with a store and says at once, line by line, what was acknowledged.
//!
//! `fault_host OPERATION STORE AUTHORITY CLIENT_ID STEPS [ARGUMENT]`. STEPS is how far its clock has gone back already.
#![expect(clippy::print_stdout, reason = "it talks to the test")]

use intail_office365::{Account, ConnectOptions, Office365, Result};
use intail_office365_fault_tests::{BackwardClock, KEY, Look, NEW_KEY, Target, look, mark, name, named, open, provider};
use intail_office365_sandbox::Person;
use std::{
    env::args,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
};

struct Host {
    target: Target,
    store: PathBuf,
    clock: Arc<BackwardClock>,
    argument: String,
}

fn main() -> ExitCode {
    let mut given: Vec<String> = args().skip(1).collect();
    given.resize(6, String::new());
    let Ok([operation, store, authority, client_id, steps, argument]) = <[String; 6]>::try_from(given) else {
        return ExitCode::FAILURE;
    };
    let host = Host {
        target: Target { authority, client_id },
        store: store.into(),
        clock: BackwardClock::new(steps.parse().unwrap_or_default()),
        argument,
    };
    let done = match operation.as_str() {
        "create" => host.create(),
        "login" => host.login(Honesty::Honest),
        "hasty-login" => host.login(Honesty::Hasty),
        "refresh" => host.refresh(true),
        "refresh-and-die" => host.refresh(false),
        "disconnect" => host.disconnect(),
        "change-key" => host.change_key(),
        "rotate" => host.rotate(),
        "begin" => host.begin(),
        "fill" => host.fill(),
        "busy" => host.busy(),
        "life" => host.life(),
        "litter" => host.litter(),
        "verify" => host.verify(),
        _ => return ExitCode::FAILURE,
    };
    if let Err(error) = done {
        println!("ERROR {operation} {}", named(&error));
    }
    ExitCode::SUCCESS
}

/// Whether a host says what is true. The hasty one proves that the tests notice.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Honesty {
    Honest,
    Hasty,
}

impl Host {
    fn open(&self) -> Result<Office365> {
        open(&self.target, &self.store, Arc::clone(&self.clock), KEY)
    }

    fn create(&self) -> Result<()> {
        let office = self.open()?;
        println!("ACK create");
        office.close();
        Ok(())
    }

    fn login(&self, honesty: Honesty) -> Result<()> {
        let office = self.open()?;
        sign_in(&office, &self.argument, honesty)?;
        office.close();
        Ok(())
    }

    /// Rotates the tokens of every account as often as the argument says; then closes, or is simply gone.
    fn refresh(&self, closes: bool) -> Result<()> {
        let office = self.open()?;
        let accounts = office.accounts()?;
        for _ in 0..self.argument.parse().unwrap_or(1) {
            self.clock.step();
            accounts.iter().try_for_each(refresh)?;
        }
        if !closes {
            std::process::exit(0);
        }
        office.close();
        Ok(())
    }

    fn disconnect(&self) -> Result<()> {
        let office = self.open()?;
        self.forget(&office)?;
        office.close();
        Ok(())
    }

    fn forget(&self, office: &Office365) -> Result<()> {
        for account in office.accounts()?.iter().filter(|account| name(account) == self.argument) {
            let gone = account.disconnect()?;
            println!("ACK disconnect {} {}", self.argument, gone.erased);
        }
        Ok(())
    }

    fn change_key(&self) -> Result<()> {
        let office = self.open()?;
        office.change_key(provider(NEW_KEY)?)?;
        println!("ACK change-key");
        office.close();
        Ok(())
    }

    fn rotate(&self) -> Result<()> {
        let office = self.open()?;
        let rotated = office.rotate_store_key()?;
        println!("ACK rotate {} {}", rotated.accounts, rotated.damaged);
        office.close();
        Ok(())
    }

    /// Sign-ins that nobody finishes, and nobody closes the store.
    fn begin(&self) -> Result<()> {
        let office = self.open()?;
        for number in 0..self.argument.parse().unwrap_or(1) {
            office.begin_connect(&ConnectOptions::default())?;
            println!("ACK begin {number}");
        }
        println!("END");
        std::process::exit(0);
    }

    /// Fills the disk with open sign-ins, then with refreshes, and needs a new token all the same.
    fn fill(&self) -> Result<()> {
        let office = self.open()?;
        let accounts = office.accounts()?;
        for _ in 0..1_000 {
            if let Err(error) = office.begin_connect(&ConnectOptions::default()) {
                println!("FULL {}", named(&error));
                break;
            }
        }
        for _ in 0..self.argument.parse().unwrap_or(1) {
            self.clock.step();
            accounts.iter().try_for_each(refresh)?;
        }
        office.close();
        Ok(())
    }

    /// Everything, for ever.
    fn busy(&self) -> Result<()> {
        print(&look(&self.target, &self.store, KEY)?);
        let office = self.open()?;
        for round in 0_u32.. {
            self.clock.step();
            office.accounts()?.iter().try_for_each(refresh)?;
            office.begin_connect(&ConnectOptions::default())?;
            if round % 4 == 3 {
                self.forget(&office)?;
            }
            if round % 4 == 0 && !office.accounts()?.iter().any(|account| name(account) == self.argument) {
                // A sign-in is judged by the right time.
                let now = open(&self.target, &self.store, BackwardClock::new(0), KEY)?;
                sign_in(&now, &self.argument, Honesty::Honest)?;
                now.close();
            }
        }
        Ok(())
    }

    /// A bit of everything, in several sittings.
    fn life(&self) -> Result<()> {
        for user in [self.argument.as_str(), "megan@northwind.example"] {
            let office = open(&self.target, &self.store, BackwardClock::new(0), KEY)?;
            sign_in(&office, user, Honesty::Honest)?;
            office.close();
            let office = self.open()?;
            for _ in 0..3 {
                self.clock.step();
                office.accounts()?.iter().try_for_each(refresh)?;
                office.begin_connect(&ConnectOptions::default())?;
            }
            office.close();
        }
        self.rotate()?;
        self.disconnect()?;
        self.refresh(true)?;
        self.change_key()
    }

    /// Leaves a file where none belongs: the tests notice.
    fn litter(&self) -> Result<()> {
        let folder = self.store.parent().and_then(Path::parent).unwrap_or(Path::new("."));
        let _ = std::fs::write(folder.join("litter"), "x");
        self.create()
    }

    fn verify(&self) -> Result<()> {
        print(&look(&self.target, &self.store, self.argument.parse().unwrap_or(KEY))?);
        Ok(())
    }
}

fn print(seen: &Look) {
    for (user, mark) in &seen.accounts {
        println!("ACCOUNT {user} {mark}");
    }
    println!("DAMAGED {}", seen.damaged);
}

/// A person signs in, in a browser of their own.
fn sign_in(office: &Office365, user: &str, honesty: Honesty) -> Result<()> {
    let begun = office.begin_connect(&ConnectOptions::default())?;
    let visit = Person::new(user).deliver(false).browse(&begun.url);
    if honesty == Honesty::Hasty {
        println!("ACK login {user} ?");
    }
    let account = office.complete_connect(&visit.redirect.unwrap_or_default(), None)?;
    if honesty == Honesty::Honest {
        println!("ACK login {} {}", name(&account), mark(account.acquire_token_silent()?.secret()));
    }
    Ok(())
}

/// A token that was kept is acknowledged; one that was only handed out is said to be that.
fn refresh(account: &Account) -> Result<()> {
    let token = account.acquire_token_silent()?;
    let word = if token.is_persisted() { "ACK" } else { "HANDED" };
    println!("{word} refresh {} {}", name(account), mark(token.secret()));
    Ok(())
}
