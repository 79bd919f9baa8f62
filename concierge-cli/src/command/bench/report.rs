//! What a run came to: the result of `bench`, in every form.

use std::time::Duration;

use concierge_client::payload::encode;
use serde::{Serialize, Serializer};

use super::{latency::Percentiles, run::Counts, schedule::Rate};
use crate::output::{Cell, Record, Role, Table, View, escape, grouped};

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Ended {
    /// By itself.
    Done,
    /// By Ctrl-C.
    Interrupted,
    /// Because the connection was lost, or the gateway did not go on.
    Broken,
}

/// What a run came to.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Report {
    /// What was measured: `send`, `fanout`, `request`, `connect`.
    pub scenario: &'static str,
    /// The gateway.
    pub url: String,
    /// Its program, when it told.
    pub server: Option<String>,
    /// How fast it was to go.
    pub rate: Rate,
    /// The messages under way of each sender, where that was the bound.
    pub window: Option<usize>,
    /// How many sent, or came and went.
    pub clients: u64,
    /// How many received what each of them sent.
    pub receivers: u64,
    /// The size of each message's `data`, in bytes; none where nothing is sent.
    pub size: Option<usize>,
    /// The time that was measured.
    pub measured: Duration,
    /// How it ended.
    pub ended: Ended,
    /// What was counted, the warm-up included.
    pub counts: Counts,
    /// The latencies, each with what it is.
    pub latencies: Vec<(&'static str, Percentiles)>,
    /// How late the generator was by its own fault.
    pub lateness: (&'static str, Percentiles),
    /// How many processors the generator used; none where the gateway runs in the same process.
    pub generator: Option<f64>,
}

/// A result as JSON.
#[derive(Serialize)]
struct Document<'a> {
    r#type: &'static str,
    scenario: &'static str,
    url: &'a str,
    server: Option<&'a str>,
    ended: Ended,
    rate_per_s: Option<u32>,
    window: Option<usize>,
    clients: u64,
    receivers: u64,
    size_bytes: Option<usize>,
    measured_s: f64,
    throughput_per_s: f64,
    bytes_per_s: Option<f64>,
    sent: u64,
    answered: u64,
    refused: u64,
    delivered: u64,
    missing: u64,
    reordered: u64,
    duplicated: u64,
    latency: Latencies<'a>,
    generator_cpus: Option<f64>,
}

/// Latencies by what they are, in the order they are told.
struct Latencies<'a>(Vec<&'a (&'static str, Percentiles)>);

impl Serialize for Latencies<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, percentiles)| (name.replace(' ', "_"), percentiles)))
    }
}

impl Report {
    /// What matters most: how much there was in a second of that which was measured last, deliveries or answers.
    fn throughput(&self) -> f64 {
        let count = self.latencies.last().map_or(0, |(_, percentiles)| percentiles.count);
        per_second(count, self.measured)
    }

    /// Bytes of `data` in a second.
    fn bytes_per_second(&self) -> Option<f64> {
        self.size.map(|size| self.throughput() * float(size as u64))
    }

