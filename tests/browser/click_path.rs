//! What people click, from the address that the library opens to the page it ends on.

use std::{
    net::TcpStream,
    time::{Duration, Instant},
};

use intail_office365::{ConnectOptions, ConsentStatus, ErrorKind, Language};

use crate::{
    chromium::{Sight, Tab},
    office::{APP, RETURN_URL, Waiting, World},
};

const ADELE: &str = "adele@contoso.example";
const ALEX: &str = "alex@contoso.example";
const BIANCA: &str = "bianca@fabrikam.example";
const CAMERON: &str = "cameron@fabrikam.example";
const TONI: &str = "toni@tailspin.example";

/// Waits for the library's page, and checks what holds for each of them.
pub(crate) fn result_page(tab: &Tab) -> Sight {
    tab.wait("main svg.mark");
    let sight = tab.look();
    assert!(sight.url.starts_with("http://localhost:"), "{}", sight.url);
    let path = sight.url.splitn(4, '/').nth(3).unwrap().to_owned();
    let random = path.strip_prefix("done/").unwrap_or_else(|| panic!("{path}"));
    assert!(random.len() == 32 && random.bytes().all(|byte| byte.is_ascii_hexdigit()), "{path}");
    assert_eq!(sight.scripts, 0, "a result page has no script");
    assert_eq!(sight.title, format!("{} – {APP}", sight.heading));
    assert_eq!(tab.attribute("a.button", "href"), RETURN_URL);
    assert_eq!(tab.troubles(), [""; 0]);
    sight
}

fn accept(tab: &Tab) {
    tab.wait_for_page("consent");
    tab.click("button[value=accept]");
}

/// The answer arrives as a form with `Origin: null` (L-03), and the code stands in no address (O-26, L-15).
#[test]
fn l_03_l_15_o_26_the_whole_click_path_over_https() {
    let (world, tab) = (World::new(), Tab::new());
    let sign_in = world.connect(BIANCA);
    assert!(sign_in.url.starts_with("https://localhost:"), "{}", sign_in.url);
    assert_eq!(sign_in.parameter("response_mode"), "form_post");
    let listener = sign_in.listener();
    tab.open(&sign_in.url);
    tab.wait_for_page("login");
    assert_eq!(tab.value("#username"), BIANCA);
    tab.click("button[value=next]");
    tab.wait_for_page("consent");
    assert!(tab.look().text.contains(APP));
    tab.click("button[value=accept]");

    let page = result_page(&tab);
    assert_eq!((page.heading.as_str(), page.lang.as_str()), ("Your account is connected", "en"));
    for part in [APP, "Bianca Pisani", BIANCA, "User.Read", "Mail.ReadBasic", "Calendars.Read", "can only read"] {
        assert!(page.text.contains(part), "{part} is missing:\n{}", page.text);
    }
    let account = sign_in.success();
    assert_eq!(account.info().username.as_deref(), Some(BIANCA));

    let requests = tab.requests();
    let arrived: Vec<_> = requests.iter().filter(|request| request.url.starts_with(&listener)).collect();
    let [posted, shown] = arrived.as_slice() else { panic!("{arrived:?}") };
    assert_eq!((posted.method.as_str(), posted.origin.as_deref()), ("POST", Some("null")));
    assert_eq!((shown.method.as_str(), shown.url.as_str(), shown.referer.as_deref()), ("GET", page.url.as_str(), None));
    assert!(requests.iter().all(|request| !request.url.contains("code=") && request.url.starts_with("http")), "{requests:?}");
    let foreign = requests.iter().find(|request| !request.url.contains("//localhost:"));
    assert!(foreign.is_none(), "{foreign:?}");
}

