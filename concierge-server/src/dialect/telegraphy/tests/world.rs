//! A world in which anything may happen: a gateway, those who listen to it, and what they know.

use std::collections::{BTreeMap, VecDeque};

use concierge_client::{
    payload::Data,
    telegraphy::{Audience, Definition, EventName, Grant, Grants, Guarantee, Incoming, Position, UserId},
};
use proptest::{collection::vec, prelude::*, sample::select};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    listener::{Asked, Client, Told},
    stage::{Heard, Mood, Stage},
};
use crate::events::{
    CallId, ConnectionId, Effect, HostBinding, Input, Publish, Question, Reply, Settings, record::NotStored,
};

pub(super) fn settings() -> Settings {
    // A page is short, so that most of what is caught up with takes several.
    Settings {
        host: HostBinding::Off,
        connections_per_user: 2,
        history: 2,
        unregistered: false,
        ..Settings::default()
    }
}

fn name(text: &str) -> EventName {
    EventName::new(text).unwrap()
}

fn publish(event: &str, data: &Value, previous: Option<&Value>, ttl: Option<u64>) -> Question {
    Question::Publish(Publish {
        event: name(event),
        data: Data::from_value(data).unwrap(),
        meta: serde_json::Map::new(),
        id: None,
        ttl: ttl.map(std::time::Duration::from_secs),
        previous: previous.map(|previous| Data::from_value(previous).unwrap()),
        fresh_id: Uuid::nil(),
    })
}

pub(super) fn issue(token: &str, user: &str, grants: Grants) -> Question {
    let user = Some(UserId::new(user).unwrap());
    Question::Issue { token: token.into(), user, grants, host: None, origin: None, ttl: None }
}

/// Events of the world below: best effort, with and without history, and guaranteed.
const EVENTS: [&str; 3] = ["plain", "kept", "sure"];

fn definitions(audience: Audience) -> Question {
    let definitions = EVENTS.map(|event| Definition {
        audience,
        retain: (event == "kept").then_some(3),
        delivery: if event == "sure" { Guarantee::Guaranteed } else { Guarantee::BestEffort },
        ..Definition::new(name(event))
    });
    Question::Define { source: "test".into(), definitions: definitions.into() }
}

/// What may be granted: nothing, everything, or what is in a room.
fn grants() -> impl Strategy<Value = Vec<(usize, Option<u8>)>> {
    vec((0..EVENTS.len(), prop::option::of(0..3_u8)), 0..3)
}

fn as_grants(grants: &[(usize, Option<u8>)]) -> Grants {
    let grant = |room: Option<u8>| match room {
        Some(room) => Grant::Filtered(json!({"room": room})),
        None => Grant::All,
    };
    grants.iter().map(|(event, room)| (name(EVENTS[*event]), grant(*room))).collect()
}

/// What a subscription asks of the past.
#[derive(Debug, Clone)]
pub(super) enum Past {
    Nothing,
    /// So many before where the client is.
    Since(u64),
    Last(u64),
}

fn past() -> impl Strategy<Value = Past> {
    prop_oneof![
        3 => Just(Past::Nothing),
        2 => (0..6_u64).prop_map(Past::Since),
        1 => (1..6_u64).prop_map(Past::Last),
    ]
}

