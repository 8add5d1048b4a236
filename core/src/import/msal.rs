//! The token cache of the `msal` family: the schema that all of them share, as `msal` for Python 1.39 writes it.
//!
//! A JSON object of sections, each an object of entries under keys that say nothing more than the entries do:
//!
//! ```text
//! "RefreshToken": { key: { "secret", "home_account_id": "uid.utid", "environment": host, "client_id", "last_modification_time", … } }
//! "Account":      { key: { "home_account_id", "environment", "realm": tenant, "local_account_id": oid there, "username", … } }
//! "AccessToken":  { key: { "home_account_id" or null for an application's own, … } }
//! ```
//!
//! `msal-extensions` writes the same text to its file. With encryption it leaves an empty file behind (the text is in libsecret or the
//! Keychain), or a blob of Windows' DPAPI. A refresh token is good for all tenants, so an account has one, or one for each set of
//! scopes; the newest counts.

use super::{
    Found, LeftReason,
    candidate::{Candidate, Issuer, Token, Who},
};
use crate::{
    display::displayable,
    error::{Detail, Result},
    guid::is_guid,
    secret::Secret,
};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

/// What every blob of Windows' data protection begins with: version 1 and the GUID of its provider.
const DPAPI: &[u8] = &[1, 0, 0, 0, 0xd0, 0x8c, 0x9d, 0xdf, 1, 0x15, 0xd1, 0x11, 0x8c, 0x7a, 0, 0xc0, 0x4f, 0xc2, 0x97, 0xeb];
const SECTIONS: [&str; 5] = ["RefreshToken", "Account", "AccessToken", "IdToken", "AppMetadata"];

/// As a text, so that one damaged entry does not cost the others, and nothing is copied that is not needed.
type Raw<'a> = BTreeMap<String, &'a RawValue>;

#[derive(Deserialize)]
struct RefreshToken {
    secret: HiddenText,
    home_account_id: Option<String>,
    environment: Option<String>,
    client_id: Option<String>,
    last_modification_time: Option<Seconds>,
}

#[derive(Deserialize)]
struct Account {
    home_account_id: Option<String>,
    environment: Option<String>,
    realm: Option<String>,
    local_account_id: Option<String>,
    username: Option<String>,
}

#[derive(Deserialize)]
struct AccessToken {
    home_account_id: Option<String>,
    client_id: Option<String>,
}

/// Host, home account id, registration: what one account is told from another by.
type Key = (String, String, String);

/// The entries of the accounts, by host and home account id. A file may hold a hundred thousand.
struct Accounts(BTreeMap<(String, String), Vec<Account>>);

impl Accounts {
    /// Of one account as many as it can have tenants that matter.
    const MOST_ENTRIES: usize = 256;

    fn of(entries: impl Iterator<Item = Account>) -> Self {
        let mut by_name = BTreeMap::<_, Vec<Account>>::new();
        for entry in entries {
            let name = (lower(entry.environment.as_deref()), lower(entry.home_account_id.as_deref()));
            let same = by_name.entry(name).or_default();
            if same.len() < Self::MOST_ENTRIES {
                same.push(entry);
            }
        }
        Self(by_name)
    }

    fn named(&self, host: &str, home: &str) -> impl Iterator<Item = &Account> {
        self.0.get(&(host.to_owned(), home.to_owned())).into_iter().flatten()
    }
}

/// What is in the text of a cache.
pub(super) fn read(bytes: &[u8]) -> Result<Found> {
    if bytes.is_empty() {
        return Err(Detail::ImportEncrypted.about("key store"));
    }
    if bytes.starts_with(DPAPI) {
        return Err(Detail::ImportEncrypted.about("DPAPI"));
    }
    let damaged = || Detail::ImportFormat.about("JSON");
    let text = std::str::from_utf8(bytes).map_err(|_| damaged())?;
    // The parser's own words quote what they stumble over.
    let top: Raw<'_> = serde_json::from_str(text).map_err(|_| damaged())?;
    if top.contains_key("access_token") {
        // `O365` before version 2.1, which reads it no more itself: it names no registration.
        return Err(Detail::ImportFormat.about("old token"));
    }
    if !top.is_empty() && !SECTIONS.iter().any(|name| top.contains_key(*name)) {
        return Err(Detail::ImportFormat.about("sections"));
    }
    let section = |name: &str| -> Result<Raw<'_>> {
        top.get(name).map_or_else(|| Ok(Raw::new()), |raw| serde_json::from_str(raw.get()).map_err(|_| damaged()))
    };
    let accounts = Accounts::of(parsed(&section("Account")?).flatten());
    let mut found = Found::default();
    let newest = newest(&section("RefreshToken")?, &accounts, &mut found);
    leave_accounts_without_token(&accounts, &newest, &mut found);
    leave_applications(&section("AccessToken")?, &mut found);
    for ((host, home, client_id), (_, token)) in newest {
        let username = username(&accounts, &host, &home);
        match identities(&accounts, &host, &home) {
            Some(known) => found.candidates.push(Candidate {
                username,
                client_id,
                issuer: Issuer::Host(host),
                who: Who::Known(known),
                token: Token::Plain(token),
            }),
            None => found.leave(username, LeftReason::NotAPerson),
        }
    }
    Ok(found)
}

