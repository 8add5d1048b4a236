//! What an error of the identity platform means: the decision table of FACTS section 14.
//!
//! Decisions follow the OAuth `error`, then the `suberror`; AADSTS numbers decide only where the table names them, because Microsoft
//! calls them diagnostics that may change. `docs/account-states.md` shows the same table with a drawing.

use crate::{error::Detail, model::AccountState};

/// An error answer of the token endpoint, reduced to what decides.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ServiceError {
    /// HTTP status of the answer.
    pub(crate) status: u16,
    /// OAuth `error`; empty where the body was no JSON.
    pub(crate) error: String,
    pub(crate) suberror: Option<String>,
    /// Every AADSTS number: `error_codes`, or those in the description where that list is missing.
    pub(crate) codes: Vec<u32>,
    /// Claims that the next sign-in must ask for, as JSON text.
    pub(crate) claims: Option<String>,
}

/// What becomes of an account after a failed refresh.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Decision {
    pub(crate) state: AccountState,
    /// A refresh token is deleted only where the service said that it is of no use any more.
    pub(crate) keep_refresh_token: bool,
    pub(crate) detail: Detail,
    pub(crate) retry: Retry,
}

/// Whether a later silent call may ask the service again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Retry {
    /// Not before the person has signed in again.
    AfterSignIn,
    /// Now and then: somebody else may have changed something at the service.
    Probe,
    /// Yes, with growing pauses: nothing is wrong with the account.
    Backoff,
}

const KEEP: bool = true;
const DELETE: bool = false;

/// The table, top to bottom.
pub(crate) fn decide(answer: &ServiceError) -> Decision {
    if answer.status == 429 || answer.status >= 500 {
        return transient(answer.status);
    }
    match answer.error.as_str() {
        "temporarily_unavailable" | "server_error" => transient(answer.status),
        "invalid_grant" => invalid_grant(answer),
        "interaction_required" => by_suberror(answer).unwrap_or_else(extra_step),
        "consent_required" => consent(),
        "unauthorized_client" => row(AccountState::AppUnavailable, KEEP, Detail::AppUnavailable, Retry::Probe),
        "invalid_client" | "invalid_request" | "invalid_scope" | "invalid_resource" => {
            row(AccountState::Misconfigured, KEEP, Detail::ConfigError, Retry::Probe)
        }
        "" => row(AccountState::Connected, KEEP, Detail::TokenResponseInvalid, Retry::Backoff),
        _ => row(AccountState::TechnicalError, KEEP, Detail::ProviderError, Retry::Probe),
    }
}

fn invalid_grant(answer: &ServiceError) -> Decision {
    if answer.suberror.as_deref() == Some("bad_token") || has(answer, &[9_002_313, 70_000]) {
        return sign_in(DELETE);
    }
    if has(answer, &[700_082, 70_008, 50_173, 50_133, 70_043]) {
        return sign_in(DELETE);
    }
    if has(answer, &[65_001]) {
        return consent();
    }
    by_suberror(answer).unwrap_or_else(|| sign_in(KEEP))
}

fn by_suberror(answer: &ServiceError) -> Option<Decision> {
    Some(match answer.suberror.as_deref()? {
        "consent_required" => consent(),
        "basic_action" => extra_step(),
        // An app that is not approved can only be allowed by an administrator, whatever the person does to the device.
        "additional_action" if has(answer, &[53_002]) => blocked(Detail::BlockedByPolicy),
        "additional_action" | "device_authentication_failed" => blocked(Detail::DeviceNotAccepted),
        "message_only" | "protection_policy_required" => blocked(Detail::BlockedByPolicy),
        "user_password_expired" => Decision { detail: Detail::PasswordExpired, ..sign_in(KEEP) },
        "token_expired" => sign_in(KEEP),
        "client_mismatch" => sign_in(DELETE),
        _ => return None,
    })
}

fn has(answer: &ServiceError, codes: &[u32]) -> bool {
    answer.codes.iter().any(|code| codes.contains(code))
}

/// What the organisation's conditional access forbids (FACTS 2.4): the detail says who can change that.
fn blocked(detail: Detail) -> Decision {
    row(AccountState::BlockedByPolicy, KEEP, detail, Retry::Probe)
}

fn sign_in(keep: bool) -> Decision {
    row(AccountState::SignInRequired, keep, Detail::ReauthRequired, Retry::AfterSignIn)
}

