//! What `bench` takes, and what it comes to: who is there and what each does. Pure.

use std::time::Duration;

use clap::{Args, Subcommand};

use super::schedule::{End, Rate};
use crate::grammar::parse_span;

/// What is measured.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum Traffic {
    /// Messages from client to client: the gateway's answer, and the delivery
    #[command(after_help = SEND_EXAMPLES)]
    Send(PairsArgs),
    /// Messages from a service's owner to all of its subscribers
    #[command(after_help = FANOUT_EXAMPLES)]
    Fanout(FanoutArgs),
    /// Requests from client to client, and the way back
    #[command(after_help = REQUEST_EXAMPLES)]
    Request(PairsArgs),
    /// Clients that connect, identify and leave
    #[command(after_help = CONNECT_EXAMPLES)]
    Connect(ConnectArgs),
}

/// `bench send`, `bench request`
#[derive(Debug, Clone, Args)]
pub(crate) struct PairsArgs {
    /// How many send, each to a client of its own
    #[arg(long, short = 'C', default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub clients: u32,
    /// What is sent.
    #[command(flatten)]
    pub messages: MessageArgs,
    /// How fast, and how long.
    #[command(flatten)]
    pub load: LoadArgs,
}

/// `bench fanout`
#[derive(Debug, Clone, Args)]
pub(crate) struct FanoutArgs {
    /// How many subscribers there are
    #[arg(long, short = 'S', default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub subscribers: u32,
    /// What is sent.
    #[command(flatten)]
    pub messages: MessageArgs,
    /// How fast, and how long.
    #[command(flatten)]
    pub load: LoadArgs,
}

/// `bench connect`
#[derive(Debug, Clone, Args)]
pub(crate) struct ConnectArgs {
    /// How many come and go side by side
    #[arg(long, short = 'C', default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub clients: u32,
    /// How fast, and how long.
    #[command(flatten)]
    pub load: LoadArgs,
}

/// What is sent.
#[derive(Debug, Clone, Args)]
pub(crate) struct MessageArgs {
    /// The size of each message's `data`, in bytes
    #[arg(long, value_name = "BYTES", default_value_t = 128, value_parser = clap::value_parser!(u32).range(64..=16 << 20))]
    pub size: u32,
    /// With `--rate max`: how many messages of each sender may be under way
    #[arg(long, value_name = "COUNT", default_value_t = 32, value_parser = clap::value_parser!(u32).range(1..=65_536))]
    pub window: u32,
}

/// How fast, and how long.
#[derive(Debug, Clone, Args)]
pub(crate) struct LoadArgs {
    /// How many a second over all clients, such as 500 or 20k, or `max` [default: 1000, for fanout and connect 100]
    #[arg(long, short, hide_default_value = true)]
    pub rate: Option<Rate>,
    /// How long to measure [default: 5s unless -n is given]
    #[arg(long = "for", visible_alias = "duration", value_name = "TIME", value_parser = parse_span)]
    pub span: Option<Duration>,
    /// How many to measure
    #[arg(short = 'n', long, value_name = "COUNT", value_parser = clap::value_parser!(u64).range(1..))]
    pub count: Option<u64>,
    /// How long to warm up before, which is not measured
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = parse_warmup)]
    pub warmup: Duration,
    /// Measure a gateway embedded in this process
    #[arg(long)]
    pub embedded: bool,
}

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Plan {
    pub scenario: Scenario,
    pub rate: Rate,
    /// How many send, or come and go.
    pub lanes: u32,
    /// How many hear what each of them sends.
    pub receivers: u32,
    pub size: usize,
    pub window: usize,
    pub warmup: Duration,
    pub end: End,
    pub embedded: bool,
}

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scenario {
    Send,
    Fanout,
    Request,
    Connect,
}

impl Scenario {
    /// What it is called.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Send => "send",
            Self::Fanout => "fanout",
            Self::Request => "request",
            Self::Connect => "connect",
        }
    }
}

