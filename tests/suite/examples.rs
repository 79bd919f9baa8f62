//! The examples do what they say, as the programs a reader would run.

use std::io::Write as _;
use std::process::Command;

use rustix::process::Signal;
use support::gateway::Gateway;
use support::process::{Program, program};
use support::raw::RawSocket;

/// Starts an example against a gateway, and waits until it is ready.
fn start(gateway: &Gateway, name: &str, arguments: &[&str]) -> Program {
    let path = program("concierge").unwrap().parent().unwrap().join("examples").join(name);
    let mut command = Command::new(path);
    command.args(arguments).env("CONCIERGE_URL", gateway.url());
    let mut example = Program::start(name, &mut command).unwrap();
    example.wait_for_line("ready").unwrap();
    example
}

fn stop(mut example: Program) {
    example.signal(Signal::TERM).unwrap();
    example.wait_for_success().unwrap();
}

fn type_line(example: &mut Program, line: &str) {
    let stdin = example.stdin.as_mut().expect("its input is open");
    writeln!(stdin, "{line}").unwrap();
    stdin.flush().unwrap();
}

fn joined(gateway: &Gateway, name: &str) -> RawSocket {
    let mut socket = RawSocket::upgraded(gateway.address()).unwrap();
    let identify =
        format!(r#"{{"type":"IDENTIFY","name":"{name}","version":"0.2.0","tags":[],"intents":[]}}"#);
    socket.send_text(&identify).unwrap();
    assert!(socket.read_text().unwrap().contains("HELLO"));
    socket
}

#[test]
fn hello_tells_who_and_what_is_there() {
    let gateway = Gateway::start();
    let _alice = joined(&gateway, "alice");
    let mut hello = start(&gateway, "hello", &[]);
    hello.wait_for_line("I am hello").unwrap();
    hello.wait_for_line("client alice").unwrap();
    hello.wait_for_success().unwrap();
}

#[test]
fn echo_bot_sends_back_what_it_is_sent() {
    let gateway = Gateway::start();
    let bot = start(&gateway, "echo_bot", &[]);
    let mut alice = joined(&gateway, "alice");
    alice
        .send_text(r#"{"type":"MESSAGE","target":{"type":"NAME","name":"echo_bot"},"data":{"n": 1.10}}"#)
        .unwrap();
    assert_eq!(alice.read_text().unwrap(), r#"{"seq":0,"type":"OK"}"#);
    let echo = alice.read_text().unwrap();
    assert!(echo.ends_with(r#","data":{"n": 1.10}}"#), "{echo}");
    stop(bot);
}

#[test]
fn what_one_says_in_the_chat_everyone_hears() {
    let gateway = Gateway::start();
    let service = start(&gateway, "chat_service", &[]);
    let mut alice = start(&gateway, "chat_client", &["alice"]);
    let mut bob = start(&gateway, "chat_client", &["bob"]);
    type_line(&mut alice, "hi there");
    alice.wait_for_line(r#""alice": "hi there""#).unwrap();
    bob.wait_for_line(r#""alice": "hi there""#).unwrap();
    stop(service);
    for mut client in [alice, bob] {
        client.wait_for_line("the chat is over").unwrap();
        client.wait_for_success().unwrap();
    }
}

#[test]
fn monitor_prints_who_comes_and_goes() {
    let gateway = Gateway::start();
    let mut monitor = start(&gateway, "monitor", &[]);
    let alice = joined(&gateway, "alice");
    monitor.wait_for_line("alice").unwrap();
    drop(alice);
    monitor.wait_for_line("alice").unwrap();
    stop(monitor);
}
