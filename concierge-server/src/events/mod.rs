//! Events of web applications: which there are, who may see them, who wants what of them, and who receives what.
//!
//! It shares nothing with the [`hub`](crate::hub), and is as pure: a deterministic state machine without sockets, clock or
//! randomness. Moments, fresh ids and tokens arrive with the inputs, nothing is iterated in an order that could differ between runs,
//! and nothing here fails: what is not allowed becomes an answer.
//!
//! # How it is driven
//!
//! One task owns an [`Events`]. Everything that happens is an [`Input`], handed to [`Events::handle`] with the moment; everything that
//! must happen then is an [`Effect`], to be done in order:
//!
//! - [`Effect::Answer`], [`Effect::Event`], [`Effect::System`] and [`Effect::Close`] go to connections, through
//!   [`dialect::telegraphy`](crate::dialect::telegraphy), which encodes each once.
//! - [`Effect::Store`] goes to a store, and its outcome comes back as [`Input::Stored`], in the order of the effects. What is answered
//!   only once it is durable waits for that inside the core: a guaranteed event is delivered, and its publisher answered, then.
//! - [`Effect::Read`] is answered with [`Input::Read`], in any order, by whatever has the log.
//! - [`Effect::Reply`] answers an [`Input::Call`] of the web application; each is answered once.
//! - [`Effect::Refused`] is for logs and metrics.
//!
//! At [`Events::next_deadline`] [`Events::handle_deadline`] wants to be called. Moments never go back: who drives it sees to that when
//! the system's clock does. A connection hands in its next request when the one before is answered, which the dialect sees to. After
//! a start [`Events::restore`] takes what the store has, before anything else.
//!
//! # What holds
//!
//! - A token is spent by its first presentation, whatever comes of it.
//! - Whatever reaches a connection, live or of the past, is allowed by its session's grants at that moment, on the event as it is.
//!   A row that leaves what is granted is not told of: that would show what it is now.
//! - Per event and connection, events of its log arrive in the order of their offsets; only what a new subscription asks of the past
//!   comes later than what others had before it.
//! - What is missing was told: by `recovered: false`, or by a gap.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]
// What is decided here is decided in whole: there is nothing that could panic half-way.
#![cfg_attr(
    not(test),
    deny(
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::string_slice,
        clippy::unreachable,
        clippy::unwrap_used
    )
)]

mod alarms;
mod connect;
mod deliver;
mod effect;
mod feed;
mod few;
pub mod filter;
mod grant;
mod input;
mod interest;
#[cfg(test)]
pub(crate) mod ledger;
mod list;
mod publish;
mod published;
pub mod record;
mod registry;
mod restore;
mod session;
mod sessions;
mod settings;
mod stored;
mod subscribe;
mod tokens;
mod topic;
mod web;

pub use self::{
    effect::{Cause, ConnectionId, Defined, Effect, Refusal, Reply, SessionView},
    input::{CallId, Doors, Fresh, Input, Peer, Publish, Question, ReadTicket, StoreTicket},
    published::{Published, Variant},
    settings::{HostBinding, Settings},
};

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use concierge_client::telegraphy::{
    AnyRequest, CloseCode, Epoch, EventName, Failure, Outcome, RequestId, Status, SystemEvent, Timestamp,
};

use self::{
    alarms::Alarms,
    feed::Reading,
    record::{Change, SessionId},
    session::Access,
    sessions::Sessions,
    stored::Waiting,
    tokens::Tokens,
    topic::{Standing, Topic, Topics},
};

/// What a request leads to: its answer, unless that waits for the store.
type Answered = Option<Outcome>;

