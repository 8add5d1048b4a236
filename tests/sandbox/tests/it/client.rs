//! A client of the sandbox: builds authorization requests, listens on loopback, redeems codes, calls Graph.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::thread::JoinHandle;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use intail_office365_sandbox::{Control, Person, Sandbox, SandboxOptions, Visit};
use serde_json::Value;

pub(crate) const SCOPES: &str = "openid profile email offline_access User.Read Mail.ReadBasic Calendars.Read";
pub(crate) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
pub(crate) const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
/// Nobody listens here: answers are noted, not delivered.
pub(crate) const REDIRECT: &str = "http://localhost:50997";
pub(crate) const CLAIMS_CAE: &str = r#"{"access_token":{"xms_cc":{"values":["cp1"]}}}"#;

/// A sandbox and a client set up for it.
pub(crate) struct Rig {
    pub(crate) sandbox: Sandbox,
    pub(crate) control: Control,
}

/// An HTTP answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("not JSON: {} {}", self.status, self.body))
    }

    pub(crate) fn text(&self, member: &str) -> String {
        self.json()[member].as_str().unwrap_or_default().to_owned()
    }

    /// Error, suberror and first number of a token error.
    pub(crate) fn problem(&self) -> (String, String, u64) {
        (self.text("error"), self.text("suberror"), self.json()["error_codes"][0].as_u64().unwrap_or_default())
    }
}

/// A person who does not deliver the answer.
pub(crate) fn robot(user: &str) -> Person {
    Person::new(user).deliver(false)
}

impl Rig {
    pub(crate) fn new() -> Rig {
        let sandbox = Sandbox::start(SandboxOptions { https_port: None, ..SandboxOptions::default() }).unwrap();
        let control = sandbox.control();
        Rig { sandbox, control }
    }

    pub(crate) fn authorize_url(&self, tenant: &str, extra: &[(&str, &str)]) -> String {
        let mut fields = vec![
            ("client_id", self.control.client_id()),
            ("response_type", "code".into()),
            ("redirect_uri", REDIRECT.into()),
            ("scope", SCOPES.into()),
            ("state", "S".into()),
            ("nonce", "N".into()),
            ("code_challenge", CHALLENGE.into()),
            ("code_challenge_method", "S256".into()),
        ];
        for (name, value) in extra {
            fields.retain(|(found, _)| found != name);
            if !value.is_empty() {
                fields.push((name, (*value).to_owned()));
            }
        }
        format!("{}/{tenant}/oauth2/v2.0/authorize?{}", self.sandbox.authority(), encode(&fields))
    }

    /// Signs in and returns the visit.
    pub(crate) fn sign_in(&self, person: &Person, tenant: &str, extra: &[(&str, &str)]) -> Visit {
        person.browse(&self.authorize_url(tenant, extra))
    }

    /// Posts to the token endpoint; an empty value leaves a default field out.
    pub(crate) fn token(&self, tenant: &str, fields: &[(&str, &str)]) -> Answer {
        let mut all = vec![("client_id", self.control.client_id())];
        for (name, value) in fields {
            all.retain(|(found, _)| found != name);
            if !value.is_empty() {
                all.push((name, (*value).to_owned()));
            }
        }
        self.post(&format!("/{tenant}/oauth2/v2.0/token"), &encode(&all), &[])
    }

    pub(crate) fn redeem(&self, tenant: &str, code: &str) -> Answer {
        self.token(
            tenant,
            &[
                ("grant_type", "authorization_code"),
                ("code", code),
                ("redirect_uri", REDIRECT),
                ("code_verifier", VERIFIER),
                ("scope", SCOPES),
            ],
        )
    }

    pub(crate) fn refresh(&self, token: &str, extra: &[(&str, &str)]) -> Answer {
        let mut fields = vec![("grant_type", "refresh_token"), ("refresh_token", token), ("scope", SCOPES)];
        fields.extend(extra);
        self.token("organizations", &fields)
    }

