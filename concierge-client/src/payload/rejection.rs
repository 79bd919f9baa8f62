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
