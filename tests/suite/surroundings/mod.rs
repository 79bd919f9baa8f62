//! Wherever a command runs: with streams that are closed, full or none, on strange terminals, in bare environments, with
//! arguments that are nonsense. It says what is wrong in one sentence, or does what it was asked.

mod arguments;
mod environment;
mod signals;
mod streams;
mod terminals;

use std::process::Output;

use support::gateway::Gateway;
use support::peer::Peer;
use support::shell::Shell;

/// A gateway with somebody on it, and a shell that uses it.
struct Place {
    // Before the gateway, which waits for those who are connected.
    bob: Peer,
    shell: Shell,
    _gateway: Gateway,
}

impl Place {
    /// `bob` is there and has the service `chat`.
    fn new() -> Self {
        let gateway = Gateway::configured("heartbeat = { interval = \"10m\", timeout = \"20m\" }").unwrap();
        let mut bob = Peer::join(gateway.address(), "bob").unwrap();
        bob.ask(r#"{"type":"SERVICE_CREATE","service":"chat"}"#).unwrap();
        let shell = Shell::at(&gateway.url()).unwrap();
        Self { bob, shell, _gateway: gateway }
    }
}

/// What everybody may run, and what ends by itself; no two of them need each other.
const FINITE: &[&[&str]] = &[
    &["version"],
    &["--help"],
    &["send", "--help"],
    &["whoami"],
    &["clients", "ls"],
    &["clients", "show", "bob"],
    &["services", "ls"],
    &["services", "show", "chat"],
    &["services", "create", "mine"],
    &["send", "bob", "hi"],
    &["ping"],
];

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// Fails unless it ended with that code, and without showing its inside.
fn ended(output: &Output, code: i32, what: &str) {
    let said = stderr(output);
    assert_eq!(output.status.code(), Some(code), "{what} said:\n{said}");
    for never in ["panicked", "RUST_BACKTRACE", "src/"] {
        assert!(!said.contains(never), "{what} shows its inside:\n{said}");
    }
}
