//! The protocol: OAuth 2.0 and `OpenID` Connect as the Microsoft identity platform speaks them. One file per RFC topic; nothing
//! here knows the store.

pub(crate) mod aadsts;
pub(crate) mod authorize;
pub(crate) mod claims;
pub(crate) mod device_code;
pub(crate) mod discovery;
pub(crate) mod id_token;
mod json;
mod jwk;
mod jws;
pub(crate) mod keys;
pub(crate) mod redirect;
#[cfg(test)]
pub(crate) mod testing;
pub(crate) mod token;
