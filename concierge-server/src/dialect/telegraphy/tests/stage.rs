//! A gateway without sockets: what each client was sent is kept.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use concierge_client::telegraphy::{CloseCode, Timestamp};
use uuid::Uuid;

use super::super::{Connection, Rules, Step, Timer, encode};
use crate::events::{
    CallId, Cause, ConnectionId, Effect, Events, Fresh, Input, Peer, Question, Reply, Settings,
    ledger::Ledger,
    record::{Change, NotStored, SessionId},
};

/// What a client was sent.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Heard {
    Text(String),
    Close(CloseCode),
}

/// What the store does with what it is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mood {
    Works,
    /// Keeps everything waiting.
    Waits,
    Fails(NotStored),
}

pub(super) struct Stage {
    pub events: Events,
    settings: Settings,
    rules: Arc<Rules>,
    starts: u64,
    connections: BTreeMap<ConnectionId, Connection>,
    next_connection: u64,
    pub heard: BTreeMap<ConnectionId, VecDeque<Heard>>,
    pub replies: VecDeque<(CallId, Reply)>,
    pub refused: Vec<Cause>,
    calls: u64,
    elapsed: Duration,
    pub ledger: Ledger,
    pub mood: Mood,
    /// What has happened, and waits for what happened before.
    inbox: VecDeque<Input>,
    is_busy: bool,
    /// What waits for the store, and for its logs.
    held: VecDeque<Effect>,
    is_late: bool,
    /// What was read of the logs, and has not arrived.
    read: Vec<Input>,
    /// Every effect that there was.
    pub effects: Vec<Effect>,
}

/// The moment at which everything begins: 2026-11-20T20:31:00Z.
const BEGINNING: Timestamp = Timestamp::from_micros(1_795_206_660_000_000);

impl Stage {
    pub(super) fn new(settings: Settings) -> Self {
        let mut stage = Self {
            events: Events::new(settings.clone(), "e"),
            settings,
            rules: Arc::new(Rules::default()),
            starts: 0,
            connections: BTreeMap::new(),
            next_connection: 1,
            heard: BTreeMap::new(),
            replies: VecDeque::new(),
            refused: Vec::new(),
            calls: 0,
            elapsed: Duration::ZERO,
            ledger: Ledger::default(),
            mood: Mood::Works,
            inbox: VecDeque::new(),
            is_busy: false,
            held: VecDeque::new(),
            is_late: false,
            read: Vec::new(),
            effects: Vec::new(),
        };
        stage.start();
        stage
    }

    /// A gateway that knows what the store has. Epochs of the first start are named `e1`, `e2`, and so on.
    fn start(&mut self) {
        let incarnation = if self.starts == 0 { "e".to_owned() } else { format!("r{}-", self.starts) };
        self.starts += 1;
        self.events = Events::new(self.settings.clone(), incarnation);
        assert_eq!(self.events.restore(self.ledger.records(), self.now()), 0, "what was kept is taken back");
    }

    /// The process dies, and another one begins.
    pub(super) fn restart(&mut self) {
        self.connections.clear();
        self.heard.clear();
        self.held.clear();
        self.read.clear();
        self.start();
    }

    pub(super) fn now(&self) -> Timestamp {
        BEGINNING.after(self.elapsed)
    }

    pub(super) fn open(&mut self, address: &str) -> ConnectionId {
        let id = ConnectionId(self.next_connection);
        self.next_connection += 1;
        let peer = Peer { address: Some(address.parse().unwrap()), origin: None };
        self.connections.insert(id, Connection::new(self.rules.clone(), id, peer, self.elapsed));
        self.heard.insert(id, VecDeque::new());
        id
    }

