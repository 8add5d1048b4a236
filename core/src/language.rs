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
