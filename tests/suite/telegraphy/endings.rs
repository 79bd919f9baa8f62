//! The ends that it takes an application, a crowd or a lazy reader to come to.

use std::process::Command;

use serde_json::{Value, json};
use support::application::Application;
use support::gateway::GatewayProcess;
use support::raw::{Handshake, RawSocket};

use super::{Client, is};
use crate::files::until;

/// More connections than a gateway has descriptors that was given 64.
const FLOOD: usize = 100;

/// More batches than it takes to fill the buffers of the system, and all room for what waits.
const ENOUGH: usize = 500;

/// A user of the application's.
fn token(application: &Application, user: &str) -> String {
    let issued = application.does("POST", "/tokens", &json!({"user": user}).to_string()).unwrap();
    issued["token"].as_str().unwrap().to_owned()
}

/// One that is connected, and its session's token.
fn user(gateway: &GatewayProcess, application: &Application, name: &str) -> (Client, String) {
    let mut client = Client::open(gateway.address());
    let answer = client.ask("CONNECT", &json!({"auth_token": token(application, name)}));
    (client, answer["data"]["session_token"].as_str().expect("a session token").to_owned())
}

#[test]
fn a_session_that_the_application_ends_is_over_at_once_and_for_good() {
    let (gateway, application) = Application::start(&[]).unwrap();
    for of_user in [true, false] {
        let (mut client, session) = user(&gateway, &application, "42");
        let (mut other, _) = user(&gateway, &application, "7");
        let sessions = application.does("GET", "/sessions?user=42", "").unwrap();
        let id = sessions["sessions"][0]["session"].as_str().unwrap();
        let path = if of_user { "/users/42/sessions".to_owned() } else { format!("/sessions/{id}") };
        let answer = application.ask("DELETE", &path, "").unwrap();
        assert!((200..300).contains(&answer.status), "{}", answer.text());
        let event = client.hear();
        assert_eq!(event["event"], "telegraphy.closing", "{event}");
        assert_eq!(event["data"], json!({"status": "REVOKED", "reconnect": false}));
        assert_eq!(client.closed(), is(4410, "REVOKED"));

        let mut client = Client::open(gateway.address());
        let answer = client.ask("RECONNECT", &json!({"session_token": session}));
        assert_eq!(answer["status"], "INVALID_TOKEN", "{answer}");
        assert_eq!(client.closed(), is(4401, "INVALID_TOKEN"));
        assert_eq!(other.ask("PING", &json!({}))["status"], "PONG");
    }
}

#[test]
fn a_user_has_as_many_connections_as_it_may() {
    let (gateway, application) = Application::start(&["--set", "telegraphy.connections_per_user=1"]).unwrap();
    let (mut first, session) = user(&gateway, &application, "42");
    let mut second = Client::open(gateway.address());
    let answer = second.ask("CONNECT", &json!({"auth_token": token(&application, "42")}));
    assert_eq!(answer["status"], "LIMIT_EXCEEDED", "{answer}");
    assert_eq!(second.closed(), is(4429, "LIMIT_EXCEEDED"));
    let _other = user(&gateway, &application, "7");
    assert_eq!(first.ask("DISCONNECT", &json!({}))["status"], "DISCONNECTED");
    assert_eq!(first.closed(), is(1000, "DISCONNECTED"));
    // Its session is away, and another of the user's is there.
    let _second = user(&gateway, &application, "42");
    let mut first = Client::open(gateway.address());
    let answer = first.ask("RECONNECT", &json!({"session_token": session}));
    assert_eq!((&answer["message"], &answer["status"]), (&json!("LIMIT_EXCEEDED"), &answer["message"]));
    assert_eq!(first.closed(), is(4429, "LIMIT_EXCEEDED"));
}

