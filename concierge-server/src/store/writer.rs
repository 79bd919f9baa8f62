//! The one thread that writes: it takes what waits in groups, makes each durable with one sync, and only then tells those who wait.
//!
//! What the disk did not take for want of room may be tried again. After any other failure nobody knows what is on the disk, and what a
//! later sync would be worth: nothing more is written.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread::{self, JoinHandle};

use concierge_client::telegraphy::Timestamp;
use parking_lot::Mutex;

use super::Counts;
use super::error::StoreError;
use super::medium::{Failure, Medium, Written};
use super::queue::{Queue, Waiting, Work};

/// The thread that writes, and what waits for it. It ends when this is dropped, once everything that waits is written.
pub(super) struct Writer {
    pub(super) queue: Arc<Queue>,
    tally: Arc<Tally>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// What was done, to be looked at from elsewhere.
#[derive(Debug, Default)]
struct Tally {
    groups: AtomicU64,
    changes: AtomicU64,
    expired: AtomicU64,
    trimmed: AtomicU64,
    log_bytes: AtomicU64,
}

impl Writer {
    pub(super) fn start(medium: impl Medium) -> io::Result<Self> {
        let (queue, tally) = (Arc::new(Queue::default()), Arc::new(Tally::default()));
        let (thread_queue, thread_tally) = (Arc::clone(&queue), Arc::clone(&tally));
        let thread = thread::Builder::new()
            .name("concierge-store".to_owned())
            .spawn(move || serve(medium, &thread_queue, &thread_tally))?;
        Ok(Self { queue, tally, thread: Mutex::new(Some(thread)) })
    }

    /// Waits until everything that was submitted is written, and ends. Nothing may be submitted any more.
    pub(super) fn close(&self) {
        self.queue.close();
        let thread =
            self.thread.lock().take().filter(|thread| thread.thread().id() != thread::current().id());
        if let Some(thread) = thread {
            // It contains what panics, and there would be nobody to tell.
            let _ended = thread.join();
        }
    }

    pub(super) fn counts(&self) -> Counts {
        let Tally { groups, changes, expired, trimmed, log_bytes } = &*self.tally;
        Counts {
            waiting: self.queue.len(),
            groups: groups.load(Relaxed),
            changes: changes.load(Relaxed),
            expired: expired.load(Relaxed),
            trimmed: trimmed.load(Relaxed),
            log_bytes: log_bytes.load(Relaxed),
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.close();
    }
}

/// Goes on until the store is closed. After a failure all it does is to say so.
fn serve(mut medium: impl Medium, queue: &Queue, tally: &Tally) {
    let mut unfinished = None;
    let mut expected = 0;
    while let Some(Work { group, sweep }) = queue.take(unfinished.is_none(), expected) {
        expected = group.iter().map(|waiting| waiting.changes.len()).sum();
        unfinished = work(&mut medium, queue, group, sweep.or(unfinished), tally);
    }
}

/// One round. Returns what is still to be swept.
fn work(
    medium: &mut impl Medium,
    queue: &Queue,
    group: Vec<Waiting>,
    sweep: Option<Timestamp>,
    tally: &Tally,
) -> Option<Timestamp> {
    if !group.is_empty() {
        write(medium, queue, group, tally);
    }
    if queue.failure().is_some() {
        return None;
    }
    // Also when there was no room: it may make some.
    let more = attempt(queue, || clean(medium, sweep, tally)).ok().flatten();
    // What failed for want of room is tried again in a later round.
    let _later = attempt(queue, || medium.settle());
    more
}

/// Does something with the medium. What it cannot recover from is the end of writing.
fn attempt<T>(queue: &Queue, work: impl FnOnce() -> Result<T, Failure>) -> Result<T, StoreError> {
    let outcome = catch_unwind(AssertUnwindSafe(work))
        .unwrap_or_else(|_| Err(Failure::Broken(Arc::from("a failure of the store's own code"))))
        .map_err(StoreError::from);
    if let Err(failure @ StoreError::ReadOnly(_)) = &outcome {
        queue.fail(failure.clone());
    }
    outcome
}

/// Writes a group, and tells those who wait, in their order.
fn write(medium: &mut impl Medium, queue: &Queue, group: Vec<Waiting>, tally: &Tally) {
    let (lists, waiting): (Vec<_>, Vec<_>) =
        group.into_iter().map(|one| (one.changes, (one.is_refused, one.done))).unzip();
    let changes = lists.iter().map(Vec::len).sum();
    let result = match queue.failure() {
        Some(failure) => Err(failure),
        None => attempt(queue, || medium.write(&lists)).map(|written| tally.add(&written, changes)),
    };
    for (is_refused, done) in waiting {
        let heard = match &result {
            Ok(()) if is_refused => Err(StoreError::Busy),
            result => result.clone(),
        };
        // What it does is somebody else's code: the next one is told in any case.
        let _contained = catch_unwind(AssertUnwindSafe(|| done(heard)));
    }
}

/// Removes some of what has expired. Returns the same moment when there is more.
fn clean(
    medium: &mut impl Medium,
    now: Option<Timestamp>,
    tally: &Tally,
) -> Result<Option<Timestamp>, Failure> {
    let Some(now) = now else { return Ok(None) };
    let cleaned = medium.clean(now)?;
    tally.expired.fetch_add(cleaned.expired, Relaxed);
    tally.trimmed.fetch_add(cleaned.trimmed, Relaxed);
    tally.log_bytes.store(cleaned.log_bytes, Relaxed);
    Ok(cleaned.has_more.then_some(now))
}

impl Tally {
    fn add(&self, written: &Written, changes: usize) {
        self.groups.fetch_add(1, Relaxed);
        self.changes.fetch_add(changes as u64, Relaxed);
        self.trimmed.fetch_add(written.trimmed, Relaxed);
        self.log_bytes.store(written.log_bytes, Relaxed);
    }
}

impl From<Failure> for StoreError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Full => Self::Full,
            Failure::Busy => Self::Busy,
            Failure::Broken(cause) => Self::ReadOnly(cause),
        }
    }
}
