//! What must survive a restart: the [records](crate::events::record) of the events' core, made durable in the order in which they
//! come and before anybody is told that they are.
//!
//! It decides nothing: offsets, epochs, who may see what and when a session ends are the core's. It has no clock either: moments come
//! with what is asked of it. What it decides is when to sync: whatever waits is written together, at most 256 changes with one sync.
//!
//! There are two media behind the same [`Store`]: a file of SQLite's, and memory, which survives nothing and is otherwise the same.
//!
//! ```
//! use concierge_server::events::record::Change;
//! use concierge_server::store::Store;
//! # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
//! # runtime.block_on(async {
//! let store = Store::in_memory(64 << 20)?;
//! store.keep(vec![Change::Undefine("app.Model".parse()?)]).await?;
//! assert_eq!(store.counts().changes, 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod error;
mod medium;
mod memory;
mod queue;
mod sqlite;
#[cfg(test)]
mod tests;
mod writer;

use std::io;
use std::path::Path;
use std::sync::Arc;

use concierge_client::telegraphy::Timestamp;
use tokio::sync::oneshot;

use self::medium::{Medium, Reads};
use self::writer::Writer;
use crate::events::record::{Change, Page, Records};

pub use self::error::{OpenError, ReadError, StoreError};
pub use self::medium::Query;

/// A store that is open. Dropping it waits until everything that was submitted is durable.
pub struct Store {
    writer: Writer,
    reads: Arc<dyn Reads>,
}

/// What a store has done since it was opened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Changes that wait.
    pub waiting: usize,
    /// Groups of changes that are durable, each with one sync.
    pub groups: u64,
    /// Changes that are durable.
    pub changes: u64,
    /// Events removed because they had expired.
    pub expired: u64,
    /// Events removed before that, because the logs may not hold more.
    pub trimmed: u64,
    /// What the logs hold, in bytes, as of the last change.
    pub log_bytes: u64,
}

impl Store {
    /// Opens the store in a file, or begins one there. Nobody but its owner can read it, and no other gateway uses it meanwhile.
    /// `log_max_bytes` is how much the logs of all events may hold; the oldest go first.
    ///
    /// Blocks: it reads the whole file once, to see that it is whole.
    ///
    /// # Errors
    ///
    /// [`OpenError`]. What is no store, or one of a newer gateway, is not touched.
    pub fn open(path: &Path, log_max_bytes: u64) -> Result<Self, OpenError> {
        let (medium, reads) = sqlite::open(path, log_max_bytes)?;
        Self::on(medium, reads)
            .map_err(|error| OpenError::Unusable { path: path.to_owned(), cause: error.to_string() })
    }

    /// A store that ends with the process.
    ///
    /// # Errors
    ///
    /// When the system has no thread left.
    pub fn in_memory(log_max_bytes: u64) -> io::Result<Self> {
        let (medium, reads) = memory::new(log_max_bytes);
        Self::on(medium, reads)
    }

    fn on(medium: impl Medium, reads: impl Reads) -> io::Result<Self> {
        Ok(Self { writer: Writer::start(medium)?, reads: Arc::new(reads) })
    }

    /// Has changes made durable, all of them or none. `done` hears when they are, or why not: once, on the store's own thread, where it
    /// may not wait for anything, and in the order of submissions, whatever becomes of each.
    ///
    /// Never blocks. What waits is bounded: changes beyond 4,096, or 64 MiB of events, are let go at once, and `done` hears
    /// [`StoreError::Busy`] in its turn.
    pub fn submit(&self, changes: Vec<Change>, done: impl FnOnce(Result<(), StoreError>) + Send + 'static) {
        self.writer.queue.push(changes, Box::new(done));
    }

    /// The same for who can wait. The changes have their place among the others when this returns the future.
    ///
    /// # Errors
    ///
    /// [`StoreError`]: nothing of it is durable, or, after [`StoreError::ReadOnly`], nobody knows.
    ///
    /// # Panics
    ///
    /// Never: the store's thread tells everybody before it ends.
    ///
    /// # Cancel safety
    ///
    /// Whoever stops waiting does not learn the outcome; the changes are made in any case.
    pub fn keep(&self, changes: Vec<Change>) -> impl Future<Output = Result<(), StoreError>> + Send + use<> {
        let (sender, receiver) = oneshot::channel();
        self.submit(changes, move |result| drop(sender.send(result)));
        async move { receiver.await.expect("whoever waits hears of it") }
    }

    /// Has removed what has expired by now, and log after log that nobody writes any more: a bit at a time, between what others
    /// submit. To be called every few seconds.
    pub fn sweep(&self, now: Timestamp) {
        self.writer.queue.sweep(now);
    }

    /// Everything that is durable but the events of the logs: what a start begins with. Blocks.
    ///
    /// # Errors
    ///
    /// [`ReadError`] when the disk fails, or holds what no gateway writes.
    pub fn records(&self, now: Timestamp) -> Result<Records, ReadError> {
        self.reads.records(now)
    }

    /// A piece of a log. Blocks, but for nothing that is written.
    ///
    /// # Errors
    ///
    /// [`ReadError`] when the disk fails, or holds what no gateway writes.
    pub fn page(&self, query: &Query) -> Result<Page, ReadError> {
        self.reads.page(query)
    }

    /// Waits until everything that was submitted is durable, and writes nothing any more; a file is whole in itself then, and can be
    /// copied. Blocks. Nothing may be submitted after it.
    pub fn close(&self) {
        self.writer.close();
    }

    /// Why nothing is written any more, if so. What is durable can still be read.
    pub fn failure(&self) -> Option<StoreError> {
        self.writer.queue.failure()
    }

    /// What it has done.
    pub fn counts(&self) -> Counts {
        self.writer.counts()
    }
}

impl std::fmt::Debug for Store {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Store").field("counts", &self.counts()).finish_non_exhaustive()
    }
}
