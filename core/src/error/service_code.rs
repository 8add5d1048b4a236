//! What the service's own codes mean: those of the identity platform (`AADSTS…`) and of Graph.
//!
//! `service_codes.tsv` has a line for each code: the code, Microsoft's name for it, its class, who must act, its meaning, what to do;
//! tabs between them (FACTS 4.7, 9.1). A code explains a failure to those who look into it. What the library does about it follows
//! from [`ErrorKind`](super::ErrorKind), as Microsoft calls the numbers diagnostics that may change.

use super::{Actor, Error};
use crate::language::Language;

const TABLE: &str = include_str!("service_codes.tsv");

/// What one of Microsoft's codes means. The words of a row are English and for whoever looks into the failure; its class speaks to people
/// in their language.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceCode {
    /// The code: `AADSTS65001`, `ErrorItemNotFound`.
    pub code: String,
    /// Microsoft's own name for the number; `None` where it has none.
    pub name: Option<String>,
    /// What kind of failure it is.
    pub class: ServiceCodeClass,
    /// Who has to act. More exact than [`Error::who_acts`] where several codes have the same cause.
    pub who_acts: Actor,
    /// What it means, in English.
    pub meaning: String,
    /// What to do about it, in English.
    pub remedy: String,
}

impl ServiceCode {
    /// Looks up a code, in whatever case it is written; `None` for one that the table does not have. Touches neither disk nor network.
    ///
    /// # Example
    /// ```
    /// use intail_office365::{Actor, Language, ServiceCode};
    ///
    /// let code = ServiceCode::find("AADSTS50105").unwrap();
    /// assert_eq!(code.who_acts, Actor::Administrator);
    /// println!("{}. {}. {}", code.meaning, code.remedy, code.class.next_step(Language::German));
    /// ```
    pub fn find(code: &str) -> Option<Self> {
        TABLE.lines().filter_map(row).find(|row| row.code.eq_ignore_ascii_case(code))
    }

    /// Every code that is known: those of the identity platform by number, then those of Graph.
    pub fn all() -> Vec<Self> {
        TABLE.lines().filter_map(row).collect()
    }
}

impl Error {
    /// What the service's own code means, where it gave one that is known.
    pub fn service_code_meaning(&self) -> Option<ServiceCode> {
        self.service_code().and_then(ServiceCode::find)
    }
}

fn row(line: &str) -> Option<ServiceCode> {
    let mut cells = line.split('\t').map(str::to_owned);
    let (code, name) = (cells.next()?, cells.next().filter(|name| !name.is_empty()));
    let (class, who) = (cells.next()?, cells.next()?);
    let class = ServiceCodeClass::ALL.into_iter().find(|known| known.name() == class)?;
    let who_acts = match who.as_str() {
        "Nobody" => Actor::Nobody,
        "User" => Actor::User,
        "Administrator" => Actor::Administrator,
        "Developer" => Actor::Developer,
        _ => return None,
    };
    Some(ServiceCode { code, name, class, who_acts, meaning: cells.next()?, remedy: cells.next()? })
}

macro_rules! classes {
    ($($name:ident = $number:literal, $doc:literal, $english:literal, $german:literal, $step:literal, $schritt:literal;)*) => {
        /// What kind of failure a code tells of. The numbers are stable and never reused.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u32)]
        pub enum ServiceCodeClass { $(#[doc = $doc] $name = $number),* }

        impl ServiceCodeClass {
            /// Every class, in the order of its number.
            pub const ALL: [Self; [$($number),*].len()] = [$(Self::$name),*];

            /// What kind of failure it is, in one sentence for people.
            pub fn text(self, language: Language) -> &'static str {
                match self { $(Self::$name => language.pick($english, $german)),* }
            }

            /// What to do about failures of this kind, in one sentence for people.
            pub fn next_step(self, language: Language) -> &'static str {
                match self { $(Self::$name => language.pick($step, $schritt)),* }
            }

            fn name(self) -> &'static str {
                match self { $(Self::$name => stringify!($name)),* }
            }
        }
    };
}