/// The registry of events, the sessions with their subscriptions, and the rules of the protocol.
///
/// ```
/// use concierge_client::telegraphy::{Connect, RequestId, Timestamp};
/// use concierge_server::events::{ConnectionId, Effect, Events, Fresh, Input, Peer, Settings, record::SessionId};
///
/// let mut events = Events::new(Settings::default(), "e");
/// let mut effects = Vec::new();
/// let connect = Input::Connect {
///     connection: ConnectionId(1),
///     id: RequestId::ZERO,
///     connect: Connect::new(""),
///     peer: Peer::default(),
///     fresh: Fresh { session: SessionId(uuid::Uuid::nil()), token: "rrssttuuvvww".into() },
/// };
/// events.handle(connect, Timestamp::default(), &mut effects);
/// assert!(matches!(&effects[..], [Effect::Answer { to: ConnectionId(1), .. }]));
/// ```
#[derive(Debug)]
pub struct Events {
    settings: Settings,
    doors: Doors,
    /// What begins the names of epochs, so that no start uses one of another.
    incarnation: Arc<str>,
    epochs: u64,
    tickets: u64,
    tokens: Tokens,
    sessions: Sessions,
    topics: Topics,
    alarms: Alarms,
    /// Connections whose `CONNECT` waits for the store.
    arriving: BTreeSet<ConnectionId>,
    /// What waits for the store.
    waiting: BTreeMap<StoreTicket, Waiting>,
    /// Who waits for pieces of logs.
    readings: BTreeMap<ReadTicket, Reading>,
    /// Sources whose definitions are in force, but not durable.
    unsaved: BTreeSet<Arc<str>>,
}

impl Events {
    /// A gateway that knows no events and nobody. The incarnation begins the names of epochs: no two starts may have the same.
    pub fn new(settings: Settings, incarnation: impl Into<Arc<str>>) -> Self {
        let mut events = Self {
            settings,
            doors: Doors::Open,
            incarnation: incarnation.into(),
            epochs: 0,
            tickets: 0,
            tokens: Tokens::default(),
            sessions: Sessions::default(),
            topics: Topics::new(),
            alarms: Alarms::default(),
            arriving: BTreeSet::new(),
            waiting: BTreeMap::new(),
            readings: BTreeMap::new(),
            unsaved: BTreeSet::new(),
        };
        if let Ok(name) = EventName::new(SystemEvent::REGISTRY) {
            events.topics.insert(name, Topic::new(Standing::System, Epoch::new("")));
        }
        events
    }

    /// Applies what happened at this moment, and appends what must happen, in order.
    pub fn handle(&mut self, input: Input, now: Timestamp, effects: &mut Vec<Effect>) {
        // Whatever was to happen before has happened before.
        self.handle_deadline(now, effects);
        match input {
            Input::Connect { connection, id, connect, peer, fresh } => {
                self.connect(connection, id, connect, &peer, fresh, now, effects);
            }
            Input::Reconnect { connection, id, reconnect, peer } => {
                self.reconnect(connection, id, &reconnect, &peer, now, effects);
            }
            Input::Request { connection, id, request } => self.request(connection, id, request, now, effects),
            Input::Closed { connection } => self.closed(connection, now, effects),
            Input::Slow { connection, is_slow } => self.slow(connection, is_slow, effects),
            Input::Stored { ticket, outcome } => self.stored(ticket, outcome, now, effects),
            Input::Read { ticket, page } => self.read(ticket, page, now, effects),
            Input::Call { call, question } => self.call(call, question, now, effects),
            Input::Doors(doors) => self.doors = doors,
        }
    }

    /// How many sessions there are.
    pub fn session_count(&self) -> usize {
        self.sessions.len()
    }

    /// How many connections are connected.
    pub fn connection_count(&self) -> usize {
        self.sessions.connected()
    }

