//! How a client of web events stands with its gateway, and how that changes.

use std::{fmt, sync::Arc};

use tokio::sync::watch;

use crate::telegraphy::{Connected, session::Ending};

/// How a client stands with its gateway.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum State {
    /// The gateway has let it in, and said this.
    Connected(Arc<Connected>),
    /// It has lost its connection, for this reason, and is on the way to another one.
    Connecting(Ending),
    /// It has ended, for this reason, and will not come back.
    Closed(Ending),
}

impl State {
    /// Whether there is a connection.
    pub fn is_connected(&self) -> bool {
        matches!(self, Self::Connected(_))
    }

    /// Whether the client has ended.
    pub fn is_closed(&self) -> bool {
        matches!(self, Self::Closed(_))
    }
}

/// The states of a client: the one there is, and then each change. Whoever reads slowly misses those in between, never the latest. It ends after
/// [`State::Closed`] and does not keep the connection open.
#[must_use = "nothing is told unless it is asked for"]
pub struct States {
    /// None before the client came in for the first time.
    receiver: watch::Receiver<Option<State>>,
    ended: bool,
}

impl States {
    pub(super) fn new(mut receiver: watch::Receiver<Option<State>>) -> Self {
        receiver.mark_changed();
        Self { receiver, ended: false }
    }

    /// Waits for the next state; none after [`State::Closed`].
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: no state is lost when the future is dropped.
    pub async fn next(&mut self) -> Option<State> {
        while !self.ended {
            self.receiver.changed().await.ok()?;
            let state = self.receiver.borrow_and_update().clone();
            self.ended = state.as_ref().is_some_and(State::is_closed);
            if state.is_some() {
                return state;
            }
        }
        None
    }
}

impl fmt::Debug for States {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("States").finish_non_exhaustive()
    }
}
