//! A person who signed in: everything that is checked between the service's answer and the stored account.

use super::{AccountCell, Engine, flow::Expected};
use crate::{
    clock::Deadline,
    consent::ScopeReport,
    error::{Detail, Error, Result},
    graph::{failure, page::parse_one, profile, request::ReadOnlyRequest},
    log::LogLevel,
    model::{AccountState, Profile},
    oauth::{
        discovery::Provider,
        id_token::{Expected as ExpectedToken, VerifiedIdToken},
        keys::KeySource,
        token::Tokens,
    },
    secret::Secret,
    store::{NewAccount, Person, StateRecord, TokenSet},
};
use std::sync::Arc;

/// A person who signed in, with everything checked and nothing stored.
pub(super) struct SignedIn {
    pub(super) id_token: VerifiedIdToken,
    pub(super) tokens: TokenSet,
    pub(super) scopes: ScopeReport,
    pub(super) person: Person,
}

/// How an `id_token` came, which decides what it must say.
#[derive(Clone, Copy)]
pub(super) struct Circumstances<'a> {
    /// Of this sign-in; `None` on a refresh.
    pub(super) nonce: Option<&'a str>,
    /// `iss` of the redirect.
    pub(super) response_issuer: Option<&'a str>,
    /// The token beside it.
    pub(super) access_token: &'a Secret,
    /// The time by which its own times are judged.
    pub(super) now: i64,
}

impl Engine {
    /// On a worker: everything between "the service gave tokens" and "they may be kept".
    pub(super) fn signed_in(
        &self,
        tokens: Tokens,
        provider: &Provider,
        nonce: Option<&str>,
        response_issuer: Option<&str>,
        deadline: Deadline,
    ) -> Result<SignedIn> {
        let mark = |error| tokens.ids.mark(error);
        let proof = tokens.id_token.as_ref().ok_or_else(|| mark(Detail::IdTokenMissing.into()))?;
        let circumstances = Circumstances { nonce, response_issuer, access_token: &tokens.access_token, now: self.now() };
        let id_token = self.verify(proof, provider, circumstances, deadline).map_err(mark)?;
        let scopes = self.check_scopes(tokens.scope.as_deref()).map_err(mark)?;
        let person = self.person(&id_token, &tokens.access_token, deadline)?;
        Ok(SignedIn { id_token, tokens: self.token_set(tokens, None), scopes, person })
    }

    pub(super) fn verify(
        &self,
        proof: &Secret,
        provider: &Provider,
        circumstances: Circumstances<'_>,
        deadline: Deadline,
    ) -> Result<VerifiedIdToken> {
        let Circumstances { nonce, response_issuer, access_token, now } = circumstances;
        let tenant = Some(self.settings.tenant.as_str()).filter(|tenant| crate::guid::is_guid(tenant));
        let expected = ExpectedToken {
            client_id: &self.settings.client_id,
            issuer: &provider.issuer,
            nonce,
            tenant,
            allowed_tenants: &self.settings.allowed_tenants,
            response_issuer,
            access_token: Some(access_token.expose()),
            now,
        };
        let source = KeySource { jwks_uri: &provider.jwks, endpoint: self.endpoint(deadline), clock: &*self.clock };
        self.keys.verify(proof.expose(), &expected, &source)
    }

    /// The granted scopes; a grant beyond reading is refused unless the host allows it (case T-19).
    pub(super) fn check_scopes(&self, answer: Option<&str>) -> Result<ScopeReport> {
        let report = ScopeReport::read(answer, &self.settings.scopes);
        if report.excess.is_empty() || self.settings.allow_excess_scopes {
            Ok(report)
        } else {
            Err(Error::from(Detail::OverPrivileged).with_what(report.excess.join(" ")))
        }
    }

    /// Name and user name from `/me`. Only an answer about another person fails the sign-in: without licence, mailbox or network
    /// the account still connects, with the name that the `id_token` gives.
    fn person(&self, id_token: &VerifiedIdToken, access_token: &Secret, deadline: Deadline) -> Result<Person> {
        let from_token = Person {
            display_name: id_token.name().map(str::to_owned),
            username: id_token.username().map(str::to_owned),
            mail: None,
        };
        match self.profile_of(access_token, deadline) {
            Ok(me) if !me.id.eq_ignore_ascii_case(id_token.oid()) => Err(Detail::AccountMismatch.into()),
            Ok(me) => Ok(Person {
                display_name: me.display_name.or(from_token.display_name),
                username: me.username.or(from_token.username),
                mail: me.mail,
            }),
            Err(error) => {
                self.log.write(LogLevel::Warn, "connect.profile", |record| record.detail = Some(error.detail()));
                Ok(from_token)
            }
        }
    }

    fn profile_of(&self, access_token: &Secret, deadline: Deadline) -> Result<Profile> {
        let request = ReadOnlyRequest::to(&self.settings.graph, &profile::me());
        let response = request.send(&self.endpoint(deadline), access_token).map_err(|failure| failure.error)?;
        parse_one(failure::text(&response)?)
    }

    /// Stores the account of a person who signed in, if it is the one who was expected.
    pub(super) fn keep(&self, signed_in: &SignedIn, expected: &Expected) -> Result<Arc<AccountCell>> {
        check_expected(signed_in, expected)?;
        // The person took their time; the store may have another key by now.
        self.catch_up()?;
        let cell = self.connect_account(&NewAccount {
            id_token: &signed_in.id_token,
            person: signed_in.person.clone(),
            scopes: signed_in.scopes.clone(),
            tokens: signed_in.tokens.clone(),
            state: connected_state(self.now()),
            now: self.now(),
        })?;
        self.prove_approval(signed_in.id_token.tid(), &signed_in.scopes);
        self.log.write(LogLevel::Info, "account.connected", |_| {});
        cell.refreshes.reset();
        Ok(cell)
    }

    /// Tokens with their times. `previous` keeps its refresh token where the service sent no new one (case T-17).
    pub(super) fn token_set(&self, tokens: Tokens, previous: Option<&TokenSet>) -> TokenSet {
        let now = self.now();
        TokenSet {
            access_token: tokens.access_token,
            refresh_token: tokens.refresh_token.or_else(|| previous.and_then(|tokens| tokens.refresh_token.clone())),
            obtained_at: now,
            refresh_at: tokens.refresh_in.map(|seconds| now.saturating_add(seconds.min(tokens.lifetime))),
            expires_at: now.saturating_add(tokens.lifetime),
        }
    }
}

/// The state of an account that has just proved itself.
pub(super) fn connected_state(now: i64) -> StateRecord {
    StateRecord {
        state: AccountState::Connected as u32,
        detail: String::new(),
        service_code: None,
        claims: None,
        since: now,
        checked_at: now,
    }
}

fn check_expected(signed_in: &SignedIn, expected: &Expected) -> Result<()> {
    let person_fits =
        expected.person.as_ref().is_none_or(|(tid, oid)| tid == signed_in.id_token.tid() && oid == signed_in.id_token.oid());
    // A person may choose what the token calls them, so every name that is known must fit.
    let known: Vec<&str> = [signed_in.id_token.username(), signed_in.person.username.as_deref()].into_iter().flatten().collect();
    let name_fits = expected
        .username
        .as_ref()
        .is_none_or(|expected| !known.is_empty() && known.iter().all(|name| name.eq_ignore_ascii_case(expected)));
    if person_fits && name_fits { Ok(()) } else { Err(Detail::WrongAccount.into()) }
}