    /// What is counted.
    fn unit(&self) -> &'static str {
        match self.scenario {
            "fanout" => "deliveries",
            "request" => "round trips",
            "connect" => "connections",
            _ => "messages",
        }
    }

    /// Whether everything arrived, once, in order, and nothing was refused.
    pub(crate) fn is_flawless(&self) -> bool {
        let Counts { refused, missing, reordered, duplicated, .. } = self.counts;
        (refused, missing, reordered, duplicated) == (0, 0, 0, 0)
    }

    /// What was amiss, as a sentence's end.
    pub(crate) fn flaws(&self) -> String {
        let Counts { refused, missing, reordered, duplicated, .. } = self.counts;
        let refused_as = if self.scenario == "connect" { "not let in" } else { "refused" };
        let parts = [
            (missing, "missing"),
            (reordered, "out of order"),
            (duplicated, "delivered twice"),
            (refused, refused_as),
        ];
        let told = parts.into_iter().filter(|(count, _)| *count > 0);
        told.map(|(count, what)| format!("{} {what}", grouped(count))).collect::<Vec<_>>().join(", ")
    }

    fn title(&self) -> String {
        let many = |count: u64, one: &str, more: &str| {
            format!("{} {}", grouped(count), if count == 1 { one } else { more })
        };
        let who = match self.scenario {
            "fanout" => format!("1 owner, {}", many(self.receivers, "subscriber", "subscribers")),
            "request" => format!("{} of requester and responder", many(self.clients, "pair", "pairs")),
            "connect" => format!("{} at a time", many(self.clients, "client", "clients")),
            _ => format!("{} of sender and receiver", many(self.clients, "pair", "pairs")),
        };
        let size =
            self.size.map(|size| format!(", {}", many(size as u64, "byte", "bytes"))).unwrap_or_default();
        let pace = match (self.rate, self.window) {
            (Rate::PerSecond(rate), _) => format!("{}/s", grouped(rate.get().into())),
            (Rate::Max, Some(window)) => format!("as fast as it goes, {window} under way"),
            (Rate::Max, None) => "as fast as it goes".to_owned(),
        };
        let ended = match self.ended {
            Ended::Done => "",
            Ended::Interrupted => " (interrupted)",
            Ended::Broken => " (broken off)",
        };
        format!("{who}{size}, {pace}, for {:.2} s{ended}", self.measured.as_secs_f64())
    }

    /// The latencies, and how late the generator was, where it had a time to keep.
    fn lines(&self) -> impl Iterator<Item = &(&'static str, Percentiles)> {
        self.latencies.iter().chain((self.lateness.1.count > 0).then_some(&self.lateness))
    }

    fn table(&self) -> Table {
        const HEADS: [&str; 6] = ["COUNT", "p50 µs", "p90 µs", "p99 µs", "p99.9 µs", "max µs"];
        let numbers: Vec<Vec<String>> = self
            .lines()
            .map(|(_, percentiles)| {
                [percentiles.count].into_iter().chain(values(percentiles)).map(grouped).collect()
            })
            .collect();
        let width = |column: usize, head: &str| {
            let widths = numbers.iter().filter_map(|row| row.get(column)).map(String::len);
            widths.max().unwrap_or_default().max(head.chars().count())
        };
        let widths: Vec<usize> = HEADS.iter().enumerate().map(|(column, head)| width(column, head)).collect();
        let right = |text: &str, width: &usize| format!("{text:>width$}");
        let mut table = Table::default();
        let heads: Vec<String> = HEADS.iter().zip(&widths).map(|(head, width)| right(head, width)).collect();
        table.heading(&[&[""], heads.iter().map(String::as_str).collect::<Vec<_>>().as_slice()].concat());
        for ((name, _), row) in self.lines().zip(&numbers) {
            let role = if *name == self.lateness.0 { Role::Dim } else { Role::Heading };
            let cells = row.iter().zip(&widths).map(|(text, width)| Cell::plain(right(text, width)));
            table.row([Cell::new(role, *name)].into_iter().chain(cells));
        }
        table
    }
}

impl Record for Report {
    fn object(&self) -> String {
        let Counts { sent, answered, refused, delivered, missing, reordered, duplicated } = self.counts;
        encode(&Document {
            r#type: "bench_result",
            scenario: self.scenario,
            url: &self.url,
            server: self.server.as_deref(),
            ended: self.ended,
            rate_per_s: match self.rate {
                Rate::PerSecond(rate) => Some(rate.get()),
                Rate::Max => None,
            },
            window: self.window,
            clients: self.clients,
            receivers: self.receivers,
            size_bytes: self.size,
            measured_s: rounded(self.measured.as_secs_f64()),
            throughput_per_s: rounded(self.throughput()),
            bytes_per_s: self.bytes_per_second().map(rounded),
            sent,
            answered,
            refused,
            delivered,
            missing,
            reordered,
            duplicated,
            latency: Latencies(self.lines().collect()),
            generator_cpus: self.generator.map(rounded),
        })
    }

    fn human(&self, view: View) -> String {
        let palette = view.palette;
        let server = self.server.as_ref().map(|server| format!(" ({})", escape(server))).unwrap_or_default();
        let scenario = palette.paint(Role::Heading, self.scenario);
        let throughput = format!("{} {}/s", grouped(whole(self.throughput())), self.unit());
        let bytes = self.bytes_per_second().map(|bytes| format!(", {} B/s", grouped(whole(bytes))));
        let cpus = self.generator.map(|cpus| format!("; the generator used {cpus:.2} processors"));
        let verdict = match (self.is_flawless(), self.scenario) {
            (true, "connect") => palette.paint(Role::Joined, "all were let in"),
            (true, _) => palette.paint(Role::Joined, "all arrived, once and in order"),
            (false, _) => palette.paint(Role::Error, &self.flaws()),
        };
        format!(
            "{scenario} on {}{server}\n{}\n{}{}{}{}\n{verdict}\n",
            escape(&self.url),
            self.title(),
            self.table().render(palette),
            palette.paint(Role::Heading, &throughput),
            bytes.unwrap_or_default(),
            cpus.unwrap_or_default(),
        )
    }

