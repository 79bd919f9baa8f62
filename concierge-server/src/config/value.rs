//! How a text or a TOML value becomes the value of a setting.

use std::path::PathBuf;
use std::time::Duration;

use concierge_client::payload::Secret;

use super::bind::BindAddress;
use super::proxy::TrustedProxy;
use crate::events::HostBinding;
use crate::files::LegacyKeys;

/// A value as it was given.
#[derive(Debug, Clone)]
pub(super) enum Given {
    /// By a flag or a variable: always a text.
    Text(String),
    /// By a file.
    Toml(toml::Value),
}

/// What can stand as the value of a setting.
pub(super) trait Value: Sized {
    /// What is expected, in words that complete "expected …".
    const EXPECTED: &'static str;

    fn from_text(text: &str) -> Option<Self>;

    fn from_toml(value: &toml::Value) -> Option<Self> {
        Self::from_text(value.as_str()?)
    }

    fn read(given: &Given) -> Result<Self, String> {
        match given {
            Given::Text(text) => Self::from_text(text),
            Given::Toml(value) => Self::from_toml(value),
        }
        .ok_or_else(|| format!("expected {}", Self::EXPECTED))
    }

    /// The value as a file would have it; none for what has no value, or is not shown to anybody.
    fn to_toml(&self) -> Option<toml::Value>;
}

/// Which letters a client's name may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum NamePolicy {
    /// Letters and digits of any script, and `_`.
    Unicode,
    /// Only `[A-Za-z0-9_]`, where look-alikes matter.
    Ascii,
}

/// How the program writes its log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum LogFormat {
    /// Lines for people.
    Text,
    /// A JSON object a line.
    Json,
}

/// From which level on the program logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum LogLevel {
    /// Nothing.
    Off,
    /// What failed.
    Error,
    /// And what someone should look at.
    Warn,
    /// And that it started and stopped.
    Info,
    /// And every connection.
    Debug,
    /// And every text that an identified client sends, but for those that may have a secret in them.
    Trace,
}

/// How many connections there may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConnectionLimit {
    /// 90 % of the file descriptors the process may have.
    Automatic,
    /// That many.
    AtMost(usize),
    /// No bound.
    Unlimited,
}

/// A value that is one of a few words.
macro_rules! words {
    ($type:ident, $expected:literal, $($word:literal => $value:expr),+) => {
        impl Value for $type {
            const EXPECTED: &'static str = $expected;
            fn from_text(text: &str) -> Option<Self> {
                match text {
                    $($word => Some($value),)+
                    _ => None,
                }
            }
            fn to_toml(&self) -> Option<toml::Value> {
                [$(($value, $word)),+].iter().find(|(value, _)| value == self).map(|(_, word)| (*word).into())
            }
        }
    };
}

words!(NamePolicy, "\"unicode\" or \"ascii\"", "unicode" => Self::Unicode, "ascii" => Self::Ascii);
words!(LegacyKeys, "\"bound\", \"deny\" or \"open\"",
    "bound" => Self::Bound, "deny" => Self::Deny, "open" => Self::Open);
words!(HostBinding, "\"ip\", \"prefix\" or \"off\"",
    "ip" => Self::Address, "prefix" => Self::Prefix, "off" => Self::Off);
words!(LogFormat, "\"text\" or \"json\"", "text" => Self::Text, "json" => Self::Json);
words!(LogLevel, "\"off\", \"error\", \"warn\", \"info\", \"debug\" or \"trace\"",
    "off" => Self::Off, "error" => Self::Error, "warn" => Self::Warn,
    "info" => Self::Info, "debug" => Self::Debug, "trace" => Self::Trace);

impl Value for bool {
    const EXPECTED: &'static str = "true or false";
    fn from_text(text: &str) -> Option<Self> {
        text.parse().ok()
    }
    fn from_toml(value: &toml::Value) -> Option<Self> {
        value.as_bool()
    }
    fn to_toml(&self) -> Option<toml::Value> {
        Some((*self).into())
    }
}

/// Units of sizes, the largest first.
const UNITS: [(&str, usize); 3] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];

/// Below this a number may as well be a count.
const LEAST_SHOWN_WITH_UNIT: usize = 64 << 10;

