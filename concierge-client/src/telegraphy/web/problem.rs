//! Why something was not done.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The body of every answer that is no success, and the result of an event of a batch that was not published.
///
/// ```
/// use concierge_client::{payload::encode, telegraphy::web::{Problem, ProblemStatus}};
/// for (json, code) in [
///     (r#"{"status":"UNKNOWN_EVENT","message":"event 'app.None' is not registered"}"#, 404),
///     (r#"{"status":"INVALID_MESSAGE","message":"not JSON: expected value at line 1 column 1"}"#, 400),
///     (r#"{"status":"INVALID_MESSAGE","message":"missing field `event`","path":""}"#, 422),
///     (r#"{"status":"UNAVAILABLE","message":"the gateway is stopping","retry_after":2}"#, 503),
/// ] {
///     let problem: Problem = serde_json::from_str(json)?;
///     assert_eq!((encode(&problem), problem.code()), (json.to_owned(), code));
/// }
/// let newer: Problem = serde_json::from_str(r#"{"status":"NEWS","message":"…"}"#)?;
/// assert_eq!(newer.status, ProblemStatus::Other);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// Why, for programs.
    pub status: ProblemStatus,
    /// The same for people, in English.
    pub message: String,
    /// Where in the body or the query, when something there breaks a rule: names and numbers with dots between them, empty for all of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// When to try again, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u64>,
}

impl Problem {
    /// A problem that says no more than its status and a sentence.
    pub fn new(status: ProblemStatus, message: impl Into<String>) -> Self {
        Self { status, message: message.into(), path: None, retry_after: None }
    }

    /// The same, in this place of the body.
    #[must_use]
    pub fn at(self, path: impl Into<String>) -> Self {
        Self { path: Some(path.into()), ..self }
    }

    /// The same, to be tried again after so many seconds.
    #[must_use]
    pub fn again_after(self, seconds: u64) -> Self {
        Self { retry_after: Some(seconds), ..self }
    }

    /// The status code of HTTP that it has.
    pub fn code(&self) -> u16 {
        match self.status {
            // What can be read, and says where it is wrong, was understood that far.
            ProblemStatus::InvalidMessage if self.path.is_some() => 422,
            ProblemStatus::InvalidMessage => 400,
            ProblemStatus::InvalidToken => 401,
            ProblemStatus::NotAuthorized => 403,
            ProblemStatus::NotFound | ProblemStatus::UnknownEvent | ProblemStatus::UnknownSession => 404,
            ProblemStatus::MethodNotAllowed => 405,
            ProblemStatus::Timeout => 408,
            ProblemStatus::Conflict => 409,
            ProblemStatus::TooLarge => 413,
            ProblemStatus::UnsupportedMediaType => 415,
            ProblemStatus::InvalidFilters => 422,
            ProblemStatus::LimitExceeded | ProblemStatus::TooManyRequests => 429,
            ProblemStatus::Internal | ProblemStatus::Other => 500,
            ProblemStatus::Unavailable => 503,
            ProblemStatus::StoreFull => 507,
        }
    }

    /// Whether the same request may succeed later, when nothing of it is changed.
    pub fn is_worth_another_try(&self) -> bool {
        matches!(
            self.status,
            ProblemStatus::Timeout
                | ProblemStatus::LimitExceeded
                | ProblemStatus::TooManyRequests
                | ProblemStatus::Unavailable
                | ProblemStatus::StoreFull
        )
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.path.as_deref() {
            None | Some("") => formatter.write_str(&self.message),
            Some(path) => write!(formatter, "{path}: {}", self.message),
        }
    }
}

/// Why something was not done. The words are those of [`Status`](super::super::Status) where that has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[non_exhaustive]
pub enum ProblemStatus {
    /// The body cannot be read (400), or something in it breaks a rule (422).
    InvalidMessage,
    /// A filter breaks the grammar or a bound.
    InvalidFilters,
    /// The API key is missing, or is none of the gateway's.
    InvalidToken,
    /// Pages of browsers have no business here.
    NotAuthorized,
    /// There is nothing at this path.
    NotFound,
    /// No such event is registered.
    UnknownEvent,
    /// There is no such session.
    UnknownSession,
    /// There is something at this path, but not for this method.
    MethodNotAllowed,
    /// The body did not arrive in time.
    Timeout,
    /// An event belongs to another source.
    Conflict,
    /// An event, or the whole body, is too large.
    TooLarge,
    /// The body is of a type that is not taken here.
    UnsupportedMediaType,
    /// There would be too many of something.
    LimitExceeded,
    /// There are too many requests at once.
    TooManyRequests,
    /// The gateway failed: that is a bug.
    Internal,
    /// The gateway cannot do it now.
    Unavailable,
    /// The disk is full.
    StoreFull,
    /// One that this version does not know.
    #[serde(other)]
    Other,
}

impl ProblemStatus {
    /// Every status that a gateway may say.
    pub const ALL: [Self; 17] = [
        Self::InvalidMessage,
        Self::InvalidFilters,
        Self::InvalidToken,
        Self::NotAuthorized,
        Self::NotFound,
        Self::UnknownEvent,
        Self::UnknownSession,
        Self::MethodNotAllowed,
        Self::Timeout,
        Self::Conflict,
        Self::TooLarge,
        Self::UnsupportedMediaType,
        Self::LimitExceeded,
        Self::TooManyRequests,
        Self::Internal,
        Self::Unavailable,
        Self::StoreFull,
    ];
}
