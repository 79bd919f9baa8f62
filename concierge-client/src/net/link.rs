//! What the handles of a client and the task of its connection share.

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

use super::{chores::Chores, fanout::Fanout, ledger::Ledger};
use crate::{
    error::Wire,
    payload::Reply,
    session::{AnswerError, CloseCause, Encoded, Session, Waiting},
};

/// What becomes of a request.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// It was answered.
    Answered(Result<Reply, AnswerError>),
    /// It was not, and will not be.
    Lost(Wire, CloseCause),
}

/// What a request leaves behind in the session: the way back to its caller.
#[derive(Debug)]
pub(crate) struct Waiter {
    pub(crate) sender: oneshot::Sender<Outcome>,
    /// The request's place among those in flight, where no caller holds it.
    pub(crate) permit: Option<OwnedSemaphorePermit>,
}

impl Waiter {
    pub(crate) fn settle(self, outcome: Outcome) {
        // A caller that has left in the meantime does not want to know.
        self.sender.send(outcome).ok();
    }
}

impl Waiting for Waiter {
    fn is_abandoned(&self) -> bool {
        self.permit.is_none() && self.sender.is_closed()
    }
}

/// What a handle asks of the connection's task.
#[derive(Debug)]
pub(crate) enum Command {
    /// Send this. If the caller has left before it is sent, it is not sent.
    Request(Encoded, Waiter),
    /// Ping, and tell how long the answer took.
    Ping(oneshot::Sender<Duration>),
}

/// Whether the connection is to go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Control {
    /// It is.
    Run,
    /// It ends when everything is answered, but then at the latest.
    Drain(Instant),
    /// It ends now.
    Close,
}

/// What the handles of a client and the task of its connection share.
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
    control: watch::Sender<Control>,
    /// Why nothing more is sent; known before the end is complete.
    ending: OnceLock<CloseCause>,
    closed: watch::Sender<Option<CloseCause>>,
    unanswered: AtomicUsize,
}

impl Link {
    pub(super) fn new(session: Session, commands: mpsc::Sender<Command>, max_in_flight: usize) -> Self {
        Self {
            session: RwLock::new(Arc::new(session)),
            commands,
            in_flight: Arc::new(Semaphore::new(max_in_flight)),
            max_in_flight,
            fanout: Fanout::new(),
            ledger: Ledger::new(false),
            chores: Chores::default(),
            control: watch::Sender::new(Control::Run),
            ending: OnceLock::new(),
            closed: watch::Sender::new(None),
            unanswered: AtomicUsize::new(0),
        }
    }

    /// The session there is, or the last one there was.
    pub(crate) fn session(&self) -> Arc<Session> {
        Arc::clone(&self.session.read())
    }

    /// Whether requests go out.
    pub(crate) fn is_connected(&self) -> bool {
        self.cause().is_none()
    }

    /// Asks the task to end the connection; what was asked for before is only ever hastened.
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
    }

    pub(crate) fn is_ending(&self) -> bool {
        *self.control.borrow() != Control::Run
    }

    pub(super) fn control(&self) -> watch::Receiver<Control> {
        self.control.subscribe()
    }

    /// Waits until no request is in flight.
    pub(super) async fn idle(&self) {
        let all = u32::try_from(self.max_in_flight).unwrap_or(u32::MAX);
        drop(self.in_flight.acquire_many(all).await);
    }

    /// How many requests had no answer when the connection ended.
    pub(crate) fn unanswered(&self) -> usize {
        self.unanswered.load(Ordering::Relaxed)
    }

    pub(super) fn set_unanswered(&self, requests: usize) {
        self.unanswered.store(requests, Ordering::Relaxed);
    }

    /// Why the connection ended, if it did.
    pub(crate) fn cause(&self) -> Option<CloseCause> {
        self.closed.borrow().clone()
    }

    /// Waits until the connection has ended.
    pub(crate) async fn closed(&self) -> CloseCause {
        match self.closed.subscribe().wait_for(Option::is_some).await.map(|cause| cause.clone()) {
            Ok(Some(cause)) => cause,
            // The sender lives as long as `self`.
            Ok(None) | Err(_) => CloseCause::Abandoned,
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
        self.fanout.close(&cause);
        self.closed.send_replace(Some(cause));
    }
}