impl Value for usize {
    const EXPECTED: &'static str = "a number such as 65536 or \"64KiB\"";
    fn from_text(text: &str) -> Option<Self> {
        let (digits, unit) = match text.find(|character: char| !character.is_ascii_digit()) {
            Some(position) => text.split_at_checked(position)?,
            None => (text, ""),
        };
        let scale = match unit {
            "" => 1,
            unit => UNITS.iter().find(|(name, _)| *name == unit)?.1,
        };
        digits.parse::<Self>().ok()?.checked_mul(scale)
    }
    fn from_toml(value: &toml::Value) -> Option<Self> {
        match value.as_integer() {
            Some(number) => Self::try_from(number).ok(),
            None => Self::from_text(value.as_str()?),
        }
    }
    fn to_toml(&self) -> Option<toml::Value> {
        let unit = UNITS.iter().find(|(_, scale)| {
            *self >= LEAST_SHOWN_WITH_UNIT && *self >= *scale && self.is_multiple_of(*scale)
        });
        Some(match unit {
            Some((unit, scale)) => format!("{}{unit}", self / scale).into(),
            None => i64::try_from(*self).map_or_else(|_| self.to_string().into(), Into::into),
        })
    }
}

/// A number of a certain size, written as any other.
macro_rules! sized {
    ($($number:ty),+) => {
        $(impl Value for $number {
            const EXPECTED: &'static str = usize::EXPECTED;
            fn from_text(text: &str) -> Option<Self> {
                Self::try_from(usize::from_text(text)?).ok()
            }
            fn from_toml(value: &toml::Value) -> Option<Self> {
                Self::try_from(usize::from_toml(value)?).ok()
            }
            fn to_toml(&self) -> Option<toml::Value> {
                usize::try_from(*self).map_or_else(|_| Some(self.to_string().into()), |number| number.to_toml())
            }
        })+
    };
}

sized!(u32, u64);

/// A number, or none for "unlimited".
macro_rules! unlimited {
    ($($number:ty),+) => {
        $(impl Value for Option<$number> {
            const EXPECTED: &'static str = "a number or \"unlimited\"";
            fn from_text(text: &str) -> Option<Self> {
                if text == "unlimited" { Some(None) } else { <$number>::from_text(text).map(Some) }
            }
            fn from_toml(value: &toml::Value) -> Option<Self> {
                if value.as_str() == Some("unlimited") { Some(None) } else { <$number>::from_toml(value).map(Some) }
            }
            fn to_toml(&self) -> Option<toml::Value> {
                self.map_or_else(|| Some("unlimited".into()), |number| number.to_toml())
            }
        })+
    };
}

unlimited!(usize, u64);

impl Value for ConnectionLimit {
    const EXPECTED: &'static str = "a number, \"unlimited\" or \"auto\"";
    fn from_text(text: &str) -> Option<Self> {
        if text == "auto" { Some(Self::Automatic) } else { Option::from_text(text).map(Self::from) }
    }
    fn from_toml(value: &toml::Value) -> Option<Self> {
        if value.as_str() == Some("auto") {
            Some(Self::Automatic)
        } else {
            Option::from_toml(value).map(Self::from)
        }
    }
    fn to_toml(&self) -> Option<toml::Value> {
        match self {
            Self::Automatic => Some("auto".into()),
            Self::AtMost(number) => number.to_toml(),
            Self::Unlimited => None::<usize>.to_toml(),
        }
    }
}

impl From<Option<usize>> for ConnectionLimit {
    fn from(bound: Option<usize>) -> Self {
        bound.map_or(Self::Unlimited, Self::AtMost)
    }
}

impl Value for Duration {
    const EXPECTED: &'static str = "a duration with its unit, such as \"5s\", \"300ms\" or \"2m\"";
    fn from_text(text: &str) -> Option<Self> {
        let (digits, unit) =
            text.split_at_checked(text.find(|character: char| !character.is_ascii_digit())?)?;
        let number: u64 = digits.parse().ok()?;
        match unit {
            "ms" => Some(Self::from_millis(number)),
            "s" => Some(Self::from_secs(number)),
            "m" => number.checked_mul(60).map(Self::from_secs),
            "h" => number.checked_mul(3600).map(Self::from_secs),
            _ => None,
        }
        // A deadline that far away would not fit into the clock.
        .filter(|duration| *duration <= Self::from_hours(366 * 24))
    }
    fn to_toml(&self) -> Option<toml::Value> {
        let milliseconds = self.as_millis();
        let (_, unit, scale) =
            [(3_600_000, "h", 3_600_000), (60_000, "m", 60_000), (1000, "s", 1000), (0, "ms", 1)]
                .into_iter()
                .find(|(least, _, scale)| milliseconds >= *least && milliseconds.is_multiple_of(*scale))?;
        Some(format!("{}{unit}", milliseconds / scale).into())
    }
}

impl Value for Secret {
    const EXPECTED: &'static str = "a text that is not empty";
    fn from_text(text: &str) -> Option<Self> {
        (!text.is_empty()).then(|| Self::new(text))
    }
    fn to_toml(&self) -> Option<toml::Value> {
        None
    }
}

impl Value for String {
    const EXPECTED: &'static str = "a text";
    fn from_text(text: &str) -> Option<Self> {
        Some(text.to_owned())
    }
    fn to_toml(&self) -> Option<toml::Value> {
        Some(self.as_str().into())
    }
}

