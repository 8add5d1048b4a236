//! The adapter against real servers on loopback that misbehave.

mod environment;
mod exchange;
mod proxies;
mod rig;
mod trust;
