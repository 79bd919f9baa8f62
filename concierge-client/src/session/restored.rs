//! What a restoration achieved.

use super::status::{Loss, Role};
use crate::payload::ServiceName;

/// What came back on a new connection, and what did not; each in the order it was tried.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Restored {
    /// The services that were created again.
    pub services: Vec<ServiceName>,
    /// The services that were subscribed to again.
    pub subscriptions: Vec<ServiceName>,
    /// The services to which this client will subscribe when they are created: they are not there now.
    pub pending: Vec<ServiceName>,
    /// What did not come back and is not tried again.
    pub lost: Vec<Lost>,
}

impl Restored {
    /// Whether everything came back.
    pub fn is_complete(&self) -> bool {
        self.pending.is_empty() && self.lost.is_empty()
    }
}

/// What did not come back, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lost {
    /// Which end of the service this client held.
    pub role: Role,
    /// The service.
    pub service: ServiceName,
    /// Why.
    pub loss: Loss,
}
