//! The answers: `HELLO`, and every payload that carries the sequence number of a request.

use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    entity::{Client, Service},
    extension::{Features, Intents, Limits},
};

/// `HELLO`: the first payload a client receives, in answer to `IDENTIFY`. It has no sequence number.
///
/// ```
/// use concierge_client::payload::{Hello, Incoming, encode};
/// let json = r#"{"type":"HELLO","uuid":"41fbdd59-1c9c-4b1c-8a2f-25c3f2a39b1d","version":"0.2.0"}"#;
/// let hello = Hello::new("41fbdd59-1c9c-4b1c-8a2f-25c3f2a39b1d".parse()?);
/// assert_eq!(encode(&hello), json);
/// assert_eq!(Incoming::decode(json).unwrap(), Incoming::Hello(hello));
/// # Ok::<(), uuid::Error>(())
/// ```
///
/// A client that sent `features` or `intents` is told more:
///
/// ```
/// use concierge_client::payload::{Feature, Incoming};
/// let json = concat!(
///     r#"{"type":"HELLO","uuid":"41fbdd59-1c9c-4b1c-8a2f-25c3f2a39b1d","version":"0.2.0","features":["compact"],"#,
///     r#""intents":["PRESENCE"],"server":"concierge-server 0.3.0","limits":{"name":64,"service":128,"nickname":128,"#,
///     r#""message":1048576,"depth":64,"subscriptions":128,"services":64}}"#,
/// );
/// let Incoming::Hello(hello) = Incoming::decode(json).unwrap() else { panic!("it is HELLO") };
/// assert!(hello.features.is_some_and(|granted| granted.contains(Feature::Compact)));
/// assert_eq!(concierge_client::payload::encode(&hello), json);
/// ```
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename = "HELLO")]
pub struct Hello {
    /// The id of this connection.
    pub uuid: Uuid,
    /// The version of the protocol the gateway speaks.
    pub version: String,
    /// The features it grants; absent for a client that asked for neither features nor intents.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub features: Option<Features>,
    /// The intents in force; absent likewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub intents: Option<Intents>,
    /// The gateway's program and its version; absent likewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<String>,
    /// What the gateway accepts; absent likewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<Limits>,
    /// The client's secret file key, with the feature `fs_key` and where files are served. `Debug` does not show it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fs_key: Option<Uuid>,
}

impl Hello {
    /// What a client is told that asked for nothing.
    pub fn new(uuid: Uuid) -> Self {
        Self {
            uuid,
            version: super::PROTOCOL_VERSION.to_owned(),
            features: None,
            intents: None,
            server: None,
            limits: None,
            fs_key: None,
        }
    }
}

impl fmt::Debug for Hello {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { uuid, version, features, intents, server, limits, fs_key: _ } = self;
        let mut shown = formatter.debug_struct("Hello");
        shown.field("uuid", uuid).field("version", version).field("features", features);
        shown.field("intents", intents).field("server", server).field("limits", limits);
        shown.finish_non_exhaustive()
    }
}

