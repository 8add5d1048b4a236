//! Codes and tokens that the sandbox issued. All of them are opaque random strings.

use std::collections::BTreeSet;

use super::model::Platform;

/// What a person agreed to in one sign-in, carried from the code through every refresh.
#[derive(Debug, Clone)]
pub(crate) struct Grant {
    pub(crate) tenant_id: String,
    pub(crate) user_name: String,
    pub(crate) client_id: String,
    pub(crate) scopes: BTreeSet<String>,
    pub(crate) nonce: Option<String>,
    pub(crate) session_id: String,
    /// Event number of the sign-in.
    pub(crate) event: u64,
    pub(crate) mfa: bool,
    /// Platform of the redirect address.
    pub(crate) platform: Platform,
    /// Continuous access evaluation was asked for.
    pub(crate) cae: bool,
}

/// An authorization code.
#[derive(Debug, Clone)]
pub(crate) struct Code {
    pub(crate) grant: Grant,
    /// The tenant segment of the authorization URL; redeeming elsewhere is AADSTS700005.
    pub(crate) alias: String,
    pub(crate) redirect_uri: String,
    pub(crate) challenge: Option<Challenge>,
    pub(crate) issued_at: i64,
    pub(crate) redeemed: bool,
}

/// PKCE, RFC 7636.
#[derive(Debug, Clone)]
pub(crate) struct Challenge {
    pub(crate) value: String,
    /// `S256` or `plain`; without a method Microsoft takes `plain`.
    pub(crate) s256: bool,
}

/// A device code, RFC 8628.
#[derive(Debug, Clone)]
pub(crate) struct DeviceCode {
    pub(crate) user_code: String,
    pub(crate) alias: String,
    pub(crate) client_id: String,
    pub(crate) scopes: BTreeSet<String>,
    pub(crate) issued_at: i64,
    pub(crate) outcome: DeviceOutcome,
}

/// Where a device code stands.
#[derive(Debug, Clone)]
pub(crate) enum DeviceOutcome {
    Pending,
    Declined,
    Granted(Grant),
}

#[derive(Debug, Clone)]
pub(crate) struct AccessToken {
    pub(crate) grant: Grant,
    pub(crate) expires_at: i64,
    /// Event number of the issue, for claims challenges.
    pub(crate) issued: u64,
}

#[derive(Debug, Clone)]
pub(crate) struct RefreshToken {
    pub(crate) grant: Grant,
    pub(crate) issued_at: i64,
    pub(crate) used: bool,
}
