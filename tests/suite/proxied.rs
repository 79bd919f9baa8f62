//! A gateway behind a proxy that it trusts: what it counts by address counts for whom the proxy asks, and nobody else is believed.

use std::net::{IpAddr, SocketAddr};

use support::gateway::{Gateway, GatewayProcess};
use support::nginx::Nginx;
use support::raw::{Handshake, RawSocket, Response};

use super::metrics::{gateway as gateway_with_metrics, number, read};

const ALICE: &str = "X-Forwarded-For: 203.0.113.1";
const BOB: &str = "Forwarded: for=\"[2001:db8::2]:4711\"";

/// A gateway that trusts whoever is on this machine.
fn trusting(configuration: &str) -> Gateway {
    Gateway::configured(&format!("trusted_proxies = \"127.0.0.1\"\n{configuration}")).unwrap()
}

/// Asks for a WebSocket with these headers more.
fn upgrade(address: SocketAddr, headers: &[&str]) -> (RawSocket, Response) {
    let mut socket = RawSocket::open(address).unwrap();
    let request = headers
        .iter()
        .fold(Handshake::upgrade("/ws", &address.to_string()), |request, header| request.with(header));
    let answer = socket.ask(&request).unwrap();
    (socket, answer)
}

/// Asks for somebody's files with a key that is nobody's.
fn guess(socket: &mut RawSocket, header: &str) -> u16 {
    let request = Handshake::request("GET", "/fs/nobody/", "localhost")
        .with("x-fs-key: 00000000-0000-4000-8000-000000000000")
        .with(header);
    socket.ask(&request).unwrap().status
}

