//! `MESSAGE`: what a client sends, whom to, and what the receivers get.

use std::{borrow::Cow, fmt, sync::Arc};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use uuid::Uuid;

use super::{
    data::Data,
    entity::{Client, Origin, Service},
    name::{ClientName, ServiceName},
};

/// Whom a message is for.
///
/// ```
/// use concierge_client::payload::{Target, encode};
/// for json in [
///     r#"{"type":"NAME","name":"bob"}"#,
///     r#"{"type":"UUID","uuid":"41fbdd59-1c9c-4b1c-8a2f-25c3f2a39b1d"}"#,
///     r#"{"type":"SERVICE","service":"chat"}"#,
///     r#"{"type":"SERVICE_CLIENT_UUID","service":"chat","uuid":"41fbdd59-1c9c-4b1c-8a2f-25c3f2a39b1d"}"#,
///     r#"{"type":"ALL"}"#,
/// ] {
///     let target: Target = serde_json::from_str(json)?;
///     assert_eq!(encode(&target), json);
/// }
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Target {
    /// The client of this name; it may be the sender.
    Name {
        /// Any text: one that no client can have is refused like one that no client has.
        name: Arc<str>,
    },
    /// The client of this id; it may be the sender.
    Uuid {
        /// The client's id.
        uuid: Uuid,
    },
    /// From the service's owner: every subscriber except the owner. From a subscriber: the owner.
    Service {
        /// The service's name.
        service: ServiceName,
    },
    /// From the service's owner: this client, subscribed or not.
    ServiceClientUuid {
        /// The service's name.
        service: ServiceName,
        /// The client's id.
        uuid: Uuid,
    },
    /// Every client, the sender included.
    All,
}

impl Target {
    /// The client of this name.
    pub fn name(name: impl Into<Arc<str>>) -> Self {
        Self::Name { name: name.into() }
    }

    /// A service: its subscribers when its owner sends, its owner when a subscriber does.
    pub fn service(service: ServiceName) -> Self {
        Self::Service { service }
    }

    /// One client, in the name of a service that the sender owns.
    pub fn service_client(service: ServiceName, uuid: Uuid) -> Self {
        Self::ServiceClientUuid { service, uuid }
    }

    /// Its JSON, at the end of a text. Names rarely have anything to escape.
    fn write(&self, text: &mut String) {
        let (kind, name) = match self {
            Self::Name { name } => ("{\"type\":\"NAME\",\"name\":\"", name.as_ref()),
            Self::Service { service } => ("{\"type\":\"SERVICE\",\"service\":\"", service.as_str()),
            Self::Uuid { .. } | Self::ServiceClientUuid { .. } | Self::All => {
                return text.push_str(&super::encode(self));
            }
        };
        if name.bytes().any(|byte| byte < b' ' || matches!(byte, b'"' | b'\\')) {
            return text.push_str(&super::encode(self));
        }
        text.push_str(kind);
        text.push_str(name);
        text.push_str("\"}");
    }
}

impl From<Uuid> for Target {
    fn from(uuid: Uuid) -> Self {
        Self::Uuid { uuid }
    }
}

impl From<ClientName> for Target {
    fn from(name: ClientName) -> Self {
        Self::name(name.as_str())
    }
}

impl From<&ClientName> for Target {
    fn from(name: &ClientName) -> Self {
        Self::name(name.as_str())
    }
}

impl From<ServiceName> for Target {
    fn from(service: ServiceName) -> Self {
        Self::Service { service }
    }
}

impl From<&str> for Target {
    /// The client of this name.
    fn from(name: &str) -> Self {
        Self::name(name)
    }
}

/// The request `MESSAGE`: `data` for a target. Answered with `OK`, or with why it could not be delivered.
///
/// ```
/// use concierge_client::payload::{AnyRequest, Data, SendMessage, Target, encode};
/// let json = r#"{"type":"MESSAGE","target":{"type":"NAME","name":"bob"},"data":{"hi":true}}"#;
/// let message = SendMessage::new(Target::name("bob"), Data::from_json(r#"{"hi":true}"#)?);
/// assert_eq!(encode(&message), json);
/// assert_eq!(AnyRequest::decode(json).unwrap(), AnyRequest::Message(message));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Serialize)]
#[serde(tag = "type", rename = "MESSAGE")]
pub struct SendMessage<'a> {
    /// Whom it is for.
    pub target: Target,
    /// Any JSON value; it reaches the receiver byte for byte.
    pub data: Cow<'a, RawValue>,
}

