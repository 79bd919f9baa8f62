//! `serve`: a service is opened, and what is sent to it is answered.
#![expect(clippy::unwrap_used, reason = "a test whose world cannot be set up has failed")]
#![expect(clippy::indexing_slicing, reason = "what is missing in JSON is null")]

use std::{
    io::{BufRead, BufReader, Read},
    process::{Child, Stdio},
};

use concierge_client::{Event, RequestError, Target, payload::SelfSubscribe};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::{
    gateway::{Gateway, Outcome, Peer, program},
    schemas,
};

/// A program that serves; it is killed when this is dropped.
struct Served {
    child: Child,
    stdout: BufReader<std::process::ChildStdout>,
    stderr: BufReader<std::process::ChildStderr>,
}

impl Served {
    /// Starts it, and waits until the service is there.
    fn start(gateway: &Gateway, arguments: &[&str]) -> Self {
        Self::start_as("json", gateway, arguments)
    }

    /// The same, in this format.
    fn start_as(format: &str, gateway: &Gateway, arguments: &[&str]) -> Self {
        let name = format!("{}_server", arguments[0]);
        let mut child = program()
            .args([&["-o", format, "-N", &name, "serve"], arguments].concat())
            .env("CONCIERGE_URL", &gateway.url)
            .env("CONCIERGE_SECRET", "very secret")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let mut served = Self { child, stdout, stderr };
        while !served.line().contains("serves #") {}
        served
    }

    /// The next thing that it tells by the way.
    fn note(&mut self) -> String {
        let note: Value = serde_json::from_str(&self.line()).unwrap();
        note["message"].as_str().unwrap_or_default().to_owned()
    }

    /// The next line of the standard error.
    fn line(&mut self) -> String {
        let mut line = String::new();
        assert!(self.stderr.read_line(&mut line).unwrap() > 0, "it tells nothing more");
        line
    }

    /// The next line of the standard output.
    fn told(&mut self) -> String {
        let mut line = String::new();
        assert!(self.stdout.read_line(&mut line).unwrap() > 0, "nothing more is answered");
        line.trim_end_matches('\n').to_owned()
    }

