//! The adapter over reqwest: one request, one bounded answer, nothing behind the caller's back.
//!
//! What reqwest would do by itself is switched off here: following redirects (it sends a POST body again on 307), retrying,
//! cookies, `Referer`, the proxy of the environment, and every protocol but HTTP/1.1. What is left is kept-alive connections.

use super::{Method, Request, Response, Transport, failure, proxy::Proxy, tls};
use crate::{
    config::NetworkConfig,
    error::{Detail, Error, Result},
};
use arc_swap::ArcSwapOption;
use reqwest::{
    blocking,
    header::{CONTENT_TYPE, HeaderMap, HeaderValue},
};
use rustls::pki_types::CertificateDer;
use std::{fmt, io::Read, mem::ManuallyDrop, process, sync::Arc, thread, time::Duration};
use zeroize::Zeroizing;

/// Memory for a body whose length is not announced; it grows as needed.
const USUAL_START: usize = 4 * 1024;
/// An announced length is believed up to here, before the bytes are there.
const LARGEST_START: usize = 256 * 1024;

/// Limits that a request's deadline only shortens.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Until the connection stands: name, TCP, proxy and TLS together.
    pub(super) connect: Duration,
    /// Without a byte from the server.
    pub(super) idle: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { connect: Duration::from_secs(10), idle: Duration::from_secs(30) }
    }
}

/// Sends requests; cheap to make, connects when first used. [`send`](Transport::send) runs on one of our own worker threads only:
/// reqwest's blocking client panics where an async runtime runs. Dropping it is allowed anywhere and waits for nothing.
pub(crate) struct HttpClient {
    proxy: Option<Proxy>,
    roots: Vec<CertificateDer<'static>>,
    limits: Limits,
    connected: ArcSwapOption<Connected>,
}

impl HttpClient {
    /// Parses the proxy and the certificates; touches no network.
    pub(crate) fn new(network: &NetworkConfig) -> Result<Self> {
        Self::with_limits(network, Limits::default())
    }

    pub(super) fn with_limits(network: &NetworkConfig, limits: Limits) -> Result<Self> {
        Ok(Self {
            proxy: Proxy::from_config(network)?,
            roots: tls::parse_roots(&network.extra_root_certificates)?,
            limits,
            connected: ArcSwapOption::empty(),
        })
    }

    /// The client of this process. A child after `fork` makes its own: the parent's has no thread there, and its connections must
    /// not be written to by two.
    fn connected(&self) -> Result<Arc<Connected>> {
        if let Some(known) = self.connected.load_full().filter(|known| known.process == process::id()) {
            return Ok(known);
        }
        let fresh = Arc::new(Connected { client: Some(self.build()?), process: process::id() });
        self.connected.store(Some(Arc::clone(&fresh)));
        Ok(fresh)
    }

    fn build(&self) -> Result<blocking::Client> {
        let builder = blocking::Client::builder()
            .user_agent(user_agent())
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .no_proxy()
            .no_brotli()
            .no_deflate()
            .no_zstd()
            .http1_only()
            .connect_timeout(self.limits.connect)
            // Holds for the head and for each piece of the body, where the request brings no limit of its own.
            .timeout(self.limits.idle)
            .pool_idle_timeout(Duration::from_secs(60))
            .tls_backend_preconfigured(tls::config(&self.roots)?);
        let builder = match &self.proxy {
            Some(proxy) => builder.proxy(proxy.to_reqwest()?),
            None => builder,
        };
        builder.build().map_err(|_| Detail::Internal.about("http client"))
    }
}

