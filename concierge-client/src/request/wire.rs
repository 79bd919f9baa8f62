//! The JSON of the convention. A question is `{"request":"<uuid>","body":…}`; its answer is `{"reply":"<same>","body":…}`
//! or `{"reply":"<same>","error":"…"}`, sent to whom the question came from.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::payload::Data;

/// A question to be sent, for whoever asks by hand: several answer it, or the connection is not one of this process.
/// [`Client::request`](crate::Client::request) does it all.
#[derive(Debug, Serialize)]
pub struct Question<'a, T: ?Sized> {
    /// What its answers are matched by: an id that no other question has.
    pub request: Uuid,
    /// What is asked.
    pub body: &'a T,
}

/// An answer to be sent.
#[derive(Debug, Serialize)]
pub(super) struct Answer<'a, T: ?Sized> {
    pub(super) reply: Uuid,
    pub(super) body: &'a T,
}

/// A refusal to be sent.
#[derive(Debug, Serialize)]
pub(super) struct Refusal<'a> {
    pub(super) reply: Uuid,
    pub(super) error: &'a str,
}

/// What was received, when it is a question.
#[derive(Debug, PartialEq, Eq, Deserialize)]
pub(super) struct Questioned {
    pub(super) request: Uuid,
    #[serde(default)]
    body: Option<Data>,
}

/// What was received, when it is an answer to a [`Question`].
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct Answered {
    /// The question's id.
    pub reply: Uuid,
    #[serde(default)]
    body: Option<Data>,
    #[serde(default)]
    error: Option<Data>,
}

impl Questioned {
    /// Reads a message's data; none when it is no question.
    pub(super) fn read(data: &Data) -> Option<Self> {
        mentions(data, "\"request\"").then(|| data.parse().ok()).flatten()
    }

    /// What is asked; `null` when nothing is said.
    pub(super) fn into_body(self) -> Data {
        self.body.unwrap_or_else(null)
    }
}

impl Answered {
    /// Reads a message's data; none when it is no answer.
    pub fn read(data: &Data) -> Option<Self> {
        mentions(data, "\"reply\"").then(|| data.parse().ok()).flatten()
    }

    /// The answer, or what went wrong: the text of a string, the JSON of anything else.
    pub fn into_result(self) -> Result<Data, String> {
        match self.error {
            Some(error) => Err(error.parse().unwrap_or_else(|_| error.as_str().to_owned())),
            None => Ok(self.body.unwrap_or_else(null)),
        }
    }
}

/// Whether it is worth reading: most messages are none of ours. With a `\` in it the key may be written with escapes.
fn mentions(data: &Data, key: &str) -> bool {
    let json = data.as_str();
    json.starts_with('{') && (json.contains(key) || json.contains('\\'))
}

fn null() -> Data {
    Data::from_value(&()).expect("null is JSON")
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "41fbdd59-1c9c-4b1c-8a2f-25c3f2a39b1d";

    fn data(json: &str) -> Data {
        Data::from_json(json.replace("ID", ID)).unwrap()
    }

    fn answer(json: &str) -> Option<Result<String, String>> {
        Answered::read(&data(json))
            .map(|answered| answered.into_result().map(|body| body.as_str().to_owned()))
    }

    #[test]
    fn what_goes_out_is_what_the_convention_says() {
        let reply: Uuid = ID.parse().unwrap();
        let written = [
            Data::from_value(&Question { request: reply, body: &[1, 2] }).unwrap(),
            Data::from_value(&Answer { reply, body: "x" }).unwrap(),
            Data::from_value(&Refusal { reply, error: "no" }).unwrap(),
        ];
        let expected = [
            r#"{"request":"ID","body":[1,2]}"#,
            r#"{"reply":"ID","body":"x"}"#,
            r#"{"reply":"ID","error":"no"}"#,
        ];
        assert_eq!(written, expected.map(data));
    }

    #[test]
    fn bodies_come_through_byte_for_byte_and_may_be_missing() {
        let question = |json| Questioned::read(&data(json)).map(|read| read.into_body().as_str().to_owned());
        assert_eq!(question(r#"{"request":"ID","body":{"n":1.10}}"#).as_deref(), Some(r#"{"n":1.10}"#));
        assert_eq!(question(r#"{"more":1,"body":2,"request":"ID"}"#).as_deref(), Some("2"));
        assert_eq!(question(r#"{"request":"ID"}"#).as_deref(), Some("null"));
        assert_eq!(question(r#"{"r\u0065quest":"ID"}"#).as_deref(), Some("null"));
        assert_eq!(answer(r#"{"reply":"ID","body": 1e400}"#), Some(Ok("1e400".to_owned())));
        assert_eq!(answer(r#"{"reply":"ID"}"#), Some(Ok("null".to_owned())));
    }

    #[test]
    fn an_error_is_an_error_whatever_it_is() {
        assert_eq!(answer(r#"{"reply":"ID","error":"no \"x\""}"#), Some(Err("no \"x\"".to_owned())));
        assert_eq!(
            answer(r#"{"reply":"ID","error":{"code":1},"body":2}"#),
            Some(Err("{\"code\":1}".to_owned()))
        );
        assert_eq!(answer(r#"{"reply":"ID","error":null,"body":2}"#), Some(Ok("2".to_owned())));
    }

    #[test]
    fn anything_else_is_neither() {
        for json in ["null", "\"request\"", "[\"reply\"]", r#"{"request":1}"#, r#"{"reply":"x"}"#, "{}"] {
            assert!(Questioned::read(&data(json)).is_none() && answer(json).is_none(), "{json}");
        }
    }
}
