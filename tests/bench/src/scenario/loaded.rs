//! What a message takes while the server does four fifths of what it can.
//!
//! Each message has a moment at which it is due, and the time is counted from that moment, whether or not it could be sent then:
//! a server that falls behind makes all those late that come after (no coordinated omission).

use std::time::{Duration, Instant};

use anyhow::Result;
use support::latency::Latencies;

use super::pairs::Pairs;
use super::{Figure, percentiles};
use crate::machine::Plan;
use crate::peer::{Part, Server};

/// Of what the server can do.
const LOAD: f64 = 0.8;

/// Pairs that send as often as they are due, instead of when the last message has come.
#[derive(Debug, Clone, Copy)]
pub(super) struct Loaded {
    pub(super) pairs: Pairs,
    /// Whether each message is answered by another one, and the time is that of both.
    pub(super) back: bool,
}

/// When each message is due: in turn by all pairs, at the same distance.
#[derive(Debug, Clone, Copy)]
struct Schedule {
    pairs: usize,
    /// Messages in a second.
    rate: f64,
}

impl Loaded {
    /// What the server can do is found out first, by one of its kind.
    pub(super) fn run(self, start: impl Fn() -> Result<Server>, plan: Plan) -> Result<Vec<Figure>> {
        let capacity = self.pairs.measure(&start()?, plan)?.per_second() * 1000.0;
        let schedule =
            Schedule { pairs: self.pairs.pairs, rate: capacity * LOAD / if self.back { 2.0 } else { 1.0 } };
        self.measure(&start()?, plan, schedule)
    }

    fn measure(self, server: &Server, plan: Plan, schedule: Schedule) -> Result<Vec<Figure>> {
        let (mut trial, messages) = self.pairs.prepare(server, plan)?;
        let answers: Vec<_> =
            (0..self.pairs.pairs).map(|pair| server.message(Part::Right(pair), self.pairs.bytes)).collect();
        let (times, lateness) = (Latencies::new(), Latencies::new());
        let mut sent = vec![0; self.pairs.pairs];
        let mut came = sent.clone();
        let mut done = 0;
        let begun = Instant::now();
        loop {
            let now = begun.elapsed();
            if trial.meter.goes_on(done)? {
                for (pair, (sent, message)) in sent.iter_mut().zip(&messages).enumerate() {
                    let due = schedule.count(pair, now);
                    if due > *sent {
                        trial.crowd.send(pair * 2, &message.repeat(due - *sent))?;
                        lateness.record(now.saturating_sub(schedule.due(pair, *sent)));
                        *sent = due;
                    }
                }
                trial.listen_within(Duration::ZERO)?;
            } else if came == sent {
                break;
            } else {
                trial.listen()?;
            }
            let now = begun.elapsed();
            for (number, heard) in trial.heard.iter().filter(|(_, heard)| heard.messages > 0) {
                let (pair, is_left) = (number / 2, number.is_multiple_of(2));
                if self.back && !is_left {
                    let answer = answers.get(pair).map(Vec::as_slice).unwrap_or_default();
                    trial.crowd.send(*number, &answer.repeat(heard.messages))?;
                    continue;
                }
                let Some(came) = came.get_mut(pair) else { continue };
                if trial.meter.is_warm() {
                    for number in *came..*came + heard.messages {
                        times.record(now.saturating_sub(schedule.due(pair, number)));
                    }
                }
                *came += heard.messages;
                done += heard.messages;
            }
        }
        let all: usize = sent.iter().sum();
        trial.finish(if self.back { all * 2 } else { all })?;
        let costs = trial.meter.spent()?;
        let mut figures = percentiles(&times);
        figures.extend([
            ("sent late, p99 µs", lateness.quantile(0.99).as_secs_f64() * 1e6),
            ("thousands per second", costs.per_second()),
            ("server busy %", costs.server.as_secs_f64() / costs.time.as_secs_f64() * 100.0),
        ]);
        Ok(figures)
    }
}

impl Schedule {
    /// When a message of a pair is due, counted from zero.
    #[expect(clippy::cast_precision_loss, reason = "counts of messages are small")]
    fn due(self, pair: usize, number: usize) -> Duration {
        Duration::from_secs_f64((number * self.pairs + pair) as f64 / self.rate)
    }

    /// How many messages of a pair are due by then.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "counts of messages are small, and no less than none"
    )]
    fn count(self, pair: usize, by: Duration) -> usize {
        let all = (by.as_secs_f64() * self.rate) as usize;
        (all + self.pairs - pair - 1) / self.pairs
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_due_in_turn_at_the_rate_that_is_asked_for() {
        let schedule = Schedule { pairs: 4, rate: 1000.0 };
        assert_eq!(schedule.due(0, 0), Duration::ZERO);
        assert_eq!(schedule.due(3, 0), Duration::from_millis(3));
        assert_eq!(schedule.due(1, 5), Duration::from_millis(21));
        for milliseconds in 0..50_u32 {
            let by = Duration::from_micros(u64::from(milliseconds) * 1000 + 500);
            let due: usize = (0..4).map(|pair| schedule.count(pair, by)).sum();
            assert_eq!(due, usize::try_from(milliseconds).unwrap());
            for pair in 0..4 {
                let count = schedule.count(pair, by);
                assert!(count == 0 || schedule.due(pair, count - 1) < by);
            }
        }
    }
}
