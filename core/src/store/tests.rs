//! Tests of the store as a whole.

mod causes;
mod cursors;
mod damage;
mod discard;
mod files;
mod keys;
mod limits;
#[cfg(unix)]
mod locks;
mod recover;
mod rekey;
mod rig;
mod rows;
mod secrecy;
