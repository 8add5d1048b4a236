//! Looking at a store that does not open, saving what is left of it, throwing it away: without an engine.

use super::outside_observers;
use crate::{
    config::Config,
    error::Result,
    recovery::{Discarded, Inspection, Recovery},
    settings::Settings,
    store::{self, KeyProvider},
};
use std::path::PathBuf;

pub(crate) fn inspect(config: &Config, keys: &dyn KeyProvider) -> Inspection {
    match place(config) {
        Ok(path) => store::inspect(&path, keys),
        Err(error) => Inspection { error: Some(error), ..Inspection::begun() },
    }
}

pub(crate) fn recover(config: &Config, keys: &dyn KeyProvider) -> Result<Recovery> {
    store::recover(&place(config)?, keys)
}

pub(crate) fn discard_store(config: &Config) -> Result<Discarded> {
    store::discard(&place(config)?)
}

fn place(config: &Config) -> Result<PathBuf> {
    outside_observers()?;
    Ok(Settings::parse(config.clone())?.store_path)
}
