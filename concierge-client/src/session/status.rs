//! Where a service or a subscription of this client stands, and how it came to be lost.

use uuid::Uuid;

use super::heard::AnswerError;
use crate::payload::{Rejection, ServiceName};

/// Where a service or a subscription of this client stands.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Status {
    /// The gateway has it.
    Live,
    /// The gateway does not have it now, and it comes back by itself: a service or a subscription when the connection
    /// does, a subscription also when its service is created.
    Pending,
    /// It could not be brought back and is not tried again.
    Lost(Loss),
    /// This client ended it.
    Deleted,
}

impl Status {
    /// Whether the gateway has it.
    pub fn is_live(&self) -> bool {
        matches!(self, Self::Live)
    }

    /// Whether it is over: what is lost or deleted never becomes live again.
    pub fn is_final(&self) -> bool {
        matches!(self, Self::Lost(_) | Self::Deleted)
    }
}

/// Why a service or a subscription did not come back.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Loss {
    /// Another client owns a service of this name now.
    #[error("the client {0} owns a service of this name now")]
    TakenBy(Uuid),
    /// The gateway refused.
    #[error(transparent)]
    Refused(Rejection),
    /// The gateway's answer cannot be used.
    #[error(transparent)]
    Unclear(AnswerError),
    /// The gateway's answer belongs to another kind of request.
    #[error("the gateway's answer does not belong to this request")]
    Mismatched,
    /// The client ended for good.
    #[error("the client has ended")]
    Ended,
}

/// Which end of a service a client holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// It owns the service.
    Owner,
    /// It subscribes to the service.
    Subscriber,
}

/// Something stands elsewhere than before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Which end of the service this client holds.
    pub role: Role,
    /// The service.
    pub service: ServiceName,
    /// Where it stands now.
    pub status: Status,
}
