//! What must happen next, in this order.

use std::{fmt, sync::Arc};

use concierge_client::telegraphy::{
    CloseCode, Epoch, EventName, ListedEvent, Outcome, Position, Presence, RequestId, SystemEvent, Timestamp,
    UserId,
};

use super::{
    input::{CallId, ReadTicket, StoreTicket},
    published::{Published, Variant},
    record::{Change, NotStored, SessionId},
};

/// A connection, for as long as it is there. Drawn by whoever drives the core, each larger than those before it. Written `c-7f`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(pub u64);

impl fmt::Display for ConnectionId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "c-{:x}", self.0)
    }
}

/// Something to be sent, stored, read or closed. What is sent is encoded once, whatever the number of receivers.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// The one answer to a request.
    Answer {
        /// Who asked.
        to: ConnectionId,
        /// The request.
        id: RequestId,
        /// What became of it.
        outcome: Outcome,
    },
    /// An event for these connections.
    Event {
        /// Nobody twice, never empty.
        to: Vec<ConnectionId>,
        /// What happened.
        event: Arc<Published>,
        /// How it looks to them.
        variant: Variant,
    },
    /// An event of the gateway itself for these connections.
    System {
        /// Nobody twice, never empty.
        to: Vec<ConnectionId>,
        /// What happened.
        event: SystemEvent,
    },
    /// The end of a connection, after what it was sent so far.
    Close {
        /// Which.
        connection: ConnectionId,
        /// Why.
        code: CloseCode,
    },
    /// To be made durable, all of it or nothing, in the order of these effects.
    Store {
        /// Handed back with the outcome.
        ticket: StoreTicket,
        /// What is to be durable; never empty.
        changes: Vec<Change>,
    },
    /// A piece of a log is wanted.
    Read {
        /// Handed back with the piece.
        ticket: ReadTicket,
        /// Of which event.
        event: EventName,
        /// Which log.
        epoch: Epoch,
        /// The events after this offset.
        after: u64,
        /// How many at most.
        limit: u32,
    },
    /// The one answer to a call of the web application.
    Reply {
        /// The call.
        call: CallId,
        /// The answer.
        reply: Reply,
    },
    /// A token was refused: for logs and metrics, as the client is not told why.
    Refused {
        /// Who presented it.
        connection: ConnectionId,
        /// Why.
        cause: Cause,
    },
}

/// Why a token was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// There is none, and anonymous clients are not allowed.
    Anonymous,
    /// Nobody issued such an auth token, or it is spent or expired.
    UnknownToken,
    /// The auth token is for another address.
    TokenAddress,
    /// The auth token is for another page.
    TokenOrigin,
    /// There is no such session.
    UnknownSession,
    /// The session belongs to another host.
    SessionHost,
}

/// What the web application is answered.
#[derive(Debug, Clone, PartialEq)]
pub enum Reply {
    /// The event is published, and durable if it is guaranteed.
    Published {
        /// Its place in its log.
        position: Position,
        /// Whether it was before: the id is that of an earlier one.
        is_duplicate: bool,
    },
    /// The definitions are in force, and durable.
    Defined(Defined),
    /// Every event that is registered, by name.
    Events(Vec<ListedEvent>),
    /// The token may be used until then.
    Issued {
        /// When it expires.
        expires: Timestamp,
    },
    /// Sessions, in the order of their ids.
    Sessions {
        /// As many as were wanted, or as there are.
        sessions: Vec<SessionView>,
        /// Whether there are more.
        is_more: bool,
    },
    /// So many sessions were concerned.
    Concerned(usize),
    /// Who listens.
    Presence(Presence),
    /// Nothing was done.
    Refused(Refusal),
}

/// What a set of definitions changed, by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Defined {
    /// Not there before.
    pub added: Vec<EventName>,
    /// Another definition than before.
    pub changed: Vec<EventName>,
    /// Not there any more.
    pub removed: Vec<EventName>,
}

/// A session, as the web application sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionView {
    /// Its public id.
    pub id: SessionId,
    /// Whose it is.
    pub user: Option<UserId>,
    /// The connection, when there is one.
    pub connection: Option<ConnectionId>,
    /// How many subscriptions it has.
    pub subscriptions: usize,
    /// When it ends.
    pub expires: Timestamp,
}

/// Why the web application's call was not done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// No such event is registered.
    #[error("event '{0}' is not registered")]
    UnknownEvent(EventName),
    /// What was sent breaks a rule.
    #[error("{message}")]
    Invalid {
        /// Where.
        path: String,
        /// What is wrong.
        message: String,
    },
    /// A filter breaks the grammar or a bound.
    #[error("{message}")]
    InvalidFilters {
        /// Where.
        path: String,
        /// What is wrong.
        message: String,
    },
    /// What was sent is in the way of another source.
    #[error("{message}")]
    Conflict {
        /// Where.
        path: String,
        /// What belongs to another one.
        message: String,
    },
    /// An event that is too large.
    #[error("an event has at most {limit} bytes")]
    TooLarge {
        /// The bound.
        limit: usize,
    },
    /// There would be too many of something.
    #[error("{message}")]
    LimitExceeded {
        /// Of what.
        message: String,
        /// When there is room for another one at the latest, in seconds, if that is known.
        retry_after: Option<u64>,
    },
    /// It could not be made durable.
    #[error("it could not be stored")]
    NotStored(#[from] NotStored),
}
