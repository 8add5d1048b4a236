//! The answers of the listener. Each has one head:
//!
//! ```text
//! HTTP/1.1 200 OK
//! Connection: close                     one request per connection, so that nothing can be smuggled behind it
//! Content-Security-Policy: …            no script, no request to anywhere, our one style by its hash
//! Cache-Control: no-store, …            nothing of the sign-in stays behind
//! Location: /done/{random}              only on the answer to the callback; never made of anything that was received
//! ```

use super::StatusPage;

/// The bytes of one answer.
#[derive(Debug)]
pub(super) struct Response(Vec<u8>);

impl Response {
    /// A page of ours. `policy` is the `Content-Security-Policy` that fits its style.
    pub(super) fn page(status: Status, policy: &str, html: &str) -> Self {
        let mut bytes = head(status, policy, html.len(), "").into_bytes();
        bytes.extend_from_slice(html.as_bytes());
        Self(bytes)
    }

    /// The same without its body, for HEAD.
    pub(super) fn head_only(status: Status, policy: &str) -> Self {
        Self(head(status, policy, 0, "").into_bytes())
    }

    /// Takes the browser off the address that carries the code. `path` is ours.
    pub(super) fn see_other(policy: &str, path: &str) -> Self {
        Self(head(Status::SeeOther, policy, 0, &format!("Location: {path}\r\n")).into_bytes())
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    Ok,
    SeeOther,
    Refused(StatusPage),
}

impl Status {
    pub(super) fn line(self) -> &'static str {
        match self {
            Self::Ok => "200 OK",
            Self::SeeOther => "303 See Other",
            Self::Refused(page) => match page {
                StatusPage::BadRequest => "400 Bad Request",
                StatusPage::Forbidden => "403 Forbidden",
                StatusPage::NotFound => "404 Not Found",
                StatusPage::MethodNotAllowed => "405 Method Not Allowed",
                StatusPage::AlreadyAnswered => "409 Conflict",
                StatusPage::BodyTooLarge => "413 Content Too Large",
                StatusPage::WrongHost => "421 Misdirected Request",
                StatusPage::HeadersTooLarge => "431 Request Header Fields Too Large",
            },
        }
    }
}

fn head(status: Status, policy: &str, length: usize, extra: &str) -> String {
    let allow = if status == Status::Refused(StatusPage::MethodNotAllowed) { "Allow: GET, POST\r\n" } else { "" };
    format!(
        "HTTP/1.1 {}\r\n\
         Content-Type: text/html; charset=utf-8\r\n\
         Content-Length: {length}\r\n\
         Connection: close\r\n\
         Cache-Control: no-store, max-age=0\r\n\
         Pragma: no-cache\r\n\
         Content-Security-Policy: {policy}\r\n\
         X-Content-Type-Options: nosniff\r\n\
         X-Frame-Options: DENY\r\n\
         Referrer-Policy: no-referrer\r\n\
         Cross-Origin-Opener-Policy: same-origin\r\n\
         Cross-Origin-Resource-Policy: same-origin\r\n\
         Vary: Accept-Language\r\n\
         {allow}{extra}\r\n",
        status.line()
    )
}
