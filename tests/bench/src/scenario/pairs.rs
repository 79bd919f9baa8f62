//! Pairs, each with one that sends to the other by name.

use anyhow::{Result, ensure};

use super::{Figure, Trial, throughput};
use crate::machine::Plan;
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
        let Self { pairs, bytes } = self;
        let parts = (0..pairs).flat_map(|pair| [Part::Left(pair), Part::Right(pair)]);
        let mut trial = Trial::prepare(server, plan, parts, bytes)?;
        let bursts: Vec<_> =
            (0..pairs).map(|pair| server.message(Part::Left(pair), bytes).repeat(IN_FLIGHT)).collect();
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
        Ok(throughput(trial.meter.spent()?))
    }
}
