//! Browser sessions: who is signed in behind a cookie.

/// Name of the session cookie.
pub(crate) const COOKIE: &str = "ESTSAUTH";

/// One browser.
#[derive(Debug, Clone, Default)]
pub(crate) struct Session {
    pub(crate) id: String,
    pub(crate) people: Vec<SignedIn>,
}

/// One account signed in in a browser.
#[derive(Debug, Clone)]
pub(crate) struct SignedIn {
    pub(crate) user_name: String,
    /// Event number of the sign-in.
    pub(crate) event: u64,
    pub(crate) mfa: bool,
}

impl Session {
    pub(crate) fn find(&self, user_name: &str) -> Option<&SignedIn> {
        self.people.iter().find(|person| person.user_name.eq_ignore_ascii_case(user_name))
    }

    pub(crate) fn sign_in(&mut self, person: SignedIn) {
        self.people.retain(|other| !other.user_name.eq_ignore_ascii_case(&person.user_name));
        self.people.push(person);
    }
}
