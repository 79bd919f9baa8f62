//! What fuzzers try: any bytes, and what must hold whatever they are. `tests/fuzz` has a fuzzer look for bytes with which it does not;
//! those it found, and those it learned from, are played again by every run of the tests.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use concierge_client::payload::{
    AnyRequest, Data, Envelope, Identify, Incoming, Intents, SelfFetch, SelfSetSeq, SendMessage, Seq, encode,
    encode_sequenced,
};
use concierge_client::session::{Connection as Session, Encoded, Heard, Waiting};
use concierge_server::Config;
use concierge_server::dialect::concierge::{Connection, Deliveries, Delivery, Ids, Rules, Step};
use concierge_server::events::filter::{Filter, FilterIndex, Subject};
use concierge_server::files::FilePath;
use concierge_server::hub::{ClientId, Hub, Limits};
use uuid::Uuid;

mod telegraphy;

pub use self::telegraphy::{bodies, texts};

use crate::gateway::Gateway;
use crate::raw::{Handshake, RawSocket};

/// A target: its name, and what it tries with some bytes.
pub type Target = (&'static str, fn(&[u8]));

/// Every target there is.
pub const TARGETS: [Target; 9] = [
    ("payloads", payloads),
    ("configuration", configuration),
    ("hub", hub),
    ("session", session),
    ("frames", frames),
    ("uploads", uploads),
    ("filters", filters),
    ("bodies", bodies),
    ("texts", texts),
];

/// A text is a payload or is none. One that is read, written and read again is the same.
///
/// # Panics
///
/// When that does not hold, as all of these.
pub fn payloads(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    match Incoming::decode(text) {
        Ok(Incoming::Event(event)) => {
            let again = Incoming::decode(&encode(&event)).expect("what is written is read");
            assert_eq!(again, Incoming::Event(event));
        }
        Ok(Incoming::Reply { seq, reply }) => {
            let again = Incoming::decode(&encode_sequenced(seq, &reply)).expect("what is written is read");
            assert_eq!(again, Incoming::Reply { seq, reply });
        }
        _ => {}
    }
    if let Ok(envelope) = Envelope::parse(text)
        && let Some(kind) = envelope.kind()
        && let Ok(request) = envelope.decode(kind)
    {
        assert_eq!(request.kind(), kind);
        if let Some(usual) = SendMessage::decode_usual(text) {
            assert_eq!(AnyRequest::Message(usual), request, "both ways of reading it agree");
        }
    } else {
        assert!(SendMessage::decode_usual(text).is_none(), "what is wrong is not usual");
    }
    if let Ok(data) = Data::from_json(text) {
        assert_eq!(Data::from_json(data.as_str()).expect("it was JSON").as_str(), data.as_str());
    }
}

/// A text is a configuration or is none. One that is shown makes the same one again.
///
/// # Panics
///
/// When that does not hold.
pub fn configuration(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    // Whatever else is on this machine is not the matter here, and a secret is not shown.
    if ["file", "dir", "secret"].iter().any(|word| text.contains(word)) {
        return;
    }
    if let Ok(config) = Config::from_toml(text) {
        let shown = config.to_toml();
        let again = Config::from_toml(&shown).expect("what is shown is a configuration").to_toml();
        let values =
            |text: &str| text.lines().map(|line| without_origin(line).to_owned()).collect::<Vec<_>>();
        assert_eq!(values(&again), values(&shown));
    }
}

/// A line of a shown configuration, without where its setting comes from.
fn without_origin(line: &str) -> &str {
    line.rsplit_once("  # ").map_or(line, |(setting, _)| setting.trim_end())
}

/// Bytes as choices.
struct Choices<'b>(&'b [u8]);

impl<'b> Choices<'b> {
    fn next(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    /// So many bytes as the next one says, as far as they are text.
    fn text(&mut self) -> Option<&'b str> {
        let length = usize::from(self.next()?).min(self.0.len());
        let (text, rest) = self.0.split_at(length);
        self.0 = rest;
        std::str::from_utf8(text).ok()
    }
}

