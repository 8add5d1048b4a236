//! Tests of the store as a whole.

mod damage;
mod files;
mod limits;
mod rekey;
mod rig;
mod rows;
mod secrecy;
