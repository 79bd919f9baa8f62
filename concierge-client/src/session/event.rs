//! What a client is told without having asked.

use std::{sync::Arc, time::Duration};

use uuid::Uuid;

use super::{cause::CloseCause, restored::Restored};
use crate::payload::{self, Client, Message, Seq, Service, ServiceCreateResult, ServiceDeleteResult};

/// What a stream of events yields: what the gateway tells, and what happens to the stream and its connection.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// Somebody sent something to this client, to a service of it, or to everyone.
    Message(Message),
    /// A client connected.
    ClientJoined {
        /// Who.
        client: Client,
    },
    /// A client disconnected.
    ClientLeft {
        /// Who.
        client: Client,
    },
    /// There is a new service.
    ServiceCreated {
        /// The service.
        service: Service,
    },
    /// A service is gone.
    ServiceDeleted {
        /// The service as it was.
        service: Service,
    },
    /// A service this client subscribes to has a new subscriber.
    ServiceClientSubscribed {
        /// Who.
        client: Client,
        /// Which service, with the new subscriber.
        service: Service,
    },
    /// A service this client subscribes to lost a subscriber.
    ServiceClientUnsubscribed {
        /// Who.
        client: Client,
        /// Which service, without the client that left it.
        service: Service,
    },
    /// A payload this version does not know or cannot read. It never ends a connection.
    Unknown {
        /// Its `type`; empty when it has none. Text from elsewhere: escape it before showing it.
        kind: String,
        /// The payload as it came.
        raw: String,
    },
    /// The stream was read too slowly: this many events before the next one are gone.
    Lagged {
        /// How many.
        missed: u64,
    },
    /// The connection is gone, and the client connects again by itself. Requests fail until [`Event::Resumed`], or wait if the
    /// client was told so. Nothing is heard of what happens meanwhile.
    Disconnected {
        /// Why.
        cause: CloseCause,
        /// When the first attempt to connect again begins, from now.
        retry_in: Duration,
    },
    /// An attempt to connect again failed.
    Reconnecting {
        /// The number of the next attempt, since the connection was lost.
        attempt: u32,
        /// When it begins, from now.
        retry_in: Duration,
        /// What stood in the way of the last one.
        why: Arc<str>,
    },
    /// The client is connected again, under a new id, and what it owned and subscribed to was asked for anew.
    Resumed(Arc<Resumed>),
    /// The gateway answered with a number that belongs to no request: it counts otherwise than this client. The client has set
    /// the number anew, and from here on answers match.
    Resynchronized {
        /// The number that belonged to no request.
        stray: Seq,
        /// How many requests have failed because their answers could not be told apart.
        failed: usize,
    },
    /// The connection ended and there will be no other. The last item of every stream.
    Closed(CloseCause),
}

/// How a client came back.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Resumed {
    /// The id of this client from now on.
    pub uuid: Uuid,
    /// The id it had on the connection before. The gateway has forgotten it.
    pub previous: Uuid,
    /// How many connections this client had before this one.
    pub epoch: u64,
    /// How long it was away. What was sent to it in that time is lost.
    pub gap: Duration,
    /// How many attempts it took to connect.
    pub attempts: u32,
    /// What came back and what did not.
    pub restored: Restored,
}

impl Resumed {
    /// What a client tells that came back, for passing it on from where it was told.
    pub fn new(
        uuid: Uuid,
        previous: Uuid,
        epoch: u64,
        gap: Duration,
        attempts: u32,
        restored: Restored,
    ) -> Self {
        Self { uuid, previous, epoch, gap, attempts, restored }
    }
}

impl Event {
    /// The `type` of the payload on the wire; none for what is no payload.
    pub fn kind(&self) -> Option<&str> {
        Some(match self {
            Self::Message(_) => "MESSAGE",
            Self::ClientJoined { .. } => "CLIENT_JOINED",
            Self::ClientLeft { .. } => "CLIENT_LEFT",
            Self::ServiceCreated { .. } => "SERVICE_CREATE_RESULT",
            Self::ServiceDeleted { .. } => "SERVICE_DELETE_RESULT",
            Self::ServiceClientSubscribed { .. } => "SERVICE_CLIENT_SUBSCRIBED",
            Self::ServiceClientUnsubscribed { .. } => "SERVICE_CLIENT_UNSUBSCRIBED",
            Self::Unknown { kind, .. } => kind,
            Self::Lagged { .. }
            | Self::Disconnected { .. }
            | Self::Reconnecting { .. }
            | Self::Resumed(_)
            | Self::Resynchronized { .. }
            | Self::Closed(_) => return None,
        })
    }

    /// The payload it came as, for writing it down; none for what is no known payload.
    pub fn payload(&self) -> Option<payload::Event> {
        Some(match self.clone() {
            Self::Message(message) => payload::Event::Message(message),
            Self::ClientJoined { client } => payload::Event::ClientJoined { client },
            Self::ClientLeft { client } => payload::Event::ClientLeft { client },
            Self::ServiceCreated { service } => {
                payload::Event::ServiceCreateResult(ServiceCreateResult { successful: true, service })
            }
            Self::ServiceDeleted { service } => {
                payload::Event::ServiceDeleteResult(ServiceDeleteResult { service })
            }
            Self::ServiceClientSubscribed { client, service } => {
                payload::Event::ServiceClientSubscribed { client, service }
            }
            Self::ServiceClientUnsubscribed { client, service } => {
                payload::Event::ServiceClientUnsubscribed { client, service }
            }
            Self::Unknown { .. }
            | Self::Lagged { .. }
            | Self::Disconnected { .. }
            | Self::Reconnecting { .. }
            | Self::Resumed(_)
            | Self::Resynchronized { .. }
            | Self::Closed(_) => return None,
        })
    }
}

impl From<payload::Event> for Event {
    fn from(event: payload::Event) -> Self {
        match event {
            payload::Event::Message(message) => Self::Message(message),
            payload::Event::ClientJoined { client } => Self::ClientJoined { client },
            payload::Event::ClientLeft { client } => Self::ClientLeft { client },
            payload::Event::ServiceCreateResult(result) => Self::ServiceCreated { service: result.service },
            payload::Event::ServiceDeleteResult(result) => Self::ServiceDeleted { service: result.service },
            payload::Event::ServiceClientSubscribed { client, service } => {
                Self::ServiceClientSubscribed { client, service }
            }
            payload::Event::ServiceClientUnsubscribed { client, service } => {
                Self::ServiceClientUnsubscribed { client, service }
            }
        }
    }
}
