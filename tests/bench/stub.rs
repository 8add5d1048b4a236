//! A small identity platform and Graph on loopback, as fast as can be written: what the clients take is what is measured.
//!
//! It knows every person from 0 on. The code is `N.nonce` (the browser's part, told to it in the code), the access and refresh
//! tokens begin with `N.`. Only the `id_token` is made anew for each answer, as it must be signed. TLS 1.3, connections stay open,
//! one thread each. Everything that arrives is counted.

mod answers;

use crate::Result;
use answers::Answers;
pub(crate) use answers::{ACCESS_TOKEN, CLIENT, Conduct, Hurry, LIFETIME, MovedClock, TENANT, milliseconds};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use std::{
    collections::HashMap,
    io::{BufRead, BufReader, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU32, Ordering::SeqCst},
    },
    thread::{self, JoinHandle},
};

/// What arrived.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) discovery: u32,
    pub(crate) keys: u32,
    pub(crate) token: u32,
    pub(crate) me: u32,
    pub(crate) strange: u32,
    pub(crate) identity_connections: u32,
    pub(crate) graph_connections: u32,
}

impl Seen {
    pub(crate) fn requests(self) -> u32 {
        self.discovery + self.keys + self.token + self.me + self.strange
    }
}

/// The running stub; it ends when dropped.
pub(crate) struct Stub {
    pub(crate) authority: String,
    pub(crate) graph: String,
    pub(crate) root_pem: String,
    pub(crate) clock: Arc<MovedClock>,
    pub(crate) conduct: Arc<Conduct>,
    counts: Arc<Counts>,
    hosts: Vec<Host>,
}

#[derive(Default)]
struct Counts {
    discovery: AtomicU32,
    keys: AtomicU32,
    token: AtomicU32,
    me: AtomicU32,
    strange: AtomicU32,
    identity_connections: AtomicU32,
    graph_connections: AtomicU32,
}

struct Host {
    address: SocketAddr,
    ending: Arc<AtomicBool>,
    open: Arc<Mutex<HashMap<SocketAddr, TcpStream>>>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Clone, Copy)]
enum Part {
    Identity,
    Graph,
}

/// One request, as far as it decides the answer.
struct Request {
    line: String,
    authorization: String,
    body: Vec<u8>,
}

impl Stub {
    pub(crate) fn start() -> Result<Self> {
        let (tls, root_pem) = certificate()?;
        let (identity, graph) = (TcpListener::bind("127.0.0.1:0")?, TcpListener::bind("127.0.0.1:0")?);
        let authority = format!("https://{}", identity.local_addr()?);
        let graph_base = format!("https://{}", graph.local_addr()?);
        let clock = Arc::new(MovedClock::default());
        let conduct = Arc::new(Conduct::default());
        let answers = Arc::new(Answers::new(&authority, &clock, &conduct)?);
        let counts = Arc::new(Counts::default());
        let hosts = vec![
            Host::start(identity, Part::Identity, &tls, &answers, &counts)?,
            Host::start(graph, Part::Graph, &tls, &answers, &counts)?,
        ];
        Ok(Self { authority, graph: graph_base, root_pem, clock, conduct, counts, hosts })
    }

    /// Token requests since the last look, without taking note of it.
    pub(crate) fn token_requests(&self) -> u32 {
        self.counts.token.load(SeqCst)
    }

    /// What arrived since the last look.
    pub(crate) fn take_seen(&self) -> Seen {
        let counts = &self.counts;
        Seen {
            discovery: counts.discovery.swap(0, SeqCst),
            keys: counts.keys.swap(0, SeqCst),
            token: counts.token.swap(0, SeqCst),
            me: counts.me.swap(0, SeqCst),
            strange: counts.strange.swap(0, SeqCst),
            identity_connections: counts.identity_connections.swap(0, SeqCst),
            graph_connections: counts.graph_connections.swap(0, SeqCst),
        }
    }
}

impl Drop for Stub {
    fn drop(&mut self) {
        for host in &mut self.hosts {
            host.ending.store(true, SeqCst);
            drop(TcpStream::connect(host.address));
            for (_, stream) in host.open.lock().unwrap_or_else(PoisonError::into_inner).drain() {
                let _ = stream.shutdown(Shutdown::Both);
            }
            let _ = host.thread.take().map(JoinHandle::join);
        }
    }
}

