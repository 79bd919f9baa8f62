//! Why a call has no reply.

use std::time::Duration;

use crate::{
    payload::{Intent, InvalidName, Rejection},
    session::{AnswerError, CloseCause},
    state::Interruption,
};

/// Whether a request that got no answer may have reached the gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Wire {
    /// It never left this process.
    NotSent,
    /// It was written, or part of it: the gateway may have done what it asked.
    MaybeSent,
}

/// Why a call has no reply.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CallError {
    /// The gateway refused.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// The gateway did not answer in time. It may still do what was asked.
    #[error("no answer within {} s", after.as_secs_f32())]
    Timeout {
        /// How long was waited.
        after: Duration,
    },
    /// The connection ended before the answer came.
    #[error("{cause}, {}", match wire {
        Wire::NotSent => "before the request was sent",
        Wire::MaybeSent => "before the request was answered",
    })]
    Lost {
        /// Whether the request may have reached the gateway.
        wire: Wire,
        /// Why the connection ended.
        cause: CloseCause,
    },
    /// There is no connection now, and the client is on its way to another one; nothing was sent.
    #[error("not connected: {cause}")]
    NotConnected {
        /// What is in the way.
        cause: Interruption,
    },
    /// The client had ended before the call.
    #[error("{cause}, before this was asked")]
    Closed {
        /// Why.
        cause: CloseCause,
    },
    /// As many requests are waiting for an answer as may; only calls that never wait fail so.
    #[error("{in_flight} requests are waiting for an answer, the most at one time")]
    Full {
        /// How many.
        in_flight: usize,
    },
    /// The request is larger than what the gateway takes; it was not sent.
    #[error("the request has {size} bytes, the gateway takes {limit}")]
    TooLarge {
        /// Its size, in bytes.
        size: usize,
        /// The most this gateway takes, in bytes.
        limit: usize,
    },
    /// What was to be named has no valid name; nothing was sent.
    #[error(transparent)]
    InvalidName(#[from] InvalidName),
    /// The call builds on what the gateway was told not to send; nothing was sent.
    #[error("this needs the intent {intent}, which the client did not declare")]
    IntentOff {
        /// The intent that is off.
        intent: Intent,
    },
    /// The request cannot be written as JSON; nothing was sent.
    #[error("the request cannot be written as JSON")]
    Encode(#[source] serde_json::Error),
    /// The gateway's answer cannot be used.
    #[error(transparent)]
    Decode(#[from] UselessReply),
}

/// Why an answer is of no use to the call it answers.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UselessReply {
    /// It cannot be read.
    #[error(transparent)]
    Unreadable(#[from] AnswerError),
    /// It is the answer to another kind of request.
    #[error("the gateway's answer does not belong to this request: {answer}")]
    Mismatched {
        /// The answer, as JSON.
        answer: String,
    },
}

impl CallError {
    /// Whether the same call may succeed later on this client.
    pub fn is_temporary(&self) -> bool {
        match self {
            Self::Timeout { .. }
            | Self::NotConnected { .. }
            | Self::Full { .. }
            | Self::Rejected(Rejection::Internal { .. }) => true,
            Self::Lost { cause, .. } => cause.is_temporary(),
            Self::Closed { .. }
            | Self::Rejected(_)
            | Self::TooLarge { .. }
            | Self::InvalidName(_)
            | Self::IntentOff { .. }
            | Self::Encode(_)
            | Self::Decode(_) => false,
        }
    }

    /// Whether it is certain that the gateway did not do what was asked, so that asking again does nothing twice.
    pub fn safe_to_repeat(&self) -> bool {
        match self {
            Self::Timeout { .. }
            | Self::Lost { wire: Wire::MaybeSent, .. }
            | Self::Decode(_)
            | Self::Rejected(Rejection::Internal { .. }) => false,
            Self::Lost { wire: Wire::NotSent, .. }
            | Self::Rejected(_)
            | Self::NotConnected { .. }
            | Self::Closed { .. }
            | Self::Full { .. }
            | Self::TooLarge { .. }
            | Self::InvalidName(_)
            | Self::IntentOff { .. }
            | Self::Encode(_) => true,
        }
    }

    /// What a person could try.
    pub fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::Timeout { .. } => "the gateway may be busy; a longer timeout may help",
            Self::Lost { wire: Wire::MaybeSent, .. } => "look whether it was done before asking again",
            Self::Lost { .. } | Self::Closed { .. } => "connect again",
            Self::NotConnected { .. } => {
                "wait until the client is connected again, or have it wait with ClientBuilder::offline_queue"
            }
            Self::Full { .. } => "wait for some answers first",
            Self::TooLarge { .. } => "send less at a time, or raise the gateway's limit",
            Self::IntentOff { .. } => "declare it with ClientBuilder::intents",
            Self::Rejected(_) | Self::InvalidName(_) | Self::Encode(_) | Self::Decode(_) => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_certainly_did_not_happen_is_safe_to_repeat() {
        let cause = CloseCause::ByClient;
        assert!(CallError::Lost { wire: Wire::NotSent, cause: cause.clone() }.safe_to_repeat());
        assert!(!CallError::Lost { wire: Wire::MaybeSent, cause }.safe_to_repeat());
        assert!(!CallError::Timeout { after: Duration::from_secs(1) }.safe_to_repeat());
        assert!(CallError::Rejected(Rejection::Unsupported).safe_to_repeat());
    }
}
