//! The connection as commands see it: requests and their answers, signs of life, who this client is, what is told without asking. It
//! is one of this process, or one that `concierge hold` keeps in another; commands need not know which.

mod share;

pub(crate) use share::Share;

use std::time::Duration;

use concierge_client::{
    CallError, Client, CloseCause, Event, Events,
    files::Files,
    payload::{Intents, Rejection, Request, SelfSubscribe, SelfSubscribeResult, ServiceName},
};
use uuid::Uuid;

use self::share::Shares;
use crate::{
    failure::Failure,
    hold::{Held, HeldEvents},
};

/// How many events may wait to be read at the most.
pub(crate) const WAITING_EVENTS: usize = 16 * 1024;

/// A connection that commands run on.
#[derive(Debug, Clone)]
pub(crate) struct Link {
    side: Side,
    shares: Shares,
}

#[derive(Debug, Clone)]
enum Side {
    Own(Client),
    Held(Held),
}

/// What is told without asking, from wherever the connection is.
pub(crate) enum Told {
    /// Of a connection of this process.
    Own(Events),
    /// Of a held session.
    Held(HeldEvents),
}

/// Who a connection is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Who {
    /// The name it joined under.
    pub name: String,
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
        Self { side: Side::Own(client), shares: Shares::default() }
    }

    /// A held session.
    pub(crate) fn held(session: Held) -> Self {
        Self { side: Side::Held(session), shares: Shares::default() }
    }

    /// Asks the gateway, and waits for the answer.
    pub(crate) async fn call<Q: Request>(&self, request: Q) -> Result<Q::Reply, CallFailure> {
        match &self.side {
            Side::Own(client) => Ok(client.call(request).await?),
            Side::Held(session) => session.call(request).await,
        }
    }

    /// Subscribes, for as long as this connection lasts. In a held session that is until whoever holds this link has ended, while
    /// nobody else needs the subscription; unless the session is to keep it.
    pub(crate) async fn listen(
        &self,
        service: ServiceName,
        keep: bool,
    ) -> Result<SelfSubscribeResult, CallFailure> {
        let _turn = self.shares.turn().await;
        let result = self.subscribe(service.clone(), keep).await?;
        self.shares.stays(&service);
        Ok(result)
    }

    /// Subscribes for as long as whoever asks, or another of its kind on this connection, holds the share.
    pub(crate) async fn share(
        &self,
        service: ServiceName,
    ) -> Result<(SelfSubscribeResult, Share), CallFailure> {
        Share::take(self, service).await
    }

    async fn subscribe(&self, service: ServiceName, keep: bool) -> Result<SelfSubscribeResult, CallFailure> {
        match &self.side {
            Side::Own(client) => Ok(client.call(SelfSubscribe { service }).await?),
            Side::Held(session) => session.listen(service, keep).await,
        }
    }

    /// How long a sign of life takes.
    pub(crate) async fn ping(&self) -> Result<Duration, Failure> {
        match &self.side {
            Side::Own(client) => Ok(client.ping().await?),
            Side::Held(session) => session.ping().await,
        }
    }

    /// The file store as this client has it, on the connection that it has now.
    pub(crate) async fn files(&self) -> Result<Files, Failure> {
        match &self.side {
            Side::Own(client) => Ok(client.files()),
            Side::Held(session) => session.files().await,
        }
    }

    /// What is told from now on.
    pub(crate) fn events(&self) -> Told {
        self.events_of(Intents::ALL)
    }

    /// Of what is told from now on, what a client with these intents would be told. A connection of this process has its intents
    /// already.
    pub(crate) fn events_of(&self, intents: Intents) -> Told {
        match &self.side {
            Side::Own(client) => Told::Own(client.events()),
            Side::Held(session) => Told::Held(session.events(intents, WAITING_EVENTS)),
        }
    }

    /// Who this client is now.
    pub(crate) fn who(&self) -> Who {
        match &self.side {
            Side::Own(client) => {
                let session = client.session();
                Who {
                    name: session.name.to_string(),
                    uuid: session.uuid(),
                    server: session.server().map(str::to_owned),
                }
            }
            Side::Held(session) => {
                let status = session.status();
                Who { name: status.name, uuid: status.uuid, server: status.server }
            }
        }
    }

    /// The name of the held session that this is, if it is one: it stays when the command ends.
    pub(crate) fn session(&self) -> Option<String> {
        match &self.side {
            Side::Own(_) => None,
            Side::Held(session) => Some(session.name().to_string()),
        }
    }

    /// Waits for the end of the connection, and tells why it came.
    pub(crate) async fn closed(&self) -> Failure {
        match &self.side {
            Side::Own(client) => client.closed().await.into(),
            Side::Held(session) => session.closed().await,
        }
    }

    /// Takes no further requests, and waits until those under way have their answers. Whether all had one when the time was up.
    pub(crate) async fn drain(&self, within: Duration) -> bool {
        match &self.side {
            Side::Own(client) => client.drain(within).await.is_ok(),
            // Each request was waited for by whoever made it; the connection is not this process's to end.
            Side::Held(_) => true,
        }
    }

    /// Leaves, if this process is the only one on the connection.
    pub(crate) async fn close(&self) {
        if let Side::Own(client) = &self.side {
            client.close().await;
        }
    }
}

impl Told {
    /// Waits for the next event; none when no more will come. Cancel safe.
    pub(crate) async fn next(&mut self) -> Option<Event> {
        match self {
            Self::Own(events) => events.next().await,
            Self::Held(events) => events.next().await,
        }
    }

    /// The next event, if it is there already and need not be waited for.
    pub(crate) fn try_next(&mut self) -> Option<Event> {
        match self {
            Self::Own(events) => events.try_next(),
            Self::Held(_) => None,
        }
    }

    /// Why there are no more events after this last one.
    pub(crate) fn ended(&self, cause: CloseCause) -> Failure {
        match self {
            Self::Own(_) => cause.into(),
            Self::Held(events) => events.ended().unwrap_or_else(|| cause.into()),
        }
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
