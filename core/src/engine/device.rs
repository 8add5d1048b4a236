//! Signing in with a code on another device, one poll at a time.

use super::{
    AccountCell, Engine, REQUEST_TIMEOUT,
    flow::{self, DeviceFlow, FlowKind},
};
use crate::{
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
use std::sync::Arc;
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
        let (expected, _) = self.expected(options)?;
        let tenant = self.tenant_for(options.tenant.as_deref())?;
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
        };
        let key = flow::key(FlowKind::Device, &handle);
        self.store().put_flow(&Flow {
            key: &key,
            account: None,
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

    /// Asks once. A poll before its time asks nobody and says how long to wait (catalogue O-23).
    pub(crate) fn poll_device_connect(self: &Arc<Self>, call: &Call, handle: &str) -> Result<DeviceProgress> {
        let key = flow::key(FlowKind::Device, handle);
        let payload = self.store().read_flow(&key, self.now())?.ok_or(Detail::DeviceCodeExpired)?;
        let mut flow: DeviceFlow = flow::decode(&payload)?;
        let early = flow.next_poll_at.saturating_sub(self.now());
        if early > 0 {
            return Ok(DeviceProgress::Pending(u32::try_from(early).unwrap_or(LONGEST_INTERVAL)));
        }
        flow.next_poll_at = self.now().saturating_add(flow.interval.into());
        self.store().update_flow(&key, self.now(), &flow::encode(&flow)?)?;
        let expected = flow.expected.clone();
        let (engine, deadline, tenant, code) =
            (Arc::clone(self), Deadline::after(REQUEST_TIMEOUT), flow.tenant.clone(), Secret::new(&flow.device_code));
        let outcome = self.workers.run(call, move || engine.ask_for_device(&tenant, &code, deadline))?;
        match outcome {
            Ok(signed_in) => {
                let kept = self.keep(call, &signed_in, &expected);
                self.store().forget_flow(&key)?;
                kept.map(DeviceProgress::Connected)
            }
            Err(DeviceFailure::Wait(poll)) => {
                if poll == Poll::SlowDown {
                    flow.interval = flow.interval.saturating_add(5).min(LONGEST_INTERVAL);
                    flow.next_poll_at = self.now().saturating_add(flow.interval.into());
                    self.store().update_flow(&key, self.now(), &flow::encode(&flow)?)?;
                }
                Ok(DeviceProgress::Pending(flow.interval))
            }
            Err(DeviceFailure::Over(error)) => {
                if !error.is_retryable() {
                    self.store().forget_flow(&key)?;
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
    ) -> std::result::Result<super::connect::SignedIn, DeviceFailure> {
        let endpoint = self.endpoint(deadline);
        let provider = self.providers.of(tenant, &self.settings.authority, &endpoint, &*self.clock)?;
        match token::poll_device(&endpoint, self.token_request(&provider, None), code) {
            Ok(tokens) => Ok(self.signed_in(tokens, &provider, None, None, deadline)?),
            Err(TokenFailure::Refused { answer, ids, retry_after }) => Err(match device_code::poll(&answer) {
                Some(Poll::Failed(detail)) => {
                    let error = ids.mark(Error::from(detail));
                    let declined = detail == Detail::ConsentDenied;
                    DeviceFailure::Over(if declined {
                        error.with_admin_approval(self.approval(crate::approval::Certainty::Ambiguous, tenant))
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

enum DeviceFailure {
    Wait(Poll),
    Over(Error),
}

impl From<Error> for DeviceFailure {
    fn from(error: Error) -> Self {
        Self::Over(error)
    }
}