    pub(super) fn text(&mut self, id: ConnectionId, text: &str) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        if let Some(step) = connection.handle_text(text) {
            self.step(id, step);
        }
        self.poll(id);
    }

    pub(super) fn binary(&mut self, id: ConnectionId) {
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.handle_binary();
        }
        self.poll(id);
    }

    pub(super) fn vanish(&mut self, id: ConnectionId) {
        self.connections.remove(&id);
        self.handle(Input::Closed { connection: id });
    }

    /// The number of the call after this.
    pub(super) fn next_call(&self) -> CallId {
        CallId(self.calls + 1)
    }

    pub(super) fn call(&mut self, question: Question) {
        let call = self.next_call();
        self.calls += 1;
        self.handle(Input::Call { call, question });
    }

    /// Time passes, and what is due happens when it is due.
    pub(super) fn pass(&mut self, time: Duration) {
        let end = self.elapsed + time;
        loop {
            let core = self.events.next_deadline().map(|at| at.since(BEGINNING));
            let connections = self.connections.values().filter_map(Connection::next_deadline);
            match connections.chain(core).min().filter(|due| *due <= end) {
                Some(due) => self.elapsed = self.elapsed.max(due),
                None => break,
            }
            let moment = self.now();
            let mut said = Vec::new();
            for (id, connection) in &mut self.connections {
                said.push((*id, connection.handle_deadline(self.elapsed, moment)));
            }
            for (id, timer) in said {
                match timer {
                    Timer::Nothing => {}
                    Timer::Say(text) => self.hear(id, text),
                    Timer::Close(text, why) => {
                        self.hear(id, text);
                        self.close(id, why);
                    }
                }
            }
            let mut effects = Vec::new();
            self.events.handle_deadline(moment, &mut effects);
            self.perform(effects);
        }
        self.elapsed = end;
    }

    /// One thing after the other: what follows from an input happens before the next one.
    pub(super) fn handle(&mut self, input: Input) {
        self.inbox.push_back(input);
        if self.is_busy {
            return;
        }
        self.is_busy = true;
        while let Some(input) = self.inbox.pop_front() {
            let mut effects = Vec::new();
            self.events.handle(input, self.now(), &mut effects);
            self.perform(effects);
        }
        self.is_busy = false;
    }

    /// The store does what it kept waiting.
    pub(super) fn go_on(&mut self, mood: Mood) {
        self.mood = mood;
        let held = std::mem::take(&mut self.held);
        for effect in held {
            self.effect(effect);
        }
    }

    /// Whether what is read of a log arrives later, as it was when it was read.
    pub(super) fn read_late(&mut self, is_late: bool) {
        self.is_late = is_late;
        while !is_late && !self.read.is_empty() {
            self.arrive(0);
        }
    }

    /// One of the pieces that were read arrives, in whichever order.
    pub(super) fn arrive(&mut self, number: usize) {
        if !self.read.is_empty() {
            let input = self.read.remove(number % self.read.len());
            self.handle(input);
        }
    }

    fn poll(&mut self, id: ConnectionId) {
        while let Some(step) = self.connections.get_mut(&id).and_then(Connection::poll) {
            self.step(id, step);
        }
    }

    fn step(&mut self, id: ConnectionId, step: Step) {
        match step {
            Step::Answer(text, _) => self.hear(id, text),
            Step::Close(code) => self.close(id, code),
            Step::Ask(asked) => {
                // What is drawn at random elsewhere is the connection's number here.
                let fresh = Fresh {
                    session: SessionId(Uuid::from_u128(u128::from(id.0))),
                    token: format!("session-{}", id.0).into(),
                };
                if let Some(connection) = self.connections.get(&id) {
                    let input = connection.input(asked, fresh);
                    self.handle(input);
                }
            }
        }
    }

    fn perform(&mut self, effects: Vec<Effect>) {
        self.effects.extend(effects.iter().cloned());
        for effect in effects {
            self.effect(effect);
        }
    }

    fn effect(&mut self, effect: Effect) {
        match effect {
            Effect::Answer { to, id, outcome } => {
                let status = outcome.status();
                self.hear(to, encode::answer(id, outcome));
                if let Some(connection) = self.connections.get_mut(&to) {
                    connection.handle_answer(status);
                }
                self.poll(to);
            }
            Effect::Event { to, event, variant } => self.hear_all(&to, &encode::event(&event, &variant)),
            Effect::System { to, event } => self.hear_all(&to, &encode::system(event, self.now())),
            Effect::Close { connection, code } => self.close(connection, code),
            Effect::Store { .. } | Effect::Read { .. } if self.mood == Mood::Waits => {
                self.held.push_back(effect);
            }
            Effect::Store { ticket, changes } => {
                assert!(!changes.is_empty());
                let outcome = self.store(changes);
                self.handle(Input::Stored { ticket, outcome });
            }
            Effect::Read { ticket, event, epoch, after, limit } => {
                let limit = usize::try_from(limit).unwrap();
                let page = self.ledger.page(&event, &epoch, after, limit, self.now());
                let input = Input::Read { ticket, page: (self.mood == Mood::Works).then_some(page) };
                if self.is_late {
                    self.read.push(input);
                } else {
                    self.handle(input);
                }
            }
            Effect::Reply { call, reply } => self.replies.push_back((call, reply)),
            Effect::Refused { cause, .. } => self.refused.push(cause),
        }
    }

    fn hear_all(&mut self, to: &[ConnectionId], text: &str) {
        assert!(!to.is_empty(), "{text} reaches nobody");
        for id in to {
            self.hear(*id, text.to_owned());
        }
    }

    fn store(&mut self, changes: Vec<Change>) -> Result<(), NotStored> {
        match self.mood {
            Mood::Fails(why) => Err(why),
            Mood::Works | Mood::Waits => {
                self.ledger.apply(changes);
                Ok(())
            }
        }
    }

    /// What is sent to who is gone is gone as well.
    fn hear(&mut self, id: ConnectionId, text: String) {
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.handle_sent(self.elapsed);
            self.heard.entry(id).or_default().push_back(Heard::Text(text));
        }
    }

    fn close(&mut self, id: ConnectionId, code: CloseCode) {
        if let Some(mut connection) = self.connections.remove(&id) {
            connection.handle_close();
            self.heard.entry(id).or_default().push_back(Heard::Close(code));
            self.handle(Input::Closed { connection: id });
        }
    }
}
