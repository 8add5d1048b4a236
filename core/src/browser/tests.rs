//! The listener over real sockets.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]

mod hostile;
mod lifetime;
mod pages;

use super::{Callback, Listener, ListenerOptions, Outcome, Presentation, StatusPage, Verdict};
use crate::{
    call::{Call, CallOptions, CancelToken},
    config::AppIdentity,
    consent::Scope,
    error::Result,
};
use std::{
    io::{Read, Write},
    net::TcpStream,
    sync::{
        Arc,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

/// The page is kept for that long where nobody asks for it.
const PATIENCE: Duration = Duration::from_secs(10);
/// What the callback of our sign-in carries.
const OURS: &str = "code=the-code&state=right";

fn app() -> AppIdentity {
    AppIdentity { name: "Intail".into(), logo_png: None, accent_color: "#1f4e8c".into(), return_url: None }
}

fn options<'a>(host: &'a str, path: &'a str) -> ListenerOptions<'a> {
    ListenerOptions { host, path, ports: &[], login_origin: "https://login.example", presentation: Presentation::new(&app()) }
}

fn connected() -> Outcome {
    Outcome::Connected {
        account: "Maria Example".into(),
        username: Some("maria@contoso.example".into()),
        granted: vec![Scope::UserRead, Scope::MailReadBasic],
        missing: vec![],
        excess: vec![],
    }
}

fn call(timeout: Duration, cancel: &Arc<CancelToken>) -> Call {
    let options = CallOptions { timeout_ms: Some(u32::try_from(timeout.as_millis()).unwrap()), cancel: Some(Arc::clone(cancel)) };
    Call::new(&options, timeout, &CancelToken::new())
}

fn judge(callback: &Callback) -> Verdict {
    match callback.parameters.as_str() {
        OURS => Verdict::Ours,
        "code=the-code&state=old" => Verdict::Replayed,
        _ => Verdict::KeepWaiting,
    }
}

/// A sign-in that waits in a thread of its own, and the number of callbacks that its judge saw.
struct Rig {
    port: u16,
    judged: Arc<AtomicU32>,
    /// What the listener counted once its wait was over.
    refused: Arc<AtomicU64>,
    login: JoinHandle<Result<Callback>>,
    cancel: Arc<CancelToken>,
}

impl Rig {
    fn new() -> Self {
        Self::with(options("localhost", "/cb"), Duration::from_secs(60))
    }

    fn with(options: ListenerOptions<'_>, timeout: Duration) -> Self {
        let listener = Listener::bind(options).unwrap();
        let (port, judged, cancel) = (listener.port(), Arc::new(AtomicU32::new(0)), CancelToken::new());
        let refused = Arc::new(AtomicU64::new(0));
        let (count, refusals, call) = (Arc::clone(&judged), Arc::clone(&refused), call(timeout, &cancel));
        let login = thread::spawn(move || {
            let callback = listener.wait(&call, &mut |_| {}, &|callback| {
                count.fetch_add(1, Ordering::SeqCst);
                judge(callback)
            })?;
            refusals.store(listener.refused(), Ordering::SeqCst);
            listener.finish(&connected(), PATIENCE);
            Ok(callback)
        });
        Self { port, judged, refused, login, cancel }
    }

    fn judged(&self) -> u32 {
        self.judged.load(Ordering::SeqCst)
    }

    /// A request as a browser sends it; `first` is its request line without the version.
    fn get(&self, first: &str) -> String {
        self.send(self.request(first, "").as_bytes())
    }

    fn request(&self, first: &str, headers: &str) -> String {
        format!("{first} HTTP/1.1\r\nHost: localhost:{}\r\n{headers}\r\n", self.port)
    }

    fn post(&self, headers: &str, body: &str) -> String {
        let headers = format!("Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n{headers}", body.len());
        self.send(format!("{}{body}", self.request("POST /cb", &headers)).as_bytes())
    }

    fn send(&self, bytes: &[u8]) -> String {
        exchange(self.port, bytes)
    }

    /// The sign-in still waits: its callback comes, is taken, and leads to the page.
    fn completes(self) {
        let answer = self.get(&format!("GET /cb?{OURS}"));
        assert_eq!(status(&answer), "303", "{answer}");
        self.shows_the_page(&answer);
    }

    fn shows_the_page(self, answer: &str) {
        let page = self.get(&format!("GET {}", header(answer, "location").unwrap()));
        assert_eq!(status(&page), "200");
        assert!(page.contains("Your account is connected"));
        assert_eq!(self.login.join().unwrap().unwrap().parameters.as_str(), OURS);
    }
}

fn connect(port: u16) -> TcpStream {
    let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream
}

/// Writes what it can (the listener may refuse half-way) and reads to the end.
fn exchange(port: u16, bytes: &[u8]) -> String {
    let mut stream = connect(port);
    let _ = stream.write_all(bytes);
    read_all(&mut stream)
}

fn read_all(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8(answer).unwrap()
}

fn status(answer: &str) -> &str {
    answer.split(' ').nth(1).unwrap_or("none")
}

fn header<'a>(answer: &'a str, name: &str) -> Option<&'a str> {
    let head = answer.split("\r\n\r\n").next()?;
    head.lines()
        .filter_map(|line| line.split_once(": "))
        .find(|(known, _)| known.eq_ignore_ascii_case(name))
        .map(|(_, value)| value)
}

fn body(answer: &str) -> &str {
    answer.split_once("\r\n\r\n").map_or("", |(_, body)| body)
}

/// Runs the ignored test of that name alone in a process of its own, where nothing else opens files or starts threads.
#[cfg(target_os = "linux")]
fn alone(prefix: &[&str], test: &str) {
    let program = std::env::current_exe().unwrap();
    let mut arguments: Vec<&str> = prefix.to_vec();
    let program = program.to_str().unwrap();
    let name = format!("browser::tests::{test}");
    arguments.extend([program, "--exact", &name, "--ignored", "--test-threads=1"]);
    let output = std::process::Command::new(arguments[0]).args(&arguments[1..]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
}
