//! An event as it arrives.

use std::{collections::BTreeMap, sync::Arc};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{name::EventName, position::Epoch, timestamp::Timestamp};
use crate::payload::Data;

/// An event of the web application.
///
/// ```
/// use concierge_client::{payload::encode, telegraphy::Event};
/// for json in [
///     r#"{"event":"event.name"}"#,
///     concat!(
///         r#"{"event":"telegraphy_demo.MyModel","#,
///         r#""meta":{"event_type":"update","verbose_name":"my model","timestamp":"2026-11-20T20:31:00.123456Z","#,
///         r#""id":"0197","offset":816,"epoch":"e1","expires":"2026-11-20T21:31:00.000000Z","changed":["title"],"#,
///         r#""transition":"stay","replay":false,"redelivered":false},"#,
///         r#""data":{"pk":1,"title":"x"},"subscriptions":["s1","s4"]}"#,
///     ),
/// ] {
///     assert_eq!(encode(&serde_json::from_str::<Event>(json)?), json);
/// }
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Its name.
    pub event: EventName,
    /// What is told about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub meta: Option<Meta>,
    /// What it carries.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<Data>,
    /// The subscriptions it came for; left out when it came for all that the connection has to this event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subscriptions: Option<Vec<String>>,
}

/// What is told about an event. A gateway always says the first three; all else only where it means something.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Meta {
    /// What happened: of a model `create`, `update` or `delete`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event_type: Option<Arc<str>>,
    /// How the event is shown to people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verbose_name: Option<Arc<str>>,
    /// When it happened.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<Timestamp>,
    /// Its unique id: who gets it twice knows it by this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<Arc<str>>,
    /// Its place in its log.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offset: Option<u64>,
    /// Its log.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub epoch: Option<Epoch>,
    /// When it means nothing any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires: Option<Timestamp>,
    /// The fields that are not as they were.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub changed: Option<Vec<String>>,
    /// Whether it came into what the client wants, when the publisher told the values before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transition: Option<Transition>,
    /// The same for each subscription, when they differ.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transitions: Option<BTreeMap<String, Transition>>,
    /// Whether it is one of the past.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replay: Option<bool>,
    /// Whether it may have arrived before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub redelivered: Option<bool>,
    /// What else the publisher said.
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

/// How an event changes what fulfils a filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Transition {
    /// It fulfils the filter, and did not before.
    Enter,
    /// It fulfils the filter, and did before.
    Stay,
    /// It does not fulfil the filter any more: a table drops the row.
    Leave,
}
