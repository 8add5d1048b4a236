//! The configuration of `email-oauth2-proxy`, as version 2026 writes it: an INI file with a section for each mail address.
//!
//! ```text
//! [name@contoso.example]
//! token_url = https://login.microsoftonline.com/common/oauth2/v2.0/token
//! client_id = …
//! token_salt = base64 of 16 bytes or more
//! token_iterations = 1200000            (100000 where it is missing)
//! refresh_token = Fernet, its key PBKDF2-HMAC-SHA256 of the password that the mail program sends
//! ```
//!
//! With `--cache-store` the tokens, salts and iterations are in a second file of the same form, and count more than the first one's.
//! Where `allow_catch_all_accounts` is set, a section `[@contoso.example]` or `[@]` completes those of its addresses. The file does not
//! say whose tokens they are, only to which address they belong.

use super::{
    Found, LeftReason,
    candidate::{Candidate, Issuer, Token, Who},
    ini::Ini,
};
use crate::{
    display::displayable,
    error::{Detail, Error, Result},
    secret::Secret,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use std::num::NonZeroU32;
use url::Url;

/// The program's settings of its own.
const PROGRAM: &str = "emailproxy";
/// What the program writes today, and what it means where it wrote nothing (before 2023-10-17).
const ITERATIONS: NonZeroU32 = NonZeroU32::new(1_200_000).unwrap();
const OLD_ITERATIONS: NonZeroU32 = NonZeroU32::new(100_000).unwrap();
/// A file that asks for more work is refused.
const MOST_ITERATIONS: u32 = 5_000_000;
/// What the second file may say.
const CACHED: [&str; 3] = ["refresh_token", "token_salt", "token_iterations"];

/// What is in the configuration and in the cache beside it.
pub(super) fn read(config: &[u8], cache: Option<&[u8]>, password: Option<&Secret>) -> Result<Found> {
    if password.is_none_or(|password| password.expose().is_empty()) {
        return Err(Detail::ImportPassword.about("missing"));
    }
    let files = Files { config: parse(config)?, cache: cache.map(parse).transpose()?.unwrap_or_default() };
    let mut found = Found::default();
    for address in files.addresses() {
        let username = Some(displayable(address));
        match files.candidate(address) {
            Ok(candidate) => found.candidates.push(candidate),
            Err(Unfit::Left(reason)) => found.leave(username, reason),
            Err(Unfit::Refused(what)) => found.refuse(username, Detail::ImportFormat.about(what)),
        }
    }
    Ok(found)
}

fn parse(bytes: &[u8]) -> Result<Ini<'_>> {
    let damaged = |what: &'static str| Error::from(Detail::ImportFormat).with_what(what);
    let text = std::str::from_utf8(bytes).map_err(|_| damaged("text"))?;
    Ini::parse(text).map_err(damaged)
}

/// Why a section gives no candidate.
enum Unfit {
    Left(LeftReason),
    /// The name of what is missing or wrong.
    Refused(&'static str),
}

struct Files<'a> {
    config: Ini<'a>,
    cache: Ini<'a>,
}

impl<'a> Files<'a> {
    /// The sections of accounts. Those that begin with `@` only complete others.
    fn addresses(&self) -> Vec<&'a str> {
        let of_cache = self.cache.sections().filter(|name| self.catches_all() && !self.config.has(name));
        let all = self.config.sections().chain(of_cache);
        all.filter(|name| name.find('@').is_some_and(|at| at > 0)).collect()
    }

    fn candidate(&self, address: &str) -> std::result::Result<Candidate, Unfit> {
        let value = |name: &'static str| self.value(address, name).filter(|value| !value.is_empty());
        if matches!(value("oauth2_flow"), Some("client_credentials" | "service_account")) {
            return Err(Unfit::Left(LeftReason::NotAPerson));
        }
        let fernet = value("refresh_token").ok_or(Unfit::Left(LeftReason::NoRefreshToken))?;
        let required = |name: &'static str| value(name).ok_or(Unfit::Refused(name));
        let token_url = required("token_url")?;
        let tenant = tenant_of(token_url).ok_or(Unfit::Refused("token_url"))?;
        let salt = STANDARD.decode(required("token_salt")?).map_err(|_| Unfit::Refused("token_salt"))?;
        Ok(Candidate {
            username: Some(displayable(address)),
            client_id: required("client_id")?.to_lowercase(),
            issuer: Issuer::TokenEndpoint(token_url.to_owned()),
            who: Who::Named { address: address.to_owned(), tenant },
            token: Token::Sealed { fernet: fernet.to_owned(), salt, iterations: iterations(value("token_iterations"))? },
        })
    }

    fn value(&self, address: &str, name: &str) -> Option<&'a str> {
        let cached = || self.cache.value(address, name).filter(|_| CACHED.contains(&name));
        let own = cached().or_else(|| self.config.value(address, name));
        own.or_else(|| {
            let domain = address.rfind('@').and_then(|at| address.get(at..)).filter(|_| self.catches_all())?;
            self.config.value(domain, name).or_else(|| self.config.value("@", name))
        })
    }

    fn catches_all(&self) -> bool {
        let value = self.config.value(PROGRAM, "allow_catch_all_accounts").unwrap_or_default();
        ["1", "yes", "true", "on"].iter().any(|yes| value.eq_ignore_ascii_case(yes))
    }
}

/// The first segment of a token endpoint's path.
fn tenant_of(token_url: &str) -> Option<String> {
    let url = Url::parse(token_url).ok()?;
    url.path_segments()?.next().filter(|tenant| !tenant.is_empty()).map(str::to_lowercase)
}

/// The numbers of iterations that the program itself would try: the written one first.
fn iterations(written: Option<&str>) -> std::result::Result<Vec<NonZeroU32>, Unfit> {
    let first = match written {
        None => OLD_ITERATIONS,
        Some(text) => {
            let number = text.parse().ok().filter(|number: &NonZeroU32| number.get() <= MOST_ITERATIONS);
            number.ok_or(Unfit::Refused("token_iterations"))?
        }
    };
    let mut all = vec![first];
    all.extend([ITERATIONS, OLD_ITERATIONS].into_iter().filter(|other| *other != first));
    Ok(all)
}
