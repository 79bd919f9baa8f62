//! The examples do what they say, as the programs a reader would run.

mod events;
mod web_application;

use std::io::Write as _;

use rustix::process::Signal;
use support::gateway::Gateway;
use support::process::{Program, command};
use support::raw::RawSocket;

/// Starts an example against a gateway, and waits until it is ready.
fn start(gateway: &Gateway, name: &str, arguments: &[&str]) -> Program {
    start_in(&[("CONCIERGE_URL", &gateway.url())], name, arguments)
}

/// The same with these variables in its environment.
fn start_in(environment: &[(&str, &str)], name: &str, arguments: &[&str]) -> Program {
    let mut command = command(&format!("examples/{name}")).unwrap();
    command.args(arguments).envs(environment.iter().copied());
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
fn a_service_is_asked_and_answers() {
    let gateway = Gateway::start();
    let service = start(&gateway, "sum_service", &[]);
    let mut caller = start(&gateway, "sum_caller", &["20", "22"]);
    caller.wait_for_line("the sum is 42").unwrap();
    caller.wait_for_success().unwrap();
    let mut caller = start(&gateway, "sum_caller", &["9223372036854775807", "1"]);
    caller.wait_for_line(r#"the service says "the sum is too large""#).unwrap();
    caller.wait_for_success().unwrap();
    stop(service);
}

#[test]
fn command_bot_does_what_it_is_asked_and_tells_its_subscribers() {
    let gateway = Gateway::start();
    let mut bot = start(&gateway, "command_bot", &[]);
    let mut alice = joined(&gateway, "alice");
    alice.send_text(r#"{"type":"SELF_SUBSCRIBE","service":"commands"}"#).unwrap();
    assert!(alice.read_text().unwrap().contains(r#""successful":true"#));
    let id = "41fbdd59-1c9c-4b1c-8a2f-25c3f2a39b1d";
    let ask = |body: &str| {
        let data = format!(r#"{{"request":"{id}","body":{body}}}"#);
        format!(r#"{{"type":"MESSAGE","target":{{"type":"SERVICE","service":"commands"}},"data":{data}}}"#)
    };
    alice.send_text(&ask(r#"{"command":"reverse","text":"abc"}"#)).unwrap();
    assert_eq!(alice.read_text().unwrap(), r#"{"seq":1,"type":"OK"}"#);
    let news = alice.read_text().unwrap();
    assert!(news.ends_with(r#","data":{"by":"alice","result":"cba"}}"#), "{news}");
    let answer = alice.read_text().unwrap();
    assert!(answer.ends_with(&format!(r#","data":{{"reply":"{id}","body":"cba"}}}}"#)), "{answer}");
    alice.send_text(&ask(r#"{"command":"repeat","text":"abc","times":101}"#)).unwrap();
    assert_eq!(alice.read_text().unwrap(), r#"{"seq":2,"type":"OK"}"#);
    let refusal = alice.read_text().unwrap();
    let expected = format!(r#","data":{{"reply":"{id}","error":"a hundred times at most"}}}}"#);
    assert!(refusal.ends_with(&expected), "{refusal}");
    bot.signal(Signal::TERM).unwrap();
    bot.wait_for_line("answered 1 requests").unwrap();
    bot.wait_for_success().unwrap();
}

#[test]
fn bridge_carries_a_service_to_another_gateway_and_answers_back() {
    let (here, there) = (Gateway::start(), Gateway::start());
    let chat = start(&here, "chat_service", &[]);
    let bridge = start(&here, "bridge", &[&there.url(), "chat"]);
    let mut alice = start(&here, "chat_client", &["alice"]);
    let mut bob = start(&there, "chat_client", &["bob"]);
    type_line(&mut alice, "hi there");
    bob.wait_for_line(r#""alice": "hi there""#).unwrap();
    // On the first gateway it is the bridge that says what comes over it.
    type_line(&mut bob, "hi back");
    alice.wait_for_line(r#""bridge": "hi back""#).unwrap();
    bob.wait_for_line(r#""bridge": "hi back""#).unwrap();
    stop(bridge);
    bob.wait_for_line("the chat is over").unwrap();
    bob.wait_for_success().unwrap();
    stop(chat);
    alice.wait_for_line("the chat is over").unwrap();
    alice.wait_for_success().unwrap();
}

#[test]
fn the_clients_of_the_drill_come_back_each_time() {
    let gateway = Gateway::start();
    let mut drill = start(&gateway, "reconnect_drill", &["3"]);
    for round in 1..=3 {
        drill.wait_for_line(&format!("round {round}: the owner is ")).unwrap();
    }
    drill.wait_for_line("everything came back").unwrap();
    drill.wait_for_success().unwrap();
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
