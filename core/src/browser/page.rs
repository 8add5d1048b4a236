//! The pages that the browser shows: the outcome of a sign-in, and a static page for every other request.
//!
//! They are whole documents without script, outside resources or anything that was received with a request. What comes from the
//! service (names, permissions) is escaped and isolated, so that it can neither become markup nor turn the text around it.

mod failure;
mod texts;

use self::texts::{missing_right, right, status_texts};
use super::{Outcome, StatusPage, style};
use crate::{config::AppIdentity, consent::Scope, display::displayable, language::Language};
use base64::{Engine, engine::general_purpose::STANDARD};
use std::fmt::Write as _;

/// How the host presents itself, ready to be written into pages.
#[derive(Clone, Debug)]
pub(crate) struct Presentation {
    /// The name, escaped for HTML.
    app: String,
    /// `data:image/png;base64,…`
    logo: Option<String>,
    /// Where "Back to the app" leads, escaped for HTML.
    return_url: Option<String>,
    style: String,
    policy: String,
}

impl Presentation {
    pub(crate) fn new(app: &AppIdentity) -> Self {
        let style = style::style(&app.accent_color);
        Self {
            app: escape(&displayable(&app.name)),
            logo: app.logo_png.as_ref().map(|png| format!("data:image/png;base64,{}", STANDARD.encode(png))),
            return_url: app.return_url.as_deref().map(escape),
            policy: style::policy(&style),
            style,
        }
    }

    /// The `Content-Security-Policy` of every page.
    pub(super) fn policy(&self) -> &str {
        &self.policy
    }

    /// The page at the end of a sign-in.
    pub(super) fn outcome_page(&self, outcome: &Outcome, language: Language) -> String {
        let page = Page { presentation: self, language };
        match outcome {
            Outcome::Connected { account, username, granted, missing, excess } => {
                let title = page.pick("Your account is connected", "Ihr Konto ist verbunden");
                let grant = Grant { account, username: username.as_deref(), granted, missing, excess };
                page.document(title, &page.logo(), &page.connected(title, &grant))
            }
            Outcome::AdminApproved => {
                let title = page.pick("Thank you, your approval has arrived", "Vielen Dank, Ihre Freigabe ist angekommen");
                page.document(title, &page.logo(), &page.approved(title))
            }
            Outcome::Failed { error } => {
                let title = page.failure_title(error);
                page.document(title, &page.logo(), &page.failed(title, error))
            }
        }
    }

    /// The page for a request that ends nothing. It is the same for every request of its kind, and small: without the logo.
    pub(super) fn status_page(&self, status: StatusPage, language: Language) -> String {
        let page = Page { presentation: self, language };
        let (title, text) = status_texts(status, language);
        page.document(title, "", &format!("{}<h1>{title}</h1>\n<p>{text}</p>\n", mark(Mark::Wait)))
    }
}

/// What a connected account may do.
struct Grant<'a> {
    account: &'a str,
    username: Option<&'a str>,
    granted: &'a [Scope],
    missing: &'a [Scope],
    excess: &'a [String],
}

/// One page in the making.
struct Page<'a> {
    presentation: &'a Presentation,
    language: Language,
}

