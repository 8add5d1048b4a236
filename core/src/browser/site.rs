//! What the listener answers: the callback, the page at the end, and a static page for everything else.

use super::{
    Callback, ListenerOptions, Outcome, Presentation, StatusPage, Verdict,
    connection::{Handler, Request},
    http_request::{Head, Method},
    response::{Response, Status},
};
use crate::error::{Detail, Result};
use crate::language::Language;
use std::{
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    time::Instant,
};
use zeroize::Zeroizing;

/// The fixed part, and what happened so far.
pub(super) struct Site {
    /// `localhost:49152`
    authority: String,
    /// The path of the redirect URI.
    path: String,
    /// `/done/` and 128 random bits: nobody else finds the page, and the code has left the address bar.
    done_path: String,
    login_origin: String,
    presentation: Presentation,
    redirected: AtomicBool,
    refused: AtomicU64,
}

impl Site {
    pub(super) fn new(options: ListenerOptions<'_>, port: u16) -> Result<Self> {
        let mut random = [0; 16];
        getrandom::fill(&mut random).map_err(|_| Detail::ListenerFailed)?;
        Ok(Self {
            authority: format!("{}:{port}", options.host),
            path: options.path.to_owned(),
            done_path: format!("/done/{:032x}", u128::from_be_bytes(random)),
            login_origin: options.login_origin.to_owned(),
            presentation: options.presentation,
            redirected: AtomicBool::new(false),
            refused: AtomicU64::new(0),
        })
    }

    pub(super) fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    /// Whether a browser was sent on to the page at the end.
    pub(super) fn has_redirected(&self) -> bool {
        self.redirected.load(Ordering::Relaxed)
    }

    fn refuse(&self, page: StatusPage, language: Language) -> Response {
        self.refused.fetch_add(1, Ordering::Relaxed);
        let html = self.presentation.status_page(page, language);
        Response::page(Status::Refused(page), self.presentation.policy(), &html)
    }

    /// The same for a HEAD request, whose answer has no body.
    fn refuse_method(&self, head: &Head) -> Response {
        match head.method {
            Method::Head => {
                self.refused.fetch_add(1, Ordering::Relaxed);
                Response::head_only(Status::Refused(StatusPage::MethodNotAllowed), self.presentation.policy())
            }
            _ => self.refuse(StatusPage::MethodNotAllowed, head.language),
        }
    }

    /// Browsers send `Origin: null` from an https page to http on loopback; that says as little as none.
    fn is_foreign(&self, head: &Head) -> bool {
        head.origin.as_deref().is_some_and(|origin| origin != "null" && origin != self.login_origin)
    }
}

/// Answers until the callback has come.
pub(super) struct Waiting<'a> {
    site: &'a Site,
    judge: &'a dyn Fn(&Callback) -> Verdict,
    callback: Option<Callback>,
}

impl<'a> Waiting<'a> {
    pub(super) fn new(site: &'a Site, judge: &'a dyn Fn(&Callback) -> Verdict) -> Self {
        Self { site, judge, callback: None }
    }

    pub(super) fn take(&mut self) -> Option<Callback> {
        self.callback.take()
    }

    fn callback(&mut self, head: &Head, callback: Callback) -> Response {
        let verdict = if self.callback.is_some() { Verdict::Replayed } else { (self.judge)(&callback) };
        match verdict {
            Verdict::Ours => {
                self.callback = Some(callback);
                self.site.redirected.store(true, Ordering::Relaxed);
                Response::see_other(self.site.presentation.policy(), &self.site.done_path)
            }
            Verdict::Replayed => self.site.refuse(StatusPage::AlreadyAnswered, head.language),
            Verdict::KeepWaiting if self.site.is_foreign(head) => self.site.refuse(StatusPage::Forbidden, head.language),
            Verdict::KeepWaiting => self.site.refuse(StatusPage::BadRequest, head.language),
        }
    }
}

impl Handler for Waiting<'_> {
    fn authority(&self) -> &str {
        &self.site.authority
    }

    fn answer(&mut self, request: Request<'_>) -> Response {
        match route(self.site, request) {
            Ok((head, callback)) => self.callback(head, callback),
            Err(response) => response,
        }
    }
}

/// Answers once the outcome is known.
pub(super) struct Finishing<'a> {
    site: &'a Site,
    outcome: &'a Outcome,
    delivered: Option<Instant>,
}

impl<'a> Finishing<'a> {
    pub(super) fn new(site: &'a Site, outcome: &'a Outcome) -> Self {
        Self { site, outcome, delivered: None }
    }

    /// When the page was last asked for.
    pub(super) fn delivered(&self) -> Option<Instant> {
        self.delivered
    }
}

impl Handler for Finishing<'_> {
    fn authority(&self) -> &str {
        &self.site.authority
    }

    fn answer(&mut self, request: Request<'_>) -> Response {
        if let Request::Whole(head, _) = &request
            && head.method == Method::Get
            && head.path == self.site.done_path
            && head.query.is_none()
        {
            self.delivered = Some(Instant::now());
            let presentation = &self.site.presentation;
            return Response::page(Status::Ok, presentation.policy(), &presentation.outcome_page(self.outcome, head.language));
        }
        match route(self.site, request) {
            Ok((head, _)) => self.site.refuse(StatusPage::AlreadyAnswered, head.language),
            Err(response) => response,
        }
    }
}

/// A callback, or the answer to anything else.
fn route<'r>(site: &Site, request: Request<'r>) -> std::result::Result<(&'r Head, Callback), Response> {
    let (head, body) = match request {
        Request::Whole(head, body) => (head, body),
        Request::Refused(refusal) => return Err(site.refuse(refusal.page, refusal.language)),
    };
    if matches!(head.method, Method::Head | Method::Other) {
        return Err(site.refuse_method(head));
    }
    if head.path != site.path {
        return Err(site.refuse(StatusPage::NotFound, head.language));
    }
    let callback = callback(head, body).ok_or_else(|| site.refuse(StatusPage::BadRequest, head.language))?;
    Ok((head, callback))
}

/// The parameters of a request to the redirect URI; `None` where they stand in two places or are no form text.
fn callback(head: &Head, body: &[u8]) -> Option<Callback> {
    match head.method {
        Method::Post if head.query.is_none() => {
            let text = std::str::from_utf8(body).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_graphic()))?;
            Some(Callback { parameters: Zeroizing::new(text.to_owned()) })
        }
        Method::Get => {
            let query = head.query.as_ref().map_or_else(String::new, |query| query.to_string());
            Some(Callback { parameters: Zeroizing::new(query) })
        }
        _ => None,
    }
}
