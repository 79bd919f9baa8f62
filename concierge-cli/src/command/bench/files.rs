//! `bench files`: how fast files are stored and fetched. Whoever moves them goes as fast as the gateway lets it, a file after the other:
//! unlike messages, they are not due at a time.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use clap::Args;
use concierge_client::{
    files::{FileError, Files, Source},
    payload::{ClientName, Intents, encode},
};
use futures_util::{StreamExt, stream};
use serde::Serialize;
use tokio::task::JoinSet;

use super::{
    LOOK,
    latency::{Latencies, Percentiles},
    member::Door,
    next,
};
use crate::{
    connect::{Introduction, Purpose, builder},
    embedded::Embedded,
    exit::Exit,
    failure::Failure,
    grammar::parse_span,
    output::{Cell, Output, Progress, Record, Role, Table, View, escape, grouped, size},
    settings::Settings,
    signals::Signals,
};

const EXAMPLES: &str = "\
Examples:
  concierge bench files --embedded -n 20
  concierge bench files --size 1000000 --clients 8 --for 1s --json";

/// How long each way is measured, unless something else is said.
const SPAN: Duration = Duration::from_secs(5);

/// How much is handed over at once, in bytes.
const PIECE: usize = 64 * 1024;

/// `bench files`
#[derive(Debug, Clone, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct FilesArgs {
    /// The size of each file, in bytes
    #[arg(long, value_name = "BYTES", default_value_t = 1 << 20, value_parser = clap::value_parser!(u64).range(1..=1 << 40))]
    pub size: u64,
    /// How many files move at one time
    #[arg(long, short = 'C', visible_alias = "concurrency", default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=64))]
    pub clients: u32,
    /// How long to store, and how long to fetch [default: 5s unless -n is given]
    #[arg(long = "for", visible_alias = "duration", value_name = "TIME", value_parser = parse_span)]
    pub span: Option<Duration>,
    /// How many to store, and how many to fetch
    #[arg(short = 'n', long, value_name = "COUNT", value_parser = clap::value_parser!(u64).range(1..))]
    pub count: Option<u64>,
    /// Measure a gateway embedded in this process
    #[arg(long)]
    pub embedded: bool,
}

/// Which way files move.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Put,
    Get,
}

/// What one way came to.
#[derive(Debug, Clone, Copy, Serialize)]
struct Measured {
    #[serde(rename = "files")]
    count: u64,
    #[serde(rename = "measured_s")]
    seconds: f64,
    files_per_s: f64,
    bytes_per_s: f64,
    latency: Percentiles,
}

/// What a measurement came to.
#[derive(Serialize)]
struct Report {
    r#type: &'static str,
    url: String,
    server: Option<String>,
    size_bytes: u64,
    clients: u32,
    put: Measured,
    get: Measured,
}

/// Measures, and tells what came of it.
pub(super) async fn run(
    arguments: &FilesArgs,
    settings: &Settings,
    door: &Door,
    output: &Output,
    signals: Option<Signals>,
) -> Result<(), Failure> {
    let embedded = if arguments.embedded { Some(Embedded::start().await?) } else { None };
    let url = embedded.as_ref().map_or(&door.url, Embedded::url).clone();
    let door = Door { url, ..door.clone() };
    let mut signals = signals;
    let result = tokio::select! {
        result = measure(arguments, settings, &door, output) => result,
        exit = next(&mut signals) => Err(Failure::silent(exit)),
    };
    if let Some(embedded) = embedded {
        embedded.stop().await;
    }
    result
}

async fn measure(
    arguments: &FilesArgs,
    settings: &Settings,
    door: &Door,
    output: &Output,
) -> Result<(), Failure> {
    let introduction = Introduction {
        nickname: None,
        tags: settings.tags.clone(),
        secret: door.secret.clone(),
        timeout: door.within,
    };
    let name: ClientName =
        door.name.parse().map_err(|error| Failure::usage(format!("{}: {error}", door.name)))?;
    let purpose = Purpose { intents: Intents::NONE, capacity: 1, lasting: false };
    let client = builder(&introduction, &door.url, &name, purpose)?;
    let client = client.connect().await.map_err(|error| Failure::from(error).about(&door.url))?;
    let store = client.files();
    let report = Report {
        r#type: "bench_files_result",
        url: door.url.to_string(),
        server: client.session().server().map(str::to_owned),
        size_bytes: arguments.size,
        clients: arguments.clients,
        put: go(Way::Put, arguments, &store, &name, output).await?,
        get: go(Way::Get, arguments, &store, &name, output).await?,
    };
    // Its files go with it.
    client.close().await;
    output.record(&report)
}

