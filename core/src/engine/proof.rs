//! For this repository's own tests: that an account can be stored only with the proof of who signed in (case J-25).
//!
//! A text, whatever it says, is no proof:
//! ```compile_fail,E0308
//! use intail_office365::_internal::Door;
//!
//! fn j_25_a_text_is_no_proof(door: &Door, token: &str) -> intail_office365::Result<()> {
//!     door.connect_account(token)
//! }
//! ```
//! And a proof cannot be made by hand; only the checks give one:
//! ```compile_fail,E0423
//! use intail_office365::_internal::Proof;
//!
//! fn j_25_a_proof_cannot_be_made(claims: String) -> Proof {
//!     Proof(claims)
//! }
//! ```
//! The twin, which compiles:
//! ```
//! use intail_office365::_internal::{Door, Proof};
//!
//! fn j_25_a_proof_opens_the_door(door: &Door, proof: &Proof) -> intail_office365::Result<()> {
//!     door.connect_account(proof)
//! }
//! ```

use crate::{
    consent::ScopeReport,
    error::Result,
    oauth::id_token::VerifiedIdToken,
    store::{NewAccount, Person, StateRecord, Store, TokenSet},
};
use std::fmt;

/// A verified `id_token`, seen from outside: there is no way to make one.
pub struct Proof(VerifiedIdToken);

/// The store's way for a new account, with everything but the proof at hand. If the store took anything else than a
/// `VerifiedIdToken`, this would not compile.
pub struct Door {
    store: Store,
    person: Person,
    scopes: ScopeReport,
    tokens: TokenSet,
    state: StateRecord,
}

impl Door {
    /// Stores the account of the person who is proved.
    ///
    /// # Errors
    /// Storage kinds.
    pub fn connect_account(&self, proof: &Proof) -> Result<()> {
        let account = NewAccount {
            id_token: &proof.0,
            person: self.person.clone(),
            scopes: self.scopes.clone(),
            tokens: self.tokens.clone(),
            state: self.state.clone(),
            now: 0,
        };
        self.store.connect_account(&account).map(drop)
    }
}

impl fmt::Debug for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Proof([redacted])")
    }
}

impl fmt::Debug for Door {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Door")
    }
}
