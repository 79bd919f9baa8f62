//! How often something may happen: the value of a setting. What keeps to it is `net/throttle`.

use std::time::Duration;

use super::value::Value;

/// So many in a second on the whole, and so many at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rate {
    /// How many in a second; at least one.
    pub per_second: u32,
    /// How many at once, after as long a rest; at least one.
    pub burst: u32,
}

impl Rate {
    /// A rate; of nothing there is none.
    pub const fn new(per_second: u32, burst: u32) -> Option<Self> {
        if per_second == 0 || burst == 0 { None } else { Some(Self { per_second, burst }) }
    }

    /// The time from one to the next.
    pub(crate) fn interval(self) -> Duration {
        Duration::from_secs(1) / self.per_second.max(1)
    }
}

impl Value for Option<Rate> {
    const EXPECTED: &'static str = "a rate such as \"20/s\" or \"20/s burst 40\", or \"unlimited\"";

    fn from_text(text: &str) -> Option<Self> {
        if text == "unlimited" {
            return Some(None);
        }
        let (rate, burst) = match text.split_once(" burst ") {
            Some((rate, burst)) => (rate, Some(burst)),
            None => (text, None),
        };
        let per_second = number(rate.strip_suffix("/s")?)?;
        let burst = burst.map_or(Some(per_second), number)?;
        Rate::new(per_second, burst).map(Some)
    }

    fn to_toml(&self) -> Option<toml::Value> {
        Some(match self {
            Some(Rate { per_second, burst }) => format!("{per_second}/s burst {burst}").into(),
            None => "unlimited".into(),
        })
    }
}

/// Digits and nothing else: `parse` takes a sign as well.
fn number(text: &str) -> Option<u32> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_read_as_it_is_shown() {
        for (text, shown) in [
            ("20/s burst 40", "20/s burst 40"),
            ("20/s", "20/s burst 20"),
            ("1/s burst 1", "1/s burst 1"),
            ("unlimited", "unlimited"),
        ] {
            let rate = Option::<Rate>::from_text(text).unwrap();
            assert_eq!(rate.to_toml(), Some(shown.into()), "{text}");
            assert_eq!(Option::<Rate>::from_text(shown), Some(rate), "{shown}");
        }
    }

    #[test]
    fn what_is_no_rate_or_a_rate_of_nothing_is_none() {
        for text in [
            "",
            "20",
            "20/m",
            "/s",
            "-1/s",
            "+1/s",
            "0/s",
            "5/s burst 0",
            "5/s burst",
            "5/s burst x",
            "99999999999/s",
        ] {
            assert_eq!(Option::<Rate>::from_text(text), None, "{text}");
        }
    }
}
