//! The log of a gateway, with everything in it that it ever writes: nothing of what strangers send reaches a terminal as it
//! is or begins a line of its own, and no secret is in it.

use rustix::process::Signal;
use support::gateway::{GatewayProcess, server_command};
use support::raw::{Frame, Handshake, Opcode, RawSocket};

/// A title, a colour, a line of the log, a C1 escape, a text from right to left, and a mark.
const HOSTILE: &str =
    "\u{1b}]0;owned\u{7}\u{1b}[31m\r\n2026-01-01T00:00:00Z ERROR faked\n\u{9b}2J\u{202e}xyzzy";

/// The same as the inside of a JSON string.
fn escaped(text: &str) -> String {
    serde_json::to_string(text).unwrap().trim_matches('"').to_owned()
}

/// Sends what it can to wherever a gateway takes text. What is answered is nobody's interest.
fn attack(gateway: &GatewayProcess) {
    let address = gateway.address();
    let host = address.to_string();
    for bytes in [
        format!("GET /ws{HOSTILE} HTTP/1.1\r\nHost: {host}\r\n\r\n"),
        format!("GET /ws HTTP/1.1\r\nHost: {host}\r\nOrigin: {HOSTILE}\r\n\r\n"),
        "GET /ws HTTP/1.1\r\nHost: \u{9b}31m\r\nOrigin: http://\u{202e}xyzzy\r\n\r\n".to_owned(),
        format!("GET /ws HTTP/1.1\r\nHost: {host}\r\nOrigin: http://\u{9b}31m\u{202e}xyzzy\r\n\r\n"),
        format!("GET /fs/%1b%5b31m/%0a%c2%9b HTTP/1.1\r\nHost: {host}\r\nx-fs-key: \u{9b}\r\n\r\n"),
        HOSTILE.to_owned(),
    ] {
        let mut socket = RawSocket::open(address).unwrap();
        socket.send_bytes(bytes.as_bytes()).unwrap();
        socket.finish_sending().unwrap();
        let _whatever = socket.read_response();
    }
    let hostile = escaped(HOSTILE);
    for first in [
        HOSTILE.to_owned(),
        format!(r#"{{"type":"{hostile}"}}"#),
        format!(r#"{{"type":"IDENTIFY","name":"{hostile}","version":"0.2.0"}}"#),
        format!(r#"{{"type":"IDENTIFY","name":"eve","version":"{hostile}"}}"#),
        format!(r#"{{"type":"IDENTIFY","name":"eve","version":"0.2.0","tags":["{hostile}",1]}}"#),
    ] {
        let mut socket = RawSocket::upgraded(address).unwrap();
        socket.send_text(&first).unwrap();
        socket.read_close().unwrap();
    }
    let mut eve = RawSocket::upgraded(address).unwrap();
    eve.send_text(&format!(
        r#"{{"type":"IDENTIFY","name":"eve","version":"0.2.0","nickname":"{hostile}","tags":["{hostile}"]}}"#
    ))
    .unwrap();
    assert!(eve.read_text().unwrap().contains("HELLO"));
    for text in [
        HOSTILE.to_owned(),
        format!(r#"{{"type":"{hostile}"}}"#),
        format!(r#"{{"type":"SERVICE_CREATE","service":"{hostile}","nickname":"{hostile}"}}"#),
        "{\"type\":\"SERVICE_CREATE\",\"service\":\"\u{202e}xyzzy\u{9b}\"}".to_owned(),
        format!(r#"{{"type":"MESSAGE","target":{{"type":"NAME","name":"{hostile}"}},"data":"{hostile}"}}"#),
    ] {
        eve.send_text(&text).unwrap();
        eve.read_text().unwrap();
    }
    eve.send(&Frame::binary(HOSTILE.as_bytes())).unwrap();
    eve.send(&Frame::ping(b"\x1b[31m\n")).unwrap();
    eve.send(&Frame::close(4321, HOSTILE)).unwrap();
    eve.read_close().unwrap();
}

/// What a gateway logs that is attacked, at the level that writes most.
fn log_of_an_attack(format: &str) -> String {
    let mut gateway = GatewayProcess::start(&["--log", "trace", "--log-format", format]).unwrap();
    attack(&gateway);
    gateway.program.signal(Signal::TERM).unwrap();
    gateway.program.wait_for_success().unwrap();
    gateway.program.stderr()
}

fn is_harmful(character: char) -> bool {
    let turns =
        matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    (character.is_control() && character != '\n') || turns
}

#[test]
fn what_strangers_send_is_harmless_in_the_log_and_one_line_each() {
    let text = log_of_an_attack("text");
    assert!(text.contains("xyzzy"), "nothing of it is in the log, which proves nothing:\n{text}");
    let harmful: Vec<_> = text.chars().filter(|character| is_harmful(*character)).collect();
    assert!(harmful.is_empty(), "{harmful:?} in\n{text}");
    for line in text.lines() {
        assert!(!line.starts_with("2026-01-01T00:00:00Z"), "a line of the log is a stranger's: {line}");
    }
    let json = log_of_an_attack("json");
    assert!(json.contains("xyzzy"), "nothing of it is in the log, which proves nothing:\n{json}");
    let harmful: Vec<_> = json.chars().filter(|character| is_harmful(*character)).collect();
    assert!(harmful.is_empty(), "{harmful:?} in\n{json}");
    for line in json.lines() {
        let line: serde_json::Value =
            serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}"));
        assert!(line["level"].is_string(), "a line of the log is a stranger's: {line}");
    }
}

#[test]
fn no_secret_is_in_the_log_right_or_wrong() {
    let mut command = server_command().unwrap();
    command.env("CONCIERGE_SERVER_SECRET", "gateway-sesame").args(["--log", "trace"]);
    let mut gateway = GatewayProcess::start_by(command).unwrap();
    let address = gateway.address();
    let mut reasons = String::new();
    for first in [
        r#"{"type":"IDENTIFY","name":"eve","version":"0.2.0","secret":"wrong-sesame"}"#,
        r#"{"type":"IDENTIFY","name":"eve","version":"0.2.0","secret":"gateway-sesame "}"#,
        r#"{"type":"IDENTIFY","name":"eve","version":"9.9.9","secret":"gateway-sesame"}"#,
        r#"{"type":"IDENTIFY","name":"eve","version":"0.2.0","secret":["gateway-sesame"]}"#,
        r#"{"type":"IDENTIFY","name":7,"version":"0.2.0","secret":"gateway-sesame"}"#,
        r#"{"type":"IDENTITY","secret":"gateway-sesame"}"#,
        r#"{"type":"SELF_FETCH","secret":"gateway-sesame"}"#,
        "gateway-sesame",
    ] {
        let mut socket = RawSocket::upgraded(address).unwrap();
        socket.send_text(first).unwrap();
        reasons.push_str(&socket.read_close().unwrap().reason);
    }
    let mut socket = RawSocket::upgraded(address).unwrap();
    socket.send(&Frame::new(Opcode::BINARY, "gateway-sesame")).unwrap();
    reasons.push_str(&socket.read_close().unwrap().reason);
    let request = Handshake::upgrade("/ws?secret=gateway-sesame", &address.to_string());
    let mut alice = RawSocket::open(address).unwrap();
    let upgraded = alice.ask(&request.with("Authorization: Bearer gateway-sesame")).unwrap();
    assert!(upgraded.accepts_the_upgrade());
    alice
        .send_text(r#"{"type":"IDENTIFY","name":"alice","version":"0.2.0","secret":"gateway-sesame"}"#)
        .unwrap();
    assert!(alice.read_text().unwrap().contains("HELLO"));
    // Once more, and by mistake: what can be told of a client's texts is not told of these.
    for again in [
        r#"{"type":"IDENTIFY","name":"alice","version":"0.2.0","secret":"gateway-sesame"}"#,
        r#"{"type":"IDENTIFY","name":"alice","version":"0.2.0","secret":"gateway-sesame",}"#,
        r#"{"type":"IDENTITY","secret":"gateway-sesame"}"#,
    ] {
        alice.send_text(again).unwrap();
        assert!(alice.read_text().unwrap().contains("ERROR_"));
    }
    alice.send_text(r#"{"type":"SELF_FETCH"}"#).unwrap();
    assert!(alice.read_text().unwrap().contains("SELF_FETCH_RESULT"));
    drop(alice);
    gateway.program.signal(Signal::TERM).unwrap();
    gateway.program.wait_for_success().unwrap();
    let log = gateway.program.stderr();
    assert!(log.contains("a WebSocket ends"), "this is the log of connections:\n{log}");
    assert!(log.contains("SELF_FETCH"), "it has the texts of clients:\n{log}");
    assert!(!log.contains("sesame") && !reasons.contains("sesame"), "{reasons}\n{log}");
}
