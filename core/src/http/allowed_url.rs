//! Which addresses the library talks to: the proof is a type.

use crate::error::{Detail, Error, Result};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use std::{borrow::Cow, fmt};
use url::{Host, Url};

/// What stands in the value of an option as it is (RFC 3986 section 2.3), and the comma of lists.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b',');

/// Scheme, host and port of a service that the configuration names. Plain HTTP is accepted for loopback addresses only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Origin {
    base: Url,
}

impl Origin {
    /// Parses the address of a service: no user name, no query, no fragment; a trailing slash does not count.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let base = Url::parse(text).map_err(|_| Detail::InvalidArgument.about("address"))?;
        let plain = base.username().is_empty() && base.password().is_none() && base.query().is_none() && base.fragment().is_none();
        if !plain || base.host().is_none() || base.port() == Some(0) {
            return Err(Detail::InvalidArgument.about("address"));
        }
        require_protected(&base)?;
        Ok(Self { base })
    }

    /// Scheme, host and port as a browser writes them in `Origin`.
    pub(crate) fn ascii(&self) -> String {
        self.base.origin().ascii_serialization()
    }

    pub(crate) fn host(&self) -> &str {
        self.base.host_str().unwrap_or_default()
    }

    pub(crate) fn is_loopback(&self) -> bool {
        is_loopback(&self.base)
    }

    /// The address `segments` below this one; each segment is percent-encoded whole.
    pub(crate) fn join(&self, segments: &[&str]) -> AllowedUrl {
        let mut url = self.base.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(segments);
        }
        AllowedUrl(url)
    }

    /// Accepts an address that a server named, if it lies on this origin and nothing in it misleads.
    pub(crate) fn allow(&self, text: &str) -> Result<AllowedUrl> {
        // The parser forgives back slashes, tabs and white space; a server that writes them is not trusted.
        if text.bytes().any(|byte| byte <= b' ' || byte == b'\\' || byte >= 0x7f) {
            return Err(Detail::HostNotAllowed.into());
        }
        let url = Url::parse(text).map_err(|_| Error::from(Detail::HostNotAllowed))?;
        if url.origin() != self.base.origin() {
            require_protected(&url)?;
            return Err(Detail::HostNotAllowed.into());
        }
        if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
            return Err(Detail::HostNotAllowed.into());
        }
        Ok(AllowedUrl(url))
    }
}

fn require_protected(url: &Url) -> Result<()> {
    match url.scheme() {
        "https" => Ok(()),
        "http" if is_loopback(url) => Ok(()),
        _ => Err(Detail::InsecureUrl.into()),
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

/// An address on an allowed origin. Only [`Origin`] makes one.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct AllowedUrl(Url);

impl AllowedUrl {
    pub(crate) fn as_str(&self) -> &str {
        self.0.as_str()
    }

    pub(crate) fn host(&self) -> &str {
        self.0.host_str().unwrap_or_default()
    }

    /// The segments of its path, decoded; `None` for one that is no text.
    pub(crate) fn path_segments(&self) -> impl Iterator<Item = Option<String>> {
        let segments = self.0.path_segments().into_iter().flatten();
        segments.map(|segment| percent_decode_str(segment).decode_utf8().ok().map(Cow::into_owned))
    }

    /// With options, each value percent-encoded whole. Names are plain words of ours; they may begin with `$`.
    #[must_use]
    pub(crate) fn with_query(mut self, options: &[(&'static str, String)]) -> Self {
        let encoded: Vec<String> =
            options.iter().map(|(name, value)| format!("{name}={}", utf8_percent_encode(value, PLAIN))).collect();
        self.0.set_query((!encoded.is_empty()).then(|| encoded.join("&")).as_deref());
        self
    }
}

impl fmt::Debug for AllowedUrl {
    /// Host and path; a query may carry a state or a code challenge.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}{}", self.0.scheme(), self.host(), self.0.path())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin() -> Origin {
        Origin::parse("https://login.microsoftonline.com").unwrap()
    }

    #[test]
    fn o_21_hostile_authorities() {
        for (text, detail) in [
            ("http://login.microsoftonline.com", Detail::InsecureUrl),
            ("http://127.0.0.1.evil.example", Detail::InsecureUrl),
            ("http://localhost.evil.example", Detail::InsecureUrl),
            ("javascript:alert(1)", Detail::InvalidArgument),
            ("file:///etc/passwd", Detail::InvalidArgument),
            ("https://user@login.microsoftonline.com", Detail::InvalidArgument),
            ("https://login.microsoftonline.com?x=1", Detail::InvalidArgument),
            ("https://login.microsoftonline.com#x", Detail::InvalidArgument),
            ("https://[fe80::1%25eth0]/", Detail::InvalidArgument),
            ("https://login.example:0", Detail::InvalidArgument),
            ("https://", Detail::InvalidArgument),
            ("login.microsoftonline.com", Detail::InvalidArgument),
            ("ftp://localhost/", Detail::InsecureUrl),
            ("https://a\0b/", Detail::InvalidArgument),
        ] {
            assert_eq!(Origin::parse(text).unwrap_err().cause(), detail, "{text}");
        }
        for text in ["http://localhost:1234", "http://127.0.0.1:1", "http://[::1]:1", "https://login.microsoftonline.us/"] {
            Origin::parse(text).unwrap();
        }
    }

    #[test]
    fn t_12_addresses_named_by_a_server() {
        let same = "https://login.microsoftonline.com/common/oauth2/v2.0/token";
        assert_eq!(origin().allow(same).unwrap().as_str(), same);
        origin().allow("https://LOGIN.microsoftonline.com:443/x").unwrap();
        for (text, detail) in [
            ("http://login.microsoftonline.com/token", Detail::InsecureUrl),
            ("https://login.microsoftonline.com:8443/token", Detail::HostNotAllowed),
            ("https://login.microsoftonline.com.evil.example/token", Detail::HostNotAllowed),
            ("https://evil.example/login.microsoftonline.com", Detail::HostNotAllowed),
            ("https://login.microsoftonline.com@evil.example/", Detail::HostNotAllowed),
            ("https://user@login.microsoftonline.com/", Detail::HostNotAllowed),
            ("https://evil.example#login.microsoftonline.com", Detail::HostNotAllowed),
            ("https://login.microsoftonline.com/#x", Detail::HostNotAllowed),
            ("https:\\\\login.microsoftonline.com/token", Detail::HostNotAllowed),
            ("https://login.micro\tsoftonline.com/token", Detail::HostNotAllowed),
            ("//login.microsoftonline.com/token", Detail::HostNotAllowed),
            ("/token", Detail::HostNotAllowed),
            ("https://login.microsoftonline.com./token", Detail::HostNotAllowed),
            ("https://lоgin.microsoftonline.com/token", Detail::HostNotAllowed),
            ("data:text/plain,x", Detail::InsecureUrl),
        ] {
            assert_eq!(origin().allow(text).unwrap_err().cause(), detail, "{text}");
        }
    }

    #[test]
    fn segments_cannot_escape() {
        let url = origin().join(&["..", "a/b", "c?d#e", "%2e%2e"]);
        assert_eq!(url.as_str(), "https://login.microsoftonline.com/a%2Fb/c%3Fd%23e/%252e%252e");
    }
}
