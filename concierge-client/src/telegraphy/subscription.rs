//! A subscription, as the gateway tells of it.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{definition::Guarantee, name::EventName, position::Epoch};

/// A subscription of a session. Its identity is its event and the canonical form of its filters.
///
/// ```
/// use concierge_client::{payload::encode, telegraphy::Subscription};
/// let json = concat!(
///     r#"{"subscription":"s1","event_name":"app.Model","filters":{"room":42},"permanent":true,"lazy":false,"#,
///     r#""registered":true,"epoch":"e1","offset":815,"delivery":"guaranteed","recovered":true}"#,
/// );
/// let subscription: Subscription = serde_json::from_str(json)?;
/// assert_eq!(subscription.recovered, Some(true));
/// assert_eq!(encode(&subscription), json);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Subscription {
    /// Its id in the session.
    pub subscription: String,
    /// To which event.
    pub event_name: EventName,
    /// Which of them, in their canonical form; `{}` for all.
    #[serde(default)]
    pub filters: Value,
    /// Whether it stays while nobody is connected.
    #[serde(default)]
    pub permanent: bool,
    /// Whether it waits for events that are not registered.
    #[serde(default)]
    pub lazy: bool,
    /// Whether the event is registered, and the session may see it.
    #[serde(default)]
    pub registered: bool,
    /// In the answer to `SUBSCRIBE`: whether it was there before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub existing: Option<bool>,
    /// The event's log, when it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epoch: Option<Epoch>,
    /// The last event in the log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offset: Option<u64>,
    /// Whether what comes of it is to be acknowledged, when it has a log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivery: Option<Guarantee>,
    /// Whether everything after the client's position follows. If not there is a hole, and the client loads its state anew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovered: Option<bool>,
}
