//! Publishing, one event or many.

use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, de::Error as _};
use serde_json::{Map, Value};

use super::{
    super::{Epoch, EventName, Position},
    problem::Problem,
};
use crate::payload::Data;

/// `POST /publish`: an event happened.
///
/// ```
/// use concierge_client::{payload::encode, telegraphy::web::Publish};
/// for json in [
///     r#"{"event":"app.Model","data":{"pk":1}}"#,
///     concat!(
///         r#"{"event":"app.Model","data":{"pk":1,"title":"x"},"meta":{"changed":["title"],"event_type":"update"},"#,
///         r#""id":"0197","ttl":3600,"previous":{"pk":1,"title":"y"}}"#,
///     ),
/// ] {
///     assert_eq!(encode(&serde_json::from_str::<Publish>(json)?), json);
/// }
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Publish {
    /// Its name.
    pub event: EventName,
    /// What it carries: any JSON, passed on byte for byte unless the definition of the event leaves some of it out.
    #[serde(deserialize_with = "fit_to_pass_on")]
    pub data: Data,
    /// What is told about it: `event_type`, `changed`, and whatever else the web application wants.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub meta: Map<String, Value>,
    /// The publisher's own id of it, 1 to 200 bytes: within two minutes the same id is published once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<Arc<str>>,
    /// How long it means something, in seconds, if not as long as is defined.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttl: Option<u64>,
    /// The values before, of a row that had some. They are not delivered.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "fit_if_any")]
    pub previous: Option<Data>,
}

impl Publish {
    /// An event of which nothing is said but what it is.
    pub fn new(event: EventName, data: Data) -> Self {
        Self { event, data, meta: Map::new(), id: None, ttl: None, previous: None }
    }
}

fn fit_to_pass_on<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Data, D::Error> {
    let data = Data::deserialize(deserializer)?;
    data.check().map_err(D::Error::custom)?;
    Ok(data)
}

fn fit_if_any<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Data>, D::Error> {
    let data = Option::<Data>::deserialize(deserializer)?;
    data.as_ref().map_or(Ok(()), Data::check).map_err(D::Error::custom)?;
    Ok(data)
}

/// An event is published; a guaranteed one is on disk.
///
/// ```
/// use concierge_client::{payload::encode, telegraphy::web::Published};
/// let json = r#"{"epoch":"e1","offset":816,"duplicate":false}"#;
/// assert_eq!(encode(&serde_json::from_str::<Published>(json)?), json);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Published {
    /// The event's log.
    pub epoch: Epoch,
    /// Its number in it.
    pub offset: u64,
    /// Whether it was published before: its id is that of an earlier one, whose place this is.
    #[serde(default)]
    pub duplicate: bool,
}

impl Published {
    /// Its place in its log.
    pub fn position(&self) -> Position {
        Position { epoch: self.epoch.clone(), offset: self.offset }
    }
}

/// The answer to `POST /publish/batch`.
///
/// ```
/// use concierge_client::{payload::encode, telegraphy::web::{BatchResult, BatchResults}};
/// let json = concat!(
///     r#"{"results":[{"epoch":"e1","offset":816,"duplicate":false},"#,
///     r#"{"status":"UNKNOWN_EVENT","message":"event 'app.None' is not registered"}]}"#,
/// );
/// let answer: BatchResults = serde_json::from_str(json)?;
/// assert!(matches!(&answer.results[..], [BatchResult::Published(_), BatchResult::Refused(_)]));
/// assert_eq!(encode(&answer), json);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BatchResults {
    /// What became of each event, in the order of the request.
    pub results: Vec<BatchResult>,
}

/// What became of one event of a batch. What becomes of the others has nothing to do with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum BatchResult {
    /// It is published.
    Published(Published),
    /// It is not.
    Refused(Problem),
}

impl From<Result<Published, Problem>> for BatchResult {
    fn from(result: Result<Published, Problem>) -> Self {
        result.map_or_else(Self::Refused, Self::Published)
    }
}

impl From<BatchResult> for Result<Published, Problem> {
    fn from(result: BatchResult) -> Self {
        match result {
            BatchResult::Published(published) => Ok(published),
            BatchResult::Refused(problem) => Err(problem),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_break_a_receiver_is_not_published() {
        let deep = format!("{}{}", "[".repeat(65), "]".repeat(65));
        for (json, reason) in [
            (r#"{"event":"a"}"#.to_owned(), "missing field `data`"),
            (format!(r#"{{"event":"a","data":{deep}}}"#), "nested more than 64 deep"),
            (format!(r#"{{"event":"a","data":1,"previous":{deep}}}"#), "nested more than 64 deep"),
            (r#"{"event":"a","data":"\ud800"}"#.to_owned(), "a lone surrogate escape in a string"),
            (r#"{"event":"","data":1}"#.to_owned(), "an event name must not be empty"),
        ] {
            let error = serde_json::from_str::<Publish>(&json).unwrap_err().to_string();
            assert!(error.starts_with(reason), "{json}: {error}");
        }
        let null: Publish = serde_json::from_str(r#"{"event":"a","data":null,"previous":null}"#).unwrap();
        assert_eq!((null.data.as_str(), null.previous), ("null", None));
    }
}
