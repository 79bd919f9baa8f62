//! `send` for scripts: many messages, templates, lines, what fails among them, and services that are subscribed to meanwhile.
#![expect(clippy::unwrap_used, reason = "a test whose world cannot be set up has failed")]

use std::{
    io::{BufRead, BufReader, Write},
    process::Stdio,
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::{
    gateway::{Gateway, Peer, program},
    schemas,
};

/// The data of the next messages, as JSON.
fn next(peer: &mut Peer<'_>, count: usize) -> Vec<Value> {
    (0..count).map(|_| serde_json::from_str(&peer.next_data()).unwrap()).collect()
}

#[test]
fn many_are_sent_in_order_and_counted() {
    let gateway = Gateway::start();
    let mut bob = gateway.peer("bob");
    let outcome = gateway.run(&["send", "bob", "{{n}}", "--template", "-n", "500", "--json"]);
    assert!(&outcome == 0, "{outcome:?}");
    let record = outcome.record();
    assert_eq!(
        (&record["type"], &record["sent"], &record["failed"]),
        (&json!("sent"), &json!(500), &json!(0))
    );
    assert_eq!(next(&mut bob, 500), (1..=500).map(|number| json!(number)).collect::<Vec<_>>());
    let outcome = gateway.run(&["send", "bob", "hi", "-n", "3", "-o", "tsv"]);
    let row: Vec<_> = outcome.stdout.trim_end().split('\t').collect();
    assert_eq!(row.len(), schemas::columns("sent"), "{outcome:?}");
    assert_eq!(row[..3], ["@bob", "3", "0"]);
    assert_eq!(next(&mut bob, 3), [json!("hi"), json!("hi"), json!("hi")]);
    let outcome = gateway.run(&["send", "bob", "hi", "-n", "2", "-o", "raw"]);
    assert!(&outcome == 0 && outcome.stdout == "2\n", "{outcome:?}");
}

#[test]
fn a_template_is_filled_in_wherever_the_payload_is() {
    let gateway = Gateway::start();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("message.json");
    std::fs::write(&file, r#"{"n": {{n}}}"#).unwrap();
    let at = format!("@{}", file.display());
    let mut bob = gateway.peer("bob");
    for words in [&["n:={{n}}"][..], &[r#"{"n": {{ n }}}"#], &[&at], &["-"]] {
        let arguments = [&["send", "bob", "--template"], words].concat();
        let outcome = gateway.run_with_input(&arguments, "{\"n\": {{n}}}\n");
        assert!(&outcome == 0, "{outcome:?}");
        assert_eq!(next(&mut bob, 1), [json!({"n": 1})]);
    }
    let outcome = gateway.run(&["send", "bob", "id={{uuid}}", "at={{now}}", "--template", "-n", "2"]);
    assert!(&outcome == 0, "{outcome:?}");
    let sent = next(&mut bob, 2);
    assert_ne!(sent[0]["id"], sent[1]["id"]);
    assert!(sent[0]["id"].as_str().unwrap().parse::<uuid::Uuid>().is_ok());
    assert!(sent[0]["at"].as_str().unwrap().parse::<jiff::Timestamp>().is_ok());
    // Told before a gateway is asked.
    for payload in ["{{m}}", "{{{n}}", r#"{"a": {{uuid}}}"#] {
        let arguments = ["send", "bob", payload, "--template", "-u", "ws://127.0.0.1:1/ws"];
        let outcome = gateway.run(&arguments);
        assert!(&outcome == 2, "{payload}: {outcome:?}");
    }
}

#[test]
fn each_line_is_a_message() {
    let gateway = Gateway::start();
    let mut bob = gateway.peer("bob");
    let outcome =
        gateway.run_with_input(&["send", "bob", "--each-line"], "{\"a\": 1.10}\nhello there\r\n\n42");
    assert!(&outcome == 0 && outcome.stdout.starts_with("4 sent to @bob"), "{outcome:?}");
    assert_eq!(bob.next_data(), "{\"a\": 1.10}");
    assert_eq!(next(&mut bob, 3), [json!("hello there"), json!(""), json!(42)]);

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("lines");
    std::fs::write(&file, "one {{n}}\ntwo {{n}}\nthree\n").unwrap();
    let at = format!("@{}", file.display());
    let outcome = gateway.run(&["send", "bob", &at, "--each-line", "--template", "-n", "2"]);
    assert!(&outcome == 0 && outcome.stdout.starts_with("2 sent"), "{outcome:?}");
    assert_eq!(next(&mut bob, 2), [json!("one 1"), json!("two 2")]);
    let outcome = gateway.run(&["send", "bob", "hello", "--each-line"]);
    assert!(&outcome == 2 && outcome.stderr.contains("@FILE"), "{outcome:?}");
}

#[test]
fn the_first_that_fails_ends_it_unless_it_is_to_go_on() {
    let gateway = Gateway::start();
    let mut bob = gateway.peer("bob");
    let input = "1\n{bad\n3\n";
    let outcome = gateway.run_with_input(&["send", "bob", "--each-line"], input);
    assert!(&outcome == 2 && outcome.stderr.contains("line 2: not valid JSON"), "{outcome:?}");
    assert!(outcome.stdout.starts_with("1 sent to @bob, 1 failed"), "{outcome:?}");
    assert_eq!(next(&mut bob, 1), [json!(1)]);

    let outcome = gateway.run_with_input(&["send", "bob", "--each-line", "--keep-going", "--json"], input);
    assert!(&outcome == 9, "{outcome:?}");
    assert_eq!((&outcome.record()["sent"], &outcome.record()["failed"]), (&json!(2), &json!(1)));
    let errors = outcome.errors();
    assert!(errors[0]["message"].as_str().unwrap().starts_with("line 2: "), "{errors:?}");
    assert_eq!(errors[1]["message"], "1 of 3 was not sent");
    assert_eq!(next(&mut bob, 2), [json!(1), json!(3)]);

    // None of them: that is no part.
    let outcome = gateway.run(&["send", "nobody", "hi", "-n", "3", "--keep-going"]);
    assert!(&outcome == 6 && outcome.stderr.contains("3 of 3 were not sent"), "{outcome:?}");
    let outcome = gateway.run(&["send", "bbo", "hi", "-n", "3"]);
    assert!(&outcome == 6 && outcome.stderr.contains("did you mean \"bob\"?"), "{outcome:?}");
}

#[test]
fn a_service_is_subscribed_to_for_as_long_as_it_takes() {
    let gateway = Gateway::start();
    let mut bob = gateway.peer("bob");
    bob.wait(async { bob.client.create_service("chat").await }).unwrap();
    let outcome = gateway.run(&["send", "svc:chat", "hi"]);
    assert!(&outcome == 1 && outcome.stderr.contains("--subscribe"), "{outcome:?}");
    let outcome = gateway.run(&["send", "svc:chat", "hi", "--subscribe"]);
    assert!(&outcome == 0, "{outcome:?}");
    assert_eq!(next(&mut bob, 1), [json!("hi")]);
    // What was there before stays, and what was not goes.
    for (script, subscriptions) in [
        ("send svc:chat a --subscribe\nwhoami --json\n", json!([])),
        ("listen chat\nsend svc:chat b --subscribe\nwhoami --json\n", json!(["chat"])),
    ] {
        let outcome = gateway.run_with_input(&["run", "-"], script);
        assert!(&outcome == 0, "{outcome:?}");
        let whoami: Value = serde_json::from_str(outcome.stdout.lines().last().unwrap()).unwrap();
        let names: Value =
            whoami["subscriptions"].as_array().unwrap().iter().map(|it| it["name"].clone()).collect();
        assert_eq!(names, subscriptions, "{script}");
    }
    let outcome = gateway.run(&["send", "bob", "hi", "--subscribe"]);
    assert!(&outcome == 2, "{outcome:?}");
}

#[test]
fn a_signal_ends_what_goes_on_and_what_was_sent_is_told() {
    let gateway = Gateway::start();
    let mut bob = gateway.peer("bob");
    let mut child = program()
        .args(["--json", "send", "bob", "{{n}}", "--template", "--interval", "1ms"])
        .env("CONCIERGE_URL", &gateway.url)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    assert_eq!(next(&mut bob, 5), [1, 2, 3, 4, 5]);
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let record: Value = serde_json::from_str(&line).unwrap();
    schemas::check(&record);
    assert!(record["sent"].as_u64().unwrap() >= 5 && record["failed"] == 0, "{record}");
}

#[test]
fn lines_are_sent_as_they_come() {
    let gateway = Gateway::start();
    let mut bob = gateway.peer("bob");
    let mut child = program()
        .args(["send", "bob", "--each-line"])
        .env("CONCIERGE_URL", &gateway.url)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    for word in ["one", "two"] {
        writeln!(stdin, "{word}").unwrap();
        assert_eq!(next(&mut bob, 1), [json!(word)]);
    }
    drop(stdin);
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn a_script_sends_many_too() {
    let gateway = Gateway::start();
    let mut bob = gateway.peer("bob");
    let script =
        "send bob n:={{n}} who={{uuid}} --template -n 2\nlet x = 5\nsend bob $x -n 2\nsend bob --each-line\n";
    let outcome = gateway.run_with_input(&["run", "-"], script);
    assert!(&outcome == 2 && outcome.stderr.contains("line 4"), "{outcome:?}");
    let sent = next(&mut bob, 4);
    assert_eq!((&sent[0]["n"], &sent[1]["n"]), (&json!(1), &json!(2)));
    assert_eq!(sent[2..], [json!(5), json!(5)]);
}