impl Plan {
    /// What the arguments come to.
    pub(super) fn of(command: &Traffic) -> Self {
        match command {
            Traffic::Send(PairsArgs { clients, messages, load }) => {
                Self::new(Scenario::Send, 1000, (*clients, 1), load).sending(messages)
            }
            Traffic::Request(PairsArgs { clients, messages, load }) => {
                Self::new(Scenario::Request, 1000, (*clients, 1), load).sending(messages)
            }
            Traffic::Fanout(FanoutArgs { subscribers, messages, load }) => {
                Self::new(Scenario::Fanout, 100, (1, *subscribers), load).sending(messages)
            }
            Traffic::Connect(ConnectArgs { clients, load }) => {
                Self::new(Scenario::Connect, 100, (*clients, 0), load)
            }
        }
    }

    fn new(scenario: Scenario, rate: u32, (lanes, receivers): (u32, u32), load: &LoadArgs) -> Self {
        let default = std::num::NonZeroU32::new(rate).map_or(Rate::Max, Rate::PerSecond);
        let span = match (load.span, load.count) {
            (None, None) => Some(Duration::from_secs(5)),
            (span, _) => span,
        };
        Self {
            scenario,
            rate: load.rate.unwrap_or(default),
            lanes,
            receivers,
            size: 0,
            window: 1,
            warmup: load.warmup,
            end: End { span, count: load.count },
            embedded: load.embedded,
        }
    }

    fn sending(self, messages: &MessageArgs) -> Self {
        let size = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
        Self { size: size(messages.size), window: size(messages.window), ..self }
    }

    /// How many are connected at one time.
    pub(super) fn clients(&self) -> u64 {
        u64::from(self.lanes) * (1 + u64::from(self.receivers))
    }
}

/// A time span, or none.
fn parse_warmup(text: &str) -> Result<Duration, String> {
    if matches!(text, "0" | "0s" | "0ms") { Ok(Duration::ZERO) } else { parse_span(text) }
}

/// What the help of `bench` ends with.
pub(crate) const BENCH_EXAMPLES: &str = "\
Examples:
  concierge bench send --embedded --rate 500 --for 1s     # on its own gateway
  concierge bench send --rate max --window 16 --for 2s    # as fast as it goes
  concierge bench connect --clients 16 --for 2s --json";

const SEND_EXAMPLES: &str = "\
Examples:
  concierge bench send --embedded --rate 500 --for 1s --warmup 0
  concierge bench send --clients 16 --rate 2k --size 1024 --for 2s
  concierge bench send --rate max --window 64 -n 10000 --json

By the clock, latency counts from when a message was due, not from when a busy gateway let it be sent. The exit
code is 8 when a message is missing, out of order, delivered twice or refused.";

const FANOUT_EXAMPLES: &str = "\
Examples:
  concierge bench fanout --embedded --subscribers 10 -n 50 --warmup 0
  concierge bench fanout --subscribers 100 --rate 20 --for 2s";

const REQUEST_EXAMPLES: &str = "\
Examples:
  concierge bench request --embedded -n 100 --warmup 0
  concierge bench request --clients 4 --rate 1k --for 2s";

const CONNECT_EXAMPLES: &str = "\
Examples:
  concierge bench connect --embedded --rate 50 --for 1s --warmup 0
  concierge bench connect --rate max --clients 64 --for 2s --json";

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(subcommand)]
        command: Traffic,
    }

    fn plan(words: &str) -> Plan {
        Plan::of(&Line::try_parse_from(format!("bench {words}").split(' ')).unwrap().command)
    }

    #[test]
    fn without_a_bound_it_takes_five_seconds() {
        assert_eq!(plan("send").end, End { span: Some(Duration::from_secs(5)), count: None });
        assert_eq!(plan("send -n 10").end, End { span: None, count: Some(10) });
        let both = plan("send -n 10 --for 1s --warmup 0");
        assert_eq!(both.end, End { span: Some(Duration::from_secs(1)), count: Some(10) });
        assert_eq!(both.warmup, Duration::ZERO);
    }

    #[test]
    fn who_is_there_follows_from_the_scenario() {
        assert_eq!(plan("send --clients 3").clients(), 6);
        assert_eq!(plan("request").clients(), 2);
        assert_eq!(plan("fanout --subscribers 7").clients(), 8);
        assert_eq!(plan("connect --clients 4").clients(), 4);
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for words in
            ["send --clients 0", "send --size 10", "send --rate 0", "connect --size 100", "fanout -n 0"]
        {
            assert!(Line::try_parse_from(format!("bench {words}").split(' ')).is_err(), "{words}");
        }
    }
}
