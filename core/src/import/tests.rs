use super::*;
use crate::error::ErrorKind;
use serde_json::{Value, json};
use std::fs;

mod files;

const CLIENT: &str = "55555555-0000-4aaa-9bbb-666666666666";
const TENANT: &str = "11111111-aaaa-4bbb-8ccc-222222222222";
const ELSEWHERE: &str = "22222222-aaaa-4bbb-8ccc-333333333333";
const PERSON: &str = "44444444-dddd-4eee-8fff-555555555555";
const GUEST: &str = "66666666-dddd-4eee-8fff-777777777777";
const HOST: &str = "login.microsoftonline.com";

fn home() -> String {
    format!("{PERSON}.{TENANT}")
}

fn token(change: impl FnOnce(&mut Value)) -> Value {
    let mut entry = json!({
        "credential_type": "RefreshToken", "secret": "needle", "home_account_id": home(), "environment": HOST, "client_id": CLIENT,
        "target": "User.Read", "last_modification_time": "1700000000",
    });
    change(&mut entry);
    entry
}

fn account(realm: &str, oid: &str, username: &str) -> Value {
    json!({ "home_account_id": home(), "environment": HOST, "realm": realm, "local_account_id": oid, "username": username })
}

fn cache(tokens: &[Value], accounts: &[Value]) -> Value {
    let keyed = |entries: &[Value]| -> serde_json::Map<String, Value> {
        entries.iter().enumerate().map(|(at, entry)| (at.to_string(), entry.clone())).collect()
    };
    json!({ "RefreshToken": keyed(tokens), "Account": keyed(accounts), "AccessToken": {}, "IdToken": {}, "AppMetadata": {} })
}

fn read_msal(cache: &Value) -> Found {
    msal::read(cache.to_string().as_bytes()).unwrap()
}

fn refusal(outcome: Result<Found>) -> (&'static str, String) {
    let error = outcome.unwrap_err();
    assert!(!format!("{error} {error:?}").contains("needle"), "{error}");
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    (error.detail(), error.what().unwrap_or_default().to_owned())
}

fn reasons(found: &Found) -> Vec<LeftReason> {
    found.report.left.iter().map(|left| left.reason).collect()
}

#[test]
fn an_account_of_msal_is_read() {
    let found = read_msal(&cache(&[token(|_| {})], &[account("organizations", PERSON, "adele@contoso.example")]));
    let [candidate] = found.candidates.as_slice() else { panic!("{found:?}") };
    assert_eq!((candidate.username.as_deref(), candidate.client_id.as_str()), (Some("adele@contoso.example"), CLIENT));
    assert!(matches!(&candidate.issuer, Issuer::Host(host) if host == HOST));
    assert!(matches!(&candidate.who, Who::Known(known) if *known == [(TENANT.to_owned(), PERSON.to_owned())]));
    assert!(candidate.open(None).unwrap().matches("needle"));
    assert!(found.report.refused.is_empty() && found.report.left.is_empty());
}

#[test]
fn a_guest_is_known_by_what_the_cache_saw() {
    let accounts =
        [account(TENANT, PERSON, "a"), account(&ELSEWHERE.to_uppercase(), &GUEST.to_uppercase(), "a"), account("x", "y", "")];
    let found = read_msal(&cache(&[token(|_| {})], &accounts));
    let known = [(TENANT, PERSON), (ELSEWHERE, GUEST)].map(|(tid, oid)| (tid.to_owned(), oid.to_owned()));
    assert!(matches!(&found.candidates[0].who, Who::Known(found) if *found == known));
}

