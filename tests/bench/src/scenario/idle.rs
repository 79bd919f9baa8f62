//! Connections that are there and say nothing: what they take.

use std::time::Instant;

use anyhow::Result;
use support::process::{peak_resident_bytes, resident_bytes};

use super::{Figure, Trial};
use crate::machine::{Plan, processor_time};
use crate::peer::{Part, Server};

/// How much longer than other measurements this one takes: signs of life are asked for every few seconds.
const LONGER: u32 = 6;

/// So many connections.
#[derive(Debug, Clone, Copy)]
pub(super) struct Idle {
    pub(super) connections: usize,
}

impl Idle {
    pub(super) fn run(self, server: &Server, plan: Plan) -> Result<Vec<Figure>> {
        let process = server.process();
        let before = resident_bytes(process);
        let mut trial = Trial::prepare(server, plan, (0..self.connections).map(Part::Guest), 0)?;
        let grown = resident_bytes(process).saturating_sub(before);
        let (begun, taken) = (Instant::now(), processor_time(process)?);
        let end = begun + plan.span * LONGER;
        while let Some(left) = end.checked_duration_since(Instant::now()) {
            trial.listen_within(left)?;
        }
        let busy =
            processor_time(process)?.saturating_sub(taken).as_secs_f64() / begun.elapsed().as_secs_f64();
        #[expect(clippy::cast_precision_loss, reason = "figures for people")]
        let [grown, count, peak] =
            [grown, self.connections, peak_resident_bytes(process)].map(|number| number as f64);
        Ok(vec![
            ("KiB each", grown / 1024.0 / count),
            ("server busy %", busy * 100.0),
            ("peak MiB", peak / f64::from(1 << 20)),
        ])
    }
}
