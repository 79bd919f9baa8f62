//! `bench`: measures a gateway, any gateway, the original one too.
//!
//! Owns the load and the judgement of what came of it. It relies on nothing that a gateway did not grant: a run is made of
//! messages, services and answers as every gateway has them.

mod cast;
mod files;
mod joining;
mod latency;
mod member;
mod pacer;
mod plan;
mod report;
mod run;
mod schedule;
mod stamp;
mod tally;
mod window;
mod work;

pub(crate) use plan::BENCH_EXAMPLES;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use clap::Subcommand;
use concierge_client::{GatewayUrl, payload::ClientName};
use rustix::time::{ClockId, clock_gettime};
use tokio::task::JoinSet;

use self::{
    cast::{Cast, Stage},
    files::FilesArgs,
    member::Door,
    pacer::Pacer,
    plan::{Plan, Scenario, Traffic},
    report::{Ended, Report},
    run::{Counts, Pace, Run},
    schedule::{Rate, Schedule},
};
use crate::{
    connect::secret_for,
    descriptors::Descriptors,
    embedded::Embedded,
    exit::Exit,
    failure::Failure,
    output::{Output, Progress, grouped},
    settings::Settings,
    signals::Signals,
};

/// How often is looked how far a run has come.
const LOOK: Duration = Duration::from_millis(20);

/// How long what is under way may take when a run is interrupted.
const SHORT: Duration = Duration::from_secs(1);

/// How late a generator may be, in microseconds, before it is said.
const LATE: u64 = 1000;

/// How much of its processors a generator may use before it is said.
const BUSY: f64 = 0.8;

/// What is measured.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum BenchCommand {
    /// What goes over the connections of clients.
    #[command(flatten)]
    Traffic(Traffic),
    /// Files that are stored, and fetched
    Files(FilesArgs),
}

/// Measures, and tells what came of it. A signal ends it early, and what there is by then is told.
pub(crate) async fn run(
    command: BenchCommand,
    settings: &Settings,
    url: &GatewayUrl,
    output: &Output,
    signals: Option<Signals>,
) -> Result<(), Failure> {
    let (id, name) = name(settings)?;
    let traffic = match command {
        BenchCommand::Traffic(traffic) => traffic,
        BenchCommand::Files(arguments) => {
            let secret = if arguments.embedded { None } else { secret_for(settings, url, output)? };
            let door = Door { url: url.clone(), secret, within: settings.timeout, name };
            return files::run(&arguments, settings, &door, output, signals).await;
        }
    };
    let plan = Plan::of(&traffic);
    make_room(&plan)?;
    let embedded = if plan.embedded { Some(Embedded::start().await?) } else { None };
    let url = embedded.as_ref().map_or(url, Embedded::url).clone();
    let secret = secret_for(settings, &url, output)?;
    let door = Door { url, secret, within: settings.timeout, name };
    let result = Bench { plan, door, id, output }.perform(signals).await;
    if let Some(embedded) = embedded {
        embedded.stop().await;
    }
    result
}

/// A number that tells a run from others, and what its clients are called.
fn name(settings: &Settings) -> Result<(u32, String), Failure> {
    let mut bytes = [0; 4];
    getrandom::fill(&mut bytes)
        .map_err(|error| Failure::local(format!("there is no randomness: {error}")))?;
    let id = u32::from_ne_bytes(bytes);
    Ok((id, settings.name.as_ref().map_or_else(|| format!("bench_{id:08x}"), ClientName::to_string)))
}

/// Sees to it that everybody can have a socket, on both sides where the gateway is in this process.
fn make_room(plan: &Plan) -> Result<(), Failure> {
    let sockets = plan.clients() * if plan.embedded { 2 } else { 1 };
    let descriptors = Descriptors::of_process();
    if descriptors.make_room(sockets) {
        return Ok(());
    }
    let allowed = descriptors.hard.map_or_else(|| "fewer".to_owned(), grouped);
    Err(Failure::local(format!("{} sockets are needed, this process may have {allowed}", grouped(sockets)))
        .hint(format!("fewer clients, or a higher limit: ulimit -n {}", sockets + 100)))
}

/// What a measurement works with.
struct Bench<'a> {
    plan: Plan,
    door: Door,
    id: u32,
    output: &'a Output,
}

