//! Where there is no key store that this library knows.

use crate::{
    error::{Detail, Result},
    store::seal::Key,
};
use zeroize::Zeroizing;

pub(super) enum Entries {}

pub(super) fn look() -> Result<()> {
    Err(Detail::KeyStoreMissing.about("this system"))
}

impl Entries {
    pub(super) fn open(_: String) -> Result<Self> {
        Err(Detail::KeyStoreMissing.about("this system"))
    }

    pub(super) fn put(&self, _: &str, _: &Key) -> Result<()> {
        match *self {}
    }

    pub(super) fn get(&self, _: &str) -> Result<Option<Zeroizing<Vec<u8>>>> {
        match *self {}
    }

    pub(super) fn remove(&self, _: &str) -> Result<()> {
        match *self {}
    }
}
