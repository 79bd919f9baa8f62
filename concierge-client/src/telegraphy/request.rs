//! What a client asks of the gateway.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Deserializer, Serialize, Serializer, ser::SerializeStruct};
use serde_json::Value;

use super::{
    name::EventName,
    position::{Epoch, Position},
};
use crate::payload::{Secret, Seq};

/// The number of a request, which its response repeats. It grows over all connections of a client; gaps are fine.
pub type RequestId = Seq;

/// A request with its number, as it goes over the wire.
///
/// ```
/// use concierge_client::{payload::encode, telegraphy::{AnyRequest, Envelope, Ping, Request, RequestId}};
/// let request = Request { id: RequestId::ZERO, call: AnyRequest::from(Ping {}) };
/// let json = r#"{"message":"PING","id":0,"args":{}}"#;
/// assert_eq!(encode(&request), json);
/// assert_eq!(Envelope::parse(json)?.decode()?, request.call);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// Its number.
    pub id: RequestId,
    /// What is asked.
    pub call: AnyRequest,
}

impl Serialize for Request {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("Request", 4)?;
        fields.serialize_field("message", self.call.kind().as_str())?;
        fields.serialize_field("id", &self.id)?;
        match &self.call {
            // Where the protocol has it; its arguments may be left out.
            AnyRequest::Reconnect(reconnect) => {
                fields.serialize_field("session_token", &reconnect.session_token)?;
                if !reconnect.positions.is_empty() {
                    fields.serialize_field("args", reconnect)?;
                }
            }
            AnyRequest::Connect(args) => fields.serialize_field("args", args)?,
            AnyRequest::Subscribe(args) => fields.serialize_field("args", args)?,
            AnyRequest::Unsubscribe(args) => fields.serialize_field("args", args)?,
            AnyRequest::Events(args) => fields.serialize_field("args", args)?,
            AnyRequest::Subscriptions(args) => fields.serialize_field("args", args)?,
            AnyRequest::Ack(args) => fields.serialize_field("args", args)?,
            AnyRequest::History(args) => fields.serialize_field("args", args)?,
            AnyRequest::Presence(args) => fields.serialize_field("args", args)?,
            AnyRequest::Ping(args) => fields.serialize_field("args", args)?,
            AnyRequest::Disconnect(args) => fields.serialize_field("args", args)?,
        }
        fields.end()
    }
}

macro_rules! requests {
    ($($(#[$documentation:meta])* $kind:ident($args:ident) = $word:literal,)*) => {
        /// Which request it is.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum RequestKind {
            $($(#[$documentation])* $kind,)*
        }

        impl RequestKind {
            /// Every request.
            pub const ALL: &[Self] = &[$(Self::$kind,)*];

            /// Its `message`.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$kind => $word,)*
                }
            }

            /// The request of that `message`.
            pub fn parse(message: &str) -> Option<Self> {
                match message {
                    $($word => Some(Self::$kind),)*
                    _ => None,
                }
            }
        }

        /// Any request.
        #[derive(Debug, Clone, PartialEq)]
        pub enum AnyRequest {
            $($(#[$documentation])* $kind($args),)*
        }

        impl AnyRequest {
            /// Which request it is.
            pub fn kind(&self) -> RequestKind {
                match self {
                    $(Self::$kind(_) => RequestKind::$kind,)*
                }
            }
        }

        $(impl From<$args> for AnyRequest {
            fn from(args: $args) -> Self {
                Self::$kind(args)
            }
        })*
    };
}

requests! {
    /// `CONNECT`: a new session, or other grants for the one there is.
    Connect(Connect) = "CONNECT",
    /// `RECONNECT`: the session of an earlier connection.
    Reconnect(Reconnect) = "RECONNECT",
    /// `SUBSCRIBE`: wants an event.
    Subscribe(Subscribe) = "SUBSCRIBE",
    /// `UNSUBSCRIBE`: does not want it any more.
    Unsubscribe(Unsubscribe) = "UNSUBSCRIBE",
    /// `EVENTS`: which events there are.
    Events(ListEvents) = "EVENTS",
    /// `SUBSCRIPTIONS`: which subscriptions the session has.
    Subscriptions(ListSubscriptions) = "SUBSCRIPTIONS",
    /// `ACK`: has everything up to there.
    Ack(Ack) = "ACK",
    /// `HISTORY`: events of the past.
    History(FetchHistory) = "HISTORY",
    /// `PRESENCE`: who listens.
    Presence(FetchPresence) = "PRESENCE",
    /// `PING`: whether the gateway is there.
    Ping(Ping) = "PING",
    /// `DISCONNECT`: the end of the connection.
    Disconnect(Disconnect) = "DISCONNECT",
}

impl fmt::Display for RequestKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
    }
}

/// `CONNECT`: presents an auth token of the web application, which is then spent.
///
/// ```
/// # use concierge_client::{payload::encode, telegraphy::{AnyRequest, Connect, Envelope, Request, RequestId}};
/// let json = r#"{"message":"CONNECT","id":0,"args":{"auth_token":"aabbccddeeff"}}"#;
/// let connect = Connect::new("aabbccddeeff");
/// assert_eq!(encode(&Request { id: RequestId::ZERO, call: connect.clone().into() }), json);
/// assert_eq!(Envelope::parse(json)?.decode()?, connect.into());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Connect {
    /// From the web application; empty for an anonymous client.
    pub auth_token: Secret,
    /// An earlier session whose subscriptions it wants back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_token: Option<Secret>,
    /// The program.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<Program>,
    /// Whether several frames may come in one message, with a line feed between them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch: Option<bool>,
}

