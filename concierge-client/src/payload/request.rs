//! The requests: every payload a client sends.

use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    codec::{DecodeError, Envelope},
    extension::{Features, Intents},
    message::SendMessage,
    name::{ClientName, Nickname, ServiceName, Tags},
    reply::{
        Acknowledged, ClientFetchAllResult, ClientFetchResult, Reply, SelfFetchResult, SelfSubscribeResult,
        SelfUnsubscribeResult, ServiceCreateResult, ServiceDeleteResult, ServiceFetchAllResult,
        ServiceFetchResult,
    },
    secret::Secret,
    seq::Seq,
};

/// A request that is answered by one payload with its sequence number. The typed half of the protocol: it ties each
/// request to its own reply.
///
/// `IDENTIFY` is not among them: it is answered by `HELLO`, without a number, or by a close.
pub trait Request: Serialize {
    /// Which request it is.
    const KIND: RequestKind;

    /// What it is answered with when it is not refused. Any other answer is handed back.
    type Reply: TryFrom<Reply, Error = Reply> + Send + 'static;
}

/// One row a request: its variant, its type, its names on the wire, and what answers it.
macro_rules! requests {
    ($($variant:ident($request:ty) = $wire:literal $(| $alias:literal)? $(=> $reply:ty)?;)*) => {
        /// Which request a payload is: its `type`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum RequestKind {
            $(
                #[doc = concat!("`", $wire, "`")]
                $variant,
            )*
        }

        impl RequestKind {
            /// Every request there is.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The `type` on the wire.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $wire,)*
                }
            }

            /// Reads a `type`; none for one that is no request. `CREATE_SERVICE` and `DELETE_SERVICE` are other names of
            /// `SERVICE_CREATE` and `SERVICE_DELETE`.
            pub fn parse(kind: &str) -> Option<Self> {
                match kind {
                    $($wire $(| $alias)? => Some(Self::$variant),)*
                    _ => None,
                }
            }
        }

        /// Any request, as a gateway decodes it. A message borrows its data from the text.
        #[derive(Debug, Clone, PartialEq, Serialize)]
        #[serde(untagged)]
        #[non_exhaustive]
        pub enum AnyRequest<'a> {
            $(
                #[doc = concat!("`", $wire, "`")]
                $variant($request),
            )*
        }

        impl AnyRequest<'_> {
            /// Which request it is.
            pub const fn kind(&self) -> RequestKind {
                match self {
                    $(Self::$variant(_) => RequestKind::$variant,)*
                }
            }
        }

        $($(
            impl Request for $request {
                const KIND: RequestKind = RequestKind::$variant;
                type Reply = $reply;
            }
        )?)*
    };
}

requests! {
    Identify(Identify) = "IDENTIFY";
    SelfSubscribe(SelfSubscribe) = "SELF_SUBSCRIBE" => SelfSubscribeResult;
    SelfUnsubscribe(SelfUnsubscribe) = "SELF_UNSUBSCRIBE" => SelfUnsubscribeResult;
    SelfFetch(SelfFetch) = "SELF_FETCH" => SelfFetchResult;
    SelfSetSeq(SelfSetSeq) = "SELF_SET_SEQ" => Acknowledged;
    ServiceCreate(ServiceCreate) = "SERVICE_CREATE" | "CREATE_SERVICE" => ServiceCreateResult;
    ServiceDelete(ServiceDelete) = "SERVICE_DELETE" | "DELETE_SERVICE" => ServiceDeleteResult;
    ServiceFetch(ServiceFetch) = "SERVICE_FETCH" => ServiceFetchResult;
    ServiceFetchAll(ServiceFetchAll) = "SERVICE_FETCH_ALL" => ServiceFetchAllResult;
    ClientFetch(ClientFetch) = "CLIENT_FETCH" => ClientFetchResult;
    ClientFetchAll(ClientFetchAll) = "CLIENT_FETCH_ALL" => ClientFetchAllResult;
    Message(SendMessage<'a>) = "MESSAGE";
}

impl Request for SendMessage<'_> {
    const KIND: RequestKind = RequestKind::Message;
    type Reply = Acknowledged;
}

impl<'a> AnyRequest<'a> {
    /// Decodes a text payload of a client.
    ///
    /// # Errors
    ///
    /// [`DecodeError`] names the field and what was expected.
    pub fn decode(text: &'a str) -> Result<Self, DecodeError> {
        if let Some(message) = SendMessage::decode_usual(text) {
            return Ok(Self::Message(message));
        }
        let envelope = Envelope::parse(text)?;
        match envelope.kind() {
            Some(kind) => envelope.decode(kind),
            None => Err(DecodeError::unknown_type(envelope.type_name())),
        }
    }
}

