//! Tests of the store as a whole.

mod damage;
mod files;
mod keys;
mod limits;
#[cfg(unix)]
mod locks;
mod rekey;
mod rig;
mod rows;
mod secrecy;
