//! The events of a web application, as a whole.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::super::{Definition, EventName};

/// `PUT /events`: these are the events of a source, and it has no others. What is not among them any more is unregistered.
///
/// ```
/// use concierge_client::telegraphy::web::DefineEvents;
/// let json = r#"{"source":"django","events":[{"name":"app.Model","kind":"model"},{"name":"app.Note"}]}"#;
/// let define: DefineEvents = serde_json::from_str(json)?;
/// assert_eq!((&*define.source, define.events.len()), ("django", 2));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DefineEvents {
    /// Whose events these are, 1 to 200 characters: of each web application at a gateway, the name it gave itself.
    pub source: Arc<str>,
    /// All it has.
    pub events: Vec<Definition>,
}

/// What a set of definitions changed. What it left as it was is not told.
///
/// ```
/// use concierge_client::{payload::encode, telegraphy::web::Defined};
/// let json = r#"{"added":["app.Note"],"changed":["app.Model"],"removed":[]}"#;
/// assert_eq!(encode(&serde_json::from_str::<Defined>(json)?), json);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Defined {
    /// Not there before.
    pub added: Vec<EventName>,
    /// Another definition than before.
    pub changed: Vec<EventName>,
    /// Not there any more.
    pub removed: Vec<EventName>,
}
