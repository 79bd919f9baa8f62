//! Opening a service: creating it, and knowing that it is this client's.

use super::owner::Service;
use crate::{
    call::Call,
    client::Client,
    error::CallError,
    payload::{self, InvalidName, Nickname, ServiceCreateResult, ServiceName},
};

/// Why a service was not opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The gateway refused, did not answer, or there is no connection.
    #[error(transparent)]
    Call(#[from] CallError),
    /// Another client owns a service of this name.
    #[error("another client owns the service {:?}", service.name.as_str())]
    Taken {
        /// The service as it is.
        service: Box<payload::Service>,
    },
}

impl OpenError {
    /// Whether the same may succeed later.
    pub fn is_temporary(&self) -> bool {
        match self {
            Self::Call(error) => error.is_temporary(),
            Self::Taken { .. } => true,
        }
    }

    /// What a person could try.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Call(error) => error.hint(),
            Self::Taken { .. } => Some("choose another name, or wait until its owner has deleted it"),
        }
    }
}

/// Creates a service, or finds that this client has it already.
pub(crate) async fn open(
    client: Client,
    name: Result<ServiceName, InvalidName>,
    nickname: Option<Nickname>,
    call: Call<ServiceCreateResult>,
) -> Result<Service, OpenError> {
    let created = call.await?;
    let service = name.map_err(CallError::from)?;
    if !created.successful && created.service.owner_uuid != client.uuid() {
        return Err(OpenError::Taken { service: Box::new(created.service) });
    }
    Ok(Service::new(client, service, nickname.as_ref()))
}
