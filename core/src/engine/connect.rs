//! The person's part: begin a sign-in, check what comes back, keep the account.

use super::{
    AccountCell, Engine,
    flow::{self, Expected, FLOW_LIFETIME, FlowKind, SignInFlow},
};
use crate::{
    approval::Certainty,
    call::Call,
    clock::Deadline,
    consent::ScopeReport,
    error::{Detail, Error, Result},
    graph::me,
    http::RequestIds,
    log::LogLevel,
    model::{AccountState, AuthorizationRequest, ConnectOptions},
    oauth::{
        aadsts::{self, ServiceError},
        authorize::{self, Wishes},
        discovery::{Provider, issuer_fits},
        id_token::{Expected as ExpectedToken, VerifiedIdToken},
        keys::KeySource,
        redirect::{self, RedirectAnswer, RedirectOutcome},
        token::{self, TokenFailure, TokenRequest, Tokens},
    },
    secret::Secret,
    settings::parse_tenant,
    store::{Claim, Flow, NewAccount, Person, StateRecord, TokenSet},
};
use std::{sync::Arc, time::Duration};
use zeroize::Zeroizing;

/// Longest that the requests of one sign-in may take together, once the browser is back.
const EXCHANGE_TIMEOUT: Duration = Duration::from_secs(60);

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
    /// Begins a sign-in whose redirect the host receives.
    pub(crate) fn begin_connect(self: &Arc<Self>, call: &Call, options: &ConnectOptions) -> Result<AuthorizationRequest> {
        // Apps are called with a URL and nothing else, so the answer comes in its query.
        self.begin(call, options, &self.settings.redirect.as_sent(), "query")
    }

    /// Begins a sign-in: the description of the identity platform, fresh secrets, a pending row, the address.
    pub(super) fn begin(
        self: &Arc<Self>,
        call: &Call,
        options: &ConnectOptions,
        redirect_uri: &str,
        response_mode: &'static str,
    ) -> Result<AuthorizationRequest> {
        check_options(options)?;
        let (expected, claims) = self.expected(options)?;
        let tenant = self.tenant_for(options.tenant.as_deref())?;
        let provider = self.provider(call, &tenant)?;
        let prompt = if options.no_prompt { Some("none") } else { options.select_account.then_some("select_account") };
        let wishes = Wishes {
            login_hint: options.login_hint.as_deref(),
            domain_hint: options.domain_hint.as_deref(),
            prompt,
            claims: claims.as_deref(),
        };
        let begun = authorize::begin(
            &provider,
            &self.settings.client_id,
            redirect_uri,
            response_mode,
            &self.settings.requested_scopes,
            &wishes,
        )?;
        let expires_at = self.now().saturating_add(FLOW_LIFETIME);
        let record = SignInFlow {
            nonce: Zeroizing::new(begun.nonce.expose().to_owned()),
            verifier: Zeroizing::new(begun.verifier.expose().to_owned()),
            redirect_uri: redirect_uri.to_owned(),
            tenant,
            expected,
            session_binding: options.session_binding.clone().map(Zeroizing::new),
            claims,
        };
        self.store.put_flow(&Flow {
            key: &flow::key(FlowKind::SignIn, begun.state.expose()),
            account: options.expected_account.as_deref(),
            now: self.now(),
            expires_at,
            payload: &flow::encode(&record)?,
        })?;
        Ok(AuthorizationRequest { url: begun.url, state: begun.state.expose().to_owned(), expires_at })
    }

    /// Completes a sign-in with the URL that the host received.
    pub(crate) fn complete_connect(
        self: &Arc<Self>,
        call: &Call,
        redirect_url: &str,
        session_binding: Option<&str>,
    ) -> Result<Arc<AccountCell>> {
        let parameters = Zeroizing::new(redirect::parameters_of(redirect_url, &self.settings.redirect.as_sent())?);
        self.complete(call, &parameters, session_binding)
    }

    /// Completes a sign-in with the parameters of its redirect.
    pub(super) fn complete(
        self: &Arc<Self>,
        call: &Call,
        parameters: &str,
        session_binding: Option<&str>,
    ) -> Result<Arc<AccountCell>> {
        let answer = redirect::parse(parameters)?;
        let flow: SignInFlow = match self.store.claim_flow(&flow::key(FlowKind::SignIn, answer.state.expose()), self.now())? {
            Claim::Payload(payload) => flow::decode(&payload)?,
            Claim::Replayed => return Err(Detail::CallbackReplayed.into()),
            Claim::Unknown => return Err(Detail::CallbackStateMismatch.into()),
        };
        flow.check_binding(session_binding)?;
        let expected = flow.expected.clone();
        let (engine, deadline) = (Arc::clone(self), Deadline::after(EXCHANGE_TIMEOUT));
        let signed_in = self.workers.run(call, move || {
            let outcome = engine.exchange(&answer, &flow, deadline);
            if outcome.as_ref().is_err_and(never_sent) {
                engine.give_back(&answer, &flow);
            }
            outcome
        })??;
        // The caller may have been cancelled meanwhile; then nothing is stored (case O-19).
        call.check()?;
        self.keep(&signed_in, &expected)
    }

    /// The code never left this machine: the same redirect may be completed again, once the network is back.
    fn give_back(&self, answer: &RedirectAnswer, flow: &SignInFlow) {
        if let Ok(payload) = flow::encode(flow) {
            let (key, now) = (flow::key(FlowKind::SignIn, answer.state.expose()), self.now());
            // If it cannot be given back, the person signs in again.
            let expires_at = now.saturating_add(FLOW_LIFETIME);
            let _ = self.store.put_flow(&Flow { key: &key, account: None, now, expires_at, payload: &payload });
        }
    }

    /// On a worker: redeems the code, verifies who signed in, reads the profile.
    fn exchange(&self, answer: &RedirectAnswer, flow: &SignInFlow, deadline: Deadline) -> Result<SignedIn> {
        let endpoint = self.endpoint(deadline);
        let provider = self.providers.of(&flow.tenant, &self.settings.authority, &endpoint, &*self.clock)?;
        check_redirect_issuer(&provider, answer.issuer.as_deref())?;
        let code = match &answer.outcome {
            RedirectOutcome::Code(code) => code,
            RedirectOutcome::Error(error) => return Err(self.redirect_error(error, &flow.tenant)),
            RedirectOutcome::AdminConsent { .. } => return Err(Detail::CallbackAmbiguous.into()),
        };
        let request = self.token_request(&provider, flow.claims.as_deref());
        let verifier = Secret::new(&flow.verifier);
        let redeem = || token::redeem(&endpoint, request, code, &verifier, &flow.redirect_uri);
        // A code works once: only what never left this machine is tried again.
        let unsent = |failure: &TokenFailure| matches!(failure, TokenFailure::Failed(error) if never_sent(error));
        let tokens = self.try_again(deadline, unsent, redeem).map_err(|failure| self.redeem_error(failure, &flow.tenant))?;
        self.signed_in(tokens, &provider, Some(&flow.nonce), answer.issuer.as_deref(), deadline)
    }

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

    /// The granted scopes; a grant beyond reading is refused unless the host allows it (catalogue T-19).
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
        match me::read(&self.settings.graph, &self.endpoint(deadline), access_token) {
            Ok(me) if !me.id.eq_ignore_ascii_case(id_token.oid()) => Err(Detail::AccountMismatch.into()),
            Ok(me) => Ok(Person {
                display_name: me.display_name.or(from_token.display_name),
                username: me.user_principal_name.or(from_token.username),
                mail: me.mail,
            }),
            Err(error) => {
                self.log.write(LogLevel::Warn, "connect.profile", |record| record.detail = Some(error.detail()));
                Ok(from_token)
            }
        }
    }

    /// Stores the account of a person who signed in, if it is the one who was expected.
    pub(super) fn keep(&self, signed_in: &SignedIn, expected: &Expected) -> Result<Arc<AccountCell>> {
        check_expected(signed_in, expected)?;
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

    /// Tokens with their times. `previous` keeps its refresh token where the service sent no new one (catalogue T-17).
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

    pub(super) fn token_request<'a>(&'a self, provider: &'a Provider, claims: Option<&'a str>) -> TokenRequest<'a> {
        TokenRequest { url: &provider.token, client_id: &self.settings.client_id, scopes: &self.settings.requested_scopes, claims }
    }

    /// The description of the identity platform, fetched on a worker where it is not known.
    pub(super) fn provider(self: &Arc<Self>, call: &Call, tenant: &str) -> Result<Arc<Provider>> {
        if let Some(known) = self.providers.known(tenant, self.now()) {
            return Ok(known);
        }
        // The worker has its own time: a caller in a hurry gives up first, and what is fetched serves the next one.
        let (engine, tenant, deadline) = (Arc::clone(self), tenant.to_owned(), Deadline::after(EXCHANGE_TIMEOUT));
        self.workers.run(call, move || {
            engine.providers.of(&tenant, &engine.settings.authority, &engine.endpoint(deadline), &*engine.clock)
        })?
    }

    pub(super) fn tenant_for(&self, wish: Option<&str>) -> Result<String> {
        wish.map_or_else(|| Ok(self.settings.tenant.clone()), parse_tenant)
    }

    /// Who must sign in, and the claims that the account's last refusal asked for.
    pub(super) fn expected(&self, options: &ConnectOptions) -> Result<(Expected, Option<String>)> {
        let mut expected = Expected { person: None, username: options.expected_username.clone() };
        let Some(id) = &options.expected_account else { return Ok((expected, None)) };
        let record = self.store.account(id)?.ok_or(Detail::AccountGone)?;
        expected.person = Some((record.identity.tid, record.identity.oid));
        Ok((expected, record.state.claims))
    }

    fn redirect_error(&self, error: &redirect::RedirectError, tenant: &str) -> Error {
        let detail = error.detail();
        let failure = Error::from(detail).with_service_code(aadsts::service_code(&error.codes));
        match detail {
            Detail::ConsentDenied => failure.with_admin_approval(self.approval(Certainty::Ambiguous, tenant)),
            // The browser's word; only the token endpoint's is certain.
            Detail::AdminConsentRequired => failure.with_admin_approval(self.approval(Certainty::Likely, tenant)),
            _ => failure,
        }
    }

    /// What a refused code means: the table's causes, where a plain `invalid_grant` speaks of the code and not of a session.
    pub(super) fn redeem_error(&self, failure: TokenFailure, tenant: &str) -> Error {
        match failure {
            TokenFailure::Failed(error) => error,
            TokenFailure::Refused { answer, ids, retry_after } => {
                let error = self.service_error(&answer, &ids, retry_after, tenant);
                let about_the_code = error.cause() == Detail::ReauthRequired;
                if about_the_code {
                    ids.mark(Error::from(Detail::CodeRejected).with_service_code(aadsts::service_code(&answer.codes)))
                } else {
                    error
                }
            }
        }
    }

    /// An error answer as a typed error, with everything that support and the person need.
    pub(super) fn service_error(&self, answer: &ServiceError, ids: &RequestIds, retry_after: Option<u32>, tenant: &str) -> Error {
        let detail = aadsts::decide(answer).detail;
        let error = Error::from(detail).with_service_code(aadsts::service_code(&answer.codes)).with_retry_after(retry_after);
        let error = ids.mark(error);
        if detail == Detail::AdminConsentRequired {
            error.with_admin_approval(self.approval(Certainty::Certain, tenant))
        } else {
            error
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

pub(super) fn check_options(options: &ConnectOptions) -> Result<()> {
    let invalid = |what: &'static str| Error::from(Detail::InvalidArgument).with_what(what);
    // The service refuses the two together (FACTS 1.1).
    if options.select_account && (options.login_hint.is_some() || options.no_prompt) {
        return Err(invalid("select_account"));
    }
    for (text, what) in [
        (&options.login_hint, "login_hint"),
        (&options.domain_hint, "domain_hint"),
        (&options.expected_username, "expected_username"),
        (&options.session_binding, "session_binding"),
    ] {
        if text.as_ref().is_some_and(|text| text.is_empty() || text.len() > 512 || text.chars().any(char::is_control)) {
            return Err(invalid(what));
        }
    }
    Ok(())
}

/// Whether no byte of the request can have reached the service. (Failures to read keys or the profile have other causes.)
fn never_sent(error: &Error) -> bool {
    matches!(error.cause(), Detail::NetworkUnavailable | Detail::TlsFailed | Detail::ProxyFailed)
}

fn check_redirect_issuer(provider: &Provider, issuer: Option<&str>) -> Result<()> {
    match issuer {
        Some(issuer) if !issuer_fits(&provider.issuer, issuer) => Err(Detail::CallbackIssuerMismatch.into()),
        None if provider.names_issuer_in_redirect => Err(Detail::CallbackIssuerMissing.into()),
        _ => Ok(()),
    }
}

fn check_expected(signed_in: &SignedIn, expected: &Expected) -> Result<()> {
    let person_fits =
        expected.person.as_ref().is_none_or(|(tid, oid)| tid == signed_in.id_token.tid() && oid == signed_in.id_token.oid());
    let name_fits = expected.username.as_ref().is_none_or(|expected| {
        let known = [signed_in.id_token.username(), signed_in.person.username.as_deref()];
        known.into_iter().flatten().any(|name| name.to_lowercase() == expected.to_lowercase())
    });
    if person_fits && name_fits { Ok(()) } else { Err(Detail::WrongAccount.into()) }
}
