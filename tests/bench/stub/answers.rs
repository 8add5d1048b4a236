//! What the stub answers: everything but the `id_token` is put together once or by concatenation.

use crate::Result;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use intail_office365::{Clock, SystemClock};
use ring::{rand::SystemRandom, rsa::KeyPair, signature::RSA_PKCS1_SHA256};
use serde_json::json;
use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering::SeqCst},
    },
    thread,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

pub(crate) const TENANT: &str = "11111111-aaaa-4bbb-8ccc-222222222222";
pub(crate) const CLIENT: &str = "55555555-0000-4aaa-9bbb-666666666666";
/// Length of an access token as Microsoft makes them for these scopes.
pub(crate) const ACCESS_TOKEN: usize = 1900;
const REFRESH_TOKEN: usize = 1200;
const KID: &str = "bench";
pub(crate) const LIFETIME: i64 = 3_600;

/// The machine's clock, moved forward: the stub and the library live by the same. It can go faster from some moment on, at which it
/// stands where the machine's clock, moved as far, does.
#[derive(Debug, Default)]
pub(crate) struct MovedClock {
    ahead: AtomicI64,
    hurry: Option<Hurry>,
}

/// From when on, in milliseconds since 1970, and how many times as fast as the machine's clock.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hurry {
    pub(crate) since: i64,
    pub(crate) speed: i64,
}

impl MovedClock {
    /// All clocks with the same arguments show the same time.
    pub(crate) fn hurried(ahead: i64, hurry: Hurry) -> Self {
        Self { ahead: AtomicI64::new(ahead), hurry: (hurry.speed > 1).then_some(hurry) }
    }

    pub(crate) fn advance(&self, seconds: i64) {
        self.ahead.fetch_add(seconds, SeqCst);
    }

    /// Seconds by which it was moved ahead of the machine's.
    pub(crate) fn ahead(&self) -> i64 {
        self.ahead.load(SeqCst)
    }
}

impl Clock for MovedClock {
    fn now(&self) -> i64 {
        let gained = self.hurry.map_or(0, |Hurry { since, speed }| (milliseconds() - since).max(0) * (speed - 1) / 1_000);
        SystemClock.now().saturating_add(self.ahead.load(SeqCst)).saturating_add(gained)
    }
}

/// Since 1970.
pub(crate) fn milliseconds() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or_default()
}

/// How the token endpoint behaves, which a benchmark may change.
#[derive(Debug)]
pub(crate) struct Conduct {
    /// Seconds that an access token lives.
    pub(crate) lifetime: AtomicI64,
    /// Milliseconds that the endpoint takes for a refresh, from its arrival on.
    pub(crate) delay: AtomicU64,
    /// Whether a refresh token is good for one use: then only the newest of a person is taken. Microsoft lets an older one live on.
    pub(crate) single_use: AtomicBool,
    /// The number in the newest refresh token of each person.
    newest: Mutex<HashMap<u64, u64>>,
    /// Refreshes that were refused for an older token.
    pub(crate) refused: AtomicU64,
}

impl Default for Conduct {
    fn default() -> Self {
        let number = AtomicU64::default;
        Self {
            lifetime: AtomicI64::new(LIFETIME),
            delay: number(),
            single_use: AtomicBool::default(),
            newest: Mutex::default(),
            refused: number(),
        }
    }
}

impl Conduct {
    /// The number of the next refresh token, unless the one that was shown is of no use any more.
    fn rotate(&self, person: u64, shown: Option<&str>) -> Option<u64> {
        let mut newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        let known = newest.entry(person).or_default();
        if self.single_use.load(SeqCst) && shown.is_some_and(|shown| shown != known.to_string()) {
            self.refused.fetch_add(1, SeqCst);
            return None;
        }
        *known += 1;
        Some(*known)
    }
}

pub(super) struct Answers {
    authority: String,
    keys: Vec<u8>,
    header: String,
    /// A key of the library's own tests, made for them and used for nothing else.
    pair: KeyPair,
    padding: String,
    clock: Arc<MovedClock>,
    conduct: Arc<Conduct>,
}

impl Answers {
    pub(super) fn new(authority: &str, clock: &Arc<MovedClock>, conduct: &Arc<Conduct>) -> Result<Self> {
        let pair = KeyPair::from_pkcs8(include_bytes!("../../../core/src/oauth/testdata/first.pk8"));
        let pair = pair.map_err(|_| "the key cannot be read")?;
        let public = ring::rsa::PublicKeyComponents::<Vec<u8>>::from(pair.public());
        let keys = json!({"keys": [{
            "kty": "RSA", "use": "sig", "kid": KID, "x5t": KID,
            "n": URL_SAFE_NO_PAD.encode(&public.n), "e": URL_SAFE_NO_PAD.encode(&public.e),
            "issuer": format!("{authority}/{{tenantid}}/v2.0"),
        }]});
        Ok(Self {
            authority: authority.to_owned(),
            keys: keys.to_string().into_bytes(),
            header: URL_SAFE_NO_PAD.encode(json!({"typ": "JWT", "alg": "RS256", "kid": KID}).to_string()),
            pair,
            padding: "eyJub25jZSI6IkJlbmNobWFyayJ9".repeat(100),
            clock: Arc::clone(clock),
            conduct: Arc::clone(conduct),
        })
    }

