//! Moments, as events carry them.

use std::{fmt, str::FromStr, time::Duration};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// A moment in UTC, in microseconds since 1970. Written with all six digits, so that texts have the order of moments.
///
/// ```
/// use concierge_client::telegraphy::Timestamp;
/// let moment: Timestamp = "2026-11-20T20:31:00.123456Z".parse()?;
/// assert_eq!(moment.micros(), 1_795_206_660_123_456);
/// assert_eq!(moment.to_string(), "2026-11-20T20:31:00.123456Z");
/// assert_eq!("2026-11-20T20:31:00Z".parse::<Timestamp>()?.to_string(), "2026-11-20T20:31:00.000000Z");
/// # Ok::<(), concierge_client::telegraphy::InvalidTimestamp>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(u64);

/// What is no moment: not `YYYY-MM-DDTHH:MM:SS[.ffffff]Z`, or before 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected a moment in UTC like 2026-11-20T20:31:00.123456Z")]
pub struct InvalidTimestamp;

const MICROS: u64 = 1_000_000;
const DAY: u64 = 86_400;
/// Days from the first of March of year 0 to 1970.
const DAYS_TO_1970: u64 = 719_468;
const DAYS_OF_400_YEARS: u64 = 146_097;

impl Timestamp {
    /// The last moment that is written with four digits for its year.
    pub const MAX: Self = Self(253_402_300_799_999_999);

    /// So many microseconds after the beginning of 1970, and at most [`Timestamp::MAX`].
    pub const fn from_micros(micros: u64) -> Self {
        if micros > Self::MAX.0 { Self::MAX } else { Self(micros) }
    }

    /// Microseconds since the beginning of 1970.
    pub const fn micros(self) -> u64 {
        self.0
    }

    /// That much later.
    #[must_use]
    pub fn after(self, time: Duration) -> Self {
        let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        Self::from_micros(self.0.saturating_add(micros))
    }

    /// That much earlier, and at least the beginning of 1970.
    #[must_use]
    pub fn before(self, time: Duration) -> Self {
        Self(self.0.saturating_sub(u64::try_from(time.as_micros()).unwrap_or(u64::MAX)))
    }

    /// The time since an earlier moment; none at all since a later one.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, micros) = (self.0 / MICROS, self.0 % MICROS);
        let (year, month, day) = date(seconds / DAY);
        let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
        write!(formatter, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{micros:06}Z")
    }
}

impl FromStr for Timestamp {
    type Err = InvalidTimestamp;

    fn from_str(text: &str) -> Result<Self, InvalidTimestamp> {
        read(text).ok_or(InvalidTimestamp)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

/// The date that so many days after the beginning of 1970 is. Years begin in March here: the leap day is then the last.
fn date(days: u64) -> (u64, u64, u64) {
    let days = days + DAYS_TO_1970;
    let (era, day_of_era) = (days / DAYS_OF_400_YEARS, days % DAYS_OF_400_YEARS);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    (year, month, day)
}

/// Days from the beginning of 1970 to a date; none before.
fn days(year: u64, month: u64, day: u64) -> Option<u64> {
    let year = if month <= 2 { year.checked_sub(1)? } else { year };
    let (era, year_of_era) = (year / 400, year % 400);
    let month_from_march = (month + 9) % 12;
    let day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    (era * DAYS_OF_400_YEARS + day_of_era).checked_sub(DAYS_TO_1970)
}

fn read(text: &str) -> Option<Timestamp> {
    let (date_text, time) = text.strip_suffix('Z')?.split_once('T')?;
    let (time, fraction) = time.split_once('.').unwrap_or((time, "0"));
    let [year, month, day] = numbers(date_text, '-', [4, 2, 2])?;
    let [hour, minute, second] = numbers(time, ':', [2, 2, 2])?;
    if !(1..=12).contains(&month) || day == 0 || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let days = days(year, month, day)?;
    // The 30th of February is a day after it, and so not what was written.
    if date(days) != (year, month, day) {
        return None;
    }
    let is_fraction = !fraction.is_empty() && fraction.bytes().all(|byte| byte.is_ascii_digit());
    let micros = is_fraction.then(|| fraction.bytes().chain([b'0'; 6]).take(6))?;
    let micros = micros.fold(0, |micros, digit| micros * 10 + u64::from(digit - b'0'));
    let seconds = ((days * 24 + hour) * 60 + minute) * 60 + second;
    Some(Timestamp(seconds * MICROS + micros))
}

/// Three numbers of so many digits each.
fn numbers(text: &str, separator: char, digits: [usize; 3]) -> Option<[u64; 3]> {
    let mut parts = text.split(separator);
    let mut number = |digits: usize| {
        let part = parts.next()?;
        let is_number = part.len() == digits && part.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then(|| part.parse().ok())?
    };
    let [first, second, third] = digits;
    let numbers = [number(first)?, number(second)?, number(third)?];
    parts.next().is_none().then_some(numbers)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn known_moments_are_written_as_they_are() {
        for (micros, text) in [
            (0, "1970-01-01T00:00:00.000000Z"),
            (951_782_400 * MICROS, "2000-02-29T00:00:00.000000Z"),
            (1_795_206_660_123_456, "2026-11-20T20:31:00.123456Z"),
            (4_107_542_400 * MICROS - 1, "2100-02-28T23:59:59.999999Z"),
            (4_107_542_400 * MICROS, "2100-03-01T00:00:00.000000Z"),
            (u64::MAX, "9999-12-31T23:59:59.999999Z"),
        ] {
            assert_eq!(Timestamp::from_micros(micros).to_string(), text);
        }
    }

    #[test]
    fn what_is_no_moment_is_refused() {
        for text in [
            "",
            "2026-11-20",
            "2026-11-20T20:31:00",
            "2026-11-20T20:31:00+00:00",
            "2026-02-29T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-00-01T00:00:00Z",
            "2026-01-00T00:00:00Z",
            "1969-12-31T23:59:59Z",
            "0000-01-01T00:00:00Z",
            "2026-11-20T24:00:00Z",
            "2026-11-20T20:31:60Z",
            "2026-11-20T20:31:00.Z",
            "2026-11-20T20:31:00.1xZ",
            "2026-11-20T20:31Z",
            "+026-11-20T20:31:00Z",
            "2026-11-20-01T20:31:00Z",
        ] {
            assert_eq!(text.parse::<Timestamp>(), Err(InvalidTimestamp), "{text}");
        }
    }

    #[test]
    fn before_1970_there_is_nothing() {
        let moment = Timestamp::from_micros(3 * MICROS);
        assert_eq!(moment.before(Duration::from_secs(2)), Timestamp::from_micros(MICROS));
        assert_eq!(moment.before(Duration::MAX), Timestamp::default());
    }

    #[test]
    fn digits_beyond_a_microsecond_are_cut_off() {
        let moment: Timestamp = "1970-01-01T00:00:01.9999999Z".parse().unwrap();
        assert_eq!(moment.micros(), 1_999_999);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_as_the_same_and_in_the_same_order(
            one in 0..=Timestamp::MAX.0,
            other in 0..=Timestamp::MAX.0,
        ) {
            let (one, other) = (Timestamp(one), Timestamp(other));
            prop_assert_eq!(one.to_string().parse(), Ok(one));
            prop_assert_eq!(one.to_string().cmp(&other.to_string()), one.cmp(&other));
        }
    }
}
