//! A `MESSAGE` as nearly every program writes it, read in one pass: its own fields and no others, each once, and without escapes in
//! what a gateway looks at. Everything else, and whatever is wrong, is for the envelope, which can say what.

use std::{borrow::Cow, fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor, value::MapAccessDeserializer},
};
use serde_json::value::RawValue;
use uuid::Uuid;

use super::{
    data::{self, Data},
    message::{SendMessage, Target},
    name::ServiceName,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Usual<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    #[serde(borrow)]
    target: Object<UsualTarget<'a>>,
    #[serde(borrow)]
    data: &'a RawValue,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UsualTarget<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    #[serde(default)]
    name: Option<&'a str>,
    #[serde(default)]
    service: Option<&'a str>,
    #[serde(default)]
    uuid: Option<&'a str>,
}

/// What is an object, and not the array of its fields that serde would take as well.
struct Object<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Fields<T> {
            type Value = Object<T>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Object<T>, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(Object)
            }
        }

        deserializer.deserialize_map(Fields(PhantomData))
    }
}

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
        let Object(usual) = serde_json::from_str(text).ok()?;
        let Usual { kind: "MESSAGE", target: Object(target), data } = usual else { return None };
        data::check(data, Data::MAX_DEPTH).ok()?;
        Some(Self { target: target.read()?, data: Cow::Borrowed(data) })
    }
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
        ];
        for text in texts {
            assert_eq!(SendMessage::decode_usual(&text), None, "{text}");
        }
    }
}
