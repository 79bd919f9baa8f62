//! A gateway at work, with clients over real sockets; the web application asks the exchange itself.

use std::time::Duration;

use concierge_client::payload::Data;
use concierge_client::telegraphy::{Audience, Definition, Grant, Guarantee};
use serde_json::{Map, Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::time::timeout;
use uuid::Uuid;

use super::*;
use crate::events::{Publish, Question, Reply};
use crate::net::frames::tests::frame;
use crate::net::server::Server;
use crate::{Config, ServerHandle};

/// How long what must come is waited for.
const PATIENCE: Duration = Duration::from_secs(20);

struct Running {
    handle: ServerHandle,
    _until: oneshot::Sender<()>,
}

impl Running {
    async fn start(configuration: &str) -> Self {
        let config = Config::from_toml(&format!("bind = \"127.0.0.1:0\"\n{configuration}")).unwrap();
        let server = Server::bind(config).await.unwrap();
        let (until, ended) = oneshot::channel();
        let handle = server.handle();
        drop(tokio::spawn(server.run(async { drop(ended.await) })));
        let running = Self { handle, _until: until };
        let definition = |name: &str, delivery| Definition {
            audience: Audience::Private,
            delivery,
            ..Definition::new(name.parse().unwrap())
        };
        let definitions = vec![
            definition("app.Model", Guarantee::BestEffort),
            definition("app.Order", Guarantee::Guaranteed),
        ];
        let reply = running.ask(Question::Define { source: "test".into(), definitions }).await;
        assert!(matches!(reply, Reply::Defined(_)), "{reply:?}");
        running
    }

    async fn ask(&self, question: Question) -> Reply {
        self.handle.gateway().exchange().unwrap().call(question).await
    }

    async fn publish(&self, event: &str, data: &Value) {
        let publish = Publish {
            event: event.parse().unwrap(),
            data: Data::from_value(data).unwrap(),
            meta: Map::new(),
            id: None,
            ttl: None,
            previous: None,
            fresh_id: Uuid::new_v4(),
        };
        let reply = self.ask(Question::Publish(publish)).await;
        assert!(matches!(reply, Reply::Published { .. }), "{reply:?}");
    }

    /// A token of a user who may see these events.
    async fn token(&self, user: &str, events: &[&str]) -> String {
        let token = random::token();
        let grants = events.iter().map(|event| (event.parse().unwrap(), Grant::All)).collect();
        let question = Question::Issue {
            token: token.clone(),
            user: Some(user.parse().unwrap()),
            grants,
            host: None,
            origin: None,
            ttl: None,
        };
        assert!(matches!(self.ask(question).await, Reply::Issued { .. }));
        token.reveal().to_owned()
    }
}

struct Client {
    stream: TcpStream,
    next: u64,
}

impl Client {
    async fn open(running: &Running) -> Self {
        let mut stream = TcpStream::connect(running.handle.local_addr().unwrap()).await.unwrap();
        let request = "GET /telegraphy/ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                       Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        assert!(head.starts_with(b"HTTP/1.1 101 "), "{}", String::from_utf8_lossy(&head));
        Self { stream, next: 0 }
    }

    async fn say(&mut self, message: &str, args: Value) {
        let text = json!({"message": message, "id": self.next, "args": args}).to_string();
        self.next += 1;
        self.stream.write_all(&frame(0x81, text.as_bytes())).await.unwrap();
    }

    /// The next text; what a close says instead of one.
    async fn hear(&mut self) -> String {
        timeout(PATIENCE, async {
            loop {
                let (kind, short) =
                    (self.stream.read_u8().await.unwrap(), self.stream.read_u8().await.unwrap());
                let length = match short {
                    126 => u64::from(self.stream.read_u16().await.unwrap()),
                    127 => self.stream.read_u64().await.unwrap(),
                    short => short.into(),
                };
                let mut payload = vec![0; usize::try_from(length).unwrap()];
                self.stream.read_exact(&mut payload).await.unwrap();
                match kind {
                    0x81 => return String::from_utf8(payload).unwrap(),
                    0x88 => return format!("closed {}", u16::from_be_bytes([payload[0], payload[1]])),
                    _ => {}
                }
            }
        })
        .await
        .unwrap()
    }

    async fn ask(&mut self, message: &str, args: Value) -> Value {
        self.say(message, args).await;
        let text = self.hear().await;
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    async fn connected(running: &Running, args: Value) -> Self {
        let mut client = Self::open(running).await;
        let answer = client.ask("CONNECT", args).await;
        assert_eq!(answer["status"], "CONNECTED", "{answer}");
        client
    }
}

#[tokio::test]
async fn a_token_works_once_and_a_fresh_one_renews_what_may_be_seen() {
    let running = Running::start("").await;
    let token = running.token("42", &["app.Model"]).await;
    let mut client = Client::connected(&running, json!({"auth_token": token})).await;
    let mut thief = Client::open(&running).await;
    assert_eq!(thief.ask("CONNECT", json!({"auth_token": token})).await["status"], "INVALID_TOKEN");
    assert_eq!(thief.hear().await, "closed 4401");
    assert_eq!(client.ask("SUBSCRIBE", json!({"event_name": "app.Model"})).await["status"], "SUBSCRIBED");
    running.publish("app.Model", &json!({"pk": 1})).await;
    assert!(client.hear().await.contains("\"data\":{\"pk\":1}"));
    let fresh = running.token("42", &["app.Order"]).await;
    client.say("CONNECT", json!({"auth_token": fresh})).await;
    let texts = [client.hear().await, client.hear().await].concat();
    for part in ["\"status\":\"CONNECTED\"", "\"state\":\"revoked\""] {
        assert!(texts.contains(part) && !texts.contains("session_token"), "{texts}");
    }
    assert_eq!(client.ask("SUBSCRIBE", json!({"event_name": "app.Order"})).await["status"], "SUBSCRIBED");
}

#[tokio::test]
async fn who_was_away_gets_what_is_guaranteed_when_it_comes_back() {
    let running = Running::start("").await;
    let token = running.token("42", &["app.Order"]).await;
    let mut client = Client::open(&running).await;
    let answer = client.ask("CONNECT", json!({"auth_token": token})).await;
    let session = answer["data"]["session_token"].clone();
    client.ask("SUBSCRIBE", json!({"event_name": "app.Order", "permanent": true})).await;
    drop(client);
    for pk in 0..3 {
        running.publish("app.Order", &json!({"pk": pk})).await;
    }
    let mut client = Client::open(&running).await;
    let answer = client.ask("RECONNECT", json!({"session_token": session})).await;
    assert_eq!(
        (&answer["message"], &answer["subscriptions"][0]["recovered"]),
        (&json!("CONNECTED"), &json!(true))
    );
    for pk in 0..3 {
        let event: Value = serde_json::from_str(&client.hear().await).unwrap();
        assert_eq!((&event["data"]["pk"], &event["meta"]["replay"]), (&json!(pk), &json!(true)), "{event}");
    }
}

#[tokio::test]
async fn who_asked_for_it_gets_several_frames_in_one_message() {
    let running = Running::start("").await;
    let token = running.token("42", &["app.Model"]).await;
    let mut client = Client::connected(&running, json!({"auth_token": token, "batch": true})).await;
    let ask = |id: u64| json!({"message": "PING", "id": id}).to_string();
    let pings: Vec<u8> = (10..15).flat_map(|id| frame(0x81, ask(id).as_bytes())).collect();
    client.stream.write_all(&pings).await.unwrap();
    let mut answers = Vec::new();
    while answers.len() < 5 {
        answers.extend(client.hear().await.lines().map(str::to_owned));
    }
    assert!(answers.iter().all(|answer| answer.contains("PONG")), "{answers:?}");
}

#[tokio::test]
async fn who_reads_slowly_is_told_what_it_has_missed() {
    let running = Running::start("limits.outbox_bytes = \"256KiB\"").await;
    let token = running.token("42", &["app.Model"]).await;
    let mut client = Client::connected(&running, json!({"auth_token": token})).await;
    client.ask("SUBSCRIBE", json!({"event_name": "app.Model"})).await;
    let filler = json!({"filler": "x".repeat(50_000)});
    // Until the system's buffers are full, and half of the outbox.
    while running.handle.gateway().fullest_outbox() <= 128 << 10 {
        running.publish("app.Model", &filler).await;
    }
    for _ in 0..5 {
        running.publish("app.Model", &filler).await;
    }
    let mut events = 0;
    let gap = loop {
        let text = client.hear().await;
        if text.contains("telegraphy.gap") {
            break text;
        }
        assert!(text.contains("app.Model"), "{text:.80}");
        events += 1;
    };
    let gap: Value = serde_json::from_str(&gap).unwrap();
    assert_eq!(gap["data"]["from"], events + 1, "{gap}");
    running.publish("app.Model", &json!({"last": true})).await;
    while !client.hear().await.contains("\"last\":true") {}
}
