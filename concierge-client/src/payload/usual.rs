//! A `MESSAGE` as nearly every program writes it, read in one pass: its own fields and no others, each once, and without escapes in
//! what a gateway looks at. Everything else, and whatever is wrong, is for the envelope, which can say what. Half of what a gateway does
//! for a small message is to read it: this takes a third of what the envelope takes.

use std::borrow::Cow;

use serde::Deserialize as _;
use serde_json::{Deserializer, value::RawValue};
use uuid::Uuid;

use super::{
    data::{self, Data},
    message::{SendMessage, Target},
    name::ServiceName,
};

impl<'a> SendMessage<'a> {
    /// Reads a `MESSAGE` that is written as nearly all are. `None` says nothing about the text: it has to be read by
    /// [`Envelope`](super::Envelope).
    ///
    /// ```
    /// use concierge_client::payload::{AnyRequest, SendMessage};
    /// let usual = r#"{"type":"MESSAGE","target":{"type":"NAME","name":"bob"},"data":1.10}"#;
    /// assert_eq!(SendMessage::decode_usual(usual).map(AnyRequest::Message), AnyRequest::decode(usual).ok());
    /// let unusual = r#"{"type":"MESSAGE","target":{"type":"NAME","name":"bob"},"data":1.10,"from":"me"}"#;
    /// assert_eq!(SendMessage::decode_usual(unusual), None);
    /// ```
    pub fn decode_usual(text: &'a str) -> Option<Self> {
        let message = Self::decode_plain(text).or_else(|| Self::decode_walking(text))?;
        data::check(&message.data, Data::MAX_DEPTH).ok()?;
        Some(message)
    }

