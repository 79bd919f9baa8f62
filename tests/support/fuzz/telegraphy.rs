//! A gateway of Telegraphy without sockets, and any bytes at both of its sides: what web applications ask over HTTP, and what clients say.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use concierge_client::payload::Secret;
use concierge_client::telegraphy::{CloseCode, Incoming, Timestamp};
use concierge_server::dialect::telegraphy::web::{self, Answer, Asked, Head, Route};
use concierge_server::dialect::telegraphy::{Connection, Rules, Step, Timer, encode};
use concierge_server::events::record::{Change, EventRecord, NotStored, Page, SessionId};
use concierge_server::events::{
    CallId, ConnectionId, Effect, Events, Fresh, Input, Peer, Question, Reply, Settings,
};
use uuid::Uuid;

use super::Choices;

/// The largest event there.
const EVENT_BYTES: usize = 512;

/// What the application of [`texts`] has registered, and what the events are like that it publishes.
const DEFINITIONS: &[u8] = br#"{"source":"a","events":[
    {"name":"a","audience":"public","retain":3},
    {"name":"b","audience":"public","delivery":"guaranteed","presence":"users"},
    {"name":"c","audience":"private","fields":{"n":"integer"}},
    {"name":"d","presence":"count"}]}"#;

/// A gateway whose bounds are soon met.
struct World {
    events: Events,
    now: Timestamp,
    elapsed: Duration,
    rules: Arc<Rules>,
    connections: BTreeMap<ConnectionId, Connection>,
    next: u64,
    /// What came back to clients since it was asked, answers to requests and everything.
    answers: usize,
    log: Vec<EventRecord>,
    outcome: Result<(), NotStored>,
    waiting: BTreeSet<CallId>,
    replies: BTreeMap<CallId, Reply>,
}

impl World {
    fn new() -> Self {
        let settings = Settings {
            sessions_per_owner: 2,
            sessions_away: 3,
            subscriptions_per_session: 4,
            connections_per_user: 2,
            tokens: 3,
            events: 8,
            event_bytes: EVENT_BYTES,
            history: 3,
            ..Settings::default()
        };
        Self {
            events: Events::new(settings, "e"),
            now: Timestamp::from_micros(1_795_206_660_000_000),
            elapsed: Duration::ZERO,
            rules: Arc::new(Rules::default()),
            connections: BTreeMap::new(),
            next: 0,
            answers: 0,
            log: Vec::new(),
            outcome: Ok(()),
            waiting: BTreeSet::new(),
            replies: BTreeMap::new(),
        }
    }

    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    fn pass(&mut self, time: Duration) {
        self.elapsed += time;
        self.now = self.now.after(time);
    }

    /// Something happens, and everything that follows from it.
    fn handle(&mut self, input: Input) {
        let mut inputs = VecDeque::from([input]);
        while let Some(input) = inputs.pop_front() {
            let mut effects = Vec::new();
            self.events.handle(input, self.now, &mut effects);
            for effect in effects {
                inputs.extend(self.effect(effect));
            }
        }
    }

    fn effect(&mut self, effect: Effect) -> Option<Input> {
        match effect {
            Effect::Answer { to, id, outcome } => {
                let status = outcome.status();
                self.answers += 1;
                self.tell(to, &encode::answer(id, outcome));
                if let Some(connection) = self.connections.get_mut(&to) {
                    connection.handle_answer(status);
                }
            }
            Effect::Event { to, event, variant } => {
                let text = encode::event(&event, &variant);
                for to in to {
                    self.tell(to, &text);
                }
            }
            Effect::System { to, event } => {
                let text = encode::system(event, self.now);
                for to in to {
                    self.tell(to, &text);
                }
            }
            Effect::Close { connection, code } => return Some(self.close(connection, code)),
            Effect::Store { ticket, changes } => {
                assert!(!changes.is_empty(), "nothing is to be stored");
                if self.outcome.is_ok() {
                    self.log.extend(changes.into_iter().filter_map(|change| match change {
                        Change::Append(event) => Some(event),
                        _ => None,
                    }));
                }
                return Some(Input::Stored { ticket, outcome: self.outcome });
            }
            Effect::Read { ticket, event, epoch, after, limit } => {
                let of_log = |kept: &&EventRecord| kept.event == event && kept.epoch == epoch;
                let later = self.log.iter().filter(of_log).filter(|kept| kept.offset > after);
                let limit = usize::try_from(limit).unwrap_or(usize::MAX);
                let events: Vec<_> = later.take(limit).cloned().collect();
                let until = events.last().map_or(after, |last| last.offset);
                return Some(Input::Read { ticket, page: Some(Page { events, until, ..Page::default() }) });
            }
            Effect::Reply { call, reply } => {
                assert!(self.waiting.remove(&call), "a call is replied to once");
                self.replies.insert(call, reply);
            }
            Effect::Refused { .. } => {}
        }
        None
    }

