//! One connection, from its upgrade to its end.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use concierge_client::{
    payload::encode,
    telegraphy::{
        AnyRequest, CloseCode, Envelope, Failure, InvalidRequest, MAX_FRAME_BYTES, Outcome, RequestId,
        RequestKind, Response, Status, SystemEvent, SystemFrame, Timestamp,
    },
};

use crate::events::{ConnectionId, Fresh, Input, Peer};

/// What holds for every connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// How long a client may take to connect.
    pub connect_timeout: Duration,
    /// After how much silence it is told that the gateway is there.
    pub ping_interval: Duration,
}

impl Rules {
    /// How many requests may wait while one is being answered.
    pub const MAX_WAITING: usize = 16;
    /// How many messages may be none before the connection ends.
    pub const MAX_INVALID: u32 = 3;
    /// When to try again what came at once with too much, in seconds.
    const RETRY_AFTER: u64 = 1;
}

impl Default for Rules {
    fn default() -> Self {
        Self { connect_timeout: Duration::from_secs(10), ping_interval: Duration::from_secs(25) }
    }
}

/// What the gateway knows of one WebSocket that speaks Telegraphy.
#[derive(Debug)]
pub struct Connection {
    rules: Arc<Rules>,
    id: ConnectionId,
    peer: Peer,
    phase: Phase,
    /// The number of the last request.
    last: Option<RequestId>,
    invalid: u32,
    waiting: VecDeque<Waiting>,
    /// The request that is being answered.
    asked: Option<RequestKind>,
    /// Whether the client asked for several frames in one message, and whether it gets them.
    batch: (bool, bool),
    last_sent: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Only `CONNECT` and `RECONNECT` are taken, until this moment.
    Arriving {
        deadline: Duration,
    },
    Connected,
    /// Nothing is taken any more.
    Over,
}

#[derive(Debug)]
enum Waiting {
    Text(String),
    Binary,
}

/// What follows from what came.
#[derive(Debug, PartialEq)]
pub enum Step {
    /// A text for this connection, and the status it tells.
    Answer(String, Status),
    /// Something for the core, to be handed to [`Connection::input`].
    Ask(Asked),
    /// The end of the connection.
    Close(CloseCode),
}

/// A request that the core decides.
#[derive(Debug, PartialEq)]
pub struct Asked {
    /// Its number.
    pub id: RequestId,
    /// What it says.
    pub request: AnyRequest,
}

/// What a deadline leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Timer {
    /// Nothing: it has moved since.
    Nothing,
    /// A text for this connection.
    Say(String),
    /// A last text, and the end of the connection.
    Close(String, CloseCode),
}

impl Connection {
    /// A connection that was just upgraded.
    pub fn new(rules: Arc<Rules>, id: ConnectionId, peer: Peer, now: Duration) -> Self {
        let deadline = now.saturating_add(rules.connect_timeout);
        Self {
            rules,
            id,
            peer,
            phase: Phase::Arriving { deadline },
            last: None,
            invalid: 0,
            waiting: VecDeque::new(),
            asked: None,
            batch: (false, false),
            last_sent: now,
        }
    }

    /// A text message arrived. What is to be done at once is returned; [`Connection::poll`] has the rest.
    pub fn handle_text(&mut self, text: &str) -> Option<Step> {
        if text.len() > MAX_FRAME_BYTES {
            return Some(self.close(CloseCode::TooLarge));
        }
        if self.waiting.len() < Rules::MAX_WAITING {
            self.waiting.push_back(Waiting::Text(text.to_owned()));
            return None;
        }
        let failure = Failure {
            retry_after: Some(Rules::RETRY_AFTER),
            ..Failure::new(
                Status::TooManyRequests,
                format!("{} requests are waiting already", Rules::MAX_WAITING),
            )
        };
        let response = match Envelope::parse(text) {
            Ok(envelope) => refusal(&envelope, failure),
            Err(_) => Response { id: None, outcome: Outcome::Failed(failure) },
        };
        Some(Step::Answer(encode(&response), response.outcome.status()))
    }

    /// A binary message arrived, which is none.
    pub fn handle_binary(&mut self) {
        if self.waiting.len() < Rules::MAX_WAITING {
            self.waiting.push_back(Waiting::Binary);
        }
    }

    /// The request that the core was asked is answered so.
    pub fn handle_answer(&mut self, status: Status) {
        let asked = self.asked.take();
        let is_arrival = matches!(asked, Some(RequestKind::Connect | RequestKind::Reconnect));
        if is_arrival && status == Status::Connected && self.phase != Phase::Over {
            self.phase = Phase::Connected;
            self.batch.1 = self.batch.0;
        }
    }

    /// Something was sent: there is no silence.
    pub fn handle_sent(&mut self, now: Duration) {
        self.last_sent = now;
    }

    /// The connection is about to be closed: nothing is taken any more.
    pub fn handle_close(&mut self) {
        self.phase = Phase::Over;
        self.waiting.clear();
    }

