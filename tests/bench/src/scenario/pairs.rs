//! Pairs, each with one that sends to the other by name.

use anyhow::{Result, ensure};

use super::{Figure, Trial, throughput};
use crate::machine::{Plan, Spent};
use crate::peer::{Part, Server};

/// How many messages each pair has on their way.
const IN_FLIGHT: usize = 32;

/// Pairs, and the size of what they say.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pairs {
    pub(super) pairs: usize,
    pub(super) bytes: usize,
}

impl Pairs {
    pub(super) fn run(self, server: &Server, plan: Plan) -> Result<Vec<Figure>> {
        self.measure(server, plan).map(throughput)
    }

    /// First by a server with one core, then by one with all: how much faster that is when both have all the work they can do.
    pub(super) fn run_wide(
        self,
        one: &Server,
        start: impl FnOnce() -> Result<Server>,
        plan: Plan,
        cores: usize,
    ) -> Result<Vec<Figure>> {
        let narrow = self.measure(one, plan)?;
        let wide = self.measure(&start()?, plan)?;
        #[expect(clippy::cast_precision_loss, reason = "figures for people")]
        let times = wide.per_processor_second() / narrow.per_processor_second() * cores as f64;
        Ok(vec![
            ("times one core", times),
            ("per cpu-second, one core", narrow.per_processor_second()),
            ("per cpu-second, all", wide.per_processor_second()),
            ("per second, one core", narrow.per_second()),
            ("per second, all", wide.per_second()),
        ])
    }

    /// Connects all of them, the left one of each pair before the right one, and tells what each left one says.
    pub(super) fn prepare(self, server: &Server, plan: Plan) -> Result<(Trial<'_>, Vec<Vec<u8>>)> {
        let Self { pairs, bytes } = self;
        let parts = (0..pairs).flat_map(|pair| [Part::Left(pair), Part::Right(pair)]);
        let trial = Trial::prepare(server, plan, parts, bytes)?;
        Ok((trial, (0..pairs).map(|pair| server.message(Part::Left(pair), bytes)).collect()))
    }

    /// How much they can say when each has so many messages on their way.
    pub(super) fn measure(self, server: &Server, plan: Plan) -> Result<Spent> {
        let (mut trial, messages) = self.prepare(server, plan)?;
        let bursts: Vec<_> = messages.iter().map(|message| message.repeat(IN_FLIGHT)).collect();
        let (mut sent, mut received) = (0, 0);
        for (pair, burst) in bursts.iter().enumerate() {
            trial.crowd.send(pair * 2, burst)?;
            sent += IN_FLIGHT;
        }
        while received < sent {
            received += trial.listen()?;
            if !trial.meter.goes_on(received)? {
                continue;
            }
            for (number, heard) in &trial.heard {
                let burst = bursts.get(number / 2).map(Vec::as_slice).unwrap_or_default();
                if let Some(frames @ [_, ..]) = burst.get(..burst.len() / IN_FLIGHT * heard.messages) {
                    trial.crowd.send(number - 1, frames)?;
                    sent += heard.messages;
                }
            }
        }
        trial.finish(sent)?;
        let lefts = trial.messages.iter().step_by(2);
        ensure!(lefts.sum::<usize>() == 0, "messages came to their senders");
        trial.meter.spent()
    }
}
