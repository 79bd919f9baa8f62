//! `event publish --batch`: whole events, a line each, published some at a time in their order, until there are no more, the gateway
//! is not to be reached, or a signal comes.

use std::{fs::File, io::BufReader, path::Path, time::Duration};

use concierge_client::telegraphy::{
    Publisher,
    web::{BatchResult, MAX_BATCH, Publish},
};
use serde_json::json;
use tokio::time::{Instant, timeout_at};

use super::EventContext;
use crate::{
    exit::Exit,
    failure::{Failure, without_number},
    input::Lines,
    output::{Record, Role, View, grouped, json::object},
};

/// How many bytes of lines are published at once, unless a single one has more.
const CHUNK: usize = 1 << 20;

/// How long lines that come slowly are waited for, so that they are published together.
const LINGER: Duration = Duration::from_millis(20);

/// Publishes what a file has, or with `-` the input, and tells how much that was.
pub(super) async fn publish(file: &Path, context: &EventContext<'_>) -> Result<(), Failure> {
    let begun = Instant::now();
    let publisher = context.publisher()?;
    let source = Source { lines: lines(file, context)?, number: 0, is_over: false };
    let mut batch = Batch { source, context, tally: Tally::default() };
    let ended = batch.carry_on(&publisher).await;
    let took = begun.elapsed();
    batch.tally.tell(took, ended, context)
}

fn lines(file: &Path, context: &EventContext<'_>) -> Result<Lines, Failure> {
    if file == Path::new("-") {
        return Ok(Lines::start("the input", context.take_input()?));
    }
    let name = file.display().to_string();
    let opened = File::open(file)
        .map_err(|error| Failure::local(format!("could not read {name}: {}", without_number(&error))))?;
    Ok(Lines::start(&name, Box::new(BufReader::new(opened))))
}

/// Events as they are read.
struct Source {
    lines: Lines,
    number: u64,
    is_over: bool,
}

/// Events that are published at once, each with its line.
#[derive(Default)]
struct Chunk {
    events: Vec<Publish>,
    numbers: Vec<u64>,
    bytes: usize,
}

impl Chunk {
    fn is_full(&self) -> bool {
        self.events.len() >= MAX_BATCH || self.bytes >= CHUNK
    }

    /// Which lines these are.
    fn place(&self) -> String {
        match (self.numbers.first(), self.numbers.last()) {
            (Some(first), Some(last)) if first != last => format!("lines {first} to {last}"),
            (Some(first), _) => format!("line {first}"),
            (None, _) => "no line".to_owned(),
        }
    }
}

/// How far it is.
#[derive(Default)]
struct Tally {
    published: u64,
    duplicates: u64,
    failed: u64,
    /// What went wrong first with one of them.
    first: Option<Failure>,
}

struct Batch<'a> {
    source: Source,
    context: &'a EventContext<'a>,
    tally: Tally,
}

impl Batch<'_> {
    /// Until there are no more. What is outside is why it ended before.
    async fn carry_on(&mut self, publisher: &Publisher) -> Result<(), Failure> {
        while !self.source.is_over {
            let chunk = tokio::select! {
                biased;
                exit = self.context.stopped() => return Err(Failure::silent(exit)),
                chunk = self.source.chunk(&mut self.tally, self.context) => chunk?,
            };
            if chunk.events.is_empty() {
                continue;
            }
            let (place, numbers) = (chunk.place(), chunk.numbers);
            let results = publisher.publish_batch(chunk.events).await;
            let results = results.map_err(|error| Failure::from(error).within(&place))?;
            if results.len() != numbers.len() {
                let answered = format!("the gateway answered {} of {} events", results.len(), numbers.len());
                return Err(Failure::new(Exit::Rejected, answered).within(&place));
            }
            for (number, result) in numbers.into_iter().zip(results) {
                self.tally.take(number, result, self.context);
            }
        }
        Ok(())
    }
}

