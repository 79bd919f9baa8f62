//! The fields of a JSON object: taken apart once, read one by one, with errors that name the field and what was expected.

use std::{borrow::Cow, collections::BTreeMap, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::value::RawValue;
use uuid::Uuid;

use super::{
    codec::{DecodeError, quote},
    name::{InvalidName, ServiceName},
    seq::Seq,
};

/// What a JSON value is, in words.
pub(super) fn kind_of(raw: &RawValue) -> &'static str {
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
pub(super) struct Object<'a> {
    prefix: &'static str,
    /// The first key that stands twice.
    duplicate: Option<Cow<'a, str>>,
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
    pub(super) fn parse(text: &'a str, prefix: &'static str) -> Result<Self, DecodeError> {
        let Parsed { fields, duplicate } =
            serde_json::from_str(text).map_err(|error| match serde_json::from_str::<&RawValue>(text) {
                Ok(value) if kind_of(value) != "an object" => {
                    DecodeError::NotAnObject { found: kind_of(value) }
                }
                _ => DecodeError::NotJson { detail: error.to_string() },
            })?;
        Ok(Self { prefix, duplicate, fields })
    }

    /// Refuses an object in which a key stands twice.
    pub(super) fn check_duplicate(&self) -> Result<(), DecodeError> {
        match &self.duplicate {
            Some(key) => Err(DecodeError::Duplicate { field: self.path(&quote(key)) }),
            None => Ok(()),
        }
    }

    /// Refuses an object in which this key stands twice.
    pub(super) fn check_once(&self, field: &str) -> Result<(), DecodeError> {
        if self.duplicate.as_deref() == Some(field) { self.check_duplicate() } else { Ok(()) }
    }

    fn path(&self, field: &str) -> String {
        format!("{}{field}", self.prefix)
    }

    pub(super) fn invalid(&self, field: &str, error: &InvalidName) -> DecodeError {
        DecodeError::Invalid { field: self.path(field), reason: error.to_string() }
    }

    pub(super) fn required(&self, field: &str, expected: &'static str) -> Result<&'a RawValue, DecodeError> {
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
            reason: format!("expected {expected}: {}", without_position(&error)),
        })
    }

    pub(super) fn text(&self, field: &str) -> Result<Cow<'a, str>, DecodeError> {
        let raw = self.required(field, "a string")?;
        self.read::<Text<'a>>(field, raw, "a string", "a string").map(|Text(text)| text)
    }

    pub(super) fn optional_text(&self, field: &str) -> Result<Option<Cow<'a, str>>, DecodeError> {
        self.optional(field)
            .map(|raw| self.read::<Text<'a>>(field, raw, "a string", "a string").map(|Text(text)| text))
            .transpose()
    }

    pub(super) fn optional_name<'n, N>(&self, field: &str) -> Result<Option<N>, DecodeError>
    where
        N: for<'t> TryFrom<&'t str, Error = InvalidName> + 'n,
    {
        self.optional_text(field)?
            .map(|text| N::try_from(text.as_ref()).map_err(|error| self.invalid(field, &error)))
            .transpose()
    }

    pub(super) fn service(&self) -> Result<ServiceName, DecodeError> {
        let text = self.text("service")?;
        ServiceName::try_from(text.as_ref()).map_err(|error| self.invalid("service", &error))
    }

    pub(super) fn optional_texts(&self, field: &str) -> Result<Option<Vec<Cow<'a, str>>>, DecodeError> {
        self.optional(field)
            .map(|raw| {
                let texts: Vec<Text<'a>> = self.read(field, raw, "an array", "an array of strings")?;
                Ok(texts.into_iter().map(|Text(text)| text).collect())
            })
            .transpose()
    }

    pub(super) fn optional_set<T: Deserialize<'a>>(&self, field: &str) -> Result<Option<T>, DecodeError> {
        self.optional(field).map(|raw| self.read(field, raw, "an array", "an array of strings")).transpose()
    }

    pub(super) fn uuid(&self, field: &str) -> Result<Uuid, DecodeError> {
        let text = self.text(field)?;
        Uuid::parse_str(&text).map_err(|_| DecodeError::Invalid {
            field: self.path(field),
            reason: format!("expected a UUID, found `{}`", quote(&text)),
        })
    }

    pub(super) fn seq(&self, field: &str) -> Result<Seq, DecodeError> {
        const EXPECTED: &str = "an integer from 0 to 9007199254740991";
        self.read(field, self.required(field, EXPECTED)?, "a number", EXPECTED)
    }
}

/// What a parser says, without where: the position is one within the field, which nobody knows.
fn without_position(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.split(" at line ").next().unwrap_or_default().to_owned()
}
