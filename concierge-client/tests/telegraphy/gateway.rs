//! The gateway without its sockets: one line to it, that can be cut anywhere.

use std::{collections::VecDeque, sync::Arc, sync::mpsc, time::Duration};

use concierge_client::{
    payload::Data,
    telegraphy::{CloseCode, Definition, EventName, Guarantee, Position, Timestamp, UserId},
};
use concierge_server::{
    dialect::telegraphy::{Connection, Rules, Step, encode},
    events::{
        CallId, ConnectionId, Effect, Events, Fresh, Input, Peer, Publish, Question, Reply, Settings,
        record::{NotStored, SessionId},
    },
    store::{Query, Store},
};
use serde_json::Map;
use uuid::Uuid;

/// What comes down the line.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Down {
    Text(String),
    Close(CloseCode),
}

/// A gateway, and at most one client with one line to it.
pub(crate) struct Gateway {
    events: Events,
    store: Store,
    starts: u32,
    now: Duration,
    line: Option<(ConnectionId, Connection)>,
    drawn: u64,
    pub(crate) up: VecDeque<String>,
    pub(crate) down: VecDeque<Down>,
    inbox: VecDeque<Input>,
    replies: VecDeque<Reply>,
}

const BEGINNING: Timestamp = Timestamp::from_micros(1_795_206_660_000_000);