impl Host {
    fn start(
        listener: TcpListener,
        part: Part,
        tls: &Arc<ServerConfig>,
        answers: &Arc<Answers>,
        counts: &Arc<Counts>,
    ) -> Result<Self> {
        let address = listener.local_addr()?;
        let (ending, open) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(HashMap::new())));
        let (tls, answers, counts) = (Arc::clone(tls), Arc::clone(answers), Arc::clone(counts));
        let (is_ending, streams) = (Arc::clone(&ending), Arc::clone(&open));
        let thread = thread::Builder::new().name("stub".to_owned()).spawn(move || {
            for stream in listener.incoming().map_while(std::result::Result::ok) {
                if is_ending.load(SeqCst) {
                    return;
                }
                let (Ok(peer), Ok(twin)) = (stream.peer_addr(), stream.try_clone()) else { continue };
                streams.lock().unwrap_or_else(PoisonError::into_inner).insert(peer, twin);
                let (tls, answers, counts, streams) =
                    (Arc::clone(&tls), Arc::clone(&answers), Arc::clone(&counts), Arc::clone(&streams));
                thread::spawn(move || {
                    // A client that goes away ends its connection, and nothing else; what it lacks fails the benchmark.
                    let _ = serve(stream, part, tls, &answers, &counts);
                    streams.lock().unwrap_or_else(PoisonError::into_inner).remove(&peer);
                });
            }
        })?;
        Ok(Self { address, ending, open, thread: Some(thread) })
    }
}

fn serve(stream: TcpStream, part: Part, tls: Arc<ServerConfig>, answers: &Answers, counts: &Counts) -> Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::with_capacity(16 * 1024, StreamOwned::new(ServerConnection::new(tls)?, stream));
    let mut is_counted = false;
    while let Some(request) = read_request(&mut reader)? {
        if !is_counted {
            is_counted = true;
            match part {
                Part::Identity => &counts.identity_connections,
                Part::Graph => &counts.graph_connections,
            }
            .fetch_add(1, SeqCst);
        }
        let (status, body) = answer(&request, part, answers, counts)?;
        let mut wire = Vec::with_capacity(body.len() + 160);
        write!(
            wire,
            "HTTP/1.1 {status}\r\ncontent-type: application/json; charset=utf-8\r\ncontent-length: {}\r\n\r\n",
            body.len()
        )?;
        wire.extend_from_slice(&body);
        reader.get_mut().write_all(&wire)?;
        reader.get_mut().flush()?;
    }
    Ok(())
}

fn answer(request: &Request, part: Part, answers: &Answers, counts: &Counts) -> Result<(&'static str, Vec<u8>)> {
    let fine = |body| Ok(("200 OK", body));
    let count = |counter: &AtomicU32| counter.fetch_add(1, SeqCst);
    let mut words = request.line.split(' ');
    let (method, address) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    match (part, method, address.split('?').next().unwrap_or_default()) {
        (Part::Identity, "GET", path) if path.ends_with("/v2.0/.well-known/openid-configuration") => {
            count(&counts.discovery);
            fine(answers.discovery(path.trim_start_matches('/').split('/').next().unwrap_or_default()))
        }
        (Part::Identity, "GET", path) if path.ends_with("/discovery/v2.0/keys") => {
            count(&counts.keys);
            fine(answers.keys().to_vec())
        }
        (Part::Identity, "POST", path) if path.ends_with("/oauth2/v2.0/token") => {
            count(&counts.token);
            answers.token(&request.body)
        }
        (Part::Graph, "GET", "/v1.0/me") => {
            count(&counts.me);
            fine(Answers::me(&request.authorization))
        }
        _ => {
            count(&counts.strange);
            Ok(("404 Not Found", Vec::new()))
        }
    }
}

/// `None` where the client closed the connection between two requests.
fn read_request(reader: &mut impl BufRead) -> Result<Option<Request>> {
    let mut request = Request { line: String::new(), authorization: String::new(), body: Vec::new() };
    // A client that is gone without saying good-bye is as good as one that closed.
    if !matches!(reader.read_line(&mut request.line), Ok(1..)) {
        return Ok(None);
    }
    let mut length = 0;
    let mut header = String::new();
    loop {
        header.clear();
        reader.read_line(&mut header)?;
        let Some((name, value)) = header.trim_end().split_once(':') else { break };
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse()?;
        } else if name.eq_ignore_ascii_case("authorization") {
            value.trim().clone_into(&mut request.authorization);
        }
    }
    request.body = vec![0; length];
    reader.read_exact(&mut request.body)?;
    Ok(Some(request))
}

/// A certificate for 127.0.0.1 and the root that signed it, as PEM.
fn certificate() -> Result<(Arc<ServerConfig>, String)> {
    use rcgen::{BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose};
    let root_key = KeyPair::generate()?;
    let mut root = CertificateParams::default();
    root.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    root.distinguished_name.push(DnType::CommonName, "Benchmark authority");
    root.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let root_pem = root.self_signed(&root_key)?.pem();
    let key = KeyPair::generate()?;
    let mut leaf = CertificateParams::new(["127.0.0.1".to_owned()])?;
    leaf.extended_key_usages.push(ExtendedKeyUsagePurpose::ServerAuth);
    leaf.use_authority_key_identifier_extension = true;
    let leaf = leaf.signed_by(&key, &Issuer::new(root, root_key))?;
    let private = rustls::pki_types::PrivateKeyDer::try_from(key.serialize_der())?;
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_no_client_auth()
        .with_single_cert(vec![leaf.der().clone()], private)?;
    Ok((Arc::new(config), root_pem))
}
