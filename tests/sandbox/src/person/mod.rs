//! A robot that does what a person does in a browser, for tests and demos.

mod browser;
mod page;

use std::sync::{Arc, Mutex, PoisonError};

use browser::{Browser, Landing};
use page::{Form, Page};
use url::Url;

/// What a person does on consent and approval pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Consent {
    /// Accepts.
    #[default]
    Accept,
    /// An administrator accepts on behalf of the organisation.
    AcceptForOrganization,
    /// Presses Cancel on the consent page.
    Decline,
    /// Presses Cancel on the sign-in page.
    CancelSignIn,
    /// Sends the approval request and goes back to the app.
    RequestApproval,
    /// Goes back to the app from "Need admin approval" or the request form, without a request.
    GoBack,
}

/// A scripted user agent with its own cookies: signs in, consents, follows redirects, posts forms, and delivers the
/// answer to the app. Plain HTTP only. Clones share the browser session.
#[derive(Debug, Clone)]
pub struct Person {
    user: String,
    password: String,
    consent: Consent,
    second_factor: bool,
    user_code: Option<String>,
    deliver: bool,
    browser: Arc<Mutex<Browser>>,
}

/// How a visit ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Visit {
    /// The last page's id, for instance `need-admin-approval`; empty when the last page was the app's.
    pub page: String,
    /// The ids of all the sandbox's pages on the way.
    pub pages: Vec<String>,
    /// The URL that carried the answer out of the sandbox (for a form post: where it was posted).
    pub redirect: Option<String>,
    /// The answer's parameters: of the query, the fragment or the posted form.
    pub answer: Vec<(String, String)>,
    /// Status of the last answer; 0 when the app could not be reached or was not asked.
    pub status: u16,
    /// Text of the last page.
    pub text: String,
}

impl Visit {
    /// A parameter of the answer that left the sandbox.
    pub fn answer(&self, name: &str) -> Option<&str> {
        self.answer.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    /// Notes a page of the sandbox.
    fn enter(&mut self, status: u16, text: String) -> Page {
        let page = Page::parse(&text);
        self.status = status;
        self.text = text;
        self.page.clone_from(&page.id);
        self.pages.push(page.id.clone());
        page
    }

    /// Whether the app got an answer.
    pub fn left_the_sandbox(&self) -> bool {
        self.redirect.is_some()
    }

    /// Whether a page with this id was on the way.
    pub fn saw(&self, page: &str) -> bool {
        self.pages.iter().any(|seen| seen == page)
    }
}

/// More steps than any flow has; a loop ends here.
const STEPS: usize = 40;

impl Person {
    /// Somebody who accepts everything.
    pub fn new(user: &str) -> Person {
        Person {
            user: user.to_owned(),
            password: "sandbox".to_owned(),
            consent: Consent::Accept,
            second_factor: true,
            user_code: None,
            deliver: true,
            browser: Arc::default(),
        }
    }

    /// Types this password.
    #[must_use]
    pub fn password(self, password: &str) -> Person {
        Person { password: password.to_owned(), ..self }
    }

    /// Does this on consent and approval pages.
    #[must_use]
    pub fn consent(self, consent: Consent) -> Person {
        Person { consent, ..self }
    }

    /// Approves the second factor, or gets stuck on its page.
    #[must_use]
    pub fn second_factor(self, approve: bool) -> Person {
        Person { second_factor: approve, ..self }
    }

    /// Types this code on the device page.
    #[must_use]
    pub fn user_code(self, code: &str) -> Person {
        Person { user_code: Some(code.to_owned()), ..self }
    }

    /// Delivers the answer to the app, or only notes it (when nobody listens at the redirect address).
    #[must_use]
    pub fn deliver(self, deliver: bool) -> Person {
        Person { deliver, ..self }
    }

    /// Signs in as somebody else in the same browser.
    #[must_use]
    pub fn switch_user(self, user: &str) -> Person {
        Person { user: user.to_owned(), ..self }
    }

    /// Opens a URL of the sandbox and goes on until the app has its answer or nothing more can be done.
    pub fn browse(&self, start_url: &str) -> Visit {
        let mut browser = self.browser.lock().unwrap_or_else(PoisonError::into_inner);
        let mut visit = Visit::default();
        let Ok(home) = Url::parse(start_url) else {
            return visit;
        };
        let mut landing = browser.open(&home, &home);
        for _ in 0..STEPS {
            match landing {
                Landing::Page { url, status, text } => {
                    let page = visit.enter(status, text);
                    let Some(form) = self.act(&page) else {
                        return visit;
                    };
                    let Ok(target) = url.join(&form.action) else {
                        return visit;
                    };
                    if target.origin() == home.origin() {
                        landing = browser.submit(&target, &form.fields, &home);
                        continue;
                    }
                    visit.redirect = Some(target.to_string());
                    visit.answer.clone_from(&form.fields);
                    let delivered = self.deliver.then(|| browser.submit_outside(&target, &form.fields));
                    return finish(visit, delivered);
                }
                Landing::Outside(target) => {
                    visit.answer = answer_of(&target);
                    visit.redirect = Some(target.to_string());
                    let delivered = self.deliver.then(|| browser.open_outside(&target));
                    return finish(visit, delivered);
                }
                Landing::Lost => return visit,
            }
        }
        visit
    }

    /// The form a person would submit on a page; none where they are stuck or done.
    fn act(&self, page: &Page) -> Option<Form> {
        let press = |button: &str| page.form_with("do", button);
        match page.id.as_str() {
            "login" if self.consent == Consent::CancelSignIn => press("cancel"),
            "login" if !page.has_error => {
                press("next").map(|form| form.filled("username", &self.user).filled("password", &self.password))
            }
            "pick-account" => page.form_with("account", &self.user).or_else(|| press("other")),
            "mfa" if self.second_factor => press("approve"),
            "consent" | "admin-consent" => match self.consent {
                Consent::AcceptForOrganization => press("accept").map(|form| form.filled("organization", "on")),
                Consent::Accept | Consent::RequestApproval => press("accept").map(|form| form.without("organization")),
                _ => press("cancel"),
            },
            "approval-required" if self.consent == Consent::RequestApproval => {
                press("request").map(|form| form.filled("justification", "I need this app for my work."))
            }
            "approval-required" | "need-admin-approval" if self.consent == Consent::GoBack => press("back"),
            "approval-sent" => press("back"),
            "device-code" if !page.has_error => {
                let code = self.user_code.as_deref()?;
                press("next").map(|form| form.filled("otc", code))
            }
            "form-post" => page.first_form(),
            _ => None,
        }
    }
}

fn answer_of(target: &Url) -> Vec<(String, String)> {
    let fragment = target.fragment().filter(|fragment| fragment.contains('='));
    let encoded = fragment.or(target.query()).unwrap_or_default();
    url::form_urlencoded::parse(encoded.as_bytes()).into_owned().collect()
}

fn finish(mut visit: Visit, delivered: Option<Landing>) -> Visit {
    visit.page.clear();
    visit.status = 0;
    visit.text.clear();
    if let Some(Landing::Page { status, text, .. }) = delivered {
        visit.status = status;
        visit.text = text;
    }
    visit
}