/// Any answer to a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "SCREAMING_SNAKE_CASE")]
#[non_exhaustive]
pub enum Reply {
    /// `OK`: done, and there is nothing to tell.
    ///
    /// ```
    /// use concierge_client::payload::{Incoming, Reply, Seq, encode_sequenced};
    /// let json = r#"{"seq":0,"type":"OK"}"#;
    /// assert_eq!(encode_sequenced(Seq::ZERO, &Reply::Ok), json);
    /// assert_eq!(Incoming::decode(json).unwrap(), Incoming::Reply { seq: Seq::ZERO, reply: Reply::Ok });
    /// ```
    Ok,
    /// `BAD`: not allowed; where a limit on counts was reached, `desc` says which.
    ///
    /// ```
    /// use concierge_client::payload::{Incoming, Reply, Seq, encode_sequenced};
    /// let json = r#"{"seq":0,"type":"BAD"}"#;
    /// assert_eq!(encode_sequenced(Seq::ZERO, &Reply::Bad { desc: None }), json);
    /// assert_eq!(Incoming::decode(json).unwrap(), Incoming::Reply { seq: Seq::ZERO, reply: Reply::Bad { desc: None } });
    /// ```
    Bad {
        /// Which limit was reached; absent when permission is missing.
        #[serde(skip_serializing_if = "Option::is_none")]
        desc: Option<String>,
    },
    /// `SELF_SUBSCRIBE_RESULT`
    SelfSubscribeResult(SelfSubscribeResult),
    /// `SELF_UNSUBSCRIBE_RESULT`
    SelfUnsubscribeResult(SelfUnsubscribeResult),
    /// `SELF_FETCH_RESULT`
    SelfFetchResult(SelfFetchResult),
    /// `SERVICE_CREATE_RESULT`
    ServiceCreateResult(ServiceCreateResult),
    /// `SERVICE_DELETE_RESULT`
    ServiceDeleteResult(ServiceDeleteResult),
    /// `SERVICE_FETCH_RESULT`
    ServiceFetchResult(ServiceFetchResult),
    /// `SERVICE_FETCH_ALL_RESULT`
    ServiceFetchAllResult(ServiceFetchAllResult),
    /// `CLIENT_FETCH_RESULT`
    ClientFetchResult(ClientFetchResult),
    /// `CLIENT_FETCH_ALL_RESULT`
    ClientFetchAllResult(ClientFetchAllResult),
    /// `ERROR_INTERNAL`: the gateway failed.
    ///
    /// ```
    /// use concierge_client::payload::{Incoming, Reply, Seq, encode_sequenced};
    /// let json = r#"{"seq":0,"type":"ERROR_INTERNAL","desc":"out of memory"}"#;
    /// let reply = Reply::ErrorInternal { desc: "out of memory".to_owned() };
    /// assert_eq!(encode_sequenced(Seq::ZERO, &reply), json);
    /// assert_eq!(Incoming::decode(json).unwrap(), Incoming::Reply { seq: Seq::ZERO, reply });
    /// ```
    ErrorInternal {
        /// What happened.
        desc: String,
    },
    /// `ERROR_UNSUPPORTED`: no request of that `type`, or a second `IDENTIFY`.
    ///
    /// ```
    /// use concierge_client::payload::{Incoming, Reply, Seq, encode_sequenced};
    /// let json = r#"{"seq":0,"type":"ERROR_UNSUPPORTED"}"#;
    /// assert_eq!(encode_sequenced(Seq::ZERO, &Reply::ErrorUnsupported), json);
    /// assert_eq!(
    ///     Incoming::decode(json).unwrap(),
    ///     Incoming::Reply { seq: Seq::ZERO, reply: Reply::ErrorUnsupported },
    /// );
    /// ```
    ErrorUnsupported,
    /// `ERROR_PROTOCOL`: the payload could not be understood.
    ///
    /// ```
    /// use concierge_client::payload::{Incoming, Reply, Seq, encode_sequenced};
    /// let json = r#"{"seq":0,"type":"ERROR_PROTOCOL","desc":"field `service`: missing, expected a string"}"#;
    /// let reply = Reply::ErrorProtocol { desc: "field `service`: missing, expected a string".to_owned() };
    /// assert_eq!(encode_sequenced(Seq::ZERO, &reply), json);
    /// assert_eq!(Incoming::decode(json).unwrap(), Incoming::Reply { seq: Seq::ZERO, reply });
    /// ```
    ErrorProtocol {
        /// The field, and what was expected of it.
        desc: String,
    },
    /// `INVALID_NAME`: no client has that name.
    ///
    /// ```
    /// use concierge_client::payload::{Incoming, Reply, Seq, encode_sequenced};
    /// let json = r#"{"seq":0,"type":"INVALID_NAME","name":"bob"}"#;
    /// let reply = Reply::InvalidName { name: "bob".to_owned() };
    /// assert_eq!(encode_sequenced(Seq::ZERO, &reply), json);
    /// assert_eq!(Incoming::decode(json).unwrap(), Incoming::Reply { seq: Seq::ZERO, reply });
    /// ```
    InvalidName {
        /// The name that was asked for.
        name: String,
    },
    /// `INVALID_UUID`: no client has that id.
    ///
    /// ```
    /// use concierge_client::payload::{Incoming, Reply, Seq, encode_sequenced};
    /// let json = r#"{"seq":0,"type":"INVALID_UUID","uuid":"41fbdd59-1c9c-4b1c-8a2f-25c3f2a39b1d"}"#;
    /// let reply = Reply::InvalidUuid { uuid: "41fbdd59-1c9c-4b1c-8a2f-25c3f2a39b1d".parse()? };
    /// assert_eq!(encode_sequenced(Seq::ZERO, &reply), json);
    /// assert_eq!(Incoming::decode(json).unwrap(), Incoming::Reply { seq: Seq::ZERO, reply });
    /// # Ok::<(), uuid::Error>(())
    /// ```
    InvalidUuid {
        /// The id that was asked for.
        uuid: Uuid,
    },
    /// `INVALID_SERVICE`: there is no service of that name.
    ///
    /// ```
    /// use concierge_client::payload::{Incoming, Reply, Seq, encode_sequenced};
    /// let json = r#"{"seq":0,"type":"INVALID_SERVICE","service":"chat"}"#;
    /// let reply = Reply::InvalidService { service: "chat".to_owned() };
    /// assert_eq!(encode_sequenced(Seq::ZERO, &reply), json);
    /// assert_eq!(Incoming::decode(json).unwrap(), Incoming::Reply { seq: Seq::ZERO, reply });
    /// ```
    InvalidService {
        /// The name that was asked for.
        service: String,
    },
}

