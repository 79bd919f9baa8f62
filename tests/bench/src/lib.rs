//! What the gateway costs, beside others that do the same work: a load, the servers that carry it, and what each of them
//! took of the processor for it.
//!
//! The figure that survives a busy machine is the work done for a second of the server's own processor time. So the server
//! has one core and the load the other, the servers take turns within one run, and what is told is the median of the rounds.

mod arguments;
mod load;
mod machine;
mod peer;
mod report;
mod scenario;

pub use arguments::Arguments;

use std::io::Write as _;

use anyhow::Result;

use machine::Cores;
use report::Report;

/// Measures what the arguments ask for, and prints it.
///
/// # Errors
///
/// When a server does not start, does not do what it should, or does not do all of it.
pub fn compare(arguments: &Arguments) -> Result<()> {
    let cores = Cores::find()?;
    let mut out = std::io::stdout().lock();
    if cores.are_shared() {
        writeln!(out, "there is one core only: the load slows the servers down")?;
    }
    let place = tempfile::tempdir()?;
    let mut report = Report::default();
    let mut scenarios = scenario::all(arguments.size());
    scenarios.retain(|scenario| arguments.wants(&scenario.name));
    for scenario in &scenarios {
        for _ in 0..arguments.rounds() {
            for peer in scenario.peers(arguments) {
                let figures = scenario.run(peer, &cores, place.path(), arguments.plan())?;
                report.add(scenario, peer, figures);
            }
        }
        if !arguments.markdown {
            writeln!(out, "{}", report.table(scenario))?;
        }
    }
    if arguments.markdown {
        write!(out, "{}", report.markdown(&scenarios))?;
    }
    if let Some(path) = &arguments.json {
        std::fs::write(path, report.to_json())?;
    }
    Ok(())
}
