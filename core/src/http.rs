//! What the library needs of HTTP: one blocking request to an allowed address, one bounded answer.
//!
//! [`Transport`] is implemented by `http/client.rs` over reqwest alone; the rest of the library sees the types of this file,
//! and asks through [`Endpoint`], which gives each request its id and its record.

mod allowed_url;
mod client;
mod exchange;
mod failure;
mod proxy;
mod tls;

pub(crate) use allowed_url::{AllowedUrl, Origin};
pub(crate) use client::HttpClient;
pub(crate) use exchange::{Endpoint, Question, RequestIds, date, retry_after};

use crate::{clock::Deadline, error::Result, secret::SecretBytes};
use std::fmt;
use zeroize::Zeroizing;

/// The largest answer of the identity platform, after decompression.
pub(crate) const IDENTITY_LIMIT: usize = 1024 * 1024;

/// Sends one request and reads the whole answer. Never follows a redirect, never retries.
pub(crate) trait Transport: Send + Sync + fmt::Debug {
    /// Fails with a network detail, or with `ResponseTooLarge`; any status is an answer.
    fn send(&self, request: &Request) -> Result<Response>;
}

/// The two methods that exist here: reading, and posting a form to the identity platform.
#[derive(Debug)]
pub(crate) enum Method {
    Get,
    PostForm(SecretBytes),
}

/// A request to an address that was checked before.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) method: Method,
    pub(crate) url: AllowedUrl,
    /// Header values may be secret (`Authorization`) and are not shown by `Debug`.
    pub(crate) headers: Vec<Header>,
    /// The largest answer in bytes, after decompression.
    pub(crate) limit: usize,
    pub(crate) deadline: Deadline,
}

/// A request header whose value `Debug` hides.
pub(crate) struct Header {
    pub(crate) name: &'static str,
    pub(crate) value: Zeroizing<String>,
}

impl Header {
    pub(crate) fn new(name: &'static str, value: impl Into<String>) -> Self {
        Self { name, value: Zeroizing::new(value.into()) }
    }
}

impl fmt::Debug for Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: [redacted]", self.name)
    }
}

/// An answer, whole and within the limit.
pub(crate) struct Response {
    pub(crate) status: u16,
    /// Names in lower case, in the order of arrival.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Zeroizing<Vec<u8>>,
}

impl Response {
    /// The first header of that name (lower case).
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Whether the answer calls itself JSON.
    pub(crate) fn is_json(&self) -> bool {
        let media_type = self.media_type();
        media_type == "application/json" || (media_type.starts_with("application/") && media_type.ends_with("+json"))
    }

    /// The media type in lower case, without parameters; empty where none is named.
    pub(crate) fn media_type(&self) -> String {
        let media_type = self.header("content-type").and_then(|value| value.split(';').next()).unwrap_or_default();
        media_type.trim().to_ascii_lowercase()
    }

    pub(crate) fn is_redirect(&self) -> bool {
        (300..400).contains(&self.status)
    }
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Response({}, {} bytes)", self.status, self.body.len())
    }
}
