//! Streams: when they end, what is told of a connection that breaks, and how much is written at a time.
#![expect(clippy::unwrap_used, reason = "a test whose world cannot be set up has failed")]

use std::{
    fs::OpenOptions,
    io::{BufRead, BufReader},
    time::Duration,
};

use concierge_client::{Event, Target, payload::ServiceName};

use crate::gateway::{Gateway, Outcome, Peer, run_in};
use crate::processes::{sent_a_message, start};

/// Runs a command that goes by the name `ear`, and sends it these texts once it is there.
fn heard(arguments: &[&str], texts: &[&str]) -> Outcome {
    let gateway = Gateway::start();
    let mut bob = gateway.peer("bob");
    std::thread::scope(|scope| {
        let listening = scope.spawn(|| gateway.run(&[&["-N", "ear"], arguments].concat()));
        bob.see_join("ear");
        bob.wait(async {
            for text in texts {
                // It may have heard enough and be gone.
                if bob.client.to("ear").json(text).await.is_err() {
                    break;
                }
            }
        });
        listening.join().unwrap()
    })
}

fn open(peer: &Peer<'_>, service: &str) {
    let name = ServiceName::new(service).unwrap();
    peer.wait(async { peer.client.create_service(name).await }).unwrap();
}

/// Opens a service, and waits for a subscriber. Only subscribers are told of each other, and one may be there already.
fn open_and_meet(peer: &mut Peer<'_>, service: &str) {
    open(peer, service);
    peer.wait(async { peer.client.subscribe(service).await }).unwrap();
    let there = peer.wait(async { peer.client.service(service).await }).unwrap();
    if there.subscribers.len() < 2 {
        peer.see_subscription();
    }
}

fn publish(peer: &Peer<'_>, service: &str, text: &str) {
    let target = Target::service(service.parse().unwrap());
    peer.wait(async { peer.client.to(target).json(text).await }).unwrap();
}

