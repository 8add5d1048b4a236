//! Words of the service as enums: each knows its member's spelling, and has one member for words that this version does not know.

/// Defines a fieldless enum of the service's words. `Other` stands for a word that is newer than this version; the record that has
/// it keeps the word itself in `unknown`.
macro_rules! words {
    ($(#[$about:meta])* $name:ident { $($(#[$doc:meta])* $member:ident = $number:literal $word:literal,)+ }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[cfg_attr(test, derive(serde::Serialize))]
        #[repr(u32)]
        pub enum $name {
            /// A word that this version does not know; the record's `unknown` has it.
            Other = 0,
            $($(#[$doc])* $member = $number,)+
        }

        impl $name {
            /// Every member, in the order of its number.
            pub const ALL: &'static [Self] = &[Self::Other, $(Self::$member,)+];

            /// The service's own word; empty for [`Other`](Self::Other).
            pub fn name(self) -> &'static str {
                match self {
                    Self::Other => "",
                    $(Self::$member => $word,)+
                }
            }
        }

        impl $crate::model::word::Word for $name {
            const OTHER: Self = Self::Other;

            fn read(word: &str) -> Option<Self> {
                match word {
                    $($word => Some(Self::$member),)+
                    _ => None,
                }
            }
        }
    };
}
pub(super) use words;

/// What reads the service's words.
pub(crate) trait Word: Copy {
    /// Stands for a word that is not known.
    const OTHER: Self;

    /// The member of that spelling. The service writes its words in one way only.
    fn read(word: &str) -> Option<Self>;
}
