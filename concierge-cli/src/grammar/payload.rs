//! Payloads: one JSON value, `key=value key:=json`, plain text, `@file`, or `-` for the input.

use std::path::PathBuf;

use concierge_client::payload::Data;
use serde_json::{Map, Value};

/// Where a payload is: in the words themselves, or somewhere to be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum PayloadSource {
    /// It is this.
    Data(Data),
    /// It is in this file.
    File(PathBuf),
    /// It comes from the input, to its end.
    Input,
}

/// Why words are no payload.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PayloadError {
    /// It starts like JSON and is not.
    #[error("not valid JSON: {0}")]
    Json(String),
    /// The value of `key:=json` is not JSON.
    #[error("the value of {key:?} is not valid JSON: {error}")]
    Value {
        /// The key.
        key: String,
        /// What is wrong with its value.
        error: String,
    },
    /// Among `key=value` words, one that is not.
    #[error("{0:?} is not key=value, and the words before it are")]
    Mixed(String),
    /// `key=` twice.
    #[error("the key {0:?} is given twice")]
    Twice(String),
}

impl PayloadSource {
    /// Reads words; none means the input.
    pub(crate) fn parse<W: AsRef<str>>(words: &[W]) -> Result<Self, PayloadError> {
        if let Some(elsewhere) = Self::elsewhere(words) {
            return Ok(elsewhere);
        }
        if words.first().is_some_and(|word| assignment(word.as_ref()).is_some()) {
            return object(words).map(Self::Data);
        }
        let words: Vec<&str> = words.iter().map(AsRef::as_ref).collect();
        json_or_text(&words.join(" ")).map(Self::Data)
    }

    /// Where words say that it is, when it is not in themselves.
    pub(crate) fn elsewhere<W: AsRef<str>>(words: &[W]) -> Option<Self> {
        match words {
            [] => Some(Self::Input),
            [word] if word.as_ref() == "-" => Some(Self::Input),
            [word] => {
                let path = word.as_ref().strip_prefix('@').filter(|path| !path.is_empty())?;
                Some(Self::File(path.into()))
            }
            _ => None,
        }
    }
}

/// JSON as it is; text that does not start like JSON, as a JSON string.
pub(crate) fn json_or_text(text: &str) -> Result<Data, PayloadError> {
    match Data::from_json(text.trim()) {
        Ok(data) => Ok(data),
        Err(error) if looks_like_json(text) => Err(PayloadError::Json(describe(&error))),
        Err(_) => Ok(string(text)),
    }
}

/// What starts like this is meant as JSON.
fn looks_like_json(text: &str) -> bool {
    text.trim_start().starts_with(['{', '[', '"'])
}

/// A parser's complaint, without the line number that one line does not need.
fn describe(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.rsplit_once(" at line ") {
        Some((what, _)) if error.line() <= 1 => format!("{what} at column {}", error.column()),
        _ => text,
    }
}

/// Whether a word is `key=value` or `key:=json`.
pub(crate) fn is_assignment(word: &str) -> bool {
    assignment(word).is_some()
}

fn string(text: &str) -> Data {
    Data::from_value(text).expect("a string is JSON")
}

enum Assigned<'a> {
    Text(&'a str),
    Json(&'a str),
}

/// `key=value` or `key:=json`, where a key starts with a letter or `_` and goes on with letters, digits, `_`, `-` and `.`.
fn assignment(word: &str) -> Option<(&str, Assigned<'_>)> {
    let (key, value) = word.split_once('=')?;
    let (key, value) = match key.strip_suffix(':') {
        Some(key) => (key, Assigned::Json(value)),
        None => (key, Assigned::Text(value)),
    };
    let mut characters = key.chars();
    let starts_well = characters.next().is_some_and(|first| first.is_alphabetic() || first == '_');
    let goes_on_well = characters.all(|next| next.is_alphanumeric() || matches!(next, '_' | '-' | '.'));
    (starts_well && goes_on_well).then_some((key, value))
}

fn object<W: AsRef<str>>(words: &[W]) -> Result<Data, PayloadError> {
    // Text, not a map: keys stay in order and numbers as they were typed.
    let mut seen = Map::new();
    let mut json = String::from("{");
    for word in words {
        let word = word.as_ref();
        let (key, value) = assignment(word).ok_or_else(|| PayloadError::Mixed(word.to_owned()))?;
        if seen.insert(key.to_owned(), Value::Null).is_some() {
            return Err(PayloadError::Twice(key.to_owned()));
        }
        let value = match value {
            Assigned::Text(text) => string(text),
            Assigned::Json(json) => Data::from_json(json)
                .map_err(|error| PayloadError::Value { key: key.to_owned(), error: describe(&error) })?,
        };
        if json.len() > 1 {
            json.push(',');
        }
        json.push_str(string(key).as_str());
        json.push(':');
        json.push_str(value.as_str());
    }
    json.push('}');
    Ok(Data::from_json(json).expect("an object was put together from JSON"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn data(words: &[&str]) -> String {
        match PayloadSource::parse(words) {
            Ok(PayloadSource::Data(data)) => data.as_str().to_owned(),
            other => panic!("{words:?}: {other:?}"),
        }
    }

    #[test]
    fn json_is_taken_byte_for_byte() {
        for json in [r#"{"a": 1.10,"a":2}"#, "[1, 2]", r#""x""#, "42", "1e400", "true", "null"] {
            assert_eq!(data(&[json]), json);
        }
    }

    #[test]
    fn other_text_becomes_a_string() {
        assert_eq!(data(&["hello"]), r#""hello""#);
        assert_eq!(data(&["hello", "there"]), r#""hello there""#);
        assert_eq!(data(&["https://example.org/?a=b"]), r#""https://example.org/?a=b""#);
        assert_eq!(data(&[""]), r#""""#);
    }

    #[test]
    fn what_starts_like_json_must_be_json() {
        let error = PayloadSource::parse(&[r#"{"a":}"#]).unwrap_err().to_string();
        assert_eq!(error, "not valid JSON: expected value at column 6");
        assert!(PayloadSource::parse(&["[1,2"]).is_err());
    }

    #[test]
    fn assignments_make_an_object_in_order() {
        assert_eq!(
            data(&["text=hi there", "n:=1.10", "a-b.c:=[1]", "e="]),
            r#"{"text":"hi there","n":1.10,"a-b.c":[1],"e":""}"#
        );
    }

    #[test]
    fn assignments_that_contradict_themselves_are_refused() {
        assert_eq!(PayloadSource::parse(&["a=1", "b"]), Err(PayloadError::Mixed("b".to_owned())));
        assert_eq!(PayloadSource::parse(&["a=1", "a=2"]), Err(PayloadError::Twice("a".to_owned())));
        assert!(matches!(PayloadSource::parse(&["a:=x"]), Err(PayloadError::Value { .. })));
    }

    #[test]
    fn files_and_the_input_are_named() {
        assert_eq!(PayloadSource::parse(&["@a.json"]), Ok(PayloadSource::File("a.json".into())));
        assert_eq!(PayloadSource::parse(&["-"]), Ok(PayloadSource::Input));
        assert_eq!(PayloadSource::parse::<&str>(&[]), Ok(PayloadSource::Input));
        assert_eq!(data(&["@"]), r#""@""#);
    }
}
