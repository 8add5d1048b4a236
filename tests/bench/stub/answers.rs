//! What the stub answers: everything but the `id_token` is put together once or by concatenation.

use crate::Result;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use intail_office365::{Clock, SystemClock};
use ring::{rand::SystemRandom, rsa::KeyPair, signature::RSA_PKCS1_SHA256};
use serde_json::json;
use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering::SeqCst},
};

pub(crate) const TENANT: &str = "11111111-aaaa-4bbb-8ccc-222222222222";
pub(crate) const CLIENT: &str = "55555555-0000-4aaa-9bbb-666666666666";
/// Length of an access token as Microsoft makes them for these scopes.
pub(crate) const ACCESS_TOKEN: usize = 1900;
const REFRESH_TOKEN: usize = 1200;
const KID: &str = "bench";

/// The machine's clock, moved forward: the stub and the library live by the same.
#[derive(Debug, Default)]
pub(crate) struct MovedClock(AtomicI64);

impl MovedClock {
    pub(crate) fn advance(&self, seconds: i64) {
        self.0.fetch_add(seconds, SeqCst);
    }
}

impl Clock for MovedClock {
    fn now(&self) -> i64 {
        SystemClock.now().saturating_add(self.0.load(SeqCst))
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
}

impl Answers {
    pub(super) fn new(authority: &str, clock: &Arc<MovedClock>) -> Result<Self> {
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

    /// The answer to a code or a refresh token.
    pub(super) fn token(&self, form: &[u8]) -> Result<Vec<u8>> {
        let secret = url::form_urlencoded::parse(form).find(|(name, _)| name == "code" || name == "refresh_token");
        let secret = secret.ok_or("a token request without code and refresh token")?.1;
        let (person, rest) = secret.split_once('.').ok_or("a secret that is none of ours")?;
        let nonce = if rest.starts_with("refresh") { None } else { Some(rest) };
        let person: u64 = person.parse()?;
        let text = |kind: &str, length: usize| format!("{person}.{kind}.{}", self.padding).chars().take(length).collect::<String>();
        let body = json!({
            "token_type": "Bearer", "scope": "User.Read Mail.ReadBasic Calendars.Read openid profile email",
            "expires_in": 3600, "ext_expires_in": 3600,
            "access_token": text("access", ACCESS_TOKEN), "refresh_token": text("refresh", REFRESH_TOKEN),
            "id_token": self.id_token(person, nonce)?,
        });
        Ok(body.to_string().into_bytes())
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
