//! What the web application lets somebody see.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use serde_json::Value;

use super::name::EventName;

/// The events that somebody may see, and what of them.
///
/// ```
/// use concierge_client::{payload::encode, telegraphy::{Grant, Grants}};
/// let json = r#"{"app.Order":{"filters":{"customer":42}},"chat.Message":true}"#;
/// let grants: Grants = serde_json::from_str(json)?;
/// assert_eq!(grants.of("chat.Message"), Some(&Grant::All));
/// assert_eq!(encode(&grants), json);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Grants(BTreeMap<EventName, Grant>);

/// What of an event somebody may see.
#[derive(Debug, Clone, PartialEq)]
pub enum Grant {
    /// All of it: `true`.
    All,
    /// What fulfils these filters, which whoever is held to them never sees: `{"filters": …}`.
    Filtered(Value),
}

/// The other form of a grant.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Filtered<F> {
    filters: F,
}

impl Grants {
    /// What of an event somebody may see, if the web application said anything about it.
    pub fn of(&self, event: &str) -> Option<&Grant> {
        self.0.get(event)
    }

    /// Every event that is granted, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&EventName, &Grant)> {
        self.0.iter()
    }

    /// How many events are granted.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether nothing is granted.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<(EventName, Grant)> for Grants {
    fn from_iter<I: IntoIterator<Item = (EventName, Grant)>>(grants: I) -> Self {
        Self(grants.into_iter().collect())
    }
}

impl Serialize for Grant {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::All => serializer.serialize_bool(true),
            Self::Filtered(filters) => Filtered { filters }.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Grant {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::Bool(true) => Ok(Self::All),
            // A mistyped grant must not become one of everything.
            other => serde_json::from_value(other)
                .map(|Filtered { filters }| Self::Filtered(filters))
                .map_err(|_| D::Error::custom("a grant is true or {\"filters\": …}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_grant_is_refused() {
        for json in ["false", "1", "null", "{}", "[]", r#"{"filter":{}}"#, r#"{"filters":{},"filter":{}}"#] {
            let error = serde_json::from_str::<Grant>(json).unwrap_err().to_string();
            assert_eq!(error, r#"a grant is true or {"filters": …}"#, "{json}");
        }
    }
}
