//! How a client stands with its gateway.

use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use futures_util::{Stream, StreamExt, stream};
use tokio::{sync::watch, time::Instant};

use crate::{
    error::ConnectError,
    session::{CloseCause, Session},
};

/// How a client stands with its gateway.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum State {
    /// It has no connection, and is on the way to another one; or has one, and restores what it owned and subscribed to.
    Connecting {
        /// The number of the attempt since the connection was lost, beginning with 1.
        attempt: u32,
        /// What is in the way.
        cause: Interruption,
        /// When the attempt begins, or began.
        retry_at: Instant,
    },
    /// Requests go out.
    Connected(Arc<Session>),
    /// It takes no further requests and waits for the answers to those there are.
    Draining,
    /// It has ended, and will not come back.
    Closed(CloseCause),
}

/// Why a client has no connection.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Interruption {
    /// The one it had ended.
    Ended(CloseCause),
    /// The last attempt at another one failed.
    Failed(Arc<ConnectError>),
}

impl State {
    /// Whether requests go out.
    pub fn is_connected(&self) -> bool {
        matches!(self, Self::Connected(_))
    }

    /// Whether the client has ended.
    pub fn is_closed(&self) -> bool {
        matches!(self, Self::Closed(_))
    }
}

impl fmt::Display for Interruption {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ended(cause) => cause.fmt(formatter),
            Self::Failed(error) => error.fmt(formatter),
        }
    }
}

/// The states of a client: the one there is, and then each change. Whoever reads slowly misses those in between, never the
/// latest. It ends after [`State::Closed`] and does not keep the connection open.
#[must_use = "streams do nothing unless they are read"]
pub struct States {
    states: Pin<Box<dyn Stream<Item = State> + Send + Sync>>,
}

impl States {
    pub(crate) fn new(mut receiver: watch::Receiver<State>) -> Self {
        receiver.mark_changed();
        let states = stream::unfold(Some(receiver), async |receiver| {
            let mut receiver = receiver?;
            receiver.changed().await.ok()?;
            let state = receiver.borrow_and_update().clone();
            let next = if state.is_closed() { None } else { Some(receiver) };
            Some((state, next))
        });
        Self { states: Box::pin(states) }
    }

    /// Waits for the next state; none after [`State::Closed`].
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: no state is lost when the future is dropped.
    pub async fn next(&mut self) -> Option<State> {
        self.states.next().await
    }
}

impl Stream for States {
    type Item = State;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<State>> {
        self.states.as_mut().poll_next(context)
    }
}

impl fmt::Debug for States {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("States").finish_non_exhaustive()
    }
}
