//! Decoding what a client sends: the envelope first, then the fields of its type, with errors that name the field.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::{
    data::{self, Data},
    fields::{Object, kind_of},
    message::{SendMessage, Target},
    name::Tags,
    request::{
        AnyRequest, ClientFetch, ClientFetchAll, Identify, RequestKind, SelfFetch, SelfSetSeq, SelfSubscribe,
        SelfUnsubscribe, ServiceCreate, ServiceDelete, ServiceFetch, ServiceFetchAll,
    },
    secret::Secret,
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
pub(super) fn quote(text: &str) -> String {
    text.chars().take(QUOTED_CHARACTERS).flat_map(char::escape_debug).collect()
}

/// A text payload of a client, taken apart but not yet understood: a JSON object with one string `type`.
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
    /// [`DecodeError`] when it is not a JSON object, or has no string `type` or two.
    pub fn parse(text: &'a str) -> Result<Self, DecodeError> {
        let fields = Object::parse(text, "")?;
        fields.check_once("type")?;
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
    /// [`DecodeError`] names the field and what was expected; also when any key stands twice.
    pub fn decode(&self, kind: RequestKind) -> Result<AnyRequest<'a>, DecodeError> {
        let fields = &self.fields;
        fields.check_duplicate()?;
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
    fields.check_duplicate()?;
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
