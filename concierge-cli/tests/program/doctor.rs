//! `doctor`: each step's failure is found where it is, with a hint and the exit code a command would have ended with.
#![expect(clippy::unwrap_used, reason = "a test whose world cannot be set up has failed")]
#![expect(clippy::indexing_slicing, reason = "what is missing in JSON is null")]

use std::{
    io::{Read, Write},
    net::TcpListener,
};

use concierge_client::testing::{ScriptedGateway, ScriptedListener};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::gateway::{Gateway, Outcome, run_in};

/// A check of this name.
fn check<'a>(record: &'a Value, name: &str) -> &'a Value {
    let checks = record["checks"].as_array().unwrap();
    checks.iter().find(|check| check["name"] == name).unwrap_or_else(|| panic!("no check {name}: {record}"))
}

fn doctor(url: &str, variables: &[(&str, &str)]) -> Outcome {
    run_in(&["--url", url, "--timeout", "20s", "doctor", "--json"], "", variables)
}

/// Fails at this step with this exit code, has a hint, and says so nowhere but in its result.
fn assert_fails(outcome: &Outcome, step: &str, exit: u8) -> Value {
    assert!(outcome == exit, "{outcome:?}");
    assert_eq!(outcome.stderr, "");
    let record = outcome.record();
    let failed: Vec<_> =
        record["checks"].as_array().unwrap().iter().filter(|check| check["verdict"] == "fail").collect();
    assert_eq!(failed.len(), 1, "{record}");
    assert_eq!(failed[0]["name"], step, "{record}");
    assert!(failed[0]["hint"].is_string(), "{record}");
    assert_eq!((&record["ok"], &record["exit"]), (&json!(false), &json!(exit)));
    failed[0].clone()
}

#[test]
fn a_gateway_that_is_well_passes_every_check() {
    let gateway = Gateway::start();
    let outcome = gateway.run(&["doctor", "--json"]);
    assert!(&outcome == 0, "{outcome:?}");
    let record = outcome.record();
    assert_eq!((&record["type"], &record["ok"]), (&json!("doctor"), &json!(true)));
    for name in
        ["settings", "tcp", "upgrade", "identify", "clock", "gateway", "limits", "round trip", "message"]
    {
        assert_eq!(check(&record, name)["verdict"], "ok", "{name}: {record}");
    }
    assert!(check(&record, "gateway")["message"].as_str().unwrap().starts_with("concierge-server "));
}

#[test]
fn a_result_can_be_read_in_every_form() {
    let gateway = Gateway::start();
    let run = |form: &str| gateway.run(&["doctor", "-o", form]);
    let objects = run("ndjson").records();
    assert!(objects.len() > 10 && objects.iter().all(|object| object["type"] == "doctor_check"));
    let rows = run("tsv").stdout;
    assert_eq!(rows.lines().count(), objects.len());
    assert!(rows.lines().all(|line| line.split('\t').count() == 5), "{rows}");
    assert!(run("raw").stdout.contains("ok identify\n"));
    let shown = run("human");
    assert!(shown.stdout.contains("\n+  identify     let in as cli_"), "ASCII without a locale: {shown:?}");
    let url = [("CONCIERGE_URL", gateway.url.as_str()), ("LANG", "C.UTF-8")];
    assert!(run_in(&["doctor"], "", &url).stdout.contains("\n✓  identify "));
}

#[test]
fn a_name_that_leads_nowhere_fails_at_dns() {
    assert_fails(&doctor("ws://nowhere.invalid/ws", &[]), "dns", 3);
}

#[test]
fn a_port_where_nobody_listens_fails_at_tcp() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    assert_fails(&doctor(&format!("ws://{free}/ws"), &[]), "tcp", 3);
}

#[test]
fn a_server_that_says_nothing_fails_at_the_upgrade_when_the_time_is_up() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/ws", silent.local_addr().unwrap());
    let outcome = run_in(&["--url", &url, "--timeout", "2s", "doctor", "--json"], "", &[]);
    assert_fails(&outcome, "upgrade", 5);
}

#[test]
fn what_is_no_gateway_fails_at_the_upgrade() {
    for (answer, part) in [
        (&b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"[..], "404"),
        (b"SSH-2.0-OpenSSH_9.9\r\n\r\n", "HTTP"),
        (b"", "hung up"),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("ws://{}/ws", listener.local_addr().unwrap());
        std::thread::spawn(move || {
            let (mut connection, _) = listener.accept().unwrap();
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                connection.read_exact(&mut byte).unwrap();
                request.extend(byte);
            }
            connection.write_all(answer).unwrap();
        });
        let failed = assert_fails(&doctor(&url, &[]), "upgrade", 3);
        assert!(failed["message"].as_str().unwrap().contains(part), "{failed}");
    }
}

#[test]
fn a_secret_that_is_wrong_fails_at_identify_and_is_never_shown() {
    let gateway = Gateway::configured("secret = \"open sesame\"");
    let canary = "canary-in-the-mine";
    for form in ["human", "json", "ndjson", "tsv", "raw"] {
        let arguments = ["--url", &gateway.url, "-v", "doctor", "-o", form];
        let outcome = run_in(&arguments, "", &[("CONCIERGE_SECRET", canary)]);
        assert!(&outcome == 4, "{outcome:?}");
        assert!(!format!("{outcome:?}").contains(canary), "{outcome:?}");
    }
    assert_fails(&doctor(&gateway.url, &[]), "identify", 4);
    let right = doctor(&gateway.url, &[("CONCIERGE_SECRET", "open sesame")]);
    assert!(&right == 0, "{right:?}");
}

