//! Tests of the store as a whole.

mod rig;
mod rows;
