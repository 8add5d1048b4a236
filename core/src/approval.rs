//! The administrator's approval: what is known about it, and what to hand to the person.

use crate::language::Language;
use std::fmt;

/// How sure it is that the administrator's approval is what is missing (FACTS 4.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum Certainty {
    /// The service said so (`AADSTS65001`).
    Certain = 0,
    /// The person declined, or sent a request for approval: the service answers both alike.
    Ambiguous = 1,
    /// The browser was sent to the sign-in page and nothing came back; "Need admin approval" is the usual reason.
    Likely = 2,
}

/// A missing approval of the organisation, with what the person can forward to the administrator. `Debug` shows only how sure it is.
#[derive(Clone, PartialEq, Eq)]
pub struct AdminApproval {
    /// How sure that is.
    pub certainty: Certainty,
    /// The link on which an administrator approves the app for the organisation. It asks for exactly what `connect` asks for.
    pub url: String,
    /// The tenant, where known: a GUID or domain.
    pub tenant: Option<String>,
    app: String,
    permissions: Vec<&'static str>,
    /// The answer goes to loopback, where nobody listens on the administrator's own device.
    ends_on_loopback: bool,
}

impl AdminApproval {
    pub(crate) fn new(
        certainty: Certainty,
        url: String,
        tenant: Option<String>,
        app: &str,
        permissions: Vec<&'static str>,
        ends_on_loopback: bool,
    ) -> Self {
        Self { certainty, url, tenant, app: app.to_owned(), permissions, ends_on_loopback }
    }

    /// A message to the administrator: what the app is, what it reads, the link.
    pub fn text_to_forward(&self, language: Language) -> String {
        let (app, permissions, url) = (&self.app, self.permissions.join(", "), &self.url);
        let ending = match (self.ends_on_loopback, language) {
            (false, _) => "",
            (true, Language::English) => {
                "\n\nAfter you have accepted, your browser may say that it cannot open a page on \"localhost\". That is expected: the approval is done."
            }
            (true, Language::German) => {
                "\n\nNach dem Akzeptieren meldet Ihr Browser vielleicht, dass er eine Seite auf „localhost“ nicht öffnen kann. Das ist so vorgesehen: Die Freigabe ist erteilt."
            }
        };
        match language {
            Language::English => format!(
                "Hello,\n\nI would like to use {app} with my Microsoft 365 account. Our organisation has to approve it once. {app} asks for these permissions, all of them for reading only: {permissions}.\n\nPlease open this link as an administrator, review the permissions and accept:\n{url}{ending}\n\nThank you"
            ),
            Language::German => format!(
                "Hallo,\n\nich möchte {app} mit meinem Microsoft-365-Konto verwenden. Unsere Organisation muss die App einmalig freigeben. {app} fragt nach diesen Berechtigungen, alle nur zum Lesen: {permissions}.\n\nBitte öffnen Sie diesen Link als Administratorin oder Administrator, prüfen Sie die Berechtigungen und akzeptieren Sie:\n{url}{ending}\n\nVielen Dank"
            ),
        }
    }
}

impl fmt::Debug for AdminApproval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AdminApproval").field("certainty", &self.certainty).finish_non_exhaustive()
    }
}