impl fmt::Display for RequestKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
    }
}

/// `IDENTIFY`: who a client is. The first payload of a connection, answered by [`Hello`](super::Hello) or a close.
///
/// ```
/// use concierge_client::payload::{AnyRequest, Identify, PROTOCOL_VERSION, Tags, encode};
/// let json = r#"{"type":"IDENTIFY","name":"alice","nickname":"Al","version":"0.2.0","tags":["x","y"]}"#;
/// let mut identify = Identify::new(&"alice".parse()?);
/// identify.nickname = Some("Al".parse()?);
/// identify.tags = Tags::new(["x", "y"])?;
/// assert_eq!(encode(&identify), json);
/// assert_eq!(AnyRequest::decode(json).unwrap(), AnyRequest::Identify(identify));
/// # Ok::<(), concierge_client::payload::InvalidName>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename = "IDENTIFY")]
pub struct Identify {
    /// The name it wants. Any text here: an invalid name has a close code of its own, 4008, and is checked after decoding.
    pub name: String,
    /// How it is shown to people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nickname: Option<Nickname>,
    /// The version of the protocol it speaks. Any text here: what is no version is refused with 4007.
    pub version: String,
    /// What the gateway asks of those who may come in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret: Option<Secret>,
    /// Words about itself.
    pub tags: Tags,
    /// What it asks for beyond the original protocol. `None`: it did not ask.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub features: Option<Features>,
    /// What it wants to be sent without asking for each. `None`: it did not say, which means all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub intents: Option<Intents>,
}

impl Identify {
    /// A client of this name that speaks [`PROTOCOL_VERSION`](super::PROTOCOL_VERSION) and asks for nothing.
    pub fn new(name: &ClientName) -> Self {
        Self {
            name: name.to_string(),
            nickname: None,
            version: super::PROTOCOL_VERSION.to_owned(),
            secret: None,
            tags: Tags::default(),
            features: None,
            intents: None,
        }
    }
}

/// `SELF_SUBSCRIBE`: be sent what a service's owner sends to it. Answered by [`SelfSubscribeResult`].
///
/// ```
/// use concierge_client::payload::{AnyRequest, SelfSubscribe, encode};
/// let json = r#"{"type":"SELF_SUBSCRIBE","service":"chat"}"#;
/// let request = SelfSubscribe { service: "chat".parse()? };
/// assert_eq!(encode(&request), json);
/// assert_eq!(AnyRequest::decode(json).unwrap(), AnyRequest::SelfSubscribe(request));
/// # Ok::<(), concierge_client::payload::InvalidName>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename = "SELF_SUBSCRIBE")]
pub struct SelfSubscribe {
    /// The service.
    pub service: ServiceName,
}

/// `SELF_UNSUBSCRIBE`: end a subscription. Answered by [`SelfUnsubscribeResult`].
///
/// ```
/// use concierge_client::payload::{AnyRequest, SelfUnsubscribe, encode};
/// let json = r#"{"type":"SELF_UNSUBSCRIBE","service":"chat"}"#;
/// let request = SelfUnsubscribe { service: "chat".parse()? };
/// assert_eq!(encode(&request), json);
/// assert_eq!(AnyRequest::decode(json).unwrap(), AnyRequest::SelfUnsubscribe(request));
/// # Ok::<(), concierge_client::payload::InvalidName>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename = "SELF_UNSUBSCRIBE")]
pub struct SelfUnsubscribe {
    /// The service.
    pub service: ServiceName,
}

/// `SELF_FETCH`: what the gateway knows about this client. Answered by [`SelfFetchResult`].
///
/// ```
/// use concierge_client::payload::{AnyRequest, SelfFetch, encode};
/// let json = r#"{"type":"SELF_FETCH"}"#;
/// assert_eq!(encode(&SelfFetch {}), json);
/// assert_eq!(AnyRequest::decode(json).unwrap(), AnyRequest::SelfFetch(SelfFetch {}));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename = "SELF_FETCH")]
pub struct SelfFetch {}

/// `SELF_SET_SEQ`: set the gateway's counter. Answered by `OK` with that number; the next payload is the one after.
///
/// ```
/// use concierge_client::payload::{AnyRequest, SelfSetSeq, Seq, encode};
/// let json = r#"{"type":"SELF_SET_SEQ","seq":41}"#;
/// let request = SelfSetSeq { seq: Seq::new(41)? };
/// assert_eq!(encode(&request), json);
/// assert_eq!(AnyRequest::decode(json).unwrap(), AnyRequest::SelfSetSeq(request));
/// # Ok::<(), concierge_client::payload::SeqTooLarge>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename = "SELF_SET_SEQ")]
pub struct SelfSetSeq {
    /// The number this payload is to have.
    pub seq: Seq,
}

