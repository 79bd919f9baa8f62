//! What became of a request: a closed list.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// What became of a request.
///
/// ```
/// use concierge_client::telegraphy::Status;
/// assert!(Status::Subscribed.is_success() && !Status::InvalidToken.is_success());
/// assert_eq!(Status::parse("INVALID_TOKEN"), Some(Status::InvalidToken));
/// assert_eq!(Status::InvalidToken.as_str(), "INVALID_TOKEN");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Status {
    /// `CONNECT` or `RECONNECT` succeeded.
    Connected,
    /// `SUBSCRIBE` succeeded.
    Subscribed,
    /// `UNSUBSCRIBE` succeeded.
    Unsubscribed,
    /// The events there are.
    Events,
    /// The subscriptions the session has.
    Subscriptions,
    /// `ACK` succeeded.
    Acknowledged,
    /// Events of the past.
    History,
    /// Who listens.
    Presence,
    /// The gateway is there.
    Pong,
    /// `DISCONNECT` succeeded; the connection is closed.
    Disconnected,
    /// The token proves nothing; the connection is closed.
    InvalidToken,
    /// `CONNECT` or `RECONNECT` has to come first.
    NotConnected,
    /// The connection belongs to somebody already.
    AlreadyConnected,
    /// The message is not what the protocol says.
    InvalidMessage,
    /// The protocol has no such message.
    UnknownMessage,
    /// The id is not larger than those before; nothing was done.
    InvalidId,
    /// No such event is registered.
    UnknownEvent,
    /// The session may not.
    NotAuthorized,
    /// The filters break the grammar or a bound.
    InvalidFilters,
    /// There is no such subscription.
    NotSubscribed,
    /// There would be too many of something.
    LimitExceeded,
    /// There are too many requests at once.
    TooManyRequests,
    /// The gateway cannot do it now.
    Unavailable,
    /// No `CONNECT` in time; the connection is closed.
    ConnectTimeout,
}

const WORDS: [(Status, &str); 24] = [
    (Status::Connected, "CONNECTED"),
    (Status::Subscribed, "SUBSCRIBED"),
    (Status::Unsubscribed, "UNSUBSCRIBED"),
    (Status::Events, "EVENTS"),
    (Status::Subscriptions, "SUBSCRIPTIONS"),
    (Status::Acknowledged, "ACKNOWLEDGED"),
    (Status::History, "HISTORY"),
    (Status::Presence, "PRESENCE"),
    (Status::Pong, "PONG"),
    (Status::Disconnected, "DISCONNECTED"),
    (Status::InvalidToken, "INVALID_TOKEN"),
    (Status::NotConnected, "NOT_CONNECTED"),
    (Status::AlreadyConnected, "ALREADY_CONNECTED"),
    (Status::InvalidMessage, "INVALID_MESSAGE"),
    (Status::UnknownMessage, "UNKNOWN_MESSAGE"),
    (Status::InvalidId, "INVALID_ID"),
    (Status::UnknownEvent, "UNKNOWN_EVENT"),
    (Status::NotAuthorized, "NOT_AUTHORIZED"),
    (Status::InvalidFilters, "INVALID_FILTERS"),
    (Status::NotSubscribed, "NOT_SUBSCRIBED"),
    (Status::LimitExceeded, "LIMIT_EXCEEDED"),
    (Status::TooManyRequests, "TOO_MANY_REQUESTS"),
    (Status::Unavailable, "UNAVAILABLE"),
    (Status::ConnectTimeout, "CONNECT_TIMEOUT"),
];

impl Status {
    /// Every status.
    pub fn all() -> impl Iterator<Item = Self> {
        WORDS.iter().map(|(status, _)| *status)
    }

    /// The word for it.
    pub fn as_str(self) -> &'static str {
        WORDS.iter().find(|(status, _)| *status == self).map_or("", |(_, word)| word)
    }

    /// The status of that word.
    pub fn parse(word: &str) -> Option<Self> {
        WORDS.iter().find(|(_, known)| *known == word).map(|(status, _)| *status)
    }

    /// Whether what was asked for was done.
    pub fn is_success(self) -> bool {
        self <= Self::Disconnected
    }
}

impl fmt::Display for Status {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
    }
}

impl Serialize for Status {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Status {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let word = String::deserialize(deserializer)?;
        Self::parse(&word).ok_or_else(|| D::Error::custom("expected a status of the protocol"))
    }
}
