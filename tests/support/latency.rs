//! How long something took, many times over: for figures that are printed. Nothing is decided by them.

use std::fmt::{self, Display, Formatter};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use hdrhistogram::Histogram;

/// The longest that is told apart, in nanoseconds: ten minutes.
const LONGEST: u64 = 600_000_000_000;

/// Durations, counted with three digits. Those that measure share it.
#[derive(Debug)]
pub struct Latencies(Mutex<Histogram<u64>>);

impl Latencies {
    /// None yet.
    ///
    /// # Panics
    ///
    /// Never: three digits are few enough.
    pub fn new() -> Self {
        Self(Mutex::new(Histogram::new_with_max(LONGEST, 3).expect("three digits are few enough")))
    }

    /// One more.
    pub fn record(&self, took: Duration) {
        let nanoseconds = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).saturating_record(nanoseconds);
    }

    /// That part of them took no longer: 0.5 is the median.
    pub fn quantile(&self, part: f64) -> Duration {
        Duration::from_nanos(self.0.lock().unwrap_or_else(PoisonError::into_inner).value_at_quantile(part))
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}

impl Default for Latencies {
    fn default() -> Self {
        Self::new()
    }
}

impl Display for Latencies {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        let histogram = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let at = |part| Duration::from_nanos(histogram.value_at_quantile(part));
        let (count, longest) = (histogram.len(), Duration::from_nanos(histogram.max()));
        write!(formatter, "p50 {:.1?}, p99 {:.1?}, longest {longest:.1?} of {count}", at(0.5), at(0.99))
    }
}