impl Value for PathBuf {
    const EXPECTED: &'static str = "a path";
    fn from_text(text: &str) -> Option<Self> {
        (!text.is_empty()).then(|| Self::from(text))
    }
    fn to_toml(&self) -> Option<toml::Value> {
        Some(self.to_string_lossy().into_owned().into())
    }
}

impl Value for Option<PathBuf> {
    const EXPECTED: &'static str = PathBuf::EXPECTED;
    fn from_text(text: &str) -> Option<Self> {
        PathBuf::from_text(text).map(Some)
    }
    fn to_toml(&self) -> Option<toml::Value> {
        self.as_ref()?.to_toml()
    }
}

/// A list of what is written as a text; in a file also one of them alone.
macro_rules! list {
    ($type:ty, $expected:literal) => {
        impl Value for Vec<$type> {
            const EXPECTED: &'static str = $expected;
            fn from_text(text: &str) -> Option<Self> {
                list(text).map(|part| part.parse().ok()).collect()
            }
            fn from_toml(value: &toml::Value) -> Option<Self> {
                match value.as_array() {
                    Some(values) => values.iter().map(|value| value.as_str()?.parse().ok()).collect(),
                    None => Some(vec![value.as_str()?.parse().ok()?]),
                }
            }
            fn to_toml(&self) -> Option<toml::Value> {
                Some(self.iter().map(ToString::to_string).collect::<Vec<_>>().into())
            }
        }
    };
}

list!(
    BindAddress,
    "addresses with a port, such as \"127.0.0.1:64209\" or \"[::1]:0\", or \"unix:/run/concierge.sock\""
);
list!(TrustedProxy, "addresses or networks of proxies, such as \"192.0.2.1\" or \"10.0.0.0/8\", or \"unix\"");

impl Value for Vec<String> {
    const EXPECTED: &'static str = "a list of texts";
    fn from_text(text: &str) -> Option<Self> {
        Some(list(text).map(str::to_owned).collect())
    }
    fn from_toml(value: &toml::Value) -> Option<Self> {
        value.as_array()?.iter().map(|value| value.as_str().map(str::to_owned)).collect()
    }
    fn to_toml(&self) -> Option<toml::Value> {
        Some(self.clone().into())
    }
}

/// Flags and variables have lists with commas between.
fn list(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|part| !part.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_need_their_unit() {
        for (text, milliseconds) in
            [("5s", 5000), ("300ms", 300), ("2m", 120_000), ("1h", 3_600_000), ("0s", 0)]
        {
            assert_eq!(Duration::from_text(text), Some(Duration::from_millis(milliseconds)), "{text}");
        }
        for text in [
            "",
            "5",
            "s",
            "-5s",
            "5 s",
            "1.5s",
            "5d",
            "99999999999999999999s",
            "18446744073709551615h",
            "9000000h",
        ] {
            assert_eq!(Duration::from_text(text), None, "{text}");
        }
    }

    #[test]
    fn numbers_may_have_a_binary_unit() {
        for (text, number) in [("0", 0), ("64KiB", 65_536), ("1MiB", 1_048_576), ("1GiB", 1_073_741_824)] {
            assert_eq!(usize::from_text(text), Some(number), "{text}");
        }
        for text in ["", "KiB", "-1", "1kb", "1 KiB", "99999999999999999999", "99999999999999GiB"] {
            assert_eq!(usize::from_text(text), None, "{text}");
        }
    }

    #[test]
    fn unlimited_is_no_bound_and_zero_is_zero() {
        assert_eq!(Option::<usize>::from_text("unlimited"), Some(None));
        assert_eq!(Option::<usize>::from_text("0"), Some(Some(0)));
        assert_eq!(Option::<usize>::from_toml(&toml::Value::Integer(-1)), None);
        assert_eq!(ConnectionLimit::from_text("auto"), Some(ConnectionLimit::Automatic));
        assert_eq!(ConnectionLimit::from_text("7"), Some(ConnectionLimit::AtMost(7)));
    }

    #[test]
    fn addresses_are_lists_with_commas_and_know_localhost() {
        let addresses = Vec::<BindAddress>::from_text("localhost:1, [::1]:2,unix:/a b").unwrap();
        let expected = ["127.0.0.1:1", "[::1]:2"].map(|text| BindAddress::Tcp(text.parse().unwrap()));
        assert_eq!(addresses[..2], expected);
        assert_eq!(addresses[2..], [BindAddress::Unix("/a b".into())]);
        for text in ["example.org:1", "127.0.0.1", "64209", "localhost:x", "localhost", "unix:", "unix", "/a"]
        {
            assert_eq!(Vec::<BindAddress>::from_text(text), None, "{text}");
        }
    }
}
