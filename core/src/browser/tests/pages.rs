//! What the pages say, and that nothing foreign becomes a part of them.

use super::*;
use crate::{
    approval::{AdminApproval, Certainty},
    error::{Detail, Error},
    language::Language,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use std::path::PathBuf;

const LANGUAGES: [(Language, &str); 2] = [(Language::English, "en"), (Language::German, "de")];

fn host() -> AppIdentity {
    AppIdentity {
        name: "Intail & Söhne".into(),
        // The smallest PNG: one transparent pixel.
        logo_png: Some(
            STANDARD
                .decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==")
                .unwrap(),
        ),
        accent_color: "#7a1fa2".into(),
        return_url: Some("https://app.example/back?from=office365&x=1".into()),
    }
}

fn needs_approval() -> Outcome {
    approval(Detail::AdminConsentRequired, Certainty::Certain)
}

fn approval(detail: Detail, certainty: Certainty) -> Outcome {
    let url =
        "https://login.example/organizations/v2.0/adminconsent?client_id=55555555-0000-4aaa-9bbb-666666666666&scope=User.Read";
    let approval = AdminApproval::new(certainty, url.into(), None, "Intail & Söhne", vec!["User.Read", "Mail.ReadBasic"], true);
    let error = Error::from(detail)
        .with_service_code(Some("AADSTS65001".into()))
        .with_request_ids(Some("6a1b2c3d-0000-4000-8000-000000000001".into()), None)
        .with_admin_approval(approval);
    Outcome::Failed { error }
}

fn partly_connected() -> Outcome {
    Outcome::Connected {
        account: "Maria Example".into(),
        username: Some("maria@contoso.example".into()),
        granted: vec![Scope::UserRead, Scope::MailReadBasic],
        missing: vec![Scope::CalendarsRead],
        excess: vec!["Mail.Send".into()],
    }
}

/// The pages are kept as files, for reviewers to open; `UPDATE_SNAPSHOTS=1` writes them anew.
fn matches_snapshot(name: &str, page: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src/browser/tests/snapshots").join(name);
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, page).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(page, kept, "{name} changed; if that is meant, run the test with UPDATE_SNAPSHOTS=1");
}

#[test]
fn pages_are_as_reviewed() {
    let presentation = Presentation::new(&host());
    for (language, code) in LANGUAGES {
        for (name, outcome) in [
            ("connected", connected()),
            ("partly-connected", partly_connected()),
            ("needs-approval", needs_approval()),
            ("admin-approved", Outcome::AdminApproved),
            ("failed", Outcome::Failed { error: Detail::CodeRejected.into() }),
        ] {
            matches_snapshot(&format!("{name}.{code}.html"), &presentation.outcome_page(&outcome, language));
        }
        matches_snapshot(&format!("bad-request.{code}.html"), &presentation.status_page(StatusPage::BadRequest, language));
    }
}

fn every_page() -> Vec<String> {
    let presentation = Presentation::new(&host());
    let errors = Detail::ALL.iter().map(|detail| Outcome::Failed { error: Error::from(*detail) });
    let outcomes: Vec<Outcome> =
        [connected(), partly_connected(), needs_approval(), Outcome::AdminApproved].into_iter().chain(errors).collect();
    let statuses = [
        StatusPage::BadRequest,
        StatusPage::Forbidden,
        StatusPage::NotFound,
        StatusPage::MethodNotAllowed,
        StatusPage::AlreadyAnswered,
        StatusPage::BodyTooLarge,
        StatusPage::WrongHost,
        StatusPage::HeadersTooLarge,
    ];
    LANGUAGES
        .into_iter()
        .flat_map(|(language, _)| {
            let outcomes = outcomes.iter().map(|outcome| presentation.outcome_page(outcome, language)).collect::<Vec<_>>();
            let statuses = statuses.iter().map(|status| presentation.status_page(*status, language)).collect::<Vec<_>>();
            [outcomes, statuses].concat()
        })
        .collect()
}

