//! Signing in with a code on another device, one poll at a time.

use super::{
    AccountCell, Engine, REQUEST_TIMEOUT,
    connect::check_options,
    flow::{self, DeviceFlow, FlowKind},
};
use crate::{
    approval::Certainty,
    call::Call,
    clock::Deadline,
    error::{Detail, Error, Result},
    model::{ConnectOptions, DeviceCode},
    oauth::{
        authorize::fresh_state,
        device_code::{self, Poll},
        token::{self, TokenFailure},
    },
    secret::Secret,
    settings::Settings,
    store::Flow,
};
use std::sync::{Arc, PoisonError};
use zeroize::Zeroizing;

/// What a poll found.
pub(crate) enum DeviceProgress {
    Connected(Arc<AccountCell>),
    /// Seconds to wait before the next poll.
    Pending(u32),
}

/// Longest pause between two polls, however often the service asks to slow down.
const LONGEST_INTERVAL: u32 = 60;

impl Engine {
    pub(crate) fn begin_device_connect(self: &Arc<Self>, call: &Call, options: &ConnectOptions) -> Result<DeviceCode> {
        if !self.settings.allow_device_code {
            return Err(Detail::FlowDisabled.into());
        }
        check_options(options)?;
        if options.session_binding.is_some() || options.no_prompt {
            return Err(Error::from(Detail::InvalidArgument).with_what("options of a browser"));
        }
        let (expected, _) = self.expected(options)?;
        let tenant = self.sign_in_tenant(options)?;
        let provider = self.provider(call, &tenant)?;
        let (engine, deadline) = (Arc::clone(self), Deadline::after(REQUEST_TIMEOUT));
        let granted = self.workers.run(call, move || {
            let url = provider.device.as_ref().ok_or(Detail::FlowDisabled)?;
            let Settings { authority, client_id, requested_scopes, .. } = &engine.settings;
            device_code::authorize(&engine.endpoint(deadline), url, authority, client_id, requested_scopes)
        })??;
        let handle = fresh_state().expose().to_owned();
        let now = self.now();
        let flow = DeviceFlow {
            device_code: Zeroizing::new(granted.device_code.expose().to_owned()),
            tenant,
            expected,
            interval: granted.interval,
            next_poll_at: now.saturating_add(granted.interval.into()),
            expires_at: now.saturating_add(granted.expires_in),
            account: None,
        };
        self.store().put_flow(&Flow {
            key: &flow::key(FlowKind::Device, &handle),
            account: options.expected_account.as_deref(),
            now,
            expires_at: flow.expires_at,
            payload: &flow::encode(&flow)?,
        })?;
        Ok(DeviceCode {
            user_code: granted.user_code,
            verification_uri: granted.verification_uri,
            expires_at: flow.expires_at,
            interval: flow.interval,
            handle,
        })
    }

    /// Asks once. A poll before its time asks nobody and says how long to wait (case O-23). A poll that its caller gives up goes on,
    /// and the next one tells what came of it: the code can be redeemed only once.
    pub(crate) fn poll_device_connect(self: &Arc<Self>, call: &Call, handle: &str) -> Result<DeviceProgress> {
        let key = flow::key(FlowKind::Device, handle);
        let flow = match self.turn(&key)? {
            Turn::Done(id) => {
                // The account is told now; the row would go by itself when its time is over.
                let _ = self.store().forget_flow(&key);
                return self.account(&id).map(DeviceProgress::Connected);
            }
            Turn::Wait(seconds) => return Ok(DeviceProgress::Pending(seconds)),
            Turn::Ask(flow) => flow,
        };
        let engine = Arc::clone(self);
        let progress = self.workers.run(call, move || engine.poll_now(&key, flow))??;
        if let DeviceProgress::Connected(_) = &progress {
            let _ = self.store().forget_flow(&flow::key(FlowKind::Device, handle));
        }
        Ok(progress)
    }

