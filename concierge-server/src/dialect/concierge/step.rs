//! What a connection wants done: values that whoever drives it performs.

use std::borrow::Cow;

use concierge_client::payload::{
    ClientName, CloseCode, Features, Intents, Nickname, RequestKind, Tags, Target,
};
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::hub::{Change, ClientId, Fetch, Token};

/// What a text payload leads to.
#[derive(Debug)]
pub enum Step<'t> {
    /// Nothing.
    Nothing,
    /// An answer for this connection alone, which the hub need not know of.
    Answer(Answer),
    /// Something for the hub: to be given to [`Connection::perform`](super::Connection::perform).
    Hub(Input<'t>),
    /// The end of the connection.
    Close(Close),
}

/// An answer to a request that the hub need not know of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The request; none for what is no valid one.
    pub request: Option<RequestKind>,
    /// The `type` of the answer.
    pub kind: &'static str,
    /// The text of the WebSocket message.
    pub text: String,
}

/// Something that the hub decides.
#[derive(Debug)]
pub enum Input<'t> {
    /// A client that may come in if its name is free.
    Join(Box<Join>),
    /// A request that changes the registry.
    Change(Change),
    /// A request that asks about it.
    Fetch {
        /// Handed back with the answer.
        token: Token,
        /// The question.
        fetch: Fetch,
    },
    /// A message.
    Message {
        /// Handed back with the answer.
        token: Token,
        /// Whom it is for.
        target: Target,
        /// Borrowed from the text it came in.
        data: Cow<'t, RawValue>,
    },
}

impl Input<'_> {
    /// Which request it is.
    pub fn request(&self) -> RequestKind {
        match self {
            // Changes that no request leads to belong to the client that comes and goes.
            Self::Join(_) | Self::Change(Change::Join { .. } | Change::Leave { .. }) => RequestKind::Identify,
            Self::Change(Change::Subscribe { .. }) => RequestKind::SelfSubscribe,
            Self::Change(Change::Unsubscribe { .. }) => RequestKind::SelfUnsubscribe,
            Self::Change(Change::Create { .. }) => RequestKind::ServiceCreate,
            Self::Change(Change::Delete { .. }) => RequestKind::ServiceDelete,
            Self::Fetch { fetch: Fetch::Own, .. } => RequestKind::SelfFetch,
            Self::Fetch { fetch: Fetch::Client(_), .. } => RequestKind::ClientFetch,
            Self::Fetch { fetch: Fetch::Clients, .. } => RequestKind::ClientFetchAll,
            Self::Fetch { fetch: Fetch::Service(_), .. } => RequestKind::ServiceFetch,
            Self::Fetch { fetch: Fetch::Services, .. } => RequestKind::ServiceFetchAll,
            Self::Message { .. } => RequestKind::Message,
        }
    }
}

/// An `IDENTIFY` that passed every check but the last one.
#[derive(Debug)]
pub struct Join {
    pub(super) name: ClientName,
    pub(super) nickname: Option<Nickname>,
    pub(super) tags: Tags,
    pub(super) features: Option<Features>,
    pub(super) intents: Option<Intents>,
}

impl Join {
    /// The name the client will have.
    pub fn name(&self) -> &ClientName {
        &self.name
    }
}

/// Fresh ids for a client that joins; not used by any other input.
#[derive(Debug, Clone, Copy)]
pub struct Ids {
    /// Larger than every one before.
    pub client: ClientId,
    /// From the system's random source.
    pub uuid: Uuid,
    /// Another one, for the client's secret file key if it asks for one.
    pub fs_key: Uuid,
}

/// A client that came in, and what only it is told.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Joined {
    /// The client.
    pub client: ClientId,
    /// Its public id.
    pub uuid: Uuid,
    /// Its secret file key, when it asked for one and files are served.
    pub fs_key: Option<Uuid>,
}

impl std::fmt::Debug for Joined {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { client, uuid, fs_key: _ } = self;
        formatter.debug_struct("Joined").field("client", client).field("uuid", uuid).finish_non_exhaustive()
    }
}

/// Why the gateway ends a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Close {
    /// The code of the close frame.
    pub code: CloseCode,
    /// Its reason: at most 123 bytes.
    pub reason: String,
}

impl Close {
    /// With the reason that the protocol gives for the code.
    pub fn new(code: CloseCode) -> Self {
        Self { code, reason: code.reason().to_owned() }
    }

    /// With a detail after the protocol's reason, cut where a close frame ends.
    pub(super) fn about(code: CloseCode, detail: Option<&str>) -> Self {
        let mut close = Self::new(code);
        if let Some(detail) = detail {
            close.reason.push_str(": ");
            for character in detail.chars() {
                if close.reason.len() + character.len_utf8() > CloseCode::MAX_REASON_BYTES {
                    break;
                }
                close.reason.push(character);
            }
        }
        close
    }
}

/// What a deadline leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Timer {
    /// Nothing: it has moved since.
    Nothing,
    /// Ask whether the client is still there.
    Ping,
    /// The end of the connection.
    Close(Close),
}