classes! {
    NoFailure = 0, "Nothing is wrong.",
        "Nothing is wrong.", "Es liegt kein Fehler vor.",
        "Go on.", "Fahren Sie fort.";
    SignIn = 1, "A new sign-in is needed.",
        "A new sign-in is needed.", "Eine neue Anmeldung ist nötig.",
        "Sign in again.", "Melden Sie sich erneut an.";
    ExtraCheck = 2, "The organisation asks for an extra check of the person or the device.",
        "Your organisation asks for an extra check of you or of your device.", "Ihre Organisation verlangt eine zusätzliche Prüfung von Ihnen oder Ihrem Gerät.",
        "Sign in again and do what the page asks for.", "Melden Sie sich erneut an und tun Sie, was die Seite verlangt.";
    Consent = 3, "The permissions were not accepted yet.",
        "The permissions were not accepted yet.", "Die Berechtigungen wurden noch nicht akzeptiert.",
        "Connect again and accept, or ask your administrator to approve the app.", "Verbinden Sie sich erneut und akzeptieren Sie, oder bitten Sie Ihre Administration um Genehmigung der App.";
    AdminApproval = 4, "An administrator has to approve the app.",
        "Your administrator has to approve the app.", "Ihre Administration muss die App genehmigen.",
        "Ask your administrator to approve the app.", "Bitten Sie Ihre Administration, die App zu genehmigen.";
    AppUnavailable = 5, "The app is not open to the person in this organisation.",
        "The app is not available to you in this organisation.", "Die App steht Ihnen in dieser Organisation nicht zur Verfügung.",
        "Ask your administrator to make the app available to you.", "Bitten Sie Ihre Administration, die App für Sie freizugeben.";
    Policy = 6, "A policy of the organisation forbids it.",
        "A policy of your organisation forbids this.", "Eine Richtlinie Ihrer Organisation verbietet dies.",
        "Ask your administrator, and mention the code.", "Fragen Sie Ihre Administration und nennen Sie den Code.";
    WrongAccount = 7, "The account does not belong here.",
        "This account does not belong to the organisation.", "Dieses Konto gehört nicht zur Organisation.",
        "Sign in with another account.", "Melden Sie sich mit einem anderen Konto an.";
    AccountBlocked = 8, "The account is locked or disabled.",
        "This account is locked or disabled.", "Dieses Konto ist gesperrt oder deaktiviert.",
        "Wait some minutes and try again, or ask your administrator.", "Warten Sie einige Minuten und versuchen Sie es erneut, oder fragen Sie Ihre Administration.";
    Permission = 9, "A permission is missing.",
        "The access is not allowed.", "Der Zugriff ist nicht erlaubt.",
        "Connect again and accept, or ask your administrator.", "Verbinden Sie sich erneut und akzeptieren Sie, oder fragen Sie Ihre Administration.";
    MailboxMissing = 10, "There is no mailbox.",
        "There is no mailbox for this account.", "Für dieses Konto gibt es kein Postfach.",
        "Ask your administrator for a mailbox or a licence.", "Bitten Sie Ihre Administration um ein Postfach oder eine Lizenz.";
    NotFound = 11, "What was asked for is not there.",
        "This is not there any more.", "Das ist nicht mehr vorhanden.",
        "Refresh the list.", "Aktualisieren Sie die Liste.";
    Resync = 12, "The service has forgotten where a sync was.",
        "The service has forgotten where the last update ended.", "Der Dienst weiß nicht mehr, wo der letzte Abgleich endete.",
        "Update again; everything is listed anew.", "Gleichen Sie erneut ab; es wird alles neu gelesen.";
    Throttled = 13, "Too many requests.",
        "There were too many requests.", "Es gab zu viele Anfragen.",
        "Try again in a few minutes.", "Versuchen Sie es in einigen Minuten erneut.";
    Transient = 14, "A failure of the service that passes.",
        "The service has a passing problem.", "Der Dienst hat eine vorübergehende Störung.",
        "Try again in a few minutes.", "Versuchen Sie es in einigen Minuten erneut.";
    AppRegistration = 15, "The app registration or the configuration does not fit.",
        "The app is not registered or configured correctly.", "Die App ist nicht richtig registriert oder konfiguriert.",
        "Contact the app's support and mention the code.", "Wenden Sie sich an den Support der App und nennen Sie den Code.";
    Request = 16, "The request is wrong: a defect of the app.",
        "The app made a wrong request.", "Die App hat eine falsche Anfrage gestellt.",
        "Contact the app's support and mention the code.", "Wenden Sie sich an den Support der App und nennen Sie den Code.";
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_line_is_a_row() {
        let all = ServiceCode::all();
        assert_eq!(all.len(), TABLE.lines().count());
        let codes: BTreeSet<String> = all.iter().map(|row| row.code.to_ascii_lowercase()).collect();
        assert_eq!(codes.len(), all.len(), "a code comes twice");
        for row in &all {
            assert!(row.meaning.len() > 5 && row.remedy.len() > 3 && !row.meaning.ends_with('.'), "{row:?}");
        }
        let used: BTreeSet<u32> = all.iter().map(|row| row.class as u32).collect();
        assert_eq!(used, ServiceCodeClass::ALL.iter().map(|class| *class as u32).collect());
        for broken in ["", "x", "AADSTS1\t\tNoSuchClass\tUser\ta\tb", "AADSTS1\t\tSignIn\tWho\ta\tb", "AADSTS1\t\tSignIn\tUser\ta"]
        {
            assert_eq!(row(broken), None, "{broken}");
        }
    }

    #[test]
    fn codes_are_found_however_they_are_written() {
        for written in ["ErrorItemNotFound", "erroritemnotfound"] {
            assert_eq!(ServiceCode::find(written).unwrap().class, ServiceCodeClass::NotFound);
        }
        assert_eq!(ServiceCode::find("AADSTS1"), None);
        let error = Error::from(super::super::Detail::BlockedByPolicy).with_service_code(Some("AADSTS53000".into()));
        let code = error.service_code_meaning().unwrap();
        assert_eq!((code.class, code.who_acts), (ServiceCodeClass::ExtraCheck, Actor::User));
    }

    #[test]
    fn classes_speak_both_languages() {
        for class in ServiceCodeClass::ALL {
            for language in [Language::English, Language::German] {
                for text in [class.text(language), class.next_step(language)] {
                    assert!(text.ends_with('.') && text.len() > 5, "{text}");
                }
            }
            assert_ne!(class.text(Language::English), class.text(Language::German));
        }
    }
}
