//! Scope strings: parsing, what they mean on a consent page, and who may consent to them.

use std::collections::BTreeSet;

use crate::state::model::{App, ConsentPolicy, Tenant};

/// One permission of the catalogue.
pub(crate) struct Permission {
    pub(crate) name: &'static str,
    /// Title on the consent page.
    pub(crate) title: &'static str,
    pub(crate) description: &'static str,
    /// Flagged as an administrator's.
    admin: bool,
    /// Users may consent under the Microsoft-managed policy.
    managed: bool,
}

const fn permission(name: &'static str, title: &'static str, description: &'static str, managed: bool) -> Permission {
    Permission { name, title, description, admin: false, managed }
}

/// `OpenID` Connect scopes first, then Microsoft Graph's that the sandbox knows.
#[rustfmt::skip]
const CATALOGUE: [Permission; 16] = [
    permission("openid", "Sign you in", "Allows you to sign in to the app with your work or school account.", true),
    permission("profile", "View your basic profile", "Allows the app to see your name, picture, user name and email address.", true),
    permission("email", "View your email address", "Allows the app to read your primary email address.", true),
    permission("offline_access", "Maintain access to data you have given it access to", "Allows the app to see and update the data you gave it access to, even when you are not using the app.", true),
    permission("User.Read", "Sign you in and read your profile", "Allows you to sign in to the app with your organizational account and lets the app read your profile and basic company information.", true),
    permission("User.ReadBasic.All", "Read all users' basic profiles", "Allows the app to read the basic profiles of your colleagues.", true),
    permission("Mail.ReadBasic", "Read user basic mail", "Allows the app to read your email, except its body, preview, attachments and extended properties.", false),
    permission("Mail.Read", "Read your mail", "Allows the app to read email in your mailbox.", false),
    permission("Mail.ReadWrite", "Read and write access to your mail", "Allows the app to create, read, update and delete email in your mailbox.", false),
    permission("Mail.Send", "Send mail as you", "Allows the app to send mail as you.", false),
    permission("Calendars.Read", "Read your calendars", "Allows the app to read events in your calendars.", false),
    permission("Calendars.ReadWrite", "Have full access to your calendars", "Allows the app to read, update, create and delete events in your calendars.", false),
    permission("MailboxSettings.Read", "Read your mailbox settings", "Allows the app to read your mailbox settings.", false),
    permission("Files.Read", "Read your files", "Allows the app to read your files.", true),
    permission("Contacts.Read", "Read your contacts", "Allows the app to read your contacts.", true),
    Permission { name: "Calendars.ReadBasic", title: "Read basic details of your calendars", description: "Allows the app to read events in your calendars, except body, attachments and extensions.", admin: true, managed: false },
];

const OPENID: [&str; 4] = ["openid", "profile", "email", "offline_access"];
const GRAPH: &str = "https://graph.microsoft.com/";

/// Why a scope string is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ScopeError {
    /// A name that the catalogue does not have.
    Unknown(String),
    /// `.default` beside named scopes of the same resource.
    DefaultMixed,
}

/// The permission of that name, in any letter case.
pub(crate) fn find(name: &str) -> Option<&'static Permission> {
    CATALOGUE.iter().find(|permission| permission.name.eq_ignore_ascii_case(name))
}

/// Whether a scope is `OpenID` Connect's own and not a resource's.
pub(crate) fn is_openid(name: &str) -> bool {
    OPENID.contains(&name)
}

/// Canonical names of a space-separated list; `.default` becomes what the registration declares.
pub(crate) fn parse(text: &str, app: &App) -> Result<BTreeSet<String>, ScopeError> {
    let mut scopes = BTreeSet::new();
    let (mut named, mut default) = (false, false);
    for word in text.split_whitespace() {
        let short = short_name(word);
        if short == ".default" {
            default = true;
            scopes.extend(app.declared_permissions.iter().cloned());
            continue;
        }
        let known = find(short).ok_or_else(|| ScopeError::Unknown(word.to_owned()))?;
        named |= !is_openid(known.name);
        scopes.insert(known.name.to_owned());
    }
    if named && default { Err(ScopeError::DefaultMixed) } else { Ok(scopes) }
}

/// A scope as the answer writes it in full.
pub(crate) fn full_name(name: &str) -> String {
    if is_openid(name) { name.to_owned() } else { format!("{GRAPH}{name}") }
}

/// Whether an ordinary user of the organisation may consent to these scopes (FACTS 4.4).
pub(crate) fn user_may_consent(tenant: &Tenant, app: &App, scopes: &BTreeSet<String>) -> bool {
    if tenant.risky_app || (tenant.assignment_required && tenant.tenant_grant.is_empty()) {
        return false;
    }
    let every = |allowed: fn(&Permission) -> bool| scopes.iter().all(|name| find(name).is_some_and(allowed));
    match tenant.consent_policy {
        ConsentPolicy::Managed => every(|permission| permission.managed),
        ConsentPolicy::Legacy => every(|permission| !permission.admin),
        ConsentPolicy::Low => {
            app.publisher_verified && every(|permission| is_openid(permission.name) || permission.name == "User.Read")
        }
        ConsentPolicy::Disabled => false,
    }
}

fn short_name(word: &str) -> &str {
    match word.get(..GRAPH.len()) {
        Some(prefix) if prefix.eq_ignore_ascii_case(GRAPH) => word.get(GRAPH.len()..).unwrap_or_default().trim_start_matches('/'),
        _ => word,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::indexing_slicing, reason = "a test that finds too little should stop")]

    use super::*;
    use crate::state::scenario::Scenario;

    fn set(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn names_are_canonical_and_default_expands() {
        let app = Scenario::default().app;
        assert_eq!(
            parse("openid https://graph.microsoft.com/mail.readbasic user.read", &app),
            Ok(set(&["openid", "Mail.ReadBasic", "User.Read"]))
        );
        assert_eq!(parse("https://graph.microsoft.com/.default openid", &app), Ok(app.declared_permissions.clone()));
        assert_eq!(parse(".default User.Read", &app), Err(ScopeError::DefaultMixed));
        assert_eq!(parse("Mail.Reed", &app), Err(ScopeError::Unknown("Mail.Reed".into())));
    }

    #[test]
    fn consent_policies_follow_the_table() {
        let Scenario { mut tenants, app, .. } = Scenario::default();
        let tenant = &mut tenants[0];
        let (basic, mail) = (set(&["openid", "User.Read"]), set(&["User.Read", "Mail.ReadBasic"]));
        let (calendars, trap) = (set(&["Calendars.Read"]), set(&["Calendars.ReadBasic"]));
        for (policy, expected) in [
            (ConsentPolicy::Managed, [true, false, false, false]),
            (ConsentPolicy::Legacy, [true, true, true, false]),
            (ConsentPolicy::Low, [true, false, false, false]),
            (ConsentPolicy::Disabled, [false, false, false, false]),
        ] {
            tenant.consent_policy = policy;
            let allowed = [&basic, &mail, &calendars, &trap].map(|scopes| user_may_consent(tenant, &app, scopes));
            assert_eq!(allowed, expected, "{policy:?}");
        }
    }
}
