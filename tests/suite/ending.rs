//! What a client asked is answered, even when its connection ends right behind it.

use support::gateway::Gateway;
use support::raw::{Frame, Opcode, RawSocket};

const IDENTIFY: &str = r#"{"type":"IDENTIFY","name":"alice","version":"0.2.0","tags":[]}"#;

/// Sends `IDENTIFY`, three requests and an ending in one piece, and looks whether everything is answered.
fn everything_is_answered_before(ending: &[u8], closes_with: Option<u16>) {
    let gateway = Gateway::start();
    let mut socket = RawSocket::upgraded(gateway.address()).unwrap();
    let mut bytes = Frame::text(IDENTIFY).encode();
    for _ in 0..3 {
        bytes.extend(Frame::text(r#"{"type":"SERVICE_FETCH_ALL"}"#).encode());
    }
    bytes.extend(ending);
    socket.send_bytes(&bytes).unwrap();
    if closes_with.is_none() {
        socket.finish_sending().unwrap();
    }
    assert!(socket.read_text().unwrap().contains("HELLO"));
    for seq in 0..3 {
        let answer = format!(r#"{{"seq":{seq},"type":"SERVICE_FETCH_ALL_RESULT","services":[]}}"#);
        assert_eq!(socket.read_text().unwrap(), answer);
    }
    match closes_with {
        Some(code) => assert_eq!(socket.read_close().unwrap().code, Some(code)),
        None => socket.read_end().unwrap(),
    }
}

#[test]
fn a_close_right_behind_requests_waits_for_their_answers() {
    everything_is_answered_before(&Frame::close(1000, "").encode(), Some(1000));
}

#[test]
fn a_broken_frame_right_behind_requests_waits_for_their_answers() {
    everything_is_answered_before(&Frame::new(Opcode(0x3), "").encode(), Some(1002));
    everything_is_answered_before(&Frame::new(Opcode(0x1), [0xff]).encode(), Some(1007));
}

#[test]
fn a_frame_that_is_too_large_right_behind_requests_waits_for_their_answers() {
    everything_is_answered_before(&Frame::text("").encode_head(1 << 30), Some(1009));
}

#[test]
fn the_end_of_the_stream_right_behind_requests_waits_for_their_answers() {
    everything_is_answered_before(&[], None);
}
