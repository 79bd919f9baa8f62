//! When what is sent: arrivals at a fixed rate, whatever the gateway does. Pure: it knows no clock, only time since the start.

use std::{fmt, num::NonZeroU32, str::FromStr, time::Duration};

const NANOSECONDS: u128 = 1_000_000_000;

/// How fast to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rate {
    /// So many a second, by the clock: an open loop.
    PerSecond(NonZeroU32),
    /// As fast as it goes, with so many under way: a closed loop.
    Max,
}

impl FromStr for Rate {
    type Err = String;

    /// `1000`, `20k` or `max`.
    fn from_str(text: &str) -> Result<Self, String> {
        if text == "max" {
            return Ok(Self::Max);
        }
        let (digits, factor) = match text.strip_suffix(['k', 'K']) {
            Some(digits) => (digits, 1000),
            None => (text, 1),
        };
        let rate = digits.parse::<u32>().ok().and_then(|number| number.checked_mul(factor));
        let rate = rate.and_then(NonZeroU32::new).map(Self::PerSecond);
        rate.ok_or_else(|| "expected a number a second such as 500 or 20k, or max".to_owned())
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PerSecond(rate) => write!(formatter, "{rate}"),
            Self::Max => formatter.write_str("max"),
        }
    }
}

/// When a run ends by itself: the first of these to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct End {
    /// After this time, the warm-up not counted.
    pub span: Option<Duration>,
    /// After so many, those of the warm-up not counted.
    pub count: Option<u64>,
}

/// The arrivals of an open loop, dealt out to lanes in turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Schedule {
    rate: NonZeroU32,
    lanes: u64,
    warm: u64,
    total: Option<u64>,
}

impl Schedule {
    /// Arrivals from now on, at this rate: first those of the warm-up, then those that are measured.
    pub(super) fn new(rate: NonZeroU32, lanes: u64, warmup: Duration, end: End) -> Self {
        let warm = arrivals(rate, warmup);
        let measured = match (end.span.map(|span| arrivals(rate, span).max(1)), end.count) {
            (Some(by_time), Some(by_count)) => Some(by_time.min(by_count)),
            (by_time, by_count) => by_time.or(by_count),
        };
        Self {
            rate,
            lanes: lanes.max(1),
            warm,
            total: measured.map(|measured| warm.saturating_add(measured)),
        }
    }

    /// When the arrival of this number is due, counted over all lanes from 0; none after the last.
    pub(super) fn due(&self, index: u64) -> Option<Duration> {
        if self.total.is_some_and(|total| index >= total) {
            return None;
        }
        let nanoseconds = u128::from(index) * NANOSECONDS / u128::from(self.rate.get());
        u64::try_from(nanoseconds).ok().map(Duration::from_nanos)
    }

    /// When the last arrival has had its time; none when there is no last.
    pub(super) fn end(&self) -> Option<Duration> {
        Self { total: None, ..*self }.due(self.total?)
    }

    /// When a lane's arrival of this number is due, counted within the lane from 0; none after the last.
    pub(super) fn due_in_lane(&self, lane: u64, number: u64) -> Option<Duration> {
        self.due(self.index(lane, number)?)
    }

    /// Whether a lane's arrival of this number comes after the warm-up.
    pub(super) fn is_measured(&self, lane: u64, number: u64) -> bool {
        self.index(lane, number).is_none_or(|index| index >= self.warm)
    }

    /// The number over all lanes of a lane's arrival.
    fn index(&self, lane: u64, number: u64) -> Option<u64> {
        number.checked_mul(self.lanes)?.checked_add(lane)
    }

    /// The lane of an arrival.
    pub(super) fn lane(&self, index: u64) -> u64 {
        index % self.lanes
    }

    /// When the warm-up is over.
    pub(super) fn measured_from(&self) -> Duration {
        Self { total: None, ..*self }.due(self.warm).unwrap_or_default()
    }
}

/// How many are due within this time.
fn arrivals(rate: NonZeroU32, within: Duration) -> u64 {
    let arrivals = within.as_nanos() * u128::from(rate.get()) / NANOSECONDS;
    u64::try_from(arrivals).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schedule(rate: u32, lanes: u64, warmup: u64, span: Option<u64>, count: Option<u64>) -> Schedule {
        let end = End { span: span.map(Duration::from_millis), count };
        Schedule::new(NonZeroU32::new(rate).unwrap(), lanes, Duration::from_millis(warmup), end)
    }

    #[test]
    fn a_rate_is_a_number_or_as_fast_as_it_goes() {
        assert_eq!("max".parse(), Ok(Rate::Max));
        for (text, rate) in [("1", 1), ("500", 500), ("20k", 20_000)] {
            assert_eq!(text.parse::<Rate>().unwrap().to_string(), rate.to_string());
        }
        for text in ["0", "", "k", "-1", "1.5", "5000000k", "fast"] {
            assert!(text.parse::<Rate>().is_err(), "{text}");
        }
    }

    #[test]
    fn arrivals_are_evenly_spaced_and_do_not_drift() {
        let schedule = schedule(3, 1, 0, None, None);
        assert_eq!(schedule.due(0), Some(Duration::ZERO));
        assert_eq!(schedule.due(1), Some(Duration::from_nanos(333_333_333)));
        assert_eq!(schedule.due(3_000_000), Some(Duration::from_secs(1_000_000)));
    }

    #[test]
    fn the_end_is_the_first_of_time_and_count() {
        for (span, count, arrivals) in [
            (Some(1000), None, 100),
            (Some(1000), Some(30), 30),
            (Some(100), Some(30), 10),
            (None, Some(7), 7),
            (Some(1), None, 1),
        ] {
            let schedule = schedule(100, 4, 0, span, count);
            assert!(schedule.due(arrivals - 1).is_some(), "{span:?} {count:?}");
            assert_eq!(schedule.due(arrivals), None, "{span:?} {count:?}");
        }
    }

    #[test]
    fn the_warm_up_comes_before_what_is_counted() {
        let schedule = schedule(100, 1, 500, None, Some(10));
        assert_eq!(schedule.measured_from(), Duration::from_millis(500));
        assert!(schedule.due(59).is_some());
        assert_eq!(schedule.due(60), None);
        assert_eq!(schedule.end(), Some(Duration::from_millis(600)));
        let measured = (0..60).filter(|number| schedule.is_measured(0, *number));
        assert!(measured.eq(50..60));
    }

    #[test]
    fn lanes_take_turns() {
        let schedule = schedule(10, 3, 0, None, Some(7));
        let mut all: Vec<_> = (0..3)
            .flat_map(|lane| (0..).map_while(move |number| schedule.due_in_lane(lane, number)))
            .collect();
        all.sort_unstable();
        assert_eq!(all, (0..7).map(|index| schedule.due(index).unwrap()).collect::<Vec<_>>());
        assert_eq!((0..5).map(|index| schedule.lane(index)).collect::<Vec<_>>(), [0, 1, 2, 0, 1]);
    }
}
