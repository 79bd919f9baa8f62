//! What the handles of a client and its task share, for as long as there is a client: over all its connections.

use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use parking_lot::RwLock;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot, watch},
    time::Instant,
};

use super::{chores::Chores, counters::Counters, fanout::Fanout, ledger::Ledger};
use crate::{
    error::{CallError, Wire},
    payload::Reply,
    session::{AnswerError, CloseCause, Encoded, Session, Step, Waiting},
    state::{Interruption, State},
    stats::Stats,
};

/// What becomes of a request.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// It was answered.
    Answered(Result<Reply, AnswerError>),
    /// It was not, and will not be.
    Lost(Wire, CloseCause),
    /// There was no connection for it.
    NotConnected(Interruption),
}

/// What a request leaves behind in the session.
#[derive(Debug)]
pub(crate) enum Waiter {
    /// The way back to its caller.
    Caller {
        sender: oneshot::Sender<Outcome>,
        /// The request's place among those in flight, where no caller holds it.
        permit: Option<OwnedSemaphorePermit>,
    },
    /// The session itself asked.
    Step(Step),
    /// The session set the sequence number.
    Resynchronization,
}

impl Waiter {
    /// Tells the caller. What the session asked is not answered here.
    pub(super) fn settle(self, outcome: Outcome) {
        if let Self::Caller { sender, .. } = self {
            // A caller that has left in the meantime does not want to know.
            sender.send(outcome).ok();
        }
    }

    /// Whether somebody waits who is no part of the session.
    pub(super) fn is_wanted(&self) -> bool {
        matches!(self, Self::Caller { .. }) && !self.is_abandoned()
    }
}

impl Waiting for Waiter {
    fn is_abandoned(&self) -> bool {
        match self {
            Self::Caller { sender, permit } => permit.is_none() && sender.is_closed(),
            Self::Step(_) | Self::Resynchronization => false,
        }
    }
}

/// What a handle asks of the client's task.
#[derive(Debug)]
pub(crate) enum Command {
    /// Send this. If the caller has left before it is sent, it is not sent.
    Request(Encoded, Waiter),
    /// Ping, and tell how long the answer took.
    Ping(oneshot::Sender<Duration>),
}

/// Whether the client is to go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Control {
    /// It is.
    Run,
    /// It ends when everything is answered, but then at the latest.
    Drain(Instant),
    /// It ends now.
    Close,
}

/// What the handles of a client and its task share.
#[derive(Debug)]
pub(crate) struct Link {
    session: RwLock<Arc<Session>>,
    pub(crate) commands: mpsc::Sender<Command>,
    /// One permit for each request that may be in flight.
    pub(crate) in_flight: Arc<Semaphore>,
    pub(crate) max_in_flight: usize,
    pub(crate) fanout: Fanout,
    pub(super) ledger: Ledger,
    pub(super) chores: Chores,
    pub(super) counters: Counters,
    /// Whether requests wait for a connection.
    holds: bool,
    state: watch::Sender<State>,
    control: watch::Sender<Control>,
    /// Why nothing more is sent; known before the end is complete.
    ending: OnceLock<CloseCause>,
    unanswered: AtomicUsize,
}

impl Link {
    pub(super) fn new(
        session: Arc<Session>,
        commands: mpsc::Sender<Command>,
        max_in_flight: usize,
        ledger: Ledger,
        holds: bool,
    ) -> Self {
        Self {
            session: RwLock::new(Arc::clone(&session)),
            commands,
            in_flight: Arc::new(Semaphore::new(max_in_flight)),
            max_in_flight,
            fanout: Fanout::new(),
            ledger,
            chores: Chores::default(),
            counters: Counters::default(),
            holds,
            state: watch::Sender::new(State::Connected(session)),
            control: watch::Sender::new(Control::Run),
            ending: OnceLock::new(),
            unanswered: AtomicUsize::new(0),
        }
    }

    /// The session there is, or the last one there was.
    pub(crate) fn session(&self) -> Arc<Session> {
        Arc::clone(&self.session.read())
    }

    /// The largest message the gateway takes, in bytes.
    pub(crate) fn message_limit(&self) -> usize {
        self.session.read().message_limit()
    }

    pub(super) fn set_session(&self, session: Arc<Session>) {
        *self.session.write() = session;
    }

    /// Asks the task to end the client; what was asked for before is only ever hastened.
    pub(crate) fn end(&self, control: Control) {
        self.control.send_if_modified(|current| {
            let hastens = match (*current, control) {
                (Control::Drain(agreed), Control::Drain(deadline)) => deadline < agreed,
                (current, asked) => asked > current,
            };
            if hastens {
                *current = control;
            }
            hastens
        });
        self.set_state(State::Draining);
    }

    pub(crate) fn is_ending(&self) -> bool {
        *self.control.borrow() != Control::Run
    }