impl Transport for HttpClient {
    fn send(&self, request: &Request) -> Result<Response> {
        let host = request.url.host();
        let connected = self.connected()?;
        let client = connected.client.as_ref().ok_or_else(|| Error::from(Detail::HandleClosed))?;
        let sending = match &request.method {
            Method::Get => client.get(request.url.as_str()),
            Method::PostForm(form) => client
                .post(request.url.as_str())
                .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
                .body(form.expose().to_vec()),
        };
        let mut sending = sending.headers(header_map(request)?);
        let left = request.deadline.remaining();
        if left.is_zero() {
            return Err(Detail::NetworkTimeout.about(host.to_owned()));
        }
        // reqwest takes either a limit for all or one for each wait. A deadline that is nearer than the idle limit is the one for
        // all; a later one is checked between the pieces, so this thread may outstay it by one idle limit. Its caller does not.
        if left <= self.limits.idle {
            sending = sending.timeout(left);
        }
        let mut answer = sending.send().map_err(|error| failure::classify(&error, host))?;
        let status = answer.status().as_u16();
        let headers = readable_headers(answer.headers());
        let expected = answer.content_length().and_then(|length| usize::try_from(length).ok()).unwrap_or(USUAL_START);
        let body = read_body(&mut answer, expected, request)?;
        Ok(Response { status, headers, body })
    }
}

impl fmt::Debug for HttpClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpClient").field("proxy", &self.proxy).field("extra_roots", &self.roots.len()).finish_non_exhaustive()
    }
}

/// reqwest's client with the process that made it.
struct Connected {
    client: Option<blocking::Client>,
    process: u32,
}

impl Drop for Connected {
    /// Ending the client waits for its thread, which may wait for a name server; so it happens on a thread of its own, or never
    /// where none can be had. In a forked child there is no thread to wait for.
    fn drop(&mut self) {
        let Some(client) = self.client.take().map(ManuallyDrop::new) else { return };
        if self.process == process::id() {
            let end = thread::Builder::new().name("intail-office365-end".to_owned());
            drop(end.spawn(move || drop(ManuallyDrop::into_inner(client))));
        }
    }
}

/// `Intail-Connect/0.1.0 (linux; x86_64)` (FACTS 10).
fn user_agent() -> String {
    format!("Intail-Connect/{} ({}; {})", env!("CARGO_PKG_VERSION"), std::env::consts::OS, std::env::consts::ARCH)
}

fn header_map(request: &Request) -> Result<HeaderMap> {
    let mut map = HeaderMap::with_capacity(request.headers.len());
    for header in &request.headers {
        let value = HeaderValue::from_str(&header.value);
        let mut value = value.map_err(|_| Detail::InvalidArgument.about(header.name))?;
        value.set_sensitive(true);
        let name = reqwest::header::HeaderName::from_bytes(header.name.as_bytes());
        map.append(name.map_err(|_| Detail::Internal.about(header.name))?, value);
    }
    Ok(map)
}

/// Names arrive in lower case; a value that is not visible ASCII is dropped.
fn readable_headers(headers: &HeaderMap) -> Vec<(String, String)> {
    headers.iter().filter_map(|(name, value)| Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned()))).collect()
}

/// Reads the body, decompressed, up to the limit. Memory that is outgrown is wiped.
fn read_body(source: &mut impl Read, expected: usize, request: &Request) -> Result<Zeroizing<Vec<u8>>> {
    let fail = |detail: Detail| Err(Error::from(detail).with_what(request.url.host().to_owned()));
    // One byte more than allowed tells a body at the limit from one beyond it.
    let most = request.limit.saturating_add(1);
    let mut body = Zeroizing::new(vec![0; expected.min(LARGEST_START).saturating_add(1).min(most)]);
    let mut filled = 0_usize;
    loop {
        if filled == body.len() {
            if filled == most {
                return fail(Detail::ResponseTooLarge);
            }
            let mut larger = Zeroizing::new(vec![0; filled.saturating_mul(2).min(most)]);
            larger.iter_mut().zip(body.iter()).for_each(|(new, old)| *new = *old);
            body = larger;
        }
        match source.read(body.get_mut(filled..).unwrap_or_default()) {
            Ok(0) => break,
            Ok(read) => filled = filled.saturating_add(read),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(failure::classify(&error, request.url.host())),
        }
        if request.deadline.has_passed() {
            return fail(Detail::NetworkTimeout);
        }
    }
    body.truncate(filled);
    Ok(body)
}

#[cfg(test)]
mod tests;
