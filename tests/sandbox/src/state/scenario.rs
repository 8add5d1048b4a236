//! The directory a sandbox starts with.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::model::{App, AppPresence, ConditionalAccess, ConsentPolicy, Platform, RedirectUri, Tenant, User};

/// The scopes a mail and calendar reader asks for.
pub(crate) const READER_SCOPES: [&str; 7] =
    ["openid", "profile", "email", "offline_access", "User.Read", "Mail.ReadBasic", "Calendars.Read"];

/// Organisations, people and the app registration to start with.
///
/// The default has four organisations (`contoso`: Microsoft-managed consent, not approved; `fabrikam`: users may
/// consent; `northwind`: approved; `tailspin`: request workflow on), a guest and a user without a licence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scenario {
    /// Organisations.
    pub tenants: Vec<Tenant>,
    /// People.
    pub users: Vec<User>,
    /// The app registration.
    pub app: App,
}

const CONTOSO: &str = "11111111-aaaa-4bbb-8ccc-222222222222";
const FABRIKAM: &str = "22222222-aaaa-4bbb-8ccc-333333333333";
const NORTHWIND: &str = "33333333-aaaa-4bbb-8ccc-444444444444";
const TAILSPIN: &str = "44444444-aaaa-4bbb-8ccc-555555555555";

impl Default for Scenario {
    fn default() -> Scenario {
        let mut northwind = tenant(NORTHWIND, "northwind", "Northwind Traders", ConsentPolicy::Managed);
        northwind.tenant_grant = READER_SCOPES.iter().map(ToString::to_string).collect();
        let mut tailspin = tenant(TAILSPIN, "tailspin", "Tailspin Toys", ConsentPolicy::Managed);
        tailspin.workflow = true;
        Scenario {
            tenants: vec![
                tenant(CONTOSO, "contoso", "Contoso", ConsentPolicy::Managed),
                tenant(FABRIKAM, "fabrikam", "Fabrikam", ConsentPolicy::Legacy),
                northwind,
                tailspin,
            ],
            users: users(),
            app: app(),
        }
    }
}

fn users() -> Vec<User> {
    let mut adele = user(CONTOSO, "contoso", "Adele Vance", 2);
    adele.job_title = Some("Retail Manager".into());
    adele.office = Some("18/2111".into());
    adele.object_ids.insert(CONTOSO.into(), "33333333-dddd-4eee-8fff-444444444444".into());
    adele.object_ids.insert(FABRIKAM.into(), "33333333-dddd-4eee-8fff-555555555555".into());
    let mut unlicensed = user(NORTHWIND, "northwind", "Nils Berg", 9);
    unlicensed.mail = None;
    unlicensed.mailbox = false;
    vec![
        admin(user(CONTOSO, "contoso", "Admin Contoso", 1)),
        adele,
        user(CONTOSO, "contoso", "Alex Wilber", 3),
        admin(user(FABRIKAM, "fabrikam", "Admin Fabrikam", 4)),
        user(FABRIKAM, "fabrikam", "Bianca Pisani", 5),
        user(FABRIKAM, "fabrikam", "Cameron White", 6),
        admin(user(NORTHWIND, "northwind", "Admin Northwind", 7)),
        user(NORTHWIND, "northwind", "Megan Bowen", 8),
        unlicensed,
        admin(user(TAILSPIN, "tailspin", "Admin Tailspin", 10)),
        user(TAILSPIN, "tailspin", "Toni Lang", 11),
    ]
}

fn tenant(id: &str, name: &str, display_name: &str, policy: ConsentPolicy) -> Tenant {
    Tenant {
        id: id.into(),
        name: name.into(),
        display_name: display_name.into(),
        domain: format!("{name}.example"),
        consent_policy: policy,
        workflow: false,
        assignment_required: false,
        conditional_access: ConditionalAccess::None,
        risky_app: false,
        app: AppPresence::Available,
        tenant_grant: BTreeSet::new(),
        user_grants: BTreeMap::new(),
        assigned: BTreeSet::new(),
        approval_requests: Vec::new(),
    }
}

fn user(tenant_id: &str, tenant_name: &str, display_name: &str, number: u32) -> User {
    let (given_name, surname) = display_name.split_once(' ').unwrap_or((display_name, ""));
    let user_name = format!("{}@{tenant_name}.example", given_name.to_lowercase());
    let object_id = format!("aaaaaaaa-dddd-4eee-8fff-{number:012}");
    User {
        mail: Some(user_name.clone()),
        user_name,
        display_name: display_name.into(),
        given_name: given_name.into(),
        surname: surname.into(),
        job_title: None,
        office: None,
        mailbox: true,
        home_tenant: tenant_id.into(),
        object_ids: BTreeMap::from([(tenant_id.to_owned(), object_id)]),
        admin: false,
        disabled: false,
        deleted: false,
        valid_from: 0,
        challenged_at: 0,
    }
}

fn admin(user: User) -> User {
    User { admin: true, ..user }
}

fn app() -> App {
    App {
        client_id: "55555555-0000-4aaa-9bbb-666666666666".into(),
        name: "Intail".into(),
        publisher: "Intail".into(),
        publisher_verified: true,
        redirect_uris: vec![RedirectUri { uri: "http://localhost".into(), platform: Platform::Native }],
        public_flows: true,
        declared_permissions: READER_SCOPES.iter().map(ToString::to_string).collect(),
    }
}
