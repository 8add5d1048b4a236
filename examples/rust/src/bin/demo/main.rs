//! The whole story against the sandbox, without a human: an organisation that has not approved the app, its administrator's
//! approval, a first and a second person, a silent token, a restart, a disconnect. With `--browser` you do the clicking.
#![allow(clippy::print_stdout, reason = "the demo speaks to a person at a terminal")]

use intail_office365::{
    Account, BrowserOpener, CallOptions, Certainty, Config, ConnectOptions, ConsentStatus, Error, ErrorKind, Hooks, HostKey,
    Language, Office365, Result,
};
use intail_office365_sandbox::{Person, Sandbox, SandboxOptions};
use std::{
    error::Error as StdError,
    path::Path,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

const CONTOSO: &str = "11111111-aaaa-4bbb-8ccc-222222222222";
const ADMIN: &str = "admin@contoso.example";
const ADELE: &str = "adele@contoso.example";
const ALEX: &str = "alex@contoso.example";

/// A scripted person who follows the address as a browser would, so that the demo needs no human.
struct Robot(Person);

impl BrowserOpener for Robot {
    fn open(&self, url: &str) -> Result<()> {
        let (person, url) = (self.0.clone(), url.to_owned());
        // A browser goes its own way while the app waits for the answer.
        thread::spawn(move || person.browse(&url));
        Ok(())
    }
}

/// The host app of this demo: where the sandbox is, and who clicks.
struct Demo<'a> {
    sandbox: &'a Sandbox,
    folder: &'a Path,
    clicking: bool,
    started: Instant,
}

fn main() -> std::result::Result<(), Box<dyn StdError>> {
    let clicking = std::env::args().any(|argument| argument == "--browser");
    let (sandbox, folder) = (Sandbox::start(SandboxOptions::default())?, tempfile::tempdir()?);
    let demo = Demo { sandbox: &sandbox, folder: folder.path(), clicking, started: Instant::now() };
    println!("A sandbox Microsoft 365 runs at {} (nothing leaves this machine).\n", sandbox.authority());
    if let Err(error) = demo.tell_the_story() {
        println!("\nThe demo ended: {} {}", error.message(Language::English), error.next_step(Language::English));
        if error.url().is_some() {
            println!("No browser can be opened here: run `make demo` without BROWSER=1.");
        }
        return Err(error.into());
    }
    println!("\nDone in {:.1} s. Next: README.md shows the same in your own program.", demo.started.elapsed().as_secs_f32());
    Ok(())
}

impl Demo<'_> {
    fn tell_the_story(&self) -> Result<()> {
        self.not_approved()?;
        self.approve()?;
        let adele = self.first_person()?;
        self.second_person()?;
        self.silent_token(&adele)?;
        self.restart_and_disconnect(&adele.id())
    }

    fn not_approved(&self) -> Result<()> {
        step(1, "An organisation that has not approved the app");
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
        step(2, "The administrator approves once, for everybody");
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
        step(3, "A person connects");
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
        step(4, "A second person connects, and sees no consent page");
        self.ask_to_click(ALEX, "Sign in; there is nothing to accept.");
        let office = self.open(ALEX)?;
        connected(&office.connect(&options(ALEX), None)?);
        tell(&format!("{} accounts are in the encrypted store.", office.accounts()?.len()));
        office.close();
        Ok(())
    }

    fn silent_token(&self, adele: &Account) -> Result<()> {
        step(5, "A token, without asking anybody");
        let before = Instant::now();
        let token = adele.acquire_token_silent()?;
        let took = before.elapsed();
        let left = token.expires_at().saturating_sub(self.sandbox.control().now()) / 60;
        tell(&format!("From memory in {} ns; good for {left} more minutes. It is not shown.", took.as_nanos()));
        Ok(())
    }

    fn restart_and_disconnect(&self, id: &str) -> Result<()> {
        step(6, "The app restarts, still connected");
        let office = self.open(ADELE)?;
        let adele = office.account(id)?;
        adele.acquire_token_silent()?;
        tell(&format!("{:?}: {}", adele.state().state, adele.info().username.unwrap_or_default()));
        step(7, "Disconnect");
        let gone = adele.disconnect()?;
        tell(&format!("The account's key and rows are gone (erased from the files: {}).", gone.erased));
        tell(&format!("The person can remove the grant at {}.", gone.revoke_url));
        tell(&format!("{} account is left.", office.accounts()?.len()));
        office.close();
        Ok(())
    }

    /// The host's own app: one registration, one store, one key. A real host keeps its key in the system's key store.
    fn open(&self, robot: &str) -> Result<Office365> {
        let mut config = Config::new(&self.sandbox.control().client_id(), &self.folder.join("demo.db").to_string_lossy());
        config.authority = Some(self.sandbox.authority());
        config.graph_base = Some(self.sandbox.graph_base());
        let mut hooks = Hooks::default();
        if !self.clicking {
            hooks.browser = Some(Arc::new(Robot(Person::new(robot))));
        }
        Office365::open(config, Arc::new(HostKey::new(&[42; 32])?), hooks)
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

fn step(number: u32, title: &str) {
    println!("\n{number}. {title}");
}

fn tell(text: &str) {
    println!("   {text}");
}
