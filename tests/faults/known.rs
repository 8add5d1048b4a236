//! What a store must hold: everything that was acknowledged, and at most what was under way besides.

use intail_office365_fault_tests::{KEY, Look, NEW_KEY};
use std::collections::{BTreeMap, BTreeSet};

/// What was acknowledged so far.
#[derive(Clone, Debug)]
pub(crate) struct Known {
    /// The key that opens the store.
    pub(crate) key: u8,
    accounts: BTreeMap<String, String>,
    /// Marks that a newer one has replaced. One that comes back is an acknowledged write that was lost.
    older: BTreeSet<String>,
}

/// What may have happened without having been acknowledged.
pub(crate) type Changes = [&'static str];

pub(crate) const NOTHING: &Changes = &[];
pub(crate) const EVERYTHING: &Changes = &["login", "refresh", "disconnect", "change-key"];

/// Acknowledged by a host that did not wait for the truth, so that nobody knows the token.
const UNKNOWN: &str = "?";

impl Known {
    pub(crate) fn of(look: &Look) -> Self {
        Self { key: KEY, accounts: look.accounts.clone(), older: BTreeSet::new() }
    }

    /// Takes what a host said.
    pub(crate) fn hear<'a>(&mut self, lines: impl IntoIterator<Item = &'a str>) {
        for line in lines {
            match line.split(' ').collect::<Vec<_>>()[..] {
                ["ACK", "login" | "refresh", user, mark] => {
                    let old = self.accounts.insert(user.to_owned(), mark.to_owned());
                    self.older.extend(old.filter(|old| old != mark));
                }
                ["ACK", "change-key"] => self.key = NEW_KEY,
                ["ACK", "disconnect", user, _] => self.older.extend(self.accounts.remove(user)),
                _ => {}
            }
        }
    }

    /// Looks with the key that must open the store. Where a change of key was under way the other one may be the right one; where it
    /// was acknowledged the old one must be refused.
    pub(crate) fn look_and_judge(&mut self, look: impl Fn(u8) -> Result<Look, String>, may: &Changes) -> Vec<String> {
        let mut seen = look(self.key);
        if may.contains(&"change-key") {
            if self.key == NEW_KEY && !is_wrong_key(&look(KEY)) {
                return vec!["the old key still opens the store".to_owned()];
            }
            if self.key == KEY && is_wrong_key(&seen) {
                self.key = NEW_KEY;
                seen = look(NEW_KEY);
            }
        }
        match seen {
            Ok(seen) => self.judge(&seen, may),
            Err(said) => vec![format!("does not open: {said}")],
        }
    }

    /// What contradicts it; then believes what was seen.
    pub(crate) fn judge(&mut self, seen: &Look, may: &Changes) -> Vec<String> {
        let may = |change: &str| may.contains(&change);
        let users: BTreeSet<&String> = self.accounts.keys().chain(seen.accounts.keys()).collect();
        let mut findings = Vec::new();
        for user in users {
            let (known, found) = (self.accounts.get(user), seen.accounts.get(user));
            let fine = match (known, found) {
                (None, None) => true,
                (Some(known), Some(found)) if known == found => true,
                (_, Some(found)) if found.starts_with('!') || self.older.contains(found) => false,
                (Some(known), Some(_)) => known == UNKNOWN || may("refresh") || may("login"),
                (None, Some(_)) => may("login"),
                (Some(_), None) => may("disconnect"),
            };
            if !fine {
                findings.push(format!("{user}: {known:?} became {found:?}"));
            }
        }
        if seen.damaged > 0 {
            findings.push(format!("{} damaged rows", seen.damaged));
        }
        let gone =
            self.accounts.iter().filter(|(user, mark)| seen.accounts.get(*user) != Some(*mark)).map(|(_, mark)| mark.clone());
        self.older.extend(gone.collect::<Vec<_>>());
        self.accounts.clone_from(&seen.accounts);
        findings
    }

    /// Every token that was ever seen.
    pub(crate) fn marks(&self) -> impl Iterator<Item = &String> {
        self.accounts.values().chain(&self.older).filter(|mark| mark.len() > UNKNOWN.len())
    }
}

fn is_wrong_key(seen: &Result<Look, String>) -> bool {
    seen.as_ref().is_err_and(|said| said.contains("StoreWrongKey"))
}

#[test]
fn a_loss_is_told_from_what_was_under_way() {
    let look = |accounts: &[(&str, &str)]| Look {
        accounts: accounts.iter().map(|(user, mark)| ((*user).to_owned(), (*mark).to_owned())).collect(),
        damaged: 0,
    };
    let known = || {
        let mut known = Known::of(&look(&[("a", "1"), ("b", "2")]));
        known.hear(["ACK refresh a 3", "HANDED refresh b 4", "ACK disconnect b true", "ACK login c 5"]);
        known
    };
    for (seen, may, fine) in [
        (&[("a", "3"), ("c", "5")][..], NOTHING, true),
        (&[("a", "1"), ("c", "5")], EVERYTHING, false),
        (&[("a", "9"), ("c", "5")], &["refresh"], true),
        (&[("a", "9"), ("c", "5")], NOTHING, false),
        (&[("a", "!StorageDamaged/StoreTampered"), ("c", "5")], EVERYTHING, false),
        (&[("c", "5")], &["login"], false),
        (&[("c", "5")], &["disconnect"], true),
        (&[("a", "3"), ("b", "2"), ("c", "5")], EVERYTHING, false),
        (&[("a", "3"), ("b", "6"), ("c", "5")], &["login"], true),
        (&[("a", "3"), ("b", "6"), ("c", "5")], &["refresh"], false),
    ] {
        assert_eq!(known().judge(&look(seen), may).is_empty(), fine, "{seen:?} {may:?}");
    }
    assert!(!known().judge(&Look { damaged: 1, ..look(&[("a", "3"), ("c", "5")]) }, EVERYTHING).is_empty());
}

#[test]
fn an_old_key_that_still_opens_is_told() {
    let opens_with =
        |right: u8| move |key: u8| if key == right { Ok(Look::default()) } else { Err("KeyRejected/StoreWrongKey".into()) };
    let change = &["change-key"][..];
    for (acknowledged, right, may, fine) in [
        (false, KEY, change, true),
        (false, NEW_KEY, change, true),
        (false, NEW_KEY, NOTHING, false),
        (true, NEW_KEY, change, true),
        (true, KEY, change, false),
    ] {
        let mut known = Known::of(&Look::default());
        known.hear(acknowledged.then_some("ACK change-key"));
        assert_eq!(known.look_and_judge(opens_with(right), may).is_empty(), fine, "{acknowledged} {right}");
    }
}
