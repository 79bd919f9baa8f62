//! The gateway's side of one WebSocket that speaks Telegraphy: its outbox, its dialect's state, its place. However the connection
//! ends, a panic included, dropping this takes all of it out.

use std::sync::Arc;
use std::task::Context;
use std::time::Duration;

use concierge_client::payload::CloseCode as AnyCloseCode;
use concierge_client::telegraphy::{AnyRequest, CloseCode, MAX_FRAME_BYTES, Status, SystemEvent};
use tracing::debug;

use super::exchange::Exchange;
use super::post::Post;
use super::random;
use crate::dialect::concierge::{Close, Timer};
use crate::dialect::telegraphy::{self, Asked, Connection, Step, encode};
use crate::events::{Doors, Peer as Home};
use crate::files::Address;
use crate::net::admission::Place;
use crate::net::batch::Batch;
use crate::net::ending::{Ending, Reason};
use crate::net::frames::{FrameLimits, Violation};
use crate::net::gateway::Gateway;
use crate::net::member::{From, Outcome};
use crate::net::metrics::TurnedAway;
use crate::net::outbox::{Outbox, Pressure};
use crate::net::overload;
use crate::net::payload::Payload;
use crate::net::peer::Peer;
use crate::net::session::Side;

/// How long a client may be silent that was asked for a sign of life, if pings are not even further apart.
const PATIENCE: Duration = Duration::from_secs(10);

/// What the gateway has of one WebSocket.
#[derive(Debug)]
pub(in crate::net) struct Subscriber {
    gateway: Arc<Gateway>,
    exchange: Arc<Exchange>,
    peer: Peer,
    number: u64,
    place: Place,
    post: Arc<Post>,
    connection: Connection,
    /// Whether who connects says who it is.
    is_known: bool,
    /// Since when the client owes a sign of life.
    pinged: Option<Duration>,
    has_left: bool,
}

impl Subscriber {
    pub(in crate::net) fn new(
        gateway: Arc<Gateway>,
        exchange: Arc<Exchange>,
        From { peer, origin }: From,
        place: Place,
    ) -> Self {
        let (number, outbox) = gateway.open_outbox();
        let (id, post) = exchange.enter(outbox);
        let address = match peer.address {
            Address::Ip(address) => Some(address),
            Address::User(_) => None,
        };
        let home = Home { address, origin: origin.map(Arc::from) };
        let connection = Connection::new(Arc::clone(exchange.rules()), id, home, gateway.now());
        Self {
            gateway,
            exchange,
            peer,
            number,
            place,
            post,
            connection,
            is_known: false,
            pinged: None,
            has_left: false,
        }
    }

    /// A text for this connection alone, which the core need not know of. Whether its outbox is over half full.
    fn say(&self, text: &str) -> bool {
        let total = self.exchange.waiting();
        self.post.outbox().push(&Payload::new(text, 1, &mut Vec::new(), total)) != Pressure::Low
    }

    /// The answer to what never came to the core.
    fn refuse(&self, text: &str, status: Status) -> bool {
        self.gateway.metrics().telegraphy().answer(None, status);
        self.say(text)
    }

    fn ask(&mut self, asked: Asked) {
        match &asked.request {
            AnyRequest::Connect(connect) => {
                self.is_known = !connect.auth_token.reveal().is_empty();
                self.see_to_the_doors();
            }
            AnyRequest::Reconnect(_) => {
                // A session has one connection, and nobody has many sessions.
                self.is_known = true;
                self.see_to_the_doors();
            }
            _ => {}
        }
        self.exchange.ask(self.connection.input(asked, random::fresh()));
    }

    /// Who is connected already may stay, and come again with a fresh token.
    fn see_to_the_doors(&self) {
        if self.connection.is_connected() {
            return;
        }
        let doors = match self.gateway.scarce() {
            None => Doors::Open,
            Some(what) => {
                self.gateway.metrics().turn_away(TurnedAway::Scarce(what));
                let retry_after = Some(overload::RETRY_AFTER.as_secs());
                Doors::Shut { message: "the gateway has too much to do".to_owned(), retry_after }
            }
        };
        self.exchange.set_doors(doors);
    }

    fn handle_answer(&mut self, status: Status) {
        self.gateway.metrics().telegraphy().answer(self.connection.asked(), status);
        let was_connected = self.connection.is_connected();
        self.connection.handle_answer(status);
        if self.connection.is_connected() && !was_connected {
            debug!(peer = %self.peer, connection = %self.connection.id(), "a client of events connected");
            if self.is_known {
                self.place.identify();
            }
        }
    }

