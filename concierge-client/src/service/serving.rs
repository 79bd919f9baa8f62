//! Requests that are being served: how many, and how that ends.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{sync::Notify, task::JoinHandle, time::timeout};

/// What became of the requests of a service so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Served {
    /// Those that the handler answered.
    pub answered: u64,
    /// Those to which the handler answered with an error.
    pub refused: u64,
    /// Those that took the handler too long.
    pub timed_out: u64,
    /// Those at which the handler panicked.
    pub panicked: u64,
    /// Those that could not be read.
    pub unreadable: u64,
    /// Those that found too many before them, or the service draining.
    pub turned_away: u64,
    /// Answers, of whatever kind, that did not reach who asked: it has left, or the connection broke as they went out.
    pub undelivered: u64,
}

/// A drain ran out of time: these requests have no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{requests} requests had no answer when the time was up")]
pub struct Unfinished {
    /// How many.
    pub requests: usize,
}

/// Requests that are being served: what [`Service::serve`](crate::Service::serve) gives. Dropping it stops at once:
/// handlers that run are dropped, and what they were asked has no answer.
#[must_use = "dropping it stops the serving at once"]
#[derive(Debug)]
pub struct Serving {
    task: JoinHandle<()>,
    shared: Arc<Shared>,
}

/// What a serving and its task share.
#[derive(Debug, Default)]
pub(super) struct Shared {
    pub(super) drain: Notify,
    /// The requests that were taken and have no answer yet.
    pub(super) open: AtomicUsize,
    counts: [AtomicU64; 7],
}

/// What can become of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Answered,
    Refused,
    TimedOut,
    Panicked,
    Unreadable,
    TurnedAway,
    Undelivered,
}

impl Shared {
    pub(super) fn count(&self, fate: Fate) {
        if let Some(count) = self.counts.get(fate as usize) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn served(&self) -> Served {
        let [answered, refused, timed_out, panicked, unreadable, turned_away, undelivered] =
            self.counts.each_ref().map(|count| count.load(Ordering::Relaxed));
        Served { answered, refused, timed_out, panicked, unreadable, turned_away, undelivered }
    }
}

impl Serving {
    pub(super) fn new(task: JoinHandle<()>, shared: Arc<Shared>) -> Self {
        Self { task, shared }
    }

    /// What became of the requests so far.
    pub fn served(&self) -> Served {
        self.shared.served()
    }

    /// Takes no more requests (whoever asks is told so), and waits until those that were taken are answered.
    ///
    /// # Errors
    ///
    /// [`Unfinished`] when some were not `within` this time; their handlers are dropped.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future stops the serving at once.
    pub async fn drain(mut self, within: Duration) -> Result<Served, Unfinished> {
        self.shared.drain.notify_one();
        match timeout(within, &mut self.task).await {
            Ok(_) => Ok(self.served()),
            Err(_) => Err(Unfinished { requests: self.shared.open.load(Ordering::Relaxed) }),
        }
    }

    /// Waits until the service is over for this client and everything that was asked before is answered.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: the serving goes on.
    pub async fn ended(&mut self) -> Served {
        if !self.task.is_finished() {
            // Handlers run in tasks of their own: this one does not panic.
            (&mut self.task).await.ok();
        }
        self.served()
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.task.abort();
    }
}