    /// Waits until the client is to end: when everything is answered, or in the end before.
    pub(super) async fn asked_to_end(&self) {
        let mut control = self.control.subscribe();
        loop {
            let asked = *control.borrow_and_update();
            let changed = control.changed();
            let goes_on = match asked {
                Control::Close => return,
                Control::Run => changed.await.is_ok(),
                Control::Drain(deadline) => tokio::select! {
                    () = self.idle() => return,
                    () = tokio::time::sleep_until(deadline) => return,
                    changed = changed => changed.is_ok(),
                },
            };
            if !goes_on {
                return;
            }
        }
    }

    /// Waits until no request is in flight.
    async fn idle(&self) {
        let all = u32::try_from(self.max_in_flight).unwrap_or(u32::MAX);
        drop(self.in_flight.acquire_many(all).await);
    }

    /// How many requests had no answer when the client ended.
    pub(crate) fn unanswered(&self) -> usize {
        self.unanswered.load(Ordering::Relaxed)
    }

    pub(super) fn set_unanswered(&self, requests: usize) {
        self.unanswered.store(requests, Ordering::Relaxed);
    }

    /// How the client stands, from now on.
    pub(crate) fn states(&self) -> watch::Receiver<State> {
        self.state.subscribe()
    }

    /// How the client stands.
    pub(crate) fn state(&self) -> State {
        self.state.borrow().clone()
    }

    /// Whether requests go out.
    pub(crate) fn is_connected(&self) -> bool {
        matches!(*self.state.borrow(), State::Connected(_) | State::Draining)
    }

    /// A client that drains goes on to do so, and one that has ended stays so.
    pub(super) fn set_state(&self, state: State) {
        self.state.send_if_modified(|current| {
            let over = match current {
                State::Closed(_) => true,
                State::Draining => !state.is_closed(),
                State::Connecting { .. } | State::Connected(_) => false,
            };
            if !over {
                *current = state;
            }
            !over
        });
    }

    /// Why the client ended, if it did.
    pub(crate) fn cause(&self) -> Option<CloseCause> {
        match &*self.state.borrow() {
            State::Closed(cause) => Some(cause.clone()),
            _ => None,
        }
    }

    /// Waits until the client has ended.
    pub(crate) async fn closed(&self) -> CloseCause {
        let mut states = self.state.subscribe();
        match states.wait_for(State::is_closed).await.as_deref() {
            Ok(State::Closed(cause)) => cause.clone(),
            // The sender lives as long as `self`.
            Ok(_) | Err(_) => CloseCause::Abandoned,
        }
    }

    /// Waits until requests go out, or fails when they never will.
    pub(crate) async fn connected(&self) -> Result<(), CallError> {
        let mut states = self.state.subscribe();
        // The sender lives as long as `self`.
        states.wait_for(|state| state.is_connected() || self.ending.get().is_some()).await.ok();
        if self.ending.get().is_some() || self.is_ending() { Err(self.unavailable()) } else { Ok(()) }
    }

    /// Why a request that is made now does not even begin, where that is so.
    pub(crate) fn check(&self) -> Result<(), CallError> {
        let waits = self.holds || self.is_connected();
        if self.is_ending() || self.ending.get().is_some() || !waits {
            return Err(self.unavailable());
        }
        Ok(())
    }

    /// The error of a call that came too late, or in between two connections.
    pub(crate) fn unavailable(&self) -> CallError {
        match (&*self.state.borrow(), self.ending.get()) {
            (State::Connecting { cause, .. }, None) => CallError::NotConnected { cause: cause.clone() },
            (_, Some(cause)) | (State::Closed(cause), None) => CallError::Closed { cause: cause.clone() },
            // Between two connections that were so close to each other that nobody saw the time between.
            (State::Connected(_), None) => CallError::Lost {
                wire: Wire::NotSent,
                cause: CloseCause::Lost { detail: "the connection was replaced".into() },
            },
            (State::Draining, None) => CallError::Closed { cause: CloseCause::ByClient },
        }
    }

    /// Why there is no connection now.
    pub(super) fn interruption(&self) -> Interruption {
        match &*self.state.borrow() {
            State::Connecting { cause, .. } => cause.clone(),
            _ => Interruption::Ended(self.refusal()),
        }
    }

    /// Why nothing can be sent any more, where that is so.
    pub(crate) fn refusal(&self) -> CloseCause {
        self.ending.get().cloned().unwrap_or(CloseCause::ByClient)
    }

    /// Nothing more is sent, and whoever waits to send is told so.
    pub(super) fn set_ending(&self, cause: &CloseCause) {
        self.ending.get_or_init(|| cause.clone());
        self.in_flight.close();
    }

    /// Tells everyone that it has ended.
    pub(super) fn set_closed(&self, cause: CloseCause) {
        self.ledger.end();
        self.fanout.close(&cause);
        self.set_state(State::Closed(cause));
    }

    /// What was counted so far.
    pub(crate) fn stats(&self) -> Stats {
        let in_flight = self.max_in_flight.saturating_sub(self.in_flight.available_permits());
        Stats { in_flight, lagged: self.fanout.lagged(), ..self.counters.stats() }
    }
}