fn consent() -> Decision {
    row(AccountState::ConsentRequired, KEEP, Detail::AdminConsentRequired, Retry::Probe)
}

fn extra_step() -> Decision {
    row(AccountState::ExtraStepRequired, KEEP, Detail::InteractionRequired, Retry::AfterSignIn)
}

fn transient(status: u16) -> Decision {
    let detail = if status == 429 { Detail::Throttled } else { Detail::ServiceUnavailable };
    row(AccountState::Connected, KEEP, detail, Retry::Backoff)
}

fn row(state: AccountState, keep_refresh_token: bool, detail: Detail, retry: Retry) -> Decision {
    Decision { state, keep_refresh_token, detail, retry }
}

/// The numbers of all `AADSTS…` in a description, at most eight.
pub(crate) fn codes_in(description: &str) -> Vec<u32> {
    let numbers = description.split("AADSTS").skip(1).filter_map(|rest| {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        rest.get(..digits).filter(|number| (4..=9).contains(&number.len()))?.parse().ok()
    });
    numbers.take(8).collect()
}

/// How people write such a number.
pub(crate) fn service_code(codes: &[u32]) -> Option<String> {
    codes.first().map(|code| format!("AADSTS{code}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Actor;
    use AccountState as S;

    fn decision(status: u16, error: &str, suberror: &str, codes: &[u32]) -> (AccountState, bool, Retry) {
        let suberror = Some(suberror.to_owned()).filter(|text| !text.is_empty());
        let decision = decide(&ServiceError { status, error: error.into(), suberror, codes: codes.to_vec(), claims: None });
        (decision.state, decision.keep_refresh_token, decision.retry)
    }

    /// T-16: the rows of FACTS section 14, in its order.
    #[test]
    fn t_16_the_decision_table() {
        #[expect(clippy::type_complexity, reason = "a row of the table")]
        let rows: &[(u16, &str, &str, &[u32], S, bool, Retry)] = &[
            (400, "invalid_grant", "bad_token", &[], S::SignInRequired, DELETE, Retry::AfterSignIn),
            (400, "invalid_grant", "", &[9_002_313], S::SignInRequired, DELETE, Retry::AfterSignIn),
            (400, "invalid_grant", "", &[70_000], S::SignInRequired, DELETE, Retry::AfterSignIn),
            (400, "invalid_grant", "", &[700_082], S::SignInRequired, DELETE, Retry::AfterSignIn),
            (400, "invalid_grant", "bad_token", &[700_082], S::SignInRequired, DELETE, Retry::AfterSignIn),
            (400, "invalid_grant", "basic_action", &[50_173], S::SignInRequired, DELETE, Retry::AfterSignIn),
            (400, "invalid_grant", "", &[70_002, 70_008], S::SignInRequired, DELETE, Retry::AfterSignIn),
            (400, "invalid_grant", "", &[50_133], S::SignInRequired, DELETE, Retry::AfterSignIn),
            (400, "invalid_grant", "token_expired", &[70_043], S::SignInRequired, DELETE, Retry::AfterSignIn),
            (400, "invalid_grant", "consent_required", &[65_001], S::ConsentRequired, KEEP, Retry::Probe),
            (400, "invalid_grant", "", &[65_001], S::ConsentRequired, KEEP, Retry::Probe),
            (400, "invalid_grant", "consent_required", &[], S::ConsentRequired, KEEP, Retry::Probe),
            (400, "invalid_grant", "basic_action", &[50_076], S::ExtraStepRequired, KEEP, Retry::AfterSignIn),
            (400, "interaction_required", "", &[50_079], S::ExtraStepRequired, KEEP, Retry::AfterSignIn),
            (400, "invalid_grant", "additional_action", &[53_000], S::BlockedByPolicy, KEEP, Retry::Probe),
            (400, "invalid_grant", "message_only", &[53_003], S::BlockedByPolicy, KEEP, Retry::Probe),
            (400, "interaction_required", "message_only", &[53_003], S::BlockedByPolicy, KEEP, Retry::Probe),
            (400, "invalid_grant", "device_authentication_failed", &[], S::BlockedByPolicy, KEEP, Retry::Probe),
            (400, "unauthorized_client", "", &[700_016], S::AppUnavailable, KEEP, Retry::Probe),
            (400, "unauthorized_client", "", &[7_000_112], S::AppUnavailable, KEEP, Retry::Probe),
            (400, "unauthorized_client", "protection_policy_required", &[53_005], S::AppUnavailable, KEEP, Retry::Probe),
            (400, "invalid_grant", "user_password_expired", &[50_055], S::SignInRequired, KEEP, Retry::AfterSignIn),
            (400, "invalid_grant", "token_expired", &[], S::SignInRequired, KEEP, Retry::AfterSignIn),
            (400, "invalid_grant", "client_mismatch", &[], S::SignInRequired, DELETE, Retry::AfterSignIn),
            (400, "invalid_grant", "protection_policy_required", &[], S::BlockedByPolicy, KEEP, Retry::Probe),
            (400, "invalid_grant", "", &[], S::SignInRequired, KEEP, Retry::AfterSignIn),
            (400, "invalid_grant", "something_new", &[50_057], S::SignInRequired, KEEP, Retry::AfterSignIn),
            (401, "invalid_client", "", &[7_000_218], S::Misconfigured, KEEP, Retry::Probe),
            (400, "invalid_request", "", &[90_009], S::Misconfigured, KEEP, Retry::Probe),
            (400, "invalid_scope", "", &[70_011], S::Misconfigured, KEEP, Retry::Probe),
            (400, "invalid_resource", "", &[500_011], S::Misconfigured, KEEP, Retry::Probe),
            (400, "something_else", "", &[], S::TechnicalError, KEEP, Retry::Probe),
            (400, "temporarily_unavailable", "", &[90_033], S::Connected, KEEP, Retry::Backoff),
            (400, "server_error", "", &[], S::Connected, KEEP, Retry::Backoff),
            (429, "", "", &[], S::Connected, KEEP, Retry::Backoff),
            (503, "invalid_grant", "bad_token", &[700_082], S::Connected, KEEP, Retry::Backoff),
            (502, "", "", &[], S::Connected, KEEP, Retry::Backoff),
            (400, "", "", &[], S::Connected, KEEP, Retry::Backoff),
        ];
        for (status, error, suberror, codes, state, keep, retry) in rows {
            assert_eq!(decision(*status, error, suberror, codes), (*state, *keep, *retry), "{status} {error} {suberror} {codes:?}");
        }
    }

    /// The sub-errors of conditional access: what the person can do, what only an administrator can.
    #[test]
    fn t_16_sub_errors_say_who_must_act() {
        for (error, suberror, codes, detail, who) in [
            ("invalid_grant", "basic_action", 50_076, Detail::InteractionRequired, Actor::User),
            ("interaction_required", "basic_action", 50_079, Detail::InteractionRequired, Actor::User),
            ("invalid_grant", "additional_action", 53_000, Detail::DeviceNotAccepted, Actor::User),
            ("invalid_grant", "additional_action", 53_002, Detail::BlockedByPolicy, Actor::Administrator),
            ("invalid_grant", "device_authentication_failed", 50_155, Detail::DeviceNotAccepted, Actor::User),
            ("invalid_grant", "message_only", 53_003, Detail::BlockedByPolicy, Actor::Administrator),
            ("unauthorized_client", "protection_policy_required", 53_005, Detail::AppUnavailable, Actor::Administrator),
            ("invalid_grant", "user_password_expired", 50_055, Detail::PasswordExpired, Actor::User),
            ("invalid_grant", "token_expired", 70_043, Detail::ReauthRequired, Actor::User),
        ] {
            let suberror = Some(suberror.to_owned());
            let answer = ServiceError { status: 400, error: error.into(), suberror, codes: vec![codes], claims: None };
            let decided = decide(&answer).detail;
            assert_eq!((decided, decided.who_acts()), (detail, who), "{answer:?}");
        }
    }

    #[test]
    fn numbers_are_read_from_descriptions() {
        assert_eq!(codes_in("AADSTS65001: The user or administrator has not consented"), [65001]);
        assert_eq!(codes_in("x AADSTS70002: a. AADSTS70008: b."), [70002, 70008]);
        for text in ["", "AADSTS", "AADSTS12", "AADSTSabc", "AADSTS99999999999999999999", "aadsts65001"] {
            assert!(codes_in(text).is_empty(), "{text}");
        }
    }
}
