//! The loopback listener: waits for the redirect of one sign-in and serves the page that the browser ends on.
//!
//! One thread, the caller's, looks at all sockets in turn. That keeps at most 16 connections and no thread of ours, lets `judge`
//! and `tick` be plain closures of the caller, and leaves nothing behind when the listener is dropped.

use super::{
    Callback, Outcome, Presentation, Verdict,
    connection::{Connection, Handler},
    site::{Finishing, Site, Waiting},
};
use crate::{
    call::{Call, CallOptions, CancelToken, Signal},
    error::{Detail, Error, Result},
};
use std::{
    fmt, io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// Open connections at a time; beyond it the oldest is dropped.
const CONNECTION_LIMIT: usize = 16;
/// How long the final page stays reachable after it was delivered, for a browser that loads it twice.
const RELOAD_WINDOW: Duration = Duration::from_millis(500);
/// Ports to try for one that is free on both loopback addresses.
const FREE_PORT_TRIES: usize = 16;

/// What a listener is made for.
pub(crate) struct ListenerOptions<'a> {
    /// The host of the redirect URI, `localhost` or `127.0.0.1`: the only name that is served.
    pub(crate) host: &'a str,
    /// The path of the redirect URI, `/` where it has none.
    pub(crate) path: &'a str,
    /// Ports to try in this order; empty for any free one.
    pub(crate) ports: &'a [u16],
    /// The origin that may post the answer, `https://login.microsoftonline.com`.
    pub(crate) login_origin: &'a str,
    pub(crate) presentation: Presentation,
}

/// A bound listener. Dropping it closes every socket.
pub(crate) struct Listener {
    port: u16,
    site: Site,
    pool: Mutex<Pool>,
}

impl Listener {
    /// Listens on 127.0.0.1, and for `localhost` also on `::1` at the same port where there is one, as browsers choose either.
    pub(crate) fn bind(options: ListenerOptions<'_>) -> Result<Self> {
        let (sockets, port) = bind_any(options.host == "localhost", options.ports)?;
        let site = Site::new(options, port)?;
        let pool = Mutex::new(Pool { sockets, connections: Vec::new() });
        Ok(Self { port, site, pool })
    }

    /// The port, to be put into the redirect URI.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// How many requests were refused so far. May be asked from within `tick`.
    pub(crate) fn refused(&self) -> u64 {
        self.site.refused()
    }

    /// Waits for the callback that `judge` takes for ours, and sends its browser on to the page that [`finish`](Self::finish)
    /// serves. `tick` is told about once a second how long the wait has lasted.
    ///
    /// Fails with `LoginTimeout` at the deadline of the call and with `LoginCancelled` when it is cancelled.
    pub(crate) fn wait(
        &self,
        call: &Call,
        tick: &mut dyn FnMut(Duration),
        judge: &dyn Fn(&Callback) -> Verdict,
    ) -> Result<Callback> {
        let mut pool = self.pool();
        let mut waiting = Waiting::new(&self.site, judge);
        let started = Instant::now();
        let mut next_tick = Duration::from_secs(1);
        let mut pace = Pace::new(call);
        loop {
            let moved = pool.turn(&mut waiting);
            // The browser has its redirect before the caller goes on.
            if !pool.is_answering()
                && let Some(callback) = waiting.take()
            {
                return Ok(callback);
            }
            let waited = started.elapsed();
            if waited >= next_tick {
                next_tick = Duration::from_secs(waited.as_secs().saturating_add(1));
                tick(waited);
            }
            pace.rest(call, moved).map_err(|error| login_error(&error))?;
        }
    }

    /// Serves the outcome to the browser that was sent on, and closes everything: half a second after the page was delivered, or
    /// once `patience` is over if nobody asks for it. Returns at once where no browser was sent on.
    pub(crate) fn finish(self, outcome: &Outcome, patience: Duration) {
        if !self.site.has_redirected() {
            return;
        }
        let mut pool = self.pool();
        let mut finishing = Finishing::new(&self.site, outcome);
        let call = Call::new(&CallOptions::default(), patience, &CancelToken::new());
        let mut pace = Pace::new(&call);
        loop {
            let moved = pool.turn(&mut finishing);
            let over = finishing.delivered().is_some_and(|since| since.elapsed() >= RELOAD_WINDOW);
            if (over && !pool.is_answering()) || pace.rest(&call, moved).is_err() {
                return;
            }
        }
    }

    fn pool(&self) -> MutexGuard<'_, Pool> {
        self.pool.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Listener(port {})", self.port)
    }
}

/// The sockets: those that listen, and the connections of the moment.
struct Pool {
    sockets: Vec<TcpListener>,
    connections: Vec<Connection>,
}

