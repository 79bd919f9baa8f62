//! What can go wrong, a type per thing one does: naming a gateway, connecting, calling, waiting, draining.
//!
//! Owns the errors of the connected half and what each means for a caller: whether it may pass, whether a request may be
//! repeated, what a person could try. The refusals of the gateway are [`Rejection`](crate::Rejection)s and belong to the
//! payloads.

mod build;
mod call;
mod connect;
mod proxy;
mod stage;
mod tls;

pub use build::{BuildError, HeaderError, UrlError};
pub use call::{CallError, UselessReply, Wire};
pub use connect::ConnectError;
pub use proxy::{ProxyError, ProxyUrlError};
pub use stage::Stage;
pub use tls::TlsError;

use std::time::Duration;

use crate::session::CloseCause;

/// Why what was waited for did not come.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WaitError {
    /// Not in this time.
    #[error("it did not happen within {} s", within.as_secs_f32())]
    Timeout {
        /// How long was waited.
        within: Duration,
    },
    /// The connection ended first.
    #[error("the connection ended first: {0}")]
    Closed(CloseCause),
}

/// A drain ran out of time: the connection was closed with requests that had no answer yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{unanswered} requests had no answer when the time was up")]
pub struct DrainError {
    /// How many.
    pub unanswered: usize,
}

/// Why a raw connection sent nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the text was not sent: {cause}")]
pub struct RawError {
    /// How the connection ended.
    pub cause: CloseCause,
}
