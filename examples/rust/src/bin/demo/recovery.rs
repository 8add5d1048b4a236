//! A store is damaged, and mended.

use crate::{Demo, host::Outcome, tell};
use intail_office365::{Language, Office365, Remedy};
use std::{fs::OpenOptions, io::Write};

/// SQLite's header, without which the file is no database.
const HEADER: usize = 100;

impl Demo<'_> {
    pub(crate) fn damage(&self) -> Outcome<()> {
        self.step("A bad sector: the store is damaged");
        let (config, keys) = (self.host.config(), self.host.key.get().provider(&self.host.folder)?);
        OpenOptions::new().write(true).open(&config.store_path)?.write_all(&[0; HEADER])?;
        let Err(error) = self.host.open(None) else { return Err("a damaged store opens".into()) };
        tell(&format!("The app says: {} {}", error.message(Language::English), error.next_step(Language::English)));
        let found = Office365::inspect(&config, keys.clone());
        if found.remedy != Remedy::Recover {
            return Err(format!("a recovery was to be advised, not {:?}", found.remedy).into());
        }
        tell(&format!("A look at it: {} accounts are readable, {} are damaged.", found.accounts, found.damaged_accounts));
        let recovery = Office365::recover(&config, keys)?;
        let office = self.host.open(None)?;
        let working = office.accounts()?.iter().filter(|account| account.acquire_token_silent().is_ok()).count();
        tell(&format!("The person clicks Repair: {} accounts are saved, {working} of them work.", recovery.accounts.len()));
        tell("The damaged file is set aside; the next disconnect deletes it.");
        office.close();
        Ok(())
    }
}
