//! The requests that the session makes on its own account.

use super::encoded::Encoded;
use crate::payload::{Nickname, SelfSubscribe, SelfUnsubscribe, ServiceCreate, ServiceName};

/// A request that the session makes on its own account.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Step {
    /// Create a service again.
    Create {
        /// Its name.
        service: ServiceName,
        /// How it is shown to people.
        nickname: Option<Nickname>,
    },
    /// Subscribe to a service again.
    Subscribe {
        /// Its name.
        service: ServiceName,
    },
    /// End a subscription that nobody holds any more.
    Unsubscribe {
        /// The service's name.
        service: ServiceName,
    },
}

impl Step {
    /// The request as text.
    ///
    /// # Errors
    ///
    /// Never in practice: names are valid by construction and are written as JSON without failing.
    pub fn encode(&self) -> Result<Encoded, serde_json::Error> {
        match self {
            Self::Create { service, nickname } => {
                Encoded::new(&ServiceCreate { service: service.clone(), nickname: nickname.clone() })
            }
            Self::Subscribe { service } => Encoded::new(&SelfSubscribe { service: service.clone() }),
            Self::Unsubscribe { service } => Encoded::new(&SelfUnsubscribe { service: service.clone() }),
        }
    }
}
