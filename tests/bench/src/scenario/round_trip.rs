//! A message and what comes back, one at a time: how long it takes.

use std::time::Instant;

use anyhow::{Result, ensure};
use support::latency::Latencies;

use super::{Figure, Trial, percentiles};
use crate::machine::Plan;
use crate::peer::{Part, Server};

/// Bytes of a message's data.
const BYTES: usize = 128;

/// Where it goes.
#[derive(Debug, Clone, Copy)]
pub(super) enum Way {
    /// To the sender; it has come back when it is there, and where messages are answered the answer is.
    Oneself,
    /// To another, which sends one in turn.
    AnotherAndBack,
}

impl Way {
    pub(super) fn run(self, server: &Server, plan: Plan) -> Result<Vec<Figure>> {
        let parts = match self {
            Self::Oneself => vec![Part::Alone],
            Self::AnotherAndBack => vec![Part::Left(0), Part::Right(0)],
        };
        let frames: Vec<_> = parts.iter().map(|part| server.message(*part, BYTES)).collect();
        let mut trial = Trial::prepare(server, plan, parts, BYTES)?;
        let times = Latencies::new();
        let (mut done, mut sent) = (0, 0);
        while trial.meter.goes_on(done)? {
            let begun = Instant::now();
            for (number, frame) in frames.iter().enumerate() {
                trial.crowd.send(number, frame)?;
                sent += 1;
                let mut came = 0;
                let answers = if server.peer().answers() && frames.len() == 1 { sent } else { 0 };
                while came == 0 || trial.answers < answers {
                    came += trial.listen()?;
                }
                ensure!(came == 1, "{came} messages came of one");
            }
            times.record(begun.elapsed());
            done += 1;
        }
        trial.finish(sent)?;
        let costs = trial.meter.spent()?;
        #[expect(clippy::cast_precision_loss, reason = "figures for people")]
        let each = costs.server.as_secs_f64() * 1e6 / costs.done.max(1) as f64;
        let mut figures = percentiles(&times);
        figures.push(("server µs", each));
        Ok(figures)
    }
}
