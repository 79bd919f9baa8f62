//! What was wrong with the first gateway that spoke this protocol, and must not come back: a test each, named for it.

use std::net::SocketAddr;

use concierge_server::Config;
use rustix::process::Signal;
use support::gateway::{Gateway, GatewayProcess};
use support::raw::{Frame, Handshake, RawSocket};

use crate::files::{Member, ask};

/// A client of the first days, which hears everything.
fn join(address: SocketAddr, name: &str) -> RawSocket {
    let mut socket = RawSocket::upgraded(address).unwrap();
    socket.send_text(&format!(r#"{{"type":"IDENTIFY","name":"{name}","version":"0.2.0"}}"#)).unwrap();
    assert!(socket.read_text().unwrap().contains(r#""type":"HELLO""#));
    socket
}

/// What the gateway says next, and says it with these words.
fn hears(socket: &mut RawSocket, words: &[&str]) -> String {
    let text = socket.read_text().unwrap();
    for word in words {
        assert!(text.contains(word), "{word} is not in {text}");
    }
    text
}

#[test]
fn an_empty_name_is_nobody_and_its_leaving_deletes_nothing() {
    let gateway = Gateway::start();
    let alice = Member::join(gateway.address(), "alice");
    assert_eq!(alice.put("file", b"mine"), 201);
    let mut nobody = RawSocket::upgraded(gateway.address()).unwrap();
    nobody.send_text(r#"{"type":"IDENTIFY","name":"","version":"0.2.0"}"#).unwrap();
    assert_eq!(nobody.read_close().unwrap().code, Some(4008));
    assert_eq!(alice.get("file").body, b"mine");
}

#[test]
fn a_malformed_version_is_a_mismatch_and_no_panic() {
    let gateway = Gateway::start();
    let mut alice = join(gateway.address(), "alice");
    for version in ["", "1", "0.2", "0.2.0.0", "v0.2.0", "-", "\\u0000", "99999999999999999999.0.0"] {
        let mut eve = RawSocket::upgraded(gateway.address()).unwrap();
        eve.send_text(&format!(r#"{{"type":"IDENTIFY","name":"eve","version":"{version}"}}"#)).unwrap();
        assert_eq!(eve.read_close().unwrap().code, Some(4007), "{version:?}");
    }
    alice.send_text(r#"{"type":"SELF_FETCH"}"#).unwrap();
    hears(&mut alice, &["SELF_FETCH_RESULT"]);
}

#[test]
fn what_follows_a_close_is_passed_over_and_harms_nobody() {
    let gateway = Gateway::start();
    let mut alice = join(gateway.address(), "alice");
    let mut bob = join(gateway.address(), "bob");
    hears(&mut alice, &["CLIENT_JOINED", "bob"]);
    let message = r#"{"type":"MESSAGE","target":{"type":"NAME","name":"alice"},"data":"too late"}"#;
    let both = [Frame::close(1000, "").encode(), Frame::text(message).encode()].concat();
    bob.send_bytes(&both).unwrap();
    assert_eq!(bob.read_close().unwrap().code, Some(1000));
    hears(&mut alice, &["CLIENT_LEFT", "bob"]);
    alice.send_text(r#"{"type":"SELF_FETCH"}"#).unwrap();
    hears(&mut alice, &["SELF_FETCH_RESULT"]);
}

#[test]
fn a_sequence_number_does_not_overflow() {
    let gateway = Gateway::start();
    let mut alice = join(gateway.address(), "alice");
    alice.send_text(r#"{"type":"SELF_SET_SEQ","seq":18446744073709551615}"#).unwrap();
    hears(&mut alice, &["\"seq\":0,", "ERROR_PROTOCOL"]);
    alice.send_text(r#"{"type":"SELF_SET_SEQ","seq":9007199254740991}"#).unwrap();
    hears(&mut alice, &["\"seq\":9007199254740991,", "OK"]);
    alice.send_text(r#"{"type":"SELF_FETCH"}"#).unwrap();
    hears(&mut alice, &["\"seq\":0,", "SELF_FETCH_RESULT"]);
}

#[test]
fn a_fetch_of_an_unknown_client_is_answered() {
    let gateway = Gateway::start();
    let mut alice = join(gateway.address(), "alice");
    alice.send_text(r#"{"type":"CLIENT_FETCH","uuid":"00000000-0000-4000-8000-000000000000"}"#).unwrap();
    hears(&mut alice, &["\"seq\":0,", "INVALID_UUID", "00000000-0000-4000-8000-000000000000"]);
}

#[test]
fn every_refusal_carries_its_number() {
    let gateway = Gateway::start();
    let mut alice = join(gateway.address(), "alice");
    for (seq, text) in [
        "not json",
        r#"{"type":"NO_SUCH_TYPE"}"#,
        r#"{"type":"SERVICE_FETCH"}"#,
        r#"{"type":"SERVICE_DELETE","service":"none"}"#,
        r#"{"type":"MESSAGE","target":{"type":"NAME","name":"none"},"data":0}"#,
    ]
    .into_iter()
    .enumerate()
    {
        alice.send_text(text).unwrap();
        hears(&mut alice, &[&format!("{{\"seq\":{seq},")]);
    }
}

#[test]
fn who_leaves_is_unsubscribed_from_what_it_had_subscribed_to_and_nothing_else() {
    let gateway = Gateway::start();
    let mut alice = join(gateway.address(), "alice");
    for service in ["used", "unused"] {
        alice.send_text(&format!(r#"{{"type":"SERVICE_CREATE","service":"{service}"}}"#)).unwrap();
        hears(&mut alice, &["SERVICE_CREATE_RESULT"]);
        hears(&mut alice, &["\"seq\""]);
        alice.send_text(&format!(r#"{{"type":"SELF_SUBSCRIBE","service":"{service}"}}"#)).unwrap();
        hears(&mut alice, &["SELF_SUBSCRIBE_RESULT"]);
        hears(&mut alice, &["SERVICE_CLIENT_SUBSCRIBED"]);
    }
    let mut bob = join(gateway.address(), "bob");
    hears(&mut alice, &["CLIENT_JOINED", "bob"]);
    bob.send_text(r#"{"type":"SELF_SUBSCRIBE","service":"used"}"#).unwrap();
    hears(&mut alice, &["SERVICE_CLIENT_SUBSCRIBED", "bob"]);
    drop(bob);
    hears(&mut alice, &["SERVICE_CLIENT_UNSUBSCRIBED", "bob", "\"name\":\"used\""]);
    hears(&mut alice, &["CLIENT_LEFT", "bob"]);
}

#[test]
fn a_service_of_the_same_name_has_no_subscribers_from_before() {
    let gateway = Gateway::start();
    let mut alice = join(gateway.address(), "alice");
    let mut bob = RawSocket::identified(gateway.address(), "bob", "").unwrap();
    hears(&mut alice, &["CLIENT_JOINED"]);
    alice.send_text(r#"{"type":"SERVICE_CREATE","service":"chat"}"#).unwrap();
    hears(&mut alice, &["SERVICE_CREATE_RESULT"]);
    hears(&mut alice, &["\"seq\":0,"]);
    bob.send_text(r#"{"type":"SELF_SUBSCRIBE","service":"chat"}"#).unwrap();
    hears(&mut bob, &["SELF_SUBSCRIBE_RESULT"]);
    for request in [r#""SERVICE_DELETE","service":"chat""#, r#""SERVICE_CREATE","service":"chat""#] {
        alice.send_text(&format!(r#"{{"type":{request}}}"#)).unwrap();
        hears(&mut alice, &["_RESULT"]);
        hears(&mut alice, &["\"seq\""]);
    }
    alice.send_text(r#"{"type":"SERVICE_FETCH","service":"chat"}"#).unwrap();
    hears(&mut alice, &["SERVICE_FETCH_RESULT", "\"subscribers\":[]"]);
    bob.send_text(r#"{"type":"SELF_FETCH"}"#).unwrap();
    let mut own = bob.read_text().unwrap();
    while !own.contains("SELF_FETCH_RESULT") {
        own = bob.read_text().unwrap();
    }
    assert!(own.ends_with(r#""subscriptions":[]}"#), "{own}");
}

#[test]
fn a_message_in_fragments_is_a_message() {
    let gateway = Gateway::start();
    let mut alice = join(gateway.address(), "alice");
    alice.send(&Frame::text(r#"{"type":"SELF"#).unfinished()).unwrap();
    alice.send(&Frame::continuation(b"").unfinished()).unwrap();
    alice.send(&Frame::continuation(br#"_FETCH"}"#)).unwrap();
    hears(&mut alice, &["\"seq\":0,", "SELF_FETCH_RESULT"]);
}

#[test]
fn a_mailbox_has_an_end() {
    let gateway = Gateway::configured("limits.outbox_payloads = 10\nlimits.outbox_bytes = 100000").unwrap();
    let mut alice = RawSocket::identified(gateway.address(), "alice", "").unwrap();
    let mut bob = RawSocket::identified(gateway.address(), "bob", "").unwrap();
    let data = "x".repeat(200_000);
    let message = format!(r#"{{"type":"MESSAGE","target":{{"type":"NAME","name":"bob"}},"data":"{data}"}}"#);
    // Bob reads nothing. What the kernel takes for him has an end, and then the gateway's patience.
    loop {
        alice.send_text(&message).unwrap();
        if alice.read_text().unwrap().contains("INVALID_NAME") {
            break;
        }
    }
    assert_eq!(bob.read_close().unwrap().code, Some(4011));
}

#[test]
fn what_everybody_sees_of_a_client_opens_none_of_its_files_for_writing() {
    let gateway = Gateway::start();
    let address = gateway.address();
    let alice = Member::join(address, "alice");
    assert_eq!(alice.put("file", b"mine"), 201);
    let mut bob = join(address, "bob");
    bob.send_text(r#"{"type":"CLIENT_FETCH_ALL"}"#).unwrap();
    let everybody = hears(&mut bob, &["CLIENT_FETCH_ALL_RESULT", &alice.uuid]);
    assert!(!everybody.contains(&alice.key), "{everybody}");
    let key = format!("x-fs-key: {}", alice.uuid);
    for (method, body) in [("PUT", &b"another's"[..]), ("POST", b"another's"), ("DELETE", b"")] {
        assert_eq!(ask(address, method, "/fs/alice/file", &[&key], body).status, 401, "{method}");
    }
    assert_eq!(alice.get("file").body, b"mine");
}

#[test]
fn an_upload_that_ends_too_early_is_no_file() {
    let gateway = Gateway::start();
    let alice = Member::join(gateway.address(), "alice");
    let mut socket = RawSocket::open(gateway.address()).unwrap();
    let request = Handshake::request("PUT", "/fs/alice/file", &gateway.address().to_string())
        .with(&format!("x-fs-key: {}", alice.key))
        .with("Content-Length: 1000");
    socket.send_bytes(request.text().as_bytes()).unwrap();
    socket.send_bytes(b"and no more").unwrap();
    socket.finish_sending().unwrap();
    assert!(!matches!(socket.read_response(), Ok(answer) if answer.status < 400));
    assert_eq!(alice.get("file").status, 404);
}

#[test]
fn a_raw_body_that_is_posted_is_stored_whole() {
    let gateway = Gateway::start();
    let alice = Member::join(gateway.address(), "alice");
    assert_eq!(alice.ask("POST", "file", &[], b"all of it").status, 201);
    assert_eq!(alice.get("file").body, b"all of it");
}

#[test]
fn what_clients_say_to_each_other_is_in_no_log_unless_it_is_asked_for() {
    let mut gateway = GatewayProcess::start(&[]).unwrap();
    let mut alice = join(gateway.address(), "alice");
    let message = r#"{"type":"MESSAGE","target":{"type":"NAME","name":"alice"},"data":"between us"}"#;
    alice.send_text(message).unwrap();
    hears(&mut alice, &["between us"]);
    drop(alice);
    gateway.program.signal(Signal::TERM).unwrap();
    gateway.program.wait_for_success().unwrap();
    let log = gateway.program.stderr();
    assert!(!log.contains("between us") && !log.contains("MESSAGE"), "{log}");
}

#[test]
fn a_gateway_is_open_to_its_own_machine_alone_until_it_is_told_otherwise() {
    let config = Config::default();
    assert!(config.to_toml().contains("\"127.0.0.1:64209\""), "{}", config.to_toml());
}