    /// What a client is sent, it reads; and nobody is told anything after the end.
    fn tell(&self, to: ConnectionId, text: &str) {
        assert!(self.connections.contains_key(&to), "{text} is for {to}, which is gone");
        assert!(Incoming::decode(text).is_ok(), "no client reads {text}");
    }

    fn close(&mut self, connection: ConnectionId, code: CloseCode) -> Input {
        assert!(!matches!(code, CloseCode::Internal | CloseCode::Other(_)), "{code}");
        let gone = self.connections.remove(&connection);
        assert!(gone.is_some(), "{connection} is closed twice");
        Input::Closed { connection }
    }

    fn open(&mut self) -> ConnectionId {
        let id = ConnectionId(self.number());
        let peer = Peer { address: Some([192, 0, 2, 1].into()), origin: None };
        self.connections.insert(id, Connection::new(Arc::clone(&self.rules), id, peer, self.elapsed));
        id
    }

    /// A client says something: that is answered once, whatever it is, for as long as the connection is there.
    fn say(&mut self, id: ConnectionId, text: Option<&str>) {
        self.answers = 0;
        let Some(connection) = self.connections.get_mut(&id) else { return };
        let mut step = if let Some(text) = text {
            connection.handle_text(text)
        } else {
            connection.handle_binary();
            None
        };
        while let Some(next) = step.or_else(|| self.connections.get_mut(&id).and_then(Connection::poll)) {
            match next {
                Step::Answer(text, _) => {
                    self.answers += 1;
                    self.tell(id, &text);
                }
                Step::Close(code) => {
                    let closed = self.close(id, code);
                    self.handle(closed);
                }
                Step::Ask(asked) => {
                    let number = self.number();
                    let token = Secret::new(format!("session-{number}"));
                    let fresh = Fresh { session: SessionId(Uuid::from_u128(number.into())), token };
                    let input = self.connections.get(&id).map(|connection| connection.input(asked, fresh));
                    if let Some(input) = input {
                        self.handle(input);
                    }
                }
            }
            step = None;
        }
        let is_open = self.connections.contains_key(&id);
        assert!(
            self.answers == 1 || (!is_open && self.answers == 0),
            "{text:?} was answered {} times",
            self.answers
        );
    }

    /// Time passes, and what is due happens.
    fn wait(&mut self, time: Duration) {
        self.pass(time);
        for id in self.connections.keys().copied().collect::<Vec<_>>() {
            let Some(connection) = self.connections.get_mut(&id) else { continue };
            match connection.handle_deadline(self.elapsed, self.now) {
                Timer::Nothing => {}
                Timer::Say(text) => self.tell(id, &text),
                Timer::Close(text, code) => {
                    self.tell(id, &text);
                    let closed = self.close(id, code);
                    self.handle(closed);
                }
            }
        }
        let mut effects = Vec::new();
        self.events.handle_deadline(self.now, &mut effects);
        for effect in effects {
            let follows = self.effect(effect);
            if let Some(input) = follows {
                self.handle(input);
            }
        }
    }

    /// The reply to a question, of which there is one.
    fn ask(&mut self, question: Question) -> Reply {
        let call = CallId(self.number());
        self.waiting.insert(call);
        self.handle(Input::Call { call, question });
        self.replies.remove(&call).expect("a question is replied to")
    }

    /// A request of a web application, and its answer.
    fn request(&mut self, method: &str, target: &str, content_type: &str, body: &[u8]) -> Answer {
        let answer = self.answer(method, target, content_type, body).unwrap_or_else(|answer| answer);
        assert!(matches!(answer.code, 200 | 201 | 204 | 400..=499 | 503 | 507), "{answer:?}");
        let is_json = serde_json::from_str::<serde_json::Value>(&answer.body).is_ok();
        assert!(is_json || answer.code == 204, "{answer:?}");
        answer
    }

    /// The same with a body of JSON, whatever the answer is.
    fn ask_for(&mut self, method: &str, target: &str, body: &[u8]) {
        let _answered = self.request(method, target, "application/json", body);
    }

