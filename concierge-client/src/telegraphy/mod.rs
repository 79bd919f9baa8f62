//! The second protocol, Telegraphy: events of web applications for browsers and programs. Its payloads, in both directions.
//!
//! No IO, no clock, no randomness. Each payload's documentation shows its JSON, and a doc-test round-trips it, so the
//! documentation is the contract. Keys that this version does not know are ignored in both directions.
//!
//! | direction | type | decoded by |
//! | --- | --- | --- |
//! | client to gateway | [`Request`]: a number and [`AnyRequest`] | [`Envelope::parse`], then [`Envelope::decode`] |
//! | gateway to client | [`Incoming`]: [`Response`], [`Event`] or [`SystemFrame`] | [`Incoming::decode`] |
//!
//! What web applications tell the gateway of their events is a [`Definition`], and what a user may see of them are [`Grants`]. It says so
//! over HTTP: [`web`]. A client without its socket is a [`session`].
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

mod close;
mod definition;
mod envelope;
mod event;
mod grants;
mod incoming;
mod name;
mod position;
mod request;
mod response;
pub mod session;
mod status;
mod subscription;
mod system;
#[cfg(test)]
mod tests;
mod timestamp;
pub mod web;

pub use close::CloseCode;
pub use definition::{Audience, Definition, Disclosure, Fields, Guarantee, Kind};
pub use envelope::{Envelope, InvalidEnvelope, InvalidRequest};
pub use event::{Event, Meta, Transition};
pub use grants::{Grant, Grants};
pub use incoming::{Incoming, InvalidIncoming};
pub use name::{EventName, UserId};
pub use position::{Epoch, Position};
pub use request::{
    Ack, AnyRequest, Connect, Disconnect, FetchHistory, FetchPresence, ListEvents, ListSubscriptions, Ping,
    Program, Reconnect, Request, RequestId, RequestKind, Subscribe, Unsubscribe,
};
pub use response::{
    Acknowledged, Connected, Cookie, EventList, Failure, History, ListedEvent, Outcome, Presence,
    Reconnected, ReconnectedData, Response, SubscriptionList, Unsubscribed,
};
pub use status::Status;
pub use subscription::Subscription;
pub use system::{RegistryAction, SubscriptionState, SystemEvent, SystemFrame, SystemMeta};
pub use timestamp::{InvalidTimestamp, Timestamp};

#[cfg(feature = "net")]
pub use crate::live::{
    AskError, AuthToken, ComeInError, EventStream, LiveEvent, Received, State, States, StreamError,
    SubscribeError, Subscribing, Telegraphy, TelegraphyBuilder,
};

#[cfg(feature = "publisher")]
pub use crate::publisher::{PublishError, Publisher};

/// The WebSocket subprotocols of [RFC 6455, section 1.9](https://www.rfc-editor.org/rfc/rfc6455#section-1.9) that select this
/// protocol, the newest first. The gateway answers with the one it was offered.
pub const SUBPROTOCOLS: [&str; 2] = ["telegraphy.v1", "telegraphy"];

/// The largest frame that a gateway takes of a client, in bytes.
pub const MAX_FRAME_BYTES: usize = 64 * 1024;

/// The words that a key of a filter ends in, as in `priority__gte`: the lookups of Django that the gateway evaluates. A key that ends in none
/// means `exact`.
pub const LOOKUPS: [&str; 17] = [
    "exact",
    "iexact",
    "contains",
    "icontains",
    "in",
    "gt",
    "gte",
    "lt",
    "lte",
    "startswith",
    "istartswith",
    "endswith",
    "iendswith",
    "range",
    "regex",
    "iregex",
    "isnull",
];