#[test]
fn every_page_is_a_whole_document_without_script() {
    for page in every_page() {
        for once in
            ["<!doctype html>", "<html lang=\"", "<title>", "<main>", "</main>", "<h1>", "<header>", "<style>", "name=\"viewport\""]
        {
            assert_eq!(page.matches(once).count(), 1, "{once} in {page}");
        }
        let lower = page.to_ascii_lowercase();
        for never in [
            "<script",
            "javascript:",
            " onload",
            " onclick",
            " style=",
            "<form",
            "<iframe",
            "<link rel=\"stylesheet",
            "@import",
            "url(",
        ] {
            assert!(!lower.contains(never), "{never} in {page}");
        }
        assert!(balanced(&page), "{page}");
    }
}

#[test]
fn the_twin_finds_an_open_element() {
    let page = &every_page()[0];
    assert!(balanced(page));
    assert!(!balanced(&page.replace("</h1>", "")) && !balanced(&page.replace("</dl>", "</ul>")));
}

/// Whether every element that needs it is closed, in order.
fn balanced(page: &str) -> bool {
    let mut open = Vec::new();
    for tag in page.split('<').skip(1).map(|rest| rest.split('>').next().unwrap()) {
        let name = tag.split([' ', '/']).find(|name| !name.is_empty()).unwrap();
        if tag.starts_with('/') {
            if open.pop() != Some(name) {
                return false;
            }
        } else if !tag.ends_with('/') && !["!doctype", "meta", "link", "img", "br"].contains(&name) {
            open.push(name);
        }
    }
    open.is_empty()
}

#[test]
fn names_from_the_service_stay_text() {
    let hostile = "<b>\"Eve\"</b> & 'Co' \u{202e}evil\u{7}\u{2028}";
    let outcome = Outcome::Connected {
        account: hostile.into(),
        username: Some(hostile.into()),
        granted: vec![],
        missing: vec![],
        excess: vec![hostile.into(), "x".repeat(10_000)],
    };
    let app = AppIdentity { name: hostile.into(), return_url: Some("myapp://x?\"><b>".into()), ..host() };
    for (language, _) in LANGUAGES {
        let page = Presentation::new(&app).outcome_page(&outcome, language);
        assert!(!page.contains("<b>") && !page.contains(['\u{7}', '\u{202e}', '\u{2028}']) && page.len() < 20_000, "{page}");
        let shown = "&lt;b&gt;&quot;Eve&quot;&lt;/b&gt; &amp; &#39;Co&#39; evil";
        // Everywhere isolated but in the title of the window, which knows no markup.
        assert_eq!(page.matches(&format!("<bdi>{shown}</bdi>")).count() + 1, page.matches(shown).count(), "{page}");
        assert!(page.matches(shown).count() > 5);
        assert!(balanced(&page));
    }
}

#[test]
fn codes_that_are_no_codes_are_left_out() {
    let error = |code: &str, id: &str| {
        let error = Error::from(Detail::ProviderError).with_service_code(Some(code.into())).with_request_ids(Some(id.into()), None);
        Presentation::new(&app()).outcome_page(&Outcome::Failed { error }, Language::English)
    };
    let page = error("<i>nEEdle", &"nEEdle".repeat(40));
    assert!(!page.contains("nEEdle") && page.contains("ProviderError"));
    let page = error("AADSTS50011", "r-1");
    assert!(page.contains("AADSTS50011") && page.contains("r-1"));
}

#[test]
fn the_approval_page_carries_link_and_text() {
    let page = Presentation::new(&host()).outcome_page(&needs_approval(), Language::English);
    assert!(page.contains("href=\"https://login.example/organizations/v2.0/adminconsent?client_id=55555555-0000-4aaa-9bbb-666666666666&amp;scope=User.Read\""));
    let text = page.split("<textarea").nth(1).unwrap().split("</textarea>").next().unwrap();
    assert!(
        text.contains("readonly")
            && text.contains("Hello,")
            && text.contains("Intail &amp; Söhne")
            && text.contains("adminconsent")
    );
    assert!(page.contains("Your administrator</dd>") && page.contains("AADSTS65001"));
}

