//! What the checked sources only pass on: errors and tokens, without what they carry in core.

pub(crate) mod error {
    pub(crate) type Result<T> = std::result::Result<T, Error>;

    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(crate) enum Detail {
        OperationCancelled,
        DeadlineExceeded,
        /// Passing, as the answer of a server that is busy.
        Throttled,
        /// What those who wait get when the library closes before the refresh began.
        HandleClosed,
    }

    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(crate) struct Error {
        pub(crate) detail: Detail,
        pub(crate) retry_after: Option<u32>,
    }

    impl Error {
        pub(crate) fn is_passing(&self) -> bool {
            self.detail == Detail::Throttled
        }

        pub(crate) fn retry_after(&self) -> Option<u32> {
            self.retry_after
        }

        pub(crate) fn with_retry_after(self, retry_after: Option<u32>) -> Self {
            Self { retry_after, ..self }
        }
    }

    impl From<Detail> for Error {
        fn from(detail: Detail) -> Self {
            Self { detail, retry_after: None }
        }
    }
}

pub(crate) mod model {
    /// Told from others by the number of the refresh that brought it.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(crate) struct AccessToken(pub(crate) usize);
}
