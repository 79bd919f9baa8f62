//! Unix sockets: a gateway listens on them as on a port, leaves nothing behind, and takes nobody's place.

use std::io::{Read as _, Write as _};
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use concierge_client::Client;
use rustix::process::Signal;
use support::gateway::server_command;
use support::process::Program;
use support::raw::{Handshake, RawSocket, Response};

/// A gateway that listens there.
fn start(path: &Path, settings: &[&str]) -> Program {
    let mut command = server_command().unwrap();
    command.arg("--bind").arg(bind(path)).args(settings.iter().flat_map(|setting| ["--set", setting]));
    let mut program = Program::start("concierge-server", &mut command).unwrap();
    assert_eq!(program.next_line().unwrap(), format!("listening on {}", bind(path)));
    program
}

fn bind(path: &Path) -> String {
    format!("unix:{}", path.display())
}

/// How a gateway ends that cannot listen there, and what it says.
fn refused(path: &Path) -> (Option<i32>, String) {
    let output = server_command().unwrap().arg("--bind").arg(bind(path)).output().unwrap();
    assert!(output.stdout.is_empty(), "{output:?}");
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

/// Asks on a connection of its own.
fn ask(path: &Path, request: Handshake) -> Response {
    let mut stream = UnixStream::connect(path).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream.write_all(request.with("Connection: close").text().as_bytes()).unwrap();
    let mut said = Vec::new();
    stream.read_to_end(&mut said).unwrap();
    let said = String::from_utf8(said).unwrap();
    let (head, body) = said.split_once("\r\n\r\n").unwrap();
    Response { body: body.into(), ..Response::parse_head(head).unwrap() }
}

fn greet(path: &Path) -> u16 {
    ask(path, Handshake::request("GET", "/healthz", "localhost")).status
}

fn place() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gateway.sock");
    (folder, path)
}

#[test]
fn a_gateway_listens_on_a_socket_for_its_group_and_removes_it() {
    let (_folder, path) = place();
    let mut gateway = start(&path, &["metrics.bind=127.0.0.1:0"]);
    let metadata = path.symlink_metadata().unwrap();
    assert!(metadata.file_type().is_socket());
    assert_eq!(metadata.permissions().mode() & 0o777, 0o660);
    // Whatever it is called: no page of a browser finds its way here.
    for host in ["localhost", "gateway.example", "evil.example"] {
        assert_eq!(ask(&path, Handshake::request("GET", "/healthz", host)).status, 200);
    }
    let page = Handshake::request("GET", "/healthz", "localhost").with("Origin: http://localhost:3000");
    assert_eq!(ask(&path, page).status, 403);
    gateway.signal(Signal::TERM).unwrap();
    gateway.wait_for_success().unwrap();
    assert!(!path.exists());
    let log = gateway.stderr();
    assert!(log.contains(&format!("serving addresses={:?}", bind(&path))), "{log}");
    assert!(!log.contains("public address"), "{log}");
}

#[test]
fn a_socket_that_is_in_use_is_left_alone_and_one_of_a_dead_gateway_is_replaced() {
    let (_folder, path) = place();
    let first = start(&path, &[]);
    let (code, said) = refused(&path);
    assert_eq!(code, Some(10), "{said}");
    let told = format!("error: cannot listen on {}: Address already in use", bind(&path));
    assert_eq!(said.lines().next(), Some(told.as_str()));
    assert!(said.contains("\nhint:  another program listens there"), "{said}");
    assert_eq!(greet(&path), 200, "the first one goes on");
    // Killed, it leaves its socket behind.
    drop(first);
    assert!(path.exists());
    let second = start(&path, &[]);
    assert_eq!(greet(&path), 200);
    drop(second);
}

#[test]
fn what_is_no_socket_is_not_replaced() {
    let (folder, path) = place();
    std::fs::write(&path, "precious").unwrap();
    let (code, said) = refused(&path);
    assert_eq!(code, Some(10), "{said}");
    assert!(said.contains("something is there that is no socket\nhint:  give another path"), "{said}");
    assert_eq!(std::fs::read(&path).unwrap(), b"precious");
    // Neither is a link, wherever it leads.
    let link = folder.path().join("link");
    std::os::unix::fs::symlink(folder.path().join("nothing"), &link).unwrap();
    assert_eq!(refused(&link).0, Some(10));
    let (code, said) = refused(&folder.path().join("no/folder"));
    assert_eq!(code, Some(10), "{said}");
    assert!(said.contains("hint:  the folder has to be there"), "{said}");
    let (code, said) = refused(&folder.path().join("long".repeat(40)));
    assert_eq!(code, Some(10), "{said}");
}

