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

use super::Counts;
use super::error::StoreError;
use super::medium::{Failure, Medium, Written};
use super::queue::{Queue, Waiting, Work};

/// The thread that writes, and what waits for it. It ends when this is dropped, once everything that waits is written.
pub(super) struct Writer {
    pub(super) queue: Arc<Queue>,
    tally: Arc<Tally>,
    thread: Option<JoinHandle<()>>,
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
        let ending = Ending(Arc::clone(&queue));
        let thread_tally = Arc::clone(&tally);
        let thread = thread::Builder::new()
            .name("concierge-store".to_owned())
            .spawn(move || serve(medium, &ending, &thread_tally))?;
        Ok(Self { queue, tally, thread: Some(thread) })
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
        self.queue.close();
        let thread = self.thread.take().filter(|thread| thread.thread().id() != thread::current().id());
        if let Some(thread) = thread {
            // It contains what panics, and there would be nobody to tell.
            let _ended = thread.join();
        }
    }
}

/// However the thread ends, nobody waits for it any longer.
struct Ending(Arc<Queue>);

impl Drop for Ending {
    fn drop(&mut self) {
        self.0.fail(StoreError::ReadOnly(Arc::from("its thread has ended")));
    }
}

fn serve(mut medium: impl Medium, ending: &Ending, tally: &Tally) {
    let queue = &*ending.0;
    let mut unfinished = None;
    let mut expected = 0;
    while let Some(Work { group, sweep }) = queue.take(unfinished.is_none(), expected) {
        expected = group.iter().map(|waiting| waiting.changes.len()).sum();
        match work(&mut medium, queue, group, sweep.or(unfinished), tally) {
            Ok(more) => unfinished = more,
            Err(cause) => return queue.fail(StoreError::ReadOnly(cause)),
        }
    }
}

/// One round. Returns what is still to be swept, or why there cannot be another round.
fn work(
    medium: &mut impl Medium,
    queue: &Queue,
    group: Vec<Waiting>,
    sweep: Option<Timestamp>,
    tally: &Tally,
) -> Result<Option<Timestamp>, Arc<str>> {
    bearable(write(medium, queue, group, tally))?;
    // Also when there was no room: it may make some.
    let more = bearable(clean(medium, sweep, tally))?;
    bearable(medium.settle())?;
    Ok(more)
}

/// What failed for want of room is over: who waited has heard of it, and what is to be removed comes with the next sweep.
fn bearable<T: Default>(outcome: Result<T, Failure>) -> Result<T, Arc<str>> {
    match outcome {
        Err(Failure::Full | Failure::Busy) => Ok(T::default()),
        Err(Failure::Broken(cause)) => Err(cause),
        Ok(value) => Ok(value),
    }
}

/// Writes a group, and tells those who wait.
fn write(medium: &mut impl Medium, queue: &Queue, group: Vec<Waiting>, tally: &Tally) -> Result<(), Failure> {
    if group.is_empty() {
        return Ok(());
    }
    let (lists, waiting): (Vec<_>, Vec<_>) =
        group.into_iter().map(|Waiting { changes, done }| (changes, done)).unzip();
    let outcome = medium.write(&lists);
    match &outcome {
        Ok(written) => tally.add(written, lists.iter().map(Vec::len).sum()),
        // Before those who wait hear it: what they do next is refused already.
        Err(Failure::Broken(cause)) => queue.refuse(StoreError::ReadOnly(Arc::clone(cause))),
        Err(Failure::Full | Failure::Busy) => {}
    }
    let result = outcome.map(drop);
    for done in waiting {
        let heard = result.clone().map_err(StoreError::from);
        // What it does is somebody else's code: the next one is told in any case.
        let _contained = catch_unwind(AssertUnwindSafe(|| done(heard)));
    }
    result
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
