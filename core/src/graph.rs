//! Microsoft Graph, read-only by type: [`request::ReadOnlyRequest`] can only be a GET below the configured Graph address.
//! Beside it stand the parts that need no network: what a query becomes ([`query`]), and what an answer becomes ([`page`]), one file for
//! each kind of resource.

#[cfg_attr(not(test), allow(dead_code, reason = "the calls that read come next"))]
pub(crate) mod calendars;
#[cfg_attr(not(test), allow(dead_code, reason = "as calendars"))]
pub(crate) mod events;
#[cfg_attr(not(test), allow(dead_code, reason = "as calendars"))]
pub(crate) mod folders;
pub(crate) mod me;
#[cfg_attr(not(test), allow(dead_code, reason = "as calendars"))]
pub(crate) mod messages;
#[cfg_attr(not(test), allow(dead_code, reason = "as calendars"))]
pub(crate) mod page;
#[cfg_attr(not(test), allow(dead_code, reason = "as calendars"))]
pub(crate) mod photo;
#[cfg_attr(not(test), allow(dead_code, reason = "as calendars"))]
pub(crate) mod profile;
#[cfg_attr(not(test), allow(dead_code, reason = "as calendars"))]
pub(crate) mod query;
pub(crate) mod request;
#[cfg(test)]
mod testing;
#[cfg_attr(not(test), allow(dead_code, reason = "as calendars"))]
mod time;
#[cfg_attr(not(test), allow(dead_code, reason = "as calendars"))]
mod wire;
