//! The errors of the identity platform: OAuth name, number, text, and how each form is written.

use serde_json::{Value, json};

use crate::http::Reply;
use crate::state::State;
use crate::state::clock::login_timestamp;

/// One AADSTS error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    pub(crate) code: u32,
    pub(crate) error: &'static str,
    pub(crate) suberror: Option<&'static str>,
    pub(crate) text: String,
    pub(crate) claims: Option<String>,
}

impl Problem {
    /// The error of that number with its usual name and text.
    pub(crate) fn new(code: u32) -> Problem {
        let (_, error, suberror, text) =
            CATALOGUE.iter().find(|entry| entry.0 == code).unwrap_or(&(0, "server_error", "", "Unexpected error."));
        Problem { code, error, suberror: (!suberror.is_empty()).then_some(*suberror), text: (*text).to_owned(), claims: None }
    }

    /// Puts a value in the text's place for it.
    pub(crate) fn about(mut self, value: &str) -> Problem {
        self.text = self.text.replacen("{}", value, 1);
        self
    }

    pub(crate) fn with_claims(self, claims: &Value) -> Problem {
        Problem { claims: Some(claims.to_string()), ..self }
    }

    /// `prompt=none` reports what would need the person as `interaction_required`.
    pub(crate) fn into_interaction(self) -> Problem {
        let error = if self.code == 50_058 { "login_required" } else { "interaction_required" };
        Problem { error, ..self }
    }

    /// `error_description` of a redirect, with its lines.
    pub(crate) fn description(&self, ids: &Ids) -> String {
        format!(
            "AADSTS{}: {}\r\nTrace ID: {}\r\nCorrelation ID: {}\r\nTimestamp: {}",
            self.code, self.text, ids.trace, ids.correlation, ids.timestamp
        )
    }

    /// The token endpoint's answer (FACTS 2.3).
    pub(crate) fn reply(&self, origin: &str, ids: &Ids) -> Reply {
        let mut body = json!({
            "error": self.error,
            "error_description": self.description(ids).replace("\r\n", " "),
            "error_codes": [self.code],
            "timestamp": ids.timestamp,
            "trace_id": ids.trace,
            "correlation_id": ids.correlation,
        });
        if let Some(members) = body.as_object_mut() {
            if self.code != 65_001 {
                members.insert("error_uri".into(), format!("{origin}/error?code={}", self.code).into());
            }
            if let Some(suberror) = self.suberror {
                members.insert("suberror".into(), suberror.into());
            }
            if let Some(claims) = &self.claims {
                members.insert("claims".into(), claims.clone().into());
            }
        }
        let status = if self.error == "invalid_client" { 401 } else { 400 };
        Reply::json(status, &body).with("x-ms-request-id", &ids.trace).with("client-request-id", &ids.correlation)
    }
}

/// The ids that accompany an error.
#[derive(Debug, Clone)]
pub(crate) struct Ids {
    pub(crate) trace: String,
    pub(crate) correlation: String,
    pub(crate) timestamp: String,
}

impl Ids {
    /// The correlation id is the client's own where it sent one.
    pub(crate) fn new(state: &mut State, client_request_id: Option<&str>) -> Ids {
        let correlation = client_request_id.filter(|id| is_guid(id)).map(str::to_owned);
        Ids {
            trace: state.random.guid(),
            correlation: correlation.unwrap_or_else(|| state.random.guid()),
            timestamp: login_timestamp(state.now()),
        }
    }
}

/// Whether a text has the form of a GUID.
pub(crate) fn is_guid(text: &str) -> bool {
    let groups: Vec<&str> = text.split('-').collect();
    groups.iter().map(|group| group.len()).eq([8, 4, 4, 4, 12]) && text.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit())
}

