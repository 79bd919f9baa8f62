//! A WebSocket's part in the gateway: its outbox, its dialect's state, its place. However the connection ends, a panic
//! included, dropping this takes all of it out.

use std::sync::Arc;
use std::task::Context;
use std::time::Duration;

use concierge_client::payload::{ClientName, CloseCode, Envelope, RequestKind};
use tracing::{debug, trace};

use super::admission::Place;
use super::batch::Batch;
use super::drive::Performed;
use super::ending::{Ending, Reason};
use super::frames::{FrameLimits, Violation};
use super::gateway::{Door, Gateway};
use super::metrics::TurnedAway;
use super::outbox::Outbox;
#[cfg(test)]
use super::panics::tests::Fault;
use super::peer::Peer;
use super::session::Side;
use crate::dialect::concierge::{Close, Connection, Input, Joined, Step, Timer};
use crate::files::Holder;

/// What the gateway has of one WebSocket.
#[derive(Debug)]
pub(super) struct Member {
    gateway: Arc<Gateway>,
    from: From,
    outbox: Arc<Outbox>,
    number: u64,
    place: Place,
    /// Gone once the client has left.
    connection: Option<Connection>,
}

/// Where a WebSocket comes from.
#[derive(Debug, Clone)]
pub(super) struct From {
    pub(super) peer: Peer,
    /// The page, when it is one's.
    pub(super) origin: Option<String>,
}

/// What came of a message.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    pub(super) close: Option<Close>,
    /// Other clients whose outboxes are over half full by it.
    pub(super) pressed: Vec<Arc<Outbox>>,
    /// Whether its own is.
    pub(super) is_own_high: bool,
}

impl Outcome {
    fn close(close: Close) -> Self {
        Self { close: Some(close), ..Self::default() }
    }
}

impl Member {
    pub(super) fn new(gateway: Arc<Gateway>, from: From, place: Place) -> Self {
        let (number, outbox) = gateway.open_outbox();
        let connection = Connection::new(Arc::clone(gateway.rules()), gateway.now());
        Self { gateway, from, outbox, number, place, connection: Some(connection) }
    }

    /// Which request it was, and what came of it.
    fn carry_out(&mut self, text: &str, now: Duration, is_timed: bool) -> (Option<RequestKind>, Outcome) {
        let Some(connection) = &mut self.connection else { return (None, Outcome::default()) };
        let address = self.from.peer.address;
        if !connection.is_identified() && self.gateway.wait_of(Door::Clients, address).is_some() {
            // Whoever opened many connections first would have as many guesses.
            return (None, Outcome::close(Close::new(CloseCode::RateLimited)));
        }
        if !connection.is_identified()
            && let Some(what) = self.gateway.scarce()
        {
            self.gateway.metrics().turn_away(TurnedAway::Scarce(what));
            return (None, Outcome::close(Close::new(CloseCode::TryAgainLater)));
        }
        #[cfg(test)]
        self.gateway.panics().inject(Fault::Decode);
        match connection.handle_text(text, now) {
            Step::Nothing => (None, Outcome::default()),
            Step::Close(close) => {
                if close.code == CloseCode::BadSecret {
                    self.gateway.count_guess(Door::Clients, address);
                }
                (None, Outcome::close(close))
            }
            Step::Answer(answer) => {
                let request = answer.request;
                let is_own_high = self.gateway.drive().answer(&answer, &self.outbox);
                (request, Outcome { is_own_high, ..Outcome::default() })
            }
            Step::Hub(input) => {
                let request = input.request();
                let joins = match &input {
                    Input::Join(join) => Some(join.name().clone()),
                    _ => None,
                };
                let home = (&self.outbox, self.from.peer);
                let performed = self.gateway.drive().perform(connection, input, home, now, is_timed);
                if let Some(name) = joins
                    && let Some(joined) = connection.joined()
                {
                    debug!(peer = %self.from.peer, name = ?name.as_str(), "a client joined");
                    self.place.identify();
                    self.open_folder(name, joined);
                }
                let Performed { close, pressed, is_own_high } = performed;
                (Some(request), Outcome { close, pressed, is_own_high })
            }
        }
    }

