//! Control frames cost their sender next to nothing: they are read at a rate.

use support::gateway::Gateway;
use support::raw::{Frame, Opcode, RawSocket};

use super::is_served;

const REQUEST: &str = r#"{"type":"SELF_SET_SEQ","seq":9}"#;

/// So many pings in one piece.
fn pings(count: usize) -> Vec<u8> {
    Frame::ping(b"x").encode().repeat(count)
}

/// Reads pongs until something else comes; returns how many there were, and what came.
fn pongs(socket: &mut RawSocket) -> (usize, Frame) {
    let mut count = 0;
    loop {
        let frame = socket.read_frame().unwrap().expect("a frame before the end");
        if frame.opcode != Opcode::PONG {
            return (count, frame);
        }
        count += 1;
    }
}

#[test]
#[ignore = "takes ten seconds, which is the patience of the gateway: tests/run runs it"]
fn a_flood_of_pings_is_read_at_its_rate_and_ends_with_4010() {
    // Nobody here answers pings of the gateway.
    let patient = "heartbeat = { interval = \"1h\", timeout = \"2h\" }";
    let gateway = Gateway::configured(patient).unwrap();
    let mut member = RawSocket::identified(gateway.address(), "member", "").unwrap();
    let mut flood = RawSocket::identified(gateway.address(), "flood", "").unwrap();
    // At 20 a second, this is enough for minutes.
    flood.send_bytes(&pings(5000)).unwrap();
    is_served(&mut member);
    let (answered, end) = pongs(&mut flood);
    let close = end.to_close().unwrap();
    assert_eq!((close.code, close.reason.as_str()), (Some(4010), "Rate limited"), "after {answered} pongs");
    // The burst, and what the rate allows in the ten seconds of patience.
    assert!((40..=260).contains(&answered), "{answered} pings were answered");
    is_served(&mut member);
}

#[test]
fn a_burst_is_answered_whole_and_what_follows_it_too() {
    let gateway = Gateway::start();
    let mut socket = RawSocket::identified(gateway.address(), "alice", "").unwrap();
    let burst = [pings(50), Frame::text(REQUEST).encode()].concat();
    socket.send_bytes(&burst).unwrap();
    let (answered, answer) = pongs(&mut socket);
    assert_eq!((answered, answer.payload.as_slice()), (50, br#"{"seq":9,"type":"OK"}"#.as_slice()));
    socket.send(&Frame::close(1000, "")).unwrap();
    assert_eq!(socket.read_close().unwrap().code, Some(1000));
}

#[test]
#[ignore = "takes ten seconds, which is the patience of the gateway: tests/run runs it"]
fn pongs_that_nobody_asked_for_are_counted_as_well() {
    let gateway = Gateway::configured("limits.control_frames = \"1/s burst 2\"").unwrap();
    let mut socket = RawSocket::identified(gateway.address(), "alice", "").unwrap();
    socket
        .send_bytes(&[Frame::pong(b"").encode().repeat(1000), Frame::text(REQUEST).encode()].concat())
        .unwrap();
    assert_eq!(socket.read_close().unwrap().code, Some(4010));
}

#[test]
fn without_a_limit_any_number_is_read() {
    let gateway = Gateway::configured("limits.control_frames = \"unlimited\"").unwrap();
    let mut socket = RawSocket::identified(gateway.address(), "alice", "").unwrap();
    socket
        .send_bytes(&[Frame::pong(b"").encode().repeat(5000), Frame::text(REQUEST).encode()].concat())
        .unwrap();
    assert_eq!(socket.read_text().unwrap(), r#"{"seq":9,"type":"OK"}"#);
}