/// What runs.
enum Load {
    Players(Stage),
    Comers(JoinSet<()>),
}

impl Bench<'_> {
    async fn perform(&self, mut signals: Option<Signals>) -> Result<(), Failure> {
        let (cast, server) = tokio::select! {
            gathered = self.gather() => gathered?,
            exit = next(&mut signals) => return Err(Failure::silent(exit)),
        };
        let run = Arc::new(self.begin());
        let (cpu, started) = (cpu_time(), Instant::now());
        let (load, pacer) = self.start(cast, &run);
        let ended = tokio::select! {
            ended = self.supervise(&run) => ended,
            exit = next(&mut signals) => {
                run.fail(Failure::silent(exit));
                // What is under way is not to count as missing.
                let settled = async { while !run.is_complete() { tokio::time::sleep(LOOK).await } };
                let _ = tokio::time::timeout(SHORT, settled).await;
                Ended::Interrupted
            }
        };
        let generator = busy(cpu_time().saturating_sub(cpu), started.elapsed());
        drop(pacer);
        run.stop_sending();
        let report = self.report(&run, server, ended, generator.filter(|_| !self.plan.embedded));
        // What happens while everybody leaves is no part of it.
        let (failure, refusal) = (run.failure(), run.refusal());
        load.end().await;
        self.tell(&report, failure, refusal)
    }

    /// Everybody who plays, and the gateway's program.
    async fn gather(&self) -> Result<(Option<Cast>, Option<String>), Failure> {
        if self.plan.scenario == Scenario::Connect {
            // One goes ahead, to see whether anybody is let in.
            let first = self.door.enter("first").await?;
            let server = first.hello.server.clone();
            first.leave().await;
            return Ok((None, server));
        }
        let mut progress = Progress::start(self.output, "connecting", self.plan.clients());
        let cast = Cast::gather(&self.plan, &self.door, &mut progress).await?;
        let server = cast.server();
        Ok((Some(cast), server))
    }

    fn begin(&self) -> Run {
        let Plan { rate, lanes, receivers, window, warmup, end, .. } = self.plan;
        let pace = match rate {
            Rate::PerSecond(rate) => Pace::Open(Schedule::new(rate, lanes.into(), warmup, end)),
            Rate::Max => Pace::Closed { window },
        };
        let receivers = usize::try_from(receivers).unwrap_or(usize::MAX);
        Run::begin(self.id, pace, warmup, end, lanes.into(), receivers)
    }

    fn start(&self, cast: Option<Cast>, run: &Arc<Run>) -> (Load, Option<Pacer>) {
        let load = if let Some(cast) = cast {
            Load::Players(cast.begin(run))
        } else {
            let mut comers = JoinSet::new();
            for lane in 0..u64::from(self.plan.lanes) {
                comers.spawn(joining::come_and_go(Arc::clone(run), lane, self.door.clone()));
            }
            Load::Comers(comers)
        };
        let pacer = match run.pace {
            Pace::Closed { .. } => None,
            Pace::Open(schedule) => {
                let paced = Arc::clone(run);
                Some(Pacer::start(run.epoch(), schedule, move |lane| {
                    if let Some(lane) = paced.lane(lane) {
                        lane.wake.notify_one();
                    }
                }))
            }
        };
        (load, pacer)
    }

    /// Looks on until everything has arrived, or nothing more will.
    async fn supervise(&self, run: &Run) -> Ended {
        let mut progress = Progress::start(self.output, self.plan.scenario.name(), self.total());
        let mut looking = tokio::time::interval(LOOK);
        let (mut before, mut since) = (Counts::default(), Instant::now());
        loop {
            looking.tick().await;
            let counts = run.progress();
            let elapsed = run.now();
            progress.advance(self.position(counts, elapsed), || details(counts, elapsed));
            if run.failure().is_some() {
                return Ended::Broken;
            }
            if run.is_complete() {
                return Ended::Done;
            }
            let arrivals = Counts { sent: 0, ..counts };
            if arrivals != before || !run.is_waiting() {
                (before, since) = (arrivals, Instant::now());
            } else if since.elapsed() > self.door.within {
                if run.is_sent() {
                    // What has not come by now is missing.
                    return Ended::Done;
                }
                let seconds = self.door.within.as_secs_f32();
                run.fail(
                    Failure::new(
                        Exit::TimedOut,
                        format!("nothing has come from the gateway for {seconds} s"),
                    )
                    .hint("it may be stuck, or lose messages; --timeout sets how long to wait"),
                );
            }
        }
    }

    fn total(&self) -> u64 {
        match (self.plan.end.span, self.plan.end.count) {
            (Some(span), _) => milliseconds(self.plan.warmup + span),
            (None, count) => count.unwrap_or(1),
        }
    }

    fn position(&self, counts: Counts, elapsed: Duration) -> u64 {
        if self.plan.end.span.is_some() { milliseconds(elapsed) } else { counts.sent }
    }

    fn report(&self, run: &Run, server: Option<String>, ended: Ended, generator: Option<f64>) -> Report {
        let Plan { scenario, rate, lanes, receivers, size, window, .. } = self.plan;
        let (answers, deliveries) = (run.answers.percentiles(), run.deliveries.percentiles());
        let latencies = match scenario {
            Scenario::Connect => vec![("identified", answers)],
            Scenario::Request => vec![("answer", answers), ("round trip", deliveries)],
            Scenario::Send | Scenario::Fanout => vec![("answer", answers), ("delivery", deliveries)],
        };
        let sends = scenario != Scenario::Connect;
        Report {
            scenario: scenario.name(),
            url: self.door.url.to_string(),
            server,
            rate,
            window: (sends && rate == Rate::Max).then_some(window),
            clients: lanes.into(),
            receivers: receivers.into(),
            size: sends.then_some(size),
            measured: run.measured(),
            ended,
            counts: run.counts(),
            latencies,
            lateness: ("generator late", run.lateness.percentiles()),
            generator,
        }
    }

    /// The result, what has to be said about it, and how it ends.
    fn tell(
        &self,
        report: &Report,
        failure: Option<Failure>,
        refusal: Option<String>,
    ) -> Result<(), Failure> {
        if report.counts.sent > 0 {
            self.output.record(report)?;
        }
        if let Some(doubt) = doubt(report) {
            self.output.note(&doubt);
        }
        if let Some(failure) = failure {
            return Err(failure);
        }
        if !report.is_flawless() {
            let failure = Failure::new(Exit::Unexpected, report.flaws());
            return Err(match refusal {
                Some(refusal) => failure.hint(format!("the first refusal: {refusal}")),
                None => failure,
            });
        }
        Ok(())
    }
}

