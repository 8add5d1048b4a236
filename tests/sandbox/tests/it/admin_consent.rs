//! The administrator's link, v2 and legacy.

use intail_office365_sandbox::{AppPresence, Consent};

use crate::client::{REDIRECT, Rig, SCOPES, encode, robot};

fn url(rig: &Rig, path: &str, scope: bool) -> String {
    let mut fields = vec![("client_id", rig.control.client_id()), ("redirect_uri", REDIRECT.to_owned()), ("state", "S".to_owned())];
    if scope {
        fields.push(("scope", SCOPES.to_owned()));
    }
    format!("{}{path}?{}", rig.sandbox.authority(), encode(&fields))
}

#[test]
fn v2_success_has_the_documented_shape() {
    let rig = Rig::new();
    rig.control.set_app_presence("contoso", AppPresence::Absent).unwrap();
    let visit = robot("admin@contoso.example").browse(&url(&rig, "/contoso.example/v2.0/adminconsent", true));
    assert_eq!(visit.pages, ["login", "admin-consent"]);
    assert_eq!(visit.answer("admin_consent"), Some("True"));
    assert_eq!(visit.answer("tenant"), Some("11111111-aaaa-4bbb-8ccc-222222222222"));
    assert_eq!(visit.answer("state"), Some("S"));
    assert!(visit.answer("scope").unwrap().contains("https://graph.microsoft.com/Mail.ReadBasic"));
    assert!(visit.answer("error").is_none());
    assert!(rig.sign_in(&robot("alex@contoso.example"), "organizations", &[]).answer("code").is_some());
}

#[test]
fn o_14_v2_refusal_still_says_admin_consent_true() {
    let rig = Rig::new();
    let admin = robot("admin@contoso.example").consent(Consent::Decline);
    let visit = admin.browse(&url(&rig, "/organizations/v2.0/adminconsent", true));
    assert_eq!(visit.answer("admin_consent"), Some("True"));
    assert_eq!(visit.answer("error"), Some("consent_required"));
    assert!(visit.answer("error_description").unwrap().starts_with("AADSTS65004: "));
    assert!(rig.control.tenant("contoso").unwrap().tenant_grant.is_empty());
    let cancel = robot("admin@contoso.example").consent(Consent::CancelSignIn);
    let cancelled = cancel.browse(&url(&rig, "/organizations/v2.0/adminconsent", true));
    assert_eq!(cancelled.answer("error"), Some("access_denied"));
    assert_eq!(cancelled.answer("error_subcode"), Some("cancel"));
}

#[test]
fn the_legacy_endpoint_grants_what_is_declared() {
    let rig = Rig::new();
    let legacy = url(&rig, "/contoso.example/adminconsent", false);
    let refused = robot("admin@contoso.example").consent(Consent::Decline).browse(&legacy);
    assert_eq!(refused.answer("error"), Some("permission_denied"));
    assert_eq!(refused.answer("error_description"), Some("The admin canceled the request"));
    let visit = robot("admin@contoso.example").browse(&legacy);
    let names: Vec<&str> = visit.answer.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["tenant", "state", "admin_consent"]);
    let tenant = rig.control.tenant("contoso").unwrap();
    assert!(tenant.tenant_grant.contains("Calendars.Read"));
}

#[test]
fn ordinary_users_and_wrong_links_end_on_a_page() {
    let rig = Rig::new();
    let user = robot("adele@contoso.example").browse(&url(&rig, "/organizations/v2.0/adminconsent", true));
    assert_eq!(user.page, "need-admin-approval");
    for path in ["/common/v2.0/adminconsent", "/nowhere.example/v2.0/adminconsent"] {
        assert_eq!(robot("admin@contoso.example").browse(&url(&rig, path, true)).page, "error", "{path}");
    }
    let without_scope = robot("admin@contoso.example").browse(&url(&rig, "/contoso.example/v2.0/adminconsent", false));
    assert!(without_scope.text.contains("AADSTS900144"));
}
