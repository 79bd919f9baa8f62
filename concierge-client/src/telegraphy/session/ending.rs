//! Why a connection ended, and what a client may do then.

use std::{sync::Arc, time::Duration};

use crate::{
    session::{CloseCause, Trouble},
    telegraphy::{close::CloseCode, response::Failure, status::Status},
};

/// Why a connection, or a client, ended. What the gateway wrote is quoted and escaped in its text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Ending {
    /// This client wanted it: by `disconnect`, or because its last handle was dropped.
    #[error("closed by this client")]
    ByClient,
    /// The gateway closed the connection and said why.
    #[error("closed by the gateway with {code}")]
    Closed {
        /// The code.
        code: CloseCode,
    },
    /// The gateway did not take the session or the auth token, or had no place for this client.
    #[error("the gateway refused: {} {:?}", failure.status, failure.message)]
    Refused {
        /// What it said. Its message is text from elsewhere: escape it before showing it.
        failure: Failure,
    },
    /// The connection broke, or what came over it was no WebSocket.
    #[error(transparent)]
    Broken(CloseCause),
    /// No frame came for longer than the gateway stays silent.
    #[error("the gateway has been silent for {} s", silence.as_secs())]
    Silent {
        /// How long.
        silence: Duration,
    },
    /// The gateway did not answer a request.
    #[error("the gateway did not answer within {} s", within.as_secs())]
    Unanswered {
        /// How long was waited.
        within: Duration,
    },
    /// The gateway sent what is no message of this protocol.
    #[error("the gateway does not speak Telegraphy: {detail}")]
    Foreign {
        /// What is wrong with it.
        detail: Arc<str>,
    },
    /// A fresh auth token was needed, and there was none: the one that was given is spent.
    #[error("the auth token is spent, and the session is gone")]
    TokenSpent,
    /// There was no way to another connection.
    #[error("could not connect again: {detail}")]
    GaveUp {
        /// What stood in the way of the last attempt.
        detail: Arc<str>,
    },
}

impl Ending {
    /// The end of a connection, as its transport tells it.
    pub fn of(cause: CloseCause) -> Self {
        match cause {
            CloseCause::ByClient => Self::ByClient,
            CloseCause::ByGateway { code, .. } => Self::Closed { code: CloseCode::from(u16::from(code)) },
            cause => Self::Broken(cause),
        }
    }

    /// What kind of trouble it was, as far as it matters for another try.
    pub fn trouble(&self) -> Trouble {
        match self {
            Self::ByClient => Trouble::Own,
            Self::Closed { code } if code.is_worth_another_try() => Trouble::Broken,
            Self::Closed { .. } | Self::TokenSpent | Self::GaveUp { .. } => Trouble::Dismissed,
            Self::Refused { failure } => match failure.status {
                Status::Unavailable
                | Status::LimitExceeded
                | Status::TooManyRequests
                | Status::ConnectTimeout => Trouble::Broken,
                _ => Trouble::Dismissed,
            },
            Self::Broken(cause) => cause.trouble(),
            Self::Silent { .. } | Self::Unanswered { .. } => Trouble::Timeout,
            Self::Foreign { .. } => Trouble::Foreign,
        }
    }

    /// How long the gateway asked to be left alone.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Refused { failure } => failure.retry_after.map(Duration::from_secs),
            _ => None,
        }
    }
}