/// `SERVICE_CREATE`: open a service that others can subscribe to. Answered by [`ServiceCreateResult`].
///
/// ```
/// use concierge_client::payload::{AnyRequest, ServiceCreate, encode};
/// let json = r#"{"type":"SERVICE_CREATE","service":"chat","nickname":"The chat"}"#;
/// let request = ServiceCreate { service: "chat".parse()?, nickname: Some("The chat".parse()?) };
/// assert_eq!(encode(&request), json);
/// assert_eq!(AnyRequest::decode(json).unwrap(), AnyRequest::ServiceCreate(request));
/// # Ok::<(), concierge_client::payload::InvalidName>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename = "SERVICE_CREATE")]
pub struct ServiceCreate {
    /// The service's name.
    pub service: ServiceName,
    /// How it is shown to people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nickname: Option<Nickname>,
}

/// `SERVICE_DELETE`: delete a service one owns. Answered by [`ServiceDeleteResult`].
///
/// ```
/// use concierge_client::payload::{AnyRequest, ServiceDelete, encode};
/// let json = r#"{"type":"SERVICE_DELETE","service":"chat"}"#;
/// let request = ServiceDelete { service: "chat".parse()? };
/// assert_eq!(encode(&request), json);
/// assert_eq!(AnyRequest::decode(json).unwrap(), AnyRequest::ServiceDelete(request));
/// # Ok::<(), concierge_client::payload::InvalidName>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename = "SERVICE_DELETE")]
pub struct ServiceDelete {
    /// The service.
    pub service: ServiceName,
}

/// `SERVICE_FETCH`: what the gateway knows about a service. Answered by [`ServiceFetchResult`].
///
/// ```
/// use concierge_client::payload::{AnyRequest, ServiceFetch, encode};
/// let json = r#"{"type":"SERVICE_FETCH","service":"chat"}"#;
/// let request = ServiceFetch { service: "chat".parse()? };
/// assert_eq!(encode(&request), json);
/// assert_eq!(AnyRequest::decode(json).unwrap(), AnyRequest::ServiceFetch(request));
/// # Ok::<(), concierge_client::payload::InvalidName>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename = "SERVICE_FETCH")]
pub struct ServiceFetch {
    /// The service.
    pub service: ServiceName,
}

/// `SERVICE_FETCH_ALL`: every service there is. Answered by [`ServiceFetchAllResult`].
///
/// ```
/// use concierge_client::payload::{AnyRequest, ServiceFetchAll, encode};
/// let json = r#"{"type":"SERVICE_FETCH_ALL"}"#;
/// assert_eq!(encode(&ServiceFetchAll {}), json);
/// assert_eq!(AnyRequest::decode(json).unwrap(), AnyRequest::ServiceFetchAll(ServiceFetchAll {}));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename = "SERVICE_FETCH_ALL")]
pub struct ServiceFetchAll {}

/// `CLIENT_FETCH`: what the gateway knows about a client. Answered by [`ClientFetchResult`].
///
/// ```
/// use concierge_client::payload::{AnyRequest, ClientFetch, encode};
/// let json = r#"{"type":"CLIENT_FETCH","uuid":"41fbdd59-1c9c-4b1c-8a2f-25c3f2a39b1d"}"#;
/// let request = ClientFetch { uuid: "41fbdd59-1c9c-4b1c-8a2f-25c3f2a39b1d".parse()? };
/// assert_eq!(encode(&request), json);
/// assert_eq!(AnyRequest::decode(json).unwrap(), AnyRequest::ClientFetch(request));
/// # Ok::<(), uuid::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename = "CLIENT_FETCH")]
pub struct ClientFetch {
    /// The client's id.
    pub uuid: Uuid,
}

/// `CLIENT_FETCH_ALL`: every client there is. Answered by [`ClientFetchAllResult`].
///
/// ```
/// use concierge_client::payload::{AnyRequest, ClientFetchAll, encode};
/// let json = r#"{"type":"CLIENT_FETCH_ALL"}"#;
/// assert_eq!(encode(&ClientFetchAll {}), json);
/// assert_eq!(AnyRequest::decode(json).unwrap(), AnyRequest::ClientFetchAll(ClientFetchAll {}));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename = "CLIENT_FETCH_ALL")]
pub struct ClientFetchAll {}