    fn request(
        &mut self,
        connection: ConnectionId,
        id: RequestId,
        request: AnyRequest,
        now: Timestamp,
        effects: &mut Vec<Effect>,
    ) {
        let Some(session) = self.sessions.of(connection).map(|session| session.id) else { return };
        let asker = Asker { connection, id, session };
        // What follows its answer is appended after it.
        let mut later = Vec::new();
        let answered = match request {
            AnyRequest::Subscribe(subscribe) => self.subscribe(asker, &subscribe, now, effects, &mut later),
            AnyRequest::Unsubscribe(unsubscribe) => self.unsubscribe(asker, &unsubscribe, now, effects),
            AnyRequest::Events(list) => Some(self.list_events(session, &list)),
            AnyRequest::Subscriptions(_) => Some(self.list_subscriptions(session)),
            AnyRequest::Ack(ack) => Some(self.acknowledge(session, &ack)),
            AnyRequest::History(history) => self.history(asker, &history, now, effects),
            AnyRequest::Presence(presence) => Some(self.presence(session, &presence)),
            AnyRequest::Ping(_) => Some(Outcome::Pong),
            AnyRequest::Disconnect(disconnect) => {
                self.disconnect(asker, disconnect.forget, now, effects, &mut later)
            }
            // They come as inputs of their own, with what they need.
            AnyRequest::Connect(_) | AnyRequest::Reconnect(_) => None,
        };
        if let Some(outcome) = answered {
            effects.push(Effect::Answer { to: connection, id, outcome });
        }
        effects.append(&mut later);
    }

    /// What a session may see of an event, and the topic if there is one.
    fn access<'e>(&'e self, session: SessionId, event: &str) -> (Access<'e>, Option<&'e Topic>) {
        let topic = self.topics.get(event);
        let access = match (self.sessions.get(session), topic.map(|topic| &topic.standing)) {
            (Some(_), Some(Standing::System)) => Access::All,
            (Some(session), _) => {
                session.access(event, topic.and_then(Topic::definition).map(|definition| &**definition))
            }
            (None, _) => Access::Nothing,
        };
        (access, topic)
    }

    /// Whether a session's subscriptions to an event bring it something.
    fn is_active(&self, session: SessionId, event: &str) -> bool {
        let (access, topic) = self.access(session, event);
        let is_there =
            topic.is_some_and(|topic| matches!(topic.standing, Standing::Registered(_) | Standing::System));
        is_there && access.is_any()
    }

    /// Sees to it that an event is known. Whether it was not is returned.
    fn know(&mut self, event: &EventName) -> bool {
        let is_new = !self.topics.contains_key(event);
        if is_new {
            let epoch = self.next_epoch();
            self.topics.insert(event.clone(), Topic::new(Standing::Unregistered, epoch));
        }
        is_new
    }

    fn next_epoch(&mut self) -> Epoch {
        self.epochs += 1;
        Epoch::new(format!("{}{}", self.incarnation, self.epochs))
    }

    fn next_ticket(&mut self) -> u64 {
        self.tickets += 1;
        self.tickets
    }

    /// Has changes stored, and something wait for it.
    fn store(&mut self, changes: Vec<Change>, waiting: Waiting, effects: &mut Vec<Effect>) {
        let ticket = StoreTicket(self.next_ticket());
        self.waiting.insert(ticket, waiting);
        effects.push(Effect::Store { ticket, changes });
    }

    /// Has changes stored, if there are any, that nothing waits for.
    fn store_unasked(&mut self, changes: Vec<Change>, effects: &mut Vec<Effect>) {
        if !changes.is_empty() {
            self.store(changes, Waiting::Nobody, effects);
        }
    }
}

/// Who asks, and under which number it is answered.
#[derive(Debug, Clone, Copy)]
struct Asker {
    connection: ConnectionId,
    id: RequestId,
    session: SessionId,
}

fn failed(status: Status, message: impl Into<String>) -> Outcome {
    Outcome::Failed(Failure::new(status, message))
}

/// The connection is told why, and closed.
fn close(connection: ConnectionId, code: CloseCode, effects: &mut Vec<Effect>) {
    let event = SystemEvent::Closing {
        status: code.name().to_owned(),
        reconnect: code.is_worth_another_try(),
        after_ms: None,
    };
    effects.push(Effect::System { to: vec![connection], event });
    effects.push(Effect::Close { connection, code });
}
