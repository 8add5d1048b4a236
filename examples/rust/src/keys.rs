//! The key of the store: where it is, what it protects from, how it changes.

use crate::counted;
use intail_office365::{KeyFile, KeyProvider, Language, Office365, Passphrase, Result, default_key_provider};
use std::{
    convert::Infallible,
    fmt,
    io::{self, BufRead, IsTerminal, Write},
    path::{Path, PathBuf},
    str::FromStr,
    sync::Arc,
};

/// The name under which the system's key store lists this program's keys. It must stay the same for ever.
const SERVICE: &str = "example.intail-office365";
/// How often a person may mistype a new passphrase.
const ATTEMPTS: usize = 3;

/// Where the key of the store is.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum KeyChoice {
    /// The key store of the system.
    System,
    /// A file; without a path, one in the folder of the store.
    File(Option<PathBuf>),
    /// A passphrase, asked for at each start.
    Passphrase,
}

impl KeyChoice {
    /// The provider, asking for the passphrase where that is the choice: twice if it is `new`.
    pub(crate) fn provider(&self, folder: &Path, new: bool) -> Result<Arc<dyn KeyProvider>> {
        Ok(match self {
            Self::System => default_key_provider(SERVICE)?,
            Self::File(path) => {
                let path = path.clone().unwrap_or_else(|| folder.join("office365.key"));
                Arc::new(KeyFile::at(&path.to_string_lossy())?)
            }
            Self::Passphrase if new => Arc::new(Passphrase::new(&new_passphrase())?),
            Self::Passphrase => Arc::new(Passphrase::new(&ask("Passphrase"))?),
        })
    }
}

impl FromStr for KeyChoice {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        match text.split_once('=') {
            None if text == "os" => Ok(Self::System),
            None if text == "file" => Ok(Self::File(None)),
            None if text == "passphrase" => Ok(Self::Passphrase),
            Some(("file", path)) if !path.is_empty() => {
                path.parse().map(|path| Self::File(Some(path))).map_err(|never: Infallible| match never {})
            }
            _ => Err("it is one of: file, file=PATH, os, passphrase".to_owned()),
        }
    }
}

impl fmt::Display for KeyChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::System => f.write_str("os"),
            Self::File(None) => f.write_str("file"),
            Self::File(Some(path)) => write!(f, "file={}", path.display()),
            Self::Passphrase => f.write_str("passphrase"),
        }
    }
}

pub(crate) fn protection(office: &Office365) {
    let protection = office.protection();
    println!("{}\n{}", protection.protects(Language::English), protection.does_not_protect(Language::English));
}

pub(crate) fn change(office: &Office365, to: &KeyChoice, folder: &Path) -> Result<()> {
    office.change_key(to.provider(folder, true)?)?;
    protection(office);
    println!(
        "\nFrom now on give --key {to} (or set INTAIL_KEY). If somebody may have the old key and a copy of the store, go on with:\n  office365 --key {to} rotate-key"
    );
    Ok(())
}

pub(crate) fn rotate(office: &Office365) -> Result<()> {
    let rotation = office.rotate_store_key()?;
    println!("Sealed anew: {}.", counted(rotation.accounts));
    if rotation.damaged > 0 {
        println!("Could not be read: {}. Their persons have to connect again.", rotation.damaged);
    }
    if !rotation.erased {
        println!("Another program is reading the store: the old state leaves the files when it ends.");
    }
    Ok(())
}

/// A new passphrase, typed twice at a terminal, as one that is mistyped would lock every account away. Empty if it does not succeed,
/// which the library refuses.
fn new_passphrase() -> String {
    for _ in 0..ATTEMPTS {
        let phrase = ask("New passphrase (12 characters or more)");
        if !io::stdin().is_terminal() || phrase == ask("The same again") {
            return phrase;
        }
        eprintln!("These are not the same.");
    }
    String::new()
}

/// A secret: asked for at a terminal, else the next line of standard input. Empty if there is none, which the library refuses.
pub(crate) fn ask(what: &str) -> String {
    if io::stdin().is_terminal() {
        eprint!("{what}: ");
        let _ = io::stderr().flush();
    }
    let line = without_echo(|| {
        let mut line = String::new();
        io::stdin().lock().read_line(&mut line).map(|_| line)
    });
    if io::stdin().is_terminal() {
        eprintln!();
    }
    let line = line.unwrap_or_else(|problem| {
        eprintln!("It cannot be read: {problem}");
        String::new()
    });
    line.trim_end_matches(['\r', '\n']).to_owned()
}

/// What is typed meanwhile does not appear on the terminal.
#[cfg(unix)]
fn without_echo<T>(read: impl FnOnce() -> T) -> T {
    use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
    let stdin = io::stdin();
    let Ok(before) = tcgetattr(&stdin) else { return read() };
    let mut silent = before.clone();
    silent.local_modes.remove(LocalModes::ECHO);
    let _ = tcsetattr(&stdin, OptionalActions::Now, &silent);
    let answer = read();
    let _ = tcsetattr(&stdin, OptionalActions::Now, &before);
    answer
}

/// Elsewhere it does appear; a program for Windows would turn the console's echo off.
#[cfg(not(unix))]
fn without_echo<T>(read: impl FnOnce() -> T) -> T {
    read()
}
