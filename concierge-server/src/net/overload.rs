//! Whether the gateway has so much to do that new work has to wait: decided here alone, asked by whoever would let some in. Those who
//! are in go on. Pure but for [`descriptors_used`]: what is used, and the time, are arguments.

use std::io;
use std::os::fd::AsRawFd as _;
use std::time::Duration;

use rustix::io::{Errno, fcntl_dupfd_cloexec};

/// When those who are refused may come again.
pub(super) const RETRY_AFTER: Duration = Duration::from_secs(5);

/// How long nothing new is let in at least: what comes and goes is no reason to say now this, now that.
const HOLD: Duration = Duration::from_secs(1);

/// What is nearly used up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scarce {
    /// The room for what waits to be written to clients.
    Outboxes,
    /// The descriptors of the process.
    Descriptors,
}

impl Scarce {
    /// The word for it.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Outboxes => "outboxes",
            Self::Descriptors => "descriptors",
        }
    }
}

/// How much of something is used, and how much there is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Usage {
    pub(super) used: usize,
    pub(super) most: usize,
}

/// What was found the last time.
#[derive(Debug)]
pub(super) struct Overload {
    outboxes: Gauge,
    descriptors: Gauge,
}

/// Whether one thing is scarce: from one mark on until below another.
#[derive(Debug)]
struct Gauge {
    /// It is when less than this part of all is left …
    begins: usize,
    /// … until at least this part is.
    ends: usize,
    /// It is, and stays so until then at least.
    hold: Option<Duration>,
}

impl Overload {
    pub(super) fn new() -> Self {
        Self {
            outboxes: Gauge { begins: 10, ends: 4, hold: None },
            // A tenth is no connection's anyway, see `limits.connections`.
            descriptors: Gauge { begins: 20, ends: 10, hold: None },
        }
    }

    /// What is too scarce for new work, judged anew.
    pub(super) fn judge(&mut self, outboxes: Usage, descriptors: Usage, now: Duration) -> Option<Scarce> {
        self.outboxes.judge(outboxes, now);
        self.descriptors.judge(descriptors, now);
        self.scarce()
    }

    /// What was too scarce for new work the last time.
    pub(super) fn scarce(&self) -> Option<Scarce> {
        let Self { outboxes, descriptors } = self;
        let descriptors = descriptors.hold.map(|_| Scarce::Descriptors);
        outboxes.hold.map(|_| Scarce::Outboxes).or(descriptors)
    }
}

impl Gauge {
    fn judge(&mut self, Usage { used, most }: Usage, now: Duration) {
        if used > most - most / self.begins {
            self.hold = Some(now + HOLD);
        } else if used <= most - most / self.ends {
            self.hold.take_if(|until| *until <= now);
        }
    }
}

/// How many descriptors of the process are in use for certain: the system gives out the lowest number that is free.
pub(super) fn descriptors_used() -> usize {
    match fcntl_dupfd_cloexec(io::stderr(), 0) {
        Ok(lowest) => usize::try_from(lowest.as_raw_fd()).unwrap_or_default(),
        Err(Errno::MFILE | Errno::NFILE) => usize::MAX,
        // It has no stderr, which is nothing to turn anybody away for.
        Err(_) => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: Usage = Usage { used: 0, most: 1000 };

    fn at(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    #[test]
    fn new_work_waits_from_nine_tenths_until_below_three_quarters() {
        let mut overload = Overload::new();
        for (second, used, expected) in [
            (1, 900, None),
            (2, 901, Some(Scarce::Outboxes)),
            (9, 900, Some(Scarce::Outboxes)),
            (10, 751, Some(Scarce::Outboxes)),
            (11, 750, None),
            (12, 900, None),
            (13, 2000, Some(Scarce::Outboxes)),
        ] {
            let scarce = overload.judge(Usage { used, most: 1000 }, NONE, at(second * 1000));
            assert_eq!(scarce, expected, "{used} in second {second}");
        }
    }

    #[test]
    fn what_comes_and_goes_holds_for_a_second() {
        let mut overload = Overload::new();
        let (much, now) = (Usage { used: 990, most: 1000 }, at(5000));
        assert_eq!(overload.judge(NONE, much, now), Some(Scarce::Descriptors));
        assert_eq!(overload.judge(NONE, NONE, at(5999)), Some(Scarce::Descriptors));
        assert_eq!(overload.judge(NONE, NONE, at(6000)), None);
    }

    #[test]
    fn of_few_descriptors_some_are_left_and_of_none_more_than_there_are_is_too_much() {
        let scarce = |used, most| Overload::new().judge(NONE, Usage { used, most }, at(0));
        assert_eq!((scarce(61, 64), scarce(62, 64)), (None, Some(Scarce::Descriptors)));
        assert_eq!((scarce(972, 1024), scarce(974, 1024)), (None, Some(Scarce::Descriptors)));
        assert_eq!((scarce(0, 0), scarce(1, 0)), (None, Some(Scarce::Descriptors)));
    }

    #[test]
    fn without_a_bound_nothing_is_scarce() {
        let unlimited = Usage { used: 1 << 40, most: usize::MAX };
        assert_eq!(Overload::new().judge(unlimited, unlimited, at(0)), None);
    }

    #[test]
    fn descriptors_are_counted_as_long_as_they_are_there() {
        let files: Vec<_> = (0..50).map(|_| std::fs::File::open("/").unwrap()).collect();
        assert!(descriptors_used() >= 50);
        drop(files);
    }
}
