//! What the comparison is asked for.

use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;

use crate::machine::Plan;
use crate::peer::Peer;
use crate::scenario::Size;

/// Compare the gateway with others that do the same work
#[derive(Debug, Parser)]
#[expect(clippy::struct_excessive_bools, reason = "a command line has flags")]
pub struct Arguments {
    /// Do everything once and small, with the gateway alone: check counts, and tell no figures worth anything
    #[arg(long, conflicts_with = "quick")]
    once: bool,
    /// Take a few minutes: a second for each measurement
    #[arg(long)]
    quick: bool,
    /// Only what has this in its name; may be given several times
    #[arg(long, value_name = "TEXT")]
    only: Vec<String>,
    /// Only these servers, separated by commas
    #[arg(long, value_name = "NAMES", value_delimiter = ',', value_enum)]
    peers: Vec<Peer>,
    /// How often each measurement is repeated; the median counts
    #[arg(long, value_name = "N")]
    rounds: Option<usize>,
    /// How many seconds a measurement takes
    #[arg(long, value_name = "SECONDS")]
    seconds: Option<f64>,
    /// Print the figures that count as one table in Markdown, as the page about the gateway's performance has it
    #[arg(long)]
    pub(crate) markdown: bool,
    /// Write all figures of all rounds as JSON
    #[arg(long, value_name = "PATH")]
    pub(crate) json: Option<PathBuf>,
    /// Given by cargo
    #[arg(long, hide = true)]
    bench: bool,
}

impl Arguments {
    pub(crate) fn size(&self) -> Size {
        if self.once { Size::Small } else { Size::Whole }
    }

    pub(crate) fn rounds(&self) -> usize {
        self.rounds.unwrap_or(if self.once { 1 } else { 3 }).max(1)
    }

    pub(crate) fn plan(&self) -> Plan {
        let (warm, span) = match (self.once, self.quick) {
            (true, _) => (0.0, 0.02),
            (false, true) => (0.3, 1.0),
            (false, false) => (1.0, 4.0),
        };
        let seconds = self.seconds.filter(|seconds| seconds.is_finite() && *seconds > 0.0);
        Plan { warm: Duration::from_secs_f64(warm), span: Duration::from_secs_f64(seconds.unwrap_or(span)) }
    }

    pub(crate) fn wants(&self, scenario: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|text| scenario.contains(text.as_str()))
    }

    pub(crate) fn wants_peer(&self, peer: Peer) -> bool {
        if self.peers.is_empty() { !self.once || peer.is_ours() } else { self.peers.contains(&peer) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_comparison_on_the_page_about_performance_can_be_made() {
        let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../concierge-server/PERFORMANCE.md");
        let page = std::fs::read_to_string(page).unwrap();
        let commands: Vec<_> = page
            .lines()
            .filter_map(|line| line.split_once("--bench compare -- "))
            .map(|(_, words)| words)
            .collect();
        assert!(commands.len() > 2, "the page has lost its commands");
        for words in commands {
            // What is in quotes is one word.
            let words = words.split('"').enumerate().flat_map(|(index, part)| match index % 2 {
                0 => part.split_whitespace().collect(),
                _ => vec![part],
            });
            let arguments = Arguments::try_parse_from(std::iter::once("compare").chain(words));
            let arguments = arguments.unwrap_or_else(|error| panic!("{error}"));
            let mut scenarios = crate::scenario::all(arguments.size());
            scenarios.retain(|scenario| arguments.wants(&scenario.name));
            assert!(!scenarios.is_empty(), "nothing is done by {arguments:?}");
        }
    }
}