    /// Signs a person in and redeems the code.
    pub(crate) fn connect(&self, user: &str, extra: &[(&str, &str)]) -> Value {
        let visit = self.sign_in(&robot(user), "organizations", extra);
        let code = visit.answer("code").unwrap_or_else(|| panic!("no code: {visit:?}")).to_owned();
        let answer = self.redeem("organizations", &code);
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.json()
    }

    pub(crate) fn me(&self, access_token: &str) -> Answer {
        self.get("/graph/v1.0/me", &[("authorization", &format!("Bearer {access_token}"))])
    }

    pub(crate) fn get(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        self.request("GET", path, "", headers)
    }

    pub(crate) fn post(&self, path: &str, form: &str, headers: &[(&str, &str)]) -> Answer {
        let mut all = vec![("content-type", "application/x-www-form-urlencoded")];
        all.extend(headers);
        self.request("POST", path, form, &all)
    }

    pub(crate) fn request(&self, method: &str, path: &str, body: &str, headers: &[(&str, &str)]) -> Answer {
        parse(&self.raw(method, path, body, headers).unwrap())
    }

    /// The bytes of the answer, or how the connection failed.
    pub(crate) fn raw(&self, method: &str, path: &str, body: &str, headers: &[(&str, &str)]) -> std::io::Result<Vec<u8>> {
        let host = self.sandbox.authority().replace("http://", "");
        let mut stream = TcpStream::connect(&host)?;
        let mut head = format!("{method} {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n");
        for (name, value) in headers {
            head.extend([name, ": ", value, "\r\n"]);
        }
        write!(stream, "{head}content-length: {}\r\n\r\n{body}", body.len())?;
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}

pub(crate) fn parse(bytes: &[u8]) -> Answer {
    let text = String::from_utf8_lossy(bytes).into_owned();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {text:?}"));
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let headers = head.lines().skip(1).filter_map(|line| line.split_once(": "));
    Answer {
        status,
        headers: headers.map(|(name, value)| (name.to_lowercase(), value.to_owned())).collect(),
        body: body.to_owned(),
    }
}

/// A loopback listener that answers one request with a page and hands the request back.
pub(crate) struct Listener {
    pub(crate) redirect_uri: String,
    thread: JoinHandle<String>,
}

impl Listener {
    pub(crate) fn start() -> Listener {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let redirect_uri = format!("http://localhost:{}", listener.local_addr().unwrap().port());
        let thread = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = Vec::new();
            let mut buffer = [0; 8192];
            loop {
                let read = stream.read(&mut buffer).unwrap();
                request.extend_from_slice(&buffer[..read]);
                let text = String::from_utf8_lossy(&request).into_owned();
                let Some((head, body)) = text.split_once("\r\n\r\n") else {
                    continue;
                };
                let length = head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
                if read == 0 || body.len() >= length.unwrap_or(0) {
                    write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: 9\r\nconnection: close\r\n\r\nconnected").unwrap();
                    return text;
                }
            }
        });
        Listener { redirect_uri, thread }
    }

    pub(crate) fn request(self) -> String {
        self.thread.join().unwrap()
    }
}

pub(crate) fn encode(fields: &[(&str, String)]) -> String {
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
}

/// Header and claims of a compact JWS.
pub(crate) fn decode(token: &str) -> (Value, Value) {
    let part = |index: usize| {
        let encoded = token.split('.').nth(index).unwrap();
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(encoded).unwrap()).unwrap()
    };
    (part(0), part(1))
}

/// The consent page and the session cookie of somebody who just signed in.
pub(crate) fn consent_page(rig: &Rig, user: &str) -> (String, String) {
    let url = rig.authorize_url("organizations", &[]);
    let path = url.strip_prefix(&rig.sandbox.authority()).unwrap();
    let login = rig.get(path, &[]).body;
    let flow = login.split("name=\"flow\" value=\"").nth(1).unwrap().split('"').next().unwrap();
    let form = encode(&[
        ("flow", flow.to_owned()),
        ("username", user.to_owned()),
        ("password", "x".to_owned()),
        ("do", "next".to_owned()),
    ]);
    let answer = rig.post("/organizations/login", &form, &[]);
    let cookie = answer.headers["set-cookie"].split(';').next().unwrap().to_owned();
    (answer.body, cookie)
}
