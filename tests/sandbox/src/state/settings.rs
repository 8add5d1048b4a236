//! How tokens are issued: the faithful default, and every way a test may bend it.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Bends the token endpoint's successful answers.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
pub struct TokenSettings {
    /// Lifetime of access tokens in seconds; by default 60 to 90 minutes, a day with continuous access evaluation.
    pub lifetime: Option<i64>,
    /// `expires_in` as this raw JSON (a string, a float, a negative number), whatever the real lifetime is.
    pub expires_in: Option<Value>,
    /// `refresh_in` as this raw JSON.
    pub refresh_in: Option<Value>,
    /// A refresh token works once; its reuse answers `invalid_grant` with `bad_token`.
    pub strict_rotation: bool,
    /// A refresh answers without a new refresh token.
    pub omit_refresh_token_on_refresh: bool,
    /// Scopes added to the answer's `scope`.
    pub extra_scopes: Vec<String>,
    /// Scopes left out of the answer's `scope`.
    pub drop_scopes: Vec<String>,
    /// `scope` names as `https://graph.microsoft.com/User.Read`.
    pub full_scope_names: bool,
    /// `scope` in another order each time.
    pub shuffle_scopes: bool,
    /// Members left out of the answer (`expires_in`, `access_token`, `scope`, ...).
    pub remove: Vec<String>,
    /// Members set in the answer, last, as raw JSON (`{"expires_in": null, "token_type": "mac"}`).
    pub merge: Map<String, Value>,
    /// Bends the `id_token`.
    pub id_token: IdTokenSettings,
}

/// Bends `id_token`s.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct IdTokenSettings {
    /// Claims set or replaced, as raw JSON.
    pub claims: Map<String, Value>,
    /// Claims left out.
    pub remove_claims: Vec<String>,
    /// Header members set or replaced, as raw JSON.
    pub header: Map<String, Value>,
    /// Header members left out (`kid`).
    pub remove_header: Vec<String>,
    /// Who signs.
    pub signing: Signing,
    /// This text in place of the token.
    pub raw: Option<String>,
}

/// How an `id_token` is signed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Signing {
    /// RS256 with the active key.
    #[default]
    Active,
    /// RS256 with a published key that is not the active one, under its own `kid`.
    OtherPublished,
    /// RS256 with the published key of personal accounts, under its own `kid`.
    PersonalAccounts,
    /// RS256 with a key that is not published, under the active key's `kid`.
    Stranger,
    /// RS256 with one bit of the signature flipped.
    Broken,
    /// `alg` none and an empty signature.
    Unsigned,
    /// HS256 with the published modulus as the secret.
    Hs256,
}
