//! The refusals among the answers, as errors.

use uuid::Uuid;

use super::reply::Reply;

/// Why the gateway did not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Rejection {
    /// `INVALID_NAME`
    #[error("no client is named {name:?}")]
    UnknownName {
        /// The name that was asked for.
        name: String,
    },
    /// `INVALID_UUID`
    #[error("no client has the id {uuid}")]
    UnknownUuid {
        /// The id that was asked for.
        uuid: Uuid,
    },
    /// `INVALID_SERVICE`
    #[error("there is no service named {service:?}")]
    UnknownService {
        /// The name that was asked for.
        service: String,
    },
    /// `BAD`
    #[error("not allowed{}", desc.as_ref().map(|desc| format!(": {desc}")).unwrap_or_default())]
    Refused {
        /// Which limit was reached; absent when permission is missing.
        desc: Option<String>,
    },
    /// `ERROR_UNSUPPORTED`
    #[error("the gateway does not know this request")]
    Unsupported,
    /// `ERROR_PROTOCOL`
    #[error("the gateway could not understand the request: {desc}")]
    Protocol {
        /// The field, and what was expected of it.
        desc: String,
    },
    /// `ERROR_INTERNAL`
    #[error("the gateway failed: {desc}")]
    Internal {
        /// What happened.
        desc: String,
    },
}

impl Reply {
    /// The `type` on the wire, as of an [`Event`](super::Event).
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::Bad { .. } => "BAD",
            Self::SelfSubscribeResult(_) => "SELF_SUBSCRIBE_RESULT",
            Self::SelfUnsubscribeResult(_) => "SELF_UNSUBSCRIBE_RESULT",
            Self::SelfFetchResult(_) => "SELF_FETCH_RESULT",
            Self::ServiceCreateResult(_) => "SERVICE_CREATE_RESULT",
            Self::ServiceDeleteResult(_) => "SERVICE_DELETE_RESULT",
            Self::ServiceFetchResult(_) => "SERVICE_FETCH_RESULT",
            Self::ServiceFetchAllResult(_) => "SERVICE_FETCH_ALL_RESULT",
            Self::ClientFetchResult(_) => "CLIENT_FETCH_RESULT",
            Self::ClientFetchAllResult(_) => "CLIENT_FETCH_ALL_RESULT",
            Self::ErrorInternal { .. } => "ERROR_INTERNAL",
            Self::ErrorUnsupported => "ERROR_UNSUPPORTED",
            Self::ErrorProtocol { .. } => "ERROR_PROTOCOL",
            Self::InvalidName { .. } => "INVALID_NAME",
            Self::InvalidUuid { .. } => "INVALID_UUID",
            Self::InvalidService { .. } => "INVALID_SERVICE",
        }
    }

    /// Tells a refusal from an answer.
    ///
    /// # Errors
    ///
    /// The [`Rejection`], when it is one.
    pub fn accepted(self) -> Result<Self, Rejection> {
        Err(match self {
            Self::Bad { desc } => Rejection::Refused { desc },
            Self::ErrorInternal { desc } => Rejection::Internal { desc },
            Self::ErrorUnsupported => Rejection::Unsupported,
            Self::ErrorProtocol { desc } => Rejection::Protocol { desc },
            Self::InvalidName { name } => Rejection::UnknownName { name },
            Self::InvalidUuid { uuid } => Rejection::UnknownUuid { uuid },
            Self::InvalidService { service } => Rejection::UnknownService { service },
            answer => return Ok(answer),
        })
    }
}