/// msal keeps a token for each set of scopes; one account is one candidate, with the newest.
#[test]
fn of_several_tokens_of_an_account_the_newest_counts() {
    let at = |secret: &'static str, time: Value| {
        token(move |entry| (entry["secret"], entry["last_modification_time"]) = (json!(secret), time))
    };
    for (tokens, newest) in [
        ([at("old", json!("1")), at("new", json!("2"))], "new"),
        ([at("new", json!("2")), at("old", json!("1"))], "new"),
        ([at("old", json!("nonsense")), at("new", json!(2))], "new"),
        ([at("old", json!(null)), at("new", json!(null))], "new"),
    ] {
        let found = read_msal(&cache(&tokens, &[]));
        assert!(found.candidates.len() == 1 && found.candidates[0].open(None).unwrap().matches(newest));
    }
    let two_clients = [token(|_| {}), token(|entry| entry["client_id"] = json!(ELSEWHERE))];
    assert_eq!(read_msal(&cache(&two_clients, &[])).candidates.len(), 2);
}

#[test]
fn what_is_no_account_of_a_person_is_left() {
    for (token, reason) in [
        (token(|entry| entry["secret"] = json!("")), LeftReason::NoRefreshToken),
        (token(|entry| entry["home_account_id"] = json!(null)), LeftReason::NotAPerson),
        (token(|entry| drop(entry.as_object_mut().unwrap().remove("client_id"))), LeftReason::NotAPerson),
        (token(|entry| entry["home_account_id"] = json!("a subject of ADFS")), LeftReason::NotAPerson),
        (token(|entry| entry["home_account_id"] = json!(format!("{PERSON}-policy.{TENANT}"))), LeftReason::NotAPerson),
        (token(|entry| entry["home_account_id"] = json!(format!("{PERSON}.../{TENANT}"))), LeftReason::NotAPerson),
    ] {
        let found = read_msal(&cache(&[token], &[]));
        assert_eq!((found.candidates.len(), reasons(&found)), (0, vec![reason]));
    }
    let only_account = read_msal(&cache(&[], &[account(TENANT, PERSON, "a"), account(ELSEWHERE, GUEST, "a")]));
    assert_eq!(
        (reasons(&only_account), only_account.report.left[0].username.as_deref()),
        (vec![LeftReason::NoRefreshToken], Some("a"))
    );
    let mut application = cache(&[], &[]);
    application["AccessToken"] = json!({"1": {"home_account_id": null, "client_id": CLIENT, "secret": "needle"},
                                        "2": {"home_account_id": null, "client_id": CLIENT}, "3": {"home_account_id": home()}});
    assert_eq!(reasons(&read_msal(&application)), [LeftReason::NotAPerson]);
}

/// One damaged entry costs itself; a damaged whole is refused, whatever the parser would have said about it.
#[test]
fn damaged_caches() {
    let good = cache(&[token(|_| {})], &[account(TENANT, PERSON, "a")]);
    for damaged in [
        json!("needle"),
        json!(["needle"]),
        json!(null),
        json!({}),
        token(|entry| entry["secret"] = json!(7)),
        token(|entry| entry["secret"] = json!({"needle": "needle"})),
        token(|entry| entry["client_id"] = json!(["needle"])),
    ] {
        let mut cache = good.clone();
        cache["RefreshToken"]["damaged"] = damaged;
        let found = read_msal(&cache);
        let [refused] = found.report.refused.as_slice() else { panic!("{found:?}") };
        assert_eq!(
            (found.candidates.len(), refused.error.detail(), refused.error.what()),
            (1, "ImportFormat", Some("RefreshToken"))
        );
        assert!(!format!("{:?} {}", refused.error, refused.error).contains("needle"));
    }
    let text = good.to_string();
    for at in 1..text.len() {
        assert_eq!(refusal(msal::read(&text.as_bytes()[..at])), ("ImportFormat", "JSON".to_owned()), "cut at {at}");
    }
    for (text, what) in [
        ("needle", "JSON"),
        ("[\"needle\"]", "JSON"),
        ("null", "JSON"),
        ("{\"needle\":{}}", "sections"),
        ("{\"RefreshToken\":[]}", "JSON"),
        ("{\"Account\":\"needle\"}", "JSON"),
        ("{\"access_token\":\"needle\",\"refresh_token\":\"needle\"}", "old token"),
        ("\u{feff}{}", "JSON"),
        ("{} needle", "JSON"),
    ] {
        assert_eq!(refusal(msal::read(text.as_bytes())), ("ImportFormat", what.to_owned()), "{text}");
    }
    assert_eq!(refusal(msal::read(b"{\"RefreshToken\":{\"a\":{\"secret\":\"\xff\"}}}")).1, "JSON");
    assert!(msal::read(b"{}").unwrap().candidates.is_empty(), "an empty cache is none that is damaged");
}

