//! The whole story against the sandbox, without a human: an organisation that has not approved the app, its administrator's
//! approval, a first and a second person, a silent token, mail and calendar, a copy that is kept up to date, a restart, two programs on one store, accounts imported from an older
//! program, a change of key, a damaged store, an account that needs its person again, a disconnect. With `--browser` you do the clicking.
#![allow(clippy::print_stdout, reason = "the demo speaks to a person at a terminal")]

mod host;
mod import;
mod keys;
mod later;
mod reading;
mod recovery;

use host::{Host, Key};
use intail_office365::{
    Account, CallOptions, Certainty, ConnectOptions, ConsentStatus, Error, ErrorKind, Language, Office365, Result,
};
use intail_office365_sandbox::{Sandbox, SandboxOptions};
use std::{
    cell::Cell,
    error::Error as StdError,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

const CONTOSO: &str = "11111111-aaaa-4bbb-8ccc-222222222222";
const ADMIN: &str = "admin@contoso.example";
const ADELE: &str = "adele@contoso.example";
const ALEX: &str = "alex@contoso.example";

/// Columns of a line.
const WIDTH: usize = 110;

/// The demo: a host app, the sandbox that it runs against, and who clicks.
struct Demo<'a> {
    host: Host,
    sandbox: &'a Sandbox,
    clicking: bool,
    started: Instant,
    steps: Cell<u32>,
}

fn main() -> std::result::Result<(), Box<dyn StdError>> {
    if let Some(outcome) = later::second_process() {
        return outcome;
    }
    let clicking = std::env::args().any(|argument| argument == "--browser");
    let (sandbox, folder) = (Sandbox::start(SandboxOptions::default())?, tempfile::tempdir()?);
    let host = Host {
        authority: sandbox.authority(),
        client_id: sandbox.control().client_id(),
        folder: folder.path().to_owned(),
        key: Cell::new(Key::File),
        clock: Arc::default(),
    };
    let demo = Demo { host, sandbox: &sandbox, clicking, started: Instant::now(), steps: Cell::new(0) };
    println!("A sandbox Microsoft 365 runs at {} (nothing leaves this machine).\n", sandbox.authority());
    if let Err(error) = demo.tell_the_story() {
        explain(&*error);
        return Err(error);
    }
    println!("\nDone in {:.1} s. Next: README.md shows the same in your own program.", demo.started.elapsed().as_secs_f32());
    Ok(())
}