impl SendMessage<'static> {
    /// A message that owns its data.
    pub fn new(target: impl Into<Target>, data: impl Into<Data>) -> Self {
        Self { target: target.into(), data: Cow::Owned(data.into().as_raw().to_owned()) }
    }
}

impl PartialEq for SendMessage<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.target == other.target && self.data.get() == other.data.get()
    }
}

impl fmt::Debug for SendMessage<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("SendMessage")
            .field("target", &self.target)
            .field("data", &self.data.get())
            .finish()
    }
}

/// The event `MESSAGE`: what a receiver gets.
///
/// ```
/// use concierge_client::payload::{Event, Incoming, encode};
/// let json = concat!(
///     r#"{"type":"MESSAGE","origin":{"name":"alice","nickname":"Al","uuid":"41fbdd59-1c9c-4b1c-8a2f-25c3f2a39b1d","#,
///     r#""tags":["x","y"],"service":null},"target":{"type":"NAME","name":"bob"},"data":{"hi":true}}"#,
/// );
/// let Incoming::Event(event) = Incoming::decode(json)? else { panic!("a message is an event") };
/// assert_eq!(encode(&event), json);
/// let Event::Message(message) = event else { panic!("it is a message") };
/// assert_eq!(message.origin.name, "alice");
/// # Ok::<(), concierge_client::payload::DecodeError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Who sent it, and by which service.
    pub origin: Origin,
    /// Whom it was sent to, as the gateway understood it.
    pub target: Target,
    /// What was sent, byte for byte.
    pub data: Data,
}

/// What is the same in many messages of a client, encoded once: who sends, and by which service.
///
/// ```
/// use concierge_client::payload::{Event, Incoming, MessageEncoder, Target};
/// let json = concat!(
///     r#"{"type":"MESSAGE","origin":{"name":"al","nickname":null,"uuid":"41fbdd59-1c9c-4b1c-8a2f-25c3f2a39b1d","#,
///     r#""tags":[],"service":null},"target":{"type":"ALL"},"data":1.10}"#,
/// );
/// let Incoming::Event(Event::Message(message)) = Incoming::decode(json)? else { panic!("a message is an event") };
/// let mut encoder = MessageEncoder::new(&message.origin.client());
/// let mut text = String::new();
/// encoder.write(&mut text, None, &Target::All, message.data.as_raw());
/// assert_eq!(text, json);
/// # Ok::<(), concierge_client::payload::DecodeError>(())
/// ```
#[derive(Debug, Clone)]
pub struct MessageEncoder {
    /// Up to the service, which is the last that is said of the origin.
    head: Box<str>,
    /// The last service whose subscribers were not listed, and its JSON: nearly always that of the next message, too.
    service: Option<Box<(Service, String)>>,
}

impl MessageEncoder {
    /// For the messages of this client.
    pub fn new(sender: &Client) -> Self {
        let sender = super::encode(sender);
        let fields = sender.strip_suffix('}').unwrap_or(&sender);
        Self { head: format!(r#"{{"type":"MESSAGE","origin":{fields},"service":"#).into(), service: None }
    }

    /// Writes the JSON of the event at the end of a text: `data` goes into it byte for byte.
    pub fn write(&mut self, text: &mut String, service: Option<&Service>, target: &Target, data: &RawValue) {
        text.reserve(self.head.len() + 2 * super::USUAL_BYTES + data.get().len());
        text.push_str(&self.head);
        match service {
            None => text.push_str("null"),
            Some(service) if service.subscribers.is_empty() => text.push_str(self.encoded(service)),
            Some(service) => text.push_str(&super::encode(service)),
        }
        text.push_str("},\"target\":");
        target.write(text);
        text.push_str(",\"data\":");
        text.push_str(data.get());
        text.push('}');
    }

    fn encoded(&mut self, service: &Service) -> &str {
        let known = self.service.take().filter(|known| known.0 == *service);
        let known = known.unwrap_or_else(|| Box::new((service.clone(), super::encode(service))));
        &self.service.insert(known).1
    }
}
