//! One sends to many.

use anyhow::{Result, ensure};

use super::{Figure, Trial, throughput};
use crate::machine::{Plan, Spent};
use crate::peer::{Part, Server};

/// Bytes of a message's data.
const BYTES: usize = 128;

/// An owner and its subscribers.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fanout {
    pub(super) subscribers: usize,
    /// How many messages are on their way at most.
    pub(super) in_flight: usize,
    /// Subscribers beyond those, who read nothing.
    pub(super) stuck: usize,
}

impl Fanout {
    /// As many at a time as a sender that does not wait has on their way: less to many, whose sockets hold them all.
    pub(super) fn streaming(subscribers: usize) -> Self {
        Self { subscribers, in_flight: (64_000 / subscribers.max(1)).clamp(32, 256), stuck: 0 }
    }

    /// One message at a time.
    pub(super) fn one_at_a_time(subscribers: usize) -> Self {
        Self { subscribers, in_flight: 1, stuck: 0 }
    }

    pub(super) fn run(self, server: &Server, plan: Plan) -> Result<Vec<Figure>> {
        self.measure(server, plan).map(throughput)
    }

    /// The same with some who are stuck, and what the others have of it.
    pub(super) fn run_stuck(self, start: impl Fn() -> Result<Server>, plan: Plan) -> Result<Vec<Figure>> {
        let without = Self { stuck: 0, ..self }.measure(&start()?, plan)?;
        let with = self.measure(&start()?, plan)?;
        #[expect(clippy::cast_precision_loss, reason = "figures for people")]
        let more = with.peak.saturating_sub(without.peak) as f64;
        Ok(vec![
            ("rate kept %", with.per_second() / without.per_second() * 100.0),
            ("rate per cpu kept %", with.per_processor_second() / without.per_processor_second() * 100.0),
            ("more memory MiB", more / f64::from(1 << 20)),
        ])
    }

    fn measure(self, server: &Server, plan: Plan) -> Result<Spent> {
        let Self { subscribers, in_flight, stuck } = self;
        let parts = (0..subscribers).map(Part::Subscriber);
        let mut trial = Trial::prepare(server, plan, std::iter::once(Part::Owner).chain(parts), BYTES)?;
        let stuck =
            (subscribers..subscribers + stuck).map(|number| server.door().connect(Part::Subscriber(number)));
        let _stuck = stuck.collect::<Result<Vec<_>>>()?;
        let frame = server.message(Part::Owner, BYTES);
        let burst = frame.repeat(in_flight);
        let (mut sent, mut received) = (0, 0);
        loop {
            if trial.meter.goes_on(received)? {
                // A sender that streams fills a part of what it may, not the place of each message that arrived.
                let room = in_flight - (sent - received / subscribers);
                if room * 4 >= in_flight {
                    trial.crowd.send(0, burst.get(..room * frame.len()).unwrap_or_default())?;
                    sent += room;
                }
            } else if received >= sent * subscribers {
                break;
            }
            received += trial.listen()?;
        }
        trial.finish(sent)?;
        let each = trial.messages.get(1..).unwrap_or_default();
        ensure!(each.iter().all(|count| *count == sent), "of {sent} messages the subscribers have {each:?}");
        trial.meter.spent()
    }
}
