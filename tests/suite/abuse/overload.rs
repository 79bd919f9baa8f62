//! A gateway that has too much to do says so to those who come, and serves those who are in.

use std::net::SocketAddr;

use support::raw::{Handshake, RawSocket, Response};

use super::is_served;
use crate::files::{Member, until};
use crate::metrics;

const IDENTIFY: &str = r#"{"type":"IDENTIFY","name":"late","version":"0.2.0","intents":[]}"#;

/// More messages than it takes for kernel buffers and the outboxes to be nearly full.
const ENOUGH: usize = 2000;

fn upgrade(address: SocketAddr) -> Response {
    let mut socket = RawSocket::open(address).unwrap();
    socket.ask(&Handshake::upgrade("/ws", &address.to_string())).unwrap()
}

fn readiness(metrics: SocketAddr) -> (u16, String) {
    let answer = metrics::ask(metrics, "GET", "/readyz", &metrics.to_string());
    (answer.status, answer.text())
}

#[test]
fn while_outboxes_are_nearly_full_nobody_new_comes_in_and_members_are_served() {
    let bounds = ["limits.outbox_total_bytes=1MiB", "limits.outbox_bytes=2MiB", "heartbeat.timeout=1h"];
    let bounds: Vec<_> = bounds.iter().flat_map(|bound| ["--set", bound]).collect();
    let (gateway, metrics) = metrics::gateway(&bounds);
    let address = gateway.address();
    let mut member = RawSocket::identified(address, "member", "").unwrap();
    let holder = Member::join(address, "holder");
    assert_eq!(holder.put("file", b"content"), 201);
    let mut waiting = RawSocket::upgraded(address).unwrap();
    let stuck = RawSocket::identified(address, "stuck", "").unwrap();
    let message = format!(
        r#"{{"type":"MESSAGE","target":{{"type":"NAME","name":"stuck"}},"data":"{}"}}"#,
        "x".repeat(60_000)
    );
    let filled = (0..ENOUGH).any(|_| {
        member.send_text(&message).unwrap();
        assert!(member.read_text().unwrap().ends_with(r#""type":"OK"}"#));
        readiness(metrics).0 == 503
    });
    assert!(filled, "{ENOUGH} messages that nobody reads are not too much");

    let refused = upgrade(address);
    assert_eq!((refused.status, refused.header("retry-after")), (503, Some("5")), "{refused:?}");
    waiting.send_text(IDENTIFY).unwrap();
    assert_eq!(waiting.read_close().unwrap().code, Some(1013));
    for method in ["PUT", "GET"] {
        let refused = holder.ask(method, "file", &[], b"");
        assert_eq!((refused.status, refused.header("retry-after")), (503, Some("5")), "{refused:?}");
        assert!(refused.text().contains("\"error\":\"overloaded\""), "{}", refused.text());
    }
    assert_eq!(holder.ask("DELETE", "file", &[], b"").status, 200, "that makes room");
    assert_eq!(readiness(metrics).1, "overloaded: too much waits to be written to clients\n");
    is_served(&mut member);

    drop(stuck);
    until("it is ready again", || readiness(metrics).0 == 200);
    is_served(&mut RawSocket::identified(address, "late", "").unwrap());
    is_served(&mut member);
    let told = metrics::read(metrics);
    let refused = metrics::number(&told, "concierge_connections_refused_total{cause=\"outboxes\"}");
    assert!((refused - 4.0).abs() < 0.5, "{told}");
    until("it says so", || gateway.program.stderr().contains("taking new work again"));
    let log = gateway.program.stderr();
    assert_eq!(log.matches("too much to do, refusing new work for a while").count(), 1, "{log}");
}