/// Who is in is sent what it is to be sent, and nobody else is; every request is answered once, and in order.
///
/// # Panics
///
/// When that does not hold.
pub fn hub(bytes: &[u8]) {
    let mut choices = Choices(bytes);
    let limits = Limits { subscriptions: Some(3), services: Some(2), services_total: Some(4) };
    let (mut hub, rules) = (Hub::new(limits), Arc::new(Rules::default()));
    let mut links: BTreeMap<u8, Connection> = BTreeMap::new();
    let mut joined: BTreeSet<ClientId> = BTreeSet::new();
    let (mut joins, mut now) = (0, Duration::ZERO);
    while let Some(choice) = choices.next() {
        let link = choice % 5;
        now += Duration::from_millis(u64::from(choice));
        if choice >= 240 {
            let mut deliveries = Deliveries::default();
            if let Some(connection) = links.remove(&link) {
                if let Some(client) = connection.client() {
                    joined.remove(&client);
                }
                connection.leave(&mut hub, &mut deliveries);
            }
            check_receivers(&deliveries, &joined);
            continue;
        }
        let Some(text) = request(choice, &mut choices) else { break };
        let connection = links.entry(link).or_insert_with(|| Connection::new(Arc::clone(&rules), now));
        let before = connection.client();
        let mut deliveries = Deliveries::default();
        let (answers, over) = match connection.handle_text(&text, now) {
            Step::Nothing => (0, false),
            Step::Answer(_) => (1, false),
            Step::Close(_) => (0, true),
            Step::Hub(input) => {
                let client = ClientId(joins);
                joins += 1;
                let ids = Ids { client, uuid: Uuid::from_u128(u128::from(joins)), fs_key: Uuid::nil() };
                let close = connection.perform(input, &mut hub, ids, now, &mut deliveries);
                let own = connection.client();
                joined.extend(own);
                check_receivers(&deliveries, &joined);
                let is_own = |delivery: &Delivery<'_>| own.is_some_and(|own| delivery.to.as_slice() == [own]);
                let answers = deliveries.iter().filter(is_own);
                (answers.filter(|delivery| delivery.text.starts_with("{\"seq\":")).count(), close.is_some())
            }
        };
        if before.is_some() {
            assert_eq!(answers, 1, "{text} is answered once: {deliveries:?}");
        }
        if over && let Some(connection) = links.remove(&link) {
            if let Some(client) = connection.client() {
                joined.remove(&client);
            }
            connection.leave(&mut hub, &mut deliveries);
        }
    }
    assert_eq!(hub.client_count(), joined.len());
}

fn check_receivers(deliveries: &Deliveries, joined: &BTreeSet<ClientId>) {
    for Delivery { to, kind, text } in deliveries.iter() {
        let receivers = to.as_slice();
        assert!(receivers.iter().all(|client| joined.contains(client)), "{text} goes to nobody");
        assert_eq!(receivers.iter().collect::<BTreeSet<_>>().len(), receivers.len(), "{text} goes twice");
        assert!(text.contains(&format!("\"type\":\"{kind}\"")), "{text} is no {kind}");
    }
}