/// Browsers open connections ahead of need, and leave them silent.
#[test]
fn l_06_silent_connections_hold_nothing_up() {
    let (world, tab) = (World::new(), Tab::new());
    let sign_in = world.connect(BIANCA);
    sign_in.sign_in(&tab);
    tab.wait_for_page("consent");
    let address = sign_in.listener().replace("http://localhost", "127.0.0.1").trim_end_matches('/').to_owned();
    let silent: Vec<TcpStream> = (0..6).map(|_| TcpStream::connect(&address).unwrap()).collect();
    let pressed = Instant::now();
    tab.click("button[value=accept]");
    result_page(&tab);
    // They would be cut after 5 seconds; the answer does not wait for that.
    assert!(pressed.elapsed() < Duration::from_secs(4), "{:?}", pressed.elapsed());
    drop(silent);
    sign_in.success();
}

/// A service that answers in the address: the code leaves it at once.
#[test]
fn l_15_o_26_an_answer_in_the_address_is_taken_off_it() {
    let (world, tab) = (World::new(), Tab::new());
    let sign_in = world.connect(BIANCA);
    tab.open(&sign_in.url.replace("response_mode=form_post", "response_mode=query"));
    tab.click("button[value=next]");
    accept(&tab);
    let page = result_page(&tab);
    assert_eq!(page.heading, "Your account is connected");
    let requests = tab.requests();
    let answer = requests.iter().find(|request| request.url.contains("code=")).expect("the answer came in the address");
    assert_eq!(answer.method, "GET");
    let shown = requests.iter().find(|request| request.url == page.url).unwrap();
    assert_eq!(shown.referer, None);
    sign_in.success();
}

/// Tab, Enter, Space and letters only; whatever has the keyboard is seen to have it.
#[test]
fn the_keyboard_is_enough() {
    let (world, tab) = (World::new(), Tab::new());
    let sign_in = world.connect_with(ConnectOptions::default());
    tab.open(&sign_in.url);
    tab.wait_for_page("login");
    tab_to(&tab, "User name");
    tab.write(BIANCA);
    tab_to(&tab, "Password");
    tab.press("Enter");
    tab.wait_for_page("consent");
    // Space opens the explanation of a permission, Enter presses the button.
    tab_to(&tab, "Read your calendars");
    assert_eq!(tab.count("details[open]"), 0);
    tab.press("Space");
    assert_eq!(tab.count("details[open]"), 1);
    tab_to(&tab, "Accept");
    tab.press("Enter");
    result_page(&tab);
    tab_to(&tab, &format!("Back to {APP}"));
    sign_in.success();
}

/// Presses Tab until that has the keyboard.
fn tab_to(tab: &Tab, wanted: &str) {
    let mut passed = Vec::new();
    for _ in 0..15 {
        tab.press("Tab");
        let (label, visible) = tab.focus();
        assert!(visible, "the keyboard is on {label:?} after {passed:?} on the way to {wanted:?}, and nobody sees it");
        if label == wanted {
            return;
        }
        passed.push(label);
    }
    panic!("Tab does not lead to {wanted:?}: {passed:?}");
}

/// The user guide's order: an administrator approves once, then nobody else sees a consent page.
#[test]
fn an_approval_spares_everybody_the_consent_page() {
    let (world, tab) = (World::new(), Tab::new());
    let approval = world.approve("contoso");
    tab.open(&approval.url);
    tab.fill("#username", "admin@contoso.example");
    tab.click("button[value=next]");
    tab.wait_for_page("admin-consent");
    assert!(tab.look().text.contains("for all users in your organization"));
    tab.click("button[value=accept]");
    let page = result_page(&tab);
    assert_eq!(page.heading, "Thank you, your approval has arrived");
    let noted = approval.success();

    for (user, name) in [(ADELE, "Adele Vance"), (ALEX, "Alex Wilber")] {
        let tab = Tab::new();
        let sign_in = world.connect(user);
        sign_in.sign_in(&tab);
        let page = result_page(&tab);
        assert!(page.heading == "Your account is connected" && page.text.contains(name), "{}", page.text);
        assert_eq!(sign_in.success().info().username.as_deref(), Some(user));
        assert!(tab.requests().iter().all(|request| !request.url.ends_with("/consent")));
    }
    let office = world.office();
    let report = office.check_consent(noted.claimed_tenant.as_deref()).unwrap();
    assert_eq!(report.status, ConsentStatus::Approved);
    office.close();
}

