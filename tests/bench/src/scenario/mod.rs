//! The work: what each server is given to do, and what is told of it.

mod fanout;
mod idle;
mod joins;
mod loaded;
mod pairs;
mod round_trip;

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use support::latency::Latencies;
use support::raw::RawSocket;

use crate::arguments::Arguments;
use crate::load::{Crowd, Heard};
use crate::machine::{Cores, Meter, Plan, Spent, most_connections};
use crate::peer::{Part, Peer, Server};
use fanout::Fanout;
use idle::Idle;
use joins::Joins;
use loaded::Loaded;
use pairs::Pairs;
use round_trip::Way;

/// How large the work is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Size {
    /// So small that it is over at once: the same kinds of work.
    Small,
    /// As the table of goals has it.
    Whole,
}

/// A kind of work.
#[derive(Debug)]
pub(crate) struct Scenario {
    pub(crate) name: String,
    work: Work,
}

#[derive(Debug, Clone, Copy)]
enum Work {
    Fanout(Fanout),
    Stuck(Fanout),
    Pairs(Pairs),
    Wide(Pairs),
    Loaded(Loaded),
    RoundTrip(Way),
    Idle(Idle),
    Joins(Joins),
    Presence(Joins),
}

/// A figure of a measurement: what it is called, and how much.
pub(crate) type Figure = (&'static str, f64);

/// All the work there is.
pub(crate) fn all(size: Size) -> Vec<Scenario> {
    let small = size == Size::Small;
    let mut scenarios = Vec::new();
    let mut add = |name: String, work| scenarios.push(Scenario { name, work });
    for wanted in if small { vec![1, 10] } else { vec![1, 10, 100, 1000, 10_000] } {
        let (subscribers, said) = scaled(wanted);
        add(format!("owner to {said} streaming"), Work::Fanout(Fanout::streaming(subscribers)));
    }
    for subscribers in if small { vec![10] } else { vec![100, 1000] } {
        let fanout = Fanout::one_at_a_time(subscribers);
        add(format!("owner to {subscribers} one at a time"), Work::Fanout(fanout));
    }
    for (subscribers, stuck) in if small { vec![(3, 1)] } else { vec![(100, 1), (1000, 100)] } {
        let fanout = Fanout { stuck, ..Fanout::streaming(subscribers) };
        add(format!("owner to {subscribers} and {stuck} stuck"), Work::Stuck(fanout));
    }
    for (pairs, bytes) in
        if small { vec![(1, 128), (4, 1024)] } else { vec![(1, 128), (16, 128), (64, 128), (64, 1024)] }
    {
        add(format!("{pairs} pairs of {bytes} bytes"), Work::Pairs(Pairs { pairs, bytes }));
    }
    let pairs = Pairs { pairs: if small { 2 } else { 64 }, bytes: 128 };
    add(format!("all cores, {} pairs", pairs.pairs), Work::Wide(pairs));
    let pairs = Pairs { pairs: if small { 2 } else { 16 }, bytes: 128 };
    for (back, what) in [(false, "messages of pairs"), (true, "round trips of pairs")] {
        add(format!("{} {what} at 80 % load", pairs.pairs), Work::Loaded(Loaded { pairs, back }));
    }
    add("round trip to oneself".to_owned(), Work::RoundTrip(Way::Oneself));
    add("round trip to another".to_owned(), Work::RoundTrip(Way::AnotherAndBack));
    for wanted in if small { vec![50] } else { vec![10_000, 15_000] } {
        let (connections, said) = scaled(wanted);
        add(format!("{said} idle"), Work::Idle(Idle { connections }));
    }
    let (clients, said) = scaled(if small { 50 } else { 10_000 });
    add(format!("{said} joining"), Work::Joins(Joins { clients }));
    let clients = if small { 20 } else { 1000 };
    add(format!("{clients} joining with presence"), Work::Presence(Joins { clients }));
    scenarios
}

/// As many connections as there can be, and how that is told.
fn scaled(wanted: usize) -> (usize, String) {
    let most = most_connections();
    if wanted <= most {
        (wanted, wanted.to_string())
    } else {
        (most, format!("{most} (not {wanted}: ulimit -n)"))
    }
}

impl Scenario {
    /// The servers that can do it, of those that are wanted.
    pub(crate) fn peers(&self, arguments: &Arguments) -> Vec<Peer> {
        let can = |peer: &Peer| match self.work {
            // The lists of subscribers in what clients of old are sent grow with the square of their number.
            Work::Fanout(fanout) => match peer {
                Peer::Legacy => fanout.subscribers <= 100,
                // To one, that would tell what HTTP costs.
                Peer::Events => fanout.subscribers > 1,
                _ => true,
            },
            Work::Presence(_) => *peer == Peer::Legacy,
            _ => !matches!(peer, Peer::Legacy | Peer::Events),
        };
        Peer::ALL.into_iter().filter(|peer| arguments.wants_peer(*peer)).filter(can).collect()
    }

    /// How many of the figures, from the first one on, are what it is about.
    pub(crate) fn counting(&self) -> usize {
        match self.work {
            Work::Fanout(_) | Work::Pairs(_) | Work::Wide(_) | Work::Presence(_) => 1,
            Work::Idle(_) | Work::Joins(_) => 2,
            Work::Stuck(_) | Work::Loaded(_) | Work::RoundTrip(_) => 3,
        }
    }

    /// Has a fresh server of that kind do it once.
    pub(crate) fn run(&self, peer: Peer, cores: &Cores, place: &Path, plan: Plan) -> Result<Vec<Figure>> {
        let start = || Server::start(peer, cores, place);
        let figures = match self.work {
            Work::Fanout(fanout) => fanout.run(&start()?, plan),
            Work::Stuck(fanout) => fanout.run_stuck(start, plan),
            Work::Pairs(pairs) => pairs.run(&start()?, plan),
            Work::Wide(pairs) => {
                let (all, count) = cores.widened();
                pairs.run_wide(&start()?, || Server::start(peer, &all, place), plan, count)
            }
            Work::Loaded(loaded) => loaded.run(start, plan),
            Work::RoundTrip(way) => way.run(&start()?, plan),
            Work::Idle(idle) => idle.run(&start()?, plan),
            Work::Joins(joins) => joins.run(&start()?),
            Work::Presence(joins) => joins.run_with_presence(&start()?),
        };
        figures.with_context(|| format!("{} by {}", self.name, peer.name()))
    }
}

/// How many are connected before those that are there get their turn.
const ADDED_AT_ONCE: usize = 64;

/// How many subscribe at a time: what each of them is answered has the list of all.
const UNREADY_AT_ONCE: usize = 32;

/// A server and the connections to it, while it is measured.
struct Trial<'s> {
    server: &'s Server,
    crowd: Crowd,
    heard: Vec<(usize, Heard)>,
    meter: Meter,
    /// Messages that each connection has heard, and other news.
    messages: Vec<usize>,
    news: Vec<usize>,
    /// Answers that came, to whomever.
    answers: usize,
    /// How many have asked for their place and were not told yet that they have it.
    unready: usize,
}

