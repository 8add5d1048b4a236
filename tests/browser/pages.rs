//! Every page of both products, light and dark, small and on paper, under axe (WCAG 2.0 to 2.2, A and AA).

use intail_office365::ConnectOptions;
use intail_office365_sandbox::{ConditionalAccess, Fault, TokenSettings};
use serde_json::json;

use crate::{
    chromium::Tab,
    click_path::result_page,
    office::{Waiting, World},
};

const ADELE: &str = "adele@contoso.example";
const BIANCA: &str = "bianca@fabrikam.example";
const TONI: &str = "toni@tailspin.example";

/// A4 with its margins, in CSS pixels.
const PAPER: (u32, u32) = (680, 1000);
const SCREEN: (u32, u32) = (1280, 800);
const PHONE: (u32, u32) = (320, 640);

/// Everything that is wrong with the page that the tab shows.
fn faults(tab: &Tab) -> Vec<String> {
    let mut faults = Vec::new();
    // Dark differs in its colours alone.
    for (scheme, only) in [("dark", Some(&["color-contrast", "link-in-text-block"][..])), ("light", None)] {
        tab.emulate(&json!({ "colorScheme": scheme }));
        faults.extend(tab.axe(only).into_iter().map(|fault| format!("{scheme}: {fault}")));
    }
    for (what, media, (width, height)) in [("phone", "screen", PHONE), ("paper", "print", PAPER), ("screen", "screen", SCREEN)] {
        tab.emulate(&json!({ "media": media }));
        tab.resize(width, height);
        faults.extend(tab.overflow().into_iter().map(|fault| format!("{what}: {fault}")));
    }
    let expected = "the server responded with a status of 4";
    faults.extend(tab.troubles().into_iter().filter(|trouble| !trouble.contains(expected)));
    faults
}

fn is_good(tab: &Tab) {
    let sight = tab.look();
    assert!(!sight.title.is_empty() && !sight.heading.is_empty() && sight.scripts == 0, "{sight:?}");
    assert_eq!(faults(tab), [""; 0], "{} {}", sight.page, sight.title);
}

/// The same, for a page of the sandbox.
fn is_good_page(tab: &Tab, name: &str) {
    tab.wait_for_page(name);
    assert!(tab.look().text.contains("not Microsoft"), "{name} does not say what it is");
    is_good(tab);
}

#[test]
fn a_bad_page_is_found() {
    let tab = Tab::with(&json!({ "viewport": { "width": 1280, "height": 800 } }));
    tab.show(
        "<html><head><title>Bad</title></head><body><h1>Bad</h1><img src='data:,'><p style='color:#999;background:#fff'>faint</p>\
         <input><a href='/x'></a><div style='width:900px;background:#eee'>wide</div>\
         <textarea style='height:3em;background:#fff;color:#000'>1\n2\n3\n4\n5\n6</textarea>\
         <style>@media(prefers-color-scheme:dark){h1{color:#222;background:#111}}</style>\
         <script>console.error('a message')</script></body></html>",
    );
    let found = faults(&tab).join("\n");
    for part in [
        "light: html-has-lang",
        "light: image-alt",
        "light: color-contrast: p",
        "dark: color-contrast: h1, p",
        "light: label",
        "light: link-name",
        "phone: the page is 9",
        "phone: div ends at 9",
        "paper: the page is 9",
        "paper: textarea is cut",
        "console: a message",
    ] {
        assert!(found.contains(part), "{part} is missing:\n{found}");
    }
    assert!(!found.contains("light: color-contrast: h1") && !found.contains("screen: the page"), "{found}");
}

fn english() -> Tab {
    Tab::with(&json!({ "locale": "en-GB" }))
}

fn german() -> Tab {
    Tab::with(&json!({ "locale": "de-DE" }))
}

#[test]
fn english_pages_of_a_connected_account() {
    connected_pages(english);
}

#[test]
fn german_pages_of_a_connected_account() {
    connected_pages(german);
}

#[test]
fn english_pages_of_a_failure() {
    failed_pages(english);
}

#[test]
fn german_pages_of_a_failure() {
    failed_pages(german);
}

fn connected_pages(tab: fn() -> Tab) {
    let world = World::new();
    ends_well(&tab(), world.connect(BIANCA));
    // Less than was asked for, and more.
    let settings = TokenSettings {
        drop_scopes: vec!["Calendars.Read".into()],
        extra_scopes: vec!["Mail.Send".into(), "Files.ReadWrite.All".into()],
        ..TokenSettings::default()
    };
    world.control().set_tokens(settings).unwrap();
    let mut config = world.config();
    config.allow_excess_scopes = true;
    config.app.logo_png = None;
    let options = ConnectOptions { login_hint: Some(BIANCA.into()), ..ConnectOptions::default() };
    ends_well(&tab(), World::call(config, move |office| office.connect(&options, None)));

    let (tab, approval) = (tab(), world.approve("contoso"));
    tab.open(&approval.url);
    tab.fill("#username", "admin@contoso.example");
    tab.click("button[value=next]");
    ends_well_here(&tab, approval);
}

fn ends_well<T: std::fmt::Debug>(tab: &Tab, call: Waiting<T>) {
    tab.open(&call.url);
    tab.click("button[value=next]");
    ends_well_here(tab, call);
}

fn ends_well_here<T: std::fmt::Debug>(tab: &Tab, call: Waiting<T>) {
    tab.wait("body");
    if tab.count("button[value=accept]") == 1 {
        tab.click("button[value=accept]");
    }
    result_page(tab);
    is_good(tab);
    call.success();
}

