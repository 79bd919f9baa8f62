//! What the handles of a client and its task share: the session, and who waits for what.

use std::{collections::BTreeMap, task::Waker, time::Instant};

use parking_lot::Mutex;
use tokio::sync::{Notify, oneshot, watch};

use crate::telegraphy::{
    Connected, Outcome, Subscribe,
    session::{Ending, Item, Output, Over, Session, StreamId, Unanswered},
};

/// What whoever asked is told.
pub(super) type Answer = Result<Outcome, Unanswered>;

/// The way back to whoever asked.
pub(super) type Waiter = oneshot::Sender<Answer>;

/// The moment on the runtime's clock, which a test may stop.
pub(super) fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

/// How the client stands.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Standing {
    Connecting,
    Connected,
    Closed(Ending),
}

#[derive(Debug)]
struct Core {
    session: Session<Waiter>,
    wakers: BTreeMap<StreamId, Waker>,
    /// Why the connection is of no use any more, as the session says.
    closing: Option<Ending>,
    /// Whether the client is to end.
    ends: bool,
}

/// What the handles of a client and its task share.
#[derive(Debug)]
pub(super) struct Shared {
    core: Mutex<Core>,
    standing: watch::Sender<Standing>,
    /// There may be something for the task to do.
    pub(super) stirred: Notify,
    /// The client is to end.
    asked_to_end: Notify,
}

impl Shared {
    pub(super) fn new(session: Session<Waiter>) -> Self {
        Self {
            core: Mutex::new(Core { session, wakers: BTreeMap::new(), closing: None, ends: false }),
            standing: watch::Sender::new(Standing::Connecting),
            stirred: Notify::new(),
            asked_to_end: Notify::new(),
        }
    }

    /// Does something with the session, and tells everybody what follows from it.
    pub(super) fn with<T>(&self, change: impl FnOnce(&mut Session<Waiter>) -> T) -> T {
        let mut wakers = Vec::new();
        let mut core = self.core.lock();
        let result = change(&mut core.session);
        while let Some(output) = core.session.poll_output() {
            match output {
                // Whoever asked may have left.
                Output::Answered(waiter, answer) => drop(waiter.send(answer)),
                Output::Ready(stream) => wakers.extend(core.wakers.remove(&stream)),
                Output::Connected => drop(self.standing.send_replace(Standing::Connected)),
                Output::Close(ending) => core.closing = Some(ending),
            }
        }
        drop(core);
        wakers.into_iter().for_each(Waker::wake);
        self.stirred.notify_one();
        result
    }

    /// What happens on the client's own task, which looks by itself whether there is something to do.
    pub(super) fn transmit(&self) -> Option<String> {
        self.core.lock().session.poll_transmit(now())
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.core.lock().session.deadline()
    }

    /// Why the connection is to be closed, if it is.
    pub(super) fn closing(&self) -> Option<Ending> {
        let core = self.core.lock();
        core.closing.clone().or_else(|| core.ends.then_some(Ending::ByClient))
    }

    /// There is another connection.
    pub(super) fn open(&self) {
        self.core.lock().closing = None;
        self.with(|session| session.handle_open(now()));
    }

    /// There is none any more.
    pub(super) fn lost(&self) {
        self.standing.send_replace(Standing::Connecting);
    }

    pub(super) fn said(&self) -> Connected {
        self.core.lock().session.said().cloned().unwrap_or_default()
    }

    /// Nobody wants it any more.
    pub(super) fn end(&self) {
        self.core.lock().ends = true;
        self.asked_to_end.notify_waiters();
        self.stirred.notify_one();
    }

    /// Waits until the client is to end.
    pub(super) async fn asked_to_end(&self) {
        let asked = self.asked_to_end.notified();
        let ends = self.core.lock().ends;
        if !ends {
            asked.await;
        }
    }

    /// It has ended.
    pub(super) fn finish(&self, ending: &Ending) {
        self.core.lock().ends = true;
        self.standing.send_replace(Standing::Closed(ending.clone()));
        self.with(|session| session.finish(ending));
    }

    pub(super) fn is_connected(&self) -> bool {
        *self.standing.borrow() == Standing::Connected
    }

    /// Why it has ended, if it has.
    pub(super) fn ending(&self) -> Option<Ending> {
        match &*self.standing.borrow() {
            Standing::Closed(ending) => Some(ending.clone()),
            Standing::Connecting | Standing::Connected => None,
        }
    }

    /// Waits until it has ended.
    pub(super) async fn closed(&self) -> Ending {
        let mut standing = self.standing.subscribe();
        let closed = standing.wait_for(|standing| matches!(standing, Standing::Closed(_))).await;
        match closed.as_deref() {
            Ok(Standing::Closed(ending)) => ending.clone(),
            // The sender lives as long as `self`.
            Ok(_) | Err(_) => Ending::ByClient,
        }
    }

    /// A stream that is to be subscribed, unless the client has ended.
    pub(super) fn subscribe(
        &self,
        subscribe: Subscribe,
        capacity: usize,
        waiter: Waiter,
    ) -> Result<StreamId, Ending> {
        let mut core = self.core.lock();
        if core.ends {
            return Err(self.ending().unwrap_or(Ending::ByClient));
        }
        let id = core.session.open(subscribe, capacity, waiter);
        drop(core);
        self.stirred.notify_one();
        Ok(id)
    }

    /// What a stream yields next; when there is nothing, who reads it is woken once there is.
    pub(super) fn take(&self, stream: StreamId, waker: &Waker) -> Option<Result<Item, Over>> {
        let mut core = self.core.lock();
        let item = core.session.take(stream);
        if item.is_none() {
            core.wakers.insert(stream, waker.clone());
        }
        item
    }

    /// Nobody reads it any more.
    pub(super) fn forget(&self, stream: StreamId, forget: bool) {
        self.core.lock().wakers.remove(&stream);
        self.with(|session| session.drop_stream(stream, forget));
    }
}
