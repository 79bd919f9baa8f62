//! What a client of Telegraphy knows, over all of its connections: its session, the requests that wait for an answer, its streams
//! of events and where each of them is.
//!
//! Owns every decision of a client: what goes out in which order, whom an answer and an event are for, what is missing and said to be,
//! what is acknowledged, when a silent gateway counts as dead, whether and how to come back. It does not own the socket, the clock, the dice
//! or the auth tokens: texts, moments, random numbers and tokens come in as arguments, texts and [`Output`]s go out as values.
//!
//! # How it is driven
//!
//! For each connection: when [`Session::needs_token`], an auth token is given to [`Session::handle_token`]; once the connection is open
//! comes [`Session::handle_open`]; what [`Session::poll_transmit`] gives is sent, what arrives is handed to [`Session::handle_text`], and when
//! [`Session::deadline`] has come, [`Session::handle_deadline`]. After each of these, and after everything that is wanted of it, there may be
//! something to [transmit](Session::poll_transmit) and something to [do](Session::poll_output). When the connection has ended, [`Session::handle_end`]
//! says what comes then.
//!
//! # What holds
//!
//! - One request is under way at a time, and their numbers grow over all connections.
//! - To one stream nothing comes twice, whatever is sent again after a connection was lost, and per event it comes in the order of its log.
//! - What may be missing is an item of the stream, where it is missing: a [`Gap`].
//! - Acknowledged is what all streams of an event have dealt with.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

mod arrival;
mod ending;
mod item;
mod requests;
mod stream;
mod streams;

pub use ending::Ending;
pub use item::{Gap, GapCause, Item};
pub use requests::{NotTaken, Unanswered};
pub use stream::Over;
pub use streams::StreamId;

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use self::{
    requests::{Purpose, Requests},
    streams::{Asked, Streams},
};
use crate::{
    payload::Secret,
    session::{Reconnect, ReconnectPolicy},
    telegraphy::{
        AnyRequest, Connected, Disconnect, Incoming, Outcome, Program, Response, Subscribe, SystemEvent,
    },
};

/// How long the gateway may take to let a client in, and to answer a request.
const ANSWERED_WITHIN: Duration = Duration::from_secs(30);
/// How much longer than it said a gateway may be silent.
const SLACK: Duration = Duration::from_secs(10);
/// The silence of a gateway that does not say.
const USUAL_PING_INTERVAL: Duration = Duration::from_secs(25);

/// What must be done, or told.
#[derive(Debug, PartialEq)]
pub enum Output<W> {
    /// Whoever asked has an answer.
    Answered(W, Result<Outcome, Unanswered>),
    /// A stream has something to read, or has ended.
    Ready(StreamId),
    /// The gateway has let the client in.
    Connected,
    /// The connection is of no use any more, and is to be closed.
    Close(Ending),
}

/// How a client stands with the connection it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// There is none.
    Away,
    /// It was not let in yet.
    Arriving,
    /// It was.
    Connected,
    /// This client ends.
    Leaving,
}

/// A client of Telegraphy. `W` is whatever a caller wants back with the answer.
#[derive(Debug)]
pub struct Session<W> {
    program: Option<Program>,
    phase: Phase,
    /// The auth token for the next `CONNECT`, if it was not presented yet.
    auth_token: Option<Secret>,
    /// Of the session there is, or was.
    token: Option<Secret>,
    /// Whether the gateway did not take the session's token by itself.
    is_session_refused: bool,
    /// How often auth tokens were refused in a row.
    refused_tokens: u32,
    said: Option<Box<Connected>>,
    silence: Duration,
    heard: Option<Instant>,
    requests: Requests<W>,
    streams: Streams,
    reconnect: Reconnect,
    /// Whether an acknowledgement has its turn before what callers ask.
    acknowledges_next: bool,
    ending: Option<Ending>,
    outputs: VecDeque<Output<W>>,
}

impl<W> Session<W> {
    /// A client that has no connection yet. It comes back to an earlier session when it is given its token.
    pub fn new(
        program: Option<Program>,
        session_token: Option<Secret>,
        policy: Option<ReconnectPolicy>,
        max_waiting: usize,
        now: Instant,
    ) -> Self {
        Self {
            program,
            phase: Phase::Away,
            auth_token: None,
            token: session_token,
            is_session_refused: false,
            refused_tokens: 0,
            said: None,
            silence: USUAL_PING_INTERVAL + SLACK,
            heard: None,
            requests: Requests::new(max_waiting),
            streams: Streams::default(),
            reconnect: Reconnect::new(policy, now),
            acknowledges_next: false,
            ending: None,
            outputs: VecDeque::new(),
        }
    }