/// `OK`, as the reply of a request that has nothing else to tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Acknowledged;

impl TryFrom<Reply> for Acknowledged {
    type Error = Reply;
    fn try_from(reply: Reply) -> Result<Self, Reply> {
        match reply {
            Reply::Ok => Ok(Self),
            other => Err(other),
        }
    }
}

/// The replies that are types of their own: on the way in, any reply is tried as the one that was expected.
macro_rules! typed_replies {
    ($($reply:ident),* $(,)?) => {
        $(
            impl From<$reply> for Reply {
                fn from(reply: $reply) -> Self {
                    Self::$reply(reply)
                }
            }

            impl TryFrom<Reply> for $reply {
                type Error = Reply;
                fn try_from(reply: Reply) -> Result<Self, Reply> {
                    match reply {
                        Reply::$reply(reply) => Ok(reply),
                        other => Err(other),
                    }
                }
            }
        )*
    };
}

typed_replies! {
    SelfSubscribeResult,
    SelfUnsubscribeResult,
    SelfFetchResult,
    ServiceCreateResult,
    ServiceDeleteResult,
    ServiceFetchResult,
    ServiceFetchAllResult,
    ClientFetchResult,
    ClientFetchAllResult,
}

/// `SELF_SUBSCRIBE_RESULT`
///
/// ```
/// use concierge_client::payload::{Incoming, Reply, Seq, encode_sequenced};
/// let json = concat!(
///     r#"{"seq":3,"type":"SELF_SUBSCRIBE_RESULT","successful":true,"service":{"name":"chat","nickname":null,"#,
///     r#""owner_uuid":"41fbdd59-1c9c-4b1c-8a2f-25c3f2a39b1d","subscribers":["b1f4b0f9-7a0e-4f0e-9a52-0e7a3c1ce0aa"]}}"#,
/// );
/// let Incoming::Reply { seq, reply } = Incoming::decode(json).unwrap() else { panic!("it has a seq") };
/// assert!(matches!(&reply, Reply::SelfSubscribeResult(result) if result.successful));
/// assert_eq!(encode_sequenced(seq, &reply), json);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SelfSubscribeResult {
    /// Whether the subscription is new; `false`: it was there already.
    pub successful: bool,
    /// The service, with the new subscriber.
    pub service: Service,
}

/// `SELF_UNSUBSCRIBE_RESULT`
///
/// ```
/// use concierge_client::payload::{Incoming, Reply, Seq, encode_sequenced};
/// let json = concat!(
///     r#"{"seq":4,"type":"SELF_UNSUBSCRIBE_RESULT","successful":false,"service":{"name":"chat","nickname":"","#,
///     r#""owner_uuid":"41fbdd59-1c9c-4b1c-8a2f-25c3f2a39b1d","subscribers":[]}}"#,
/// );
/// let Incoming::Reply { seq, reply } = Incoming::decode(json).unwrap() else { panic!("it has a seq") };
/// assert!(matches!(&reply, Reply::SelfUnsubscribeResult(result) if !result.successful));
/// assert_eq!(encode_sequenced(seq, &reply), json);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SelfUnsubscribeResult {
    /// Whether there was a subscription to end.
    pub successful: bool,
    /// The service, without the client that left it.
    pub service: Service,
}

/// `SELF_FETCH_RESULT`
///
/// ```
/// use concierge_client::payload::{Incoming, Reply, Seq, encode_sequenced};
/// let json = concat!(
///     r#"{"seq":5,"type":"SELF_FETCH_RESULT","client":{"name":"alice","nickname":null,"#,
///     r#""uuid":"41fbdd59-1c9c-4b1c-8a2f-25c3f2a39b1d","tags":[]},"subscriptions":[]}"#,
/// );
/// let Incoming::Reply { seq, reply } = Incoming::decode(json).unwrap() else { panic!("it has a seq") };
/// assert!(matches!(&reply, Reply::SelfFetchResult(result) if result.client.name == "alice"));
/// assert_eq!(encode_sequenced(seq, &reply), json);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SelfFetchResult {
    /// The client that asked.
    pub client: Client,
    /// The services it subscribed to, in order of subscription.
    pub subscriptions: Vec<Service>,
}

