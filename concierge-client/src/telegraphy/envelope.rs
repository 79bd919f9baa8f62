//! Reading requests: the envelope first, so that whatever is wrong with the rest is answered under its number.

use std::collections::BTreeMap;

use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Map, Value};

use super::{
    name::EventName,
    position::Position,
    request::{AnyRequest, Reconnect, RequestId, RequestKind},
};
use crate::payload::Secret;

/// A message of a client, of which no more is understood than which request it is and which number it has.
///
/// ```
/// use concierge_client::telegraphy::{Envelope, InvalidRequest, RequestKind};
/// let envelope = Envelope::parse(r#"{"message":"SUBSCRIBE","id":1,"args":{"event_name":""}}"#)?;
/// assert_eq!(envelope.kind(), Some(RequestKind::Subscribe));
/// assert_eq!(envelope.decode().unwrap_err().to_string(), "event_name must be a string of 1..200 characters");
/// # Ok::<(), concierge_client::telegraphy::InvalidEnvelope>(())
/// ```
#[derive(Debug)]
pub struct Envelope {
    message: String,
    id: RequestId,
    session_token: Option<Value>,
    args: Value,
}

/// Why a text is no message at all. No number can be given to the answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct InvalidEnvelope {
    reason: String,
}

/// Why a message is not a request that can be done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidRequest {
    /// The protocol has no such message.
    #[error("no message is named '{message}'")]
    UnknownMessage {
        /// Its name, fit to be shown.
        message: String,
    },
    /// Its arguments are not what the request takes.
    #[error("{reason}")]
    Arguments {
        /// What is wrong.
        reason: String,
    },
}

impl InvalidRequest {
    fn arguments(reason: impl Into<String>) -> Self {
        Self::Arguments { reason: reason.into() }
    }
}

#[derive(Deserialize)]
struct Fields {
    message: Value,
    id: Value,
    session_token: Option<Value>,
    #[serde(default)]
    args: Option<Value>,
}

#[derive(Deserialize)]
struct ReconnectArgs {
    session_token: Option<Secret>,
    #[serde(default)]
    positions: BTreeMap<EventName, Position>,
}

/// How much of a text from elsewhere an error repeats, in characters.
const QUOTED_CHARACTERS: usize = 64;

impl Envelope {
    /// Takes a text apart.
    ///
    /// # Errors
    ///
    /// [`InvalidEnvelope`] when it is not a JSON object, or has no `message` or no `id`.
    pub fn parse(text: &str) -> Result<Self, InvalidEnvelope> {
        let invalid = |reason: String| InvalidEnvelope { reason };
        let fields = serde_json::from_str(text).map_err(|error| {
            let is_json = error.is_data();
            invalid(if is_json {
                format!("no message: {}", plain(&error))
            } else {
                format!("not JSON: {error}")
            })
        });
        let Fields { message, id, session_token, args } = fields?;
        // What is derived would take an array too.
        if !text.trim_start().starts_with('{') {
            return Err(invalid("no message: expected an object".to_owned()));
        }
        let Value::String(message) = message else {
            return Err(invalid("message must be a string".to_owned()));
        };
        let id = id.as_u64().and_then(|id| RequestId::new(id).ok());
        let id = id.ok_or_else(|| invalid(format!("id must be an integer from 0 to {}", RequestId::MAX)))?;
        let args = args.unwrap_or_else(|| Value::Object(Map::new()));
        Ok(Self { message, id, session_token, args })
    }

    /// Its number.
    pub fn id(&self) -> RequestId {
        self.id
    }

    /// Which request it is; none when this version knows no such `message`.
    pub fn kind(&self) -> Option<RequestKind> {
        RequestKind::parse(&self.message)
    }

    /// Reads the rest of it.
    ///
    /// # Errors
    ///
    /// [`InvalidRequest`] when there is no such request, or it does not take such arguments.
    pub fn decode(self) -> Result<AnyRequest, InvalidRequest> {
        let Some(kind) = self.kind() else {
            let message = self.message.chars().take(QUOTED_CHARACTERS).flat_map(char::escape_debug).collect();
            return Err(InvalidRequest::UnknownMessage { message });
        };
        if !self.args.is_object() {
            return Err(InvalidRequest::arguments("args must be an object"));
        }
        Ok(match kind {
            RequestKind::Connect => AnyRequest::Connect(read(self.args)?),
            RequestKind::Reconnect => AnyRequest::Reconnect(reconnect(self.session_token, self.args)?),
            RequestKind::Subscribe => AnyRequest::Subscribe(read(self.args)?),
            RequestKind::Unsubscribe => AnyRequest::Unsubscribe(read(self.args)?),
            RequestKind::Events => AnyRequest::Events(read(self.args)?),
            RequestKind::Subscriptions => AnyRequest::Subscriptions(read(self.args)?),
            RequestKind::Ack => AnyRequest::Ack(read(self.args)?),
            RequestKind::History => AnyRequest::History(read(self.args)?),
            RequestKind::Presence => AnyRequest::Presence(read(self.args)?),
            RequestKind::Ping => AnyRequest::Ping(read(self.args)?),
            RequestKind::Disconnect => AnyRequest::Disconnect(read(self.args)?),
        })
    }
}

