//! The table of causes: each with its stable name, the kind a host switches on, who must act, and what to tell a person.

use super::{Actor, ErrorKind};
use crate::language::Language;

/// What to tell the person to do, shared by the causes that ask for the same.
#[derive(Clone, Copy)]
enum Step {
    AllowWriting,
    BringKeyFile,
    ChooseFile,
    ChoosePassphrase,
    ConnectAgain,
    ConnectOrAsk,
    Discard,
    EnterPassphrase,
    MakeFolder,
    ProtectFolder,
    ProtectKeyFile,
    Recover,
    Refresh,
    RegisterDevice,
    RestoreKey,
    SetClock,
    ShowAdministrator,
    TryAgainOrAsk,
    CheckNetwork,
    CheckStorage,
    ContactSupport,
    Connect,
    EnterPassword,
    FreeSpace,
    OpenByHand,
    SignInAgain,
    TryAgain,
    TryLater,
    Unlock,
    UpdateApp,
    UseOtherAccount,
    UseOtherKey,
}

impl Step {
    #[expect(clippy::too_many_lines, reason = "a table")]
    fn text(self, language: Language) -> &'static str {
        let (english, german) = match self {
            Self::TryAgainOrAsk => (
                "Try again. If the page asked for approval, send the message to your administrator; if it showed a number that begins with AADSTS, note it.",
                "Versuchen Sie es erneut. Verlangte die Seite eine Genehmigung, senden Sie die Nachricht an Ihre Administration; zeigte sie eine Nummer, die mit AADSTS beginnt, notieren Sie diese.",
            ),
            Self::AllowWriting => (
                "Let the app write to its data folder, then try again.",
                "Erlauben Sie der App, in ihren Datenordner zu schreiben, und versuchen Sie es erneut.",
            ),
            Self::ConnectAgain => ("Connect the account again.", "Verbinden Sie das Konto erneut."),
            Self::Discard => (
                "Let the app delete the saved sign-ins, then connect the accounts again.",
                "Lassen Sie die App die gespeicherten Anmeldungen löschen und verbinden Sie die Konten erneut.",
            ),
            Self::MakeFolder => {
                ("Make the folder, or choose another one.", "Legen Sie den Ordner an oder wählen Sie einen anderen.")
            }
            Self::ProtectFolder => (
                "Put the app's data into an ordinary folder that nobody else can write to (on Unix: chmod 700).",
                "Legen Sie die Daten der App in einen gewöhnlichen Ordner, in den niemand sonst schreiben kann (unter Unix: chmod 700).",
            ),
            Self::Recover => (
                "Let the app save what can still be read; accounts that are missing then have to be connected again.",
                "Lassen Sie die App retten, was noch lesbar ist; Konten, die danach fehlen, müssen erneut verbunden werden.",
            ),
            Self::SetClock => (
                "Let this device set its time by itself, then try again.",
                "Lassen Sie dieses Gerät die Uhrzeit automatisch einstellen und versuchen Sie es erneut.",
            ),
            Self::RegisterDevice => (
                "Register or enrol this device as your organisation asks, then connect again; your administrator can help.",
                "Registrieren Sie dieses Gerät, wie Ihre Organisation es verlangt, und verbinden Sie sich erneut; Ihre Administration kann helfen.",
            ),
            Self::Refresh => ("Refresh the list.", "Aktualisieren Sie die Liste."),
            Self::RestoreKey => (
                "Restore the key from a backup. If it is lost, let the app delete the saved sign-ins, then connect the accounts again.",
                "Stellen Sie den Schlüssel aus einer Sicherung wieder her. Ist er verloren, lassen Sie die App die gespeicherten Anmeldungen löschen und verbinden Sie die Konten erneut.",
            ),
            Self::ConnectOrAsk => (
                "Connect again and accept. If Microsoft asks for an administrator's approval, send the message to your administrator.",
                "Verbinden Sie sich erneut und akzeptieren Sie. Verlangt Microsoft eine Freigabe, senden Sie die Nachricht an Ihre Administration.",
            ),
            Self::ShowAdministrator => {
                ("Ask your administrator, and mention the code.", "Fragen Sie Ihre Administration und nennen Sie den Code.")
            }
            Self::ProtectKeyFile => (
                "Make the key file readable for this user alone, or restore it from a backup.",
                "Machen Sie die Schlüsseldatei nur für diesen Benutzer lesbar, oder stellen Sie sie aus einer Sicherung wieder her.",
            ),
            Self::BringKeyFile => (
                "Connect the drive that holds the key file, or restore the file from a backup.",
                "Schließen Sie das Laufwerk mit der Schlüsseldatei an, oder stellen Sie die Datei aus einer Sicherung wieder her.",
            ),
            Self::ChoosePassphrase => {
                ("Choose a passphrase of 12 characters or more.", "Wählen Sie eine Passphrase mit mindestens 12 Zeichen.")
            }
            Self::EnterPassphrase => ("Enter the passphrase again.", "Geben Sie die Passphrase erneut ein."),
            Self::UseOtherKey => (
                "The app can use a key file, a passphrase or a key of its own instead. Contact its support and mention the code.",
                "Die App kann stattdessen eine Schlüsseldatei, eine Passphrase oder einen eigenen Schlüssel verwenden. Wenden Sie sich an ihren Support und nennen Sie den Code.",
            ),
            Self::CheckNetwork => {
                ("Check the network connection and try again.", "Prüfen Sie die Netzwerkverbindung und versuchen Sie es erneut.")
            }
            Self::CheckStorage => (
                "Close other copies of the app and check its data folder, then try again.",
                "Schließen Sie andere Kopien der App, prüfen Sie ihren Datenordner und versuchen Sie es erneut.",
            ),
            Self::ContactSupport => (
                "Contact the app's support and mention the code.",
                "Wenden Sie sich an den Support der App und nennen Sie den Code.",
            ),
            Self::ChooseFile => (
                "Choose the file in which the other app keeps its sign-ins, or connect the account.",
                "Wählen Sie die Datei, in der die andere App ihre Anmeldungen ablegt, oder verbinden Sie das Konto.",
            ),
            Self::EnterPassword => (
                "Enter the password that the other app uses for this account, or connect the account.",
                "Geben Sie das Passwort ein, das die andere App für dieses Konto verwendet, oder verbinden Sie das Konto.",
            ),
            Self::Connect => ("Connect the account.", "Verbinden Sie das Konto."),
            Self::FreeSpace => ("Free some disk space and try again.", "Geben Sie Speicherplatz frei und versuchen Sie es erneut."),
            Self::OpenByHand => (
                "Open the address that the app shows in a browser on this device.",
                "Öffnen Sie die Adresse, die die App zeigt, in einem Browser auf diesem Gerät.",
            ),
            Self::SignInAgain => ("Sign in again.", "Melden Sie sich erneut an."),
            Self::TryAgain => ("Go back to the app and try again.", "Kehren Sie zur App zurück und versuchen Sie es erneut."),
            Self::TryLater => ("Try again in a few minutes.", "Versuchen Sie es in einigen Minuten erneut."),
            Self::Unlock => (
                "Unlock the device or the key store and try again.",
                "Entsperren Sie das Gerät oder den Schlüsselspeicher und versuchen Sie es erneut.",
            ),
            Self::UpdateApp => ("Update the app.", "Aktualisieren Sie die App."),
            Self::UseOtherAccount => ("Sign in with the expected account.", "Melden Sie sich mit dem erwarteten Konto an."),
        };
        language.pick(english, german)
    }
}

