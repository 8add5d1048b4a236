//! Servers, certificates and requests for the network tests. Everything listens on loopback and ends with its owner.

use super::super::{HttpClient, Limits};
use crate::{
    clock::Deadline,
    config::NetworkConfig,
    error::{Detail, Error, Result},
    http::{Header, IDENTITY_LIMIT, Method, Origin, Request, Response, Transport},
    secret::SecretBytes,
};
use rcgen::{CertificateParams, CertifiedIssuer, DnType, KeyPair};
use std::{
    io::{Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

/// The answer of a server that means well.
pub(super) const OK: &str = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}";

pub(super) trait Stream: Read + Write {}
impl<T: Read + Write> Stream for T {}

/// A listener whose connections are each served on a thread; it ends when dropped.
pub(super) struct Server {
    pub(super) address: SocketAddr,
    /// What the clients sent: one entry for every request head with its body.
    pub(super) seen: Arc<Mutex<Vec<String>>>,
    pub(super) connections: Arc<Mutex<usize>>,
    over: Arc<AtomicBool>,
}

impl Server {
    /// Serves each connection with `serve`, which gets the log to write to.
    pub(super) fn new(serve: impl Fn(TcpStream, &Mutex<Vec<String>>) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = Self { address, seen: Arc::default(), connections: Arc::default(), over: Arc::default() };
        let (seen, connections, over) = (Arc::clone(&server.seen), Arc::clone(&server.connections), Arc::clone(&server.over));
        let serve = Arc::new(serve);
        thread::spawn(move || {
            for stream in listener.incoming() {
                if over.load(Ordering::SeqCst) {
                    break;
                }
                let stream = stream.unwrap();
                stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
                stream.set_write_timeout(Some(Duration::from_secs(10))).unwrap();
                stream.set_nodelay(true).unwrap();
                *connections.lock().unwrap() += 1;
                let (serve, seen) = (Arc::clone(&serve), Arc::clone(&seen));
                thread::spawn(move || serve(stream, &seen));
            }
        });
        server
    }

    /// Answers each request with the same bytes and keeps the connection.
    pub(super) fn answering(answer: impl AsRef<[u8]> + Send + Sync + 'static) -> Self {
        Self::new(move |mut stream, seen| answer_all(&mut stream, seen, answer.as_ref()))
    }

    /// Reads one request, writes the bytes and closes.
    pub(super) fn cutting(answer: impl AsRef<[u8]> + Send + Sync + 'static) -> Self {
        Self::new(move |mut stream, seen| {
            log_request(&mut stream, seen);
            drop(stream.write_all(answer.as_ref()));
            drop(stream.shutdown(Shutdown::Write));
            drop(stream.read(&mut [0; 64]));
        })
    }

    /// The same over TLS.
    pub(super) fn tls(config: rustls::ServerConfig, answer: &'static str) -> Self {
        let config = Arc::new(config);
        Self::new(move |stream, seen| {
            let session = rustls::ServerConnection::new(Arc::clone(&config)).unwrap();
            answer_all(&mut rustls::StreamOwned::new(session, stream), seen, answer.as_bytes());
        })
    }

    pub(super) fn http(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The certificate is for a name, so the address is one too.
    pub(super) fn https(&self) -> String {
        format!("https://localhost:{}", self.address.port())
    }

    pub(super) fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }

    pub(super) fn connections(&self) -> usize {
        *self.connections.lock().unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        drop(TcpStream::connect(self.address));
    }
}

/// Reads one request: its head, and as much body as the head announces.
pub(super) fn log_request(stream: &mut dyn Stream, seen: &Mutex<Vec<String>>) -> Option<String> {
    let mut request = Vec::new();
    let mut byte = [0];
    while !request.ends_with(b"\r\n\r\n") {
        if stream.read(&mut byte).ok()? == 0 || request.len() > 1_000_000 {
            return None;
        }
        request.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&request).to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).map_or(0, |text| text.parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).ok()?;
    request.extend_from_slice(&body);
    let text = String::from_utf8_lossy(&request).into_owned();
    seen.lock().unwrap().push(text.clone());
    Some(text)
}

