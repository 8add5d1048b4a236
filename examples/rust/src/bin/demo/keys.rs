//! The key of the store changes while an account goes on to get tokens.

use crate::{
    Demo,
    host::{Key, Outcome},
    tell,
};
use intail_office365::{Language, Office365};
use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

/// The most tokens that are asked for meanwhile; a handful is what it takes.
const MOST_TOKENS: usize = 500;

impl Demo<'_> {
    pub(crate) fn change_of_key(&self, id: &str) -> Outcome<()> {
        self.step("The key moves from a file to a passphrase, while the app goes on");
        let office = self.host.open(None)?;
        tell_protection("Before:", &office);
        let (account, done, clock) = (office.account(id)?, AtomicBool::new(false), self.clocks());
        let (new_tokens, failures, rotation) = thread::scope(|scope| -> Outcome<_> {
            // Every one of these tokens is asked for at the service, and stored.
            let going_on = scope.spawn(|| {
                let (mut new_tokens, mut failures) = (0_usize, 0_usize);
                while new_tokens + failures < MOST_TOKENS && !done.load(Ordering::Relaxed) {
                    let kept =
                        clock.let_tokens_expire().is_ok() && account.acquire_token_silent().is_ok_and(|token| token.is_persisted());
                    *(if kept { &mut new_tokens } else { &mut failures }) += 1;
                }
                (new_tokens, failures)
            });
            let changed = Key::Passphrase.provider(&self.host.folder).and_then(|keys| office.change_key(keys));
            let rotated = changed.and_then(|()| office.rotate_store_key());
            done.store(true, Ordering::Relaxed);
            let (new_tokens, failures) = going_on.join().map_err(|_| "the thread that asks for tokens ended")?;
            Ok((new_tokens, failures, rotated?))
        })?;
        self.host.key.set(Key::Passphrase);
        tell_protection("Now:", &office);
        tell(&format!("All {} accounts were sealed anew, so that nothing can be read with an old key.", rotation.accounts));
        tell(&format!("Meanwhile Adele's account got {new_tokens} new tokens from the service. Failures: {failures}."));
        office.close();
        Ok(())
    }

    pub(crate) fn old_key(&self, id: &str) -> Outcome<()> {
        self.step("The old key no longer opens the store");
        match self.host.open_with(Key::File, None) {
            Err(error) => {
                tell(&format!("With the key file: {:?}, {}.", error.kind(), error.detail()));
                tell(&format!("The app says: {} {}", error.message(Language::English), error.next_step(Language::English)));
            }
            Ok(_) => return Err("the old key still opens the store".into()),
        }
        let office = self.host.open(None)?;
        office.account(id)?.acquire_token_silent()?;
        tell("With the passphrase it opens, and Adele's account is there.");
        office.close();
        Ok(())
    }
}

fn tell_protection(when: &str, office: &Office365) {
    let protection = office.protection();
    tell(&format!("{when} {}", protection.protects(Language::English)));
    tell(&format!("But: {}", protection.does_not_protect(Language::English)));
}
