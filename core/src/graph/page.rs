//! One page of a collection.

/// A page, parsed.
#[derive(Debug)]
pub(crate) struct Page<T> {
    pub(crate) items: Vec<T>,
    pub(crate) next: Option<String>,
    pub(crate) delta: Option<String>,
    pub(crate) count: Option<i64>,
}
