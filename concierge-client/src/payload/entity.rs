//! The information objects: how payloads describe a client, a service, and where a message comes from.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::name::{ClientName, Nickname, ServiceName, Tags};

/// A connected client.
///
/// ```
/// use concierge_client::payload::{Client, encode};
/// let json = r#"{"name":"alice","nickname":"Al","uuid":"41fbdd59-1c9c-4b1c-8a2f-25c3f2a39b1d","tags":["x","y"]}"#;
/// let client: Client = serde_json::from_str(json)?;
/// assert_eq!(client.name, "alice");
/// assert_eq!(encode(&client), json);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Client {
    /// Its name, unique among the connected clients.
    pub name: ClientName,
    /// How it is shown to people; `null` on the wire when there is none.
    pub nickname: Option<Nickname>,
    /// The id of this connection: new with every connection.
    pub uuid: Uuid,
    /// Its tags, in the order it gave them.
    #[serde(default)]
    pub tags: Tags,
}

/// A service, owned by one client and subscribed to by others.
///
/// ```
/// use concierge_client::payload::{Service, encode};
/// let json = r#"{"name":"chat","nickname":null,"owner_uuid":"41fbdd59-1c9c-4b1c-8a2f-25c3f2a39b1d","subscribers":[]}"#;
/// let service: Service = serde_json::from_str(json)?;
/// assert_eq!(service.name, "chat");
/// assert_eq!(encode(&service), json);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Service {
    /// Its name, unique among the services.
    pub name: ServiceName,
    /// How it is shown to people; `null` on the wire when there is none.
    pub nickname: Option<Nickname>,
    /// The client that created it and alone may delete it.
    pub owner_uuid: Uuid,
    /// Who subscribed, in order of subscription; empty in compact payloads
    /// ([`Feature::Compact`](super::Feature::Compact)).
    pub subscribers: Vec<Uuid>,
}

/// Who sent a message, and by which service it came.
///
/// ```
/// use concierge_client::payload::{Origin, encode};
/// let json = r#"{"name":"alice","nickname":null,"uuid":"41fbdd59-1c9c-4b1c-8a2f-25c3f2a39b1d","tags":[],"service":null}"#;
/// let origin: Origin = serde_json::from_str(json)?;
/// assert_eq!(origin.name, "alice");
/// assert_eq!(encode(&origin), json);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The sender's name.
    pub name: ClientName,
    /// The sender's nickname.
    pub nickname: Option<Nickname>,
    /// The sender's id: what an answer is sent to.
    pub uuid: Uuid,
    /// The sender's tags.
    #[serde(default)]
    pub tags: Tags,
    /// The service, for the two targets that name one.
    pub service: Option<Service>,
}

impl Origin {
    /// A message from this client, by this service.
    pub fn new(client: Client, service: Option<Service>) -> Self {
        let Client { name, nickname, uuid, tags } = client;
        Self { name, nickname, uuid, tags, service }
    }

    /// The sender, without the service.
    pub fn client(&self) -> Client {
        Client {
            name: self.name.clone(),
            nickname: self.nickname.clone(),
            uuid: self.uuid,
            tags: self.tags.clone(),
        }
    }
}
