//! What a person sees when something is wrong: a sentence that says what happened and what to try, the right exit code, and
//! neither a panic nor a backtrace.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Output};

use support::gateway::Gateway;
use support::process::program;

/// A listener that does this with everyone who connects, once they have sent something.
fn peer(answer: impl Fn(TcpStream) + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        while let Ok((mut stream, _)) = listener.accept() {
            let mut request = [0; 4096];
            if matches!(stream.read(&mut request), Ok(1..)) {
                answer(stream);
            }
        }
    });
    address
}

fn answering(bytes: &'static [u8]) -> SocketAddr {
    peer(move |mut stream| {
        // The client may hang up as soon as it has seen enough.
        let _gone = stream.write_all(bytes);
    })
}

fn run(arguments: &[&str]) -> Output {
    let home = tempfile::tempdir().unwrap();
    let mut command = Command::new(program("concierge").unwrap());
    command.args(arguments).env("HOME", home.path()).env_remove("CONCIERGE_URL").env("RUST_BACKTRACE", "1");
    command.stdin(std::process::Stdio::null()).output().unwrap()
}

/// Runs a command that must fail with that code and say these things, on stderr alone.
fn fails(arguments: &[&str], code: i32, says: &[&str]) {
    let output = run(arguments);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{arguments:?} said:\n{said}");
    for what in says {
        assert!(
            said.to_lowercase().contains(&what.to_lowercase()),
            "{arguments:?} does not say {what:?}:\n{said}"
        );
    }
    for never in ["panicked", "backtrace", "RUST_", "src/"] {
        assert!(!said.contains(never), "{arguments:?} shows its inside:\n{said}");
    }
    assert!(output.stdout.is_empty(), "{arguments:?} wrote its error to stdout");
}

fn whoami(address: SocketAddr, code: i32, says: &[&str]) {
    let url = format!("ws://{address}/ws");
    fails(&["--url", &url, "--timeout", "20s", "whoami"], code, says);
}

#[test]
fn a_url_that_is_none_is_a_usage_error() {
    fails(&["--url", "not a url", "whoami"], 2, &["url", "hint"]);
    fails(&["--url", "ftp://127.0.0.1/ws", "whoami"], 2, &["ftp", "ws://"]);
}

#[test]
fn a_gateway_that_is_not_there_is_told_with_its_address() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    whoami(address, 3, &[&address.to_string(), "refused", "hint"]);
}

#[test]
fn a_peer_that_speaks_plain_http_is_told_from_a_gateway() {
    whoami(answering(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi"), 3, &["200", "hint"]);
    whoami(answering(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n"), 3, &["404", "hint"]);
}

#[test]
fn a_peer_that_closes_in_the_handshake_is_told() {
    whoami(answering(b""), 3, &["hung up", "hint"]);
}

#[test]
fn a_peer_that_sends_garbage_is_told() {
    whoami(answering(b"\x00\x01\x02 this is no protocol \x1b[31m at all\r\n\r\n"), 3, &["hint"]);
}

#[test]
fn refusals_at_the_door_have_a_code_of_their_own() {
    let gateway = Gateway::configured("secret = \"s3cret\"\n").unwrap();
    fails(&["--url", &gateway.url(), "whoami"], 4, &["secret", "hint"]);
    let open = Gateway::start();
    fails(&["--url", &open.url(), "--name", "not valid", "whoami"], 2, &["name"]);
}

#[test]
fn who_is_not_there_has_a_code_of_its_own() {
    let gateway = Gateway::start();
    fails(&["--url", &gateway.url(), "send", "nobody", "hi"], 6, &["nobody"]);
    fails(&["--url", &gateway.url(), "services", "show", "nothing"], 6, &["nothing"]);
}

#[test]
fn an_error_is_json_where_json_was_asked_for() {
    let gateway = Gateway::start();
    let output = run(&["--url", &gateway.url(), "--json", "send", "nobody", "hi"]);
    assert_eq!(output.status.code(), Some(6));
    let error: serde_json::Value = serde_json::from_slice(&output.stderr).unwrap();
    assert_eq!(error.get("v"), Some(&serde_json::json!(1)), "{error}");
}

#[test]
fn a_command_that_does_not_exist_is_a_usage_error_with_a_suggestion() {
    fails(&["whoam"], 2, &["whoami"]);
    fails(&["services", "shw", "x"], 2, &["show"]);
}
