//! People bring their accounts along from an older program.

use crate::{ADELE, Demo, host::Outcome, tell};
use intail_office365::{ImportSource, Language, LeftReason};
use std::fs;

const MEGAN: &str = "megan@northwind.example";
const NILS: &str = "nils@northwind.example";
/// The registration of some other program.
const ANOTHER_APP: &str = "99999999-0000-4aaa-9bbb-666666666666";

impl Demo<'_> {
    pub(crate) fn import(&self) -> Outcome<()> {
        self.step("An older program built on msal is replaced: its accounts come along");
        let path = self.host.folder.join("msal_cache.json");
        fs::write(&path, self.cache_of_the_older_program())?;
        let before = fs::read(&path)?;
        let office = self.host.open(None)?;
        let report = office.import_accounts(&ImportSource::msal(&path.to_string_lossy()))?;
        for account in &report.imported {
            office.account(&account.account_id)?.acquire_token_silent()?;
            tell(&format!(
                "Imported: {}, and there is a token; nobody had to sign in.",
                account.username.as_deref().unwrap_or_default()
            ));
        }
        for account in &report.refused {
            let (why, step) = (account.error.message(Language::English), account.error.next_step(Language::English));
            tell(&format!("Refused: {}. {why} {step}", account.username.as_deref().unwrap_or_default()));
        }
        for account in &report.left {
            let why = match account.reason {
                LeftReason::AlreadyConnected => "is connected here already".to_owned(),
                other => format!("{other:?}"),
            };
            tell(&format!("Left: {}, {why}.", account.username.as_deref().unwrap_or_default()));
        }
        let unchanged = if fs::read(&path)? == before { "unchanged" } else { "CHANGED" };
        tell(&format!("The older program's file is {unchanged}. {} accounts are in the store.", office.accounts()?.len()));
        office.close();
        Ok(())
    }

    /// As msal for Python writes it. Nils signed in to another app that shares the cache.
    fn cache_of_the_older_program(&self) -> String {
        let control = self.sandbox.control();
        let mut cache = control.msal_cache(&[MEGAN, ADELE]);
        let mut of_nils = control.msal_cache(&[NILS]);
        for section in ["Account", "RefreshToken"] {
            let (Some(all), Some(more)) = (cache.get_mut(section), of_nils.get_mut(section)) else { continue };
            let (Some(all), Some(more)) = (all.as_object_mut(), more.as_object_mut()) else { continue };
            for (name, mut entry) in std::mem::take(more) {
                if let Some(client) = entry.get_mut("client_id") {
                    *client = ANOTHER_APP.into();
                }
                all.insert(name, entry);
            }
        }
        cache.to_string()
    }
}
