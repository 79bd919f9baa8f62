//! Many sessions that want something of an event, in the pure core.

use std::collections::BTreeMap;

use concierge_client::payload::{Data, Secret};
use concierge_client::telegraphy::{
    AnyRequest, Audience, Connect, Definition, Epoch, EventName, Grants, Guarantee, Position, Reconnect,
    RequestId, Subscribe, Timestamp, UserId,
};
use concierge_server::events::record::{Change, EventRecord, Page, SessionId};
use concierge_server::events::{
    CallId, ConnectionId, Effect, Events, Fresh, Input, Peer, Publish, Question, ReadTicket, Settings,
    StoreTicket,
};
use serde_json::json;
use uuid::Uuid;

/// The moment at which everything happens.
const NOW: Timestamp = Timestamp::from_micros(1_795_206_660_000_000);

/// So far apart are the values of events that follow each other: none of what they need is at hand because of the one before.
const STRIDE: usize = 7919;

/// What a session wants.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Wish {
    /// What has this value.
    Exactly(usize),
    /// What has a lower one, which is none.
    Below(usize),
    /// All there is.
    Everything,
    /// All there is of what must not be lost.
    Guaranteed,
}

/// Sessions that are connected, and subscribed.
#[derive(Debug)]
pub(crate) struct Gathering {
    events: Events,
    effects: Vec<Effect>,
    sessions: usize,
    /// The first connection that was not there yet.
    next: u64,
    turn: usize,
}

impl Gathering {
    /// So many sessions, each with one subscription.
    pub(crate) fn new(sessions: usize, wish: impl Fn(usize) -> Wish) -> Self {
        let events = Events::new(Settings::default(), "e");
        let mut gathering = Self { events, effects: Vec::new(), sessions, next: 0, turn: 0 };
        let guaranteed = Definition { delivery: Guarantee::Guaranteed, ..definition("sure") };
        let definitions = vec![definition("plain"), guaranteed];
        gathering.call(Question::Define { source: "bench".into(), definitions });
        for number in 0..sessions {
            gathering.arrive(number, wish(number));
        }
        gathering
    }

    fn arrive(&mut self, number: usize, wish: Wish) {
        let user = UserId::new(format!("user {number}")).expect("it is a valid name");
        let (grants, token) = (Grants::default(), Secret::from(format!("auth {number}")));
        let issue = Question::Issue { token, user: Some(user), grants, host: None, origin: None, ttl: None };
        self.call(issue);
        let connection = self.connection();
        let fresh = Fresh { session: SessionId(Uuid::from_u128(number as u128)), token: token_of(number) };
        self.handle(Input::Connect {
            connection,
            id: RequestId::ZERO,
            connect: Connect::new(format!("auth {number}")),
            peer: Peer::default(),
            fresh,
        });
        let (event, filters) = match wish {
            Wish::Exactly(value) => ("plain", Some(json!({"room": value}))),
            Wish::Below(value) => ("plain", Some(json!({"number__lt": -i64::try_from(value).unwrap_or(0)}))),
            Wish::Everything => ("plain", None),
            Wish::Guaranteed => ("sure", None),
        };
        let request = AnyRequest::Subscribe(Subscribe { filters, ..Subscribe::new(name(event)) });
        self.handle(Input::Request { connection, id: RequestId::ZERO, request });
    }

    /// Publishes an event that everybody wants, or one; tells how many receive it.
    pub(crate) fn publish(&mut self) -> usize {
        self.turn += 1;
        let room = self.turn * STRIDE % self.sessions;
        // One in twenty may have a filter that nothing fulfils.
        let room = if room % 20 == 1 { room - 1 } else { room };
        self.call(Question::Publish(publish("plain", room)));
        let to = self.effects.iter().map(|effect| match effect {
            Effect::Event { to, .. } => to.len(),
            _ => 0,
        });
        let received = to.sum();
        assert!(received > 0, "somebody wants it");
        received
    }

    /// Publishes so many events that must not be lost, and tells what a log has of them.
    pub(crate) fn log(&mut self, count: usize) -> Vec<EventRecord> {
        let mut log = Vec::new();
        for number in 0..count {
            self.call(Question::Publish(publish("sure", number)));
            let stored: Vec<_> = self.effects.drain(..).filter_map(stored).collect();
            for (ticket, changes) in stored {
                log.extend(changes.into_iter().filter_map(|change| match change {
                    Change::Append(record) => Some(record),
                    _ => None,
                }));
                self.handle(Input::Stored { ticket, outcome: Ok(()) });
            }
        }
        log
    }

    /// Every session loses its connection, comes back with another and is sent all that the log has; tells how much that is.
    pub(crate) fn come_back(&mut self, log: &[EventRecord]) -> usize {
        let mut sent = 0;
        let epoch = log.first().map_or_else(|| Epoch::new(""), |record| record.epoch.clone());
        for number in 0..self.sessions {
            let lost = ConnectionId(self.next - self.sessions as u64);
            self.handle(Input::Closed { connection: lost });
            let connection = self.connection();
            let nothing = Position { epoch: epoch.clone(), offset: 0 };
            let positions = BTreeMap::from([(name("sure"), nothing)]);
            let reconnect = Reconnect { session_token: token_of(number), positions };
            let peer = Peer::default();
            self.handle(Input::Reconnect { connection, id: RequestId::ZERO, reconnect, peer });
            let ticket = self.effects.iter().find_map(read).expect("it reads what it has missed");
            let page = Page { events: log.to_vec(), until: log.len() as u64, ..Page::default() };
            self.handle(Input::Read { ticket, page: Some(page) });
            sent += self.effects.len();
        }
        assert_eq!(sent, self.sessions * log.len(), "everybody is sent everything");
        sent
    }

    fn connection(&mut self) -> ConnectionId {
        self.next += 1;
        ConnectionId(self.next)
    }

    fn call(&mut self, question: Question) {
        self.handle(Input::Call { call: CallId(0), question });
    }

    fn handle(&mut self, input: Input) {
        self.effects.clear();
        self.events.handle(input, NOW, &mut self.effects);
    }
}

fn stored(effect: Effect) -> Option<(StoreTicket, Vec<Change>)> {
    match effect {
        Effect::Store { ticket, changes } => Some((ticket, changes)),
        _ => None,
    }
}

fn read(effect: &Effect) -> Option<ReadTicket> {
    match effect {
        Effect::Read { ticket, .. } => Some(*ticket),
        _ => None,
    }
}

fn name(event: &str) -> EventName {
    EventName::new(event).expect("it is a valid name")
}

fn definition(event: &str) -> Definition {
    Definition { audience: Audience::Public, ..Definition::new(name(event)) }
}

fn token_of(number: usize) -> Secret {
    Secret::from(format!("session {number}"))
}

fn publish(event: &str, room: usize) -> Publish {
    let data = json!({"room": room, "number": 5, "title": "what there is to do", "done": false});
    Publish {
        event: name(event),
        data: Data::from_value(&data).expect("it is JSON"),
        meta: serde_json::Map::new(),
        id: None,
        ttl: None,
        previous: None,
        fresh_id: Uuid::nil(),
    }
}
