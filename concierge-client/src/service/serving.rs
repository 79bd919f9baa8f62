//! Requests that are being served: how many, and how that ends.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use parking_lot::Mutex;
use tokio::{sync::Notify, task::JoinHandle, time::timeout};

use crate::{client::Client, request::Asked};

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
    /// Those that found too many before them, or the service draining, or that were still open when it stopped.
    pub turned_away: u64,
    /// Answers, of whatever kind, that did not reach who asked: it has left, or the connection broke as they went out.
    pub undelivered: u64,
}

/// A drain ran out of time: to these requests was answered that the service has stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{requests} requests were not handled when the time was up")]
pub struct Unfinished {
    /// How many.
    pub requests: usize,
}

/// Requests that are being served: what [`Service::serve`](crate::Service::serve) gives. Dropping it stops at once:
/// handlers that run are dropped, and whoever waits for an answer is told that the service has stopped.
#[must_use = "dropping it stops the serving at once"]
#[derive(Debug)]
pub struct Serving {
    task: JoinHandle<()>,
    client: Client,
    shared: Arc<Shared>,
}

/// What a serving and its task share.
#[derive(Debug, Default)]
pub(super) struct Shared {
    pub(super) drain: Notify,
    open: Mutex<Open>,
    counts: [AtomicU64; 7],
}

/// The requests that were taken and have no answer yet.
#[derive(Debug, Default)]
struct Open {
    next: u64,
    requests: BTreeMap<u64, Arc<Asked>>,
}

/// A request that was taken.
#[derive(Debug)]
pub(super) struct Taken {
    number: u64,
    pub(super) asked: Arc<Asked>,
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

    pub(super) fn take(&self, asked: Asked) -> Taken {
        let asked = Arc::new(asked);
        let mut open = self.open.lock();
        let number = open.next;
        open.next += 1;
        open.requests.insert(number, Arc::clone(&asked));
        Taken { number, asked }
    }

    /// A request has an answer.
    pub(super) fn settle(&self, taken: &Taken) {
        self.open.lock().requests.remove(&taken.number);
    }

    /// Tells whoever waits that there will be no other answer.
    fn abandon(&self, client: &Client) -> usize {
        let requests = std::mem::take(&mut self.open.lock().requests);
        for asked in requests.values() {
            self.turn_away(client, asked, "the service has stopped");
        }
        requests.len()
    }

    /// Answers with why there is no answer, without waiting.
    pub(super) fn turn_away(&self, client: &Client, asked: &Asked, why: &str) {
        self.count(Fate::TurnedAway);
        let told = asked.refusal(why).and_then(|refusal| client.to(asked.origin.uuid).try_raw(refusal));
        if let Err(error) = told {
            tracing::debug!(%error, "a request was turned away without a word");
            self.count(Fate::Undelivered);
        }
    }

    fn served(&self) -> Served {
        let [answered, refused, timed_out, panicked, unreadable, turned_away, undelivered] =
            self.counts.each_ref().map(|count| count.load(Ordering::Relaxed));
        Served { answered, refused, timed_out, panicked, unreadable, turned_away, undelivered }
    }
}

impl Serving {
    pub(super) fn new(task: JoinHandle<()>, client: Client, shared: Arc<Shared>) -> Self {
        Self { task, client, shared }
    }

    /// What became of the requests so far.
    pub fn served(&self) -> Served {
        self.shared.served()
    }

    /// How many requests wait for a handler, or for what it answers, now.
    pub fn open(&self) -> usize {
        self.shared.open.lock().requests.len()
    }

    /// Takes no more requests (whoever asks is told so), and waits until those that were taken are answered.
    ///
    /// # Errors
    ///
    /// [`Unfinished`] when some were not `within` this time; their handlers are dropped, and whoever asked is told so.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future stops the serving at once.
    pub async fn drain(mut self, within: Duration) -> Result<Served, Unfinished> {
        self.shared.drain.notify_one();
        if timeout(within, &mut self.task).await.is_ok() {
            return Ok(self.served());
        }
        self.task.abort();
        Err(Unfinished { requests: self.shared.abandon(&self.client) })
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
        self.shared.abandon(&self.client);
    }
}
