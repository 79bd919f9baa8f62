//! What the gateway answers a request with.

use serde::{Deserialize, Serialize, Serializer, ser::SerializeStruct};
use serde_json::value::RawValue;

use super::{
    definition::Definition,
    event::Event,
    name::{EventName, UserId},
    position::Epoch,
    request::RequestId,
    status::Status,
    subscription::Subscription,
};
use crate::payload::Secret;

/// A response: whether it succeeded, with which status, to which request, and what it says.
///
/// ```
/// use concierge_client::{payload::encode, telegraphy::{Outcome, RequestId, Response}};
/// for json in [
///     r#"{"success":true,"status":"PONG","id":8,"data":{}}"#,
///     r#"{"success":true,"status":"UNSUBSCRIBED","id":2,"data":{"removed":["s1"]}}"#,
///     r#"{"success":true,"status":"ACKNOWLEDGED","id":5,"data":{"offset":815}}"#,
///     r#"{"success":true,"status":"PRESENCE","id":7,"data":{"sessions":3,"users":["42","7"]}}"#,
///     r#"{"success":true,"status":"EVENTS","id":3,"data":{"events":[],"after":null}}"#,
///     r#"{"success":true,"status":"SUBSCRIPTIONS","id":4,"data":{"subscriptions":[]}}"#,
///     r#"{"success":true,"status":"DISCONNECTED","id":9,"data":{}}"#,
///     r#"{"success":false,"status":"INVALID_FILTERS","id":1,"data":{"message":"no","path":"count__gtt"}}"#,
///     r#"{"success":false,"status":"CONNECT_TIMEOUT","id":null,"data":{"message":"CONNECT not received within 10 s"}}"#,
/// ] {
///     let response: Response = serde_json::from_str(json)?;
///     assert_eq!(encode(&response), json);
/// }
/// # Ok::<(), serde_json::Error>(())
/// ```
///
/// The answer to `RECONNECT` has the form of the first version of the protocol, and the keys of the others:
///
/// ```
/// # use concierge_client::{payload::encode, telegraphy::{Outcome, Response}};
/// let json = concat!(
///     r#"{"message":"CONNECTED","id":100,"subscriptions":[],"success":true,"status":"CONNECTED","#,
///     r#""data":{"session_ttl":1209600,"ping_interval":25,"connection":"c-80"}}"#,
/// );
/// let response: Response = serde_json::from_str(json)?;
/// assert!(matches!(&response.outcome, Outcome::Reconnected(reconnected) if reconnected.subscriptions.is_empty()));
/// assert_eq!(encode(&response), json);
/// // As a gateway of that version writes it.
/// let response: Response = serde_json::from_str(r#"{"message":"CONNECTED","id":100,"subscriptions":[]}"#)?;
/// assert!(matches!(response.outcome, Outcome::Reconnected(_)));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Response {
    /// The request; none when the gateway says it unasked, or could not tell.
    pub id: Option<RequestId>,
    /// What became of it.
    pub outcome: Outcome,
}

/// What became of a request.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// `CONNECT` succeeded.
    Connected(Box<Connected>),
    /// `RECONNECT` succeeded.
    Reconnected(Reconnected),
    /// `SUBSCRIBE` succeeded.
    Subscribed(Box<Subscription>),
    /// `UNSUBSCRIBE` succeeded.
    Unsubscribed(Unsubscribed),
    /// The events there are.
    Events(EventList),
    /// The subscriptions the session has.
    Subscriptions(SubscriptionList),
    /// `ACK` succeeded.
    Acknowledged(Acknowledged),
    /// Events of the past.
    History(History),
    /// Who listens.
    Presence(Presence),
    /// The gateway is there.
    Pong,
    /// The connection ends.
    Disconnected,
    /// It failed.
    Failed(Failure),
    /// `RECONNECT` failed.
    NotReconnected(Failure),
}

/// The data of a `CONNECT` that succeeded. Only what the gateway chose to say is there.
///
/// ```
/// use concierge_client::{payload::encode, telegraphy::Connected};
/// let json = concat!(
///     r#"{"session_token":"rrssttuuvvww","session_ttl":1209600,"resume_window":120,"resumed":false,"user":"42","#,
///     r#""connection":"c-7f","ping_interval":25,"cookie":{"name":"telegraphy_session","path":"/","same_site":"Lax","#,
///     r#""secure":true},"subscriptions":[]}"#,
/// );
/// assert_eq!(encode(&serde_json::from_str::<Connected>(json)?), json);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Connected {
    /// What `RECONNECT` takes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_token: Option<Secret>,
    /// How long the session lives, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_ttl: Option<u64>,
    /// How long a lost connection keeps its subscriptions, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resume_window: Option<u64>,
    /// Whether an earlier session goes on.
    pub resumed: bool,
    /// Who the client is; none when it is anonymous.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<UserId>,
    /// The connection, for logs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connection: Option<String>,
    /// After how much silence the gateway sends `telegraphy.ping`, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ping_interval: Option<u64>,
    /// How a browser keeps the session token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cookie: Option<Cookie>,
    /// What the session is subscribed to.
    pub subscriptions: Vec<Subscription>,
}

