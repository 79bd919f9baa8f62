//! Who is not in yet: floods of connections, heads and first messages that never end, names that are not ours.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use support::gateway::Gateway;
use support::raw::{Frame, Handshake, Opcode, RawSocket};

use super::is_served;
use crate::files::until;

/// How long a trickle waits between two of its bytes.
const BETWEEN: Duration = Duration::from_millis(20);

/// More bytes than a trickle of them takes in any test that does not hang.
const ENOUGH: usize = 1000;

/// Sends one byte after the other until the gateway has had enough, and returns what it said.
fn trickle(stream: &mut TcpStream) -> String {
    stream.set_read_timeout(Some(BETWEEN)).unwrap();
    let mut heard = Vec::new();
    for _ in 0..ENOUGH {
        let mut chunk = [0; 4096];
        let came = stream.write_all(b"x").and_then(|()| stream.read(&mut chunk));
        match came {
            Ok(count @ 1..) => heard.extend_from_slice(&chunk[..count]),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            // The end, or a reset.
            Ok(0) | Err(_) => return String::from_utf8_lossy(&heard).into_owned(),
        }
    }
    panic!("the gateway goes on waiting; it said {:?}", String::from_utf8_lossy(&heard));
}

#[test]
fn a_flood_of_connections_is_turned_away_and_members_notice_nothing() {
    let gateway = Gateway::configured("limits.unidentified_per_address = 16").unwrap();
    let address = gateway.address();
    let mut member = RawSocket::identified(address, "member", "").unwrap();
    let strangers: Vec<_> = (0..16).map(|_| RawSocket::upgraded(address).unwrap()).collect();
    let mut flood = Vec::new();
    let mut told = 0;
    for _ in 0..300 {
        let mut socket = RawSocket::open(address).unwrap();
        // Most hear why; when there are too many of them, the others are just closed.
        if let Ok(answer) = socket.read_response() {
            assert_eq!((answer.status, answer.header("Retry-After")), (503, Some("5")));
            told += 1;
        }
        flood.push(socket);
        is_served(&mut member);
    }
    assert!(told >= 32, "only {told} of 300 were told why");
    drop((strangers, flood));
    until("there is room again", || RawSocket::identified(address, "late", "").is_ok());
    is_served(&mut member);
}

#[test]
fn one_address_does_not_take_the_places_of_others() {
    let gateway = Gateway::configured("limits.unidentified_per_address = 4").unwrap();
    let address = gateway.address();
    let _strangers: Vec<_> = (0..4).map(|_| RawSocket::open(address).unwrap()).collect();
    until("the places are taken", || RawSocket::upgraded(address).is_err());
    let mut elsewhere = RawSocket::open_from([127, 0, 0, 2].into(), address).unwrap();
    let answer = elsewhere.ask(&Handshake::upgrade("/ws", &address.to_string())).unwrap();
    assert_eq!(answer.status, 101);
}

#[test]
fn who_connects_and_says_nothing_is_given_up() {
    let gateway = Gateway::configured("head.timeout = \"500ms\"").unwrap();
    RawSocket::open(gateway.address()).unwrap().read_end().unwrap();
}

#[test]
fn a_head_that_comes_byte_by_byte_is_given_up() {
    let gateway = Gateway::configured("head.timeout = \"500ms\"").unwrap();
    for beginning in
        ["", "GET /", "GET /ws HTTP/1.1\r\nHost: ", "GET /ws HTTP/1.1\r\nHost: localhost\r\nX-Long: "]
    {
        let mut stream = TcpStream::connect(gateway.address()).unwrap();
        stream.write_all(beginning.as_bytes()).unwrap();
        let said = trickle(&mut stream);
        assert!(said.is_empty() || said.starts_with("HTTP/1.1 4"), "{beginning:?} was answered {said:?}");
    }
}

#[test]
fn a_head_that_is_too_large_is_refused() {
    let gateway = Gateway::start();
    let request = || Handshake::upgrade("/ws", &gateway.address().to_string());
    let many = (0..65).fold(request(), |request, number| request.with(&format!("X-{number}: x")));
    let long = request().with(&format!("X-Long: {}", "x".repeat(17 * 1024)));
    let target = Handshake::upgrade(&format!("/ws?{}", "x".repeat(17 * 1024)), "localhost");
    for (what, request, statuses) in
        [("headers", many, &[431][..]), ("a header", long, &[431]), ("a target", target, &[414, 431])]
    {
        let answer = RawSocket::open(gateway.address()).unwrap().ask(&request).unwrap();
        assert!(statuses.contains(&answer.status), "{what}: {answer:?}");
    }
}

#[test]
fn a_first_message_that_comes_byte_by_byte_is_given_up() {
    let gateway = Gateway::configured("identify_timeout = \"500ms\"").unwrap();
    let mut socket = RawSocket::upgraded(gateway.address()).unwrap();
    socket.send_bytes(&Frame::text("").encode_head(60_000)).unwrap();
    socket.set_patience(BETWEEN);
    for _ in 0..ENOUGH {
        // What was written last may meet a connection that is closed.
        let _unheard = socket.send_bytes(b"x");
        match socket.read_frame() {
            Ok(Some(frame)) => {
                assert_eq!((frame.opcode, frame.to_close().unwrap().code), (Opcode::CLOSE, Some(4004)));
                return;
            }
            Ok(None) => panic!("the connection ended without a word"),
            Err(_nothing_yet) => {}
        }
    }
    panic!("the gateway goes on waiting");
}

#[test]
fn a_name_that_is_not_ours_is_answered_nothing() {
    // Over the loopback address a page of anybody's domain could lead here (DNS rebinding).
    let gateway = Gateway::start();
    let port = gateway.address().port();
    let ask = |target: &str, host: &str| {
        let request = Handshake::upgrade(target, host);
        RawSocket::open(gateway.address()).unwrap().ask(&request).unwrap().status
    };
    for host in
        ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "192.0.2.1", "[2001:db8::1]"]
    {
        for host in [host.to_owned(), format!("{host}:{port}")] {
            for target in ["/ws", "/", "/healthz", "/fs/alice/file"] {
                assert_eq!(ask(target, &host), 421, "{target} of {host}");
            }
        }
    }
    for host in ["localhost", "127.0.0.1", "[::1]"] {
        assert_eq!(ask("/ws", &format!("{host}:{port}")), 101, "{host}");
    }
    let none = Handshake::upgrade("/ws", "x").without("Host");
    let two = Handshake::upgrade("/ws", "localhost").with("Host: evil.example");
    for request in [none, two] {
        assert_eq!(RawSocket::open(gateway.address()).unwrap().ask(&request).unwrap().status, 400);
    }
}
