//! The control interface: one list of changes, reachable as typed methods and over HTTP.

pub(crate) mod apply;
pub(crate) mod change;
mod elsewhere;
pub(crate) mod handle;
mod mailbox;
pub(crate) mod routes;
