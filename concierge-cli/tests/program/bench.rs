//! `bench`: what it counts, on a gateway that does its work and on some that do not. Never how fast.
#![expect(clippy::unwrap_used, reason = "a test whose world cannot be set up has failed")]
#![expect(clippy::indexing_slicing, reason = "what is missing in JSON is null")]

use std::process::Stdio;

use concierge_client::{
    ServiceName,
    testing::{ScriptedGateway, ScriptedListener},
};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::gateway::{Gateway, Outcome, program, run_in};

/// Sent fast, measured from the first on.
const QUICK: [&str; 4] = ["--rate", "2k", "--warmup", "0"];

fn bench(gateway: &Gateway, arguments: &[&str]) -> Outcome {
    gateway.run(&[&["bench"], arguments].concat())
}

/// What was counted: sent, answered, delivered, and how many latencies of a kind were measured.
fn counts(record: &Value, kind: &str) -> [u64; 4] {
    let latencies = &record["latency"][kind]["count"];
    [&record["sent"], &record["answered"], &record["delivered"], latencies]
        .map(|count| count.as_u64().unwrap())
}

/// Why it failed. That the generator was late may be noted before.
fn failure(outcome: &Outcome) -> Value {
    let mut failures = outcome.errors().into_iter().filter(|record| record["type"] == "error");
    match (failures.next(), failures.next()) {
        (Some(failure), None) => failure,
        _ => panic!("it fails for one reason: {outcome:?}"),
    }
}

fn assert_flawless(record: &Value) {
    for flaw in ["missing", "reordered", "duplicated", "refused"] {
        assert_eq!(record[flaw], 0, "{record}");
    }
    assert_eq!((&record["type"], &record["ended"]), (&json!("bench_result"), &json!("done")));
}

#[test]
fn each_scenario_counts_what_it_sends_and_what_arrives() {
    let gateway = Gateway::start();
    for (arguments, kind, expected) in [
        (&["send", "-n", "60", "--clients", "3"][..], "delivery", [60, 60, 60, 60]),
        (&["fanout", "-n", "20", "--subscribers", "5"], "delivery", [20, 20, 100, 100]),
        (&["request", "-n", "40", "--clients", "2"], "round_trip", [40, 40, 40, 40]),
        (&["connect", "-n", "30", "--clients", "4"], "identified", [30, 30, 0, 30]),
    ] {
        for rate in [&QUICK[..], &["--rate", "max", "--warmup", "0"]] {
            let outcome = bench(&gateway, &[arguments, rate, &["--json"]].concat());
            assert!(&outcome == 0, "{outcome:?}");
            let record = outcome.record();
            assert_flawless(&record);
            assert_eq!(counts(&record, kind), expected, "{record}");
            assert!(record["server"].as_str().unwrap().starts_with("concierge-server"));
        }
    }
    // Nobody and nothing is left behind.
    assert_eq!(gateway.run(&["services", "ls"]).stdout, "");
    let clients = gateway.run(&["clients", "ls", "--json"]).record();
    assert_eq!(clients["clients"].as_array().unwrap().len(), 1, "{clients}");
}

#[test]
fn the_warm_up_is_checked_and_not_measured() {
    let gateway = Gateway::start();
    let arguments = ["send", "--rate", "500", "--warmup", "100ms", "-n", "10", "--json"];
    let record = bench(&gateway, &arguments).record();
    assert_flawless(&record);
    assert_eq!(counts(&record, "delivery"), [60, 60, 60, 10], "{record}");
}

#[test]
fn a_time_ends_it_too() {
    let gateway = Gateway::start();
    for rate in ["500", "max"] {
        let arguments = ["request", "--rate", rate, "--warmup", "0", "--for", "50ms", "--json"];
        let record = bench(&gateway, &arguments).record();
        assert_flawless(&record);
        assert!(record["sent"].as_u64().unwrap() > 0, "{record}");
    }
}

