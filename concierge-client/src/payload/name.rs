//! Names that are valid by construction: of clients, of services, nicknames and tags.

use std::{borrow::Borrow, convert::Infallible, fmt, ops::Deref, str::FromStr, sync::Arc};

use serde::{Deserialize, Deserializer, Serialize, de::Error as _};

/// Why a text is not a name: what the rule is, and what broke it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidName {
    /// There is nothing in it, and there must be something.
    #[error("{what} must not be empty")]
    Empty {
        /// What was to be named: `"a client name"`, `"a service name"`.
        what: &'static str,
    },
    /// It is longer than the protocol allows.
    #[error("{what} has at most {limit} {unit}, this has {length}")]
    TooLong {
        /// What was to be named.
        what: &'static str,
        /// The bound.
        limit: usize,
        /// What the bound counts: `"characters"` or `"bytes"`.
        unit: &'static str,
        /// What was given, in that unit.
        length: usize,
    },
    /// A character that may not be in it.
    #[error("{what} has {allowed}, this has {character:?}")]
    Character {
        /// What was to be named.
        what: &'static str,
        /// What is allowed, in words.
        allowed: &'static str,
        /// The first character that is not.
        character: char,
    },
    /// More than 32 tags.
    #[error("a client has at most {limit} tags, this has {count}")]
    TooManyTags {
        /// The bound.
        limit: usize,
        /// What was given.
        count: usize,
    },
}

