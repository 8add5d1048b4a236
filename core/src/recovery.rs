//! What is found, saved and thrown away when a store does not open, or not whole.

use crate::error::Error;
use std::fmt;

/// What helps a store that was looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum Remedy {
    /// Nothing has to be done: it opens, and every account is readable. Also where there is no store yet.
    Nothing = 0,
    /// What [`Inspection::error`] asks for: another key, free space, a newer version, a moment's patience.
    FollowError = 1,
    /// [`Office365::recover`](crate::Office365::recover) saves what can still be read.
    Recover = 2,
    /// Nothing can be saved: [`Office365::discard_store`](crate::Office365::discard_store), then connect anew.
    Discard = 3,
}

/// What a look at a store found. `Debug` shows no paths, which often hold a person's name.
#[derive(Clone)]
pub struct Inspection {
    /// What stands in the way of opening it, of reading its accounts, or of the next write; `None` if nothing does.
    pub error: Option<Error>,
    /// What helps.
    pub remedy: Remedy,
    /// The format of the store, where it can be read.
    pub format: Option<u32>,
    /// Accounts that can be read; of a damaged store, those that `recover` would save.
    pub accounts: u32,
    /// Accounts of which something is left that cannot be read.
    pub damaged_accounts: u32,
    /// Ids of those.
    pub damaged_account_ids: Vec<String>,
    /// A rotation of the store's key was begun and not finished.
    pub key_rotation_pending: bool,
    /// Paths of the damaged stores that earlier recoveries set aside.
    pub set_aside: Vec<String>,
}

impl Inspection {
    /// As long as nothing is known.
    pub(crate) fn begun() -> Self {
        Self {
            error: None,
            remedy: Remedy::FollowError,
            format: None,
            accounts: 0,
            damaged_accounts: 0,
            damaged_account_ids: Vec::new(),
            key_rotation_pending: false,
            set_aside: Vec::new(),
        }
    }
}

impl fmt::Debug for Inspection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { error, remedy, format, accounts, damaged_accounts, damaged_account_ids, key_rotation_pending, set_aside } = self;
        f.debug_struct("Inspection")
            .field("error", error)
            .field("remedy", remedy)
            .field("format", format)
            .field("accounts", accounts)
            .field("damaged_accounts", damaged_accounts)
            .field("damaged_account_ids", damaged_account_ids)
            .field("key_rotation_pending", key_rotation_pending)
            .field("set_aside", &set_aside.len())
            .finish()
    }
}

/// What a recovery saved. `Debug` shows no path.
#[derive(Clone, PartialEq, Eq)]
pub struct Recovery {
    /// Ids of the accounts that were saved, in the order in which they were connected.
    pub accounts: Vec<String>,
    /// Accounts of which something is left that cannot be read. Their persons have to connect again.
    pub damaged_accounts: u32,
    /// Ids of those.
    pub damaged_account_ids: Vec<String>,
    /// Sign-ins under way that were kept. The others begin again, which costs a click.
    pub sign_ins: u32,
    /// Organisations' approvals that were kept. What is lost is found out anew at the next connect.
    pub approvals: u32,
    /// Where the damaged store lies now; its write-ahead log has the same name and `-wal`. `None` if nothing was damaged and nothing
    /// was changed.
    pub set_aside: Option<String>,
}

impl fmt::Debug for Recovery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { accounts, damaged_accounts, damaged_account_ids, sign_ins, approvals, set_aside } = self;
        f.debug_struct("Recovery")
            .field("accounts", accounts)
            .field("damaged_accounts", damaged_accounts)
            .field("damaged_account_ids", damaged_account_ids)
            .field("sign_ins", sign_ins)
            .field("approvals", approvals)
            .field("set_aside", &set_aside.is_some())
            .finish()
    }
}

/// What was thrown away. `Debug` shows how many files.
#[derive(Clone, PartialEq, Eq)]
pub struct Discarded {
    /// Paths of the files that were removed. Empty if there was nothing.
    pub removed: Vec<String>,
}

impl fmt::Debug for Discarded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Discarded").field("removed", &self.removed.len()).finish()
    }
}
