//! Latencies, and what is told of them. Pure but for a lock: several tasks record, one reads at the end.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use hdrhistogram::Histogram;
use serde::Serialize;

/// The longest that is told apart, in microseconds: an hour.
const LONGEST: u64 = 3_600_000_000;

/// How many tasks can record without waiting for each other.
const SHARDS: usize = 8;

/// What is told of latencies, in microseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Percentiles {
    /// How many there are.
    pub count: u64,
    /// Half are at most this.
    #[serde(rename = "p50_us")]
    pub p50: u64,
    /// Nine of ten.
    #[serde(rename = "p90_us")]
    pub p90: u64,
    /// All but one of a hundred.
    #[serde(rename = "p99_us")]
    pub p99: u64,
    /// All but one of a thousand.
    #[serde(rename = "p99_9_us")]
    pub p999: u64,
    /// The longest.
    #[serde(rename = "max_us")]
    pub max: u64,
}

/// Latencies as they are recorded.
#[derive(Debug)]
pub(super) struct Latencies {
    shards: Vec<Mutex<Histogram<u64>>>,
}

impl Latencies {
    pub(super) fn new() -> Self {
        Self { shards: (0..SHARDS).map(|_| Mutex::new(histogram())).collect() }
    }

    /// Records one. Whoever records gives the same number each time, another than the others'.
    pub(super) fn record(&self, recorder: usize, latency: Duration) {
        if let Some(shard) = self.shards.get(recorder % SHARDS) {
            let microseconds = u64::try_from(latency.as_micros()).unwrap_or(u64::MAX);
            shard.lock().unwrap_or_else(PoisonError::into_inner).saturating_record(microseconds);
        }
    }

    /// What there is to tell so far.
    pub(super) fn percentiles(&self) -> Percentiles {
        let mut all = histogram();
        for shard in &self.shards {
            all.add(&*shard.lock().unwrap_or_else(PoisonError::into_inner))
                .expect("they have the same bounds");
        }
        Percentiles {
            count: all.len(),
            p50: all.value_at_quantile(0.5),
            p90: all.value_at_quantile(0.9),
            p99: all.value_at_quantile(0.99),
            p999: all.value_at_quantile(0.999),
            max: all.max(),
        }
    }
}

/// Three digits are exact, up to an hour.
fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, LONGEST, 3).expect("the bounds are valid")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_those_of_all_who_record() {
        let latencies = Latencies::new();
        for number in 1..=1000_u64 {
            latencies.record(usize::try_from(number).unwrap(), Duration::from_micros(number));
        }
        let Percentiles { count, p50, p90, p99, p999, max } = latencies.percentiles();
        assert_eq!((count, p50, p90, p99, p999, max), (1000, 500, 900, 990, 999, 1000));
    }

    #[test]
    fn without_any_there_is_nothing_to_tell() {
        assert_eq!(Latencies::new().percentiles(), Percentiles::default());
    }

    #[test]
    fn what_is_longer_than_an_hour_counts_as_an_hour() {
        let latencies = Latencies::new();
        latencies.record(0, Duration::from_secs(100_000));
        let max = latencies.percentiles().max;
        assert!((LONGEST..LONGEST + LONGEST / 500).contains(&max), "{max}");
    }
}
