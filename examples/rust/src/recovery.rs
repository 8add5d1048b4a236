//! A store that does not open: look at it, save what can be saved, throw it away.

use crate::counted;
use intail_office365::{Config, Error, KeyProvider, Office365, Remedy, Result};
use std::sync::Arc;

/// Ends with the error that stands in the way, if one does.
pub(crate) fn inspect(config: &Config, keys: Arc<dyn KeyProvider>) -> Result<()> {
    let found = Office365::inspect(config, keys);
    println!("{}", config.store_path);
    if let Some(format) = found.format {
        println!("  format     {format}");
    }
    println!("  readable   {}", counted(found.accounts));
    if found.damaged_accounts > 0 {
        println!("  damaged    {} {}", counted(found.damaged_accounts), found.damaged_account_ids.join(" "));
    }
    if found.key_rotation_pending {
        println!("  key        a rotation was begun and not finished: office365 rotate-key");
    }
    for path in &found.set_aside {
        println!("  set aside  {path}");
    }
    let remedy = match found.remedy {
        Remedy::Nothing => "nothing has to be done",
        Remedy::FollowError => "what is said below",
        Remedy::Recover => "office365 recover",
        Remedy::Discard => "office365 discard everything; then connect every account again",
    };
    println!("  remedy     {remedy}");
    found.error.map_or(Ok(()), Err::<(), Error>)
}

pub(crate) fn recover(config: &Config, keys: Arc<dyn KeyProvider>) -> Result<()> {
    let recovery = Office365::recover(config, keys)?;
    let Some(set_aside) = recovery.set_aside else {
        println!("Nothing is damaged, and nothing was changed.");
        return Ok(());
    };
    let saved = u32::try_from(recovery.accounts.len()).unwrap_or(u32::MAX);
    println!("Saved: {}. Lost: {}.", counted(saved), recovery.damaged_accounts);
    for id in recovery.damaged_account_ids {
        println!("  lost  {id}");
    }
    println!("The damaged store lies at {set_aside} until an account is disconnected.");
    Ok(())
}

pub(crate) fn discard(config: &Config) -> Result<()> {
    let discarded = Office365::discard_store(config)?;
    for path in &discarded.removed {
        println!("removed  {path}");
    }
    if discarded.removed.is_empty() {
        println!("There was nothing.");
    }
    Ok(())
}