fn failed_pages(new_tab: fn() -> Tab) {
    let world = World::new();
    // Declined, perhaps for want of an approval; then certainly for want of one; then cancelled.
    let (tab, declined) = (new_tab(), world.connect(ADELE));
    declined.sign_in(&tab);
    tab.click("button[value=back]");
    ends_badly(&tab, declined);

    world.control().add_fault(Fault::token_error("invalid_grant", Some("consent_required"), &[65_001], None).times(1)).unwrap();
    let (tab, missing) = (new_tab(), world.connect(BIANCA));
    missing.sign_in(&tab);
    tab.click("button[value=accept]");
    assert_eq!(ends_badly(&tab, missing).kind(), intail_office365::ErrorKind::AdminConsentRequired);

    let (tab, cancelled) = (new_tab(), world.connect(BIANCA));
    tab.open(&cancelled.url);
    tab.click("button[value=cancel]");
    ends_badly(&tab, cancelled);

    // Requests that end nothing.
    let (tab, waiting) = (new_tab(), world.connect(BIANCA));
    for path in ["?code=x&state=y", "/elsewhere", "?state=1&state=2"] {
        tab.open(&format!("{}{path}", waiting.listener()));
        is_good(&tab);
    }
    waiting.cancel();
}

fn ends_badly<T: std::fmt::Debug>(tab: &Tab, call: Waiting<T>) -> intail_office365::Error {
    result_page(tab);
    is_good(tab);
    call.failure()
}

#[test]
fn the_sandbox_s_sign_in_pages() {
    let (world, tab) = (World::new(), Tab::new());
    world.control().set_conditional_access("fabrikam", ConditionalAccess::Mfa).unwrap();
    let sign_in = world.connect(BIANCA);
    tab.open(&sign_in.url);
    is_good_page(&tab, "login");
    tab.fill("#password", "wrong");
    tab.click("button[value=next]");
    tab.wait("#problem");
    is_good_page(&tab, "login");
    tab.click("button[value=next]");
    is_good_page(&tab, "mfa");
    tab.click("button[value=approve]");
    is_good_page(&tab, "consent");
    sign_in.cancel();

    let again = world.connect_with(ConnectOptions { select_account: true, ..ConnectOptions::default() });
    tab.open(&again.url);
    is_good_page(&tab, "pick-account");
    tab.click("button[value=other]");
    tab.fill("#username", "admin@fabrikam.example");
    tab.click("button[value=next]");
    tab.click("button[value=approve]");
    tab.wait("#organization");
    is_good_page(&tab, "consent");
    again.cancel();
    tab.open(&world.address("/organizations/oauth2/v2.0/logout"));
    is_good_page(&tab, "signed-out");
}

#[test]
fn the_sandbox_s_approval_pages() {
    let world = World::new();
    let (tab, sign_in) = (Tab::new(), world.connect(ADELE));
    sign_in.sign_in(&tab);
    is_good_page(&tab, "need-admin-approval");
    sign_in.cancel();

    let (tab, sign_in) = (Tab::new(), world.connect(TONI));
    sign_in.sign_in(&tab);
    is_good_page(&tab, "approval-required");
    tab.click("button[value=request]");
    is_good_page(&tab, "approval-sent");
    sign_in.cancel();

    let (tab, approval) = (Tab::new(), world.approve("contoso"));
    tab.open(&approval.url);
    tab.fill("#username", "admin@contoso.example");
    tab.click("button[value=next]");
    is_good_page(&tab, "admin-consent");
    approval.cancel();
    // The legacy link may name no address to go back to.
    tab.open(&world.address(&format!("/contoso.example/adminconsent?client_id={}", world.control().client_id())));
    tab.click("button[value=accept]");
    is_good_page(&tab, "admin-consent-done");
}

#[test]
fn the_sandbox_s_device_and_other_pages() {
    let (world, tab) = (World::new(), Tab::new());
    let office = world.office();
    let enter = |tab: &Tab| {
        let code = office.begin_device_connect(&ConnectOptions::default()).unwrap();
        tab.open(&world.address("/devicelogin"));
        tab.fill("#otc", &code.user_code);
        tab.click("button[value=next]");
        tab.wait_for_page("login");
        tab.fill("#username", BIANCA);
    };
    tab.open(&world.address("/devicelogin"));
    is_good_page(&tab, "device-code");
    tab.fill("#otc", "NO-SUCH");
    tab.click("button[value=next]");
    tab.wait("#problem");
    is_good_page(&tab, "device-code");
    enter(&tab);
    tab.click("button[value=cancel]");
    is_good_page(&tab, "device-declined");
    enter(&tab);
    tab.click("button[value=next]");
    tab.click("button[value=accept]");
    is_good_page(&tab, "device-done");
    office.close();

    for (path, page) in [
        ("/", "start"),
        ("/nowhere", "not-found"),
        ("/error?code=65001", "error-code"),
        ("/organizations/oauth2/v2.0/authorize?client_id=unknown", "error"),
    ] {
        tab.open(&world.address(path));
        is_good_page(&tab, page);
    }
}

/// Where scripts are off, the page that posts the answer has a button.
#[test]
fn the_page_that_posts_itself_works_without_scripts() {
    let (world, tab) = (World::new(), Tab::with(&json!({ "javaScriptEnabled": false })));
    let sign_in = world.connect(BIANCA);
    sign_in.sign_in(&tab);
    tab.click("button[value=accept]");
    tab.wait_for_page("form-post");
    tab.click("button");
    tab.wait("main svg.mark");
    sign_in.success();
}
