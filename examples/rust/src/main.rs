//! A small command-line host of `intail-office365`: connect, look, disconnect; choose and change the key of the store, import
//! accounts, mend a damaged store. Works against the real Microsoft cloud with the client id of an app registration in
//! `INTAIL_CLIENT_ID`, and against the sandbox with `--sandbox http://localhost:PORT`.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command-line program speaks to its user")]

mod folder;
mod import;
mod keys;
mod read;
mod recovery;
mod told;

use clap::{Parser, Subcommand};
use import::Format;
use intail_office365::{
    Account, Actor, CallOptions, Config, ConnectOptions, Error, ErrorKind, Hooks, Language, LogSink, Office365, Result,
};
use keys::KeyChoice;
use std::{path::PathBuf, process::ExitCode, sync::Arc, thread, time::Duration};
use told::{Events, Progress, StandardError};

/// How often `status --watch` asks for a token.
const WATCH_INTERVAL: Duration = Duration::from_secs(10);

/// Connects Office 365 accounts and shows how they stand. The token itself is never printed.
#[derive(Parser)]
#[command(name = "office365", version)]
struct Arguments {
    /// Application (client) id of the app registration.
    #[arg(long, global = true, env = "INTAIL_CLIENT_ID")]
    client_id: Option<String>,
    /// Address of a sandbox, for instance `http://localhost:8365`; without it the real Microsoft cloud is used.
    #[arg(long, global = true, env = "INTAIL_SANDBOX")]
    sandbox: Option<String>,
    /// Folder of the store.
    #[arg(long, global = true, env = "INTAIL_FOLDER", default_value_os_t = folder::default())]
    folder: PathBuf,
    /// Where the key of the store is: `file` (in the folder), `file=PATH`, `os` (the key store of the system), or `passphrase` (asked
    /// for; a line of standard input where that is no terminal).
    #[arg(long, global = true, env = "INTAIL_KEY", default_value = "file", value_name = "KEY")]
    key: KeyChoice,
    /// Answer `profile`, `messages`, `events`, `sync` and `diagnose` with JSON, a line for each item.
    #[arg(long, global = true)]
    json: bool,
    /// Show the library's log on standard error.
    #[arg(long, global = true)]
    log: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Connect an account in the system's browser.
    Connect {
        /// User name to fill in at the sign-in page.
        #[arg(long)]
        user: Option<String>,
        /// Tenant to sign in to, for guests: a GUID or a domain.
        #[arg(long)]
        tenant: Option<String>,
        /// Seconds to wait for the sign-in.
        #[arg(long, default_value_t = 300)]
        wait: u32,
    },
    /// Approve the app for an organisation, as its administrator.
    AdminConsent {
        /// The organisation: a GUID or one of its domains.
        tenant: String,
    },
    /// List the connected accounts.
    Accounts,
    /// Say how an account stands: state, permissions, what is known of the organisation's approval.
    Status {
        /// User name or id of the account; the only one if left out.
        account: Option<String>,
        /// Go on, and say when the account needs somebody and when it is well again. Ctrl+C ends it.
        #[arg(long)]
        watch: bool,
    },
    /// Get a token silently, and say how long it is good.
    Token {
        /// User name or id of the account; the only one if left out.
        account: Option<String>,
        /// Say when the token expires.
        #[arg(long)]
        show_expiry: bool,
    },
    /// Read a person's profile.
    Profile {
        /// User name or id of the account; the only one if left out.
        account: Option<String>,
    },
    /// Read the newest messages: senders, subjects and times.
    Messages {
        /// User name or id of the account; the only one if left out.
        account: Option<String>,
        /// A folder, by its id or well-known name (`inbox`, `sentitems`); all of them if left out.
        #[arg(long = "in", value_name = "FOLDER")]
        mail_folder: Option<String>,
        /// How many.
        #[arg(long, default_value_t = 10)]
        count: u32,
        /// Only those that were not read.
        #[arg(long)]
        unread: bool,
    },
    /// Read what happens in the next days.
    Events {
        /// User name or id of the account; the only one if left out.
        account: Option<String>,
        /// How many days.
        #[arg(long, default_value_t = 7)]
        days: u32,
    },
    /// Say what changed in a folder, or in all of them, since the last time.
    Sync {
        /// User name or id of the account; the only one if left out.
        account: Option<String>,
        /// The folder, by its id or well-known name.
        #[arg(long = "in", value_name = "FOLDER", default_value = "inbox", conflicts_with = "all")]
        mail_folder: String,
        /// Every folder of the mailbox.
        #[arg(long)]
        all: bool,
    },
    /// Look at everything that the library needs here, for support.
    Diagnose,
    /// Forget an account, here and in the store.
    Disconnect {
        /// User name or id of the account; the only one if left out.
        account: Option<String>,
    },
    /// Connect the accounts whose sign-ins another program has saved. Its file is read and never changed.
    Import {
        /// The program that wrote the file.
        format: Format,
        /// The file; for `email-oauth2-proxy` its configuration file.
        file: String,
        /// Take only this account.
        #[arg(long)]
        user: Option<String>,
        /// The file that `email-oauth2-proxy` was given as `--cache-store`.
        #[arg(long)]
        cache: Option<String>,
        /// Ask for the password of the saved sign-ins.
        #[arg(long)]
        password: bool,
    },
    /// Say what protects the store, and what does not.
    Protection,
    /// Keep the key of the store elsewhere from now on, or replace it by a new one of the same kind.
    ChangeKey {
        /// The new place, in the words of `--key`.
        to: KeyChoice,
    },
    /// Seal everything in the store anew, so that nothing in it can be read with an old key.
    RotateKey,
    /// Look at a store that does not open, and change nothing.
    Inspect,
    /// Save what can be read of a damaged store.
    Recover,
    /// Throw the store away, with every account in it. It cannot be undone.
    Discard {
        /// The word `everything`, as a confirmation.
        #[arg(value_parser = ["everything"], value_name = "everything")]
        confirmation: String,
    },
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            explain(&error);
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<()> {
    let config = config(arguments);
    let keys = || arguments.key.provider(&arguments.folder, !std::path::Path::new(&config.store_path).exists());
    match &arguments.command {
        // These are for a store that may not open.
        Command::Inspect => recovery::inspect(&config, keys()?),
        Command::Recover => recovery::recover(&config, keys()?),
        Command::Discard { .. } => recovery::discard(&config),
        _ => {
            let log: Option<Arc<dyn LogSink>> = if arguments.log { Some(Arc::new(StandardError)) } else { None };
            let hooks = Hooks { log, accounts: Some(Arc::new(Events)), ..Hooks::default() };
            let office = Office365::open(config.clone(), keys()?, hooks)?;
            let outcome = run_on(&office, arguments);
            office.close();
            outcome
        }
    }
}

fn run_on(office: &Office365, arguments: &Arguments) -> Result<()> {
    match &arguments.command {
        Command::Connect { user, tenant, wait } => connect(office, user.clone(), tenant.clone(), *wait),
        Command::AdminConsent { tenant } => admin_consent(office, tenant),
        Command::Accounts => accounts(office),
        Command::Status { account, watch } => status(office, &find(office, account.as_deref())?, *watch),
        Command::Token { account, show_expiry } => token(&find(office, account.as_deref())?, *show_expiry),
        Command::Profile { account } => read::profile(&find(office, account.as_deref())?, arguments.json),
        Command::Messages { account, mail_folder, count, unread } => {
            read::messages(&find(office, account.as_deref())?, mail_folder.clone(), *count, *unread, arguments.json)
        }
        Command::Events { account, days } => read::events(&find(office, account.as_deref())?, *days, arguments.json),
        Command::Sync { account, all: true, .. } => read::sync_all(&find(office, account.as_deref())?, arguments.json),
        Command::Sync { account, mail_folder, .. } => read::sync(&find(office, account.as_deref())?, mail_folder, arguments.json),
        Command::Diagnose => read::diagnose(office, arguments.json),
        Command::Disconnect { account } => disconnect(&find(office, account.as_deref())?),
        Command::Import { format, file, user, cache, password } => {
            import::import(office, format.source(file, user.clone(), cache.clone(), *password))
        }
        Command::Protection => {
            keys::protection(office);
            Ok(())
        }
        Command::ChangeKey { to } => keys::change(office, to, &arguments.folder),
        Command::RotateKey => keys::rotate(office),
        Command::Inspect | Command::Recover | Command::Discard { .. } => Ok(()),
    }
}

/// One registration and one store. The folder is this user's alone.
fn config(arguments: &Arguments) -> Config {
    if let Err(problem) = folder::make_private(&arguments.folder) {
        eprintln!("The folder {} cannot be used: {problem}", arguments.folder.display());
    }
    // A sandbox has a store of its own beside the real one.
    let name = if arguments.sandbox.is_some() { "sandbox.db" } else { "office365.db" };
    // The sandbox knows one registration; in the real cloud the app's own is needed.
    let client_id = match (&arguments.client_id, &arguments.sandbox) {
        (Some(id), _) => id,
        (None, Some(_)) => "55555555-0000-4aaa-9bbb-666666666666",
        (None, None) => {
            eprintln!(
                "Give the client id of your app registration with --client-id or INTAIL_CLIENT_ID, or a sandbox with --sandbox."
            );
            ""
        }
    };
    let mut config = Config::new(client_id, &arguments.folder.join(name).to_string_lossy());
    if let Some(sandbox) = &arguments.sandbox {
        config.authority = Some(sandbox.clone());
        config.graph_base = Some(format!("{}/graph", sandbox.trim_end_matches('/')));
    }
    config
}

fn connect(office: &Office365, user: Option<String>, tenant: Option<String>, wait: u32) -> Result<()> {
    let office = office.with(CallOptions { timeout_ms: Some(wait.saturating_mul(1000)), cancel: None });
    let options = ConnectOptions { login_hint: user, tenant, ..ConnectOptions::default() };
    let account = office.connect(&options, Some(Arc::new(Progress)))?;
    println!("Connected: {}", name(&account));
    let scopes = account.scopes();
    println!("Granted:   {}", scopes.granted.iter().map(|scope| scope.name()).collect::<Vec<_>>().join(", "));
    for missing in scopes.missing {
        println!("Missing:   {}", missing.name());
    }
    Ok(())
}

fn admin_consent(office: &Office365, tenant: &str) -> Result<()> {
    let answer = office.admin_consent(tenant, Some(Arc::new(Progress)))?;
    println!("The browser brought the approval back{}.", answer.claimed_tenant.map(|id| format!(" for {id}")).unwrap_or_default());
    println!("It counts once somebody of that organisation connects.");
    Ok(())
}

fn accounts(office: &Office365) -> Result<()> {
    let accounts = office.accounts()?;
    for account in &accounts {
        println!("{}  {}  {:?}", account.id(), name(account), account.state().state);
    }
    let damaged = u32::try_from(office.damaged_accounts()?.len()).unwrap_or(u32::MAX);
    if damaged > 0 {
        println!("{} damaged; the person connects again. More: office365 inspect", counted(damaged));
    }
    if accounts.is_empty() && damaged == 0 {
        println!("No account is connected. Try the command `connect`.");
    }
    Ok(())
}

fn status(office: &Office365, account: &Account, watch: bool) -> Result<()> {
    let (info, state, scopes) = (account.info(), account.state(), account.scopes());
    println!("{}\n  state        {:?} {}", name(account), state.state, state.detail);
    if !state.detail.is_empty() {
        println!("               {} {}", state.message(Language::English), state.next_step(Language::English));
    }
    println!("  tenant       {}", info.tenant_id);
    println!("  granted      {}", scopes.granted.iter().map(|scope| scope.name()).collect::<Vec<_>>().join(", "));
    let consent = office.check_consent(Some(&info.tenant_id))?;
    println!("  organisation {:?}: {}", consent.status, consent.how_to_find_out(Language::English));
    if watch { keep_watching(account) } else { Ok(()) }
}

/// What a host does in the background anyway: it asks for a token now and then. Most of the time that asks nobody, and what a refusal
/// means for the account is said by its event.
#[expect(clippy::disallowed_methods, reason = "a command that its user ends with Ctrl+C")]
fn keep_watching(account: &Account) -> Result<()> {
    println!("Watching; Ctrl+C ends it.");
    loop {
        match account.acquire_token_silent() {
            Err(error) if error.kind() == ErrorKind::NotConnected => return Err(error),
            _ => thread::sleep(WATCH_INTERVAL),
        }
    }
}

fn token(account: &Account, show_expiry: bool) -> Result<()> {
    let token = account.acquire_token_silent()?;
    println!("A token for {} is there.", name(account));
    if show_expiry {
        println!("It expires at {} (Unix seconds).", token.expires_at());
    }
    Ok(())
}

fn disconnect(account: &Account) -> Result<()> {
    let gone = account.disconnect()?;
    println!("Disconnected. The grant itself can be removed at {}", gone.revoke_url);
    if !gone.erased {
        println!("Another program is reading the store; what is left of the account goes when the store is opened or closed next.");
    }
    if gone.key_replaced {
        println!("Older copies of the store no longer open by themselves.");
    }
    Ok(())
}

/// The account that was named, or the only one.
#[expect(clippy::disallowed_methods, reason = "a program of its own, whose store is closed by then")]
fn find(office: &Office365, wanted: Option<&str>) -> Result<Account> {
    let mut accounts = office.accounts()?;
    let damaged = !office.damaged_accounts()?.is_empty();
    match wanted {
        None if accounts.len() == 1 && !damaged => Ok(accounts.remove(0)),
        None if accounts.is_empty() => office.account(""),
        None => {
            eprintln!("Say which account is meant:");
            for account in &accounts {
                eprintln!("  {}  {}", account.id(), name(account));
            }
            office.close();
            std::process::exit(2);
        }
        Some(wanted) => {
            let named = |account: &Account| account.info().username.is_some_and(|name| name.eq_ignore_ascii_case(wanted));
            accounts.into_iter().find(named).map_or_else(|| office.account(wanted), Ok)
        }
    }
}

/// `1 account`, `2 accounts`.
fn counted(accounts: u32) -> String {
    format!("{accounts} account{}", if accounts == 1 { "" } else { "s" })
}

fn name(account: &Account) -> String {
    let info = account.info();
    format!("{} <{}>", info.display_name.unwrap_or_default(), info.username.unwrap_or_default())
}

/// What a host tells a person when it did not work: what happened, who must act, the link for the administrator.
fn explain(error: &Error) {
    let language = Language::English;
    eprintln!("{}\n{}", error.message(language), error.next_step(language));
    if let Some(approval) = error.admin_approval() {
        eprintln!("\n--- a message for your administrator ---\n{}\n---", approval.text_to_forward(language));
    }
    match error.kind() {
        ErrorKind::NotConnected => {
            eprintln!("`office365 accounts` lists the connected accounts; name one where there are several.");
        }
        ErrorKind::KeyRejected | ErrorKind::KeyUnavailable => {
            eprintln!("`--key` says where the key is: file, file=PATH, os or passphrase.");
        }
        ErrorKind::StorageDamaged => eprintln!("`office365 inspect` looks at the store and says what can be done."),
        _ => {}
    }
    let who = match error.who_acts() {
        Actor::Nobody => "nobody; wait or try again",
        Actor::User => "you",
        Actor::Administrator => "the administrator of the organisation",
        Actor::Developer => "whoever set this program up",
    };
    if let Some(code) = error.service_code_meaning() {
        eprintln!("{}: {}. {}.", code.code, code.meaning, code.remedy);
    }
    eprintln!("Who has to act: {who}. ({error})");
}