impl Connect {
    /// With an auth token, and nothing else.
    pub fn new(auth_token: impl Into<Secret>) -> Self {
        Self { auth_token: auth_token.into(), session_token: None, client: None, batch: None }
    }
}

/// A program that connects.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Program {
    /// Its name.
    pub name: String,
    /// Its version.
    #[serde(default)]
    pub version: String,
}

/// `RECONNECT`: comes back to a session. The token may stand at the top or in `args`.
///
/// ```
/// # use concierge_client::{payload::encode, telegraphy::{Envelope, Request}};
/// let json = concat!(
///     r#"{"message":"RECONNECT","id":100,"session_token":"rrssttuuvvww","#,
///     r#""args":{"positions":{"app.Model":{"epoch":"e1","offset":812}}}}"#,
/// );
/// let envelope = Envelope::parse(json)?;
/// assert_eq!(encode(&Request { id: envelope.id(), call: envelope.decode()? }), json);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Reconnect {
    /// From the answer to `CONNECT`.
    #[serde(skip)]
    pub session_token: Secret,
    /// How far the client is, by event. What is not named goes on from what was acknowledged.
    pub positions: BTreeMap<EventName, Position>,
}

/// `SUBSCRIBE`: wants an event from now on.
///
/// ```
/// # use concierge_client::{payload::encode, telegraphy::{Envelope, Request}};
/// let json = concat!(
///     r#"{"message":"SUBSCRIBE","id":1,"args":{"event_name":"app.Model","filters":{"room":42},"#,
///     r#""permanent":false,"lazy":false}}"#,
/// );
/// let envelope = Envelope::parse(json)?;
/// assert_eq!(encode(&Request { id: envelope.id(), call: envelope.decode()? }), json);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Subscribe {
    /// Which event.
    pub event_name: EventName,
    /// Which of them; none is all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filters: Option<Value>,
    /// Whether it stays while nobody is connected.
    #[serde(default)]
    pub permanent: bool,
    /// Whether it may wait for an event that is not registered.
    #[serde(default)]
    pub lazy: bool,
    /// What the client has; everything later follows, if it is still there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Position>,
    /// How many of the last events follow, if they are still there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub history: Option<u32>,
}

impl Subscribe {
    /// To all of an event, for as long as the session is connected.
    pub fn new(event_name: EventName) -> Self {
        Self { event_name, filters: None, permanent: false, lazy: false, since: None, history: None }
    }
}

/// `UNSUBSCRIBE`: does not want an event any more.
///
/// ```
/// # use concierge_client::{payload::encode, telegraphy::{AnyRequest, Envelope, Request}};
/// for json in [
///     r#"{"message":"UNSUBSCRIBE","id":2,"args":{"event_name":"app.Model","filters":{"room":42}}}"#,
///     r#"{"message":"UNSUBSCRIBE","id":3,"args":{"event_name":"app.Model"}}"#,
///     r#"{"message":"UNSUBSCRIBE","id":4,"args":{"event_name":"app.Model","filters":null}}"#,
/// ] {
///     let envelope = Envelope::parse(json)?;
///     assert_eq!(encode(&Request { id: envelope.id(), call: envelope.decode()? }), json);
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Unsubscribe {
    /// From which event.
    pub event_name: EventName,
    /// Left out: every subscription to it. `null` or `{}`: the one that has no filters.
    #[serde(default, deserialize_with = "said", skip_serializing_if = "Option::is_none")]
    pub filters: Option<Value>,
}