    fn record(&mut self) -> Value {
        let record = serde_json::from_str(&self.told()).unwrap();
        schemas::check(&record);
        record
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Waits for its end: the exit code, and what it still told.
    fn end(mut self) -> (Option<i32>, String) {
        let status = self.child.wait().unwrap();
        let mut rest = String::new();
        self.stderr.read_to_string(&mut rest).unwrap();
        (status.code(), rest)
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn service(name: &str) -> Target {
    Target::service(name.parse().unwrap())
}

fn ask(peer: &Peer<'_>, name: &str, body: &Value) -> Result<Value, RequestError> {
    peer.wait(async { peer.client.request::<Value>(service(name), body).await })
}

/// A client that may send to a service: one that subscribes to it.
fn subscriber<'a>(gateway: &'a Gateway, name: &str, wanted: &str) -> Peer<'a> {
    let peer = gateway.peer(name);
    peer.wait(async { peer.client.call(SelfSubscribe { service: wanted.parse().unwrap() }).await.unwrap() });
    peer
}

#[test]
fn an_echo_answers_messages_and_requests() {
    let gateway = Gateway::start();
    let mut served = Served::start(&gateway, &["echo", "--echo"]);
    let mut asker = subscriber(&gateway, "asker", "echo");
    asker.wait(async { asker.client.to(service("echo")).json(&json!({"n": 1})).await }).unwrap();
    let target = asker.see(|event| match event {
        Event::Message(message) if message.data.as_str() == r#"{"n":1}"# => Some(message.target.clone()),
        _ => None,
    });
    let uuid = asker.client.uuid();
    assert_eq!(target, Target::ServiceClientUuid { service: "echo".parse().unwrap(), uuid });
    let record = served.record();
    assert_eq!((&record["type"], &record["service"]), (&json!("served"), &json!("echo")));
    assert_eq!((&record["data"], &record["correlated"]), (&json!({"n": 1}), &json!(false)));
    assert_eq!(record["origin"]["name"], "asker");
    assert_eq!(ask(&asker, "echo", &json!([1, 2])).unwrap(), json!([1, 2]));
    assert_eq!(served.record()["correlated"], true);
    let outcome = gateway.run(&["request", "svc:echo", "hi", "-o", "raw"]);
    assert!(&outcome == 0 && outcome.stdout == "hi\n", "{outcome:?}");
}

#[test]
fn what_was_answered_is_told_in_every_format() {
    let gateway = Gateway::start();
    let mut served = Served::start_as("tsv", &gateway, &["rows", "--echo"]);
    let asker = subscriber(&gateway, "asker", "rows");
    ask(&asker, "rows", &json!("a\tb")).unwrap();
    let line = served.told();
    let row: Vec<_> = line.split('\t').collect();
    assert_eq!(row.len(), schemas::columns("served"), "{row:?}");
    assert_eq!((row[0], row[1], row[3], row[5]), ("rows", "asker", "true", r#""a\\tb""#));

    let mut served = Served::start_as("raw", &gateway, &["raw", "--reply", "two words"]);
    let asker = subscriber(&gateway, "other", "raw");
    ask(&asker, "raw", &Value::Null).unwrap();
    assert_eq!(served.told(), "two words");

    let mut served = Served::start_as("human", &gateway, &["shown", "--echo"]);
    let asker = subscriber(&gateway, "third", "shown");
    ask(&asker, "shown", &json!("\u{1b}[31mred")).unwrap();
    let line = served.told();
    assert!(line.starts_with("to third: ") && line.ends_with(" ms)") && !line.contains('\u{1b}'), "{line:?}");
}

#[test]
fn a_reply_is_always_the_same_and_ends_after_a_count() {
    let gateway = Gateway::start();
    let served = Served::start(&gateway, &["status", "-n", "2", "--reply", "state=up", "load:=0.5"]);
    let asker = subscriber(&gateway, "asker", "status");
    for _ in 0..2 {
        assert_eq!(ask(&asker, "status", &Value::Null).unwrap(), json!({"state": "up", "load": 0.5}));
    }
    let (code, rest) = served.end();
    assert_eq!(code, Some(0), "{rest}");
    assert!(asker.wait(async { asker.client.services().await }).unwrap().is_empty());
}

#[test]
fn a_program_answers_without_a_shell_and_without_the_secret() {
    let gateway = Gateway::start();
    let mut served = Served::start(&gateway, &["cat", "--exec", "cat"]);
    let asker = subscriber(&gateway, "asker", "cat");
    assert_eq!(ask(&asker, "cat", &json!({"a": "$HOME"})).unwrap(), json!({"a": "$HOME"}));
    assert_eq!(served.record()["data"], json!({"a": "$HOME"}));
    drop(served);

    let _served = Served::start(&gateway, &["env", "--exec", "env"]);
    let asker = subscriber(&gateway, "other", "env");
    let environment = ask(&asker, "env", &Value::Null);
    let environment = environment.unwrap();
    let lines: Vec<_> = environment.as_str().unwrap().lines().collect();
    assert!(
        lines.contains(&"CONCIERGE_FROM_NAME=other") && lines.contains(&"CONCIERGE_SERVICE=env"),
        "{lines:?}"
    );
    assert!(lines.contains(&format!("CONCIERGE_FROM_UUID={}", asker.client.uuid()).as_str()), "{lines:?}");
    assert!(!lines.iter().any(|line| line.contains("SECRET") || line.contains("very secret")), "{lines:?}");
}

#[test]
fn a_program_that_fails_is_told_to_whoever_asked() {
    let gateway = Gateway::start();
    let script = "read m; case $m in 1) echo oh >&2; exit 3;; 2) sleep 60;; 3) printf '\\377';; 4) yes;; *) kill -9 $$;; esac";
    let arguments = ["bad", "--answer-timeout", "2s", "--exec", "sh", "-c", script];
    let mut served = Served::start(&gateway, &arguments);
    let asker = subscriber(&gateway, "asker", "bad");
    for (body, told) in [
        (1, "the program ended with status 3"),
        (2, "the program had no answer within 2 s"),
        (3, "the answer is not UTF-8"),
        (4, "the answer has more than 1048576 bytes"),
        (5, "the program was ended by signal 9"),
    ] {
        match ask(&asker, "bad", &json!(body)) {
            Err(RequestError::Refused { error }) => assert_eq!(error, told),
            other => panic!("{body}: {other:?}"),
        }
        assert_eq!(served.record()["error"], told);
        if body == 1 {
            assert_eq!(served.note(), "oh");
        }
        assert_eq!(served.note(), format!("asker has no answer: {told}"));
    }
    // A program that is not there is no reason to end either.
    drop(served);
    let _served = Served::start(&gateway, &["none", "--exec", "/not/there"]);
    let asker = subscriber(&gateway, "other", "none");
    assert!(matches!(ask(&asker, "none", &Value::Null), Err(RequestError::Refused { .. })));
}

#[test]
fn what_was_begun_is_finished_after_a_signal() {
    let gateway = Gateway::start();
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("go");
    rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR).unwrap();
    let script = format!("echo begun >&2; cat {}", pipe.display());
    let served = Served::start(&gateway, &["slow", "--exec", "sh", "-c", &script]);
    let asker = subscriber(&gateway, "asker", "slow");
    std::thread::scope(|scope| {
        let asking = scope.spawn(|| ask(&asker, "slow", &Value::Null));
        // Opened by the program, which has begun then.
        let writer = std::fs::OpenOptions::new().write(true).open(&pipe).unwrap();
        served.signal(Signal::TERM);
        std::io::Write::write_all(&mut &writer, b"done").unwrap();
        drop(writer);
        assert_eq!(asking.join().unwrap().unwrap(), json!("done"));
    });
    let (code, rest) = served.end();
    assert!(code == Some(143) && rest.contains("#slow: 1 answered"), "{code:?} {rest}");
    assert!(asker.wait(async { asker.client.services().await }).unwrap().is_empty());
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let gateway = Gateway::start();
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("go");
    rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR).unwrap();
    let served = Served::start(&gateway, &["slow", "--exec", "cat", pipe.to_str().unwrap()]);
    let asker = subscriber(&gateway, "asker", "slow");
    std::thread::scope(|scope| {
        let asking = scope.spawn(|| ask(&asker, "slow", &Value::Null));
        let _writer = std::fs::OpenOptions::new().write(true).open(&pipe).unwrap();
        served.signal(Signal::TERM);
        served.signal(Signal::INT);
        assert!(asking.join().unwrap().is_err());
    });
    assert!(matches!(served.end().0, Some(130 | 143)));
}

#[test]
fn a_service_that_is_taken_is_1() {
    let gateway = Gateway::start();
    let bob = gateway.peer("bob");
    bob.wait(async { bob.client.create_service("chat").await }).unwrap();
    let outcome = gateway.run(&["serve", "chat", "--echo"]);
    assert!(&outcome == 1, "{outcome:?}");
    assert!(outcome.stderr.contains("belongs to another client\nhint: "), "{outcome:?}");
}

#[test]
fn it_takes_the_login_name_and_comes_back_with_its_service() {
    let mut gateway = Gateway::start();
    let outcome = gateway.run(&["serve", "a", "--echo", "--for", "1ms"]);
    assert!(&outcome == 0 && outcome.stderr.contains("tester serves #a"), "{outcome:?}");
    let mut served = Served::start(&gateway, &["echo", "--echo"]);
    gateway.restart();
    while !served.line().contains("resumed") {}
    let asker = subscriber(&gateway, "asker", "echo");
    assert_eq!(ask(&asker, "echo", &json!(1)).unwrap(), json!(1));
}

#[test]
fn it_is_a_job_of_a_script_that_can_be_stopped() {
    let gateway = Gateway::start();
    let script = "\
serve echo --echo &
services show echo
stop 1
services ls
";
    let outcome: Outcome = gateway.run_with_input(&["--json"], script);
    assert!(&outcome == 0, "{outcome:?}");
    assert!(outcome.stdout.contains("\"echo\""), "{outcome:?}");
    let refused = gateway.run_with_input(&["run", "-"], "serve echo --exec cat\n");
    assert!(&refused == 2 && refused.stderr.contains("--allow-shell"), "{refused:?}");
}

#[test]
fn what_to_answer_with_must_be_said() {
    let gateway = Gateway::start();
    let outcome = gateway.run(&["serve", "echo"]);
    assert!(&outcome == 2, "{outcome:?}");
    let outcome = gateway.run(&["serve", "echo", "--echo", "--reply", "hi"]);
    assert!(&outcome == 2, "{outcome:?}");
}
