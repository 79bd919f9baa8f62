//! Requests of clients that have finished sending: they are answered like others; only a body that is not all there is none.

use support::raw::{Handshake, RawSocket, Response};

use super::{Member, gateway, until};

/// More than any buffers on the way hold.
const SIZE: usize = 8 << 20;

/// Sends a request and a body, then nothing for ever; the answer, if there is one, and then the end.
fn ask_and_finish(member: &Member, method: &str, headers: &[&str], body: &[u8]) -> Option<Response> {
    let mut socket = RawSocket::open(member.address).unwrap();
    let target = format!("/fs/{}/file", member.name);
    let request = Handshake::request(method, &target, &member.address.to_string());
    let request = request.with(&format!("x-fs-key: {}", member.key));
    let request = headers.iter().fold(request, |request, header| request.with(header));
    socket.send_bytes(request.text().as_bytes()).unwrap();
    socket.send_bytes(body).unwrap();
    socket.finish_sending().unwrap();
    let answer = socket.read_response().ok();
    socket.read_end().unwrap();
    answer
}

#[test]
fn a_file_reaches_who_has_finished_sending() {
    let gateway = gateway("");
    let alice = Member::join(gateway.address(), "alice");
    let content: Vec<u8> = (0..=250).cycle().take(SIZE).collect();
    let length = format!("Content-Length: {SIZE}");
    let stored = ask_and_finish(&alice, "PUT", &[&length], &content).unwrap();
    assert_eq!(stored.status, 201);
    let chunk = [format!("{SIZE:X}\r\n").as_bytes(), &content, b"\r\n0\r\n\r\n"].concat();
    let stored = ask_and_finish(&alice, "PUT", &["Transfer-Encoding: chunked"], &chunk).unwrap();
    assert_eq!(stored.status, 204);
    let fetched = ask_and_finish(&alice, "GET", &[], b"").unwrap();
    assert_eq!((fetched.status, fetched.body == content), (200, true));
    let part = ask_and_finish(&alice, "GET", &["Range: bytes=5-8"], b"").unwrap();
    assert_eq!((part.status, part.body.as_slice()), (206, &content[5..9]));
}

#[test]
fn a_body_that_ends_too_early_is_noticed_at_once_and_stored_nowhere() {
    // With an hour for a body, it is the end of the stream that tells.
    let gateway = gateway("files = { body_timeout = \"1h\", client_uploads = 1 }");
    let alice = Member::join(gateway.address(), "alice");
    for (headers, body) in [
        (["Content-Length: 100"], "not all of it"),
        (["Content-Length: 100"], ""),
        (["Transfer-Encoding: chunked"], "d\r\nnot all of it\r\n"),
        (["Transfer-Encoding: chunked"], "ff\r\nnot all"),
    ] {
        let answer = ask_and_finish(&alice, "PUT", &headers, body.as_bytes());
        assert!(answer.as_ref().is_none_or(|answer| answer.status == 400), "{headers:?}: {answer:?}");
        assert!(alice.paths().is_empty(), "{headers:?} {body:?}");
    }
    // Nothing of them holds the one upload that this client may have.
    until("another upload may begin", || alice.put("file", b"whole") == 201);
}
