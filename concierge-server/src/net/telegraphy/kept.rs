//! What a gateway finds of its events when it starts.

use std::sync::Arc;

use tracing::info;

use super::clock::Clock;
use crate::config::Telegraphy;
use crate::events::record::Records;
use crate::store::{OpenError, Store};

/// A store that is open, and what was in it.
#[derive(Debug)]
pub(in crate::net) struct Kept {
    pub(super) store: Arc<Store>,
    pub(super) records: Records,
    /// From when the records are.
    pub(super) clock: Clock,
}

impl Kept {
    /// Opens the store that the configuration has. Blocks.
    pub(in crate::net) fn open(config: &Telegraphy) -> Result<Self, OpenError> {
        let store = match &config.store {
            Some(path) => {
                let store = Store::open(path, config.log_max_bytes)?;
                info!(path = %path.display(), "the events of web applications are kept");
                store
            }
            None => Store::in_memory(config.log_max_bytes).map_err(|error| OpenError::Unusable {
                path: "in memory".into(),
                cause: error.to_string(),
            })?,
        };
        let mut clock = Clock::new();
        let records = store.records(clock.now()).map_err(|error| OpenError::Damaged {
            path: config.store.clone().unwrap_or_default(),
            cause: error.cause,
        })?;
        Ok(Self { store: Arc::new(store), records, clock })
    }
}
