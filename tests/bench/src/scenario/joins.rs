//! Many who come at once.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use anyhow::{Result, ensure};

use super::{Figure, Trial, throughput};
use crate::machine::Plan;
use crate::peer::{Part, Server};

/// How many are on their way in at a time.
const AT_ONCE: usize = 16;

/// What is measured has an end by itself.
const AT_ALL: Plan = Plan { warm: Duration::ZERO, span: Duration::ZERO };

/// So many clients.
#[derive(Debug, Clone, Copy)]
pub(super) struct Joins {
    pub(super) clients: usize,
}

impl Joins {
    /// Who does not want to hear of the others: the time from the first connection to the last one that is ready. Those who are in
    /// give signs of life meanwhile.
    pub(super) fn run(self, server: &Server) -> Result<Vec<Figure>> {
        let mut trial = Trial::prepare(server, AT_ALL, [], 0)?;
        trial.meter.goes_on(0)?;
        let (door, next) = (server.door(), AtomicUsize::new(0));
        let (ready, arrivals) = mpsc::channel();
        std::thread::scope(|scope| -> Result<()> {
            for _ in 0..AT_ONCE {
                let (ready, next) = (ready.clone(), &next);
                scope.spawn(move || {
                    let numbers = std::iter::repeat_with(|| next.fetch_add(1, Ordering::Relaxed));
                    // Once one of them has failed, nobody takes the others.
                    numbers
                        .take_while(|number| *number < self.clients)
                        .all(|number| ready.send((number, door.connect(Part::Guest(number)))).is_ok())
                });
            }
            drop(ready);
            for (number, socket) in arrivals {
                trial.take(socket?, Part::Guest(number), 0)?;
            }
            Ok(())
        })?;
        trial.meter.goes_on(trial.messages.len())?;
        Ok(throughput(trial.meter.spent()?))
    }

    /// Who hears of everybody that comes later: whoever reads hears all of it.
    pub(super) fn run_with_presence(self, server: &Server) -> Result<Vec<Figure>> {
        let mut trial = Trial::prepare(server, AT_ALL, [], 0)?;
        trial.meter.goes_on(0)?;
        for number in 0..self.clients {
            trial.add(Part::Guest(number), 0)?;
        }
        let expected = self.clients * (self.clients - 1) / 2;
        while trial.news.iter().sum::<usize>() < expected {
            trial.listen()?;
        }
        let right = trial.news.iter().rev().enumerate().all(|(later, news)| *news == later);
        ensure!(right, "not everybody heard of everybody that came later");
        trial.meter.goes_on(expected)?;
        Ok(throughput(trial.meter.spent()?))
    }
}
