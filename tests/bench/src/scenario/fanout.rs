//! One sends to many.

use anyhow::{Result, ensure};

use super::{Figure, Trial, throughput};
use crate::machine::Plan;
use crate::peer::{Part, Server};

/// Bytes of a message's data.
const BYTES: usize = 128;

/// An owner and its subscribers.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fanout {
    pub(super) subscribers: usize,
    /// How many messages are on their way at most.
    pub(super) in_flight: usize,
}

impl Fanout {
    /// As many at a time as a sender that does not wait has on their way: less to many, whose sockets hold them all.
    pub(super) fn streaming(subscribers: usize) -> Self {
        Self { subscribers, in_flight: (64_000 / subscribers.max(1)).clamp(32, 256) }
    }

    pub(super) fn run(self, server: &Server, plan: Plan) -> Result<Vec<Figure>> {
        let Self { subscribers, in_flight } = self;
        let parts = (0..subscribers).map(Part::Subscriber);
        let mut trial = Trial::prepare(server, plan, std::iter::once(Part::Owner).chain(parts), BYTES)?;
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
        Ok(throughput(trial.meter.spent()?))
    }
}
