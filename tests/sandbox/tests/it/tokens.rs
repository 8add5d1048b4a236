//! The token endpoint: answers, refusals, rotation, and the bent ones.

use intail_office365_sandbox::{IdTokenSettings, Platform, Signing, TokenSettings};
use serde_json::{Map, Value, json};

use crate::client::{CLAIMS_CAE, REDIRECT, Rig, SCOPES, VERIFIER, decode, robot};

const USER: &str = "megan@northwind.example";

fn code(rig: &Rig) -> String {
    let visit = rig.sign_in(&robot(USER), "organizations", &[]);
    visit.answer("code").unwrap().to_owned()
}

#[test]
fn the_answer_has_the_recorded_shape() {
    let rig = Rig::new();
    let tokens = rig.connect(USER, &[]);
    let sample: Value = serde_json::from_str(include_str!("../../data/token_success.json")).unwrap();
    let expected: Vec<&String> = sample.as_object().unwrap().keys().filter(|name| *name != "client_info").collect();
    assert_eq!(tokens.as_object().unwrap().keys().collect::<Vec<_>>(), expected);
    assert_eq!(tokens["scope"], "Calendars.Read Mail.ReadBasic User.Read email openid profile");
    assert!((3_600..5_400).contains(&tokens["expires_in"].as_i64().unwrap()));
    let (header, claims) = decode(tokens["id_token"].as_str().unwrap());
    assert_eq!((&header["alg"], &header["typ"]), (&json!("RS256"), &json!("JWT")));
    assert_eq!(claims["iss"], format!("{}/33333333-aaaa-4bbb-8ccc-444444444444/v2.0", rig.sandbox.authority()));
    assert_eq!(claims["nonce"], "N");
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 3_900);
    let me = rig.me(tokens["access_token"].as_str().unwrap());
    assert_eq!((me.status, me.text("id")), (200, claims["oid"].as_str().unwrap().to_owned()));
}

#[test]
fn continuous_access_makes_long_tokens() {
    let rig = Rig::new();
    let tokens = rig.connect(USER, &[("claims", CLAIMS_CAE)]);
    assert_eq!((&tokens["expires_in"], &tokens["refresh_in"]), (&json!(86_399), &json!(43_199)));
}

#[test]
fn every_wrong_redemption_has_its_number() {
    let rig = Rig::new();
    let good = [("grant_type", "authorization_code"), ("redirect_uri", REDIRECT), ("code_verifier", VERIFIER), ("scope", SCOPES)];
    for (name, value, tenant, error, number) in [
        ("code_verifier", "wrong", "organizations", "invalid_grant", 501_481),
        ("code_verifier", "", "organizations", "invalid_grant", 501_481),
        ("redirect_uri", "http://localhost:50997/", "organizations", "invalid_grant", 50_011),
        ("scope", SCOPES, "northwind.example", "invalid_grant", 700_005),
        ("client_secret", "s", "organizations", "invalid_client", 700_025),
        ("client_id", "55555555-0000-4aaa-9bbb-777777777777", "organizations", "unauthorized_client", 700_016),
        ("client_id", "", "organizations", "invalid_request", 900_144),
        ("code", "1.Anonsense", "organizations", "invalid_grant", 9_002_313),
        ("grant_type", "password", "organizations", "unsupported_grant_type", 70_003),
        ("scope", "Mail.Nonsense", "organizations", "invalid_scope", 70_011),
    ] {
        let code = code(&rig);
        let mut fields = good.to_vec();
        fields.push(("code", &code));
        fields.push((name, value));
        let answer = rig.token(tenant, &fields);
        let (found, _, found_number) = answer.problem();
        assert_eq!((found.as_str(), found_number), (error, number), "{name}={value}: {}", answer.body);
        assert!(answer.text("error_description").contains("Correlation ID: "));
    }
}

#[test]
fn a_code_buys_no_more_than_was_granted_and_only_once() {
    let rig = Rig::new();
    let more = format!("{SCOPES} Mail.Read");
    let greedy = code(&rig);
    let answer = rig.token(
        "organizations",
        &[
            ("grant_type", "authorization_code"),
            ("redirect_uri", REDIRECT),
            ("code_verifier", VERIFIER),
            ("code", &greedy),
            ("scope", &more),
        ],
    );
    assert_eq!(answer.problem().2, 65_001);
    let code = code(&rig);
    assert_eq!(rig.redeem("organizations", &code).status, 200);
    assert_eq!(rig.redeem("organizations", &code).problem(), ("invalid_grant".into(), String::new(), 54_005));
}