impl Demo<'_> {
    fn tell_the_story(&self) -> std::result::Result<(), Box<dyn StdError>> {
        self.not_approved()?;
        self.approve()?;
        let adele = self.first_person()?;
        self.second_person()?;
        let id = adele.id();
        self.silent_token(adele)?;
        self.reading(&id)?;
        self.syncing(&id)?;
        self.restart(&id)?;
        self.two_processes(&id)?;
        self.import()?;
        self.change_of_key(&id)?;
        self.old_key(&id)?;
        self.damage()?;
        self.needs_its_person(&id)?;
        self.disconnect(&id)?;
        Ok(())
    }

    fn not_approved(&self) -> Result<()> {
        self.step("An organisation that has not approved the app");
        let seconds = if self.clicking { 60 } else { 2 };
        tell(&format!("{ADELE} clicks Connect. Microsoft shows \"Need admin approval\" and sends nothing back;"));
        tell(&format!("the app waits {seconds} s here (5 minutes by default)."));
        self.ask_to_click(ADELE, "You will see why an approval is needed. Leave the page open.");
        let office = self.open(ADELE)?.with(CallOptions { timeout_ms: Some(seconds * 1000), cancel: None });
        match office.connect(&options(ADELE), None) {
            Err(error) if error.kind() == ErrorKind::TimedOut => show(&error),
            Err(error) => return Err(error),
            Ok(_) => tell("The organisation had approved already."),
        }
        office.close();
        Ok(())
    }

    fn approve(&self) -> Result<()> {
        self.step("The administrator approves once, for everybody");
        self.ask_to_click(ADMIN, "Accept the permissions.");
        let office = self.open(ADMIN)?;
        let answer = office.admin_consent(CONTOSO, None)?;
        tell(&format!("The browser brought the approval back for tenant {}.", answer.claimed_tenant.unwrap_or_default()));
        tell(&format!(
            "It counts once a token proves it. {}",
            office.check_consent(Some(CONTOSO))?.how_to_find_out(Language::English)
        ));
        office.close();
        Ok(())
    }

    fn first_person(&self) -> Result<Account> {
        self.step("A person connects");
        self.ask_to_click(ADELE, "Sign in.");
        let office = self.open(ADELE)?;
        let adele = office.connect(&options(ADELE), None)?;
        connected(&adele);
        if office.check_consent(Some(CONTOSO))?.status == ConsentStatus::Approved {
            tell("Her token proves the administrator's approval.");
        }
        Ok(adele)
    }

    fn second_person(&self) -> Result<()> {
        self.step("A second person connects, and sees no consent page");
        self.ask_to_click(ALEX, "Sign in; there is nothing to accept.");
        let office = self.open(ALEX)?;
        connected(&office.connect(&options(ALEX), None)?);
        tell(&format!("{} accounts are in the encrypted store.", office.accounts()?.len()));
        office.close();
        Ok(())
    }

    #[expect(clippy::needless_pass_by_value, reason = "the account is let go before the app restarts")]
    fn silent_token(&self, adele: Account) -> Result<()> {
        self.step("A token, without asking anybody");
        adele.acquire_token_silent()?;
        let before = Instant::now();
        let token = adele.acquire_token_silent()?;
        let took = before.elapsed();
        let left = token.expires_at().saturating_sub(self.sandbox.control().now()) / 60;
        tell(&format!("From memory in {} ns; good for {left} more minutes. It is not shown.", took.as_nanos()));
        Ok(())
    }

    fn restart(&self, id: &str) -> Result<()> {
        self.step("The app restarts, still connected");
        let office = self.open(ADELE)?;
        let adele = office.account(id)?;
        adele.acquire_token_silent()?;
        tell(&format!("{:?}: {}", adele.state().state, adele.info().username.unwrap_or_default()));
        office.close();
        Ok(())
    }

    fn disconnect(&self, id: &str) -> Result<()> {
        self.step("Disconnect");
        let office = self.open(ADELE)?;
        let gone = office.account(id)?.disconnect()?;
        tell(&format!("The account's key and rows are gone (erased from the files: {}).", gone.erased));
        tell(&format!("The person can remove the grant at {}.", gone.revoke_url));
        tell(&format!("Accounts that are left: {}.", office.accounts()?.len()));
        office.close();
        Ok(())
    }

    fn open(&self, user: &str) -> Result<Office365> {
        self.host.open((!self.clicking).then_some(user))
    }

    fn step(&self, title: &str) {
        self.steps.set(self.steps.get().saturating_add(1));
        println!("\n{}. {title}", self.steps.get());
    }

    fn ask_to_click(&self, user: &str, what: &str) {
        if self.clicking {
            tell(&format!("Your browser opens: choose {user}, any password. {what}"));
            wait_for_reading();
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "a person reads two lines; nothing has to be cancelled")]
fn wait_for_reading() {
    thread::sleep(Duration::from_secs(3));
}

fn options(user: &str) -> ConnectOptions {
    ConnectOptions { login_hint: Some(user.to_owned()), ..ConnectOptions::default() }
}

fn connected(account: &Account) {
    let (info, scopes) = (account.info(), account.scopes());
    let granted: Vec<&str> = scopes.granted.iter().map(|scope| scope.name()).collect();
    tell(&format!("Connected: {} <{}>", info.display_name.unwrap_or_default(), info.username.unwrap_or_default()));
    tell(&format!("Granted: {}", granted.join(", ")));
}

fn explain(error: &(dyn StdError + 'static)) {
    let Some(error) = error.downcast_ref::<Error>() else { return println!("\nThe demo ended: {error}") };
    println!("\nThe demo ended: {} {}", error.message(Language::English), error.next_step(Language::English));
    if error.url().is_some() {
        println!("No browser can be opened here: run `make demo` without BROWSER=1.");
    }
}

/// What a host shows a person when it did not work: what happened, what to do, and the link for the administrator.
fn show(error: &Error) {
    tell(&format!("The app says: {}", error.message(Language::English)));
    tell(error.next_step(Language::English));
    if let Some(approval) = error.admin_approval() {
        let sure = match approval.certainty {
            Certainty::Certain => "is missing",
            Certainty::Ambiguous => "may be missing",
            Certainty::Likely => "is probably missing",
        };
        tell(&format!("An administrator's approval {sure}. The link for the administrator:"));
        tell(&approval.url);
    }
}

/// Indented, in lines that fit a terminal.
fn tell(text: &str) {
    let mut line = "  ".to_owned();
    for word in text.split(' ') {
        if !line.trim().is_empty() && line.len() + word.len() > WIDTH {
            println!("{line}");
            "    ".clone_into(&mut line);
        }
        line.push(' ');
        line.push_str(word);
    }
    println!("{line}");
}
