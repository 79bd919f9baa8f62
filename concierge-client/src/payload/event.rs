//! The events: every payload that answers nothing.

use serde::Serialize;

use super::{
    entity::{Client, Service},
    message::Message,
    reply::{ServiceCreateResult, ServiceDeleteResult},
};

/// What a gateway tells without having been asked. An event has no sequence number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "SCREAMING_SNAKE_CASE")]
#[non_exhaustive]
pub enum Event {
    /// `MESSAGE`: somebody sent something to this client, to a service of it, or to everyone.
    Message(Message),
    /// `CLIENT_JOINED`: a client connected. Sent to every other client.
    ///
    /// ```
    /// use concierge_client::payload::{Incoming, Event, encode};
    /// let json = concat!(
    ///     r#"{"type":"CLIENT_JOINED","client":{"name":"bob","nickname":null,"#,
    ///     r#""uuid":"41fbdd59-1c9c-4b1c-8a2f-25c3f2a39b1d","tags":[]}}"#,
    /// );
    /// let Incoming::Event(event) = Incoming::decode(json).unwrap() else { panic!("it has no seq") };
    /// assert!(matches!(&event, Event::ClientJoined { client } if client.name == "bob"));
    /// assert_eq!(encode(&event), json);
    /// ```
    ClientJoined {
        /// Who.
        client: Client,
    },
    /// `CLIENT_LEFT`: a client disconnected. Sent to every client.
    ///
    /// ```
    /// use concierge_client::payload::{Incoming, Event, encode};
    /// let json = concat!(
    ///     r#"{"type":"CLIENT_LEFT","client":{"name":"bob","nickname":null,"#,
    ///     r#""uuid":"41fbdd59-1c9c-4b1c-8a2f-25c3f2a39b1d","tags":[]}}"#,
    /// );
    /// let Incoming::Event(event) = Incoming::decode(json).unwrap() else { panic!("it has no seq") };
    /// assert!(matches!(&event, Event::ClientLeft { client } if client.name == "bob"));
    /// assert_eq!(encode(&event), json);
    /// ```
    ClientLeft {
        /// Who.
        client: Client,
    },
    /// `SERVICE_CREATE_RESULT` without `seq`: there is a new service. Sent to every client, its owner included.
    ///
    /// ```
    /// use concierge_client::payload::{Incoming, Event, encode};
    /// let json = concat!(
    ///     r#"{"type":"SERVICE_CREATE_RESULT","successful":true,"service":{"name":"chat","nickname":null,"#,
    ///     r#""owner_uuid":"41fbdd59-1c9c-4b1c-8a2f-25c3f2a39b1d","subscribers":[]}}"#,
    /// );
    /// let Incoming::Event(event) = Incoming::decode(json).unwrap() else { panic!("it has no seq") };
    /// assert!(matches!(&event, Event::ServiceCreateResult(result) if result.service.name == "chat"));
    /// assert_eq!(encode(&event), json);
    /// ```
    ServiceCreateResult(ServiceCreateResult),
    /// `SERVICE_DELETE_RESULT` without `seq`: a service is gone. Sent to every client, its owner included.
    ///
    /// ```
    /// use concierge_client::payload::{Incoming, Event, encode};
    /// let json = concat!(
    ///     r#"{"type":"SERVICE_DELETE_RESULT","service":{"name":"chat","nickname":null,"#,
    ///     r#""owner_uuid":"41fbdd59-1c9c-4b1c-8a2f-25c3f2a39b1d","subscribers":[]}}"#,
    /// );
    /// let Incoming::Event(event) = Incoming::decode(json).unwrap() else { panic!("it has no seq") };
    /// assert!(matches!(&event, Event::ServiceDeleteResult(result) if result.service.name == "chat"));
    /// assert_eq!(encode(&event), json);
    /// ```
    ServiceDeleteResult(ServiceDeleteResult),
    /// `SERVICE_CLIENT_SUBSCRIBED`: a service has a new subscriber. Sent to all its subscribers, the new one included.
    ///
    /// ```
    /// use concierge_client::payload::{Incoming, Event, encode};
    /// let json = concat!(
    ///     r#"{"type":"SERVICE_CLIENT_SUBSCRIBED","client":{"name":"bob","nickname":null,"#,
    ///     r#""uuid":"41fbdd59-1c9c-4b1c-8a2f-25c3f2a39b1d","tags":[]},"service":{"name":"chat","nickname":null,"#,
    ///     r#""owner_uuid":"b1f4b0f9-7a0e-4f0e-9a52-0e7a3c1ce0aa","subscribers":["41fbdd59-1c9c-4b1c-8a2f-25c3f2a39b1d"]}}"#,
    /// );
    /// let Incoming::Event(event) = Incoming::decode(json).unwrap() else { panic!("it has no seq") };
    /// assert!(matches!(&event, Event::ServiceClientSubscribed { client, .. } if client.name == "bob"));
    /// assert_eq!(encode(&event), json);
    /// ```
    ServiceClientSubscribed {
        /// Who.
        client: Client,
        /// To which service, with the new subscriber.
        service: Service,
    },
    /// `SERVICE_CLIENT_UNSUBSCRIBED`: a service lost a subscriber. Sent to those that remain.
    ///
    /// ```
    /// use concierge_client::payload::{Incoming, Event, encode};
    /// let json = concat!(
    ///     r#"{"type":"SERVICE_CLIENT_UNSUBSCRIBED","client":{"name":"bob","nickname":null,"#,
    ///     r#""uuid":"41fbdd59-1c9c-4b1c-8a2f-25c3f2a39b1d","tags":[]},"service":{"name":"chat","nickname":null,"#,
    ///     r#""owner_uuid":"b1f4b0f9-7a0e-4f0e-9a52-0e7a3c1ce0aa","subscribers":[]}}"#,
    /// );
    /// let Incoming::Event(event) = Incoming::decode(json).unwrap() else { panic!("it has no seq") };
    /// assert!(matches!(&event, Event::ServiceClientUnsubscribed { client, .. } if client.name == "bob"));
    /// assert_eq!(encode(&event), json);
    /// ```
    ServiceClientUnsubscribed {
        /// Who.
        client: Client,
        /// Which service, without the client that left it.
        service: Service,
    },
}

impl Event {
    /// The payload's `type` on the wire.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Message(_) => "MESSAGE",
            Self::ClientJoined { .. } => "CLIENT_JOINED",
            Self::ClientLeft { .. } => "CLIENT_LEFT",
            Self::ServiceCreateResult(_) => "SERVICE_CREATE_RESULT",
            Self::ServiceDeleteResult(_) => "SERVICE_DELETE_RESULT",
            Self::ServiceClientSubscribed { .. } => "SERVICE_CLIENT_SUBSCRIBED",
            Self::ServiceClientUnsubscribed { .. } => "SERVICE_CLIENT_UNSUBSCRIBED",
        }
    }
}
