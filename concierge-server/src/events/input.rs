//! What the core is told and asked.

use core::net::IpAddr;
use std::{sync::Arc, time::Duration};

use concierge_client::{
    payload::{Data, Secret},
    telegraphy::{
        AnyRequest, Connect, Definition, EventName, Grants, Reconnect, RequestId, Subscribe, UserId,
    },
};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::{
    effect::ConnectionId,
    record::{NotStored, Page, SessionId},
};

/// What ties the outcome of storing something to what waits for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StoreTicket(pub(super) u64);

/// What ties a piece of a log to who wanted it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReadTicket(pub(super) u64);

/// A call of the web application. The core hands it back as it was and never looks at it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallId(pub u64);

/// Where a connection comes from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Peer {
    /// The client's address, behind proxies that are trusted; none on a socket that has no addresses.
    pub address: Option<IpAddr>,
    /// The page, when a browser said one.
    pub origin: Option<Arc<str>>,
}

/// From the system's random source, for a session that may begin.
#[derive(Debug, Clone)]
pub struct Fresh {
    /// Its public id.
    pub session: SessionId,
    /// Its token: 256 bits.
    pub token: Secret,
}

/// What happens to the core.
#[derive(Debug, Clone)]
pub enum Input {
    /// `CONNECT`
    Connect {
        /// Who.
        connection: ConnectionId,
        /// The request.
        id: RequestId,
        /// What it says.
        connect: Connect,
        /// From where.
        peer: Peer,
        /// For the session that may begin.
        fresh: Fresh,
    },
    /// `RECONNECT`
    Reconnect {
        /// Who.
        connection: ConnectionId,
        /// The request.
        id: RequestId,
        /// What it says.
        reconnect: Reconnect,
        /// From where.
        peer: Peer,
    },
    /// Any other request of a connection that is connected.
    Request {
        /// Who.
        connection: ConnectionId,
        /// The request.
        id: RequestId,
        /// What it says.
        request: AnyRequest,
    },
    /// A connection is gone.
    Closed {
        /// Which.
        connection: ConnectionId,
    },
    /// A connection takes less than it is sent, or is quick enough again.
    Slow {
        /// Which.
        connection: ConnectionId,
        /// Whether it is slow now.
        is_slow: bool,
    },
    /// What became of an [`Effect::Store`](super::Effect::Store). In the order of the effects.
    Stored {
        /// Which.
        ticket: StoreTicket,
        /// Whether it is durable.
        outcome: Result<(), NotStored>,
    },
    /// The piece of an [`Effect::Read`](super::Effect::Read); none when it could not be read.
    Read {
        /// Which.
        ticket: ReadTicket,
        /// What was read.
        page: Option<Page>,
    },
    /// The web application wants something.
    Call {
        /// Handed back with the reply.
        call: CallId,
        /// What.
        question: Question,
    },
    /// Whether anybody may connect; those that are connected stay.
    Doors(Doors),
}

/// Whether anybody may connect.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Doors {
    /// Yes.
    #[default]
    Open,
    /// No, and tokens are not looked at.
    Shut {
        /// Why, in English.
        message: String,
        /// When to try again, in seconds.
        retry_after: Option<u64>,
    },
}

/// What the web application wants.
#[derive(Debug, Clone)]
pub enum Question {
    /// `POST /publish`
    Publish(Publish),
    /// `PUT /events`: the full set of one source.
    Define {
        /// Whose.
        source: Arc<str>,
        /// All it has.
        definitions: Vec<Definition>,
    },
    /// `DELETE /events/{name}`
    Undefine(EventName),
    /// `GET /events`
    Events,
    /// `GET /events/{name}`
    Event(EventName),
    /// `POST /tokens`
    Issue {
        /// The token, from the system's random source.
        token: Secret,
        /// Who presents it; none for an anonymous client.
        user: Option<UserId>,
        /// What it may see.
        grants: Grants,
        /// The only address it may come from.
        host: Option<IpAddr>,
        /// The only page it may come from.
        origin: Option<Arc<str>>,
        /// How long it may be used, if not as long as usual.
        ttl: Option<Duration>,
    },
    /// `GET /sessions`
    Sessions {
        /// Only those of this user.
        user: Option<UserId>,
        /// Only those after this one.
        after: Option<SessionId>,
        /// How many at most.
        limit: usize,
    },
    /// `DELETE /sessions/{id}`
    End(SessionId),
    /// `DELETE /users/{id}/sessions`
    EndAll(UserId),
    /// `POST /users/{id}/grants`: in place of those they have.
    Grant {
        /// Whose sessions.
        user: UserId,
        /// What they may see from now on.
        grants: Grants,
    },
    /// `POST /subscriptions`: in the name of each session of a user.
    Subscribe {
        /// Whose sessions.
        user: UserId,
        /// To what.
        subscribe: Subscribe,
    },
    /// `GET /events/{name}/presence`
    Presence(EventName),
}

/// An event that is to be published.
#[derive(Debug, Clone)]
pub struct Publish {
    /// Its name.
    pub event: EventName,
    /// What it carries.
    pub data: Data,
    /// What is told about it.
    pub meta: Map<String, Value>,
    /// The publisher's id, so that it may be repeated.
    pub id: Option<Arc<str>>,
    /// How long it means something, if not as long as is defined.
    pub ttl: Option<Duration>,
    /// The values before, of a row that had some.
    pub previous: Option<Data>,
    /// Its id if the publisher has none, from the system's random source.
    pub fresh_id: Uuid,
}
