//! The gateway's own events, which nobody can publish.

use serde::{Deserialize, Serialize};

use super::{name::EventName, position::Epoch, timestamp::Timestamp};

/// An event of the gateway itself.
///
/// ```
/// use concierge_client::{payload::encode, telegraphy::{SystemEvent, SystemFrame}};
/// for json in [
///     r#"{"event":"telegraphy.ping","data":{},"meta":{"timestamp":"2026-11-20T20:31:00.123456Z"}}"#,
///     concat!(
///         r#"{"event":"telegraphy.registry","#,
///         r#""data":{"action":"updated","event_name":"app.Model","version":4},"#,
///         r#""meta":{"timestamp":"2026-11-20T20:31:00.123456Z"}}"#,
///     ),
///     concat!(
///         r#"{"event":"telegraphy.subscription","#,
///         r#""data":{"subscription":"s1","event_name":"app.Model","state":"revoked","reason":"not granted any more"},"#,
///         r#""meta":{"timestamp":"2026-11-20T20:31:00.123456Z"}}"#,
///     ),
///     concat!(
///         r#"{"event":"telegraphy.gap","#,
///         r#""data":{"event_name":"app.Model","epoch":"e1","from":820,"to":834},"#,
///         r#""meta":{"timestamp":"2026-11-20T20:31:00.123456Z"}}"#,
///     ),
///     concat!(
///         r#"{"event":"telegraphy.closing","#,
///         r#""data":{"status":"TAKEN_OVER","reconnect":false,"after_ms":0},"#,
///         r#""meta":{"timestamp":"2026-11-20T20:31:00.123456Z"}}"#,
///     ),
/// ] {
///     let frame: SystemFrame = serde_json::from_str(json)?;
///     assert_eq!(encode(&frame), json);
/// }
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "event", content = "data")]
pub enum SystemEvent {
    /// There was nothing to say for a while: a browser does not see the pings of WebSocket.
    #[serde(rename = "telegraphy.ping")]
    Ping {},
    /// An event was registered, changed, or is registered no more. Comes to those who subscribed to it.
    #[serde(rename = "telegraphy.registry")]
    Registry {
        /// Which of it.
        action: RegistryAction,
        /// The event.
        event_name: EventName,
        /// How often it has changed.
        version: u64,
    },
    /// A subscription is not what it was.
    #[serde(rename = "telegraphy.subscription")]
    Subscription {
        /// Which.
        subscription: String,
        /// To which event.
        event_name: EventName,
        /// What it is now.
        state: SubscriptionState,
        /// Why, in English.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// Events were lost for this connection.
    #[serde(rename = "telegraphy.gap")]
    Gap {
        /// Of which event.
        event_name: EventName,
        /// In which log.
        epoch: Epoch,
        /// The first offset that may be missing.
        from: u64,
        /// The last one.
        to: u64,
    },
    /// The gateway is about to close the connection.
    #[serde(rename = "telegraphy.closing")]
    Closing {
        /// Why: the name of the close code.
        status: String,
        /// Whether to come back.
        reconnect: bool,
        /// When, in milliseconds.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        after_ms: Option<u64>,
    },
}

impl SystemEvent {
    /// To be subscribed to: what becomes of the registry.
    pub const REGISTRY: &str = "telegraphy.registry";
}

/// What became of an event's definition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RegistryAction {
    /// It is there now.
    Registered,
    /// It is another one.
    Updated,
    /// It is gone.
    Unregistered,
}

/// What a subscription is now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SubscriptionState {
    /// Its event is registered.
    Active,
    /// Its event is not registered any more; it waits.
    Suspended,
    /// The session may not see its event any more; the subscription is gone.
    Revoked,
}

/// A system event as it goes over the wire.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SystemFrame {
    /// What.
    #[serde(flatten)]
    pub event: SystemEvent,
    /// When.
    #[serde(default)]
    pub meta: SystemMeta,
}

/// What is told about a system event.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SystemMeta {
    /// When it happened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<Timestamp>,
}

impl SystemFrame {
    /// What happens now.
    pub fn new(event: SystemEvent, now: Timestamp) -> Self {
        Self { event, meta: SystemMeta { timestamp: Some(now) } }
    }
}