/// How a browser keeps the session token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cookie {
    /// Its name.
    pub name: String,
    /// Where it is sent.
    pub path: String,
    /// `SameSite`.
    pub same_site: String,
    /// `Secure`.
    pub secure: bool,
}

/// What a `RECONNECT` that succeeded says.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Reconnected {
    /// What the session is subscribed to.
    pub subscriptions: Vec<Subscription>,
    /// The rest.
    pub data: ReconnectedData,
}

/// The data of a `RECONNECT` that succeeded.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ReconnectedData {
    /// How long the session lives from now on, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_ttl: Option<u64>,
    /// After how much silence the gateway sends `telegraphy.ping`, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ping_interval: Option<u64>,
    /// The connection, for logs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connection: Option<String>,
}

/// The data of an `UNSUBSCRIBE` that succeeded.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Unsubscribed {
    /// The subscriptions that are gone.
    pub removed: Vec<String>,
}

/// The answer to `EVENTS`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct EventList {
    /// By name.
    pub events: Vec<ListedEvent>,
    /// What to ask on with; none when these were the last ones.
    pub after: Option<EventName>,
}

/// An event in a list.
///
/// ```
/// use concierge_client::{payload::encode, telegraphy::ListedEvent};
/// let json = concat!(
///     r#"{"name":"app.Model","verbose_name":"my model","kind":"model","operations":["create","update","delete"],"#,
///     r#""fields":{"pk":"integer","title":"string","count":"integer"},"audience":"public","#,
///     r#""delivery":"best_effort","ttl":null,"retain":null,"version":3}"#,
/// );
/// assert_eq!(encode(&serde_json::from_str::<ListedEvent>(json)?), json);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListedEvent {
    /// As it is registered.
    #[serde(flatten)]
    pub definition: Definition,
    /// How often it has changed.
    #[serde(default)]
    pub version: u64,
}

/// The answer to `SUBSCRIPTIONS`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SubscriptionList {
    /// In the order in which they were made.
    pub subscriptions: Vec<Subscription>,
}

/// The answer to `ACK`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acknowledged {
    /// The highest offset that was acknowledged.
    pub offset: u64,
}

/// The answer to `HISTORY`.
///
/// ```
/// use concierge_client::{payload::encode, telegraphy::History};
/// let json = r#"{"epoch":"e1","offset":815,"recovered":true,"events":[{"event":"app.Order"}]}"#;
/// assert_eq!(encode(&serde_json::from_str::<History>(json)?), json);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct History {
    /// The event's log.
    pub epoch: Epoch,
    /// Up to where this is the history.
    pub offset: u64,
    /// Whether it begins where it was asked to.
    pub recovered: bool,
    /// In the order in which they were published.
    pub events: Vec<Event>,
}

/// The answer to `PRESENCE`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Presence {
    /// How many sessions listen.
    pub sessions: u64,
    /// Which users do, when that is told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub users: Option<Vec<UserId>>,
}

/// The data of a request that failed.
///
/// ```
/// use concierge_client::{payload::encode, telegraphy::{Failure, Status}};
/// let failure = Failure { retry_after: Some(2), ..Failure::new(Status::Unavailable, "the store is full") };
/// assert_eq!(encode(&failure), r#"{"message":"the store is full","retry_after":2}"#);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// Why.
    #[serde(skip)]
    pub status: Status,
    /// The same for people, in English.
    pub message: String,
    /// Where in the filters, with [`Status::InvalidFilters`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// When to try again, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u64>,
}

impl Failure {
    /// A failure that says no more than its status and a sentence.
    pub fn new(status: Status, message: impl Into<String>) -> Self {
        Self { status, message: message.into(), path: None, retry_after: None }
    }
}

impl Response {
    /// A response to a request.
    pub fn new(id: RequestId, outcome: Outcome) -> Self {
        Self { id: Some(id), outcome }
    }

    /// With which status.
    pub fn status(&self) -> Status {
        self.outcome.status()
    }
}

