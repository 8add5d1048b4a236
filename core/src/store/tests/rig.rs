//! What the tests share: a folder of its own with one store, and people with needles for names.

use crate::{
    consent::{Scope, ScopeReport},
    oauth::id_token::VerifiedIdToken,
    secret::Secret,
    store::{AccountRecord, HostKey, NewAccount, Person, StateRecord, Store, TokenSet},
};
use std::path::PathBuf;
use tempfile::TempDir;

pub(super) const TENANT: &str = "11111111-aaaa-4bbb-8ccc-222222222222";
pub(super) const NOW: i64 = 1_800_000_000;

pub(super) struct Rig {
    pub(super) folder: TempDir,
    pub(super) key: HostKey,
}

impl Rig {
    pub(super) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), key: HostKey::new(&[7; 32]).unwrap() }
    }

    pub(super) fn path(&self) -> PathBuf {
        self.folder.path().join("store.db")
    }

    pub(super) fn beside(&self, suffix: &str) -> PathBuf {
        self.folder.path().join(format!("store.db{suffix}"))
    }

    pub(super) fn open(&self) -> Store {
        self.try_open().unwrap()
    }

    pub(super) fn try_open(&self) -> crate::error::Result<Store> {
        Store::open(&self.path(), &self.key)
    }
}

/// A setting of the test run. `DEEP` asks for every case where otherwise a sample is taken.
#[allow(clippy::disallowed_methods, reason = "a test is no host")]
pub(super) fn setting(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

pub(in crate::store) fn is_deep() -> bool {
    setting("DEEP").is_some()
}

pub(super) fn oid(number: u32) -> String {
    format!("00000000-0000-4000-8000-{number:012}")
}

pub(super) fn tokens(mark: &str) -> TokenSet {
    TokenSet {
        access_token: Secret::new(&format!("access-needle-{mark}-{}", "x".repeat(1800))),
        refresh_token: Some(Secret::new(&format!("refresh-needle-{mark}-{}", "y".repeat(1200)))),
        obtained_at: NOW,
        refresh_at: Some(NOW + 1800),
        expires_at: NOW + 3600,
    }
}

pub(super) fn state() -> StateRecord {
    StateRecord { state: 1, detail: "detail-needle".into(), service_code: None, claims: None, since: NOW, checked_at: NOW }
}

pub(super) fn scopes() -> ScopeReport {
    ScopeReport { granted: vec![Scope::UserRead], missing: Vec::new(), excess: vec!["Excess.Needle".into()] }
}

pub(super) fn person(number: u32) -> Person {
    Person {
        display_name: Some(format!("Name Needle {number}")),
        username: Some(format!("upn-needle-{number}@example.test")),
        mail: Some(format!("mail-needle-{number}@example.test")),
    }
}

pub(super) fn connect(store: &Store, number: u32) -> AccountRecord {
    try_connect(store, number).unwrap()
}

pub(super) fn try_connect(store: &Store, number: u32) -> crate::error::Result<AccountRecord> {
    try_connect_as(store, number, person(number))
}

pub(super) fn try_connect_as(store: &Store, number: u32, person: Person) -> crate::error::Result<AccountRecord> {
    let id_token = VerifiedIdToken::for_tests(TENANT, &oid(number), None, None);
    store.connect_account(&NewAccount {
        id_token: &id_token,
        person,
        scopes: scopes(),
        tokens: tokens(&number.to_string()),
        state: state(),
        now: NOW,
    })
}

pub(super) fn access(record: &AccountRecord) -> String {
    record.tokens.as_ref().unwrap().access_token.expose().to_owned()
}
