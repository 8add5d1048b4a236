//! Microsoft Graph, read-only by type: [`request::ReadOnlyRequest`] can only be a GET below the configured Graph address.
//! Beside it stand the parts that need no network: what a query becomes ([`query`]), what an answer becomes ([`page`]), one file for
//! each kind of resource; which links are followed ([`link`]), and what a refusal means ([`failure`], [`challenge`]).

pub(crate) mod calendars;
pub(crate) mod challenge;
pub(crate) mod events;
pub(crate) mod failure;
pub(crate) mod folders;
pub(crate) mod link;
pub(crate) mod messages;
pub(crate) mod page;
pub(crate) mod photo;
pub(crate) mod profile;
pub(crate) mod query;
pub(crate) mod request;
#[cfg(test)]
mod testing;
mod time;
mod wire;
