//! Metrics: what was done is counted, read by whoever runs the gateway, and names nobody.

use std::net::SocketAddr;

use support::gateway::GatewayProcess;
use support::raw::{Handshake, RawSocket, Response};

/// A gateway that tells its metrics, and where.
pub(crate) fn gateway(arguments: &[&str]) -> (GatewayProcess, SocketAddr) {
    let arguments = [&["--set", "metrics.bind=127.0.0.1:0"], arguments].concat();
    let mut gateway = GatewayProcess::start(&arguments).expect("it starts");
    let line = gateway.program.next_line().expect("a second line");
    let address = line.strip_prefix("metrics on http://").expect("the address of its metrics");
    let address = address.parse().expect("an address");
    (gateway, address)
}

pub(crate) fn ask(address: SocketAddr, method: &str, target: &str, host: &str) -> Response {
    let request = Handshake::request(method, target, host).with("Connection: close");
    let mut socket = RawSocket::open(address).expect("it listens");
    socket.send_bytes(request.text().as_bytes()).expect("it reads");
    if method == "HEAD" { socket.read_head() } else { socket.read_response() }.expect("it answers")
}

pub(crate) fn read(address: SocketAddr) -> String {
    let answer = ask(address, "GET", "/metrics", &address.to_string());
    assert_eq!(answer.status, 200);
    assert_eq!(
        answer.header("content-type"),
        Some("application/openmetrics-text; version=1.0.0; charset=utf-8")
    );
    answer.text()
}

/// The number of a metric, with its labels as they are written; 0 for what has not happened.
pub(crate) fn number(text: &str, metric: &str) -> f64 {
    let line = text.lines().find_map(|line| line.strip_prefix(metric)?.strip_prefix(' '));
    line.map_or(0.0, |value| value.parse().expect("a number"))
}

/// The same of what is counted in whole numbers.
pub(crate) fn count(text: &str, metric: &str) -> usize {
    let line = text.lines().find_map(|line| line.strip_prefix(metric)?.strip_prefix(' '));
    line.map_or(0, |value| value.parse().expect("a whole number"))
}

#[test]
fn what_clients_do_is_counted_by_kind_and_names_nobody() {
    let (gateway, metrics) = gateway(&[]);
    let mut carol =
        RawSocket::identified(gateway.address(), "carol_the_first", "\"PRESENCE\"").expect("she joins");
    let dave = RawSocket::identified(gateway.address(), "dave_the_second", "").expect("he joins");
    assert!(carol.read_text().expect("a text").contains("CLIENT_JOINED"));
    let to_dave =
        r#"{"type":"MESSAGE","target":{"type":"NAME","name":"dave_the_second"},"data":"a_rare_text"}"#;
    for (text, answer) in [
        (to_dave, r#"{"seq":0,"type":"OK"}"#),
        ("{}", r#"{"seq":1,"type":"ERROR_PROTOCOL""#),
        (r#"{"type":"SERVICE_CREATE","service":"a_rare_service"}"#, r#"{"seq":2,"type":"SERVICE_CREATE"#),
    ] {
        carol.send_text(text).expect("she is read");
        let heard = std::iter::repeat_with(|| carol.read_text().expect("an answer"));
        let _answer = heard.take(10).find(|heard| heard.starts_with(answer)).expect(answer);
    }
    let text = read(metrics);
    for (metric, expected) in [
        ("concierge_connections_accepted_total", 2.0),
        ("concierge_clients", 2.0),
        ("concierge_services", 1.0),
        ("concierge_payloads_received_total{type=\"IDENTIFY\"}", 2.0),
        ("concierge_payloads_received_total{type=\"MESSAGE\"}", 1.0),
        ("concierge_payloads_received_total{type=\"SERVICE_CREATE\"}", 1.0),
        ("concierge_payloads_received_total{type=\"invalid\"}", 1.0),
        ("concierge_payloads_sent_total{type=\"HELLO\"}", 2.0),
        ("concierge_payloads_sent_total{type=\"MESSAGE\"}", 1.0),
        ("concierge_payloads_sent_total{type=\"ERROR_PROTOCOL\"}", 1.0),
        ("concierge_panics_total", 0.0),
        ("concierge_handling_seconds_count", 5.0),
        ("concierge_hub_seconds_count", 4.0),
    ] {
        assert!((number(&text, metric) - expected).abs() < 0.5, "{metric} is not {expected}:\n{text}");
    }
    assert!(number(&text, "concierge_received_bytes_total") > 100.0, "{text}");
    assert!(number(&text, "concierge_sent_bytes_total") > 100.0, "{text}");
    for secret in ["carol", "dave", "a_rare"] {
        assert!(!text.contains(secret), "{secret} stands in:\n{text}");
    }
    assert!(text.ends_with("# EOF\n"), "{text}");
    drop(dave);
}

#[test]
fn how_connections_end_is_counted() {
    let (gateway, metrics) = gateway(&["--set", "limits.connections=50"]);
    let mut wrong = RawSocket::upgraded(gateway.address()).expect("a WebSocket");
    wrong.send_text("nonsense").expect("it is read");
    assert_eq!(wrong.read_close().expect("a close").code, Some(4002));
    let page =
        Handshake::upgrade("/ws", &gateway.address().to_string()).with("Origin: https://elsewhere.example");
    let mut foreign = RawSocket::open(gateway.address()).expect("it listens");
    assert_eq!(foreign.ask(&page).expect("an answer").status, 403);
    let text = read(metrics);
    assert!(number(&text, "concierge_connections_refused_total{cause=\"origin\"}") > 0.5, "{text}");
    assert!(number(&text, "concierge_closes_total{by=\"gateway\"}") > 0.5, "{text}");
    assert!(number(&text, "concierge_closes_by_code_total{code=\"4002\"}") > 0.5, "{text}");
}

#[test]
fn only_those_who_run_it_can_ask() {
    let (gateway, metrics) = gateway(&[]);
    let own = metrics.to_string();
    assert_eq!(ask(metrics, "GET", "/healthz", &own).text(), "ok\n");
    assert_eq!(ask(metrics, "GET", "/readyz", &own).text(), "ready\n");
    assert_eq!(ask(metrics, "HEAD", "/metrics", &own).status, 200);
    assert_eq!(ask(metrics, "GET", "/ws", &own).status, 404);
    assert_eq!(ask(metrics, "POST", "/metrics", &own).status, 405);
    // A name that somebody else's server gave to this machine.
    assert_eq!(ask(metrics, "GET", "/metrics", "rebound.example").status, 403);
    // The port of clients has none of it.
    assert_eq!(ask(gateway.address(), "GET", "/metrics", &gateway.address().to_string()).status, 404);
    let page = Handshake::request("GET", "/metrics", &own).with("Origin: https://elsewhere.example");
    let mut browser = RawSocket::open(metrics).expect("it listens");
    assert_eq!(browser.ask(&page).expect("an answer").status, 403);
}

#[test]
fn a_full_gateway_is_not_ready() {
    let (gateway, metrics) = gateway(&["--set", "limits.connections=1"]);
    let _only = RawSocket::identified(gateway.address(), "only", "").expect("there is one place");
    assert_eq!(ask(metrics, "GET", "/readyz", &metrics.to_string()).status, 503);
    let mut late = RawSocket::open(gateway.address()).expect("it listens");
    assert_eq!(late.read_response().expect("an answer").status, 503);
    assert!(number(&read(metrics), "concierge_connections_refused_total{cause=\"full\"}") > 0.5);
}