    fn answer(
        &mut self,
        method: &str,
        target: &str,
        content_type: &str,
        body: &[u8],
    ) -> Result<Answer, Answer> {
        let (path, query) =
            target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
        let route = Route::find(method, path)?;
        let head = Head { query, content_type: Some(content_type), content_encoding: None };
        route.check(head)?;
        let body = match route.most_bytes(EVENT_BYTES) {
            Some(most) if body.len() > most => return Err(Route::too_large(most).into()),
            Some(_) => body,
            None => &[],
        };
        let mut drawn = self.next;
        let mut random = || {
            drawn += 1;
            let mut bytes = [0; 32];
            bytes.iter_mut().zip(drawn.to_le_bytes()).for_each(|(byte, drawn)| *byte = drawn);
            bytes
        };
        let asked = route.read(head, body, &mut random)?;
        self.next = drawn;
        Ok(match asked {
            Asked::Description => Answer::json(200, "the description"),
            Asked::One(question, expected) => expected.answer(self.ask(*question)),
            Asked::Batch(items) => web::results(
                items
                    .into_iter()
                    .map(|item| match item {
                        Ok(question) => web::result(self.ask(question)),
                        Err(problem) => Err(problem).into(),
                    })
                    .collect(),
            ),
        })
    }
}

/// The requests that a byte stands for.
const REQUESTS: [(&str, &str, &str); 16] = [
    ("POST", "/api/v1/publish", "application/json"),
    ("POST", "/api/v1/publish/batch", "application/json"),
    ("POST", "/api/v1/publish/batch", "application/x-ndjson"),
    ("PUT", "/api/v1/events", "application/json"),
    ("POST", "/api/v1/tokens", "application/json"),
    ("POST", "/api/v1/users/7/grants", "application/json"),
    ("POST", "/api/v1/subscriptions", "application/json"),
    ("GET", "/api/v1/events", ""),
    ("GET", "/api/v1/events/a", ""),
    ("DELETE", "/api/v1/events/a", ""),
    ("GET", "/api/v1/events/a/presence", ""),
    ("GET", "/api/v1/sessions", ""),
    ("DELETE", "/api/v1/users/7/sessions", ""),
    ("GET", "/api/v1/openapi.json", ""),
    ("POST", "/api/v1/publish", "text/plain"),
    // The body is the address.
    ("GET", "", ""),
];