#[test]
fn a_socket_that_another_program_put_there_meanwhile_stays() {
    let (_folder, path) = place();
    let mut gateway = start(&path, &[]);
    std::fs::remove_file(&path).unwrap();
    let _other = UnixListener::bind(&path).unwrap();
    gateway.signal(Signal::TERM).unwrap();
    gateway.wait_for_success().unwrap();
    assert!(path.exists());
}

#[test]
fn a_configuration_with_a_socket_is_checked_without_touching_it() {
    let (_folder, path) = place();
    let _first = start(&path, &[]);
    let output = server_command().unwrap().args(["--check", "--bind", &bind(&path)]).output().unwrap();
    assert_eq!(output.stdout, b"the configuration is good\n");
    assert_eq!(greet(&path), 200);
}

#[test]
fn strangers_over_a_socket_count_by_user_unless_they_are_a_proxy() {
    let (_folder, path) = place();
    let gateway = start(&path, &["limits.unidentified_per_address=2"]);
    let strangers: Vec<_> = (0..2).map(|_| UnixStream::connect(&path).unwrap()).collect();
    assert_eq!(greet(&path), 503);
    drop(strangers);
    crate::files::until("there is room again", || greet(&path) == 200);
    drop(gateway);
    let _gateway = start(&path, &["limits.unidentified_per_address=2", "trusted_proxies=unix"]);
    let _ready: Vec<_> = (0..8).map(|_| UnixStream::connect(&path).unwrap()).collect();
    let guess = |client: &str| {
        let request = Handshake::request("GET", "/fs/nobody/", "localhost")
            .with("x-fs-key: 00000000-0000-4000-8000-000000000000")
            .with(&format!("X-Forwarded-For: {client}"));
        ask(&path, request).status
    };
    assert!((0..10).all(|_| guess("203.0.113.1") == 401));
    assert_eq!((guess("203.0.113.1"), guess("203.0.113.2")), (429, 401));
}

#[test]
fn metrics_are_told_on_a_socket_as_well() {
    let (folder, path) = place();
    let metrics = folder.path().join("metrics.sock");
    let mut gateway = start(&path, &[&format!("metrics.bind={}", bind(&metrics))]);
    assert_eq!(gateway.next_line().unwrap(), format!("metrics on {}", bind(&metrics)));
    let answer = ask(&metrics, Handshake::request("GET", "/metrics", "localhost"));
    assert!(answer.text().contains("concierge_connections"), "{answer:?}");
    gateway.signal(Signal::TERM).unwrap();
    gateway.wait_for_success().unwrap();
    assert!(!metrics.exists());
}

#[tokio::test]
async fn clients_talk_over_a_socket() {
    let (_folder, path) = place();
    let _gateway = start(&path, &[]);
    let join = |name: &'static str| {
        let path = path.clone();
        let builder = Client::builder("ws://localhost/ws", name).unwrap();
        builder.connect_through(move || tokio::net::UnixStream::connect(path.clone())).connect()
    };
    let (alice, bob) = (join("alice").await.unwrap(), join("bob").await.unwrap());
    assert_eq!(alice.clients().await.unwrap().len(), 2);
    bob.close().await;
}

#[test]
#[ignore = "needs nginx and curl, which tests/run installs"]
fn nginx_and_curl_reach_a_socket() {
    let (folder, path) = place();
    let _gateway = start(&path, &["trusted_proxies=unix", "limits.wrong_secrets=1"]);
    let nginx = crate::proxied::nginx(folder.path(), &format!("http://{}", bind(&path)));
    let mut member = RawSocket::identified(nginx.address(), "member", "").unwrap();
    member.send_text(r#"{"type":"SELF_SET_SEQ","seq":7}"#).unwrap();
    assert_eq!(member.read_text().unwrap(), r#"{"seq":7,"type":"OK"}"#);
    let guess = |address: [u8; 4]| {
        let request = Handshake::request("GET", "/fs/nobody/", "localhost")
            .with("x-fs-key: 00000000-0000-4000-8000-000000000000");
        RawSocket::open_from(address.into(), nginx.address()).unwrap().ask(&request).unwrap().status
    };
    assert_eq!(guess([127, 0, 0, 2]), 401);
    assert_eq!((guess([127, 0, 0, 2]), guess([127, 0, 0, 3])), (429, 401));
    let output = std::process::Command::new("curl")
        .args(["-sS", "--unix-socket", path.to_str().unwrap(), "http://localhost/healthz"])
        .output()
        .unwrap();
    assert_eq!(output.stdout, b"ok\n", "{output:?}");
}
