//! Administration: with the token an operator sees who is here and has somebody go; without it there is nothing.

use std::io::Write as _;
use std::net::SocketAddr;

use support::gateway::GatewayProcess;
use support::raw::{Handshake, RawSocket, Response};

use super::metrics::gateway;

const TOKEN: &str = "a_rare_token";

/// A gateway with that token, and where it is administered.
fn administered(settings: &[&str]) -> (GatewayProcess, SocketAddr) {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    writeln!(file, "{TOKEN}").unwrap();
    let secret = format!("metrics.admin_secret_file={}", file.path().to_str().unwrap());
    let arguments: Vec<_> =
        ["--set", &secret].into_iter().chain(settings.iter().flat_map(|one| ["--set", one])).collect();
    gateway(&arguments)
}

fn ask(address: SocketAddr, method: &str, target: &str, token: Option<&str>) -> Response {
    let mut request = Handshake::request(method, target, &address.to_string()).with("Connection: close");
    if let Some(token) = token {
        request = request.with(&format!("Authorization: Bearer {token}"));
    }
    let mut socket = RawSocket::open(address).unwrap();
    socket.send_bytes(request.text().as_bytes()).unwrap();
    // An answer without a body tells no length.
    let answer = if method == "DELETE" { socket.read_head() } else { socket.read_response() };
    answer.unwrap()
}

fn list(address: SocketAddr) -> Vec<serde_json::Value> {
    let answer = ask(address, "GET", "/admin/clients", Some(TOKEN));
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/json")));
    serde_json::from_slice(&answer.body).unwrap()
}

#[test]
fn an_operator_sees_who_is_here_and_has_somebody_go() {
    let (gateway, admin) = administered(&[]);
    assert!(list(admin).is_empty());
    let mut alice = RawSocket::identified(gateway.address(), "alice", "").unwrap();
    let mut bob = RawSocket::identified(gateway.address(), "söö", "").unwrap();
    alice.send_text(r#"{"type":"SERVICE_CREATE","service":"a"}"#).unwrap();
    assert!(alice.read_text().unwrap().contains("SERVICE_CREATE_RESULT"));
    let clients = list(admin);
    let names: Vec<_> = clients.iter().map(|client| client["name"].as_str().unwrap()).collect();
    let services: Vec<_> = clients.iter().map(|client| client["services"].as_u64().unwrap()).collect();
    assert_eq!((names, services), (vec!["alice", "söö"], vec![1, 0]));
    for client in &clients {
        assert_eq!(client["uuid"].as_str().unwrap().len(), 36);
        assert!(client["nickname"].is_null() && client["outbox_bytes"].is_u64(), "{client}");
        assert!(client["address"].as_str().unwrap().starts_with("127.0.0.1:"), "{client}");
        assert!(client["connected_since"].as_u64().unwrap() > 1_700_000_000, "{client}");
    }

    assert_eq!(ask(admin, "DELETE", "/admin/clients/nobody", Some(TOKEN)).status, 404);
    assert_eq!(ask(admin, "DELETE", "/admin/clients/s%C3%B6%C3%B6", Some(TOKEN)).status, 204);
    let close = bob.read_close().unwrap();
    assert_eq!((close.code, close.reason.as_str()), (Some(4013), "Kicked"));
    let clients = list(admin);
    assert_eq!((clients.len(), &clients[0]["name"]), (1, &"alice".into()));
    // Its name is free again.
    let _again = RawSocket::identified(gateway.address(), "söö", "").unwrap();
}

#[test]
fn without_the_token_nobody_learns_anything() {
    let (gateway, admin) = administered(&[]);
    let _alice = RawSocket::identified(gateway.address(), "alice", "").unwrap();
    for token in [None, Some("a_rare_toke"), Some("")] {
        for (method, target) in
            [("GET", "/admin/clients"), ("DELETE", "/admin/clients/alice"), ("GET", "/admin/x")]
        {
            let answer = ask(admin, method, target, token);
            assert_eq!(answer.status, 401, "{method} {target} {token:?}");
            assert!(answer.header("www-authenticate").unwrap().starts_with("Bearer"));
            assert!(!answer.text().contains("alice"), "{}", answer.text());
        }
    }
    assert_eq!(list(admin).len(), 1, "three wrong tokens are not too many");
    // The port of clients has none of it, and neither has a page of a browser.
    assert_eq!(ask(gateway.address(), "GET", "/admin/clients", Some(TOKEN)).status, 404);
    let page = Handshake::request("GET", "/admin/clients", &admin.to_string())
        .with(&format!("Authorization: Bearer {TOKEN}"))
        .with("Origin: https://elsewhere.example");
    assert_eq!(RawSocket::open(admin).unwrap().ask(&page).unwrap().status, 403);
}

#[test]
fn without_a_token_in_the_configuration_there_is_no_administration() {
    let (gateway, metrics) = gateway(&[]);
    let _alice = RawSocket::identified(gateway.address(), "alice", "").unwrap();
    assert_eq!(ask(metrics, "GET", "/admin/clients", Some("")).status, 404);
    assert_eq!(ask(metrics, "DELETE", "/admin/clients/alice", None).status, 404);
}

#[test]
fn who_guesses_tokens_has_to_wait_even_with_the_right_one_but_clients_have_not() {
    let (gateway, admin) = administered(&[]);
    for number in 0..10 {
        assert_eq!(ask(admin, "GET", "/admin/clients", Some(&format!("a_rare_{number}"))).status, 401);
    }
    let answer = ask(admin, "GET", "/admin/clients", Some(TOKEN));
    assert_eq!(answer.status, 429);
    assert!(answer.header("Retry-After").unwrap().parse::<u64>().unwrap() <= 60);
    let _alice = RawSocket::identified(gateway.address(), "alice", "").unwrap();
    assert_eq!(ask(admin, "GET", "/readyz", None).status, 200);
}
