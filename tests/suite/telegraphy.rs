//! Telegraphy over real sockets: which paths and subprotocols lead to it, the requests of anonymous clients, and every close that one
//! can come to. What each request is answered is in the transcripts, which are [played] over sockets as well; [coverage] says what
//! reaches each status and each close code.

mod coverage;
mod endings;
mod names;
mod played;
mod player;

use std::net::SocketAddr;

use serde_json::{Value, json};
use support::gateway::{Gateway, GatewayProcess};
use support::raw::{Close, Frame, Handshake, RawSocket};

/// Who speaks Telegraphy.
struct Client {
    socket: RawSocket,
    next: u64,
}

impl Client {
    fn open(address: SocketAddr) -> Self {
        let socket = RawSocket::upgraded_at(address, "/telegraphy/ws").expect("a WebSocket");
        Self { socket, next: 0 }
    }

    /// One that is connected, and its session's token.
    fn connected(address: SocketAddr) -> (Self, String) {
        let mut client = Self::open(address);
        let answer = client.ask("CONNECT", &json!({"auth_token": ""}));
        assert_eq!(answer["status"], "CONNECTED", "{answer}");
        let token = answer["data"]["session_token"].as_str().expect("a session token").to_owned();
        (client, token)
    }

    fn say(&mut self, text: &str) {
        self.socket.send_text(text).expect("it can be sent");
    }