pub(super) fn answer_all(stream: &mut dyn Stream, seen: &Mutex<Vec<String>>, answer: &[u8]) {
    while log_request(stream, seen).is_some() {
        if stream.write_all(answer).and_then(|()| stream.flush()).is_err() {
            return;
        }
    }
}

pub(super) fn limits(connect_ms: u64, idle_ms: u64) -> Limits {
    Limits { connect: Duration::from_millis(connect_ms), idle: Duration::from_millis(idle_ms) }
}

pub(super) fn client(network: &NetworkConfig) -> HttpClient {
    HttpClient::with_limits(network, limits(5_000, 5_000)).unwrap()
}

pub(super) fn request(origin: &str, method: Method) -> Request {
    Request {
        method,
        url: Origin::parse(origin).unwrap().join(&["common", "token"]),
        headers: vec![Header::new("authorization", "Bearer needle-token")],
        limit: IDENTITY_LIMIT,
        deadline: Deadline::after(Duration::from_secs(20)),
    }
}

pub(super) fn get(client: &HttpClient, origin: &str) -> Result<Response> {
    client.send(&request(origin, Method::Get))
}

pub(super) fn post(client: &HttpClient, origin: &str) -> Result<Response> {
    client.send(&request(origin, Method::PostForm(SecretBytes::new(b"refresh_token=needle"))))
}

/// A plain client's failure at a server.
pub(super) fn failure(origin: &str) -> Error {
    get(&client(&NetworkConfig::default()), origin).unwrap_err()
}

/// Asserts the cause of a failure, and that nothing of the request is in its text.
pub(super) fn assert_cause(error: &Error, detail: Detail) {
    assert_eq!(error.cause(), detail, "{error}");
    let text = format!("{error} {error:?}");
    assert!(!text.contains("needle") && !text.contains("common/token"), "{text}");
}

/// A certificate authority of its own.
pub(super) struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub(super) fn new(name: &str) -> Self {
        Self::new_with(name, |_| {})
    }

    pub(super) fn new_with(name: &str, change: impl FnOnce(&mut CertificateParams)) -> Self {
        let mut parameters = CertificateParams::new(Vec::new()).unwrap();
        parameters.distinguished_name = rcgen::DistinguishedName::new();
        parameters.distinguished_name.push(DnType::CommonName, name);
        parameters.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        change(&mut parameters);
        Self(CertifiedIssuer::self_signed(parameters, KeyPair::generate().unwrap()).unwrap())
    }

    pub(super) fn pem(&self) -> String {
        self.0.pem()
    }

    pub(super) fn network(&self) -> NetworkConfig {
        NetworkConfig { extra_root_certificates: vec![self.pem()], ..NetworkConfig::default() }
    }

    /// A server with a good certificate for `host`.
    pub(super) fn issue(&self, host: &str) -> rustls::ServerConfig {
        self.issue_with(host, |_| {})
    }

    pub(super) fn issue_with(&self, host: &str, change: impl FnOnce(&mut CertificateParams)) -> rustls::ServerConfig {
        let mut parameters = CertificateParams::new(vec![host.to_owned()]).unwrap();
        change(&mut parameters);
        let key = KeyPair::generate().unwrap();
        let certificate = parameters.signed_by(&key, &self.0).unwrap();
        server_config(&certificate, &key)
    }
}

pub(super) fn server_config(certificate: &rcgen::Certificate, key: &KeyPair) -> rustls::ServerConfig {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let key = rustls::pki_types::PrivateKeyDer::Pkcs8(key.serialize_der().into());
    let builder = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    builder.with_no_client_auth().with_single_cert(vec![certificate.der().clone()], key).unwrap()
}