/// Requests of a web application, with a zero between them: a byte for which it is, and its body. Each is answered in JSON, never with
/// a failure, and what a client hears of it can be read.
///
/// # Panics
///
/// When that does not hold.
pub fn bodies(bytes: &[u8]) {
    let mut world = World::new();
    let listener = world.open();
    world.say(listener, Some(r#"{"message":"CONNECT","id":0,"args":{"auth_token":""}}"#));
    for (id, event) in [(1, "a"), (2, "shop.Order")] {
        let args = format!(r#"{{"event_name":"{event}","lazy":true,"filters":{{"$not":{{"n":7}}}}}}"#);
        world.say(listener, Some(&format!(r#"{{"message":"SUBSCRIBE","id":{id},"args":{args}}}"#)));
    }
    for request in bytes.split(|byte| *byte == 0) {
        let Some((which, body)) = request.split_first() else { continue };
        world.outcome = if *which >= 0xf0 { Err(NotStored::Full) } else { Ok(()) };
        let (method, target, content_type) = pick(&REQUESTS, *which);
        let text = String::from_utf8_lossy(body);
        let target = if target.is_empty() { &*text } else { target };
        let answer = world.request(method, target, content_type, body);
        if answer.code == 201 {
            // A token that was issued is worth a connection, or is refused for where it comes from.
            let token = serde_json::from_str::<serde_json::Value>(&answer.body).expect("it is JSON");
            let connect = serde_json::json!({"message": "CONNECT", "id": 0, "args": {"auth_token": token.get("token")}});
            let user = world.open();
            world.say(user, Some(&connect.to_string()));
        }
        world.pass(Duration::from_millis(u64::from(*which)));
    }
}

/// What clients say, and what becomes of them: each text is answered once, in whichever order all of it comes, and what they hear can be
/// read.
///
/// # Panics
///
/// When that does not hold.
pub fn texts(bytes: &[u8]) {
    let mut choices = Choices(bytes);
    let mut world = World::new();
    world.ask_for("PUT", "/api/v1/events", DEFINITIONS);
    let mut links = BTreeMap::new();
    while let (Some(choice), Some(detail)) = (choices.next(), choices.next()) {
        let link = choice % 4;
        let (id, number) = *links.entry(link).or_insert_with(|| (world.open(), 0_u64));
        links.insert(link, (id, number + 1));
        world.pass(Duration::from_millis(u64::from(detail)));
        match choice / 4 {
            0 => {
                world.connections.remove(&id);
                world.handle(Input::Closed { connection: id });
            }
            1 => world.wait(Duration::from_secs(u64::from(detail))),
            2 => world.handle(Input::Slow { connection: id, is_slow: detail % 2 == 0 }),
            3 => world.outcome = pick(&[Ok(()), Err(NotStored::Full), Err(NotStored::ReadOnly)], detail),
            4 => world.ask_for("PUT", "/api/v1/events", DEFINITIONS),
            5 => world.ask_for("POST", "/api/v1/publish", application_says(detail).as_bytes()),
            6 => world.ask_for("POST", "/api/v1/tokens", application_says(detail).as_bytes()),
            7 => world.ask_for("POST", "/api/v1/users/7/grants", application_says(detail).as_bytes()),
            8 => world.ask_for("POST", "/api/v1/subscriptions", application_says(detail).as_bytes()),
            9 => world.say(id, None),
            10..=40 => {
                let text = format!("{{\"id\":{number},{}}}", client_says(choice / 4 - 10, detail));
                world.say(id, Some(&text));
            }
            _ => {
                let Some(text) = choices.text() else { continue };
                world.say(id, Some(text));
            }
        }
        if !world.connections.contains_key(&id) {
            links.remove(&link);
        }
    }
}

/// One of these, whatever the byte is.
fn pick<T: Copy>(of: &[T], by: u8) -> T {
    *of.iter().cycle().nth(usize::from(by)).expect("there is one")
}

/// What the application sends where it does not register events.
fn application_says(detail: u8) -> String {
    let event = pick(&["a", "b", "c", "d", "e"], detail);
    format!(
        r#"{{"event":"{event}","event_name":"{event}","data":{{"n":{detail}}},"user":"7","grants":{{"c":{{"filters":{{"n__gt":9}}}}}}}}"#
    )
}

/// The rest of a request that makes sense, mostly.
fn client_says(choice: u8, detail: u8) -> String {
    let event = pick(&["a", "b", "c", "d", "e", "telegraphy.registry"], detail);
    let (small, is_odd) = (detail / 6 % 8, detail % 2 == 1);
    match choice {
        0..=3 => r#""message":"CONNECT","args":{"auth_token":""}"#.to_owned(),
        4 => format!(r#""message":"CONNECT","args":{{"auth_token":"","session_token":"session-{detail}"}}"#),
        5..=7 => format!(r#""message":"RECONNECT","session_token":"session-{detail}""#),
        8 => format!(
            r#""message":"RECONNECT","session_token":"session-{detail}","args":{{"positions":{{"b":{{"epoch":"e2","offset":{small}}}}}}}"#
        ),
        9..=12 => format!(
            r#""message":"SUBSCRIBE","args":{{"event_name":"{event}","lazy":{is_odd},"permanent":true}}"#
        ),
        13..=15 => format!(
            r#""message":"SUBSCRIBE","args":{{"event_name":"{event}","filters":{{"n__lt":{detail}}}}}"#
        ),
        16 => format!(r#""message":"SUBSCRIBE","args":{{"event_name":"{event}","history":{small}}}"#),
        17 => format!(
            r#""message":"SUBSCRIBE","args":{{"event_name":"{event}","since":{{"epoch":"e{small}","offset":{small}}}}}"#
        ),
        18..=19 => format!(r#""message":"UNSUBSCRIBE","args":{{"event_name":"{event}"}}"#),
        20 => format!(r#""message":"UNSUBSCRIBE","args":{{"event_name":"{event}","filters":{{}}}}"#),
        21 => r#""message":"EVENTS""#.to_owned(),
        22 => r#""message":"SUBSCRIPTIONS""#.to_owned(),
        23..=24 => {
            format!(r#""message":"ACK","args":{{"event_name":"{event}","epoch":"e2","offset":{small}}}"#)
        }
        25..=26 => format!(r#""message":"HISTORY","args":{{"event_name":"{event}","limit":{small}}}"#),
        27 => format!(r#""message":"PRESENCE","args":{{"event_name":"{event}"}}"#),
        28 => r#""message":"PING""#.to_owned(),
        29 => format!(r#""message":"DISCONNECT","args":{{"forget":{is_odd}}}"#),
        _ => format!(r#""message":"{event}""#),
    }
}