    /// What is to be done next; nothing while a request is being answered. To be called until there is nothing.
    pub fn poll(&mut self) -> Option<Step> {
        if self.asked.is_some() || self.phase == Phase::Over {
            return None;
        }
        // A last word is followed by the end.
        if self.invalid >= Rules::MAX_INVALID || (self.invalid > 0 && self.is_arriving()) {
            return Some(self.close(CloseCode::InvalidMessage));
        }
        let response = match self.waiting.pop_front()? {
            Waiting::Binary => self.no_message("a message is a text, not binary"),
            Waiting::Text(text) => match Envelope::parse(&text) {
                Err(error) => self.no_message(error.to_string()),
                Ok(envelope) => match self.read(envelope) {
                    Ok(asked) => {
                        self.asked = Some(asked.request.kind());
                        if let AnyRequest::Connect(connect) = &asked.request {
                            self.batch.0 |= connect.batch == Some(true);
                        }
                        return Some(Step::Ask(asked));
                    }
                    Err(response) => *response,
                },
            },
        };
        Some(Step::Answer(encode(&response), response.outcome.status()))
    }

    /// A request as the core takes it. What is fresh is used for a session that begins, if one does.
    pub fn input(&self, asked: Asked, fresh: Fresh) -> Input {
        let (connection, Asked { id, request }) = (self.id, asked);
        let peer = self.peer.clone();
        match request {
            AnyRequest::Connect(connect) => Input::Connect { connection, id, connect, peer, fresh },
            AnyRequest::Reconnect(reconnect) => Input::Reconnect { connection, id, reconnect, peer },
            request => Input::Request { connection, id, request },
        }
    }

    /// When [`Connection::handle_deadline`] wants to be called; `None` when the connection is over.
    pub fn next_deadline(&self) -> Option<Duration> {
        match self.phase {
            Phase::Arriving { deadline } => Some(deadline),
            Phase::Connected => Some(self.last_sent.saturating_add(self.rules.ping_interval)),
            Phase::Over => None,
        }
    }

    /// Time has passed. May be called at any time: early, nothing happens.
    pub fn handle_deadline(&mut self, now: Duration, moment: Timestamp) -> Timer {
        if self.next_deadline().is_none_or(|deadline| now < deadline) {
            return Timer::Nothing;
        }
        if !self.is_arriving() {
            self.last_sent = now;
            return Timer::Say(encode(&SystemFrame::new(SystemEvent::Ping {}, moment)));
        }
        self.handle_close();
        let seconds = self.rules.connect_timeout.as_secs();
        let message = format!("CONNECT not received within {seconds} s");
        let outcome = Outcome::Failed(Failure::new(Status::ConnectTimeout, message));
        Timer::Close(encode(&Response { id: None, outcome }), CloseCode::ConnectTimeout)
    }

    /// The kind of the request that is being answered.
    pub fn asked(&self) -> Option<RequestKind> {
        self.asked
    }

    /// Which connection it is.
    pub fn id(&self) -> ConnectionId {
        self.id
    }

    /// Whether it is connected.
    pub fn is_connected(&self) -> bool {
        self.phase == Phase::Connected
    }

    /// Whether several frames may go out in one message, with a line feed between them.
    pub fn takes_batches(&self) -> bool {
        self.batch.1
    }

    fn is_arriving(&self) -> bool {
        matches!(self.phase, Phase::Arriving { .. })
    }

    /// Sees whether a message is a request whose turn it is.
    fn read(&mut self, envelope: Envelope) -> Result<Asked, Box<Response>> {
        let id = envelope.id();
        let refuse = |status, message: String| Box::new(refusal(&envelope, Failure::new(status, message)));
        if let Some(last) = self.last
            && id <= last
        {
            return Err(refuse(Status::InvalidId, format!("id must be larger than {last}, the last one")));
        }
        self.last = Some(id);
        let kind = envelope.kind();
        let arrives = matches!(kind, Some(RequestKind::Connect | RequestKind::Reconnect));
        if self.is_arriving() && !arrives {
            return Err(refuse(Status::NotConnected, "CONNECT or RECONNECT comes first".to_owned()));
        }
        let is_reconnect = kind == Some(RequestKind::Reconnect);
        match envelope.decode() {
            Ok(request) => Ok(Asked { id, request }),
            Err(error) => {
                let status = match &error {
                    InvalidRequest::UnknownMessage { .. } => Status::UnknownMessage,
                    _ => Status::InvalidMessage,
                };
                let failure = Failure::new(status, error.to_string());
                Err(Box::new(Response::new(id, outcome(is_reconnect, failure))))
            }
        }
    }

    fn no_message(&mut self, why: impl Into<String>) -> Response {
        self.invalid += 1;
        Response { id: None, outcome: Outcome::Failed(Failure::new(Status::InvalidMessage, why)) }
    }

    fn close(&mut self, code: CloseCode) -> Step {
        self.handle_close();
        Step::Close(code)
    }
}

/// The refusal of a message, in the form that its request has.
fn refusal(envelope: &Envelope, failure: Failure) -> Response {
    let is_reconnect = envelope.kind() == Some(RequestKind::Reconnect);
    Response::new(envelope.id(), outcome(is_reconnect, failure))
}

fn outcome(is_reconnect: bool, failure: Failure) -> Outcome {
    if is_reconnect { Outcome::NotReconnected(failure) } else { Outcome::Failed(failure) }
}