    /// Something came, whatever it is: the gateway is alive.
    pub fn handle_heard(&mut self, now: Instant) {
        self.heard = Some(now);
    }

    /// A text came.
    pub fn handle_text(&mut self, text: &str, now: Instant) {
        self.handle_heard(now);
        if matches!(self.phase, Phase::Away) || self.ending.is_some() {
            return;
        }
        // A gateway may put several frames into one message.
        for frame in text.split('\n').filter(|frame| !frame.trim().is_empty()) {
            match Incoming::decode(frame) {
                Ok(Incoming::Response(response)) => self.handle_response(*response, now),
                Ok(Incoming::Event(event)) => self.tell(|streams, ready| streams.handle_event(&event, ready)),
                Ok(Incoming::System(system)) => self.handle_system(system.event, frame),
                Err(error) => {
                    let detail = std::error::Error::source(&error)
                        .map_or_else(|| error.to_string(), ToString::to_string);
                    return self.close(Ending::Foreign { detail: detail.into() });
                }
            }
        }
    }

    fn handle_system(&mut self, event: SystemEvent, frame: &str) {
        self.tell(|streams, ready| match event {
            SystemEvent::Gap { event_name, epoch, from, to } => {
                streams.handle_gap(&event_name, &epoch, (from, to), ready);
            }
            SystemEvent::Subscription { subscription, state, reason, .. } => {
                streams.handle_state(&subscription, state, reason.as_ref(), ready);
            }
            // Who subscribed to it has it as any other.
            SystemEvent::Registry { .. } => {
                if let Ok(event) = serde_json::from_str(frame) {
                    streams.handle_event(&event, ready);
                }
            }
            // The close code says the same, and more.
            SystemEvent::Ping {} | SystemEvent::Closing { .. } => {}
        });
    }

    fn handle_response(&mut self, response: Response, now: Instant) {
        let Some(purpose) = self.requests.answered(response.id) else {
            // What the gateway says unasked is why it closes the connection.
            if let (None, Outcome::Failed(failure)) = (response.id, response.outcome) {
                self.close(Ending::Refused { failure });
            }
            return;
        };
        match purpose {
            Purpose::Arrive { with_session } => self.handle_arrival(response.outcome, with_session, now),
            Purpose::Subscribe(stream, waiter) => {
                self.handle_subscribed(stream, waiter, response.outcome, now);
            }
            Purpose::Unsubscribe => {}
            Purpose::Acknowledge(event) => {
                if let Outcome::Failed(failure) = response.outcome {
                    self.streams.not_acknowledged(event, &failure);
                }
            }
            Purpose::Call(waiter) => {
                if response.outcome == Outcome::Disconnected {
                    self.close(Ending::ByClient);
                }
                self.outputs.push_back(Output::Answered(waiter, Ok(response.outcome)));
            }
        }
    }

    fn handle_subscribed(&mut self, stream: StreamId, waiter: Option<W>, outcome: Outcome, now: Instant) {
        match &outcome {
            Outcome::Subscribed(told) => {
                self.streams.subscribed(stream, told);
                if self.streams.get(stream).is_some_and(stream::Stream::has_items) {
                    self.outputs.push_back(Output::Ready(stream));
                }
            }
            // Whoever opened it hears of it, and there is no stream.
            Outcome::Failed(_) if waiter.is_some() => self.streams.close(stream, false),
            Outcome::Failed(failure) => {
                if self.streams.refused(stream, failure, now) {
                    self.outputs.push_back(Output::Ready(stream));
                }
            }
            _ => {
                return self
                    .close(Ending::Foreign { detail: "it answers SUBSCRIBE with something else".into() });
            }
        }
        if let Some(waiter) = waiter {
            self.outputs.push_back(Output::Answered(waiter, Ok(outcome)));
        }
    }

    /// The moment that was asked for has come.
    pub fn handle_deadline(&mut self, now: Instant) {
        if self.requests.deadline().is_some_and(|deadline| deadline <= now) {
            self.close(Ending::Unanswered { within: ANSWERED_WITHIN });
        }
        if let Some(heard) = self.heard
            && now.saturating_duration_since(heard) >= self.silence
        {
            self.close(Ending::Silent { silence: self.silence });
        }
    }

    /// When it wants to be asked again, if nothing else happens.
    pub fn deadline(&self) -> Option<Instant> {
        if self.phase == Phase::Away || self.ending.is_some() {
            return None;
        }
        let silent = self.heard.and_then(|heard| heard.checked_add(self.silence));
        let again =
            self.streams.deadline().filter(|_| self.phase == Phase::Connected && self.requests.is_free());
        [silent, self.requests.deadline(), again].into_iter().flatten().min()
    }