/// What may happen while somebody listens.
#[derive(Debug, Clone)]
pub(super) enum Step {
    Publish {
        event: usize,
        room: u8,
        previous: Option<u8>,
        ttl: Option<u64>,
    },
    Subscribe {
        client: usize,
        event: usize,
        room: Option<u8>,
        permanent: bool,
        lazy: bool,
        past: Past,
    },
    Ack {
        client: usize,
        event: usize,
    },
    History {
        client: usize,
        event: usize,
    },
    /// A client reads so much of what it was sent.
    Hear {
        client: usize,
        count: usize,
    },
    /// A connection is lost, with what was not read.
    Cut {
        client: usize,
    },
    /// A client comes back, if it is not there, and says where it is, or not.
    Return {
        client: usize,
        says: bool,
    },
    Slow {
        client: usize,
        is_slow: bool,
    },
    Grant {
        client: usize,
        grants: Vec<(usize, Option<u8>)>,
    },
    Define {
        audience: Audience,
    },
    Undefine {
        event: usize,
    },
    Store(Mood),
    /// Whether what is read of a log is there at once, or when it is asked for so.
    Reads {
        late: bool,
    },
    /// A piece that was read of a log arrives.
    Read(usize),
    Trim {
        count: usize,
    },
    Pass(u64),
    Restart,
}

pub(super) const CLIENTS: usize = 2;

pub(super) fn step() -> impl Strategy<Value = Step> {
    let (client, event) = (0..CLIENTS, 0..EVENTS.len());
    let audience = select(vec![Audience::Public, Audience::Authenticated, Audience::Private]);
    prop_oneof![
        30 => listening(event.clone()),
        1 => (client.clone(), event.clone()).prop_map(|(client, event)| Step::History { client, event }),
        2 => (client, grants()).prop_map(|(client, grants)| Step::Grant { client, grants }),
        1 => audience.prop_map(|audience| Step::Define { audience }),
        1 => event.prop_map(|event| Step::Undefine { event }),
        1 => (1..3_usize).prop_map(|count| Step::Trim { count }),
        1 => (0..60_u64).prop_map(Step::Pass),
        1 => Just(Step::Restart),
    ]
}

/// What may happen while there is a log: connections come, go and fall behind, and catch up in several ways at once.
pub(super) fn step_of_logs() -> impl Strategy<Value = Step> {
    // Those that have one: mostly the one that must not have a hole.
    let event = prop_oneof![1 => Just(1_usize), 4 => Just(2_usize)];
    prop_oneof![
        60 => listening(event),
        1 => (1..3_usize).prop_map(|count| Step::Trim { count }),
    ]
}

fn listening(event: impl Strategy<Value = usize> + Clone) -> impl Strategy<Value = Step> {
    let (client, room) = (0..CLIENTS, 0..3_u8);
    let mood = select(vec![Mood::Works, Mood::Works, Mood::Waits, Mood::Fails(NotStored::Full)]);
    prop_oneof![
        8 => (event.clone(), room.clone(), prop::option::of(room.clone()), prop::option::of(1..40_u64))
            .prop_map(|(event, room, previous, ttl)| Step::Publish { event, room, previous, ttl }),
        5 => (client.clone(), event.clone(), prop::option::of(room), any::<bool>(), any::<bool>(), past())
            .prop_map(|(client, event, room, permanent, lazy, past)| Step::Subscribe {
                client, event, room, permanent, lazy, past
            }),
        1 => (client.clone(), event).prop_map(|(client, event)| Step::Ack { client, event }),
        5 => (client.clone(), 0..6_usize).prop_map(|(client, count)| Step::Hear { client, count }),
        2 => client.clone().prop_map(|client| Step::Cut { client }),
        3 => (client.clone(), any::<bool>()).prop_map(|(client, says)| Step::Return { client, says }),
        2 => (client, any::<bool>()).prop_map(|(client, is_slow)| Step::Slow { client, is_slow }),
        2 => mood.prop_map(Step::Store),
        1 => any::<bool>().prop_map(|late| Step::Reads { late }),
        2 => (0..4_usize).prop_map(Step::Read),
    ]
}

/// A gateway, those who listen, and what they may.
pub(super) struct World {
    pub stage: Stage,
    pub clients: Vec<Client>,
    audience: Audience,
    pub allowed: BTreeMap<ConnectionId, usize>,
    granted: Vec<Vec<(usize, Option<u8>)>>,
    /// What is being published.
    calls: BTreeMap<CallId, (String, Vec<u8>)>,
    /// Every event that is published.
    pub published: Vec<Told>,
    tokens: usize,
    seen: usize,
}