macro_rules! details {
    ($($name:ident: $kind:ident, $actor:ident, $step:ident, $english:literal, $german:literal;)*) => {
        /// The exact cause of an error.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Detail { $($name),* }

        impl Detail {
            pub(crate) const ALL: &[Self] = &[$(Self::$name),*];

            pub(crate) fn name(self) -> &'static str {
                match self { $(Self::$name => stringify!($name)),* }
            }

            /// The cause of that name, as it was written down earlier.
            pub(crate) fn named(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|detail| detail.name() == name)
            }

            pub(crate) fn kind(self) -> ErrorKind {
                match self { $(Self::$name => ErrorKind::$kind),* }
            }

            pub(crate) fn who_acts(self) -> Actor {
                match self { $(Self::$name => Actor::$actor),* }
            }

            pub(crate) fn message(self, language: Language) -> &'static str {
                match self { $(Self::$name => language.pick($english, $german)),* }
            }

            pub(crate) fn next_step(self, language: Language) -> &'static str {
                match self { $(Self::$name => Step::$step.text(language)),* }
            }
        }
    };
}

details! {
    // The call
    InvalidArgument: InvalidArgument, Developer, ContactSupport, "The app asked for something that is not possible.", "Die App hat etwas Unmögliches angefordert.";
    InvalidId: InvalidArgument, Developer, ContactSupport, "The app asked for something by an id that cannot be one.", "Die App hat etwas mit einer unmöglichen Kennung angefordert.";
    QueryNotPossible: InvalidArgument, Developer, ContactSupport, "The app asked a question that the service does not answer.", "Die App hat eine Abfrage gestellt, die der Dienst nicht beantwortet.";
    ScopeNotReadOnly: InvalidArgument, Developer, ContactSupport, "The app asked for a permission beyond reading.", "Die App hat eine Berechtigung angefordert, die über das Lesen hinausgeht.";
    FlowDisabled: InvalidArgument, Developer, ContactSupport, "This way of signing in is switched off.", "Diese Art der Anmeldung ist ausgeschaltet.";
    AccountGone: NotConnected, User, Connect, "The account is not connected.", "Das Konto ist nicht verbunden.";
    Reentrant: Busy, Developer, ContactSupport, "The app called the library from inside one of its own observers.", "Die App hat die Bibliothek aus einem ihrer eigenen Beobachter aufgerufen.";
    HandleClosed: Closed, Developer, ContactSupport, "The connection to the library was closed.", "Die Verbindung zur Bibliothek wurde geschlossen.";
    Internal: Internal, Developer, ContactSupport, "Something went wrong inside the app.", "In der App ist ein Fehler aufgetreten.";
    // The sign-in
    LoginCancelled: Cancelled, User, TryAgain, "The sign-in was cancelled.", "Die Anmeldung wurde abgebrochen.";
    LoginTimeout: TimedOut, User, TryAgainOrAsk, "The sign-in in the browser was not finished in time.", "Die Anmeldung im Browser wurde nicht rechtzeitig abgeschlossen.";
    BrowserUnavailable: InvalidArgument, User, OpenByHand, "No browser could be opened.", "Es konnte kein Browser geöffnet werden.";
    ListenerFailed: Network, Nobody, TryAgain, "The app could not wait for the browser's answer.", "Die App konnte nicht auf die Antwort des Browsers warten.";
    CallbackPortUnavailable: Network, Nobody, TryAgain, "The port for the browser's answer is in use.", "Der Port für die Antwort des Browsers ist belegt.";
    CallbackStateMissing: Untrusted, User, TryAgain, "The answer of the browser carried no proof that it belongs to this sign-in.", "Die Antwort des Browsers enthielt keinen Nachweis, dass sie zu dieser Anmeldung gehört.";
    CallbackStateMismatch: Untrusted, User, TryAgain, "The answer of the browser does not belong to a sign-in of this app, or came too late.", "Die Antwort des Browsers gehört zu keiner Anmeldung dieser App oder kam zu spät.";
    CallbackReplayed: Untrusted, User, TryAgain, "This sign-in was already answered.", "Diese Anmeldung wurde bereits beantwortet.";
    CallbackAmbiguous: Untrusted, User, TryAgain, "The answer of the browser contradicts itself.", "Die Antwort des Browsers widerspricht sich.";
    CallbackIssuerMissing: Untrusted, User, TryAgain, "The answer of the browser does not say who issued it.", "Die Antwort des Browsers nennt ihren Aussteller nicht.";
    CallbackIssuerMismatch: Untrusted, User, TryAgain, "The answer of the browser was issued by somebody else.", "Die Antwort des Browsers stammt von einem anderen Aussteller.";
    SessionBindingMismatch: Untrusted, User, TryAgain, "The sign-in was started in another session.", "Die Anmeldung wurde in einer anderen Sitzung begonnen.";
    PkceUnsupported: Untrusted, Developer, ContactSupport, "The sign-in service does not offer the protection that this app needs.", "Der Anmeldedienst bietet nicht den Schutz, den diese App braucht.";
    CodeRejected: Untrusted, User, TryAgain, "The sign-in service did not accept the answer of the browser.", "Der Anmeldedienst hat die Antwort des Browsers nicht angenommen.";
    WrongAccount: WrongAccount, User, UseOtherAccount, "Another person signed in than expected.", "Es hat sich eine andere Person angemeldet als erwartet.";
    TenantNotAllowed: WrongAccount, User, UseOtherAccount, "This app does not accept accounts of that organisation.", "Diese App akzeptiert keine Konten dieser Organisation.";
    DeviceCodeExpired: TimedOut, User, TryAgainOrAsk, "The code for signing in has expired.", "Der Code für die Anmeldung ist abgelaufen.";
    // Consent and policy
    AdminConsentRequired: AdminConsentRequired, Administrator, ConnectOrAsk, "The permission was withdrawn, or your organisation has not given it yet.", "Die Berechtigung wurde entzogen, oder Ihre Organisation hat sie noch nicht erteilt.";
    ConsentDenied: ConsentDeclined, User, ConnectOrAsk, "The permissions were not accepted, or approval was requested from your administrator.", "Die Berechtigungen wurden nicht akzeptiert, oder die Freigabe wurde bei Ihrer Administration beantragt.";
    ScopeNotGranted: AdminConsentRequired, User, ConnectOrAsk, "This permission was not given.", "Diese Berechtigung wurde nicht erteilt.";
    OverPrivileged: ConsentExceedsReadOnly, Administrator, ShowAdministrator, "Your organisation has granted this app more than reading; the app refuses to use that.", "Ihre Organisation hat dieser App mehr als Lesen erlaubt; die App lehnt das ab.";
    BlockedByPolicy: AccessDenied, Administrator, ShowAdministrator, "A policy of your organisation blocks this access.", "Eine Richtlinie Ihrer Organisation verhindert diesen Zugriff.";
    DeviceNotAccepted: AccessDenied, User, RegisterDevice, "Your organisation does not accept this device as it is.", "Ihre Organisation akzeptiert dieses Gerät so nicht.";
    AppUnavailable: AccessDenied, Administrator, ShowAdministrator, "This app is not available in your organisation.", "Diese App ist in Ihrer Organisation nicht verfügbar.";
    AccessDenied: AccessDenied, Administrator, ShowAdministrator, "The service refused the access.", "Der Dienst hat den Zugriff verweigert.";
    // Tokens
    InteractionRequired: InteractionRequired, User, SignInAgain, "You have to sign in yourself, perhaps with an extra check.", "Sie müssen sich selbst anmelden, vielleicht mit einer zusätzlichen Prüfung.";
    OtherConfiguration: InteractionRequired, User, SignInAgain, "The account was connected under another configuration of the app.", "Das Konto wurde unter einer anderen Einstellung der App verbunden.";
    ReauthRequired: InteractionRequired, User, SignInAgain, "Your session has ended.", "Ihre Sitzung ist beendet.";
    PasswordExpired: InteractionRequired, User, SignInAgain, "Your password has expired.", "Ihr Passwort ist abgelaufen.";
    ConfigError: Misconfigured, Developer, ContactSupport, "The app is not registered correctly with Microsoft.", "Die App ist bei Microsoft nicht richtig registriert.";
    ProviderError: Service, Developer, ContactSupport, "The sign-in service reported an error.", "Der Anmeldedienst hat einen Fehler gemeldet.";
    TokenResponseInvalid: Service, Nobody, TryLater, "The sign-in service gave an unusable answer.", "Der Anmeldedienst hat eine unbrauchbare Antwort gegeben.";
    TokenEndpointRedirected: Untrusted, Nobody, TryLater, "The sign-in service pointed to another address, which is not followed.", "Der Anmeldedienst verwies auf eine andere Adresse; dem wird nicht gefolgt.";
    IssuerMismatch: Untrusted, Developer, ContactSupport, "The sign-in service names itself differently than configured.", "Der Anmeldedienst nennt sich anders als eingestellt.";
    IdTokenMissing: Untrusted, Nobody, TryLater, "The sign-in service did not say who signed in.", "Der Anmeldedienst hat nicht mitgeteilt, wer sich angemeldet hat.";
    IdTokenInvalid: Untrusted, Nobody, TryLater, "The proof of who signed in did not pass its checks.", "Der Nachweis, wer sich angemeldet hat, hat die Prüfung nicht bestanden.";
    KeysUnavailable: Service, Nobody, TryLater, "The keys of the sign-in service could not be read.", "Die Schlüssel des Anmeldedienstes konnten nicht gelesen werden.";
    AccountMismatch: Untrusted, Nobody, TryLater, "The service answered for another person.", "Der Dienst hat für eine andere Person geantwortet.";
    // Import
    ImportUnreadable: InvalidArgument, User, ChooseFile, "The saved sign-ins of the other app cannot be read.", "Die gespeicherten Anmeldungen der anderen App sind nicht lesbar.";
    ImportFormat: InvalidArgument, User, ChooseFile, "This is not what the other app saves, or it is damaged.", "Das ist nicht, was die andere App speichert, oder es ist beschädigt.";
    ImportEncrypted: InvalidArgument, User, Connect, "The other app keeps its sign-ins where only that app can read them.", "Die andere App bewahrt ihre Anmeldungen dort auf, wo nur sie selbst sie lesen kann.";
    ImportPassword: InvalidArgument, User, EnterPassword, "The saved sign-ins of the other app do not open with this password, or there is none.", "Die gespeicherten Anmeldungen der anderen App lassen sich mit diesem Passwort nicht öffnen, oder es fehlt.";
    ImportOtherClient: InteractionRequired, User, Connect, "The saved sign-in belongs to another app registration and cannot be used by this app.", "Die gespeicherte Anmeldung gehört zu einer anderen App-Registrierung und ist für diese App nicht nutzbar.";
    ImportOtherAuthority: InteractionRequired, User, Connect, "The saved sign-in belongs to another sign-in service or organisation.", "Die gespeicherte Anmeldung gehört zu einem anderen Anmeldedienst oder einer anderen Organisation.";
    // Network
    DeadlineExceeded: TimedOut, Nobody, TryAgain, "The time allowed for this has passed.", "Die dafür vorgesehene Zeit ist abgelaufen.";
    OperationCancelled: Cancelled, User, TryAgain, "The operation was cancelled.", "Der Vorgang wurde abgebrochen.";
    NetworkUnavailable: Network, Nobody, CheckNetwork, "The service cannot be reached.", "Der Dienst ist nicht erreichbar.";
    NetworkTimeout: Network, Nobody, CheckNetwork, "The service did not answer in time.", "Der Dienst hat nicht rechtzeitig geantwortet.";
    NetworkInterrupted: Network, Nobody, CheckNetwork, "The connection was interrupted.", "Die Verbindung wurde unterbrochen.";
    NetworkProtocol: Network, Nobody, CheckNetwork, "The service, or something in between, does not speak the expected protocol.", "Der Dienst oder etwas dazwischen spricht nicht das erwartete Protokoll.";
    ProxyFailed: Network, User, CheckNetwork, "The proxy refused the connection.", "Der Proxy hat die Verbindung abgelehnt.";
    TlsFailed: Network, Administrator, CheckNetwork, "The connection is not trusted.", "Der Verbindung wird nicht vertraut.";
    ResponseTooLarge: Service, Nobody, TryLater, "The answer of the service is too large.", "Die Antwort des Dienstes ist zu groß.";
    UnexpectedResponse: Service, Nobody, TryLater, "The service gave an unusable answer.", "Der Dienst hat eine unbrauchbare Antwort gegeben.";
    ClockWrong: Misconfigured, User, SetClock, "The clock of this device is wrong.", "Die Uhr dieses Geräts geht falsch.";
    RequestRefused: InvalidArgument, Developer, ContactSupport, "The service refused the request as it stands.", "Der Dienst hat die Anfrage in dieser Form abgelehnt.";
    ItemNotFound: NotFound, Nobody, Refresh, "This is not there any more.", "Das ist nicht mehr vorhanden.";
    MailboxMissing: AccessDenied, Administrator, ShowAdministrator, "You have no mailbox there, or its licence is missing.", "Sie haben dort kein Postfach, oder die Lizenz dafür fehlt.";
    ClaimsChallengeInvalid: InteractionRequired, User, SignInAgain, "The service asks for another sign-in, and does not say how.", "Der Dienst verlangt eine neue Anmeldung und sagt nicht, wie.";
    DeltaExpired: Service, Nobody, TryAgain, "The service has forgotten where the last update ended.", "Der Dienst weiß nicht mehr, wo der letzte Abgleich endete.";
    PagingPathChanged: Untrusted, Nobody, TryLater, "The service pointed to something else than was asked for.", "Der Dienst verwies auf etwas anderes als angefragt.";
    PagingLoop: Service, Nobody, TryLater, "The pages of the service go round in a circle.", "Die Seiten des Dienstes drehen sich im Kreis.";
    PagingLimit: Service, Nobody, TryLater, "The pages of the service do not end.", "Die Seiten des Dienstes nehmen kein Ende.";
    ContinuationInvalid: InvalidArgument, Developer, Refresh, "This list cannot be continued any more.", "Diese Liste lässt sich nicht mehr fortsetzen.";
    InsecureUrl: Untrusted, Developer, ContactSupport, "An address is not protected.", "Eine Adresse ist nicht geschützt.";
    HostNotAllowed: Untrusted, Developer, ContactSupport, "An address belongs to somebody else.", "Eine Adresse gehört jemand anderem.";
    RedirectRefused: Untrusted, Nobody, TryLater, "The service pointed to another address, which is not followed.", "Der Dienst verwies auf eine andere Adresse; dem wird nicht gefolgt.";
    Throttled: Throttled, Nobody, TryLater, "The service asks for a pause.", "Der Dienst bittet um eine Pause.";
    ServiceUnavailable: Service, Nobody, TryLater, "The service is not available at the moment.", "Der Dienst ist im Moment nicht verfügbar.";
    // Store and keys
    StoreMissing: StorageUnavailable, User, Discard, "The store of the connected accounts is gone.", "Der Speicher der verbundenen Konten ist verschwunden.";
    StoreBusy: StorageUnavailable, Nobody, TryAgain, "The store is in use.", "Die gespeicherten Anmeldungen sind in Benutzung.";
    StoreFull: StorageUnavailable, User, FreeSpace, "There is no space left to store the account.", "Es ist kein Platz mehr, um das Konto zu speichern.";
    StoreReadOnly: StorageUnavailable, User, AllowWriting, "The store cannot be written.", "Die Anmeldungen können nicht gespeichert werden.";
    StoreMoved: StorageUnavailable, User, CheckStorage, "The store was moved or replaced while in use.", "Die gespeicherten Anmeldungen wurden während der Benutzung verschoben oder ersetzt.";
    StoreFolderMissing: StorageUnavailable, Developer, MakeFolder, "The folder in which the app keeps its data does not exist.", "Der Ordner, in dem die App ihre Daten ablegt, fehlt.";
    StoreUnsafePath: StorageUnavailable, Developer, ProtectFolder, "The place of the store is not safe.", "Der Ort der gespeicherten Anmeldungen ist nicht sicher.";
    StoreUnsafePermissions: StorageUnavailable, Developer, ProtectFolder, "Other people can read or change the store.", "Andere Personen können den Speicher lesen oder ändern.";
    StoreFailed: StorageUnavailable, Nobody, CheckStorage, "The store could not be read or written.", "Die gespeicherten Anmeldungen konnten nicht gelesen oder geschrieben werden.";
    StoreCorrupt: StorageDamaged, User, Recover, "The store is damaged.", "Die gespeicherten Anmeldungen sind beschädigt.";
    StoreTampered: StorageDamaged, User, ConnectAgain, "What was saved of the account is damaged.", "Was vom Konto gespeichert war, ist beschädigt.";
    StoreUnrecoverable: StorageDamaged, User, Discard, "The store is damaged, and nothing of it can be saved.", "Die gespeicherten Anmeldungen sind beschädigt, und nichts davon lässt sich retten.";
    StoreTooNew: StorageTooNew, User, UpdateApp, "The store was written by a newer version of the app.", "Die Anmeldungen wurden von einer neueren Version der App gespeichert.";
    KeyUnavailable: KeyUnavailable, User, Unlock, "The key of the store is not available now.", "Der Schlüssel des Speichers ist im Moment nicht verfügbar.";
    KeyStoreMissing: KeyUnavailable, Developer, UseOtherKey, "This system has no key store that the app could use.", "Dieses System hat keinen Schlüsselspeicher, den die App verwenden könnte.";
    KeyFileMissing: KeyUnavailable, User, BringKeyFile, "The key file is not there.", "Die Schlüsseldatei ist nicht vorhanden.";
    StoreKeyChanged: KeyUnavailable, Nobody, TryAgain, "The key of the store was changed by another process.", "Der Schlüssel des Speichers wurde von einem anderen Prozess geändert.";
    StoreWrongKey: KeyRejected, Developer, RestoreKey, "The saved sign-ins cannot be opened with this key.", "Die gespeicherten Anmeldungen lassen sich mit diesem Schlüssel nicht öffnen.";
    StoreKeyMissing: KeyRejected, Developer, ContactSupport, "No key for the store was given.", "Für den Speicher wurde kein Schlüssel angegeben.";
    KeyFileUnsafe: KeyRejected, Developer, ProtectKeyFile, "Other people can read the key file, or it is not a key file.", "Andere Personen können die Schlüsseldatei lesen, oder es ist keine Schlüsseldatei.";
    KeyFileFull: StorageUnavailable, Developer, ContactSupport, "The key file holds too many keys.", "Die Schlüsseldatei enthält zu viele Schlüssel.";
    PassphraseUnsuitable: KeyRejected, User, ChoosePassphrase, "The passphrase is too short or too long, or has a character that is not allowed.", "Die Passphrase ist zu kurz oder zu lang oder enthält ein unerlaubtes Zeichen.";
    PassphraseWrong: KeyRejected, User, EnterPassphrase, "The passphrase does not open the saved sign-ins.", "Die Passphrase öffnet die gespeicherten Anmeldungen nicht.";
}
