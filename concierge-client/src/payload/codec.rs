//! Decoding what a client sends: the envelope first, then the fields of its type, with errors that name the field.

use std::{borrow::Cow, collections::BTreeMap, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::value::RawValue;
use uuid::Uuid;

use super::{
    data::{self, Data},
    message::{SendMessage, Target},
    name::{InvalidName, ServiceName, Tags},
    request::{
        AnyRequest, ClientFetch, ClientFetchAll, Identify, RequestKind, SelfFetch, SelfSetSeq, SelfSubscribe,
        SelfUnsubscribe, ServiceCreate, ServiceDelete, ServiceFetch, ServiceFetchAll,
    },
    secret::Secret,
    seq::Seq,
};

/// Why a text is not a payload: the field, and what was expected of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The text is not JSON.
    #[error("not JSON: {detail}")]
    NotJson {
        /// What is wrong, and where.
        detail: String,
    },
    /// The text is JSON, but no object.
    #[error("expected a JSON object, found {found}")]
    NotAnObject {
        /// What it is.
        found: &'static str,
    },
    /// A key stands twice in one object.
    #[error("field `{field}`: given twice")]
    Duplicate {
        /// The key, with the path to it.
        field: String,
    },
    /// A field that must be there is not.
    #[error("field `{field}`: missing, expected {expected}")]
    Missing {
        /// The field, with the path to it.
        field: String,
        /// What it should hold.
        expected: &'static str,
    },
    /// A field holds something of another type.
    #[error("field `{field}`: expected {expected}, found {found}")]
    Mistyped {
        /// The field, with the path to it.
        field: String,
        /// What it should hold.
        expected: &'static str,
        /// What it holds.
        found: &'static str,
    },
    /// A field holds something of the right type that breaks a rule.
    #[error("field `{field}`: {reason}")]
    Invalid {
        /// The field, with the path to it.
        field: String,
        /// The rule.
        reason: String,
    },
    /// A payload of a gateway lacks what its type has.
    #[error("{kind}: {detail}")]
    Payload {
        /// The payload's `type`.
        kind: String,
        /// The field and what is wrong with it.
        detail: String,
    },
}

/// How much of a text from elsewhere an error repeats, in characters.
const QUOTED_CHARACTERS: usize = 64;

impl DecodeError {
    /// The field it is about, when it is about one.
    pub fn field(&self) -> Option<&str> {
        match self {
            Self::NotJson { .. } | Self::NotAnObject { .. } | Self::Payload { .. } => None,
            Self::Duplicate { field }
            | Self::Missing { field, .. }
            | Self::Mistyped { field, .. }
            | Self::Invalid { field, .. } => Some(field),
        }
    }

    pub(super) fn unknown_type(kind: &str) -> Self {
        let kind = quote(kind);
        Self::Invalid { field: "type".to_owned(), reason: format!("no request is named `{kind}`") }
    }

    pub(super) fn in_payload(kind: &str, path: &str, error: &serde_json::Error) -> Self {
        let detail = match path {
            "" | "." => error.to_string(),
            path => format!("field `{path}`: {error}"),
        };
        Self::Payload { kind: quote(kind), detail }
    }
}

/// A text from elsewhere, fit to be shown: bounded, and without control characters.
fn quote(text: &str) -> String {
    text.chars().take(QUOTED_CHARACTERS).flat_map(char::escape_debug).collect()
}

/// A text payload of a client, taken apart but not yet understood: a JSON object with a string `type`, no key twice.
///
/// Parsing it this far tells what kind of request it is, so that a gateway can answer by kind whatever the fields are.
///
/// ```
/// use concierge_client::payload::{Envelope, RequestKind};
/// let envelope = Envelope::parse(r#"{"service":7,"type":"SELF_SUBSCRIBE"}"#)?;
/// assert_eq!(envelope.kind(), Some(RequestKind::SelfSubscribe));
/// assert_eq!(
///     envelope.decode(RequestKind::SelfSubscribe).unwrap_err().to_string(),
///     "field `service`: expected a string, found a number",
/// );
/// # Ok::<(), concierge_client::payload::DecodeError>(())
/// ```
#[derive(Debug)]
pub struct Envelope<'a> {
    kind: Cow<'a, str>,
    fields: Object<'a>,
}

impl<'a> Envelope<'a> {
    /// Takes a text apart.
    ///
    /// # Errors
    ///
    /// [`DecodeError`] when it is not a JSON object, has a key twice, or has no string `type`.
    pub fn parse(text: &'a str) -> Result<Self, DecodeError> {
        let fields = Object::parse(text, "")?;
        let kind = fields.text("type")?;
        Ok(Self { kind, fields })
    }

    /// Which request it is; none when this version knows no such `type`.
    pub fn kind(&self) -> Option<RequestKind> {
        RequestKind::parse(&self.kind)
    }

    /// The `type` as it was sent. Text from a client: not to be trusted.
    pub fn type_name(&self) -> &str {
        &self.kind
    }