    fn hear(&mut self) -> Value {
        let text = self.socket.read_text().expect("a text");
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    fn ask(&mut self, message: &str, args: &Value) -> Value {
        let id = self.next;
        self.next += 1;
        self.say(&json!({"message": message, "id": id, "args": args}).to_string());
        let answer = self.hear();
        assert_eq!(answer["id"], id, "{answer}");
        answer
    }

    /// The code, and the reason, which is its name.
    fn closed(&mut self) -> (u16, String) {
        let Close { code, reason, .. } = self.socket.read_close().expect("a close");
        (code.expect("a code"), reason)
    }
}

fn is(code: u16, reason: &str) -> (u16, String) {
    (code, reason.to_owned())
}

#[test]
fn a_subprotocol_at_ws_or_the_path_leads_to_telegraphy() {
    let gateway = Gateway::start();
    let host = gateway.address().to_string();
    for (path, offer, echo) in [
        ("/ws", Some("telegraphy.v1"), Some("telegraphy.v1")),
        ("/ws", Some("chat, telegraphy"), Some("telegraphy")),
        ("/telegraphy/ws", None, None),
        ("/telegraphy/ws", Some("telegraphy"), Some("telegraphy")),
        ("/telegraphy/ws", Some("ert-concierge"), None),
    ] {
        let mut handshake = Handshake::upgrade(path, &host);
        if let Some(offer) = offer {
            handshake = handshake.with(&format!("Sec-WebSocket-Protocol: {offer}"));
        }
        let mut socket = RawSocket::open(gateway.address()).expect("a connection");
        let answer = socket.ask(&handshake).expect("an answer");
        assert_eq!((answer.status, answer.header("sec-websocket-protocol")), (101, echo), "{path} {offer:?}");
        let mut client = Client { socket, next: 0 };
        assert_eq!(client.ask("PING", &json!({}))["status"], "NOT_CONNECTED", "{path} {offer:?}");
    }
}

#[test]
fn a_gateway_that_serves_none_has_no_such_path_and_no_such_subprotocol() {
    let gateway = Gateway::configured("telegraphy.serve = false").expect("a gateway");
    let host = gateway.address().to_string();
    let mut socket = RawSocket::open(gateway.address()).expect("a connection");
    let answer = socket.ask(&Handshake::upgrade("/telegraphy/ws", &host)).expect("an answer");
    assert_eq!(answer.status, 404);
    let handshake = Handshake::upgrade("/ws", &host).with("Sec-WebSocket-Protocol: telegraphy");
    let mut socket = RawSocket::open(gateway.address()).expect("a connection");
    let answer = socket.ask(&handshake).expect("an answer");
    assert_eq!((answer.status, answer.header("sec-websocket-protocol")), (101, None));
}

#[test]
fn a_life_from_connect_to_disconnect() {
    let gateway = Gateway::start();
    let (mut client, token) = Client::connected(gateway.address());
    let args = json!({"event_name": "app.Model", "filters": {"room": 42}});
    assert_eq!(client.ask("SUBSCRIBE", &args)["status"], "UNKNOWN_EVENT");
    let args = json!({"event_name": "app.Model", "filters": {"room": 42}, "lazy": true});
    let answer = client.ask("SUBSCRIBE", &args);
    assert_eq!((&answer["status"], &answer["data"]["registered"]), (&json!("SUBSCRIBED"), &json!(false)));
    drop(client);

    // The seed's way to say it, with the token beside the arguments.
    let mut client = Client::open(gateway.address());
    client.say(&json!({"message": "RECONNECT", "id": 100, "session_token": token}).to_string());
    let answer = client.hear();
    assert_eq!((&answer["message"], &answer["id"]), (&json!("CONNECTED"), &json!(100)), "{answer}");
    assert_eq!(answer["subscriptions"][0]["filters"], json!({"room": 42}));
    client.next = 101;
    assert_eq!(client.ask("PING", &json!({}))["status"], "PONG");
    assert_eq!(client.ask("DISCONNECT", &json!({"forget": true}))["status"], "DISCONNECTED");
    assert_eq!(client.closed(), is(1000, "DISCONNECTED"));

    let mut client = Client::open(gateway.address());
    let answer = client.ask("RECONNECT", &json!({"session_token": token}));
    assert_eq!(answer["status"], "INVALID_TOKEN");
    assert_eq!(client.closed(), is(4401, "INVALID_TOKEN"));
}

#[test]
fn what_was_asked_at_once_is_answered_in_order_and_what_is_too_much_is_refused() {
    let gateway = Gateway::start();
    let (mut client, _) = Client::connected(gateway.address());
    for id in 1..=200 {
        client.say(&json!({"message": "PING", "id": id}).to_string());
    }
    let mut answered = Vec::new();
    for _ in 1..=200 {
        let answer = client.hear();
        match answer["status"].as_str() {
            Some("PONG") => answered.push(answer["id"].as_u64().expect("a number")),
            Some("TOO_MANY_REQUESTS") => assert_eq!(answer["data"]["retry_after"], 1),
            _ => panic!("{answer}"),
        }
    }
    assert!(answered.is_sorted() && answered.len() >= 16, "{answered:?}");
}

#[test]
fn what_is_no_message_ends_the_connection_in_the_end() {
    let gateway = Gateway::start();
    let mut stranger = Client::open(gateway.address());
    stranger.say("CONNECT");
    let answer = stranger.hear();
    assert_eq!((&answer["status"], &answer["id"]), (&json!("INVALID_MESSAGE"), &Value::Null));
    assert_eq!(stranger.closed(), is(4400, "INVALID_MESSAGE"));

    let (mut client, _) = Client::connected(gateway.address());
    client.say("{");
    client.socket.send(&Frame::binary(b"{}")).expect("it can be sent");
    client.say("[]");
    for _ in 0..3 {
        assert_eq!(client.hear()["status"], "INVALID_MESSAGE");
    }
    assert_eq!(client.closed(), is(4400, "INVALID_MESSAGE"));
}

#[test]
fn a_frame_over_64_kib_ends_the_connection() {
    let gateway = Gateway::start();
    let (mut client, _) = Client::connected(gateway.address());
    let frame = |length: usize| {
        let rest = json!({"message": "PING", "id": 1, "args": {}, "more": ""}).to_string().len();
        json!({"message": "PING", "id": 1, "args": {}, "more": "x".repeat(length - rest)}).to_string()
    };
    client.say(&frame(64 * 1024));
    assert_eq!(client.hear()["status"], "PONG");
    client.say(&frame(64 * 1024 + 1));
    assert_eq!(client.closed(), is(4413, "TOO_LARGE"));
}

#[test]
fn who_does_not_connect_in_time_is_told() {
    let gateway = Gateway::configured("telegraphy.connect_timeout = \"1s\"").expect("a gateway");
    let mut client = Client::open(gateway.address());
    let answer = client.hear();
    assert_eq!((&answer["status"], &answer["id"]), (&json!("CONNECT_TIMEOUT"), &Value::Null));
    assert_eq!(client.closed(), is(4408, "CONNECT_TIMEOUT"));
}

#[test]
fn a_session_goes_to_who_comes_last() {
    let gateway = Gateway::start();
    let (mut first, token) = Client::connected(gateway.address());
    let mut second = Client::open(gateway.address());
    assert_eq!(second.ask("RECONNECT", &json!({"session_token": token}))["status"], "CONNECTED");
    let event = first.hear();
    assert_eq!((&event["event"], &event["data"]["reconnect"]), (&json!("telegraphy.closing"), &json!(false)));
    assert_eq!(first.closed(), is(4409, "TAKEN_OVER"));
    assert_eq!(second.ask("PING", &json!({}))["status"], "PONG");
}

#[test]
fn without_anonymous_clients_an_empty_token_is_none() {
    let gateway = Gateway::configured("telegraphy.anonymous = false").expect("a gateway");
    let mut client = Client::open(gateway.address());
    assert_eq!(client.ask("CONNECT", &json!({"auth_token": ""}))["status"], "INVALID_TOKEN");
    assert_eq!(client.closed(), is(4401, "INVALID_TOKEN"));
}

#[test]
fn a_broken_frame_is_answered_with_the_code_of_the_standard() {
    let gateway = Gateway::start();
    let (mut client, _) = Client::connected(gateway.address());
    client.socket.send_bytes(&[0xc1, 0x80, 0, 0, 0, 0]).expect("it can be sent");
    assert_eq!(client.socket.read_close().expect("a close").code, Some(1002));
}

#[test]
fn silence_is_broken_by_an_event_that_browsers_see() {
    let gateway = Gateway::configured("telegraphy.ping_interval = \"1s\"").expect("a gateway");
    let (mut client, _) = Client::connected(gateway.address());
    for _ in 0..2 {
        assert_eq!(client.hear()["event"], "telegraphy.ping");
    }
}

#[test]
fn a_stop_is_told_to_everybody_and_is_worth_another_try() {
    let mut gateway = GatewayProcess::start(&[]).expect("a gateway");
    let (mut client, _) = Client::connected(gateway.address());
    let mut stranger = Client::open(gateway.address());
    gateway.program.signal(rustix::process::Signal::TERM).expect("it runs");
    for client in [&mut client, &mut stranger] {
        let event = client.hear();
        assert_eq!(event["data"], json!({"status": "UNAVAILABLE", "reconnect": true}), "{event}");
        assert_eq!(client.closed(), is(4503, "UNAVAILABLE"));
    }
    assert_eq!(gateway.program.wait().expect("it ends").code(), Some(0));
}
