//! What a web application says of an event before it publishes it.

use std::{fmt, time::Duration};

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{Error as _, MapAccess, Visitor},
    ser::SerializeMap,
};

use super::name::EventName;

/// An event as it is registered. Only its name must be given.
///
/// ```
/// use concierge_client::{payload::encode, telegraphy::{Audience, Definition}};
/// let json = concat!(
///     r#"{"name":"app.Model","verbose_name":"my model","kind":"model","operations":["create","update","delete"],"#,
///     r#""fields":{"pk":"integer","title":"string","count":"integer"},"audience":"public","#,
///     r#""delivery":"best_effort","ttl":null,"retain":null,"presence":"count"}"#,
/// );
/// let definition: Definition = serde_json::from_str(json)?;
/// assert_eq!(definition.fields.iter().next(), Some(("pk", "integer")));
/// assert_eq!(encode(&definition), json);
///
/// let short: Definition = serde_json::from_str(r#"{"name":"app.Model"}"#)?;
/// assert_eq!(short.audience, Audience::Authenticated);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Definition {
    /// What it is published and subscribed to as.
    pub name: EventName,
    /// How it is shown to people; empty for its name.
    #[serde(default)]
    pub verbose_name: String,
    /// Whether it tells of a model.
    #[serde(default)]
    pub kind: Kind,
    /// The values that `meta.event_type` may have: of a model `create`, `update` and `delete`.
    #[serde(default)]
    pub operations: Vec<String>,
    /// What its data holds. When it names any field, only these are published: those left out are there for grant filters.
    #[serde(default)]
    pub fields: Fields,
    /// Who may see it.
    #[serde(default)]
    pub audience: Audience,
    /// What becomes of it when somebody who wants it is away.
    #[serde(default)]
    pub delivery: Guarantee,
    /// How long it means something after it was published, in seconds.
    #[serde(default)]
    pub ttl: Option<u64>,
    /// How many of the last ones are kept for those who come later.
    #[serde(default)]
    pub retain: Option<u32>,
    /// What is told of who listens.
    #[serde(default, skip_serializing_if = "Disclosure::is_nothing")]
    pub presence: Disclosure,
}

impl Definition {
    /// An event of which nothing is said but its name.
    pub fn new(name: EventName) -> Self {
        Self {
            name,
            verbose_name: String::new(),
            kind: Kind::default(),
            operations: Vec::new(),
            fields: Fields::default(),
            audience: Audience::default(),
            delivery: Guarantee::default(),
            ttl: None,
            retain: None,
            presence: Disclosure::default(),
        }
    }

    /// How it is shown to people.
    pub fn verbose_name(&self) -> &str {
        if self.verbose_name.is_empty() { &self.name } else { &self.verbose_name }
    }

    /// How long one means something, when that was said.
    pub fn ttl(&self) -> Option<Duration> {
        self.ttl.map(Duration::from_secs)
    }
}

/// Whether an event tells of a model of the web application.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A row of a model was created, updated or deleted.
    Model,
    /// Anything else.
    #[default]
    Custom,
}

/// Who may see an event. A grant with filters narrows each of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Audience {
    /// Everybody, also who is anonymous.
    Public,
    /// Every user.
    #[default]
    Authenticated,
    /// Who has a grant for it.
    Private,
}

/// What becomes of an event when somebody who wants it is away, or does not read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Guarantee {
    /// It may be lost, and then that is told.
    #[default]
    BestEffort,
    /// It is on disk before its publisher is answered, and arrives at least once.
    Guaranteed,
}

/// What is told of who listens to an event.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Disclosure {
    /// Nothing.
    #[default]
    None,
    /// How many sessions.
    Count,
    /// How many sessions, and which users.
    Users,
}

impl Disclosure {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "this is how serde asks")]
    fn is_nothing(&self) -> bool {
        *self == Self::None
    }
}

/// The fields of an event, in the order given: names, and what type each has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fields(Vec<(String, String)>);

impl Fields {
    /// Each field with its type.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, kind)| (name.as_str(), kind.as_str()))
    }

    /// Whether there is a field of this name.
    pub fn contains(&self, name: &str) -> bool {
        self.0.iter().any(|(field, _)| field == name)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether none is named.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Of two fields of one name, the first is the one that counts.
impl<N: Into<String>, T: Into<String>> FromIterator<(N, T)> for Fields {
    fn from_iter<I: IntoIterator<Item = (N, T)>>(fields: I) -> Self {
        Self(fields.into_iter().map(|(name, kind)| (name.into(), kind.into())).collect())
    }
}

impl Serialize for Fields {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, kind) in &self.0 {
            map.serialize_entry(name, kind)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;

        impl<'de> Visitor<'de> for InOrder {
            type Value = Fields;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object of field names and types")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
                let mut fields = Fields::default();
                while let Some((name, kind)) = map.next_entry::<String, String>()? {
                    if fields.contains(&name) {
                        return Err(A::Error::custom(format!("field `{name}` is given twice")));
                    }
                    fields.0.push((name, kind));
                }
                Ok(fields)
            }
        }

        deserializer.deserialize_map(InOrder)
    }
}
