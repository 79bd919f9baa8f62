//! Keeps a client to a rate: over it nothing more is read from it until there is room again, and who stays over it for too
//! long is told apart. Pure: time is an argument.

use std::time::Duration;

use crate::config::Rate;

/// How long a client may stay over its rate.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long a client that was over its rate does not use the room it has, until it counts as one that stopped: one that sends
/// whenever it is let looks as if it had, each time the gateway is a moment late.
const REST: Duration = Duration::from_secs(1);

/// What became of one thing that was counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Counted {
    /// There is room for the next.
    Within,
    /// The next has to wait until then.
    Wait { until: Duration },
    /// The client was over its rate for too long.
    TooLong,
}

/// One client and its rate.
#[derive(Debug)]
pub(super) struct Throttle {
    rate: Rate,
    /// When everything counted so far would have come at exactly the rate: so far ahead of now, so much of the burst is used.
    paid_until: Duration,
    over_since: Option<Duration>,
}

impl Throttle {
    pub(super) fn new(rate: Rate) -> Self {
        Self { rate, paid_until: Duration::ZERO, over_since: None }
    }

    /// Counts one more.
    pub(super) fn count(&mut self, now: Duration) -> Counted {
        if now >= self.room_from() + REST {
            self.over_since = None;
        }
        self.paid_until = self.paid_until.max(now) + self.rate.interval();
        let until = self.room_from();
        if until <= now {
            return Counted::Within;
        }
        let since = *self.over_since.get_or_insert(now);
        if now >= since + PATIENCE { Counted::TooLong } else { Counted::Wait { until } }
    }

    /// From when on there is room for one more.
    fn room_from(&self) -> Duration {
        self.paid_until.saturating_sub(self.rate.interval() * (self.rate.burst - 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    fn throttle(per_second: u32, burst: u32) -> Throttle {
        Throttle::new(Rate::new(per_second, burst).unwrap())
    }

    #[test]
    fn a_burst_passes_and_what_follows_waits_for_its_turn() {
        let mut throttle = throttle(20, 40);
        for _ in 0..39 {
            assert_eq!(throttle.count(at(1000)), Counted::Within);
        }
        assert_eq!(throttle.count(at(1000)), Counted::Wait { until: at(1050) });
        assert_eq!(throttle.count(at(1050)), Counted::Wait { until: at(1100) });
        // After a rest there is room for as many again.
        assert_eq!((0..40).filter(|_| throttle.count(at(4000)) == Counted::Within).count(), 39);
    }

    #[test]
    fn who_keeps_to_the_rate_never_waits() {
        let mut throttle = throttle(20, 40);
        assert!((0..10_000).all(|turn| throttle.count(at(turn * 50)) == Counted::Within));
    }

    #[test]
    fn who_sends_whenever_it_is_let_is_told_after_ten_seconds_even_by_a_late_gateway() {
        let rates = [(20, 40), (20, 1), (1, 2), (1, 1), (1000, 2)];
        for (late, (rate, burst)) in
            [0, 1, 60, 300].into_iter().flat_map(|late| rates.map(|rate| (late, rate)))
        {
            let mut throttle = throttle(rate, burst);
            let (mut now, mut first) = (at(5000), None);
            let told = loop {
                match throttle.count(now) {
                    Counted::Within => {}
                    Counted::Wait { until } => {
                        first.get_or_insert(now);
                        now = until + at(late);
                    }
                    Counted::TooLong => break now,
                }
                assert!(now < at(60_000), "nobody was told of {rate}/s, {late} ms late");
            };
            let first = first.unwrap();
            assert!(
                told >= first + PATIENCE && told < first + at(12_000),
                "{rate}/s burst {burst}, {late} ms late: {told:?}"
            );
        }
    }

    #[test]
    fn bursts_with_rests_between_are_nobodys_offence() {
        let mut throttle = throttle(20, 40);
        for second in (0..600).step_by(3) {
            let counted: Vec<_> = (0..40).map(|_| throttle.count(at(second * 1000))).collect();
            assert!(!counted.contains(&Counted::TooLong));
        }
    }

    #[test]
    fn a_burst_of_one_is_a_rate_as_well() {
        let mut throttle = throttle(1, 1);
        assert_eq!(throttle.count(at(0)), Counted::Wait { until: at(1000) });
        assert_eq!(throttle.count(at(1500)), Counted::Wait { until: at(2500) });
    }
}
