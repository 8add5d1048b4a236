//! From a connection to [`dispatch`](crate::dispatch::dispatch) and back: bodies, the log, faults.

use std::collections::HashSet;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{ConnectInfo, Request as HttpRequest, State as Extracted};
use axum::response::Response;
use axum_server::Handle;
use axum_server::accept::{Accept, DefaultAcceptor};
use axum_server::tls_rustls::{RustlsAcceptor, RustlsConfig};
use http::header::{CONTENT_TYPE, HOST};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use crate::dispatch::dispatch;
use crate::faults::Fault;
use crate::http::{Fields, Reply, Request};
use crate::server::Shared;
use crate::tls::Identity;

/// Bodies beyond this are refused; nothing here needs more.
const BODY_LIMIT: usize = 1 << 20;
/// Between the last byte of a cut body and the end of its connection.
const CUT_PAUSE: Duration = Duration::from_millis(30);

/// One of the two servers, as its requests see it.
#[derive(Clone)]
struct Server {
    shared: Arc<Shared>,
    https: bool,
    resets: Resets,
}

/// Starts a server task per listener.
pub(crate) fn spawn(
    shared: &Arc<Shared>,
    http: Vec<TcpListener>,
    https: Vec<TcpListener>,
    identity: &Identity,
    handle: &Handle<SocketAddr>,
) {
    let resets = Resets::default();
    let app = |https: bool| {
        let server = Server { shared: Arc::clone(shared), https, resets: resets.clone() };
        Router::new().fallback(answer).with_state(server).into_make_service_with_connect_info::<SocketAddr>()
    };
    for listener in http {
        if let Ok(server) = axum_server::from_tcp(listener) {
            let server = server.handle(handle.clone()).acceptor(ResetAcceptor(resets.clone()));
            tokio::spawn(server.serve(app(false)));
        }
    }
    for listener in https {
        if let Ok(server) = axum_server::from_tcp(listener) {
            let config = RustlsConfig::from_config(Arc::clone(&identity.config));
            let acceptor = RustlsAcceptor::new(config).acceptor(ResetAcceptor(resets.clone()));
            tokio::spawn(server.handle(handle.clone()).acceptor(acceptor).serve(app(true)));
        }
    }
}

async fn answer(
    Extracted(server): Extracted<Server>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: HttpRequest,
) -> Response {
    let Ok(request) = read(&server, request).await else {
        return response(Reply::text(413, "the body is too large"), None);
    };
    let control = request.path.starts_with("/_control");
    let (fault, seq) = {
        let mut state = server.shared.state();
        let fault = if control { None } else { state.faults.take(&request) };
        let now = state.now();
        let name = fault.as_ref().map(|fault| fault.name.clone());
        let seq = if control { 0 } else { state.log.begin(&request, now, name) };
        (fault, seq)
    };
    let Some(fault) = fault else {
        let mut state = server.shared.state();
        let reply = dispatch(&mut state, &request, &server.shared.ca_pem);
        state.log.finish(seq, reply.status);
        drop(state);
        return response(reply, None);
    };
    faulty(&server, &request, &fault, seq, peer).await
}

async fn faulty(server: &Server, request: &Request, fault: &Fault, seq: u64, peer: SocketAddr) -> Response {
    tokio::time::sleep(Duration::from_millis(fault.delay_ms)).await;
    let reply = {
        let mut state = server.shared.state();
        let own = fault.runs_endpoint().then(|| dispatch(&mut state, request, &server.shared.ca_pem));
        let reply = fault.bend(own);
        if !fault.reset {
            state.log.finish(seq, reply.status);
        }
        reply
    };
    if fault.reset {
        server.resets.insert(peer);
        // Ends the connection's task without the panic hook, so that nothing is printed and nothing is answered.
        std::panic::resume_unwind(Box::new("connection reset on request"));
    }
    response(reply, fault.cut_after)
}

