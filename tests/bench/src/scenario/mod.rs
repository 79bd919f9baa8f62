//! The work: what each server is given to do, and what is told of it.

mod fanout;
mod pairs;
mod round_trip;

use std::path::Path;

use anyhow::{Context as _, Result, ensure};

use crate::arguments::Arguments;
use crate::load::{Crowd, Heard};
use crate::machine::{Cores, Meter, Plan, Spent};
use crate::peer::{Part, Peer, Server};

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
    Fanout(fanout::Fanout),
    Pairs(pairs::Pairs),
    RoundTrip(round_trip::Way),
}

/// A figure of a measurement: what it is called, and how much.
pub(crate) type Figure = (&'static str, f64);

/// All the work there is.
pub(crate) fn all(size: Size) -> Vec<Scenario> {
    let small = size == Size::Small;
    let mut scenarios = Vec::new();
    let mut add = |name: String, work| scenarios.push(Scenario { name, work });
    for subscribers in if small { vec![1, 10] } else { vec![1, 10, 100, 1000] } {
        let fanout = fanout::Fanout::streaming(subscribers);
        add(format!("owner to {subscribers}, streaming"), Work::Fanout(fanout));
    }
    for subscribers in if small { vec![10] } else { vec![100, 1000] } {
        let fanout = fanout::Fanout { subscribers, in_flight: 1 };
        add(format!("owner to {subscribers}, one at a time"), Work::Fanout(fanout));
    }
    for (pairs, bytes) in
        if small { vec![(1, 128), (4, 1024)] } else { vec![(1, 128), (16, 128), (64, 128), (64, 1024)] }
    {
        add(format!("{pairs} pairs, {bytes} bytes"), Work::Pairs(pairs::Pairs { pairs, bytes }));
    }
    add("round trip, oneself".to_owned(), Work::RoundTrip(round_trip::Way::Oneself));
    add("round trip, another and back".to_owned(), Work::RoundTrip(round_trip::Way::AnotherAndBack));
    scenarios
}

impl Scenario {
    /// The servers that can do it, of those that are wanted.
    pub(crate) fn peers(&self, arguments: &Arguments) -> Vec<Peer> {
        let can = |peer: &Peer| match self.work {
            // The lists of subscribers in what clients of old are sent grow with the square of their number.
            Work::Fanout(fanout) => *peer != Peer::Legacy || fanout.subscribers <= 100,
            Work::Pairs(_) | Work::RoundTrip(_) => *peer != Peer::Legacy,
        };
        Peer::ALL.into_iter().filter(|peer| arguments.wants_peer(*peer)).filter(can).collect()
    }

    /// Has a fresh server of that kind do it once.
    pub(crate) fn run(&self, peer: Peer, cores: &Cores, place: &Path, plan: Plan) -> Result<Vec<Figure>> {
        let start = || Server::start(peer, cores, place);
        let figures = match self.work {
            Work::Fanout(fanout) => fanout.run(&start()?, plan),
            Work::Pairs(pairs) => pairs.run(&start()?, plan),
            Work::RoundTrip(way) => way.run(&start()?, plan),
        };
        figures.with_context(|| format!("{} by {}", self.name, peer.name()))
    }
}

/// A server and the connections to it, while it is measured.
struct Trial<'s> {
    server: &'s Server,
    crowd: Crowd,
    heard: Vec<(usize, Heard)>,
    meter: Meter,
    /// Messages that each connection has heard.
    messages: Vec<usize>,
    /// Answers that came, to whomever.
    answers: usize,
}

impl<'s> Trial<'s> {
    /// Connects everybody, in that order: each is known by its place in it.
    fn prepare(
        server: &'s Server,
        plan: Plan,
        parts: impl IntoIterator<Item = Part>,
        bytes: usize,
    ) -> Result<Self> {
        let mut crowd = Crowd::new()?;
        for part in parts {
            crowd.add(server.connect(part)?, server.language(part, bytes))?;
        }
        let (messages, meter) = (vec![0; crowd.len()], Meter::start(server.process(), plan));
        Ok(Self { server, crowd, heard: Vec::new(), meter, messages, answers: 0 })
    }

    /// Waits until something is heard, and counts it.
    fn listen(&mut self) -> Result<usize> {
        self.crowd.listen(&mut self.heard)?;
        let mut messages = 0;
        for (number, heard) in &self.heard {
            messages += heard.messages;
            self.answers += heard.answers;
            if let Some(count) = self.messages.get_mut(*number) {
                *count += heard.messages;
            }
        }
        Ok(messages)
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

/// What is told of work that is measured by how much of it was done.
fn throughput(spent: Spent) -> Vec<Figure> {
    let Spent { done, time, server, load, peak } = spent;
    #[expect(clippy::cast_precision_loss, reason = "figures for people")]
    let [done, peak] = [done, peak].map(|count| count as f64);
    let per = |time: std::time::Duration| done / 1000.0 / time.as_secs_f64().max(0.001);
    vec![
        ("thousands per cpu-second", per(server)),
        ("thousands per second", per(time)),
        ("server busy %", server.as_secs_f64() / time.as_secs_f64() * 100.0),
        ("load busy %", load.as_secs_f64() / time.as_secs_f64() * 100.0),
        ("peak MiB", peak / f64::from(1 << 20)),
    ]
}
