//! Clients that have finished sending and still listen: `nc`, scripts, proxies that are done with a request. They get their
//! answer, and then the connection ends.

use support::gateway::Gateway;
use support::raw::{Handshake, RawSocket};

#[test]
fn who_has_finished_sending_is_answered_and_then_let_go() {
    let gateway = Gateway::start();
    let host = gateway.address().to_string();
    for (request, status) in [
        (Handshake::request("GET", "/healthz", &host), 200),
        (Handshake::request("GET", "/", &host), 200),
        (Handshake::request("GET", "/nothing", &host), 404),
        (Handshake::request("GET", "/fs/nobody/file", &host), 428),
    ] {
        let mut socket = RawSocket::open(gateway.address()).unwrap();
        socket.send_bytes(request.text().as_bytes()).unwrap();
        socket.finish_sending().unwrap();
        assert_eq!(socket.read_response().unwrap().status, status, "{}", request.text());
        socket.read_end().unwrap();
    }
}

#[test]
fn who_has_finished_before_asking_anything_is_let_go_at_once() {
    // With timers of an hour, it is the end of the stream that ends it.
    let hour = "head.timeout = \"1h\"\nidentify_timeout = \"1h\"\nheartbeat = { interval = \"1h\", timeout = \"2h\" }";
    let gateway = Gateway::configured(hour).unwrap();
    let begun = format!("GET /ws HTTP/1.1\r\nHost: {}\r\n", gateway.address());
    for beginning in ["", "GET /", begun.as_str()] {
        let mut socket = RawSocket::open(gateway.address()).unwrap();
        socket.send_bytes(beginning.as_bytes()).unwrap();
        socket.finish_sending().unwrap();
        // What is cut off may be told so.
        if let Ok(answer) = socket.read_response() {
            assert_eq!(answer.status, 400, "{beginning:?}");
        }
        socket.read_end().unwrap();
    }
    for identify in [false, true] {
        let mut socket = if identify {
            RawSocket::identified(gateway.address(), "alice", "").unwrap()
        } else {
            RawSocket::upgraded(gateway.address()).unwrap()
        };
        socket.finish_sending().unwrap();
        socket.read_end().unwrap();
    }
}