/// Number, OAuth error, suberror, text. `{}` is filled in by [`Problem::about`], in order.
#[rustfmt::skip]
const CATALOGUE: &[(u32, &str, &str, &str)] = &[
    (50_011, "invalid_request", "", "The redirect URI '{}' specified in the request does not match the redirect URIs configured for the application '{}'. Make sure the redirect URI sent in the request matches one added to your application."),
    (50_020, "invalid_grant", "", "User account '{}' does not exist in tenant '{}' and cannot access the application in that tenant. The account needs to be added as an external user in the tenant first. Sign out and sign in again with a different account."),
    (50_034, "invalid_grant", "", "The user account {} does not exist in the directory. To sign into this application, the account must be added to the directory."),
    (50_049, "invalid_instance", "", "Unknown or invalid instance."),
    (50_053, "invalid_grant", "", "The account is locked, you've tried to sign in too many times with an incorrect user ID or password."),
    (50_057, "invalid_grant", "", "The user account is disabled."),
    (50_058, "login_required", "", "A silent sign-in request was sent but no user is signed in."),
    (50_076, "invalid_grant", "basic_action", "Due to a configuration change made by your administrator, or because you moved to a new location, you must use multi-factor authentication to access '00000003-0000-0000-c000-000000000000'."),
    (50_105, "invalid_grant", "", "Your administrator has configured the application {} to block users unless they are specifically granted ('assigned') access to the application."),
    (50_126, "invalid_grant", "", "Error validating credentials due to invalid username or password."),
    (50_173, "invalid_grant", "bad_token", "The provided grant has expired due to it being revoked, a fresh auth token is needed. The user might have changed or reset their password."),
    (53_000, "invalid_grant", "additional_action", "Device is not in required device state: compliant. Conditional Access policy requires a compliant device, and the device is not compliant."),
    (53_003, "invalid_grant", "message_only", "Access has been blocked by Conditional Access policies. The access policy does not allow token issuance."),
    (54_005, "invalid_grant", "", "OAuth2 Authorization code was already redeemed, please retry with a new valid code or use an existing refresh token."),
    (65_001, "invalid_grant", "consent_required", "The user or administrator has not consented to use the application with ID '{}' named '{}'. Send an interactive authorization request for this user and resource."),
    (65_004, "access_denied", "", "User declined to consent to access the app."),
    (70_000, "invalid_grant", "bad_token", "The provided grant is invalid or has already been used."),
    (70_003, "unsupported_grant_type", "", "The app requested an unsupported grant type '{}'."),
    (70_005, "unsupported_response_type", "", "The app requested an unsupported response type '{}'."),
    (70_007, "invalid_request", "", "'{}' is not a supported value of 'response_mode' when requesting a token."),
    (70_008, "invalid_grant", "", "The provided authorization code or refresh token has expired due to inactivity. Send a new interactive authorization request for this user and resource."),
    (70_011, "invalid_scope", "", "The provided value for the input parameter 'scope' is not valid. The scope '{}' is not valid."),
    (70_016, "authorization_pending", "", "OAuth 2.0 device flow error. Authorization is pending. Continue polling."),
    (70_018, "bad_verification_code", "", "Invalid verification code."),
    (70_019, "expired_token", "", "Verification code expired."),
    (90_002, "invalid_request", "", "Tenant '{}' not found. Check to make sure you have the correct tenant ID and are signing into the correct cloud."),
    (90_009, "invalid_request", "", "Application '{}'({}) is requesting a token for itself. This scenario is supported only if resource is specified using the GUID based App Identifier."),
    (90_023, "invalid_request", "", "Unable to process the request: '{}' is not valid."),
    (90_094, "invalid_request", "", "The grant requires admin permission."),
    (90_095, "invalid_request", "", "Admin consent is required; a request can be sent to the reviewers."),
    (90_119, "invalid_request", "", "The user code is null or empty."),
    (90_120, "invalid_request", "", "The request was already authorized or declined."),
    (500_011, "invalid_resource", "", "The resource principal named {} was not found in the tenant."),
    (501_481, "invalid_grant", "", "The Code_Verifier does not match the code_challenge supplied in the authorization request."),
    (501_491, "invalid_request", "", "Bad size or form of the code challenge parameter."),
    (700_005, "invalid_grant", "", "Provided Authorization Code is intended to use against other tenant, thus rejected."),
    (700_016, "unauthorized_client", "", "Application with identifier '{}' was not found in the directory '{}'."),
    (700_025, "invalid_client", "", "Client is public so neither 'client_assertion' nor 'client_secret' should be presented."),
    (700_054, "unsupported_response_type", "", "response_type 'id_token' is not enabled for the application."),
    (700_082, "invalid_grant", "bad_token", "The refresh token has expired due to inactivity and was inactive for 90.00:00:00."),
    (700_084, "invalid_grant", "bad_token", "The refresh token was issued to a single page app (SPA), and therefore has a fixed, limited lifetime of 1.00:00:00, which can't be extended."),
    (900_144, "invalid_request", "", "The request body must contain the following parameter: '{}'."),
    (900_561, "invalid_request", "", "The endpoint only accepts POST requests. Received a {} request."),
    (900_941, "invalid_request", "", "Administrator consent is required. The app is considered risky."),
    (900_981, "invalid_request", "", "An admin consent request is required: the app is considered risky."),
    (901_002, "invalid_request", "", "The 'resource' request parameter is not supported."),
    (7_000_112, "unauthorized_client", "", "Application '{}'({}) is disabled."),
    (7_000_215, "invalid_client", "", "Invalid client secret provided."),
    (7_000_218, "invalid_client", "", "The request body must contain the following parameter: 'client_assertion' or 'client_secret'."),
    (9_002_313, "invalid_grant", "bad_token", "Invalid request. Request is malformed or invalid."),
    (9_002_325, "invalid_request", "", "Proof Key for Code Exchange is required for cross-origin authorization code redemption."),
    (9_002_326, "invalid_request", "", "Cross-origin token redemption is permitted only for the 'Single-Page Application' client-type. Request origin: '{}'."),
    (9_002_327, "invalid_request", "", "Tokens issued for the 'Single-Page Application' client-type may only be redeemed via cross-origin requests."),
    (9_002_332, "invalid_request", "", "Application '{}' is configured for use by Microsoft Entra users only. Do not use the /consumers endpoint to serve this request."),
];
