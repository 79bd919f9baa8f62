//! What a store needs of what it is written on. Who waits for what, and what a failure means for them, is the writer's business.

use std::sync::Arc;

use concierge_client::telegraphy::{Epoch, EventName, Timestamp};

use super::error::ReadError;
use crate::events::record::{Change, Page, Records};

/// What one event of a log costs beside its texts, in bytes: its row and its places in the indices, roughly.
pub(super) const OVERHEAD: usize = 64;

/// For how long the id of a publisher is kept.
pub(super) const REMEMBERED: std::time::Duration = std::time::Duration::from_mins(2);

/// How many events are removed from the logs in one go, so that nobody waits for long.
pub(super) const CHUNK: usize = 1024;

/// Where changes become durable. It has one owner, the writer's thread.
pub(super) trait Medium: Send + 'static {
    /// Applies lists of changes in their order, all of them or none. When this returns they are on the disk and synced.
    fn write(&mut self, lists: &[Vec<Change>]) -> Result<Written, Failure>;

    /// Removes what has expired, and what there is no room for: [`CHUNK`] events at most.
    fn clean(&mut self, now: Timestamp) -> Result<Cleaned, Failure>;

    /// Does what nobody waits for, after those who wait have heard.
    fn settle(&mut self) -> Result<(), Failure>;
}

/// Where what is durable is read, from as many threads as like to.
pub(super) trait Reads: Send + Sync + 'static {
    /// Everything but the events of the logs.
    fn records(&self, now: Timestamp) -> Result<Records, ReadError>;

    /// A piece of a log.
    fn page(&self, query: &Query) -> Result<Page, ReadError>;
}

/// Which piece of a log is to be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// The log's event.
    pub event: EventName,
    /// Which log of that event.
    pub epoch: Epoch,
    /// What comes after this offset; 0 for the beginning.
    pub after: u64,
    /// At most so many events, those that have expired included.
    pub most: usize,
    /// At most so many bytes of them, unless the first alone has more.
    pub most_bytes: usize,
    /// What has expired by now is not told.
    pub now: Timestamp,
}

/// What became of a write beside that it is durable.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Written {
    /// Events that went because there was no room for them.
    pub(super) trimmed: u64,
    /// How much the logs hold, in bytes.
    pub(super) log_bytes: u64,
}

/// What was removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Cleaned {
    /// Events that had expired.
    pub(super) expired: u64,
    /// Events that went because there was no room for them.
    pub(super) trimmed: u64,
    /// How much the logs hold, in bytes.
    pub(super) log_bytes: u64,
    /// Whether there is more to remove.
    pub(super) has_more: bool,
}

/// Why a medium did not do what it should. Nothing of it was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Failure {
    /// There is no room, and there may be again.
    Full,
    /// Another program has it locked.
    Busy,
    /// It cannot be relied on any more.
    Broken(Arc<str>),
}