impl From<Infallible> for InvalidName {
    /// What is a name already needs no check: a function can take either a name or a text.
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

/// What all kinds of names have in common, of both protocols: shared text that was checked once, when it was made.
macro_rules! checked_text {
    ($(#[$documentation:meta])* $name:ident, $check:ident) => {
        $(#[$documentation])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[serde(transparent)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Checks a text and makes it a name.
            ///
            /// # Errors
            ///
            /// [`InvalidName`] says which rule it breaks.
            pub fn new(text: impl AsRef<str> + Into<Arc<str>>) -> Result<Self, InvalidName> {
                $check(text.as_ref())?;
                Ok(Self(text.into()))
            }

            /// The text itself.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl Deref for $name {
            type Target = str;
            fn deref(&self) -> &str {
                &self.0
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.pad(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = InvalidName;
            fn from_str(text: &str) -> Result<Self, InvalidName> {
                Self::new(text)
            }
        }

        impl TryFrom<&str> for $name {
            type Error = InvalidName;
            fn try_from(text: &str) -> Result<Self, InvalidName> {
                Self::new(text)
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidName;
            fn try_from(text: String) -> Result<Self, InvalidName> {
                Self::new(text)
            }
        }

        impl PartialEq<str> for $name {
            fn eq(&self, other: &str) -> bool {
                *self.0 == *other
            }
        }

        impl PartialEq<&str> for $name {
            fn eq(&self, other: &&str) -> bool {
                *self.0 == **other
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                Self::new(text).map_err(D::Error::custom)
            }
        }
    };
}

pub(crate) use checked_text;

checked_text! {
    /// A client's name: letters and digits of any script and `_`, 1 to 64 characters, case sensitive.
    ///
    /// Unique among the connected clients of a gateway.
    ///
    /// ```
    /// use concierge_client::payload::ClientName;
    /// assert!(ClientName::new("größe_9").is_ok());
    /// assert!(ClientName::new("").is_err());
    /// assert_eq!(
    ///     ClientName::new("a b").unwrap_err().to_string(),
    ///     "a client name has letters, digits and `_` only, this has ' '",
    /// );
    /// ```
    ClientName, check_client_name
}

checked_text! {
    /// A service's name: 1 to 128 bytes of UTF-8 without control or bidirectional-override characters.
    ///
    /// ```
    /// use concierge_client::payload::ServiceName;
    /// assert!(ServiceName::new("söö x").is_ok());
    /// assert!(ServiceName::new("a/b").is_ok());
    /// assert!(ServiceName::new("line\nbreak").is_err());
    /// ```
    ServiceName, check_service_name
}

checked_text! {
    /// How a client or a service is shown to people: up to 128 characters of any kind, possibly none.
    ///
    /// Whoever shows one escapes it: it may hold control characters.
    ///
    /// ```
    /// use concierge_client::payload::Nickname;
    /// assert_eq!(Nickname::new("")?, "");
    /// assert!(Nickname::new("x".repeat(129)).is_err());
    /// # Ok::<(), concierge_client::payload::InvalidName>(())
    /// ```
    Nickname, check_nickname
}

checked_text! {
    /// One of a client's tags: up to 64 characters of any kind. Whoever shows one escapes it.
    Tag, check_tag
}

impl ClientName {
    /// The longest client name, in characters.
    pub const MAX_CHARACTERS: usize = 64;

    /// Whether every character is in `[A-Za-z0-9_]`, as a gateway with `names = "ascii"` asks.
    pub fn is_ascii(&self) -> bool {
        self.0.is_ascii()
    }
}

impl ServiceName {
    /// The longest service name, in bytes.
    pub const MAX_BYTES: usize = 128;
}

impl Nickname {
    /// The longest nickname, in characters.
    pub const MAX_CHARACTERS: usize = 128;
}

impl Tag {
    /// The longest tag, in characters.
    pub const MAX_CHARACTERS: usize = 64;
}

/// A client's tags, in the order given: at most 32.
///
/// ```
/// use concierge_client::payload::Tags;
/// let tags = Tags::new(["demo", "bot"])?;
/// assert_eq!(tags.iter().map(|tag| tag.as_str()).collect::<Vec<_>>(), ["demo", "bot"]);
/// # Ok::<(), concierge_client::payload::InvalidName>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Tags(Arc<[Tag]>);

impl Tags {
    /// How many tags a client may have.
    pub const MAX: usize = 32;

    /// Checks texts and makes them tags.
    ///
    /// # Errors
    ///
    /// [`InvalidName`] when there are more than 32 or one is longer than 64 characters.
    pub fn new<T: AsRef<str>>(tags: impl IntoIterator<Item = T>) -> Result<Self, InvalidName> {
        let tags = tags.into_iter().map(|tag| Tag::new(tag.as_ref())).collect::<Result<Vec<_>, _>>()?;
        Self::try_from(tags)
    }
}

impl TryFrom<Vec<Tag>> for Tags {
    type Error = InvalidName;
    fn try_from(tags: Vec<Tag>) -> Result<Self, InvalidName> {
        if tags.len() > Self::MAX {
            return Err(InvalidName::TooManyTags { limit: Self::MAX, count: tags.len() });
        }
        Ok(Self(tags.into()))
    }
}

impl Deref for Tags {
    type Target = [Tag];
    fn deref(&self) -> &[Tag] {
        &self.0
    }
}

impl<'de> Deserialize<'de> for Tags {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::try_from(Vec::<Tag>::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

fn check_client_name(text: &str) -> Result<(), InvalidName> {
    const WHAT: &str = "a client name";
    check_not_empty(WHAT, text)?;
    check_characters(WHAT, text, ClientName::MAX_CHARACTERS)?;
    match text.chars().find(|character| !character.is_alphanumeric() && *character != '_') {
        Some(character) => {
            Err(InvalidName::Character { what: WHAT, allowed: "letters, digits and `_` only", character })
        }
        None => Ok(()),
    }
}

fn check_service_name(text: &str) -> Result<(), InvalidName> {
    const WHAT: &str = "a service name";
    check_not_empty(WHAT, text)?;
    if text.len() > ServiceName::MAX_BYTES {
        let limit = ServiceName::MAX_BYTES;
        return Err(InvalidName::TooLong { what: WHAT, limit, unit: "bytes", length: text.len() });
    }
    check_no_control(WHAT, text)
}

fn check_nickname(text: &str) -> Result<(), InvalidName> {
    check_characters("a nickname", text, Nickname::MAX_CHARACTERS)
}

fn check_tag(text: &str) -> Result<(), InvalidName> {
    check_characters("a tag", text, Tag::MAX_CHARACTERS)
}

pub(crate) fn check_not_empty(what: &'static str, text: &str) -> Result<(), InvalidName> {
    if text.is_empty() { Err(InvalidName::Empty { what }) } else { Ok(()) }
}

pub(crate) fn check_characters(what: &'static str, text: &str, limit: usize) -> Result<(), InvalidName> {
    // A text of few bytes has few characters: most names are never counted.
    if text.len() <= limit {
        return Ok(());
    }
    let length = text.chars().count();
    if length > limit {
        return Err(InvalidName::TooLong { what, limit, unit: "characters", length });
    }
    Ok(())
}

pub(crate) fn check_no_control(what: &'static str, text: &str) -> Result<(), InvalidName> {
    match text.chars().find(|character| character.is_control() || is_bidi_control(*character)) {
        Some(character) => Err(InvalidName::Character {
            what,
            allowed: "no control or text-direction characters",
            character,
        }),
        None => Ok(()),
    }
}

/// The characters that change the direction of a whole stretch of text: embeddings, overrides and isolates
/// ([UAX #9, section 2](https://www.unicode.org/reports/tr9/#Directional_Formatting_Characters)). The marks, which those who
/// write from right to left need, are none of them.
fn is_bidi_control(character: char) -> bool {
    matches!(character, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_name_is_bounded_in_characters_not_bytes() {
        assert!(ClientName::new("ö".repeat(64)).is_ok());
        assert_eq!(
            ClientName::new("ö".repeat(65)).unwrap_err().to_string(),
            "a client name has at most 64 characters, this has 65"
        );
    }

    #[test]
    fn a_service_name_is_bounded_in_bytes() {
        assert!(ServiceName::new("ö".repeat(64)).is_ok());
        assert!(ServiceName::new("ö".repeat(65)).is_err());
    }

    #[test]
    fn a_service_name_cannot_turn_the_text_around_it() {
        for character in ['\u{202E}', '\u{2066}', '\u{7}', '\u{85}'] {
            assert!(ServiceName::new(format!("a{character}b")).is_err(), "{character:?}");
        }
        assert!(ServiceName::new("\u{200F}שלום").is_ok());
    }

    #[test]
    fn a_client_has_at_most_32_tags() {
        assert!(Tags::new(vec![""; 32]).is_ok());
        assert!(Tags::new(vec![""; 33]).is_err());
        assert!(Tags::new(["x".repeat(65)]).is_err());
    }
}