    /// Nothing comes after this: every stream ends.
    pub fn finish(&mut self, ending: &Ending) {
        self.phase = Phase::Away;
        let waiters = self.requests.finish();
        self.outputs.extend(waiters.map(|waiter| Output::Answered(waiter, Err(Unanswered::NotSent))));
        self.tell(|streams, ready| streams.end(ending, ready));
    }

    /// Why the last connection ended.
    pub fn ending(&self) -> Option<&Ending> {
        self.ending.as_ref()
    }

    /// What the gateway said when it let the client in, the last time.
    pub fn said(&self) -> Option<&Connected> {
        self.said.as_deref()
    }

    /// How many attempts there were since the connection was lost.
    pub fn attempts(&self) -> u32 {
        self.reconnect.attempts()
    }

    /// Asks something of the gateway.
    ///
    /// # Errors
    ///
    /// [`NotTaken`], with what was to be given back, when there is no connection, or too much waits already.
    pub fn call(&mut self, call: impl Into<AnyRequest>, waiter: W) -> Result<(), (NotTaken, W)> {
        if self.phase != Phase::Connected {
            return Err((NotTaken::NotConnected, waiter));
        }
        self.requests.wait(call.into(), waiter)
    }

    /// Ends the connection, and the session with it if it is to be forgotten, after what waits already.
    ///
    /// # Errors
    ///
    /// As [`call`](Self::call).
    pub fn disconnect(&mut self, forget: bool, waiter: W) -> Result<(), (NotTaken, W)> {
        self.call(Disconnect { forget }, waiter)?;
        self.phase = Phase::Leaving;
        Ok(())
    }

    /// Opens a stream of an event, which holds so many items until they are read. It is subscribed when there is a connection; whoever
    /// waits has the answer then.
    pub fn open(&mut self, subscribe: Subscribe, capacity: usize, waiter: W) -> StreamId {
        let id = self.streams.open(subscribe, capacity);
        self.requests.opens(id, waiter);
        id
    }

    /// Nobody reads a stream any more. The subscription ends if nobody else has it, but a permanent one only if it is to be forgotten.
    pub fn drop_stream(&mut self, id: StreamId, forget: bool) {
        self.requests.opens_no_more(id);
        self.streams.close(id, forget);
    }

    /// What a stream yields next, and at last why it ended.
    pub fn take(&mut self, id: StreamId) -> Option<Result<Item, Over>> {
        self.streams.take(id)
    }

    /// Everything that was taken of a stream is dealt with.
    pub fn deal(&mut self, id: StreamId) {
        self.streams.deal(id);
    }

    /// The next text to send.
    pub fn poll_transmit(&mut self, now: Instant) -> Option<String> {
        if self.phase == Phase::Away || self.ending.is_some() {
            return None;
        }
        if self.requests.is_free() && matches!(self.phase, Phase::Connected | Phase::Leaving) {
            self.next_request(now);
        }
        self.requests.poll_transmit(now)
    }

    /// Subscriptions come before all else, and acknowledgements take turns with what callers ask. Whoever leaves acknowledges first what is dealt
    /// with: it would come again.
    fn next_request(&mut self, now: Instant) {
        if self.phase == Phase::Leaving
            && let Some((asked, call)) = self.streams.acknowledge()
        {
            return self.requests.ask(asked, call);
        }
        let has_call = self.requests.has_waiting();
        if self.phase == Phase::Connected
            && let Some((asked, call)) = self.streams.ask(now, self.acknowledges_next || !has_call)
        {
            if matches!(asked, Asked::Acknowledge(_)) {
                self.acknowledges_next = false;
            }
            return self.requests.ask(asked, call);
        }
        self.acknowledges_next = true;
        self.requests.next_waiting();
    }

    /// What is to be done, or told.
    pub fn poll_output(&mut self) -> Option<Output<W>> {
        self.outputs.pop_front()
    }

    fn tell(&mut self, change: impl FnOnce(&mut Streams, &mut Vec<StreamId>)) {
        let mut ready = Vec::new();
        change(&mut self.streams, &mut ready);
        self.outputs.extend(ready.into_iter().map(Output::Ready));
    }

    fn close(&mut self, ending: Ending) {
        if self.ending.is_none() {
            self.ending = Some(ending.clone());
            self.outputs.push_back(Output::Close(ending));
        }
    }
}