/// The token stands at the top or in the arguments; in both only if it is the same.
fn reconnect(at_the_top: Option<Value>, args: Value) -> Result<Reconnect, InvalidRequest> {
    let at_the_top = match at_the_top {
        None | Some(Value::Null) => None,
        Some(Value::String(token)) => Some(Secret::from(token)),
        Some(_) => return Err(InvalidRequest::arguments("session_token must be a string")),
    };
    let ReconnectArgs { session_token, positions } = read(args)?;
    let session_token = match (at_the_top, session_token) {
        (Some(one), Some(other)) if one != other => {
            return Err(InvalidRequest::arguments("session_token is given twice, and differs"));
        }
        (one, other) => one.or(other),
    };
    let missing = || InvalidRequest::arguments("session_token must be a string");
    Ok(Reconnect { session_token: session_token.ok_or_else(missing)?, positions })
}

fn read<T: DeserializeOwned>(args: Value) -> Result<T, InvalidRequest> {
    serde_path_to_error::deserialize(args).map_err(|error| {
        let path = error.path().to_string();
        InvalidRequest::arguments(match path.as_str() {
            "event_name" => {
                format!("event_name must be a string of 1..{} characters", EventName::MAX_CHARACTERS)
            }
            "." => plain(error.inner()),
            path => format!("{path}: {}", plain(error.inner())),
        })
    })
}

/// What a parser says, without where.
fn plain(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.split(" at line ").next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_message_is_said_to_be_none() {
        for (text, reason) in [
            ("", "not JSON: EOF while parsing a value at line 1 column 0"),
            ("{", "not JSON: EOF while parsing an object at line 1 column 1"),
            (r#"["PING",0,null,{}]"#, "no message: expected an object"),
            ("7", "no message: invalid type: integer `7`, expected struct Fields"),
            (r#"{"message":"PING"}"#, "no message: missing field `id`"),
            (r#"{"id":1}"#, "no message: missing field `message`"),
            (r#"{"id":1,"id":2}"#, "no message: duplicate field `id`"),
            (r#"{"message":7,"id":1}"#, "message must be a string"),
            (r#"{"message":"PING","id":-1}"#, "id must be an integer from 0 to 9007199254740991"),
            (r#"{"message":"PING","id":"1"}"#, "id must be an integer from 0 to 9007199254740991"),
            (r#"{"message":"PING","id":null}"#, "id must be an integer from 0 to 9007199254740991"),
            (
                r#"{"message":"PING","id":9007199254740992}"#,
                "id must be an integer from 0 to 9007199254740991",
            ),
        ] {
            assert_eq!(Envelope::parse(text).unwrap_err().to_string(), reason, "{text}");
        }
    }

    #[test]
    fn what_a_request_does_not_take_is_named() {
        for (text, reason) in [
            (r#"{"message":"NONSENSE\n","id":1}"#, "no message is named 'NONSENSE\\n'"),
            (r#"{"message":"connect","id":1}"#, "no message is named 'connect'"),
            (r#"{"message":"PING","id":1,"args":[]}"#, "args must be an object"),
            (r#"{"message":"CONNECT","id":1}"#, "missing field `auth_token`"),
            (
                r#"{"message":"CONNECT","id":1,"args":{"auth_token":null}}"#,
                "auth_token: invalid type: null, expected a string",
            ),
            (r#"{"message":"RECONNECT","id":1}"#, "session_token must be a string"),
            (r#"{"message":"RECONNECT","id":1,"session_token":7}"#, "session_token must be a string"),
            (
                r#"{"message":"RECONNECT","id":1,"session_token":"a","args":{"session_token":"b"}}"#,
                "session_token is given twice, and differs",
            ),
            (
                r#"{"message":"SUBSCRIBE","id":1,"args":{"event_name":7}}"#,
                "event_name must be a string of 1..200 characters",
            ),
            (r#"{"message":"SUBSCRIBE","id":1}"#, "missing field `event_name`"),
            (
                r#"{"message":"SUBSCRIBE","id":1,"args":{"event_name":"e","permanent":1}}"#,
                "permanent: invalid type: integer `1`, expected a boolean",
            ),
            (
                r#"{"message":"SUBSCRIBE","id":1,"args":{"event_name":"e","since":{"epoch":"e1"}}}"#,
                "since: missing field `offset`",
            ),
        ] {
            assert_eq!(Envelope::parse(text).unwrap().decode().unwrap_err().to_string(), reason, "{text}");
        }
    }

    #[test]
    fn a_session_token_may_stand_in_either_place_or_in_both() {
        for text in [
            r#"{"message":"RECONNECT","id":1,"session_token":"a"}"#,
            r#"{"message":"RECONNECT","id":1,"args":{"session_token":"a"}}"#,
            r#"{"message":"RECONNECT","id":1,"session_token":"a","args":{"session_token":"a","positions":{}}}"#,
            r#"{"message":"RECONNECT","id":1,"session_token":null,"args":{"session_token":"a"}}"#,
        ] {
            let reconnect = Reconnect { session_token: "a".into(), positions: BTreeMap::new() };
            assert_eq!(Envelope::parse(text).unwrap().decode(), Ok(reconnect.into()), "{text}");
        }
    }

    #[test]
    fn unknown_keys_are_ignored() {
        let text = r#"{"message":"DISCONNECT","id":1,"more":[],"args":{"forget":true,"more":{}}}"#;
        let request = Envelope::parse(text).unwrap().decode().unwrap();
        assert_eq!(request, crate::telegraphy::Disconnect { forget: true }.into());
    }
}
