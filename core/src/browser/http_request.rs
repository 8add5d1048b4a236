//! The head of one HTTP/1.1 request, parsed strictly (RFC 9112): what a browser never sends is refused, not interpreted.
//!
//! Accepted: `GET` or `POST`, a path with an optional query, `HTTP/1.1`, lines that end in CRLF. Refused: HTTP/1.0 and older,
//! absolute, authority and asterisk targets, folded headers, bare CR or LF, control characters, a `Transfer-Encoding`, a body
//! without `Content-Length`, and two of any header that decides something.

use super::StatusPage;
use crate::error::Language;
use zeroize::Zeroizing;

/// The request line and all headers.
pub(super) const HEAD_LIMIT: usize = 16 * 1024;
/// The body of a form POST.
pub(super) const BODY_LIMIT: usize = 64 * 1024;
const HEADER_COUNT_LIMIT: usize = 100;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Method {
    Get,
    Post,
    /// Answered without a body.
    Head,
    Other,
}

/// A well-formed head. The query may hold a code and is wiped.
pub(super) struct Head {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) query: Option<Zeroizing<String>>,
    pub(super) origin: Option<String>,
    pub(super) language: Language,
    /// Bytes of the body, at most [`BODY_LIMIT`]; zero for a GET.
    pub(super) body_length: usize,
    /// Bytes of the head, with the empty line.
    pub(super) length: usize,
}

/// A request that is answered with a static page; the language is known once the headers were read.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) page: StatusPage,
    pub(super) language: Language,
}

impl From<StatusPage> for Refusal {
    fn from(page: StatusPage) -> Self {
        Self { page, language: Language::English }
    }
}

/// Parses what has arrived so far; `None` asks for more. `authority` is the only `Host` that is served.
pub(super) fn parse(bytes: &[u8], authority: &str) -> Result<Option<Head>, Refusal> {
    let Some(end) = find(bytes, b"\r\n\r\n") else {
        check_beginning(bytes)?;
        return if bytes.len() >= HEAD_LIMIT { Err(StatusPage::HeadersTooLarge.into()) } else { Ok(None) };
    };
    let text = bytes.get(..end).ok_or(StatusPage::BadRequest)?;
    let mut lines = split_lines(text);
    let (method, target) = request_line(lines.next().unwrap_or_default())?;
    let fields = Fields::read(lines)?;
    let language = fields.language();
    let refuse = |page| Refusal { page, language };
    fields.check_host(authority).map_err(refuse)?;
    if matches!(method, Method::Head | Method::Other) {
        return Ok(Some(Head::without_body(method, target, &fields, end)));
    }
    let body_length = fields.body_length(method).map_err(refuse)?;
    Ok(Some(Head { body_length, ..Head::without_body(method, target, &fields, end) }))
}

impl Head {
    fn without_body(method: Method, target: &str, fields: &Fields<'_>, end: usize) -> Self {
        let (path, query) = match target.split_once('?') {
            Some((path, query)) => (path, Some(Zeroizing::new(query.to_owned()))),
            None => (target, None),
        };
        let origin = fields.origin.map(|value| String::from_utf8_lossy(value).into_owned());
        Self {
            method,
            path: path.to_owned(),
            query,
            origin,
            language: fields.language(),
            body_length: 0,
            length: end.saturating_add(4),
        }
    }
}

/// Ends early what can never become a request: TLS, HTTP/0.9, random bytes.
fn check_beginning(bytes: &[u8]) -> Result<(), StatusPage> {
    if bytes.first().is_some_and(|byte| !byte.is_ascii_uppercase()) {
        return Err(StatusPage::BadRequest);
    }
    if let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
        let line = bytes.get(..end).and_then(|line| line.strip_suffix(b"\r")).ok_or(StatusPage::BadRequest)?;
        request_line(line)?;
    }
    Ok(())
}

fn request_line(line: &[u8]) -> Result<(Method, &str), StatusPage> {
    let line = std::str::from_utf8(line).map_err(|_| StatusPage::BadRequest)?;
    let mut parts = line.split(' ');
    let (Some(method), Some(target), Some("HTTP/1.1"), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
        return Err(StatusPage::BadRequest);
    };
    let plain_method = !method.is_empty() && method.len() <= 20 && method.bytes().all(|byte| byte.is_ascii_uppercase());
    let plain_target = target.starts_with('/') && target.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#');
    if !plain_method || !plain_target {
        return Err(StatusPage::BadRequest);
    }
    let method = match method {
        "GET" => Method::Get,
        "POST" => Method::Post,
        "HEAD" => Method::Head,
        _ => Method::Other,
    };
    Ok((method, target))
}

/// The headers that decide something; all others are checked for their form and forgotten.
#[derive(Default)]
struct Fields<'a> {
    host: Option<&'a [u8]>,
    origin: Option<&'a [u8]>,
    content_type: Option<&'a [u8]>,
    content_length: Option<&'a [u8]>,
    transfer_encoding: Option<&'a [u8]>,
    accept_language: Option<&'a [u8]>,
}

