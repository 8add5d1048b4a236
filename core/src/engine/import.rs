//! Saved sign-ins of other programs become accounts, each after one refresh that proves it.
//!
//! A refresh token goes to the authority that issued it and for the registration that it was issued to, or nowhere.

use super::{Engine, REQUEST_TIMEOUT, flow::Expected, sign_in::SignedIn};
use crate::{
    call::Call,
    clock::Deadline,
    error::{Detail, Error, ErrorKind, Result},
    guid::is_guid,
    http::Origin,
    import::{self, Candidate, ImportReport, ImportSource, ImportedAccount, Issuer, LeftImport, LeftReason, RefusedImport, Who},
    log::LogLevel,
    oauth::{
        discovery::Provider,
        token::{self, TokenFailure},
    },
    secret::Secret,
    settings::parse_tenant,
    store::AccountRecord,
};
use std::sync::Arc;

/// The tenant of personal accounts, which have no organisation.
const PERSONAL: &str = "9188040d-6c67-4c5b-b112-36a304b66dad";
/// Other names under which an authority answers, and caches know it (FACTS 5.5).
const ALIASES: [(&str, &[&str]); 3] = [
    ("login.microsoftonline.com", &["login.windows.net", "login.microsoft.com", "sts.windows.net"]),
    ("login.microsoftonline.us", &["login.usgovcloudapi.net"]),
    ("login.partner.microsoftonline.cn", &["login.chinacloudapi.cn"]),
];

impl Engine {
    /// Reads, proves and keeps, one account after the other. Once reading succeeded there is always a report.
    pub(crate) fn import_accounts(self: &Arc<Self>, call: &Call, source: &ImportSource) -> Result<ImportReport> {
        let found = import::read(source)?;
        let mut connected: Vec<AccountRecord> = self.store().accounts()?.records;
        let (mut report, mut stopped) = (found.report, None);
        let password = source.password.as_ref().map(|password| &password.0);
        for candidate in found.candidates {
            let candidate = Arc::new(candidate);
            let outcome = match &stopped {
                Some(error) => Err(Error::clone(error)),
                None => self.import(call, &candidate, password, &mut connected),
            };
            let username = candidate.username.clone();
            match outcome {
                Ok(Import::Done(account_id)) => report.imported.push(ImportedAccount { account_id, username }),
                Ok(Import::AlreadyConnected(id)) => {
                    report
                        .left
                        .push(LeftImport { account_id: Some(id), ..LeftImport::new(username, LeftReason::AlreadyConnected) });
                }
                Err(error) if says_nothing_about_the_account(&error) => {
                    stopped = stopped.or_else(|| Some(error.clone()).filter(is_in_the_way_of_all));
                    report.left.push(LeftImport { error: Some(error), ..LeftImport::new(username, LeftReason::TryLater) });
                }
                Err(error) => {
                    self.log.write(LogLevel::Warn, "import.refused", |record| record.detail = Some(error.detail()));
                    report.refused.push(RefusedImport { username, error });
                }
            }
        }
        Ok(report)
    }

    fn import(
        self: &Arc<Self>,
        call: &Call,
        candidate: &Arc<Candidate>,
        password: Option<&Secret>,
        connected: &mut Vec<AccountRecord>,
    ) -> Result<Import> {
        call.check()?;
        self.check_origin(candidate)?;
        let provider = self.provider(call, &self.tenant_to_ask(&candidate.who)?).map_err(|error| match error.kind() {
            // The authority does not know the tenant that the file names.
            ErrorKind::InvalidArgument => Detail::ImportOtherAuthority.about("tenant"),
            _ => error,
        })?;
        let person = self.person_at(&candidate.who, &provider)?;
        let same = |record: &&AccountRecord| is_same(record, person.as_ref(), &candidate.who) && self.works(record);
        if let Some(record) = connected.iter().find(same) {
            return Ok(Import::AlreadyConnected(record.id.clone()));
        }
        let (engine, candidate, password) = (Arc::clone(self), Arc::clone(candidate), password.cloned());
        let signed_in = self.workers.run(call, move || {
            let token = candidate.open(password.as_ref())?;
            engine.prove(&candidate.who, &provider, token, Deadline::after(REQUEST_TIMEOUT))
        })??;
        // The caller may have been cancelled meanwhile; then nothing is stored (case O-19).
        call.check()?;
        let cell = self.keep(&signed_in, &Expected { person, username: None })?;
        connected.retain(|record| record.id != cell.id());
        connected.push(AccountRecord::clone(&cell.record()));
        Ok(Import::Done(cell.id().to_owned()))
    }

