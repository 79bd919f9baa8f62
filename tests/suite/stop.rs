//! Stop: no new connections, what is queued is written, 1001 to everyone, exit 0.

use rustix::process::Signal;
use support::gateway::GatewayProcess;
use support::raw::RawSocket;

fn joined(gateway: &GatewayProcess, name: &str) -> RawSocket {
    RawSocket::identified(gateway.address(), name, "").expect("a client joins")
}

fn stops_by(signal: Signal) {
    let mut gateway = GatewayProcess::start(&[]).expect("a gateway");
    let mut alice = joined(&gateway, "alice");
    let mut bob = joined(&gateway, "bob");
    let mut stranger = RawSocket::upgraded(gateway.address()).expect("a connection");
    gateway.program.signal(signal).expect("it runs");
    for (name, socket) in [("alice", &mut alice), ("bob", &mut bob), ("a stranger", &mut stranger)] {
        let close = socket.read_close().expect("a close");
        assert_eq!(close.code, Some(1001), "{name} was told {close:?}");
    }
    let status = gateway.program.wait().expect("it ends");
    assert_eq!(status.code(), Some(0), "{}", gateway.program.account());
    assert!(RawSocket::open(gateway.address()).is_err(), "it still takes connections");
}

#[test]
fn sigterm_says_goodbye_to_everyone_and_exits_with_0() {
    stops_by(Signal::TERM);
}

#[test]
fn ctrl_c_does_the_same() {
    stops_by(Signal::INT);
}

#[test]
fn what_is_queued_is_written_and_nobody_hears_of_leaves() {
    const COUNT: usize = 500;
    let mut gateway = GatewayProcess::start(&[]).expect("a gateway");
    let mut alice = joined(&gateway, "alice");
    let mut bob = joined(&gateway, "bob");
    // It would hear of leaves and deletions, if there were any.
    let mut reader = RawSocket::identified(gateway.address(), "reader", r#""PRESENCE","SERVICES""#)
        .expect("a client joins");

    for number in 0..COUNT {
        let message =
            format!(r#"{{"type":"MESSAGE","target":{{"type":"NAME","name":"reader"}},"data":{number}}}"#);
        alice.send_text(&message).expect("it can be sent");
    }
    alice
        .send_text(r#"{"type":"MESSAGE","target":{"type":"NAME","name":"bob"},"data":"sent"}"#)
        .expect("it can be sent");
    // Once bob has his, all the others are queued or written.
    assert!(bob.read_text().expect("a message").ends_with(r#""data":"sent"}"#));
    gateway.program.signal(Signal::TERM).expect("it runs");
    assert_eq!(alice.read_close().expect("a close").code, Some(1001));

    for number in 0..COUNT {
        let message = reader.read_text().expect("a message");
        assert!(message.ends_with(&format!(r#""data":{number}}}"#)), "{message} instead of number {number}");
    }
    // No CLIENT_LEFT and no SERVICE_DELETE_RESULT: the very next thing is the close.
    let next = reader.read_text().expect_err("a close, not a payload").to_string();
    assert!(next.contains("1001"), "{next}");
    assert_eq!(gateway.program.wait().expect("it ends").code(), Some(0));
}

#[test]
fn a_client_that_does_not_read_does_not_hold_up_the_end() {
    let mut gateway = GatewayProcess::start(&["--set", "shutdown_timeout=1s"]).expect("a gateway");
    let _stuck = joined(&gateway, "stuck");
    let mut alice = joined(&gateway, "alice");
    let data = "x".repeat(500_000);
    for number in 0..6 {
        let message =
            format!(r#"{{"type":"MESSAGE","target":{{"type":"NAME","name":"stuck"}},"data":"{data}"}}"#);
        alice.send_text(&message).expect("it can be sent");
        assert_eq!(alice.read_text().expect("an answer"), format!(r#"{{"seq":{number},"type":"OK"}}"#));
    }
    gateway.program.signal(Signal::TERM).expect("it runs");
    assert_eq!(alice.read_close().expect("a close").code, Some(1001));
    assert_eq!(gateway.program.wait().expect("it ends").code(), Some(0), "{}", gateway.program.account());
}