/// A request that a choice stands for: mostly one that makes sense.
fn request(choice: u8, choices: &mut Choices<'_>) -> Option<String> {
    let detail = choices.next()?;
    let (name, service) = (detail % 4, detail / 4 % 6);
    Some(match choice / 5 % 16 {
        0 | 1 => format!(r#"{{"type":"IDENTIFY","name":"n{name}","version":"0.2.0"}}"#),
        2 => {
            let features = if detail % 2 == 0 { "\"compact\"" } else { "" };
            format!(
                r#"{{"type":"IDENTIFY","name":"n{name}","version":"0.2.0","features":[{features}],"intents":[]}}"#
            )
        }
        3 => format!(r#"{{"type":"SERVICE_CREATE","service":"s{service}"}}"#),
        4 => format!(r#"{{"type":"SERVICE_DELETE","service":"s{service}"}}"#),
        5 | 6 => format!(r#"{{"type":"SELF_SUBSCRIBE","service":"s{service}"}}"#),
        7 => format!(r#"{{"type":"SELF_UNSUBSCRIBE","service":"s{service}"}}"#),
        8 => format!(r#"{{"type":"MESSAGE","target":{{"type":"NAME","name":"n{name}"}},"data":{detail}}}"#),
        9 => {
            format!(
                r#"{{"type":"MESSAGE","target":{{"type":"SERVICE","service":"s{service}"}},"data":null}}"#
            )
        }
        10 => r#"{"type":"MESSAGE","target":{"type":"ALL"},"data":[]}"#.to_owned(),
        11 => format!(r#"{{"type":"SELF_SET_SEQ","seq":{detail}}}"#),
        12 => format!(r#"{{"type":"SERVICE_FETCH","service":"s{service}"}}"#),
        13 => r#"{"type":"CLIENT_FETCH_ALL"}"#.to_owned(),
        14 => r#"{"type":"SELF_FETCH"}"#.to_owned(),
        _ => choices.text()?.to_owned(),
    })
}

/// What a request leaves behind in a session.
#[derive(Debug, PartialEq)]
struct Ticket(u32);

impl Waiting for Ticket {
    fn is_abandoned(&self) -> bool {
        // Every seventh caller has gone away.
        self.0 % 7 == 6
    }
}

/// Whatever a gateway says, every request comes back once: with an answer, unmatched, or at the end.
///
/// # Panics
///
/// When that does not hold.
pub fn session(bytes: &[u8]) {
    let mut choices = Choices(bytes);
    let mut identify = Identify::new(&"fuzzer".parse().expect("a name"));
    identify.intents = Some(Intents::NONE);
    let mut session = Session::new(&identify);
    let (mut next, mut back) = (0, Vec::new());
    while let Some(choice) = choices.next() {
        let ticket = Ticket(next);
        match choice % 8 {
            0 | 1 => {
                let request = Encoded::new(&SelfFetch {}).expect("it is JSON");
                match session.request(request, ticket) {
                    Ok(_) => next += 1,
                    Err(_not_ready) => {}
                }
            }
            2 => {
                let Some(number) = choices.next() else { break };
                let seq = Seq::new(u64::from(number)).expect("a small number");
                let request = Encoded::new(&SelfSetSeq { seq }).expect("it is JSON");
                match session.request(request, ticket) {
                    Ok(_) => next += 1,
                    Err(_not_ready) => {}
                }
            }
            3 => drop(session.poll_transmit()),
            choice => {
                let Some(number) = choices.next() else { break };
                let text = match choice {
                    4 => {
                        r#"{"type":"HELLO","uuid":"41fbdd59-1c9c-4b1c-8a2f-25c3f2a39b1d","version":"0.2.0"}"#
                            .to_owned()
                    }
                    5 | 6 => format!(r#"{{"seq":{number},"type":"OK"}}"#),
                    _ => choices.text().unwrap_or_default().to_owned(),
                };
                match session.handle_text(&text) {
                    Heard::Answer { token, .. } => back.push(token.0),
                    Heard::Resynchronized { token, unmatched, .. } => {
                        back.push(token.0);
                        back.extend(unmatched.into_iter().map(|token| token.0));
                    }
                    Heard::Stray(seq)
                        if session.may_resynchronize()
                            && session.resynchronize(seq, Ticket(next)).is_ok() =>
                    {
                        next += 1;
                    }
                    _ => {}
                }
            }
        }
    }
    back.extend(session.handle_closed().map(|token| token.0));
    let count = back.len();
    let back: BTreeSet<_> = back.into_iter().collect();
    assert_eq!(back.len(), count, "a request came back twice");
    let lost = (0..next).filter(|number| !back.contains(number) && !Ticket(*number).is_abandoned());
    assert_eq!(lost.collect::<Vec<_>>(), [0_u32; 0], "requests came back never");
}

/// A gateway that all executions share, and the number of the next client.
fn shared() -> (&'static Gateway, u64) {
    static GATEWAY: OnceLock<Gateway> = OnceLock::new();
    static NEXT: Mutex<u64> = Mutex::new(0);
    let settings =
        "[heartbeat]\ninterval = \"1h\"\ntimeout = \"2h\"\n[limits]\nmessage = \"4KiB\"\nfragments = 8\n";
    let gateway = GATEWAY.get_or_init(|| Gateway::configured(settings).expect("it starts"));
    let mut next = NEXT.lock().unwrap_or_else(PoisonError::into_inner);
    *next += 1;
    (gateway, *next)
}

/// Whatever a peer writes behind its `IDENTIFY`, the connection comes to its end, and what the gateway writes are whole frames.
///
/// # Panics
///
/// When that does not hold.
pub fn frames(bytes: &[u8]) {
    let (gateway, number) = shared();
    let mut socket =
        RawSocket::identified(gateway.address(), &format!("f{number}"), "").expect("the gateway is there");
    // It may have had enough before it read all.
    let _refused = socket.send_bytes(bytes);
    let _gone = socket.finish_sending();
    loop {
        match socket.read_frame() {
            Ok(Some(_)) => {}
            Ok(None) => return,
            Err(error) => {
                let text = format!("{error:#}");
                assert!(text.contains("reset"), "the connection does not end as it should: {text}");
                return;
            }
        }
    }
}

/// Whatever is uploaded is answered, and whatever is stored then has a path that is one.
///
/// # Panics
///
/// When that does not hold.
pub fn uploads(bytes: &[u8]) {
    if let Ok(text) = std::str::from_utf8(bytes)
        && let Ok(path) = FilePath::from_url(text)
    {
        let names: Vec<_> = path.as_str().split('/').collect();
        assert!(names.iter().all(|name| !matches!(*name, "" | "." | "..")), "{path:?}");
        assert!(!path.as_str().contains(['\\', '\0', ':']), "{path:?}");
    }
    let (gateway, number) = shared();
    let name = format!("u{number}");
    let mut socket = RawSocket::upgraded(gateway.address()).expect("the gateway is there");
    let identify = format!(r#"{{"type":"IDENTIFY","name":"{name}","version":"0.2.0","intents":[]}}"#);
    socket.send_text(&identify).expect("it is read");
    let hello: serde_json::Value =
        serde_json::from_str(&socket.read_text().expect("a HELLO")).expect("it is JSON");
    let key = hello.get("uuid").and_then(serde_json::Value::as_str).expect("its public id").to_owned();
    let status = post(gateway, &name, &key, bytes);
    assert!(matches!(status, 201 | 400 | 408 | 409 | 413 | 422 | 428), "an upload is answered with {status}");
}

/// A line is a filter or is none, and the rest is an event. The canonical form of a filter is its own and means the same, and an
/// index finds what the filter does.
///
/// # Panics
///
/// When that does not hold.
pub fn filters(bytes: &[u8]) {
    let Some((filter, event)) = std::str::from_utf8(bytes).ok().and_then(|text| text.split_once('\n')) else {
        return;
    };
    let json = |text| serde_json::from_str::<serde_json::Value>(text);
    let (Ok(filter), Ok(event)) = (json(filter), json(event)) else { return };
    let Ok(filter) = Filter::from_json(&filter) else { return };
    let canonical = json(filter.canonical()).expect("the canonical form is JSON");
    // What it says may be longer than what was given: it is a filter unless it is too long.
    if filter.canonical().len() <= Filter::MAX_BYTES {
        let again = Filter::from_json(&canonical).expect("the canonical form is a filter");
        assert_eq!(again.canonical(), filter.canonical());
    }
    let subject = Subject { data: &event, meta: &event };
    let mut index = FilterIndex::default();
    let id = index.intern(filter.clone()).expect("there is room for one");
    let found = index.matching(subject).contains(&id);
    assert_eq!(found, filter.matches(subject), "{filter} for {event}");
    index.release(id);
    assert!(index.is_empty());
}

/// Sends a form to a client's folder; the status of the answer.
fn post(gateway: &Gateway, name: &str, key: &str, body: &[u8]) -> u16 {
    let request = Handshake::request("POST", &format!("/fs/{name}/"), &gateway.address().to_string())
        .with(&format!("x-fs-key: {key}"))
        .with("Content-Type: multipart/form-data; boundary=X")
        .with("Connection: close")
        .with(&format!("Content-Length: {}", body.len()));
    let mut stream = TcpStream::connect(gateway.address()).expect("the gateway is there");
    stream.set_read_timeout(Some(Duration::from_secs(30))).expect("a time limit");
    // Who is refused need not send everything.
    let _refused = stream.write_all(request.text().as_bytes()).and_then(|()| stream.write_all(body));
    let mut answer = Vec::new();
    let _reset = stream.read_to_end(&mut answer);
    let _gone = stream.shutdown(Shutdown::Both);
    let status = String::from_utf8_lossy(&answer);
    let status = status.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3));
    status.and_then(|status| status.parse().ok()).expect("an answer")
}