#[test]
fn a_page_does_not_claim_more_than_is_known() {
    let presentation = Presentation::new(&host());
    let page = |detail, certainty, language| presentation.outcome_page(&approval(detail, certainty), language);
    let certain = page(Detail::AdminConsentRequired, Certainty::Certain, Language::English);
    assert!(certain.contains("<h1>Your administrator’s approval is needed</h1>"));
    for (detail, certainty, english, german) in [
        (
            Detail::ConsentDenied,
            Certainty::Ambiguous,
            "If you have just asked for approval",
            "Falls Sie gerade die Freigabe beantragt haben",
        ),
        (Detail::LoginTimeout, Certainty::Likely, "If Microsoft showed a page", "Falls Microsoft eine Seite gezeigt hat"),
    ] {
        let (english_page, german_page) = (page(detail, certainty, Language::English), page(detail, certainty, Language::German));
        assert!(
            english_page.contains("<h1>Your account was not connected</h1>") && english_page.contains(english),
            "{english_page}"
        );
        assert!(german_page.contains("<h1>Ihr Konto wurde nicht verbunden</h1>") && german_page.contains(german), "{german_page}");
        assert!(english_page.contains("<textarea") && !certain.contains(english));
    }
}

#[test]
fn every_right_is_named_granted_or_missing() {
    for (language, _) in LANGUAGES {
        let mut texts = std::collections::HashSet::new();
        for scope in Scope::ALL {
            for (granted, missing) in [(vec![scope], vec![]), (vec![], vec![scope])] {
                let outcome = Outcome::Connected { account: "Maria".into(), username: None, granted, missing, excess: vec![] };
                let page = Presentation::new(&app()).outcome_page(&outcome, language);
                let text = page.split("<li>").nth(1).unwrap().split(" <code>").next().unwrap().to_owned();
                assert!(page.contains(&format!("<code>{}</code>", scope.name())) && text.len() > 10);
                texts.insert(text);
            }
        }
        assert_eq!(texts.len(), 8, "{texts:?}");
    }
}

#[test]
fn the_way_back_is_the_configured_one() {
    let with = Presentation::new(&host()).outcome_page(&connected(), Language::English);
    assert!(
        with.contains("href=\"https://app.example/back?from=office365&amp;x=1\"")
            && with.contains("Back to <bdi>Intail &amp; Söhne</bdi>")
    );
    let without = Presentation::new(&app()).outcome_page(&connected(), Language::German);
    assert!(!without.contains("<a ") && without.contains("Sie können dieses Fenster schließen"));
}

#[test]
fn the_policy_allows_exactly_the_style_that_is_sent() {
    let rig = Rig::with(
        ListenerOptions { presentation: Presentation::new(&host()), ..options("localhost", "/cb") },
        Duration::from_secs(30),
    );
    let answer = rig.get(&format!("GET /cb?{OURS}"));
    for page in [rig.get(&format!("GET {}", header(&answer, "location").unwrap())), rig.get("GET /elsewhere")] {
        let style = body(&page).split("<style>").nth(1).unwrap().split("</style>").next().unwrap();
        let hash = STANDARD.encode(ring::digest::digest(&ring::digest::SHA256, style.as_bytes()));
        let policy = header(&page, "content-security-policy").unwrap();
        assert!(policy.contains(&format!("style-src 'sha256-{hash}';")), "{policy}");
        assert_eq!(header(&page, "content-length"), Some(body(&page).len().to_string().as_str()));
    }
    rig.login.join().unwrap().unwrap();
}

#[test]
fn the_page_speaks_the_language_of_the_browser() {
    let rig = Rig::new();
    for (accepted, expected) in [
        ("", "en"),
        ("Accept-Language: de\r\n", "de"),
        ("Accept-Language: de-AT,de;q=0.9,en;q=0.8\r\n", "de"),
        ("Accept-Language: en-GB,en;q=0.9,de;q=0.8\r\n", "en"),
        ("Accept-Language: en;q=0.3, de;q=0.7\r\n", "de"),
        ("Accept-Language: fr-FR,fr;q=0.9\r\n", "en"),
        ("Accept-Language: fr,de;q=0.5\r\n", "de"),
        ("Accept-Language: de;q=0\r\n", "en"),
        ("Accept-Language: de;q=NaN, x;;;q=\r\n", "en"),
        ("Accept-Language: \u{e4}\r\n", "en"),
        ("Accept-Language: DE\r\n", "de"),
    ] {
        let page = rig.send(rig.request("GET /cb?state=wrong", accepted).as_bytes());
        assert!(page.contains(&format!("<html lang=\"{expected}\"")), "{accepted}: {page:.900}");
    }
    rig.completes();
}
