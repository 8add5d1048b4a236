//! The same work written by hand with reqwest, ring and serde, without anything that a library would add: the same requests over the
//! same TLS, the signature of the `id_token` checked, the claims that decide compared; nothing is stored.

use crate::{
    Result,
    host::Target,
    stub::{CLIENT, TENANT},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::{
    digest,
    signature::{RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents},
};
use rustls::pki_types::{CertificateDer, pem::PemObject};
use serde::Deserialize;
use std::{sync::Arc, time::Duration};

const SCOPES: &str = "openid profile email offline_access User.Read Mail.ReadBasic Calendars.Read";

pub(crate) struct Floor {
    client: reqwest::blocking::Client,
    graph: String,
    metadata: Metadata,
    keys: Keys,
}

#[derive(Deserialize)]
struct Metadata {
    authorization_endpoint: String,
    token_endpoint: String,
    jwks_uri: String,
}

#[derive(Deserialize)]
struct Keys {
    keys: Vec<Key>,
}

#[derive(Deserialize)]
struct Key {
    kid: String,
    n: String,
    e: String,
}

#[derive(Deserialize)]
pub(crate) struct Tokens {
    pub(crate) access_token: String,
    pub(crate) refresh_token: String,
    pub(crate) expires_in: i64,
    id_token: String,
}

#[derive(Deserialize)]
struct Header {
    kid: String,
}

#[derive(Deserialize)]
struct Claims {
    aud: String,
    tid: String,
    oid: String,
    exp: i64,
    nonce: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Me {
    id: String,
    display_name: Option<String>,
}

impl Floor {
    /// The first part of a first connect: the client, then the description of the platform. The keys come with the first token.
    pub(crate) fn new(target: &Target) -> Result<Self> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let root = CertificateDer::from_pem_slice(target.root_pem.as_bytes())?;
        let verifier = rustls_platform_verifier::Verifier::new_with_extra_roots([root], Arc::clone(&provider))?;
        let tls = rustls::ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_no_client_auth();
        let client = reqwest::blocking::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .http1_only()
            .timeout(Duration::from_secs(30))
            .tls_backend_preconfigured(tls)
            .build()?;
        let address = format!("{}/organizations/v2.0/.well-known/openid-configuration", target.authority);
        let metadata = serde_json::from_str(&client.get(address).send()?.error_for_status()?.text()?)?;
        Ok(Self { client, graph: target.graph.clone(), metadata, keys: Keys { keys: Vec::new() } })
    }

    pub(crate) fn connect(&mut self, person: u64) -> Result<()> {
        let (verifier, state, nonce) = (random()?, random()?, random()?);
        let challenge = URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, verifier.as_bytes()));
        let mut address = url::Url::parse(&self.metadata.authorization_endpoint)?;
        address.query_pairs_mut().extend_pairs([
            ("response_type", "code"),
            ("client_id", CLIENT),
            ("redirect_uri", "http://localhost"),
            ("scope", SCOPES),
            ("state", &state),
            ("nonce", &nonce),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
            ("response_mode", "query"),
        ]);
        let code = format!("{person}.{nonce}");
        let redirect = url::Url::parse(&format!("http://localhost/?code={code}&state={state}"))?;
        let answer = |name: &str| redirect.query_pairs().find(|(known, _)| known == name).map(|(_, value)| value.into_owned());
        if answer("state").as_deref() != Some(state.as_str()) {
            return Err("another state".into());
        }
        let tokens = self.token(&[
            ("grant_type", "authorization_code"),
            ("client_id", CLIENT),
            ("code", &answer("code").ok_or("no code")?),
            ("code_verifier", &verifier),
            ("redirect_uri", "http://localhost"),
            ("scope", SCOPES),
        ])?;
        let claims = self.verify(&tokens.id_token)?;
        let request = self.client.get(format!("{}/v1.0/me", self.graph)).bearer_auth(&tokens.access_token);
        let me: Me = serde_json::from_str(&request.send()?.error_for_status()?.text()?)?;
        if claims.nonce.as_deref() != Some(nonce.as_str()) || me.id != claims.oid || me.display_name.is_none() {
            return Err("another person".into());
        }
        Ok(())
    }

    /// A refresh, with the `id_token` checked and nothing stored.
    pub(crate) fn refresh(&mut self, refresh_token: &str) -> Result<Tokens> {
        let form = [("grant_type", "refresh_token"), ("client_id", CLIENT), ("refresh_token", refresh_token), ("scope", SCOPES)];
        let tokens = self.token(&form)?;
        self.verify(&tokens.id_token)?;
        Ok(tokens)
    }

    fn token(&self, form: &[(&str, &str)]) -> Result<Tokens> {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let request = self.client.post(&self.metadata.token_endpoint).body(body);
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        Ok(serde_json::from_str(&request.send()?.error_for_status()?.text()?)?)
    }

    fn verify(&mut self, id_token: &str) -> Result<Claims> {
        if self.keys.keys.is_empty() {
            self.keys = serde_json::from_str(&self.client.get(&self.metadata.jwks_uri).send()?.error_for_status()?.text()?)?;
        }
        let (signed, signature) = id_token.rsplit_once('.').ok_or("no signature")?;
        let (header, payload) = signed.split_once('.').ok_or("no payload")?;
        let header: Header = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header)?)?;
        let key = self.keys.keys.iter().find(|key| key.kid == header.kid).ok_or("an unknown key")?;
        let public = RsaPublicKeyComponents { n: URL_SAFE_NO_PAD.decode(&key.n)?, e: URL_SAFE_NO_PAD.decode(&key.e)? };
        let signature = URL_SAFE_NO_PAD.decode(signature)?;
        public.verify(&RSA_PKCS1_2048_8192_SHA256, signed.as_bytes(), &signature).map_err(|_| "a wrong signature")?;
        let claims: Claims = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload)?)?;
        let is_ours = claims.aud == CLIENT && claims.tid == TENANT && claims.exp > 1_700_000_000;
        if is_ours { Ok(claims) } else { Err("a token for somebody else".into()) }
    }
}

fn random() -> Result<String> {
    let mut bytes = [0_u8; 32];
    getrandom::fill(&mut bytes)?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}