impl World {
    pub(super) fn new() -> Self {
        let mut stage = Stage::new(settings());
        stage.call(definitions(Audience::Authenticated));
        let clients =
            (0..CLIENTS).map(|number| Client { user: format!("user {number}"), ..Client::default() });
        let mut world = Self {
            stage,
            clients: clients.collect(),
            audience: Audience::Authenticated,
            allowed: BTreeMap::new(),
            granted: vec![Vec::new(); CLIENTS],
            calls: BTreeMap::new(),
            published: Vec::new(),
            tokens: 0,
            seen: 0,
        };
        for client in 0..CLIENTS {
            world.arrive(client);
            world.hear(client, usize::MAX);
        }
        world
    }

    /// With a token of the web application.
    fn arrive(&mut self, number: usize) {
        self.tokens += 1;
        let token = format!("token {}", self.tokens);
        let grants = as_grants(&self.granted[number]);
        self.stage.call(issue(&token, &self.clients[number].user, grants));
        let connection = self.open(number);
        let text = json!({"message": "CONNECT", "id": self.id(number), "args": {"auth_token": token}});
        self.stage.text(connection, &text.to_string());
    }

    fn open(&mut self, number: usize) -> ConnectionId {
        let connection = self.stage.open("192.0.2.1");
        self.clients[number].connection = Some(connection);
        self.allowed.insert(connection, number);
        connection
    }

    fn id(&mut self, number: usize) -> u64 {
        let client = &mut self.clients[number];
        client.next += 1;
        client.next
    }

    fn say(&mut self, number: usize, message: &str, args: &Value) -> Option<u64> {
        let connection = self.clients[number].connection?;
        let id = self.id(number);
        let text = json!({"message": message, "id": id, "args": args});
        self.stage.text(connection, &text.to_string());
        Some(id)
    }

    /// A client reads some of what it was sent.
    pub(super) fn hear(&mut self, number: usize, count: usize) {
        let Some(connection) = self.clients[number].connection else { return };
        for _ in 0..count {
            let Some(heard) = self.stage.heard.get_mut(&connection).and_then(VecDeque::pop_front) else {
                return;
            };
            match heard {
                Heard::Text(text) => {
                    let told = self.published.len();
                    self.clients[number].take(Incoming::decode(&text).unwrap(), told);
                }
                Heard::Close(_) => {
                    self.clients[number].connection = None;
                    return;
                }
            }
        }
    }

    fn cut(&mut self, number: usize) {
        if let Some(connection) = self.clients[number].connection.take() {
            self.stage.vanish(connection);
            self.stage.heard.remove(&connection);
        }
    }

    /// A client comes back. Who has no session, or is told that it has none, begins anew.
    pub(super) fn come_back(&mut self, number: usize, says: bool) {
        self.hear(number, usize::MAX);
        if self.clients[number].connection.is_some() {
            return;
        }
        if let Some(token) = self.clients[number].token.clone() {
            let connection = self.open(number);
            let positions = if says { json!(self.clients[number].positions) } else { json!({}) };
            let id = self.id(number);
            let args = json!({"session_token": token, "positions": positions});
            let text = json!({"message": "RECONNECT", "id": id, "args": args});
            self.stage.text(connection, &text.to_string());
            self.hear(number, 1);
            if self.clients[number].token.is_some() {
                return;
            }
            self.cut(number);
        }
        self.arrive(number);
        self.hear(number, usize::MAX);
    }