#[test]
fn a_name_that_is_taken_fails_at_identify() {
    let gateway = Gateway::start();
    let _bob = gateway.peer("bob");
    let failed = assert_fails(&doctor(&gateway.url, &[("CONCIERGE_NAME", "bob")]), "identify", 4);
    assert!(failed["message"].as_str().unwrap().contains("already has a client of this name"), "{failed}");
}

/// An original gateway, which treats the message it is sent in a way of its own.
fn original(treat: impl AsyncFn(Value, &mut ScriptedGateway) + Send + 'static) -> String {
    let runtime = Runtime::new().unwrap();
    let listener = runtime.block_on(ScriptedListener::bind()).unwrap();
    let url = listener.url();
    std::thread::spawn(move || {
        runtime.block_on(async {
            let mut gateway = listener.welcome().await;
            // It has nothing but WebSockets.
            drop(listener);
            let message = gateway.expect_kind("MESSAGE").await;
            gateway.answer(&json!({"type": "OK"})).await;
            treat(message, &mut gateway).await;
            gateway.expect_close().await;
        });
    });
    url
}

async fn send_back(gateway: &mut ScriptedGateway, target: &Value, data: &Value) {
    let origin = json!({"name": "x", "nickname": null, "uuid": gateway.uuid(), "tags": [], "service": null});
    gateway.send(&json!({"type": "MESSAGE", "origin": origin, "target": target, "data": data})).await;
}

#[test]
fn an_original_gateway_is_well_without_extensions() {
    let url = original(async |message, gateway| {
        send_back(gateway, &message["target"], &message["data"]).await;
    });
    let outcome = doctor(&url, &[]);
    assert!(&outcome == 0, "{outcome:?}");
    let record = outcome.record();
    assert!(check(&record, "gateway")["message"].as_str().unwrap().contains("knows no extensions"));
    assert_eq!(check(&record, "limits")["verdict"], "skipped");
    assert_eq!(check(&record, "clock")["verdict"], "skipped");
    assert_eq!(check(&record, "message")["verdict"], "ok");
    assert_eq!(check(&record, "files")["verdict"], "skipped");
}

#[test]
fn whether_there_is_a_file_store_is_told() {
    let (with, without) =
        (Gateway::configured("files.serve = true"), Gateway::configured("files.serve = false"));
    for (gateway, verdict) in [(with, "ok"), (without, "skipped")] {
        let outcome = gateway.run(&["doctor", "--json"]);
        assert!(&outcome == 0, "{outcome:?}");
        let record = outcome.record();
        assert_eq!(check(&record, "files")["verdict"], verdict, "{record}");
    }
}

#[test]
fn settings_that_make_no_sense_are_told_all_at_once_and_stop_nothing_that_needs_none() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join(".config/concierge");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("config.toml"), "timeout = \"soon\"\nurll = \"x\"\n").unwrap();
    let variables = [("HOME", home.path().to_str().unwrap())];
    let outcome = run_in(&["doctor", "--json"], "", &variables);
    assert!(&outcome == 2, "{outcome:?}");
    let record = outcome.record();
    let checks = record["checks"].as_array().unwrap();
    let failed: Vec<_> = checks.iter().filter(|check| check["verdict"] == "fail").collect();
    assert_eq!(failed.len(), 2, "{record}");
    assert!(failed.iter().all(|check| check["name"] == "config"), "{record}");
    assert_eq!(check(&record, "identify")["verdict"], "skipped");
    for command in ["version", "help", "help exit-codes", "completion bash", "man", "schema", "--help"] {
        let words: Vec<_> = command.split(' ').collect();
        let outcome = run_in(&words, "", &variables);
        assert!(&outcome == 0 && !outcome.stdout.is_empty(), "{command}: {outcome:?}");
    }
    let outcome = run_in(&["whoami"], "", &variables);
    assert!(&outcome == 2, "{outcome:?}");
}

#[test]
fn a_session_can_be_looked_at_from_within() {
    let gateway = Gateway::start();
    let outcome = run_in(&["--url", &gateway.url, "--name", "alice"], "doctor --json\n", &[]);
    assert!(&outcome == 0, "{outcome:?}");
    let told = outcome.stdout.lines().find(|line| line.contains(r#""type":"doctor""#)).unwrap();
    let record: Value = serde_json::from_str(told).unwrap();
    assert_eq!(check(&record, "identify")["verdict"], "ok", "its own name is not in its way: {record}");
}

#[test]
fn a_message_that_comes_back_changed_or_not_at_all_is_told() {
    let changing = original(async |message, gateway| {
        send_back(gateway, &message["target"], &json!("other")).await;
    });
    assert_fails(&doctor(&changing, &[]), "message", 8);
    let losing = original(async |_, _| {});
    let outcome = run_in(&["--url", &losing, "--timeout", "3s", "doctor", "--json"], "", &[]);
    assert_fails(&outcome, "message", 5);
}
