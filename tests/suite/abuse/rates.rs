//! Where rates are configured, who sends more is read more slowly, and nobody else.

use std::time::{Duration, Instant};

use support::gateway::Gateway;
use support::raw::{Frame, RawSocket};

use super::is_served;
use crate::files::until;
use crate::metrics;

/// A request whose answer tells it from others, with so many bytes that mean nothing.
fn request(number: usize, filling: usize) -> Vec<u8> {
    let filling = "x".repeat(filling);
    Frame::text(&format!(r#"{{"type":"SELF_SET_SEQ","seq":{number},"ignored":"{filling}"}}"#)).encode()
}

/// Sends so many requests at once, and reads the answers to all of them. Returns how long that took.
fn flood(socket: &mut RawSocket, count: usize, filling: usize) -> Duration {
    let start = Instant::now();
    let requests: Vec<_> = (0..count).map(|number| request(number, filling)).collect();
    socket.send_bytes(&requests.concat()).unwrap();
    for number in 0..count {
        assert_eq!(socket.read_text().unwrap(), format!(r#"{{"seq":{number},"type":"OK"}}"#));
    }
    start.elapsed()
}

#[test]
fn messages_over_their_rate_come_later_and_none_is_lost() {
    let debug = ["--set", "limits.messages=100/s burst 10", "--log", "debug"];
    let (gateway, metrics) = metrics::gateway(&debug);
    let mut flooding = RawSocket::identified(gateway.address(), "flooding", "").unwrap();
    let mut member = RawSocket::identified(gateway.address(), "member", "").unwrap();
    let took = flood(&mut flooding, 60, 0);
    // With IDENTIFY they are 61, of which 10 are free.
    assert!(took >= Duration::from_millis(450), "{took:?}");
    is_served(&mut member);
    let told = metrics::read(metrics);
    let throttled = metrics::number(&told, "concierge_throttled_total{rate=\"messages\"}");
    assert!((throttled - 1.0).abs() < 0.5, "{told}");
    until("it says so", || gateway.program.stderr().contains("a client is over a rate"));
    let log = gateway.program.stderr();
    assert_eq!(log.matches("rate=Messages").count(), 1, "{log}");
}

#[test]
fn bytes_over_their_rate_come_later_and_none_is_lost() {
    let limits = "limits = { message = 4096, first_message = 4096, bytes = \"32KiB/s burst 4KiB\" }";
    let gateway = Gateway::configured(limits).unwrap();
    let mut flooding = RawSocket::identified(gateway.address(), "flooding", "").unwrap();
    let mut member = RawSocket::identified(gateway.address(), "member", "").unwrap();
    let took = flood(&mut flooding, 5, 4000);
    // They are 20,000 bytes and more, of which 4,096 are free; after the last one nobody waits.
    assert!(took >= Duration::from_millis(350), "{took:?}");
    is_served(&mut member);
}

#[test]
#[ignore = "takes ten seconds, which is the patience of the gateway: tests/run runs it"]
fn who_stays_over_a_rate_for_ten_seconds_is_closed_with_4010() {
    let limits = "message = 4096, first_message = 4096, messages = \"50/s\", bytes = \"4KiB/s burst 4KiB\"";
    // Nobody here answers pings of the gateway.
    let patient = "heartbeat = { interval = \"1h\", timeout = \"2h\" }";
    let gateway = Gateway::configured(&format!("limits = {{ {limits} }}\n{patient}")).unwrap();
    let joined = |name| RawSocket::identified(gateway.address(), name, "").unwrap();
    let (mut often, mut much, mut member) = (joined("often"), joined("much"), joined("member"));
    let many: Vec<_> = (0..1000).map(|number| request(number, 0)).collect();
    let large: Vec<_> = (0..20).map(|number| request(number, 4000)).collect();
    often.send_bytes(&many.concat()).unwrap();
    // It closes with much of this unread.
    much.send_bytes(&large.concat()).unwrap();
    is_served(&mut member);
    for socket in [&mut often, &mut much] {
        let close = socket.read_close().unwrap();
        assert_eq!((close.code, close.reason.as_str()), (Some(4010), "Rate limited"));
    }
    is_served(&mut member);
}
