//! How far along an event's log somebody is.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize};

/// One life of an event's log: offsets of different epochs have nothing to do with each other.
///
/// A text that the gateway draws, such as `e1`. Events that are only kept in memory have a new one after each start.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Epoch(Arc<str>);

impl Epoch {
    /// An epoch of this text.
    pub fn new(text: impl Into<Arc<str>>) -> Self {
        Self(text.into())
    }

    /// The text itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Epoch {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&self.0)
    }
}

/// A place in an event's log: the last event that somebody has.
///
/// ```
/// use concierge_client::{payload::encode, telegraphy::Position};
/// let json = r#"{"epoch":"e1","offset":812}"#;
/// let position: Position = serde_json::from_str(json)?;
/// assert_eq!(position, Position::new("e1", 812));
/// assert_eq!(encode(&position), json);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Position {
    /// Which log.
    pub epoch: Epoch,
    /// The number of an event in it: the first one has 1, and 0 is before all.
    pub offset: u64,
}

impl Position {
    /// A place in a log.
    pub fn new(epoch: impl Into<Epoch>, offset: u64) -> Self {
        Self { epoch: epoch.into(), offset }
    }
}
