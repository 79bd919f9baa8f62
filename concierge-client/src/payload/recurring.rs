//! Messages that begin as earlier ones did: from the same sender, by the same way. What they have in common is read once.

use serde_json::value::RawValue;

use super::{
    codec::DecodeError,
    data::Data,
    entity::Origin,
    event::Event,
    incoming::Incoming,
    message::{Message, Target},
};

/// How many beginnings are remembered.
const REMEMBERED: usize = 16;

/// How long a beginning may be to be remembered, in bytes.
const LONGEST: usize = 4096;

/// What is before the data where that is the last field. These bytes can only be the whole key: a quote behind a comma opens
/// a string, in which the next quote is its end.
const BEFORE_DATA: &str = ",\"data\":";

/// Decodes what a gateway sends, and remembers how the last messages began: all before their data, which is nearly always last.
/// Of one that begins with the same bytes only the data is read.
///
/// ```
/// use concierge_client::payload::{Incoming, Recurring};
/// let mut recurring = Recurring::default();
/// for data in ["1", "[2,{}]"] {
///     let json = [
///         r#"{"type":"MESSAGE","origin":{"name":"al","nickname":null,"uuid":"41fbdd59-1c9c-4b1c-8a2f-25c3f2a39b1d","#,
///         r#""tags":[],"service":null},"target":{"type":"ALL"},"data":"#,
///         data,
///         "}",
///     ]
///     .concat();
///     assert_eq!(recurring.decode(&json), Incoming::decode(&json));
/// }
/// ```
#[derive(Debug, Clone, Default)]
pub struct Recurring {
    /// The one that came last is the first.
    #[expect(clippy::vec_box, reason = "they change places all the time, and are large")]
    beginnings: Vec<Box<Beginning>>,
}

/// All of a message before its data.
#[derive(Debug, Clone)]
struct Beginning {
    text: Box<str>,
    origin: Origin,
    target: Target,
}

impl Recurring {
    /// The same as [`Incoming::decode`].
    ///
    /// # Errors
    ///
    /// [`DecodeError`] as there.
    pub fn decode(&mut self, text: &str) -> Result<Incoming, DecodeError> {
        if let Some(message) = self.recall(text) {
            return Ok(Incoming::Event(Event::Message(message)));
        }
        let decoded = Incoming::decode(text)?;
        if let Incoming::Event(Event::Message(message)) = &decoded {
            self.remember(text, message);
        }
        Ok(decoded)
    }

    fn recall(&mut self, text: &str) -> Option<Message> {
        let begins = |beginning: &Beginning| text.as_bytes().starts_with(beginning.text.as_bytes());
        let place = self.beginnings.iter().position(|beginning| begins(beginning))?;
        self.beginnings.get_mut(..=place)?.rotate_right(1);
        let Beginning { text: beginning, origin, target } = &**self.beginnings.first()?;
        // What follows it is one value and the end of the object: then the object is the same but for the value.
        let data: &RawValue = serde_json::from_str(text.get(beginning.len()..)?.strip_suffix('}')?).ok()?;
        Some(Message { origin: origin.clone(), target: target.clone(), data: Data::from(data.to_owned()) })
    }

    fn remember(&mut self, text: &str, message: &Message) {
        let beginning = text.strip_suffix('}').and_then(|text| text.strip_suffix(message.data.as_str()));
        let Some(beginning) = beginning.filter(|text| text.ends_with(BEFORE_DATA) && text.len() <= LONGEST)
        else {
            return;
        };
        self.beginnings.truncate(REMEMBERED - 1);
        let (origin, target) = (message.origin.clone(), message.target.clone());
        self.beginnings.insert(0, Box::new(Beginning { text: beginning.into(), origin, target }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ORIGIN: &str = r#"{"name":"al","nickname":null,"uuid":"41fbdd59-1c9c-4b1c-8a2f-25c3f2a39b1d","tags":[],"service":null}"#;

    fn message(origin: &str, rest: &str) -> String {
        format!(r#"{{"type":"MESSAGE","origin":{origin},"target":{{"type":"ALL"}},{rest}}}"#)
    }

    /// Decodes the texts one after the other, each as if it were the first.
    fn assert_same(texts: &[String]) -> Recurring {
        let mut recurring = Recurring::default();
        for text in texts {
            assert_eq!(recurring.decode(text), Incoming::decode(text), "{text}");
        }
        recurring
    }

    #[test]
    fn a_message_that_begins_like_another_is_read_as_it_stands() {
        let rests = [
            r#""data":1"#,
            r#""data":1.10"#,
            r#""data": [2, "}"] "#,
            r#""data":"\"data\":""#,
            r#""data":2,"data":3"#,
            r#""data":2,"x":3"#,
            r#""data":2}"#,
            r#""data":"#,
            r#""data":{"data":1}"#,
            r#""data":nul"#,
            r#""data":null"#,
        ];
        assert_same(&rests.map(|rest| message(ORIGIN, rest)));
    }

    #[test]
    fn what_follows_the_data_or_only_looks_like_it_is_not_taken_for_it() {
        for rest in [r#""data":1,"x":"#, r#""data":1,"x\"data":"#, r#""data":1,"x,\"data":"#] {
            let texts = ["1", "2", "\"1\""].map(|value| message(ORIGIN, &format!("{rest}{value}")));
            assert!(assert_same(&texts).beginnings.is_empty(), "{rest}");
        }
    }

    #[test]
    fn an_answer_is_no_message_however_it_looks() {
        let answer = r#"{"seq":3,"type":"MESSAGE","data":1}"#.to_owned();
        assert!(assert_same(&[answer.clone(), answer]).beginnings.is_empty());
    }

    #[test]
    fn so_many_beginnings_are_remembered_and_the_one_that_came_last_goes_last() {
        let from = |number: usize| message(&ORIGIN.replace("al", &format!("al_{number}")), r#""data":1"#);
        let texts: Vec<_> = (0..REMEMBERED).flat_map(|number| [from(number), from(0)]).collect();
        let mut recurring = assert_same(&texts);
        assert_eq!(recurring.beginnings.len(), REMEMBERED);
        recurring.decode(&from(REMEMBERED)).unwrap();
        let names: Vec<_> = recurring.beginnings.iter().map(|kept| kept.origin.name.as_str()).collect();
        assert_eq!((names.len(), names[0], names[1]), (REMEMBERED, "al_16", "al_0"));
        assert!(!names.contains(&"al_1"));
    }

    #[test]
    fn a_long_beginning_is_not_remembered() {
        let long = ORIGIN.replace("\"tags\":[]", &format!("\"x\":\"{}\",\"tags\":[]", "x".repeat(LONGEST)));
        let text = message(&long, r#""data":1"#);
        assert!(assert_same(&[text.clone(), text]).beginnings.is_empty());
    }
}
