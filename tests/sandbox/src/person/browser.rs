//! A tiny HTTP client: one request per connection, cookies, redirects.

use std::collections::BTreeMap;
use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use url::Url;

/// Longer than any page of the sandbox or answer of an app takes.
const TIMEOUT: Duration = Duration::from_secs(20);
/// Redirects in a row before giving up.
const REDIRECTS: usize = 10;
/// No page is larger.
const ANSWER_LIMIT: u64 = 4 << 20;

/// Where a request ended.
#[derive(Debug)]
pub(crate) enum Landing {
    Page {
        url: Url,
        status: u16,
        text: String,
    },
    /// A redirect that leaves the sandbox.
    Outside(Url),
    /// No connection, or too many redirects.
    Lost,
}

/// Cookies by origin.
#[derive(Debug, Default)]
pub(crate) struct Browser {
    cookies: BTreeMap<String, BTreeMap<String, String>>,
}

struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Browser {
    /// Opens a page of the sandbox at `home`.
    pub(crate) fn open(&mut self, url: &Url, home: &Url) -> Landing {
        self.follow(url, None, Some(home), None)
    }

    /// Posts a form to the sandbox at `home`.
    pub(crate) fn submit(&mut self, url: &Url, fields: &[(String, String)], home: &Url) -> Landing {
        self.follow(url, Some(encode(fields)), Some(home), None)
    }

    /// Opens a page of the app.
    pub(crate) fn open_outside(&mut self, url: &Url) -> Landing {
        self.follow(url, None, None, None)
    }

    /// Posts a form to the app, as a page of another site does.
    pub(crate) fn submit_outside(&mut self, url: &Url, fields: &[(String, String)]) -> Landing {
        self.follow(url, Some(encode(fields)), None, Some("null"))
    }

    fn follow(&mut self, url: &Url, form: Option<String>, home: Option<&Url>, origin: Option<&str>) -> Landing {
        let (mut url, mut form) = (url.clone(), form);
        for _ in 0..REDIRECTS {
            let Ok(answer) = self.request(&url, form.as_deref(), origin) else {
                return Landing::Lost;
            };
            let location = answer.headers.iter().find(|(name, _)| name == "location").map(|(_, value)| value.clone());
            let (Some(location), 300..=399) = (location, answer.status) else {
                let text = String::from_utf8_lossy(&answer.body).into_owned();
                return Landing::Page { url, status: answer.status, text };
            };
            let Ok(target) = url.join(&location) else {
                return Landing::Lost;
            };
            if home.is_some_and(|home| home.origin() != target.origin()) {
                return Landing::Outside(target);
            }
            if ![307, 308].contains(&answer.status) {
                form = None;
            }
            url = target;
        }
        Landing::Lost
    }

    fn request(&mut self, url: &Url, form: Option<&str>, origin: Option<&str>) -> io::Result<Answer> {
        if url.scheme() != "http" {
            return Err(io::Error::from(io::ErrorKind::Unsupported));
        }
        let site = url.origin().ascii_serialization();
        let mut stream = connect(url)?;
        stream.write_all(self.head(url, &site, form, origin).as_bytes())?;
        stream.write_all(form.unwrap_or_default().as_bytes())?;
        let mut bytes = Vec::new();
        stream.take(ANSWER_LIMIT).read_to_end(&mut bytes)?;
        let answer = parse(&bytes).ok_or_else(|| io::Error::from(io::ErrorKind::InvalidData))?;
        self.keep_cookies(&site, &answer);
        Ok(answer)
    }

    fn head(&self, url: &Url, site: &str, form: Option<&str>, origin: Option<&str>) -> String {
        let path = url.query().map_or(url.path().to_owned(), |query| format!("{}?{query}", url.path()));
        let host = site.split_once("://").map_or("", |(_, host)| host);
        let method = if form.is_some() { "POST" } else { "GET" };
        let mut head = format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nAccept: text/html\r\n");
        if let Some(cookies) = self.cookies.get(site).filter(|cookies| !cookies.is_empty()) {
            let pairs: Vec<String> = cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
            write_head(&mut head, format_args!("Cookie: {}\r\n", pairs.join("; ")));
        }
        if let Some(form) = form {
            let origin = origin.unwrap_or(site);
            write_head(&mut head, format_args!("Origin: {origin}\r\nContent-Type: application/x-www-form-urlencoded\r\n"));
            write_head(&mut head, format_args!("Content-Length: {}\r\n", form.len()));
        }
        head.push_str("\r\n");
        head
    }

    fn keep_cookies(&mut self, site: &str, answer: &Answer) {
        let jar = self.cookies.entry(site.to_owned()).or_default();
        for (_, cookie) in answer.headers.iter().filter(|(name, _)| name == "set-cookie") {
            let pair = cookie.split(';').next().and_then(|pair| pair.split_once('='));
            match pair {
                Some((name, "")) => drop(jar.remove(name.trim())),
                Some((name, value)) => {
                    drop(jar.insert(name.trim().to_owned(), value.trim().to_owned()));
                }
                None => {}
            }
        }
    }
}

fn write_head(head: &mut String, line: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let _infallible = std::fmt::Write::write_fmt(head, line);
}

fn connect(url: &Url) -> io::Result<TcpStream> {
    let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for address in url.socket_addrs(|| None)? {
        match TcpStream::connect_timeout(&address, TIMEOUT) {
            Ok(stream) => {
                stream.set_read_timeout(Some(TIMEOUT))?;
                stream.set_write_timeout(Some(TIMEOUT))?;
                return Ok(stream);
            }
            Err(failed) => last = failed,
        }
    }
    Err(last)
}

fn encode(fields: &[(String, String)]) -> String {
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
}

fn parse(bytes: &[u8]) -> Option<Answer> {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(bytes.get(..end)?).into_owned();
    let body = bytes.get(end.checked_add(4)?..)?;
    let mut lines = head.split("\r\n");
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.trim().to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let chunked = headers.iter().any(|(name, value)| name == "transfer-encoding" && value.contains("chunked"));
    let body = if chunked { unchunk(body)? } else { body.to_vec() };
    Some(Answer { status, headers, body })
}

/// RFC 9112 section 7.1, without trailers.
fn unchunk(mut rest: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let end = rest.windows(2).position(|window| window == b"\r\n")?;
        let size = std::str::from_utf8(rest.get(..end)?).ok()?.split(';').next()?.trim();
        let size = usize::from_str_radix(size, 16).ok()?;
        if size == 0 {
            return Some(body);
        }
        let start = end.checked_add(2)?;
        let stop = start.checked_add(size)?;
        body.extend_from_slice(rest.get(start..stop)?);
        rest = rest.get(stop.checked_add(2)?..)?;
    }
}
