//! What came out: a table for each kind of work, with medians and what others make of it, and everything as JSON.

use serde_json::{Map, Value, json};

use crate::peer::Peer;
use crate::scenario::{Figure, Scenario};

/// Characters of a column.
const COLUMN: usize = 26;

/// All figures of all rounds, in the order they came.
#[derive(Debug, Default)]
pub(crate) struct Report {
    results: Vec<Result>,
}

/// What one server did in one kind of work.
#[derive(Debug)]
struct Result {
    scenario: String,
    peer: Peer,
    rounds: Vec<Vec<Figure>>,
}

impl Report {
    pub(crate) fn add(&mut self, scenario: &Scenario, peer: Peer, figures: Vec<Figure>) {
        let known = |result: &&mut Result| result.scenario == scenario.name && result.peer == peer;
        if let Some(result) = self.results.iter_mut().find(known) {
            result.rounds.push(figures);
        } else {
            self.results.push(Result { scenario: scenario.name.clone(), peer, rounds: vec![figures] });
        }
    }

    /// The table of one kind of work.
    pub(crate) fn table(&self, scenario: &Scenario) -> String {
        let results: Vec<_> = self.of(scenario).collect();
        let Some(ours) = results.first() else { return String::new() };
        let names = ours.names();
        let first = ours.median(0);
        let line = |name: &str, cells: Vec<String>, ratio: &str| {
            let mut line = format!("{name:<32}");
            for cell in cells.iter().map(String::as_str).chain([ratio]) {
                line.push_str(&" ".repeat(COLUMN.saturating_sub(cell.chars().count())));
                line.push_str(cell);
            }
            line + "\n"
        };
        let head = line(&scenario.name, names.iter().map(|name| (*name).to_owned()).collect(), "ratio");
        let rows = results.iter().map(|result| {
            let cells = (0..names.len()).map(|index| shown(result.median(index))).collect();
            line(&format!("  {}", result.peer.name()), cells, &format!("{:.2}", first / result.median(0)))
        });
        std::iter::once(head).chain(rows).collect()
    }

    /// One table of all kinds of work: the figures that count, and in parentheses how ours compares.
    pub(crate) fn markdown(&self, scenarios: &[Scenario]) -> String {
        let row = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
        let heads = ["work", "figure"].into_iter().chain(Peer::ALL.map(Peer::name)).map(str::to_owned);
        let mut rows = vec![row(heads.collect()), row(vec!["---".to_owned(); 2 + Peer::ALL.len()])];
        for scenario in scenarios {
            let results: Vec<_> = self.of(scenario).collect();
            let Some(first) = results.first() else { continue };
            for (index, name) in first.names().into_iter().enumerate().take(scenario.counting()) {
                let ours = first.median(index);
                let cell = |peer| match results.iter().find(|result| result.peer == peer) {
                    None => String::new(),
                    Some(result) if result.peer == first.peer => shown(ours),
                    Some(result) => {
                        format!("{} ({:.2})", shown(result.median(index)), ours / result.median(index))
                    }
                };
                let told = [scenario.name.clone(), name.to_owned()];
                rows.push(row(told.into_iter().chain(Peer::ALL.map(cell)).collect()));
            }
        }
        rows.concat()
    }

    fn of(&self, scenario: &Scenario) -> impl Iterator<Item = &Result> {
        self.results.iter().filter(|result| result.scenario == scenario.name)
    }

    /// Everything, with each round for itself.
    pub(crate) fn to_json(&self) -> String {
        let results: Vec<_> = self.results.iter().map(Result::to_json).collect();
        format!("{:#}\n", json!({ "results": results }))
    }
}

impl Result {
    fn names(&self) -> Vec<&'static str> {
        self.rounds.first().into_iter().flatten().map(|(name, _)| *name).collect()
    }

    fn median(&self, index: usize) -> f64 {
        let mut values: Vec<_> =
            self.rounds.iter().filter_map(|round| round.get(index)).map(|(_, value)| *value).collect();
        values.sort_by(f64::total_cmp);
        values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
    }

    fn to_json(&self) -> Value {
        let object = |figures: Vec<Figure>| -> Map<String, Value> {
            figures.into_iter().map(|(name, value)| (name.to_owned(), json!(value))).collect()
        };
        let names = self.names().into_iter().enumerate();
        let medians = names.map(|(index, name)| (name, self.median(index))).collect();
        json!({
            "work": self.scenario,
            "server": self.peer.name(),
            "median": object(medians),
            "rounds": self.rounds.iter().cloned().map(object).collect::<Vec<_>>(),
        })
    }
}

/// Three places at least.
fn shown(value: f64) -> String {
    match value.abs() {
        100.0.. => format!("{value:.0}"),
        10.0.. => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::{Size, all};

    #[test]
    fn a_table_in_markdown_has_medians_and_how_ours_compares() {
        let scenarios = all(Size::Small);
        let idle = scenarios.iter().position(|scenario| scenario.name == "50 idle").unwrap();
        let scenarios = &scenarios[idle..=idle];
        let mut report = Report::default();
        for (peer, values) in [(Peer::Ours, [10.0, 30.0, 11.0]), (Peer::Relay, [22.0, 22.0, 22.0])] {
            for value in values {
                let figures = vec![("KiB each", value), ("server busy %", 0.5), ("peak MiB", 7.0)];
                report.add(&scenarios[0], peer, figures);
            }
        }
        let expected = "| work | figure | ours | ours, legacy | ours, events | nats | relay |\n\
                        | --- | --- | --- | --- | --- | --- | --- |\n\
                        | 50 idle | KiB each | 11.0 |  |  |  | 22.0 (0.50) |\n\
                        | 50 idle | server busy % | 0.50 |  |  |  | 0.50 (1.00) |\n";
        assert_eq!(report.markdown(scenarios), expected);
    }
}