#[test]
fn a_code_lives_ten_minutes_and_get_is_refused() {
    let rig = Rig::new();
    let code = code(&rig);
    rig.control.advance_clock(601).unwrap();
    assert_eq!(rig.redeem("organizations", &code).problem().2, 70_008);
    assert_eq!(rig.get("/organizations/oauth2/v2.0/token", &[]).problem().2, 900_561);
}

#[test]
fn platforms_want_their_own_proof() {
    let rig = Rig::new();
    let path = "/organizations/oauth2/v2.0/token";
    for (platform, headers, secret, number) in [
        (Platform::Native, vec![("origin", "http://localhost")], "", 9_002_326),
        (Platform::Spa, vec![], "", 9_002_327),
        (Platform::Web, vec![], "", 7_000_218),
        (Platform::Web, vec![], "&client_secret=s", 0),
        (Platform::Spa, vec![("origin", "https://app.example")], "", 0),
    ] {
        let uri = "https://app.example/cb";
        rig.control.add_redirect_uri(uri, platform).unwrap();
        let visit = rig.sign_in(&robot(USER), "organizations", &[("redirect_uri", uri)]);
        let form = format!(
            "client_id={}&grant_type=authorization_code&code={}&redirect_uri={uri}&code_verifier={VERIFIER}&scope=openid{secret}",
            rig.control.client_id(),
            visit.answer("code").unwrap()
        );
        let answer = rig.post(path, &form, &headers);
        assert_eq!(answer.json()["error_codes"][0].as_u64().unwrap_or(0), number, "{platform:?}: {}", answer.body);
    }
}

#[test]
fn refresh_rotates_and_the_old_token_goes_on_unless_strict() {
    let rig = Rig::new();
    let first = rig.connect(USER, &[]);
    let old = first["refresh_token"].as_str().unwrap();
    let second = rig.refresh(old, &[]);
    assert_eq!(second.status, 200);
    assert_ne!(second.text("refresh_token"), old);
    assert_ne!(second.text("access_token"), first["access_token"].as_str().unwrap());
    assert_eq!(rig.refresh(old, &[]).status, 200);
    rig.control.set_tokens(TokenSettings { strict_rotation: true, ..TokenSettings::default() }).unwrap();
    assert_eq!(rig.refresh(old, &[]).problem(), ("invalid_grant".into(), "bad_token".into(), 70_000));
    let fresh = second.text("refresh_token");
    assert_eq!(rig.refresh(&fresh, &[]).status, 200);
    assert_eq!(rig.refresh(&fresh, &[]).status, 400);
    assert_eq!(rig.refresh("garbage", &[]).problem(), ("invalid_grant".into(), "bad_token".into(), 9_002_313));
    assert_eq!(rig.refresh(&fresh, &[("scope", "")]).status, 400);
}

#[test]
fn a_refresh_without_scope_asks_for_itself() {
    let rig = Rig::new();
    let tokens = rig.connect(USER, &[]);
    let answer = rig.refresh(tokens["refresh_token"].as_str().unwrap(), &[("scope", "")]);
    assert_eq!(answer.problem(), ("invalid_request".into(), String::new(), 90_009));
}

#[test]
fn t_07_answers_bend_as_told() {
    let rig = Rig::new();
    let tokens = rig.connect(USER, &[]);
    let refresh_token = tokens["refresh_token"].as_str().unwrap();
    let bend = |settings: TokenSettings| {
        rig.control.set_tokens(settings).unwrap();
        rig.refresh(refresh_token, &[]).json()
    };
    let merge = |value: Value| match value {
        Value::Object(members) => members,
        _ => Map::new(),
    };
    for value in [json!("3600"), json!(3600.0), json!(-1), json!(0), json!(1e300), json!(u64::MAX)] {
        assert_eq!(bend(TokenSettings { expires_in: Some(value.clone()), ..TokenSettings::default() })["expires_in"], value);
    }
    let null = bend(TokenSettings { merge: merge(json!({"expires_in": null, "token_type": "mac"})), ..TokenSettings::default() });
    assert_eq!((&null["expires_in"], &null["token_type"]), (&Value::Null, &json!("mac")));
    let missing = bend(TokenSettings { remove: vec!["expires_in".into()], ..TokenSettings::default() });
    assert!(!missing.as_object().unwrap().contains_key("expires_in"));
    let scopes = bend(TokenSettings {
        extra_scopes: vec!["Mail.ReadWrite".into()],
        drop_scopes: vec!["Calendars.Read".into()],
        full_scope_names: true,
        omit_refresh_token_on_refresh: true,
        ..TokenSettings::default()
    });
    let scope = scopes["scope"].as_str().unwrap();
    assert!(scope.contains("https://graph.microsoft.com/Mail.ReadWrite") && !scope.contains("Calendars.Read"));
    assert!(scopes["refresh_token"].is_null());
}

