//! Reading Graph for an account: a token, a place among the requests of its mailbox, patience with a busy service, and one other token
//! where Graph refuses the first.

use super::{AccountCell, Engine, REQUEST_TIMEOUT, attempts::jittered, gate::Gate};
use crate::{
    approval::Certainty,
    call::{Call, CallOptions},
    consent::Scope,
    error::{Detail, Error, Result},
    graph::{
        challenge::Challenge,
        failure::{Failure, Remedy},
        query::Reach,
        request::ReadOnlyRequest,
    },
    http::Response,
    model::{AccessToken, AccountState},
    oauth::aadsts::{Decision, Retry},
    store::{DropTokens, Rotation, StateRecord},
};
use std::{sync::Arc, time::Duration};

/// Tries of one request in all, where the service is busy or the network fails.
const TRIES: u32 = 4;
/// The pause before the second try where the service names none; it doubles.
const FIRST_PAUSE: Duration = Duration::from_millis(500);

/// What was tried for one request.
#[derive(Debug, Default)]
struct Course {
    tries: u32,
    /// Another token was fetched because one was refused.
    renewed: bool,
    /// Another token was fetched with claims that Graph asked for.
    challenged: bool,
}

impl Engine {
    /// One request with its answer, parsed. Everything but the waiting happens on a worker.
    pub(crate) fn read<T: Send + 'static>(
        self: &Arc<Self>,
        cell: &Arc<AccountCell>,
        call: &Call,
        mut request: ReadOnlyRequest,
        parse: impl Fn(&Response) -> Result<T> + Send + Sync + 'static,
    ) -> Result<T> {
        let (parse, mut course) = (Arc::new(parse), Course::default());
        loop {
            let token = self.token_within(cell, call)?;
            let failure = match self.attempt(cell, call, &request, &token, &parse)? {
                Ok(read) => {
                    cell.gate.succeeded();
                    return Ok(read);
                }
                Err(failure) => failure,
            };
            match failure.remedy {
                Remedy::Nothing => return Err(failure.error),
                Remedy::Token(challenge) => self.with_another_token(cell, &token, challenge, &mut course, failure.error)?,
                Remedy::SmallerPage(asked) => {
                    request = request.with_smaller_page();
                    wait_for_service(cell, call, asked, &mut course, failure.error)?;
                }
                Remedy::Later(asked) => wait_for_service(cell, call, asked, &mut course, failure.error)?,
            }
        }
    }

    /// Begins a call that reads what `scope` allows.
    ///
    /// # Errors
    /// As [`enter`](Self::enter); `AccountGone`; `ScopeNotGranted`, with the approval that is missing: nothing is sent then.
    pub(crate) fn enter_reading(&self, cell: &AccountCell, options: &CallOptions, scope: Scope) -> Result<Call> {
        let call = self.enter(options, REQUEST_TIMEOUT)?;
        cell.check_there()?;
        let record = cell.record();
        if record.scopes.allows(scope) {
            return Ok(call);
        }
        let approval = self.approval(Certainty::Likely, &record.identity.tid);
        Err(Detail::ScopeNotGranted.about(scope.name()).with_admin_approval(approval))
    }

    /// What a listing can ask for: by the cloud that is configured and the permissions of the account.
    pub(crate) fn reach(&self, cell: &AccountCell) -> Reach {
        Reach { cloud: self.settings.cloud, mail_text: cell.record().scopes.allows(Scope::MailRead) }
    }

    /// Sends once. The outer error is the caller's: cancelled, out of time, no place in time.
    fn attempt<T: Send + 'static>(
        self: &Arc<Self>,
        cell: &Arc<AccountCell>,
        call: &Call,
        request: &ReadOnlyRequest,
        token: &AccessToken,
        parse: &Arc<impl Fn(&Response) -> Result<T> + Send + Sync + 'static>,
    ) -> Result<std::result::Result<T, Failure>> {
        let pass = Gate::enter(cell, call)?;
        let (engine, request, token, parse) = (Arc::clone(self), request.clone(), token.secret.clone(), Arc::clone(parse));
        let deadline = call.deadline();
        self.workers.run(call, move || {
            // Held as long as the service is busy with it, whoever still waits for the answer.
            let _pass = pass;
            let response = request.send(&engine.endpoint(deadline), &token)?;
            Ok(parse(&response)?)
        })
    }

    /// After a refusal of `refused`: the next token is another one, or it is said why there is none.
    fn with_another_token(
        &self,
        cell: &AccountCell,
        refused: &AccessToken,
        challenge: Challenge,
        course: &mut Course,
        error: Error,
    ) -> Result<()> {
        match challenge {
            // A second challenge would be answered in the same way for ever (FACTS 6).
            Challenge::Claims(claims) if course.challenged => Err(self.needs_person(cell, &claims, error)),
            Challenge::Claims(claims) => {
                course.challenged = true;
                self.with_keys(|| self.keep_claims(cell, refused, &claims))
            }
            _ if course.renewed => Err(error),
            _ => {
                course.renewed = true;
                cell.refuse(refused);
                Ok(())
            }
        }
    }

    /// The next refresh asks for these claims, and so does the next sign-in, if it comes to that.
    fn keep_claims(&self, cell: &AccountCell, refused: &AccessToken, claims: &str) -> Result<()> {
        let record = self.read_row(cell)?;
        let is_newer = record.tokens.as_ref().is_some_and(|tokens| tokens.access_token.expose() != refused.secret.expose());
        if is_newer {
            return Ok(());
        }
        let state = StateRecord { claims: Some(claims.to_owned()), ..record.state.clone() };
        match self.store.update_state(cell.id(), record.generation, &state, DropTokens::AccessOnly) {
            Ok(Rotation::Written(_) | Rotation::Newer(_)) => self.read_row(cell).map(drop),
            Ok(Rotation::Gone) => Err(self.gone(cell)),
            Err(error) if error.cause() == Detail::StoreKeyChanged => Err(error),
            // A disk that takes nothing: without the claims the service asks once more, and then a person is needed.
            Err(_) => {
                cell.adopt_refusal(&state);
                Ok(())
            }
        }
    }

    /// Graph asks for what no refresh gives: the person has to sign in, with these claims.
    fn needs_person(&self, cell: &AccountCell, claims: &str, error: Error) -> Error {
        let decision = Decision {
            state: AccountState::ExtraStepRequired,
            keep_refresh_token: true,
            detail: Detail::InteractionRequired,
            retry: Retry::AfterSignIn,
        };
        let noted = self.with_keys(|| {
            let record = self.read_row(cell)?;
            self.note(cell, &record, decision, error.clone(), Some(claims.to_owned()))
        });
        self.tell(cell);
        noted.err().unwrap_or(error)
    }
}

/// Waits as the service asks, or longer each time; fails at once where there is no time for it, or where too much fails.
fn wait_for_service(cell: &AccountCell, call: &Call, asked: Option<u32>, course: &mut Course, error: Error) -> Result<()> {
    let pause = match asked {
        Some(seconds) => Duration::from_secs(seconds.into()),
        None => jittered(FIRST_PAUSE.saturating_mul(1 << course.tries.min(8))),
    };
    if asked.is_some() {
        cell.gate.close_for(pause);
    }
    course.tries = course.tries.saturating_add(1);
    let allowed = course.tries < TRIES && call.has_time_for(pause) && (asked.is_some() || cell.gate.may_retry());
    if !allowed {
        return Err(error);
    }
    call.sleep(pause)
}