impl<'s> Trial<'s> {
    /// Connects everybody, in that order: each is known by its place in it.
    fn prepare(
        server: &'s Server,
        plan: Plan,
        parts: impl IntoIterator<Item = Part>,
        bytes: usize,
    ) -> Result<Self> {
        let (crowd, meter) = (Crowd::new()?, Meter::start(server.process(), plan));
        let (heard, messages, news) = (Vec::new(), Vec::new(), Vec::new());
        let mut trial = Self { server, crowd, heard, meter, messages, news, answers: 0, unready: 0 };
        for part in parts {
            trial.add(part, bytes)?;
        }
        trial.settle(0)?;
        // What it took to get there is not measured.
        trial.meter = Meter::start(server.process(), plan);
        Ok(trial)
    }

    /// Connects one more.
    fn add(&mut self, part: Part, bytes: usize) -> Result<()> {
        let (socket, request) = self.server.door().begin(part)?;
        self.take(socket, part, bytes)?;
        if let Some(request) = request {
            self.crowd.send(self.messages.len() - 1, &request)?;
            self.unready += 1;
        }
        self.settle(UNREADY_AT_ONCE)
    }

    /// Waits until at most so many are not told yet that they have their place.
    fn settle(&mut self, unready: usize) -> Result<()> {
        while self.unready > unready {
            self.listen()?;
        }
        Ok(())
    }

    /// Takes over one that is connected. Who came first is asked for signs of life while others still come: from time to time
    /// everybody gets a turn.
    fn take(&mut self, socket: RawSocket, part: Part, bytes: usize) -> Result<()> {
        let heard = self.crowd.add(socket, self.server.language(part, bytes))?;
        self.messages.push(heard.messages);
        self.news.push(heard.news);
        if self.messages.len().is_multiple_of(ADDED_AT_ONCE) {
            self.listen_within(Duration::ZERO)?;
        }
        Ok(())
    }

    /// Waits until something is heard, and counts it.
    fn listen(&mut self) -> Result<usize> {
        self.crowd.listen(&mut self.heard)?;
        Ok(self.count())
    }

    /// Counts what is heard within that time.
    fn listen_within(&mut self, wait: Duration) -> Result<usize> {
        self.crowd.listen_within(wait, &mut self.heard)?;
        Ok(self.count())
    }

    fn count(&mut self) -> usize {
        let mut messages = 0;
        for (number, heard) in &self.heard {
            messages += heard.messages;
            self.answers += heard.answers;
            self.unready = self.unready.saturating_sub(heard.subscriptions);
            if let (Some(count), Some(news)) = (self.messages.get_mut(*number), self.news.get_mut(*number)) {
                *count += heard.messages;
                *news += heard.news;
            }
        }
        messages
    }

    /// Waits for the answers that are still to come, and checks that there are as many as there should be.
    fn finish(&mut self, sent: usize) -> Result<()> {
        let expected = if self.server.peer().answers() { sent } else { 0 };
        while self.answers < expected {
            self.listen()?;
        }
        ensure!(self.answers == expected, "{} answers to {sent} messages", self.answers);
        Ok(())
    }
}

/// What is told of how long something takes.
fn percentiles(times: &Latencies) -> Vec<Figure> {
    let microseconds = |part| times.quantile(part).as_secs_f64() * 1e6;
    vec![("p50 µs", microseconds(0.5)), ("p99 µs", microseconds(0.99)), ("p99.9 µs", microseconds(0.999))]
}

/// What is told of work that is measured by how much of it was done.
fn throughput(spent: Spent) -> Vec<Figure> {
    let Spent { time, server, load, peak, .. } = spent;
    #[expect(clippy::cast_precision_loss, reason = "figures for people")]
    let peak = peak as f64;
    vec![
        ("thousands per cpu-second", spent.per_processor_second()),
        ("thousands per second", spent.per_second()),
        ("server busy %", server.as_secs_f64() / time.as_secs_f64() * 100.0),
        ("load busy %", load.as_secs_f64() / time.as_secs_f64() * 100.0),
        ("peak MiB", peak / f64::from(1 << 20)),
    ]
}
