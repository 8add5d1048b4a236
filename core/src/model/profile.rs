//! The person's own profile (FACTS 8.2, 8.3).

/// What the directory says of the person (`User.Read`). `None`: the directory has nothing. `Debug` shows nothing about the person.
#[derive(Clone, PartialEq, Eq)]
#[cfg_attr(test, derive(serde::Serialize))]
pub struct Profile {
    /// GUID of the person in this organisation, as [`AccountInfo::object_id`](crate::AccountInfo::object_id).
    pub id: String,
    /// The person's name.
    pub display_name: Option<String>,
    /// The person's mail address. `None` for somebody without a mailbox.
    pub mail: Option<String>,
    /// The person's user name. It can change and be given to somebody else: show it, and never use it as a key.
    pub username: Option<String>,
    /// What the person does.
    pub job_title: Option<String>,
    /// Where the person's office is.
    pub office_location: Option<String>,
    /// The person's language, as `en-US`.
    pub preferred_language: Option<String>,
}

/// The person's picture. `Debug` shows its type and its size.
#[derive(Clone, PartialEq, Eq)]
pub struct Photo {
    /// Its media type, `image/jpeg` as a rule. Never `image/svg+xml`.
    pub content_type: String,
    /// The picture itself, not changed and not looked into: let something that is made for pictures of strangers decode it.
    pub bytes: Vec<u8>,
}