    /// Reads its fields as those of a request.
    ///
    /// # Errors
    ///
    /// [`DecodeError`] names the field and what was expected.
    pub fn decode(&self, kind: RequestKind) -> Result<AnyRequest<'a>, DecodeError> {
        let fields = &self.fields;
        Ok(match kind {
            RequestKind::Identify => AnyRequest::Identify(Identify {
                name: fields.text("name")?.into_owned(),
                nickname: fields.optional_name("nickname")?,
                version: fields.text("version")?.into_owned(),
                secret: fields.optional_text("secret")?.map(|text| Secret::new(text.as_ref())),
                tags: match fields.optional_texts("tags")? {
                    Some(tags) => Tags::new(tags).map_err(|error| fields.invalid("tags", &error))?,
                    None => Tags::default(),
                },
                features: fields.optional_set("features")?,
                intents: fields.optional_set("intents")?,
            }),
            RequestKind::SelfSubscribe => {
                AnyRequest::SelfSubscribe(SelfSubscribe { service: fields.service()? })
            }
            RequestKind::SelfUnsubscribe => {
                AnyRequest::SelfUnsubscribe(SelfUnsubscribe { service: fields.service()? })
            }
            RequestKind::SelfFetch => AnyRequest::SelfFetch(SelfFetch {}),
            RequestKind::SelfSetSeq => AnyRequest::SelfSetSeq(SelfSetSeq { seq: fields.seq("seq")? }),
            RequestKind::ServiceCreate => AnyRequest::ServiceCreate(ServiceCreate {
                service: fields.service()?,
                nickname: fields.optional_name("nickname")?,
            }),
            RequestKind::ServiceDelete => {
                AnyRequest::ServiceDelete(ServiceDelete { service: fields.service()? })
            }
            RequestKind::ServiceFetch => {
                AnyRequest::ServiceFetch(ServiceFetch { service: fields.service()? })
            }
            RequestKind::ServiceFetchAll => AnyRequest::ServiceFetchAll(ServiceFetchAll {}),
            RequestKind::ClientFetch => AnyRequest::ClientFetch(ClientFetch { uuid: fields.uuid("uuid")? }),
            RequestKind::ClientFetchAll => AnyRequest::ClientFetchAll(ClientFetchAll {}),
            RequestKind::Message => AnyRequest::Message(SendMessage {
                target: target(fields.required("target", "an object")?)?,
                data: Cow::Borrowed(checked_data(fields.required("data", "a JSON value")?)?),
            }),
        })
    }
}

fn target(raw: &RawValue) -> Result<Target, DecodeError> {
    if kind_of(raw) != "an object" {
        let found = kind_of(raw);
        return Err(DecodeError::Mistyped { field: "target".to_owned(), expected: "an object", found });
    }
    let fields = Object::parse(raw.get(), "target.")?;
    Ok(match fields.text("type")?.as_ref() {
        "NAME" => Target::Name { name: fields.text("name")?.into() },
        "UUID" => Target::Uuid { uuid: fields.uuid("uuid")? },
        "SERVICE" => Target::Service { service: fields.service()? },
        "SERVICE_CLIENT_UUID" => {
            Target::ServiceClientUuid { service: fields.service()?, uuid: fields.uuid("uuid")? }
        }
        "ALL" => Target::All,
        unknown => {
            return Err(DecodeError::Invalid {
                field: "target.type".to_owned(),
                reason: format!(
                    "expected NAME, UUID, SERVICE, SERVICE_CLIENT_UUID or ALL, found `{}`",
                    quote(unknown)
                ),
            });
        }
    })
}

fn checked_data(raw: &RawValue) -> Result<&RawValue, DecodeError> {
    data::check(raw, Data::MAX_DEPTH)
        .map_err(|error| DecodeError::Invalid { field: "data".to_owned(), reason: error.to_string() })?;
    Ok(raw)
}

/// What a JSON value is, in words.
fn kind_of(raw: &RawValue) -> &'static str {
    match raw.get().as_bytes().first() {
        Some(b'"') => "a string",
        Some(b'{') => "an object",
        Some(b'[') => "an array",
        Some(b't' | b'f') => "a boolean",
        Some(b'n') => "null",
        _ => "a number",
    }
}

/// A string that is borrowed where it has no escapes.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Text<'a>(Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;

        impl<'de> Visitor<'de> for Either {
            type Value = Text<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a string")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }

        deserializer.deserialize_str(Either)
    }
}

/// The fields of a JSON object, not yet read, and the path to it.
#[derive(Debug)]
struct Object<'a> {
    prefix: &'static str,
    fields: BTreeMap<Cow<'a, str>, &'a RawValue>,
}

/// What the parser makes of an object: its fields, and the first key that stands twice.
struct Parsed<'a> {
    fields: BTreeMap<Cow<'a, str>, &'a RawValue>,
    duplicate: Option<Cow<'a, str>>,
}

