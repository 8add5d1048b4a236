//! The identity platform: sign-in, consent, tokens, metadata.

pub(crate) mod admin_consent;
pub(crate) mod answer;
pub(crate) mod authorize;
pub(crate) mod consent;
pub(crate) mod device;
pub(crate) mod discovery;
pub(crate) mod errors;
pub(crate) mod flow;
pub(crate) mod id_token;
pub(crate) mod issue;
pub(crate) mod keys;
pub(crate) mod login;
pub(crate) mod logout;
pub(crate) mod refresh;
pub(crate) mod scopes;
pub(crate) mod token;