#[test]
fn a_result_can_be_read_in_every_form() {
    let gateway = Gateway::start();
    let run = |form: &str| {
        let outcome = bench(&gateway, &[&["send", "-n", "5", "-o", form], &QUICK[..]].concat());
        assert!(&outcome == 0, "{outcome:?}");
        outcome
    };
    assert_eq!(run("ndjson").record()["scenario"], "send");
    let rows = run("tsv").stdout;
    let rows: Vec<Vec<&str>> = rows.lines().map(|line| line.split('\t').collect()).collect();
    assert_eq!(
        rows.iter().map(|row| (row[0], row[1], row[2])).collect::<Vec<_>>(),
        [("send", "answer", "5"), ("send", "delivery", "5")]
    );
    assert!(rows.iter().all(|row| row.len() == 8), "{rows:?}");
    assert!(run("raw").stdout.trim_end().parse::<u64>().is_ok());
    let shown = run("human").stdout;
    assert!(shown.contains("p99.9 µs") && shown.ends_with("all arrived, once and in order\n"), "{shown}");
}

#[test]
fn the_secret_is_used_and_the_name_too() {
    let gateway = Gateway::configured("secret = \"open sesame\"");
    let arguments = [&["--name", "load", "bench", "send", "-n", "3"], &QUICK[..]].concat();
    let run =
        |secret| run_in(&arguments, "", &[("CONCIERGE_URL", &gateway.url), ("CONCIERGE_SECRET", secret)]);
    let refused = run("sesame");
    assert!(&refused == 4, "{refused:?}");
    assert!(&run("open sesame") == 0);
}

#[test]
fn an_embedded_gateway_is_measured_without_another() {
    let nowhere = [("CONCIERGE_URL", "ws://127.0.0.1:1/ws")];
    let outcome =
        run_in(&["bench", "send", "--embedded", "-n", "3", "--warmup", "0", "--json"], "", &nowhere);
    assert!(&outcome == 0, "{outcome:?}");
    assert_eq!(outcome.record()["generator_cpus"], Value::Null);
    assert!(&run_in(&["bench", "send", "-n", "3"], "", &nowhere) == 3);
}

#[test]
fn it_runs_in_a_script_too() {
    let gateway = Gateway::start();
    let outcome = gateway.run_with_input(&["run", "-"], "bench send -n 3 --warmup 0 --rate 1k\n");
    assert!(&outcome == 0, "{outcome:?}");
    assert!(outcome.stdout.contains("all arrived, once and in order"), "{outcome:?}");
}

#[test]
fn a_message_that_the_gateway_does_not_take_is_not_sent() {
    let gateway = Gateway::configured("[limits]\nmessage = 65536");
    let outcome = bench(&gateway, &["send", "--size", "70000", "-n", "1"]);
    assert!(&outcome == 2, "{outcome:?}");
    assert!(outcome.stderr.contains("the gateway takes 65,536"), "{outcome:?}");
}

/// A gateway of one sender and one receiver, as original ones are, that treats messages in a way of its own.
async fn pair(
    listener: ScriptedListener,
    treat: impl AsyncFn(u64, Value, &mut ScriptedGateway, &mut ScriptedGateway),
) {
    let hello = || json!({"type": "HELLO", "uuid": uuid::Uuid::nil(), "version": "0.2.0"});
    let mut ends = Vec::new();
    for _ in 0..2 {
        let mut end = listener.accept().await;
        let identify = end.welcome_with(&hello()).await;
        ends.push((identify["name"].as_str().unwrap().ends_with("_1"), end));
    }
    ends.sort_by_key(|(sends, _)| !sends);
    let [(_, sender), (_, receiver)] = ends.as_mut_slice() else { panic!("there are two") };
    for number in 0.. {
        let message = sender.receive().await;
        assert_eq!(message["type"], "MESSAGE");
        treat(number, message["data"].clone(), sender, receiver).await;
    }
}

/// What `bench send` makes of such a gateway.
fn against(
    arguments: &[&str],
    treat: impl AsyncFn(u64, Value, &mut ScriptedGateway, &mut ScriptedGateway) + Send + 'static,
) -> Outcome {
    let runtime = Runtime::new().unwrap();
    let listener = runtime.block_on(ScriptedListener::bind()).unwrap();
    let url = listener.url();
    // It ends when its clients have left.
    std::thread::spawn(move || runtime.block_on(pair(listener, treat)));
    run_in(&[&["--url", &url, "bench", "send", "--warmup", "0", "--json"], arguments].concat(), "", &[])
}