/// As Python reads it: the last of several equal keys.
#[test]
fn a_key_that_is_there_twice() {
    let entry = |secret: &str| token(|entry| entry["secret"] = json!(secret)).to_string();
    let text = format!("{{\"RefreshToken\":{{\"a\":{},\"a\":{}}}}}", entry("first"), entry("last"));
    let found = msal::read(text.as_bytes()).unwrap();
    assert!(found.candidates.len() == 1 && found.candidates[0].open(None).unwrap().matches("last"));
}

#[test]
fn deep_nesting_costs_nothing() {
    let deep = |open: &str, close: &str| format!("{}{}", open.repeat(500_000), close.repeat(500_000));
    let unknown = format!("{{\"RefreshToken\":{{}},\"needle\":{}}}", deep("[", "]"));
    assert!(msal::read(unknown.as_bytes()).unwrap().candidates.is_empty());
    for text in [
        deep("[", "]"),
        format!("{{\"RefreshToken\":{{\"a\":{}}}}}", deep("{\"a\":", "") + "1" + &"}".repeat(500_000)),
        format!("{{\"RefreshToken\":{{\"a\":{{\"secret\":{}}}}}}}", deep("[", "]")),
    ] {
        match msal::read(text.as_bytes()) {
            Ok(found) => assert_eq!((found.candidates.len(), found.report.refused.len()), (0, 1)),
            Err(error) => assert_eq!(error.detail(), "ImportFormat"),
        }
    }
}

#[test]
fn encrypted_persistence_is_named() {
    let dpapi = [&[1, 0, 0, 0, 0xd0, 0x8c, 0x9d, 0xdf, 1, 0x15, 0xd1, 0x11, 0x8c, 0x7a, 0, 0xc0, 0x4f, 0xc2, 0x97, 0xeb][..], b"x"];
    assert_eq!(refusal(msal::read(b"")), ("ImportEncrypted", "key store".to_owned()));
    assert_eq!(refusal(msal::read(&dpapi.concat())), ("ImportEncrypted", "DPAPI".to_owned()));
    assert_eq!(refusal(o365::read(b"\x00needle", None)), ("ImportEncrypted", "cryptography_manager".to_owned()));
    assert_eq!(refusal(o365::read(b"", None)), ("ImportFormat", "empty".to_owned()));
    assert_eq!(refusal(o365::read(b"gAAAAAneedle", None)), ("ImportPassword", "missing".to_owned()));
}

/// NUL, emoji and what turns the text around are shown fit to be shown, and bounded.
#[test]
fn names_are_cleaned() {
    let long = "ä".repeat(10_000);
    for (name, shown) in [
        ("a\0b\r\nc", Some("abc")),
        ("😀 山田", Some("😀 山田")),
        ("\u{202e}evil", Some("evil")),
        ("\0", None),
        (&long, Some(&long[..512])),
    ] {
        let found = read_msal(&cache(&[token(|_| {})], &[account(TENANT, PERSON, name)]));
        assert_eq!(found.candidates[0].username.as_deref(), shown);
    }
}

#[test]
fn tokens_that_are_none_are_not_sent() {
    let long = "x".repeat(20_000);
    for secret in ["a\nb", "a\0", "ä", "😀", "\u{7f}", long.as_str()] {
        let found = read_msal(&cache(&[token(|entry| entry["secret"] = json!(secret))], &[]));
        let error = found.candidates[0].open(None).unwrap_err();
        assert_eq!((error.detail(), error.what()), ("ImportFormat", Some("refresh_token")));
    }
}

