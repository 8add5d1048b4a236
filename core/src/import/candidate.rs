//! A saved sign-in that may become an account, once it has proved itself.

use super::fernet;
use crate::{
    error::{Detail, Error, Result},
    secret::{Secret, SecretBytes},
};
use ring::pbkdf2;
use std::{fmt, num::NonZeroU32};
use zeroize::Zeroizing;

/// One account of a file.
pub(crate) struct Candidate {
    /// What the file calls it, fit to be shown.
    pub(crate) username: Option<String>,
    /// The registration that the token was issued to, in lower case.
    pub(crate) client_id: String,
    pub(crate) issuer: Issuer,
    pub(crate) who: Who,
    pub(super) token: Token,
}

impl fmt::Debug for Candidate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Candidate").field("client_id", &self.client_id).finish_non_exhaustive()
    }
}

/// Who issued the token, as the file says it.
pub(crate) enum Issuer {
    /// The host of the authority, in lower case.
    Host(String),
    /// The address of the token endpoint.
    TokenEndpoint(String),
}

/// Whose token it is.
pub(crate) enum Who {
    /// Tenant and object id: at home first, then as a guest elsewhere.
    Known(Vec<(String, String)>),
    /// The address of a mailbox, and the tenant segment where the program signed in.
    Named { address: String, tenant: String },
}

/// A refresh token as it lies in the file.
pub(super) enum Token {
    Plain(Secret),
    /// Under a key that is derived from a password with PBKDF2-HMAC-SHA256.
    Sealed {
        fernet: String,
        salt: Vec<u8>,
        /// To be tried in this order.
        iterations: Vec<NonZeroU32>,
    },
}

/// The longest refresh token that is sent. Microsoft's have one or two thousand characters.
const LONGEST_TOKEN: usize = 16 * 1024;

impl Candidate {
    /// The refresh token. A sealed one costs up to a few seconds of work.
    pub(crate) fn open(&self, password: Option<&Secret>) -> Result<Secret> {
        let token = match &self.token {
            Token::Plain(token) => token.clone(),
            Token::Sealed { fernet, salt, iterations } => {
                let password = password.ok_or_else(|| Detail::ImportPassword.about("missing"))?;
                iterations
                    .iter()
                    .find_map(|iterations| unseal(fernet, salt, *iterations, password))
                    .ok_or_else(|| Detail::ImportPassword.about("wrong"))?
            }
        };
        check(token)
    }
}

/// A token of another form would be no token of Microsoft's (RFC 6749 appendix A.17).
fn check(token: Secret) -> Result<Secret> {
    let text = token.expose();
    if text.is_empty() || text.len() > LONGEST_TOKEN || !text.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
        return Err(Error::from(Detail::ImportFormat).with_what("refresh_token"));
    }
    Ok(token)
}

fn unseal(token: &str, salt: &[u8], iterations: NonZeroU32, password: &Secret) -> Option<Secret> {
    let mut key = Zeroizing::new([0_u8; fernet::KEY_LENGTH]);
    pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, iterations, salt, password.expose().as_bytes(), &mut *key);
    let text = fernet::open(&SecretBytes::new(&*key), token)?;
    std::str::from_utf8(&text).ok().map(Secret::new)
}
