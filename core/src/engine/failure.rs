//! What an error answer of the service becomes for the host: the cause, the codes, the approval that may be missing.

use super::Engine;
use crate::{
    approval::Certainty,
    error::{Detail, Error},
    http::RequestIds,
    oauth::{
        aadsts::{self, ServiceError},
        redirect,
        token::TokenFailure,
    },
};

impl Engine {
    /// An error that the browser brought back.
    pub(super) fn redirect_error(&self, error: &redirect::RedirectError, tenant: &str) -> Error {
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