const PASSWORD: &str = "needle of the mail program";

/// A section as the proxy writes it; `{}` is replaced.
fn proxy(more: &str) -> String {
    format!(
        "[emailproxy]\n\n[a@contoso.example]\ntoken_url = https://{HOST}/common/oauth2/v2.0/token\nclient_id = {CLIENT}\n\
         token_salt = AAAAAAAAAAAAAAAAAAAAAA==\ntoken_iterations = 1000\n{more}\n"
    )
}

fn read_proxy(config: &str, cache: Option<&str>) -> Result<Found> {
    email_proxy::read(config.as_bytes(), cache.map(str::as_bytes), Some(&Secret::new(PASSWORD)))
}

fn refused_section(config: &str) -> String {
    let found = read_proxy(config, None).unwrap();
    let [refused] = found.report.refused.as_slice() else { panic!("{found:?}") };
    assert!(found.candidates.is_empty() && refused.error.detail() == "ImportFormat");
    refused.error.what().unwrap().to_owned()
}

#[test]
fn sections_of_email_oauth2_proxy() {
    let with_token = proxy("refresh_token = gAAAAAneedle");
    let found = read_proxy(&with_token, None).unwrap();
    let [candidate] = found.candidates.as_slice() else { panic!("{found:?}") };
    assert_eq!(candidate.username.as_deref(), Some("a@contoso.example"));
    assert!(matches!(&candidate.who, Who::Named { tenant, .. } if tenant == "common"));
    assert_eq!(candidate.open(Some(&Secret::new(PASSWORD))).unwrap_err().what(), Some("wrong"));
    assert_eq!(candidate.open(None).unwrap_err().what(), Some("missing"));
    assert_eq!(reasons(&read_proxy(&proxy(""), None).unwrap()), [LeftReason::NoRefreshToken]);
    let own = proxy("refresh_token = x\noauth2_flow = client_credentials");
    assert_eq!(reasons(&read_proxy(&own, None).unwrap()), [LeftReason::NotAPerson]);
    for (remove, what) in [("token_url", "token_url"), ("client_id", "client_id"), ("token_salt", "token_salt")] {
        let without: String =
            with_token.lines().filter(|line| !line.starts_with(remove)).fold(String::new(), |all, line| all + line + "\n");
        assert_eq!(refused_section(&without), what);
    }
    for (from, to, what) in [
        ("AAAAAAAAAAAAAAAAAAAAAA==", "needle!", "token_salt"),
        ("= 1000", "= 0", "token_iterations"),
        ("= 1000", "= -1", "token_iterations"),
        ("= 1000", "= 5000001", "token_iterations"),
        ("= 1000", "= 99999999999999999999", "token_iterations"),
        ("= 1000", "= needle", "token_iterations"),
        ("https://", "not a url ", "token_url"),
        ("/common/oauth2/v2.0/token", "", "token_url"),
    ] {
        assert_eq!(refused_section(&with_token.replace(from, to)), what, "{to}");
    }
}

/// Sealed by Python's `cryptography` with `PASSWORD`, 16 zero bytes of salt and 100,000 iterations.
const OF_2023: &str = "gAAAAABlU_EAAAECAwQFBgcICQoLDA0OD2OqfJ1aGGQsJjbEohVHp-vcRAIqMRAU2wF90b0LpgKjOz-3fNP-dqTgNpPoyLVsjA==";

/// A file from before the number was written down, and one whose number is not that of the token: the program opens both.
#[test]
fn tokens_of_older_versions_open() {
    let today = proxy(&format!("refresh_token = {OF_2023}"));
    let before = today.replace("token_iterations = 1000\n", "");
    assert!(!before.contains("token_iterations"));
    for config in [today.as_str(), &before] {
        let found = read_proxy(config, None).unwrap();
        assert!(found.candidates[0].open(Some(&Secret::new(PASSWORD))).unwrap().matches("a refresh token"));
        let error = found.candidates[0].open(Some(&Secret::new("another"))).unwrap_err();
        assert_eq!((error.detail(), error.what()), ("ImportPassword", Some("wrong")));
    }
}

