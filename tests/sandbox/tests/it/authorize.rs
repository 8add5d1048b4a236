//! The authorization endpoint: answers, errors that travel and errors that stay.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;

use intail_office365_sandbox::{Consent, Platform};

use crate::client::{Listener, REDIRECT, Rig, robot};

#[test]
fn a_code_comes_by_query_with_state_and_session() {
    let rig = Rig::new();
    rig.control.approve("contoso").unwrap();
    let listener = Listener::start();
    let person = intail_office365_sandbox::Person::new("adele@contoso.example");
    let url = rig.authorize_url("organizations", &[("redirect_uri", &listener.redirect_uri), ("client_info", "1")]);
    let visit = person.browse(&url);
    assert_eq!((visit.status, visit.text.as_str()), (200, "connected"));
    assert_eq!(visit.pages, ["login"]);
    let names: Vec<&str> = visit.answer.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["code", "client_info", "state", "session_state"]);
    assert!(listener.request().starts_with("GET /?code=1."));
}

#[test]
fn o_26_a_code_comes_by_form_post_with_origin_null() {
    let rig = Rig::new();
    rig.control.approve("contoso").unwrap();
    let listener = Listener::start();
    let person = intail_office365_sandbox::Person::new("adele@contoso.example");
    let extra = [("redirect_uri", listener.redirect_uri.as_str()), ("response_mode", "form_post")];
    let visit = person.browse(&rig.authorize_url("organizations", &extra));
    assert_eq!((visit.status, visit.text.as_str()), (200, "connected"));
    assert_eq!(visit.pages, ["login", "form-post"]);
    let request = listener.request();
    assert!(request.starts_with("POST / HTTP/1.1"));
    assert!(request.contains("Origin: null"));
    assert!(request.contains("code=1.") && request.contains("state=S"));
}

#[test]
fn a_fragment_stays_in_the_browser() {
    let rig = Rig::new();
    rig.control.approve("contoso").unwrap();
    let visit = rig.sign_in(&robot("adele@contoso.example"), "common", &[("response_mode", "fragment")]);
    assert!(visit.redirect.as_deref().unwrap().starts_with("http://localhost:50997/#code="));
    assert_eq!(visit.answer("state"), Some("S"));
}

#[test]
fn request_errors_travel_to_the_app() {
    let rig = Rig::new();
    for (name, value, error, code) in [
        ("response_type", "", "invalid_request", "AADSTS900144"),
        ("response_type", "token", "unsupported_response_type", "AADSTS70005"),
        ("response_type", "code id_token", "unsupported_response_type", "AADSTS700054"),
        ("scope", "", "invalid_request", "AADSTS900144"),
        ("scope", "openid Mail.Nonsense", "invalid_scope", "AADSTS70011"),
        ("scope", "https://graph.microsoft.com/.default User.Read", "invalid_scope", "AADSTS70011"),
        ("resource", "https://graph.microsoft.com", "invalid_request", "AADSTS901002"),
        ("code_challenge", "short", "invalid_request", "AADSTS501491"),
        ("prompt", "perhaps", "invalid_request", "AADSTS90023"),
    ] {
        let visit = rig.sign_in(&robot("adele@contoso.example"), "organizations", &[(name, value)]);
        assert_eq!(visit.answer("error"), Some(error), "{name}={value}");
        assert!(visit.answer("error_description").unwrap().starts_with(code), "{name}={value}");
        assert!(visit.answer("error_description").unwrap().contains("\r\nCorrelation ID: "));
        assert_eq!(visit.answer("state"), Some("S"));
    }
}

#[test]
fn errors_of_destination_stay_on_a_page() {
    let rig = Rig::new();
    for (tenant, name, value, code) in [
        ("organizations", "redirect_uri", "http://localhost:1/elsewhere", "AADSTS50011"),
        ("organizations", "redirect_uri", "https://evil.example/", "AADSTS50011"),
        ("organizations", "redirect_uri", "", "AADSTS900144"),
        ("organizations", "client_id", "55555555-0000-4aaa-9bbb-777777777777", "AADSTS700016"),
        ("organizations", "response_mode", "web_message", "AADSTS70007"),
        ("nowhere.example", "state", "S", "AADSTS90002"),
        ("consumers", "state", "S", "AADSTS9002332"),
        ("fabrikam.example", "login_hint", "alex@contoso.example", "AADSTS50020"),
    ] {
        let visit = rig.sign_in(&robot("alex@contoso.example"), tenant, &[(name, value)]);
        assert!(!visit.left_the_sandbox(), "{code}: {visit:?}");
        assert_eq!(visit.page, "error");
        assert!(visit.text.contains(code), "{code}: {}", visit.text);
        assert!(visit.text.contains("Correlation ID") && visit.text.contains("Timestamp"));
    }
}

#[test]
fn cancel_on_the_sign_in_page_has_no_description() {
    let rig = Rig::new();
    let person = robot("adele@contoso.example").consent(Consent::CancelSignIn);
    let visit = rig.sign_in(&person, "organizations", &[]);
    assert_eq!(visit.redirect.as_deref(), Some("http://localhost:50997/?error=access_denied&error_subcode=cancel&state=S"));
}