#[test]
fn who_reads_nothing_is_given_up_when_all_room_is_needed() {
    let room = ["limits.outbox_bytes=4MiB", "limits.outbox_total_bytes=1MiB"];
    let (gateway, application) = Application::start(&["--set", room[0], "--set", room[1]]).unwrap();
    let definition = r#"{"source":"shop","events":[{"name":"shop.View"}]}"#;
    application.does("PUT", "/events", definition).unwrap();
    let (mut stuck, session) = user(&gateway, &application, "42");
    let (mut other, _) = user(&gateway, &application, "7");
    let answer = stuck.ask("SUBSCRIBE", &json!({"event_name": "shop.View"}));
    assert_eq!(answer["status"], "SUBSCRIBED");
    let event = json!({"event": "shop.View", "data": "x".repeat(60_000)});
    let batch = Value::from(vec![event; 10]).to_string();
    let is_given_up = (0..ENOUGH).any(|_| {
        application.does("POST", "/publish/batch", &batch).unwrap();
        let sessions = application.does("GET", "/sessions?user=42", "").unwrap();
        sessions["sessions"][0]["connection"].is_null()
    });
    assert!(is_given_up, "{ENOUGH} batches of {} bytes were taken for one that reads none", batch.len());
    assert_eq!(other.ask("PING", &json!({}))["status"], "PONG");
    assert_eq!(stuck.closed(), is(4508, "SLOW_CONSUMER"));
    // It may come back, and then hears that it has missed something.
    let mut client = Client::open(gateway.address());
    assert_eq!(client.ask("RECONNECT", &json!({"session_token": session}))["status"], "CONNECTED");
    assert_eq!(client.hear()["event"], "telegraphy.gap");
}

#[test]
fn who_comes_while_there_is_too_much_to_do_keeps_its_token_for_later() {
    let mut shell = Command::new("sh");
    shell.args(["-c", "ulimit -n 64 && exec \"$0\" \"$@\""]);
    let settings = ["--set", "limits.connections=unlimited", "--set", "telegraphy.connect_timeout=1h"];
    let (gateway, application) = Application::start_by(shell, &settings).unwrap();
    let token = token(&application, "42");
    let mut early = Client::open(gateway.address());
    let (mut member, _) = user(&gateway, &application, "7");
    let upgrade = Handshake::upgrade("/telegraphy/ws", &gateway.address().to_string());
    let mut flood = Vec::new();
    let is_full = (0..FLOOD).any(|_| {
        let mut socket = RawSocket::open(gateway.address()).unwrap();
        let answer = socket.ask(&upgrade).unwrap();
        flood.push(socket);
        answer.status == 503
    });
    assert!(is_full);
    let answer = early.ask("CONNECT", &json!({"auth_token": token}));
    assert_eq!(answer["status"], "UNAVAILABLE", "{answer}");
    assert_eq!(answer["data"]["retry_after"], 5);
    assert_eq!(early.closed(), is(4503, "UNAVAILABLE"));
    assert_eq!(member.ask("PING", &json!({}))["status"], "PONG");
    drop(flood);
    let mut late = None;
    until("somebody is let in again", || {
        let upgraded = RawSocket::upgraded_at(gateway.address(), "/telegraphy/ws");
        let mut client = upgraded.ok().map(|socket| Client { socket, next: 0 });
        let answer = client.as_mut().map(|client| client.ask("CONNECT", &json!({"auth_token": token})));
        late = client;
        answer.is_some_and(|answer| answer["status"] == "CONNECTED")
    });
    assert_eq!(late.unwrap().ask("PING", &json!({}))["status"], "PONG");
}

#[test]
fn a_page_of_another_host_gets_no_socket_at_all() {
    let (gateway, _application) = Application::start(&[]).unwrap();
    let host = gateway.address().to_string();
    for path in ["/telegraphy/ws", "/ws"] {
        let handshake = Handshake::upgrade(path, &host)
            .with("Sec-WebSocket-Protocol: telegraphy")
            .with("Origin: http://page.example");
        let answer = RawSocket::open(gateway.address()).unwrap().ask(&handshake).unwrap();
        assert_eq!(answer.status, 403, "{path}");
    }
}

#[test]
fn who_leaves_is_not_held_up_and_may_come_back() {
    let (gateway, application) = Application::start(&[]).unwrap();
    let (mut client, session) = user(&gateway, &application, "42");
    client.socket.send(&support::raw::Frame::close(1001, "GOING_AWAY")).unwrap();
    assert_eq!(client.closed(), is(1001, "GOING_AWAY"));
    let mut client = Client::open(gateway.address());
    assert_eq!(client.ask("RECONNECT", &json!({"session_token": session}))["status"], "CONNECTED");
}