/// The entries of a section; `None` for one that is damaged.
fn parsed<'a, T: Deserialize<'a>>(section: &Raw<'a>) -> impl Iterator<Item = Option<T>> {
    section.values().map(|raw| serde_json::from_str(raw.get()).ok())
}

/// One refresh token for each account and registration.
fn newest(section: &Raw<'_>, accounts: &Accounts, found: &mut Found) -> BTreeMap<Key, (i64, Secret)> {
    let mut newest: BTreeMap<Key, (i64, Secret)> = BTreeMap::new();
    for entry in parsed::<RefreshToken>(section) {
        let Some(RefreshToken { secret: HiddenText(secret), home_account_id, environment, client_id, last_modification_time }) =
            entry
        else {
            found.refuse(None, Detail::ImportFormat.about("RefreshToken"));
            continue;
        };
        let (Some(home), Some(host), Some(client_id)) = (home_account_id, environment, client_id) else {
            found.leave(None, LeftReason::NotAPerson);
            continue;
        };
        let (host, home) = (host.to_lowercase(), home.to_lowercase());
        if secret.expose().is_empty() {
            found.leave(username(accounts, &host, &home), LeftReason::NoRefreshToken);
            continue;
        }
        let at = last_modification_time.map_or(0, |seconds| seconds.0);
        let key = (host, home, client_id.to_lowercase());
        if newest.get(&key).is_none_or(|(known, _)| *known <= at) {
            newest.insert(key, (at, secret));
        }
    }
    newest
}

fn leave_accounts_without_token(accounts: &Accounts, newest: &BTreeMap<Key, (i64, Secret)>, found: &mut Found) {
    let with_token: BTreeSet<(&str, &str)> = newest.keys().map(|(host, home, _)| (host.as_str(), home.as_str())).collect();
    for ((host, home), entries) in &accounts.0 {
        if !with_token.contains(&(host.as_str(), home.as_str())) {
            found.leave(entries.first().and_then(|entry| entry.username.as_deref().and_then(shown)), LeftReason::NoRefreshToken);
        }
    }
}

/// Tokens of an application itself belong to no account. One line for each registration.
fn leave_applications(section: &Raw<'_>, found: &mut Found) {
    let tokens = parsed::<AccessToken>(section).flatten();
    let own = tokens.filter(|token| token.home_account_id.as_deref().is_none_or(str::is_empty));
    let clients: BTreeSet<Option<String>> = own.map(|token| token.client_id).collect();
    for _ in clients {
        found.leave(None, LeftReason::NotAPerson);
    }
}

/// Tenant and object id at home, then those of every other tenant in which the account was used. `None` where the home account id is
/// not Microsoft's `object.tenant`.
fn identities(accounts: &Accounts, host: &str, home: &str) -> Option<Vec<(String, String)>> {
    let (oid, tid) = home.split_once('.').filter(|(oid, tid)| is_guid(oid) && is_guid(tid))?;
    let mut known = vec![(tid.to_owned(), oid.to_owned())];
    for account in accounts.named(host, home) {
        let elsewhere = (lower(account.realm.as_deref()), lower(account.local_account_id.as_deref()));
        if is_guid(&elsewhere.0) && is_guid(&elsewhere.1) && elsewhere.0 != tid {
            known.push(elsewhere);
        }
    }
    Some(known)
}

fn username(accounts: &Accounts, host: &str, home: &str) -> Option<String> {
    accounts.named(host, home).find_map(|account| account.username.as_deref().and_then(shown))
}

fn lower(text: Option<&str>) -> String {
    text.unwrap_or_default().to_lowercase()
}

fn shown(name: &str) -> Option<String> {
    Some(displayable(name)).filter(|name| !name.is_empty())
}

/// Taken where it lies in the file, without a copy of its own.
struct HiddenText(Secret);

impl<'de> Deserialize<'de> for HiddenText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = HiddenText;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text")
            }

            fn visit_str<E>(self, text: &str) -> std::result::Result<HiddenText, E> {
                Ok(HiddenText(Secret::new(text)))
            }
        }
        deserializer.deserialize_str(Visitor)
    }
}

/// Seconds, which the schema writes as a text; others wrote a number.
struct Seconds(i64);

impl<'de> Deserialize<'de> for Seconds {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let raw = <&RawValue>::deserialize(deserializer)?;
        Ok(Self(raw.get().trim_matches('"').parse().unwrap_or(0)))
    }
}