async fn read(server: &Server, request: HttpRequest) -> Result<Request, axum::Error> {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, BODY_LIMIT).await?;
    let host = parts.headers.get(HOST).and_then(|host| host.to_str().ok()).filter(|host| is_host(host));
    let host = host.map_or_else(|| server.shared.fallback_host(server.https), str::to_owned);
    let is_form = parts
        .headers
        .get(CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().to_ascii_lowercase().starts_with(b"application/x-www-form-urlencoded"));
    Ok(Request {
        method: parts.method,
        origin: format!("{}://{host}", if server.https { "https" } else { "http" }),
        path: parts.uri.path().to_owned(),
        query: Fields::parse(parts.uri.query().unwrap_or_default().as_bytes()),
        form: if is_form { Fields::parse(&body) } else { Fields::default() },
        headers: parts.headers,
        body: body.to_vec(),
    })
}

fn is_host(host: &str) -> bool {
    !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte))
}

fn response(reply: Reply, cut_after: Option<usize>) -> Response {
    let mut builder = Response::builder().status(reply.status);
    let page = reply.headers.iter().any(|(name, value)| name == "content-type" && value.starts_with("text/html"));
    for (name, value) in &reply.headers {
        builder = builder.header(name, value);
    }
    if page {
        builder = builder.header("content-security-policy", crate::pages::POLICY);
    }
    let built = match cut_after {
        Some(bytes) => {
            builder = builder.header("content-length", reply.body.len());
            let sent = reply.body.get(..bytes).unwrap_or(&reply.body).to_vec();
            builder.body(Body::new(CutBody::new(sent)))
        }
        None => builder.body(Body::from(reply.body)),
    };
    built.unwrap_or_else(|_| Response::new(Body::from("the answer had an invalid header")))
}

/// A body that ends in the middle. The pause lets what was sent so far reach the client before the connection breaks.
struct CutBody {
    sent: Option<Bytes>,
    pause: Pin<Box<tokio::time::Sleep>>,
}

impl CutBody {
    fn new(sent: Vec<u8>) -> CutBody {
        let pause = Box::pin(tokio::time::sleep(CUT_PAUSE));
        CutBody { sent: Some(Bytes::from(sent)), pause }
    }
}

impl http_body::Body for CutBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<http_body::Frame<Bytes>, io::Error>>> {
        if let Some(bytes) = self.sent.take().filter(|bytes| !bytes.is_empty()) {
            return Poll::Ready(Some(Ok(http_body::Frame::data(bytes))));
        }
        let broken = || Some(Err(io::ErrorKind::ConnectionAborted.into()));
        self.pause.as_mut().poll(context).map(|()| broken())
    }
}

/// Peers whose connections are to end with a reset.
#[derive(Debug, Clone, Default)]
struct Resets(Arc<Mutex<HashSet<SocketAddr>>>);

impl Resets {
    fn insert(&self, peer: SocketAddr) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(peer);
    }

    fn take(&self, peer: SocketAddr) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&peer)
    }
}

/// Accepts connections that can be reset.
#[derive(Debug, Clone)]
struct ResetAcceptor(Resets);

impl<S: Send + 'static> Accept<TcpStream, S> for ResetAcceptor {
    type Stream = ResettableStream;
    type Service = S;
    type Future = Pin<Box<dyn Future<Output = io::Result<(ResettableStream, S)>> + Send>>;

    fn accept(&self, stream: TcpStream, service: S) -> Self::Future {
        let resets = self.0.clone();
        Box::pin(async move {
            let (stream, service) = DefaultAcceptor::new().accept(stream, service).await?;
            Ok((ResettableStream { stream, resets }, service))
        })
    }
}

/// A connection that closes with a reset when its peer was noted.
struct ResettableStream {
    stream: TcpStream,
    resets: Resets,
}

impl Drop for ResettableStream {
    fn drop(&mut self) {
        if self.stream.peer_addr().is_ok_and(|peer| self.resets.take(peer)) {
            // Closing is all that is left to do if this fails.
            let _plain_close = self.stream.set_zero_linger();
        }
    }
}

impl AsyncRead for ResettableStream {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for ResettableStream {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, buffer)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
