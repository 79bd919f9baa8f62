//! Isolation: who does not read is closed with 4011; who sent to it is not, and nobody else notices.

use support::gateway::Gateway;
use support::raw::RawSocket;

/// More than kernel buffers and an outbox hold together.
const ENOUGH: usize = 4_000;

#[test]
fn a_client_that_does_not_read_is_closed_with_4011() {
    let gateway = Gateway::configured("limits.outbox_bytes = 262144").expect("a gateway");
    let joined =
        |name, intents| RawSocket::identified(gateway.address(), name, intents).expect("a client joins");
    let mut stuck = joined("stuck", "");
    let mut witness = joined("witness", "\"PRESENCE\"");
    let mut sender = joined("sender", "");
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
