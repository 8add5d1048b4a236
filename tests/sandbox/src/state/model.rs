//! The directory that a scenario describes: organisations, people and the one app registration.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

/// What ordinary users of an organisation may consent to (FACTS 4.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConsentPolicy {
    /// "Let Microsoft manage your consent settings": mail and calendar scopes need an administrator.
    Managed,
    /// Every delegated permission that is not flagged as an administrator's.
    Legacy,
    /// Low-impact permissions of verified publishers only.
    Low,
    /// Users may not consent at all.
    Disabled,
}

/// What conditional access demands at sign-in and at each refresh.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConditionalAccess {
    /// Nothing.
    None,
    /// A second factor.
    Mfa,
    /// A location policy that blocks everything.
    Block,
    /// A compliant device, which the sandbox never has.
    Device,
}

/// Whether the app exists in an organisation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AppPresence {
    /// Usable (the enterprise app appears with the first consent).
    Available,
    /// An administrator switched the enterprise app off (AADSTS7000112).
    Disabled,
    /// The directory does not know the app (AADSTS700016) until an administrator approves it.
    Absent,
}

/// One organisation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tenant {
    /// Directory id, a GUID.
    pub id: String,
    /// Short name that the control interface uses.
    pub name: String,
    /// Name on pages.
    pub display_name: String,
    /// Verified domain, usable in place of the id.
    pub domain: String,
    /// What users may consent to.
    pub consent_policy: ConsentPolicy,
    /// Admin consent workflow: blocked users see a request form.
    pub workflow: bool,
    /// Only assigned users may use the app, and only after an administrator approved it.
    pub assignment_required: bool,
    /// Conditional access.
    pub conditional_access: ConditionalAccess,
    /// The app is judged risky here: an administrator must review it.
    pub risky_app: bool,
    /// Whether the app is there.
    pub app: AppPresence,
    /// Scopes an administrator granted for everybody; empty when not approved.
    pub tenant_grant: BTreeSet<String>,
    /// Scopes that single users granted, by user name.
    pub user_grants: BTreeMap<String, BTreeSet<String>>,
    /// Users assigned to the app.
    pub assigned: BTreeSet<String>,
    /// Approval requests sent through the request form: user name and justification.
    pub approval_requests: Vec<ApprovalRequest>,
}

/// A request that a user sent to the organisation's reviewers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovalRequest {
    /// Who asked.
    pub user: String,
    /// What they wrote.
    pub justification: String,
    /// What they asked for.
    pub scopes: BTreeSet<String>,
}

/// One person, at home in one organisation, perhaps a guest in others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own in a directory")]
pub struct User {
    /// User principal name, the sign-in name.
    pub user_name: String,
    /// Display name.
    pub display_name: String,
    /// Given name.
    pub given_name: String,
    /// Surname.
    pub surname: String,
    /// Job title.
    pub job_title: Option<String>,
    /// Office.
    pub office: Option<String>,
    /// Mail address; none for an unlicensed user.
    pub mail: Option<String>,
    /// Whether there is a mailbox.
    pub mailbox: bool,
    /// Home organisation, a directory id.
    pub home_tenant: String,
    /// Object id per directory: the home one and one for each organisation that invited the person.
    pub object_ids: BTreeMap<String, String>,
    /// May approve apps for the home organisation.
    pub admin: bool,
    /// Sign-in is blocked.
    pub disabled: bool,
    /// The account is gone.
    pub deleted: bool,
    /// Event number of the last session revocation or password change; grants from before are void.
    pub valid_from: u64,
    /// Event number of the last claims challenge; continuous-access tokens from before are challenged.
    pub challenged_at: u64,
}

/// Platform under which a redirect address is registered (FACTS 1.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Platform {
    /// Mobile and desktop: a public client.
    Native,
    /// Single-page application: tokens only to requests with an `Origin`.
    Spa,
    /// Web: the token request needs a secret.
    Web,
}

/// A registered redirect address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RedirectUri {
    /// The address.
    pub uri: String,
    /// Its platform.
    pub platform: Platform,
}

/// The app registration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct App {
    /// Application (client) id.
    pub client_id: String,
    /// Name on consent pages.
    pub name: String,
    /// Publisher's name.
    pub publisher: String,
    /// Whether the publisher is verified.
    pub publisher_verified: bool,
    /// Registered redirect addresses.
    pub redirect_uris: Vec<RedirectUri>,
    /// "Allow public client flows".
    pub public_flows: bool,
    /// Permissions declared in the registration: what `.default` and the legacy admin consent cover.
    pub declared_permissions: BTreeSet<String>,
}

impl Tenant {
    /// Every scope that a user of this organisation has granted or had granted for them.
    pub(crate) fn granted_to(&self, user: &str) -> BTreeSet<String> {
        let own = self.user_grants.get(user).cloned().unwrap_or_default();
        self.tenant_grant.union(&own).cloned().collect()
    }

    /// Whether a path segment, short name, domain or id names this organisation.
    pub(crate) fn is_named(&self, text: &str) -> bool {
        [&self.id, &self.domain, &self.name].iter().any(|name| name.eq_ignore_ascii_case(text))
    }
}

impl User {
    /// The object id in a directory, when the person is a member or guest there.
    pub(crate) fn object_id(&self, tenant_id: &str) -> Option<&str> {
        self.object_ids.get(tenant_id).map(String::as_str)
    }

    /// The object id in the home directory.
    pub(crate) fn home_object_id(&self) -> &str {
        self.object_id(&self.home_tenant).unwrap_or_default()
    }
}