impl Page<'_> {
    fn pick<'t>(&self, english: &'t str, german: &'t str) -> &'t str {
        self.language.pick(english, german)
    }

    /// The app's name within a sentence; its direction does not spill over.
    fn app(&self) -> String {
        format!("<bdi>{}</bdi>", self.presentation.app)
    }

    /// The name stands beside it, so that the picture needs no words of its own.
    fn logo(&self) -> String {
        let logo = self.presentation.logo.as_ref();
        logo.map(|logo| format!("<img src=\"{logo}\" alt=\"\" height=\"64\">")).unwrap_or_default()
    }

    fn document(&self, title: &str, logo: &str, main: &str) -> String {
        let Presentation { app, style, .. } = self.presentation;
        let language = self.pick("en", "de");
        format!(
            "<!doctype html>\n<html lang=\"{language}\" dir=\"ltr\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta name=\"color-scheme\" content=\"light dark\">\n<meta name=\"robots\" content=\"noindex\">\n\
             <link rel=\"icon\" href=\"data:,\">\n<title>{title} – {app}</title>\n<style>{style}</style>\n</head>\n<body>\n\
             <header>{logo}{}</header>\n<main>\n{main}</main>\n</body>\n</html>\n",
            self.app()
        )
    }

    fn connected(&self, title: &str, grant: &Grant<'_>) -> String {
        let app = self.app();
        let mut main = format!("{}<h1>{title}</h1>\n", mark(Mark::Good));
        let intro = match self.language {
            Language::English => format!("{app} is now connected to your Microsoft 365 account."),
            Language::German => format!("{app} ist jetzt mit Ihrem Microsoft-365-Konto verbunden."),
        };
        let _ = writeln!(main, "<p>{intro}</p>\n{}", self.account(grant));
        self.rights(&mut main, grant.granted);
        self.missing(&mut main, grant);
        self.excess(&mut main, grant.excess);
        let promise = match (self.language, grant.excess.is_empty()) {
            (Language::English, true) => format!("{app} can only read, never change anything."),
            (Language::English, false) => format!("{app} only reads and never changes anything."),
            (Language::German, true) => format!("{app} kann nur lesen und niemals etwas ändern."),
            (Language::German, false) => format!("{app} liest nur und ändert niemals etwas."),
        };
        let _ = writeln!(main, "<p class=\"promise\"><strong>{promise}</strong></p>\n{}", self.way_back());
        main
    }

    fn account(&self, grant: &Grant<'_>) -> String {
        let label = self.pick("Account", "Konto");
        let username =
            grant.username.map(|username| format!("<br><span class=\"plain\">{}</span>", isolated(username))).unwrap_or_default();
        format!("<dl>\n<dt>{label}</dt><dd class=\"account\">{}{username}</dd>\n</dl>", isolated(grant.account))
    }

    fn rights(&self, main: &mut String, granted: &[Scope]) {
        if granted.is_empty() {
            return;
        }
        let heading = match self.language {
            Language::English => format!("What {} can see", self.app()),
            Language::German => format!("Was {} sehen kann", self.app()),
        };
        let items = granted.iter().map(|scope| item(right(*scope, self.language), scope.name())).collect::<String>();
        let _ = write!(main, "<h2>{heading}</h2>\n<ul>\n{items}</ul>\n");
    }

    fn missing(&self, main: &mut String, grant: &Grant<'_>) {
        if grant.missing.is_empty() {
            return;
        }
        let heading = self.pick("What was not granted", "Was nicht erlaubt wurde");
        let items = grant.missing.iter().map(|scope| item(missing_right(*scope, self.language), scope.name())).collect::<String>();
        let note = self.pick(
            "To add this, ask your administrator to approve it, then connect again.",
            "Bitten Sie dafür Ihre Administration um die Freigabe und verbinden Sie sich dann erneut.",
        );
        let works = match grant.granted {
            [] => "",
            _ => self.pick("Everything listed above works. ", "Alles oben Genannte funktioniert. "),
        };
        let _ = write!(main, "<h2>{heading}</h2>\n<ul class=\"not\">\n{items}</ul>\n<p>{works}{note}</p>\n");
    }

    fn excess(&self, main: &mut String, excess: &[String]) {
        if excess.is_empty() {
            return;
        }
        let heading = self.pick("Granted, but not used", "Erlaubt, aber nicht genutzt");
        let note = match self.language {
            Language::English => format!("Your organisation has granted more than {} asks for. It is not used:", self.app()),
            Language::German => {
                format!("Ihre Organisation hat mehr erlaubt, als {} anfordert. Das wird nicht genutzt:", self.app())
            }
        };
        let items = excess.iter().fold(String::new(), |mut items, name| {
            let _ = writeln!(items, "<li><code>{}</code></li>", isolated(name));
            items
        });
        let _ = write!(main, "<h2>{heading}</h2>\n<p>{note}</p>\n<ul class=\"not\">\n{items}</ul>\n");
    }

    fn approved(&self, title: &str) -> String {
        let app = self.app();
        let text = match self.language {
            Language::English => format!(
                "Microsoft reports that you have approved {app} for your organisation. Your colleagues can connect their accounts now; the approval is confirmed when the first of them does."
            ),
            Language::German => format!(
                "Microsoft meldet, dass Sie {app} für Ihre Organisation freigegeben haben. Ihre Kolleginnen und Kollegen können jetzt ihre Konten verbinden; bestätigt ist die Freigabe, sobald das zum ersten Mal gelingt."
            ),
        };
        let note = self.pick(
            "<p>The approval counts for the organisation you signed in to. If you meant another one, open the link again and sign in there.</p>\n",
            "<p>Die Freigabe gilt für die Organisation, bei der Sie sich angemeldet haben. Falls Sie eine andere meinten, öffnen Sie den Link erneut und melden Sie sich dort an.</p>\n",
        );
        format!("{}<h1>{title}</h1>\n<p>{text}</p>\n{note}{}\n", mark(Mark::Good), self.way_back())
    }

    /// Back to the app, at an address that only the configuration names.
    fn way_back(&self) -> String {
        let app = self.app();
        if let Some(url) = &self.presentation.return_url {
            let label = match self.language {
                Language::English => format!("Back to {app}"),
                Language::German => format!("Zurück zu {app}"),
            };
            return format!("<p><a class=\"button\" href=\"{url}\">{label}</a></p>");
        }
        match self.language {
            Language::English => format!("<p>You can close this window and return to {app}.</p>"),
            Language::German => format!("<p>Sie können dieses Fenster schließen und zu {app} zurückkehren.</p>"),
        }
    }
}

fn item(text: &str, name: &str) -> String {
    format!("<li>{text} <code>{name}</code></li>\n")
}

#[derive(Clone, Copy)]
enum Mark {
    Good,
    Bad,
    Wait,
}

/// A drawing that says at a glance how it went; the heading says it in words.
fn mark(mark: Mark) -> String {
    let (class, path) = match mark {
        Mark::Good => ("good", "M15 25l6.5 6.5L33.5 18"),
        Mark::Bad => ("bad", "M17 17l14 14M31 17L17 31"),
        Mark::Wait => ("wait", "M24 14v12M24 33v.5"),
    };
    format!(
        "<svg class=\"mark {class}\" viewBox=\"0 0 48 48\" fill=\"none\" stroke=\"currentColor\" stroke-width=\"3.5\" \
         stroke-linecap=\"round\" stroke-linejoin=\"round\" aria-hidden=\"true\"><circle cx=\"24\" cy=\"24\" r=\"21\"/>\
         <path d=\"{path}\"/></svg>\n"
    )
}

/// Text of the service within ours: escaped, at most 200 characters, its direction kept to itself.
fn isolated(text: &str) -> String {
    let short: String = text.chars().take(200).collect();
    format!("<bdi>{}</bdi>", escape(&displayable(&short)))
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            _ => escaped.push(character),
        }
    }
    escaped
}
