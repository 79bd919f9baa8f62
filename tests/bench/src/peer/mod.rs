//! The servers that are compared, each with what its clients say and hear. The work has parts, and each part is a connection.

mod concierge;
mod events;
mod nats;
mod relay;

use std::net::SocketAddr;
use std::path::Path;

use anyhow::Result;
use clap::ValueEnum;
use support::process::Program;
use support::raw::RawSocket;

use crate::load::Language;
use crate::machine::Cores;

/// A kind of server, and of clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Peer {
    /// The gateway, with clients that ask for compact payloads and no news.
    Ours,
    /// The gateway, with clients as there were before it.
    Legacy,
    /// The gateway, with events of a web application that publishes them over HTTP.
    Events,
    /// `nats-server` over WebSocket.
    Nats,
    /// The bare relay.
    Relay,
}

impl Peer {
    pub(crate) const ALL: [Self; 5] = [Self::Ours, Self::Legacy, Self::Events, Self::Nats, Self::Relay];

    pub(crate) fn is_ours(self) -> bool {
        matches!(self, Self::Ours | Self::Legacy | Self::Events)
    }

    /// Whether each message is answered to its sender, besides being delivered.
    pub(crate) fn answers(self) -> bool {
        self.is_ours()
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Ours => "ours",
            Self::Legacy => "ours, legacy",
            Self::Events => "ours, events",
            Self::Nats => "nats",
            Self::Relay => "relay",
        }
    }
}

/// What a connection does in the work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// Sends to all subscribers.
    Owner,
    /// Hears the owner.
    Subscriber(usize),
    /// Sends to the right one of the same number.
    Left(usize),
    /// Sends to the left one of the same number.
    Right(usize),
    /// Sends to itself.
    Alone,
    /// Is there.
    Guest(usize),
}

/// A server at work, alone on its core. It is killed when dropped.
#[derive(Debug)]
pub(crate) struct Server {
    program: Program,
    door: Door,
}

/// Where the clients of a server come in.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Door {
    peer: Peer,
    address: SocketAddr,
    /// Where web applications ask; the same for all but those who publish events.
    publishers: SocketAddr,
}

impl Door {
    /// A connection that is ready for its part.
    pub(crate) fn connect(&self, part: Part) -> Result<RawSocket> {
        let (mut socket, request) = self.begin(part)?;
        if let Some(request) = request {
            socket.send_bytes(&request)?;
            socket.read_text()?;
        }
        Ok(socket)
    }

    /// A connection that is ready for its part as soon as a last request, if there is one, is answered.
    pub(crate) fn begin(&self, part: Part) -> Result<(RawSocket, Option<Vec<u8>>)> {
        match self.peer {
            Peer::Ours => concierge::begin(self.address, part, concierge::COMPACT),
            Peer::Legacy => concierge::begin(self.address, part, ""),
            Peer::Events if part == Part::Owner => Ok((RawSocket::open(self.publishers)?, None)),
            Peer::Events => events::begin(self.address),
            Peer::Nats => Ok((nats::connect(self.address, part)?, None)),
            Peer::Relay => Ok((relay::connect(self.address, part)?, None)),
        }
    }
}

impl Server {
    /// Starts one, with room for as many connections as the system gives.
    pub(crate) fn start(peer: Peer, cores: &Cores, place: &Path) -> Result<Self> {
        let alike = |(program, address)| (program, address, address);
        let (program, address, publishers) = cores.for_server(|| match peer {
            Peer::Ours | Peer::Legacy => concierge::start(place).map(alike),
            Peer::Events => events::start(place),
            Peer::Nats => nats::start(place).map(alike),
            Peer::Relay => relay::start().map(alike),
        })??;
        Ok(Self { program, door: Door { peer, address, publishers } })
    }

    pub(crate) fn peer(&self) -> Peer {
        self.door.peer
    }

    pub(crate) fn process(&self) -> u32 {
        self.program.id()
    }

    /// Where its clients come in.
    pub(crate) fn door(&self) -> Door {
        self.door
    }

    /// How a connection hears messages of that size.
    pub(crate) fn language(&self, part: Part, size: usize) -> Language {
        match self.door.peer {
            Peer::Ours | Peer::Legacy => Language::Concierge,
            Peer::Events if part == Part::Owner => Language::Web,
            Peer::Events => Language::Telegraphy,
            Peer::Nats => nats::language(part, size),
            Peer::Relay => Language::Frames,
        }
    }

    /// The frame with which this part sends a message of that size.
    pub(crate) fn message(&self, part: Part, size: usize) -> Vec<u8> {
        let data = format!("\"{}\"", "x".repeat(size.saturating_sub(2)));
        match self.door.peer {
            Peer::Ours | Peer::Legacy => concierge::message(part, &data),
            Peer::Events => events::publish(self.door.publishers, &data),
            Peer::Nats => nats::message(part, &data),
            Peer::Relay => relay::message(&data),
        }
    }
}