    /// What can be refused before anything is sent.
    fn check_origin(&self, candidate: &Candidate) -> Result<()> {
        let authority = &self.settings.authority;
        if !is_issued_by(&candidate.issuer, authority) {
            return Err(Detail::ImportOtherAuthority.about("authority"));
        }
        if candidate.client_id != self.settings.client_id {
            let other = candidate.client_id.clone();
            return Err(Detail::ImportOtherClient.about(if is_guid(&other) { other } else { "client_id".to_owned() }));
        }
        Ok(())
    }

    /// The tenant at whose endpoint the token is proved: the configured one, or the account's own.
    fn tenant_to_ask(&self, who: &Who) -> Result<String> {
        if self.settings.tenant != "organizations" {
            return Ok(self.settings.tenant.clone());
        }
        match who {
            Who::Known(identities) => identities.first().map(|(tid, _)| tid.clone()).ok_or_else(|| Detail::Internal.into()),
            Who::Named { tenant, .. } if matches!(tenant.as_str(), "common" | "organizations") => Ok("organizations".to_owned()),
            Who::Named { tenant, .. } => parse_tenant(tenant).map_err(|_| Detail::ImportOtherAuthority.about("tenant")),
        }
    }

    /// Who the file says it is in the tenant of `provider`. An account that never was in that tenant, or is in one that the
    /// configuration does not accept, is refused unsent.
    fn person_at(&self, who: &Who, provider: &Provider) -> Result<Option<(String, String)>> {
        let Who::Known(identities) = who else { return Ok(None) };
        let authority = self.settings.authority.ascii();
        let here = identities.iter().find(|(tid, _)| provider.issuer == format!("{authority}/{tid}/v2.0"));
        let (allowed, refused) = (&self.settings.allowed_tenants, || Error::from(Detail::TenantNotAllowed));
        let (tid, oid) = here.ok_or_else(refused)?;
        if tid == PERSONAL || !allowed.is_empty() && !allowed.contains(tid) {
            return Err(refused());
        }
        Ok(Some((tid.clone(), oid.clone())))
    }

    /// An account that has lost its tokens, or was connected under another configuration, is mended by an import; any other has
    /// tokens that may be newer.
    fn works(&self, record: &AccountRecord) -> bool {
        record.tokens.as_ref().is_some_and(|tokens| tokens.refresh_token.is_some()) && self.judge(record).is_ok()
    }

    /// On a worker: the one refresh, and everything that a sign-in has to pass.
    fn prove(&self, who: &Who, provider: &Provider, token: Secret, deadline: Deadline) -> Result<SignedIn> {
        let answer = token::refresh(&self.endpoint(deadline), self.token_request(provider, None), &token);
        let tokens = answer.map_err(|failure| match failure {
            TokenFailure::Failed(error) => error,
            TokenFailure::Refused { answer, ids, retry_after } => {
                self.service_error(&answer, &ids, retry_after, &self.settings.tenant)
            }
        })?;
        let mut signed_in = self.signed_in(tokens, provider, None, None, deadline)?;
        // Where the service sends no new one, the old one goes on (case T-17).
        signed_in.tokens.refresh_token.get_or_insert(token);
        match who {
            Who::Named { address, .. } if !is_called(&signed_in, address) => Err(Detail::WrongAccount.into()),
            _ => Ok(signed_in),
        }
    }
}

/// What became of one candidate.
enum Import {
    /// The account's id.
    Done(String),
    AlreadyConnected(String),
}

fn is_issued_by(issuer: &Issuer, authority: &Origin) -> bool {
    let is_alias = |host: &str| ALIASES.iter().any(|(name, aliases)| *name == authority.host() && aliases.contains(&host));
    match issuer {
        Issuer::Host(host) => host == authority.host() || is_alias(host),
        Issuer::TokenEndpoint(url) => {
            let of_alias = |alias: &&str| Origin::parse(&format!("https://{alias}")).is_ok_and(|origin| origin.allow(url).is_ok());
            let aliases = ALIASES.iter().filter(|(name, _)| *name == authority.host()).flat_map(|(_, aliases)| *aliases);
            authority.allow(url).is_ok() || aliases.copied().any(|alias| of_alias(&alias))
        }
    }
}

/// Whether the mailbox's address is the person's user name or mail address, as Graph says it or, without Graph, their `id_token`.
fn is_called(signed_in: &SignedIn, address: &str) -> bool {
    let names = [&signed_in.person.username, &signed_in.person.mail];
    names.into_iter().flatten().any(|name| name.to_lowercase() == address.to_lowercase())
}

/// Whether the record is of the person in question; of somebody who is only named, by those names.
fn is_same(record: &AccountRecord, person: Option<&(String, String)>, who: &Who) -> bool {
    match (person, who) {
        (Some((tid, oid)), _) => record.identity.tid == *tid && record.identity.oid == *oid,
        (None, Who::Named { address, .. }) => {
            let names = [&record.person.username, &record.person.mail];
            names.into_iter().flatten().any(|name| name.to_lowercase() == address.to_lowercase())
        }
        (None, Who::Known(_)) => false,
    }
}

