//! Other pages and programs speak to the listener too: nothing of theirs is shown or run, and the sign-in goes on.

use intail_office365::ErrorKind;

use crate::{
    chromium::{Sight, Tab},
    click_path::result_page,
    office::World,
};

const BIANCA: &str = "bianca@fabrikam.example";

/// Stands in every planted value.
const PLANTED: &str = "pl4nted";

/// Values that become script, markup, headers or other text where they are written as they came.
const VALUES: &[&str] = &[
    "<script>window.owned='pl4nted'</script>",
    "\"><img src=x onerror=\"window.owned='pl4nted'\">",
    "'><svg onload=window.owned='pl4nted'>",
    "javascript:window.owned='pl4nted'",
    "pl4nted\r\nSet-Cookie: pl4nted=1\r\n\r\n<script>window.owned=1</script>",
    "+ADw-script+AD4-window.owned='pl4nted'+ADw-/script+AD4-",
    "\u{202e}detn4lp pl4nted\u{2066}",
    "</title></style></textarea><script>window.owned='pl4nted'</script>",
    "https://evil.example/pl4nted",
];

const NAMES: &[&str] = &["error", "error_description", "error_uri", "state", "code", "next", "return_to", "tenant", "pl4nted"];

/// A page that ends nothing, and has nothing of what was sent.
fn shows_nothing_of_it(tab: &Tab, what: &str) -> Sight {
    let sight = tab.look();
    assert!(!sight.html.contains(PLANTED) && !sight.html.contains("evil.example"), "{what} is reflected:\n{}", sight.html);
    assert!(!sight.owned && sight.scripts == 0, "{what} runs:\n{}", sight.html);
    let troubles: Vec<String> =
        tab.troubles().into_iter().filter(|trouble| !trouble.contains("server responded with a status of 4")).collect();
    assert_eq!(troubles, [""; 0], "{what}");
    sight
}

#[test]
fn l_09_o_16_nothing_of_a_hostile_answer_is_shown_or_run() {
    let (world, tab) = (World::new(), Tab::new());
    let sign_in = world.connect(BIANCA);
    let listener = sign_in.listener();
    for value in VALUES {
        let fields: Vec<(&str, &str)> = NAMES.iter().map(|name| (*name, *value)).collect();
        let mut url = url::Url::parse(&listener).unwrap();
        url.query_pairs_mut().extend_pairs(&fields);
        tab.open(url.as_str());
        let asked = shows_nothing_of_it(&tab, value);
        tab.post(&listener, &fields);
        let posted = shows_nothing_of_it(&tab, value);
        assert!(!asked.heading.is_empty() && !posted.heading.is_empty());
    }
    for path in [format!("/{}", VALUES[0]), format!("//evil.example/{PLANTED}"), format!("/..%2f{PLANTED}#{PLANTED}")] {
        tab.open(&format!("{}{path}", listener.trim_end_matches('/')));
        assert_eq!(shows_nothing_of_it(&tab, &path).heading, "There is nothing here");
    }
    let elsewhere = tab.requests().into_iter().find(|request| !request.url.starts_with(listener.trim_end_matches('/')));
    assert!(elsewhere.is_none(), "{elsewhere:?}");
    // All of that changed nothing: the same sign-in succeeds.
    assert!(!sign_in.is_over());
    let tab = Tab::new();
    sign_in.sign_in(&tab);
    tab.click("button[value=accept]");
    assert_eq!(result_page(&tab).heading, "Your account is connected");
    sign_in.success();
}

/// Somebody who knows the state can end the sign-in, and still writes nothing on the page.
#[test]
fn l_09_a_hostile_answer_with_the_right_state_is_not_shown_either() {
    let world = World::new();
    for value in VALUES {
        let tab = Tab::new();
        let sign_in = world.connect(BIANCA);
        let state = sign_in.parameter("state");
        tab.post(
            &sign_in.listener(),
            &[("error", "access_denied"), ("error_description", value), ("error_uri", value), ("state", &state)],
        );
        let page = result_page(&tab);
        shows_nothing_of_it(&tab, value);
        assert_eq!(page.heading, "Your account was not connected");
        assert!(!page.html.contains(&state));
        let error = sign_in.failure();
        assert_ne!(error.kind(), ErrorKind::Internal, "{error}");
        assert!(!format!("{error} {error:?}").contains(PLANTED));
    }
}

/// What the checks above look for is found where it is.
#[test]
fn a_planted_reflection_is_found() {
    let tab = Tab::new();
    tab.show(&format!(
        "<h1>{PLANTED}</h1><script>window.owned = 1; alert('hello'); throw new Error('thrown')</script><p onclick='f()'>"
    ));
    let sight = tab.look();
    assert!(sight.owned && sight.html.contains(PLANTED));
    assert_eq!(sight.scripts, 2);
    assert_eq!(tab.troubles(), ["dialog: hello", "page error: thrown"]);
    tab.show(
        "<meta http-equiv='content-security-policy' content=\"default-src 'none'\"><img src='http://localhost:1/x.png'><h1>x</h1>",
    );
    let troubles = tab.troubles().split_off(2).join("\n");
    assert!(troubles.contains("Content Security Policy"), "{troubles}");
}

/// The person goes back, or loads the page again: nothing is sent twice, and no address with a code comes up.
#[test]
fn l_15_back_and_reload_do_no_harm() {
    let (world, tab) = (World::new(), Tab::new());
    let sign_in = world.connect(BIANCA);
    sign_in.sign_in(&tab);
    tab.click("button[value=accept]");
    let page = result_page(&tab);
    let account = sign_in.success();
    // The listener has closed by now, or closes soon.
    for status in [tab.reload(), tab.back(), tab.reload(), tab.back()] {
        assert!(status == 0 || status == 200, "{status}");
    }
    assert_eq!(world.control().log_of("/token").len(), 1, "one code was redeemed once");
    assert!(tab.requests().iter().all(|request| !request.url.contains("code=")));
    assert!(page.url.contains("/done/"));
    let office = world.office();
    office.account(&account.info().id).unwrap().acquire_token_silent().unwrap();
    office.close();
}
