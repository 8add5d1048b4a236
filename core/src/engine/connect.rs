//! The person's part: begin a sign-in, check what comes back, keep the account.

use super::{
    AccountCell, Engine,
    flow::{self, Expected, FLOW_LIFETIME, FlowKind, SignInFlow},
    sign_in::SignedIn,
};
use crate::{
    call::Call,
    clock::Deadline,
    error::{Detail, Error, Result},
    model::{AuthorizationRequest, ConnectOptions},
    oauth::{
        authorize::{self, Wishes},
        discovery::{Provider, issuer_fits},
        redirect::{self, RedirectAnswer, RedirectOutcome},
        token::{self, TokenFailure, TokenRequest},
    },
    secret::Secret,
    settings::parse_tenant,
    store::{Claim, Flow},
};
use std::{sync::Arc, time::Duration};
use zeroize::Zeroizing;

/// The tenant that stands for all.
const ANY_ORGANIZATION: &str = "organizations";
/// Longest that the requests of one sign-in may take together, once the browser is back.
const EXCHANGE_TIMEOUT: Duration = Duration::from_secs(60);

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
        let options = &self.completed(options)?;
        let (expected, claims) = self.expected(options)?;
        let tenant = self.sign_in_tenant(options)?;
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
        self.complete(call, &parameters, session_binding).inspect(|cell| self.tell(cell))
    }

    /// Completes a sign-in with the parameters of its redirect. The caller tells the observer.
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
            if outcome.as_ref().is_err_and(may_be_completed_again) {
                engine.give_back(&answer, &flow);
            }
            outcome
        })??;
        // The caller may have been cancelled meanwhile; then nothing is stored (case O-19).
        call.check()?;
        self.keep(&signed_in, &expected)
    }

    /// The same redirect may be completed again, once the network or the service is back.
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

    /// The tenant of a sign-in. A host that configured one organisation means it, however a sign-in is asked for.
    pub(super) fn sign_in_tenant(&self, options: &ConnectOptions) -> Result<String> {
        let tenant = self.tenant_for(options.tenant.as_deref())?;
        if self.settings.tenant == ANY_ORGANIZATION || self.settings.tenant == tenant {
            Ok(tenant)
        } else {
            Err(Error::from(Detail::InvalidArgument).with_what("tenant"))
        }
    }

    pub(super) fn tenant_for(&self, wish: Option<&str>) -> Result<String> {
        wish.map_or_else(|| Ok(self.settings.tenant.clone()), parse_tenant)
    }

    /// Options for the repair of an account: where nothing else was asked for, its own tenant (guests have another home) and name.
    fn completed(&self, options: &ConnectOptions) -> Result<ConnectOptions> {
        let mut options = options.clone();
        if let Some(id) = &options.expected_account {
            let record = self.store.account(id)?.ok_or(Detail::AccountGone)?;
            if self.settings.tenant == ANY_ORGANIZATION {
                options.tenant.get_or_insert(record.identity.tid);
            }
            if !options.select_account && options.login_hint.is_none() {
                options.login_hint = record.person.username;
            }
        }
        Ok(options)
    }

    /// Who must sign in, and the claims that the account's last refusal asked for.
    pub(super) fn expected(&self, options: &ConnectOptions) -> Result<(Expected, Option<String>)> {
        let mut expected = Expected { person: None, username: options.expected_username.clone() };
        let Some(id) = &options.expected_account else { return Ok((expected, None)) };
        let record = self.store.account(id)?.ok_or(Detail::AccountGone)?;
        expected.person = Some((record.identity.tid, record.identity.oid));
        Ok((expected, record.state.claims))
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

/// Whether the same redirect may be completed again: the service either did not get the code, or could not work on it.
fn may_be_completed_again(error: &Error) -> bool {
    never_sent(error) || matches!(error.cause(), Detail::ServiceUnavailable | Detail::Throttled)
}

fn check_redirect_issuer(provider: &Provider, issuer: Option<&str>) -> Result<()> {
    match issuer {
        Some(issuer) if !issuer_fits(&provider.issuer, issuer) => Err(Detail::CallbackIssuerMismatch.into()),
        None if provider.names_issuer_in_redirect => Err(Detail::CallbackIssuerMissing.into()),
        _ => Ok(()),
    }
}
