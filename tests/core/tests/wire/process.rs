//! What a host's process shows to others: its output, the programs that it starts, the memory that it locks.
#![cfg(target_os = "linux")]

use crate::{
    host::quiet_host,
    rig::{MEGAN, NILS, Rig},
};
use intail_office365_sandbox::Person;
use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    thread,
    time::{Duration, Instant},
};
use url::Url;

/// Runs a host to its end: one that signs in, or one that imports two accounts of which one is refused, changes keys and recovers.
fn run(rig: &Rig, role: &str, mut host: Command) -> Output {
    if role == "keep" {
        let saved = rig.control.msal_cache(&[MEGAN, NILS]);
        rig.control.set_user_disabled(NILS, true).unwrap();
        fs::write(rig.folder.path().join("saved.json"), saved.to_string()).unwrap();
    }
    let output = host.stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{role}: {}", String::from_utf8_lossy(&output.stderr));
    output
}

/// M-05: the host's stdout and stderr stay empty, whatever happens; a host that prints is noticed.
#[test]
fn m_05_nothing_is_printed() {
    for (role, silent) in [("story", true), ("keep", true), ("loud", false)] {
        let rig = Rig::new();
        let output = run(&rig, role, quiet_host(&rig, role));
        assert_eq!((output.stdout.is_empty(), output.stderr.is_empty()), (silent, silent), "{role}");
    }
}

/// M-07: where no page may be locked in memory everything works as elsewhere: the library locks none (SECURITY.md says what follows).
#[test]
fn m_07_a_host_that_may_lock_no_memory_works() {
    let limited = |program: &Command| {
        let mut below = Command::new("prlimit");
        below.args(["--memlock=0:0", "--"]).arg(program.get_program()).args(program.get_args());
        below
    };
    let limits = limited(Command::new("cat").arg("/proc/self/limits")).output().unwrap();
    let limits = String::from_utf8(limits.stdout).unwrap();
    let locked: Vec<&str> = limits.lines().filter_map(|line| line.strip_prefix("Max locked memory")).collect();
    assert_eq!(locked[0].split_whitespace().collect::<Vec<_>>(), ["0", "0", "bytes"], "the limit holds for what is run like this");
    for role in ["story", "keep"] {
        let rig = Rig::new();
        let output = run(&rig, role, limited(&quiet_host(&rig, role)));
        assert!(output.stdout.is_empty() && output.stderr.is_empty(), "{role}");
    }
}

/// What stands in a sign-in's address, and no more.
const PARAMETERS: [&str; 12] = [
    "claims",
    "client_id",
    "response_type",
    "redirect_uri",
    "response_mode",
    "scope",
    "state",
    "nonce",
    "code_challenge",
    "code_challenge_method",
    "prompt",
    "client_info",
];

/// Stands in for the desktop's program that opens addresses: writes down what it was given, as the system shows it to others.
const BROWSER: &str = r#"#!/bin/sh
/bin/cat "/proc/$$/cmdline" > "$RECORDS/arguments"
/bin/cat "/proc/$$/environ" > "$RECORDS/environment"
/bin/mv "$RECORDS/environment" "$RECORDS/whole"
"#;

struct Browser {
    folder: PathBuf,
    program: String,
}

impl Browser {
    fn new(folder: &Path) -> Self {
        let program = folder.join("xdg-open");
        fs::write(&program, BROWSER).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o700)).unwrap();
        Self { folder: folder.to_owned(), program: program.to_str().unwrap().to_owned() }
    }

    /// All that the host has in its environment.
    fn environment(&self) -> BTreeSet<String> {
        let folder = self.folder.to_str().unwrap();
        [("PATH", folder), ("RECORDS", folder), ("HOME", "/nowhere")].map(|(name, value)| format!("{name}={value}")).into()
    }

    fn heard(&self) -> Option<(Vec<String>, BTreeSet<String>)> {
        let parts = |name: &str| -> Option<Vec<String>> {
            let text = fs::read_to_string(self.folder.join(name)).ok()?;
            Some(text.split_terminator('\0').map(str::to_owned).collect())
        };
        parts("whole").zip(parts("arguments")).map(|(environment, arguments)| (arguments, environment.into_iter().collect()))
    }
}

/// What a browser's program was given beside the address of the sign-in.
fn carried(browser: &Browser, secrets: &[(&str, String)]) -> Vec<String> {
    let (arguments, environment) = browser.heard().unwrap();
    let mut findings: Vec<String> = environment.symmetric_difference(&browser.environment()).cloned().collect();
    let [shell, program, url, more @ ..] = arguments.as_slice() else { panic!("{arguments:?}") };
    assert_eq!((shell.as_str(), program), ("/bin/sh", &browser.program));
    findings.extend(more.iter().cloned());
    for (name, value) in Url::parse(url).unwrap().query_pairs() {
        // What is as long as a secret must be one of those that are meant to be seen.
        let may_be_long = ["claims", "code_challenge", "state", "nonce", "scope", "redirect_uri"].contains(&&*name);
        if !PARAMETERS.contains(&&*name) || (value.len() > 40 && !may_be_long) {
            findings.push(format!("{name}={value}"));
        }
    }
    let shown = [arguments.concat(), environment.into_iter().collect()].concat();
    findings.extend(secrets.iter().filter(|(_, secret)| shown.contains(secret)).map(|(kind, _)| (*kind).to_owned()));
    findings
}

/// M-06: the library's own opener gives the browser's program the address and the host's environment as it is, and nothing else; the
/// host's environment stays as it was. A host with an opener that gives more away is noticed.
#[test]
fn m_06_a_browser_gets_the_address_alone() {
    for (role, expected) in [("browse", &[][..]), ("careless", &["CODE_VERIFIER=x", "--verifier=x"])] {
        let rig = Rig::new();
        let browser = Browser::new(rig.folder.path());
        let mut command = quiet_host(&rig, role);
        command.env_clear().envs(browser.environment().iter().filter_map(|variable| variable.split_once('=')));
        let mut host = command.stdin(Stdio::null()).spawn().unwrap();
        let deadline = Instant::now() + Duration::from_secs(30);
        while browser.heard().is_none() {
            assert!(Instant::now() < deadline && host.try_wait().unwrap().is_none(), "no browser was opened");
            thread::sleep(Duration::from_millis(20));
        }
        let (arguments, _) = browser.heard().unwrap();
        Person::new(MEGAN).browse(&arguments[2]);
        assert!(host.wait().unwrap().success(), "{role}");
        assert!(rig.folder.path().join("told").exists());
        let secrets = rig.sandbox.issued_secrets();
        assert!(secrets.iter().any(|(kind, _)| *kind == "authorization code"));
        assert_eq!(carried(&browser, &secrets), expected, "{role}");
    }
}