    pub(super) fn apply(&mut self, step: Step) {
        match step {
            Step::Publish { event, room, previous, ttl } => {
                let rooms = previous.into_iter().chain([room]).collect();
                let previous = previous.map(|room| json!({"room": room}));
                let call = self.stage.next_call();
                self.calls.insert(call, (EVENTS[event].to_owned(), rooms));
                self.stage.call(publish(EVENTS[event], &json!({"room": room}), previous.as_ref(), ttl));
            }
            Step::Subscribe { client, event, room, permanent, lazy, past } => {
                let filters = room.map_or(json!({}), |room| json!({"room": room}));
                let mut args = json!({
                    "event_name": EVENTS[event], "filters": filters, "permanent": permanent, "lazy": lazy
                });
                let mut asked = Asked { room, since: None, is_rewound: false };
                match past {
                    Past::Nothing => {}
                    Past::Since(back) => {
                        asked.since = self.clients[client]
                            .positions
                            .get(EVENTS[event])
                            .map(|at| Position { offset: at.offset.saturating_sub(back), ..at.clone() });
                        args["since"] = json!(asked.since);
                    }
                    Past::Last(count) => {
                        asked.is_rewound = true;
                        args["history"] = json!(count);
                    }
                }
                if let Some(id) = self.say(client, "SUBSCRIBE", &args) {
                    self.clients[client].asked.insert(id, asked);
                }
            }
            Step::Ack { client, event } => {
                if let Some(Position { epoch, offset }) = self.clients[client].positions.get(EVENTS[event]) {
                    let args = json!({"event_name": EVENTS[event], "epoch": epoch, "offset": offset});
                    self.say(client, "ACK", &args);
                }
            }
            Step::History { client, event } => {
                self.say(client, "HISTORY", &json!({"event_name": EVENTS[event]}));
            }
            Step::Hear { client, count } => self.hear(client, count),
            Step::Cut { client } => self.cut(client),
            Step::Return { client, says } => self.come_back(client, says),
            Step::Slow { client, is_slow } => {
                if let Some(connection) = self.clients[client].connection {
                    self.stage.handle(Input::Slow { connection, is_slow });
                }
            }
            Step::Grant { client, grants } => {
                let user = UserId::new(self.clients[client].user.as_str()).unwrap();
                self.stage.call(Question::Grant { user, grants: as_grants(&grants) });
                self.granted[client] = grants;
            }
            Step::Define { audience } => {
                self.audience = audience;
                self.stage.call(definitions(audience));
            }
            Step::Undefine { event } => self.stage.call(Question::Undefine(name(EVENTS[event]))),
            Step::Store(mood) => self.stage.go_on(mood),
            Step::Reads { late } => self.stage.read_late(late),
            Step::Read(number) => self.stage.arrive(number),
            Step::Trim { count } => self.stage.ledger.trim(&name("sure"), count),
            Step::Pass(seconds) => self.stage.pass(std::time::Duration::from_secs(seconds)),
            Step::Restart => {
                self.stage.restart();
                self.clients.iter_mut().for_each(|client| client.connection = None);
            }
        }
    }

    /// What was sent since the last look.
    pub(super) fn effects(&mut self) -> Vec<Effect> {
        let effects = self.stage.effects.get(self.seen..).unwrap_or_default().to_vec();
        self.seen = self.stage.effects.len();
        effects
    }

    /// Whether a client may see an event of a room, as far as grants say.
    pub(super) fn may_see(&self, number: usize, event: &str, room: &Value) -> bool {
        let grants = as_grants(&self.granted[number]);
        match grants.of(event) {
            Some(Grant::All) => true,
            Some(Grant::Filtered(filters)) => filters["room"] == *room,
            None => self.audience != Audience::Private,
        }
    }
}

impl World {
    /// Notes what was published, when its publisher was told so.
    pub(super) fn count(&mut self) {
        while let Some((call, reply)) = self.stage.replies.pop_front() {
            if let Reply::Published { position, .. } = reply {
                let (event, rooms) = self.calls.remove(&call).unwrap();
                let Position { epoch, offset } = position;
                self.published.push(Told { event, epoch: epoch.to_string(), offset, rooms });
            }
        }
    }
}