/// An administrator can do the same while connecting, with a tick.
#[test]
fn a_tick_of_the_administrator_does_the_same() {
    let (world, tab) = (World::new(), Tab::new());
    let first = world.connect("admin@fabrikam.example");
    first.sign_in(&tab);
    tab.check("#organization");
    accept(&tab);
    result_page(&tab);
    first.success();
    let (tab, second) = (Tab::new(), world.connect(CAMERON));
    second.sign_in(&tab);
    assert!(result_page(&tab).text.contains("Cameron White"));
    second.success();
}

/// A second person where everybody consents for themselves, in the browser of the first: the account is chosen.
#[test]
fn a_second_person_in_the_same_browser_is_asked_who_they_are() {
    let (world, tab) = (World::new(), Tab::new());
    let first = world.connect(BIANCA);
    first.sign_in(&tab);
    accept(&tab);
    result_page(&tab);
    first.success();
    let again = world.connect_with(ConnectOptions { select_account: true, ..ConnectOptions::default() });
    tab.open(&again.url);
    tab.wait_for_page("pick-account");
    tab.click("button[value=other]");
    tab.fill("#username", CAMERON);
    tab.click("button[value=next]");
    accept(&tab);
    assert!(result_page(&tab).text.contains("Cameron White"));
    assert_eq!(again.success().info().username.as_deref(), Some(CAMERON));
}

/// Microsoft shows the page and tells the app nothing: the app keeps waiting until somebody gives up.
#[test]
fn need_admin_approval_stays_in_the_browser() {
    let (world, tab) = (World::new(), Tab::new());
    let sign_in = world.connect(ADELE);
    let listener = sign_in.listener();
    sign_in.sign_in(&tab);
    tab.wait_for_page("need-admin-approval");
    let page = tab.look();
    assert_eq!(page.heading, "Need admin approval");
    assert!(page.text.contains("AADSTS90094") && page.text.contains("Sandbox"), "{}", page.text);
    assert!(!sign_in.is_over());
    assert!(tab.requests().iter().all(|request| !request.url.starts_with(&listener)), "something was sent to the app");
    assert!(world.control().log_of("/token").is_empty());
    assert_eq!(tab.troubles(), [""; 0]);
    assert_eq!(sign_in.cancel().kind(), ErrorKind::Cancelled);
}

#[test]
fn the_way_back_without_approval_says_who_can_give_it() {
    let (world, tab) = (World::new(), Tab::new());
    let sign_in = world.connect(ADELE);
    sign_in.sign_in(&tab);
    tab.wait_for_page("need-admin-approval");
    tab.click("button[value=back]");
    declined(&tab, sign_in);
}

#[test]
fn a_request_for_approval_ends_on_a_page_with_the_link_and_the_text() {
    let (world, tab) = (World::new(), Tab::new());
    let sign_in = world.connect(TONI);
    sign_in.sign_in(&tab);
    tab.wait_for_page("approval-required");
    tab.fill("#justification", "I plan my week with it.");
    tab.click("button[value=request]");
    tab.wait_for_page("approval-sent");
    let requests = world.control().tenant("tailspin").unwrap().approval_requests;
    assert_eq!(requests.iter().map(|request| request.user.as_str()).collect::<Vec<_>>(), [TONI]);
    assert!(!sign_in.is_over());
    tab.click("button[value=back]");
    declined(&tab, sign_in);
}

/// The page and the error say the same.
fn declined<T: std::fmt::Debug>(tab: &Tab, sign_in: Waiting<T>) {
    let page = result_page(tab);
    assert_eq!(page.heading, "Your account was not connected");
    let (link, forwarded) = (tab.attribute("main p a:not(.button)", "href"), tab.value("#forward"));
    let error = sign_in.failure();
    assert_eq!((error.kind(), error.service_code()), (ErrorKind::ConsentDeclined, Some("AADSTS65004")));
    let approval = error.admin_approval().expect("an approval may be missing");
    assert_eq!(link, approval.url);
    assert_eq!(forwarded, approval.text_to_forward(Language::English));
    assert!(page.text.contains(error.message(Language::English)) && page.text.contains("AADSTS65004"), "{}", page.text);
}

