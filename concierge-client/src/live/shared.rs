//! What the handles of a client and its task share: the session, and who waits for what.

use std::{collections::BTreeMap, sync::Arc, task::Waker, time::Instant};

use parking_lot::Mutex;
use tokio::sync::{Notify, oneshot, watch};

use super::state::State;
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
    /// None before the client came in for the first time.
    state: watch::Sender<Option<State>>,
    /// There may be something for the task to do.
    pub(super) stirred: Notify,
    /// The client is to end.
    asked_to_end: Notify,
}

impl Shared {
    pub(super) fn new(session: Session<Waiter>) -> Self {
        Self {
            core: Mutex::new(Core { session, wakers: BTreeMap::new(), closing: None, ends: false }),
            state: watch::Sender::new(None),
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
                Output::Connected => {
                    let said = core.session.said().cloned().unwrap_or_default();
                    self.state.send_replace(Some(State::Connected(Arc::new(said))));
                }
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

    /// There is none any more, for this reason, unless the session knew of another one before.
    pub(super) fn lost(&self, ending: &Ending) {
        let why = self.core.lock().session.ending().unwrap_or(ending).clone();
        self.state.send_replace(Some(State::Connecting(why)));
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
        self.state.send_replace(Some(State::Closed(ending.clone())));
        self.with(|session| session.finish(ending));
    }

    pub(super) fn is_connected(&self) -> bool {
        self.state.borrow().as_ref().is_some_and(State::is_connected)
    }

    /// Why it has ended, if it has.
    pub(super) fn ending(&self) -> Option<Ending> {
        match &*self.state.borrow() {
            Some(State::Closed(ending)) => Some(ending.clone()),
            _ => None,
        }
    }

    pub(super) fn states(&self) -> watch::Receiver<Option<State>> {
        self.state.subscribe()
    }

    /// Waits until it has ended.
    pub(super) async fn closed(&self) -> Ending {
        let mut state = self.state.subscribe();
        let closed = state.wait_for(|state| state.as_ref().is_some_and(State::is_closed)).await;
        match closed.as_deref() {
            Ok(Some(State::Closed(ending))) => ending.clone(),
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
