//! The adapter over reqwest.
#[derive(Debug)]
pub(crate) struct HttpClient;