/// The next signal, where signals are looked at.
async fn next(signals: &mut Option<Signals>) -> Exit {
    match signals {
        Some(signals) => signals.next().await,
        None => std::future::pending().await,
    }
}

impl Load {
    async fn end(self) {
        match self {
            Self::Players(stage) => stage.clear().await,
            Self::Comers(mut comers) => comers.shutdown().await,
        }
    }
}

/// Why the figures may say more about the generator than about the gateway.
fn doubt(report: &Report) -> Option<String> {
    let processors = std::thread::available_parallelism()
        .map_or(1.0, |number| f64::from(u32::try_from(number.get()).unwrap_or(u32::MAX)));
    if report.generator.is_some_and(|used| used > BUSY * processors) {
        return Some(
            "the generator was out of processor time: another machine, or fewer clients, would tell more"
                .into(),
        );
    }
    if report.lateness.1.p99 > LATE {
        let late = grouped(report.lateness.1.p99);
        return Some(format!(
            "one in a hundred went out {late} µs late by the generator's fault; its latency does not count that"
        ));
    }
    None
}

fn details(counts: Counts, elapsed: Duration) -> String {
    let per_second = u128::from(counts.sent) * 1000 / elapsed.as_millis().max(1);
    let per_second = grouped(u64::try_from(per_second).unwrap_or(u64::MAX));
    let refused =
        if counts.refused > 0 { format!(", {} refused", grouped(counts.refused)) } else { String::new() };
    format!("{} sent, {per_second}/s{refused}", grouped(counts.sent))
}

fn milliseconds(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

/// The processor time that this process has used.
fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
    Duration::from_secs(seconds) + Duration::from_nanos(u64::try_from(time.tv_nsec).unwrap_or_default())
}

/// How many processors were in use.
fn busy(cpu: Duration, elapsed: Duration) -> Option<f64> {
    (!elapsed.is_zero()).then(|| cpu.as_secs_f64() / elapsed.as_secs_f64())
}