fn join(address: SocketAddr, name: &str, header: &str) -> (RawSocket, String) {
    let (mut socket, answer) = upgrade(address, &[header]);
    assert!(answer.accepts_the_upgrade(), "{answer:?}");
    socket.send_text(&format!(r#"{{"type":"IDENTIFY","name":"{name}","version":"0.2.0"}}"#)).unwrap();
    let hello: serde_json::Value = serde_json::from_str(&socket.read_text().unwrap()).unwrap();
    (socket, hello["uuid"].as_str().unwrap().to_owned())
}

#[test]
fn a_proxy_is_not_one_stranger_and_a_stranger_behind_it_is() {
    let gateway = trusting("limits.unidentified_per_address = 2");
    let address = gateway.address();
    // That have asked nothing yet, as those that a proxy keeps ready.
    let _ready: Vec<_> = (0..8).map(|_| RawSocket::open(address).unwrap()).collect();
    let strangers: Vec<_> = (0..2).map(|_| upgrade(address, &[ALICE])).collect();
    assert!(strangers.iter().all(|(_, answer)| answer.status == 101), "{strangers:?}");
    let (mut refused, answer) = upgrade(address, &[ALICE]);
    assert_eq!((answer.status, answer.header("Retry-After")), (503, Some("5")));
    // The proxy goes on with the same connection, for somebody else.
    let request = Handshake::upgrade("/ws", "localhost").with(BOB);
    assert_eq!(refused.ask(&request).unwrap().status, 101);
    // Who says who it is has places again.
    let (mut one, _) = strangers.into_iter().next().unwrap();
    one.send_text(r#"{"type":"IDENTIFY","name":"alice","version":"0.2.0"}"#).unwrap();
    one.read_text().unwrap();
    assert_eq!(upgrade(address, &[ALICE]).1.status, 101);
}

#[test]
fn answers_that_are_over_count_for_nobody() {
    let gateway = trusting("limits.unidentified_per_address = 1");
    let mut connections: Vec<_> = (0..5).map(|_| RawSocket::open(gateway.address()).unwrap()).collect();
    for _ in 0..2 {
        for connection in &mut connections {
            let request = Handshake::request("GET", "/healthz", "localhost").with(ALICE);
            assert_eq!(connection.ask(&request).unwrap().status, 200);
        }
    }
}

#[test]
fn one_connection_carries_requests_of_several_clients() {
    let gateway = trusting("");
    let mut connection = RawSocket::open(gateway.address()).unwrap();
    for _ in 0..10 {
        assert_eq!(guess(&mut connection, ALICE), 401);
    }
    assert_eq!(guess(&mut connection, ALICE), 429);
    assert_eq!(
        guess(&mut connection, "X-Forwarded-For: 10.9.9.9, 203.0.113.1"),
        429,
        "what she adds is not looked at"
    );
    assert_eq!(guess(&mut connection, BOB), 401);
    assert_eq!(guess(&mut connection, "X-Nothing: x"), 401, "the proxy itself");
    assert_eq!(upgrade(gateway.address(), &[ALICE]).1.status, 429);
    assert_eq!(upgrade(gateway.address(), &[BOB]).1.status, 101);
}

#[test]
fn who_is_not_trusted_is_not_believed() {
    let gateway = Gateway::configured("trusted_proxies = [\"192.0.2.1\", \"2001:db8::/32\"]").unwrap();
    let mut connection = RawSocket::open(gateway.address()).unwrap();
    for number in 0..10 {
        assert_eq!(guess(&mut connection, &format!("X-Forwarded-For: 203.0.113.{number}")), 401);
    }
    assert_eq!(guess(&mut connection, BOB), 429);
}

#[test]
fn a_public_id_is_bound_to_the_address_behind_the_proxy() {
    let gateway = trusting("");
    let (_alice, uuid) = join(gateway.address(), "alice", ALICE);
    let put = |header: &str| {
        let request = Handshake::request("PUT", "/fs/alice/file", "localhost")
            .with(&format!("x-fs-key: {uuid}"))
            .with("Content-Length: 0")
            .with(header);
        let mut socket = RawSocket::open(gateway.address()).unwrap();
        socket.send_bytes(request.text().as_bytes()).unwrap();
        socket.read_head().unwrap().status
    };
    assert_eq!(put(BOB), 403);
    assert_eq!(put("X-Nothing: x"), 403, "the proxy itself");
    assert_eq!(put("Forwarded: for=203.0.113.1;proto=https"), 201);
}

#[test]
fn what_a_proxy_does_not_say_clearly_is_counted_and_is_its_own() {
    let (gateway, metrics) = gateway_with_metrics(&["--set", "trusted_proxies=127.0.0.1"]);
    let mut connection = RawSocket::open(gateway.address()).unwrap();
    let both = format!("{ALICE}\r\n{BOB}");
    for _ in 0..3 {
        for header in ["X-Forwarded-For: nonsense", "Forwarded: for=unknown", &both] {
            assert_eq!(guess(&mut connection, header), 401);
        }
    }
    assert_eq!(guess(&mut connection, "X-Nothing: x"), 401);
    assert_eq!(guess(&mut connection, "X-Nothing: x"), 429, "all of these were the proxy's");
    assert_eq!(guess(&mut connection, ALICE), 401);
    let text = read(metrics);
    for cause in ["broken", "hidden", "contradiction"] {
        let metric = format!("concierge_proxied_unclear_total{{cause=\"{cause}\"}}");
        assert!((number(&text, &metric) - 3.0).abs() < 0.5, "{text}");
    }
}

#[test]
fn a_page_on_a_clients_own_machine_is_none_of_the_gateways() {
    let gateway = trusting("");
    let page = "Origin: http://localhost:3000";
    assert_eq!(upgrade(gateway.address(), &[page]).1.status, 101);
    assert_eq!(upgrade(gateway.address(), &[page, "X-Forwarded-For: 127.0.0.1"]).1.status, 101);
    for header in [ALICE, BOB, "Forwarded: for=unknown"] {
        assert_eq!(upgrade(gateway.address(), &[page, header]).1.status, 403, "{header}");
    }
    // To say that one comes from elsewhere makes no foreign name one of the gateway's.
    let rebound = Handshake::upgrade("/ws", "evil.example").with(ALICE);
    assert_eq!(RawSocket::open(gateway.address()).unwrap().ask(&rebound).unwrap().status, 421);
}

#[test]
fn guesses_of_tokens_are_those_of_whom_the_proxy_asks_for() {
    let settings = ["--set", "trusted_proxies=127.0.0.1"];
    let mut command = support::gateway::server_command().unwrap();
    command.env("CONCIERGE_SERVER_METRICS__ADMIN_SECRET", "a_rare_token");
    command.args(["--set", "metrics.bind=127.0.0.1:0"]).args(settings);
    let mut gateway = GatewayProcess::start_by(command).unwrap();
    let line = gateway.program.next_line().unwrap();
    let admin: SocketAddr = line.strip_prefix("metrics on http://").unwrap().parse().unwrap();
    let ask = |token: &str, header: &str| {
        let request = Handshake::request("GET", "/admin/clients", "localhost")
            .with(&format!("Authorization: Bearer {token}"))
            .with(header);
        RawSocket::open(admin).unwrap().ask(&request).unwrap()
    };
    for _ in 0..10 {
        assert_eq!(ask("a_rare_guess", ALICE).status, 401);
    }
    assert_eq!(ask("a_rare_token", ALICE).status, 429);
    let _bob = join(gateway.address(), "bob", BOB);
    let _carl = join(gateway.address(), "carl", ALICE);
    let clients: serde_json::Value = serde_json::from_slice(&ask("a_rare_token", BOB).body).unwrap();
    let addresses: Vec<_> = clients.as_array().unwrap().iter().map(|client| &client["address"]).collect();
    assert_eq!(addresses, ["[2001:db8::2]:4711", "203.0.113.1"]);
}

/// nginx with the settings that are recommended.
pub(crate) fn nginx(folder: &std::path::Path, gateway: &str) -> Nginx {
    let page = include_str!("../../concierge-server/OPERATING.md");
    let recommended = page.split("```nginx\n").nth(1).unwrap().split("```").next().unwrap();
    let upstream = "http://127.0.0.1:64209";
    assert!(recommended.contains(upstream) && recommended.contains("$remote_addr;"), "{recommended}");
    Nginx::start(folder, &recommended.replace(upstream, gateway)).unwrap()
}

#[test]
#[ignore = "needs nginx, which tests/run installs"]
fn behind_nginx_as_it_is_recommended_each_client_counts_for_itself() {
    let gateway = trusting("limits.unidentified_per_address = 4\nallowed_hosts = [\"gateway.example\"]");
    let folder = tempfile::tempdir().unwrap();
    let nginx = nginx(folder.path(), &format!("http://{}", gateway.address()));
    let from = |address: &str| {
        let address: IpAddr = address.parse().unwrap();
        RawSocket::open_from(address, nginx.address()).unwrap()
    };
    let request = || Handshake::upgrade("/ws", "gateway.example").with("Forwarded: for=192.0.2.99");
    let upgrade = |address| {
        let mut socket = from(address);
        let status = socket.ask(&request()).unwrap().status;
        (socket, status)
    };
    let strangers: Vec<_> = (0..4).map(|_| upgrade("127.0.0.2")).collect();
    assert!(strangers.iter().all(|(_, status)| *status == 101));
    assert_eq!(upgrade("127.0.0.2").1, 503);
    let (mut bob, status) = upgrade("127.0.0.3");
    assert_eq!(status, 101);
    bob.send_text(r#"{"type":"IDENTIFY","name":"bob","version":"0.2.0"}"#).unwrap();
    assert!(bob.read_text().unwrap().contains("HELLO"));
    let guess = |address| {
        let request = Handshake::request("GET", "/fs/nobody/", "gateway.example")
            .with("x-fs-key: 00000000-0000-4000-8000-000000000000")
            .with("X-Forwarded-For: 192.0.2.98");
        from(address).ask(&request).unwrap().status
    };
    assert!((0..10).all(|_| guess("127.0.0.4") == 401));
    assert_eq!((guess("127.0.0.4"), guess("127.0.0.3")), (429, 401));
}