impl<'de: 'a, 'a> Deserialize<'de> for Parsed<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;

        impl<'de> Visitor<'de> for Fields {
            type Value = Parsed<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Parsed<'de>, A::Error> {
                let mut parsed = Parsed { fields: BTreeMap::new(), duplicate: None };
                while let Some((Text(key), value)) = map.next_entry::<Text<'de>, &'de RawValue>()? {
                    if parsed.duplicate.is_none() && parsed.fields.contains_key(&key) {
                        parsed.duplicate = Some(key.clone());
                    }
                    parsed.fields.insert(key, value);
                }
                Ok(parsed)
            }
        }

        deserializer.deserialize_map(Fields)
    }
}

impl<'a> Object<'a> {
    fn parse(text: &'a str, prefix: &'static str) -> Result<Self, DecodeError> {
        let Parsed { fields, duplicate } =
            serde_json::from_str(text).map_err(|error| match serde_json::from_str::<&RawValue>(text) {
                Ok(value) if kind_of(value) != "an object" => {
                    DecodeError::NotAnObject { found: kind_of(value) }
                }
                _ => DecodeError::NotJson { detail: error.to_string() },
            })?;
        match duplicate {
            Some(key) => Err(DecodeError::Duplicate { field: format!("{prefix}{}", quote(&key)) }),
            None => Ok(Self { prefix, fields }),
        }
    }

    fn path(&self, field: &str) -> String {
        format!("{}{field}", self.prefix)
    }

    fn invalid(&self, field: &str, error: &InvalidName) -> DecodeError {
        DecodeError::Invalid { field: self.path(field), reason: error.to_string() }
    }

    fn required(&self, field: &str, expected: &'static str) -> Result<&'a RawValue, DecodeError> {
        self.fields
            .get(field)
            .copied()
            .ok_or_else(|| DecodeError::Missing { field: self.path(field), expected })
    }

    /// A field that may be absent or `null`, which mean the same.
    fn optional(&self, field: &str) -> Option<&'a RawValue> {
        self.fields.get(field).copied().filter(|raw| kind_of(raw) != "null")
    }

    /// Reads a value, having looked that it is of the JSON type it must be.
    fn read<T: Deserialize<'a>>(
        &self,
        field: &str,
        raw: &'a RawValue,
        json_type: &'static str,
        expected: &'static str,
    ) -> Result<T, DecodeError> {
        let found = kind_of(raw);
        if found != json_type {
            return Err(DecodeError::Mistyped { field: self.path(field), expected, found });
        }
        serde_json::from_str(raw.get()).map_err(|error| DecodeError::Invalid {
            field: self.path(field),
            reason: format!("expected {expected}: {error}"),
        })
    }

    fn text(&self, field: &str) -> Result<Cow<'a, str>, DecodeError> {
        let raw = self.required(field, "a string")?;
        self.read::<Text<'a>>(field, raw, "a string", "a string").map(|Text(text)| text)
    }

    fn optional_text(&self, field: &str) -> Result<Option<Cow<'a, str>>, DecodeError> {
        self.optional(field)
            .map(|raw| self.read::<Text<'a>>(field, raw, "a string", "a string").map(|Text(text)| text))
            .transpose()
    }

    fn optional_name<'n, N>(&self, field: &str) -> Result<Option<N>, DecodeError>
    where
        N: for<'t> TryFrom<&'t str, Error = InvalidName> + 'n,
    {
        self.optional_text(field)?
            .map(|text| N::try_from(text.as_ref()).map_err(|error| self.invalid(field, &error)))
            .transpose()
    }

    fn service(&self) -> Result<ServiceName, DecodeError> {
        let text = self.text("service")?;
        ServiceName::try_from(text.as_ref()).map_err(|error| self.invalid("service", &error))
    }

    fn optional_texts(&self, field: &str) -> Result<Option<Vec<Cow<'a, str>>>, DecodeError> {
        self.optional(field)
            .map(|raw| {
                let texts: Vec<Text<'a>> = self.read(field, raw, "an array", "an array of strings")?;
                Ok(texts.into_iter().map(|Text(text)| text).collect())
            })
            .transpose()
    }

    fn optional_set<T: Deserialize<'a>>(&self, field: &str) -> Result<Option<T>, DecodeError> {
        self.optional(field).map(|raw| self.read(field, raw, "an array", "an array of strings")).transpose()
    }

    fn uuid(&self, field: &str) -> Result<Uuid, DecodeError> {
        let text = self.text(field)?;
        Uuid::parse_str(&text).map_err(|_| DecodeError::Invalid {
            field: self.path(field),
            reason: format!("expected a UUID, found `{}`", quote(&text)),
        })
    }

    fn seq(&self, field: &str) -> Result<Seq, DecodeError> {
        const EXPECTED: &str = "an integer from 0 to 9007199254740991";
        self.read(field, self.required(field, EXPECTED)?, "a number", EXPECTED)
    }
}