impl Pool {
    /// Accepts what waits and lets every connection go on. Never blocks. Returns whether anything moved.
    fn turn(&mut self, handler: &mut dyn Handler) -> bool {
        let mut moved = self.accept();
        for connection in &mut self.connections {
            moved |= connection.advance(handler);
        }
        self.connections.retain(|connection| !connection.is_closed());
        moved
    }

    fn accept(&mut self) -> bool {
        let mut accepted = false;
        for index in 0..self.sockets.len() {
            while self.may_accept() {
                match self.sockets.get(index).map(TcpListener::accept) {
                    Some(Ok((stream, peer))) if peer.ip().is_loopback() => {
                        self.make_room();
                        self.connections.extend(Connection::new(stream));
                        accepted = true;
                    }
                    Some(Ok(_)) => {}
                    Some(Err(error)) if is_passing(&error) => {}
                    // Nobody is there, or the system is out of descriptors or buffers: again after the rest between two turns.
                    Some(Err(_)) | None => break,
                }
            }
        }
        accepted
    }

    fn may_accept(&self) -> bool {
        self.connections.len() < CONNECTION_LIMIT || self.connections.iter().any(Connection::may_be_dropped)
    }

    /// Makes room for one connection where there is none: the oldest that has its answer goes, else the oldest.
    fn make_room(&mut self) {
        if self.connections.len() >= CONNECTION_LIMIT {
            let answered = self.connections.iter().position(Connection::is_answered);
            let oldest = answered.or_else(|| self.connections.iter().position(Connection::may_be_dropped));
            drop(oldest.map(|index| self.connections.remove(index)));
        }
    }

    /// Whether an answer is still on its way to the operating system.
    fn is_answering(&self) -> bool {
        self.connections.iter().any(Connection::is_answering)
    }
}

/// Errors of one connection that was gone before it was accepted, and interrupted calls.
fn is_passing(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted};
    matches!(error.kind(), Interrupted | ConnectionAborted | ConnectionReset)
}

/// How long to rest between two turns: hardly while something happens, longer while the person is reading.
struct Pace {
    signal: Arc<Signal>,
    moved_last: Instant,
}

impl Pace {
    fn new(call: &Call) -> Self {
        Self { signal: call.signal(), moved_last: Instant::now() }
    }

    /// A cancellation ends the rest at once.
    fn rest(&mut self, call: &Call, moved: bool) -> Result<()> {
        if moved {
            self.moved_last = Instant::now();
            return call.check();
        }
        let nap = if self.moved_last.elapsed() < Duration::from_millis(200) { 1 } else { 15 };
        call.wait(&self.signal, Duration::from_millis(nap))
    }
}

fn login_error(error: &Error) -> Error {
    match error.cause() {
        Detail::DeadlineExceeded => Detail::LoginTimeout.into(),
        _ => Detail::LoginCancelled.into(),
    }
}

/// Why a port cannot be had.
enum BindFailure {
    InUse,
    Other,
}

fn bind_any(both: bool, ports: &[u16]) -> Result<(Vec<TcpListener>, u16)> {
    let free = [0; FREE_PORT_TRIES];
    for port in if ports.is_empty() { &free } else { ports } {
        match bind_port(*port, both) {
            Ok(bound) => return Ok(bound),
            Err(BindFailure::InUse) => {}
            Err(BindFailure::Other) => return Err(Detail::ListenerFailed.into()),
        }
    }
    Err(Detail::CallbackPortUnavailable.into())
}

/// One port on every loopback address that the browser may choose. Somebody else on one of them would receive the code, so that
/// counts as in use; a machine without one of them is fine.
fn bind_port(port: u16, both: bool) -> std::result::Result<(Vec<TcpListener>, u16), BindFailure> {
    let mut sockets = Vec::new();
    let mut port = port;
    for address in [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)].into_iter().take(if both { 2 } else { 1 }) {
        match bind_address(SocketAddr::new(address, port)) {
            Ok((socket, bound)) => {
                port = bound;
                sockets.push(socket);
            }
            Err(error) if is_in_use(&error) => return Err(BindFailure::InUse),
            Err(_) => {}
        }
    }
    if sockets.is_empty() { Err(BindFailure::Other) } else { Ok((sockets, port)) }
}

fn bind_address(address: SocketAddr) -> io::Result<(TcpListener, u16)> {
    let socket = TcpListener::bind(address)?;
    socket.set_nonblocking(true)?;
    let port = socket.local_addr()?.port();
    Ok((socket, port))
}

fn is_in_use(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::AddrInUse | io::ErrorKind::PermissionDenied)
}