#[test]
fn prompt_none_has_four_outcomes() {
    let rig = Rig::new();
    let none = [("prompt", "none")];
    let person = robot("adele@contoso.example");
    let error = |visit: &intail_office365_sandbox::Visit| {
        (
            visit.answer("error").unwrap_or_default().to_owned(),
            visit.answer("error_description").unwrap_or_default().split(':').next().unwrap().to_owned(),
        )
    };
    let nobody = rig.sign_in(&person, "organizations", &none);
    assert_eq!(error(&nobody), ("login_required".into(), "AADSTS50058".into()));
    let blocked = rig.sign_in(&person, "organizations", &[]);
    assert_eq!(blocked.page, "need-admin-approval");
    let unapproved = rig.sign_in(&person, "organizations", &none);
    assert_eq!(error(&unapproved), ("interaction_required".into(), "AADSTS65001".into()));
    rig.control.approve("contoso").unwrap();
    let approved = rig.sign_in(&person, "organizations", &none);
    assert!(approved.answer("code").is_some());
    assert!(approved.pages.is_empty());
    rig.control.set_conditional_access("contoso", intail_office365_sandbox::ConditionalAccess::Mfa).unwrap();
    let second_factor = rig.sign_in(&person, "organizations", &none);
    assert_eq!(error(&second_factor), ("interaction_required".into(), "AADSTS50076".into()));
    let several = person.clone().switch_user("alex@contoso.example");
    rig.control.set_conditional_access("contoso", intail_office365_sandbox::ConditionalAccess::None).unwrap();
    rig.sign_in(&several, "organizations", &[("prompt", "login")]);
    assert_eq!(error(&rig.sign_in(&person, "organizations", &none)).0, "login_required");
    let hinted = rig.sign_in(&person, "organizations", &[("prompt", "none"), ("login_hint", "adele@contoso.example")]);
    assert!(hinted.answer("code").is_some());
}

#[test]
fn sessions_make_the_second_sign_in_silent_and_prompts_ask_again() {
    let rig = Rig::new();
    rig.control.approve("contoso").unwrap();
    let person = robot("adele@contoso.example");
    assert_eq!(rig.sign_in(&person, "organizations", &[]).pages, ["login"]);
    assert!(rig.sign_in(&person, "organizations", &[]).pages.is_empty());
    assert_eq!(rig.sign_in(&person, "organizations", &[("prompt", "login")]).pages, ["login"]);
    assert_eq!(rig.sign_in(&person, "organizations", &[("prompt", "select_account")]).pages, ["pick-account"]);
    let other = person.clone().switch_user("alex@contoso.example");
    assert_eq!(rig.sign_in(&other, "organizations", &[("prompt", "select_account")]).pages, ["pick-account", "login"]);
    assert_eq!(rig.sign_in(&person, "organizations", &[]).pages, ["pick-account"]);
    rig.get("/organizations/oauth2/v2.0/logout", &[]);
    rig.control.end_browser_sessions().unwrap();
    assert_eq!(rig.sign_in(&person, "organizations", &[]).pages, ["login"]);
}

#[test]
fn platforms_of_other_redirect_addresses_are_known() {
    let rig = Rig::new();
    rig.control.approve("contoso").unwrap();
    rig.control.add_redirect_uri("msauth.com.example.app://auth", Platform::Native).unwrap();
    let extra = [("redirect_uri", "msauth.com.example.app://auth")];
    let visit = rig.sign_in(&robot("adele@contoso.example"), "organizations", &extra);
    assert!(visit.redirect.unwrap().starts_with("msauth.com.example.app://auth?code="));
    assert_ne!(REDIRECT, extra[0].1);
}

#[test]
fn the_sign_in_page_says_what_is_wrong() {
    let rig = Rig::new();
    rig.control.set_user_disabled("alex@contoso.example", true).unwrap();
    for (user, password, code) in [
        ("adele@contoso.example", "wrong", "AADSTS50126"),
        ("adele@contoso.example", "", "AADSTS50126"),
        ("nobody@contoso.example", "x", "AADSTS50034"),
        ("alex@contoso.example", "x", "AADSTS50057"),
    ] {
        let visit = rig.sign_in(&robot(user).password(password), "organizations", &[]);
        assert_eq!(visit.pages, ["login", "login"], "{user}");
        assert!(visit.text.contains(code), "{user}: {}", visit.text);
    }
}

#[test]
fn a_request_may_be_posted() {
    let rig = Rig::new();
    let url = rig.authorize_url("organizations", &[("prompt", "none")]);
    let (path, form) = url.strip_prefix(&rig.sandbox.authority()).unwrap().split_once('?').unwrap();
    let answer = rig.post(path, form, &[]);
    assert_eq!(answer.status, 302);
    assert!(answer.headers["location"].contains("error=login_required"));
}

#[test]
fn a_person_follows_the_app_to_its_last_page() {
    let rig = Rig::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let uri = format!("http://localhost:{}", listener.local_addr().unwrap().port());
    let app = std::thread::spawn(move || {
        let answers = [
            "HTTP/1.1 303 See Other\r\nlocation: /done\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n4\r\nconn\r\n5\r\nected\r\n0\r\n\r\n",
        ];
        answers.map(|answer| {
            let mut stream = listener.accept().unwrap().0;
            let mut buffer = [0; 8192];
            let read = stream.read(&mut buffer).unwrap();
            stream.write_all(answer.as_bytes()).unwrap();
            let text = String::from_utf8_lossy(&buffer[..read]).into_owned();
            text.lines().next().unwrap().to_owned()
        })
    });
    let person = intail_office365_sandbox::Person::new("megan@northwind.example");
    let visit = person.browse(&rig.authorize_url("organizations", &[("redirect_uri", &uri)]));
    assert_eq!((visit.status, visit.text.as_str()), (200, "connected"));
    let [first, second] = app.join().unwrap();
    assert!(first.starts_with("GET /?code="));
    assert_eq!(second, "GET /done HTTP/1.1");
}
