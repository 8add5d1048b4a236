//! A program in another language that answers a line of JSON with a line of JSON, and ends when its input does.

use serde_json::Value;
use std::{
    fmt::Write as _,
    io::{BufRead, BufReader, Read, Write},
    path::PathBuf,
    process::{Child, ChildStdin, Command, Stdio},
    sync::{
        Arc, Mutex,
        mpsc::{Receiver, RecvTimeoutError, channel},
    },
    thread,
    time::Duration,
};

/// Longer than any answer takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running program.
pub(crate) struct Partner {
    child: Child,
    wire: Mutex<Option<Wire>>,
    complaints: Arc<Mutex<String>>,
}

struct Wire {
    input: ChildStdin,
    lines: Receiver<String>,
}

impl Partner {
    /// Starts `script` of tests/foreign with the program that the environment variable `tool` names. `None` where tests/setup.sh
    /// has said that it cannot be had on this machine.
    pub(crate) fn start(tool: &str, script: &str, arguments: &[&str]) -> Option<Self> {
        let left_out = std::env::var("LEFT_OUT").unwrap_or_default();
        if ["node", "msal"].iter().any(|name| left_out.split(' ').any(|out| out == *name) && needs(tool, name)) {
            return None;
        }
        let program = std::env::var(tool).ok().filter(|path| !path.is_empty());
        let program = program.unwrap_or_else(|| {
            panic!("{tool} is not set: run this through `make check` or `make test`, after `tests/setup.sh check`")
        });
        let mut child = Command::new(&program)
            .arg(folder().join(script))
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{program} does not start ({error}): run `tests/setup.sh check`"));
        let (input, output, errors) = (child.stdin.take().unwrap(), child.stdout.take().unwrap(), child.stderr.take().unwrap());
        let (sender, lines) = channel();
        thread::spawn(move || BufReader::new(output).lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        let complaints = Arc::<Mutex<String>>::default();
        let heard = Arc::clone(&complaints);
        thread::spawn(move || listen(errors, &heard));
        Some(Self { child, wire: Mutex::new(Some(Wire { input, lines })), complaints })
    }

    /// The line that the program begins with.
    pub(crate) fn greeting(&self) -> Value {
        self.read(self.wire.lock().unwrap().as_ref().unwrap())
    }

    /// Says one line and waits for the answer; several threads take turns.
    pub(crate) fn ask(&self, question: &Value) -> Value {
        let mut wire = self.wire.lock().unwrap();
        let wire = wire.as_mut().unwrap();
        writeln!(wire.input, "{question}").unwrap_or_else(|error| panic!("{error}: {}", self.complaints.lock().unwrap()));
        let answer = self.read(wire);
        assert!(answer.get("failed").is_none(), "{question} failed: {answer}");
        answer
    }

    fn read(&self, wire: &Wire) -> Value {
        let line = match wire.lines.recv_timeout(PATIENCE) {
            Ok(line) => line,
            Err(why) => {
                // The last words may still be on their way.
                thread::sleep(Duration::from_millis(200));
                let what = if why == RecvTimeoutError::Timeout {
                    "is silent"
                } else {
                    "has ended (packages missing? `tests/setup.sh check` installs them)"
                };
                panic!("the program {what}: {}", self.complaints.lock().unwrap())
            }
        };
        serde_json::from_str(&line).unwrap_or_else(|_| panic!("not JSON: {line}"))
    }
}

impl Drop for Partner {
    fn drop(&mut self) {
        // Its input ends, and with it the program.
        drop(self.wire.lock().map(|mut wire| wire.take()));
        for _ in 0..100 {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            thread::sleep(Duration::from_millis(20));
        }
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// tests/foreign of this repository.
pub(crate) fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../foreign")
}

fn needs(tool: &str, name: &str) -> bool {
    matches!((tool, name), ("NODE", "node") | ("PYTHON", "msal"))
}

fn listen(errors: impl Read, heard: &Mutex<String>) {
    for line in BufReader::new(errors).lines().map_while(Result::ok) {
        let _ = writeln!(heard.lock().unwrap(), "{line}");
    }
}
