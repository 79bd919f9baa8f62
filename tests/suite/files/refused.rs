//! Uploads that are refused while the client still sends: it hears why, and what it sends meanwhile goes nowhere.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use support::raw::{Handshake, RawSocket, Response};

use super::{Member, gateway, gateway_process};

/// More than any buffers on the way hold.
const SIZE: usize = 8 << 20;

/// Sends a request and all of its body without looking for an answer, then reads until the end. A reset is a failure.
fn send_blindly(address: SocketAddr, request: &Handshake, body: &[u8]) -> Response {
    let mut stream = connect(address);
    stream.write_all(request.text().as_bytes()).unwrap();
    stream.write_all(body).unwrap();
    read_to_end(stream)
}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_write_timeout(Some(Duration::from_secs(30))).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    stream
}

fn read_to_end(mut stream: TcpStream) -> Response {
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    Response::parse_head(answer.split_once("\r\n\r\n").unwrap().0).unwrap()
}

fn put(address: SocketAddr, path: &str, key: &str) -> Handshake {
    Handshake::request("PUT", &format!("/fs/{path}"), &address.to_string())
        .with(&format!("x-fs-key: {key}"))
        .with(&format!("Content-Length: {SIZE}"))
}

#[test]
fn who_sends_everything_first_hears_why_it_is_refused() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("files");
    let limits = ["files.file_bytes=1MiB", "files.client_uploads=1"];
    let gateway = gateway_process(&folder, &limits).unwrap();
    let address = gateway.address();
    let (alice, bob) = (Member::join(address, "alice"), Member::join(address, "bob"));
    let mut busy = RawSocket::open(address).unwrap();
    let begun = put(address, "bob/begun", &bob.key).without("Content-Length").with("Content-Length: 9");
    busy.send_bytes(begun.with("Expect: 100-continue").text().as_bytes()).unwrap();
    assert_eq!(busy.read_head().unwrap().status, 100);
    let nobody = uuid::Uuid::new_v4().to_string();
    let body = vec![b'x'; SIZE];
    for (status, path, key) in [
        (413, "alice/file", &alice.key),
        (401, "alice/file", &nobody),
        (403, "alice/file", &bob.key),
        (400, "alice/..", &alice.key),
        (429, "bob/file", &bob.key),
    ] {
        let answer = send_blindly(address, &put(address, path, key), &body);
        assert_eq!((answer.status, answer.header("connection")), (status, Some("close")), "{path}");
    }
    drop(busy);
    assert_eq!((alice.paths().len(), bob.paths().len()), (0, 0));
}

#[test]
fn what_is_too_much_is_noticed_on_the_way_and_told_at_its_end() {
    let gateway = gateway("files.file_bytes = \"1MiB\"");
    let address = gateway.address();
    let alice = Member::join(address, "alice");
    let request = put(address, "alice/file", &alice.key).without("Content-Length");
    let chunk = [format!("{SIZE:X}\r\n").as_bytes(), &vec![b'x'; SIZE], b"\r\n0\r\n\r\n"].concat();
    let answer = send_blindly(address, &request.with("Transfer-Encoding: chunked"), &chunk);
    assert_eq!((answer.status, alice.paths().len()), (413, 0));
}

#[test]
fn a_gateway_without_files_and_one_that_a_page_may_not_ask_say_so_too() {
    let body = vec![b'x'; SIZE];
    let without = gateway("files.serve = false");
    let request = put(without.address(), "alice/file", "key");
    assert_eq!(send_blindly(without.address(), &request, &body).status, 404);
    let gateway = gateway("");
    let request = put(gateway.address(), "alice/file", "key").with("Origin: https://evil.example");
    assert_eq!(send_blindly(gateway.address(), &request, &body).status, 403);
}

#[test]
fn who_asks_first_whether_to_send_is_not_waited_for() {
    let gateway = gateway("files.file_bytes = \"1MiB\"");
    let address = gateway.address();
    let alice = Member::join(address, "alice");
    let request = put(address, "alice/file", &alice.key).with("Expect: 100-continue");
    let answer = send_blindly(address, &request, b"");
    assert_eq!((answer.status, answer.header("connection")), (413, Some("close")));
}

#[test]
fn who_is_refused_and_sends_nothing_any_more_is_let_go() {
    let gateway = gateway("files.file_bytes = \"1MiB\"");
    let address = gateway.address();
    let alice = Member::join(address, "alice");
    let answer = send_blindly(address, &put(address, "alice/file", &alice.key), b"x");
    assert_eq!(answer.status, 413);
}
