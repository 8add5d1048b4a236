//! Asking the token endpoint, with patience: passing failures are tried again, and a refusal of new permissions with the old ones.

use super::{Engine, REFRESH_TIMEOUT};
use crate::{
    call::{Call, CallOptions},
    clock::Deadline,
    error::{Detail, Error, ErrorKind},
    model::AccountState,
    oauth::{
        aadsts::{self, ServiceError},
        token::{self, TokenFailure, TokenRequest, Tokens},
    },
    store::{AccountRecord, TokenSet},
};
use std::time::Duration;

/// Tries within one refresh, and the pause before the second; it doubles.
const TRIES: u32 = 3;
const FIRST_PAUSE: Duration = Duration::from_millis(300);

impl Engine {
    /// One refresh, tried again after passing failures as long as there is time (case T-21, T-23).
    pub(super) fn ask(
        &self,
        record: &AccountRecord,
        tokens: &TokenSet,
        deadline: Deadline,
    ) -> std::result::Result<Tokens, TokenFailure> {
        let passing = |failure: &TokenFailure| match failure {
            TokenFailure::Failed(error) => matches!(error.cause(), Detail::NetworkInterrupted | Detail::NetworkUnavailable),
            TokenFailure::Refused { answer, retry_after, .. } => retry_after.is_none() && answer.status >= 500,
        };
        let wanted = &self.settings.requested_scopes;
        match self.try_again(deadline, passing, || self.ask_once(record, tokens, wanted, deadline)) {
            // The app has come to ask for more than this person granted: what was granted still works, and the rest is missing.
            Err(TokenFailure::Refused { answer, .. }) if is_consent(&answer) && self.asks_for_more(record) => {
                let granted = self.settings.scope_names(&record.scopes.granted);
                self.try_again(deadline, passing, || self.ask_once(record, tokens, &granted, deadline))
            }
            outcome => outcome,
        }
    }

    fn asks_for_more(&self, record: &AccountRecord) -> bool {
        self.settings.scopes.iter().any(|scope| !record.scopes.allows(*scope))
    }

    /// Tries a request again, with growing pauses, as long as `passing` says so and there is time.
    pub(super) fn try_again(
        &self,
        deadline: Deadline,
        passing: impl Fn(&TokenFailure) -> bool,
        attempt: impl Fn() -> std::result::Result<Tokens, TokenFailure>,
    ) -> std::result::Result<Tokens, TokenFailure> {
        let pauses = Call::new(&CallOptions::default(), REFRESH_TIMEOUT, &self.closing);
        let mut pause = FIRST_PAUSE;
        let mut tries = 1;
        loop {
            let outcome = attempt();
            let again = outcome.as_ref().is_err_and(&passing);
            if !again || tries >= TRIES || deadline.remaining() < pause.saturating_mul(2) {
                return outcome;
            }
            let signal = pauses.signal();
            pauses.wait(&signal, jittered(pause))?;
            pause = pause.saturating_mul(2);
            tries += 1;
        }
    }

    fn ask_once(
        &self,
        record: &AccountRecord,
        tokens: &TokenSet,
        scopes: &[String],
        deadline: Deadline,
    ) -> std::result::Result<Tokens, TokenFailure> {
        let endpoint = self.endpoint(deadline);
        let provider = self.providers.of(&record.identity.tid, &self.settings.authority, &endpoint, &*self.clock);
        // The tenant of a connected account is a good one: whoever denies it is not the service.
        let provider = provider.map_err(|error| match error.kind() {
            ErrorKind::InvalidArgument => Error::from(Detail::ServiceUnavailable).with_what("discovery"),
            _ => error,
        })?;
        let refresh_token = tokens.refresh_token.as_ref().ok_or_else(|| Error::from(Detail::ReauthRequired))?;
        let request = TokenRequest { scopes, ..self.token_request(&provider, record.state.claims.as_deref()) };
        token::refresh(&endpoint, request, refresh_token)
    }
}

fn is_consent(answer: &ServiceError) -> bool {
    aadsts::decide(answer).state == AccountState::ConsentRequired
}

/// Between half and the whole of the pause, so that many callers do not come back together.
pub(super) fn jittered(pause: Duration) -> Duration {
    let mut byte = [0_u8; 1];
    let random = if getrandom::fill(&mut byte).is_ok() { u32::from(byte[0]) } else { 0 };
    pause.saturating_mul(256 + random) / 512
}
