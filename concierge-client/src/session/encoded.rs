//! A request as text, with what the session must know of it.

use serde::Serialize;

use crate::payload::{Request, RequestKind, SelfSetSeq, Seq, Target, encode};

/// A request in the form it goes out in. Encoding happens where the caller is, not on the connection's task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encoded {
    text: String,
    sets: Option<Seq>,
}

impl Encoded {
    /// The text of a request.
    ///
    /// # Errors
    ///
    /// When it cannot be written as JSON.
    ///
    /// ```
    /// use concierge_client::{payload::SelfFetch, session::Encoded};
    /// assert_eq!(Encoded::new(&SelfFetch {})?.as_str(), r#"{"type":"SELF_FETCH"}"#);
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    pub fn new<R: Request + ?Sized>(request: &R) -> Result<Self, serde_json::Error> {
        let text = serde_json::to_string(request)?;
        // `SELF_SET_SEQ` alone has a say in its own number. The type is generic here, so the text is asked.
        let sets = match R::KIND {
            RequestKind::SelfSetSeq => Some(serde_json::from_str::<SelfSetSeq>(&text)?.seq),
            _ => None,
        };
        Ok(Self { text, sets })
    }

    /// The text of a `MESSAGE`, written in one pass: the data is not first made a JSON value of its own.
    ///
    /// # Errors
    ///
    /// When the data cannot be written as JSON: a map with keys that are not strings, or its own `Serialize` fails.
    pub fn message<T: Serialize + ?Sized>(target: &Target, data: &T) -> Result<Self, serde_json::Error> {
        #[derive(Serialize)]
        #[serde(tag = "type", rename = "MESSAGE")]
        struct Parts<'a, T: ?Sized> {
            target: &'a Target,
            data: &'a T,
        }
        serde_json::to_string(&Parts { target, data }).map(|text| Self { text, sets: None })
    }

    /// A `SELF_SET_SEQ`.
    pub(super) fn sequence(seq: Seq) -> Self {
        Self { text: encode(&SelfSetSeq { seq }), sets: Some(seq) }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The text, to be sent.
    pub fn into_text(self) -> String {
        self.text
    }

    /// The number it sets for itself, when it is a `SELF_SET_SEQ`.
    pub fn sets(&self) -> Option<Seq> {
        self.sets
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::payload::{Data, SendMessage};

    #[test]
    fn only_self_set_seq_sets_its_number() {
        let set = Encoded::new(&SelfSetSeq { seq: Seq::MAX }).unwrap();
        assert_eq!(set.sets(), Some(Seq::MAX));
    }

    #[test]
    fn a_message_is_written_the_same_from_a_value_and_from_its_json() {
        let data = Data::from_json(r#"{"a":[1,{"b":null}]}"#).unwrap();
        let target = Target::name("bob");
        let direct = Encoded::message(&target, &data).unwrap();
        assert_eq!(direct, Encoded::new(&SendMessage::new(target, data)).unwrap());
    }
}
