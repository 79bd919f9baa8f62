//! What can go wrong with web events, a type per thing one does.

use std::time::Duration;

use crate::{
    payload::InvalidName,
    telegraphy::{
        Event, Failure, Status,
        session::{Ending, NotTaken, Over, Unanswered},
    },
};

/// Why a client did not come in.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ComeInError {
    /// There is no connection.
    #[error(transparent)]
    Unreached(#[from] crate::ConnectError),
    /// The connection ended before the gateway let the client in: it refused, or hung up.
    #[error(transparent)]
    Ended(#[from] Ending),
}

impl ComeInError {
    /// Whether trying again may help; with a fresh auth token, if the one there was is spent.
    pub fn is_temporary(&self) -> bool {
        match self {
            Self::Unreached(error) => error.is_temporary(),
            Self::Ended(ending) => crate::Retry::decide(ending.trouble()).is_allowed(),
        }
    }
}

/// Why something that was asked has no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AskError {
    /// The gateway refused.
    #[error("refused: {} {:?}", .0.status, .0.message)]
    Refused(Failure),
    /// It was not sent.
    #[error(transparent)]
    NotTaken(NotTaken),
    /// The connection ended before the answer came.
    #[error("the connection ended before {}", match .0 {
        Unanswered::NotSent => "this was asked",
        Unanswered::MaybeSent => "this was answered",
    })]
    Lost(Unanswered),
    /// The gateway did not answer in time.
    #[error("no answer within {} s", after.as_secs_f32())]
    Timeout {
        /// How long was waited.
        after: Duration,
    },
    /// The client has ended.
    #[error("the client has ended: {0}")]
    Closed(Ending),
    /// The answer is that to something else.
    #[error("the gateway answered with {status}, which is no answer to this")]
    Mismatched {
        /// Its status.
        status: Status,
    },
}

/// Why there is no stream of an event.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SubscribeError {
    /// What was to be subscribed to has no valid name.
    #[error(transparent)]
    Name(#[from] InvalidName),
    /// It could not be asked.
    #[error(transparent)]
    Ask(#[from] AskError),
}

impl SubscribeError {
    /// What the gateway said when it refused.
    pub fn refusal(&self) -> Option<&Failure> {
        match self {
            Self::Ask(AskError::Refused(failure)) => Some(failure),
            _ => None,
        }
    }
}

/// What a stream of an event yields beside what it is for.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StreamError {
    /// An event carries something else than was expected. The stream goes on.
    #[error("the data of {} is not what was expected", event.event)]
    Decode {
        /// The event.
        event: Box<Event>,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// The stream has ended.
    #[error(transparent)]
    Over(#[from] Over),
}
