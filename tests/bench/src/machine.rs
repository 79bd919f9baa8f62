//! The machine: which core is whose, and what a process took of the processor.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use rustix::param::clock_ticks_per_second;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use support::process::peak_resident_bytes;

/// One core for the server, another for the load.
#[derive(Debug)]
pub(crate) struct Cores {
    server: CpuSet,
    load: CpuSet,
}

impl Cores {
    /// Takes the first two that this process may use, and goes to the second.
    pub(crate) fn find() -> Result<Self> {
        let usable = sched_getaffinity(None)?;
        let mut cores = (0..CpuSet::MAX_CPU).filter(|core| usable.is_set(*core)).map(|core| {
            let mut one = CpuSet::new();
            one.set(core);
            one
        });
        let server = cores.next().context("there is no core")?;
        let load = cores.next().unwrap_or(server);
        let cores = Self { server, load };
        sched_setaffinity(None, &cores.load)?;
        Ok(cores)
    }

    /// The same with all cores for the server, and how many they are; the load has to share them.
    pub(crate) fn widened(&self) -> (Self, usize) {
        let mut server = self.server;
        for core in (0..CpuSet::MAX_CPU).filter(|core| self.load.is_set(*core)) {
            server.set(core);
        }
        (Self { server, load: self.load }, usize::try_from(server.count()).unwrap_or(1))
    }

    /// Whether the load slows the server down.
    pub(crate) fn are_shared(&self) -> bool {
        self.server == self.load
    }

    /// What is started here runs on the server's core.
    pub(crate) fn for_server<T>(&self, start: impl FnOnce() -> T) -> Result<T> {
        sched_setaffinity(None, &self.server)?;
        let started = start();
        sched_setaffinity(None, &self.load)?;
        Ok(started)
    }
}

/// How many connections a server may have here, as many as the system gives: one of them takes a descriptor of the server, and
/// one of the load.
pub(crate) fn most_connections() -> usize {
    let Rlimit { mut current, maximum } = getrlimit(Resource::Nofile);
    if setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).is_ok() {
        current = maximum;
    }
    let limit = current.unwrap_or(u64::MAX);
    // The gateway keeps a tenth for other things.
    usize::try_from(limit / 10 * 9).unwrap_or(usize::MAX).saturating_sub(100)
}

/// How long a measurement takes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    pub(crate) warm: Duration,
    pub(crate) span: Duration,
}

/// Processor time of a process, its threads included.
pub(crate) fn processor_time(process: u32) -> Result<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).context("the server is gone")?;
    // The name before it may hold anything, a parenthesis included.
    let (_, fields) = stat.rsplit_once(')').context("no process status as it should be")?;
    let [user, system] = [11, 12].map(|field| fields.split_whitespace().nth(field)?.parse::<u32>().ok());
    let ticks = user.zip(system).map(|(user, system)| user + system);
    let ticks = ticks.context("no process status as it should be")?;
    Ok(Duration::from_secs(ticks.into()) / u32::try_from(clock_ticks_per_second())?)
}

/// A moment of a measurement.
#[derive(Debug, Clone, Copy)]
struct Moment {
    at: Instant,
    server: Duration,
    load: Duration,
    done: usize,
}

/// Measures how much is done, and what it takes: first nothing, while the server warms up, then as long as planned.
#[derive(Debug)]
pub(crate) struct Meter {
    server: u32,
    plan: Plan,
    started: Instant,
    from: Option<Moment>,
    to: Option<Moment>,
}

/// What was measured.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Spent {
    /// How much was done.
    pub(crate) done: usize,
    /// How long it took.
    pub(crate) time: Duration,
    /// Of the server's processor time.
    pub(crate) server: Duration,
    /// Of the load's processor time.
    pub(crate) load: Duration,
    /// The most memory that the server ever had, in bytes.
    pub(crate) peak: usize,
}

impl Spent {
    /// Thousands done, for a second of the server's processor time.
    pub(crate) fn per_processor_second(&self) -> f64 {
        self.thousands() / self.server.as_secs_f64().max(0.001)
    }

    /// Thousands done in a second.
    pub(crate) fn per_second(&self) -> f64 {
        self.thousands() / self.time.as_secs_f64().max(0.001)
    }

    fn thousands(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "figures for people")]
        let done = self.done as f64;
        done / 1000.0
    }
}

impl Meter {
    pub(crate) fn start(server: u32, plan: Plan) -> Self {
        Self { server, plan, started: Instant::now(), from: None, to: None }
    }

    /// Whether the measurement goes on, after that much was done since its start.
    pub(crate) fn goes_on(&mut self, done: usize) -> Result<bool> {
        if self.to.is_some() {
            return Ok(false);
        }
        let now = Instant::now();
        match self.from {
            None if now >= self.started + self.plan.warm => self.from = Some(self.moment(now, done)?),
            Some(from) if now >= from.at + self.plan.span => self.to = Some(self.moment(now, done)?),
            _ => {}
        }
        Ok(self.to.is_none())
    }

    /// Whether the server has warmed up.
    pub(crate) fn is_warm(&self) -> bool {
        self.from.is_some()
    }

    fn moment(&self, at: Instant, done: usize) -> Result<Moment> {
        let (server, load) = (processor_time(self.server)?, processor_time(std::process::id())?);
        Ok(Moment { at, server, load, done })
    }

    /// What came out, once it is over.
    pub(crate) fn spent(&self) -> Result<Spent> {
        let (from, to) = self.from.zip(self.to).context("the measurement is not over")?;
        Ok(Spent {
            done: to.done - from.done,
            time: to.at - from.at,
            server: to.server.saturating_sub(from.server),
            load: to.load.saturating_sub(from.load),
            peak: peak_resident_bytes(self.server),
        })
    }
}