/// One way, by as many as there are.
async fn go(
    way: Way,
    arguments: &FilesArgs,
    store: &Files,
    owner: &ClientName,
    output: &Output,
) -> Result<Measured, Failure> {
    let FilesArgs { size, clients, span, count, .. } = *arguments;
    let most = count.unwrap_or(u64::MAX);
    // Each has a file to fetch, and everybody's is stored at least once.
    let most = if way == Way::Put { most.max(clients.into()) } else { most };
    let span = if count.is_some() { span } else { Some(span.unwrap_or(SPAN)) };
    let (latencies, begun, done) = (Arc::new(Latencies::new()), Instant::now(), Arc::new(AtomicU64::new(0)));
    let mut movers = JoinSet::new();
    for lane in 0..clients {
        let (store, owner) = (store.clone(), owner.clone());
        let (latencies, done) = (Arc::clone(&latencies), Arc::clone(&done));
        movers.spawn(async move {
            let mut is_first = true;
            loop {
                let is_late = span.is_some_and(|span| begun.elapsed() >= span) && !is_first;
                if is_late || done.fetch_add(1, Ordering::Relaxed) >= most {
                    return Ok::<_, FileError>(());
                }
                is_first = false;
                let (path, at) = (format!("bench/{lane}"), Instant::now());
                match way {
                    Way::Put => drop(store.put(path, content(size)).await?),
                    Way::Get => drop(store.get(&owner, path).to_writer(tokio::io::sink()).await?),
                }
                latencies.record(usize::try_from(lane).unwrap_or_default(), at.elapsed());
            }
        });
    }
    let mut progress = Progress::start(output, way.doing(), count.unwrap_or(100));
    loop {
        tokio::select! {
            ended = movers.join_next() => match ended {
                None => break,
                Some(Ok(ended)) => ended.map_err(|error| Failure::from(error).within(way.doing()))?,
                Some(Err(error)) => return Err(Failure::new(Exit::Rejected, format!("it panicked: {error}"))),
            },
            () = tokio::time::sleep(LOOK) => {
                let moved = done.load(Ordering::Relaxed).min(most);
                let share = span.map(|span| begun.elapsed().as_millis() * 100 / span.as_millis().max(1));
                let position = if count.is_some() { moved } else {
                    u64::try_from(share.unwrap_or_default()).unwrap_or(100)
                };
                progress.advance(position, || format!("{} files", grouped(moved)));
            }
        }
    }
    Ok(Measured::of(latencies.percentiles(), size, begun.elapsed()))
}

/// What files are made of: nothing that takes time to make, or room.
fn content(size: u64) -> Source {
    let piece = bytes::Bytes::from(vec![b'x'; PIECE]);
    let pieces = stream::iter((0..size).step_by(PIECE)).map(move |from| {
        let length = usize::try_from(size - from).unwrap_or(PIECE).min(PIECE);
        Ok(piece.slice(..length))
    });
    Source::stream(pieces, Some(size))
}

impl Way {
    fn doing(self) -> &'static str {
        match self {
            Self::Put => "storing",
            Self::Get => "fetching",
        }
    }
}

impl Measured {
    #[expect(clippy::cast_precision_loss, reason = "no measurement comes near the numbers where it matters")]
    fn of(latency: Percentiles, size: u64, measured: Duration) -> Self {
        let seconds = measured.as_secs_f64().max(1e-6);
        let files_per_s = latency.count as f64 / seconds;
        Self { count: latency.count, seconds, files_per_s, bytes_per_s: files_per_s * size as f64, latency }
    }

    fn row(&self, way: &str) -> Vec<String> {
        let Percentiles { p50, p90, p99, p999, max, .. } = self.latency;
        let mut row = vec![way.to_owned(), self.count.to_string(), format!("{:.0}", self.bytes_per_s)];
        row.extend([p50, p90, p99, p999, max].map(|microseconds| microseconds.to_string()));
        row
    }
}

impl Record for Report {
    fn object(&self) -> String {
        encode(self)
    }

    fn human(&self, view: View) -> String {
        let mut table = Table::default();
        table.heading(&["", "FILES", "MB/S", "P50", "P90", "P99", "P99.9", "MAX"]);
        for (name, way) in [("put", &self.put), ("get", &self.get)] {
            let Percentiles { p50, p90, p99, p999, max, .. } = way.latency;
            let mut cells = vec![
                Cell::new(Role::Heading, name),
                Cell::plain(grouped(way.count)),
                Cell::plain(format!("{:.1}", way.bytes_per_s / 1e6)),
            ];
            let times = [p50, p90, p99, p999, max];
            cells.extend(times.map(|time| Cell::plain(format!("{:.1?}", Duration::from_micros(time)))));
            table.row(cells);
        }
        let server = self.server.as_ref().map(|server| format!(" ({})", escape(server))).unwrap_or_default();
        format!(
            "{} each, {} at a time, at {}{server}\n{}",
            size(self.size_bytes),
            self.clients,
            escape(&self.url),
            table.render(view.palette)
        )
    }

    fn rows(&self) -> Vec<Vec<String>> {
        vec![self.put.row("put"), self.get.row("get")]
    }

    fn raw(&self) -> Vec<String> {
        [self.put, self.get].iter().map(|way| format!("{:.0}", way.bytes_per_s)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_measured_is_told_by_the_second() {
        let latency = Percentiles { count: 20, ..Percentiles::default() };
        let measured = Measured::of(latency, 1000, Duration::from_secs(2));
        assert!((measured.files_per_s - 10.0).abs() < 1e-9 && (measured.bytes_per_s - 10_000.0).abs() < 1e-6);
        assert_eq!(measured.row("put"), ["put", "20", "10000", "0", "0", "0", "0", "0"]);
    }
}
