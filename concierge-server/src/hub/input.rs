//! What the hub is told and asked.

use concierge_client::payload::{Client, Intents, Nickname, ServiceName};
use uuid::Uuid;

/// A client, for as long as it is connected. Drawn by whoever drives the hub, each larger than those before it: the
/// order of ids is the order of joining.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientId(pub u64);

/// What ties an answer to its request. The hub hands it back as it was and never looks at it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Token(pub u64);

/// How much of a service a client is shown in what it did not ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Form {
    /// With the list of its subscribers, as in the original protocol.
    #[default]
    Full,
    /// With an empty list (the feature `compact`).
    Compact,
}

/// What a client wants to be sent, and in which form. Fixed for the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Profile {
    /// Full or compact.
    pub form: Form,
    /// The groups of payloads it wants without having asked for each.
    pub intents: Intents,
}

impl Default for Profile {
    /// What a client of the original protocol gets: everything, in full.
    fn default() -> Self {
        Self { form: Form::Full, intents: Intents::ALL }
    }
}

/// Something that changes who is here, or which services there are and who subscribed to them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// A client identified itself.
    Join {
        /// Larger than every id before.
        client: ClientId,
        /// What others are told of it.
        info: Client,
        /// What it wants to be sent.
        profile: Profile,
    },
    /// A client is gone.
    Leave {
        /// Who.
        client: ClientId,
    },
    /// `SELF_SUBSCRIBE`
    Subscribe {
        /// Who.
        client: ClientId,
        /// Handed back with the answer.
        token: Token,
        /// To what.
        service: ServiceName,
    },
    /// `SELF_UNSUBSCRIBE`
    Unsubscribe {
        /// Who.
        client: ClientId,
        /// Handed back with the answer.
        token: Token,
        /// From what.
        service: ServiceName,
    },
    /// `SERVICE_CREATE`
    Create {
        /// Who will own it.
        client: ClientId,
        /// Handed back with the answer.
        token: Token,
        /// Its name.
        service: ServiceName,
        /// How it is shown to people.
        nickname: Option<Nickname>,
    },
    /// `SERVICE_DELETE`
    Delete {
        /// Who asks.
        client: ClientId,
        /// Handed back with the answer.
        token: Token,
        /// Its name.
        service: ServiceName,
    },
}

/// A question about the registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fetch {
    /// `SELF_FETCH`
    Own,
    /// `CLIENT_FETCH`
    Client(Uuid),
    /// `CLIENT_FETCH_ALL`
    Clients,
    /// `SERVICE_FETCH`
    Service(ServiceName),
    /// `SERVICE_FETCH_ALL`
    Services,
}