    /// As the protocol shows it: its fields in that order, and no space between them.
    fn decode_plain(text: &'a str) -> Option<Self> {
        let rest = text.strip_prefix(r#"{"type":"MESSAGE","target":{"type":""#)?;
        let (name, is_service) = match rest.strip_prefix(r#"NAME","name":"#) {
            Some(name) => (name, false),
            None => (rest.strip_prefix(r#"SERVICE","service":"#)?, true),
        };
        let mut walker = Walker { rest: name };
        let name = walker.text()?;
        walker.rest = walker.rest.strip_prefix(r#"},"data":"#)?;
        let data = walker.value()?;
        if walker.rest != "}" {
            return None;
        }
        let target = if is_service {
            Target::Service { service: ServiceName::try_from(name).ok()? }
        } else {
            Target::name(name)
        };
        Some(Self { target, data: Cow::Borrowed(data) })
    }

    /// In any order, with or without space.
    fn decode_walking(text: &'a str) -> Option<Self> {
        let (mut kind, mut target, mut data) = (None, None, None);
        let mut walker = Walker { rest: text };
        walker.object(|walker, key| match key {
            "type" => once(&mut kind, walker.text()?),
            "target" => once(&mut target, walker.target()?),
            "data" => once(&mut data, walker.value()?),
            _ => None,
        })?;
        walker.end()?;
        let (Some("MESSAGE"), Some(target), Some(data)) = (kind, target, data) else { return None };
        Some(Self { target: target.read()?, data: Cow::Borrowed(data) })
    }
}

/// Fills a place that is empty.
fn once<T>(place: &mut Option<T>, value: T) -> Option<()> {
    place.replace(value).is_none().then_some(())
}

/// Goes through a JSON text from its beginning. Whatever it does not expect is none.
struct Walker<'a> {
    rest: &'a str,
}

impl<'a> Walker<'a> {
    fn skip_space(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t', '\n', '\r']);
    }

    /// Takes this character, and the space before it.
    fn take(&mut self, character: char) -> Option<()> {
        if !self.rest.starts_with(character) {
            self.skip_space();
        }
        self.rest = self.rest.strip_prefix(character)?;
        Some(())
    }

    fn end(&mut self) -> Option<()> {
        self.skip_space();
        self.rest.is_empty().then_some(())
    }

    /// Takes an object, whose values are taken by `field`.
    fn object(&mut self, mut field: impl FnMut(&mut Self, &'a str) -> Option<()>) -> Option<()> {
        self.take('{')?;
        loop {
            let key = self.text()?;
            self.take(':')?;
            field(self, key)?;
            if self.take(',').is_none() {
                return self.take('}');
            }
        }
    }

    /// Takes a string that has no escapes.
    fn text(&mut self) -> Option<&'a str> {
        self.take('"')?;
        let is_special = |byte: u8| byte < b' ' || matches!(byte, b'"' | b'\\');
        let length = self.rest.bytes().position(is_special)?;
        let (text, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest.strip_prefix('"')?;
        Some(text)
    }

    /// Takes any value.
    fn value(&mut self) -> Option<&'a RawValue> {
        self.skip_space();
        let value = <&RawValue>::deserialize(&mut Deserializer::from_str(self.rest)).ok()?;
        self.rest = self.rest.get(value.get().len()..)?;
        Some(value)
    }

    fn target(&mut self) -> Option<UsualTarget<'a>> {
        let (mut kind, mut name, mut service, mut uuid) = (None, None, None, None);
        self.object(|walker, key| match key {
            "type" => once(&mut kind, walker.text()?),
            "name" => once(&mut name, walker.text()?),
            "service" => once(&mut service, walker.text()?),
            "uuid" => once(&mut uuid, walker.text()?),
            _ => None,
        })?;
        Some(UsualTarget { kind: kind?, name, service, uuid })
    }
}

struct UsualTarget<'a> {
    kind: &'a str,
    name: Option<&'a str>,
    service: Option<&'a str>,
    uuid: Option<&'a str>,
}

impl UsualTarget<'_> {
    fn read(&self) -> Option<Target> {
        Some(match *self {
            Self { kind: "NAME", name: Some(name), service: None, uuid: None } => Target::name(name),
            Self { kind: "UUID", uuid: Some(uuid), name: None, service: None } => {
                Target::Uuid { uuid: Uuid::parse_str(uuid).ok()? }
            }
            Self { kind: "SERVICE", service: Some(service), name: None, uuid: None } => {
                Target::Service { service: ServiceName::try_from(service).ok()? }
            }
            Self { kind: "ALL", name: None, service: None, uuid: None } => Target::All,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::{AnyRequest, Envelope, RequestKind};
    use super::*;

    const UUID: &str = "41fbdd59-1c9c-4b1c-8a2f-25c3f2a39b1d";

    fn message(target: &str, data: &str) -> String {
        format!(r#"{{"type":"MESSAGE","target":{target},"data":{data}}}"#)
    }

    /// What the envelope makes of it.
    fn closely(text: &str) -> Option<AnyRequest<'_>> {
        Envelope::parse(text).and_then(|envelope| envelope.decode(RequestKind::Message)).ok()
    }

    #[test]
    fn what_is_usual_is_read_as_the_envelope_reads_it() {
        let targets = [
            r#"{"type":"NAME","name":"bob"}"#,
            r#"{"name":"b\u00f6b","type":"NAME"}"#,
            &format!(r#"{{"type":"UUID","uuid":"{UUID}"}}"#),
            r#"{"type":"SERVICE","service":"chat"}"#,
            r#"{"type":"ALL"}"#,
        ];
        for target in targets.iter().filter(|target| !target.contains('\\')) {
            for data in ["1.10", "null", r#"{"a":[1,{"a":"\ud83d\ude00"}]}"#, "\"x\""] {
                let text = message(target, data);
                let usual = SendMessage::decode_usual(&text).map(AnyRequest::Message);
                assert!(usual.is_some() && usual == closely(&text), "{text}");
                let walking = SendMessage::decode_walking(&text).map(AnyRequest::Message);
                assert_eq!(walking, usual, "{text}");
            }
        }
        let turned = r#" { "data" : [ ] , "target" : { "type" : "ALL" } , "type" : "MESSAGE" } "#;
        assert_eq!(SendMessage::decode_usual(turned).map(AnyRequest::Message), closely(turned));
        assert_eq!(
            SendMessage::decode_usual(&message(targets[1], "1")),
            None,
            "escapes are for the envelope"
        );
    }

    #[test]
    fn whatever_is_unusual_or_wrong_is_left_to_the_envelope() {
        let deep = "[".repeat(65) + &"]".repeat(65);
        let texts = [
            r#"{"type":"SELF_FETCH"}"#.to_owned(),
            r#"{"type":"MESSAGE","type":"MESSAGE","target":{"type":"ALL"},"data":1}"#.to_owned(),
            r#"{"type":"MESSAGE","target":{"type":"ALL"},"data":1,"data":1}"#.to_owned(),
            r#"{"type":"MESSAGE","target":{"type":"ALL"},"data":1,"x":1,"x":1}"#.to_owned(),
            r#"{"type":"MESSAGE","target":{"type":"ALL"}}"#.to_owned(),
            r#"["MESSAGE",["ALL",null,null,null],1]"#.to_owned(),
            r#"{"type":"MESSAGE","target":{"type":"ALL"},"data":1,}"#.to_owned(),
            r#"{"type":"MESSAGE","target":{"type":"ALL"},"data":01}"#.to_owned(),
            r#"{"type":"MESSAGE","target":{"type":"ALL"} "data":1}"#.to_owned(),
            "{\"type\":\"MESSAGE\",\"target\":{\"type\":\"NAME\",\"name\":\"a\tb\"},\"data\":1}".to_owned(),
            "\u{a0}{\"type\":\"MESSAGE\",\"target\":{\"type\":\"ALL\"},\"data\":1}".to_owned(),
            "{}".to_owned(),
            String::new(),
            message("{}", "1"),
            message(r#"["ALL"]"#, "1"),
            message(r#"{"type":"ALL","type":"ALL"}"#, "1"),
            message(r#"{"type":"ALL","name":"bob"}"#, "1"),
            message(r#"{"type":"NAME","name":null}"#, "1"),
            message(r#"{"type":"NAME"}"#, "1"),
            message(r#"{"type":"UUID","uuid":"x"}"#, "1"),
            message(r#"{"type":"SERVICE","service":""}"#, "1"),
            message(r#"{"type":"ALL"}"#, &deep),
            message(r#"{"type":"ALL"}"#, r#""\ud800""#),
            message(r#"{"type":"ALL"}"#, "1") + "1",
            message(r#"{"type":"NAME","name":"bob"}"#, "1") + "}",
            message(r#"{"type":"NAME","name":"bob"}"#, "01"),
            message(r#"{"type":"NAME","name":"bob"}"#, r#"1,"data":1"#),
        ];
        for text in texts {
            assert_eq!(SendMessage::decode_usual(&text), None, "{text}");
        }
    }
}