    /// Before `HELLO` is written, so that the key in it opens something.
    fn open_folder(&self, name: ClientName, joined: Joined) {
        if let Some(files) = self.gateway.files() {
            let From { peer, origin } = self.from.clone();
            let Joined { client, uuid, fs_key } = joined;
            files.join(client, Holder { name, uuid, secret: fs_key, address: peer.address, origin });
        }
    }
}

impl Side for Member {
    fn gateway(&self) -> &Arc<Gateway> {
        &self.gateway
    }

    fn outbox(&self) -> &Arc<Outbox> {
        &self.outbox
    }

    fn peer(&self) -> Peer {
        self.from.peer
    }

    fn frame_limits(&self) -> FrameLimits {
        self.gateway.frame_limits()
    }

    fn words(reason: Reason) -> Close {
        Close::new(match reason {
            Reason::Violation(Violation::TooBig) => CloseCode::MessageTooBig,
            Reason::Violation(Violation::NotUtf8) => CloseCode::InvalidData,
            Reason::Violation(Violation::Protocol) => CloseCode::ProtocolError,
            Reason::Slow => CloseCode::SlowConsumer,
            Reason::RateLimited => CloseCode::RateLimited,
            Reason::Kicked => CloseCode::Kicked,
            Reason::Failure => CloseCode::InternalError,
            Reason::Stop => CloseCode::GoingAway,
        })
    }

    /// The gateway's clocks are looked at once more for one that is timed.
    fn handle_text(&mut self, text: &str, now: Duration, is_timed: bool) -> Outcome {
        if let Some(client) = self.connection.as_ref().and_then(Connection::client) {
            trace!(?client, text = ?loggable(text), "received");
        }
        let (request, outcome) = self.carry_out(text, now, is_timed);
        self.gateway.metrics().receive(request);
        if is_timed {
            self.gateway.metrics().observe_handling(self.gateway.now().saturating_sub(now));
        }
        outcome
    }

    fn handle_binary(&mut self, now: Duration) -> Outcome {
        self.handle_activity(now);
        match self.connection.as_mut().map(Connection::handle_binary) {
            Some(Step::Close(close)) => Outcome::close(close),
            _ => Outcome::default(),
        }
    }

    fn handle_activity(&mut self, now: Duration) {
        if let Some(connection) = &mut self.connection {
            connection.handle_activity(now);
        }
    }

    fn poll(&mut self, _context: &mut Context<'_>) -> Option<Ending> {
        None
    }

    fn handle_taken(&mut self, _batch: &mut Batch) {}

    fn next_deadline(&self) -> Option<Duration> {
        self.connection.as_ref().and_then(Connection::next_deadline)
    }

    fn handle_deadline(&mut self, now: Duration) -> Timer {
        self.connection.as_mut().map_or(Timer::Nothing, |connection| connection.handle_deadline(now))
    }

    fn handle_stop(&mut self) {}

    /// While the gateway stops nobody is told: they all are leaving.
    fn leave(&mut self) -> Vec<Arc<Outbox>> {
        // First, while nobody else can have the name.
        if let Some(files) = self.gateway.files()
            && let Some(client) = self.connection.as_ref().and_then(Connection::client)
        {
            // Whatever fails there, it leaves the hub.
            self.gateway.panics().contain(|| files.leave(client));
        }
        match self.connection.take() {
            Some(connection) if self.gateway.stop_by().is_none() => self.gateway.drive().leave(&connection),
            _ => Vec::new(),
        }
    }
}

/// What of a text a log may have: nothing of one that could have a secret in it, as every `IDENTIFY` and what is none by mistake.
fn loggable(text: &str) -> &str {
    match Envelope::parse(text) {
        Ok(envelope) if !matches!(envelope.kind(), None | Some(RequestKind::Identify)) => text,
        _ => "[withheld]",
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.leave();
        self.gateway.close_outbox(self.number);
    }
}