    fn close(&mut self, code: CloseCode) -> Ending {
        self.connection.handle_close();
        Ending::Close(close(code))
    }
}

/// As a close frame has it.
fn close(code: CloseCode) -> Close {
    Close { code: AnyCloseCode::from(u16::from(code)), reason: code.name().to_owned() }
}

impl Side for Subscriber {
    fn gateway(&self) -> &Arc<Gateway> {
        &self.gateway
    }

    fn outbox(&self) -> &Arc<Outbox> {
        self.post.outbox()
    }

    fn peer(&self) -> Peer {
        self.peer
    }

    fn frame_limits(&self) -> FrameLimits {
        let most = MAX_FRAME_BYTES;
        FrameLimits { first_message: most, message: most, frame: most, ..self.gateway.frame_limits() }
    }

    fn words(reason: Reason) -> Close {
        close(match reason {
            Reason::Violation(Violation::TooBig) => CloseCode::TooLarge,
            Reason::Violation(Violation::NotUtf8) => {
                return Close::new(AnyCloseCode::InvalidData);
            }
            Reason::Violation(Violation::Protocol) => {
                return Close::new(AnyCloseCode::ProtocolError);
            }
            Reason::Slow => CloseCode::SlowConsumer,
            Reason::RateLimited => CloseCode::LimitExceeded,
            Reason::Kicked => CloseCode::Revoked,
            Reason::Failure => CloseCode::Internal,
            Reason::Stop => CloseCode::Unavailable,
        })
    }

    fn handle_text(&mut self, text: &str, now: Duration, _is_timed: bool) -> Outcome {
        self.handle_activity(now);
        let mut outcome = Outcome { is_own_high: self.post.is_slow(), ..Outcome::default() };
        match self.connection.handle_text(text) {
            Some(Step::Answer(text, status)) => outcome.is_own_high |= self.refuse(&text, status),
            Some(Step::Close(code)) => outcome.close = Some(close(code)),
            Some(Step::Ask(asked)) => self.ask(asked),
            None => {}
        }
        outcome
    }

    fn handle_binary(&mut self, now: Duration) -> Outcome {
        self.handle_activity(now);
        self.connection.handle_binary();
        Outcome { is_own_high: self.post.is_slow(), ..Outcome::default() }
    }

    fn handle_activity(&mut self, _now: Duration) {
        self.pinged = None;
    }

    /// One request after the other: as many as are answered at once.
    fn poll(&mut self, context: &mut Context<'_>) -> Option<Ending> {
        loop {
            let news = self.post.poll(context);
            if let Some(status) = news.answered {
                self.handle_answer(status);
            }
            if let Some(code) = news.close {
                return Some(self.close(code));
            }
            match self.connection.poll()? {
                Step::Answer(text, status) => _ = self.refuse(&text, status),
                Step::Ask(asked) => self.ask(asked),
                Step::Close(code) => return Some(self.close(code)),
            }
        }
    }

    fn handle_taken(&mut self, batch: &mut Batch) {
        if self.post.is_relieved() {
            self.exchange.relieve(self.connection.id());
        }
        if batch.has_payloads() {
            self.connection.handle_sent(self.gateway.now());
            if self.connection.takes_batches() {
                batch.join();
            }
        }
    }

    fn next_deadline(&self) -> Option<Duration> {
        self.connection.next_deadline()
    }

    /// Browsers do not see pings, and programs do not answer events: who was silent is sent both.
    fn handle_deadline(&mut self, now: Duration) -> Timer {
        match self.connection.handle_deadline(now, self.exchange.moment()) {
            telegraphy::Timer::Nothing => Timer::Nothing,
            telegraphy::Timer::Say(text) => {
                let since = *self.pinged.get_or_insert(now);
                if now.saturating_sub(since) >= PATIENCE {
                    return Timer::Close(close(CloseCode::SlowConsumer));
                }
                self.say(&text);
                Timer::Ping
            }
            telegraphy::Timer::Close(text, code) => {
                self.say(&text);
                Timer::Close(close(code))
            }
        }
    }

    fn handle_stop(&mut self) {
        let code = CloseCode::Unavailable;
        let closing = SystemEvent::Closing {
            status: code.name().to_owned(),
            reconnect: code.is_worth_another_try(),
            after_ms: None,
        };
        self.say(&encode::system(closing, self.exchange.moment()));
    }

    fn leave(&mut self) -> Vec<Arc<Outbox>> {
        if !std::mem::replace(&mut self.has_left, true) {
            self.exchange.leave(self.connection.id());
        }
        Vec::new()
    }
}

impl Drop for Subscriber {
    fn drop(&mut self) {
        self.leave();
        self.gateway.close_outbox(self.number);
    }
}
