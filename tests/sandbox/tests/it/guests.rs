//! One person in two organisations.

use crate::client::{Rig, decode, robot};

#[test]
fn j_17_a_guest_is_another_object_in_another_directory() {
    let rig = Rig::new();
    rig.control.approve("contoso").unwrap();
    let person = robot("adele@contoso.example");
    let claims = |tenant: &str| {
        let visit = rig.sign_in(&person, tenant, &[]);
        let tokens = rig.redeem(tenant, visit.answer("code").unwrap());
        assert_eq!(tokens.status, 200, "{}", tokens.body);
        let me = rig.me(&tokens.text("access_token"));
        let claims = decode(&tokens.text("id_token")).1;
        assert_eq!(claims["oid"], me.text("id"));
        (claims, tokens)
    };
    let (home, tokens) = claims("contoso.example");
    let (guest, _) = claims("22222222-aaaa-4bbb-8ccc-333333333333");
    assert_ne!(home["oid"], guest["oid"]);
    assert_ne!(home["tid"], guest["tid"]);
    assert_ne!(home["sub"], guest["sub"]);
    assert_eq!(home["preferred_username"], guest["preferred_username"]);
    assert!(home["idp"].is_null());
    assert!(guest["idp"].as_str().unwrap().contains("11111111-aaaa-4bbb-8ccc-222222222222"));
    let elsewhere = rig.token(
        "fabrikam.example",
        &[("grant_type", "refresh_token"), ("refresh_token", &tokens.text("refresh_token")), ("scope", "openid profile User.Read")],
    );
    assert_eq!(decode(&elsewhere.text("id_token")).1["oid"], guest["oid"]);
    let stranger = rig.token(
        "northwind.example",
        &[("grant_type", "refresh_token"), ("refresh_token", &tokens.text("refresh_token")), ("scope", "openid profile User.Read")],
    );
    assert_eq!(stranger.problem().2, 50_020);
}

#[test]
fn a_user_without_a_licence_has_a_profile_without_mail() {
    let rig = Rig::new();
    let tokens = rig.connect("nils@northwind.example", &[]);
    let me = rig.me(tokens["access_token"].as_str().unwrap());
    assert_eq!(me.status, 200);
    assert!(me.json()["mail"].is_null());
    assert!(decode(tokens["id_token"].as_str().unwrap()).1["email"].is_null());
}

#[test]
fn the_profile_has_the_recorded_properties() {
    let rig = Rig::new();
    rig.control.approve("contoso").unwrap();
    let tokens = rig.connect("adele@contoso.example", &[]);
    let token = tokens["access_token"].as_str().unwrap();
    let sample: serde_json::Value = serde_json::from_str(include_str!("../../data/me.json")).unwrap();
    let me = rig.me(token).json();
    assert_eq!(me.as_object().unwrap().keys().collect::<Vec<_>>(), sample.as_object().unwrap().keys().collect::<Vec<_>>());
    for name in ["id", "displayName", "jobTitle", "officeLocation", "surname"] {
        assert_eq!(me[name], sample[name], "{name}");
    }
    let bearer = format!("Bearer {token}");
    let selected = rig.get("/graph/v1.0/me?$select=id,displayName", &[("authorization", &bearer)]).json();
    assert_eq!(selected.as_object().unwrap().len(), 3);
    assert_eq!(rig.get("/graph/v1.0/me?$select=nonsense", &[("authorization", &bearer)]).status, 400);
    assert_eq!(rig.request("PATCH", "/graph/v1.0/me", "{}", &[("authorization", &bearer)]).status, 405);
}