impl Outcome {
    /// The word for it.
    pub fn status(&self) -> Status {
        match self {
            Self::Connected(_) | Self::Reconnected(_) => Status::Connected,
            Self::Subscribed(_) => Status::Subscribed,
            Self::Unsubscribed(_) => Status::Unsubscribed,
            Self::Events(_) => Status::Events,
            Self::Subscriptions(_) => Status::Subscriptions,
            Self::Acknowledged(_) => Status::Acknowledged,
            Self::History(_) => Status::History,
            Self::Presence(_) => Status::Presence,
            Self::Pong => Status::Pong,
            Self::Disconnected => Status::Disconnected,
            Self::Failed(failure) | Self::NotReconnected(failure) => failure.status,
        }
    }
}

/// The data of what has none.
#[derive(Serialize)]
struct Nothing {}

impl Serialize for Response {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let status = self.status();
        let mut fields = serializer.serialize_struct("Response", 6)?;
        let subscriptions: Option<&[Subscription]> = match &self.outcome {
            Outcome::Reconnected(reconnected) => Some(&reconnected.subscriptions),
            Outcome::NotReconnected(_) => Some(&[]),
            _ => None,
        };
        if let Some(subscriptions) = subscriptions {
            fields.serialize_field("message", &status)?;
            fields.serialize_field("id", &self.id)?;
            fields.serialize_field("subscriptions", subscriptions)?;
        }
        fields.serialize_field("success", &status.is_success())?;
        fields.serialize_field("status", &status)?;
        if subscriptions.is_none() {
            fields.serialize_field("id", &self.id)?;
        }
        match &self.outcome {
            Outcome::Connected(data) => fields.serialize_field("data", data)?,
            Outcome::Reconnected(reconnected) => fields.serialize_field("data", &reconnected.data)?,
            Outcome::Subscribed(data) => fields.serialize_field("data", data)?,
            Outcome::Unsubscribed(data) => fields.serialize_field("data", data)?,
            Outcome::Events(data) => fields.serialize_field("data", data)?,
            Outcome::Subscriptions(data) => fields.serialize_field("data", data)?,
            Outcome::Acknowledged(data) => fields.serialize_field("data", data)?,
            Outcome::History(data) => fields.serialize_field("data", data)?,
            Outcome::Presence(data) => fields.serialize_field("data", data)?,
            Outcome::Pong | Outcome::Disconnected => fields.serialize_field("data", &Nothing {})?,
            Outcome::Failed(failure) | Outcome::NotReconnected(failure) => {
                fields.serialize_field("data", failure)?;
            }
        }
        fields.end()
    }
}

/// What a response may have at its top.
#[derive(Deserialize)]
struct Fields {
    status: Option<Status>,
    message: Option<Status>,
    id: Option<RequestId>,
    subscriptions: Option<Vec<Subscription>>,
    data: Option<Box<RawValue>>,
}

#[derive(Deserialize)]
struct FailureData {
    #[serde(default)]
    message: String,
    path: Option<String>,
    retry_after: Option<u64>,
}

impl<'de> Deserialize<'de> for Response {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error as _;

        let Fields { status, message, id, subscriptions, data } = Fields::deserialize(deserializer)?;
        let status = status.or(message).ok_or_else(|| D::Error::missing_field("status"))?;
        let data = data.as_ref().map_or("{}", |data| data.get());
        let outcome = if status.is_success() {
            success(status, message.is_some(), subscriptions, data)
        } else {
            serde_json::from_str(data).map(|FailureData { message: text, path, retry_after }| {
                let failure = Failure { status, message: text, path, retry_after };
                if message.is_some() { Outcome::NotReconnected(failure) } else { Outcome::Failed(failure) }
            })
        };
        Ok(Self { id, outcome: outcome.map_err(D::Error::custom)? })
    }
}

fn success(
    status: Status,
    is_reconnect: bool,
    subscriptions: Option<Vec<Subscription>>,
    data: &str,
) -> Result<Outcome, serde_json::Error> {
    Ok(match status {
        Status::Connected if is_reconnect => {
            let subscriptions = subscriptions.unwrap_or_default();
            Outcome::Reconnected(Reconnected { subscriptions, data: serde_json::from_str(data)? })
        }
        Status::Connected => Outcome::Connected(serde_json::from_str(data)?),
        Status::Subscribed => Outcome::Subscribed(serde_json::from_str(data)?),
        Status::Unsubscribed => Outcome::Unsubscribed(serde_json::from_str(data)?),
        Status::Events => Outcome::Events(serde_json::from_str(data)?),
        Status::Subscriptions => Outcome::Subscriptions(serde_json::from_str(data)?),
        Status::Acknowledged => Outcome::Acknowledged(serde_json::from_str(data)?),
        Status::History => Outcome::History(serde_json::from_str(data)?),
        Status::Presence => Outcome::Presence(serde_json::from_str(data)?),
        Status::Disconnected => Outcome::Disconnected,
        // The successes end here; failures are not read by this.
        _ => Outcome::Pong,
    })
}
