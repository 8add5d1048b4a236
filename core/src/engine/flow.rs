//! A sign-in under way: what must be remembered until the browser comes back, sealed in the store.

use crate::{
    error::{Detail, Error, Result},
    secret::Secret,
};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// Seconds for which the answer to a sign-in is accepted.
pub(super) const FLOW_LIFETIME: i64 = 15 * 60;

/// A sign-in that was begun in the browser. Texts that are secret are wiped with the record.
#[derive(Serialize, Deserialize)]
pub(super) struct SignInFlow {
    pub(super) nonce: Zeroizing<String>,
    pub(super) verifier: Zeroizing<String>,
    pub(super) redirect_uri: String,
    /// The tenant segment of the authorization request; the code is redeemed on the same (FACTS 2.1).
    pub(super) tenant: String,
    pub(super) expected: Expected,
    /// The session of the web page that receives the redirect.
    pub(super) session_binding: Option<Zeroizing<String>>,
    pub(super) claims: Option<String>,
}

/// Who must sign in.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Expected {
    pub(super) person: Option<(String, String)>,
    pub(super) username: Option<String>,
}

/// An administrator's approval that was begun.
#[derive(Serialize, Deserialize)]
pub(super) struct AdminFlow {
    pub(super) tenant: String,
}

/// A sign-in with a code on another device.
#[derive(Serialize, Deserialize)]
pub(super) struct DeviceFlow {
    pub(super) device_code: Zeroizing<String>,
    pub(super) tenant: String,
    pub(super) expected: Expected,
    pub(super) interval: u32,
    pub(super) next_poll_at: i64,
    pub(super) expires_at: i64,
    /// The account, once the person has finished and a poll has not yet told.
    pub(super) account: Option<String>,
}

/// Which kind of answer a key belongs to: the state of one kind is unknown to the others.
#[derive(Clone, Copy)]
pub(super) enum FlowKind {
    SignIn,
    Admin,
    Device,
}

pub(super) fn key(kind: FlowKind, state: &str) -> Zeroizing<String> {
    let prefix = match kind {
        FlowKind::SignIn => "sign-in",
        FlowKind::Admin => "admin",
        FlowKind::Device => "device",
    };
    Zeroizing::new(format!("{prefix}:{state}"))
}

pub(super) fn encode(flow: &impl Serialize) -> Result<Zeroizing<Vec<u8>>> {
    // Roomy from the start: a buffer that grows leaves pieces behind.
    let mut buffer = Zeroizing::new(Vec::with_capacity(16 * 1024));
    serde_json::to_writer(&mut *buffer, flow).map_err(|_| Error::from(Detail::Internal).with_what("flow"))?;
    Ok(buffer)
}

pub(super) fn decode<T: for<'a> Deserialize<'a>>(payload: &[u8]) -> Result<T> {
    serde_json::from_slice(payload).map_err(|_| Error::from(Detail::StoreTampered).with_what("flow"))
}

impl SignInFlow {
    /// Whether the answer came through the session in which the sign-in was begun (case O-17).
    pub(super) fn check_binding(&self, presented: Option<&str>) -> Result<()> {
        let fits = match (&self.session_binding, presented) {
            (None, None) => true,
            (Some(bound), Some(presented)) => Secret::new(bound).matches(presented),
            _ => false,
        };
        if fits { Ok(()) } else { Err(Detail::SessionBindingMismatch.into()) }
    }
}
