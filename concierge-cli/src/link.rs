//! The connection as commands see it: requests and their answers, signs of life, who this client is, what is told without asking.

use std::time::Duration;

use concierge_client::{
    CallError, Client, Events,
    payload::{ClientName, Rejection, Request},
};
use uuid::Uuid;

use crate::failure::Failure;

/// A connection that commands run on.
#[derive(Debug, Clone)]
pub(crate) struct Link {
    client: Client,
}

/// Who a connection is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Who {
    /// The name it joined under.
    pub name: ClientName,
    /// Its id.
    pub uuid: Uuid,
    /// The gateway's program, when it told.
    pub server: Option<String>,
}

/// Why a request was not done.
#[derive(Debug, Clone)]
pub(crate) enum CallFailure {
    /// The gateway said no.
    Rejected(Rejection),
    /// It was not asked, or its answer did not come.
    Failed(Failure),
}

impl Link {
    /// A connection of this process.
    pub(crate) fn own(client: Client) -> Self {
        Self { client }
    }

    /// Asks the gateway, and waits for the answer.
    pub(crate) async fn call<Q: Request>(&self, request: Q) -> Result<Q::Reply, CallFailure> {
        Ok(self.client.call(request).await?)
    }

    /// How long a sign of life takes.
    pub(crate) async fn ping(&self) -> Result<Duration, Failure> {
        Ok(self.client.ping().await?)
    }

    /// What is told from now on.
    pub(crate) fn events(&self) -> Events {
        self.client.events()
    }

    /// Who this client is now.
    pub(crate) fn who(&self) -> Who {
        let session = self.client.session();
        Who { name: session.name.clone(), uuid: session.uuid(), server: session.server().map(str::to_owned) }
    }

    /// Waits for the end of the connection, and tells why it came.
    pub(crate) async fn closed(&self) -> Failure {
        self.client.closed().await.into()
    }

    /// Leaves, if this process is the only one on the connection.
    pub(crate) async fn close(&self) {
        self.client.close().await;
    }
}

impl From<CallError> for CallFailure {
    fn from(error: CallError) -> Self {
        match error {
            CallError::Rejected(rejection) => Self::Rejected(rejection),
            other => Self::Failed(other.into()),
        }
    }
}

impl From<CallFailure> for Failure {
    fn from(failure: CallFailure) -> Self {
        match failure {
            CallFailure::Rejected(rejection) => CallError::from(rejection).into(),
            CallFailure::Failed(failure) => failure,
        }
    }
}