    /// Whose turn it is: of several polls at once, one asks.
    fn turn(&self, key: &str) -> Result<Turn> {
        let _one_at_a_time = self.polling.lock().unwrap_or_else(PoisonError::into_inner);
        let payload = self.store().read_flow(key, self.now())?.ok_or_else(|| self.code_expired(&self.settings.tenant))?;
        let mut flow: DeviceFlow = flow::decode(&payload)?;
        if let Some(id) = flow.account {
            return Ok(Turn::Done(id));
        }
        let early = flow.next_poll_at.saturating_sub(self.now());
        if early > 0 {
            return Ok(Turn::Wait(u32::try_from(early).unwrap_or(LONGEST_INTERVAL)));
        }
        self.put_off(key, &mut flow)?;
        Ok(Turn::Ask(flow))
    }

    /// Nobody finished in time: as with a browser, a missing approval is the likely reason.
    fn code_expired(&self, tenant: &str) -> Error {
        Error::from(Detail::DeviceCodeExpired).with_admin_approval(self.approval(Certainty::Likely, tenant))
    }

    fn put_off(&self, key: &str, flow: &mut DeviceFlow) -> Result<()> {
        flow.next_poll_at = self.now().saturating_add(flow.interval.into());
        self.store().update_flow(key, self.now(), &flow::encode(flow)?).map(drop)
    }

    /// On a worker: asks, and keeps the account at once.
    fn poll_now(&self, key: &str, mut flow: DeviceFlow) -> Result<DeviceProgress> {
        let code = Secret::new(&flow.device_code);
        match self.ask_for_device(&flow.tenant, &code, Deadline::after(REQUEST_TIMEOUT)) {
            Ok(signed_in) => {
                let kept = self.keep(&signed_in, &flow.expected);
                match &kept {
                    Ok(cell) => flow.account = Some(cell.id().to_owned()),
                    // The code is spent: there is nothing left to poll for.
                    Err(_) => self.store().forget_flow(key)?,
                }
                if flow.account.is_some() {
                    // If this cannot be written, the account is there all the same.
                    let _ = self.put_off(key, &mut flow);
                }
                kept.inspect(|cell| self.tell(cell)).map(DeviceProgress::Connected)
            }
            Err(DeviceFailure::Wait(poll)) => {
                if poll == Poll::SlowDown {
                    flow.interval = flow.interval.saturating_add(5).min(LONGEST_INTERVAL);
                    self.put_off(key, &mut flow)?;
                }
                Ok(DeviceProgress::Pending(flow.interval))
            }
            Err(DeviceFailure::Over(error)) => {
                if !error.is_passing() {
                    self.store().forget_flow(key)?;
                }
                Err(error)
            }
        }
    }

    fn ask_for_device(
        &self,
        tenant: &str,
        code: &Secret,
        deadline: Deadline,
    ) -> std::result::Result<super::sign_in::SignedIn, DeviceFailure> {
        let endpoint = self.endpoint(deadline);
        let provider = self.providers.of(tenant, &self.settings.authority, &endpoint, &*self.clock)?;
        match token::poll_device(&endpoint, self.token_request(&provider, None), code) {
            Ok(tokens) => Ok(self.signed_in(tokens, &provider, None, None, deadline)?),
            Err(TokenFailure::Refused { answer, ids, retry_after }) => Err(match device_code::poll(&answer) {
                Some(Poll::Failed(detail)) => {
                    if detail == Detail::DeviceCodeExpired {
                        return Err(DeviceFailure::Over(ids.mark(self.code_expired(tenant))));
                    }
                    let error = ids.mark(Error::from(detail));
                    let declined = detail == Detail::ConsentDenied;
                    DeviceFailure::Over(if declined {
                        error.with_admin_approval(self.approval(Certainty::Ambiguous, tenant))
                    } else {
                        error
                    })
                }
                Some(wait) => DeviceFailure::Wait(wait),
                None => DeviceFailure::Over(self.redeem_error(TokenFailure::Refused { answer, ids, retry_after }, tenant)),
            }),
            Err(TokenFailure::Failed(error)) => Err(DeviceFailure::Over(error)),
        }
    }
}

/// What a poll may do now.
enum Turn {
    Ask(DeviceFlow),
    /// Seconds until somebody may ask again.
    Wait(u32),
    /// An earlier poll connected this account.
    Done(String),
}

enum DeviceFailure {
    Wait(Poll),
    Over(Error),
}

impl From<Error> for DeviceFailure {
    fn from(error: Error) -> Self {
        Self::Over(error)
    }
}
