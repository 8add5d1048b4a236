//! What protects the store, and what does not.

use crate::language::Language;

/// Where the key that wraps the store's key lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum KeyProviderKind {
    /// A provider of the host's own ([`KeyProvider`](crate::KeyProvider)), for instance a hardware key.
    Host = 0,
    /// 32 bytes that the host holds ([`HostKey`](crate::HostKey)).
    HostKey = 1,
    /// A file that only its owner can read ([`KeyFile`](crate::KeyFile)).
    KeyFile = 2,
    /// A passphrase that a person knows.
    Passphrase = 3,
    /// The key store of the operating system.
    OsKeyStore = 4,
}

impl KeyProviderKind {
    /// Whether the provider makes and forgets its keys itself, so that an older copy of the store can be made useless.
    pub fn owns_its_keys(self) -> bool {
        matches!(self, Self::KeyFile | Self::OsKeyStore)
    }
}

/// What protects the store now. An app can show it in its settings; support wants it beside an error.
///
/// Whatever it is: everything about a person is sealed before it reaches the disk, and nothing protects from somebody who is
/// administrator of the machine, or who runs programs as the same user while the app runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Protection {
    /// Where the key lies.
    pub provider: KeyProviderKind,
    /// Whether an older copy of the store, by itself, becomes useless when an account is disconnected or the key is changed. Together
    /// with the present store and its key it opens until [`rotate_store_key`](crate::Office365::rotate_store_key). Where not, such a
    /// copy opens with the same key, until Microsoft refuses its old tokens.
    pub older_copies_become_useless: bool,
}

impl Protection {
    pub(crate) fn by(provider: KeyProviderKind) -> Self {
        Self { provider, older_copies_become_useless: provider.owns_its_keys() }
    }

    /// What protects the store, in a sentence for the person.
    pub fn protects(&self, language: Language) -> &'static str {
        let (english, german) = match self.provider {
            KeyProviderKind::Host => (
                "The saved sign-ins are sealed with a key that the app protects in its own way.",
                "Die gespeicherten Anmeldungen sind mit einem Schlüssel versiegelt, den die App auf ihre eigene Weise schützt.",
            ),
            KeyProviderKind::HostKey => (
                "The saved sign-ins are sealed with a key that the app keeps. A copy of the file alone is useless to others.",
                "Die gespeicherten Anmeldungen sind mit einem Schlüssel versiegelt, den die App aufbewahrt. Eine Kopie der Datei allein nützt anderen nichts.",
            ),
            KeyProviderKind::KeyFile => (
                "The saved sign-ins are sealed with a key in a file that only your user account can read. A copy without the key file is useless to others.",
                "Die gespeicherten Anmeldungen sind mit einem Schlüssel versiegelt, der in einer nur für Ihr Benutzerkonto lesbaren Datei liegt. Eine Kopie ohne die Schlüsseldatei nützt anderen nichts.",
            ),
            KeyProviderKind::Passphrase => (
                "The saved sign-ins are sealed with your passphrase. Without it nobody can open them, not even with all your files.",
                "Die gespeicherten Anmeldungen sind mit Ihrer Passphrase versiegelt. Ohne sie kann niemand sie öffnen, auch nicht mit all Ihren Dateien.",
            ),
            KeyProviderKind::OsKeyStore => (
                "The saved sign-ins are sealed with a key in the key store of this system. A copy of the file is useless without it.",
                "Die gespeicherten Anmeldungen sind mit einem Schlüssel im Schlüsselspeicher dieses Systems versiegelt. Eine Kopie der Datei nützt ohne ihn nichts.",
            ),
        };
        language.pick(english, german)
    }

    /// What it does not protect from, as plainly.
    pub fn does_not_protect(&self, language: Language) -> &'static str {
        let (english, german) = match self.provider {
            KeyProviderKind::Host => (
                "It does not protect from whoever can use the app's key, or from programs that run under your user account while the app runs. An older copy of the file opens with the same key.",
                "Das schützt nicht vor dem, der den Schlüssel der App benutzen kann, und nicht vor Programmen, die unter Ihrem Benutzerkonto laufen, während die App läuft. Eine ältere Kopie der Datei öffnet sich mit demselben Schlüssel.",
            ),
            KeyProviderKind::HostKey => (
                "It does not protect from whoever gets the app's key, or from programs that run under your user account while the app runs. An older copy of the file opens with the same key.",
                "Das schützt nicht vor dem, der den Schlüssel der App bekommt, und nicht vor Programmen, die unter Ihrem Benutzerkonto laufen, während die App läuft. Eine ältere Kopie der Datei öffnet sich mit demselben Schlüssel.",
            ),
            KeyProviderKind::KeyFile => (
                "It does not protect from whoever can read all your files: other programs under your user account, an administrator, a stolen disk that is not encrypted, a backup that holds both files.",
                "Das schützt nicht vor dem, der all Ihre Dateien lesen kann: andere Programme unter Ihrem Benutzerkonto, eine Administration, eine gestohlene unverschlüsselte Festplatte, eine Sicherung mit beiden Dateien.",
            ),
            KeyProviderKind::Passphrase => (
                "It does not protect from a passphrase that can be guessed, or from programs that run under your user account while the app runs. An older copy of the file opens with the same passphrase. If you forget it, you have to sign in again.",
                "Das schützt nicht, wenn die Passphrase erraten werden kann, und nicht vor Programmen, die unter Ihrem Benutzerkonto laufen, während die App läuft. Eine ältere Kopie der Datei öffnet sich mit derselben Passphrase. Wenn Sie sie vergessen, müssen Sie sich neu anmelden.",
            ),
            KeyProviderKind::OsKeyStore => (
                "It does not protect from programs that run under your user account while the key store is unlocked (on most systems as long as you are signed in), or from an administrator. If the key store is lost, you have to sign in again.",
                "Das schützt nicht vor Programmen, die unter Ihrem Benutzerkonto laufen, während der Schlüsselspeicher entsperrt ist (meist solange Sie angemeldet sind), und nicht vor einer Administration. Geht der Schlüsselspeicher verloren, müssen Sie sich neu anmelden.",
            ),
        };
        language.pick(english, german)
    }
}

/// What a rotation of the store's key did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRotation {
    /// Accounts that were sealed anew.
    pub accounts: u32,
    /// Accounts whose rows did not open. Nothing readable is left of them; their persons have to connect again.
    pub damaged: u32,
    /// Whether the old state is gone from the files too. `false` while another process reads the store: the rest follows at the next
    /// open or close.
    pub erased: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    const KINDS: [KeyProviderKind; 5] = [
        KeyProviderKind::Host,
        KeyProviderKind::HostKey,
        KeyProviderKind::KeyFile,
        KeyProviderKind::Passphrase,
        KeyProviderKind::OsKeyStore,
    ];

    #[test]
    fn every_provider_says_in_both_languages_what_it_does_and_does_not() {
        let mut texts = HashSet::new();
        for protection in KINDS.map(Protection::by) {
            for language in [Language::English, Language::German] {
                let does_not = protection.does_not_protect(language);
                assert!(texts.insert(protection.protects(language)) && texts.insert(does_not), "{protection:?}");
                let names_older_copies = does_not.contains("older copy") || does_not.contains("ältere Kopie");
                assert_eq!(names_older_copies, !protection.older_copies_become_useless, "{protection:?}");
            }
        }
    }
}
