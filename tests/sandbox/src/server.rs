//! The servers: HTTP and HTTPS on both loopback addresses, on threads of their own.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use axum_server::Handle;
use tokio::sync::oneshot;

use crate::control::handle::Control;
use crate::serve;
use crate::state::State;
use crate::state::scenario::Scenario;
use crate::tls::Identity;

/// Stopping waits this long for a request that is being answered.
const STOP_LIMIT: Duration = Duration::from_secs(1);

/// How to start a sandbox.
#[derive(Debug, Clone)]
pub struct SandboxOptions {
    /// Port for HTTP; 0 takes a free one.
    pub port: u16,
    /// Port for HTTPS; 0 takes a free one, `None` serves no HTTPS.
    pub https_port: Option<u16>,
    /// The same seed gives the same tokens for the same requests.
    pub seed: u64,
    /// Organisations, people and app to start with.
    pub scenario: Scenario,
}

impl Default for SandboxOptions {
    fn default() -> SandboxOptions {
        SandboxOptions { port: 0, https_port: Some(0), seed: 0, scenario: Scenario::default() }
    }
}

/// A running sandbox. It stops when dropped.
#[derive(Debug)]
pub struct Sandbox {
    shared: Arc<Shared>,
    port: u16,
    https_port: Option<u16>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Sandbox {
    /// Starts a sandbox; when this returns, it accepts connections.
    ///
    /// # Errors
    /// When a port is taken or the machine has no loopback interface.
    pub fn start(options: SandboxOptions) -> io::Result<Sandbox> {
        let identity = Identity::generate().map_err(io::Error::other)?;
        let (port, http) = loopback(options.port)?;
        let (https_port, https) = match options.https_port {
            Some(port) => loopback(port).map(|(port, listeners)| (Some(port), listeners))?,
            None => (None, Vec::new()),
        };
        let shared = Arc::new(Shared {
            state: Mutex::new(State::new(options.seed, options.scenario)),
            ca_pem: identity.ca_pem.clone(),
            port,
            https_port,
        });
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build()?;
        let (stop, stopped) = oneshot::channel();
        let served = Arc::clone(&shared);
        let thread = std::thread::Builder::new().name("office365-sandbox".into()).spawn(move || {
            let handle = Handle::new();
            runtime.block_on(async {
                serve::spawn(&served, http, https, &identity, &handle);
                drop(stopped.await);
            });
            handle.shutdown();
            runtime.shutdown_timeout(STOP_LIMIT);
        })?;
        Ok(Sandbox { shared, port, https_port, stop: Some(stop), thread: Some(thread) })
    }

    /// `http://localhost:PORT`; clients append the tenant.
    pub fn authority(&self) -> String {
        format!("http://localhost:{}", self.port)
    }

    /// `https://localhost:PORT`, when HTTPS is served.
    pub fn https_authority(&self) -> Option<String> {
        self.https_port.map(|port| format!("https://localhost:{port}"))
    }

    /// `http://localhost:PORT/graph`; clients append `/v1.0/me`.
    pub fn graph_base(&self) -> String {
        format!("{}/graph", self.authority())
    }

    /// The same over HTTPS.
    pub fn https_graph_base(&self) -> Option<String> {
        self.https_authority().map(|authority| format!("{authority}/graph"))
    }

    /// The certificate of the sandbox's own certification authority, PEM.
    pub fn ca_pem(&self) -> String {
        self.shared.ca_pem.clone()
    }

    /// Every code and token that was issued since the start or the last reset, with what it is: for tests that search where none may
    /// be. It is not to be had over HTTP, and not in the log.
    pub fn issued_secrets(&self) -> Vec<(&'static str, String)> {
        let state = self.shared.state();
        let kinds: [(&'static str, Vec<&String>); 4] = [
            ("authorization code", state.codes.keys().collect()),
            ("device code", state.device_codes.keys().collect()),
            ("access token", state.access_tokens.keys().collect()),
            ("refresh token", state.refresh_tokens.keys().collect()),
        ];
        kinds.into_iter().flat_map(|(kind, secrets)| secrets.into_iter().map(move |secret| (kind, secret.clone()))).collect()
    }

    /// A handle that steers the sandbox.
    pub fn control(&self) -> Control {
        Control::new(Arc::clone(&self.shared))
    }

    /// Stops; open connections are cut.
    pub fn stop(self) {
        drop(self);
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            // The other end is gone only when the thread is.
            let _gone = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _panicked = thread.join();
        }
    }
}

/// What every connection shares.
pub(crate) struct Shared {
    state: Mutex<State>,
    pub(crate) ca_pem: String,
    port: u16,
    https_port: Option<u16>,
}

/// Shows the ports and none of the tokens.
impl fmt::Debug for Shared {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ports = (self.port, self.https_port);
        formatter.debug_struct("Shared").field("ports", &ports).finish_non_exhaustive()
    }
}

impl Shared {
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The origin of a request that names no host.
    pub(crate) fn fallback_host(&self, https: bool) -> String {
        let port = if https { self.https_port.unwrap_or_default() } else { self.port };
        format!("localhost:{port}")
    }
}

/// Listeners on 127.0.0.1 and, where it exists, `::1`, on the same port.
fn loopback(port: u16) -> io::Result<(u16, Vec<TcpListener>)> {
    // A free IPv4 port may be taken on IPv6: try a few.
    let mut last = None;
    for _ in 0..16 {
        let first = TcpListener::bind(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port))?;
        let found = first.local_addr()?.port();
        match TcpListener::bind(SocketAddr::new(IpAddr::V6(Ipv6Addr::LOCALHOST), found)) {
            Ok(second) => return Ok((found, vec![first, second])),
            Err(taken) if taken.kind() == io::ErrorKind::AddrInUse && port == 0 => {
                last = Some(taken);
            }
            Err(taken) if taken.kind() == io::ErrorKind::AddrInUse => return Err(taken),
            Err(_) => return Ok((found, vec![first])),
        }
    }
    Err(last.unwrap_or_else(|| io::Error::from(io::ErrorKind::AddrInUse)))
}