impl Source {
    /// The next events, as many as come at once. What is none is told.
    async fn chunk(&mut self, tally: &mut Tally, context: &EventContext<'_>) -> Result<Chunk, Failure> {
        let mut chunk = Chunk::default();
        let mut until = None;
        while !chunk.is_full() {
            let line = match until {
                None => self.lines.next().await?,
                Some(until) => match timeout_at(until, self.lines.next()).await {
                    Ok(line) => line?,
                    Err(_) => break,
                },
            };
            let Some(line) = line else {
                self.is_over = true;
                break;
            };
            self.number += 1;
            until = until.or(Instant::now().checked_add(LINGER));
            if line.trim().is_empty() {
                continue;
            }
            match serde_json::from_str(&line) {
                Ok(event) => {
                    chunk.events.push(event);
                    chunk.numbers.push(self.number);
                    chunk.bytes += line.len();
                }
                Err(error) => tally.fail(self.number, Failure::usage(not_an_event(&error)), context),
            }
        }
        Ok(chunk)
    }
}

/// What a parser says about a line, which has only one.
fn not_an_event(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.split_once(" at line ") {
        Some((what, _)) => format!("it is no event: {what} at column {}", error.column()),
        None => format!("it is no event: {text}"),
    }
}

impl Tally {
    fn take(&mut self, number: u64, result: BatchResult, context: &EventContext<'_>) {
        match result {
            BatchResult::Published(published) => {
                self.published += 1;
                self.duplicates += u64::from(published.duplicate);
            }
            BatchResult::Refused(problem) => self.fail(number, problem.into(), context),
        }
    }

    fn fail(&mut self, number: u64, failure: Failure, context: &EventContext<'_>) {
        self.failed += 1;
        let failure = failure.within(&format!("line {number}"));
        context.output.failure(&failure);
        self.first.get_or_insert(failure);
    }

    /// How many there were, and why that were not all.
    fn tell(
        self,
        took: Duration,
        ended: Result<(), Failure>,
        context: &EventContext<'_>,
    ) -> Result<(), Failure> {
        let Self { published, duplicates, failed, first } = self;
        context.output.record(&EventsPublished { published, duplicates, failed, took })?;
        ended?;
        let Some(first) = first else { return Ok(()) };
        // Each was told when it failed.
        let exit = if published > 0 { Exit::Partly } else { first.exit() };
        let were = if failed == 1 { "was" } else { "were" };
        Err(Failure::new(exit, format!("{failed} of {} events {were} not published", published + failed)))
    }
}

/// How many events the gateway took.
struct EventsPublished {
    published: u64,
    duplicates: u64,
    failed: u64,
    took: Duration,
}

impl EventsPublished {
    fn microseconds(&self) -> u64 {
        u64::try_from(self.took.as_micros()).unwrap_or(u64::MAX)
    }
}

impl Record for EventsPublished {
    fn object(&self) -> String {
        object(
            "events_published",
            &[
                ("published", json!(self.published)),
                ("duplicates", json!(self.duplicates)),
                ("failed", json!(self.failed)),
                ("took_us", json!(self.microseconds())),
            ],
        )
    }

    fn human(&self, view: View) -> String {
        let palette = view.palette;
        let before = match self.duplicates {
            0 => String::new(),
            duplicates => format!(", {} of them before", grouped(duplicates)),
        };
        let text = format!("{} published{before}", grouped(self.published));
        let failed = match self.failed {
            0 => String::new(),
            failed => palette.paint(Role::Error, &format!(", {} failed", grouped(failed))),
        };
        let took = format!(" ({:.1} s)", self.took.as_secs_f64());
        format!("{}{failed}{}\n", palette.paint(Role::Dim, &text), palette.paint(Role::Dim, &took))
    }

    fn rows(&self) -> Vec<Vec<String>> {
        let numbers = [self.published, self.duplicates, self.failed, self.microseconds()];
        vec![numbers.map(|number| number.to_string()).to_vec()]
    }

    fn raw(&self) -> Vec<String> {
        vec![self.published.to_string()]
    }
}