impl<'a> Fields<'a> {
    fn read(lines: impl Iterator<Item = &'a [u8]>) -> Result<Self, StatusPage> {
        let mut fields = Self::default();
        for (index, line) in lines.enumerate() {
            if index >= HEADER_COUNT_LIMIT {
                return Err(StatusPage::HeadersTooLarge);
            }
            let (name, value) = field(line)?;
            if let Some(slot) = fields.slot(&name.to_ascii_lowercase()) {
                if slot.replace(value).is_some() {
                    return Err(StatusPage::BadRequest);
                }
            }
        }
        Ok(fields)
    }

    fn slot(&mut self, name: &[u8]) -> Option<&mut Option<&'a [u8]>> {
        match name {
            b"host" => Some(&mut self.host),
            b"origin" => Some(&mut self.origin),
            b"content-type" => Some(&mut self.content_type),
            b"content-length" => Some(&mut self.content_length),
            b"transfer-encoding" => Some(&mut self.transfer_encoding),
            b"accept-language" => Some(&mut self.accept_language),
            _ => None,
        }
    }

    /// A page that was made to resolve to loopback (DNS rebinding) still carries its own name here.
    fn check_host(&self, authority: &str) -> Result<(), StatusPage> {
        match self.host {
            Some(host) if host == authority.as_bytes() => Ok(()),
            // Browsers leave the scheme's own port out.
            Some(host) if authority.strip_suffix(":80").is_some_and(|name| host == name.as_bytes()) => Ok(()),
            _ => Err(StatusPage::WrongHost),
        }
    }

    fn body_length(&self, method: Method) -> Result<usize, StatusPage> {
        if self.transfer_encoding.is_some() {
            return Err(StatusPage::BadRequest);
        }
        let length = self.content_length.map(content_length).transpose()?;
        match (method, length) {
            (Method::Post, Some(length)) if self.is_form() => Ok(length),
            (Method::Get, None | Some(0)) => Ok(0),
            _ => Err(StatusPage::BadRequest),
        }
    }

    fn is_form(&self) -> bool {
        let value = self.content_type.and_then(|value| value.split(|byte| *byte == b';').next()).unwrap_or_default();
        value.trim_ascii().eq_ignore_ascii_case(b"application/x-www-form-urlencoded")
    }

    fn language(&self) -> Language {
        preferred_language(self.accept_language.and_then(|value| std::str::from_utf8(value).ok()).unwrap_or_default())
    }
}

fn field(line: &[u8]) -> Result<(&[u8], &[u8]), StatusPage> {
    let colon = line.iter().position(|byte| *byte == b':').ok_or(StatusPage::BadRequest)?;
    let (name, value) = line.split_at_checked(colon).ok_or(StatusPage::BadRequest)?;
    let value = value.get(1..).unwrap_or_default();
    let token = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    let text = |byte: &u8| *byte == b'\t' || (*byte >= b' ' && *byte != 0x7f);
    if name.is_empty() || !name.iter().all(token) || !value.iter().all(text) {
        return Err(StatusPage::BadRequest);
    }
    Ok((name, value.trim_ascii()))
}

fn content_length(value: &[u8]) -> Result<usize, StatusPage> {
    if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
        return Err(StatusPage::BadRequest);
    }
    let number = std::str::from_utf8(value).ok().and_then(|digits| digits.parse().ok());
    number.filter(|length| *length <= BODY_LIMIT).ok_or(StatusPage::BodyTooLarge)
}

/// The better liked of the two languages that we speak (RFC 9110 section 12.5.4); English where neither is named.
fn preferred_language(accepted: &str) -> Language {
    let mut best = (Language::English, 0);
    for range in accepted.split(',').take(32) {
        let mut parts = range.split(';');
        let tag = parts.next().unwrap_or_default().trim().to_ascii_lowercase();
        let language = match tag.split('-').next() {
            Some("de") => Language::German,
            Some("en") => Language::English,
            _ => continue,
        };
        let weight = weight(parts.next());
        if weight > best.1 {
            best = (language, weight);
        }
    }
    best.0
}

/// `q=0.8` in thousandths; 1000 where it is left out, 0 where it is not understood.
fn weight(parameter: Option<&str>) -> u32 {
    let Some(parameter) = parameter else { return 1000 };
    let number = parameter.trim().strip_prefix("q=").and_then(|number| number.parse::<f32>().ok());
    let thousandths = number.filter(|number| (0.0..=1.0).contains(number)).map_or(0.0, |number| number * 1000.0);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and 1000")]
    let thousandths = thousandths as u32;
    thousandths
}

fn split_lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        let Some(end) = find(text, b"\r\n") else {
            rest = None;
            return Some(text);
        };
        rest = text.get(end.saturating_add(2)..);
        text.get(..end)
    })
}

fn find(bytes: &[u8], pattern: &[u8]) -> Option<usize> {
    bytes.windows(pattern.len()).position(|window| window == pattern)
}
