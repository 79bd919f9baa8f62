//! Why a connection ended.

use std::{sync::Arc, time::Duration};

use super::retry::{Retry, Trouble};
use crate::payload::CloseCode;

/// Why a connection ended. Its text says what happened; what the gateway wrote is quoted and escaped.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CloseCause {
    /// This client closed it: by `close`, by `drain`, or because the last handle was dropped.
    #[error("closed by this client")]
    ByClient,
    /// The gateway closed it and said why.
    #[error("closed by the gateway with {code}{}", quoted(reason))]
    ByGateway {
        /// The code.
        code: CloseCode,
        /// What the gateway wrote beside it; possibly nothing. Text from elsewhere: escape it before showing it.
        reason: Arc<str>,
    },
    /// It broke off without a word.
    #[error("the connection was lost: {detail}")]
    Lost {
        /// What the operating system said.
        detail: Arc<str>,
    },
    /// Nothing was heard from the gateway for too long, pings notwithstanding.
    #[error("the gateway has been silent for {} s", silence.as_secs())]
    Silent {
        /// How long.
        silence: Duration,
    },
    /// The gateway took nothing of what was written to it for too long.
    #[error("the gateway has taken nothing of what was sent for {} s", stalled.as_secs())]
    Stalled {
        /// How long.
        stalled: Duration,
    },
    /// The gateway sent a message larger than this client takes. It was closed with 1009.
    #[error("the gateway sent a message of more than {limit} bytes, the most this client takes")]
    TooLarge {
        /// The bound, in bytes.
        limit: usize,
    },
    /// The gateway sent a text that is not UTF-8. It was closed with 1007.
    #[error("the gateway sent a text that is not UTF-8")]
    NotUtf8,
    /// The gateway broke the WebSocket protocol. It was closed with 1002.
    #[error("the gateway broke the WebSocket protocol: {detail}")]
    Violation {
        /// What it did.
        detail: Arc<str>,
    },
    /// The connection was lost, and there is no way to another one. What the gateway closed an attempt with is
    /// [`ByGateway`](Self::ByGateway).
    #[error("could not connect again: {detail}")]
    GaveUp {
        /// What stood in the way of the last attempt.
        detail: Arc<str>,
    },
    /// The gateway did not answer in time while services and subscriptions were restored.
    #[error("the gateway did not restore services and subscriptions within {} s", within.as_secs_f32())]
    NotRestored {
        /// How long was waited.
        within: Duration,
    },
    /// The runtime on which the connection ran was shut down.
    #[error("the runtime of the connection was shut down")]
    Abandoned,
}

fn quoted(reason: &str) -> String {
    if reason.is_empty() { String::new() } else { format!(", {reason:?}") }
}

impl CloseCause {
    /// What kind of trouble it was, as far as it matters for another try.
    pub fn trouble(&self) -> Trouble {
        match self {
            Self::ByGateway { code, .. } => Trouble::Closed(*code),
            Self::Lost { .. } => Trouble::Broken,
            Self::Silent { .. } | Self::Stalled { .. } | Self::NotRestored { .. } => Trouble::Timeout,
            Self::TooLarge { .. } | Self::NotUtf8 | Self::Violation { .. } => Trouble::Foreign,
            Self::ByClient | Self::GaveUp { .. } | Self::Abandoned => Trouble::Own,
        }
    }

    /// What a client may do by itself after such an end.
    pub fn retry(&self) -> Retry {
        Retry::decide(self.trouble())
    }

    /// Whether connecting again may help.
    pub fn is_temporary(&self) -> bool {
        self.retry().is_allowed()
    }

    /// The code the gateway closed with, when it did.
    pub fn code(&self) -> Option<CloseCode> {
        match self {
            Self::ByGateway { code, .. } => Some(*code),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_gateway_wrote_is_escaped() {
        let cause = CloseCause::ByGateway { code: CloseCode::Kicked, reason: "\u{1b}[2J\u{202e}".into() };
        assert_eq!(cause.to_string(), r#"closed by the gateway with 4013 KICKED, "\u{1b}[2J\u{202e}""#);
    }

    #[test]
    fn a_close_without_a_reason_is_told_without_quotes() {
        let cause = CloseCause::ByGateway { code: CloseCode::GoingAway, reason: "".into() };
        assert_eq!(cause.to_string(), "closed by the gateway with 1001 GOING_AWAY");
        assert!(cause.is_temporary());
    }
}
