//! The page for a sign-in that did not work: what happened, who must act, what to do, and what support needs to know.

use super::{Mark, Page, escape, mark};
use crate::{
    approval::{AdminApproval, Certainty},
    error::{Actor, Error},
    language::Language,
};
use std::fmt::Write as _;

impl Page<'_> {
    pub(super) fn failure_title(&self, error: &Error) -> &'static str {
        match (is_certain(error), self.language) {
            (true, Language::English) => "Your administrator’s approval is needed",
            (true, Language::German) => "Die Freigabe durch Ihre Administration fehlt",
            (false, Language::English) => "Your account was not connected",
            (false, Language::German) => "Ihr Konto wurde nicht verbunden",
        }
    }

    pub(super) fn failed(&self, title: &str, error: &Error) -> String {
        let drawing = if is_certain(error) { Mark::Wait } else { Mark::Bad };
        let mut main = format!("{}<h1>{title}</h1>\n<p>{}</p>\n", mark(drawing), escape(error.message(self.language)));
        let (who_label, next_label) = (self.pick("Who has to act", "Wer handeln muss"), self.pick("Next step", "Nächster Schritt"));
        let _ = write!(
            main,
            "<dl>\n<dt>{who_label}</dt><dd>{}</dd>\n<dt>{next_label}</dt><dd class=\"plain\">{}</dd>\n</dl>\n",
            self.actor(error.who_acts()),
            escape(error.next_step(self.language))
        );
        if let Some(approval) = error.admin_approval() {
            self.approval(&mut main, approval);
        }
        let _ = writeln!(main, "{}", self.way_back());
        self.support(&mut main, error);
        main
    }

    fn actor(&self, actor: Actor) -> String {
        match (actor, self.language) {
            (Actor::Nobody, Language::English) => "Nobody; trying again is enough".to_owned(),
            (Actor::Nobody, Language::German) => "Niemand; ein neuer Versuch genügt".to_owned(),
            (Actor::User, Language::English) => "You".to_owned(),
            (Actor::User, Language::German) => "Sie".to_owned(),
            (Actor::Administrator, Language::English) => "Your administrator".to_owned(),
            (Actor::Administrator, Language::German) => "Ihre Administration".to_owned(),
            (Actor::Developer, Language::English) => format!("The developer of {}", self.app()),
            (Actor::Developer, Language::German) => format!("Die Entwicklung von {}", self.app()),
        }
    }

    fn approval(&self, main: &mut String, approval: &AdminApproval) {
        let certainty = match approval.certainty {
            Certainty::Certain => "",
            Certainty::Ambiguous => self.pick(
                "<p>If you have just asked for approval, wait until your administrator has decided. If you declined by mistake, simply connect again.</p>\n",
                "<p>Falls Sie gerade die Freigabe beantragt haben, warten Sie die Entscheidung Ihrer Administration ab. Falls Sie versehentlich abgelehnt haben, verbinden Sie sich einfach erneut.</p>\n",
            ),
            Certainty::Likely => self.pick(
                "<p>If Microsoft showed a page saying that approval is needed, this is the way on.</p>\n",
                "<p>Falls Microsoft eine Seite gezeigt hat, die eine Genehmigung verlangt, geht es so weiter.</p>\n",
            ),
        };
        let heading = self.pick("For your administrator", "Für Ihre Administration");
        let link = self.pick("Approve the app for the organisation", "Die App für die Organisation freigeben");
        let note = self.pick(
            "The link works for administrators only. Are you not one? Copy this text and send it to them:",
            "Der Link ist nur für Administratorinnen und Administratoren. Sind Sie das nicht? Kopieren Sie diesen Text und senden Sie ihn weiter:",
        );
        let label = self.pick("Text to forward", "Text zum Weiterleiten");
        let url = escape(&approval.url);
        // The parser of a textarea drops one line feed at its start.
        let text = escape(&approval.text_to_forward(self.language));
        let _ = write!(
            main,
            "{certainty}<h2>{heading}</h2>\n<p><a href=\"{url}\" rel=\"noreferrer\">{link}</a></p>\n<p>{note}</p>\n\
             <label for=\"forward\">{label}</label>\n<textarea id=\"forward\" readonly rows=\"12\">\n{text}</textarea>\n"
        );
    }

    fn support(&self, main: &mut String, error: &Error) {
        let heading = self.pick("For support", "Für den Support");
        let mut rows = format!("<dt>{}</dt><dd><code>{}</code></dd>\n", self.pick("Code", "Code"), error.detail());
        let details = [
            (self.pick("Microsoft’s code", "Code von Microsoft"), error.service_code()),
            (self.pick("Request", "Anfrage"), error.request_id().or(error.client_request_id())),
        ];
        for (label, value) in details {
            if let Some(value) = value.filter(|value| is_identifier(value)) {
                let _ = writeln!(rows, "<dt>{label}</dt><dd><code>{value}</code></dd>");
            }
        }
        let _ = write!(main, "<div class=\"support\">\n<h2>{heading}</h2>\n<dl>\n{rows}</dl>\n</div>\n");
    }
}

/// Whether nothing but the approval is missing; elsewhere it is one of several explanations.
fn is_certain(error: &Error) -> bool {
    error.admin_approval().is_some_and(|approval| approval.certainty == Certainty::Certain)
}

/// Codes and request ids are shown only in the form that the service gives them.
fn is_identifier(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}
