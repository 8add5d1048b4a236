//! The start page, the control interface over HTTP, and what every page has in common.

use std::io::Read as _;

use intail_office365_sandbox::{ConsentPolicy, Sandbox, SandboxOptions};

use crate::client::Rig;

#[test]
fn the_start_page_lists_everything_and_its_forms_work() {
    let rig = Rig::new();
    let page = rig.get("/", &[]);
    for text in ["not Microsoft", "contoso.example", "adele@contoso.example", "guest of Fabrikam", "/graph/v1.0/me"] {
        assert!(page.body.contains(text), "{text}");
    }
    let answer = rig.post("/_control/set_consent_policy", "tenant=contoso&policy=legacy", &[]);
    assert_eq!((answer.status, answer.headers["location"].as_str()), (303, "/"));
    assert_eq!(rig.control.tenant("contoso").unwrap().consent_policy, ConsentPolicy::Legacy);
    rig.post("/_control/set_workflow", "tenant=contoso&on=true", &[]);
    assert!(rig.control.tenant("contoso").unwrap().workflow);
}

#[test]
fn the_control_interface_takes_json_and_refuses_nonsense() {
    let rig = Rig::new();
    let json = [("content-type", "application/json")];
    for (path, body, status) in [
        ("/_control/approve", r#"{"tenant":"contoso"}"#, 200),
        ("/_control/approve", r#"{"tenant":"nowhere"}"#, 400),
        ("/_control/approve", "{}", 400),
        ("/_control/nonsense", "{}", 400),
        ("/_control/advance_clock", r#"{"seconds":60}"#, 200),
        ("/_control/set_tokens", r#"{"settings":{"expires_in":"3600","id_token":{"signing":"unsigned"}}}"#, 200),
        ("/_control/set_tokens", r#"{"settings":{"misspelled":1}}"#, 400),
        ("/_control/add_fault", r#"{"name":"down","endpoint":"me","status":503,"times":1}"#, 200),
        ("/_control/rotate_keys", "", 200),
    ] {
        let answer = rig.request("POST", path, body, &json);
        assert_eq!(answer.status, status, "{path} {body}: {}", answer.body);
    }
    let state = rig.get("/_control/state", &[]).json();
    assert_eq!((&state["clock"]["offset"], &state["faults"][0]["name"]), (&60.into(), &"down".into()));
    for path in [
        "/_control/tenants",
        "/_control/users",
        "/_control/app",
        "/_control/log",
        "/_control/faults",
        "/_control/tokens",
        "/_control/clock",
    ] {
        assert_eq!(rig.get(path, &[]).status, 200, "{path}");
    }
    assert!(rig.get("/_control/ca.pem", &[]).body.starts_with("-----BEGIN CERTIFICATE-----"));
    assert_eq!(rig.request("POST", "/_control/reset", "", &[]).status, 200);
    assert_eq!(rig.get("/_control/state", &[]).json()["clock"]["offset"], 0);
}

#[test]
fn l_09_input_is_escaped_on_every_page() {
    let rig = Rig::new();
    let attack = "\"><script>alert(1)</script>";
    let login = rig.authorize_url("organizations", &[("login_hint", attack), ("state", attack)]);
    let path = login.strip_prefix(&rig.sandbox.authority()).unwrap();
    let page = rig.get(path, &[]);
    assert!(page.body.contains("data-page=\"login\"") && !page.body.contains("<script"));
    assert!(page.headers["content-security-policy"].starts_with("default-src 'none'; script-src 'sha256-"));
    let error = rig.authorize_url("organizations", &[("redirect_uri", attack)]);
    let page = rig.get(error.strip_prefix(&rig.sandbox.authority()).unwrap(), &[]);
    assert!(page.body.contains("AADSTS50011") && !page.body.contains("<script"));
    assert!(!rig.get("/devicelogin?otc=%22%3E%3Cscript%3E", &[]).body.contains("<script"));
}

#[test]
fn both_loopback_addresses_answer_and_https_has_its_own_origin() {
    let sandbox = Sandbox::start(SandboxOptions::default()).unwrap();
    assert!(sandbox.https_authority().unwrap().starts_with("https://localhost:"));
    assert!(sandbox.https_graph_base().unwrap().ends_with("/graph"));
    assert!(sandbox.ca_pem().contains("BEGIN CERTIFICATE"));
    let port: u16 = sandbox.authority().rsplit(':').next().unwrap().parse().unwrap();
    assert!(std::net::TcpStream::connect(("127.0.0.1", port)).is_ok());
    if std::net::TcpListener::bind("[::1]:0").is_ok() {
        assert!(std::net::TcpStream::connect(("::1", port)).is_ok());
    }
    let mut open = std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
    sandbox.stop();
    assert_eq!(open.read(&mut [0; 16]).unwrap_or(0), 0, "the connection is cut");
}

#[test]
fn the_same_seed_gives_the_same_tokens() {
    let tokens = || Rig::new().connect("megan@northwind.example", &[])["access_token"].clone();
    assert_eq!(tokens(), tokens());
}

const GUIDE: &str = include_str!("../../../../docs/sandbox.md");

/// Name and body of every `post` in the guide.
fn documented_changes() -> Vec<(String, String)> {
    let posts = GUIDE.split("\npost ").skip(1).filter_map(|rest| {
        let (name, rest) = rest.split_once(" '")?;
        Some((name.to_owned(), rest.split('\'').next()?.to_owned()))
    });
    posts.collect()
}

#[test]
fn every_change_is_in_the_guide_and_every_example_works() {
    let rig = Rig::new();
    let json = [("content-type", "application/json")];
    let changes = documented_changes();
    assert!(changes.len() > 40, "{}", changes.len());
    for (name, body) in &changes {
        let answer = rig.request("POST", &format!("/_control/{name}"), body, &json);
        assert_eq!(answer.status, 200, "{name} {body}: {}", answer.body);
    }
    // The refusal of an unknown name lists the known ones.
    let refusal = rig.request("POST", "/_control/nonsense", "{}", &json).text("error");
    let known: Vec<&str> = refusal.split('`').skip(3).step_by(2).collect();
    assert!(known.len() > 30, "{refusal}");
    for name in known {
        assert!(changes.iter().any(|(documented, _)| documented == name), "{name} is not in the guide");
    }
    let reads = GUIDE.lines().filter_map(|line| line.strip_prefix("curl -s $C/"));
    for read in reads.map(|line| line.split(' ').next().unwrap()) {
        assert_eq!(rig.get(&format!("/_control/{read}"), &[]).status, 200, "{read}");
    }
}

#[test]
fn buttons_of_people_and_of_the_clock_work() {
    let rig = Rig::new();
    rig.post("/_control/set_user_disabled", "user=adele%40contoso.example&on=true", &[]);
    assert!(rig.control.user("adele@contoso.example").unwrap().disabled);
    let before = rig.control.now();
    rig.post("/_control/advance_clock", "seconds=3600", &[]);
    assert!(rig.control.now() - before >= 3_600);
    assert!(rig.get("/", &[]).body.contains("Enable"));
}