/// Whether the same account may be taken later.
fn says_nothing_about_the_account(error: &Error) -> bool {
    is_in_the_way_of_all(error) || error.kind() == ErrorKind::Service && error.cause() != Detail::ProviderError
}

/// Whether the accounts after this one would meet the same.
fn is_in_the_way_of_all(error: &Error) -> bool {
    match error.kind() {
        ErrorKind::Network
        | ErrorKind::TimedOut
        | ErrorKind::Cancelled
        | ErrorKind::Throttled
        | ErrorKind::Closed
        | ErrorKind::StorageUnavailable
        | ErrorKind::StorageDamaged
        | ErrorKind::StorageTooNew
        | ErrorKind::KeyUnavailable
        | ErrorKind::KeyRejected => true,
        _ => error.cause() == Detail::ServiceUnavailable,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fits(authority: &str, issuer: &Issuer) -> bool {
        is_issued_by(issuer, &Origin::parse(authority).unwrap())
    }

    /// FACTS 5.5: an authority answers under several names, and none of another cloud.
    #[test]
    fn a_token_goes_to_the_authority_that_issued_it() {
        let clouds = ["login.microsoftonline.com", "login.microsoftonline.us", "login.partner.microsoftonline.cn"];
        for (at, names) in [
            (0, &["login.microsoftonline.com", "login.windows.net", "login.microsoft.com", "sts.windows.net"][..]),
            (1, &["login.microsoftonline.us", "login.usgovcloudapi.net"]),
            (2, &["login.partner.microsoftonline.cn", "login.chinacloudapi.cn"]),
        ] {
            for (name, (index, cloud)) in names.iter().flat_map(|name| clouds.iter().enumerate().map(move |cloud| (name, cloud))) {
                let authority = format!("https://{cloud}");
                let endpoint = format!("https://{name}/common/oauth2/v2.0/token");
                assert_eq!(fits(&authority, &Issuer::Host((*name).to_owned())), index == at, "{name} at {cloud}");
                assert_eq!(fits(&authority, &Issuer::TokenEndpoint(endpoint)), index == at, "{name} at {cloud}");
            }
        }
    }

    #[test]
    fn token_endpoints_of_others() {
        for url in [
            "http://login.microsoftonline.com/common/oauth2/v2.0/token",
            "https://login.microsoftonline.com:8443/common/oauth2/v2.0/token",
            "https://login.microsoftonline.com.evil.example/token",
            "https://login.microsoftonline.com@evil.example/token",
            "https://evil.example/login.microsoftonline.com/token",
            "https://oauth2.googleapis.com/token",
            "http://sts.windows.net/token",
            "",
        ] {
            assert!(!fits("https://login.microsoftonline.com", &Issuer::TokenEndpoint(url.to_owned())), "{url}");
        }
        for host in ["", "microsoftonline.com", "login.microsoftonline.com.", "login.microsoftonline.com:443", "evil.example"] {
            assert!(!fits("https://login.microsoftonline.com", &Issuer::Host(host.to_owned())), "{host}");
        }
        assert!(fits("http://localhost:1234", &Issuer::TokenEndpoint("http://localhost:1234/common/oauth2/v2.0/token".to_owned())));
        assert!(!fits(
            "http://localhost:1234",
            &Issuer::TokenEndpoint("http://localhost:1235/common/oauth2/v2.0/token".to_owned())
        ));
    }

    #[test]
    fn what_ends_an_import_and_what_costs_one_account() {
        for (detail, all, one) in [
            (Detail::NetworkUnavailable, true, true),
            (Detail::DeadlineExceeded, true, true),
            (Detail::OperationCancelled, true, true),
            (Detail::Throttled, true, true),
            (Detail::ServiceUnavailable, true, true),
            (Detail::StoreFull, true, true),
            (Detail::StoreWrongKey, true, true),
            (Detail::HandleClosed, true, true),
            (Detail::TokenResponseInvalid, false, true),
            (Detail::KeysUnavailable, false, true),
            (Detail::ProviderError, false, false),
            (Detail::ReauthRequired, false, false),
            (Detail::ImportPassword, false, false),
            (Detail::IdTokenInvalid, false, false),
            (Detail::OverPrivileged, false, false),
            (Detail::Internal, false, false),
        ] {
            let error = Error::from(detail);
            assert_eq!((is_in_the_way_of_all(&error), says_nothing_about_the_account(&error)), (all, one), "{detail:?}");
        }
    }
}
