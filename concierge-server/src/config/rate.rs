//! How often something may happen, or how much may come: the value of a setting. What keeps to it is `net/throttle`.

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

    /// How long so many of them take.
    pub(crate) fn time_of(self, count: u64) -> Duration {
        let rate = u64::from(self.per_second.max(1));
        // What is left of a whole second is less than 2^32: a thousand million times as much fits.
        Duration::from_secs(count / rate) + Duration::from_nanos(count % rate * 1_000_000_000 / rate)
    }
}

impl Value for Option<Rate> {
    const EXPECTED: &'static str =
        "a rate such as \"20/s\", \"20/s burst 40\" or \"64KiB/s\", or \"unlimited\"";

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
            Some(Rate { per_second, burst }) => {
                format!("{}/s burst {}", shown(*per_second), shown(*burst)).into()
            }
            None => "unlimited".into(),
        })
    }
}

/// A number, with a unit or without.
fn number(text: &str) -> Option<u32> {
    usize::from_text(text)?.try_into().ok()
}

fn shown(number: u32) -> String {
    match usize::try_from(number).unwrap_or(usize::MAX).to_toml() {
        Some(toml::Value::String(text)) => text,
        _ => number.to_string(),
    }
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
            ("64KiB/s burst 1MiB", "64KiB/s burst 1MiB"),
            ("1KiB/s", "1024/s burst 1024"),
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
            "4GiB/s",
            "1kb/s",
        ] {
            assert_eq!(Option::<Rate>::from_text(text), None, "{text}");
        }
    }
    #[test]
    fn so_many_take_so_long() {
        for (rate, count, milliseconds) in
            [(20, 1, 50), (20, 41, 2050), (1, 3, 3000), (u32::MAX, u64::from(u32::MAX), 1000), (5, 0, 0)]
        {
            let rate = Rate::new(rate, 1).unwrap();
            assert_eq!(rate.time_of(count), Duration::from_millis(milliseconds), "{count} at {rate:?}");
        }
    }
}
