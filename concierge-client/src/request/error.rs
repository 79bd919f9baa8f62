//! Why a question has no answer.

use std::time::Duration;

use crate::{error::CallError, session::CloseCause};

/// Why a request to another client has no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// It was not delivered: the gateway refused, or there is no connection.
    #[error(transparent)]
    Call(#[from] CallError),
    /// It was delivered, and not answered in time.
    #[error("no answer from the other client within {} s", after.as_secs_f32())]
    Timeout {
        /// How long was waited.
        after: Duration,
    },
    /// The other client answered that it cannot. Text from elsewhere: escape it before showing it.
    #[error("the other client answered with an error: {error:?}")]
    Refused {
        /// What it says.
        error: String,
    },
    /// The other client left, or its service was deleted, before it answered. It may have done what was asked.
    #[error("the other client left without an answer")]
    PeerLeft,
    /// This client's connection ended before the answer came, which could not find its way now. The other client may have
    /// done what was asked.
    #[error("{cause}, before the other client answered")]
    Lost {
        /// Why the connection ended.
        cause: CloseCause,
    },
    /// The answer is not what was asked for.
    #[error("the other client's answer cannot be read")]
    Decode(#[source] serde_json::Error),
}

impl RequestError {
    /// Whether the same request may succeed later.
    pub fn is_temporary(&self) -> bool {
        match self {
            Self::Call(error) => error.is_temporary(),
            Self::Timeout { .. } | Self::PeerLeft => true,
            Self::Lost { cause } => cause.is_temporary(),
            Self::Refused { .. } | Self::Decode(_) => false,
        }
    }

    /// Whether it is certain that the other client did not see the request, so that asking again does nothing twice.
    pub fn safe_to_repeat(&self) -> bool {
        matches!(self, Self::Call(error) if error.safe_to_repeat())
    }

    /// What a person could try.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Call(error) => error.hint(),
            Self::Timeout { .. } => Some("does the other client answer requests? A longer timeout may help"),
            Self::PeerLeft => Some("ask again when it is back"),
            Self::Lost { .. } => Some("look whether it was done before asking again"),
            Self::Refused { .. } | Self::Decode(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::payload::Rejection;

    #[test]
    fn only_what_was_not_delivered_is_safe_to_repeat() {
        let rejected = CallError::Rejected(Rejection::UnknownName { name: "bob".into() });
        assert!(RequestError::Call(rejected).safe_to_repeat());
        assert!(!RequestError::Timeout { after: Duration::from_secs(1) }.safe_to_repeat());
        assert!(!RequestError::PeerLeft.safe_to_repeat());
    }

    #[test]
    fn what_the_other_client_says_is_escaped() {
        let error = RequestError::Refused { error: "\u{1b}[2J".to_owned() };
        assert_eq!(error.to_string(), r#"the other client answered with an error: "\u{1b}[2J""#);
    }
}
