//! Permissions: the read-only allow-list, and what was granted against what was asked.

use crate::error::{Detail, Error, Result};
use serde::{Deserialize, Serialize};

/// A Graph permission that the library can ask for. All of them only read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[repr(u32)]
pub enum Scope {
    /// `User.Read`: sign in and read the person's own profile.
    UserRead = 0,
    /// `Mail.ReadBasic`: senders, subjects, dates and flags of messages, without their text and attachments.
    MailReadBasic = 1,
    /// `Mail.Read`: messages with their text.
    MailRead = 2,
    /// `Calendars.Read`: calendars and events.
    CalendarsRead = 3,
}

/// Scopes of OpenID Connect, always asked for and never shown as permissions.
pub(crate) const OPENID_SCOPES: [&str; 4] = ["openid", "profile", "email", "offline_access"];

impl Scope {
    /// Every permission that can be configured: the read-only allow-list.
    pub const ALL: [Self; 4] = [Self::UserRead, Self::MailReadBasic, Self::MailRead, Self::CalendarsRead];

    /// The name as Microsoft writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::UserRead => "User.Read",
            Self::MailReadBasic => "Mail.ReadBasic",
            Self::MailRead => "Mail.Read",
            Self::CalendarsRead => "Calendars.Read",
        }
    }

    fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.name().eq_ignore_ascii_case(name))
    }

    /// Whether holding `self` is as good as holding `other`: `Mail.Read` includes `Mail.ReadBasic`.
    fn satisfies(self, other: Self) -> bool {
        self == other || (self == Self::MailRead && other == Self::MailReadBasic)
    }
}

/// Parses the configured permissions; anything outside the allow-list is refused by name (case O-25).
pub(crate) fn parse_configured(names: &[String]) -> Result<Vec<Scope>> {
    let mut scopes = Vec::new();
    for name in names {
        let known = Scope::parse(name).ok_or_else(|| refused(name))?;
        if !scopes.contains(&known) {
            scopes.push(known);
        }
    }
    if !scopes.contains(&Scope::UserRead) {
        scopes.insert(0, Scope::UserRead);
    }
    Ok(scopes)
}

fn refused(name: &str) -> Error {
    let plain = name.len() <= 64 && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._:/-".contains(&byte));
    Detail::ScopeNotReadOnly.about(if plain { name.to_owned() } else { "scope".to_owned() })
}

/// The `scope` parameter for one authorization: OpenID Connect's, then Graph's; qualified with the resource where one is given.
pub(crate) fn request_scopes(scopes: &[Scope], resource: Option<&str>) -> Vec<String> {
    let graph = scopes.iter().map(|scope| match resource {
        None => scope.name().to_owned(),
        Some(resource) => format!("{resource}/{}", scope.name()),
    });
    OPENID_SCOPES.into_iter().map(str::to_owned).chain(graph).collect()
}

/// What a grant carries, beside what was asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScopeReport {
    /// The permissions granted from the allow-list.
    pub granted: Vec<Scope>,
    /// Asked for and not granted.
    pub missing: Vec<Scope>,
    /// Granted permissions outside the allow-list, as the service names them.
    pub excess: Vec<String>,
}

impl ScopeReport {
    /// Reads a `scope` answer: order, case and the resource's prefix do not count (FACTS 2.2). `None` (the server left it out) means
    /// that all requested was granted (RFC 6749 section 5.1).
    pub(crate) fn read(answer: Option<&str>, requested: &[Scope]) -> Self {
        let Some(answer) = answer else {
            return Self { granted: requested.to_vec(), ..Self::default() };
        };
        let mut report = Self::default();
        for name in answer.split_ascii_whitespace().map(short_name) {
            if OPENID_SCOPES.iter().any(|known| known.eq_ignore_ascii_case(name)) {
                continue;
            }
            match Scope::parse(name) {
                Some(scope) => report.granted.push(scope),
                None if report.excess.len() < 64 => report.excess.push(printable(name)),
                None => {}
            }
        }
        report.granted.sort_unstable();
        report.granted.dedup();
        report.missing = requested.iter().copied().filter(|scope| !report.allows(*scope)).collect();
        report
    }

    /// Whether `scope` or a wider one was granted.
    pub fn allows(&self, scope: Scope) -> bool {
        self.granted.iter().any(|granted| granted.satisfies(scope))
    }
}

fn short_name(name: &str) -> &str {
    if name.starts_with("https://") || name.starts_with("http://") { name.rsplit('/').next().unwrap_or(name) } else { name }
}

/// Names of permissions come from the service and are shown to people: at most 100 letters, digits and the marks that such names have.
fn printable(name: &str) -> String {
    name.chars().filter(|c| c.is_ascii_alphanumeric() || "._-".contains(*c)).take(100).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ASKED: [Scope; 3] = [Scope::UserRead, Scope::MailReadBasic, Scope::CalendarsRead];

    #[test]
    fn o_25_only_the_allow_list_can_be_configured() {
        for name in [
            "Mail.ReadWrite",
            "Mail.Send",
            "Files.Read.All",
            ".default",
            "https://graph.microsoft.com/.default",
            "",
            "User.Read Mail.Send",
            "offline_access",
        ] {
            let error = parse_configured(&[name.to_owned()]).unwrap_err();
            assert_eq!(error.cause(), Detail::ScopeNotReadOnly, "{name}");
        }
        let names = ["mail.readbasic", "Mail.Read"].map(str::to_owned);
        assert_eq!(parse_configured(&names).unwrap(), [Scope::UserRead, Scope::MailReadBasic, Scope::MailRead]);
    }

    #[test]
    fn answers_are_compared_as_sets() {
        for answer in [
            "User.Read Mail.ReadBasic Calendars.Read",
            "calendars.read openid profile MAIL.READBASIC email user.read",
            "https://graph.microsoft.com/User.Read https://graph.microsoft.com/Mail.ReadBasic https://graph.microsoft.com/Calendars.Read",
        ] {
            let report = ScopeReport::read(Some(answer), &ASKED);
            assert_eq!((report.granted.as_slice(), report.missing.len(), report.excess.len()), (&ASKED[..], 0, 0), "{answer}");
        }
        assert!(ScopeReport::read(None, &ASKED).missing.is_empty());
    }

    #[test]
    fn mail_read_satisfies_mail_read_basic() {
        let report = ScopeReport::read(Some("User.Read Mail.Read Calendars.Read"), &ASKED);
        assert!(report.missing.is_empty() && report.excess.is_empty());
        assert!(!ScopeReport::read(Some("User.Read Mail.ReadBasic"), &[Scope::MailRead]).allows(Scope::MailRead));
    }

    #[test]
    fn t_18_t_19_missing_and_excess_are_named() {
        let report = ScopeReport::read(Some("User.Read Mail.ReadWrite https://graph.microsoft.com/Files.Read"), &ASKED);
        assert_eq!(report.missing, [Scope::MailReadBasic, Scope::CalendarsRead]);
        assert_eq!(report.excess, ["Mail.ReadWrite", "Files.Read"]);
    }

    #[test]
    fn national_clouds_name_the_resource() {
        let scopes = request_scopes(&[Scope::UserRead], Some("https://microsoftgraph.chinacloudapi.cn"));
        assert_eq!(scopes.join(" "), "openid profile email offline_access https://microsoftgraph.chinacloudapi.cn/User.Read");
    }
}