/// A value that is there, `null` included.
fn said<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

/// `EVENTS`: which events there are that the session may see, by name.
///
/// ```
/// # use concierge_client::{payload::encode, telegraphy::{Envelope, Request}};
/// let json = r#"{"message":"EVENTS","id":3,"args":{"name":"app.*","after":null,"limit":100}}"#;
/// let envelope = Envelope::parse(json)?;
/// assert_eq!(encode(&Request { id: envelope.id(), call: envelope.decode()? }), json);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListEvents {
    /// A name; a `*` at its end stands for anything. Left out: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Those after this name only, as the answer before said.
    #[serde(default)]
    pub after: Option<EventName>,
    /// How many at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

/// `SUBSCRIPTIONS`: which subscriptions the session has.
///
/// ```
/// # use concierge_client::{payload::encode, telegraphy::{Envelope, Request}};
/// let json = r#"{"message":"SUBSCRIPTIONS","id":4,"args":{}}"#;
/// let envelope = Envelope::parse(json)?;
/// assert_eq!(encode(&Request { id: envelope.id(), call: envelope.decode()? }), json);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListSubscriptions {}

/// `ACK`: has dealt with every event up to there, which will not come again.
///
/// ```
/// # use concierge_client::{payload::encode, telegraphy::{Envelope, Request}};
/// let json = r#"{"message":"ACK","id":5,"args":{"event_name":"app.Order","epoch":"e1","offset":815}}"#;
/// let envelope = Envelope::parse(json)?;
/// assert_eq!(encode(&Request { id: envelope.id(), call: envelope.decode()? }), json);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ack {
    /// Of which event.
    pub event_name: EventName,
    /// In which log.
    pub epoch: Epoch,
    /// The last one it has dealt with.
    pub offset: u64,
}

/// `HISTORY`: events of the past that the session may see.
///
/// ```
/// # use concierge_client::{payload::encode, telegraphy::{Envelope, Request}};
/// let json = concat!(
///     r#"{"message":"HISTORY","id":6,"args":{"event_name":"app.Order","#,
///     r#""since":{"epoch":"e1","offset":800},"limit":100}}"#,
/// );
/// let envelope = Envelope::parse(json)?;
/// assert_eq!(encode(&Request { id: envelope.id(), call: envelope.decode()? }), json);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FetchHistory {
    /// Of which event.
    pub event_name: EventName,
    /// Only those that fulfil these; none is all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filters: Option<Value>,
    /// What the client has. Left out: the last ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Position>,
    /// How many at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

/// `PRESENCE`: who listens to an event, if that is told.
///
/// ```
/// # use concierge_client::{payload::encode, telegraphy::{Envelope, Request}};
/// let json = r#"{"message":"PRESENCE","id":7,"args":{"event_name":"app.Room","filters":{"room":42}}}"#;
/// let envelope = Envelope::parse(json)?;
/// assert_eq!(encode(&Request { id: envelope.id(), call: envelope.decode()? }), json);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FetchPresence {
    /// To which event.
    pub event_name: EventName,
    /// With exactly these filters; left out: with any.
    #[serde(default, deserialize_with = "said", skip_serializing_if = "Option::is_none")]
    pub filters: Option<Value>,
}

/// `PING`: whether the gateway is there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ping {}

/// `DISCONNECT`: the end of the connection, and with `forget` of the session.
///
/// ```
/// # use concierge_client::{payload::encode, telegraphy::{Envelope, Request}};
/// let json = r#"{"message":"DISCONNECT","id":9,"args":{"forget":true}}"#;
/// let envelope = Envelope::parse(json)?;
/// assert_eq!(encode(&Request { id: envelope.id(), call: envelope.decode()? }), json);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Disconnect {
    /// Whether the session ends too.
    #[serde(default)]
    pub forget: bool,
}