#[test]
fn what_a_gateway_loses_repeats_and_reorders_is_counted() {
    let outcome =
        against(&["-n", "20", "--rate", "1k", "--timeout", "3s"], async |number, data, sender, receiver| {
            sender.answer(&json!({"type": "OK"})).await;
            match number {
                3 => {}
                5 => {
                    receiver.deliver("x", &data).await;
                    receiver.deliver("x", &data).await;
                }
                _ => receiver.deliver("x", &data).await,
            }
        });
    assert!(&outcome == 8, "{outcome:?}");
    let record = outcome.record();
    assert_eq!((&record["missing"], &record["duplicated"]), (&json!(1), &json!(1)), "{record}");
    assert_eq!(counts(&record, "delivery"), [20, 20, 19, 19]);
    assert_eq!(record["server"], Value::Null);
    assert_eq!(failure(&outcome)["message"], "1 missing, 1 delivered twice");
}

#[test]
fn what_a_gateway_refuses_is_not_missing() {
    let outcome =
        against(&["-n", "10", "--rate", "max", "--window", "2"], async |number, data, sender, receiver| {
            if number % 5 == 0 {
                sender.answer(&json!({"type": "BAD", "desc": "not today"})).await;
            } else {
                sender.answer(&json!({"type": "OK"})).await;
                receiver.deliver("x", &data).await;
            }
        });
    assert!(&outcome == 8, "{outcome:?}");
    let record = outcome.record();
    assert_eq!((&record["refused"], &record["missing"]), (&json!(2), &json!(0)), "{record}");
    assert!(failure(&outcome)["hint"].as_str().unwrap().contains("not today"), "{outcome:?}");
}

#[test]
fn a_gateway_that_falls_silent_ends_it_with_what_there_was() {
    let outcome = against(&["--rate", "max", "--timeout", "3s"], async |number, data, sender, receiver| {
        if number < 40 {
            sender.answer(&json!({"type": "OK"})).await;
            receiver.deliver("x", &data).await;
        }
    });
    assert!(&outcome == 5, "{outcome:?}");
    let record = outcome.record();
    assert_eq!((&record["ended"], &record["delivered"]), (&json!("broken"), &json!(40)), "{record}");
}

#[test]
fn a_gateway_that_goes_away_ends_it_with_what_there_was() {
    let outcome = against(&["--rate", "1k"], async |number, data, sender, receiver| {
        if number == 10 {
            sender.close(1012, "back soon").await;
            std::future::pending::<()>().await;
        }
        sender.answer(&json!({"type": "OK"})).await;
        receiver.deliver("x", &data).await;
    });
    assert!(&outcome == 7, "{outcome:?}");
    let record = outcome.record();
    assert_eq!((&record["ended"], &record["answered"]), (&json!("broken"), &json!(10)), "{record}");
    assert!(
        outcome.errors().iter().any(|error| error["message"].as_str().unwrap().contains("1012")),
        "{outcome:?}"
    );
}

#[test]
fn ctrl_c_ends_it_with_what_there_is() {
    let gateway = Gateway::start();
    let mut bob = gateway.peer("bob");
    let child = program()
        .args([
            "--url",
            &gateway.url,
            "--name",
            "load",
            "bench",
            "fanout",
            "-S",
            "1",
            "--for",
            "60s",
            "--json",
        ])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    bob.see(|event| match event {
        concierge_client::Event::ServiceCreated { .. } => Some(()),
        _ => None,
    });
    let service: ServiceName = "load".parse().unwrap();
    bob.wait(async { bob.client.subscribe(service).await }).unwrap();
    // Something is under way now.
    bob.next_data();
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{output:?}");
    let record: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&record["ended"], &record["missing"]), (&json!("interrupted"), &json!(0)), "{record}");
}