impl Gateway {
    /// A gateway with these events, each of which keeps so many.
    pub(crate) fn new(definitions: impl IntoIterator<Item = (&'static str, Guarantee, Option<u32>)>) -> Self {
        let mut gateway = Self {
            events: Events::new(Settings::default(), "s0-"),
            store: Store::in_memory(1 << 30).unwrap(),
            starts: 0,
            now: Duration::ZERO,
            line: None,
            drawn: 0,
            up: VecDeque::new(),
            down: VecDeque::new(),
            inbox: VecDeque::new(),
            replies: VecDeque::new(),
        };
        let definitions = definitions.into_iter().map(|(name, delivery, retain)| Definition {
            delivery,
            retain,
            ..Definition::new(EventName::new(name).unwrap())
        });
        gateway.ask(Question::Define { source: "app".into(), definitions: definitions.collect() });
        gateway
    }

    fn moment(&self) -> Timestamp {
        BEGINNING.after(self.now)
    }

    fn draw(&mut self) -> u64 {
        self.drawn += 1;
        self.drawn
    }

    fn ask(&mut self, question: Question) -> Reply {
        let call = CallId(self.draw());
        self.handle(Input::Call { call, question });
        self.replies.pop_front().expect("each question is answered")
    }

    /// A fresh auth token.
    pub(crate) fn issue(&mut self) -> String {
        let token = format!("token-{}", self.draw());
        let user = Some(UserId::new("42").unwrap());
        let reply = self.ask(Question::Issue {
            token: token.as_str().into(),
            user,
            grants: concierge_client::telegraphy::Grants::default(),
            host: None,
            origin: None,
            ttl: None,
        });
        assert!(matches!(reply, Reply::Issued { .. }));
        token
    }

    pub(crate) fn publish(&mut self, event: &str, data: &serde_json::Value) -> Position {
        let fresh_id = Uuid::from_u128(u128::from(self.draw()));
        let publish = Publish {
            event: EventName::new(event).unwrap(),
            data: Data::from_value(data).unwrap(),
            meta: Map::new(),
            id: None,
            ttl: None,
            previous: None,
            fresh_id,
        };
        match self.ask(Question::Publish(publish)) {
            Reply::Published { position, .. } => position,
            reply => panic!("{reply:?}"),
        }
    }

    /// Sessions of the user end.
    pub(crate) fn revoke(&mut self) {
        self.ask(Question::EndAll(UserId::new("42").unwrap()));
    }

    /// The client opens its line. What went over the one before is lost; the gateway may not have noticed that it is gone.
    pub(crate) fn open(&mut self) {
        let id = ConnectionId(self.draw());
        self.up.clear();
        self.down.clear();
        self.line = Some((id, Connection::new(Arc::new(Rules::default()), id, Peer::default(), self.now)));
    }

    /// The line is cut, and the gateway hears of it.
    pub(crate) fn cut(&mut self) {
        self.up.clear();
        self.down.clear();
        if let Some((connection, _)) = self.line.take() {
            self.handle(Input::Closed { connection });
        }
    }

    /// The gateway sees that its client does not read, or does.
    pub(crate) fn slow(&mut self, is_slow: bool) {
        if let Some((connection, _)) = &self.line {
            let connection = *connection;
            self.handle(Input::Slow { connection, is_slow });
        }
    }

    pub(crate) fn pass(&mut self, time: Duration) {
        self.now += time;
        let mut effects = Vec::new();
        self.events.handle_deadline(self.moment(), &mut effects);
        self.perform(effects);
        self.settle();
    }

    /// The process dies, and another one begins.
    pub(crate) fn restart(&mut self) {
        self.starts += 1;
        self.line = None;
        self.up.clear();
        self.down.clear();
        self.events = Events::new(Settings::default(), format!("s{}-", self.starts));
        let records = self.store.records(self.moment()).unwrap();
        self.events.restore(records, self.moment());
    }

    /// One text of the client arrives.
    pub(crate) fn hear(&mut self) -> bool {
        let Some(text) = self.up.pop_front() else { return false };
        let step = self.line.as_mut().and_then(|(_, connection)| connection.handle_text(&text));
        self.step(step);
        self.poll();
        self.settle();
        true
    }

    fn poll(&mut self) {
        while let Some(step) = self.line.as_mut().and_then(|(_, connection)| connection.poll()) {
            self.step(Some(step));
        }
    }

    fn step(&mut self, step: Option<Step>) {
        match step {
            None => {}
            Some(Step::Answer(text, _)) => self.down.push_back(Down::Text(text)),
            Some(Step::Close(code)) => self.close(code),
            Some(Step::Ask(asked)) => {
                let drawn = self.draw();
                let session = SessionId(Uuid::from_u128(u128::from(drawn)));
                let fresh = Fresh { session, token: format!("session-{drawn}").into() };
                if let Some((_, connection)) = &self.line {
                    self.inbox.push_back(connection.input(asked, fresh));
                }
            }
        }
    }

    fn close(&mut self, code: CloseCode) {
        if let Some((connection, _)) = self.line.take() {
            self.down.push_back(Down::Close(code));
            self.inbox.push_back(Input::Closed { connection });
        }
    }

    fn handle(&mut self, input: Input) {
        self.inbox.push_back(input);
        self.settle();
    }

    fn settle(&mut self) {
        while let Some(input) = self.inbox.pop_front() {
            let mut effects = Vec::new();
            self.events.handle(input, self.moment(), &mut effects);
            self.perform(effects);
        }
    }

    fn perform(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Answer { to, id, outcome } => {
                    let status = outcome.status();
                    self.say(&[to], encode::answer(id, outcome));
                    if let Some((_, connection)) = self.line.as_mut().filter(|(id, _)| *id == to) {
                        connection.handle_answer(status);
                    }
                    self.poll();
                }
                Effect::Event { to, event, variant } => self.say(&to, encode::event(&event, &variant)),
                Effect::System { to, event } => self.say(&to, encode::system(event, self.moment())),
                Effect::Close { connection, code } => {
                    if self.line.as_ref().is_some_and(|(id, _)| *id == connection) {
                        self.close(code);
                    }
                }
                Effect::Store { ticket, changes } => {
                    let (sender, receiver) = mpsc::channel();
                    self.store.submit(changes, move |stored| drop(sender.send(stored)));
                    let outcome = receiver.recv().unwrap().map_err(NotStored::from);
                    self.inbox.push_back(Input::Stored { ticket, outcome });
                }
                Effect::Read { ticket, event, epoch, after, limit } => {
                    let most = usize::try_from(limit).unwrap();
                    let now = self.moment();
                    let query = Query { event, epoch, after, most, most_bytes: 1 << 20, now };
                    let page = self.store.page(&query).ok();
                    self.inbox.push_back(Input::Read { ticket, page });
                }
                Effect::Reply { reply, .. } => self.replies.push_back(reply),
                Effect::Refused { .. } => {}
            }
        }
    }

    fn say(&mut self, to: &[ConnectionId], text: String) {
        if self.line.as_ref().is_some_and(|(id, _)| to.contains(id)) {
            self.down.push_back(Down::Text(text));
        }
    }
}