    pub(super) fn discovery(&self, tenant: &str) -> Vec<u8> {
        let authority = &self.authority;
        let named = if tenant == "organizations" { "{tenantid}" } else { tenant };
        let metadata = json!({
            "issuer": format!("{authority}/{named}/v2.0"),
            "authorization_endpoint": format!("{authority}/{tenant}/oauth2/v2.0/authorize"),
            "token_endpoint": format!("{authority}/{tenant}/oauth2/v2.0/token"),
            "device_authorization_endpoint": format!("{authority}/{tenant}/oauth2/v2.0/devicecode"),
            "jwks_uri": format!("{authority}/{tenant}/discovery/v2.0/keys"),
            "response_modes_supported": ["query", "fragment", "form_post"],
            "id_token_signing_alg_values_supported": ["RS256"],
        });
        metadata.to_string().into_bytes()
    }

    pub(super) fn keys(&self) -> &[u8] {
        &self.keys
    }

    /// The answer to a code or a refresh token, with its status.
    pub(super) fn token(&self, form: &[u8]) -> Result<(&'static str, Vec<u8>)> {
        let secret = url::form_urlencoded::parse(form).find(|(name, _)| name == "code" || name == "refresh_token");
        let secret = secret.ok_or("a token request without code and refresh token")?.1;
        let (person, rest) = secret.split_once('.').ok_or("a secret that is none of ours")?;
        let shown = rest.strip_prefix("refresh.").map(|rest| rest.split('.').next().unwrap_or_default());
        let nonce = if shown.is_some() { None } else { Some(rest) };
        let person: u64 = person.parse()?;
        let Some(number) = self.conduct.rotate(person, shown) else {
            let body = json!({"error": "invalid_grant", "error_description": "AADSTS70000: used", "error_codes": [70000]});
            return Ok(("400 Bad Request", body.to_string().into_bytes()));
        };
        if shown.is_some() {
            thread::sleep(Duration::from_millis(self.conduct.delay.load(SeqCst)));
        }
        let text = |kind: &str, length: usize| format!("{person}.{kind}.{}", self.padding).chars().take(length).collect::<String>();
        let lifetime = self.conduct.lifetime.load(SeqCst);
        let body = json!({
            "token_type": "Bearer", "scope": "User.Read Mail.ReadBasic Calendars.Read openid profile email",
            "expires_in": lifetime, "ext_expires_in": lifetime,
            "access_token": text("access", ACCESS_TOKEN), "refresh_token": text(&format!("refresh.{number}"), REFRESH_TOKEN),
            "id_token": self.id_token(person, nonce)?, "client_info": URL_SAFE_NO_PAD.encode(json!({"uid": object_id(person), "utid": TENANT}).to_string()),
        });
        Ok(("200 OK", body.to_string().into_bytes()))
    }

    pub(super) fn me(authorization: &str) -> Vec<u8> {
        let person = authorization.trim_start_matches("Bearer ").split('.').next().unwrap_or_default();
        let body = json!({
            "@odata.context": "https://graph.microsoft.com/v1.0/$metadata#users/$entity",
            "id": object_id(person.parse().unwrap_or_default()), "displayName": name(person), "givenName": "Person", "surname": person,
            "mail": address(person), "userPrincipalName": address(person), "jobTitle": null, "businessPhones": [],
            "mobilePhone": null, "officeLocation": null, "preferredLanguage": "en-US",
        });
        body.to_string().into_bytes()
    }

    fn id_token(&self, person: u64, nonce: Option<&str>) -> Result<String> {
        let now = self.clock.now();
        let number = person.to_string();
        let mut claims = json!({
            "aud": CLIENT, "iss": format!("{}/{TENANT}/v2.0", self.authority), "iat": now, "nbf": now, "exp": now + 3900,
            "aio": self.padding.get(..120), "name": name(&number), "preferred_username": address(&number), "email": address(&number),
            "oid": object_id(person), "rh": "1.ABCDEFGHIJKLMNOPQRSTUVWXYZabcdef.", "sid": object_id(person), "tid": TENANT,
            "sub": format!("subject-of-person-{person:024}"), "uti": "ABCDEFGHIJKLMNOPQRSTUV", "ver": "2.0",
        });
        if let Some(nonce) = nonce {
            claims["nonce"] = nonce.into();
        }
        let signed = format!("{}.{}", self.header, URL_SAFE_NO_PAD.encode(claims.to_string()));
        let mut signature = vec![0; self.pair.public().modulus_len()];
        self.pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature).map_err(|_| "no signature")?;
        Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }
}

fn object_id(person: u64) -> String {
    format!("aaaaaaaa-bbbb-4ccc-8ddd-{person:012x}")
}

fn name(person: &str) -> String {
    format!("Person {person}")
}

fn address(person: &str) -> String {
    format!("person{person}@contoso.example")
}