#[test]
fn cancel_at_the_sign_in_ends_on_a_page_that_says_so() {
    let (world, tab) = (World::new(), Tab::new());
    let sign_in = world.connect(BIANCA);
    tab.open(&sign_in.url);
    tab.click("button[value=cancel]");
    let page = result_page(&tab);
    assert_eq!(page.heading, "Your account was not connected");
    let error = sign_in.failure();
    assert!(page.text.contains(error.message(Language::English)), "{}", page.text);
    assert_eq!(error.kind(), ErrorKind::Cancelled);
}

#[test]
fn a_wrong_password_can_be_typed_again() {
    let (world, tab) = (World::new(), Tab::new());
    let sign_in = world.connect(BIANCA);
    tab.open(&sign_in.url);
    tab.fill("#password", "wrong");
    tab.click("button[value=next]");
    tab.wait("#problem");
    assert!(tab.look().text.contains("AADSTS50126"));
    tab.fill("#password", "right");
    tab.click("button[value=next]");
    accept(&tab);
    result_page(&tab);
    sign_in.success();
}

#[test]
fn another_person_than_the_expected_one_is_told_so() {
    let (world, tab) = (World::new(), Tab::new());
    let sign_in = world.connect_with(ConnectOptions { expected_username: Some(BIANCA.to_owned()), ..ConnectOptions::default() });
    tab.open(&sign_in.url);
    tab.fill("#username", CAMERON);
    tab.click("button[value=next]");
    accept(&tab);
    let page = result_page(&tab);
    assert_eq!(page.heading, "Your account was not connected");
    assert!(!page.text.contains(BIANCA) && !page.text.contains(CAMERON), "{}", page.text);
    let error = sign_in.failure();
    assert!(page.text.contains(error.message(Language::English)));
    assert_eq!(error.kind(), ErrorKind::WrongAccount);
}

#[test]
fn a_code_typed_on_another_device_connects() {
    let (world, tab) = (World::new(), Tab::new());
    let office = world.office();
    let code = office.begin_device_connect(&ConnectOptions::default()).unwrap();
    tab.open(&world.address("/devicelogin"));
    tab.wait_for_page("device-code");
    tab.fill("#otc", "WRONG-ONE");
    tab.click("button[value=next]");
    tab.wait("#problem");
    tab.fill("#otc", &code.user_code);
    tab.click("button[value=next]");
    tab.fill("#username", BIANCA);
    tab.click("button[value=next]");
    accept(&tab);
    tab.wait_for_page("device-done");
    assert_eq!(tab.troubles(), [""; 0]);
    world.control().advance_clock(6).unwrap();
    let connected = (0..20).find_map(|_| {
        let poll = office.poll_device_connect(&code.handle).unwrap();
        std::thread::sleep(std::time::Duration::from_millis(if poll.account.is_some() { 0 } else { 1000 }));
        poll.account
    });
    assert_eq!(connected.unwrap().info().username.as_deref(), Some(BIANCA));
    office.close();
}

#[test]
fn a_german_browser_gets_german_pages() {
    let world = World::new();
    let german = || Tab::with(&serde_json::json!({ "locale": "de-DE" }));
    let (tab, sign_in) = (german(), world.connect(BIANCA));
    sign_in.sign_in(&tab);
    accept(&tab);
    let page = result_page(&tab);
    assert_eq!((page.heading.as_str(), page.lang.as_str()), ("Ihr Konto ist verbunden", "de"));
    assert!(page.text.contains("kann nur lesen") && page.text.contains(&format!("Zurück zu {APP}")), "{}", page.text);
    sign_in.success();

    let (tab, sign_in) = (german(), world.connect(TONI));
    sign_in.sign_in(&tab);
    tab.click("button[value=back]");
    let page = result_page(&tab);
    assert_eq!((page.heading.as_str(), page.lang.as_str()), ("Ihr Konto wurde nicht verbunden", "de"));
    let error = sign_in.failure();
    assert_eq!(tab.value("#forward"), error.admin_approval().unwrap().text_to_forward(Language::German));
}
