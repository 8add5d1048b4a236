//! Tests of the store as a whole.

mod causes;
mod cursors;
mod damage;
mod discard;
mod files;
mod hostile;
mod keys;
mod limits;
#[cfg(unix)]
mod locks;
mod recover;
mod rekey;
pub(super) mod rig;
mod rows;
mod secrecy;
pub(super) mod unbound;
