//! Why something was not published, or not done.

use std::time::Duration;

use crate::{error::ConnectError, telegraphy::web::Problem};

/// Why something that a web application asked was not done.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PublishError {
    /// The gateway refused.
    #[error("the gateway refused: {}", format!("{problem}").escape_debug())]
    Refused {
        /// Why. Its message is text from elsewhere: escape it before showing it.
        problem: Problem,
    },
    /// There is no connection to the gateway; nothing was asked.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The connection broke off before the answer came: it may have been done.
    #[error("the connection broke off before the answer")]
    Lost {
        /// What was said about it.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The gateway did not answer in time: it may have been done.
    #[error("no answer within {} s", after.as_secs_f32())]
    Timeout {
        /// How long was waited.
        after: Duration,
    },
    /// What answers is no gateway, or none for web applications.
    #[error("what answers there is no gateway for web applications: HTTP status {code}")]
    Foreign {
        /// The status code.
        code: u16,
    },
    /// What was to be asked cannot be written as JSON, or the answer cannot be read.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    /// More events than a batch may have.
    #[error("a batch has at most {limit} events")]
    TooMany {
        /// The bound.
        limit: usize,
    },
}

impl PublishError {
    /// What the gateway said when it refused.
    pub fn problem(&self) -> Option<&Problem> {
        match self {
            Self::Refused { problem } => Some(problem),
            _ => None,
        }
    }

    /// Whether the same may succeed later.
    pub fn is_temporary(&self) -> bool {
        match self {
            Self::Refused { problem } => problem.is_worth_another_try(),
            Self::Connect(error) => error.is_temporary(),
            Self::Lost { .. } | Self::Timeout { .. } => true,
            Self::Foreign { code } => matches!(code, 502..=504),
            Self::Json(_) | Self::TooMany { .. } => false,
        }
    }

    /// How long the gateway asked to be left alone.
    pub(super) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Refused { problem } => problem.retry_after.map(Duration::from_secs),
            Self::Connect(error) => error.retry_after(),
            _ => None,
        }
    }
}
