//! The protocol: OAuth 2.0 and OpenID Connect as the Microsoft identity platform speaks them. One file per RFC topic; nothing here
//! knows the store.

pub(crate) mod aadsts;
pub(crate) mod authorize;
pub(crate) mod claims;
pub(crate) mod device_code;
pub(crate) mod discovery;
pub(crate) mod endpoint;
pub(crate) mod redirect;
pub(crate) mod token;
