//! The head of one HTTP/1.1 request, parsed strictly (RFC 9112): what a browser never sends is refused, not interpreted.
//!
//! Accepted: `GET` or `POST`, a path with an optional query, `HTTP/1.1`, lines that end in CRLF. Refused: HTTP/1.0 and older,
//! absolute, authority and asterisk targets, folded headers, bare CR or LF, control characters, a `Transfer-Encoding`, a body
//! without `Content-Length`, and two of any header that decides something.

use super::StatusPage;
use crate::language::Language;
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
            let twice = fields.slot(&name.to_ascii_lowercase()).is_some_and(|slot| slot.replace(value).is_some());
            if twice {
                return Err(StatusPage::BadRequest);
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

#[cfg(test)]
mod tests {
    use super::*;

    const HOST: &str = "localhost:49152";
    const VALID: &str = "POST /cb?x=y HTTP/1.1\r\nHost: localhost:49152\r\nContent-Type: application/x-www-form-urlencoded; charset=utf-8\r\nContent-Length: 12\r\nOrigin: null\r\nAccept-Language: de,en;q=0.5\r\nCookie: \u{fc}=1\r\n\r\n";

    fn parsed(text: &str) -> Result<Option<Head>, Refusal> {
        parse(text.as_bytes(), HOST)
    }

    #[test]
    fn a_request_of_a_browser() {
        let head = parsed(&format!("{VALID}code=a&state=b")).unwrap().unwrap();
        assert_eq!((head.method, head.path.as_str(), head.query.as_ref().unwrap().as_str()), (Method::Post, "/cb", "x=y"));
        assert_eq!((head.body_length, head.length, head.language), (12, VALID.len(), Language::German));
        assert_eq!(head.origin.as_deref(), Some("null"));
    }

    #[test]
    fn every_beginning_of_a_request_asks_for_more() {
        for end in 0..VALID.len() {
            assert!(matches!(parse(&VALID.as_bytes()[..end], HOST), Ok(None)), "{end}");
        }
    }

    #[test]
    fn the_scheme_s_own_port_may_be_left_out() {
        let head = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
        assert!(parse(head.as_bytes(), "localhost:80").unwrap().is_some());
        assert_eq!(parse(head.as_bytes(), "localhost:8080").err().unwrap().page, StatusPage::WrongHost);
        assert_eq!(parsed("GET / HTTP/1.1\r\nHost: localhost:49152:80\r\n\r\n").err().unwrap().page, StatusPage::WrongHost);
    }

    #[test]
    fn the_limit_of_the_head_is_exact() {
        let head = |length: usize| {
            let rest = "GET / HTTP/1.1\r\nHost: localhost:49152\r\nX: \r\n\r\n".len();
            format!("GET / HTTP/1.1\r\nHost: localhost:49152\r\nX: {}\r\n\r\n", "a".repeat(length - rest))
        };
        assert!(parsed(&head(HEAD_LIMIT)).unwrap().is_some());
        let long = head(HEAD_LIMIT + 1);
        assert_eq!(parse(&long.as_bytes()[..HEAD_LIMIT], HOST).err().unwrap().page, StatusPage::HeadersTooLarge);
    }

    #[test]
    fn changed_requests_never_get_another_host_or_a_body_without_a_length() {
        // A xorshift generator: the same changes in every run.
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let mut next = |limit: usize| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            usize::try_from(state % limit as u64).unwrap()
        };
        let parts: [&[u8]; 8] = [
            b"\r\n",
            b"\n",
            b" ",
            b":",
            b"Host: evil.example\r\n",
            b"Transfer-Encoding: chunked\r\n",
            b"\0",
            b"Content-Length: 99\r\n",
        ];
        let (mut accepted, mut refused) = (0, 0);
        for _ in 0..50_000 {
            let mut bytes = VALID.as_bytes().to_vec();
            for _ in 0..=next(3) {
                let at = next(bytes.len());
                match next(3) {
                    0 => bytes[at] = u8::try_from(next(256)).unwrap(),
                    1 => drop(bytes.remove(at)),
                    _ => drop(bytes.splice(at..at, parts[next(parts.len())].iter().copied())),
                }
            }
            match parse(&bytes, HOST) {
                Ok(Some(head)) if matches!(head.method, Method::Get | Method::Post) => {
                    let text = String::from_utf8_lossy(&bytes[..head.length]).to_ascii_lowercase();
                    let lines = |name: &str| text.lines().filter(|line| line.starts_with(name)).count();
                    assert_eq!((lines("host:"), lines("transfer-encoding:")), (1, 0), "{text}");
                    let host = text.lines().find_map(|line| line.strip_prefix("host:")).unwrap();
                    assert_eq!(host.trim_matches([' ', '\t']), HOST, "{text}");
                    assert!(head.body_length <= BODY_LIMIT && head.path.starts_with('/'));
                    accepted += 1;
                }
                Ok(_) => {}
                Err(_) => refused += 1,
            }
        }
        assert!(accepted > 1000 && refused > 1000, "{accepted} {refused}");
    }
}
