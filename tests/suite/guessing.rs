//! Secret guessing: who sends too many wrong ones has to wait, at every door, and nobody else.

use std::net::SocketAddr;

use support::gateway::{Gateway, GatewayProcess};
use support::raw::{Handshake, RawSocket, Response};

const SECRET: &str = "a_rare_secret";

/// A gateway with a secret that listens on both loopback addresses.
fn gateway(arguments: &[&str]) -> (GatewayProcess, SocketAddr) {
    let mut command = support::gateway::server_command().unwrap();
    command.env("CONCIERGE_SERVER_SECRET", SECRET).args(["--bind", "[::1]:0"]).args(arguments);
    let mut gateway = GatewayProcess::start_by(command).unwrap();
    let line = gateway.program.next_line().unwrap();
    let other = line.strip_prefix("listening on ws://").and_then(|rest| rest.strip_suffix("/ws")).unwrap();
    (gateway, other.parse().unwrap())
}

fn identify(socket: &mut RawSocket, name: &str, secret: &str) {
    let text = format!(r#"{{"type":"IDENTIFY","name":"{name}","version":"0.2.0","secret":"{secret}"}}"#);
    socket.send_text(&text).unwrap();
}

fn guess(address: SocketAddr) {
    let mut socket = RawSocket::upgraded(address).unwrap();
    identify(&mut socket, "eve", "a_rare_guess");
    assert_eq!(socket.read_close().unwrap().code, Some(4006));
}

fn join(address: SocketAddr, name: &str) -> RawSocket {
    let mut socket = RawSocket::upgraded(address).unwrap();
    identify(&mut socket, name, SECRET);
    assert!(socket.read_text().unwrap().contains("HELLO"), "{name} is refused");
    socket
}

fn upgrade(address: SocketAddr) -> Response {
    let mut socket = RawSocket::open(address).unwrap();
    socket.ask(&Handshake::upgrade("/ws", &address.to_string())).unwrap()
}

/// Asks for a list of files with this key.
fn list(address: SocketAddr, key: &str) -> Response {
    let request = Handshake::request("GET", "/fs/nobody/", &address.to_string());
    let mut socket = RawSocket::open(address).unwrap();
    socket.ask(&request.with(&format!("x-fs-key: {key}")).with("Connection: close")).unwrap()
}

fn assert_has_to_wait(answer: &Response) {
    assert_eq!(answer.status, 429, "{}", answer.text());
    let wait: u64 = answer.header("Retry-After").unwrap().parse().unwrap();
    assert!((1..=60).contains(&wait), "{wait}");
}

#[test]
fn who_guesses_secrets_is_refused_and_another_address_is_not() {
    let (mut gateway, elsewhere) = gateway(&[]);
    let here = gateway.address();
    let (here, elsewhere) = if here.is_ipv4() { (here, elsewhere) } else { (elsewhere, here) };
    for _ in 0..9 {
        guess(here);
    }
    let mut alice = join(here, "alice");
    let mut waiting = RawSocket::upgraded(here).unwrap();
    guess(here);
    assert_has_to_wait(&upgrade(here));
    assert_has_to_wait(&list(here, "00000000-0000-4000-8000-000000000000"));
    // One that was open already has no guess more, and does not learn whether this was right.
    identify(&mut waiting, "mallory", SECRET);
    assert_eq!(waiting.read_close().unwrap().code, Some(4010));
    // Neither those elsewhere nor those who are in have noticed.
    let _bob = join(elsewhere, "bob");
    alice.send_text(r#"{"type":"SELF_FETCH"}"#).unwrap();
    let answers = std::iter::repeat_with(|| alice.read_text().unwrap());
    assert!(answers.take(5).any(|text| text.contains("SELF_FETCH_RESULT")));

    gateway.program.signal(rustix::process::Signal::TERM).unwrap();
    gateway.program.wait_for_success().unwrap();
    let log = gateway.program.stderr();
    assert_eq!(log.matches("too many wrong secrets").count(), 1, "{log}");
    assert!(log.contains("127.0.0.1") && !log.contains("a_rare"), "{log}");
}

#[test]
fn who_guesses_file_keys_is_refused_but_not_who_comes_with_its_old_one() {
    let gateway = Gateway::start();
    let address = gateway.address();
    let mut socket = RawSocket::upgraded(address).unwrap();
    socket.send_text(r#"{"type":"IDENTIFY","name":"al","version":"0.2.0","features":["fs_key"]}"#).unwrap();
    let hello: serde_json::Value = serde_json::from_str(&socket.read_text().unwrap()).unwrap();
    let key = hello["fs_key"].as_str().unwrap();
    assert_eq!(list(address, key).status, 404);
    drop(socket);
    super::files::until("the key ends", || list(address, key).status == 401);
    for _ in 0..20 {
        assert!(list(address, key).text().contains("expired_key"));
    }
    for number in 0..10 {
        let answer = list(address, &format!("00000000-0000-4000-8000-00000000000{number}"));
        assert_eq!(answer.status, 401, "{}", answer.text());
    }
    let refused = list(address, key);
    assert_has_to_wait(&refused);
    assert!(refused.text().contains("too_many_guesses"), "{}", refused.text());
    assert_has_to_wait(&upgrade(address));
}

#[test]
fn how_many_guesses_there_are_can_be_set() {
    let secret = format!("secret = \"{SECRET}\"\n");
    let strict = Gateway::configured(&format!("{secret}limits.wrong_secrets = 1")).unwrap();
    guess(strict.address());
    assert_has_to_wait(&upgrade(strict.address()));
    let trusting = Gateway::configured(&format!("{secret}limits.wrong_secrets = \"unlimited\"")).unwrap();
    for _ in 0..30 {
        guess(trusting.address());
    }
    let _alice = join(trusting.address(), "alice");
    assert!(Gateway::configured("limits.wrong_secrets = 0").is_err());
}
