//! OAuth 2.0 and `OpenID` Connect as the Microsoft identity platform speaks them, one file per topic. Nothing here knows the store.

pub(crate) mod id_token;
mod json;
mod jwk;
mod jws;
pub(crate) mod keys;
#[cfg(test)]
pub(crate) mod testing;
