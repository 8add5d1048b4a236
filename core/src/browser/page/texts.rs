//! Rights and refusals in plain words.

use crate::{browser::StatusPage, consent::Scope, language::Language};

/// What a permission lets the app see.
pub(super) fn right(scope: Scope, language: Language) -> &'static str {
    match (scope, language) {
        (Scope::UserRead, Language::English) => "See your name, your e-mail address and your profile",
        (Scope::UserRead, Language::German) => "Ihren Namen, Ihre E-Mail-Adresse und Ihr Profil sehen",
        (Scope::MailReadBasic, Language::English) => "See who sent you mail, the subject and the date – not the text",
        (Scope::MailReadBasic, Language::German) => "Sehen, wer Ihnen schreibt, den Betreff und das Datum – nicht den Text",
        (Scope::MailRead, Language::English) => "Read your mail, including the text",
        (Scope::MailRead, Language::German) => "Ihre E-Mails lesen, auch den Text",
        (Scope::CalendarsRead, Language::English) => "See your calendars and appointments",
        (Scope::CalendarsRead, Language::German) => "Ihre Kalender und Termine sehen",
    }
}

/// What the app cannot do without a permission.
pub(super) fn missing_right(scope: Scope, language: Language) -> &'static str {
    match (scope, language) {
        (Scope::UserRead, Language::English) => "Your profile stays hidden",
        (Scope::UserRead, Language::German) => "Ihr Profil bleibt verborgen",
        (Scope::MailReadBasic, Language::English) => "Your mail stays hidden",
        (Scope::MailReadBasic, Language::German) => "Ihre E-Mails bleiben verborgen",
        (Scope::MailRead, Language::English) => "The text of your mail stays hidden",
        (Scope::MailRead, Language::German) => "Der Text Ihrer E-Mails bleibt verborgen",
        (Scope::CalendarsRead, Language::English) => "Your calendars stay hidden",
        (Scope::CalendarsRead, Language::German) => "Ihre Kalender bleiben verborgen",
    }
}

/// Title and sentence of a static page.
pub(super) fn status_texts(page: StatusPage, language: Language) -> (&'static str, &'static str) {
    language.pick(english_status(page), german_status(page))
}

fn english_status(page: StatusPage) -> (&'static str, &'static str) {
    match page {
        StatusPage::BadRequest => (
            "This answer cannot be used",
            "It does not belong to the sign-in that is under way. Go back to the app and connect again.",
        ),
        StatusPage::Forbidden => ("This answer was refused", "It was sent by a page that has no part in the sign-in."),
        StatusPage::NotFound => ("There is nothing here", "This address exists only to finish a sign-in."),
        StatusPage::MethodNotAllowed => ("This request is not possible", "This address exists only to finish a sign-in."),
        StatusPage::AlreadyAnswered => {
            ("This sign-in was already answered", "Nothing more has to be done here. Go back to the app to see how it went.")
        }
        StatusPage::BodyTooLarge => ("This answer is too large", "Go back to the app and connect again."),
        StatusPage::WrongHost => ("This is not the address you meant", "This address answers under its own name only."),
        StatusPage::HeadersTooLarge => ("This request is too large", "Go back to the app and connect again."),
    }
}

fn german_status(page: StatusPage) -> (&'static str, &'static str) {
    match page {
        StatusPage::BadRequest => (
            "Diese Antwort ist nicht verwendbar",
            "Sie gehört nicht zur laufenden Anmeldung. Kehren Sie zur App zurück und verbinden Sie sich erneut.",
        ),
        StatusPage::Forbidden => {
            ("Diese Antwort wurde abgelehnt", "Sie kam von einer Seite, die mit der Anmeldung nichts zu tun hat.")
        }
        StatusPage::NotFound => ("Hier ist nichts", "Diese Adresse dient nur dazu, eine Anmeldung abzuschließen."),
        StatusPage::MethodNotAllowed => {
            ("Diese Anfrage ist nicht möglich", "Diese Adresse dient nur dazu, eine Anmeldung abzuschließen.")
        }
        StatusPage::AlreadyAnswered => (
            "Diese Anmeldung wurde bereits beantwortet",
            "Hier ist nichts weiter zu tun. In der App sehen Sie, was daraus geworden ist.",
        ),
        StatusPage::BodyTooLarge => ("Diese Antwort ist zu groß", "Kehren Sie zur App zurück und verbinden Sie sich erneut."),
        StatusPage::WrongHost => ("Diese Adresse war nicht gemeint", "Sie antwortet nur unter ihrem eigenen Namen."),
        StatusPage::HeadersTooLarge => ("Diese Anfrage ist zu groß", "Kehren Sie zur App zurück und verbinden Sie sich erneut."),
    }
}
