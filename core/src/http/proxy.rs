//! Through which proxy requests go: the configured one, the environment's if the host asks for it, otherwise none.
//!
//! Plain HTTP, which exists for loopback addresses only, never goes through a proxy; everything else goes through it as a tunnel
//! (`CONNECT`), so the proxy sees host names and no token.
//!
//! From the environment, and only with `proxy_from_environment`: `HTTPS_PROXY` or `https_proxy`, and `NO_PROXY` or `no_proxy`
//! (names with all below them, addresses, CIDR blocks, `*`). `HTTP_PROXY` and `ALL_PROXY` are not looked at: on a web server,
//! `HTTP_PROXY` can be a request header of a stranger.

use crate::{
    config::NetworkConfig,
    error::{Detail, Error, Result},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use reqwest::header::HeaderValue;
use std::{fmt, net::IpAddr};
use url::Url;
use zeroize::Zeroizing;

/// A checked proxy.
#[derive(Clone)]
pub(super) struct Proxy {
    url: Url,
    authorization: Option<HeaderValue>,
    /// Comma-separated, in the form of `NO_PROXY`.
    bypass: String,
}

impl Proxy {
    pub(super) fn from_config(network: &NetworkConfig) -> Result<Option<Self>> {
        let bypass = parse_bypass(&network.proxy_bypass)?;
        let sign_in = sign_in(network)?;
        if let Some(proxy) = &network.proxy {
            // A password in the address would be shown by `Debug` of the configuration; it has its own field.
            let url = parse_address(proxy).filter(|url| url.username().is_empty() && url.password().is_none());
            let url = url.ok_or_else(|| invalid("network.proxy"))?;
            return Ok(Some(Self { url, authorization: sign_in, bypass }));
        }
        if network.proxy_from_environment {
            return from_environment(sign_in, bypass);
        }
        if sign_in.is_some() {
            return Err(invalid("network.proxy_user"));
        }
        Ok(None)
    }

    pub(super) fn to_reqwest(&self) -> Result<reqwest::Proxy> {
        let proxy = reqwest::Proxy::https(self.url.as_str()).map_err(|_| invalid("network.proxy"))?;
        let proxy = proxy.no_proxy(reqwest::NoProxy::from_string(&self.bypass));
        Ok(match &self.authorization {
            Some(value) => proxy.custom_http_auth(value.clone()),
            None => proxy,
        })
    }
}

impl fmt::Debug for Proxy {
    /// Without the sign-in and without the list, which names hosts of the organisation.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.url.scheme(), self.url.host_str().unwrap_or_default())
    }
}

fn sign_in(network: &NetworkConfig) -> Result<Option<HeaderValue>> {
    match (&network.proxy_user, &network.proxy_password) {
        (None, None) => Ok(None),
        (None, Some(_)) => Err(invalid("network.proxy_password")),
        (Some(user), password) => {
            let password = password.as_ref().map_or("", |password| password.0.expose());
            basic(user, password).map(Some).ok_or_else(|| invalid("network.proxy_user"))
        }
    }
}

/// `Basic base64(user:password)` (RFC 7617): the user name has no colon, neither has control characters.
fn basic(user: &str, password: &str) -> Option<HeaderValue> {
    if user.is_empty() || user.contains(':') || user.chars().chain(password.chars()).any(char::is_control) {
        return None;
    }
    let pair = Zeroizing::new(format!("{user}:{password}"));
    let value = Zeroizing::new(format!("Basic {}", STANDARD.encode(pair.as_bytes())));
    let mut value = HeaderValue::from_str(&value).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// `http://host:port`, or `https://` for a proxy that is itself reached over TLS.
fn parse_address(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    let plain = matches!(url.path(), "" | "/") && url.query().is_none() && url.fragment().is_none() && url.port() != Some(0);
    (matches!(url.scheme(), "http" | "https") && plain && url.host().is_some()).then_some(url)
}

fn parse_bypass(entries: &[String]) -> Result<String> {
    let known = entries.iter().all(|entry| match entry.split_once('/') {
        Some((address, bits)) => is_block(address, bits),
        None => !entry.is_empty() && !entry.contains(|char: char| !char.is_alphanumeric() && !".-:_[]".contains(char)),
    });
    if known { Ok(entries.join(",")) } else { Err(invalid("network.proxy_bypass")) }
}

fn is_block(address: &str, bits: &str) -> bool {
    let longest = match address.parse() {
        Ok(IpAddr::V4(_)) => 32,
        Ok(IpAddr::V6(_)) => 128,
        Err(_) => return false,
    };
    bits.parse::<u8>().is_ok_and(|bits| bits <= longest)
}

fn from_environment(sign_in: Option<HeaderValue>, bypass: String) -> Result<Option<Proxy>> {
    let refuse = || invalid("network.proxy_from_environment");
    let Some(text) = variable(["HTTPS_PROXY", "https_proxy"])? else { return Ok(None) };
    // `proxy.example:3128` is usual there.
    let text = Zeroizing::new(if text.contains("://") { text } else { format!("http://{text}") });
    let mut url = parse_address(&text).ok_or_else(refuse)?;
    let mut authorization = sign_in;
    if !url.username().is_empty() {
        let user = percent_decode(url.username()).ok_or_else(refuse)?;
        let password = percent_decode(url.password().unwrap_or_default()).ok_or_else(refuse)?;
        authorization = Some(basic(&user, &password).ok_or_else(refuse)?);
    }
    url.set_username("").and_then(|()| url.set_password(None)).map_err(|()| refuse())?;
    let listed = variable(["NO_PROXY", "no_proxy"])?.unwrap_or_default();
    Ok(Some(Proxy { url, authorization, bypass: [bypass, listed].join(",") }))
}

fn percent_decode(text: &str) -> Option<Zeroizing<String>> {
    let mut form = Zeroizing::new(Vec::with_capacity(text.len()));
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        form.push(if byte == b'%' {
            let high = char::from(bytes.next()?).to_digit(16)?;
            let low = char::from(bytes.next()?).to_digit(16)?;
            u8::try_from(high.checked_mul(16)?.checked_add(low)?).ok()?
        } else {
            byte
        });
    }
    String::from_utf8(form.to_vec()).ok().map(Zeroizing::new)
}

/// The first of the variables that is set to something. This is the only place of the library that looks at the environment.
#[allow(clippy::disallowed_methods, reason = "the host asked for the environment's proxy")]
fn variable(names: [&str; 2]) -> Result<Option<String>> {
    for name in names {
        match std::env::var(name) {
            Ok(text) if !text.is_empty() => return Ok(Some(text)),
            Ok(_) | Err(std::env::VarError::NotPresent) => {}
            Err(std::env::VarError::NotUnicode(_)) => return Err(invalid("network.proxy_from_environment")),
        }
    }
    Ok(None)
}

fn invalid(what: &'static str) -> Error {
    Detail::InvalidArgument.about(what)
}
