//! Isolation: who does not read is closed with 4011; who sent to it is not, and nobody else notices.

use support::gateway::Gateway;
use support::raw::RawSocket;

/// More than kernel buffers and an outbox hold together.
const ENOUGH: usize = 4_000;

fn joined(gateway: &Gateway, name: &str, intents: &str) -> RawSocket {
    let mut socket = RawSocket::upgraded(gateway.address()).expect("a connection");
    let identify =
        format!(r#"{{"type":"IDENTIFY","name":"{name}","version":"0.2.0","intents":[{intents}]}}"#);
    socket.send_text(&identify).expect("it can be sent");
    let hello = socket.read_text().expect("an answer");
    assert!(hello.starts_with(r#"{"type":"HELLO","#), "{hello}");
    socket
}

#[test]
fn a_client_that_does_not_read_is_closed_with_4011() {
    let gateway = Gateway::configured("limits.outbox_bytes = 262144").expect("a gateway");
    let mut stuck = joined(&gateway, "stuck", "");
    let mut witness = joined(&gateway, "witness", "\"PRESENCE\"");
    let mut sender = joined(&gateway, "sender", "");
    assert!(witness.read_text().expect("an event").contains(r#""name":"sender""#));

    let data = "x".repeat(60_000);
    let message =
        format!(r#"{{"type":"MESSAGE","target":{{"type":"NAME","name":"stuck"}},"data":"{data}"}}"#);
    let closed_after = (0..ENOUGH).position(|number| {
        sender.send_text(&message).expect("the sender is never closed");
        let answer = sender.read_text().expect("every message is answered");
        if answer == format!(r#"{{"seq":{number},"type":"OK"}}"#) {
            return false;
        }
        // The one that went into the void: its receiver is no longer there.
        assert_eq!(answer, format!(r#"{{"seq":{number},"type":"INVALID_NAME","name":"stuck"}}"#));
        true
    });
    assert!(
        closed_after.is_some(),
        "{ENOUGH} messages of {} bytes were taken for a client that reads none",
        data.len()
    );
    assert!(
        witness
            .read_text()
            .expect("an event")
            .starts_with(r#"{"type":"CLIENT_LEFT","client":{"name":"stuck","#)
    );

    // It knows why, once it reads: a loss is never silent.
    let close = stuck.read_close().expect("a close at the end of what was written");
    assert_eq!((close.code, close.reason.as_str()), (Some(4011), "Slow consumer"));
}
