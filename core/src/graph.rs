//! Microsoft Graph, read-only by type: [`request::ReadOnlyRequest`] can only be a GET below the configured Graph address.

pub(crate) mod challenge;
pub(crate) mod failure;
pub(crate) mod link;
pub(crate) mod me;
pub(crate) mod page;
pub(crate) mod request;
