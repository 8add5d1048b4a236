//! Consent: who may give it, what the pages say, and what the app hears.

use intail_office365_sandbox::{Consent, ConsentPolicy};

use crate::client::{Listener, Rig, robot};

const CANCELLED: &str = "http://localhost:50997/?error=access_denied&error_subcode=cancel&state=S\
    &error_description=AADSTS65004%3A+User+declined+to+consent+to+access+the+app.";

#[test]
fn an_organisation_that_has_not_approved_never_redirects() {
    let rig = Rig::new();
    let visit = rig.sign_in(&robot("adele@contoso.example"), "organizations", &[]);
    assert_eq!(visit.pages, ["login", "need-admin-approval"]);
    assert!(!visit.left_the_sandbox());
    assert!(visit.text.contains("Need admin approval") && visit.text.contains("AADSTS90094"));
    assert!(rig.control.tenant("contoso").unwrap().user_grants.is_empty());
    rig.control.set_risky_app("contoso", true).unwrap();
    let risky = rig.sign_in(&robot("adele@contoso.example"), "organizations", &[]);
    assert!(risky.text.contains("AADSTS900941"));
}

#[test]
fn the_way_back_from_the_approval_page_is_a_cancel() {
    let rig = Rig::new();
    let person = robot("adele@contoso.example").consent(Consent::GoBack);
    assert_eq!(rig.sign_in(&person, "organizations", &[]).redirect.as_deref(), Some(CANCELLED));
}

#[test]
fn after_an_approval_nobody_sees_a_consent_page() {
    let rig = Rig::new();
    rig.control.approve("contoso").unwrap();
    for user in ["adele@contoso.example", "alex@contoso.example"] {
        let visit = rig.sign_in(&robot(user), "organizations", &[]);
        assert_eq!(visit.pages, ["login"], "{user}");
        assert!(visit.answer("code").is_some());
    }
}

#[test]
fn a_user_who_may_consent_sees_the_permissions_once() {
    let rig = Rig::new();
    let person = robot("bianca@fabrikam.example");
    let declined = rig.sign_in(&person.clone().consent(Consent::Decline), "organizations", &[]);
    assert_eq!(declined.redirect.as_deref(), Some(CANCELLED));
    let accepted = rig.sign_in(&person, "organizations", &[]);
    assert_eq!(accepted.pages, ["consent"]);
    assert!(accepted.answer("code").is_some());
    assert!(rig.sign_in(&person, "organizations", &[]).pages.is_empty());
    let again = rig.sign_in(&person, "organizations", &[("prompt", "consent")]);
    assert_eq!(again.pages, ["consent"]);
    let other = rig.sign_in(&robot("cameron@fabrikam.example"), "organizations", &[]);
    assert_eq!(other.pages, ["login", "consent"]);
}

#[test]
fn the_consent_page_names_app_publisher_and_permissions() {
    let rig = Rig::new();
    let stuck = robot("bianca@fabrikam.example").second_factor(false);
    let listener = Listener::start();
    let url = rig.authorize_url("organizations", &[("redirect_uri", &listener.redirect_uri)]);
    // Sign in only: the page is fetched again below, with the session.
    let visit = stuck.clone().consent(Consent::Decline).browse(&url);
    assert_eq!(visit.pages, ["login", "consent"]);
    let (page, cookie) = crate::client::consent_page(&rig, "bianca@fabrikam.example");
    assert!(!cookie.is_empty());
    for text in [
        "bianca@fabrikam.example",
        "Permissions requested",
        "Read user basic mail",
        "Read your calendars",
        "Sign you in and read your profile",
        "Maintain access to data you have given it access to",
        "https://myapps.microsoft.com",
        "Report it here",
    ] {
        assert!(page.contains(text), "{text}");
    }
    assert!(!page.contains("Consent on behalf of your organization"));
    let (admin_page, _) = crate::client::consent_page(&rig, "admin@contoso.example");
    assert!(admin_page.contains("Consent on behalf of your organization"));
}

#[test]
fn an_administrator_may_consent_alone_or_for_everybody() {
    let rig = Rig::new();
    let admin = robot("admin@contoso.example");
    assert!(rig.sign_in(&admin, "organizations", &[]).answer("code").is_some());
    assert!(rig.control.tenant("contoso").unwrap().tenant_grant.is_empty());
    let adele = robot("adele@contoso.example");
    assert_eq!(rig.sign_in(&adele, "organizations", &[]).page, "need-admin-approval");
    rig.control.revoke_tenant("contoso").unwrap();
    rig.sign_in(&admin.consent(Consent::AcceptForOrganization), "organizations", &[]);
    assert!(rig.sign_in(&adele, "organizations", &[]).answer("code").is_some());
}

#[test]
fn a_sent_approval_request_looks_like_a_refusal() {
    let rig = Rig::new();
    let person = robot("toni@tailspin.example").consent(Consent::RequestApproval);
    let visit = rig.sign_in(&person, "organizations", &[]);
    assert_eq!(visit.pages, ["login", "approval-required", "approval-sent"]);
    assert_eq!(visit.redirect.as_deref(), Some(CANCELLED));
    let requests = rig.control.tenant("tailspin").unwrap().approval_requests;
    assert_eq!(requests.len(), 1);
    assert_eq!(requests[0].user, "toni@tailspin.example");
    rig.control.approve("tailspin").unwrap();
    assert!(rig.sign_in(&person, "organizations", &[]).answer("code").is_some());
}

#[test]
fn policies_decide_for_small_requests() {
    let rig = Rig::new();
    let small = [("scope", "openid profile User.Read")];
    for (policy, page) in [
        (ConsentPolicy::Managed, ""),
        (ConsentPolicy::Legacy, ""),
        (ConsentPolicy::Low, ""),
        (ConsentPolicy::Disabled, "need-admin-approval"),
    ] {
        rig.control.reset().unwrap();
        rig.control.set_consent_policy("contoso", policy).unwrap();
        assert_eq!(rig.sign_in(&robot("alex@contoso.example"), "organizations", &small).page, page, "{policy:?}");
    }
}

#[test]
fn assignment_keeps_others_out_after_the_approval() {
    let rig = Rig::new();
    rig.control.set_assignment_required("fabrikam", true).unwrap();
    let person = robot("bianca@fabrikam.example");
    assert_eq!(rig.sign_in(&person, "organizations", &[]).page, "need-admin-approval");
    rig.control.approve("fabrikam").unwrap();
    let refused = rig.sign_in(&person, "organizations", &[]);
    assert_eq!(refused.page, "error");
    assert!(refused.text.contains("AADSTS50105"));
    rig.control.assign("fabrikam", "bianca@fabrikam.example", true).unwrap();
    assert!(rig.sign_in(&person, "organizations", &[]).answer("code").is_some());
}

#[test]
fn asking_for_the_consent_page_ends_at_the_administrator_even_when_approved() {
    let rig = Rig::new();
    let person = robot("megan@northwind.example");
    let visit = rig.sign_in(&person, "organizations", &[("prompt", "consent")]);
    assert_eq!(visit.page, "need-admin-approval");
    assert!(rig.sign_in(&person, "organizations", &[]).answer("code").is_some());
}