#[test]
fn extra_grants_ride_along_in_the_scope() {
    let rig = Rig::new();
    rig.control.grant_user(USER, &["Mail.Read"]).unwrap();
    assert!(rig.connect(USER, &[])["scope"].as_str().unwrap().split(' ').any(|scope| scope == "Mail.Read"));
}

#[test]
fn j_01_hostile_id_tokens_can_be_made() {
    let rig = Rig::new();
    let issue = |id_token: IdTokenSettings| {
        rig.control.set_tokens(TokenSettings { id_token, ..TokenSettings::default() }).unwrap();
        rig.connect(USER, &[])["id_token"].as_str().unwrap().to_owned()
    };
    let signing = |signing| IdTokenSettings { signing, ..IdTokenSettings::default() };
    let unsigned = issue(signing(Signing::Unsigned));
    assert!(unsigned.ends_with('.'));
    assert_eq!(decode(&unsigned).0["alg"], "none");
    assert_eq!(decode(&issue(signing(Signing::Hs256))).0["alg"], "HS256");
    let claims = Map::from_iter([("aud".to_owned(), json!(["a", "b"])), ("exp".to_owned(), json!("soon"))]);
    let bent = issue(IdTokenSettings {
        claims,
        remove_claims: vec!["nonce".into()],
        remove_header: vec!["kid".into()],
        ..IdTokenSettings::default()
    });
    let (header, claims) = decode(&bent);
    assert_eq!((&claims["aud"], &claims["exp"], &claims["nonce"]), (&json!(["a", "b"]), &json!("soon"), &Value::Null));
    assert!(header["kid"].is_null());
    assert_eq!(issue(IdTokenSettings { raw: Some("x.y.z".into()), ..IdTokenSettings::default() }), "x.y.z");
}

#[test]
fn graph_says_why_it_refuses_a_token() {
    let rig = Rig::new();
    let tokens = rig.connect(USER, &[]);
    let refresh_token = tokens["refresh_token"].as_str().unwrap();
    let small = rig.refresh(refresh_token, &[("scope", "openid offline_access")]);
    let empty = rig.get("/graph/v1.0/me", &[]);
    assert_eq!((empty.status, empty.json()["error"]["message"].clone()), (401, json!("Access token is empty.")));
    assert!(empty.headers["www-authenticate"].contains("client_id=\"00000003-0000-0000-c000-000000000000\""));
    assert!(empty.headers.contains_key("request-id") && empty.headers.contains_key("x-ms-ags-diagnostic"));
    assert_eq!(rig.me("nonsense").status, 401);
    let denied = rig.me(&small.text("access_token"));
    assert_eq!(denied.status, 403, "a token without User.Read");
    rig.control.expire_access_tokens().unwrap();
    let expired = rig.me(tokens["access_token"].as_str().unwrap());
    assert_eq!(expired.json()["error"]["message"], "Lifetime validation failed, the token is expired.");
}

#[test]
fn the_day_of_a_single_page_application_is_carried_over() {
    let rig = Rig::new();
    let (uri, origin) = ("https://app.example/cb", [("origin", "https://app.example")]);
    rig.control.add_redirect_uri(uri, Platform::Spa).unwrap();
    let visit = rig.sign_in(&robot(USER), "organizations", &[("redirect_uri", uri)]);
    let client = format!("client_id={}&scope=openid+offline_access", rig.control.client_id());
    let path = "/organizations/oauth2/v2.0/token";
    let code = visit.answer("code").unwrap();
    let redeem = format!("{client}&grant_type=authorization_code&code={code}&redirect_uri={uri}&code_verifier={VERIFIER}");
    let first = rig.post(path, &redeem, &origin).text("refresh_token");
    let refresh = |token: &str| rig.post(path, &format!("{client}&grant_type=refresh_token&refresh_token={token}"), &origin);
    rig.control.advance_clock(80_000).unwrap();
    let second = refresh(&first).text("refresh_token");
    rig.control.advance_clock(10_000).unwrap();
    assert_eq!(refresh(&second).problem().2, 700_084);
}

#[test]
fn scopes_can_come_in_any_order() {
    let rig = Rig::new();
    let settings = TokenSettings { shuffle_scopes: true, ..TokenSettings::default() };
    rig.control.set_tokens(settings).unwrap();
    let scope = || rig.connect(USER, &[])["scope"].as_str().unwrap().to_owned();
    let scopes = [scope(), scope(), scope(), scope()];
    assert!(scopes.iter().any(|other| *other != scopes[0]), "{scopes:?}");
    assert!(scopes.iter().all(|scope| scope.split(' ').count() == 6));
}
