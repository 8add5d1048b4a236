//! Other processes on the store of a [`Rig`]: each does what it is told, line by line.

use crate::rig::Rig;
use std::{
    io::{BufRead, BufReader, Write},
    process::{Child, ChildStdin, Command, Stdio},
    sync::mpsc::{Receiver, channel},
    thread,
    time::{Duration, Instant},
};

/// Longer than any answer takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);
const EXE: &str = env!("CARGO_BIN_EXE_shared_host");

/// Ends with its object.
pub(crate) struct Host {
    child: Child,
    input: ChildStdin,
    lines: Receiver<String>,
}

/// What came of many calls in one process.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) ok: usize,
    pub(crate) slowest: Duration,
    /// Fingerprints.
    pub(crate) tokens: Vec<String>,
    pub(crate) errors: Vec<String>,
}

impl Host {
    /// A process that has not opened the store yet.
    pub(crate) fn start(rig: &Rig) -> Self {
        Self::run(rig, Command::new(EXE))
    }

    /// The same below another program.
    pub(crate) fn start_below(rig: &Rig, mut program: Command) -> Self {
        program.arg(EXE);
        Self::run(rig, program)
    }

    fn run(rig: &Rig, mut command: Command) -> Self {
        command.args([rig.sandbox.authority(), rig.control.client_id(), rig.config().store_path]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (input, output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let (sender, lines) = channel();
        thread::spawn(move || BufReader::new(output).lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        Self { child, input, lines }
    }

    /// A process that has the store open.
    pub(crate) fn open(rig: &Rig, settings: &str) -> Self {
        let mut host = Self::start(rig);
        assert_eq!(host.ask(format!("open {settings}").trim_end()), "opened");
        host
    }

    pub(crate) fn tell(&mut self, line: &str) {
        writeln!(self.input, "{line}").unwrap();
    }

    pub(crate) fn answer(&mut self) -> String {
        self.lines.recv_timeout(PATIENCE).expect("an answer")
    }

    pub(crate) fn ask(&mut self, line: &str) -> String {
        self.tell(line);
        self.answer()
    }

    pub(crate) fn asked(&mut self) -> Asked {
        let answer = self.answer();
        let [ok, slowest, tokens, errors] = answer.split('|').collect::<Vec<_>>().try_into().unwrap();
        let list = |text: &str| text.split(',').filter(|word| !word.is_empty()).map(str::to_owned).collect();
        let slowest = Duration::from_millis(slowest.parse().unwrap());
        Asked { ok: ok.parse().unwrap(), slowest, tokens: list(tokens), errors: list(errors) }
    }

    pub(crate) fn tokens(&mut self, threads: usize) -> Asked {
        self.tell(&format!("tokens {threads} 20000"));
        self.asked()
    }

    /// SIGKILL.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    #[cfg(unix)]
    pub(crate) fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, signal).unwrap();
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        // Also a process that is stopped.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits until something is so.
#[track_caller]
pub(crate) fn until(what: &str, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "never: {what}");
        thread::sleep(Duration::from_millis(5));
    }
}