/// `SERVICE_CREATE_RESULT`: the answer to `SERVICE_CREATE`; without `seq`, the news of a new service.
///
/// ```
/// use concierge_client::payload::{Incoming, Reply, Seq, encode_sequenced};
/// let json = concat!(
///     r#"{"seq":6,"type":"SERVICE_CREATE_RESULT","successful":true,"service":{"name":"chat","nickname":null,"#,
///     r#""owner_uuid":"41fbdd59-1c9c-4b1c-8a2f-25c3f2a39b1d","subscribers":[]}}"#,
/// );
/// let Incoming::Reply { seq, reply } = Incoming::decode(json).unwrap() else { panic!("it has a seq") };
/// assert!(matches!(&reply, Reply::ServiceCreateResult(result) if result.service.name == "chat"));
/// assert_eq!(encode_sequenced(seq, &reply), json);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceCreateResult {
    /// Whether the service is new; `false`: there is one of that name already, and `service` is it.
    pub successful: bool,
    /// The service.
    pub service: Service,
}

/// `SERVICE_DELETE_RESULT`: the answer to `SERVICE_DELETE`; without `seq`, the news that a service is gone.
///
/// ```
/// use concierge_client::payload::{Incoming, Reply, Seq, encode_sequenced};
/// let json = concat!(
///     r#"{"seq":7,"type":"SERVICE_DELETE_RESULT","service":{"name":"chat","nickname":null,"#,
///     r#""owner_uuid":"41fbdd59-1c9c-4b1c-8a2f-25c3f2a39b1d","subscribers":[]}}"#,
/// );
/// let Incoming::Reply { seq, reply } = Incoming::decode(json).unwrap() else { panic!("it has a seq") };
/// assert!(matches!(&reply, Reply::ServiceDeleteResult(result) if result.service.name == "chat"));
/// assert_eq!(encode_sequenced(seq, &reply), json);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceDeleteResult {
    /// The service as it was.
    pub service: Service,
}

/// `SERVICE_FETCH_RESULT`
///
/// ```
/// use concierge_client::payload::{Incoming, Reply, Seq, encode_sequenced};
/// let json = concat!(
///     r#"{"seq":8,"type":"SERVICE_FETCH_RESULT","service":{"name":"chat","nickname":null,"#,
///     r#""owner_uuid":"41fbdd59-1c9c-4b1c-8a2f-25c3f2a39b1d","subscribers":[]}}"#,
/// );
/// let Incoming::Reply { seq, reply } = Incoming::decode(json).unwrap() else { panic!("it has a seq") };
/// assert!(matches!(&reply, Reply::ServiceFetchResult(result) if result.service.name == "chat"));
/// assert_eq!(encode_sequenced(seq, &reply), json);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceFetchResult {
    /// The service.
    pub service: Service,
}

/// `SERVICE_FETCH_ALL_RESULT`
///
/// ```
/// use concierge_client::payload::{Incoming, Reply, Seq, encode_sequenced};
/// let json = r#"{"seq":9,"type":"SERVICE_FETCH_ALL_RESULT","services":[]}"#;
/// let Incoming::Reply { seq, reply } = Incoming::decode(json).unwrap() else { panic!("it has a seq") };
/// assert!(matches!(&reply, Reply::ServiceFetchAllResult(result) if result.services.is_empty()));
/// assert_eq!(encode_sequenced(seq, &reply), json);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceFetchAllResult {
    /// Every service, in order of creation.
    pub services: Vec<Service>,
}

/// `CLIENT_FETCH_RESULT`
///
/// ```
/// use concierge_client::payload::{Incoming, Reply, Seq, encode_sequenced};
/// let json = concat!(
///     r#"{"seq":10,"type":"CLIENT_FETCH_RESULT","client":{"name":"bob","nickname":null,"#,
///     r#""uuid":"41fbdd59-1c9c-4b1c-8a2f-25c3f2a39b1d","tags":["demo"]},"subscriptions":[]}"#,
/// );
/// let Incoming::Reply { seq, reply } = Incoming::decode(json).unwrap() else { panic!("it has a seq") };
/// assert!(matches!(&reply, Reply::ClientFetchResult(result) if result.client.name == "bob"));
/// assert_eq!(encode_sequenced(seq, &reply), json);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientFetchResult {
    /// The client.
    pub client: Client,
    /// The services it subscribed to, in order of subscription.
    pub subscriptions: Vec<Service>,
}

/// `CLIENT_FETCH_ALL_RESULT`
///
/// ```
/// use concierge_client::payload::{Incoming, Reply, Seq, encode_sequenced};
/// let json = r#"{"seq":11,"type":"CLIENT_FETCH_ALL_RESULT","clients":[]}"#;
/// let Incoming::Reply { seq, reply } = Incoming::decode(json).unwrap() else { panic!("it has a seq") };
/// assert!(matches!(&reply, Reply::ClientFetchAllResult(result) if result.clients.is_empty()));
/// assert_eq!(encode_sequenced(seq, &reply), json);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientFetchAllResult {
    /// Every client, in the order they joined.
    pub clients: Vec<Client>,
}
