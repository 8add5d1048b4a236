//! People who signed in with another program under the app's own registration, and what that program would have saved.

use serde_json::{Map, Value, json};

use super::handle::Control;
use crate::state::model::{Platform, User};
use crate::state::tokens::{Grant, RefreshToken};

impl Control {
    /// The refresh token that another program of this app got when the person signed in at home; none for an unknown person. What
    /// was granted is another matter, see [`grant_user`](Control::grant_user).
    pub fn refresh_token(&self, user_name: &str) -> Option<String> {
        let mut state = self.shared().state();
        let user = state.user(user_name)?.clone();
        let grant = Grant {
            tenant_id: user.home_tenant,
            user_name: user.user_name,
            client_id: state.app.client_id.clone(),
            scopes: ["openid", "profile", "offline_access", "User.Read"].map(str::to_owned).into(),
            nonce: None,
            session_id: state.random.token("", 1),
            event: state.next_event(),
            mfa: false,
            platform: Platform::Native,
            cae: false,
        };
        let token = state.random.token("1.AXkA", 8);
        let record = RefreshToken { grant, issued_at: state.now(), used: false };
        state.refresh_tokens.insert(token.clone(), record);
        Some(token)
    }

    /// The text of `msal`'s token cache after these people signed in at home, on the host `localhost`. Unknown people are left out.
    pub fn msal_cache(&self, user_names: &[&str]) -> Value {
        let (client_id, mut accounts, mut tokens) = (self.client_id(), Map::new(), Map::new());
        for (user, token) in user_names.iter().filter_map(|name| Some((self.user(name)?, self.refresh_token(name)?))) {
            let home = home_account_id(&user);
            accounts.insert(
                format!("{home}-localhost-organizations"),
                json!({
                    "home_account_id": home, "environment": "localhost", "realm": "organizations", "authority_type": "MSSTS",
                    "local_account_id": user.object_ids.get(&user.home_tenant), "username": user.user_name,
                }),
            );
            tokens.insert(
                format!("{home}-localhost-refreshtoken-{client_id}--user.read"),
                json!({
                    "credential_type": "RefreshToken", "secret": token, "home_account_id": home, "environment": "localhost",
                    "client_id": client_id, "target": "User.Read", "last_modification_time": self.now().to_string(),
                }),
            );
        }
        json!({ "Account": accounts, "RefreshToken": tokens })
    }
}

/// Object id and directory at home (FACTS 2.2).
fn home_account_id(user: &User) -> String {
    format!("{}.{}", user.object_ids.get(&user.home_tenant).map_or("", String::as_str), user.home_tenant)
}
