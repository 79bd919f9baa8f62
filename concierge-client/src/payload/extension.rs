//! What a client may ask for beyond the original protocol: features and intents, and the limits a gateway then tells.

use std::fmt;

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{SeqAccess, Visitor},
};

/// An enumeration of strings and the set of them: on the wire an array, in which unknown strings are ignored.
macro_rules! string_set {
    (
        $(#[$set_documentation:meta])* $set:ident of
        $(#[$documentation:meta])* $name:ident {
            $($(#[$variant_documentation:meta])* $variant:ident = $wire:literal,)*
        }
    ) => {
        $(#[$documentation])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum $name {
            $($(#[$variant_documentation])* $variant,)*
        }

        impl $name {
            /// Every one there is, in the order a gateway lists them.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The string on the wire.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $wire,)*
                }
            }

            /// Reads a string of the wire; none for one this version does not know.
            pub fn parse(text: &str) -> Option<Self> {
                match text {
                    $($wire => Some(Self::$variant),)*
                    _ => None,
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(self.as_str())
            }
        }

        $(#[$set_documentation])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash)]
        pub struct $set(u8);

        impl $set {
            /// Not one of them.
            pub const NONE: Self = Self(0);

            /// Every one of them.
            pub const ALL: Self = Self($((1 << $name::$variant as u8) |)* 0);

            /// These, and this one.
            #[must_use]
            pub const fn with(self, member: $name) -> Self {
                Self(self.0 | (1 << member as u8))
            }

            /// Those that are in both.
            #[must_use]
            pub const fn and(self, other: Self) -> Self {
                Self(self.0 & other.0)
            }

            /// Whether this one is among them.
            pub const fn contains(self, member: $name) -> bool {
                self.0 & (1 << member as u8) != 0
            }

            /// One after the other, in the order a gateway lists them.
            pub fn iter(self) -> impl Iterator<Item = $name> {
                $name::ALL.iter().copied().filter(move |member| self.contains(*member))
            }
        }

        impl FromIterator<$name> for $set {
            fn from_iter<I: IntoIterator<Item = $name>>(members: I) -> Self {
                members.into_iter().fold(Self::NONE, Self::with)
            }
        }

        impl fmt::Debug for $set {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.debug_set().entries(self.iter()).finish()
            }
        }

        impl Serialize for $set {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_seq(self.iter().map($name::as_str))
            }
        }

        impl<'de> Deserialize<'de> for $set {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Strings;

                impl<'de> Visitor<'de> for Strings {
                    type Value = $set;

                    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                        formatter.write_str("an array of strings")
                    }

                    fn visit_seq<A: SeqAccess<'de>>(self, mut strings: A) -> Result<$set, A::Error> {
                        let mut members = $set::NONE;
                        while let Some(text) = strings.next_element::<String>()? {
                            if let Some(member) = $name::parse(&text) {
                                members = members.with(member);
                            }
                        }
                        Ok(members)
                    }
                }

                deserializer.deserialize_seq(Strings)
            }
        }
    };
}

string_set! {
    /// The features a client asks for in `IDENTIFY.features`, and those a gateway grants in `HELLO.features`.
    ///
    /// ```
    /// use concierge_client::payload::{Feature, Features};
    /// let asked: Features = serde_json::from_str(r#"["compact","from_the_future"]"#)?;
    /// assert_eq!(asked, Features::NONE.with(Feature::Compact));
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    Features of
    /// Something additional that a gateway does for a client that asks.
    Feature {
        /// `"compact"`: in payloads that answer no request of this client, a service's `subscribers` is left empty.
        /// With n subscribers, a full list makes each delivery cost O(n) bytes.
        Compact = "compact",
        /// `"fs_key"`: `HELLO` gains a secret file key of the client's own, where files are served.
        FsKey = "fs_key",
    }
}

string_set! {
    /// The intents a client declares in `IDENTIFY.intents`; absent means all, `[]` means none.
    ///
    /// ```
    /// use concierge_client::payload::{Intent, Intents, encode};
    /// assert_eq!(encode(&Intents::ALL), r#"["PRESENCE","SERVICES","SUBSCRIBERS","BROADCASTS"]"#);
    /// assert!(!Intents::NONE.contains(Intent::Presence));
    /// ```
    Intents of
    /// A group of payloads that a client wants to be sent without having asked for each. Without intents, n clients
    /// joining cost n² payloads; a bot that answers messages needs none of them.
    Intent {
        /// `CLIENT_JOINED` and `CLIENT_LEFT`.
        Presence = "PRESENCE",
        /// `SERVICE_CREATE_RESULT` and `SERVICE_DELETE_RESULT` without `seq`. The deletion of a service it subscribes
        /// to reaches a client in any case.
        Services = "SERVICES",
        /// `SERVICE_CLIENT_SUBSCRIBED` and `SERVICE_CLIENT_UNSUBSCRIBED`.
        Subscribers = "SUBSCRIBERS",
        /// Messages to everyone.
        Broadcasts = "BROADCASTS",
    }
}

/// What a gateway accepts, as `HELLO.limits` tells it. `None` (`null` on the wire) is no limit.
///
/// ```
/// use concierge_client::payload::{Limits, encode};
/// let json = r#"{"name":64,"service":128,"nickname":128,"message":1048576,"depth":64,"subscriptions":128,"services":null}"#;
/// let limits: Limits = serde_json::from_str(json)?;
/// assert_eq!(limits.subscriptions, Some(128));
/// assert_eq!(encode(&limits), json);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// The longest client name, in characters.
    pub name: usize,
    /// The longest service name, in bytes.
    pub service: usize,
    /// The longest nickname, in characters.
    pub nickname: usize,
    /// The largest text message, in bytes.
    pub message: usize,
    /// How deep `data` may be nested.
    pub depth: usize,
    /// How many services a client may be subscribed to.
    pub subscriptions: Option<usize>,
    /// How many services a client may own.
    pub services: Option<usize>,
}