    fn rows(&self) -> Vec<Vec<String>> {
        let row = |(name, percentiles): &(&'static str, Percentiles)| {
            let texts = [self.scenario.to_owned(), (*name).to_owned(), percentiles.count.to_string()];
            texts.into_iter().chain(values(percentiles).map(|value| value.to_string())).collect()
        };
        self.latencies.iter().map(row).collect()
    }

    fn raw(&self) -> Vec<String> {
        vec![whole(self.throughput()).to_string()]
    }
}

fn values(percentiles: &Percentiles) -> impl Iterator<Item = u64> + use<> {
    let Percentiles { p50, p90, p99, p999, max, .. } = *percentiles;
    [p50, p90, p99, p999, max].into_iter()
}

fn per_second(count: u64, time: Duration) -> f64 {
    if time.is_zero() { 0.0 } else { float(count) / time.as_secs_f64() }
}

/// Counts are far below where this would lose a digit that anybody reads.
#[expect(clippy::cast_precision_loss, reason = "exact up to 2^53")]
fn float(count: u64) -> f64 {
    count as f64
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a rate is never negative, and saturates"
)]
fn whole(rate: f64) -> u64 {
    rate.round() as u64
}

/// Three digits behind the point are more than a measurement is good for.
fn rounded(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use serde_json::Value;

    use super::*;
    use crate::output::Palette;

    fn report(counts: Counts) -> Report {
        let percentiles =
            Percentiles { count: 2000, p50: 85, p90: 120, p99: 1300, p999: 20_000, max: 20_100 };
        Report {
            scenario: "send",
            url: "ws://h/ws".to_owned(),
            server: Some("gateway\u{1b}[2J 1".to_owned()),
            rate: Rate::PerSecond(NonZeroU32::new(1000).unwrap()),
            window: None,
            clients: 2,
            receivers: 1,
            size: Some(128),
            measured: Duration::from_secs(2),
            ended: Ended::Done,
            counts,
            latencies: vec![("answer", percentiles), ("delivery", percentiles)],
            lateness: ("generator late", Percentiles { count: 9, ..Percentiles::default() }),
            generator: Some(0.25),
        }
    }

    fn shown(report: &Report) -> String {
        report.human(View { palette: Palette::default(), terminal: true })
    }

    #[test]
    fn figures_stand_below_each_other() {
        let expected = "\
send on ws://h/ws (gateway\\u{1b}[2J 1)
2 pairs of sender and receiver, 128 bytes, 1,000/s, for 2.00 s
                COUNT  p50 µs  p90 µs  p99 µs  p99.9 µs  max µs
answer          2,000      85     120   1,300    20,000  20,100
delivery        2,000      85     120   1,300    20,000  20,100
generator late      9       0       0       0         0       0
1,000 messages/s, 128,000 B/s; the generator used 0.25 processors
all arrived, once and in order
";
        assert_eq!(shown(&report(Counts::default())), expected);
    }

    #[test]
    fn what_is_amiss_takes_the_place_of_praise() {
        let counts = Counts { missing: 1234, reordered: 1, refused: 7, ..Counts::default() };
        let flawed = report(counts);
        assert!(!flawed.is_flawless());
        assert!(shown(&flawed).ends_with("\n1,234 missing, 1 out of order, 7 refused\n"));
        let broken =
            Report { ended: Ended::Broken, rate: Rate::Max, window: Some(32), ..report(Counts::default()) };
        assert!(shown(&broken).contains("as fast as it goes, 32 under way, for 2.00 s (broken off)\n"));
    }

    #[test]
    fn units_are_in_the_names_of_fields() {
        let object: Value = serde_json::from_str(&report(Counts::default()).object()).unwrap();
        let at = |pointer: &str| object.pointer(pointer).cloned().unwrap_or_default();
        assert_eq!(at("/latency/delivery/p99_9_us"), 20_000);
        assert_eq!(at("/latency/generator_late/count"), 9);
        assert_eq!(at("/throughput_per_s"), 1000.0);
        assert_eq!(at("/rate_per_s"), 1000);
        assert_eq!(at("/ended"), "done");
    }

    #[test]
    fn nothing_measured_is_no_division_by_nothing() {
        let nothing = Report { measured: Duration::ZERO, ..report(Counts::default()) };
        assert_eq!(nothing.raw(), ["0"]);
    }
}