#[test]
fn until_ends_a_stream_with_the_record_that_it_is_true_of() {
    let outcome = heard(&["listen", "--until", r#".data == "b""#, "-o", "raw"], &["a", "b", "c"]);
    assert!(&outcome == 0, "{outcome:?}");
    assert_eq!(outcome.stdout, "a\nb\n");
}

#[test]
fn silence_ends_a_stream() {
    let outcome = heard(&["listen", "--idle", "300ms", "-o", "raw"], &["a"]);
    assert!(&outcome == 0, "{outcome:?}");
    assert!(["a\n", ""].contains(&outcome.stdout.as_str()), "{outcome:?}");
}

#[test]
fn what_was_expected_ends_a_stream() {
    let outcome = heard(&["listen", "--expect", r#".data == "b""#, "-o", "raw"], &["a", "b", "c"]);
    assert!(&outcome == 0, "{outcome:?}");
    assert_eq!(outcome.stdout, "a\nb\n");
}

#[test]
fn what_was_expected_and_did_not_come_is_8_with_what_came_instead() {
    let outcome = heard(&["listen", "-n", "2", "--expect", ".data == 1", "-o", "raw"], &["a", "b"]);
    assert!(&outcome == 8, "{outcome:?}");
    assert_eq!(outcome.stdout, "a\nb\n");
    assert!(
        outcome.stderr.contains(r#"error: no record came for which ".data == 1" is true; 2 others came"#)
    );
    assert!(outcome.stderr.contains(r#""data":"b"}"#), "{outcome:?}");
    let nothing = Gateway::start().run(&["events", "--for", "10ms", "--expect", "true"]);
    assert!(&nothing == 8 && nothing.stderr.contains("nothing came"), "{nothing:?}");
}

#[test]
fn an_expression_that_does_not_fit_is_told_once_and_ends_nothing() {
    let outcome = heard(&["listen", "-n", "2", "--until", ".data.x"], &["a", "b"]);
    assert!(&outcome == 0, "{outcome:?}");
    assert_eq!(outcome.stderr.matches("counts as not true").count(), 1, "{outcome:?}");
}

#[test]
fn a_limit_that_makes_no_sense_is_2() {
    for arguments in [
        &["listen", "--until", "foo"][..],
        &["events", "--expect", ".a ["],
        &["raw", "--idle", "0"],
        &["listen", "--for", "soon"],
    ] {
        let outcome = run_in(arguments, "", &[]);
        assert!(&outcome == 2, "{arguments:?}: {outcome:?}");
    }
}

#[test]
fn raw_has_limits_too() {
    let gateway = Gateway::start();
    let identify = r#"{"type":"IDENTIFY","name":"bob","version":"0.2.0"}"#;
    let fetch = r#"{"type":"SELF_FETCH"}"#;
    let payloads = format!("{identify}\n{fetch}\n{fetch}\n");
    let until = gateway.run_with_input(&["raw", "--until", ".seq == 0"], &payloads);
    assert!(&until == 0, "{until:?}");
    assert_eq!(until.stdout.lines().count(), 2, "{until:?}");
    let missed = gateway.run_with_input(&["raw", "--expect", ".type == \"BAD\""], &payloads);
    assert!(&missed == 8, "{missed:?}");
    assert_eq!(missed.stdout.lines().count(), 3, "{missed:?}");
}

#[test]
fn listen_comes_back_after_the_gateway_was_away_and_says_so_once() {
    let mut gateway = Gateway::start();
    let (mut child, owner) = {
        let mut bob = gateway.peer("bob");
        open(&bob, "chat");
        bob.wait(async { bob.client.subscribe("chat").await }).unwrap();
        let child = start(&gateway, &["-N", "ear", "listen", "chat", "-n", "2", "-o", "raw"]);
        bob.see_subscription();
        publish(&bob, "chat", "before");
        (child, bob.client.clone())
    };
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    stdout.read_line(&mut line).unwrap();
    assert_eq!(line, "before\n");
    let mut events = owner.events();
    gateway.restart();
    let carol = gateway.peer("carol");
    carol.wait(async {
        let resumed = |event: &Event| matches!(event, Event::Resumed(_)).then_some(());
        events.wait_for(Duration::from_secs(20), resumed).await.unwrap();
        // Both were subscribed again, the listener before or after this is asked.
        if owner.service("chat").await.unwrap().subscribers.len() < 2 {
            let own = owner.uuid();
            let subscribed = |event: &Event| match event {
                Event::ServiceClientSubscribed { client, .. } => (client.uuid != own).then_some(()),
                _ => None,
            };
            events.wait_for(Duration::from_secs(20), subscribed).await.unwrap();
        }
        owner.to(Target::service("chat".parse().unwrap())).json("after").await.unwrap();
    });
    line.clear();
    stdout.read_line(&mut line).unwrap();
    assert_eq!(line, "after\n");
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(told.matches("connecting again").count(), 1, "{told}");
    assert_eq!(told.matches("connected again after").count(), 1, "{told}");
}

#[test]
fn an_outage_is_told_to_programs_with_its_length() {
    let mut gateway = Gateway::start();
    let child = {
        let mut bob = gateway.peer("bob");
        let child = start(&gateway, &["-N", "ear", "events", "--type", "MESSAGE", "-n", "1", "--json"]);
        bob.see_join("ear");
        child
    };
    gateway.restart();
    let mut bob = gateway.peer("bob");
    let there = bob.wait(async { bob.client.clients().await }).unwrap();
    if !there.iter().any(|client| client.name == "ear") {
        bob.see_join("ear");
    }
    bob.wait(async { bob.client.to("ear").json("hi").await }).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let told = String::from_utf8(output.stderr).unwrap();
    let records: Vec<serde_json::Value> =
        told.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
    let kinds: Vec<_> = records.iter().map(|record| record["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["disconnected", "resumed"]);
    assert!(records[1]["gap_ms"].is_u64(), "{told}");
    assert_eq!(String::from_utf8(output.stdout).unwrap().lines().count(), 1);
}

#[test]
fn a_service_that_is_not_there_can_be_waited_for() {
    let gateway = Gateway::start();
    let mut bob = gateway.peer("bob");
    let arguments = ["-N", "ear", "listen", "chat", "--wait", "-n", "2", "-o", "raw"];
    let outcome = std::thread::scope(|scope| {
        let listening = scope.spawn(|| gateway.run(&arguments));
        bob.see_join("ear");
        for text in ["one", "two"] {
            open_and_meet(&mut bob, "chat");
            publish(&bob, "chat", text);
            bob.wait(async { bob.client.delete_service("chat").await }).unwrap();
        }
        listening.join().unwrap()
    });
    assert!(&outcome == 0, "{outcome:?}");
    assert_eq!(outcome.stdout, "one\ntwo\n");
    assert!(outcome.stderr.contains("waiting for it"), "{outcome:?}");
}

#[test]
fn a_script_waits_for_a_service() {
    let gateway = Gateway::start();
    let script = "services create chat\nlisten chat --wait\nlisten none --wait --for 10ms\nversion\n";
    let outcome = gateway.run_with_input(&["run", "-"], script);
    assert!(&outcome == 0, "{outcome:?}");
    assert!(
        outcome.stdout.contains("subscribed to #chat") && outcome.stdout.contains("protocol"),
        "{outcome:?}"
    );
    assert!(outcome.stderr.contains("#none is not there; waiting for it"), "{outcome:?}");
}

#[test]
fn a_reader_that_has_seen_enough_ends_a_stream_in_full_flow() {
    let gateway = Gateway::start();
    let mut bob = gateway.peer("bob");
    let mut child = start(&gateway, &["-N", "ear", "listen", "-o", "raw"]);
    bob.see_join("ear");
    bob.wait(async {
        for _ in 0..100 {
            bob.client.to("ear").json("x").await.unwrap();
        }
    });
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(output.stderr.is_empty(), "{output:?}");
}

#[test]
fn a_full_disk_ends_a_stream_with_10() {
    let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output = sent_a_message(&["listen"], full);
    assert_eq!(output.status.code(), Some(10), "{output:?}");
    assert_eq!(output.stderr, b"error: could not write: No space left on device\n");
}

#[test]
fn what_came_before_the_connection_was_lost_is_written() {
    let mut gateway = Gateway::start();
    let url = gateway.url.clone();
    let mut bob = gateway.peer("bob");
    let listening = std::thread::spawn(move || {
        run_in(&["--url", &url, "-N", "ear", "listen", "--no-reconnect", "-o", "raw"], "", &[])
    });
    bob.see_join("ear");
    bob.wait(async {
        for number in 0..1000 {
            bob.client.to("ear").json(&number).await.unwrap();
        }
    });
    drop(bob);
    gateway.stop();
    let outcome = listening.join().unwrap();
    assert!(&outcome == 7, "{outcome:?}");
    assert_eq!(outcome.stdout.lines().count(), 1000);
}