#[test]
fn catch_all_sections_and_the_cache() {
    let catch_all = format!(
        "[emailproxy]\nallow_catch_all_accounts = True\n[@contoso.example]\ntoken_url = https://{HOST}/x/token\nclient_id = {CLIENT}\n"
    );
    let tokens = "[a@contoso.example]\nrefresh_token = gAAAAA\ntoken_salt = AAAA\nclient_id = ignored\n";
    let found = read_proxy(&catch_all, Some(tokens)).unwrap();
    assert_eq!((found.candidates.len(), found.candidates[0].client_id.as_str()), (1, CLIENT));
    // Without the setting the cache alone makes no account, and completes none.
    let off = catch_all.replace("True", "False");
    assert!(read_proxy(&off, Some(tokens)).unwrap().candidates.is_empty());
    assert_eq!(refused_section(&(off + tokens.replace("client_id = ignored\n", "").as_str())), "token_url");
}

#[test]
fn what_is_no_configuration() {
    assert_eq!(refusal(email_proxy::read(b"", None, None)), ("ImportPassword", "missing".to_owned()));
    for (text, what) in [("needle", "line"), ("{}", "line"), ("[a@b]\n[a@b]", "section twice"), ("[a@b]\nx=1\nx=2", "name twice")] {
        assert_eq!(refusal(read_proxy(text, None)), ("ImportFormat", what.to_owned()), "{text}");
        assert_eq!(refusal(read_proxy("", Some(text))), ("ImportFormat", what.to_owned()), "{text} as cache");
    }
    assert_eq!(refusal(email_proxy::read(b"[\xff]", None, Some(&Secret::new("x")))).1, "text");
    assert!(read_proxy("", None).unwrap().candidates.is_empty());
}

/// Nothing that the host reads in a log tells whose file it was, or what was in it.
#[test]
fn m_04_debug_of_an_import_shows_nothing() {
    let source = ImportSource { username: Some("needle".into()), ..ImportSource::email_oauth2_proxy("/needle/needle", "needle") };
    let mut found = read_msal(&cache(&[token(|_| {})], &[account(TENANT, PERSON, "needle")]));
    found.refuse(Some("needle".into()), Detail::ImportPassword.about("wrong"));
    found.leave(Some("needle".into()), LeftReason::NotAskedFor);
    found.report.imported.push(ImportedAccount { account_id: "needle".into(), username: Some("needle".into()) });
    let sealed = read_proxy(&proxy("refresh_token = needle").replace("a@", "needle@"), None).unwrap();
    for shown in
        [format!("{source:?} {:?}", source.password), format!("{found:?}"), format!("{sealed:?}"), format!("{:?}", found.report)]
    {
        assert!(!shown.contains("needle") && !shown.contains(PERSON), "{shown}");
    }
    let names = format!("{:?}", found.report.refused.iter().map(|refused| &refused.username).collect::<Vec<_>>());
    assert!(names.contains("needle"), "the twin: what the host asks for by name, it gets");
}

/// Tens of thousands of accounts are not compared with tens of thousands of tokens, one by one.
#[test]
fn a_large_file_is_read_in_bearable_time() {
    let home = |at: usize| format!("44444444-dddd-4eee-8fff-{at:012}.{TENANT}");
    let tokens: Vec<Value> = (0..20_000)
        .map(|at| json!({ "secret": "", "home_account_id": home(at), "environment": HOST, "client_id": CLIENT }))
        .collect();
    let accounts: Vec<Value> = (0..20_000).map(|at| json!({ "home_account_id": home(at), "environment": HOST })).collect();
    let start = std::time::Instant::now();
    assert_eq!(read_msal(&cache(&tokens, &accounts)).report.left.len(), 40_000);
    assert!(start.elapsed() < std::time::Duration::from_secs(30), "{:?}", start.elapsed());
}
