//! The languages of what people read.

/// The languages in which the library speaks to people.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum Language {
    /// English.
    #[default]
    English = 0,
    /// German.
    German = 1,
}

impl Language {
    /// The text in this language.
    pub(crate) fn pick<T>(self, english: T, german: T) -> T {
        match self {
            Self::English => english,
            Self::German => german,
        }
    }
}
